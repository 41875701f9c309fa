// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * libdgem_lend.so: preloaded into a program, it answers requests for a driver's own buffers with
 * dgem's memory, which that driver imports. Neither the program nor the driver is changed:
 *
 * - a DRM driver's dumb buffers (DRM_IOCTL_MODE_CREATE_DUMB, and mapping them);
 * - a video driver's exported buffers (VIDIOC_EXPBUF) of one plane.
 *
 * A line on standard error tells of each buffer. In the environment, DGEM_LEND_LOG names a file to
 * which it is appended instead, and DGEM_LEND_DRIVER the one DRM driver that is lent dumb buffers.
 */

/* mmap() and mmap64() are two functions that are both taken over here. */
#undef _FILE_OFFSET_BITS

#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/videodev2.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xf86drm.h>

#include "libdrm_dgem.h"

#define BUFFERS		64u
#define PITCH_ALIGN	64u
#define PAGE		4096u

/* Offsets by which dumb buffers are mapped: no driver's are so high. */
#define OFFSET_BASE	(UINT64_C(1) << 60)
#define OFFSET_SHIFT	40

static_assert(sizeof(off_t) == 8, "offsets have room for ours");

/* A dumb buffer of the program's, by the file and the handle that it knows. */
struct lent {
	bool used;
	int fd;
	uint32_t handle;
	int dmabuf;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct lent table[BUFFERS];
static struct dgem_device *device;

static int real_ioctl(int fd, unsigned long request, void *arg)
{
	static int (*function)(int fd, unsigned long request, ...);

	if (!function)
		*(void **)&function = dlsym(RTLD_NEXT, "ioctl");
	return function(fd, request, arg);
}

static void *real_mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset)
{
	static void *(*function)(void *addr, size_t length, int prot, int flags, int fd,
				 off_t offset);

	if (!function)
		*(void **)&function = dlsym(RTLD_NEXT, "mmap");
	return function(addr, length, prot, flags, fd, offset);
}

static void tell(uint64_t size)
{
	const char *path = getenv("DGEM_LEND_LOG");
	FILE *log = path ? fopen(path, "ae") : stderr;

	if (!log)
		return;
	fprintf(log, "dgem_lend: %" PRIu64 " bytes to %s\n", size, program_invocation_short_name);
	if (path)
		fclose(log);
}

/* Whether a DRM driver's dumb buffers are lent. */
static bool is_lent_to(int fd)
{
	const char *name = getenv("DGEM_LEND_DRIVER");
	drmVersionPtr version = name ? drmGetVersion(fd) : NULL;
	bool same = !name || (version && !strcmp(version->name, name));

	drmFreeVersion(version);
	return same;
}

/* A dma-buf of dgem's; -1 and errno if there is none. The lock is held. */
static int lend(uint64_t size)
{
	struct dgem_bo *bo;
	int ret = device ? 0 : dgem_device_open(NULL, &device);

	if (!ret)
		ret = dgem_bo_new(device, size, DGEM_KIND_CONTIGUOUS, DGEM_CACHE_DEFAULT, &bo);
	if (!ret) {
		ret = dgem_bo_dmabuf(bo, DGEM_READ | DGEM_WRITE);
		dgem_bo_del(bo);
	}
	if (ret < 0) {
		errno = -ret;
		return -1;
	}
	tell(size);
	return ret;
}

static struct lent *find(int fd, uint32_t handle)
{
	for (unsigned int i = 0; i < BUFFERS; i++)
		if (table[i].used && table[i].fd == fd && table[i].handle == handle)
			return &table[i];
	return NULL;
}

/* What a file had that is closed by now may still be there. */
static struct lent *room(int fd, uint32_t handle)
{
	struct lent *lent = find(fd, handle);

	if (lent) {
		close(lent->dmabuf);
		return lent;
	}
	for (unsigned int i = 0; i < BUFFERS; i++)
		if (!table[i].used)
			return &table[i];
	return NULL;
}

