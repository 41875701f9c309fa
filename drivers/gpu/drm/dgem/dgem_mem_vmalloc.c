// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/atomic.h>
#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include <drm/dgem_drm.h>
#include <drm/drm_device.h>

#include "compat/dgem_compat.h"
#include "dgem_device.h"
#include "dgem_gem.h"
#include "dgem_mapping.h"
#include "dgem_mem.h"
#include "dgem_mem_pages.h"

/**
 * DOC: vmalloc memory
 *
 * Single pages from anywhere, contiguous for the kernel alone: the kind for objects larger than any
 * contiguous block. Nobody keeps a list of the pages, the kernel's page table is the list: a fault
 * asks vmalloc_to_page(), and so does whoever builds a scatterlist.
 *
 * vmalloc() knows no device, and takes all memory before it shows in what is available to others.
 * So the pages are allocated here, a granule's worth at a time, where the instance's mask leaves
 * out a part of the machine's memory from zone to zone until they are within reach, and put
 * together with vmap(). An object has all of its pages within reach or is not made.
 *
 * The zeroes are cleaned out of the caches through a mapping for the instance's own device, see
 * &dgem_mem_ops.own_map, which also serves the windows of CPU access.
 *
 * On kernels with 32 bits all objects of the kind together take half of the vmalloc space at most.
 */

/* bytes of all objects */
static atomic_long_t dgem_vmalloc_bytes;

/* with 32 bits, addresses are scarcer than memory: others need some, too */
static bool dgem_vmalloc_room(size_t size)
{
	long limit = IS_ENABLED(CONFIG_64BIT) ? LONG_MAX : VMALLOC_TOTAL / 2;
	long old = atomic_long_read(&dgem_vmalloc_bytes);

	do {
		if (size > limit - old)
			return false;
	} while (!atomic_long_try_cmpxchg(&dgem_vmalloc_bytes, &old, old + size));
	return true;
}

/* some of the pages, since those that came show in what is available; how many came */
static unsigned long dgem_vmalloc_some(struct device *dev, struct page **pages,
				       unsigned long count, gfp_t *zone)
{
	unsigned long i;

	if (fatal_signal_pending(current) || !dgem_memory_begin((u64)count << PAGE_SHIFT))
		return 0;
	for (i = 0; i < count; i++) {
		pages[i] = dgem_mem_alloc_pages(dev, DGEM_GFP | __GFP_ZERO, 0, zone);
		if (!pages[i])
			break;
	}
	dgem_memory_end((u64)count << PAGE_SHIFT);
	cond_resched();
	return i;
}

static void *dgem_vmalloc_map(size_t size, struct device *dev)
{
	unsigned long done = 0, count = size >> PAGE_SHIFT, some;
	struct page **pages;
	void *vaddr = NULL;
	gfp_t zone = 0;

	pages = kvmalloc_array(count, sizeof(*pages), DGEM_GFP);
	if (!pages)
		return NULL;
	do {
		some = dgem_vmalloc_some(dev, pages + done,
					 min(count - done, DGEM_GRANULE >> PAGE_SHIFT), &zone);
		done += some;
	} while (some && done < count);
	/* from here on vfree() gives back the pages and the array */
	if (done == count)
		vaddr = vmap(pages, count, VM_MAP | VM_MAP_PUT_PAGES, PAGE_KERNEL);
	if (vaddr)
		return vaddr;

	while (done--)
		__free_page(pages[done]);
	kvfree(pages);
	return NULL;
}

static int dgem_vmalloc_alloc(struct dgem_object *obj, const struct drm_dgem_create *args)
{
	struct device *dev = dgem_dma_dev(obj->base.dev);

	/* don't take all memory just to find that it isn't enough */
	if (obj->base.size >> PAGE_SHIFT >= totalram_pages() ||
	    !dgem_vmalloc_room(obj->base.size))
		return -ENOMEM;
	obj->vaddr = dgem_vmalloc_map(obj->base.size,
				      dgem_dma_reach(dev) == DGEM_REACH_SOME ? dev : NULL);
	if (!obj->vaddr) {
		atomic_long_sub(obj->base.size, &dgem_vmalloc_bytes);
		return -ENOMEM;
	}
	obj->cache_granted = DRM_DGEM_CACHE_CACHED;
	return 0;
}

static void dgem_vmalloc_free(struct dgem_object *obj)
{
	vfree(obj->vaddr);
	atomic_long_sub(obj->base.size, &dgem_vmalloc_bytes);
}

static unsigned long dgem_vmalloc_pfn(struct dgem_object *obj, u64 page, u64 *run)
{
	*run = 1;
	return vmalloc_to_pfn(obj->vaddr + (page << PAGE_SHIFT));
}

static bool dgem_vmalloc_held(struct dgem_object *obj, u64 *page)
{
	for (; *page < obj->base.size >> PAGE_SHIFT; (*page)++)
		if (page_count(vmalloc_to_page(obj->vaddr + (*page << PAGE_SHIFT))) > 1)
			return true;
	return false;
}

/** dgem_mem_vmalloc - cached memory in single pages */
const struct dgem_mem_ops dgem_mem_vmalloc = {
	.name = "vmalloc",
	.kind = DRM_DGEM_KIND_VMALLOC,
	.caps = DRM_DGEM_CAP_MMAP | DRM_DGEM_CAP_EXPORT,
	.caches = BIT(DRM_DGEM_CACHE_DEFAULT) | BIT(DRM_DGEM_CACHE_CACHED),
	.flags = DRM_DGEM_CREATE_DIRECT_IO,
	.own_map = true,
	.alloc = dgem_vmalloc_alloc,
	.free = dgem_vmalloc_free,
	.pfn = dgem_vmalloc_pfn,
	.at = dgem_mem_vaddr_at,
	.held = dgem_vmalloc_held,
};
