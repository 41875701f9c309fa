/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 *
 * For kernels before 6.6, which have no drm_exec: the part of it that dgem uses, on reservation
 * locks. It is found only where the kernel has no header of that name.
 */
#ifndef _DGEM_COMPAT_DRM_EXEC_H_
#define _DGEM_COMPAT_DRM_EXEC_H_

#include <linux/bits.h>
#include <linux/dma-resv.h>
#include <linux/slab.h>

#include <drm/drm_gem.h>

#define DRM_EXEC_INTERRUPTIBLE_WAIT	BIT(0)
#define DRM_EXEC_IGNORE_DUPLICATES	BIT(1)

/**
 * struct drm_exec - objects being locked together
 * @flags: DRM_EXEC_…
 * @begun: @ticket is valid
 * @error: that the wait for @contended ended with
 * @ticket: tells these locks from others'
 * @contended: to be locked before all others, since somebody older had it; a reference
 * @objects: locked, a reference each
 * @count: of them
 * @room: in @objects
 */
struct drm_exec {
	u32 flags;
	bool begun;
	int error;
	struct ww_acquire_ctx ticket;
	struct drm_gem_object *contended;
	struct drm_gem_object **objects;
	unsigned int count;
	unsigned int room;
};

static inline void drm_exec_init(struct drm_exec *exec, u32 flags, unsigned int hint)
{
	memset(exec, 0, sizeof(*exec));
	exec->flags = flags;
}

static inline void dgem_exec_unlock(struct drm_exec *exec)
{
	while (exec->count) {
		struct drm_gem_object *obj = exec->objects[--exec->count];

		dma_resv_unlock(obj->resv);
		drm_gem_object_put(obj);
	}
}

static inline void drm_exec_fini(struct drm_exec *exec)
{
	dgem_exec_unlock(exec);
	if (exec->contended)
		drm_gem_object_put(exec->contended);
	if (exec->begun)
		ww_acquire_fini(&exec->ticket);
	kfree(exec->objects);
}

/* takes over the lock of the object, or undoes it */
static inline int dgem_exec_keep(struct drm_exec *exec, struct drm_gem_object *obj)
{
	if (exec->count == exec->room) {
		unsigned int room = exec->room + 16;
		void *more = krealloc(exec->objects, room * sizeof(*exec->objects), GFP_KERNEL);

		if (!more) {
			dma_resv_unlock(obj->resv);
			return -ENOMEM;
		}
		exec->objects = more;
		exec->room = room;
	}
	drm_gem_object_get(obj);
	exec->objects[exec->count++] = obj;
	return 0;
}

static inline void dgem_exec_wait(struct drm_exec *exec)
{
	struct drm_gem_object *obj = exec->contended;

	dgem_exec_unlock(exec);
	if (exec->flags & DRM_EXEC_INTERRUPTIBLE_WAIT)
		exec->error = dma_resv_lock_slow_interruptible(obj->resv, &exec->ticket);
	else
		dma_resv_lock_slow(obj->resv, &exec->ticket);
	if (!exec->error)
		exec->error = dgem_exec_keep(exec, obj);
	exec->contended = NULL;
	drm_gem_object_put(obj);
}

/* whether the body of the loop has to be gone through (again) */
static inline bool dgem_exec_again(struct drm_exec *exec)
{
	if (!exec->begun) {
		ww_acquire_init(&exec->ticket, &reservation_ww_class);
		exec->begun = true;
		return true;
	}
	if (!exec->contended) {
		ww_acquire_done(&exec->ticket);
		return false;
	}
	dgem_exec_wait(exec);
	return true;
}

#define drm_exec_until_all_locked(exec)	\
dgem_exec_again:			\
	while (dgem_exec_again(exec))

#define drm_exec_retry_on_contention(exec)	\
	do {					\
		if ((exec)->contended)		\
			goto dgem_exec_again;	\
	} while (0)

static inline int drm_exec_prepare_obj(struct drm_exec *exec, struct drm_gem_object *obj,
				       unsigned int fences)
{
	int ret = exec->error;

	if (ret)
		return ret;
	if (exec->flags & DRM_EXEC_INTERRUPTIBLE_WAIT)
		ret = dma_resv_lock_interruptible(obj->resv, &exec->ticket);
	else
		ret = dma_resv_lock(obj->resv, &exec->ticket);
	if (ret == -EDEADLK) {
		drm_gem_object_get(obj);
		exec->contended = obj;
	}
	if (!ret)
		ret = dgem_exec_keep(exec, obj);
	else if (ret == -EALREADY && exec->flags & DRM_EXEC_IGNORE_DUPLICATES)
		ret = 0;
	return ret ?: dma_resv_reserve_fences(obj->resv, fences);
}

#endif
