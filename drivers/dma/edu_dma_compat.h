/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DMA engine of QEMU's "edu" PCI device: what older kernels lack
 *
 * Copyright (C) 2026 The dgem authors
 *
 * Included ahead of every file when the driver is built beside a kernel, see the Makefile. A build
 * inside a kernel tree has no use for it.
 */
#ifndef _EDU_DMA_COMPAT_H_
#define _EDU_DMA_COMPAT_H_

#include <linux/slab.h>

/* Since 7.0 and its contemporary stable kernels. */
#ifndef kzalloc_obj
#define kzalloc_obj(obj, gfp)	kzalloc(sizeof(obj), gfp)
#endif

#endif
