// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/align.h>
#include <linux/iosys-map.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched/mm.h>

#include <drm/dgem_drm.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>

#include "compat/dgem_compat.h"
#include "dgem_device.h"
#include "dgem_gem.h"
#include "dgem_mem.h"
#include "dgem_mmap.h"
#include "dgem_range.h"
#include "dgem_sparse.h"

/**
 * DOC: user mappings
 *
 * GEM's helpers map shmem pages, one at a time. Ours are for memory that is contiguous and
 * allocated already, so this file has fault handlers of its own:
 *
 * - Kinds that name a page frame are mapped by faults: a PMD where address and memory allow it,
 *   else a batch of PTEs. The other kinds are mapped at once.
 * - A page is found by its place in the object: &vm_fault.pgoff less the fake offset at which DRM
 *   maps the object. That stays right after a part was unmapped, split off or moved.
 * - Mappings are VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP: they can't grow, nobody takes references
 *   to their pages, and core dumps leave them out. Copy-on-write mappings are refused.
 * - After the instance is gone, or for what was zapped of a mapping made at once: SIGBUS.
 * - Faults take no lock of ours, unless the object's pages may come and go: what a fault finds
 *   stays under the reservation lock alone.
 *
 * Lock order: mmap_lock, then dma_resv.
 */

/*
 * The pages that a fault brings in together: 64 KiB of 4 KiB pages, the kernel's own default for
 * fault-around.
 */
#define DGEM_FAULT_PAGES	16

static u64 dgem_vma_page(const struct drm_gem_object *gem, const struct vm_area_struct *vma)
{
	return vma->vm_pgoff - drm_vma_node_start(&gem->vma_node);
}

static struct dgem_view dgem_vma_view(const struct drm_gem_object *gem,
				      const struct vm_area_struct *vma)
{
	return (struct dgem_view) {
		.start = vma->vm_start,
		.end = vma->vm_end,
		.pgoff = dgem_vma_page(gem, vma),
		.pages = gem->size >> PAGE_SHIFT,
	};
}

/*
 * Called before and after a fault does anything. The page asked for is there in between, and stays:
 * for objects whose pages come and go, that takes the reservation lock. Memory that can't be had is
 * SIGBUS: out of memory would be a reason to try again for ever.
 */
static vm_fault_t dgem_fault_begin(struct vm_fault *vmf, struct dgem_object *obj, int *idx)
{
	struct dgem_view view = dgem_vma_view(&obj->base, vmf->vma);
	u64 page;

	if (!drm_dev_enter(obj->base.dev, idx))
		return VM_FAULT_SIGBUS;
	if (!dgem_gem_changes(obj))
		return 0;

	dma_resv_lock(obj->base.resv, NULL);
	if (!obj->sparse || (dgem_view_page(&view, vmf->address & PAGE_MASK, &page) &&
			     !dgem_sparse_populate(obj, page, 1)))
		return 0;
	dma_resv_unlock(obj->base.resv);
	drm_dev_exit(*idx);
	return VM_FAULT_SIGBUS;
}

static void dgem_fault_end(struct dgem_object *obj, int idx)
{
	if (dgem_gem_changes(obj))
		dma_resv_unlock(obj->base.resv);
	drm_dev_exit(idx);
}

