/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 */
#ifndef _DGEM_MEM_RESERVED_H_
#define _DGEM_MEM_RESERVED_H_

#include <linux/types.h>

struct device;
struct dgem_device;

bool dgem_reserved_in_node(struct device *dev);
int dgem_reserved_init(struct dgem_device *ddev);
u64 dgem_reserved_size(const struct dgem_device *ddev);
u64 dgem_reserved_available(const struct dgem_device *ddev);

#endif
