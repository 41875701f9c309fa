// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/dma-mapping.h>
#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include <kunit/visibility.h>

#include "compat/dgem_compat.h"
#include "dgem_chunk.h"
#include "dgem_pool.h"

/**
 * DOC: chunks
 *
 * Memory of the kinds that are made of pages comes in chunks of 2 MiB: what one PMD maps where
 * pages have 4 KiB. A chunk is one block of that size if the kernel has one to spare, else smaller
 * blocks, largest first; orders that were missing are not asked for again by the same call.
 *
 * Blocks lie within reach of the instance's device. Modules can't know where the kernel's zones
 * end, so a block that turns out to lie too high is given back and the next lower zone is asked.
 *
 * All pages are zeroed when they are allocated, or were before if the pool had a block. Each block
 * is mapped for the instance's own device as long as it lives: mapping it writes the zeroes back
 * from the CPU's caches, before anybody can have a device look at them, and CPU access windows then
 * have addresses to work with.
 *
 * Blocks are not compound pages, so that a part of one can be given back: it is split into pages
 * then. The exception are blocks that are mapped as folios, of which nothing is given back.
 */

/**
 * dgem_chunk_source_init - prepare to allocate
 * @source: the source
 * @dev: the instance's own device
 * @folios: allocate compound pages
 */
void dgem_chunk_source_init(struct dgem_chunk_source *source, struct device *dev, bool folios)
{
	*source = (struct dgem_chunk_source) {
		.dev = dev,
		.order = DGEM_CHUNK_ORDER,
		.folios = folios,
	};
	dgem_folio_limit(folios, &source->order);
	/*
	 * A process that gives advice about a part of a folio has the kernel try to split it. That
	 * fails for ours, but kernels without huge pages warn then, or try for ever.
	 */
	if (folios && !IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE))
		source->order = 0;
}

static struct page *dgem_block_alloc(struct dgem_chunk_source *source, unsigned int order)
{
	u64 mask = min_not_zero(dma_get_mask(source->dev), source->dev->bus_dma_limit);
	gfp_t gfp = GFP_KERNEL | __GFP_ZERO | __GFP_ACCOUNT | __GFP_NOWARN;
	struct page *page;

	/* blocks of the pool are not compound */
	if (order == DGEM_POOL_ORDER && !source->folios) {
		page = dgem_pool_get(mask);
		if (page)
			return page;
	}

	/* a large block is a gift; for a page it is worth to reclaim others, but not to kill */
	gfp |= order ? __GFP_NORETRY : __GFP_RETRY_MAYFAIL;
	if (order && source->folios)
		gfp |= __GFP_COMP;

	for (;;) {
		page = alloc_pages(gfp | source->zone, order);
		if (!page || page_to_phys(page) + (PAGE_SIZE << order) - 1 <= mask)
			return page;
		__free_pages(page, order);
		if (source->zone == GFP_DMA)
			return NULL;
		source->zone = source->zone ? GFP_DMA : GFP_DMA32;
	}
}

/* Blocks for so many pages at the end of the list, their orders in page_private(); their number. */
static unsigned int dgem_blocks_alloc(struct dgem_chunk_source *source, unsigned int pages,
				      struct list_head *list)
{
	unsigned int count = 0, order;
	struct page *page;

	while (pages) {
		order = min_t(unsigned int, source->order, ilog2(pages));
		page = dgem_block_alloc(source, order);
		if (!page) {
			if (!order)
				return 0;
			source->order = order - 1;
			continue;
		}
		set_page_private(page, order);
		list_add_tail(&page->lru, list);
		pages -= 1U << order;
		count++;
	}
	return count;
}

static struct page *dgem_blocks_take(struct list_head *list, unsigned int *order)
{
	struct page *page = list_first_entry_or_null(list, struct page, lru);

	if (page) {
		list_del(&page->lru);
		*order = page_private(page);
		set_page_private(page, 0);
	}
	return page;
}

/*
 * Where the DMA API bounces whatever is mapped, no device ever reads our pages, and the copy of a
 * second mapping would get in the way of the engine's.
 */
static bool dgem_block_bounced(struct device *dev)
{
	return dma_max_mapping_size(dev) != SIZE_MAX && !dma_addressing_limited(dev);
}

static int dgem_block_map(struct device *dev, struct dgem_block *block, unsigned long attrs)
{
	if (dgem_block_bounced(dev)) {
		block->dma = DMA_MAPPING_ERROR;
		return 0;
	}
	block->dma = dma_map_page_attrs(dev, block->page, 0, block->count * PAGE_SIZE,
					DMA_BIDIRECTIONAL, attrs);
	return dma_mapping_error(dev, block->dma);
}

