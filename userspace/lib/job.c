// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * Jobs: three growing arrays, of operations and of syncobjs to wait for and to signal, handed to
 * the kernel as they are.
 */
#include <stdlib.h>
#include <string.h>

#include "dgem_priv.h"

_Static_assert(DGEM_SUBMIT_NO_IMPLICIT == DRM_DGEM_SUBMIT_NO_IMPLICIT &&
	       DGEM_SUBMIT_HIGH == DRM_DGEM_SUBMIT_HIGH, "same submit flags");
_Static_assert((int)DGEM_JOB_DONE == (int)DRM_DGEM_JOB_DONE, "same states of jobs");

/* An array of elements of one size. */
struct list {
	void *items;
	uint32_t count;
	uint32_t room;
};

struct dgem_job {
	atomic_uint refs;
	struct dgem_device *dev;
	/* struct drm_dgem_op */
	struct list ops;
	/* struct dgem_bo *: destination of each operation, and source of a copy, with references */
	struct list bos;
	/* struct drm_dgem_syncobj */
	struct list in;
	struct list out;
	/* the kernel's number of the last submission, 0 before the first */
	uint64_t number;
};

/* Room for one more at the end, or NULL; the caller counts it. */
static void *list_next(struct list *list, size_t item_size)
{
	if (list->count == list->room) {
		uint32_t room = list->room ? list->room * 2 : 8;
		void *items;

		if (room < list->room)
			return NULL;
		items = reallocarray(list->items, room, item_size);
		if (!items)
			return NULL;
		list->items = items;
		list->room = room;
	}
	return (char *)list->items + (size_t)list->count * item_size;
}

DGEM_PUBLIC int dgem_job_new(struct dgem_device *dev, struct dgem_job **out)
{
	struct dgem_job *job = calloc(1, sizeof(*job));

	if (!job)
		return -ENOMEM;
	atomic_init(&job->refs, 1);
	job->dev = dgem_device_ref(dev);
	*out = job;
	return 0;
}

DGEM_PUBLIC struct dgem_job *dgem_job_ref(struct dgem_job *job)
{
	atomic_fetch_add(&job->refs, 1);
	return job;
}

DGEM_PUBLIC void dgem_job_del(struct dgem_job *job)
{
	struct dgem_bo **bos;

	if (!job || atomic_fetch_sub(&job->refs, 1) != 1)
		return;
	bos = job->bos.items;
	for (uint32_t i = 0; i < job->bos.count; i++)
		dgem_bo_del(bos[i]);
	free(job->bos.items);
	free(job->ops.items);
	free(job->in.items);
	free(job->out.items);
	dgem_device_del(job->dev);
	free(job);
}

static int add_bo(struct dgem_job *job, struct dgem_bo *bo)
{
	struct dgem_bo **slot = list_next(&job->bos, sizeof(*slot));

	if (!slot)
		return -ENOMEM;
	*slot = dgem_bo_ref(bo);
	job->bos.count++;
	return 0;
}

