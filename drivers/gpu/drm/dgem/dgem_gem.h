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

#include <drm/dgem_drm.h>
#include <drm/drm_gem.h>

struct device;
struct dgem_account;
struct dgem_device;
struct dgem_mapping;
struct dgem_mem_ops;
struct dgem_pages;
struct dma_buf;
struct dmem_cgroup_pool_state;
struct drm_dgem_create;
struct iosys_map;
struct sg_table;

/** define DGEM_PURGED - for &dgem_object.exports */
#define DGEM_PURGED	(-1)

/**
 * struct dgem_object - a piece of memory for devices
 *
 * Members without a lock in their group's comment are fixed once the object has a handle.
 */
struct dgem_object {
	/** @base: the GEM object */
	struct drm_gem_object base;
	/** @ops: the memory kind */
	const struct dgem_mem_ops *ops;
	/** @node: in &dgem_device.objects, under &dgem_device.objects_lock */
	struct list_head node;

	/* What was asked for, and what was given */

	/** @cache_asked: &enum drm_dgem_cache, as asked for */
	u32 cache_asked;
	/** @cache_granted: &enum drm_dgem_cache, as user mappings have it */
	u32 cache_granted;
	/** @flags: DRM_DGEM_CREATE_*, as asked for */
	u32 flags;
	/** @readonly: nobody may write: an import of a read-only dma-buf, memory lent like that */
	bool readonly;

	/* The backing */

	/**
	 * @coherent: CPU and devices see the memory alike: nothing is synced, and a device that
	 * would get a bounced copy gets none
	 */
	bool coherent;
	/** @resource: there are no struct pages; implies @coherent */
	bool resource;
	/**
	 * @own_sync: &DGEM_MAPPING_OWN or &dgem_mem_ops.sync have to sync the memory. Of a lazy
	 * object it is set with a granule, under the reservation lock
	 */
	bool own_sync;
	/** @phys: physical address of the first byte, for contiguous memory */
	phys_addr_t phys;
	/** @vaddr: kernel address, for kinds that have one all the time */
	void *vaddr;
	/** @dma: DMA address for the instance's own device, for kinds whose allocator gives one */
	dma_addr_t dma;
	/** @pages: memory that comes and goes by granules, for the kind that has it, or NULL */
	struct dgem_pages *pages;
	/** @mem: what else a kind keeps of the object */
	void *mem;
	/** @dmabuf: the dma-buf imported, with a reference, or NULL */
	struct dma_buf *dmabuf;
	/** @foreign: it is no dma-buf of ours: where it lies is known when it is mapped */
	bool foreign;

	/* Who keeps it, under the reservation lock but for @exports and @vmas */

	/**
	 * @pins: what needs the memory complete and in place: DMA mappings of importers, kernel
	 * mappings, jobs on their way to being armed. Counted for objects whose pages can be purged
	 */
	atomic_t pins;
	/** @sparse: some of the memory may be missing: the object is lazy, or was purged */
	bool sparse;
	/**
	 * @exports: dma-bufs of it that are alive, with or without a handle; or DGEM_PURGED: some
	 * of the memory is gone for good, and none is made any more
	 */
	atomic_t exports;
	/** @vmas: user mappings alive */
	atomic_t vmas;
	/**
	 * @fault_next: page that comes behind the last one of a page table that was filled up; a
	 * hint to faults, under no lock
	 */
	u64 fault_next;

	/* Who pays, see dgem_quota.c */

	/** @charged: bytes charged to the instance, @account and @cgroup */
	atomic64_t charged;
	/** @account: that of the file which made the object, with a reference, or NULL */
	struct dgem_account *account;
	/** @cgroup: what is charged of the dmem cgroup, or NULL */
	struct dmem_cgroup_pool_state *cgroup;
	/** @held_from: when the object has ended: first page that somebody else still holds */
	u64 held_from;

	/* DMA mappings */

	/** @maps_lock: protects @maps; fence signalling takes it: no allocation, no wait inside */
	struct mutex maps_lock;
	/** @maps: &dgem_mapping.node, by &dgem_mapping.owner */
	struct list_head maps;
	/** @synced_maps: how many of them have &dgem_mapping.synced; written under @maps_lock */
	unsigned int synced_maps;
	/**
	 * @segments: DMA segments of @engine_maps; written under the reservation lock
	 */
	u32 segments;
	/**
	 * @engine_maps: those of &DGEM_MAPPING_ENGINE by the first page of what they map. One is
	 * made by the first job that needs it, under the reservation lock, and dropped with the
	 * memory, the device or the object
	 */
	struct xarray engine_maps;
};

static inline struct dgem_object *to_dgem_object(struct drm_gem_object *gem)
{
	return container_of(gem, struct dgem_object, base);
}

/**
 * dgem_gem_changes - may memory of an object come and go?
 * @obj: the object
 *
 * Return: true if what is there now stays only under the reservation lock, or while it is pinned.
 */
static inline bool dgem_gem_changes(const struct dgem_object *obj)
{
	return obj->pages && !(obj->flags & DRM_DGEM_CREATE_DIRECT_IO);
}

struct dgem_object *dgem_gem_new(struct dgem_device *ddev, const struct dgem_mem_ops *ops,
				 size_t size);
void dgem_gem_abort(struct dgem_object *obj);
void dgem_gem_publish(struct dgem_object *obj);
struct dgem_object *dgem_gem_create(struct dgem_device *ddev, struct dgem_account *account,
				    const struct drm_dgem_create *args);
void dgem_gem_free(struct drm_gem_object *gem);
u64 dgem_gem_kinds(struct dgem_device *ddev);
u32 dgem_gem_caps(const struct dgem_object *obj);
enum drm_gem_object_status dgem_gem_status(struct drm_gem_object *gem);
size_t dgem_gem_rss(struct drm_gem_object *gem);

int dgem_gem_populate(struct dgem_object *obj, u64 offset, u64 length);
int dgem_gem_populate_locked(struct dgem_object *obj, u64 offset, u64 length);
void dgem_gem_pin(struct dgem_object *obj);
void dgem_gem_unpin(struct dgem_object *obj);
int dgem_gem_purge(struct dgem_object *obj, u64 offset, u64 length, bool force);
int dgem_gem_vmap(struct drm_gem_object *gem, struct iosys_map *map);
void dgem_gem_vunmap(struct drm_gem_object *gem, struct iosys_map *map);

int dgem_gem_reach(struct dgem_object *obj, struct device *dev, u32 align, u64 offset, u64 length);
struct sg_table *dgem_gem_engine_sgt(struct dgem_object *obj, const struct device *dev, u64 offset);
void dgem_gem_drop_engine(struct dgem_device *ddev);

int dgem_gem_module_init(void);
void dgem_gem_module_exit(void);

#endif
