/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 *
 * For kernels before 6.14, which have no such cgroups: nothing is limited. It is found only where
 * the kernel has no header of that name.
 */
#ifndef _DGEM_COMPAT_CGROUP_DMEM_H_
#define _DGEM_COMPAT_CGROUP_DMEM_H_

#include <linux/types.h>

struct dmem_cgroup_pool_state;
struct dmem_cgroup_region;

static inline int dmem_cgroup_try_charge(struct dmem_cgroup_region *region, u64 size,
					 struct dmem_cgroup_pool_state **pool,
					 struct dmem_cgroup_pool_state **limit)
{
	return 0;
}

static inline void dmem_cgroup_uncharge(struct dmem_cgroup_pool_state *pool, u64 size)
{
}

#endif
