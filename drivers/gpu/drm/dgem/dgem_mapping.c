// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/dma-mapping.h>
#include <linux/minmax.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "compat/dgem_compat.h"
#include "dgem_gem.h"
#include "dgem_mapping.h"
#include "dgem_mem.h"
#include "dgem_trace.h"

/**
 * DOC: DMA mappings
 *
 * An object may be mapped for several devices at a time: for our engine and for every importer that
 * holds a mapping of our dma-buf. Each mapping has a scatterlist of its own, split to the segment
 * size and boundary of its device, and stands in the object's list. Opening and closing a CPU
 * access window walks that list, so that all devices and the CPU agree on the contents.
 *
 * Mapping leaves the CPU caches alone: memory belongs to the devices unless a window is open, and
 * was cleaned for them when it was allocated.
 */

/**
 * dgem_mapping_create_range - map a part of an object's memory for a device
 * @obj: the object
 * @dev: the device
 * @dir: who writes
 * @offset: first byte, on a page
 * @length: bytes, whole pages
 *
 * Parts are for kinds that name page frames.
 *
 * Return: the mapping, to be given back with dgem_mapping_destroy(), or an error pointer: -ENOMEM,
 * or what the DMA API said.
 */
struct dgem_mapping *dgem_mapping_create_range(struct dgem_object *obj, struct device *dev,
					       enum dma_data_direction dir, u64 offset,
					       u64 length)
{
	struct dgem_mapping *map;
	int ret;

	map = kzalloc_obj(*map);
	if (!map)
		return ERR_PTR(-ENOMEM);

	map->dev = dev;
	map->dir = dir;
	map->resource = obj->resource;
	map->offset = offset;
	map->length = length;
	if (length == obj->base.size)
		map->sgt = obj->ops->get_sgt(obj, dev);
	else
		map->sgt = dgem_mem_span_range(obj, dev, offset, length);
	if (IS_ERR(map->sgt)) {
		ret = PTR_ERR(map->sgt);
		goto err_free;
	}

	if (obj->ops->map)
		ret = obj->ops->map(obj, dev, map->sgt, dir);
	else
		ret = dma_map_sgtable(dev, map->sgt, dir, DMA_ATTR_SKIP_CPU_SYNC);
	if (ret)
		goto err_table;

	mutex_lock(&obj->maps_lock);
	list_add(&map->node, &obj->maps);
	mutex_unlock(&obj->maps_lock);
	trace_dgem_object_map(obj, map);
	return map;

err_table:
	sg_free_table(map->sgt);
	kfree(map->sgt);
err_free:
	kfree(map);
	return ERR_PTR(ret);
}

/**
 * dgem_mapping_create - map an object's memory for a device
 * @obj: the object
 * @dev: the device
 * @dir: who writes
 *
 * Return: as dgem_mapping_create_range().
 */
struct dgem_mapping *dgem_mapping_create(struct dgem_object *obj, struct device *dev,
					 enum dma_data_direction dir)
{
	return dgem_mapping_create_range(obj, dev, dir, 0, obj->base.size);
}

/**
 * dgem_mapping_to_engine - hand the memory of a fresh mapping over to the engine
 * @obj: the object
 * @map: a mapping for the engine
 *
 * The engine's is the one mapping that may be bounced. It has to be the last to be synced for the
 * CPU: what the others invalidate must not be what the bounce has just copied.
 */
void dgem_mapping_to_engine(struct dgem_object *obj, struct dgem_mapping *map)
{
	mutex_lock(&obj->maps_lock);
	list_move_tail(&map->node, &obj->maps);
	mutex_unlock(&obj->maps_lock);

	dgem_mapping_sync(map, map->offset, map->length, false);
}

/**
 * dgem_mapping_destroy - undo dgem_mapping_create()
 * @obj: the object
 * @map: its mapping
 */
void dgem_mapping_destroy(struct dgem_object *obj, struct dgem_mapping *map)
{
	mutex_lock(&obj->maps_lock);
	list_del(&map->node);
	mutex_unlock(&obj->maps_lock);

	if (obj->ops->unmap)
		obj->ops->unmap(obj, map->dev, map->sgt, map->dir);
	else
		dma_unmap_sgtable(map->dev, map->sgt, map->dir, DMA_ATTR_SKIP_CPU_SYNC);
	sg_free_table(map->sgt);
	kfree(map->sgt);
	kfree(map);
}

/**
 * dgem_mapping_find - the mapping that owns a table
 * @obj: the object
 * @sgt: the table
 *
 * The caller makes sure that the mapping stays.
 *
 * Return: the mapping, or NULL if the table is not one of the object's.
 */
struct dgem_mapping *dgem_mapping_find(struct dgem_object *obj, const struct sg_table *sgt)
{
	struct dgem_mapping *map, *found = NULL;

	mutex_lock(&obj->maps_lock);
	list_for_each_entry(map, &obj->maps, node) {
		if (map->sgt == sgt) {
			found = map;
			break;
		}
	}
	mutex_unlock(&obj->maps_lock);
	return found;
}

/**
 * dgem_mapping_sync - hand a range over between the device of a mapping and the CPU
 * @map: the mapping
 * @offset: first byte of the range in the object
 * @length: bytes; the caller has checked the range
 * @for_cpu: to the CPU, else to the device
 *
 * The cost follows the range: segments outside of it are only stepped over. So is what the mapping
 * does not have.
 */
void dgem_mapping_sync(const struct dgem_mapping *map, u64 offset, u64 length, bool for_cpu)
{
	struct scatterlist *sg;
	u64 start = map->offset;
	int i;

	if (map->resource)
		return;
	for_each_sgtable_dma_sg(map->sgt, sg, i) {
		u64 end = start + sg_dma_len(sg);

		if (start >= offset + length)
			break;
		if (end > offset) {
			u64 first = max(start, offset);
			size_t len = min(end, offset + length) - first;
			dma_addr_t addr = sg_dma_address(sg) + (first - start);

			if (for_cpu)
				dma_sync_single_for_cpu(map->dev, addr, len, map->dir);
			else
				dma_sync_single_for_device(map->dev, addr, len, map->dir);
		}
		start = end;
	}
}
