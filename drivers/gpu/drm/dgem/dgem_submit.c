// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/capability.h>
#include <linux/dma-fence-array.h>
#include <linux/dma-resv.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <drm/dgem_drm.h>
#include <drm/drm_auth.h>
#include <drm/drm_drv.h>
#include <drm/drm_exec.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>

#include "compat/dgem_compat.h"
#include "dgem_device.h"
#include "dgem_gem.h"
#include "dgem_job.h"
#include "dgem_log.h"
#include "dgem_mem.h"
#include "dgem_op.h"
#include "dgem_submit.h"
#include "dgem_submit_sync.h"
#include "dgem_trace.h"

/**
 * DOC: submitting jobs
 *
 * A SUBMIT goes through stages, and only the last can't fail: copy in and check everything; collect
 * what to wait for and what to signal; pin the objects, and bring their memory and make it
 * reachable for the engine, one object and one granule after the other; lock the reservations of
 * all objects, add the implicit dependencies, in a time that does not grow with the square of their
 * number; arm, queue, and publish the job's fence in the objects and syncobjs, which keeps their
 * memory instead of the pins. A failure on the way leaves nothing behind but memory that has come.
 *
 * User memory is copied, and foreign locks are waited for, outside of drm_dev_enter(): one SRCU
 * serves all DRM devices, and unplugging any of them would wait, too.
 *
 * Lock order: reservations (drm_exec), then &dgem_file.submit_lock.
 */

/* elements of the array of operations may grow up to this */
#define DGEM_MAX_STRIDE	4096
/* fences that a job waits for one by one, of all that its objects have */
#define DGEM_FEW_FENCES	32
/* and at all: the kernel keeps 48 bytes of each, as long as the job waits */
#define DGEM_MAX_FENCES	4096

/**
 * struct dgem_submit_state - a SUBMIT on its way
 */
struct dgem_submit_state {
	/** @ddev: the instance */
	struct dgem_device *ddev;
	/** @file: who submits */
	struct drm_file *file;
	/** @args: the ioctl's arguments */
	struct drm_dgem_submit *args;
	/** @job: the job */
	struct dgem_job *job;
	/** @outs: what to signal */
	struct dgem_outs outs;
};

static int dgem_submit_check(const struct drm_dgem_submit *args)
{
	if (args->flags & ~(DRM_DGEM_SUBMIT_NO_IMPLICIT | DRM_DGEM_SUBMIT_HIGH))
		return -EINVAL;
	if (!args->op_count || args->op_count > DGEM_MAX_OPS)
		return -EINVAL;
	if (args->op_stride < DRM_DGEM_OP_SIZE_MIN || args->op_stride > DGEM_MAX_STRIDE ||
	    args->op_stride % 8)
		return -EINVAL;
	return dgem_syncs_check(args);
}

/* going before others is a privilege */
static int dgem_submit_prio(struct drm_file *file, const struct drm_dgem_submit *args)
{
	if (!(args->flags & DRM_DGEM_SUBMIT_HIGH))
		return DGEM_PRIO_NORMAL;
	if (drm_is_current_master(file) || capable(CAP_SYS_NICE))
		return DGEM_PRIO_HIGH;
	return -EACCES;
}

/*
 * Index of the object in the job, which gets it if it is new. Mostly it is one of those of the
 * operation before, so a list that is searched from its end will do.
 */
static int dgem_submit_ref(struct dgem_submit_state *state, u32 handle, u32 *index)
{
	struct dgem_engine_job *work = &state->job->work;
	struct drm_gem_object *gem;
	u32 i;

	for (i = work->ref_count; i--;) {
		if (work->refs[i].handle == handle) {
			*index = i;
			return 0;
		}
	}
	gem = drm_gem_object_lookup(state->file, handle);
	if (!gem)
		return -ENOENT;
	*index = work->ref_count;
	work->refs[work->ref_count].handle = handle;
	work->refs[work->ref_count++].obj = to_dgem_object(gem);
	return 0;
}

static bool dgem_submit_side(const struct dgem_engine_ref *ref, const struct dgem_rect *rect,
			     u32 align)
{
	return !dgem_rect_check(rect, ref->obj->base.size) && dgem_rect_aligned(rect, align);
}

static int dgem_submit_op(struct dgem_submit_state *state, const struct drm_dgem_op *in,
			  struct dgem_engine_op *op)
{
	u32 align = state->ddev->engine->copy_align;
	struct dgem_engine_ref *refs = state->job->work.refs;
	struct dgem_engine_ref *src, *dst;
	int ret;

	ret = dgem_op_parse(in, op);
	if (ret)
		return ret;
	ret = op->pattern_size ? 0 : dgem_submit_ref(state, in->src, &op->src);
	if (ret)
		return ret;
	ret = dgem_submit_ref(state, in->dst, &op->dst);
	if (ret)
		return ret;

