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

/**
 * DOC: vmalloc memory
 *
 * Single pages from anywhere, contiguous for the kernel alone: the kind for objects larger than any
 * contiguous block. Nobody keeps a list of the pages, the kernel's page table is the list: a fault
 * asks vmalloc_to_page(), and so does whoever builds a scatterlist.
 *
 * vmalloc() knows no device. Where the instance's mask leaves out a part of the machine's memory,
 * the pages are therefore chosen one at a time, from zone to zone until one is within reach, and
 * put together with vmap(). An object has all of its pages within reach or is not made.
 *
 * The zeroes are cleaned out of the caches through a mapping for the instance's own device, see
 * &dgem_mem_ops.own_map, which also serves the windows of CPU access.
 *
 * On kernels with 32 bits all objects of the kind together take half of the vmalloc space at most.
 */

#define DGEM_GFP_VMALLOC	(DGEM_GFP | __GFP_ZERO)

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

static void *dgem_vmalloc_within(size_t size, struct device *dev)
{
	unsigned long i, count = size >> PAGE_SHIFT;
	struct page **pages;
	gfp_t zone = 0;
	void *vaddr;

	pages = kvmalloc_array(count, sizeof(*pages), DGEM_GFP);
	if (!pages)
		return NULL;

	for (i = 0; i < count; i++) {
		pages[i] = fatal_signal_pending(current) ? NULL :
			   dgem_mem_alloc_pages(dev, DGEM_GFP_VMALLOC, 0, &zone);
		cond_resched();
		if (!pages[i])
			goto err_free;
	}
	/* from here on vfree() gives back the pages and the array */
	vaddr = vmap(pages, count, VM_MAP | VM_MAP_PUT_PAGES, PAGE_KERNEL);
	if (!vaddr)
		goto err_free;
	return vaddr;

err_free:
	while (i--)
		__free_page(pages[i]);
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
	if (!dgem_memory_begin(obj->base.size))
		goto out_room;
	if (dgem_dma_reach(dev) == DGEM_REACH_SOME)
		obj->vaddr = dgem_vmalloc_within(obj->base.size, dev);
	else
		obj->vaddr = __vmalloc(obj->base.size, DGEM_GFP_VMALLOC);
	dgem_memory_end(obj->base.size);
	if (!obj->vaddr)
		goto out_room;

	obj->cache_granted = DRM_DGEM_CACHE_CACHED;
	return 0;

out_room:
	atomic_long_sub(obj->base.size, &dgem_vmalloc_bytes);
	return -ENOMEM;
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
	.vmap = dgem_mem_vaddr_vmap,
	.held = dgem_vmalloc_held,
};
