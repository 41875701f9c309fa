/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 */
#ifndef _DGEM_MEM_H_
#define _DGEM_MEM_H_

#include <linux/dma-direction.h>
#include <linux/types.h>

#include "dgem_quota.h"

struct device;
struct dgem_device;
struct dgem_engine;
struct dgem_object;
struct drm_dgem_create;
struct iosys_map;
struct sg_table;
struct vm_area_struct;

/**
 * struct dgem_mem_ops - a kind of memory
 *
 * Whatever is special about a kind stands behind these functions, so that no other file has to ask
 * which kind an object is. A new kind is a file of its own and a line in dgem_gem.c.
 */
struct dgem_mem_ops {
	/** @name: for people */
	const char *name;
	/** @kind: &enum drm_dgem_kind */
	u32 kind;
	/** @caps: DRM_DGEM_CAP_* */
	u32 caps;
	/** @caches: bits (1 << cache) of the &enum drm_dgem_cache that may be asked for */
	u32 caches;
	/** @flags: DRM_DGEM_CREATE_* that may be asked for */
	u32 flags;
	/**
	 * @takes_source: memory comes from &drm_dgem_create.source, which other kinds have to leave
	 * alone
	 */
	bool takes_source;
	/** @region: what the dmem cgroup charges objects of this kind to, as a whole */
	enum dgem_region region;
	/**
	 * @own_map: the memory has no DMA mapping of its own making. It gets one for the instance's
	 * own device as long as it lives, by which fresh memory is cleaned and windows of CPU
	 * access are synced.
	 */
	bool own_map;

	/** @offered: does the instance have this kind? Optional: yes */
	bool (*offered)(struct dgem_device *ddev);
	/**
	 * @alloc: allocate &drm_gem_object.size bytes of zeroed memory, clean for a device, in the
	 * cache mode &dgem_object.cache_asked, and set &dgem_object.cache_granted. NULL: user
	 * space can't create this kind. Returns 0 or -ENOMEM, or what is wrong with the source.
	 */
	int (*alloc)(struct dgem_object *obj, const struct drm_dgem_create *args);
	/** @free: give back what the object holds */
	void (*free)(struct dgem_object *obj);
	/**
	 * @get_sgt: a new table of the memory, not mapped, split to what @dev takes; freed by
	 * sg_free_table() and kfree(). NULL: there is no memory of ours to map.
	 */
	struct sg_table *(*get_sgt)(struct dgem_object *obj, struct device *dev);
	/**
	 * @map: map a table made by @get_sgt for @dev; @unmap undoes it. Both or none; without
	 * them it is dma_map_sgtable(), which wants struct pages.
	 */
	int (*map)(struct dgem_object *obj, struct device *dev, struct sg_table *sgt,
		   enum dma_data_direction dir);
	/** @unmap: undo @map */
	void (*unmap)(struct dgem_object *obj, struct device *dev, struct sg_table *sgt,
		      enum dma_data_direction dir);
	/**
	 * @map_engine: for memory that is somebody else's to map: have &dgem_object.sgt mapped for
	 * the engine if it is not. No lock is held. @unmap_engine undoes it, if it was done. Both
	 * or none; NULL: by @get_sgt and @map.
	 */
	int (*map_engine)(struct dgem_object *obj, struct dgem_engine *engine);
	/** @unmap_engine: undo @map_engine; nobody else looks at the mapping any more */
	void (*unmap_engine)(struct dgem_object *obj);
	/** @reaches: 0, or the error that keeps @dev from the memory; optional */
	int (*reaches)(struct dgem_object *obj, struct device *dev);
	/**
	 * @pfn: page frame of page @page of the object and, in @run, how many pages from there on
	 * are contiguous; 0 if there is none. Called under the lock of a page table: it neither
	 * sleeps nor allocates.
	 */
	unsigned long (*pfn)(struct dgem_object *obj, u64 page, u64 *run);
	/**
	 * @at: kernel address of page @page and, in @run, how many follow on, for memory that has
	 * addresses without being mapped; the cpu engine and debuggers go by it then. Optional
	 */
	void *(*at)(struct dgem_object *obj, u64 page, u64 *run);
	/**
	 * @missing: what @populate would allocate: bytes, or -ENXIO if pages were purged. This and
	 * the next ones, all or none, are for kinds whose pages may come and go; the reservation
	 * lock is held. See dgem_sparse.c.
	 */
	s64 (*missing)(struct dgem_object *obj, u64 first, u64 count);
	/** @populate: allocate missing pages; adds the bytes that came, after an error too */
	int (*populate)(struct dgem_object *obj, u64 first, u64 count, u64 *added);
	/** @purge: give pages back for good; nobody uses them. Adds the bytes that went */
	int (*purge)(struct dgem_object *obj, u64 first, u64 count, u64 *freed);
	/**
	 * @extent: number of pages around page @page, and the first of them, that are all there if
	 * this one is. No extent crosses a multiple of @granule.
	 */
	u64 (*extent)(struct dgem_object *obj, u64 page, u64 *first);
	/** @granule: bytes, a power of two, in which memory comes */
	u32 granule;
	/**
	 * @mmap: map the whole area at once; &vm_area_struct.vm_pgoff counts from the start of the
	 * object. NULL: by faults, through @pfn.
	 */
	int (*mmap)(struct dgem_object *obj, struct vm_area_struct *vma);
	/** @vmap: a kernel mapping of the whole object; the reservation lock is held */
	int (*vmap)(struct dgem_object *obj, struct iosys_map *map);
	/** @vunmap: undo @vmap; the reservation lock is held; optional */
	void (*vunmap)(struct dgem_object *obj, struct iosys_map *map);
	/**
	 * @begin: what the kind itself does as the CPU starts to access a range, besides the DMA
	 * mappings listed. Optional.
	 */
	int (*begin)(struct dgem_object *obj, u64 offset, u64 length, enum dma_data_direction dir);
	/** @end: the opposite of @begin */
	int (*end)(struct dgem_object *obj, u64 offset, u64 length, enum dma_data_direction dir);
	/**
	 * @sync_waits: @begin and @end may wait for the object's fences or take its reservation
	 * lock, so they can't run where a fence of the object has yet to be signalled
	 */
	bool sync_waits;
};

