// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/align.h>
#include <linux/dma-buf.h>
#include <linux/file.h>
#include <linux/fs.h>
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
#include "dgem_range.h"

/**
 * DOC: user mappings
 *
 * GEM's helpers map shmem pages, one at a time. Our memory comes in blocks of up to 2 MiB and more,
 * so this file has fault handlers of its own:
 *
 * - Nothing is mapped by mmap() itself. The kernel finds an area only after ->mmap() has returned,
 *   so page table entries that are made there would survive when the instance is unplugged just
 *   then. Faults run under drm_dev_enter(): what they put in is found and zapped.
 * - A fault puts in a PMD where address and memory allow it, else a batch of PTEs. A batch grows
 *   with what the page table shows: the page asked for alone if nothing is mapped beside it, else
 *   eight times as many as are, up to the end of the table, and the next table as a whole. Who goes
 *   through memory has few faults; who picks pages here and there pays for those pages only.
 * - A batch is filled in by one walk to its table. apply_to_page_range() is asked for the first
 *   entry and allocates the table; its callback gets that entry, with the table's lock held, and
 *   goes on to the others of the same table, which follow it in memory. It writes entries for page
 *   frames (pte_mkspecial()) to empty places only, which needs neither flushing nor accounting. The
 *   kernel exports nothing that puts in more than one page frame outside of ->mmap();
 *   vmf_insert_pfn() walks to the table and takes its lock for each page, which takes ten times as
 *   long. Where more has to be known than what cached memory's entry looks like (other
 *   architectures, memory that is not cached), it is used nevertheless, for up to 64 KiB at a time.
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
 * - After the instance is gone, and for memory that was purged or can't be had: SIGBUS. To tell the
 *   kernel that the object's memory can't be had would have it try again for ever; what it lacks
 *   itself, a page table, it is told.
 * - Faults take no lock of ours, unless the object's memory may come and go: what a fault finds
 *   stays under the reservation lock alone. If somebody else has that, mmap_lock is given back
 *   before the fault waits for it, and a signal ends the wait.
 *
 * Lock order: mmap_lock, then dma_resv, then drm_dev_enter().
 */

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
 *   object writes into memory that nobody else has been given.
 * - Nothing may take memory out of the object meanwhile, and no importer may be told of memory that
 *   others can pin: these objects can be neither purged nor exported.
 * - A block of the size of a huge page is mapped as one where the address allows it, else 64 KiB
 *   at a time. As with page frames, nothing but the huge page is put into an empty place where one
 *   fits.
 * - What is in a page table can be dropped by the process at any time, and an empty table with it.
 *   Where that gets in the way, or a table is where a huge page could be, the kernel is left to put
 *   in the one page that is asked for: it alone knows how to do that without stepping on others.
 */

static bool dgem_has_folios(const struct dgem_object *obj)
{
	return obj->flags & DRM_DGEM_CREATE_DIRECT_IO;
}

/* pages at a time where the kernel puts them in one by one: its own default for fault-around */
#define DGEM_INSERT_PAGES	16

/**
 * struct dgem_table_fill - what a page table is to show
 */
struct dgem_table_fill {
	/** @obj: the object */
	struct dgem_object *obj;
	/** @vma: the area */
	struct vm_area_struct *vma;
	/** @batch: the pages that the table can show of both, then those that come in */
	struct dgem_batch batch;
	/** @asked: which of them somebody waits for */
	unsigned int asked;
	/** @found: it is there */
	bool found;
};

/* how many entries beside this one, in one direction, are not empty */
static unsigned int dgem_table_mapped(pte_t *pte, int step, unsigned int count)
{
	unsigned int n;

	for (n = 0; n < count; n++) {
		pte += step;
		if (pte_none(ptep_get(pte)))
			break;
	}
	return n;
}

