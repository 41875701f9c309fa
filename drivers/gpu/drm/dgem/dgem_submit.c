// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/dma-fence-chain.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/xarray.h>

#include <drm/dgem_drm.h>
#include <drm/drm_exec.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_syncobj.h>

#include "compat/dgem_compat.h"
#include "dgem_device.h"
#include "dgem_gem.h"
#include "dgem_job.h"
#include "dgem_submit.h"

/**
 * DOC: submitting jobs
 *
 * A SUBMIT goes through stages, and only the last can't fail: copy in and check everything; collect
 * what to wait for and what to signal; make the objects reachable for the engine (which may sleep);
 * lock the reservations of all objects, add the implicit dependencies; arm, queue, and publish the
 * job's fence in the objects and syncobjs. A failure on the way leaves nothing behind.
 *
 * Lock order: reservations (drm_exec), then &dgem_file.submit_lock.
 */

/* a limit to what one call may keep in memory: 16 KiB of pointers */
#define DGEM_MAX_SYNCS	1024
/* elements of arrays may grow up to this */
#define DGEM_MAX_STRIDE	4096

/**
 * struct dgem_out_sync - a syncobj to signal
 */
struct dgem_out_sync {
	/** @syncobj: with a reference */
	struct drm_syncobj *syncobj;
	/** @chain: for a point of a timeline, else NULL */
	struct dma_fence_chain *chain;
	/** @point: the point */
	u64 point;
};

/**
 * struct dgem_submit_state - a SUBMIT on its way
 */
struct dgem_submit_state {
	/** @ddev: the instance */
	struct dgem_device *ddev;
	/** @file: who submits */
	struct drm_file *file;
	/** @args: the ioctl's arguments */
	const struct drm_dgem_submit *args;
	/** @job: the job */
	struct dgem_job *job;
	/** @handles: handle to index in &dgem_engine_job.refs */
	struct xarray handles;
	/** @outs: what to signal */
	struct dgem_out_sync *outs;
	/** @out_count: elements of @outs that are filled */
	u32 out_count;
};

static int dgem_submit_check(const struct drm_dgem_submit *args)
{
	if (args->flags & ~DRM_DGEM_SUBMIT_NO_IMPLICIT)
		return -EINVAL;
	if (!args->op_count || args->op_count > DGEM_MAX_OPS)
		return -EINVAL;
	if (args->op_stride < sizeof(struct drm_dgem_op) || args->op_stride > DGEM_MAX_STRIDE ||
	    args->op_stride % 8)
		return -EINVAL;
	if (args->in_sync_count > DGEM_MAX_SYNCS || args->out_sync_count > DGEM_MAX_SYNCS)
		return -EINVAL;
	if (!args->in_sync_count && !args->out_sync_count)
		return 0;
	if (args->sync_stride < sizeof(struct drm_dgem_syncobj) ||
	    args->sync_stride > DGEM_MAX_STRIDE || args->sync_stride % 8)
		return -EINVAL;
	return 0;
}

/* index of the object in the job, which gets it if it is new */
static int dgem_submit_ref(struct dgem_submit_state *state, u32 handle, u32 *index)
{
	struct dgem_engine_job *work = &state->job->work;
	void *entry = xa_load(&state->handles, handle);
	struct drm_gem_object *gem;

	if (!entry) {
		entry = xa_mk_value(work->ref_count);
		if (xa_is_err(xa_store(&state->handles, handle, entry, GFP_KERNEL)))
			return -ENOMEM;
		gem = drm_gem_object_lookup(state->file, handle);
		if (!gem)
			return -ENOENT;
		work->refs[work->ref_count++].obj = to_dgem_object(gem);
	}
	*index = xa_to_value(entry);
	return 0;
}

