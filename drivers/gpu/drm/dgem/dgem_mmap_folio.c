// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/mm.h>
#include <linux/pgtable.h>

#include <drm/drm_drv.h>

#include "compat/dgem_compat.h"
#include "dgem_gem.h"
#include "dgem_mem.h"
#include "dgem_mmap.h"
#include "dgem_mmap_folio.h"
#include "dgem_range.h"

/**
 * DOC: user mappings for direct I/O
 *
 * Direct I/O and io_uring want references to the pages that they read into, which a mapping of page
 * frames doesn't give: the kernel refuses with EFAULT. Objects made with DRM_DGEM_CREATE_DIRECT_IO
 * are therefore mapped by their struct pages. Such a mapping is neither VM_PFNMAP nor VM_MIXEDMAP:
 * the kernel counts it for each page, and a huge page of it can be taken apart like any file's.
 *
 * - The memory is folios, of one page or many, which live until the last reference to them is gone:
 *   that of the object, those of page tables, and those of I/O under way. So I/O that outlives the
 *   object writes into memory that nobody else has been given. Such memory is never recycled.
 * - Nothing may take memory out of the object meanwhile, and no importer may be told of memory that
 *   others can pin: these objects can be neither purged nor exported.
 * - A block of the size of a huge page is mapped as one where the address allows it, else 64 KiB
 *   at a time. As with page frames, nothing but the huge page is put into an empty place where one
 *   fits.
 * - What is in a page table can be dropped by the process at any time, and an empty table with it.
 *   Where that gets in the way, or a table is where a huge page could be, the kernel is left to put
 *   in the one page that is asked for: it alone knows how to do that without stepping on others.
 */

/* pages that a fault brings in: the kernel's own default for fault-around, with 4 KiB pages */
#define DGEM_FOLIO_AROUND	16

static struct page *dgem_folio_page(struct dgem_object *obj, u64 page)
{
	u64 run;

	return pfn_to_page(obj->ops->pfn(obj, page, &run));
}

#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
/* the folio that can be mapped by a huge page around the address, or NULL */
static struct folio *dgem_folio_fits(const struct vm_fault *vmf, struct dgem_object *obj,
				     const struct dgem_view *view)
{
	struct dgem_batch batch;
	struct page *found;
	u64 page;

	if (!dgem_view_page(view, vmf->address & PAGE_MASK, &page))
		return NULL;
	found = dgem_folio_page(obj, page);
	if (folio_order(page_folio(found)) != PMD_ORDER)
		return NULL;
	if (!dgem_view_pmd(view, vmf->address & PAGE_MASK, page_to_pfn(found), PMD_SHIFT, &batch))
		return NULL;
	return page_folio(found);
}

static vm_fault_t dgem_folio_insert_huge(struct vm_fault *vmf, struct folio *folio)
{
	pmd_t pmd = pmdp_get_lockless(vmf->pmd);

	/* a page table stays one */
	if (!pmd_none(pmd) && !pmd_leaf(pmd))
		return VM_FAULT_FALLBACK;
	return vmf_insert_folio_pmd(vmf, folio, vmf->flags & FAULT_FLAG_WRITE);
}
#else
static struct folio *dgem_folio_fits(const struct vm_fault *vmf, struct dgem_object *obj,
				     const struct dgem_view *view)
{
	return NULL;
}

static vm_fault_t dgem_folio_insert_huge(struct vm_fault *vmf, struct folio *folio)
{
	return VM_FAULT_FALLBACK;
}
#endif

/* the page asked for decides; its neighbours come along as far as they can */
static vm_fault_t dgem_folio_insert_pages(struct vm_fault *vmf, struct dgem_object *obj,
					  const struct dgem_view *view)
{
	struct dgem_batch batch;
	unsigned int asked, i;
	vm_fault_t ret;

	if (!dgem_view_batch(view, vmf->address, DGEM_FOLIO_AROUND, &batch))
		return VM_FAULT_SIGBUS;
	asked = (vmf->address - batch.addr) >> PAGE_SHIFT;
	ret = vmf_insert_page_mkwrite(vmf, dgem_folio_page(obj, batch.page + asked),
				      vmf->flags & FAULT_FLAG_WRITE);
	for (i = 0; i < batch.count && ret == VM_FAULT_NOPAGE; i++) {
		struct vm_fault next = {
			.vma = vmf->vma,
			.address = batch.addr + i * PAGE_SIZE,
		};

		if (i != asked &&
		    vmf_insert_page_mkwrite(&next, dgem_folio_page(obj, batch.page + i),
					    false) != VM_FAULT_NOPAGE)
			break;
	}
	return ret;
}

/* let the kernel insert it */
static vm_fault_t dgem_folio_return_page(struct vm_fault *vmf, struct dgem_object *obj,
					 const struct dgem_view *view)
{
	u64 page;

	if (!dgem_view_page(view, vmf->address & PAGE_MASK, &page))
		return VM_FAULT_SIGBUS;
	vmf->page = dgem_folio_page(obj, page);
	get_page(vmf->page);
	return 0;
}

static vm_fault_t dgem_folio_insert(struct vm_fault *vmf, struct dgem_object *obj)
{
	struct dgem_view view = dgem_vma_view(&obj->base, vmf->vma);
	struct folio *folio = dgem_folio_fits(vmf, obj, &view);
	vm_fault_t ret;

	if (folio)
		ret = dgem_folio_insert_huge(vmf, folio);
	else
		ret = dgem_folio_insert_pages(vmf, obj, &view);
	/* a table that is gone again looks like one for which there was no memory */
	if (ret & (VM_FAULT_FALLBACK | VM_FAULT_OOM))
		return dgem_folio_return_page(vmf, obj, &view);
	return ret;
}

/**
 * dgem_folio_fault - bring in a page, &vm_operations_struct.fault
 * @vmf: the fault
 *
 * Return: VM_FAULT_NOPAGE, 0 with the page, or VM_FAULT_SIGBUS if there is none or the instance is
 * gone.
 */
vm_fault_t dgem_folio_fault(struct vm_fault *vmf)
{
	struct dgem_object *obj = to_dgem_object(vmf->vma->vm_private_data);
	vm_fault_t ret;
	int idx;

	if (!drm_dev_enter(obj->base.dev, &idx))
		return VM_FAULT_SIGBUS;
	ret = dgem_folio_insert(vmf, obj);
	drm_dev_exit(idx);
	return ret;
}

#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
/**
 * dgem_folio_huge_fault - bring in a huge page, &vm_operations_struct.huge_fault
 * @vmf: the fault
 * @order: pages of the huge page, as a power of two
 *
 * Return: as dgem_folio_fault(), or VM_FAULT_FALLBACK where no huge page fits.
 */
vm_fault_t dgem_folio_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	struct dgem_object *obj = to_dgem_object(vmf->vma->vm_private_data);
	struct dgem_view view = dgem_vma_view(&obj->base, vmf->vma);
	vm_fault_t ret = VM_FAULT_FALLBACK;
	struct folio *folio;
	int idx;

	if (order != PMD_ORDER)
		return VM_FAULT_FALLBACK;
	if (!drm_dev_enter(obj->base.dev, &idx))
		return VM_FAULT_SIGBUS;
	folio = dgem_folio_fits(vmf, obj, &view);
	if (folio)
		ret = dgem_folio_insert_huge(vmf, folio);
	drm_dev_exit(idx);
	return ret;
}
#endif
