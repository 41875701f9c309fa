// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/bitmap.h>
#include <linux/dma-mapping.h>
#include <linux/iosys-map.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/xarray.h>

#include <drm/dgem_drm.h>
#include <drm/drm_device.h>

#include "compat/dgem_compat.h"
#include "dgem_device.h"
#include "dgem_gem.h"
#include "dgem_mapping.h"
#include "dgem_mem.h"
#include "dgem_mem_pages.h"

/**
 * DOC: memory in pages
 *
 * Objects of this kind are made of granules of 2 MiB, each of which is there as a whole or not at
 * all. They take nothing from CMA and may be as large as memory is; lazy ones may be larger, as
 * long as nobody touches it all. A granule is one block of its size if the kernel has one to spare,
 * else smaller blocks, largest first. A device sees a scatterlist in which blocks that happen to
 * follow each other are one; the CPU maps a block of 2 MiB by one entry.
 *
 * Blocks lie within reach of the instance's device. Modules can't know where the kernel's zones
 * end, so a block that turns out to lie too high is given back and the next lower zone is asked.
 *
 * A purge takes whole granules, for good: a bitmap remembers which. It costs a bit a granule, or 64
 * KiB for an object of 1 TiB, once something was purged.
 *
 * Who looks up a granule has seen to it that it stays: by the reservation lock, by a pin, or
 * because the object is one of those that can't be purged.
 *
 * All pages have kernel addresses, so that the cpu engine and debuggers need no mapping of the
 * whole; vmap() is for importers. Blocks for direct I/O are folios, which others may take
 * references to; nothing of such an object is purged.
 */

#define DGEM_GRANULE_ORDER	(ilog2(DGEM_GRANULE) - PAGE_SHIFT)
#define DGEM_GRANULE_PAGES	(DGEM_GRANULE >> PAGE_SHIFT)

/**
 * struct dgem_block - pages that follow each other in memory
 */
struct dgem_block {
	/** @page: the first */
	struct page *page;
	/** @first: page of the granule that @page is */
	u16 first;
	/** @order: pages, as a power of two */
	u16 order;
};

/**
 * struct dgem_granule - the pages of a granule
 */
struct dgem_granule {
	/** @own: the mapping that has it cleaned in CPU access windows, or NULL */
	struct dgem_mapping *own;
	/** @count: number of @blocks */
	unsigned int count;
	/** @blocks: by @first, without gaps */
	struct dgem_block blocks[] __counted_by(count);
};

/**
 * struct dgem_pages - the pages of an object, &dgem_object.pages
 */
struct dgem_pages {
	/** @obj: the object */
	struct dgem_object *obj;
	/** @dev: the instance's own device, if blocks have to be chosen for it, or NULL */
	struct device *dev;
	/** @granules: &struct dgem_granule by its place in the object */
	struct xarray granules;
	/** @purged: a bit for each granule that is gone for good, or NULL: none is */
	unsigned long *purged;
	/** @zone: GFP_DMA32 or GFP_DMA once a block was found out of reach, or 0 */
	gfp_t zone;
	/** @order: the largest block that is worth a try */
	unsigned int order;
};

static u64 dgem_pages_granules(const struct dgem_pages *pages)
{
	return DIV_ROUND_UP_ULL(pages->obj->base.size, DGEM_GRANULE);
}

/**
 * dgem_pages_granule_bytes - the size of a granule
 * @pages: an object's pages
 * @nr: the granule, in range
 *
 * Return: bytes.
 */
u64 dgem_pages_granule_bytes(const struct dgem_pages *pages, u64 nr)
{
	return min_t(u64, pages->obj->base.size - nr * DGEM_GRANULE, DGEM_GRANULE);
}

/**
 * dgem_mem_alloc_pages - allocate a block within a device's reach
 * @dev: the device; NULL: any block will do
 * @gfp: how, without a zone
 * @order: pages, as a power of two
 * @zone: 0 at first; zones whose blocks were out of reach are not tried again
 *
 * Return: the first page, or NULL.
 */
struct page *dgem_mem_alloc_pages(struct device *dev, gfp_t gfp, unsigned int order, gfp_t *zone)
{
	struct page *page;

