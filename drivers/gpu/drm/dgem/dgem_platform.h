/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 */
#ifndef _DGEM_PLATFORM_H_
#define _DGEM_PLATFORM_H_

struct dgem_config;
struct drm_driver;
struct drm_gem_object_funcs;
struct platform_device;

struct platform_device *dgem_platform_add(const struct dgem_config *config);
void dgem_platform_del(struct platform_device *pdev);
int dgem_platform_init(const struct drm_driver *driver,
		       const struct drm_gem_object_funcs *gem_funcs);
void dgem_platform_exit(void);

#endif
