// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/dma-resv.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <drm/drm_device.h>
#include <drm/drm_vma_manager.h>

#include "compat/dgem_compat.h"
#include "dgem_device.h"
#include "dgem_engine.h"
#include "dgem_gem.h"
#include "dgem_mapping.h"
#include "dgem_mem.h"
#include "dgem_quota.h"
#include "dgem_sparse.h"

/**
 * DOC: objects without all of their memory
 *
 * A lazy object gets its memory in chunks, when it is touched or when a job is to work on it, and
 * is charged for it then; exporting it brings all of it. A purge takes pages away for good. The
 * reservation lock keeps what is there: page faults of objects that may lose memory take it, and a
 * job is armed under it.
 *
 * The engine sees such an object by its extents, pages of one chunk with no hole in between. An
 * extent is mapped when the first job works on it, and stays so until a purge changes the chunk.
 * For each operation a job has a list of the DMA addresses of the extents that the operation
 * touches. It starts with the first of them, not with the object. The list is no mapping, only a
 * copy of addresses, so nothing is mapped twice and bounced memory has one bounce buffer.
 */

/**
 * dgem_sparse_populate - see to it that pages are there
 * @obj: the object, its reservation lock held
 * @first: first page
 * @count: pages, not zero, in range
 *
 * Return: 0, -ENXIO if one of them was purged, -ENOSPC if a quota does not allow for them, -ENOMEM,
 * or -EINTR when the process dies.
 */
int dgem_sparse_populate(struct dgem_object *obj, u64 first, u64 count)
{
	u64 added = 0;
	s64 missing;
	int ret;

	dma_resv_assert_held(obj->base.resv);

	missing = obj->ops->missing(obj, first, count);
	if (missing <= 0)
		return missing;
	ret = dgem_quota_charge(obj, missing);
	if (ret)
		return ret;
	ret = obj->ops->populate(obj, first, count, &added);
	if (added < missing)
		dgem_quota_uncharge(obj, missing - added);
	return ret;
}

/**
 * dgem_sparse_complete - see to it that all pages are there
 * @obj: the object
 *
 * Return: as dgem_sparse_populate(), or -EINTR.
 */
int dgem_sparse_complete(struct dgem_object *obj)
{
	int ret = 0;

	if (dma_resv_lock_interruptible(obj->base.resv, NULL))
		return -EINTR;
	if (obj->sparse)
		ret = dgem_sparse_populate(obj, 0, obj->base.size >> PAGE_SHIFT);
	dma_resv_unlock(obj->base.resv);
	return ret;
}

/* the mapping of the extent around a page, which is there */
static struct dgem_mapping *dgem_sparse_map(struct dgem_object *obj, u64 page)
{
	struct dgem_engine *engine = to_dgem_device(obj->base.dev)->engine;
	struct dgem_mapping *map;
	u64 first, count;

	count = obj->ops->extent(obj, page, &first);
	map = xa_load(&obj->extents, first);
	if (map)
		return map;

	map = dgem_mapping_create_range(obj, engine->dev, DMA_BIDIRECTIONAL, first << PAGE_SHIFT,
					count << PAGE_SHIFT);
	if (IS_ERR(map))
		return map;
	if (xa_is_err(xa_store(&obj->extents, first, map, GFP_KERNEL))) {
		dgem_mapping_destroy(obj, map);
		return ERR_PTR(-ENOMEM);
	}
	dgem_mapping_to_engine(obj, map);
	WRITE_ONCE(obj->extent_segments, obj->extent_segments + map->sgt->nents);
	return map;
}

static struct sg_table *dgem_sparse_table(u64 segments)
{
	struct sg_table *table;

	if (segments > INT_MAX)
		return ERR_PTR(-ENOMEM);
	table = kmalloc_obj(*table);
	if (!table)
		return ERR_PTR(-ENOMEM);
	if (sg_alloc_table(table, segments, GFP_KERNEL | __GFP_NOWARN)) {
		kfree(table);
		return ERR_PTR(-ENOMEM);
	}
	return table;
}

/**
 * dgem_sparse_put_table - free what dgem_sparse_reach() made
 * @table: the list, or NULL
 */
void dgem_sparse_put_table(struct sg_table *table)
{
	if (!table)
		return;
	sg_free_table(table);
	kfree(table);
}

/**
 * dgem_sparse_reach - let the engine reach a part of an object
 * @obj: the object, its reservation lock held
 * @offset: first byte
 * @length: bytes, not zero, in range
 * @table: set to a list of DMA addresses, for dgem_sparse_put_table()
 * @start: set to the byte of the object that the list starts with
 *
 * The list is good as long as nothing is purged.
 *
 * Return: 0, as dgem_sparse_populate(), or what the DMA API said.
 */