/* A fill has no source. */
static int add_op(struct dgem_job *job, struct dgem_bo *dst, struct dgem_bo *src,
		  const struct drm_dgem_op *op)
{
	struct drm_dgem_op *slot;
	int ret;

	if (dst->dev != job->dev || (src && src->dev != job->dev))
		return -EINVAL;
	slot = list_next(&job->ops, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	ret = add_bo(job, dst);
	if (ret)
		return ret;
	ret = src ? add_bo(job, src) : 0;
	if (ret) {
		job->bos.count--;
		dgem_bo_del(dst);
		return ret;
	}
	*slot = *op;
	slot->dst = dst->handle;
	slot->src = src ? src->handle : 0;
	job->ops.count++;
	return 0;
}

DGEM_PUBLIC int dgem_job_copy(struct dgem_job *job, struct dgem_bo *dst, uint64_t dst_offset,
			      struct dgem_bo *src, uint64_t src_offset, uint64_t length)
{
	struct drm_dgem_op op = {
		.op = DRM_DGEM_OP_COPY,
		.src_offset = src_offset,
		.dst_offset = dst_offset,
		.width = length,
	};

	return add_op(job, dst, src, &op);
}

DGEM_PUBLIC int dgem_job_copy_2d(struct dgem_job *job, struct dgem_bo *dst, uint64_t dst_offset,
				 uint64_t dst_pitch, struct dgem_bo *src, uint64_t src_offset,
				 uint64_t src_pitch, uint64_t width, uint32_t height)
{
	struct drm_dgem_op op = {
		.op = DRM_DGEM_OP_COPY_2D,
		.src_offset = src_offset,
		.dst_offset = dst_offset,
		.width = width,
		.height = height,
		.src_pitch = src_pitch,
		.dst_pitch = dst_pitch,
	};

	return add_op(job, dst, src, &op);
}

DGEM_PUBLIC int dgem_job_fill(struct dgem_job *job, struct dgem_bo *dst, uint64_t dst_offset,
			      uint64_t length, uint64_t pattern, uint32_t pattern_size)
{
	struct drm_dgem_op op = {
		.op = DRM_DGEM_OP_FILL,
		.dst_offset = dst_offset,
		.width = length,
		.pattern = pattern,
		.pattern_size = pattern_size,
	};

	return add_op(job, dst, NULL, &op);
}

DGEM_PUBLIC int dgem_job_fill_2d(struct dgem_job *job, struct dgem_bo *dst, uint64_t dst_offset,
				 uint64_t dst_pitch, uint64_t width, uint32_t height,
				 uint64_t pattern, uint32_t pattern_size)
{
	struct drm_dgem_op op = {
		.op = DRM_DGEM_OP_FILL_2D,
		.dst_offset = dst_offset,
		.width = width,
		.height = height,
		.dst_pitch = dst_pitch,
		.pattern = pattern,
		.pattern_size = pattern_size,
	};

	return add_op(job, dst, NULL, &op);
}

static int add_sync(struct list *list, const struct drm_dgem_syncobj *sync)
{
	struct drm_dgem_syncobj *slot = list_next(list, sizeof(*slot));

	if (!slot)
		return -ENOMEM;
	*slot = *sync;
	list->count++;
	return 0;
}

static int add_syncobj(struct list *list, uint32_t handle, uint64_t point)
{
	const struct drm_dgem_syncobj sync = { .handle = handle, .point = point };

	return add_sync(list, &sync);
}

DGEM_PUBLIC int dgem_job_wait_syncobj(struct dgem_job *job, uint32_t handle, uint64_t point)
{
	return add_syncobj(&job->in, handle, point);
}

DGEM_PUBLIC int dgem_job_signal_syncobj(struct dgem_job *job, uint32_t handle, uint64_t point)
{
	return add_syncobj(&job->out, handle, point);
}

DGEM_PUBLIC int dgem_job_wait_sync_file(struct dgem_job *job, int fd)
{
	const struct drm_dgem_syncobj sync = {
		.handle = (uint32_t)fd,
		.flags = DRM_DGEM_SYNCOBJ_SYNC_FILE,
	};

	return add_sync(&job->in, &sync);
}

DGEM_PUBLIC int dgem_job_submit(struct dgem_job *job, uint32_t flags)
{
	struct drm_dgem_submit args = {
		.ops = (uintptr_t)job->ops.items,
		.op_count = job->ops.count,
		.op_stride = sizeof(struct drm_dgem_op),
		.in_syncs = (uintptr_t)job->in.items,
		.in_sync_count = job->in.count,
		.out_sync_count = job->out.count,
		.out_syncs = (uintptr_t)job->out.items,
		.sync_stride = sizeof(struct drm_dgem_syncobj),
		.flags = flags,
	};
	int ret;

	ret = dgem_ioctl(job->dev, DRM_IOCTL_DGEM_SUBMIT, &args);
	if (!ret)
		job->number = args.job;
	return ret;
}

DGEM_PUBLIC int dgem_job_submit_sync_file(struct dgem_job *job, uint32_t flags)
{
	const struct drm_dgem_syncobj sync = { .flags = DRM_DGEM_SYNCOBJ_SYNC_FILE };
	int ret = add_sync(&job->out, &sync);

	if (ret)
		return ret;
	ret = dgem_job_submit(job, flags);
	job->out.count--;
	if (!ret)
		ret = (int)((struct drm_dgem_syncobj *)job->out.items)[job->out.count].handle;
	return ret;
}

DGEM_PUBLIC int dgem_job_get_status(struct dgem_job *job, struct dgem_job_status *status)
{
	struct drm_dgem_job args = { .job = job->number };
	int ret = dgem_ioctl(job->dev, DRM_IOCTL_DGEM_JOB, &args);

	if (!ret)
		*status = (struct dgem_job_status){
			.bytes = args.bytes,
			.state = args.state,
			.error = args.error,
		};
	return ret;
}

DGEM_PUBLIC int dgem_job_run(struct dgem_job *job, uint32_t flags, int64_t timeout_ns)
{
	int fd = job->dev->fd;
	uint32_t done;
	int ret;

	if (drmSyncobjCreate(fd, 0, &done))
		return -errno;
	ret = add_syncobj(&job->out, done, 0);
	if (!ret) {
		ret = dgem_job_submit(job, flags);
		job->out.count--;
	}
	if (!ret)
		ret = dgem_syncobj_wait(job->dev, done, 0, timeout_ns);
	drmSyncobjDestroy(fd, done);
	return ret;
}
