// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/bits.h>
#include <linux/iosys-map.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include <drm/dgem_drm.h>
#include <drm/drm_gem.h>
#include <drm/drm_print.h>

#include "compat/dgem_compat.h"
#include "dgem_device.h"
#include "dgem_engine.h"
#include "dgem_gem.h"
#include "dgem_mapping.h"
#include "dgem_mem.h"
#include "dgem_quota.h"
#include "dgem_range.h"
#include "dgem_sparse.h"
#include "dgem_trace.h"

/**
 * DOC: objects
 *
 * The life of an object: made in dgem_gem_create() or by an import, visible to others from
 * dgem_gem_publish() on, freed with its last reference. References are held by handles, user
 * mappings, dma-bufs and jobs, so memory never goes away under any of them.
 *
 * Everything that an object has to do with the engine's device ends earlier if that device goes
 * away: dgem_gem_drop_engine() unmaps all objects, which go on to exist without an engine. It and
 * dgem_gem_free() exclude each other by the instance's list lock, which is why that lock is outer
 * to the reservation locks.
 */

/* ioctls take up to 1 TiB, the span of DRM's mmap offsets on 64 bit */
#define DGEM_MAX_SIZE	min_t(u64, SZ_1T, ULONG_MAX & PAGE_MASK)

static const struct dgem_mem_ops * const dgem_mem_kinds[] = {
	&dgem_mem_contiguous,
	&dgem_mem_coherent,
	&dgem_mem_pages,
	&dgem_mem_import,
	&dgem_mem_noncontiguous,
	&dgem_mem_user,
	&dgem_mem_vmalloc,
	&dgem_mem_reserved,
	&dgem_mem_io,
};

static bool dgem_gem_offered(struct dgem_device *ddev, const struct dgem_mem_ops *ops)
{
	return ops->alloc && (!ops->offered || ops->offered(ddev));
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
 * dgem_gem_max_size - the largest size that dgem_gem_create() takes
 *
 * Return: bytes.
 */
u64 dgem_gem_max_size(void)
{
	return DGEM_MAX_SIZE;
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
 * dgem_gem_changes - may pages of an object come and go?
 * @obj: the object
 *
 * Return: true if what is there now stays only under the reservation lock.
 */
bool dgem_gem_changes(const struct dgem_object *obj)
{
	return obj->ops->purge && !(obj->flags & DRM_DGEM_CREATE_DIRECT_IO);
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

	obj = kzalloc_obj(*obj);
	if (!obj)
		return ERR_PTR(-ENOMEM);

	obj->base.funcs = ddev->gem_funcs;
	obj->ops = ops;
	mutex_init(&obj->maps_lock);
	INIT_LIST_HEAD(&obj->maps);
	xa_init(&obj->extents);
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
	xa_destroy(&obj->extents);
	mutex_destroy(&obj->maps_lock);
	kfree(obj);
}

/**
 * dgem_gem_publish - let an object be found
 * @obj: the object, with its memory
 *
 * From here on it is freed by its last reference.
 *
 * Return: 0, or an error after which the object is still the caller's.
 */
int dgem_gem_publish(struct dgem_object *obj)
{
	struct dgem_device *ddev = to_dgem_device(obj->base.dev);
	int ret;

	ret = drm_gem_create_mmap_offset(&obj->base);
	if (ret)
		return ret;

	mutex_lock(&ddev->objects_lock);
	list_add_tail(&obj->node, &ddev->objects);
	mutex_unlock(&ddev->objects_lock);

	atomic64_inc(&ddev->stats.objects);
	trace_dgem_object_create(obj);
	return 0;
}

static const struct dgem_mem_ops *dgem_gem_kind(u32 kind)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(dgem_mem_kinds); i++)
		if (dgem_mem_kinds[i]->kind == kind && dgem_mem_kinds[i]->alloc)
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
	/* there is no other way to map struct pages than by faults, and they don't come and go */
	if ((args->flags & DRM_DGEM_CREATE_DIRECT_IO) &&
	    args->flags != DRM_DGEM_CREATE_DIRECT_IO)
		return -EINVAL;
	if (!ops->takes_source &&
	    (args->source || args->source_count || args->source_stride || args->window))
		return -EINVAL;
	return dgem_gem_offered(ddev, ops) ? 0 : -EOPNOTSUPP;
}

/*
 * What the CPU has just cleared is still in its caches: clean it for the devices, and have a
 * mapping to do so again after every window. Where the instance's own device would get a bounced
 * copy, so does every other, and what the CPU copies from its caches is never stale.
 */
static int dgem_gem_map_own(struct dgem_object *obj)
{
	struct device *dev = dgem_dma_dev(obj->base.dev);
	struct dgem_mapping *map;

	if (!obj->ops->own_map || obj->ops->reaches(obj, dev))
		return 0;
	map = dgem_mapping_create(obj, dev, DMA_BIDIRECTIONAL);
	if (IS_ERR(map))
		return PTR_ERR(map);
	dgem_mapping_sync(map, 0, obj->base.size, false);
	obj->own_map = map;
	return 0;
}

