// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/align.h>
#include <linux/dma-mapping.h>
#include <linux/iosys-map.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include <drm/dgem_drm.h>

#include "compat/dgem_compat.h"
#include "dgem_device.h"
#include "dgem_engine.h"
#include "dgem_gem.h"
#include "dgem_mem.h"

/**
 * DOC: user memory
 *
 * Ranges of the caller's own memory, pinned one after the other as one object. The pages stay with
 * whoever owns them, so the object can be neither mapped a second time nor exported, and the engine
 * has the only DMA mapping of it. Where the pages lie is known when it is too late to choose, so an
 * engine that does not reach all of the machine's memory is not offered the kind, as with imports.
 *
 * The pins are for long: pages move out of CMA and ZONE_MOVABLE first, and a writable shared
 * mapping of a file that needs to know of writes is refused by the kernel (-EFAULT), as is whatever
 * has no pages to take references to. They count against the caller's RLIMIT_MEMLOCK (-ENOMEM), by
 * the address space that had them pinned, wherever the object goes.
 *
 * An object that may be written marks its pages dirty as it lets go of them. A read-only one is
 * pinned without the right to write and mapped for the engine in that direction alone, so that not
 * even a bounce buffer writes back.
 *
 * Pinning, unpinning and accounting sleep, may wait for user space to bring a page, and take
 * mmap_lock and folio locks. They happen in CREATE and with the last reference, both without a lock
 * of ours and outside of drm_dev_enter(), which others' unplugging would wait for.
 */

/* as many as readv() takes */
#define DGEM_MAX_RANGES		1024
#define DGEM_MAX_STRIDE		4096
/* pages pinned in one go */
#define DGEM_PIN_PAGES		SZ_64K

/**
 * struct dgem_user - what the kind keeps of an object
 */
struct dgem_user {
	/** @mm: the address space that is charged, with a reference to the structure */
	struct mm_struct *mm;
	/** @pages: the pages, as long as the object */
	struct page **pages;
	/** @pinned: how many of them are pinned */
	unsigned long pinned;
};

static bool dgem_user_offered(struct dgem_device *ddev)
{
	return ddev->engine->reach == DGEM_REACH_ALL;
}

static int dgem_user_copy_ranges(const struct drm_dgem_create *args, struct drm_dgem_range *ranges)
{
	u64 sum = 0;
	u32 i;

	for (i = 0; i < args->source_count; i++) {
		u64 at = args->source + (u64)i * args->source_stride;
		struct drm_dgem_range *range = &ranges[i];
		u64 end;
		int ret;

		ret = copy_struct_from_user(range, sizeof(*range), u64_to_user_ptr(at),
					    args->source_stride);
		if (ret)
			return ret;
		if (!range->length || !PAGE_ALIGNED(range->addr | range->length) ||
		    check_add_overflow(sum, range->length, &sum))
			return -EINVAL;
		/* nothing of the caller's ends where addresses wrap around */
		if (check_add_overflow(range->addr, range->length, &end))
			return -EFAULT;
	}
	return sum == args->size ? 0 : -EINVAL;
}

static struct drm_dgem_range *dgem_user_get_ranges(const struct drm_dgem_create *args)
{
	struct drm_dgem_range *ranges;
	int ret;

	if (args->window || !args->source_count || args->source_count > DGEM_MAX_RANGES)
		return ERR_PTR(-EINVAL);
	if (args->source_stride < sizeof(*ranges) || args->source_stride > DGEM_MAX_STRIDE ||
	    args->source_stride % 8)
		return ERR_PTR(-EINVAL);

	ranges = kcalloc(args->source_count, sizeof(*ranges), DGEM_GFP);
	if (!ranges)
		return ERR_PTR(-ENOMEM);
	ret = dgem_user_copy_ranges(args, ranges);
	if (ret) {
		kfree(ranges);
		return ERR_PTR(ret);
	}
	return ranges;
}