	for (;;) {
		page = alloc_pages(gfp | *zone, order);
		if (!page || !dev || dgem_dma_reaches(dev, page, PAGE_SIZE << order))
			return page;
		__free_pages(page, order);
		if (*zone == GFP_DMA)
			return NULL;
		*zone = *zone ? GFP_DMA : GFP_DMA32;
	}
}

static struct page *dgem_block_alloc(struct dgem_pages *pages, unsigned int order)
{
	gfp_t gfp = DGEM_GFP | __GFP_ZERO;

	/* large blocks are optional: nothing is reclaimed for them */
	if (order)
		gfp = (gfp & ~__GFP_RETRY_MAYFAIL) | __GFP_NORETRY;
	if (order && (pages->obj->flags & DRM_DGEM_CREATE_DIRECT_IO))
		gfp |= __GFP_COMP;
	return dgem_mem_alloc_pages(pages->dev, gfp, order, &pages->zone);
}

static void dgem_granule_free(struct dgem_pages *pages, struct dgem_granule *granule)
{
	unsigned int i;

	if (granule->own)
		dgem_mapping_destroy(pages->obj, granule->own);
	/* a folio that is in use elsewhere stays, all of it, until it is not */
	for (i = 0; i < granule->count; i++)
		__free_pages(granule->blocks[i].page, granule->blocks[i].order);
	kfree(granule);
}

/* room for one more block */
static struct dgem_granule *dgem_granule_grow(struct dgem_granule *granule, unsigned int *room)
{
	struct dgem_granule *grown;

	if (granule && granule->count < *room)
		return granule;
	/* mostly there are few */
	*room = max(2 * *room, 4U);
	grown = krealloc(granule, struct_size(grown, blocks, *room), DGEM_GFP);
	if (grown && !granule) {
		grown->own = NULL;
		grown->count = 0;
	}
	return grown;
}

/* an order that failed once is not tried again for the same object */
static struct dgem_granule *dgem_granule_alloc(struct dgem_pages *pages, unsigned int count)
{
	struct dgem_granule *granule = NULL, *grown;
	unsigned int first = 0, room = 0;

	while (first < count) {
		struct dgem_block block = { .first = first };

		grown = dgem_granule_grow(granule, &room);
		if (!grown)
			goto err_free;
		granule = grown;
		block.order = min_t(unsigned int, pages->order, ilog2(count - first));
		block.page = dgem_block_alloc(pages, block.order);
		if (!block.page) {
			if (!block.order)
				goto err_free;
			pages->order = block.order - 1;
			continue;
		}
		granule->count++;
		granule->blocks[granule->count - 1] = block;
		first += 1U << block.order;
	}
	return granule;

err_free:
	if (granule)
		dgem_granule_free(pages, granule);
	return NULL;
}

/* allocate a granule that is missing */
static int dgem_pages_add(struct dgem_pages *pages, u64 nr)
{
	u64 bytes = dgem_pages_granule_bytes(pages, nr);
	struct dgem_granule *granule;

	if (!dgem_memory_begin(bytes))
		return -ENOMEM;
	granule = dgem_granule_alloc(pages, bytes >> PAGE_SHIFT);
	dgem_memory_end(bytes);
	if (!granule)
		return -ENOMEM;
	if (!xa_is_err(xa_store(&pages->granules, nr, granule, DGEM_GFP))) {
		granule->own = dgem_mapping_create_own(pages->obj, nr * DGEM_GRANULE, bytes);
		if (!IS_ERR(granule->own))
			return 0;
		granule->own = NULL;
		xa_erase(&pages->granules, nr);
	}
	dgem_granule_free(pages, granule);
	return -ENOMEM;
}

/**
 * dgem_pages_populate - see to it that a granule is there
 * @obj: an object that has &dgem_object.pages, its reservation lock held
 * @nr: the granule, in range
 *
 * Return: 0, -ENXIO if it was purged, -ENOSPC if a quota does not allow for it, -ENOMEM, or -EINTR
 * when the process dies.
 */
