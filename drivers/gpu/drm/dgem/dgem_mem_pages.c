// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/dma-mapping.h>
#include <linux/iosys-map.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/xarray.h>

#include <drm/dgem_drm.h>
#include <drm/drm_device.h>

#include "compat/dgem_compat.h"
#include "dgem_chunk.h"
#include "dgem_gem.h"
#include "dgem_mem.h"
#include "dgem_range.h"

/**
 * DOC: memory in pages
 *
 * Objects of this kind are made of chunks, which are as contiguous as the kernel has memory to
 * spare. They take nothing from CMA and may be as large as memory is. A device sees a scatterlist
 * in which blocks that happen to follow each other are one; the CPU maps blocks of 2 MiB by one
 * entry each.
 */

/**
 * struct dgem_pages - memory of an object, &dgem_object.mem
 */
struct dgem_pages {
	/** @chunks: &struct dgem_chunk by its place in the object */
	struct xarray chunks;
	/** @vaddr: kernel mapping of all pages, while there is one; under the reservation lock */
	void *vaddr;
	/** @vmaps: users of @vaddr; under the reservation lock */
	unsigned int vmaps;
};

static struct dgem_pages *to_dgem_pages(const struct dgem_object *obj)
{
	return obj->mem;
}

static u64 dgem_pages_count(const struct dgem_object *obj)
{
	return obj->base.size >> PAGE_SHIFT;
}

static void dgem_pages_destroy(struct dgem_object *obj)
{
	struct dgem_pages *pages = to_dgem_pages(obj);
	struct dgem_chunk *chunk;
	unsigned long nr;

	xa_for_each(&pages->chunks, nr, chunk) {
		dgem_chunk_free(obj->base.dev->dev, chunk);
		cond_resched();
	}
	xa_destroy(&pages->chunks);
	kfree(pages);
}

static int dgem_pages_add(struct dgem_object *obj, struct dgem_chunk_source *source, u64 nr)
{
	u64 left = dgem_pages_count(obj) - nr * DGEM_CHUNK_PAGES;
	struct dgem_pages *pages = to_dgem_pages(obj);
	struct dgem_chunk *chunk;

	chunk = dgem_chunk_alloc(source, min_t(u64, left, DGEM_CHUNK_PAGES));
	if (!chunk)
		return -ENOMEM;
	if (xa_is_err(xa_store(&pages->chunks, nr, chunk, GFP_KERNEL | __GFP_NOWARN))) {
		dgem_chunk_free(source->dev, chunk);
		return -ENOMEM;
	}
	return 0;
}

static int dgem_pages_fill(struct dgem_object *obj)
{
	u64 nr, count = DIV_ROUND_UP_ULL(dgem_pages_count(obj), DGEM_CHUNK_PAGES);
	struct dgem_chunk_source source;
	int ret;

	/* don't take all memory just to find that it isn't enough */
	if (dgem_pages_count(obj) >= totalram_pages())
		return -ENOMEM;

	dgem_chunk_source_init(&source, obj->base.dev->dev, false);
	for (nr = 0; nr < count; nr++) {
		if (fatal_signal_pending(current))
			return -EINTR;
		ret = dgem_pages_add(obj, &source, nr);
		if (ret)
			return ret;
		cond_resched();
	}
	return 0;
}

static int dgem_pages_alloc(struct dgem_object *obj, const struct drm_dgem_create *args)
{
	struct dgem_pages *pages;
	int ret;

	pages = kzalloc_obj(*pages);
	if (!pages)
		return -ENOMEM;
	xa_init(&pages->chunks);
	obj->mem = pages;
	obj->cache_granted = DRM_DGEM_CACHE_CACHED;

	ret = dgem_pages_fill(obj);
	if (ret)
		dgem_pages_destroy(obj);
	return ret;
}

/* the pages that follow each other in one block, from this one on */
static struct page *dgem_pages_block(const struct dgem_object *obj, u64 page, u64 *run)
{
	struct dgem_pages *pages = to_dgem_pages(obj);
	struct dgem_chunk *chunk = xa_load(&pages->chunks, page / DGEM_CHUNK_PAGES);
	unsigned int nr = page % DGEM_CHUNK_PAGES;
	const struct dgem_block *block = chunk ? dgem_chunk_find(chunk, nr) : NULL;

	if (!block) {
		*run = 0;
		return NULL;
	}
	*run = block->count - (nr - block->first);
	return block->page + (nr - block->first);
}

static unsigned long dgem_pages_pfn(struct dgem_object *obj, u64 page, u64 *run)
{
	struct page *found = dgem_pages_block(obj, page, run);

	return found ? page_to_pfn(found) : 0;
}

/* the next @left pages at most that follow each other in memory, whatever blocks they are in */
static struct page *dgem_pages_run(const struct dgem_object *obj, u64 page, u64 left, u64 *run)
{
	struct page *found = dgem_pages_block(obj, page, run);
	u64 more;

	while (found && *run < left) {
		struct page *next = dgem_pages_block(obj, page + *run, &more);

		if (!next || page_to_pfn(next) != page_to_pfn(found) + *run)
			break;
		*run += more;
	}
	*run = min(*run, left);
	return found;
}

/* the number of segments, and the segments themselves if there is a table for them */
static u64 dgem_pages_segments(const struct dgem_object *obj, struct device *dev,
			       struct scatterlist *sg)
{
	u32 max_seg = min_t(size_t, dma_get_max_seg_size(dev), dma_max_mapping_size(dev));
	unsigned long boundary = dma_get_seg_boundary(dev);
	u64 page = 0, count = 0, run, addr, left;
	struct page *first;

