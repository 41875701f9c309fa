// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * Waiting for syncobjs.
 *
 * The wait ioctls say that a fence has signalled, not whether what it stands for went well. The
 * fence's error is told by a sync_file only, so one is made after the wait. The points of a
 * timeline are fences of the timeline's own, which pass no errors on.
 */
#include <linux/sync_file.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "dgem_priv.h"

#define NSEC_PER_SEC	1000000000ll

int64_t dgem_deadline(int64_t timeout_ns)
{
	struct timespec now;
	int64_t now_ns;

	if (timeout_ns < 0)
		return INT64_MAX;
	if (!timeout_ns)
		return 0;
	clock_gettime(CLOCK_MONOTONIC, &now);
	now_ns = now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
	return timeout_ns > INT64_MAX - now_ns ? INT64_MAX : now_ns + timeout_ns;
}

/* 0, or the error that the fence of a binary syncobj carries. */
static int binary_status(int drm_fd, uint32_t handle)
{
	struct sync_file_info info = { 0 };
	int ret = 0, fd;

	if (drmSyncobjExportSyncFile(drm_fd, handle, &fd))
		return -errno;
	if (ioctl(fd, SYNC_IOC_FILE_INFO, &info))
		ret = -errno;
	else if (info.status < 0)
		ret = info.status;
	close(fd);
	return ret;
}

DGEM_PUBLIC int dgem_syncobj_wait(struct dgem_device *dev, uint32_t handle, uint64_t point,
				  int64_t timeout_ns)
{
	int64_t deadline = dgem_deadline(timeout_ns);
	int ret;

	if (point)
		ret = drmSyncobjTimelineWait(dev->fd, &handle, &point, 1, deadline, 0, NULL);
	else
		ret = drmSyncobjWait(dev->fd, &handle, 1, deadline, 0, NULL);
	if (ret)
		return ret < 0 ? ret : -ret;
	return point ? 0 : binary_status(dev->fd, handle);
}
