/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 */
#ifndef _DGEM_PLATFORM_H_
#define _DGEM_PLATFORM_H_

struct drm_driver;
struct drm_gem_object_funcs;

int dgem_platform_init(const struct drm_driver *driver,
		       const struct drm_gem_object_funcs *gem_funcs);
void dgem_platform_exit(void);

#endif
