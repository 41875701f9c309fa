// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/bits.h>
#include <linux/dma-buf.h>
#include <linux/iosys-map.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/scatterlist.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <drm/dgem_drm.h>
#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/drm_print.h>
#include <drm/drm_vma_manager.h>

#include "compat/dgem_compat.h"
#include "dgem_device.h"
#include "dgem_gem.h"
#include "dgem_mapping.h"
#include "dgem_mem.h"
#include "dgem_mem_pages.h"
#include "dgem_quota.h"
#include "dgem_range.h"
#include "dgem_trace.h"

/**
 * DOC: objects
 *
 * The life of an object: made in dgem_gem_create() or by an import, visible to others from
 * dgem_gem_publish() on, freed with its last reference. References are held by handles, user
 * mappings, dma-bufs and jobs, so memory never goes away under any of them.
 *
 * Everything that an object has to do with an engine's device ends earlier if that device goes
 * away: dgem_gem_drop_engine() unmaps all objects, which go on to exist without an engine. It holds
 * a reference to the object that it works on and no lock of the instance, since the reservation
 * lock of an import is its exporter's. Objects that are being freed meanwhile unmap themselves; it
 * waits for them.
 *
 * An object made for direct I/O may end while others still have references to its pages. It then
 * stays in limbo, with its charge, until they have let go, see dgem_gem_scan_limbo().
 */

/**
 * DOC: pins
 *
 * Memory that can be purged is there as long as somebody needs it. &dgem_object.pins counts, under
 * the reservation lock, who needs it complete and in place: an importer's DMA mapping, a kernel
 * mapping, a SUBMIT on its way to arming its job. An armed job has its fence in the reservation
 * object. &dgem_object.exports counts the dma-bufs alive, from our export to our own release. A
 * purge looks at all three under the reservation lock (-EBUSY). What DRM knows of a dma-buf
 * (&drm_gem_object.dma_buf) says nothing: it ends with the last handle, while importers go on.
 *
 * Memory of a lazy object comes granule by granule: with a page fault, a SUBMIT, or as the object
 * is exported, each under the reservation lock of this one object, which is given back after each
 * granule. No other lock that anybody shares is held then. A granule that was purged never comes
 * back.
 */

/* objects whose last reference is gone, but not those to their pages */
static DEFINE_MUTEX(dgem_limbo_lock);
static LIST_HEAD(dgem_limbo);
/* how often to look whether they are */
#define DGEM_LIMBO_PERIOD	(HZ / 8)

static struct kmem_cache *dgem_objects;

/* what user space can create */
static const struct dgem_mem_ops * const dgem_mem_kinds[] = {
	&dgem_mem_contiguous,
	&dgem_mem_coherent,
	&dgem_mem_pages,
	&dgem_mem_user,
	&dgem_mem_vmalloc,
	&dgem_mem_reserved,
	&dgem_mem_io,
};

static bool dgem_gem_offered(struct dgem_device *ddev, const struct dgem_mem_ops *ops)
{
	return !ops->offered || ops->offered(ddev);
}

/**
 * dgem_gem_kinds - the kinds that user space can create
 * @ddev: the instance
 *
 * Return: bits (1 << kind).
 */
u64 dgem_gem_kinds(struct dgem_device *ddev)
{
	u64 kinds = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(dgem_mem_kinds); i++)
		if (dgem_gem_offered(ddev, dgem_mem_kinds[i]))
			kinds |= BIT_ULL(dgem_mem_kinds[i]->kind);
	return kinds;
}

/**
 * dgem_gem_caps - what can be done with an object
 * @obj: the object
 *
 * Return: DRM_DGEM_CAP_*.
 */
u32 dgem_gem_caps(const struct dgem_object *obj)
{
	u32 caps = obj->ops->caps | (obj->readonly ? 0 : DRM_DGEM_CAP_WRITE);

	/* importers must be able to rely on nobody else having references to pages */
	if (obj->flags & DRM_DGEM_CREATE_DIRECT_IO)
		caps &= ~DRM_DGEM_CAP_EXPORT;
	return caps;
}

/**
 * dgem_gem_new - an object without memory
 * @ddev: its instance
 * @ops: its memory kind
 * @size: bytes, a multiple of the page size
 *
 * Return: the object, for dgem_gem_publish() or dgem_gem_abort(), or -ENOMEM.
 */
