/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 */
#ifndef _DGEM_SYNC_H_
#define _DGEM_SYNC_H_

#include <linux/dma-direction.h>
#include <linux/types.h>

struct dgem_object;

int dgem_sync_wait(struct dgem_object *obj, bool write, unsigned long timeout);
int dgem_sync_begin(struct dgem_object *obj, u64 offset, u64 length, enum dma_data_direction dir);
int dgem_sync_end(struct dgem_object *obj, u64 offset, u64 length, enum dma_data_direction dir);

#endif