static vm_fault_t dgem_insert_batch(struct vm_fault *vmf, struct dgem_object *obj)
{
	struct dgem_view view = dgem_vma_view(&obj->base, vmf->vma);
	unsigned long addr = vmf->address & PAGE_MASK, pfn;
	struct dgem_batch batch;
	vm_fault_t ret;
	unsigned int i;
	u64 page, run;

	if (!obj->ops->pfn || !dgem_view_page(&view, addr, &page) ||
	    !dgem_view_batch(&view, addr, DGEM_FAULT_PAGES, &batch))
		return VM_FAULT_SIGBUS;

	/* the page asked for decides; its neighbours come along as far as they can */
	pfn = obj->ops->pfn(obj, page, &run);
	if (!run)
		return VM_FAULT_SIGBUS;
	ret = vmf_insert_pfn(vmf->vma, addr, pfn);
	if (ret & VM_FAULT_ERROR)
		return ret;

	for (i = 0; i < batch.count; i++) {
		unsigned long near = batch.addr + i * PAGE_SIZE;

		if (near == addr)
			continue;
		pfn = obj->ops->pfn(obj, batch.page + i, &run);
		if (!run)
			continue;
		if (vmf_insert_pfn(vmf->vma, near, pfn) & VM_FAULT_ERROR)
			break;
	}
	return ret;
}

static vm_fault_t dgem_fault(struct vm_fault *vmf)
{
	struct dgem_object *obj = to_dgem_object(vmf->vma->vm_private_data);
	vm_fault_t ret;
	int idx;

	ret = dgem_fault_begin(vmf, obj, &idx);
	if (ret)
		return ret;
	ret = dgem_insert_batch(vmf, obj);
	dgem_fault_end(obj, idx);
	return ret;
}

#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
static vm_fault_t dgem_insert_pmd(struct vm_fault *vmf, struct dgem_object *obj)
{
	struct dgem_view view = dgem_vma_view(&obj->base, vmf->vma);
	struct dgem_batch batch;
	unsigned long pfn;
	u64 page, run;

	if (!obj->ops->pfn || !dgem_view_page(&view, vmf->address & PAGE_MASK, &page))
		return VM_FAULT_FALLBACK;
	pfn = obj->ops->pfn(obj, page, &run);
	if (!run || !dgem_view_pmd(&view, vmf->address & PAGE_MASK, pfn, PMD_SHIFT, &batch))
		return VM_FAULT_FALLBACK;

	pfn = obj->ops->pfn(obj, batch.page, &run);
	if (run < batch.count)
		return VM_FAULT_FALLBACK;
	return vmf_insert_pfn_pmd(vmf, pfn, vmf->flags & FAULT_FLAG_WRITE);
}

static vm_fault_t dgem_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	struct dgem_object *obj = to_dgem_object(vmf->vma->vm_private_data);
	vm_fault_t ret;
	int idx;

	if (order != PMD_ORDER)
		return VM_FAULT_FALLBACK;
	ret = dgem_fault_begin(vmf, obj, &idx);
	if (ret)
		return ret;
	ret = dgem_insert_pmd(vmf, obj);
	dgem_fault_end(obj, idx);
	return ret;
}
#endif

static void dgem_vm_count(struct drm_gem_object *gem, int by)
{
	atomic_add(by, &to_dgem_object(gem)->vmas);
	atomic64_add(by, &to_dgem_device(gem->dev)->stats.vmas);
}

static void dgem_vm_open(struct vm_area_struct *vma)
{
	dgem_vm_count(vma->vm_private_data, 1);
	drm_gem_vm_open(vma);
}

static void dgem_vm_close(struct vm_area_struct *vma)
{
	dgem_vm_count(vma->vm_private_data, -1);
	drm_gem_vm_close(vma);
}

/* A debugger's view of the mapping: there are no pages to get, so copy by the kernel mapping. */
static int dgem_vm_access(struct vm_area_struct *vma, unsigned long addr, void *buf, int len,
			  int write)
{
	struct drm_gem_object *gem = vma->vm_private_data;
	u64 offset = (dgem_vma_page(gem, vma) << PAGE_SHIFT) + (addr - vma->vm_start);
	struct dgem_object *obj = to_dgem_object(gem);
	struct iosys_map map;
	int idx, ret;

	if (len < 0 || dgem_range_check(offset, len, gem->size))
		return -EINVAL;
	if (!drm_dev_enter(gem->dev, &idx))
		return -EIO;

	dma_resv_lock(gem->resv, NULL);
	if (obj->ops->at) {
		ret = dgem_sparse_copy(obj, offset, buf, len, write) ?: len;
		goto out_unlock;
	}
	ret = dgem_gem_vmap(gem, &map);
	if (!ret) {
		if (write)
			iosys_map_memcpy_to(&map, offset, buf, len);
		else
			iosys_map_memcpy_from(buf, &map, offset, len);
		dgem_gem_vunmap(gem, &map);
		ret = len;
	}
out_unlock:
	dma_resv_unlock(gem->resv);

	drm_dev_exit(idx);
	return ret;
}

