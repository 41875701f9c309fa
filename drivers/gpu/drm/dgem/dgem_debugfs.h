/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 */
#ifndef _DGEM_DEBUGFS_H_
#define _DGEM_DEBUGFS_H_

struct dgem_device;

void dgem_debugfs_init(struct dgem_device *ddev);

#endif
