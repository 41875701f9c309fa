/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 */
#ifndef _DGEM_PRIME_H_
#define _DGEM_PRIME_H_

#include <linux/types.h>

struct dma_buf;
struct drm_device;
struct drm_file;
struct drm_gem_object;

int dgem_prime_handle_to_fd(struct drm_device *drm, struct drm_file *file, u32 handle, u32 flags,
			    int *fd);
struct dma_buf *dgem_prime_export(struct drm_gem_object *gem, int flags);
struct drm_gem_object *dgem_prime_import(struct drm_device *drm, struct dma_buf *dmabuf);

#endif
