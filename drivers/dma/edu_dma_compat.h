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

#include <linux/module.h>
#include <linux/slab.h>
#include <linux/version.h>

/* Since 7.0 and its contemporary stable kernels. */
#ifndef kzalloc_obj
#define kzalloc_obj(obj, gfp)	kzalloc(sizeof(obj), gfp)
#endif

/* What follows is for dma_guest. 7.3: such flags have accessors. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 3, 0)
#define dev_assign_dma_coherent(dev, value)	((dev)->dma_coherent = (value))
#endif

/* 6.13: name spaces are strings. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#undef MODULE_IMPORT_NS
#define MODULE_IMPORT_NS(ns)	MODULE_INFO(import_ns, ns)
#endif

/* 6.10: the difference of the two addresses is computed where it is used. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
#include <linux/dma-direct.h>

static inline struct bus_dma_region dma_guest_region(phys_addr_t cpu, dma_addr_t dma, u64 size)
{
	return (struct bus_dma_region) {
		.cpu_start = cpu,
		.dma_start = dma,
		.size = size,
		.offset = (u64)cpu - (u64)dma,
	};
}

#define DMA_GUEST_REGION	dma_guest_region
#endif

/* 6.2: these take the reservation lock. Before, static importers hold none. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define dma_buf_map_attachment_unlocked		dma_buf_map_attachment
#define dma_buf_unmap_attachment_unlocked	dma_buf_unmap_attachment
#define dma_buf_vmap_unlocked			dma_buf_vmap
#define dma_buf_vunmap_unlocked			dma_buf_vunmap
#endif

#endif