/* puts page frames that follow each other into those entries that are empty */
static void dgem_fill_run(const struct dgem_table_fill *fill, pte_t *pte, unsigned long addr,
			  unsigned long pfn, unsigned int count)
{
	unsigned int i = 0, first;

	while (i < count) {
		if (!pte_none(ptep_get(&pte[i]))) {
			i++;
			continue;
		}
		for (first = i; i < count && pte_none(ptep_get(&pte[i])); )
			i++;
		set_ptes(fill->vma->vm_mm, addr + first * PAGE_SIZE, &pte[first],
			 pte_mkspecial(pfn_pte(pfn + first, fill->vma->vm_page_prot)), i - first);
	}
}

/* cuts the batch down to what the entries beside the one asked for give reason for */
static void dgem_fill_grow(struct dgem_table_fill *fill, pte_t *pte)
{
	unsigned int asked = fill->asked, before, after;
	u64 first = fill->batch.page;

	before = dgem_table_mapped(pte + asked, -1, asked);
	after = dgem_table_mapped(pte + asked, 1, fill->batch.count - asked - 1);
	/* the table before this one was filled up */
	if (!asked && first && READ_ONCE(fill->obj->fault_next) == first)
		before = PTRS_PER_PTE;
	dgem_batch_grow(&fill->batch, asked, before, after);
	fill->asked -= fill->batch.page - first;
	if (fill->batch.count > 1)
		WRITE_ONCE(fill->obj->fault_next, fill->batch.page + fill->batch.count);
}

/* called once, for the first page of the batch; the table's lock is held */
static int dgem_fill_ptes(pte_t *pte, unsigned long addr, void *data)
{
	struct dgem_table_fill *fill = data;
	u64 first = fill->batch.page, run;
	unsigned int i, count;

	if (fill->batch.count > 1)
		dgem_fill_grow(fill, pte);
	pte += fill->batch.page - first;
	for (i = 0; i < fill->batch.count; i += count) {
		unsigned long pfn = fill->obj->ops->pfn(fill->obj, fill->batch.page + i, &run);

		count = clamp_t(u64, run, 1, fill->batch.count - i);
		if (!run)
			continue;
		fill->found |= fill->asked - i < count;
		dgem_fill_run(fill, pte + i, fill->batch.addr + i * PAGE_SIZE, pfn, count);
	}
	return 0;
}

static vm_fault_t dgem_fill_table(struct dgem_table_fill *fill)
{
	int ret = apply_to_page_range(fill->vma->vm_mm, fill->batch.addr, PAGE_SIZE,
				      dgem_fill_ptes, fill);

	if (ret)
		return ret == -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;
	return fill->found ? VM_FAULT_NOPAGE : VM_FAULT_SIGBUS;
}

static vm_fault_t dgem_insert_page(const struct dgem_table_fill *fill, unsigned int i, bool write)
{
	struct vm_fault vmf = {
		.vma = fill->vma,
		.address = fill->batch.addr + i * PAGE_SIZE,
	};
	unsigned long pfn;
	u64 run;

	pfn = fill->obj->ops->pfn(fill->obj, fill->batch.page + i, &run);
	if (!run)
		return VM_FAULT_SIGBUS;
	if (dgem_has_folios(fill->obj))
		return vmf_insert_page_mkwrite(&vmf, pfn_to_page(pfn), write);
	return vmf_insert_pfn(vmf.vma, vmf.address, pfn);
}

/* the page asked for decides; its neighbours come along as far as they can */
static vm_fault_t dgem_insert_pages(const struct dgem_table_fill *fill, bool write)
{
	vm_fault_t ret = dgem_insert_page(fill, fill->asked, write);
	unsigned int i;

	for (i = 0; i < fill->batch.count && ret == VM_FAULT_NOPAGE; i++)
		if (i != fill->asked && dgem_insert_page(fill, i, false) != VM_FAULT_NOPAGE)
			break;
	return ret;
}