int dgem_sparse_reach(struct dgem_object *obj, u64 offset, u64 length, struct sg_table **table,
		      u64 *start)
{
	u64 first = offset >> PAGE_SHIFT, end = ((offset + length - 1) >> PAGE_SHIFT) + 1, page;
	struct dgem_mapping *map;
	struct scatterlist *sg, *from;
	u64 segments = 0;
	int i, ret;

	ret = dgem_sparse_populate(obj, first, end - first);
	if (ret)
		return ret;

	for (page = first; page < end; page = (map->offset + map->length) >> PAGE_SHIFT) {
		map = dgem_sparse_map(obj, page);
		if (IS_ERR(map))
			return PTR_ERR(map);
		if (page == first)
			*start = map->offset;
		segments += map->sgt->nents;
	}

	*table = dgem_sparse_table(segments);
	if (IS_ERR(*table)) {
		ret = PTR_ERR(*table);
		*table = NULL;
		return ret;
	}
	sg = (*table)->sgl;
	for (page = first; page < end; page = (map->offset + map->length) >> PAGE_SHIFT) {
		map = dgem_sparse_map(obj, page);
		for_each_sgtable_dma_sg(map->sgt, from, i) {
			sg_dma_address(sg) = sg_dma_address(from);
			sg_dma_len(sg) = sg_dma_len(from);
			sg = sg_next(sg);
		}
	}
	return 0;
}

/**
 * dgem_sparse_unmap - take the chunks of some pages away from the engine
 * @obj: the object; no job works on it, and none can come
 * @first: first page
 * @count: pages, not zero
 *
 * What the engine wrote stays, in a bounced mapping too.
 */
void dgem_sparse_unmap(struct dgem_object *obj, u64 first, u64 count)
{
	struct dgem_mapping *map;
	unsigned long page;

	xa_for_each_range(&obj->extents, page, map, first, first + count - 1) {
		xa_erase(&obj->extents, page);
		WRITE_ONCE(obj->extent_segments, obj->extent_segments - map->sgt->nents);
		dgem_mapping_sync(map, map->offset, map->length, true);
		dgem_mapping_destroy(obj, map);
	}
}

/**
 * dgem_sparse_copy - read or write an object whose pages have kernel addresses
 * @obj: the object, its reservation lock held
 * @offset: first byte
 * @buf: where to or from
 * @len: bytes, not zero, in range
 * @write: write the object
 *
 * Return: 0, or as dgem_sparse_populate().
 */
int dgem_sparse_copy(struct dgem_object *obj, u64 offset, void *buf, size_t len, bool write)
{
	u64 first = offset >> PAGE_SHIFT, last = (offset + len - 1) >> PAGE_SHIFT, run;
	int ret;

	ret = obj->sparse ? dgem_sparse_populate(obj, first, last - first + 1) : 0;
	while (!ret && len) {
		void *vaddr = obj->ops->at(obj, offset >> PAGE_SHIFT, &run);
		size_t part = min_t(u64, len, (run << PAGE_SHIFT) - offset_in_page(offset));

		vaddr += offset_in_page(offset);
		if (write)
			memcpy(vaddr, buf, part);
		else
			memcpy(buf, vaddr, part);
		buf += part;
		offset += part;
		len -= part;
	}
	return ret;
}

/* nobody uses it, or is going to before the lock is given back */
static int dgem_sparse_idle(struct dgem_object *obj, bool force)
{
	if (obj->base.dma_buf)
		return -EBUSY;
	if (!dma_resv_test_signaled(obj->base.resv, DMA_RESV_USAGE_BOOKKEEP))
		return -EBUSY;
	return atomic_read(&obj->vmas) && !force ? -EBUSY : 0;
}

static int dgem_sparse_take(struct dgem_object *obj, u64 offset, u64 length, bool force)
{
	u64 start = round_down(offset, obj->ops->granule), freed = 0;
	u64 end = min_t(u64, round_up(offset + length, obj->ops->granule), obj->base.size);
	struct drm_gem_object *gem = &obj->base;
	int ret;

	ret = dgem_sparse_idle(obj, force);
	if (ret)
		return ret;

	unmap_mapping_range(gem->dev->anon_inode->i_mapping,
			    drm_vma_node_offset_addr(&gem->vma_node) + offset, length, 1);
	if (obj->engine_map) {
		dgem_mapping_sync(obj->engine_map, 0, gem->size, true);
		dgem_mapping_destroy(obj, obj->engine_map);
		obj->engine_map = NULL;
	}
	dgem_sparse_unmap(obj, start >> PAGE_SHIFT, (end - start) >> PAGE_SHIFT);
	obj->sparse = true;

	ret = obj->ops->purge(obj, offset >> PAGE_SHIFT, length >> PAGE_SHIFT, &freed);
	dgem_quota_uncharge(obj, freed);
	return ret;
}

/**
 * dgem_sparse_purge - take pages of an object away for good
 * @obj: the object
 * @offset: first byte, on a page
 * @length: bytes, whole pages, not zero, in range
 * @force: unmap them from user space if they are mapped
 *
 * Return: 0; -EOPNOTSUPP for an object that has no such pages, -EBUSY if it is mapped, exported or
 * used by a job, -ENOMEM, with nothing changed, or -EINTR.
 */
int dgem_sparse_purge(struct dgem_object *obj, u64 offset, u64 length, bool force)
{
	struct drm_device *drm = obj->base.dev;
	int ret;

	if (!dgem_gem_changes(obj))
		return -EOPNOTSUPP;

	/* nobody exports it meanwhile, and nobody takes it from the engine */
	ret = mutex_lock_interruptible(&drm->object_name_lock);
	if (ret)
		return ret;
	ret = dma_resv_lock_interruptible(obj->base.resv, NULL);
	if (!ret) {
		ret = dgem_sparse_take(obj, offset, length, force);
		dma_resv_unlock(obj->base.resv);
	}
	mutex_unlock(&drm->object_name_lock);
	return ret;
}
