// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/export.h>
#include <linux/iommu.h>
#include <linux/ioport.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/property.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include <drm/dgem_drm.h>
#include <kunit/visibility.h>

#include "compat/dgem_compat.h"
#include "dgem_device.h"
#include "dgem_gem.h"
#include "dgem_mapping.h"
#include "dgem_mem.h"
#include "dgem_range.h"
#include "dgem_trace.h"

/**
 * DOC: DMA mappings
 *
 * An object may be mapped for several devices at a time. All of its mappings are in one list, each
 * with a device, a direction and an owner. Each has a scatterlist of its own, split to the segment
 * size and boundary of its device.
 *
 * Only the instance's own mapping cleans the CPU caches as it is made. The others leave them alone
 * (DMA_ATTR_SKIP_CPU_SYNC): memory belongs to the devices unless a window of CPU access is open. So
 * a mapping is synced by itself in three cases only: if swiotlb has a copy of the memory; if its
 * device is not coherent while the instance's own device is, for which nothing was ever cleaned; or
 * if it is of memory that is not ours to clean (user memory). Such a mapping is synced when it is
 * made, when it goes, and in every window.
 *
 * The order is that of the list in both directions. Towards the devices, the instance's own mapping
 * cleans first, so nothing dirty is left when an importer's mapping is invalidated; towards the
 * CPU, bounced copies come last, when everybody else has invalidated.
 *
 * A bounced copy is seen by its device alone. The engine may have one, as long as no importer has a
 * mapping; an importer never gets one (-EBUSY). Whether swiotlb bounces is asked of the DMA API: a
 * page that is mapped twice has the same address twice, unless each mapping has a slot of its own.
 * Comparing physical addresses with a mask is no answer where a bus has addresses of its own
 * ("dma-ranges").
 */

/**
 * DOC: CPU access windows
 *
 * A window is opened (begin) and closed (end) over a range of an object. Opening makes what devices
 * wrote visible to the CPU. Closing a window in which the CPU wrote goes the other way; one in
 * which it only read has nothing to hand back, and must not: a bounced mapping would be overwritten
 * with older data. An object none of whose mappings needs to be synced costs a few instructions.
 *
 * Neither waits for fences: dgem_sync_wait() does, before a window is opened. But for imports,
 * whose windows are their exporter's, both may run where a fence has yet to be signalled: they take
 * no lock but &dgem_object.maps_lock.
 */

/**
 * dgem_dma_iommu - does an IOMMU map memory for a device?
 * @dev: the device
 *
 * Return: true if it may reach any memory, whatever its mask.
 */
bool dgem_dma_iommu(struct device *dev)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	return domain && iommu_is_dma_domain(domain);
}

/**
 * dgem_dma_reach - what memory a device reaches
 * @dev: the device
 *
 * dma_max_mapping_size() is limited just where swiotlb may be used for the device at all: because
 * the device doesn't reach all of the machine's memory, or because bouncing was asked for.
 *
 * Return: &enum dgem_reach.
 */
enum dgem_reach dgem_dma_reach(struct device *dev)
{
	if (dgem_dma_iommu(dev))
		return DGEM_REACH_ALL;
	if (dma_addressing_limited(dev))
		return DGEM_REACH_SOME;
	if (dma_max_mapping_size(dev) != SIZE_MAX)
		return DGEM_REACH_NONE;
	/* where a bus has addresses of its own, dma_addressing_limited() knows the last page's */
	return dev->dma_range_map ? DGEM_REACH_SOME : DGEM_REACH_ALL;
}

/* does a page that is mapped twice have one address? */
static bool dgem_dma_direct(struct device *dev, struct page *page)
{
	const unsigned long attrs = DMA_ATTR_SKIP_CPU_SYNC | DMA_ATTR_NO_WARN;
	dma_addr_t first, second;
	bool direct = false;

	first = dma_map_page_attrs(dev, page, 0, PAGE_SIZE, DMA_TO_DEVICE, attrs);
	if (dma_mapping_error(dev, first))
		return false;
	second = dma_map_page_attrs(dev, page, 0, PAGE_SIZE, DMA_TO_DEVICE, attrs);
	if (!dma_mapping_error(dev, second)) {
		direct = first == second;
		dma_unmap_page_attrs(dev, second, PAGE_SIZE, DMA_TO_DEVICE, attrs);
	}
	dma_unmap_page_attrs(dev, first, PAGE_SIZE, DMA_TO_DEVICE, attrs);
	return direct;
}

