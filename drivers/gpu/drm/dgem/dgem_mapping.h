/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 */
#ifndef _DGEM_MAPPING_H_
#define _DGEM_MAPPING_H_

#include <linux/dma-direction.h>
#include <linux/list.h>
#include <linux/types.h>

struct device;
struct dgem_object;
struct sg_table;

/**
 * struct dgem_mapping - an object's memory, mapped for one device
 */
struct dgem_mapping {
	/** @node: in &dgem_object.maps, under &dgem_object.maps_lock */
	struct list_head node;
	/** @dev: the device */
	struct device *dev;
	/** @sgt: the table, owned by this mapping */
	struct sg_table *sgt;
	/** @dir: direction it was mapped for */
	enum dma_data_direction dir;
	/** @resource: &dgem_object.resource: neither CPU nor DMA API has a copy of the memory */
	bool resource;
	/** @offset: first byte of the object that is mapped */
	u64 offset;
	/** @length: bytes of it that are */
	u64 length;
};

struct dgem_mapping *dgem_mapping_create(struct dgem_object *obj, struct device *dev,
					 enum dma_data_direction dir);
struct dgem_mapping *dgem_mapping_create_range(struct dgem_object *obj, struct device *dev,
					       enum dma_data_direction dir, u64 offset,
					       u64 length);
void dgem_mapping_to_engine(struct dgem_object *obj, struct dgem_mapping *map);
void dgem_mapping_destroy(struct dgem_object *obj, struct dgem_mapping *map);
struct dgem_mapping *dgem_mapping_find(struct dgem_object *obj, const struct sg_table *sgt);
void dgem_mapping_sync(const struct dgem_mapping *map, u64 offset, u64 length, bool for_cpu);

#endif