struct dgem_object *dgem_gem_new(struct dgem_device *ddev, const struct dgem_mem_ops *ops,
				 size_t size)
{
	struct dgem_object *obj;

	/* it may be all the memory that the object ever takes */
	obj = dgem_memory_begin(0) ? kmem_cache_zalloc(dgem_objects, DGEM_GFP) : NULL;
	if (!obj)
		return ERR_PTR(-ENOMEM);

	obj->base.funcs = ddev->gem_funcs;
	obj->ops = ops;
	mutex_init(&obj->maps_lock);
	INIT_LIST_HEAD(&obj->maps);
	xa_init_flags(&obj->engine_maps, XA_FLAGS_ACCOUNT);
	INIT_LIST_HEAD(&obj->node);
	drm_gem_private_object_init(&ddev->drm, &obj->base, size);
	return obj;
}

/**
 * dgem_gem_abort - drop an object that was not published
 * @obj: the object; its memory, if any, has been given back
 */
void dgem_gem_abort(struct dgem_object *obj)
{
	dgem_quota_release(obj);
	drm_gem_object_release(&obj->base);
	xa_destroy(&obj->engine_maps);
	mutex_destroy(&obj->maps_lock);
	kmem_cache_free(dgem_objects, obj);
}

/**
 * dgem_gem_publish - let an object be found
 * @obj: the object, with its memory
 *
 * From here on it is freed by its last reference.
 */
void dgem_gem_publish(struct dgem_object *obj)
{
	struct dgem_device *ddev = to_dgem_device(obj->base.dev);

	mutex_lock(&ddev->objects_lock);
	list_add_tail(&obj->node, &ddev->objects);
	mutex_unlock(&ddev->objects_lock);

	atomic64_inc(&ddev->stats.objects);
	trace_dgem_object_create(obj);
}

static const struct dgem_mem_ops *dgem_gem_kind(u32 kind)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(dgem_mem_kinds); i++)
		if (dgem_mem_kinds[i]->kind == kind)
			return dgem_mem_kinds[i];
	return NULL;
}

static int dgem_gem_check(struct dgem_device *ddev, const struct dgem_mem_ops *ops,
			  const struct drm_dgem_create *args)
{
	if (!ops || args->pad)
		return -EINVAL;
	if (args->cache >= BITS_PER_TYPE(ops->caches) || !(ops->caches & BIT(args->cache)))
		return -EINVAL;
	if (args->flags & ~ops->flags)
		return -EINVAL;
	/* what others hold references to doesn't come and go */
	if ((args->flags & DRM_DGEM_CREATE_DIRECT_IO) &&
	    args->flags != DRM_DGEM_CREATE_DIRECT_IO)
		return -EINVAL;
	if (!ops->takes_source &&
	    (args->source || args->source_count || args->source_stride || args->window))
		return -EINVAL;
	return dgem_gem_offered(ddev, ops) ? 0 : -EOPNOTSUPP;
}

static int dgem_gem_map_own(struct dgem_object *obj)
{
	if (!obj->ops->own_map)
		return 0;
	return PTR_ERR_OR_ZERO(dgem_mapping_create_own(obj, 0, obj->base.size));
}

static void dgem_gem_free_memory(struct dgem_object *obj)
{
	struct dgem_mapping *own = list_first_entry_or_null(&obj->maps, struct dgem_mapping, node);

	if (own && obj->ops->own_map)
		dgem_mapping_destroy(obj, own);
	obj->ops->free(obj);
}

/**
 * dgem_gem_create - make an object
 * @ddev: its instance
 * @account: the account of the file that wants it
 * @args: what is wanted; the handle is not looked at
 *
 * No lock is held, the instance may go meanwhile: memory is for a device that stays.
 *
 * Return: the object with one reference, or an error pointer, see &struct drm_dgem_create.
 */
