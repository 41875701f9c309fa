/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 */
#ifndef _DGEM_MMAP_H_
#define _DGEM_MMAP_H_

#include <linux/mm.h>

#include <drm/drm_gem.h>

#include "dgem_range.h"

struct file;
struct vm_operations_struct;

extern const struct vm_operations_struct dgem_vm_ops;

/* the page of the object that an area starts with */
static inline u64 dgem_vma_page(const struct drm_gem_object *gem, const struct vm_area_struct *vma)
{
	return vma->vm_pgoff - drm_vma_node_start(&gem->vma_node);
}

/* the page of the object that faults */
static inline u64 dgem_vmf_page(const struct drm_gem_object *gem, const struct vm_fault *vmf)
{
	return vmf->pgoff - drm_vma_node_start(&gem->vma_node);
}

/* what an area shows of the object */
static inline struct dgem_view dgem_vma_view(const struct drm_gem_object *gem,
					     const struct vm_area_struct *vma)
{
	return (struct dgem_view) {
		.start = vma->vm_start,
		.end = vma->vm_end,
		.pgoff = dgem_vma_page(gem, vma),
		.pages = gem->size >> PAGE_SHIFT,
	};
}

int dgem_mmap(struct drm_gem_object *gem, struct vm_area_struct *vma);
unsigned long dgem_get_unmapped_area(struct file *file, unsigned long addr, unsigned long len,
				     unsigned long pgoff, unsigned long flags);

#endif
