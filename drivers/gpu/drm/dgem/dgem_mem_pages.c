// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/iosys-map.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include <drm/dgem_drm.h>
#include <drm/drm_device.h>

#include "compat/dgem_compat.h"
#include "dgem_chunk.h"
#include "dgem_device.h"
#include "dgem_gem.h"
#include "dgem_mem.h"
#include "dgem_pages.h"

/**
 * DOC: memory in pages
 *
 * Objects of this kind are made of chunks, which are as contiguous as the kernel has memory to
 * spare. They take nothing from CMA and may be as large as memory is; lazy ones may be larger, as
 * long as nobody touches it all. A device sees a scatterlist in which blocks that happen to follow
 * each other are one; the CPU maps blocks of 2 MiB by one entry each.
 *
 * All pages have kernel addresses, so that the cpu engine and debuggers need no mapping of the
 * whole; vmap() is for importers.
 */

static struct dgem_pages *to_dgem_pages(const struct dgem_object *obj)
{
	return obj->mem;
}

static int dgem_mem_pages_alloc(struct dgem_object *obj, const struct drm_dgem_create *args)
{
	struct dgem_pages *pages;
	u64 added = 0;
	int ret;

	pages = dgem_pages_new(dgem_dma_dev(obj->base.dev), obj->base.size >> PAGE_SHIFT,
			       args->flags & DRM_DGEM_CREATE_DIRECT_IO, &obj->maps_lock);
	if (!pages)
		return -ENOMEM;
	if (!(args->flags & DRM_DGEM_CREATE_LAZY)) {
		ret = dgem_pages_populate(pages, 0, pages->count, &added);
		if (ret) {
			dgem_pages_free(pages);
			return ret;
		}
	}
	obj->mem = pages;
	obj->cache_granted = DRM_DGEM_CACHE_CACHED;
	return 0;
}

static void dgem_mem_pages_free(struct dgem_object *obj)
{
	dgem_pages_free(to_dgem_pages(obj));
}

static s64 dgem_mem_pages_missing(struct dgem_object *obj, u64 first, u64 count)
{
	return dgem_pages_missing(to_dgem_pages(obj), first, count);
}

static int dgem_mem_pages_populate(struct dgem_object *obj, u64 first, u64 count, u64 *added)
{
	return dgem_pages_populate(to_dgem_pages(obj), first, count, added);
}

static int dgem_mem_pages_purge(struct dgem_object *obj, u64 first, u64 count, u64 *freed)
{
	struct dgem_pages *pages = to_dgem_pages(obj);

	return pages->vmaps ? -EBUSY : dgem_pages_purge(pages, first, count, freed);
}

static u64 dgem_mem_pages_extent(struct dgem_object *obj, u64 page, u64 *first)
{
	return dgem_pages_extent(to_dgem_pages(obj), page, first);
}

static unsigned long dgem_mem_pages_pfn(struct dgem_object *obj, u64 page, u64 *run)
{
	struct page *found = dgem_pages_block(to_dgem_pages(obj), page, run);

	return found ? page_to_pfn(found) : 0;
}

static void *dgem_mem_pages_at(struct dgem_object *obj, u64 page, u64 *run)
{
	struct page *found = dgem_pages_block(to_dgem_pages(obj), page, run);

	/* GFP_KERNEL gives no high memory */
	return found ? page_address(found) : NULL;
}

static void *dgem_mem_pages_map_kernel(struct dgem_pages *pages)
{
	struct page **list, *first;
	void *vaddr = NULL;
	u64 page, run;

	first = dgem_pages_run(pages, 0, pages->count, &run);
	if (run == pages->count)
		return page_address(first);
	if (pages->count > INT_MAX)
		return NULL;

	list = kvmalloc_array(pages->count, sizeof(*list), GFP_KERNEL | __GFP_NOWARN);
	if (!list)
		return NULL;
	for (page = 0; page < pages->count; page++) {
		list[page] = dgem_pages_block(pages, page, &run);
		if (!list[page])
			goto out_free;
	}
	vaddr = vmap(list, pages->count, VM_MAP, PAGE_KERNEL);
out_free:
	kvfree(list);
	return vaddr;
}

static int dgem_mem_pages_vmap(struct dgem_object *obj, struct iosys_map *map)
{
	struct dgem_pages *pages = to_dgem_pages(obj);

	if (!pages->vmaps)
		pages->vaddr = dgem_mem_pages_map_kernel(pages);
	if (!pages->vaddr)
		return -ENOMEM;
	pages->vmaps++;
	iosys_map_set_vaddr(map, pages->vaddr);
	return 0;
}

static void dgem_mem_pages_vunmap(struct dgem_object *obj, struct iosys_map *map)
{
	struct dgem_pages *pages = to_dgem_pages(obj);

	if (--pages->vmaps)
		return;
	if (is_vmalloc_addr(pages->vaddr))
		vunmap(pages->vaddr);
	pages->vaddr = NULL;
}

static int dgem_mem_pages_begin(struct dgem_object *obj, u64 offset, u64 length,
				enum dma_data_direction dir)
{
	dgem_pages_sync(to_dgem_pages(obj), offset, length, true);
	return 0;
}

static int dgem_mem_pages_end(struct dgem_object *obj, u64 offset, u64 length,
			      enum dma_data_direction dir)
{
	dgem_pages_sync(to_dgem_pages(obj), offset, length, false);
	return 0;
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
	.get_sgt = dgem_mem_span_sgt,
	.reaches = dgem_mem_span_reaches,
	.pfn = dgem_mem_pages_pfn,
	.at = dgem_mem_pages_at,
	.missing = dgem_mem_pages_missing,
	.populate = dgem_mem_pages_populate,
	.purge = dgem_mem_pages_purge,
	.extent = dgem_mem_pages_extent,
	.granule = DGEM_CHUNK_SIZE,
	.vmap = dgem_mem_pages_vmap,
	.vunmap = dgem_mem_pages_vunmap,
	.begin = dgem_mem_pages_begin,
	.end = dgem_mem_pages_end,
};
