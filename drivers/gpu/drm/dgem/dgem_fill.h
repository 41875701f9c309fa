/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 */
#ifndef _DGEM_FILL_H_
#define _DGEM_FILL_H_

#include <linux/sizes.h>
#include <linux/types.h>

struct device;

/* bytes of a block */
#define DGEM_FILL_BLOCK	SZ_4K
/* bytes of a block from any phase of the pattern on */
#define DGEM_FILL_MAX	(DGEM_FILL_BLOCK - sizeof(u64))

/**
 * struct dgem_fill - blocks of memory full of patterns, to be copied by a DMA engine
 */
struct dgem_fill {
	/** @dev: device that reads them */
	struct device *dev;
	/** @cpu: the blocks */
	void *cpu;
	/** @dma: their DMA address */
	dma_addr_t dma;
	/** @count: number of blocks */
	u32 count;
	/** @patterns: what is in each */
	u64 patterns[] __counted_by(count);
};

struct dgem_fill *dgem_fill_new(struct device *dev, u32 count);
void dgem_fill_free(struct dgem_fill *fill);
dma_addr_t dgem_fill_block(struct dgem_fill *fill, u32 index, u64 pattern);

#endif
