// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/dma-fence-chain.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/slab.h>
#include <linux/sync_file.h>
#include <linux/uaccess.h>

#include <drm/dgem_drm.h>
#include <drm/drm_syncobj.h>
#include <drm/gpu_scheduler.h>

#include "compat/dgem_compat.h"
#include "dgem_mem.h"
#include "dgem_submit_sync.h"

/**
 * DOC: what a job waits for and signals
 *
 * Syncobjs and sync_files to wait for become dependencies of the job. Those to signal are prepared
 * as far as can be before the job has a fence, since from then on nothing may fail: timeline points
 * get their memory, and a sync_file is made whole, around a fence that stands in for the job's. Its
 * descriptor is reserved and told to user space, but names nothing until the job is queued.
 */

/* a limit to what one call may keep in memory: 16 KiB of pointers */
#define DGEM_MAX_SYNCS	1024
/* elements of the arrays may grow up to this */
#define DGEM_MAX_STRIDE	4096

/**
 * struct dgem_out - a syncobj to signal, or a sync_file to make
 */
struct dgem_out {
	/** @syncobj: with a reference, else NULL */
	struct drm_syncobj *syncobj;
	/** @chain: for a point of a timeline, else NULL */
	struct dma_fence_chain *chain;
	/** @point: the point */
	u64 point;
	/** @sync_file: the sync_file, else NULL */
	struct sync_file *sync_file;
	/** @where: the element's handle in user space */
	u32 __user *where;
	/** @before: what it was */
	u32 before;
	/** @fd: descriptor reserved for @sync_file */
	int fd;
	/** @signalled: the job has been queued */
	bool signalled;
};

/**
 * dgem_syncs_check - look at the numbers that describe the arrays of a job
 * @args: the job
 *
 * Return: 0 or -EINVAL.
 */
int dgem_syncs_check(const struct drm_dgem_submit *args)
{
	if (args->in_sync_count > DGEM_MAX_SYNCS || args->out_sync_count > DGEM_MAX_SYNCS)
		return -EINVAL;
	if (!args->in_sync_count && !args->out_sync_count)
		return 0;
	if (args->sync_stride < sizeof(struct drm_dgem_syncobj) ||
	    args->sync_stride > DGEM_MAX_STRIDE || args->sync_stride % 8)
		return -EINVAL;
	return 0;
}

static int dgem_sync_read(u64 at, u32 stride, struct drm_dgem_syncobj *in)
{
	int ret;

	ret = copy_struct_from_user(in, sizeof(*in), u64_to_user_ptr(at), stride);
	if (ret)
		return ret;
	if (in->flags & ~DRM_DGEM_SYNCOBJ_SYNC_FILE)
		return -EINVAL;
	return in->flags && in->point ? -EINVAL : 0;
}

/**
 * dgem_ins_collect - make a job wait for what user space tells
 * @file: who submits
 * @args: the job, checked by dgem_syncs_check()
 * @job: gets the dependencies
 *
 * Return: 0 or an error, see &struct drm_dgem_submit.
 */
int dgem_ins_collect(struct drm_file *file, const struct drm_dgem_submit *args,
		     struct drm_sched_job *job)
{
	struct drm_dgem_syncobj in;
	struct dma_fence *fence;
	u32 i;
	int ret;

	for (i = 0; i < args->in_sync_count; i++) {
		ret = dgem_sync_read(args->in_syncs + (u64)i * args->sync_stride,
				     args->sync_stride, &in);
		if (ret)
			return ret;
		if (in.flags & DRM_DGEM_SYNCOBJ_SYNC_FILE) {
			fence = sync_file_get_fence(in.handle);
			ret = fence ? 0 : -EINVAL;
		} else {
			ret = drm_syncobj_find_fence(file, in.handle, in.point, 0, &fence);
		}
		if (ret)
			return ret;
		/* takes the reference, after an error too */
		ret = drm_sched_job_add_dependency(job, fence);
		if (ret)
			return ret;
	}
	return 0;
}

