/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 */
#ifndef _DGEM_SUBMIT_H_
#define _DGEM_SUBMIT_H_

#include <linux/types.h>

struct dgem_device;
struct drm_dgem_submit;
struct drm_file;

/*
 * Operations of one job: a frame of 4,096 rows can be copied row by row, and what the kernel keeps
 * of the longest job stays below a megabyte.
 */
#define DGEM_MAX_OPS	4096

int dgem_submit(struct dgem_device *ddev, struct drm_file *file, struct drm_dgem_submit *args);

#endif
