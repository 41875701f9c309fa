// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/cc_platform.h>
#include <linux/dma-mapping.h>
#include <linux/iosys-map.h>
#include <linux/mm.h>
#include <linux/property.h>
#include <linux/scatterlist.h>
#include <linux/vmstat.h>

#include <drm/dgem_drm.h>
#include <drm/drm_device.h>

#include "compat/dgem_compat.h"
#include "dgem_device.h"
#include "dgem_engine.h"
#include "dgem_gem.h"
#include "dgem_mapping.h"
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
 *
 * What CMA gives is charged to the dmem cgroup. What the DMA API takes from elsewhere, because the
 * object is small or CMA is used up, is charged to the memory cgroup as well.
 */

/**
 * DOC: coherent memory
 *
 * dma_alloc_attrs() gives memory that CPU and devices see alike. What that takes is up to the
 * machine: ordinary cached memory where devices snoop, uncached or (if asked for) write-combined
 * memory where they don't; INFO tells which, and user mappings are made by it.
 *
 * The memory is allocated for the instance's own device, which sits behind no IOMMU, so it is
 * physically contiguous; the engine and importers get it by a scatterlist of the same pages, or, if
 * it comes from a region that the kernel does not map ("no-map"), by its physical address. Windows
 * of CPU access need nothing here, and users need none: an engine that would work on a bounced copy
 * of it is not offered such memory, or does not get it.
 */

/**
 * dgem_mem_phys_pfn - page frame of a page of contiguous memory, see &dgem_mem_ops.pfn
 * @obj: the object, with &dgem_object.phys
 * @page: page of the object, in range
 * @run: set to the pages from there to the end
 *
 * Return: the frame number.
 */
unsigned long dgem_mem_phys_pfn(struct dgem_object *obj, u64 page, u64 *run)
{
	*run = (obj->base.size >> PAGE_SHIFT) - page;
	return PHYS_PFN(obj->phys) + page;
}

/**
 * dgem_mem_vaddr_at - kernel address of a page of such memory, see &dgem_mem_ops.at
 * @obj: the object
 * @page: page of the object, in range
 * @run: set to the pages from there to the end
 *
 * Return: the address.
 */
void *dgem_mem_vaddr_at(struct dgem_object *obj, u64 page, u64 *run)
{
	*run = (obj->base.size >> PAGE_SHIFT) - page;
	return obj->vaddr + (page << PAGE_SHIFT);
}

/*
 * Is it for sure that the page allocator is asked? CMA has nothing for single pages, and may have
 * none in one piece. What is set aside for the device is not of the page allocator.
 */
static bool dgem_cma_short(struct device *dev, size_t size)
{
	if (device_property_present(dev->parent, "memory-region"))
		return false;
	return size <= PAGE_SIZE || global_zone_page_state(NR_FREE_CMA_PAGES) < size >> PAGE_SHIFT;
}

static bool dgem_contiguous_offered(struct dgem_device *ddev)
{
	/* how a guest maps memory that it shares with the host is the DMA API's to know */
	return !cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT);
}

static int dgem_contiguous_alloc(struct dgem_object *obj, const struct drm_dgem_create *args)
{
	struct device *dev = dgem_dma_dev(obj->base.dev);
	size_t counted = dgem_cma_short(dev, obj->base.size) ? obj->base.size : 0;
	struct page *page;

	if (!dgem_memory_begin(counted))
		return -ENOMEM;
	page = dma_alloc_pages(dev, obj->base.size, &obj->dma, DMA_BIDIRECTIONAL, DGEM_GFP);
	dgem_memory_end(counted);
	if (!page)
		return -ENOMEM;

	dma_sync_single_for_device(dev, obj->dma, obj->base.size, DMA_BIDIRECTIONAL);
	obj->phys = page_to_phys(page);
	obj->vaddr = page_address(page);
	obj->own_sync = dma_need_sync(dev, obj->dma);
	obj->cache_granted = DRM_DGEM_CACHE_CACHED;
	return 0;
}

static void dgem_contiguous_free(struct dgem_object *obj)
{
	dma_free_pages(dgem_dma_dev(obj->base.dev), obj->base.size,
		       pfn_to_page(PHYS_PFN(obj->phys)), obj->dma, DMA_BIDIRECTIONAL);
}

static int dgem_contiguous_sync(struct dgem_object *obj, u64 offset, u64 length,
				enum dma_data_direction dir, bool begin)
{
	struct device *dev = dgem_dma_dev(obj->base.dev);