int dgem_pages_populate(struct dgem_object *obj, u64 nr)
{
	struct dgem_pages *pages = obj->pages;
	u64 bytes = dgem_pages_granule_bytes(pages, nr);
	int ret;

	dma_resv_assert_held(obj->base.resv);

	if (xa_load(&pages->granules, nr))
		return 0;
	if (pages->purged && test_bit(nr, pages->purged))
		return -ENXIO;
	if (fatal_signal_pending(current))
		return -EINTR;
	ret = dgem_quota_charge(obj, bytes);
	if (ret)
		return ret;
	ret = dgem_pages_add(pages, nr);
	if (ret)
		dgem_quota_uncharge(obj, bytes);
	return ret;
}

/**
 * dgem_pages_punch - remember that granules are gone for good
 * @pages: an object's pages, under the reservation lock
 * @first: the first granule
 * @last: the last one, in range
 *
 * Return: 0, or -ENOMEM with nothing changed.
 */
int dgem_pages_punch(struct dgem_pages *pages, u64 first, u64 last)
{
	unsigned long *purged = pages->purged;

	dma_resv_assert_held(pages->obj->base.resv);

	if (!purged) {
		purged = kvcalloc(BITS_TO_LONGS(dgem_pages_granules(pages)), sizeof(*purged),
				  DGEM_GFP);
		if (!purged)
			return -ENOMEM;
		WRITE_ONCE(pages->purged, purged);
	}
	bitmap_set(purged, first, last - first + 1);
	return 0;
}

/**
 * dgem_pages_purge - give granules back
 * @pages: an object's pages, under the reservation lock; nobody uses these
 * @first: the first granule
 * @last: the last one; some may not be there
 *
 * Return: bytes that went.
 */
u64 dgem_pages_purge(struct dgem_pages *pages, u64 first, u64 last)
{
	struct dgem_granule *granule;
	unsigned long nr;
	u64 freed = 0;

	dma_resv_assert_held(pages->obj->base.resv);

	xa_for_each_range(&pages->granules, nr, granule, first, last) {
		xa_erase(&pages->granules, nr);
		freed += dgem_pages_granule_bytes(pages, nr);
		dgem_granule_free(pages, granule);
		cond_resched();
	}
	return freed;
}

static void dgem_mem_pages_free(struct dgem_object *obj)
{
	struct dgem_pages *pages = obj->pages;
	struct dgem_granule *granule;
	unsigned long nr;

	xa_for_each(&pages->granules, nr, granule) {
		dgem_granule_free(pages, granule);
		cond_resched();
	}
	xa_destroy(&pages->granules);
	kvfree(pages->purged);
	kfree(pages);
}

static int dgem_mem_pages_alloc(struct dgem_object *obj, const struct drm_dgem_create *args)
{
	bool folios = args->flags & DRM_DGEM_CREATE_DIRECT_IO;
	struct device *dev = dgem_dma_dev(obj->base.dev);
	struct dgem_pages *pages;
	u64 nr;
	int ret;

	pages = kzalloc_obj(*pages, DGEM_GFP);
	if (!pages)
		return -ENOMEM;
	pages->obj = obj;
	pages->dev = dgem_dma_reach(dev) == DGEM_REACH_SOME ? dev : NULL;
	pages->order = DGEM_GRANULE_ORDER;
	dgem_folio_limit(folios, &pages->order);
	/*
	 * A process that gives advice about a part of a folio has the kernel try to split it. That
	 * fails for ours, but kernels without huge pages warn then, or try for ever.
	 */
	if (folios && !IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE))
		pages->order = 0;
	xa_init_flags(&pages->granules, XA_FLAGS_ACCOUNT);
	obj->pages = pages;
	obj->cache_granted = DRM_DGEM_CACHE_CACHED;
	if (obj->sparse)
		return 0;

	/* don't take all memory just to find that it isn't enough */
	ret = obj->base.size >> PAGE_SHIFT >= totalram_pages() ? -ENOMEM : 0;
	for (nr = 0; !ret && nr < dgem_pages_granules(pages); nr++) {
		ret = fatal_signal_pending(current) ? -EINTR : dgem_pages_add(pages, nr);
		cond_resched();
	}
	if (ret)
		dgem_mem_pages_free(obj);
	return ret;
}

