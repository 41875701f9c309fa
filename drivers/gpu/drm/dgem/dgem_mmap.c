// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/align.h>
#include <linux/io.h>
#include <linux/iosys-map.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pgtable.h>
#include <linux/sched/mm.h>
#include <linux/string.h>

#include <drm/dgem_drm.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>

#include "compat/dgem_compat.h"
#include "dgem_device.h"
#include "dgem_gem.h"
#include "dgem_mem.h"
#include "dgem_mmap.h"
#include "dgem_mmap_folio.h"
#include "dgem_range.h"
#include "dgem_sparse.h"

/**
 * DOC: user mappings
 *
 * GEM's helpers map shmem pages, one at a time. Ours are for memory that is contiguous and
 * allocated already, so this file has fault handlers of its own:
 *
 * - Kinds that name a page frame are mapped by faults: a PMD where address and memory allow it,
 *   else a batch of PTEs. The other kinds are mapped at once, and so are objects made with
 *   DRM_DGEM_CREATE_PREFAULT, page by page: a PMD can only be put in by a fault.
 * - A batch is all that the page table of the address can show of the object, and filled in by one
 *   walk to that table: what a fault costs besides is shared by up to 512 pages, and the more so
 *   the larger the object. Neighbours that are mapped already stay as they are.
 * - A PTE is put in clean, whatever the fault is for: the kernel has nothing that puts in a page
 *   frame as written to, except for a PMD. Where the processor doesn't mark it itself (32-bit ARM,
 *   64-bit ARM without FEAT_HAFDBS), the first write to each page takes one more fault, as with any
 *   driver's mapping.
 * - Whether a PMD fits is a matter of the area and the memory alone, which don't change under a
 *   fault. Where one fits nothing else is ever put into an empty place, whichever handler is asked
 *   (a process that has huge pages switched off is asked by the ordinary one): so two faults never
 *   disagree about it, and no walk meets a PMD of the other.
 * - A page is found by its place in the object: &vm_fault.pgoff less the fake offset at which DRM
 *   maps the object. That stays right after a part was unmapped, split off or moved.
 * - Mappings are VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP: they can't grow, nobody takes references
 *   to their pages, and core dumps leave them out. Copy-on-write mappings are refused. Objects made
 *   for direct I/O are mapped without VM_PFNMAP, see below.
 * - After the instance is gone, or for what was zapped of a mapping made at once: SIGBUS.
 * - Faults take no lock of ours, unless the object's pages may come and go: what a fault finds
 *   stays under the reservation lock alone.
 *
 * Lock order: mmap_lock, then dma_resv.
 */

/*
 * Cached memory is mapped as the area says, and an entry of a page table is only written to memory:
 * a module can do that itself. For other memory, and on other architectures, vmf_insert_pfn() knows
 * what has to be done, page by page. That is dearer, so fewer of them: 64 KiB of 4 KiB pages, the
 * kernel's own default for fault-around.
 */
#define DGEM_FILL_PTES		IS_ENABLED(CONFIG_X86)
#define DGEM_FILL_PAGES		PTRS_PER_PTE
#define DGEM_INSERT_PAGES	16

/**
 * struct dgem_fill - what a page table is to show
 */
struct dgem_fill {
	/** @obj: the object */
	struct dgem_object *obj;
	/** @vma: the area */
	struct vm_area_struct *vma;
	/** @batch: the pages; all of them are in one page table */
	struct dgem_batch batch;
	/** @asked: which of them somebody waits for */
	unsigned int asked;
	/** @found: it is there */
	bool found;
};

/* called once, for the first page of the batch; the table's lock is held */
static int dgem_fill_ptes(pte_t *pte, unsigned long addr, void *data)
{
	struct dgem_fill *fill = data;
	pgprot_t prot = fill->vma->vm_page_prot;
	unsigned int i = 0, end;
	unsigned long pfn;
	u64 run;

	do {
		pfn = fill->obj->ops->pfn(fill->obj, fill->batch.page + i, &run);
		if (!run) {
			i++;
			continue;
		}
		end = min_t(u64, i + run, fill->batch.count);
		fill->found |= fill->asked - i < end - i;
		for (; i < end; i++, pfn++) {
			if (pte_none(ptep_get(&pte[i])))
				set_pte_at(fill->vma->vm_mm, addr + i * PAGE_SIZE, &pte[i],
					   pte_mkspecial(pfn_pte(pfn, prot)));
		}
	} while (i < fill->batch.count);
	return 0;
}

