// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/dma-buf.h>
#include <linux/mm.h>

#include <drm/dgem_drm.h>

#include "compat/dgem_compat.h"
#include "dgem_engine.h"
#include "dgem_gem.h"
#include "dgem_mem.h"
#include "dgem_range.h"

/**
 * DOC: imported memory
 *
 * Another driver's dma-buf is known by its DMA addresses for our engine alone, as the exporter
 * mapped it; we never look at its pages. The engine's device is attached and the buffer mapped for
 * it with the first job that wants it: exporters make and map a table of all pages then, which
 * nobody needs who has another do the work (the cpu engine copies through the exporter's kernel
 * mapping). DRM's helper does both at import, so it is not used. The attachment is a static one:
 * from the first job on the memory stays where it is.
 *
 * Whatever the CPU does with it, it does through the exporter: mmap, vmap and the access windows,
 * which cover the whole buffer since exporters know nothing smaller. The exporter says how it is
 * cached, and its reservation object is the object's. A mapping is the dma-buf's own, found under
 * its name in /proc: it does not count as one of the object's, and debuggers get EIO if the
 * exporter maps page frames that it has no other way to.
 */

static void dgem_import_free(struct dgem_object *obj)
{
	dma_buf_put(obj->dmabuf);
}

static enum dma_data_direction dgem_import_dir(const struct dgem_object *obj)
{
	return obj->readonly ? DMA_TO_DEVICE : DMA_BIDIRECTIONAL;
}

static int dgem_import_map_locked(struct dgem_object *obj, struct dma_buf_attachment *attach,
				  u32 align)
{
	struct sg_table *sgt = dma_buf_map_attachment(attach, dgem_import_dir(obj));
	int ret;

	if (IS_ERR(sgt))
		return PTR_ERR(sgt);
	ret = dgem_sgt_check(sgt, obj->base.size, align);
	if (ret) {
		dma_buf_unmap_attachment(attach, sgt, dgem_import_dir(obj));
		return ret;
	}

	obj->attach = attach;
	obj->sgt = sgt;
	return 0;
}

/* Exporters take locks of theirs, and dma-buf the reservation lock, to attach. */
static int dgem_import_map_engine(struct dgem_object *obj, struct dgem_engine *engine)
{
	struct dma_buf_attachment *attach;
	int ret;

	/* a job that is under way keeps it from being dropped */
	if (READ_ONCE(obj->sgt))
		return 0;
	attach = dma_buf_attach(obj->dmabuf, engine->dev);
	if (IS_ERR(attach))
		return PTR_ERR(attach);

	ret = dma_resv_lock_interruptible(obj->base.resv, NULL);
	if (!ret) {
		/* another job may have been faster */
		if (!obj->sgt)
			ret = dgem_import_map_locked(obj, attach, engine->copy_align);
		dma_resv_unlock(obj->base.resv);
	}
	if (obj->attach != attach)
		dma_buf_detach(obj->dmabuf, attach);
	return ret;
}

static void dgem_import_unmap_engine(struct dgem_object *obj)
{
	if (!obj->sgt)
		return;
	dma_buf_unmap_attachment_unlocked(obj->attach, obj->sgt, dgem_import_dir(obj));
	obj->sgt = NULL;
	dma_buf_detach(obj->dmabuf, obj->attach);
	obj->attach = NULL;
}

static int dgem_import_mmap(struct dgem_object *obj, struct vm_area_struct *vma)
{
	int ret;

	if (obj->readonly) {
		if (vma->vm_flags & VM_WRITE)
			return -EACCES;
		vm_flags_clear(vma, VM_MAYWRITE);
	}

	/* the area is the exporter's from here on: its file, its operations, its private data */
	vma->vm_ops = NULL;
	vma->vm_private_data = NULL;
	ret = dma_buf_mmap(obj->dmabuf, vma, vma->vm_pgoff);
	if (ret)
		return ret;

	/* DRM warns of a mapping that could grow, which not all exporters forbid */
	vm_flags_set(vma, VM_DONTEXPAND);
	return 0;
}

static int dgem_import_vmap(struct dgem_object *obj, struct iosys_map *map)
{
	return dma_buf_vmap(obj->dmabuf, map);
}

static void dgem_import_vunmap(struct dgem_object *obj, struct iosys_map *map)
{
	dma_buf_vunmap(obj->dmabuf, map);
}

static int dgem_import_begin(struct dgem_object *obj, u64 offset, u64 length,
			     enum dma_data_direction dir)
{
	return dma_buf_begin_cpu_access(obj->dmabuf, dir);
}

static int dgem_import_end(struct dgem_object *obj, u64 offset, u64 length,
			   enum dma_data_direction dir)
{
	return dma_buf_end_cpu_access(obj->dmabuf, dir);
}

/** dgem_mem_import - another driver's dma-buf */
const struct dgem_mem_ops dgem_mem_import = {
	.name = "import",
	.kind = DRM_DGEM_KIND_IMPORT,
	.caps = DRM_DGEM_CAP_MMAP | DRM_DGEM_CAP_EXPORT,
	.free = dgem_import_free,
	.map_engine = dgem_import_map_engine,
	.unmap_engine = dgem_import_unmap_engine,
	.mmap = dgem_import_mmap,
	.vmap = dgem_import_vmap,
	.vunmap = dgem_import_vunmap,
	.begin = dgem_import_begin,
	.end = dgem_import_end,
	.sync_waits = true,
};