static int dgem_submit_rects(const struct drm_dgem_op *in, struct dgem_engine_op *op)
{
	struct dgem_rect src = {
		.offset = in->src_offset,
		.width = in->width,
		.pitch = in->src_pitch,
		.height = in->height,
	};
	struct dgem_rect dst = {
		.offset = in->dst_offset,
		.width = in->width,
		.pitch = in->dst_pitch,
		.height = in->height,
	};

	if (in->flags || in->pad)
		return -EINVAL;

	switch (in->op) {
	case DRM_DGEM_OP_COPY:
		if (in->height || in->src_pitch || in->dst_pitch)
			return -EINVAL;
		src.height = 1;
		src.pitch = in->width;
		dst.height = 1;
		dst.pitch = in->width;
		break;
	case DRM_DGEM_OP_COPY_2D:
		if (in->src_pitch < in->width || in->dst_pitch < in->width)
			return -EINVAL;
		break;
	default:
		return -EINVAL;
	}

	op->src_rect = src;
	op->dst_rect = dst;
	return 0;
}

static int dgem_submit_op(struct dgem_submit_state *state, const struct drm_dgem_op *in,
			  struct dgem_engine_op *op)
{
	u32 align = state->ddev->engine->copy_align;
	struct dgem_engine_ref *src, *dst;
	int ret;

	ret = dgem_submit_rects(in, op);
	if (ret)
		return ret;
	ret = dgem_submit_ref(state, in->src, &op->src);
	if (ret)
		return ret;
	ret = dgem_submit_ref(state, in->dst, &op->dst);
	if (ret)
		return ret;

	src = &state->job->work.refs[op->src];
	dst = &state->job->work.refs[op->dst];
	if (dgem_rect_check(&op->src_rect, src->obj->base.size) ||
	    dgem_rect_check(&op->dst_rect, dst->obj->base.size))
		return -EINVAL;
	if (!dgem_rect_aligned(&op->src_rect, align) || !dgem_rect_aligned(&op->dst_rect, align))
		return -EINVAL;
	if (src->obj == dst->obj && dgem_rects_overlap(&op->src_rect, &op->dst_rect))
		return -EINVAL;
	if (dst->obj->readonly)
		return -EACCES;

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
	}
	work->count = args->op_count;
	return 0;
}

static int dgem_submit_sync(const struct dgem_submit_state *state, u64 array, u32 i,
			    struct drm_dgem_syncobj *in)
{
	u64 at = array + (u64)i * state->args->sync_stride;
	int ret;

	ret = copy_struct_from_user(in, sizeof(*in), u64_to_user_ptr(at), state->args->sync_stride);
	if (ret)
		return ret;
	return in->flags ? -EINVAL : 0;
}

static int dgem_submit_ins(struct dgem_submit_state *state)
{
	struct drm_dgem_syncobj in;
	struct dma_fence *fence;
	u32 i;
	int ret;

	for (i = 0; i < state->args->in_sync_count; i++) {
		ret = dgem_submit_sync(state, state->args->in_syncs, i, &in);
		if (ret)
			return ret;
		ret = drm_syncobj_find_fence(state->file, in.handle, in.point, 0, &fence);
		if (ret)
			return ret;
		/* takes the reference, after an error too */
		ret = drm_sched_job_add_dependency(&state->job->base, fence);
		if (ret)
			return ret;
	}
	return 0;
}

static int dgem_submit_outs(struct dgem_submit_state *state)
{
	u32 i, count = state->args->out_sync_count;
	struct drm_dgem_syncobj in;
	int ret;

	if (!count)
		return 0;
	state->outs = kvcalloc(count, sizeof(*state->outs), GFP_KERNEL);
	if (!state->outs)
		return -ENOMEM;

	for (i = 0; i < count; i++) {
		struct dgem_out_sync *out = &state->outs[i];

		ret = dgem_submit_sync(state, state->args->out_syncs, i, &in);
		if (ret)
			return ret;
		out->syncobj = drm_syncobj_find(state->file, in.handle);
		if (!out->syncobj)
			return -ENOENT;
		out->point = in.point;
		state->out_count++;
		if (in.point) {
			out->chain = dma_fence_chain_alloc();
			if (!out->chain)
				return -ENOMEM;
		}
	}
	return 0;
}