struct dgem_object *dgem_gem_create(struct dgem_device *ddev, struct dgem_account *account,
				    const struct drm_dgem_create *args)
{
	const struct dgem_mem_ops *ops = dgem_gem_kind(args->kind);
	struct dgem_object *obj;
	size_t bytes;
	int ret;

	ret = dgem_gem_check(ddev, ops, args);
	if (ret)
		return ERR_PTR(ret);
	ret = dgem_size_round(args->size, DGEM_FILE_SPACE, &bytes);
	if (ret)
		return ERR_PTR(ret);

	obj = dgem_gem_new(ddev, ops, bytes);
	if (IS_ERR(obj))
		return obj;
	obj->account = dgem_account_get(account);
	obj->cache_asked = args->cache;
	obj->flags = args->flags;
	obj->sparse = args->flags & DRM_DGEM_CREATE_LAZY;

	/* memory that comes from elsewhere is somebody else's to count, and none comes of itself */
	if (!ops->takes_source && !obj->sparse) {
		ret = dgem_quota_charge(obj, bytes);
		if (ret)
			goto err_abort;
	}
	if (ops->caps & DRM_DGEM_CAP_MMAP) {
		ret = dgem_quota_take_offset(obj, account);
		if (ret)
			goto err_abort;
	}

	ret = ops->alloc(obj, args);
	if (ret)
		goto err_abort;
	ret = dgem_gem_map_own(obj);
	if (ret) {
		ops->free(obj);
		goto err_abort;
	}
	dgem_gem_publish(obj);
	return obj;

err_abort:
	drm_dbg(&ddev->drm, "no %s object of %zu bytes: %d\n", ops->name, bytes, ret);
	dgem_gem_abort(obj);
	return ERR_PTR(ret);
}

/*
 * Take some pages of an object away from the engines, which are idle as far as they go. The caller
 * holds the reservation lock, and detaches what is attached when he has given it back. There is one
 * attachment a device, and one device.
 */
static struct dma_buf_attachment *dgem_gem_unmap_engine(struct dgem_object *obj, u64 first,
							u64 count)
{
	struct dma_buf_attachment *attach = NULL;
	struct dgem_mapping *map, *other;
	unsigned long page;

	dma_resv_assert_held(obj->base.resv);

	xa_for_each_range(&obj->engine_maps, page, map, first, first + count - 1) {
		xa_erase(&obj->engine_maps, page);
		for (; map; map = other) {
			other = map->other;
			attach = map->attach;
			WRITE_ONCE(obj->segments, obj->segments - map->sgt->nents);
			dgem_mapping_destroy(obj, map);
		}
	}
	return attach;
}

/* Unmap an object from the engine's device. debugfs may look at it even as it ends. */
static void dgem_gem_leave_engine(struct dgem_object *obj)
{
	struct dma_buf_attachment *attach;

	/* none comes any more; an exporter may have his lock for long */
	if (xa_empty(&obj->engine_maps))
		return;
	dma_resv_lock(obj->base.resv, NULL);
	attach = dgem_gem_unmap_engine(obj, 0, obj->base.size >> PAGE_SHIFT);
	dma_resv_unlock(obj->base.resv);
	if (attach)
		dma_buf_detach(obj->dmabuf, attach);
}

static void dgem_gem_finish(struct dgem_object *obj)
{
	dgem_gem_free_memory(obj);
	dgem_gem_abort(obj);
}

/* does anybody still have references to pages of an object whose own last reference is gone? */
static bool dgem_gem_held(struct dgem_object *obj)
{
	u64 page = obj->held_from;
	bool held = obj->ops->held(obj, &page);

	/* whoever held what comes before has let go, and nobody can find it any more */
	obj->held_from = page;
	return held;
}

static void dgem_gem_scan_limbo(struct work_struct *work);
static DECLARE_DELAYED_WORK(dgem_limbo_work, dgem_gem_scan_limbo);

static void dgem_gem_end_limbo(struct dgem_object *obj)
{
	struct drm_device *drm = obj->base.dev;

	list_del(&obj->node);
	dgem_gem_finish(obj);
	drm_dev_put(drm);
}

/*
 * Nobody tells when the last reference of a pipe, or of I/O under way, to a page is gone. Pages of
 * an object that ended are in no page table, so references to them only become fewer: each object
 * is looked at from the page on that was still held the last time.
 */
