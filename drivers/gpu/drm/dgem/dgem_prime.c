// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/iosys-map.h>
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
 * - attach refuses a device that could only ever get a bounced copy (-EBUSY);
 * - each map makes a new table, split to the importer's segment size and boundary, unmap frees it;
 * - begin and end of CPU access work on our memory and on all of its DMA mappings;
 * - the first export decides whether the dma-buf is writable, and a read-only one stays so: it is
 *   neither begun to be accessed for writing nor handed to another file as a writable object, and
 *   importers get it for devices that only read it. They get no kernel mapping of it: nobody can
 *   tell what they would do with that, and DRM drivers write their writeback by one.
 *
 * Imports are attached and mapped for the engine's device at once and for good, by DRM's helper;
 * importers without invalidate_mappings pin the memory of exporters that could move it. An engine
 * that does not reach all of the machine's memory imports nothing: where a buffer lies is known
 * only when it is mapped, and then it is bounced, into a copy that the exporter never sees, or the
 * DMA API warns. Our own dma-bufs are recognised by their operations and give the object itself.
 *
 * begin and end run without, map and vmap with the reservation lock.
 */

static bool dgem_dmabuf_readonly(const struct dma_buf *dmabuf)
{
	return !(dmabuf->file->f_mode & FMODE_WRITE);
}

static int dgem_dmabuf_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach)
{
	struct drm_gem_object *gem = dmabuf->priv;
	struct dgem_object *obj = to_dgem_object(gem);
	int ret = obj->ops->reaches ? obj->ops->reaches(obj, attach->dev) : 0;

	if (ret)
		drm_dbg_prime(gem->dev, "%s would get a bounced copy of a %s object\n",
			      dev_name(attach->dev), obj->ops->name);
	return ret;
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

static int dgem_dmabuf_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	return dgem_dmabuf_readonly(dmabuf) ? -EACCES : drm_gem_dmabuf_vmap(dmabuf, map);
}

static const struct dma_buf_ops dgem_dmabuf_ops = {
	.attach = dgem_dmabuf_attach,
	.map_dma_buf = dgem_dmabuf_map,
	.unmap_dma_buf = dgem_dmabuf_unmap,
	.begin_cpu_access = dgem_dmabuf_begin,
	.end_cpu_access = dgem_dmabuf_end,
	.mmap = drm_gem_dmabuf_mmap,
	.vmap = dgem_dmabuf_vmap,
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

/**
 * dgem_prime_import - an object for a dma-buf, &drm_driver.gem_prime_import
 * @drm: the importing instance
 * @dmabuf: the dma-buf
 *
 * A file that has the object already never comes here: DRM knows its handle.
 *
 * Return: the object with a reference; -EACCES for our own dma-buf if it is read-only, -EOPNOTSUPP
 * for memory that the engine can't reach, -ENODEV, or what the exporter said.
 */
struct drm_gem_object *dgem_prime_import(struct drm_device *drm, struct dma_buf *dmabuf)
{
	struct dgem_device *ddev = to_dgem_device(drm);
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
	if (dma_addressing_limited(ddev->engine->dev)) {
		drm_dbg_prime(drm, "%s may not reach a dma-buf of %s\n",
			      dev_name(ddev->engine->dev), dmabuf->exp_name);
		gem = ERR_PTR(-EOPNOTSUPP);
	} else {
		gem = drm_gem_prime_import_dev(drm, dmabuf, ddev->engine->dev);
	}
	drm_dev_exit(idx);
	return gem;
}

/**
 * dgem_prime_import_sg_table - object of a mapped table, &drm_driver.gem_prime_import_sg_table
 * @drm: the importing instance
 * @attach: attachment for the engine's device
 * @sgt: the table mapped for it; DRM gives it back if this fails
 *
 * Return: the object or an error pointer.
 */
struct drm_gem_object *dgem_prime_import_sg_table(struct drm_device *drm,
						  struct dma_buf_attachment *attach,
						  struct sg_table *sgt)
{
	struct dgem_device *ddev = to_dgem_device(drm);
	struct dma_buf *dmabuf = attach->dmabuf;
	struct dgem_object *obj;
	int ret;

	if (!dmabuf->size || !PAGE_ALIGNED(dmabuf->size))
		return ERR_PTR(-EINVAL);
	ret = dgem_sgt_check(sgt, dmabuf->size, ddev->engine->copy_align);
	if (ret)
		return ERR_PTR(ret);

	obj = dgem_gem_new(ddev, &dgem_mem_import, dmabuf->size);
	if (IS_ERR(obj))
		return ERR_CAST(obj);
	/* DRM sets these two as well, but only when others can see the object */
	obj->base.import_attach = attach;
	obj->base.resv = dmabuf->resv;
	obj->dmabuf = dmabuf;
	obj->sgt = sgt;
	obj->readonly = dgem_dmabuf_readonly(dmabuf);
	obj->cache_asked = DRM_DGEM_CACHE_EXPORTER;
	obj->cache_granted = DRM_DGEM_CACHE_EXPORTER;

	ret = dgem_gem_publish(obj);
	if (ret) {
		dgem_gem_abort(obj);
		return ERR_PTR(ret);
	}
	return &obj->base;
}
