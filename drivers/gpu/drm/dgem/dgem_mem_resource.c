// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 *
 * What the kinds of memory without struct pages have in common: &dgem_object.resource.
 */

#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "compat/dgem_compat.h"
#include "dgem_gem.h"
#include "dgem_mem.h"
#include "dgem_range.h"

/**
 * dgem_mem_resource_sgt - table without pages, see &dgem_mem_ops.get_sgt
 * @obj: the object
 * @dev: device to split it for
 *
 * Return: the table, for dgem_mem_resource_map(), or -ENOMEM.
 */
struct sg_table *dgem_mem_resource_sgt(struct dgem_object *obj, struct device *dev)
{
	unsigned long boundary = dma_get_seg_boundary(dev);
	u32 max_seg = dma_get_max_seg_size(dev);
	u64 addr = obj->phys, left = obj->base.size;
	struct scatterlist *sg;
	struct sg_table *sgt;
	unsigned int i;

	sgt = kmalloc_obj(*sgt);
	if (!sgt)
		return ERR_PTR(-ENOMEM);
	if (sg_alloc_table(sgt, dgem_span_segments(addr, left, max_seg, boundary), GFP_KERNEL)) {
		kfree(sgt);
		return ERR_PTR(-ENOMEM);
	}

	for_each_sgtable_sg(sgt, sg, i) {
		u32 len = dgem_span_next(addr, left, max_seg, boundary);

		sg_set_page(sg, NULL, len, 0);
		addr += len;
		left -= len;
	}
	return sgt;
}

/**
 * dgem_mem_resource_reaches - can a device take the memory, see &dgem_mem_ops.reaches
 * @obj: the object
 * @dev: the device
 *
 * There is no bouncing such memory, and the DMA API warns when asked for the impossible.
 *
 * Return: 0, or -EOPNOTSUPP if the memory is out of the device's reach.
 */
int dgem_mem_resource_reaches(struct dgem_object *obj, struct device *dev)
{
	u64 mask = min_not_zero(dma_get_mask(dev), dev->bus_dma_limit);

	if (device_iommu_mapped(dev))
		return 0;
	return obj->phys + obj->base.size - 1 > mask ? -EOPNOTSUPP : 0;
}

static void dgem_mem_resource_unmap_some(struct device *dev, struct sg_table *sgt,
					 unsigned int count, enum dma_data_direction dir)
{
	struct scatterlist *sg;
	unsigned int i;

	for_each_sg(sgt->sgl, sg, count, i)
		dma_unmap_resource(dev, sg_dma_address(sg), sg_dma_len(sg), dir, 0);
}

/**
 * dgem_mem_resource_map - map a table without pages, see &dgem_mem_ops.map
 * @obj: the object
 * @dev: the device
 * @sgt: the table
 * @dir: who writes
 *
 * Return: 0, -EOPNOTSUPP if the memory is out of the device's reach, or -ENOMEM.
 */
int dgem_mem_resource_map(struct dgem_object *obj, struct device *dev, struct sg_table *sgt,
			  enum dma_data_direction dir)
{
	phys_addr_t addr = obj->phys;
	struct scatterlist *sg;
	unsigned int i;
	int ret;

	ret = dgem_mem_resource_reaches(obj, dev);
	if (ret)
		return ret;

	for_each_sgtable_sg(sgt, sg, i) {
		dma_addr_t dma = dma_map_resource(dev, addr, sg->length, dir, 0);

		if (dma_mapping_error(dev, dma)) {
			dgem_mem_resource_unmap_some(dev, sgt, i, dir);
			return -ENOMEM;
		}
		sg_dma_address(sg) = dma;
		sg_dma_len(sg) = sg->length;
		addr += sg->length;
	}
	return 0;
}

/**
 * dgem_mem_resource_unmap - undo dgem_mem_resource_map(), see &dgem_mem_ops.unmap
 * @obj: the object
 * @dev: the device
 * @sgt: the table
 * @dir: as it was mapped
 */
void dgem_mem_resource_unmap(struct dgem_object *obj, struct device *dev, struct sg_table *sgt,
			     enum dma_data_direction dir)
{
	dgem_mem_resource_unmap_some(dev, sgt, sgt->nents, dir);
}
