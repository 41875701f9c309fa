/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 */
#ifndef _DGEM_MMAP_H_
#define _DGEM_MMAP_H_

struct drm_gem_object;
struct file;
struct vm_area_struct;
struct vm_operations_struct;

extern const struct vm_operations_struct dgem_vm_ops;

int dgem_mmap(struct drm_gem_object *gem, struct vm_area_struct *vma);
unsigned long dgem_get_unmapped_area(struct file *file, unsigned long addr, unsigned long len,
				     unsigned long pgoff, unsigned long flags);

#endif