	for (; page < dgem_pages_count(obj); page += run) {
		first = dgem_pages_run(obj, page, dgem_pages_count(obj) - page, &run);
		if (!first)
			return 0;
		addr = page_to_phys(first);
		left = run << PAGE_SHIFT;
		if (!sg) {
			count += dgem_span_segments(addr, left, max_seg, boundary);
			continue;
		}
		while (left) {
			u32 len = dgem_span_next(addr, left, max_seg, boundary);

			sg_set_page(sg, pfn_to_page(PHYS_PFN(addr)), len, offset_in_page(addr));
			sg = sg_next(sg);
			addr += len;
			left -= len;
			count++;
		}
	}
	return count;
}

static struct sg_table *dgem_pages_sgt(struct dgem_object *obj, struct device *dev)
{
	u64 count = dgem_pages_segments(obj, dev, NULL);
	struct sg_table *sgt;

	if (!count || count > INT_MAX)
		return ERR_PTR(-ENOMEM);
	sgt = kmalloc_obj(*sgt);
	if (!sgt)
		return ERR_PTR(-ENOMEM);
	if (sg_alloc_table(sgt, count, GFP_KERNEL | __GFP_NOWARN)) {
		kfree(sgt);
		return ERR_PTR(-ENOMEM);
	}
	dgem_pages_segments(obj, dev, sgt->sgl);
	return sgt;
}

/* see dgem_mem_span_reaches(): memory is reached as it is, or not at all */
static int dgem_pages_reaches(struct dgem_object *obj, struct device *dev)
{
	u64 mask = min_not_zero(dma_get_mask(dev), dev->bus_dma_limit);
	u64 page, run;

	if (dma_max_mapping_size(dev) == SIZE_MAX)
		return 0;
	if (!dma_addressing_limited(dev))
		return -EBUSY;
	for (page = 0; page < dgem_pages_count(obj); page += run) {
		struct page *first = dgem_pages_block(obj, page, &run);

		if (!first || page_to_phys(first) + (run << PAGE_SHIFT) - 1 > mask)
			return -EBUSY;
	}
	return 0;
}

static void *dgem_pages_map_kernel(struct dgem_object *obj)
{
	u64 page, run, count = dgem_pages_count(obj);
	struct page **list, *first;
	void *vaddr;

	first = dgem_pages_run(obj, 0, count, &run);
	if (run == count && !PageHighMem(first))
		return page_address(first);
	if (count > INT_MAX)
		return NULL;

	list = kvmalloc_array(count, sizeof(*list), GFP_KERNEL | __GFP_NOWARN);
	if (!list)
		return NULL;
	for (page = 0; page < count; page++) {
		list[page] = dgem_pages_block(obj, page, &run);
		if (!list[page]) {
			kvfree(list);
			return NULL;
		}
	}
	vaddr = vmap(list, count, VM_MAP, PAGE_KERNEL);
	kvfree(list);
	return vaddr;
}

static int dgem_pages_vmap(struct dgem_object *obj, struct iosys_map *map)
{
	struct dgem_pages *pages = to_dgem_pages(obj);

	if (!pages->vmaps)
		pages->vaddr = dgem_pages_map_kernel(obj);
	if (!pages->vaddr)
		return -ENOMEM;
	pages->vmaps++;
	iosys_map_set_vaddr(map, pages->vaddr);
	return 0;
}

static void dgem_pages_vunmap(struct dgem_object *obj, struct iosys_map *map)
{
	struct dgem_pages *pages = to_dgem_pages(obj);

	if (--pages->vmaps)
		return;
	if (is_vmalloc_addr(pages->vaddr))
		vunmap(pages->vaddr);
	pages->vaddr = NULL;
}

static void dgem_pages_sync(struct dgem_object *obj, u64 offset, u64 length, bool for_cpu)
{
	struct dgem_pages *pages = to_dgem_pages(obj);
	u64 end = offset + length;
	struct dgem_chunk *chunk;
	unsigned long nr;

	xa_for_each_range(&pages->chunks, nr, chunk, offset / DGEM_CHUNK_SIZE,
			  (end - 1) / DGEM_CHUNK_SIZE) {
		u64 start = (u64)nr * DGEM_CHUNK_SIZE;
		u64 first = max(start, offset), last = min(start + DGEM_CHUNK_SIZE, end);

		dgem_chunk_sync(obj->base.dev->dev, chunk, first - start, last - first, for_cpu);
	}
}

static int dgem_pages_begin(struct dgem_object *obj, u64 offset, u64 length,
			    enum dma_data_direction dir)
{
	dgem_pages_sync(obj, offset, length, true);
	return 0;
}

static int dgem_pages_end(struct dgem_object *obj, u64 offset, u64 length,
			  enum dma_data_direction dir)
{
	dgem_pages_sync(obj, offset, length, false);
	return 0;
}

/** dgem_mem_pages - cached memory in blocks of pages */
const struct dgem_mem_ops dgem_mem_pages = {
	.name = "pages",
	.kind = DRM_DGEM_KIND_PAGES,
	.caps = DRM_DGEM_CAP_MMAP | DRM_DGEM_CAP_EXPORT,
	.caches = BIT(DRM_DGEM_CACHE_DEFAULT) | BIT(DRM_DGEM_CACHE_CACHED),
	.alloc = dgem_pages_alloc,
	.free = dgem_pages_destroy,
	.get_sgt = dgem_pages_sgt,
	.reaches = dgem_pages_reaches,
	.pfn = dgem_pages_pfn,
	.vmap = dgem_pages_vmap,
	.vunmap = dgem_pages_vunmap,
	.begin = dgem_pages_begin,
	.end = dgem_pages_end,
};