static void dgem_block_unmap(struct device *dev, const struct dgem_block *block)
{
	if (block->dma == DMA_MAPPING_ERROR)
		return;
	dma_unmap_page_attrs(dev, block->dma, block->count * PAGE_SIZE, DMA_BIDIRECTIONAL,
			     DMA_ATTR_SKIP_CPU_SYNC);
}

static void dgem_block_free(struct device *dev, const struct dgem_block *block)
{
	unsigned int i;

	dgem_block_unmap(dev, block);
	if (!block->single) {
		/* a folio that is in use elsewhere stays, all of it, until it is not */
		__free_pages(block->page, ilog2(block->count));
		return;
	}
	for (i = 0; i < block->count; i++)
		__free_page(block->page + i);
}

/**
 * dgem_chunk_free - give back all pages of a chunk
 * @dev: device of its source
 * @chunk: the chunk
 */
void dgem_chunk_free(struct device *dev, struct dgem_chunk *chunk)
{
	unsigned int i;

	for (i = 0; i < chunk->count; i++)
		dgem_block_free(dev, &chunk->blocks[i]);
	kfree(chunk);
}

/* A chunk of the blocks in the list, of which some may stay there if it fails. */
static struct dgem_chunk *dgem_chunk_gather(struct device *dev, struct list_head *list,
					    unsigned int count)
{
	struct dgem_chunk *chunk = kzalloc(struct_size(chunk, blocks, count), GFP_KERNEL);
	struct page *page;
	unsigned int order;

	if (!chunk)
		return NULL;
	while ((page = dgem_blocks_take(list, &order))) {
		struct dgem_block *block;

		chunk->count++;
		block = &chunk->blocks[chunk->count - 1];
		block->page = page;
		block->first = chunk->pages;
		block->count = 1U << order;
		if (dgem_block_map(dev, block, 0)) {
			chunk->count--;
			__free_pages(page, order);
			dgem_chunk_free(dev, chunk);
			return NULL;
		}
		chunk->pages += block->count;
	}
	return chunk;
}

/**
 * dgem_chunk_alloc - allocate a chunk
 * @source: where from
 * @pages: pages, at most DGEM_CHUNK_PAGES
 *
 * Return: the chunk, its pages zeroed and clean for a device, or NULL.
 */
struct dgem_chunk *dgem_chunk_alloc(struct dgem_chunk_source *source, unsigned int pages)
{
	struct dgem_chunk *chunk = NULL;
	unsigned int count, order;
	struct page *page;
	LIST_HEAD(list);

	count = dgem_blocks_alloc(source, pages, &list);
	if (count)
		chunk = dgem_chunk_gather(source->dev, &list, count);
	while ((page = dgem_blocks_take(&list, &order)))
		__free_pages(page, order);
	return chunk;
}

static bool dgem_block_apart(const struct dgem_block *block, unsigned int first, unsigned int end)
{
	return block->first >= end || block->first + block->count <= first;
}

/**
 * dgem_block_rest - what is left of a block without some pages
 * @block: the block
 * @first: first page to go, from the start of the chunk
 * @end: first page behind those that go
 * @rest: where to put up to two blocks
 *
 * What is left of a block that loses pages has no DMA address yet.
 *
 * Return: the number of blocks left.
 */
unsigned int dgem_block_rest(const struct dgem_block *block, unsigned int first, unsigned int end,
			     struct dgem_block *rest)
{
	unsigned int last = block->first + block->count, count = 0;

	if (dgem_block_apart(block, first, end)) {
		rest[0] = *block;
		return 1;
	}
	if (first > block->first)
		rest[count++] = (struct dgem_block) {
			.page = block->page,
			.dma = DMA_MAPPING_ERROR,
			.first = block->first,
			.count = first - block->first,
			.single = true,
		};
	if (end < last)
		rest[count++] = (struct dgem_block) {
			.page = block->page + (end - block->first),
			.dma = DMA_MAPPING_ERROR,
			.first = end,
			.count = last - end,
			.single = true,
		};
	return count;
}
EXPORT_SYMBOL_IF_KUNIT(dgem_block_rest);

/**
 * dgem_chunk_undo - do away with a chunk made by dgem_chunk_without()
 * @dev: device of its source
 * @old: the chunk that it was made of, which stays
 * @new: the chunk
 */