static inline vm_fault_t dgem_insert_batch(struct vm_fault *vmf, struct dgem_object *obj,
					   bool table)
{
	struct dgem_view view = dgem_vma_view(&obj->base, vmf->vma);
	struct dgem_table_fill fill = { .obj = obj, .vma = vmf->vma };

	if (!dgem_view_batch(&view, vmf->address, table ? PTRS_PER_PTE : DGEM_INSERT_PAGES,
			     &fill.batch))
		return VM_FAULT_SIGBUS;
	fill.asked = (vmf->address - fill.batch.addr) >> PAGE_SHIFT;
	return table ? dgem_fill_table(&fill)
		     : dgem_insert_pages(&fill, vmf->flags & FAULT_FLAG_WRITE);
}

/* have the kernel put in the one page of a folio */
static vm_fault_t dgem_return_page(struct vm_fault *vmf, struct dgem_object *obj)
{
	u64 run;

	vmf->page = pfn_to_page(obj->ops->pfn(obj, dgem_vmf_page(&obj->base, vmf), &run));
	get_page(vmf->page);
	return 0;
}

#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
static vm_fault_t dgem_insert_pmd(struct vm_fault *vmf, struct dgem_object *obj, bool *fits)
{
	struct dgem_view view = dgem_vma_view(&obj->base, vmf->vma);
	bool write = vmf->flags & FAULT_FLAG_WRITE;
	struct dgem_batch batch;
	unsigned long pfn;
	pmd_t pmd;
	u64 run;

	if (!dgem_view_batch(&view, vmf->address, PTRS_PER_PTE, &batch) ||
	    batch.count < PTRS_PER_PTE)
		return VM_FAULT_FALLBACK;
	pfn = obj->ops->pfn(obj, batch.page, &run);
	if (run < batch.count || !IS_ALIGNED(pfn, PTRS_PER_PTE))
		return VM_FAULT_FALLBACK;

	*fits = true;
	/* a page table stays one */
	pmd = pmdp_get_lockless(vmf->pmd);
	if (!pmd_none(pmd) && !pmd_leaf(pmd))
		return VM_FAULT_FALLBACK;
	/* the kernel would warn of a table that comes meanwhile, if the page were to be written */
	if (dgem_has_folios(obj))
		return vmf_insert_folio_pmd(vmf, page_folio(pfn_to_page(pfn)),
					    write && pmd_leaf(pmd));
	return vmf_insert_pfn_pmd(vmf, pfn, write);
}
#else
static vm_fault_t dgem_insert_pmd(struct vm_fault *vmf, struct dgem_object *obj, bool *fits)
{
	return VM_FAULT_FALLBACK;
}
#endif

/* what follows where no huge page was put in */
static vm_fault_t dgem_insert_folios(struct vm_fault *vmf, struct dgem_object *obj, vm_fault_t ret,
				     bool fits)
{
	if (ret & VM_FAULT_FALLBACK && !fits)
		ret = dgem_insert_batch(vmf, obj, false);
	/* a table that is gone again looks like one for which there was no memory */
	if (ret & (VM_FAULT_FALLBACK | VM_FAULT_OOM))
		ret = dgem_return_page(vmf, obj);
	return ret;
}

/* wait for the reservation lock without mmap_lock, if the caller can do without */
static vm_fault_t dgem_fault_wait(struct vm_fault *vmf, struct drm_gem_object *gem)
{
	struct file *file;

	if (!fault_flag_allow_retry_first(vmf->flags))
		return dma_resv_lock_interruptible(gem->resv, NULL) ? VM_FAULT_NOPAGE : 0;
	if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
		return VM_FAULT_RETRY;

	/* the object does not keep its device, nor us */
	file = get_file(vmf->vma->vm_file);
	drm_gem_object_get(gem);
	mmap_read_unlock(vmf->vma->vm_mm);
	if (!dma_resv_lock_interruptible(gem->resv, NULL))
		dma_resv_unlock(gem->resv);
	drm_gem_object_put(gem);
	fput(file);
	return VM_FAULT_RETRY;
}

/*
 * Called before and after a fault does anything. The page asked for is there in between, and stays.
 * A huge fault may have the area's own lock instead of mmap_lock, and does not wait: the ordinary
 * one comes next.
 */
