// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * Exporters with dumb buffers.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <xf86drm.h>

#include "interop.h"

const char *dumb_driver(uint32_t variant)
{
	switch (variant) {
	case DUMB_VGEM:
		return "vgem";
	case DUMB_VKMS:
		return "vkms";
	case DUMB_BOCHS:
		return "bochs-drm";
	default:
		/* newer kernels call it cirrus-qemu, but have bochs-drm to import */
		return "cirrus";
	}
}

static int open_driver(const struct exporter *exporter)
{
	return drmOpenWithType(dumb_driver(exporter->variant), NULL, DRM_NODE_PRIMARY);
}

bool dumb_present(const struct exporter *exporter)
{
	int fd = open_driver(exporter);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int dumb_alloc(const struct exporter *exporter, struct buffer *buffer)
{
	struct drm_mode_create_dumb dumb = { .width = WIDTH, .height = HEIGHT, .bpp = 32 };
	int fd = open_driver(exporter);
	int ret;

	if (fd < 0)
		return -ENODEV;
	ret = drmIoctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &dumb) ? -errno : 0;
	if (!ret && dumb.pitch != PITCH)
		ret = -EINVAL;
	if (!ret && drmPrimeHandleToFD(fd, dumb.handle, DRM_CLOEXEC | DRM_RDWR, &buffer->dmabuf))
		ret = -errno;
	close(fd);
	return ret;
}
