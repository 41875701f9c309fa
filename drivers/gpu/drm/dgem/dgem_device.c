// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/container_of.h>
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/minmax.h>
#include <linux/of_device.h>
#include <linux/of_reserved_mem.h>
#include <linux/property.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_managed.h>
#include <drm/drm_print.h>
#include <drm/drm_vma_manager.h>

#include "compat/dgem_compat.h"
#include "dgem_debugfs.h"
#include "dgem_device.h"
#include "dgem_engine.h"
#include "dgem_gem.h"
#include "dgem_job.h"
#include "dgem_mapping.h"
#include "dgem_mem_reserved.h"
#include "dgem_quota.h"

/**
 * DOC: instances
 *
 * An instance is a DRM device on a device of its own, made from a &struct dgem_config. Memory is
 * allocated for a device (&dgem_device.dma_dev) that gets the mask of the engine, so that what is
 * allocated is within the engine's reach.
 *
 * The instance is a consumer of its engine's device (a device link): unbinding that device removes
 * the instance first. Removal unplugs the DRM device, which lets running ioctls finish, refuses new
 * ones and zaps all mappings; then stops the jobs; then unmaps all objects from the engine; then
 * gives the channel back. Objects, files and fences that are still held live on, without any of it.
 *
 * When the system goes to sleep (to RAM, to idle, or for hibernation) user space has been frozen
 * already and the engine is halted: what a DMA channel has been given comes back, and no more is
 * handed out; the CPU ends the job that it is at. Not every channel keeps over a sleep what it was
 * given, so nothing is left there; one that needs more than ten seconds keeps the system awake
 * (-EBUSY). The queue, the rest of the job and all fences stay as they are, no job times out
 * meanwhile, and work goes on afterwards as if nothing had been. The link to the engine's device
 * sees to it that this device sleeps before it, and wakes after it. Memory is RAM and stays, and
 * so do user mappings and dma-bufs.
 */

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

/*
 * From now on the device's contiguous and coherent memory is of its node's memory-region, if it has
 * one. It reaches 32 bits of addresses until it is given another mask, and goes with @drm.
 */
static struct device *dgem_dma_dev_create(struct drm_device *drm)
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

static void dgem_device_release(struct drm_device *drm, void *data)
{
	struct dgem_device *ddev = to_dgem_device(drm);

	mutex_destroy(&ddev->files_lock);
	mutex_destroy(&ddev->objects_lock);
}

static void dgem_device_release_engine(struct drm_device *drm, void *data)
{
	struct dgem_engine *engine = data;

	engine->ops->free(engine);
}

static void dgem_device_release_sched(struct drm_device *drm, void *data)
{
	dgem_sched_fini(to_dgem_device(drm));
}

/*
 * How far the engine reaches. Behind an IOMMU that is everywhere: its mask is one of I/O addresses
 * then.
 */
static u64 dgem_device_reach(const struct dgem_engine *engine)
{
	if (!engine->provider)
		return DMA_BIT_MASK(64);
	if (dgem_dma_iommu(engine->dev))
		return DMA_BIT_MASK(64);
	return dma_get_mask(engine->dev);
}

/*
 * Memory for the instance is memory that the engine reaches, or what the configuration says. That
 * may be more than the engine reaches where the DMA API has bounce buffers for it.
 */
static int dgem_device_set_mask(struct dgem_device *ddev, const struct dgem_engine *engine)
{
	u64 reach = dgem_device_reach(engine), mask = reach;
	int ret;

	if (ddev->config.dma_bits) {
		bool bounced = dma_max_mapping_size(engine->dev) != SIZE_MAX;
		u64 wanted = DMA_BIT_MASK(ddev->config.dma_bits);

		mask = bounced ? wanted : min(mask, wanted);
	}
	ret = dma_set_mask(ddev->dma_dev, mask);
	/* what CPU and engine see alike has no bounce buffer between them */
	return ret ?: dma_set_coherent_mask(ddev->dma_dev, min(mask, reach));
}

/* an engine, and memory within its reach */
static struct dgem_engine *dgem_device_try_engine(struct dgem_device *ddev,
						  struct dgem_engine *engine)
{
	int ret;

	if (IS_ERR(engine))
		return engine;
	ret = dgem_device_set_mask(ddev, engine);
	if (ret) {
		engine->ops->shutdown(engine);
		engine->ops->free(engine);
		return ERR_PTR(ret);
	}
	return engine;
}

static struct dgem_engine *dgem_device_choose_engine(struct dgem_device *ddev)
{
	const char *wish = ddev->config.engine;
	struct dgem_engine *engine;
	bool any = !strcmp(wish, "auto");

	if (strcmp(wish, "cpu")) {
		engine = dgem_engine_dma_create(ddev, any ? NULL : wish);
		engine = dgem_device_try_engine(ddev, engine);
		/* no channel, or none that this machine has memory for: the CPU it is, then */
		if (!IS_ERR(engine) || !any || PTR_ERR(engine) == -ENOMEM)
			return engine;
	}
	return dgem_device_try_engine(ddev, dgem_engine_cpu_create(ddev));
}

static int dgem_device_link(struct dgem_device *ddev)
{
	struct device *supplier = ddev->engine->provider;

	if (!supplier)
		return 0;
	return device_link_add(ddev->drm.dev, supplier, DL_FLAG_AUTOREMOVE_CONSUMER) ? 0 : -EINVAL;
}