/* the block of a page, or NULL; @page is set to its page of the block */
static const struct dgem_block *dgem_pages_block(struct dgem_pages *pages, u64 *page)
{
	struct dgem_granule *granule = xa_load(&pages->granules, *page / DGEM_GRANULE_PAGES);
	unsigned int nr = *page % DGEM_GRANULE_PAGES, low = 0, high = granule ? granule->count : 0;

	while (low < high) {
		unsigned int middle = (low + high) / 2;
		const struct dgem_block *block = &granule->blocks[middle];

		if (nr < block->first) {
			high = middle;
		} else if (nr - block->first >= 1U << block->order) {
			low = middle + 1;
		} else {
			*page = nr - block->first;
			return block;
		}
	}
	return NULL;
}

static unsigned long dgem_mem_pages_pfn(struct dgem_object *obj, u64 page, u64 *run)
{
	const struct dgem_block *block = dgem_pages_block(obj->pages, &page);

	*run = block ? (1U << block->order) - page : 0;
	return block ? page_to_pfn(block->page) + page : 0;
}

static void *dgem_mem_pages_at(struct dgem_object *obj, u64 page, u64 *run)
{
	unsigned long pfn = dgem_mem_pages_pfn(obj, page, run);

	/* GFP_KERNEL gives no high memory */
	return *run ? page_address(pfn_to_page(pfn)) : NULL;
}

static void *dgem_mem_pages_map_kernel(struct dgem_object *obj, u64 count)
{
	struct page **list;
	u64 page, pfn, run;
	void *vaddr = NULL;

	if (count > INT_MAX)
		return NULL;
	/* for a moment, and dma-buf would warn if a cgroup did not allow for it */
	list = kvmalloc_array(count, sizeof(*list), DGEM_GFP & ~__GFP_ACCOUNT);
	if (!list)
		return NULL;
	for (page = 0; page < count; page++) {
		pfn = dgem_mem_pages_pfn(obj, page, &run);
		if (!run)
			goto out_free;
		list[page] = pfn_to_page(pfn);
	}
	vaddr = vmap(list, count, VM_MAP, PAGE_KERNEL);
out_free:
	kvfree(list);
	return vaddr;
}

static int dgem_mem_pages_vmap(struct dgem_object *obj, struct iosys_map *map)
{
	u64 count = obj->base.size >> PAGE_SHIFT, pfn, run;
	void *vaddr = NULL;

	if (!dgem_mapping_run(obj, 0, count, &pfn, &run))
		vaddr = run == count ? page_address(pfn_to_page(pfn)) :
			dgem_mem_pages_map_kernel(obj, count);
	if (!vaddr)
		return -ENOMEM;
	iosys_map_set_vaddr(map, vaddr);
	return 0;
}

static void dgem_mem_pages_vunmap(struct dgem_object *obj, struct iosys_map *map)
{
	if (is_vmalloc_addr(map->vaddr))
		vunmap(map->vaddr);
}

static bool dgem_mem_pages_held(struct dgem_object *obj, u64 *page)
{
	u64 count = obj->base.size >> PAGE_SHIFT, run;

	for (; *page < count; *page += run) {
		unsigned long pfn = dgem_mem_pages_pfn(obj, *page, &run);

		if (!run)
			break;
		/* a folio's references are counted at its head */
		if (page_count(compound_head(pfn_to_page(pfn))) > 1)
			return true;
	}
	return false;
}

/** dgem_mem_pages - cached memory in blocks of pages */
const struct dgem_mem_ops dgem_mem_pages = {
	.name = "pages",
	.kind = DRM_DGEM_KIND_PAGES,
	.caps = DRM_DGEM_CAP_MMAP | DRM_DGEM_CAP_EXPORT,
	.caches = BIT(DRM_DGEM_CACHE_DEFAULT) | BIT(DRM_DGEM_CACHE_CACHED),
	.flags = DRM_DGEM_CREATE_LAZY | DRM_DGEM_CREATE_DIRECT_IO,
	.alloc = dgem_mem_pages_alloc,
	.free = dgem_mem_pages_free,
	.pfn = dgem_mem_pages_pfn,
	.at = dgem_mem_pages_at,
	.vmap = dgem_mem_pages_vmap,
	.vunmap = dgem_mem_pages_vunmap,
	.held = dgem_mem_pages_held,
};
