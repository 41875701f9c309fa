// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>

#include <drm/dgem_drm.h>
#include <drm/drm_device.h>

#include "compat/dgem_compat.h"
#include "dgem_device.h"
#include "dgem_engine.h"
#include "dgem_gem.h"
#include "dgem_mem.h"

/**
 * DOC: coherent memory
 *
 * dma_alloc_attrs() gives memory that CPU and devices see alike. What that takes is up to the
 * machine: ordinary cached memory where devices snoop, uncached or (if asked for) write-combined
 * memory where they don't; INFO tells which. It is mapped at once with dma_mmap_attrs(), which
 * alone knows the right protection.
 *
 * The memory is allocated for the instance's own device, which sits behind no IOMMU, so it is
 * physically contiguous; the engine and importers get it by a scatterlist of the same pages.
 * Windows of CPU access need nothing here, and users need none: an engine that would work on a
 * bounced copy of it is not offered such memory, or gets none where it would.
 */

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

/* an engine for which everything is bounced */
static bool dgem_coherent_offered(struct dgem_device *ddev)
{
	struct device *dev = ddev->engine->dev;

	return !ddev->engine->provider || dma_max_mapping_size(dev) == SIZE_MAX ||
	       dma_addressing_limited(dev);
}

static void dgem_coherent_free(struct dgem_object *obj)
{
	dma_free_attrs(dgem_dma_dev(obj->base.dev), obj->base.size, obj->vaddr, obj->dma,
		       dgem_coherent_attrs(obj));
}

static int dgem_coherent_alloc(struct dgem_object *obj, const struct drm_dgem_create *args)
{
	struct dgem_engine *engine = to_dgem_device(obj->base.dev)->engine;
	struct device *dev = dgem_dma_dev(obj->base.dev);
	struct sg_table sgt;
	int ret;

	obj->vaddr = dma_alloc_attrs(dev, obj->base.size, &obj->dma, GFP_KERNEL | __GFP_NOWARN,
				     dgem_coherent_attrs(obj));
	if (!obj->vaddr)
		return -ENOMEM;

	ret = dma_get_sgtable_attrs(dev, &sgt, obj->vaddr, obj->dma, obj->base.size,
				    dgem_coherent_attrs(obj));
	if (ret) {
		dgem_coherent_free(obj);
		return ret;
	}
	obj->page = sg_page(sgt.sgl);
	sg_free_table(&sgt);
	if (engine->provider && dgem_mem_span_reaches(obj, engine->dev)) {
		dgem_coherent_free(obj);
		return -ENOMEM;
	}

	obj->cache_granted = dgem_coherent_granted(obj);
	return 0;
}

static int dgem_coherent_mmap(struct dgem_object *obj, struct vm_area_struct *vma)
{
	return dma_mmap_attrs(dgem_dma_dev(obj->base.dev), vma, obj->vaddr, obj->dma,
			      obj->base.size, dgem_coherent_attrs(obj));
}

/** dgem_mem_coherent - memory that needs no syncing */
const struct dgem_mem_ops dgem_mem_coherent = {
	.name = "coherent",
	.kind = DRM_DGEM_KIND_COHERENT,
	.caps = DRM_DGEM_CAP_MMAP | DRM_DGEM_CAP_EXPORT,
	.caches = BIT(DRM_DGEM_CACHE_DEFAULT) | BIT(DRM_DGEM_CACHE_WC),
	.flags = DRM_DGEM_CREATE_PREFAULT,
	.region = DGEM_REGION_CONTIGUOUS,
	.offered = dgem_coherent_offered,
	.alloc = dgem_coherent_alloc,
	.free = dgem_coherent_free,
	.get_sgt = dgem_mem_span_sgt,
	.reaches = dgem_mem_span_reaches,
	.mmap = dgem_coherent_mmap,
	.at = dgem_mem_vaddr_at,
	.vmap = dgem_mem_vaddr_vmap,
};