static int dgem_device_find_memory(struct dgem_device *ddev)
{
	u64 contiguous = ddev->config.quota ?: (u64)totalram_pages() << PAGE_SHIFT;
	int ret;

	ret = dgem_reserved_init(ddev);
	if (ret)
		return ret;
	ret = dgem_quota_add_region(ddev, DGEM_REGION_CONTIGUOUS, "contiguous", contiguous);
	if (ret)
		return ret;
	return dgem_quota_add_region(ddev, DGEM_REGION_RESERVED, "reserved",
				     dgem_reserved_size(ddev));
}

static int dgem_device_start(struct dgem_device *ddev)
{
	struct drm_device *drm = &ddev->drm;
	struct dgem_engine *engine;
	int ret;

	engine = dgem_device_choose_engine(ddev);
	if (IS_ERR(engine))
		return PTR_ERR(engine);
	ddev->engine = engine;
	ret = drmm_add_action(drm, dgem_device_release_engine, engine);
	if (ret) {
		engine->ops->shutdown(engine);
		engine->ops->free(engine);
		return ret;
	}

	ret = dgem_device_link(ddev);
	if (ret)
		goto err_engine;
	ret = dgem_sched_init(ddev);
	if (ret)
		goto err_engine;
	ret = drmm_add_action_or_reset(drm, dgem_device_release_sched, NULL);
	if (ret)
		goto err_engine;

	ret = dgem_device_find_memory(ddev);
	if (ret)
		goto err_engine;

	dgem_debugfs_init(ddev);
	ret = drm_dev_register(drm, 0);
	if (ret)
		goto err_engine;
	return 0;

err_engine:
	engine->ops->shutdown(engine);
	return ret;
}

/**
 * dgem_device_create - make an instance and register it
 * @dev: device that stands for the instance, being probed
 * @driver: the DRM driver
 * @gem_funcs: object functions
 * @config: what is wanted
 *
 * Return: the instance, for dgem_device_remove(), or an error pointer: -EINVAL for a bad
 * configuration, -ENODEV if the engine asked for is not there, or another error.
 */
struct dgem_device *dgem_device_create(struct device *dev, const struct drm_driver *driver,
				       const struct drm_gem_object_funcs *gem_funcs,
				       const struct dgem_config *config)
{
	struct dgem_device *ddev;
	int ret;

	ret = dgem_config_validate(config);
	if (ret)
		return ERR_PTR(ret);

	ddev = devm_drm_dev_alloc(dev, driver, struct dgem_device, drm);
	if (IS_ERR(ddev))
		return ddev;

	/*
	 * Lazy objects take mmap offsets without taking memory, and offsets cost nothing: 4 PiB of
	 * them instead of DRM's 1 TiB, where an offset may be as large
	 */
	if (IS_ENABLED(CONFIG_64BIT)) {
		drm_vma_offset_manager_destroy(ddev->drm.vma_offset_manager);
		drm_vma_offset_manager_init(ddev->drm.vma_offset_manager,
					    DRM_FILE_PAGE_OFFSET_START,
					    (DGEM_FILE_SPACE >> PAGE_SHIFT) << 16);
	}

	ddev->config = *config;
	ddev->gem_funcs = gem_funcs;
	mutex_init(&ddev->objects_lock);
	INIT_LIST_HEAD(&ddev->objects);
	init_waitqueue_head(&ddev->objects_gone);
	mutex_init(&ddev->files_lock);
	INIT_LIST_HEAD(&ddev->files);
	ret = drmm_add_action_or_reset(&ddev->drm, dgem_device_release, NULL);
	if (ret)
		return ERR_PTR(ret);

	ddev->dma_dev = dgem_dma_dev_create(&ddev->drm);
	if (IS_ERR(ddev->dma_dev))
		return ERR_CAST(ddev->dma_dev);

	ret = dgem_device_start(ddev);
	if (ret)
		return ERR_PTR(ret);

	drm_info(&ddev->drm, "instance %s, engine %s%s%s, %d address bits\n", ddev->config.name,
		 ddev->engine->name, ddev->engine->provider ? " of " : "",
		 ddev->engine->provider ? dev_name(ddev->engine->provider) : "",
		 fls64(dma_get_mask(ddev->dma_dev)));
	return ddev;
}

/**
 * dgem_device_remove - take an instance away, whatever is going on
 * @ddev: the instance
 */
void dgem_device_remove(struct dgem_device *ddev)
{
	drm_dev_unplug(&ddev->drm);
	dgem_sched_shutdown(ddev);
	dgem_gem_drop_engine(ddev);
}

/**
 * dgem_device_suspend - halt the engine, since the system goes to sleep
 * @ddev: the instance; user space is frozen
 *
 * Return: 0, or -EBUSY if the engine does not come to a halt, in which case it goes on.
 */
int dgem_device_suspend(struct dgem_device *ddev)
{
	struct dgem_engine *engine = ddev->engine;
	int ret;

	WRITE_ONCE(ddev->asleep, true);
	ret = engine->ops->suspend ? engine->ops->suspend(engine) : 0;
	if (ret)
		dgem_device_resume(ddev);
	return ret;
}

/**
 * dgem_device_resume - undo dgem_device_suspend()
 * @ddev: the instance
 */
void dgem_device_resume(struct dgem_device *ddev)
{
	struct dgem_engine *engine = ddev->engine;

	WRITE_ONCE(ddev->asleep, false);
	if (engine->ops->resume)
		engine->ops->resume(engine);
}
