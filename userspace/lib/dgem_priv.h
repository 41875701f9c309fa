/* SPDX-License-Identifier: MIT */
/*
 * Copyright (C) 2026 The dgem authors
 *
 * What the files of libdrm_dgem share and its users do not see.
 */
#ifndef DGEM_PRIV_H
#define DGEM_PRIV_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <xf86drm.h>

#include "dgem_drm.h"
#include "libdrm_dgem.h"

/* Marks what libdrm_dgem.map lists: everything else is built hidden. */
#define DGEM_PUBLIC	__attribute__((visibility("default")))

struct dgem_device {
	atomic_uint refs;
	int fd;
	/* close fd with the last reference */
	bool owns_fd;
	char *path;
	/*
	 * Protects bos, the step of an object's last reference to nothing, and the handles
	 * themselves: a handle must not be closed between the kernel's naming it for an import and
	 * its being found here.
	 */
	pthread_mutex_t lock;
	/* GEM handle -> struct dgem_bo, from libdrm's hash table */
	void *bos;
};

struct dgem_bo {
	/* Falls to 0 only under dev->lock */
	atomic_uint refs;
	struct dgem_device *dev;
	uint32_t handle;
	uint64_t size;
	/* Protects map and map_count */
	pthread_mutex_t lock;
	void *map;
	unsigned int map_count;
};

/**
 * dgem_ioctl() - drmIoctl() that returns a negative errno
 * @dev: the device
 * @request: the ioctl's number
 * @arg: its argument
 *
 * Interrupted calls are restarted, which every dgem ioctl stands: its time-outs are absolute.
 *
 * Return: 0 or a negative errno.
 */
static inline int dgem_ioctl(const struct dgem_device *dev, unsigned long request, void *arg)
{
	return drmIoctl(dev->fd, request, arg) ? -errno : 0;
}

/** dgem_deadline() - the absolute CLOCK_MONOTONIC time that the kernel takes, of a relative one */
int64_t dgem_deadline(int64_t timeout_ns);

#endif /* DGEM_PRIV_H */
