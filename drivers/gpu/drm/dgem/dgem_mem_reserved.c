// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/genalloc.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/iosys-map.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/of.h>
#include <linux/of_reserved_mem.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <drm/dgem_drm.h>
#include <drm/drm_managed.h>
#include <drm/drm_print.h>

#include "compat/dgem_compat.h"
#include "dgem_device.h"
#include "dgem_engine.h"
#include "dgem_gem.h"
#include "dgem_mapping.h"
#include "dgem_mem.h"
#include "dgem_mem_reserved.h"

/**
 * DOC: reserved memory
 *
 * An instance may have a pool of its own: memory that was kept from the kernel's allocators at
 * boot, so that nobody else can fragment it. It is a range of physical addresses that the
 * configuration names and that is not System RAM ("memmap=16M$0x30000000" on x86), or the
 * "memory-region" of the instance's device-tree node, unless that is a "shared-dma-pool", which the
 * DMA API serves contiguous and coherent memory from.
 *
 * The pool hands out contiguous pages, worth a PMD on a PMD's boundary if it can. Where the kernel
 * maps the range as its own memory (a device tree's region without "no-map"), it has struct pages
 * that are mapped for devices as others are. Where it doesn't, there are none to rely on:
 * dma_map_resource() maps it, nothing bounces it or syncs it, and for a device that doesn't snoop,
 * the CPU maps it write-combined.
 *
 * The same range may serve several instances. A range that the instance's device doesn't reach
 * serves none: there is no reserved memory then.
 */

/**
 * struct dgem_reserved - a pool
 */
struct dgem_reserved {
	/** @refs: instances that use it */
	struct kref refs;
	/** @node: in dgem_reserved_pools */
	struct list_head node;
	/** @start: physical address */
	phys_addr_t start;
	/** @size: bytes */
	u64 size;
	/**
	 * @paged: the range has struct pages, and the kernel maps them. Otherwise it is ours in the
	 * kernel's map of resources
	 */
	bool paged;
	/** @wc: mapped write-combined */
	bool wc;
	/** @vaddr: all of it */
	void *vaddr;
	/** @frames: page frames that are free */
	struct gen_pool *frames;
};

/* protects dgem_reserved_pools */
static DEFINE_MUTEX(dgem_reserved_lock);
static LIST_HEAD(dgem_reserved_pools);

static struct dgem_reserved *to_dgem_reserved(const struct dgem_object *obj)
{
	return to_dgem_device(obj->base.dev)->reserved;
}

static void dgem_reserved_free_pool(struct kref *refs)
{
	struct dgem_reserved *pool = container_of(refs, struct dgem_reserved, refs);

	list_del(&pool->node);
	gen_pool_destroy(pool->frames);
	memunmap(pool->vaddr);
	if (!pool->paged)
		release_mem_region(pool->start, pool->size);
	kfree(pool);
}

static void dgem_reserved_put(struct drm_device *drm, void *data)
{
	struct dgem_reserved *pool = data;

	mutex_lock(&dgem_reserved_lock);
	kref_put(&pool->refs, dgem_reserved_free_pool);
	mutex_unlock(&dgem_reserved_lock);
}

/* without struct pages there is no syncing, so a device that doesn't snoop must not need it */
static bool dgem_reserved_wants_wc(struct device *dev, bool paged, phys_addr_t start)
{
	return !paged && dma_need_sync(dev, start);
}

static int dgem_reserved_map(struct dgem_reserved *pool)
{
	if (!pool->paged && !request_mem_region(pool->start, pool->size, KBUILD_MODNAME))
		return -EBUSY;
	pool->vaddr = memremap(pool->start, pool->size, pool->wc ? MEMREMAP_WC : MEMREMAP_WB);
	if (!pool->vaddr)
		goto err_release;

	/* counted in frames, physical addresses fit where they are longer than virtual ones */
	pool->frames = gen_pool_create(0, NUMA_NO_NODE);
	if (!pool->frames)
		goto err_unmap;
	if (!gen_pool_add(pool->frames, PHYS_PFN(pool->start), pool->size >> PAGE_SHIFT,
			  NUMA_NO_NODE))
		return 0;

	gen_pool_destroy(pool->frames);
err_unmap:
	memunmap(pool->vaddr);
err_release:
	if (!pool->paged)
		release_mem_region(pool->start, pool->size);
	return -ENOMEM;
}

