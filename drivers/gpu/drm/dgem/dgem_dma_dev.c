// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/container_of.h>
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/of_device.h>
#include <linux/of_reserved_mem.h>
#include <linux/property.h>
#include <linux/slab.h>

#include <drm/drm_device.h>
#include <drm/drm_managed.h>
#include <drm/drm_print.h>

#include "compat/dgem_compat.h"
#include "dgem_dma_dev.h"
#include "dgem_mem_reserved.h"

/**
 * DOC: the device that memory is for
 *
 * Objects outlive the binding of the instance's device: files, mappings and dma-bufs are still
 * there when it has been unbound, and their memory has to be synced until it is given back to where
 * it came from. What that takes is the binding's, though: unbinding drops the addresses of the bus
 * ("dma-ranges") and the memory set aside for the device ("memory-region"), and memory that is
 * given back without them goes to the wrong allocator.
 *
 * So memory is allocated, mapped and synced for a device of its own, which is like its parent as
 * far as DMA goes. It is on no bus and in no directory of sysfs, no driver is ever bound to it, and
 * it lives as long as the DRM device. It has its parent's name, which is what messages call it.
 */

/**
 * struct dgem_dma_dev - such a device
 */
struct dgem_dma_dev {
	/** @dev: the device */
	struct device dev;
	/** @mask: its mask for all but coherent memory */
	u64 mask;
	/** @limits: its segments */
	struct device_dma_parameters limits;
};

static void dgem_dma_dev_free(struct device *dev)
{
	kfree(container_of(dev, struct dgem_dma_dev, dev));
}

static void dgem_dma_dev_release(struct drm_device *drm, void *data)
{
	struct device *dev = data;

	of_reserved_mem_device_release(dev);
	put_device(dev);
}

/* as the platform bus does for the parent; nothing to do without a device-tree node */
static int dgem_dma_dev_configure(struct device *dev)
{
	struct device *parent = dev->parent;
	int ret;

	if (!parent->of_node)
		return 0;
	/* an IOMMU would have to know the device, and coherent memory would be in pieces */
	if (device_property_present(parent, "iommus"))
		return -EOPNOTSUPP;
	ret = of_dma_configure(dev, parent->of_node, true);
	if (ret)
		return ret;

	/* memory that the DMA API doesn't serve is a pool of reserved memory */
	if (!device_property_present(parent, "memory-region") || dgem_reserved_in_node(parent))
		return 0;
	return of_reserved_mem_device_init_by_idx(dev, parent->of_node, 0);
}

/**
 * dgem_dma_dev_create - a device to allocate memory for
 * @drm: the DRM device of the instance
 *
 * From now on the device's contiguous and coherent memory is of its node's memory-region, if it has
 * one. It reaches 32 bits of addresses until it is given another mask.
 *
 * Return: the device, which goes with @drm; -EOPNOTSUPP if its node has an IOMMU, -ENOMEM, or what
 * was wrong with the node.
 */
struct device *dgem_dma_dev_create(struct drm_device *drm)
{
	struct dgem_dma_dev *dma_dev;
	struct device *dev;
	int ret;

	dma_dev = kzalloc_obj(*dma_dev);
	if (!dma_dev)
		return ERR_PTR(-ENOMEM);
	dev = &dma_dev->dev;
	device_initialize(dev);
	dev->release = dgem_dma_dev_free;
	/* the DRM device has a reference to it, and goes last */
	dev->parent = drm->dev;
	set_dev_node(dev, dev_to_node(drm->dev));
	dma_dev->mask = DMA_BIT_MASK(32);
	dev->coherent_dma_mask = dma_dev->mask;
	dev->dma_mask = &dma_dev->mask;
	dev->dma_parms = &dma_dev->limits;
	/* objects of any size are one segment */
	dma_set_max_seg_size(dev, UINT_MAX);

	ret = dev_set_name(dev, "%s", dev_name(drm->dev));
	if (!ret)
		ret = dgem_dma_dev_configure(dev);
	if (ret) {
		put_device(dev);
		return ERR_PTR(dev_err_probe(drm->dev, ret, "no memory for DMA\n"));
	}
	ret = drmm_add_action_or_reset(drm, dgem_dma_dev_release, dev);
	return ret ? ERR_PTR(ret) : dev;
}