/** dgem_vm_ops - areas that show our own memory */
const struct vm_operations_struct dgem_vm_ops = {
	.open = dgem_vm_open,
	.close = dgem_vm_close,
	.fault = dgem_fault,
#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
	.huge_fault = dgem_huge_fault,
#endif
	.access = dgem_vm_access,
};

static int dgem_map_area(struct drm_gem_object *gem, struct vm_area_struct *vma)
{
	struct dgem_object *obj = to_dgem_object(gem);
	unsigned long fake = vma->vm_pgoff;
	int ret = 0;

	vma->vm_private_data = gem;
	if (obj->ops->mmap) {
		/* whoever maps at once counts from the object's start */
		vma->vm_pgoff = dgem_vma_page(gem, vma);
		ret = obj->ops->mmap(obj, vma);
		if (ret)
			return ret;
		if (vma->vm_private_data != gem) {
			/* an exporter's area now, which holds its own buffer */
			drm_gem_object_put(gem);
			return 0;
		}
		/* and zapping needs the fake offset again */
		vma->vm_pgoff = fake;
	}

	vm_flags_set(vma, VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	dgem_vm_count(gem, 1);
	return 0;
}

/**
 * dgem_mmap - map an object, &drm_gem_object_funcs.mmap
 * @gem: the object; the area has a reference to it
 * @vma: the area, at the object's fake offset; DRM or dma-buf have checked its length
 *
 * Return: 0, -EINVAL for a private mapping, -EOPNOTSUPP for a kind without any, -ENODEV when the
 * instance is gone (dma-buf does not ask), or what the memory kind said.
 */
int dgem_mmap(struct drm_gem_object *gem, struct vm_area_struct *vma)
{
	int idx, ret;

	if (vma_is_cow_mapping(vma))
		return -EINVAL;
	/* the offset of an object that can't be mapped is not told, but can be guessed */
	if (!(dgem_gem_caps(to_dgem_object(gem)) & DRM_DGEM_CAP_MMAP))
		return -EOPNOTSUPP;
	if (!drm_dev_enter(gem->dev, &idx))
		return -ENODEV;
	ret = dgem_map_area(gem, vma);
	drm_dev_exit(idx);
	return ret;
}

/**
 * dgem_get_unmapped_area - where to map, &file_operations.get_unmapped_area
 * @file: the DRM file
 * @addr: user space's wish, or 0
 * @len: bytes
 * @pgoff: fake offset
 * @flags: MAP_*
 *
 * Objects are mapped from their start, and blocks of memory worth a PMD start on one: an address
 * that does so too lets faults insert PMDs. The fake offset itself has no such meaning, and the
 * kernel's helper for huge pages would align to it.
 *
 * Return: the address or an error.
 */
unsigned long dgem_get_unmapped_area(struct file *file, unsigned long addr, unsigned long len,
				     unsigned long pgoff, unsigned long flags)
{
	unsigned long area;

	if (IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP) && !addr && !(flags & MAP_FIXED) &&
	    len >= PMD_SIZE && len <= TASK_SIZE - PMD_SIZE) {
		area = mm_get_unmapped_area(file, 0, len + PMD_SIZE - PAGE_SIZE, 0, flags);
		if (!IS_ERR_VALUE(area))
			return ALIGN(area, PMD_SIZE);
	}
	return mm_get_unmapped_area(file, addr, len, 0, flags);
}