static struct dgem_reserved *dgem_reserved_new(struct device *dev, phys_addr_t start, u64 size)
{
	struct dgem_reserved *pool;
	int ret;

	pool = kzalloc_obj(*pool);
	if (!pool)
		return ERR_PTR(-ENOMEM);
	kref_init(&pool->refs);
	pool->start = start;
	pool->size = size;
	pool->paged = dgem_dma_is_ram(start, size);
	pool->wc = dgem_reserved_wants_wc(dev, pool->paged, start);
	ret = dgem_reserved_map(pool);
	if (ret) {
		kfree(pool);
		return ERR_PTR(ret);
	}
	list_add(&pool->node, &dgem_reserved_pools);
	return pool;
}

static struct dgem_reserved *dgem_reserved_get(struct device *dev, phys_addr_t start, u64 size)
{
	struct dgem_reserved *pool;

	mutex_lock(&dgem_reserved_lock);
	list_for_each_entry(pool, &dgem_reserved_pools, node) {
		if (pool->start == start && pool->size == size &&
		    pool->wc == dgem_reserved_wants_wc(dev, pool->paged, start)) {
			kref_get(&pool->refs);
			goto out;
		}
		if (start < pool->start + pool->size && pool->start < start + size) {
			pool = ERR_PTR(-EBUSY);
			goto out;
		}
	}
	pool = dgem_reserved_new(dev, start, size);
out:
	mutex_unlock(&dgem_reserved_lock);
	return pool;
}

static struct reserved_mem *dgem_reserved_region(struct device *dev)
{
	struct device_node *node = of_parse_phandle(dev->of_node, "memory-region", 0);
	struct reserved_mem *region = NULL;

	if (node && !of_device_is_compatible(node, "shared-dma-pool"))
		region = of_reserved_mem_lookup(node);
	of_node_put(node);
	return region;
}

/**
 * dgem_reserved_in_node - does a device-tree node name a pool?
 * @dev: the instance's device
 *
 * Return: true if the memory of the node is for reserved memory, not for the DMA API to serve.
 */
bool dgem_reserved_in_node(struct device *dev)
{
	return dgem_reserved_region(dev);
}

static int dgem_reserved_find_of(struct device *dev, phys_addr_t *start, u64 *size)
{
	const struct reserved_mem *region = dgem_reserved_region(dev);

	if (!region)
		return 0;
	if (!PAGE_ALIGNED(region->base) || !PAGE_ALIGNED(region->size))
		return -EINVAL;
	*start = region->base;
	*size = region->size;
	return 0;
}

static int dgem_reserved_find(struct dgem_device *ddev, phys_addr_t *start, u64 *size)
{
	const struct dgem_config *config = &ddev->config;

	*size = 0;
	if (!config->pool_size)
		return dgem_reserved_find_of(ddev->drm.dev, start, size);

	*start = config->pool_start;
	*size = config->pool_size;
	if (config->pool_start + *size - 1 > iomem_resource.end)
		return -EINVAL;
	if (dgem_dma_is_ram(*start, *size)) {
		drm_err(&ddev->drm, "the pool at %pa is System RAM\n", start);
		return -EINVAL;
	}
	return 0;
}

/* Memory that must be bounced is of no use. */
static bool dgem_reserved_reached(struct dgem_device *ddev, phys_addr_t start, u64 size)
{
	struct device *dev = ddev->dma_dev;
	enum dgem_reach reach = dgem_dma_reach(dev);

	if (reach == DGEM_REACH_NONE)
		return false;
	if (dgem_dma_is_ram(start, size))
		return reach == DGEM_REACH_ALL ||
		       dgem_dma_reaches(dev, pfn_to_page(PHYS_PFN(start)), size);
	return dgem_dma_reaches_resource(dev, start, size);
}