static void dgem_submit_free_outs(struct dgem_submit_state *state)
{
	u32 i;

	for (i = 0; i < state->out_count; i++) {
		dma_fence_chain_free(state->outs[i].chain);
		drm_syncobj_put(state->outs[i].syncobj);
	}
	kvfree(state->outs);
}

static void dgem_submit_signal_outs(struct dgem_submit_state *state, struct dma_fence *fence)
{
	u32 i;

	for (i = 0; i < state->out_count; i++) {
		struct dgem_out_sync *out = &state->outs[i];

		if (out->chain) {
			drm_syncobj_add_point(out->syncobj, out->chain, fence, out->point);
			out->chain = NULL;
		} else {
			drm_syncobj_replace_fence(out->syncobj, fence);
		}
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

static int dgem_submit_implicit(struct dgem_submit_state *state)
{
	struct drm_sched_job *job = &state->job->base;
	struct dgem_engine_job *work = &state->job->work;
	u32 i;
	int ret;

	for (i = 0; i < work->ref_count; i++) {
		struct drm_gem_object *gem = &work->refs[i].obj->base;

		if (state->args->flags & DRM_DGEM_SUBMIT_NO_IMPLICIT)
			ret = drm_sched_job_add_resv_dependencies(job, gem->resv,
								  DMA_RESV_USAGE_KERNEL);
		else
			ret = drm_sched_job_add_implicit_dependencies(job, gem,
								      work->refs[i].write);
		if (ret)
			return ret;
	}
	return 0;
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
	drm_sched_job_arm(&job->base);
	fence = dma_fence_get(&job->base.s_fence->finished);
	dgem_submit_add_fence(state, fence, false);
	dgem_submit_add_fence(state, fence, true);
	dgem_submit_signal_outs(state, fence);
	atomic64_inc(&state->ddev->stats.jobs);
	drm_sched_entity_push_job(&job->base);
	mutex_unlock(&dfile->submit_lock);
	dma_fence_put(fence);
}

static int dgem_submit_job(struct dgem_submit_state *state)
{
	struct dgem_engine *engine = state->ddev->engine;
	struct drm_exec exec;
	int ret;

	ret = dgem_submit_ins(state);
	if (ret)
		return ret;
	ret = dgem_submit_outs(state);
	if (ret)
		return ret;
	ret = engine->ops->prepare ? engine->ops->prepare(engine, &state->job->work) : 0;
	if (ret)
		return ret;

	drm_exec_init(&exec, DRM_EXEC_INTERRUPTIBLE_WAIT | DRM_EXEC_IGNORE_DUPLICATES, 0);
	ret = dgem_submit_lock(state, &exec);
	if (!ret)
		ret = engine->ops->reach(engine, &state->job->work);
	if (!ret)
		ret = dgem_submit_implicit(state);
	if (!ret)
		dgem_submit_queue(state);
	drm_exec_fini(&exec);
	return ret;
}

/**
 * dgem_submit - queue a job, see &struct drm_dgem_submit
 * @ddev: the instance
 * @file: who submits
 * @args: the job
 *
 * Return: 0 or an error, after which nothing has changed.
 */
int dgem_submit(struct dgem_device *ddev, struct drm_file *file,
		const struct drm_dgem_submit *args)
{
	struct dgem_submit_state state = { .ddev = ddev, .file = file, .args = args };
	struct dgem_file *dfile = file->driver_priv;
	int ret;

	ret = dgem_submit_check(args);
	if (ret)
		return ret;

	state.job = dgem_job_new(ddev, args->op_count, 2 * args->op_count);
	if (IS_ERR(state.job))
		return PTR_ERR(state.job);

	xa_init(&state.handles);
	ret = dgem_submit_ops(&state);
	xa_destroy(&state.handles);
	if (ret)
		goto out_put;

	ret = drm_sched_job_init(&state.job->base, &dfile->entity, 1, NULL, file->client_id);
	if (ret)
		goto out_put;
	ret = dgem_submit_job(&state);
	dgem_submit_free_outs(&state);
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