void dgem_chunk_undo(struct device *dev, const struct dgem_chunk *old, struct dgem_chunk *new)
{
	unsigned int i;

	/* blocks that lost nothing are shared, their mappings too */
	for (i = 0; i < new->count; i++)
		if (dgem_chunk_find(old, new->blocks[i].first)->count != new->blocks[i].count)
			dgem_block_unmap(dev, &new->blocks[i]);
	kfree(new);
}

/**
 * dgem_chunk_without - a chunk without some pages of another
 * @dev: device of its source
 * @old: the other chunk, whose blocks are no folios; it stays as it is
 * @first: first page to go, from the start of the chunk
 * @end: first page behind those that go
 *
 * Both have the same pages then, until one is done away with: the old one by dgem_chunk_punch(),
 * which frees the pages that go, or the new one by dgem_chunk_undo().
 *
 * Return: the chunk, which may be empty, or NULL.
 */
struct dgem_chunk *dgem_chunk_without(struct device *dev, const struct dgem_chunk *old,
				      unsigned int first, unsigned int end)
{
	struct dgem_block rest[2];
	unsigned int i, j, count;
	struct dgem_chunk *new;

	new = kzalloc(struct_size(new, blocks, old->count + 1), GFP_KERNEL);
	if (!new)
		return NULL;

	for (i = 0; i < old->count; i++) {
		bool apart = dgem_block_apart(&old->blocks[i], first, end);

		count = dgem_block_rest(&old->blocks[i], first, end, rest);
		for (j = 0; j < count; j++) {
			if (!apart && dgem_block_map(dev, &rest[j], DMA_ATTR_SKIP_CPU_SYNC)) {
				dgem_chunk_undo(dev, old, new);
				return NULL;
			}
			new->count++;
			new->blocks[new->count - 1] = rest[j];
			new->pages += rest[j].count;
		}
	}
	return new;
}

/**
 * dgem_chunk_punch - do away with a chunk of which dgem_chunk_without() made another
 * @dev: device of its source
 * @old: the chunk
 * @first: as given there
 * @end: as given there
 */
void dgem_chunk_punch(struct device *dev, struct dgem_chunk *old, unsigned int first,
		      unsigned int end)
{
	unsigned int i, page;

	for (i = 0; i < old->count; i++) {
		const struct dgem_block *block = &old->blocks[i];
		unsigned int last = block->first + block->count;

		if (dgem_block_apart(block, first, end))
			continue;
		if (first <= block->first && last <= end) {
			dgem_block_free(dev, block);
			continue;
		}
		dgem_block_unmap(dev, block);
		if (!block->single)
			split_page(block->page, ilog2(block->count));
		for (page = max_t(unsigned int, block->first, first); page < min(last, end); page++)
			__free_page(block->page + (page - block->first));
	}
	kfree(old);
}

/**
 * dgem_chunk_find - find the block of a page
 * @chunk: the chunk
 * @page: page of the chunk
 *
 * Return: the block, or NULL if the chunk does not have the page.
 */
const struct dgem_block *dgem_chunk_find(const struct dgem_chunk *chunk, unsigned int page)
{
	unsigned int low = 0, high = chunk->count;

	while (low < high) {
		unsigned int middle = (low + high) / 2;
		const struct dgem_block *block = &chunk->blocks[middle];

		if (page < block->first)
			high = middle;
		else if (page - block->first >= block->count)
			low = middle + 1;
		else
			return block;
	}
	return NULL;
}

/**
 * dgem_chunk_sync - hand a range over between the instance's own device and the CPU
 * @dev: device of the chunk's source
 * @chunk: the chunk
 * @offset: first byte, from the start of the chunk
 * @length: bytes
 * @for_cpu: to the CPU, else to the device
 */
void dgem_chunk_sync(struct device *dev, const struct dgem_chunk *chunk, u32 offset, u32 length,
		     bool for_cpu)
{
	unsigned int i;

	for (i = 0; i < chunk->count; i++) {
		const struct dgem_block *block = &chunk->blocks[i];
		u32 start = block->first * PAGE_SIZE;
		u32 first = max(start, offset);
		u32 end = min_t(u32, start + block->count * PAGE_SIZE, offset + length);

		if (first >= end || block->dma == DMA_MAPPING_ERROR)
			continue;
		if (for_cpu)
			dma_sync_single_for_cpu(dev, block->dma + (first - start), end - first,
						DMA_BIDIRECTIONAL);
		else
			dma_sync_single_for_device(dev, block->dma + (first - start), end - first,
						   DMA_BIDIRECTIONAL);
	}
}
