// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/dma-mapping.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "compat/dgem_compat.h"
#include "dgem_fill.h"

/**
 * DOC: fills by a DMA engine
 *
 * What every channel can do is copy, so a fill is a copy of a block of memory that is full of the
 * pattern, again and again. Channels that offer DMA_MEMSET are few, and it repeats a single byte
 * only: a second way for some patterns on some channels is not worth having. The device writes
 * each byte of the destination in any case.
 *
 * There are as many blocks as pieces of fills can be with the channel at a time, so that preparing
 * one finds a block that nobody reads, and needs no memory. A block is written anew only if it
 * holds another pattern.
 */

/**
 * dgem_fill_new - get blocks
 * @dev: device that is going to read them
 * @count: how many
 *
 * Return: the blocks, for dgem_fill_free(), or NULL.
 */
struct dgem_fill *dgem_fill_new(struct device *dev, u32 count)
{
	struct dgem_fill *fill;

	fill = kzalloc(struct_size(fill, patterns, count), GFP_KERNEL);
	if (!fill)
		return NULL;
	fill->dev = dev;
	fill->count = count;
	/* zeroed, as are the patterns */
	fill->cpu = dma_alloc_coherent(dev, count * DGEM_FILL_BLOCK, &fill->dma,
				       GFP_KERNEL | __GFP_NOWARN);
	if (!fill->cpu) {
		kfree(fill);
		return NULL;
	}
	return fill;
}

/**
 * dgem_fill_free - give blocks back
 * @fill: the blocks, or NULL; the device does not read them any more
 */
void dgem_fill_free(struct dgem_fill *fill)
{
	if (!fill)
		return;
	dma_free_coherent(fill->dev, fill->count * DGEM_FILL_BLOCK, fill->cpu, fill->dma);
	kfree(fill);
}

/**
 * dgem_fill_block - a block full of a pattern
 * @fill: the blocks
 * @index: which one; the device does not read it
 * @pattern: the pattern
 *
 * Allocates nothing and takes no lock: one at a time calls it.
 *
 * Return: the DMA address of DGEM_FILL_BLOCK bytes.
 */
dma_addr_t dgem_fill_block(struct dgem_fill *fill, u32 index, u64 pattern)
{
	u32 at = index * DGEM_FILL_BLOCK;

	if (fill->patterns[index] != pattern) {
		memset64(fill->cpu + at, pattern, DGEM_FILL_BLOCK / sizeof(pattern));
		fill->patterns[index] = pattern;
	}
	return fill->dma + at;
}