static void dgem_gem_scan_limbo(struct work_struct *work)
{
	struct dgem_object *obj, *next;
	LIST_HEAD(found);

	mutex_lock(&dgem_limbo_lock);
	list_splice_init(&dgem_limbo, &found);
	mutex_unlock(&dgem_limbo_lock);
	list_for_each_entry_safe(obj, next, &found, node) {
		if (!dgem_gem_held(obj))
			dgem_gem_end_limbo(obj);
		cond_resched();
	}

	mutex_lock(&dgem_limbo_lock);
	list_splice(&found, &dgem_limbo);
	if (!list_empty(&dgem_limbo))
		schedule_delayed_work(&dgem_limbo_work, DGEM_LIMBO_PERIOD);
	mutex_unlock(&dgem_limbo_lock);
}

/**
 * dgem_gem_free - the last reference is gone, &drm_gem_object_funcs.free
 * @gem: the object
 */
void dgem_gem_free(struct drm_gem_object *gem)
{
	struct dgem_device *ddev = to_dgem_device(gem->dev);
	struct dgem_object *obj = to_dgem_object(gem);

	trace_dgem_object_free(obj);
	dgem_gem_leave_engine(obj);

	mutex_lock(&ddev->objects_lock);
	list_del(&obj->node);
	mutex_unlock(&ddev->objects_lock);
	wake_up_all(&ddev->objects_gone);
	atomic64_dec(&ddev->stats.objects);

	if (!(obj->flags & DRM_DGEM_CREATE_DIRECT_IO) || !dgem_gem_held(obj)) {
		dgem_gem_finish(obj);
		return;
	}
	drm_dev_get(gem->dev);
	mutex_lock(&dgem_limbo_lock);
	list_add_tail(&obj->node, &dgem_limbo);
	schedule_delayed_work(&dgem_limbo_work, DGEM_LIMBO_PERIOD);
	mutex_unlock(&dgem_limbo_lock);
}

/**
 * dgem_gem_drop_engine - take all objects away from the engine
 * @ddev: the instance, unplugged, its engine stopped
 */
void dgem_gem_drop_engine(struct dgem_device *ddev)
{
	struct dgem_object *obj;
	LIST_HEAD(ending);
	LIST_HEAD(todo);

	mutex_lock(&ddev->objects_lock);
	list_splice_init(&ddev->objects, &todo);
	while ((obj = list_first_entry_or_null(&todo, struct dgem_object, node))) {
		if (!kref_get_unless_zero(&obj->base.refcount)) {
			list_move_tail(&obj->node, &ending);
			continue;
		}
		list_move_tail(&obj->node, &ddev->objects);
		mutex_unlock(&ddev->objects_lock);

		dgem_gem_leave_engine(obj);
		drm_gem_object_put(&obj->base);
		mutex_lock(&ddev->objects_lock);
	}
	mutex_unlock(&ddev->objects_lock);

	wait_event(ddev->objects_gone, list_empty_careful(&ending));
	/* whoever emptied it has let go of the list as well */
	mutex_lock(&ddev->objects_lock);
	mutex_unlock(&ddev->objects_lock);
}

/**
 * dgem_gem_rss - memory that an object takes now, &drm_gem_object_funcs.rss
 * @gem: the object
 *
 * Memory that comes from elsewhere is there as long as the object is.
 *
 * Return: bytes.
 */
size_t dgem_gem_rss(struct drm_gem_object *gem)
{
	const struct dgem_object *obj = to_dgem_object(gem);
	bool borrowed = !obj->ops->alloc || obj->ops->takes_source;

	return borrowed ? gem->size : atomic64_read(&obj->charged);
}

/**
 * dgem_gem_status - state of an object, &drm_gem_object_funcs.status
 * @gem: the object
 *
 * Return: whether it has memory.
 */
enum drm_gem_object_status dgem_gem_status(struct drm_gem_object *gem)
{
	return dgem_gem_rss(gem) ? DRM_GEM_OBJECT_RESIDENT : 0;
}

/**
 * dgem_gem_populate_locked - see to it that memory has come
 * @obj: the object, its reservation lock held
 * @offset: first byte
 * @length: bytes, not zero, in range
 *
 * Return: as dgem_gem_populate().
 */
int dgem_gem_populate_locked(struct dgem_object *obj, u64 offset, u64 length)
{
	u64 nr = offset / DGEM_GRANULE, last = (offset + length - 1) / DGEM_GRANULE;
	int ret = 0;

	if (!READ_ONCE(obj->sparse))
		return 0;
	for (; !ret && nr <= last; nr++) {
		ret = dgem_pages_populate(obj, nr);
		cond_resched();
	}
	return ret;
}

