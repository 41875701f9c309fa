// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 *
 * What the kinds of memory have in common whose pages stay where they are.
 */

#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/iosys-map.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "compat/dgem_compat.h"
#include "dgem_gem.h"
#include "dgem_mem.h"
#include "dgem_range.h"

/**
 * dgem_mem_span_pfn - page frame of a page of contiguous memory, see &dgem_mem_ops.pfn
 * @obj: the object
 * @page: page of the object, in range
 * @run: set to the pages from there to the end
 *
 * Return: the frame number.
 */
unsigned long dgem_mem_span_pfn(struct dgem_object *obj, u64 page, u64 *run)
{
	*run = (obj->base.size >> PAGE_SHIFT) - page;
	return page_to_pfn(obj->page) + page;
}

static unsigned long dgem_mem_pfn(struct dgem_object *obj, u64 page, u64 *run)
{
	return obj->ops->pfn ? obj->ops->pfn(obj, page, run) : dgem_mem_span_pfn(obj, page, run);
}

/* the physically contiguous bytes from a page on: runs that continue each other are one */
static u64 dgem_mem_stretch(struct dgem_object *obj, u64 page, u64 pages, u64 *addr)
{
	unsigned long pfn;
	u64 count, run;

	pfn = dgem_mem_pfn(obj, page, &count);
	while (count < pages && dgem_mem_pfn(obj, page + count, &run) == pfn + count)
		count += run;
	*addr = PFN_PHYS(pfn);
	return min(count, pages) << PAGE_SHIFT;
}

/**
 * dgem_mem_span_range - table of some of an object's pages
 * @obj: the object, with &dgem_object.page or &dgem_mem_ops.pfn
 * @dev: device to split it for
 * @offset: first byte, on a page
 * @length: bytes, whole pages, not zero, all there
 *
 * Return: the table or -ENOMEM.
 */
struct sg_table *dgem_mem_span_range(struct dgem_object *obj, struct device *dev, u64 offset,
				     u64 length)
{
	unsigned long boundary = dma_get_seg_boundary(dev);
	/* what is bounced has to fit into a slot of the bounce buffer */
	u32 max_seg = min_t(size_t, dma_get_max_seg_size(dev), dma_max_mapping_size(dev));
	u64 at, end = offset + length, addr, left = 0;
	struct scatterlist *sg;
	unsigned int i, nents = 0;
	struct sg_table *sgt;

	for (at = offset; at < end; at += left) {
		left = dgem_mem_stretch(obj, at >> PAGE_SHIFT, (end - at) >> PAGE_SHIFT, &addr);
		nents += dgem_span_segments(addr, left, max_seg, boundary);
	}

	sgt = kmalloc_obj(*sgt);
	if (!sgt)
		return ERR_PTR(-ENOMEM);
	if (sg_alloc_table(sgt, nents, GFP_KERNEL)) {
		kfree(sgt);
		return ERR_PTR(-ENOMEM);
	}

	at = offset;
	left = 0;
	for_each_sgtable_sg(sgt, sg, i) {
		u32 len;

		if (!left)
			left = dgem_mem_stretch(obj, at >> PAGE_SHIFT, (end - at) >> PAGE_SHIFT,
						&addr);
		len = dgem_span_next(addr, left, max_seg, boundary);
		sg_set_page(sg, pfn_to_page(PHYS_PFN(addr)), len, offset_in_page(addr));
		addr += len;
		left -= len;
		at += len;
	}
	return sgt;
}

/**
 * dgem_mem_span_sgt - table of an object's pages, see &dgem_mem_ops.get_sgt
 * @obj: the object, with &dgem_object.page or &dgem_mem_ops.pfn
 * @dev: device to split it for
 *
 * Return: the table or -ENOMEM.
 */
struct sg_table *dgem_mem_span_sgt(struct dgem_object *obj, struct device *dev)
{
	return dgem_mem_span_range(obj, dev, 0, obj->base.size);
}

/**
 * dgem_mem_span_reaches - can a device take the memory as it is, see &dgem_mem_ops.reaches
 * @obj: the object, with &dgem_object.page or &dgem_mem_ops.pfn
 * @dev: the device
 *
 * A device that would get a bounced copy can't share the memory: two copies overwrite each other.
 * dma_max_mapping_size() is limited just where the DMA API may bounce for the device at all: for a
 * device whose mask is too small for this machine, or one that always bounces.
 *
 * Return: 0, or -EBUSY if the memory would be bounced.
 */
int dgem_mem_span_reaches(struct dgem_object *obj, struct device *dev)
{
	u64 mask = min_not_zero(dma_get_mask(dev), dev->bus_dma_limit);
	u64 offset, addr, length;

	if (dma_max_mapping_size(dev) == SIZE_MAX)
		return 0;
	if (!dma_addressing_limited(dev))
		return -EBUSY;
	for (offset = 0; offset < obj->base.size; offset += length) {
		length = dgem_mem_stretch(obj, offset >> PAGE_SHIFT,
					  (obj->base.size - offset) >> PAGE_SHIFT, &addr);
		if (addr + length - 1 > mask)
			return -EBUSY;
	}
	return 0;
}

/**
 * dgem_mem_vaddr_vmap - kernel mapping of memory that always has one, see &dgem_mem_ops.vmap
 * @obj: the object
 * @map: set to the address
 *
 * Return: 0.
 */
int dgem_mem_vaddr_vmap(struct dgem_object *obj, struct iosys_map *map)
{
	iosys_map_set_vaddr(map, obj->vaddr);
	return 0;
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

/**
 * dgem_mem_limited - is there memory that a device can't reach by itself
 * @dev: the device
 *
 * dma_addressing_limited() says so of each mask below 32 bits, even where an IOMMU maps whatever
 * memory there is into what the device reaches.
 *
 * Return: whether memory for the device has to be within its mask.
 */
bool dgem_mem_limited(struct device *dev)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	if (domain && iommu_is_dma_domain(domain))
		return false;
	return dma_addressing_limited(dev);
}