static inline vm_fault_t dgem_fault_begin(struct vm_fault *vmf, struct dgem_object *obj, bool huge,
					  int *idx)
{
	struct drm_gem_object *gem = &obj->base;
	vm_fault_t ret;

	if (unlikely(dgem_gem_changes(obj))) {
		/* an area may be longer than the object; others look when they map */
		if (dgem_vmf_page(gem, vmf) >= gem->size >> PAGE_SHIFT)
			return VM_FAULT_SIGBUS;
		if (!dma_resv_trylock(gem->resv)) {
			ret = huge ? VM_FAULT_FALLBACK : dgem_fault_wait(vmf, gem);
			if (ret)
				return ret;
		}
		if (obj->sparse &&
		    dgem_gem_populate_locked(obj, dgem_vmf_page(gem, vmf) << PAGE_SHIFT, 1)) {
			dma_resv_unlock(gem->resv);
			return VM_FAULT_SIGBUS;
		}
	}
	if (likely(drm_dev_enter(gem->dev, idx)))
		return 0;
	if (dgem_gem_changes(obj))
		dma_resv_unlock(gem->resv);
	return VM_FAULT_SIGBUS;
}

static inline void dgem_fault_end(struct dgem_object *obj, int idx)
{
	drm_dev_exit(idx);
	if (unlikely(dgem_gem_changes(obj)))
		dma_resv_unlock(obj->base.resv);
}

static vm_fault_t dgem_fault(struct vm_fault *vmf)
{
	struct dgem_object *obj = to_dgem_object(vmf->vma->vm_private_data);
	vm_fault_t ret = VM_FAULT_FALLBACK;
	bool fits = false;
	vm_fault_t err;
	int idx;

	err = dgem_fault_begin(vmf, obj, false, &idx);
	if (err)
		return err;
	/* small objects should not pay for what large ones have */
	if (obj->base.size >= PMD_SIZE)
		ret = dgem_insert_pmd(vmf, obj, &fits);
	if (unlikely(dgem_has_folios(obj)))
		ret = dgem_insert_folios(vmf, obj, ret, fits);
	else if (ret & VM_FAULT_FALLBACK)
		ret = dgem_insert_batch(vmf, obj, IS_ENABLED(CONFIG_X86) &&
					obj->cache_granted == DRM_DGEM_CACHE_CACHED);
	dgem_fault_end(obj, idx);
	return ret;
}

#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
static vm_fault_t dgem_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	struct dgem_object *obj = to_dgem_object(vmf->vma->vm_private_data);
	vm_fault_t ret;
	bool fits;
	int idx;

	if (order != PMD_ORDER)
		return VM_FAULT_FALLBACK;
	ret = dgem_fault_begin(vmf, obj, true, &idx);
	if (ret)
		return ret;
	ret = dgem_insert_pmd(vmf, obj, &fits);
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
static int dgem_access_io(struct dgem_object *obj, u64 offset, void *buf, int len, int write)
{
	u32 word, skip = offset % sizeof(word), n;
	void __iomem *regs;
	struct iosys_map map;
	int done;

	done = dgem_gem_vmap(&obj->base, &map);
	if (done)
		return done;
	regs = map.vaddr_iomem + offset - skip;
	for (; done < len; done += n, skip = 0, regs += sizeof(word)) {
		n = min_t(u32, sizeof(word) - skip, len - done);
		if (!write) {
			word = __raw_readl(regs);
			memcpy(buf + done, (void *)&word + skip, n);
		} else if (n == sizeof(word)) {
			memcpy(&word, buf + done, n);
			__raw_writel(word, regs);
		} else {
			break;
		}
	}
	dgem_gem_vunmap(&obj->base, &map);
	return done ?: -EINVAL;
}

