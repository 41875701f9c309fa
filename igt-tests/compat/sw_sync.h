/* SPDX-License-Identifier: MIT */
/*
 * Copyright (C) 2026 The dgem authors
 *
 * The part of libigt's software fence helpers that the dgem tests use; see igt.h.
 */
#ifndef DGEM_COMPAT_SW_SYNC_H
#define DGEM_COMPAT_SW_SYNC_H

#include <stdint.h>

void igt_require_sw_sync(void);
int sw_sync_timeline_create(void);
int sw_sync_timeline_create_fence(int timeline, uint32_t seqno);
void sw_sync_timeline_inc(int timeline, uint32_t count);
int sync_fence_wait(int fence, int timeout_ms);
int sync_fence_status(int fence);

#endif /* DGEM_COMPAT_SW_SYNC_H */
