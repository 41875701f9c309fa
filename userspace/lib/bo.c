// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * Buffer objects: one struct for each handle of the file, found again by the device's table. The
 * kernel names an imported dma-buf by the handle that the file has for it already, so the table
 * is what makes two imports one object.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "dgem_priv.h"

_Static_assert((int)DGEM_KIND_IMPORT == (int)DRM_DGEM_KIND_IMPORT, "same kind numbers");
_Static_assert((int)DGEM_KIND_USER == (int)DRM_DGEM_KIND_USER, "same kind numbers");
_Static_assert((int)DGEM_KIND_COHERENT == (int)DRM_DGEM_KIND_COHERENT, "same kind numbers");
_Static_assert((int)DGEM_CACHE_EXPORTER == (int)DRM_DGEM_CACHE_EXPORTER, "same cache numbers");
_Static_assert((int)DGEM_CACHE_WC == (int)DRM_DGEM_CACHE_WC, "same cache numbers");
_Static_assert(DGEM_CREATE_LAZY == DRM_DGEM_CREATE_LAZY &&
	       DGEM_CREATE_DIRECT_IO == DRM_DGEM_CREATE_DIRECT_IO, "same flags");
_Static_assert(DGEM_READ == DRM_DGEM_SYNC_READ && DGEM_WRITE == DRM_DGEM_SYNC_WRITE,
	       "same access bits");
_Static_assert(DGEM_CAP_MMAP == DRM_DGEM_CAP_MMAP && DGEM_CAP_EXPORT == DRM_DGEM_CAP_EXPORT &&
	       DGEM_CAP_WRITE == DRM_DGEM_CAP_WRITE, "same capability bits");

static void handle_close(struct dgem_device *dev, uint32_t handle)
{
	struct drm_gem_close args = { .handle = handle };

	dgem_ioctl(dev, DRM_IOCTL_GEM_CLOSE, &args);
}

/* Take over a handle. Called with dev->lock held; on failure the handle is still the caller's. */
static int bo_wrap(struct dgem_device *dev, uint32_t handle, uint64_t size, struct dgem_bo **out)
{
	struct dgem_bo *bo = calloc(1, sizeof(*bo));

	if (!bo)
		return -ENOMEM;
	if (drmHashInsert(dev->bos, handle, bo)) {
		free(bo);
		return -ENOMEM;
	}
	atomic_init(&bo->refs, 1);
	pthread_mutex_init(&bo->lock, NULL);
	bo->dev = dgem_device_ref(dev);
	bo->handle = handle;
	bo->size = size;
	*out = bo;
	return 0;
}

static int bo_create(struct dgem_device *dev, struct drm_dgem_create *args, struct dgem_bo **bo)
{
	int ret;

	ret = dgem_ioctl(dev, DRM_IOCTL_DGEM_CREATE, args);
	if (ret)
		return ret;
	pthread_mutex_lock(&dev->lock);
	ret = bo_wrap(dev, args->handle, args->size, bo);
	if (ret)
		handle_close(dev, args->handle);
	pthread_mutex_unlock(&dev->lock);
	return ret;
}

DGEM_PUBLIC int dgem_bo_new_flags(struct dgem_device *dev, uint64_t size, enum dgem_kind kind,
				  enum dgem_cache cache, uint32_t flags, struct dgem_bo **bo)
{
	struct drm_dgem_create args = {
		.size = size,
		.kind = (uint32_t)kind,
		.cache = (uint32_t)cache,
		.flags = flags,
	};

	return bo_create(dev, &args, bo);
}