	if (begin)
		dma_sync_single_for_cpu(dev, obj->dma + offset, length, DMA_BIDIRECTIONAL);
	else
		dma_sync_single_for_device(dev, obj->dma + offset, length, DMA_BIDIRECTIONAL);
	return 0;
}

/** dgem_mem_contiguous - cached memory in one piece */
const struct dgem_mem_ops dgem_mem_contiguous = {
	.name = "contiguous",
	.kind = DRM_DGEM_KIND_CONTIGUOUS,
	.caps = DRM_DGEM_CAP_MMAP | DRM_DGEM_CAP_EXPORT,
	.caches = BIT(DRM_DGEM_CACHE_DEFAULT) | BIT(DRM_DGEM_CACHE_CACHED),
	.region = DGEM_REGION_CONTIGUOUS,
	.offered = dgem_contiguous_offered,
	.alloc = dgem_contiguous_alloc,
	.free = dgem_contiguous_free,
	.pfn = dgem_mem_phys_pfn,
	.at = dgem_mem_vaddr_at,
	.sync = dgem_contiguous_sync,
};

static unsigned long dgem_coherent_attrs(const struct dgem_object *obj)
{
	unsigned long attrs = DMA_ATTR_NO_WARN;

	if (obj->cache_asked == DRM_DGEM_CACHE_WC)
		attrs |= DMA_ATTR_WRITE_COMBINE;
	return attrs;
}

static u32 dgem_coherent_granted(const struct dgem_object *obj)
{
	/* a device that needs no sync of this memory snoops it: the CPU maps it cached */
	if (!dma_need_sync(dgem_dma_dev(obj->base.dev), obj->dma))
		return DRM_DGEM_CACHE_CACHED;
	if (IS_ENABLED(CONFIG_ARCH_HAS_DMA_WRITE_COMBINE) &&
	    obj->cache_asked == DRM_DGEM_CACHE_WC)
		return DRM_DGEM_CACHE_WC;
	return DRM_DGEM_CACHE_UNCACHED;
}

static bool dgem_coherent_offered(struct dgem_device *ddev)
{
	return ddev->engine->reach != DGEM_REACH_NONE && dgem_contiguous_offered(ddev);
}

static void dgem_coherent_free(struct dgem_object *obj)
{
	dma_free_attrs(dgem_dma_dev(obj->base.dev), obj->base.size, obj->vaddr, obj->dma,
		       dgem_coherent_attrs(obj));
}

static int dgem_coherent_alloc(struct dgem_object *obj, const struct drm_dgem_create *args)
{
	struct device *dev = dgem_dma_dev(obj->base.dev);
	size_t counted = dgem_cma_short(dev, obj->base.size) ? obj->base.size : 0;
	unsigned long pfn;
	struct sg_table sgt;
	int ret;

	if (!dgem_memory_begin(counted))
		return -ENOMEM;
	obj->vaddr = dma_alloc_attrs(dev, obj->base.size, &obj->dma, DGEM_GFP,
				     dgem_coherent_attrs(obj));
	dgem_memory_end(counted);
	if (!obj->vaddr)
		return -ENOMEM;

	ret = dma_get_sgtable_attrs(dev, &sgt, obj->vaddr, obj->dma, obj->base.size,
				    dgem_coherent_attrs(obj));
	if (ret) {
		dgem_coherent_free(obj);
		return ret;
	}
	pfn = page_to_pfn(sg_page(sgt.sgl));
	sg_free_table(&sgt);

	obj->phys = PFN_PHYS(pfn);
	obj->coherent = true;
	obj->resource = !dgem_dma_is_ram(obj->phys, obj->base.size);
	obj->cache_granted = dgem_coherent_granted(obj);
	return 0;
}

/** dgem_mem_coherent - memory that needs no syncing */
const struct dgem_mem_ops dgem_mem_coherent = {
	.name = "coherent",
	.kind = DRM_DGEM_KIND_COHERENT,
	.caps = DRM_DGEM_CAP_MMAP | DRM_DGEM_CAP_EXPORT,
	.caches = BIT(DRM_DGEM_CACHE_DEFAULT) | BIT(DRM_DGEM_CACHE_WC),
	.region = DGEM_REGION_CONTIGUOUS,
	.offered = dgem_coherent_offered,
	.alloc = dgem_coherent_alloc,
	.free = dgem_coherent_free,
	.pfn = dgem_mem_phys_pfn,
	.at = dgem_mem_vaddr_at,
};
