/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 */
#ifndef _DGEM_OP_H_
#define _DGEM_OP_H_

#include <linux/types.h>

struct dgem_engine_op;
struct drm_dgem_op;

u64 dgem_op_codes(void);
u64 dgem_pattern_spread(u64 pattern, u32 size);
int dgem_op_parse(const struct drm_dgem_op *in, struct dgem_engine_op *op);

#endif
