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
 * Operations of one job: what one page-sized batch of a 4 KiB machine's row copies may want, and
 * few enough to be validated in the blink of an eye.
 */
#define DGEM_MAX_OPS	4096

int dgem_submit(struct dgem_device *ddev, struct drm_file *file,
		const struct drm_dgem_submit *args);

#endif
