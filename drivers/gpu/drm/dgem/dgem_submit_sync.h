/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 */
#ifndef _DGEM_SUBMIT_SYNC_H_
#define _DGEM_SUBMIT_SYNC_H_

#include <linux/types.h>

struct dgem_out;
struct dma_fence;
struct drm_dgem_submit;
struct drm_file;
struct drm_sched_job;

/**
 * struct dgem_outs - what a job is going to signal
 */
struct dgem_outs {
	/** @items: an array */
	struct dgem_out *items;
	/** @count: elements of @items that are filled */
	u32 count;
};

int dgem_syncs_check(const struct drm_dgem_submit *args);
int dgem_ins_collect(struct drm_file *file, const struct drm_dgem_submit *args,
		     struct drm_sched_job *job);
int dgem_outs_collect(struct drm_file *file, const struct drm_dgem_submit *args,
		      struct dgem_outs *outs);
void dgem_outs_signal(struct dgem_outs *outs, struct dma_fence *fence);
void dgem_outs_free(struct dgem_outs *outs);

#endif
