/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 */
#ifndef _DGEM_MEM_H_
#define _DGEM_MEM_H_

#include <linux/dma-direction.h>
#include <linux/gfp.h>
#include <linux/types.h>

#include "dgem_quota.h"

struct device;
struct dgem_device;
struct dgem_object;
struct drm_dgem_create;
struct iosys_map;
struct page;

/**
 * define DGEM_GFP - for every allocation whose size or number is up to user space
 *
 * It is charged to the caller's memory cgroup, and it fails instead of waking the OOM killer.
 */
#define DGEM_GFP	(GFP_KERNEL_ACCOUNT | __GFP_NOWARN | __GFP_RETRY_MAYFAIL)

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
	/** @own_map: the object, not @alloc, makes a mapping of &DGEM_MAPPING_OWN for all of it */
	bool own_map;

	/** @offered: does the instance have this kind? Optional: yes */
	bool (*offered)(struct dgem_device *ddev);
	/**
	 * @alloc: allocate &drm_gem_object.size bytes of zeroed memory, clean for the instance's
	 * own device unless @own_map does so, in the cache mode &dgem_object.cache_asked; set
	 * &dgem_object.cache_granted, @coherent, @resource and, if there is @sync, @own_sync. NULL:
	 * user space can't create this kind. No lock is held. Returns 0 or -ENOMEM, or what is
	 * wrong with the source.
	 */
	int (*alloc)(struct dgem_object *obj, const struct drm_dgem_create *args);
	/** @free: give back what the object holds */
	void (*free)(struct dgem_object *obj);
	/**
	 * @pfn: page frame of page @page of the object and, in @run, how many pages from there on
	 * are contiguous; 0 if there is none. Called under the lock of a page table: it neither
	 * sleeps nor allocates. NULL: the page frames are somebody else's to know.
	 */
	unsigned long (*pfn)(struct dgem_object *obj, u64 page, u64 *run);
	/**
	 * @at: kernel address of page @page and, in @run, how many follow on, for memory that has
	 * addresses without being mapped; the cpu engine and debuggers go by it then. Optional
	 */
	void *(*at)(struct dgem_object *obj, u64 page, u64 *run);
	/**
	 * @vmap: a kernel mapping of the whole object; the reservation lock is held. NULL:
	 * &dgem_object.vaddr is one
	 */
	int (*vmap)(struct dgem_object *obj, struct iosys_map *map);
	/** @vunmap: undo @vmap; the reservation lock is held; optional */
	void (*vunmap)(struct dgem_object *obj, struct iosys_map *map);
	/**
	 * @sync: hand a range over to the CPU as it starts to access it (@begin), or back as it
	 * ends, @dir telling what it does: DMA_FROM_DEVICE reads. For kinds that have a DMA mapping
	 * of their own making (called if &dgem_object.own_sync), or whose memory is somebody
	 * else's.
	 */
	int (*sync)(struct dgem_object *obj, u64 offset, u64 length, enum dma_data_direction dir,
		    bool begin);
	/**
	 * @held: does somebody else have references to pages of the object, from page @page on?
	 * Moves @page to the first such page. For kinds with DRM_DGEM_CREATE_DIRECT_IO.
	 */
	bool (*held)(struct dgem_object *obj, u64 *page);
};

extern const struct dgem_mem_ops dgem_mem_contiguous;
extern const struct dgem_mem_ops dgem_mem_coherent;
extern const struct dgem_mem_ops dgem_mem_import;
extern const struct dgem_mem_ops dgem_mem_io;
extern const struct dgem_mem_ops dgem_mem_pages;
extern const struct dgem_mem_ops dgem_mem_user;
extern const struct dgem_mem_ops dgem_mem_reserved;
extern const struct dgem_mem_ops dgem_mem_vmalloc;

struct page *dgem_mem_alloc_pages(struct device *dev, gfp_t gfp, unsigned int order, gfp_t *zone);
unsigned long dgem_mem_phys_pfn(struct dgem_object *obj, u64 page, u64 *run);
void *dgem_mem_vaddr_at(struct dgem_object *obj, u64 page, u64 *run);

#endif