/**
 * dgem_gem_populate - see to it that memory has come
 * @obj: the object, its reservation lock not held. It is taken for each granule anew, so whoever
 *	else wants it waits for one
 * @offset: first byte
 * @length: bytes, not zero, in range
 *
 * It stays if the object is pinned. What came before an error stays, too.
 *
 * Return: 0, -ENXIO if some of it was purged, -ENOSPC if a quota does not allow for it, -ENOMEM, or
 * -EINTR.
 */
int dgem_gem_populate(struct dgem_object *obj, u64 offset, u64 length)
{
	u64 end = offset + length;
	int ret = 0;

	if (!READ_ONCE(obj->sparse))
		return 0;
	/* don't take all memory just to find that it isn't enough */
	if (length > ((u64)totalram_pages() << PAGE_SHIFT) + atomic64_read(&obj->charged))
		return -ENOMEM;
	for (; !ret && offset < end; offset = round_down(offset, DGEM_GRANULE) + DGEM_GRANULE) {
		ret = fatal_signal_pending(current) ? -EINTR :
		      dma_resv_lock_interruptible(obj->base.resv, NULL);
		if (ret)
			break;
		ret = dgem_gem_populate_locked(obj, offset, 1);
		dma_resv_unlock(obj->base.resv);
	}
	return ret;
}

/**
 * dgem_gem_pin - keep memory from being purged
 * @obj: the object, its reservation lock held
 *
 * Whoever wants memory to be there populates it as well.
 */
void dgem_gem_pin(struct dgem_object *obj)
{
	dma_resv_assert_held(obj->base.resv);
	atomic_inc(&obj->pins);
}

/**
 * dgem_gem_unpin - undo dgem_gem_pin()
 * @obj: the object, its reservation lock held
 */
void dgem_gem_unpin(struct dgem_object *obj)
{
	dma_resv_assert_held(obj->base.resv);
	drm_WARN_ON_ONCE(obj->base.dev, !atomic_read(&obj->pins));
	atomic_dec(&obj->pins);
}

static int dgem_gem_purge_locked(struct dgem_object *obj, u64 offset, u64 length, bool force)
{
	struct drm_gem_object *gem = &obj->base;
	int exports, ret;

	dma_resv_assert_held(gem->resv);

	if (atomic_read(&obj->pins) || (atomic_read(&obj->vmas) && !force) ||
	    !dma_resv_test_signaled(gem->resv, DMA_RESV_USAGE_BOOKKEEP))
		return -EBUSY;
	/* exporting takes no lock of ours: either it finds this, or this finds the dma-buf */
	exports = atomic_cmpxchg(&obj->exports, 0, DGEM_PURGED);
	if (exports > 0)
		return -EBUSY;
	ret = dgem_pages_punch(obj->pages, offset / DGEM_GRANULE,
			       (offset + length - 1) / DGEM_GRANULE);
	if (ret) {
		atomic_set(&obj->exports, exports);
		return ret;
	}

	unmap_mapping_range(gem->dev->anon_inode->i_mapping,
			    drm_vma_node_offset_addr(&gem->vma_node) + offset, length, 1);
	/* the first purge ends the mapping of the whole */
	if (obj->sparse)
		dgem_gem_unmap_engine(obj, offset >> PAGE_SHIFT, length >> PAGE_SHIFT);
	else
		dgem_gem_unmap_engine(obj, 0, gem->size >> PAGE_SHIFT);
	WRITE_ONCE(obj->sparse, true);
	dgem_quota_uncharge(obj, dgem_pages_purge(obj->pages, offset / DGEM_GRANULE,
						  (offset + length - 1) / DGEM_GRANULE));
	return 0;
}

/**
 * dgem_gem_purge - take memory of an object away for good
 * @obj: the object
 * @offset: first byte, on a granule
 * @length: bytes, not zero, in range, whole granules, or up to the object's end
 * @force: unmap them from user space if they are mapped
 *
 * Return: 0; -EOPNOTSUPP for an object that has no such memory, -EBUSY if it is mapped, exported,
 * pinned, or used by a job, -ENOMEM, -ENODEV or -EINTR, with nothing changed.
 */