static vm_fault_t dgem_fill_table(struct dgem_fill *fill)
{
	struct mm_struct *mm = fill->vma->vm_mm;

	/* no more than the first entry is asked for: it leads to the others of its table */
	if (apply_to_page_range(mm, fill->batch.addr, PAGE_SIZE, dgem_fill_ptes, fill))
		return VM_FAULT_OOM;
	return fill->found ? VM_FAULT_NOPAGE : VM_FAULT_SIGBUS;
}

static vm_fault_t dgem_insert_page(const struct dgem_fill *fill, unsigned int i)
{
	unsigned long pfn;
	u64 run;

	pfn = fill->obj->ops->pfn(fill->obj, fill->batch.page + i, &run);
	if (!run)
		return VM_FAULT_SIGBUS;
	return vmf_insert_pfn(fill->vma, fill->batch.addr + i * PAGE_SIZE, pfn);
}

/* the page asked for decides; its neighbours come along as far as they can */
static vm_fault_t dgem_insert_pages(const struct dgem_fill *fill)
{
	vm_fault_t ret = dgem_insert_page(fill, fill->asked);
	unsigned int i;

	for (i = 0; i < fill->batch.count && !(ret & VM_FAULT_ERROR); i++)
		if (i != fill->asked && dgem_insert_page(fill, i) & VM_FAULT_OOM)
			break;
	return ret;
}

static vm_fault_t dgem_insert_batch(struct vm_fault *vmf, struct dgem_object *obj)
{
	bool ptes = DGEM_FILL_PTES && obj->cache_granted == DRM_DGEM_CACHE_CACHED;
	unsigned int pages = ptes ? DGEM_FILL_PAGES : DGEM_INSERT_PAGES;
	struct dgem_view view = dgem_vma_view(&obj->base, vmf->vma);
	struct dgem_fill fill;

	if (!obj->ops->pfn || !dgem_view_batch(&view, vmf->address, pages, &fill.batch))
		return VM_FAULT_SIGBUS;
	fill.obj = obj;
	fill.vma = vmf->vma;
	fill.asked = (vmf->address - fill.batch.addr) >> PAGE_SHIFT;
	fill.found = false;
	return ptes ? dgem_fill_table(&fill) : dgem_insert_pages(&fill);
}

#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
static vm_fault_t dgem_insert_pmd(struct vm_fault *vmf, struct dgem_object *obj)
{
	struct dgem_view view = dgem_vma_view(&obj->base, vmf->vma);
	unsigned long addr = vmf->address & PAGE_MASK, pfn;
	pmd_t pmd = pmdp_get_lockless(vmf->pmd);
	struct dgem_batch batch;
	u64 page, run;

	/* a page table stays one */
	if (!pmd_none(pmd) && !pmd_leaf(pmd))
		return VM_FAULT_FALLBACK;
	if (!obj->ops->pfn || !dgem_view_page(&view, addr, &page))
		return VM_FAULT_FALLBACK;
	pfn = obj->ops->pfn(obj, page, &run);
	if (!run || !dgem_view_pmd(&view, addr, pfn, PMD_SHIFT, &batch))
		return VM_FAULT_FALLBACK;

	pfn = obj->ops->pfn(obj, batch.page, &run);
	if (run < batch.count)
		return VM_FAULT_FALLBACK;
	return vmf_insert_pfn_pmd(vmf, pfn, vmf->flags & FAULT_FLAG_WRITE);
}
#else
static vm_fault_t dgem_insert_pmd(struct vm_fault *vmf, struct dgem_object *obj)
{
	return VM_FAULT_FALLBACK;
}
#endif

/* the page asked for is there if this succeeds, and stays under the reservation lock */
static bool dgem_fault_populate(struct vm_fault *vmf, struct dgem_object *obj)
{
	struct dgem_view view = dgem_vma_view(&obj->base, vmf->vma);
	u64 page;

	return dgem_view_page(&view, vmf->address & PAGE_MASK, &page) &&
	       !dgem_sparse_populate(obj, page, 1);
}

/*
 * Called before and after a fault does anything. The page asked for is there in between, and stays:
 * for objects whose pages come and go, that takes the reservation lock. Memory that can't be had is
 * SIGBUS: out of memory would be a reason to try again for ever. This is dgem_gem_changes() without
 * the call: a fault of one page is short.
 */