static void dgem_gem_free_memory(struct dgem_object *obj)
{
	if (obj->own_map)
		dgem_mapping_destroy(obj, obj->own_map);
	obj->ops->free(obj);
}

/**
 * dgem_gem_create - make an object
 * @ddev: its instance
 * @account: the account of the file that wants it
 * @args: what is wanted; the handle is not looked at
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
	ret = dgem_size_round(args->size, DGEM_MAX_SIZE, &bytes);
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

	ret = ops->alloc(obj, args);
	if (ret)
		goto err_abort;
	ret = dgem_gem_map_own(obj);
	if (ret)
		goto err_free;
	ret = dgem_gem_publish(obj);
	if (ret)
		goto err_free;
	return obj;

err_free:
	dgem_gem_free_memory(obj);
err_abort:
	drm_dbg(&ddev->drm, "no %s object of %zu bytes: %d\n", ops->name, bytes, ret);
	dgem_gem_abort(obj);
	return ERR_PTR(ret);
}

/*
 * Under objects_lock, see DOC, and not under the reservation lock: either this is the object's end,
 * or the instance is unplugged and no job is left, so nobody else looks at the mapping.
 */
static void dgem_gem_unmap_engine(struct dgem_object *obj)
{
	if (obj->engine_map) {
		dgem_mapping_destroy(obj, obj->engine_map);
		obj->engine_map = NULL;
	}
	dgem_sparse_unmap(obj, 0, obj->base.size >> PAGE_SHIFT);
	if (obj->ops->unmap_engine)
		obj->ops->unmap_engine(obj);
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
	mutex_lock(&ddev->objects_lock);
	list_del(&obj->node);
	dgem_gem_unmap_engine(obj);
	mutex_unlock(&ddev->objects_lock);

	atomic64_dec(&ddev->stats.objects);
	dgem_gem_free_memory(obj);
	dgem_gem_abort(obj);
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

	return borrowed ? gem->size : dgem_quota_charged(obj);
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
 * dgem_gem_vmap - kernel mapping of an object, &drm_gem_object_funcs.vmap
 * @gem: the object, its reservation lock held
 * @map: set to the mapping
 *
 * Return: 0, -EOPNOTSUPP for memory that has none, or what the memory kind said.
 */
int dgem_gem_vmap(struct drm_gem_object *gem, struct iosys_map *map)
{
	struct dgem_object *obj = to_dgem_object(gem);

	dma_resv_assert_held(gem->resv);

	return obj->ops->vmap ? obj->ops->vmap(obj, map) : -EOPNOTSUPP;
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
}

/**
 * dgem_gem_attach_engine - what has to come before dgem_gem_map_engine()
 * @obj: the object, its reservation lock not held
 *
 * Memory that is somebody else's to map is mapped here.
 *
 * Return: 0, -EINTR, or what the exporter of an import said.
 */
int dgem_gem_attach_engine(struct dgem_object *obj)
{
	struct dgem_engine *engine = to_dgem_device(obj->base.dev)->engine;

	return obj->ops->map_engine ? obj->ops->map_engine(obj, engine) : 0;
}

/**
 * dgem_gem_map_engine - let the engine reach an object
 * @obj: the object after dgem_gem_attach_engine(), its reservation lock held
 *
 * The mapping stays until the object or the engine goes away.
 *
 * Return: 0, or what the DMA API said.
 */
int dgem_gem_map_engine(struct dgem_object *obj)
{
	struct dgem_engine *engine = to_dgem_device(obj->base.dev)->engine;
	struct dgem_mapping *map;

	dma_resv_assert_held(obj->base.resv);

	if (obj->engine_map || obj->sgt)
		return 0;

	map = dgem_mapping_create(obj, engine->dev,
				  obj->readonly ? DMA_TO_DEVICE : DMA_BIDIRECTIONAL);
	if (IS_ERR(map))
		return PTR_ERR(map);

	dgem_mapping_to_engine(obj, map);
	obj->engine_map = map;
	return 0;
}

/**
 * dgem_gem_engine_sgt - the table that the engine uses
 * @obj: an object after dgem_gem_map_engine()
 *
 * Return: the table, or NULL.
 */
struct sg_table *dgem_gem_engine_sgt(const struct dgem_object *obj)
{
	return obj->engine_map ? obj->engine_map->sgt : obj->sgt;
}

/**
 * dgem_gem_drop_engine - take all objects away from the engine
 * @ddev: the instance, unplugged, its engine stopped
 */
void dgem_gem_drop_engine(struct dgem_device *ddev)
{
	struct dgem_object *obj;

	mutex_lock(&ddev->objects_lock);
	list_for_each_entry(obj, &ddev->objects, node) {
		/* what the engine wrote outlives it, in a bounced mapping too */
		if (obj->engine_map)
			dgem_mapping_sync(obj->engine_map, 0, obj->base.size, true);
		dgem_gem_unmap_engine(obj);
	}
	mutex_unlock(&ddev->objects_lock);
}