	dst = &refs[op->dst];
	src = op->pattern_size ? NULL : &refs[op->src];
	if (!dgem_submit_side(dst, &op->dst_rect, align) ||
	    (src && !dgem_submit_side(src, &op->src_rect, align)))
		return -EINVAL;
	if (src && src->obj == dst->obj && dgem_rects_overlap(&op->src_rect, &op->dst_rect))
		return -EINVAL;
	if (dst->obj->readonly)
		return -EACCES;

	if (src)
		src->read = true;
	dst->write = true;
	return 0;
}

static int dgem_submit_ops(struct dgem_submit_state *state)
{
	const struct drm_dgem_submit *args = state->args;
	struct dgem_engine_job *work = &state->job->work;
	u32 i;

	for (i = 0; i < args->op_count; i++) {
		u64 at = args->ops + (u64)i * args->op_stride;
		struct drm_dgem_op in;
		int ret;

		ret = copy_struct_from_user(&in, sizeof(in), u64_to_user_ptr(at), args->op_stride);
		if (ret)
			return ret;
		ret = dgem_submit_op(state, &in, &work->ops[i]);
		if (ret)
			return ret;
		cond_resched();
	}
	work->count = args->op_count;
	return 0;
}

/* from here on nothing of the objects is purged */
static int dgem_submit_pin(struct dgem_submit_state *state)
{
	struct dgem_engine_job *work = &state->job->work;
	u32 i;

	for (i = 0; i < work->ref_count; i++) {
		struct dgem_object *obj = work->refs[i].obj;
		int ret;

		if (!dgem_gem_changes(obj))
			continue;
		ret = dma_resv_lock_interruptible(obj->base.resv, NULL);
		if (ret)
			return ret;
		dgem_gem_pin(obj);
		dma_resv_unlock(obj->base.resv);
		work->refs[i].pinned = true;
	}
	return 0;
}

static void dgem_submit_unpin(struct dgem_submit_state *state, bool locked)
{
	struct dgem_engine_job *work = &state->job->work;
	u32 i;

	for (i = 0; i < work->ref_count; i++) {
		struct dgem_object *obj = work->refs[i].obj;

		if (!work->refs[i].pinned)
			continue;
		if (!locked)
			dma_resv_lock(obj->base.resv, NULL);
		dgem_gem_unpin(obj);
		if (!locked)
			dma_resv_unlock(obj->base.resv);
		work->refs[i].pinned = false;
	}
}

static int dgem_submit_lock(struct dgem_submit_state *state, struct drm_exec *exec)
{
	struct dgem_engine_job *work = &state->job->work;
	int ret = 0;
	u32 i;

	drm_exec_until_all_locked(exec) {
		for (i = 0; i < work->ref_count; i++) {
			ret = drm_exec_prepare_obj(exec, &work->refs[i].obj->base, 1);
			drm_exec_retry_on_contention(exec);
			if (ret)
				return ret;
		}
	}
	return ret;
}

/* What the job has to wait for of its objects; @fences may be NULL to ask how many at most. */
static unsigned int dgem_submit_fences(struct dgem_submit_state *state, struct dma_fence **fences)
{
	bool implicit = !(state->args->flags & DRM_DGEM_SUBMIT_NO_IMPLICIT);
	struct dgem_engine_job *work = &state->job->work;
	struct dma_fence *fence, *last = NULL;
	struct dma_resv_iter cursor;
	unsigned int count = 0;
	u32 i;

	for (i = 0; i < work->ref_count; i++) {
		dma_resv_for_each_fence(&cursor, work->refs[i].obj->base.resv,
					implicit ? dma_resv_usage_rw(work->refs[i].write) :
					DMA_RESV_USAGE_KERNEL, fence) {
			/* mostly all objects have that of the job before */
			if (fence == last || (fences && dma_fence_is_signaled(fence)))
				continue;
			last = fence;
			if (fences)
				fences[count] = dma_fence_get(fence);
			count++;
		}
	}
	return count;
}

/*
 * The scheduler compares each dependency with all that it has, and others wait for the reservations
 * meanwhile: where there are many, they become one.
 */
static int dgem_submit_implicit(struct dgem_submit_state *state)
{
	struct dma_fence *few[DGEM_FEW_FENCES], **fences = few;
	unsigned int i, count = dgem_submit_fences(state, NULL);
	struct drm_sched_job *job = &state->job->base;
	struct dma_fence_array *all;
	int ret = 0;

	if (count > DGEM_MAX_FENCES)
		return -ENOSPC;
	if (count > DGEM_FEW_FENCES)
		fences = kmalloc_array(count, sizeof(*fences), DGEM_GFP);
	if (!fences)
		return -ENOMEM;
	count = dgem_submit_fences(state, fences);
	if (fences != few && count) {
		all = dma_fence_array_create(count, fences, dma_fence_context_alloc(1), 1);
		if (all)
			return drm_sched_job_add_dependency(job, &all->base);
		ret = -ENOMEM;
	}
	for (i = 0; i < count; i++) {
		if (ret)
			dma_fence_put(fences[i]);
		else
			ret = drm_sched_job_add_dependency(job, fences[i]);
	}
	if (fences != few)
		kfree(fences);
	return ret;
}

