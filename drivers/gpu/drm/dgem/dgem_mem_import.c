// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/dma-buf.h>
#include <linux/mm.h>

#include <drm/dgem_drm.h>

#include "compat/dgem_compat.h"
#include "dgem_gem.h"
#include "dgem_mem.h"

/**
 * DOC: imported memory
 *
 * Another driver's dma-buf is known by its DMA addresses for our engine alone, as the exporter
 * mapped it; we never look at its pages. Whatever the CPU does with it, it does through the
 * exporter: mmap, vmap and the access windows, which cover the whole buffer since exporters know
 * nothing smaller. The exporter says how it is cached, and its reservation object is the object's.
 */

static void dgem_import_free(struct dgem_object *obj)
{
	dma_buf_put(obj->dmabuf);
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
	.mmap = dgem_import_mmap,
	.vmap = dgem_import_vmap,
	.vunmap = dgem_import_vunmap,
	.begin = dgem_import_begin,
	.end = dgem_import_end,
	.sync_waits = true,
};