int dgem_gem_purge(struct dgem_object *obj, u64 offset, u64 length, bool force)
{
	int idx, ret;

	if (!dgem_gem_changes(obj))
		return -EOPNOTSUPP;

	ret = dma_resv_lock_interruptible(obj->base.resv, NULL);
	if (ret)
		return ret;
	ret = -ENODEV;
	if (drm_dev_enter(obj->base.dev, &idx)) {
		ret = dgem_gem_purge_locked(obj, offset, length, force);
		drm_dev_exit(idx);
	}
	dma_resv_unlock(obj->base.resv);
	return ret;
}

/**
 * dgem_gem_vmap - kernel mapping of an object, &drm_gem_object_funcs.vmap
 * @gem: the object, its reservation lock held
 * @map: set to the mapping
 *
 * Return: 0, -EOPNOTSUPP for memory that has none, as dgem_gem_populate(), or what the memory kind
 * said.
 */
int dgem_gem_vmap(struct drm_gem_object *gem, struct iosys_map *map)
{
	struct dgem_object *obj = to_dgem_object(gem);
	int ret;

	dma_resv_assert_held(gem->resv);

	ret = dgem_gem_populate_locked(obj, 0, gem->size);
	if (!ret)
		ret = obj->ops->vmap ? obj->ops->vmap(obj, map) : 0;
	if (ret)
		return ret;
	if (!obj->ops->vmap)
		iosys_map_set_vaddr(map, obj->vaddr);
	dgem_gem_pin(obj);
	return 0;
}

/**
 * dgem_gem_vunmap - undo dgem_gem_vmap(), &drm_gem_object_funcs.vunmap
 * @gem: the object, its reservation lock held
 * @map: the mapping
 */
void dgem_gem_vunmap(struct drm_gem_object *gem, struct iosys_map *map)
{
	struct dgem_object *obj = to_dgem_object(gem);

	dma_resv_assert_held(gem->resv);

	if (obj->ops->vunmap)
		obj->ops->vunmap(obj, map);
	dgem_gem_unpin(obj);
}

/* the mapping of a page for an engine's device, if there is one */
static struct dgem_mapping *dgem_gem_engine_map(struct dgem_object *obj, const struct device *dev,
						u64 page)
{
	struct dgem_mapping *map = xa_load(&obj->engine_maps, page);

	while (map && map->dev != dev)
		map = map->other;
	return map;
}

static int dgem_gem_add_engine_map(struct dgem_object *obj, struct dgem_mapping *map)
{
	u64 page = map->offset >> PAGE_SHIFT;

	map->other = xa_load(&obj->engine_maps, page);
	if (xa_is_err(xa_store(&obj->engine_maps, page, map, DGEM_GFP))) {
		dgem_mapping_destroy(obj, map);
		return -ENOMEM;
	}
	WRITE_ONCE(obj->segments, obj->segments + map->sgt->nents);
	return 0;
}

/* get or make an engine's mapping of a granule, or of the whole object if it is not sparse */
static int dgem_gem_map_engine(struct dgem_object *obj, struct device *dev, u64 offset)
{
	enum dma_data_direction dir = obj->readonly ? DMA_TO_DEVICE : DMA_BIDIRECTIONAL;
	u64 length = obj->base.size;
	struct dgem_mapping *map;

	if (dgem_gem_engine_map(obj, dev, offset >> PAGE_SHIFT))
		return 0;
	if (obj->sparse)
		length = dgem_pages_granule_bytes(obj->pages, offset / DGEM_GRANULE);
	map = dgem_mapping_create(obj, dev, DGEM_MAPPING_ENGINE, dir, offset, length);
	return IS_ERR(map) ? PTR_ERR(map) : dgem_gem_add_engine_map(obj, map);
}

