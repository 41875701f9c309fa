// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/dma-mapping.h>
#include <linux/mm.h>

#include <drm/dgem_drm.h>
#include <drm/drm_device.h>

#include "compat/dgem_compat.h"
#include "dgem_device.h"
#include "dgem_gem.h"
#include "dgem_mem.h"

/**
 * DOC: contiguous memory
 *
 * dma_alloc_pages() gives memory that is contiguous (from CMA where there is one), within reach of
 * the instance's mask, and cached. The memory is allocated for the instance's own device, which has
 * the engine's mask, and only mapped for the engine, so the engine may go away first.
 *
 * dma_alloc_pages() clears the memory through the CPU's cache. Handed out like that, a device that
 * does not snoop would read what was in RAM before: the object is synced to the device as a whole
 * before anybody has a handle for it.
 */

static int dgem_contiguous_alloc(struct dgem_object *obj, const struct drm_dgem_create *args)
{
	struct device *dev = dgem_dma_dev(obj->base.dev);

	obj->page = dma_alloc_pages(dev, obj->base.size, &obj->dma, DMA_BIDIRECTIONAL,
				    GFP_KERNEL | __GFP_NOWARN);
	if (!obj->page)
		return -ENOMEM;

	dma_sync_single_for_device(dev, obj->dma, obj->base.size, DMA_BIDIRECTIONAL);
	obj->vaddr = page_address(obj->page);
	obj->cache_granted = DRM_DGEM_CACHE_CACHED;
	return 0;
}

static void dgem_contiguous_free(struct dgem_object *obj)
{
	dma_free_pages(dgem_dma_dev(obj->base.dev), obj->base.size, obj->page, obj->dma,
		       DMA_BIDIRECTIONAL);
}

static int dgem_contiguous_begin(struct dgem_object *obj, u64 offset, u64 length,
				 enum dma_data_direction dir)
{
	dma_sync_single_for_cpu(dgem_dma_dev(obj->base.dev), obj->dma + offset, length,
				DMA_BIDIRECTIONAL);
	return 0;
}

static int dgem_contiguous_end(struct dgem_object *obj, u64 offset, u64 length,
			       enum dma_data_direction dir)
{
	dma_sync_single_for_device(dgem_dma_dev(obj->base.dev), obj->dma + offset, length,
				   DMA_BIDIRECTIONAL);
	return 0;
}

/** dgem_mem_contiguous - cached memory in one piece */
const struct dgem_mem_ops dgem_mem_contiguous = {
	.name = "contiguous",
	.kind = DRM_DGEM_KIND_CONTIGUOUS,
	.caps = DRM_DGEM_CAP_MMAP | DRM_DGEM_CAP_EXPORT,
	.caches = BIT(DRM_DGEM_CACHE_DEFAULT) | BIT(DRM_DGEM_CACHE_CACHED),
	.flags = DRM_DGEM_CREATE_PREFAULT,
	.region = DGEM_REGION_CONTIGUOUS,
	.alloc = dgem_contiguous_alloc,
	.free = dgem_contiguous_free,
	.get_sgt = dgem_mem_span_sgt,
	.reaches = dgem_mem_span_reaches,
	.pfn = dgem_mem_span_pfn,
	.at = dgem_mem_vaddr_at,
	.vmap = dgem_mem_vaddr_vmap,
	.begin = dgem_contiguous_begin,
	.end = dgem_contiguous_end,
};
