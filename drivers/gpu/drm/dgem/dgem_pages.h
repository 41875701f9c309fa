/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 */
#ifndef _DGEM_PAGES_H_
#define _DGEM_PAGES_H_

#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include "dgem_holes.h"

struct device;
struct page;

/**
 * struct dgem_pages - the pages of an object, &dgem_object.mem
 *
 * What comes and goes does so under the object's reservation lock.
 */
struct dgem_pages {
	/** @dev: the instance's own device */
	struct device *dev;
	/** @count: pages of the object */
	u64 count;
	/** @folios: the pages are folios, of which others may hold references */
	bool folios;
	/** @lock: chunks are replaced under it too; windows of CPU access look at them under it */
	struct mutex *lock;
	/** @chunks: &struct dgem_chunk by its place in the object */
	struct xarray chunks;
	/** @holes: what was given back for good */
	struct dgem_holes holes;
	/** @vaddr: kernel mapping of all pages, while there is one */
	void *vaddr;
	/** @vmaps: users of @vaddr */
	unsigned int vmaps;
};

struct dgem_pages *dgem_pages_new(struct device *dev, u64 count, bool folios, struct mutex *lock);
void dgem_pages_free(struct dgem_pages *pages);
s64 dgem_pages_missing(struct dgem_pages *pages, u64 first, u64 count);
int dgem_pages_populate(struct dgem_pages *pages, u64 first, u64 count, u64 *added);
int dgem_pages_purge(struct dgem_pages *pages, u64 first, u64 count, u64 *freed);
struct page *dgem_pages_block(struct dgem_pages *pages, u64 page, u64 *run);
struct page *dgem_pages_run(struct dgem_pages *pages, u64 page, u64 left, u64 *run);
u64 dgem_pages_extent(struct dgem_pages *pages, u64 page, u64 *first);
void dgem_pages_sync(struct dgem_pages *pages, u64 offset, u64 length, bool for_cpu);

#endif
