// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * dgem as the exporter, with each of its memory kinds.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <xf86drm.h>

#include "dgem_drm.h"
#include "interop.h"
#include "libdrm_dgem.h"

bool dgem_kind_present(const struct exporter *exporter)
{
	struct dgem_device_info info = { 0 };
	struct dgem_device *dev;
	int ret = dgem_device_open(settings.exporter, &dev);

	if (ret)
		return false;
	ret = dgem_device_get_info(dev, &info, sizeof(info));
	dgem_device_del(dev);
	return !ret && info.kinds & 1ull << exporter->variant;
}

/* What exists before the object does: a page of a device's registers, or memory of our own. */
static void set_source(struct drm_dgem_create *create)
{
	static uint8_t own[SIZE] __attribute__((aligned(4096)));
	static struct drm_dgem_range range = { .length = sizeof(own) };

	range.addr = (uintptr_t)own;
	if (create->kind == DRM_DGEM_KIND_IO)
		create->size = 4096;
	if (create->kind == DRM_DGEM_KIND_USER) {
		create->source = (uintptr_t)&range;
		create->source_count = 1;
		create->source_stride = sizeof(range);
	}
}

int dgem_kind_alloc(const struct exporter *exporter, struct buffer *buffer)
{
	struct drm_dgem_create create = {
		.size = SIZE,
		.kind = exporter->variant,
		.cache = exporter->sub_variant,
		.flags = exporter->flags,
	};
	struct dgem_device *dev;
	int ret = dgem_device_open(settings.exporter, &dev);

	if (ret)
		return ret;
	set_source(&create);
	if (drmIoctl(dgem_device_fd(dev), DRM_IOCTL_DGEM_CREATE, &create) ||
	    drmPrimeHandleToFD(dgem_device_fd(dev), create.handle, DRM_CLOEXEC | DRM_RDWR,
			       &buffer->dmabuf))
		ret = -errno;
	dgem_device_del(dev);
	return ret;
}