static enum dma_resv_usage dgem_submit_usage(const struct dgem_submit_state *state, bool write)
{
	if (state->args->flags & DRM_DGEM_SUBMIT_NO_IMPLICIT)
		return DMA_RESV_USAGE_BOOKKEEP;
	return write ? DMA_RESV_USAGE_WRITE : DMA_RESV_USAGE_READ;
}

/*
 * Two handles may stand for one object, and two imports share a reservation, while a single slot
 * is reserved in each. A writer's fence takes the place of the same fence as a reader's, but not
 * the other way round: so readers first.
 */
static void dgem_submit_add_fence(struct dgem_submit_state *state, struct dma_fence *fence,
				  bool write)
{
	struct dgem_engine_job *work = &state->job->work;
	u32 i;

	for (i = 0; i < work->ref_count; i++)
		if (work->refs[i].write == write)
			dma_resv_add_fence(work->refs[i].obj->base.resv, fence,
					   dgem_submit_usage(state, write));
}

/* the reservations are locked: nothing fails from here on */
static void dgem_submit_queue(struct dgem_submit_state *state)
{
	struct dgem_file *dfile = state->file->driver_priv;
	struct dgem_job *job = state->job;
	struct dma_fence *fence;

	kref_get(&job->refs);
	mutex_lock(&dfile->submit_lock);
	job->number = dgem_log_add(job->log);
	state->args->job = job->number;
	drm_sched_job_arm(&job->base);
	fence = dma_fence_get(&job->base.s_fence->finished);
	dgem_submit_add_fence(state, fence, false);
	dgem_submit_add_fence(state, fence, true);
	dgem_outs_signal(&state->outs, fence);
	atomic64_inc(&state->ddev->stats.jobs);
	trace_dgem_job_queue(job);
	drm_sched_entity_push_job(&job->base);
	mutex_unlock(&dfile->submit_lock);
	dma_fence_put(fence);
}

static int dgem_submit_job(struct dgem_submit_state *state)
{
	struct dgem_engine *engine = state->ddev->engine;
	struct drm_exec exec;
	int idx, ret;

	ret = dgem_ins_collect(state->file, state->args, &state->job->base);
	if (ret)
		return ret;
	ret = dgem_outs_collect(state->file, state->args, &state->outs);
	if (ret)
		return ret;
	ret = dgem_submit_pin(state);
	if (!ret)
		ret = engine->ops->prepare(engine, &state->job->work);
	if (ret)
		goto out_unpin;

	drm_exec_init(&exec, DRM_EXEC_INTERRUPTIBLE_WAIT | DRM_EXEC_IGNORE_DUPLICATES, 0);
	ret = dgem_submit_lock(state, &exec);
	if (!ret)
		ret = dgem_submit_implicit(state);
	if (!ret && !drm_dev_enter(&state->ddev->drm, &idx))
		ret = -ENODEV;
	if (!ret) {
		dgem_submit_queue(state);
		/* the job's fence takes over */
		dgem_submit_unpin(state, true);
		drm_dev_exit(idx);
	}
	drm_exec_fini(&exec);
out_unpin:
	dgem_submit_unpin(state, false);
	return ret;
}

/**
 * dgem_submit - queue a job, see &struct drm_dgem_submit
 * @ddev: the instance
 * @file: who submits
 * @args: the job; its number is filled in
 *
 * Return: 0 or an error, after which nothing has changed.
 */
int dgem_submit(struct dgem_device *ddev, struct drm_file *file, struct drm_dgem_submit *args)
{
	struct dgem_submit_state state = { .ddev = ddev, .file = file, .args = args };
	struct dgem_file *dfile = file->driver_priv;
	int idx, prio, ret;

	ret = dgem_submit_check(args);
	if (ret)
		return ret;
	prio = dgem_submit_prio(file, args);
	if (prio < 0)
		return prio;

	state.job = dgem_job_new(ddev, dfile->log, args->op_count, 2 * args->op_count);
	if (IS_ERR(state.job))
		return PTR_ERR(state.job);

	ret = dgem_submit_ops(&state);
	if (ret)
		goto out_put;

	ret = -ENODEV;
	if (drm_dev_enter(&ddev->drm, &idx)) {
		ret = drm_sched_job_init(&state.job->base, &dfile->entities[prio], 1, NULL,
					 file->client_id);
		drm_dev_exit(idx);
	}
	if (ret)
		goto out_put;
	ret = dgem_submit_job(&state);
	dgem_outs_free(&state.outs);
	if (ret)
		drm_sched_job_cleanup(&state.job->base);
out_put:
	/*
	 * Unlocking the reservations drops references under those still locked. The job's keep the
	 * objects until here, so that none is freed there.
	 */
	dgem_job_put(state.job);
	return ret;
}
