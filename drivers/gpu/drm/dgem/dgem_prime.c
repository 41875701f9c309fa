// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>

#include <drm/dgem_drm.h>
#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/drm_prime.h>
#include <drm/drm_print.h>

#include "compat/dgem_compat.h"
#include "dgem_device.h"
#include "dgem_gem.h"
#include "dgem_mapping.h"
#include "dgem_mem.h"
#include "dgem_prime.h"

/**
 * DOC: sharing by dma-buf
 *
 * DRM's own dma_buf_ops know neither CPU access windows nor segment limits, and nothing of memory
 * that comes late, so exports use ours:
 *
 * - a dma-buf is complete: all of a lazy object's memory comes when it is exported, granule by
 *   granule and before DRM takes its lock for the whole device. Later it would come while importers
 *   hold such a lock of theirs, and dma-buf warns of a kernel mapping that fails for want of
 *   memory. It stays complete, since what is exported is not purged;
 * - attach refuses no device: one without DMA may only want a kernel mapping. Whether a device
 *   reaches the memory is decided when it is mapped: one that would get a bounced copy is refused
 *   (-EBUSY), and so is every importer while the engine works on such a copy;
 * - each map makes a new table, split to the importer's segment size and boundary, unmap frees it;
 * - begin and end of CPU access work on our memory and on all of its DMA mappings;
 * - the first export decides whether the dma-buf is writable, and a read-only one stays so on every
 *   way in: an importer's own mmap of it, begin for writing, DMA for devices that write, and
 *   another file of the same instance, for which it is an import that can't be written. A kernel
 *   mapping of it is given to everybody: it knows no direction, dma-buf warns where one fails, and
 *   vivid for one does not expect that.
 *
 * begin and end run without, map and vmap with the reservation lock.
 */

/**
 * DOC: imported memory
 *
 * Another driver's dma-buf is known by its DMA addresses for our engine alone, as the exporter
 * mapped it; we never look at its pages. An import takes no more than a reference. The engine's
 * device is attached and the buffer mapped for it with the first job that wants it: exporters make
 * and map a table of all pages then, which nobody needs who has another do the work (the cpu engine
 * copies through the exporter's kernel mapping), or who only wants to map it. DRM's helper does
 * both at import, so it is not used. The attachment is a static one: from the first job on the
 * memory stays where it is.
 *
 * Where a foreign buffer lies is known only when it is mapped. An engine that does not reach all of
 * the machine's memory can't work on it (-EOPNOTSUPP from SUBMIT): it would be bounced into a copy
 * that the exporter never sees, or the DMA API would warn. Our own dma-bufs are recognised by their
 * operations: they give the object itself if it is of the same instance and may be written; else
 * their exporter, which is us, tells at map whether the engine reaches the memory.
 *
 * Whatever the CPU does with an import, it does through the exporter: mmap, vmap and the access
 * windows, which cover the whole buffer since exporters know nothing smaller. The exporter says how
 * it is cached, and its reservation object is the object's. A mapping is the dma-buf's own, found
 * under its name in /proc: it does not count as one of the object's, and debuggers get EIO if the
 * exporter maps page frames that it has no other way to.
 */

static bool dgem_dmabuf_readonly(const struct dma_buf *dmabuf)
{
	return !(dmabuf->file->f_mode & FMODE_WRITE);
}

static struct sg_table *dgem_dmabuf_map(struct dma_buf_attachment *attach,
					enum dma_data_direction dir)
{
	struct drm_gem_object *gem = attach->dmabuf->priv;
	struct dgem_object *obj = to_dgem_object(gem);
	struct dgem_mapping *map;

	if (dir != DMA_TO_DEVICE && dgem_dmabuf_readonly(attach->dmabuf)) {
		drm_dbg_prime(gem->dev, "%s may not write to a read-only dma-buf\n",
			      dev_name(attach->dev));
		return ERR_PTR(-EACCES);
	}
	/* the DMA API warns of who has none */
	if (!attach->dev->dma_mask)
		return ERR_PTR(-EOPNOTSUPP);
	/* what nobody else cleans must not be thrown away: 32-bit ARM would do so for this one */
	if (dir == DMA_FROM_DEVICE && !obj->coherent && !obj->own_sync)
		dir = DMA_BIDIRECTIONAL;
	map = dgem_mapping_create(obj, attach->dev, DGEM_MAPPING_IMPORTER, dir, 0, gem->size);
	if (IS_ERR(map)) {
		drm_dbg_prime(gem->dev, "%s gets no %s object: %ld\n", dev_name(attach->dev),
			      obj->ops->name, PTR_ERR(map));
		return ERR_CAST(map);
	}
	dgem_gem_pin(obj);
	return map->sgt;
}

static void dgem_dmabuf_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
			      enum dma_data_direction dir)
{
	struct dgem_object *obj = to_dgem_object(attach->dmabuf->priv);

	dgem_mapping_destroy(obj, container_of(sgt, struct dgem_mapping, table));
	dgem_gem_unpin(obj);
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
	return dgem_sync(obj, 0, obj->base.size, dir, true);
}

static int dgem_dmabuf_end(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	struct dgem_object *obj = to_dgem_object(dmabuf->priv);

	if (dir != DMA_FROM_DEVICE && dgem_dmabuf_readonly(dmabuf))
		return -EACCES;
	return dgem_sync(obj, 0, obj->base.size, dir, false);
}

