/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 */
#ifndef _DGEM_IOCTL_H_
#define _DGEM_IOCTL_H_

#include <linux/types.h>

struct drm_device;
struct drm_file;
struct drm_mode_create_dumb;

int dgem_ioctl_query(struct drm_device *drm, void *data, struct drm_file *file);
int dgem_ioctl_create(struct drm_device *drm, void *data, struct drm_file *file);
int dgem_ioctl_info(struct drm_device *drm, void *data, struct drm_file *file);
int dgem_ioctl_mmap(struct drm_device *drm, void *data, struct drm_file *file);
int dgem_ioctl_sync(struct drm_device *drm, void *data, struct drm_file *file);
int dgem_ioctl_purge(struct drm_device *drm, void *data, struct drm_file *file);
int dgem_ioctl_submit(struct drm_device *drm, void *data, struct drm_file *file);
int dgem_ioctl_job(struct drm_device *drm, void *data, struct drm_file *file);
int dgem_dumb_create(struct drm_file *file, struct drm_device *drm,
		     struct drm_mode_create_dumb *args);
int dgem_dumb_map_offset(struct drm_file *file, struct drm_device *drm, u32 handle, u64 *offset);

#endif
