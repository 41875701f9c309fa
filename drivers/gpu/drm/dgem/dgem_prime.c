// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/scatterlist.h>

#include <drm/dgem_drm.h>
#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/drm_prime.h>
#include <drm/drm_print.h>

#include "compat/dgem_compat.h"
#include "dgem_device.h"
#include "dgem_engine.h"
#include "dgem_gem.h"
#include "dgem_mapping.h"
#include "dgem_mem.h"
#include "dgem_prime.h"
#include "dgem_range.h"
#include "dgem_sparse.h"
#include "dgem_sync.h"

/**
 * DOC: sharing by dma-buf
 *
 * DRM's own dma_buf_ops know neither CPU access windows nor segment limits, so exports use ours:
 *
 * - attach refuses a device that could only ever get a bounced copy, and every device if our own
 *   engine works on such a copy: nobody would see what the other wrote (-EBUSY);
 * - each map makes a new table, split to the importer's segment size and boundary, unmap frees it;
 * - begin and end of CPU access work on our memory and on all of its DMA mappings;
 * - the first export decides whether the dma-buf is writable, and a read-only one stays so: it is
 *   neither begun to be accessed for writing nor handed to another file as a writable object, and
 *   importers get it for devices that only read it. A kernel mapping of it is given to everybody:
 *   it knows no direction, dma-buf warns where one fails, and vivid for one does not expect that.
 *
 * An import takes no more than a reference; what the engine needs of it is made with its first job.
 * An engine that does not reach all of the machine's memory, or gets all of it bounced, imports
 * nothing of other drivers: where a buffer lies is known only when it is mapped, and then it is
 * bounced, into a copy that the exporter never sees, or the DMA API warns. Mapping it for some
 * other device of longer reach first would not tell: the addresses are that device's, who may have
 * another view of the bus, and what is bounced is decided for each device on its own. Our own dma-
 * bufs are recognised by their operations: they give the object itself or, in another instance, are
 * refused at once if its engine can't share the memory.
 *
 * begin and end run without, map and vmap with the reservation lock.
 */

static bool dgem_dmabuf_readonly(const struct dma_buf *dmabuf)
{
	return !(dmabuf->file->f_mode & FMODE_WRITE);
}

/* the engine is there as long as its instance */
static int dgem_dmabuf_engine_reaches(struct dgem_object *obj)
{
	struct dgem_engine *engine = to_dgem_device(obj->base.dev)->engine;
	int idx, ret;

	if (!engine->provider || !drm_dev_enter(obj->base.dev, &idx))
		return 0;
	ret = obj->ops->reaches(obj, engine->dev);
	drm_dev_exit(idx);
	return ret;
}

static int dgem_dmabuf_reaches(struct dma_buf *dmabuf, struct device *dev)
{
	struct drm_gem_object *gem = dmabuf->priv;
	struct dgem_object *obj = to_dgem_object(gem);
	int ret;

	if (!obj->ops->reaches)
		return 0;
	ret = obj->ops->reaches(obj, dev);
	if (ret) {
		drm_dbg_prime(gem->dev, "%s would get a bounced copy of a %s object\n",
			      dev_name(dev), obj->ops->name);
		return ret;
	}
	ret = dgem_dmabuf_engine_reaches(obj);
	if (ret)
		drm_dbg_prime(gem->dev, "%s gets no %s object: the engine has a bounced copy\n",
			      dev_name(dev), obj->ops->name);
	return ret;
}

static int dgem_dmabuf_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach)
{
	return dgem_dmabuf_reaches(dmabuf, attach->dev);
}

static struct sg_table *dgem_dmabuf_map(struct dma_buf_attachment *attach,
					enum dma_data_direction dir)
{
	struct dgem_object *obj = to_dgem_object(attach->dmabuf->priv);
	struct dgem_mapping *map;

	if (dir != DMA_TO_DEVICE && dgem_dmabuf_readonly(attach->dmabuf)) {
		drm_dbg_prime(obj->base.dev, "%s may not write to a read-only dma-buf\n",
			      dev_name(attach->dev));
		return ERR_PTR(-EACCES);
	}
	map = dgem_mapping_create(obj, attach->dev, dir);
	return IS_ERR(map) ? ERR_CAST(map) : map->sgt;
}

static void dgem_dmabuf_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
			      enum dma_data_direction dir)
{
	struct dgem_object *obj = to_dgem_object(attach->dmabuf->priv);
	struct dgem_mapping *map = dgem_mapping_find(obj, sgt);

	if (map)
		dgem_mapping_destroy(obj, map);
}

static int dgem_dmabuf_begin(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	struct dgem_object *obj = to_dgem_object(dmabuf->priv);
	bool write = dir != DMA_FROM_DEVICE;
	int ret;

	if (write && dgem_dmabuf_readonly(dmabuf))
		return -EACCES;

	/* dma-buf waits too, but only when the caches are done with */
	ret = dgem_sync_wait(obj, write, MAX_SCHEDULE_TIMEOUT);
	if (ret)
		return ret;
	return dgem_sync_begin(obj, 0, obj->base.size, dir);
}

static int dgem_dmabuf_end(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	struct dgem_object *obj = to_dgem_object(dmabuf->priv);

	if (dir != DMA_FROM_DEVICE && dgem_dmabuf_readonly(dmabuf))
		return -EACCES;
	return dgem_sync_end(obj, 0, obj->base.size, dir);
}