/* dma_buf_attach() takes the reservation lock itself: attach first, then map under the lock */
static int dgem_gem_reach_import(struct dgem_object *obj, struct device *dev, u32 align)
{
	struct dma_buf_attachment *attach;
	struct dgem_mapping *map;
	bool taken = false;
	int idx, ret;

	attach = dma_buf_attach(obj->dmabuf, dev);
	if (IS_ERR(attach))
		return PTR_ERR(attach);
	ret = dma_resv_lock_interruptible(obj->base.resv, NULL);
	if (ret)
		goto out_detach;
	/* mapping waits for what the exporter moves: do so where nobody's unplugging waits, too */
	dma_resv_wait_timeout(obj->base.resv, DMA_RESV_USAGE_KERNEL, true, MAX_SCHEDULE_TIMEOUT);
	ret = -ENODEV;
	if (drm_dev_enter(obj->base.dev, &idx)) {
		ret = 0;
		/* another job may have been faster */
		if (!dgem_gem_engine_map(obj, dev, 0)) {
			map = dgem_mapping_create_import(obj, attach, align);
			ret = IS_ERR(map) ? PTR_ERR(map) : dgem_gem_add_engine_map(obj, map);
			taken = !ret;
		}
		drm_dev_exit(idx);
	}
	dma_resv_unlock(obj->base.resv);
out_detach:
	if (!taken)
		dma_buf_detach(obj->dmabuf, attach);
	return ret;
}

/**
 * dgem_gem_reach - let an engine reach a part of an object
 * @obj: the object, pinned if its memory may change; no lock is held
 * @dev: the engine's device
 * @align: bytes, a power of two, at whose multiples the engine starts and ends
 * @offset: first byte
 * @length: bytes, not zero, in range
 *
 * dgem_gem_engine_sgt() finds the addresses. Mappings stay until the memory, the device or the
 * object goes away.
 *
 * Return: 0, as dgem_gem_populate() or dgem_mapping_create(), what the exporter of an import said,
 * or -ENODEV.
 */
int dgem_gem_reach(struct dgem_object *obj, struct device *dev, u32 align, u64 offset, u64 length)
{
	u64 end = offset + length;
	int idx, ret;

	/* what is not sparse is mapped as a whole, and stays so while the device does */
	if (!READ_ONCE(obj->sparse) && drm_dev_enter(obj->base.dev, &idx)) {
		bool mapped = dgem_gem_engine_sgt(obj, dev, 0);

		drm_dev_exit(idx);
		if (mapped)
			return 0;
	}
	if (obj->dmabuf)
		return dgem_gem_reach_import(obj, dev, align);
	ret = dgem_gem_populate(obj, offset, length);
	if (ret)
		return ret;

	offset = round_down(offset, DGEM_GRANULE);
	do {
		ret = fatal_signal_pending(current) ? -EINTR :
		      dma_resv_lock_interruptible(obj->base.resv, NULL);
		if (ret)
			return ret;
		if (!obj->sparse) {
			offset = 0;
			end = 0;
		}
		ret = -ENODEV;
		if (drm_dev_enter(obj->base.dev, &idx)) {
			ret = dgem_gem_map_engine(obj, dev, offset);
			drm_dev_exit(idx);
		}
		dma_resv_unlock(obj->base.resv);
		offset += DGEM_GRANULE;
	} while (!ret && offset < end);
	return ret;
}

/**
 * dgem_gem_engine_sgt - the DMA addresses of an object for an engine
 * @obj: an object after dgem_gem_reach()
 * @dev: the engine's device
 * @offset: first byte of a granule of an object that is sparse, else 0
 *
 * Return: the table of the granule, or of the whole object; NULL if it is not mapped.
 */
struct sg_table *dgem_gem_engine_sgt(struct dgem_object *obj, const struct device *dev, u64 offset)
{
	struct dgem_mapping *map = dgem_gem_engine_map(obj, dev, offset >> PAGE_SHIFT);

	return map ? map->sgt : NULL;
}

/**
 * dgem_gem_module_init - what all instances share
 *
 * Return: 0 or -ENOMEM.
 */
int dgem_gem_module_init(void)
{
	dgem_objects = KMEM_CACHE(dgem_object, SLAB_ACCOUNT);
	return dgem_objects ? 0 : -ENOMEM;
}

/**
 * dgem_gem_module_exit - undo dgem_gem_module_init(); no object has a reference left
 *
 * Pages that others still hold are theirs from here on.
 */
void dgem_gem_module_exit(void)
{
	struct dgem_object *obj, *next;

	cancel_delayed_work_sync(&dgem_limbo_work);
	list_for_each_entry_safe(obj, next, &dgem_limbo, node)
		dgem_gem_end_limbo(obj);
	kmem_cache_destroy(dgem_objects);
}