/**
 * dgem_dma_reaches - does a device reach memory without a bounced copy?
 * @dev: a device that does not reach all of it, see dgem_dma_reach()
 * @page: the first page
 * @size: bytes of contiguous memory
 *
 * Return: whether it does. For a device that does not reach all memory, on a machine without
 * swiotlb, the DMA API can't be asked, since it warns: there the mask has to do, and a bus with
 * addresses of its own is not supported.
 */
bool dgem_dma_reaches(struct device *dev, struct page *page, size_t size)
{
	if (dma_addressing_limited(dev) && dma_max_mapping_size(dev) == SIZE_MAX)
		return !dev->dma_range_map &&
		       page_to_phys(page) + size - 1 <= min_not_zero(dma_get_mask(dev),
								     dev->bus_dma_limit);
	return dgem_dma_direct(dev, page) &&
	       dgem_dma_direct(dev, pfn_to_page(page_to_pfn(page) + PHYS_PFN(size - 1)));
}

/**
 * dgem_dma_reaches_resource - does a device reach memory without struct pages?
 * @dev: the device
 * @phys: physical address of the first byte
 * @size: bytes
 *
 * Such memory is never bounced: dma_map_resource() warns of what is beyond the mask. Kernels up to
 * 6.12 at least take the physical address for the one on the bus, so a bus with addresses of its
 * own is not supported.
 *
 * Return: whether it does.
 */
bool dgem_dma_reaches_resource(struct device *dev, phys_addr_t phys, u64 size)
{
	return dgem_dma_iommu(dev) ||
	       (!dev->dma_range_map &&
		phys + size - 1 <= min_not_zero(dma_get_mask(dev), dev->bus_dma_limit));
}

/**
 * dgem_dma_is_ram - does memory have struct pages, and does the kernel map it?
 * @phys: physical address of the first byte
 * @size: bytes
 *
 * pfn_valid() is true of "no-map" regions, too, where RAM is next to them.
 *
 * Return: whether it does.
 */
bool dgem_dma_is_ram(phys_addr_t phys, u64 size)
{
	return region_intersects(phys, size, IORESOURCE_SYSTEM_RAM,
				 IORES_DESC_NONE) != REGION_DISJOINT;
}

/**
 * dgem_mapping_run - find the contiguous page frames from a page on
 * @obj: the object, whose kind has &dgem_mem_ops.pfn
 * @page: the page
 * @pages: as many as are wanted at most, not zero
 * @pfn: set to the page frame of @page
 * @count: set to the number of pages, at least one, whatever blocks they are in
 *
 * Return: 0, or -ENXIO if @page is missing. So whoever walks over an object gets on by a page at
 * least, or ends.
 */
