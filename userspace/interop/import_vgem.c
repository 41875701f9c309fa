// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * vgem as the importer. It has no device and maps no imports: what it does is to fence them.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xf86drm.h>

#include "interop.h"

/* vgem's own ioctls, which libdrm has no header for */
struct vgem_fence_attach {
	uint32_t handle;
	uint32_t flags;
	uint32_t out_fence;
	uint32_t pad;
};

struct vgem_fence_signal {
	uint32_t fence;
	uint32_t flags;
};

#define VGEM_FENCE_WRITE	0x1u
#define IOCTL_VGEM_FENCE_ATTACH	DRM_IOWR(DRM_COMMAND_BASE + 1, struct vgem_fence_attach)
#define IOCTL_VGEM_FENCE_SIGNAL	DRM_IOW(DRM_COMMAND_BASE + 2, struct vgem_fence_signal)

static int open_vgem(void)
{
	return drmOpenWithType("vgem", NULL, DRM_NODE_PRIMARY);
}

bool vgem_present(const struct importer *importer)
{
	int fd = open_vgem();

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* poll() of a dma-buf for writing waits for everybody's fences. */
static bool idle(const struct buffer *buffer)
{
	struct pollfd wait = { .fd = buffer->dmabuf, .events = POLLOUT };

	return poll(&wait, 1, 0) == 1;
}

static int fence(int fd, const struct buffer *buffer, uint32_t handle, struct cell *cell)
{
	struct vgem_fence_attach attach = { .handle = handle, .flags = VGEM_FENCE_WRITE };
	struct vgem_fence_signal signal = { 0 };

	if (!idle(buffer))
		return wrong(cell, "the buffer has a fence already");
	if (drmIoctl(fd, IOCTL_VGEM_FENCE_ATTACH, &attach))
		return wrong(cell, "no fence can be attached: %s", strerror(errno));
	if (idle(buffer))
		return wrong(cell, "the exporter does not see the fence");
	signal.fence = attach.out_fence;
	if (drmIoctl(fd, IOCTL_VGEM_FENCE_SIGNAL, &signal) || !idle(buffer))
		return wrong(cell, "the fence does not signal");
	did(cell, "fences");
	return 0;
}

/* An import is exported as the very dma-buf that came in, which still has its data. */
static int give_back(int fd, const struct buffer *buffer, uint32_t handle, uint32_t seed,
		     struct cell *cell)
{
	struct buffer back;
	struct stat one, other;
	uint32_t again;
	int ret = 0;

	if (drmPrimeFDToHandle(fd, buffer->dmabuf, &again) || again != handle)
		return wrong(cell, "a second import has another handle");
	if (drmPrimeHandleToFD(fd, handle, DRM_CLOEXEC | DRM_RDWR, &back.dmabuf))
		return wrong(cell, "it is not exported again: %s", strerror(errno));
	if (fstat(buffer->dmabuf, &one) || fstat(back.dmabuf, &other) ||
	    one.st_ino != other.st_ino || one.st_dev != other.st_dev)
		ret = wrong(cell, "it is exported as another dma-buf");
	if (!ret && buffer_check(&back, 0, SIZE, seed))
		ret = wrong(cell, "it comes back with other data");
	if (!ret && (buffer_fill(&back, seed + 1) || buffer_check(buffer, 0, SIZE, seed + 1)))
		ret = wrong(cell, "what is written to it afterwards gets lost");
	close(back.dmabuf);
	if (!ret)
		did(cell, "same dma-buf back");
	return ret;
}

int vgem_use(const struct importer *importer, const struct exporter *exporter,
	     const struct buffer *buffer, uint32_t seed, struct cell *cell)
{
	int fd = open_vgem();
	uint32_t handle;
	int ret;

	if (fd < 0)
		return wrong(cell, "vgem is gone");
	ret = drmPrimeFDToHandle(fd, buffer->dmabuf, &handle) ? -errno : 0;
	if (!ret)
		ret = fence(fd, buffer, handle, cell);
	if (!ret)
		ret = give_back(fd, buffer, handle, seed, cell);
	close(fd);
	return ret;
}
