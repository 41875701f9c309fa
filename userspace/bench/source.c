// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * Who makes buffers: dgem, and the drivers of the kernel that it is compared with.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#include "bench.h"
#include "dgem_drm.h"
#include "libdrm_dgem.h"

/* Variants of dgem's source: a kind, and a cache mode in the upper half. */
#define VARIANT(kind, cache)	((kind) | (cache) << 16)

static int gem_export(const struct source *source, struct buffer *buffer)
{
	struct drm_prime_handle prime = {
		.handle = buffer->handle,
		.flags = DRM_CLOEXEC | DRM_RDWR,
	};

	if (ioctl(source->fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime))
		return -errno;
	buffer->dmabuf = prime.fd;
	return 0;
}

/*
 * dgem
 */

static bool dgem_open(struct source *source)
{
	static struct dgem_device *dev;
	struct dgem_device_info info;

	if (!dev && dgem_device_open(NULL, &dev))
		return false;
	if (dgem_device_get_info(dev, &info, sizeof(info)))
		return false;
	source->fd = dgem_device_fd(dev);
	return info.kinds & 1ull << (source->variant & 0xffff);
}

static int dgem_create(const struct source *source, struct buffer *buffer)
{
	struct drm_dgem_create create = {
		.size = buffer->size,
		.kind = source->variant & 0xffff,
		.cache = source->variant >> 16,
	};

	if (ioctl(source->fd, DRM_IOCTL_DGEM_CREATE, &create))
		return -errno;
	buffer->handle = create.handle;
	return gem_export(source, buffer);
}

static void dgem_locate(const struct source *source, struct buffer *buffer)
{
	struct drm_dgem_mmap map = { .handle = buffer->handle };

	if (ioctl(source->fd, DRM_IOCTL_DGEM_MMAP, &map))
		die("MMAP of dgem");
	buffer->offset = map.offset;
}

/*
 * vgem, by DRM's dumb buffers
 */

static bool vgem_open(struct source *source)
{
	source->fd = drmOpenWithType("vgem", NULL, DRM_NODE_PRIMARY);
	return source->fd >= 0;
}

static int vgem_create(const struct source *source, struct buffer *buffer)
{
	struct drm_mode_create_dumb create = {
		.width = 1024,
		.height = buffer->size / 4096,
		.bpp = 32,
	};

	if (ioctl(source->fd, DRM_IOCTL_MODE_CREATE_DUMB, &create))
		return -errno;
	buffer->handle = create.handle;
	return gem_export(source, buffer);
}

static void vgem_locate(const struct source *source, struct buffer *buffer)
{
	struct drm_mode_map_dumb map = { .handle = buffer->handle };

	if (ioctl(source->fd, DRM_IOCTL_MODE_MAP_DUMB, &map))
		die("MAP_DUMB of vgem");
	buffer->offset = map.offset;
}

/*
 * The dma-heaps
 */

static bool heap_system_open(struct source *source)
{
	source->fd = open("/dev/dma_heap/system", O_RDONLY | O_CLOEXEC);
	return source->fd >= 0;
}

/* The name has changed with time, and a board's own region gives it, too. */
static bool heap_cma_open(struct source *source)
{
	static const char * const names[] = { "default_cma_region", "reserved", "linux,cma" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		char path[64];

		snprintf(path, sizeof(path), "/dev/dma_heap/%s", names[i]);
		source->fd = open(path, O_RDONLY | O_CLOEXEC);
		if (source->fd >= 0)
			return true;
	}
	return false;
}

static int heap_create(const struct source *source, struct buffer *buffer)
{
	struct dma_heap_allocation_data data = {
		.len = buffer->size,
		.fd_flags = O_RDWR | O_CLOEXEC,
	};

	if (ioctl(source->fd, DMA_HEAP_IOCTL_ALLOC, &data))
		return -errno;
	buffer->dmabuf = data.fd;
	return 0;
}

/*
 * udmabuf: a dma-buf of a memfd's pages
 */

static bool udmabuf_open(struct source *source)
{
	source->fd = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	return source->fd >= 0;
}

static int udmabuf_create(const struct source *source, struct buffer *buffer)
{
	struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = buffer->size };

	buffer->memfd = memfd_create("bench", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	if (buffer->memfd < 0)
		return -errno;
	if (ftruncate(buffer->memfd, buffer->size) ||
	    fcntl(buffer->memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		goto failed;
	create.memfd = buffer->memfd;
	buffer->dmabuf = ioctl(source->fd, UDMABUF_CREATE, &create);
	if (buffer->dmabuf >= 0)
		return 0;
failed:
	close(buffer->memfd);
	return -errno;
}

#define DGEM_SOURCE(name, number, ...)	{				\
	.peer = "dgem", .kind = name, .variant = number, .gem = true,	\
	.open = dgem_open, .create = dgem_create,			\
	.locate = dgem_locate, ## __VA_ARGS__				\
}

struct source sources[] = {
	DGEM_SOURCE("contiguous", VARIANT(DRM_DGEM_KIND_CONTIGUOUS, DRM_DGEM_CACHE_DEFAULT),
		    .cma = true),
	DGEM_SOURCE("coherent", VARIANT(DRM_DGEM_KIND_COHERENT, DRM_DGEM_CACHE_DEFAULT),
		    .cma = true),
	DGEM_SOURCE("pages", VARIANT(DRM_DGEM_KIND_PAGES, DRM_DGEM_CACHE_DEFAULT)),
	DGEM_SOURCE("vmalloc", VARIANT(DRM_DGEM_KIND_VMALLOC, DRM_DGEM_CACHE_DEFAULT)),
	DGEM_SOURCE("reserved", VARIANT(DRM_DGEM_KIND_RESERVED, DRM_DGEM_CACHE_DEFAULT)),
	{
		.peer = "heap-system", .kind = "pages", .open = heap_system_open,
		.create = heap_create,
	},
	{
		.peer = "heap-cma", .kind = "cma", .cma = true, .open = heap_cma_open,
		.create = heap_create,
	},
	{
		.peer = "udmabuf", .kind = "memfd", .open = udmabuf_open,
		.create = udmabuf_create,
	},
	{
		.peer = "vgem", .kind = "shmem", .gem = true, .lazy = true, .open = vgem_open,
		.create = vgem_create, .locate = vgem_locate,
	},
};

const unsigned int source_count = ARRAY_SIZE(sources);

void destroy_buffer(const struct source *source, struct buffer *buffer)
{
	struct drm_gem_close gone = { .handle = buffer->handle };

	close(buffer->dmabuf);
	if (source->gem && ioctl(source->fd, DRM_IOCTL_GEM_CLOSE, &gone))
		die("GEM_CLOSE of %s", source->peer);
	if (buffer->memfd)
		close(buffer->memfd);
}

const struct source *find_source(const char *peer)
{
	unsigned int i;

	for (i = 0; i < source_count; i++)
		if (sources[i].fd >= 0 && !strcmp(sources[i].peer, peer))
			return &sources[i];
	return NULL;
}
