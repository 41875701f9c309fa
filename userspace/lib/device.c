// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * Finding, opening and asking devices.
 *
 * Nodes are found by opening the render nodes and asking for the driver's name. libdrm's list of
 * devices is of no use here: versions before 2.4.125 leave out devices of the faux bus, where the
 * default instance may live. Render nodes, because the first to open a primary node becomes its
 * master, which nobody wants from looking around.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dgem_priv.h"

#define DRI_DIR		"/dev/dri"
#define RENDER_PREFIX	"renderD"
#define MAX_NODES	256

_Static_assert(sizeof(struct dgem_device_info) == sizeof(struct drm_dgem_query_device),
	       "dgem_device_info is the kernel's answer");
_Static_assert(offsetof(struct dgem_device_info, name) ==
	       offsetof(struct drm_dgem_query_device, name),
	       "dgem_device_info is the kernel's answer");
_Static_assert(offsetof(struct dgem_device_info, granule) ==
	       offsetof(struct drm_dgem_query_device, granule),
	       "dgem_device_info is the kernel's answer");
_Static_assert(sizeof(struct dgem_engine_info) == sizeof(struct drm_dgem_query_engine),
	       "dgem_engine_info is the kernel's answer");
_Static_assert(offsetof(struct dgem_engine_info, device) ==
	       offsetof(struct drm_dgem_query_engine, device),
	       "dgem_engine_info is the kernel's answer");
_Static_assert(sizeof(struct dgem_stats) == sizeof(struct drm_dgem_query_stats),
	       "dgem_stats is the kernel's answer");
_Static_assert((int)DGEM_ENGINE_DMA == (int)DRM_DGEM_ENGINE_DMA, "same engine numbers");

static bool is_dgem(int fd)
{
	drmVersionPtr version = drmGetVersion(fd);
	bool ours = version && !strcmp(version->name, "dgem");

	drmFreeVersion(version);
	return ours;
}

static int device_wrap(int fd, bool owns_fd, struct dgem_device **out)
{
	struct dgem_device *dev = calloc(1, sizeof(*dev));

	if (!dev)
		return -ENOMEM;
	dev->path = drmGetDeviceNameFromFd2(fd);
	dev->bos = drmHashCreate();
	if (!dev->path || !dev->bos) {
		if (dev->bos)
			drmHashDestroy(dev->bos);
		free(dev->path);
		free(dev);
		return -ENOMEM;
	}
	atomic_init(&dev->refs, 1);
	dev->fd = fd;
	dev->owns_fd = owns_fd;
	pthread_mutex_init(&dev->lock, NULL);
	*out = dev;
	return 0;
}

DGEM_PUBLIC int dgem_device_new(int fd, struct dgem_device **dev)
{
	if (fcntl(fd, F_GETFD) < 0)
		return -errno;
	if (!is_dgem(fd))
		return -ENODEV;
	return device_wrap(fd, false, dev);
}

static int open_path(const char *path, struct dgem_device **dev)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return !errno || errno == ENOENT || errno == ENXIO ? -ENODEV : -errno;
	ret = is_dgem(fd) ? device_wrap(fd, true, dev) : -ENODEV;
	if (ret)
		close(fd);
	return ret;
}

static int compare_numbers(const void *a, const void *b)
{
	const unsigned long *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The numbers of the render nodes, lowest first. */
static size_t list_nodes(unsigned long *numbers, size_t max)
{
	DIR *dir = opendir(DRI_DIR);
	const struct dirent *entry;
	size_t count = 0;

	if (!dir)
		return 0;
	while (count < max && (entry = readdir(dir))) {
		const char *digits = entry->d_name + strlen(RENDER_PREFIX);
		char *end;

		if (strncmp(entry->d_name, RENDER_PREFIX, strlen(RENDER_PREFIX)))
			continue;
		numbers[count] = strtoul(digits, &end, 10);
		if (end != digits && !*end)
			count++;
	}
	closedir(dir);
	qsort(numbers, count, sizeof(*numbers), compare_numbers);
	return count;
}

static bool has_name(struct dgem_device *dev, const char *name)
{
	struct dgem_device_info info;

	if (dgem_device_get_info(dev, &info, sizeof(info)))
		return false;
	return !strncmp(info.name, name, sizeof(info.name));
}

/* The dgem node of this name, or, without a name, the one that has @index others before it. */
static int find_node(const char *name, unsigned int index, struct dgem_device **out)
{
	unsigned long numbers[MAX_NODES];
	size_t count = list_nodes(numbers, MAX_NODES);
	int result = -ENODEV;

	for (size_t i = 0; i < count; i++) {
		struct dgem_device *dev;
		char path[64];
		int ret;

		snprintf(path, sizeof(path), DRI_DIR "/" RENDER_PREFIX "%lu", numbers[i]);
		ret = open_path(path, &dev);
		if (ret == -EACCES || ret == -EPERM)
			result = -EACCES;
		if (ret)
			continue;
		if (name ? has_name(dev, name) : !index--) {
			*out = dev;
			return 0;
		}
		dgem_device_del(dev);
	}
	return result;
}

DGEM_PUBLIC int dgem_device_open(const char *which, struct dgem_device **dev)
{
	if (which && strchr(which, '/'))
		return open_path(which, dev);
	return find_node(which, 0, dev);
}

DGEM_PUBLIC int dgem_device_open_index(unsigned int index, struct dgem_device **dev)
{
	return find_node(NULL, index, dev);
}

DGEM_PUBLIC struct dgem_device *dgem_device_ref(struct dgem_device *dev)
{
	atomic_fetch_add(&dev->refs, 1);
	return dev;
}

DGEM_PUBLIC void dgem_device_del(struct dgem_device *dev)
{
	if (!dev || atomic_fetch_sub(&dev->refs, 1) != 1)
		return;
	/* Objects hold the device: the table is empty by now. */
	drmHashDestroy(dev->bos);
	pthread_mutex_destroy(&dev->lock);
	if (dev->owns_fd)
		close(dev->fd);
	free(dev->path);
	free(dev);
}

DGEM_PUBLIC int dgem_device_fd(const struct dgem_device *dev)
{
	return dev->fd;
}

DGEM_PUBLIC const char *dgem_device_path(const struct dgem_device *dev)
{
	return dev->path;
}

static int query(struct dgem_device *dev, uint32_t type, void *data, size_t size)
{
	struct drm_dgem_query args = {
		.type = type,
		.size = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size,
		.data = (uintptr_t)data,
	};

	return dgem_ioctl(dev, DRM_IOCTL_DGEM_QUERY, &args);
}

DGEM_PUBLIC int dgem_device_get_info(struct dgem_device *dev, struct dgem_device_info *info,
				     size_t size)
{
	return query(dev, DRM_DGEM_QUERY_DEVICE, info, size);
}

DGEM_PUBLIC int dgem_device_get_engine(struct dgem_device *dev, struct dgem_engine_info *info,
				       size_t size)
{
	return query(dev, DRM_DGEM_QUERY_ENGINE, info, size);
}

DGEM_PUBLIC int dgem_device_get_stats(struct dgem_device *dev, struct dgem_stats *stats,
				      size_t size)
{
	return query(dev, DRM_DGEM_QUERY_STATS, stats, size);
}
