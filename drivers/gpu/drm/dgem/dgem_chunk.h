/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 */
#ifndef _DGEM_CHUNK_H_
#define _DGEM_CHUNK_H_

#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/types.h>

#include "dgem_pool.h"

struct device;

/** define DGEM_CHUNK_SIZE - bytes of a chunk: what one PMD maps where pages have 4 KiB */
#define DGEM_CHUNK_SIZE		SZ_2M
/** define DGEM_CHUNK_ORDER - its largest block, in pages as a power of two */
#define DGEM_CHUNK_ORDER	DGEM_POOL_ORDER
/** define DGEM_CHUNK_PAGES - pages of a chunk */
#define DGEM_CHUNK_PAGES	(DGEM_CHUNK_SIZE >> PAGE_SHIFT)

/**
 * struct dgem_block - pages that follow each other in memory
 */
struct dgem_block {
	/** @page: the first */
	struct page *page;
	/**
	 * @dma: address for the instance's own device, for which the block is mapped as a whole,
	 * or DMA_MAPPING_ERROR if that device always gets bounced copies
	 */
	dma_addr_t dma;
	/** @first: page of the chunk that @page is */
	u16 first;
	/** @count: pages */
	u16 count;
	/** @single: pages on their own, split since they were allocated; else a power of two */
	bool single;
};

/**
 * struct dgem_chunk - the pages of up to DGEM_CHUNK_SIZE bytes of an object
 */
struct dgem_chunk {
	/** @count: number of @blocks */
	unsigned int count;
	/** @pages: pages of all blocks */
	unsigned int pages;
	/** @blocks: by @first, with gaps where pages were given back */
	struct dgem_block blocks[] __counted_by(count);
};

/**
 * struct dgem_chunk_source - where an object's chunks come from
 *
 * Kept from chunk to chunk, so that what was found missing is not asked for again.
 */
struct dgem_chunk_source {
	/** @dev: device within whose reach memory has to be */
	struct device *dev;
	/** @zone: GFP_DMA32, GFP_DMA, or 0 */
	gfp_t zone;
	/** @order: the largest block that is worth a try */
	unsigned int order;
	/** @folios: blocks are compound pages, which others may take references to */
	bool folios;
};

void dgem_chunk_source_init(struct dgem_chunk_source *source, struct device *dev, bool folios);
struct dgem_chunk *dgem_chunk_alloc(struct dgem_chunk_source *source, unsigned int pages);
void dgem_chunk_free(struct device *dev, struct dgem_chunk *chunk);
unsigned int dgem_block_rest(const struct dgem_block *block, unsigned int first, unsigned int end,
			     struct dgem_block *rest);
struct dgem_chunk *dgem_chunk_without(struct device *dev, const struct dgem_chunk *old,
				      unsigned int first, unsigned int end);
void dgem_chunk_undo(struct device *dev, const struct dgem_chunk *old, struct dgem_chunk *new);
void dgem_chunk_punch(struct device *dev, struct dgem_chunk *old, unsigned int first,
		      unsigned int end);
const struct dgem_block *dgem_chunk_find(const struct dgem_chunk *chunk, unsigned int page);
void dgem_chunk_sync(struct device *dev, const struct dgem_chunk *chunk, u32 offset, u32 length,
		     bool for_cpu);

#endif