static const struct dma_buf_ops dgem_dmabuf_ops = {
	.attach = dgem_dmabuf_attach,
	.map_dma_buf = dgem_dmabuf_map,
	.unmap_dma_buf = dgem_dmabuf_unmap,
	.begin_cpu_access = dgem_dmabuf_begin,
	.end_cpu_access = dgem_dmabuf_end,
	.mmap = drm_gem_dmabuf_mmap,
	.vmap = drm_gem_dmabuf_vmap,
	.vunmap = drm_gem_dmabuf_vunmap,
	.release = drm_gem_dmabuf_release,
};

/* importers map all of an object; DRM's lock keeps others from purging any meanwhile */
static int dgem_dmabuf_complete(struct dgem_object *obj)
{
	int idx, ret;

	if (!dgem_gem_changes(obj))
		return 0;
	if (!drm_dev_enter(obj->base.dev, &idx))
		return -ENODEV;
	ret = dgem_sparse_complete(obj);
	drm_dev_exit(idx);
	return ret;
}

/**
 * dgem_prime_export - make a dma-buf of an object, &drm_gem_object_funcs.export
 * @gem: the object
 * @flags: O_CLOEXEC, O_RDWR
 *
 * Return: the dma-buf or an error pointer.
 */
struct dma_buf *dgem_prime_export(struct drm_gem_object *gem, int flags)
{
	struct dgem_object *obj = to_dgem_object(gem);
	struct dma_buf_export_info info = {
		.exp_name = KBUILD_MODNAME,
		.owner = THIS_MODULE,
		.ops = &dgem_dmabuf_ops,
		.size = gem->size,
		.flags = flags,
		.resv = gem->resv,
		.priv = gem,
	};
	int ret;

	/* an import whose engine is gone has no attachment by which DRM knows it */
	if (!(dgem_gem_caps(obj) & DRM_DGEM_CAP_EXPORT) || !obj->ops->get_sgt)
		return ERR_PTR(-EOPNOTSUPP);
	ret = dgem_dmabuf_complete(obj);
	if (ret)
		return ERR_PTR(ret);
	return drm_gem_dmabuf_export(gem->dev, &info);
}

/* what can be told of a dma-buf, without asking its exporter, that the engine can never use */
static int dgem_prime_refuse(struct dgem_device *ddev, struct dma_buf *dmabuf)
{
	struct device *dev = ddev->engine->dev;

	if (!dmabuf->size || !PAGE_ALIGNED(dmabuf->size))
		return -EINVAL;
	if (!ddev->engine->provider)
		return 0;
	if (dmabuf->ops == &dgem_dmabuf_ops)
		return dgem_dmabuf_reaches(dmabuf, dev);
	if (dgem_mem_limited(dev) || dma_max_mapping_size(dev) != SIZE_MAX) {
		drm_dbg_prime(&ddev->drm, "%s may not reach a dma-buf of %s\n", dev_name(dev),
			      dmabuf->exp_name);
		return -EOPNOTSUPP;
	}
	return 0;
}

static struct drm_gem_object *dgem_prime_wrap(struct dgem_device *ddev, struct dma_buf *dmabuf)
{
	struct dgem_object *obj;
	int ret;

	ret = dgem_prime_refuse(ddev, dmabuf);
	if (ret)
		return ERR_PTR(ret);
	obj = dgem_gem_new(ddev, &dgem_mem_import, dmabuf->size);
	if (IS_ERR(obj))
		return ERR_CAST(obj);

	get_dma_buf(dmabuf);
	obj->dmabuf = dmabuf;
	obj->base.resv = dmabuf->resv;
	obj->readonly = dgem_dmabuf_readonly(dmabuf);
	obj->cache_asked = DRM_DGEM_CACHE_EXPORTER;
	obj->cache_granted = DRM_DGEM_CACHE_EXPORTER;

	ret = dgem_gem_publish(obj);
	if (ret) {
		dma_buf_put(dmabuf);
		dgem_gem_abort(obj);
		return ERR_PTR(ret);
	}
	return &obj->base;
}

/**
 * dgem_prime_import - an object for a dma-buf, &drm_driver.gem_prime_import
 * @drm: the importing instance
 * @dmabuf: the dma-buf
 *
 * A file that has the object already never comes here: DRM knows its handle.
 *
 * Return: the object with a reference; -EACCES for our own dma-buf if it is read-only, -EOPNOTSUPP
 * for memory that the engine may not reach, -EBUSY for another instance's that it would get a copy
 * of, -EINVAL for a size that is not whole pages, -ENODEV or -ENOMEM.
 */
struct drm_gem_object *dgem_prime_import(struct drm_device *drm, struct dma_buf *dmabuf)
{
	struct drm_gem_object *gem;
	int idx;

	if (dmabuf->ops == &dgem_dmabuf_ops) {
		gem = dmabuf->priv;
		if (gem->dev == drm) {
			if (dgem_dmabuf_readonly(dmabuf))
				return ERR_PTR(-EACCES);
			drm_gem_object_get(gem);
			return gem;
		}
	}

	if (!drm_dev_enter(drm, &idx))
		return ERR_PTR(-ENODEV);
	gem = dgem_prime_wrap(to_dgem_device(drm), dmabuf);
	drm_dev_exit(idx);
	return gem;
}