int dgem_mapping_run(struct dgem_object *obj, u64 page, u64 pages, u64 *pfn, u64 *count)
{
	u64 found, more;

	*pfn = obj->ops->pfn(obj, page, &found);
	if (!found)
		return -ENXIO;
	while (found < pages && obj->ops->pfn(obj, page + found, &more) == *pfn + found && more)
		found += more;
	*count = min(found, pages);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(dgem_mapping_run);

/* how a device wants its segments */
struct dgem_split {
	unsigned long boundary;
	u32 max_seg;
};

static struct dgem_split dgem_split(struct device *dev)
{
	return (struct dgem_split) {
		.boundary = dma_get_seg_boundary(dev),
		/* what is bounced has to fit into a slot of the bounce buffer */
		.max_seg = min_t(size_t, dma_get_max_seg_size(dev), dma_max_mapping_size(dev)),
	};
}

/* the segments that the mapping needs, and whether all of it is in the device's reach */
static int dgem_mapping_count(struct dgem_object *obj, struct dgem_mapping *map, u64 *nents)
{
	struct dgem_split split = dgem_split(map->dev);
	u64 page = map->offset >> PAGE_SHIFT, end = (map->offset + map->length) >> PAGE_SHIFT;
	bool limited = !obj->resource && dgem_dma_reach(map->dev) != DGEM_REACH_ALL;
	u64 pfn, count;
	int ret;

	for (*nents = 0; page < end; page += count) {
		ret = dgem_mapping_run(obj, page, end - page, &pfn, &count);
		if (ret)
			return ret;
		*nents += dgem_span_segments(PFN_PHYS(pfn), count << PAGE_SHIFT, split.max_seg,
					     split.boundary);
		if (limited && !map->bounced)
			map->bounced = !dgem_dma_reaches(map->dev, pfn_to_page(pfn),
							 count << PAGE_SHIFT);
	}
	return *nents > INT_MAX || !dgem_memory_begin(0) ? -ENOMEM : 0;
}

/* a table that is allocated, not mapped; entries of a resource have no pages */
static int dgem_mapping_fill(struct dgem_object *obj, struct dgem_mapping *map)
{
	struct dgem_split split = dgem_split(map->dev);
	u64 at = map->offset, end = at + map->length, pfn, count, addr = 0, left = 0;
	struct scatterlist *sg;
	unsigned int i;
	int ret;

	for_each_sgtable_sg(map->sgt, sg, i) {
		u32 len;

		if (!left) {
			ret = dgem_mapping_run(obj, at >> PAGE_SHIFT, (end - at) >> PAGE_SHIFT,
					       &pfn, &count);
			if (ret)
				return ret;
			addr = PFN_PHYS(pfn);
			left = count << PAGE_SHIFT;
		}
		len = dgem_span_next(addr, left, split.max_seg, split.boundary);
		if (obj->resource)
			sg->length = len;
		else
			sg_set_page(sg, pfn_to_page(PHYS_PFN(addr)), len, 0);
		addr += len;
		left -= len;
		at += len;
	}
	return 0;
}

/*
 * In one go: an IOMMU maps it in one piece, too. Nothing of a resource is ever synced. Without the
 * attribute that says so, DMA-API debugging up to 6.12 at least warns of one that two devices have.
 */
static int dgem_mapping_map_resource(struct dgem_object *obj, struct dgem_mapping *map)
{
	dma_addr_t addr = dma_map_resource(map->dev, obj->phys + map->offset, map->length,
					   map->dir, DMA_ATTR_SKIP_CPU_SYNC);
	struct scatterlist *sg;
	unsigned int i;

	if (dma_mapping_error(map->dev, addr))
		return -ENOMEM;
	for_each_sgtable_sg(map->sgt, sg, i) {
		sg_dma_address(sg) = addr;
		sg_dma_len(sg) = sg->length;
		addr += sg->length;
	}
	return 0;
}

/* see DOC: does the mapping have to be synced by itself? */
static bool dgem_mapping_wants_sync(const struct dgem_object *obj, const struct dgem_mapping *map)
{
	struct scatterlist *sg;
	int i;

	if (obj->coherent)
		return false;
	if (map->bounced)
		return true;
	if (READ_ONCE(obj->own_sync) && map->owner != DGEM_MAPPING_OWN)
		return false;
	for_each_sgtable_dma_sg(map->sgt, sg, i)
		if (dma_need_sync(map->dev, sg_dma_address(sg)))
			return true;
	return false;
}

/*
 * Memory that is mapped for one device more than once, without an IOMMU, is found more than once in
 * the books of DMA-API debugging, which then wants to see the very table that was mapped: so a
 * window over all of a mapping, as each window of a dma-buf is, syncs that. Any other syncs no more
 * than it is about: next to it another window may be open.
 */
static void dgem_mapping_sync(struct dgem_object *obj, const struct dgem_mapping *map, u64 offset,
			      u64 length, bool for_cpu)
{
	u64 start = map->offset, end = offset + length;
	struct scatterlist *sg;
	int i;

	if (!map->synced || start >= end || start + map->length <= offset)
		return;
	trace_dgem_object_sync(obj, map->owner, for_cpu);
	if (!map->bounced && map->owner != DGEM_MAPPING_OWN && offset <= start &&
	    start + map->length <= end) {
		if (for_cpu)
			dma_sync_sgtable_for_cpu(map->dev, map->sgt, map->dir);
		else
			dma_sync_sgtable_for_device(map->dev, map->sgt, map->dir);
		return;
	}
	for_each_sgtable_dma_sg(map->sgt, sg, i) {
		u64 first = max(start, offset), last = min(start + sg_dma_len(sg), end);
		dma_addr_t addr = sg_dma_address(sg) + (first - start);

		if (start >= end)
			break;
		start += sg_dma_len(sg);
		if (first >= last)
			continue;
		if (for_cpu)
			dma_sync_single_for_cpu(map->dev, addr, last - first, map->dir);
		else
			dma_sync_single_for_device(map->dev, addr, last - first, map->dir);
	}
}

/* an importer and a bounced copy exclude each other */
static int dgem_mapping_check_copies(struct dgem_object *obj, const struct dgem_mapping *map)
{
	bool importer = map->owner == DGEM_MAPPING_IMPORTER;
	struct dgem_mapping *other;
	int ret = 0;

	if (map->bounced && (importer || obj->coherent))
		return importer ? -EBUSY : -EOPNOTSUPP;
	if (!importer && !map->bounced)
		return 0;
	mutex_lock(&obj->maps_lock);
	list_for_each_entry(other, &obj->maps, node) {
		if (importer ? other->bounced : other->owner == DGEM_MAPPING_IMPORTER) {
			ret = -EBUSY;
			break;
		}
	}
	mutex_unlock(&obj->maps_lock);
	return ret;
}

/* what the CPU caches is never written back for a device that does not snoop */
static int dgem_mapping_check_coherency(const struct dgem_object *obj,
					const struct dgem_mapping *map)
{
	dma_addr_t addr = sg_dma_address(map->sgt->sgl);

	if (!obj->coherent || obj->cache_granted != DRM_DGEM_CACHE_CACHED)
		return 0;
	/* behind an IOMMU, dma_need_sync() does not tell when the DMA API is being debugged */
	if (dgem_dma_iommu(map->dev) ? device_get_dma_attr(map->dev) != DEV_DMA_NON_COHERENT
				     : !dma_need_sync(map->dev, addr))
		return 0;
	return map->owner == DGEM_MAPPING_IMPORTER ? -EBUSY : -EOPNOTSUPP;
}

static void dgem_mapping_unmap(struct dgem_object *obj, struct dgem_mapping *map)
{
	if (obj->resource)
		dma_unmap_resource(map->dev, sg_dma_address(map->sgt->sgl), map->length,
				   map->dir, DMA_ATTR_SKIP_CPU_SYNC);
	else
		dma_unmap_sgtable(map->dev, map->sgt, map->dir, DMA_ATTR_SKIP_CPU_SYNC);
	sg_free_table(&map->table);
}

static int dgem_mapping_map(struct dgem_object *obj, struct dgem_mapping *map)
{
	u64 nents;
	int ret;

	if (obj->resource &&
	    !dgem_dma_reaches_resource(map->dev, obj->phys + map->offset, map->length))
		return map->owner == DGEM_MAPPING_IMPORTER ? -EBUSY : -EOPNOTSUPP;
	ret = dgem_mapping_count(obj, map, &nents);
	if (!ret)
		ret = dgem_mapping_check_copies(obj, map);
	if (!ret)
		ret = sg_alloc_table(&map->table, nents, DGEM_GFP);
	if (ret)
		return ret;

	map->sgt = &map->table;
	ret = dgem_mapping_fill(obj, map);
	if (ret)
		goto err_table;
	if (obj->resource)
		ret = dgem_mapping_map_resource(obj, map);
	else
		ret = dma_map_sgtable(map->dev, map->sgt, map->dir,
				      DMA_ATTR_NO_WARN | (map->owner == DGEM_MAPPING_OWN ?
							  0 : DMA_ATTR_SKIP_CPU_SYNC));
	if (ret)
		goto err_table;
	ret = dgem_mapping_check_coherency(obj, map);
	if (ret)
		dgem_mapping_unmap(obj, map);
	return ret;

err_table:
	sg_free_table(&map->table);
	return ret;
}

/* by owner: there may be thousands of both others */
static void dgem_mapping_insert(struct dgem_object *obj, struct dgem_mapping *map)
{
	struct dgem_mapping *other;

	mutex_lock(&obj->maps_lock);
	if (map->owner == DGEM_MAPPING_OWN) {
		list_add(&map->node, &obj->maps);
	} else {
		list_for_each_entry_reverse(other, &obj->maps, node)
			if (other->owner <= map->owner)
				break;
		list_add(&map->node, &other->node);
	}
	WRITE_ONCE(obj->synced_maps, obj->synced_maps + map->synced);
	mutex_unlock(&obj->maps_lock);
	/* from here on, windows sync it as well: what the CPU wrote before is not missed */
	if (map->owner != DGEM_MAPPING_OWN)
		dgem_mapping_sync(obj, map, map->offset, map->length, false);
	trace_dgem_object_map(obj, map);
}

/**
 * dgem_mapping_create - map memory of an object for a device
 * @obj: the object. Its reservation lock is held, but for &DGEM_MAPPING_OWN
 * @dev: the device
 * @owner: whom it is for
 * @dir: who writes
 * @offset: first byte, on a page
 * @length: bytes, whole pages, not zero, all there
 *
 * Return: the mapping, to be given back with dgem_mapping_destroy(), or an error pointer: -ENXIO if
 * memory is missing; -EBUSY for an importer that would get a bounced copy, or if one that there is
 * would be in its way; -EOPNOTSUPP for an engine that does not reach coherent memory or a resource;
 * -ENOMEM, or what the DMA API said.
 */
struct dgem_mapping *dgem_mapping_create(struct dgem_object *obj, struct device *dev,
					 enum dgem_mapping_owner owner, enum dma_data_direction dir,
					 u64 offset, u64 length)
{
	struct dgem_mapping *map;
	int ret;

	if (owner != DGEM_MAPPING_OWN)
		dma_resv_assert_held(obj->base.resv);

	map = kzalloc_obj(*map, DGEM_GFP);
	if (!map)
		return ERR_PTR(-ENOMEM);
	map->dev = dev;
	map->owner = owner;
	map->dir = dir;
	map->offset = offset;
	map->length = length;

	ret = dgem_mapping_map(obj, map);
	if (ret) {
		kfree(map);
		return ERR_PTR(ret);
	}
	map->synced = dgem_mapping_wants_sync(obj, map);
	dgem_mapping_insert(obj, map);
	return map;
}

/**
 * dgem_mapping_create_own - have memory cleaned for the instance's devices
 * @obj: the object, of which nobody knows or whose reservation lock is held
 * @offset: first byte, on a page
 * @length: bytes, whole pages, not zero, all there
 *
 * What the CPU has just cleared is still in its caches: it is cleaned, now and in every window,
 * unless devices snoop. Where whatever is mapped for the instance's own device is bounced, no
 * device ever sees the memory itself, and what the CPU copies from its caches is never stale.
 *
 * Return: the mapping, NULL if none is needed, or an error pointer as dgem_mapping_create().
 */
struct dgem_mapping *dgem_mapping_create_own(struct dgem_object *obj, u64 offset, u64 length)
{
	struct device *dev = dgem_dma_dev(obj->base.dev);
	struct dgem_mapping *map;
	u64 pfn, count;

	if (obj->coherent || dgem_dma_reach(dev) == DGEM_REACH_NONE)
		return NULL;
	/* whether it snoops is a matter of the device, which is behind no IOMMU */
	if (dgem_mapping_run(obj, offset >> PAGE_SHIFT, 1, &pfn, &count) ||
	    !dma_need_sync(dev, PFN_PHYS(pfn)))
		return NULL;
	map = dgem_mapping_create(obj, dev, DGEM_MAPPING_OWN, DMA_BIDIRECTIONAL, offset, length);
	if (!IS_ERR(map))
		WRITE_ONCE(obj->own_sync, true);
	return map;
}

/**
 * dgem_mapping_create_import - map a foreign dma-buf for an engine
 * @obj: the import, its reservation lock held
 * @attach: the attachment of the engine's device, which is the mapping's from now on, but stays the
 *	caller's to detach
 * @align: bytes, a power of two, at whose multiples the engine starts and ends
 *
 * Return: the mapping, or an error pointer: what the exporter said, -EINVAL for a table that is
 * shorter than the buffer, or -EOPNOTSUPP for one that is not aligned, or if the exporter would
 * have to make a copy for the engine.
 */
struct dgem_mapping *dgem_mapping_create_import(struct dgem_object *obj,
						struct dma_buf_attachment *attach, u32 align)
{
	struct dgem_mapping *map;
	int ret;

	dma_resv_assert_held(obj->base.resv);

	map = kzalloc_obj(*map, DGEM_GFP);
	if (!map)
		return ERR_PTR(-ENOMEM);
	map->dev = attach->dev;
	map->attach = attach;
	map->owner = DGEM_MAPPING_ENGINE;
	map->dir = obj->readonly ? DMA_TO_DEVICE : DMA_BIDIRECTIONAL;
	map->length = obj->base.size;

	map->sgt = dma_buf_map_attachment(attach, map->dir);
	if (IS_ERR(map->sgt)) {
		ret = PTR_ERR(map->sgt) == -EBUSY ? -EOPNOTSUPP : PTR_ERR(map->sgt);
		goto err_free;
	}
	ret = dgem_sgt_check(map->sgt, map->length, align);
	if (ret)
		goto err_unmap;
	dgem_mapping_insert(obj, map);
	return map;

err_unmap:
	dma_buf_unmap_attachment(attach, map->sgt, map->dir);
err_free:
	kfree(map);
	return ERR_PTR(ret);
}

/**
 * dgem_mapping_destroy - undo dgem_mapping_create() or dgem_mapping_create_import()
 * @obj: the object. Its reservation lock is held, but for &DGEM_MAPPING_OWN
 * @map: its mapping, whose device is idle as far as the object goes
 *
 * What the device wrote stays, in a bounced copy too.
 */
void dgem_mapping_destroy(struct dgem_object *obj, struct dgem_mapping *map)
{
	if (map->owner != DGEM_MAPPING_OWN && map->dir != DMA_TO_DEVICE)
		dgem_mapping_sync(obj, map, map->offset, map->length, true);

	mutex_lock(&obj->maps_lock);
	list_del(&map->node);
	WRITE_ONCE(obj->synced_maps, obj->synced_maps - map->synced);
	mutex_unlock(&obj->maps_lock);

	if (map->attach) {
		dma_buf_unmap_attachment(map->attach, map->sgt, map->dir);
		kfree(map);
		return;
	}
	dgem_mapping_unmap(obj, map);
	kfree(map);
}

/**
 * dgem_sync_wait - wait for an object's fences
 * @obj: the object
 * @write: wait for readers too
 * @timeout: jiffies; 0 asks only
 *
 * Return: 0, -ETIME, or -ERESTARTSYS.
 */
int dgem_sync_wait(struct dgem_object *obj, bool write, unsigned long timeout)
{
	long ret = dma_resv_wait_timeout(obj->base.resv, dma_resv_usage_rw(write), true, timeout);

	if (ret < 0)
		return ret;
	return ret ? 0 : -ETIME;
}

/**
 * dgem_sync - open or close a CPU access window
 * @obj: the object
 * @offset: first byte of the range
 * @length: bytes; the caller has checked the range
 * @dir: DMA_FROM_DEVICE if the CPU reads, DMA_TO_DEVICE if it writes, or both
 * @begin: open it
 *
 * Return: 0, or what the exporter of an import said.
 */
int dgem_sync(struct dgem_object *obj, u64 offset, u64 length, enum dma_data_direction dir,
	      bool begin)
{
	bool handed = begin || dir != DMA_FROM_DEVICE;
	struct dgem_mapping *map;
	int ret = 0;

	/* an exporter wants to know of every end; our own memory is cleaned before all else */
	if (obj->ops->sync && (obj->dmabuf || (handed && READ_ONCE(obj->own_sync)))) {
		trace_dgem_object_sync(obj, DGEM_MAPPING_OWN, begin);
		ret = obj->ops->sync(obj, offset, length, dir, begin);
	}
	if (!handed || (begin && ret) || !READ_ONCE(obj->synced_maps))
		return ret;
	mutex_lock(&obj->maps_lock);
	list_for_each_entry(map, &obj->maps, node)
		dgem_mapping_sync(obj, map, offset, length, begin);
	mutex_unlock(&obj->maps_lock);
	return ret;
}