DGEM_PUBLIC int dgem_bo_new_user(struct dgem_device *dev, const struct iovec *iov,
				 unsigned int count, uint32_t access, struct dgem_bo **bo)
{
	struct drm_dgem_create args = {
		.kind = DRM_DGEM_KIND_USER,
		.flags = access & DGEM_WRITE ? 0 : DRM_DGEM_CREATE_READ_ONLY,
		.source_count = count,
		.source_stride = sizeof(struct drm_dgem_range),
	};
	struct drm_dgem_range *ranges;
	int ret;

	if (!(access & DGEM_READ) || access & ~(DGEM_READ | DGEM_WRITE) || !count)
		return -EINVAL;
	ranges = calloc(count, sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	for (unsigned int i = 0; i < count; i++) {
		ranges[i].addr = (uintptr_t)iov[i].iov_base;
		ranges[i].length = iov[i].iov_len;
		/* What wraps around does not fit into any address space: the kernel says so. */
		args.size += iov[i].iov_len;
	}
	args.source = (uintptr_t)ranges;
	ret = bo_create(dev, &args, bo);
	free(ranges);
	return ret;
}

DGEM_PUBLIC int dgem_bo_new(struct dgem_device *dev, uint64_t size, enum dgem_kind kind,
			    enum dgem_cache cache, struct dgem_bo **bo)
{
	return dgem_bo_new_flags(dev, size, kind, cache, 0, bo);
}

static int bo_import(struct dgem_device *dev, uint32_t handle, struct dgem_bo **out)
{
	struct drm_dgem_info info = { .handle = handle };
	void *known;
	int ret;

	if (!drmHashLookup(dev->bos, handle, &known)) {
		*out = dgem_bo_ref(known);
		return 0;
	}
	ret = dgem_ioctl(dev, DRM_IOCTL_DGEM_INFO, &info);
	if (!ret)
		ret = bo_wrap(dev, handle, info.size, out);
	if (ret)
		handle_close(dev, handle);
	return ret;
}

DGEM_PUBLIC int dgem_bo_from_dmabuf(struct dgem_device *dev, int fd, struct dgem_bo **bo)
{
	uint32_t handle;
	int ret;

	pthread_mutex_lock(&dev->lock);
	ret = drmPrimeFDToHandle(dev->fd, fd, &handle) ? -errno : 0;
	if (!ret)
		ret = bo_import(dev, handle, bo);
	pthread_mutex_unlock(&dev->lock);
	return ret;
}

DGEM_PUBLIC struct dgem_bo *dgem_bo_ref(struct dgem_bo *bo)
{
	atomic_fetch_add(&bo->refs, 1);
	return bo;
}

/* Drop a reference unless it is the last one. */
static bool put_if_shared(struct dgem_bo *bo)
{
	unsigned int refs = atomic_load(&bo->refs);

	while (refs > 1)
		if (atomic_compare_exchange_weak(&bo->refs, &refs, refs - 1))
			return true;
	return false;
}

DGEM_PUBLIC void dgem_bo_del(struct dgem_bo *bo)
{
	struct dgem_device *dev;

	if (!bo || put_if_shared(bo))
		return;
	dev = bo->dev;
	pthread_mutex_lock(&dev->lock);
	if (atomic_fetch_sub(&bo->refs, 1) != 1) {
		/* An import has found it in the meantime. */
		pthread_mutex_unlock(&dev->lock);
		return;
	}
	drmHashDelete(dev->bos, bo->handle);
	if (bo->map)
		munmap(bo->map, bo->size);
	handle_close(dev, bo->handle);
	pthread_mutex_unlock(&dev->lock);

	pthread_mutex_destroy(&bo->lock);
	free(bo);
	dgem_device_del(dev);
}

DGEM_PUBLIC struct dgem_device *dgem_bo_device(const struct dgem_bo *bo)
{
	return bo->dev;
}

DGEM_PUBLIC uint32_t dgem_bo_handle(const struct dgem_bo *bo)
{
	return bo->handle;
}

DGEM_PUBLIC uint64_t dgem_bo_size(const struct dgem_bo *bo)
{
	return bo->size;
}

static int bo_info(const struct dgem_bo *bo, struct drm_dgem_info *args)
{
	*args = (struct drm_dgem_info){ .handle = bo->handle };
	return dgem_ioctl(bo->dev, DRM_IOCTL_DGEM_INFO, args);
}

DGEM_PUBLIC int dgem_bo_get_info(struct dgem_bo *bo, struct dgem_bo_info *info, size_t size)
{
	struct dgem_bo_info known;
	struct drm_dgem_info args;
	int ret = bo_info(bo, &args);

	if (ret)
		return ret;
	known = (struct dgem_bo_info){
		.size = args.size,
		.kind = args.kind,
		.caps = args.caps,
		.cache_asked = args.cache_asked,
		.cache_granted = args.cache_granted,
		.segments = args.segments,
		.vmas = args.vmas,
		.resident = args.resident,
		.flags = args.create_flags,
	};
	memset(info, 0, size);
	memcpy(info, &known, size < sizeof(known) ? size : sizeof(known));
	return 0;
}

DGEM_PUBLIC int dgem_bo_purge(struct dgem_bo *bo, uint64_t offset, uint64_t length, uint32_t flags)
{
	struct drm_dgem_purge args = {
		.handle = bo->handle,
		.flags = flags,
		.offset = offset,
		.length = length,
	};

	return dgem_ioctl(bo->dev, DRM_IOCTL_DGEM_PURGE, &args);
}

DGEM_PUBLIC int dgem_bo_dmabuf(struct dgem_bo *bo, uint32_t access)
{
	uint32_t flags = DRM_CLOEXEC;
	int fd;

	if (!(access & DGEM_READ) || access & ~(DGEM_READ | DGEM_WRITE))
		return -EINVAL;
	if (access & DGEM_WRITE)
		flags |= DRM_RDWR;
	return drmPrimeHandleToFD(bo->dev->fd, bo->handle, flags, &fd) ? -errno : fd;
}

static int map_locked(struct dgem_bo *bo)
{
	struct drm_dgem_mmap args = { .handle = bo->handle };
	int prot = PROT_READ | PROT_WRITE;
	struct drm_dgem_info info;
	void *ptr;
	int ret;

	if (bo->size > SIZE_MAX)
		return -ENOMEM;
	ret = bo_info(bo, &info);
	if (!ret)
		ret = dgem_ioctl(bo->dev, DRM_IOCTL_DGEM_MMAP, &args);
	if (ret)
		return ret;
	if (!(info.caps & DRM_DGEM_CAP_WRITE))
		prot = PROT_READ;
	ptr = mmap(NULL, bo->size, prot, MAP_SHARED, bo->dev->fd,
		   (off_t)args.offset);
	if (ptr == MAP_FAILED)
		return -errno;
	bo->map = ptr;
	return 0;
}

DGEM_PUBLIC int dgem_bo_map(struct dgem_bo *bo, void **ptr)
{
	int ret;

	pthread_mutex_lock(&bo->lock);
	ret = bo->map ? 0 : map_locked(bo);
	if (!ret) {
		bo->map_count++;
		*ptr = bo->map;
	}
	pthread_mutex_unlock(&bo->lock);
	return ret;
}

DGEM_PUBLIC int dgem_bo_unmap(struct dgem_bo *bo)
{
	int ret = 0;

	pthread_mutex_lock(&bo->lock);
	if (!bo->map_count) {
		ret = -EINVAL;
	} else if (!--bo->map_count) {
		munmap(bo->map, bo->size);
		bo->map = NULL;
	}
	pthread_mutex_unlock(&bo->lock);
	return ret;
}

static int bo_sync(const struct dgem_bo *bo, uint64_t offset, uint64_t length, uint32_t flags,
		   int64_t deadline)
{
	struct drm_dgem_sync args = {
		.handle = bo->handle,
		.flags = flags,
		.offset = offset,
		.length = length,
		.timeout_ns = deadline,
	};

	return dgem_ioctl(bo->dev, DRM_IOCTL_DGEM_SYNC, &args);
}

DGEM_PUBLIC int dgem_bo_sync_begin(struct dgem_bo *bo, uint64_t offset, uint64_t length,
				   uint32_t access, int64_t timeout_ns)
{
	if (access & ~(DGEM_READ | DGEM_WRITE))
		return -EINVAL;
	return bo_sync(bo, offset, length, access, dgem_deadline(timeout_ns));
}

DGEM_PUBLIC int dgem_bo_sync_end(struct dgem_bo *bo, uint64_t offset, uint64_t length,
				 uint32_t access)
{
	if (access & ~(DGEM_READ | DGEM_WRITE))
		return -EINVAL;
	return bo_sync(bo, offset, length, access | DRM_DGEM_SYNC_END, 0);
}