static int dgem_out_sync_file(struct dgem_out *out)
{
	struct dma_fence *stub;

	out->fd = get_unused_fd_flags(O_CLOEXEC);
	if (out->fd < 0)
		return out->fd;

	stub = dma_fence_get_stub();
	out->sync_file = sync_file_create(stub);
	dma_fence_put(stub);
	if (!out->sync_file) {
		put_unused_fd(out->fd);
		return -ENOMEM;
	}
	return put_user(out->fd, out->where);
}

static int dgem_out_syncobj(struct drm_file *file, const struct drm_dgem_syncobj *in,
			    struct dgem_out *out)
{
	out->syncobj = drm_syncobj_find(file, in->handle);
	if (!out->syncobj)
		return -ENOENT;
	out->point = in->point;
	if (in->point) {
		out->chain = dma_fence_chain_alloc();
		if (!out->chain)
			return -ENOMEM;
	}
	return 0;
}

/**
 * dgem_outs_collect - get hold of what a job is going to signal
 * @file: who submits
 * @args: the job, checked by dgem_syncs_check()
 * @outs: filled in, for dgem_outs_free(), after an error too
 *
 * Return: 0 or an error, see &struct drm_dgem_submit.
 */
int dgem_outs_collect(struct drm_file *file, const struct drm_dgem_submit *args,
		      struct dgem_outs *outs)
{
	struct drm_dgem_syncobj in;
	u32 i;
	int ret;

	if (!args->out_sync_count)
		return 0;
	outs->items = kvcalloc(args->out_sync_count, sizeof(*outs->items), DGEM_GFP);
	if (!outs->items)
		return -ENOMEM;

	for (i = 0; i < args->out_sync_count; i++) {
		u64 at = args->out_syncs + (u64)i * args->sync_stride;
		struct dgem_out *out = &outs->items[i];

		ret = dgem_sync_read(at, args->sync_stride, &in);
		if (ret)
			return ret;
		outs->count++;
		out->where = u64_to_user_ptr(at + offsetof(struct drm_dgem_syncobj, handle));
		out->before = in.handle;
		if (in.flags & DRM_DGEM_SYNCOBJ_SYNC_FILE)
			ret = dgem_out_sync_file(out);
		else
			ret = dgem_out_syncobj(file, &in, out);
		if (ret)
			return ret;
	}
	return 0;
}

/**
 * dgem_outs_signal - let a job's fence appear in all that it is going to signal
 * @outs: after dgem_outs_collect()
 * @fence: the job's fence
 *
 * It can't fail. Sync_files come into existence with dgem_outs_free().
 */
void dgem_outs_signal(struct dgem_outs *outs, struct dma_fence *fence)
{
	u32 i;

	for (i = 0; i < outs->count; i++) {
		struct dgem_out *out = &outs->items[i];

		if (out->sync_file) {
			/* nobody else has seen this file yet */
			dma_fence_put(out->sync_file->fence);
			out->sync_file->fence = dma_fence_get(fence);
		} else if (out->chain) {
			drm_syncobj_add_point(out->syncobj, out->chain, fence, out->point);
			out->chain = NULL;
		} else {
			drm_syncobj_replace_fence(out->syncobj, fence);
		}
		out->signalled = true;
	}
}

static void dgem_out_end_sync_file(struct dgem_out *out)
{
	if (out->signalled) {
		fd_install(out->fd, out->sync_file->file);
		return;
	}
	/* a number that never was: if it can't be taken back, nothing is lost */
	if (put_user(out->before, out->where))
		pr_debug("dgem: sync_file descriptor %d not taken back\n", out->fd);
	fput(out->sync_file->file);
	put_unused_fd(out->fd);
}

/**
 * dgem_outs_free - drop what dgem_outs_collect() took, and publish sync_files that were signalled
 * @outs: what it filled in; no lock is held
 */
void dgem_outs_free(struct dgem_outs *outs)
{
	u32 i;

	for (i = 0; i < outs->count; i++) {
		struct dgem_out *out = &outs->items[i];

		if (out->sync_file) {
			dgem_out_end_sync_file(out);
		} else if (out->syncobj) {
			dma_fence_chain_free(out->chain);
			drm_syncobj_put(out->syncobj);
		}
	}
	kvfree(outs->items);
}
