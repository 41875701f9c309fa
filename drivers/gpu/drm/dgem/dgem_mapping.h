/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 */
#ifndef _DGEM_MAPPING_H_
#define _DGEM_MAPPING_H_

#include <linux/dma-direction.h>
#include <linux/list.h>
#include <linux/scatterlist.h>
#include <linux/types.h>

struct device;
struct dgem_object;
struct dma_buf_attachment;
struct page;

/**
 * enum dgem_reach - what memory a device reaches without a bounced copy
 */
enum dgem_reach {
	/** @DGEM_REACH_ALL: all of the machine's */
	DGEM_REACH_ALL,
	/** @DGEM_REACH_SOME: dgem_dma_reaches() tells; mapping any other makes a copy, or warns */
	DGEM_REACH_SOME,
	/** @DGEM_REACH_NONE: none, swiotlb copies whatever is mapped */
	DGEM_REACH_NONE,
};

/**
 * enum dgem_mapping_owner - whom a DMA mapping is for, in the order in which mappings are synced
 */
enum dgem_mapping_owner {
	/** @DGEM_MAPPING_OWN: the instance's own device: cleans what the CPU has cached */
	DGEM_MAPPING_OWN,
	/** @DGEM_MAPPING_IMPORTER: the device of an attachment to our dma-buf */
	DGEM_MAPPING_IMPORTER,
	/** @DGEM_MAPPING_ENGINE: a device that runs jobs. The only one that may be bounced */
	DGEM_MAPPING_ENGINE,
};

/**
 * struct dgem_mapping - memory of an object, mapped for one device
 */
struct dgem_mapping {
	/** @node: in &dgem_object.maps, under &dgem_object.maps_lock */
	struct list_head node;
	/** @dev: the device */
	struct device *dev;
	/** @sgt: &@table, or that of @attach */
	struct sg_table *sgt;
	/** @table: of our own memory */
	struct sg_table table;
	/** @attach: the attachment of @dev to the dma-buf imported; NULL: our own memory */
	struct dma_buf_attachment *attach;
	/** @owner: whom it is for */
	enum dgem_mapping_owner owner;
	/** @dir: direction it was mapped for */
	enum dma_data_direction dir;
	/** @bounced: swiotlb has a copy of the memory for the device */
	bool bounced;
	/** @synced: it has to be synced around accesses of the CPU */
	bool synced;
	/** @offset: first byte of the object that is mapped */
	u64 offset;
	/** @length: bytes of it that are */
	u64 length;
	/** @other: the same bytes mapped for another engine's device, or NULL */
	struct dgem_mapping *other;
};

bool dgem_dma_iommu(struct device *dev);
enum dgem_reach dgem_dma_reach(struct device *dev);
bool dgem_dma_reaches(struct device *dev, struct page *page, size_t size);
bool dgem_dma_reaches_resource(struct device *dev, phys_addr_t phys, u64 size);
bool dgem_dma_is_ram(phys_addr_t phys, u64 size);

int dgem_mapping_run(struct dgem_object *obj, u64 page, u64 pages, u64 *pfn, u64 *count);
struct dgem_mapping *dgem_mapping_create(struct dgem_object *obj, struct device *dev,
					 enum dgem_mapping_owner owner, enum dma_data_direction dir,
					 u64 offset, u64 length);
struct dgem_mapping *dgem_mapping_create_own(struct dgem_object *obj, u64 offset, u64 length);
struct dgem_mapping *dgem_mapping_create_import(struct dgem_object *obj,
						struct dma_buf_attachment *attach, u32 align);
void dgem_mapping_destroy(struct dgem_object *obj, struct dgem_mapping *map);

int dgem_sync_wait(struct dgem_object *obj, bool write, unsigned long timeout);
int dgem_sync(struct dgem_object *obj, u64 offset, u64 length, enum dma_data_direction dir,
	      bool begin);

#endif