/* memory that is there, and has addresses */
static int dgem_access_memory(struct dgem_object *obj, u64 offset, void *buf, int len, int write)
{
	size_t part;
	int done;
	u64 run;

	for (done = 0; done < len; done += part, offset += part) {
		void *vaddr = obj->ops->at(obj, offset >> PAGE_SHIFT, &run);

		if (!run)
			return -EIO;
		vaddr += offset_in_page(offset);
		part = min_t(u64, len - done, (run << PAGE_SHIFT) - offset_in_page(offset));
		if (write)
			memcpy(vaddr, buf + done, part);
		else
			memcpy(buf + done, vaddr, part);
	}
	return len;
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
	int idx, ret;

	if (len <= 0 || dgem_range_check(offset, len, gem->size))
		return -EINVAL;
	/* the kernel does not look: a debugger may write where the process may not */
	if (write && !(vma->vm_flags & VM_WRITE))
		return -EACCES;

	ret = dma_resv_lock_interruptible(gem->resv, NULL);
	if (ret)
		return ret;
	ret = dgem_gem_populate_locked(obj, offset, len);
	if (ret)
		goto out_unlock;
	ret = -EIO;
	if (drm_dev_enter(gem->dev, &idx)) {
		ret = obj->ops->at ? dgem_access_memory(obj, offset, buf, len, write)
				   : dgem_access_io(obj, offset, buf, len, write);
		drm_dev_exit(idx);
	}
out_unlock:
	dma_resv_unlock(gem->resv);
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

/* the area is the exporter's from here on: its file, its operations, its private data */
static int dgem_map_import(struct dgem_object *obj, struct vm_area_struct *vma)
{
	int ret;

	if (obj->readonly) {
		if (vma->vm_flags & VM_WRITE)
			return -EACCES;
		vm_flags_clear(vma, VM_MAYWRITE);
	}

	vma->vm_ops = NULL;
	vma->vm_private_data = NULL;
	ret = dma_buf_mmap(obj->dmabuf, vma, dgem_vma_page(&obj->base, vma));
	if (ret)
		return ret;
	/* DRM warns of a mapping that could grow, which not all exporters forbid */
	vm_flags_set(vma, VM_DONTEXPAND);
	/* it holds its own buffer */
	drm_gem_object_put(&obj->base);
	return 0;
}

/* the architectures that have one of their own say so in <asm/pgtable.h>, as the DMA API has it */
#ifndef pgprot_dmacoherent
#define pgprot_dmacoherent(prot)	pgprot_noncached(prot)
#endif

static pgprot_t dgem_mmap_prot(const struct dgem_object *obj, pgprot_t prot)
{
	if (obj->cache_granted == DRM_DGEM_CACHE_WC)
		return pgprot_writecombine(prot);
	if (obj->cache_granted == DRM_DGEM_CACHE_UNCACHED)
		return obj->resource ? pgprot_noncached(prot) : pgprot_dmacoherent(prot);
	return prot;
}

/**
 * dgem_mmap - map an object, &drm_gem_object_funcs.mmap
 * @gem: the object; the area has a reference to it
 * @vma: the area, at the object's fake offset; DRM or dma-buf have checked its length
 *
 * Return: 0, -EINVAL for a private mapping, -EOPNOTSUPP for a kind without any, -ENODEV when the
 * instance is gone (dma-buf does not ask), -EACCES, or what the exporter of an import said.
 */
int dgem_mmap(struct drm_gem_object *gem, struct vm_area_struct *vma)
{
	struct dgem_object *obj = to_dgem_object(gem);

	if (vma_is_cow_mapping(vma))
		return -EINVAL;
	/* the offset of an object that can't be mapped is not told, but can be guessed */
	if (!(dgem_gem_caps(obj) & DRM_DGEM_CAP_MMAP))
		return -EOPNOTSUPP;
	if (drm_dev_is_unplugged(gem->dev))
		return -ENODEV;
	if (obj->dmabuf)
		return dgem_map_import(obj, vma);

	vma->vm_page_prot = dgem_mmap_prot(obj, vma->vm_page_prot);
	vm_flags_set(vma, (dgem_has_folios(obj) ? 0 : VM_PFNMAP) | (obj->resource ? VM_IO : 0) |
			  VM_DONTEXPAND | VM_DONTDUMP);
	dgem_vm_count(gem, 1);
	return 0;
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