extern const struct dgem_mem_ops dgem_mem_contiguous;
extern const struct dgem_mem_ops dgem_mem_coherent;
extern const struct dgem_mem_ops dgem_mem_import;
extern const struct dgem_mem_ops dgem_mem_io;
extern const struct dgem_mem_ops dgem_mem_pages;
extern const struct dgem_mem_ops dgem_mem_noncontiguous;
extern const struct dgem_mem_ops dgem_mem_user;
extern const struct dgem_mem_ops dgem_mem_reserved;
extern const struct dgem_mem_ops dgem_mem_vmalloc;

struct sg_table *dgem_mem_span_range(struct dgem_object *obj, struct device *dev, u64 offset,
				     u64 length);
struct sg_table *dgem_mem_span_sgt(struct dgem_object *obj, struct device *dev);
int dgem_mem_span_reaches(struct dgem_object *obj, struct device *dev);
bool dgem_mem_limited(struct device *dev);
unsigned long dgem_mem_span_pfn(struct dgem_object *obj, u64 page, u64 *run);
struct sg_table *dgem_mem_resource_sgt(struct dgem_object *obj, struct device *dev);
int dgem_mem_resource_reaches(struct dgem_object *obj, struct device *dev);
int dgem_mem_resource_map(struct dgem_object *obj, struct device *dev, struct sg_table *sgt,
			  enum dma_data_direction dir);
void dgem_mem_resource_unmap(struct dgem_object *obj, struct device *dev, struct sg_table *sgt,
			     enum dma_data_direction dir);
int dgem_mem_vaddr_vmap(struct dgem_object *obj, struct iosys_map *map);
void *dgem_mem_vaddr_at(struct dgem_object *obj, u64 page, u64 *run);

#endif
