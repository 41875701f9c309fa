// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/dma-mapping.h>
#include <linux/iosys-map.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include <drm/dgem_drm.h>
#include <drm/drm_device.h>

#include "compat/dgem_compat.h"
#include "dgem_device.h"
#include "dgem_gem.h"
#include "dgem_mem.h"

/**
 * DOC: noncontiguous memory
 *
 * dma_alloc_noncontiguous() gives memory that is one segment for the instance's own device. Behind
 * an IOMMU the pages are scattered and the I/O addresses are not; elsewhere it is a contiguous
 * block. The engine and importers have mappings of their own, by a scatterlist of the pages.
 *
 * The length of a segment is 32 bits wide, so without an IOMMU an object has to be smaller than
 * 4 GiB. With one, that length is cut short and nobody needs it.
 *
 * The allocation is a streaming mapping as well: fresh zeroes are cleaned, and windows of CPU
 * access synced, by it. The DMA API finds the memory behind an I/O address by looking up the first
 * page, so what is synced in one go must be contiguous.
 */

/**
 * struct dgem_noncontiguous - what the kind keeps of an object
 */
struct dgem_noncontiguous {
	/** @sgt: the memory, mapped for the instance's own device */
	struct sg_table *sgt;
	/** @pages: its pages if there is more than one piece, else NULL; see &dgem_object.page */
	struct page **pages;
};

static void dgem_noncontiguous_sync(struct dgem_object *obj, u64 offset, u64 length, bool for_cpu)
{
	struct dgem_noncontiguous *mem = obj->mem;
	struct device *dev = dgem_dma_dev(obj->base.dev);
	struct scatterlist *sg;
	u64 start = 0;
	int i;

	for_each_sgtable_sg(mem->sgt, sg, i) {
		u64 end = start + sg->length, first = max(start, offset);

		if (start >= offset + length)
			break;
		if (end > offset) {
			size_t len = min(end, offset + length) - first;

			if (for_cpu)
				dma_sync_single_for_cpu(dev, obj->dma + first, len,
							DMA_BIDIRECTIONAL);
			else
				dma_sync_single_for_device(dev, obj->dma + first, len,
							   DMA_BIDIRECTIONAL);
		}
		start = end;
	}
}

static int dgem_noncontiguous_list_pages(struct dgem_object *obj)
{
	u64 i = 0, count = obj->base.size >> PAGE_SHIFT;
	struct dgem_noncontiguous *mem = obj->mem;
	struct sg_page_iter iter;

	if (mem->sgt->orig_nents == 1) {
		obj->page = sg_page(mem->sgt->sgl);
		return 0;
	}

	mem->pages = kvmalloc_array(count, sizeof(*mem->pages), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!mem->pages)
		return -ENOMEM;
	for_each_sgtable_page(mem->sgt, &iter, 0) {
		/* the IOMMU's pages may be larger than ours */
		if (i == count)
			break;
		mem->pages[i++] = sg_page_iter_page(&iter);
	}
	return 0;
}

static void dgem_noncontiguous_free(struct dgem_object *obj)
{
	struct dgem_noncontiguous *mem = obj->mem;

	dma_free_noncontiguous(dgem_dma_dev(obj->base.dev), obj->base.size, mem->sgt,
			       DMA_BIDIRECTIONAL);
	kvfree(mem->pages);
	kfree(mem);
}

static int dgem_noncontiguous_alloc(struct dgem_object *obj, const struct drm_dgem_create *args)
{
	struct device *dev = dgem_dma_dev(obj->base.dev);
	struct dgem_noncontiguous *mem;
	int ret;

	if (upper_32_bits(obj->base.size) && !device_iommu_mapped(dev))
		return -EINVAL;
	/* spares the DMA API an array of pages that it would warn of */
	if (obj->base.size >> PAGE_SHIFT >= totalram_pages())
		return -ENOMEM;

	mem = kzalloc_obj(*mem);
	if (!mem)
		return -ENOMEM;
	mem->sgt = dma_alloc_noncontiguous(dev, obj->base.size, DMA_BIDIRECTIONAL,
					   GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN, 0);
	if (!mem->sgt) {
		kfree(mem);
		return -ENOMEM;
	}

	obj->mem = mem;
	obj->dma = sg_dma_address(mem->sgt->sgl);
	ret = dgem_noncontiguous_list_pages(obj);
	if (ret) {
		dgem_noncontiguous_free(obj);
		return ret;
	}

	dgem_noncontiguous_sync(obj, 0, obj->base.size, false);
	obj->cache_granted = DRM_DGEM_CACHE_CACHED;
	return 0;
}

static unsigned long dgem_noncontiguous_pfn(struct dgem_object *obj, u64 page, u64 *run)
{
	struct dgem_noncontiguous *mem = obj->mem;

	if (!mem->pages)
		return dgem_mem_span_pfn(obj, page, run);
	*run = 1;
	return page_to_pfn(mem->pages[page]);
}

static int dgem_noncontiguous_vmap(struct dgem_object *obj, struct iosys_map *map)
{
	struct dgem_noncontiguous *mem = obj->mem;
	void *vaddr = dma_vmap_noncontiguous(dgem_dma_dev(obj->base.dev), obj->base.size, mem->sgt);

	if (!vaddr)
		return -ENOMEM;
	iosys_map_set_vaddr(map, vaddr);
	return 0;
}

static void dgem_noncontiguous_vunmap(struct dgem_object *obj, struct iosys_map *map)
{
	dma_vunmap_noncontiguous(dgem_dma_dev(obj->base.dev), map->vaddr);
}

static int dgem_noncontiguous_begin(struct dgem_object *obj, u64 offset, u64 length,
				    enum dma_data_direction dir)
{
	dgem_noncontiguous_sync(obj, offset, length, true);
	return 0;
}

static int dgem_noncontiguous_end(struct dgem_object *obj, u64 offset, u64 length,
				  enum dma_data_direction dir)
{
	dgem_noncontiguous_sync(obj, offset, length, false);
	return 0;
}

/** dgem_mem_noncontiguous - cached memory that is one segment for the instance's device */
const struct dgem_mem_ops dgem_mem_noncontiguous = {
	.name = "noncontiguous",
	.kind = DRM_DGEM_KIND_NONCONTIGUOUS,
	.caps = DRM_DGEM_CAP_MMAP | DRM_DGEM_CAP_EXPORT,
	.caches = BIT(DRM_DGEM_CACHE_DEFAULT) | BIT(DRM_DGEM_CACHE_CACHED),
	.flags = DRM_DGEM_CREATE_PREFAULT,
	.alloc = dgem_noncontiguous_alloc,
	.free = dgem_noncontiguous_free,
	.get_sgt = dgem_mem_span_sgt,
	.reaches = dgem_mem_span_reaches,
	.pfn = dgem_noncontiguous_pfn,
	.vmap = dgem_noncontiguous_vmap,
	.vunmap = dgem_noncontiguous_vunmap,
	.begin = dgem_noncontiguous_begin,
	.end = dgem_noncontiguous_end,
};
