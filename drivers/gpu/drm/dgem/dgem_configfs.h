/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 */
#ifndef _DGEM_CONFIGFS_H_
#define _DGEM_CONFIGFS_H_

#include <linux/kconfig.h>

#if IS_REACHABLE(CONFIG_CONFIGFS_FS)
int dgem_configfs_init(void);
void dgem_configfs_exit(void);
#else
static inline int dgem_configfs_init(void)
{
	return 0;
}

static inline void dgem_configfs_exit(void)
{
}
#endif

#endif
