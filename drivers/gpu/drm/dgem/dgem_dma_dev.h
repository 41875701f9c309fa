/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 */
#ifndef _DGEM_DMA_DEV_H_
#define _DGEM_DMA_DEV_H_

struct device;
struct drm_device;

struct device *dgem_dma_dev_create(struct drm_device *drm);

#endif