static inline vm_fault_t dgem_fault_begin(struct vm_fault *vmf, struct dgem_object *obj, int *idx)
{
	if (!drm_dev_enter(obj->base.dev, idx))
		return VM_FAULT_SIGBUS;
	if (likely(!obj->ops->purge))
		return 0;

	dma_resv_lock(obj->base.resv, NULL);
	if (!obj->sparse || dgem_fault_populate(vmf, obj))
		return 0;
	dma_resv_unlock(obj->base.resv);
	drm_dev_exit(*idx);
	return VM_FAULT_SIGBUS;
}

static inline void dgem_fault_end(struct dgem_object *obj, int idx)
{
	if (unlikely(obj->ops->purge))
		dma_resv_unlock(obj->base.resv);
	drm_dev_exit(idx);
}

static vm_fault_t dgem_fault(struct vm_fault *vmf)
{
	struct dgem_object *obj = to_dgem_object(vmf->vma->vm_private_data);
	vm_fault_t ret;
	int idx;

	ret = dgem_fault_begin(vmf, obj, &idx);
	if (ret)
		return ret;
	ret = VM_FAULT_FALLBACK;
	if (obj->base.size >= PMD_SIZE)
		ret = dgem_insert_pmd(vmf, obj);
	if (ret & VM_FAULT_FALLBACK)
		ret = dgem_insert_batch(vmf, obj);
	dgem_fault_end(obj, idx);
	return ret;
}

#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
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

/*
 * Registers by the word, whatever is asked for: a device may take nothing less, and the kernel does
 * not survive that on every machine. A part of a word is read, but not written.
 */
static int dgem_access_io(void __iomem *regs, void *buf, int len, int write)
{
	u32 word, skip, n;
	int done;

	for (done = 0; done < len; done += n) {
		skip = ((uintptr_t)regs + done) % sizeof(word);
		n = min_t(u32, sizeof(word) - skip, len - done);
		if (!write) {
			word = __raw_readl(regs + done - skip);
			memcpy(buf + done, (void *)&word + skip, n);
		} else if (n == sizeof(word)) {
			memcpy(&word, buf + done, n);
			__raw_writel(word, regs + done);
		} else {
			break;
		}
	}
	return done ?: -EINVAL;
}

/*
 * A debugger's view of the mapping: there are no pages to get, so copy by the kernel mapping. A
 * kernel without CONFIG_HAVE_IOREMAP_PROT doesn't ask for it: it tells the debugger EIO.
 */
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
		ret = len;
		if (map.is_iomem)
			ret = dgem_access_io(map.vaddr_iomem + offset, buf, len, write);
		else if (write)
			iosys_map_memcpy_to(&map, offset, buf, len);
		else
			iosys_map_memcpy_from(buf, &map, offset, len);
		dgem_gem_vunmap(gem, &map);
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

/* the same of an object made for direct I/O */
static const struct vm_operations_struct dgem_folio_vm_ops = {
	.open = dgem_vm_open,
	.close = dgem_vm_close,
	.fault = dgem_folio_fault,
#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
	.huge_fault = dgem_folio_huge_fault,
#endif
	.access = dgem_vm_access,
};

/*
 * All pages now. Not for objects whose pages come and go: the area is not yet where zapping would
 * find it.
 */
static int dgem_map_now(struct dgem_object *obj, struct vm_area_struct *vma)
{
	u64 page = dgem_vma_page(&obj->base, vma), run;
	unsigned long addr = vma->vm_start;
	int ret = 0;

	while (!ret && addr < vma->vm_end) {
		unsigned long pfn = obj->ops->pfn(obj, page, &run);
		u64 pages = clamp_t(u64, run, 1, (vma->vm_end - addr) >> PAGE_SHIFT);

		if (run)
			ret = remap_pfn_range(vma, addr, pfn, pages << PAGE_SHIFT,
					      vma->vm_page_prot);
		addr += pages << PAGE_SHIFT;
		page += pages;
	}
	return ret;
}

static int dgem_map_area(struct drm_gem_object *gem, struct vm_area_struct *vma)
{
	struct dgem_object *obj = to_dgem_object(gem);
	unsigned long fake = vma->vm_pgoff;
	vm_flags_t frames = VM_PFNMAP;
	int ret = 0;

	vma->vm_private_data = gem;
	if (obj->flags & DRM_DGEM_CREATE_DIRECT_IO) {
		vma->vm_ops = &dgem_folio_vm_ops;
		frames = 0;
	} else if (obj->ops->mmap) {
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
	} else if (obj->flags & DRM_DGEM_CREATE_PREFAULT) {
		ret = dgem_map_now(obj, vma);
		if (ret)
			return ret;
	}

	vm_flags_set(vma, frames | VM_DONTEXPAND | VM_DONTDUMP);
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
