/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 */
#ifndef _DGEM_GEM_H_
#define _DGEM_GEM_H_

#include <linux/atomic.h>
#include <linux/container_of.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/xarray.h>

#include <drm/drm_gem.h>

struct dgem_account;
struct dgem_device;
struct dgem_mapping;
struct dgem_mem_ops;
struct dma_buf;
struct dma_buf_attachment;
struct dmem_cgroup_pool_state;
struct drm_dgem_create;
struct iosys_map;
struct page;

/**
 * struct dgem_object - a piece of memory for devices
 *
 * Everything but the members with a lock of their own is fixed once the object has a handle.
 */
struct dgem_object {
	/** @base: the GEM object; its @resv protects @engine_map */
	struct drm_gem_object base;
	/** @ops: the memory kind */
	const struct dgem_mem_ops *ops;
	/** @cache_asked: &enum drm_dgem_cache, as asked for */
	u32 cache_asked;
	/** @cache_granted: &enum drm_dgem_cache, as user mappings have it */
	u32 cache_granted;
	/** @flags: DRM_DGEM_CREATE_*, as asked for */
	u32 flags;
	/** @readonly: nobody may write: an import of a read-only dma-buf, memory lent like that */
	bool readonly;

	/** @charged: bytes charged to the instance, @account and @cgroup, see dgem_quota.c */
	atomic64_t charged;
	/** @account: that of the file which made the object, with a reference, or NULL */
	struct dgem_account *account;
	/** @cgroup: what is charged of the dmem cgroup, or NULL */
	struct dmem_cgroup_pool_state *cgroup;

	/** @page: first of @base.size bytes of contiguous pages, for kinds that have them */
	struct page *page;
	/** @resource: the memory has no struct pages, but @phys alone; nothing has to be synced */
	bool resource;
	/** @phys: physical address of the first byte, for such memory */
	phys_addr_t phys;
	/** @vaddr: kernel address, for kinds that have one all the time */
	void *vaddr;
	/** @dma: DMA address for the instance's own device */
	dma_addr_t dma;

	/** @mem: what else the memory kind keeps of the object */
	void *mem;

	/** @own_map: our memory mapped for the instance's own device, or NULL */
	struct dgem_mapping *own_map;

	/** @dmabuf: the dma-buf imported, with a reference, or NULL */
	struct dma_buf *dmabuf;
	/**
	 * @attach: the engine's device at @dmabuf, with @sgt mapped for it, or NULL; made and
	 * dropped as @engine_map is
	 */
	struct dma_buf_attachment *attach;
	/** @sgt: the import's table */
	struct sg_table *sgt;

	/**
	 * @engine_map: our memory mapped for the engine, or NULL; made under @base.resv, and
	 * dropped under &dgem_device.objects_lock when no job can want it any more
	 */
	struct dgem_mapping *engine_map;
	/**
	 * @sparse: some of the memory may be missing: the object is lazy, or was purged. The engine
	 * has @extents of it then instead of @engine_map. Under @base.resv
	 */
	bool sparse;
	/**
	 * @extents: &struct dgem_mapping for the engine, by the first page of what they map; made
	 * and dropped like @engine_map
	 */
	struct xarray extents;
	/** @extent_segments: DMA segments of all of them */
	u32 extent_segments;
	/** @maps_lock: protects @maps; fence signalling takes it: no allocation, no wait inside */
	struct mutex maps_lock;
	/** @maps: &dgem_mapping.node of all DMA mappings of our memory */
	struct list_head maps;

	/** @vmas: user mappings alive */
	atomic_t vmas;
	/** @node: in &dgem_device.objects */
	struct list_head node;
};

static inline struct dgem_object *to_dgem_object(struct drm_gem_object *gem)
{
	return container_of(gem, struct dgem_object, base);
}

struct dgem_object *dgem_gem_new(struct dgem_device *ddev, const struct dgem_mem_ops *ops,
				 size_t size);
void dgem_gem_abort(struct dgem_object *obj);
int dgem_gem_publish(struct dgem_object *obj);
struct dgem_object *dgem_gem_create(struct dgem_device *ddev, struct dgem_account *account,
				    const struct drm_dgem_create *args);
void dgem_gem_free(struct drm_gem_object *gem);
u64 dgem_gem_kinds(struct dgem_device *ddev);
u64 dgem_gem_max_size(void);
u32 dgem_gem_caps(const struct dgem_object *obj);
bool dgem_gem_changes(const struct dgem_object *obj);
enum drm_gem_object_status dgem_gem_status(struct drm_gem_object *gem);
size_t dgem_gem_rss(struct drm_gem_object *gem);
int dgem_gem_vmap(struct drm_gem_object *gem, struct iosys_map *map);
void dgem_gem_vunmap(struct drm_gem_object *gem, struct iosys_map *map);
int dgem_gem_attach_engine(struct dgem_object *obj);
int dgem_gem_map_engine(struct dgem_object *obj);
struct sg_table *dgem_gem_engine_sgt(const struct dgem_object *obj);
void dgem_gem_drop_engine(struct dgem_device *ddev);

#endif