static int dgem_user_pin(struct dgem_object *obj, const struct drm_dgem_range *range)
{
	unsigned int gup = FOLL_LONGTERM | (obj->readonly ? 0 : FOLL_WRITE);
	unsigned long addr = range->addr, left = range->length >> PAGE_SHIFT;
	struct dgem_user *mem = obj->mem;

	/* nor where the kernel's own are shorter than those of the interface */
	if (range->addr + range->length > ULONG_MAX)
		return -EFAULT;
	while (left) {
		int got = pin_user_pages_fast(addr, min(left, DGEM_PIN_PAGES), gup,
					      mem->pages + mem->pinned);

		if (got <= 0)
			return got ?: -EFAULT;
		mem->pinned += got;
		addr += (unsigned long)got << PAGE_SHIFT;
		left -= got;
	}
	return 0;
}

static void dgem_user_free(struct dgem_object *obj)
{
	struct dgem_user *mem = obj->mem;

	unpin_user_pages_dirty_lock(mem->pages, mem->pinned, !obj->readonly);
	account_locked_vm(mem->mm, obj->base.size >> PAGE_SHIFT, false);
	mmdrop(mem->mm);
	kvfree(mem->pages);
	kfree(mem);
}

static struct dgem_user *dgem_user_new(unsigned long count)
{
	struct dgem_user *mem;
	int ret;

	mem = kzalloc_obj(*mem, DGEM_GFP);
	if (!mem)
		return ERR_PTR(-ENOMEM);
	mem->pages = kvmalloc_array(count, sizeof(*mem->pages), DGEM_GFP);
	ret = mem->pages ? account_locked_vm(current->mm, count, true) : -ENOMEM;
	if (ret) {
		kvfree(mem->pages);
		kfree(mem);
		return ERR_PTR(ret);
	}
	mem->mm = current->mm;
	mmgrab(mem->mm);
	return mem;
}

static int dgem_user_alloc(struct dgem_object *obj, const struct drm_dgem_create *args)
{
	unsigned long count = obj->base.size >> PAGE_SHIFT;
	struct drm_dgem_range *ranges;
	struct dgem_user *mem;
	int ret = 0;
	u32 i;

	ranges = dgem_user_get_ranges(args);
	if (IS_ERR(ranges))
		return PTR_ERR(ranges);
	/* more pages than there are can't be pinned, and need no room */
	mem = count > totalram_pages() ? ERR_PTR(-ENOMEM) : dgem_user_new(count);
	if (IS_ERR(mem)) {
		ret = PTR_ERR(mem);
		goto out_ranges;
	}

	obj->mem = mem;
	obj->readonly = obj->flags & DRM_DGEM_CREATE_READ_ONLY;
	for (i = 0; i < args->source_count && !ret; i++)
		ret = dgem_user_pin(obj, &ranges[i]);
	if (ret)
		dgem_user_free(obj);
	obj->cache_granted = DRM_DGEM_CACHE_CACHED;

out_ranges:
	kfree(ranges);
	return ret;
}

static unsigned long dgem_user_pfn(struct dgem_object *obj, u64 page, u64 *run)
{
	struct dgem_user *mem = obj->mem;

	*run = 1;
	return page_to_pfn(mem->pages[page]);
}

static int dgem_user_vmap(struct dgem_object *obj, struct iosys_map *map)
{
	struct dgem_user *mem = obj->mem;
	void *vaddr = vmap(mem->pages, mem->pinned, VM_MAP,
			   obj->readonly ? PAGE_KERNEL_RO : PAGE_KERNEL);

	if (!vaddr)
		return -ENOMEM;
	iosys_map_set_vaddr(map, vaddr);
	return 0;
}

static void dgem_user_vunmap(struct dgem_object *obj, struct iosys_map *map)
{
	vunmap(map->vaddr);
}

/** dgem_mem_user - memory of the caller's own */
const struct dgem_mem_ops dgem_mem_user = {
	.name = "user",
	.kind = DRM_DGEM_KIND_USER,
	.caches = BIT(DRM_DGEM_CACHE_DEFAULT) | BIT(DRM_DGEM_CACHE_CACHED),
	.flags = DRM_DGEM_CREATE_READ_ONLY,
	.takes_source = true,
	.offered = dgem_user_offered,
	.alloc = dgem_user_alloc,
	.free = dgem_user_free,
	.pfn = dgem_user_pfn,
	.vmap = dgem_user_vmap,
	.vunmap = dgem_user_vunmap,
};