/**
 * dgem_reserved_init - find the instance's pool
 * @ddev: the instance, with its engine, before it is registered
 *
 * Return: 0, even if there is none; -EINVAL for a range that can't be one, -EBUSY for one that is
 * in other use, or -ENOMEM.
 */
int dgem_reserved_init(struct dgem_device *ddev)
{
	struct dgem_reserved *pool;
	phys_addr_t start;
	u64 size;
	int ret;

	ret = dgem_reserved_find(ddev, &start, &size);
	if (ret || !size)
		return ret;
	if (!dgem_reserved_reached(ddev, start, size)) {
		drm_notice(&ddev->drm, "the pool at %pa is out of reach\n", &start);
		return 0;
	}

	pool = dgem_reserved_get(ddev->dma_dev, start, size);
	if (IS_ERR(pool))
		return PTR_ERR(pool);
	ret = drmm_add_action_or_reset(&ddev->drm, dgem_reserved_put, pool);
	if (ret)
		return ret;
	ddev->reserved = pool;
	return 0;
}

/**
 * dgem_reserved_size - the size of the instance's pool
 * @ddev: the instance
 *
 * Return: bytes, 0 without a pool.
 */
u64 dgem_reserved_size(const struct dgem_device *ddev)
{
	return ddev->reserved ? ddev->reserved->size : 0;
}

/**
 * dgem_reserved_available - what is left in the instance's pool
 * @ddev: the instance
 *
 * Return: bytes, of which not all need be in one piece.
 */
u64 dgem_reserved_available(const struct dgem_device *ddev)
{
	return ddev->reserved ? (u64)gen_pool_avail(ddev->reserved->frames) << PAGE_SHIFT : 0;
}

static bool dgem_reserved_offered(struct dgem_device *ddev)
{
	return ddev->reserved;
}

static unsigned long dgem_reserved_frames(struct dgem_reserved *pool, size_t pages)
{
	struct genpool_data_align align = { .align = PMD_SIZE >> PAGE_SHIFT };
	unsigned long pfn = 0;

	if (pages >= align.align)
		pfn = gen_pool_alloc_algo(pool->frames, pages, gen_pool_first_fit_align, &align);
	return pfn ?: gen_pool_alloc(pool->frames, pages);
}

static void dgem_reserved_clear(void *vaddr, size_t size)
{
	while (size) {
		size_t len = min_t(size_t, size, SZ_2M);

		memset(vaddr, 0, len);
		vaddr += len;
		size -= len;
		cond_resched();
	}
}

static int dgem_reserved_alloc(struct dgem_object *obj, const struct drm_dgem_create *args)
{
	struct dgem_reserved *pool = to_dgem_reserved(obj);
	size_t pages = obj->base.size >> PAGE_SHIFT;
	unsigned long pfn;

	pfn = dgem_reserved_frames(pool, pages);
	if (!pfn)
		return -ENOMEM;

	obj->phys = PFN_PHYS(pfn);
	obj->vaddr = pool->vaddr + (obj->phys - pool->start);
	dgem_reserved_clear(obj->vaddr, obj->base.size);
	obj->coherent = !pool->paged;
	obj->resource = !pool->paged;
	obj->cache_granted = pool->wc ? DRM_DGEM_CACHE_WC : DRM_DGEM_CACHE_CACHED;
	return 0;
}

static void dgem_reserved_free(struct dgem_object *obj)
{
	gen_pool_free(to_dgem_reserved(obj)->frames, PHYS_PFN(obj->phys),
		      obj->base.size >> PAGE_SHIFT);
}

/** dgem_mem_reserved - memory out of the instance's pool */
const struct dgem_mem_ops dgem_mem_reserved = {
	.name = "reserved",
	.kind = DRM_DGEM_KIND_RESERVED,
	.caps = DRM_DGEM_CAP_MMAP | DRM_DGEM_CAP_EXPORT,
	.caches = BIT(DRM_DGEM_CACHE_DEFAULT),
	.region = DGEM_REGION_RESERVED,
	.own_map = true,
	.offered = dgem_reserved_offered,
	.alloc = dgem_reserved_alloc,
	.free = dgem_reserved_free,
	.pfn = dgem_mem_phys_pfn,
	.at = dgem_mem_vaddr_at,
};