static int create_dumb(int fd, void *arg)
{
	struct drm_mode_create_dumb *dumb = arg;
	uint64_t pitch = (((uint64_t)dumb->width * dumb->bpp + 7) / 8 + PITCH_ALIGN - 1) &
			 ~(uint64_t)(PITCH_ALIGN - 1);
	uint64_t size = (pitch * dumb->height + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	struct lent *lent;
	int dmabuf;

	if (!is_lent_to(fd))
		return real_ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, dumb);
	dmabuf = lend(size);
	if (dmabuf < 0)
		return -1;
	if (drmPrimeFDToHandle(fd, dmabuf, &dumb->handle))
		goto fail;
	lent = room(fd, dumb->handle);
	if (!lent) {
		drmCloseBufferHandle(fd, dumb->handle);
		errno = ENOMEM;
		goto fail;
	}
	*lent = (struct lent){ .used = true, .fd = fd, .handle = dumb->handle, .dmabuf = dmabuf };
	dumb->pitch = (uint32_t)pitch;
	dumb->size = size;
	return 0;

fail:
	close(dmabuf);
	return -1;
}

static int map_dumb(int fd, void *arg)
{
	struct drm_mode_map_dumb *map = arg;
	const struct lent *lent = find(fd, map->handle);

	if (!lent)
		return real_ioctl(fd, DRM_IOCTL_MODE_MAP_DUMB, map);
	map->offset = OFFSET_BASE | (uint64_t)(lent - table) << OFFSET_SHIFT;
	return 0;
}

static int destroy_dumb(int fd, void *arg)
{
	struct drm_mode_destroy_dumb *destroy = arg;
	struct lent *lent = find(fd, destroy->handle);

	if (lent) {
		close(lent->dmabuf);
		lent->used = false;
	}
	return real_ioctl(fd, DRM_IOCTL_MODE_DESTROY_DUMB, destroy);
}

static int export_video(int fd, void *arg)
{
	struct v4l2_exportbuffer *export = arg;
	struct v4l2_buffer buffer = { .type = export->type, .index = export->index };
	int dmabuf;

	if (V4L2_TYPE_IS_MULTIPLANAR(export->type))
		return real_ioctl(fd, VIDIOC_EXPBUF, export);
	if (real_ioctl(fd, VIDIOC_QUERYBUF, &buffer))
		return -1;
	dmabuf = lend(buffer.length);
	if (dmabuf < 0)
		return -1;
	export->fd = dmabuf;
	return 0;
}

/* The lock is not held for others: they may wait, and the functions above make some themselves. */
static int locked(int (*function)(int fd, void *arg), int fd, void *arg)
{
	int ret;

	pthread_mutex_lock(&lock);
	ret = function(fd, arg);
	pthread_mutex_unlock(&lock);
	return ret;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);

	switch (request) {
	case DRM_IOCTL_MODE_CREATE_DUMB:
		return locked(create_dumb, fd, arg);
	case DRM_IOCTL_MODE_MAP_DUMB:
		return locked(map_dumb, fd, arg);
	case DRM_IOCTL_MODE_DESTROY_DUMB:
		return locked(destroy_dumb, fd, arg);
	case VIDIOC_EXPBUF:
		return locked(export_video, fd, arg);
	default:
		return real_ioctl(fd, request, arg);
	}
}

void *mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset)
{
	uint64_t index = ((uint64_t)offset - OFFSET_BASE) >> OFFSET_SHIFT;

	if (fd >= 0 && index < BUFFERS) {
		fd = table[index].dmabuf;
		offset = 0;
	}
	return real_mmap(addr, length, prot, flags, fd, offset);
}

void *mmap64(void *addr, size_t length, int prot, int flags, int fd, off64_t offset)
{
	return mmap(addr, length, prot, flags, fd, offset);
}