/* drm_gem_dmabuf_mmap() does not look at the dma-buf's mode, nor does an importer's node */
static int dgem_dmabuf_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	if (dgem_dmabuf_readonly(dmabuf)) {
		if (vma->vm_flags & VM_WRITE)
			return -EACCES;
		vm_flags_clear(vma, VM_MAYWRITE);
	}
	return drm_gem_dmabuf_mmap(dmabuf, vma);
}

static void dgem_dmabuf_release(struct dma_buf *dmabuf)
{
	struct dgem_object *obj = to_dgem_object(dmabuf->priv);

	atomic_dec(&obj->exports);
	drm_gem_dmabuf_release(dmabuf);
}

static const struct dma_buf_ops dgem_dmabuf_ops = {
	.map_dma_buf = dgem_dmabuf_map,
	.unmap_dma_buf = dgem_dmabuf_unmap,
	.begin_cpu_access = dgem_dmabuf_begin,
	.end_cpu_access = dgem_dmabuf_end,
	.mmap = dgem_dmabuf_mmap,
	.vmap = drm_gem_dmabuf_vmap,
	.vunmap = drm_gem_dmabuf_vunmap,
	.release = dgem_dmabuf_release,
};

/**
 * dgem_prime_handle_to_fd - export an object, &drm_driver.prime_handle_to_fd
 * @drm: the instance
 * @file: the caller
 * @handle: the object
 * @flags: DRM_CLOEXEC, DRM_RDWR
 * @fd: set to the dma-buf's file descriptor
 *
 * All of a lazy object's memory comes here, while nobody's lock but the object's own is held.
 *
 * Return: 0, as dgem_gem_populate(), dgem_prime_export(), or what DRM said.
 */
int dgem_prime_handle_to_fd(struct drm_device *drm, struct drm_file *file, u32 handle, u32 flags,
			    int *fd)
{
	struct drm_gem_object *gem = drm_gem_object_lookup(file, handle);
	int ret;

	if (!gem)
		return -ENOENT;
	ret = dgem_gem_populate(to_dgem_object(gem), 0, gem->size);
	drm_gem_object_put(gem);
	return ret ?: drm_gem_prime_handle_to_fd(drm, file, handle, flags, fd);
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
	struct dma_buf *dmabuf;

	/* DRM knows the dma-buf of an import as long as it has a handle */
	if (!(dgem_gem_caps(obj) & DRM_DGEM_CAP_EXPORT) || obj->dmabuf)
		return ERR_PTR(-EOPNOTSUPP);
	if (!atomic_inc_unless_negative(&obj->exports))
		return ERR_PTR(-ENXIO);
	dmabuf = drm_gem_dmabuf_export(gem->dev, &info);
	if (IS_ERR(dmabuf))
		atomic_dec(&obj->exports);
	return dmabuf;
}

static void dgem_import_free(struct dgem_object *obj)
{
	dma_buf_put(obj->dmabuf);
}

static int dgem_import_vmap(struct dgem_object *obj, struct iosys_map *map)
{
	return dma_buf_vmap(obj->dmabuf, map);
}

static void dgem_import_vunmap(struct dgem_object *obj, struct iosys_map *map)
{
	dma_buf_vunmap(obj->dmabuf, map);
}

static int dgem_import_sync(struct dgem_object *obj, u64 offset, u64 length,
			    enum dma_data_direction dir, bool begin)
{
	return begin ? dma_buf_begin_cpu_access(obj->dmabuf, dir)
		     : dma_buf_end_cpu_access(obj->dmabuf, dir);
}

/** dgem_mem_import - another driver's dma-buf */
const struct dgem_mem_ops dgem_mem_import = {
	.name = "import",
	.kind = DRM_DGEM_KIND_IMPORT,
	.caps = DRM_DGEM_CAP_MMAP | DRM_DGEM_CAP_EXPORT,
	.free = dgem_import_free,
	.vmap = dgem_import_vmap,
	.vunmap = dgem_import_vunmap,
	.sync = dgem_import_sync,
};

/**
 * dgem_prime_import - an object for a dma-buf, &drm_driver.gem_prime_import
 * @drm: the importing instance
 * @dmabuf: the dma-buf
 *
 * A file that has the object already never comes here: DRM knows its handle.
 *
 * Return: the object with a reference; -EINVAL for a size that is not whole pages, -ENODEV or
 * -ENOMEM.
 */
struct drm_gem_object *dgem_prime_import(struct drm_device *drm, struct dma_buf *dmabuf)
{
	bool readonly = dgem_dmabuf_readonly(dmabuf);
	struct dgem_object *obj;

	if (dmabuf->ops == &dgem_dmabuf_ops && !readonly) {
		struct drm_gem_object *gem = dmabuf->priv;

		if (gem->dev == drm) {
			drm_gem_object_get(gem);
			return gem;
		}
	}
	if (drm_dev_is_unplugged(drm))
		return ERR_PTR(-ENODEV);
	if (!dmabuf->size || !PAGE_ALIGNED(dmabuf->size))
		return ERR_PTR(-EINVAL);

	obj = dgem_gem_new(to_dgem_device(drm), &dgem_mem_import, dmabuf->size);
	if (IS_ERR(obj))
		return ERR_CAST(obj);
	get_dma_buf(dmabuf);
	obj->dmabuf = dmabuf;
	obj->base.resv = dmabuf->resv;
	obj->readonly = readonly;
	obj->foreign = dmabuf->ops != &dgem_dmabuf_ops;
	obj->cache_asked = DRM_DGEM_CACHE_EXPORTER;
	obj->cache_granted = DRM_DGEM_CACHE_EXPORTER;
	dgem_gem_publish(obj);
	return &obj->base;
}
