// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/cleanup.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "compat/dgem_compat.h"
#include "dgem_chunk.h"
#include "dgem_pages.h"

/**
 * DOC: pages that come and go
 *
 * The chunks of an object come all at once or each on its own, and pages of them may be purged,
 * one by one or a terabyte at a time. A chunk is never changed: a purge of a part puts another in
 * its place that shares the blocks which stay whole. Everything that can fail is done before the
 * first page goes.
 *
 * Lookups take no lock: who looks has seen to it that what he looks at stays, by the reservation
 * lock, or by holding an object that can't be purged. CPU access windows, which may be opened at
 * any time, keep chunks by a mutex instead.
 */

/**
 * dgem_pages_new - an object's pages, none of which is there yet
 * @dev: the instance's own device
 * @count: pages
 * @folios: allocate compound pages, and never purge any
 * @lock: a mutex without allocations inside, see &dgem_pages.lock
 *
 * Return: the pages or NULL.
 */
struct dgem_pages *dgem_pages_new(struct device *dev, u64 count, bool folios, struct mutex *lock)
{
	struct dgem_pages *pages = kzalloc_obj(*pages);

	if (!pages)
		return NULL;
	pages->dev = dev;
	pages->count = count;
	pages->folios = folios;
	pages->lock = lock;
	xa_init(&pages->chunks);
	dgem_holes_init(&pages->holes);
	return pages;
}

/**
 * dgem_pages_free - give everything back
 * @pages: the pages, which nobody uses any more
 */
void dgem_pages_free(struct dgem_pages *pages)
{
	struct dgem_chunk *chunk;
	unsigned long nr;

	xa_for_each(&pages->chunks, nr, chunk) {
		dgem_chunk_free(pages->dev, chunk);
		cond_resched();
	}
	xa_destroy(&pages->chunks);
	dgem_holes_fini(&pages->holes);
	kfree(pages);
}

static unsigned int dgem_pages_of_chunk(const struct dgem_pages *pages, u64 nr)
{
	return min_t(u64, pages->count - nr * DGEM_CHUNK_PAGES, DGEM_CHUNK_PAGES);
}

/* pages of a range that were not purged */
static u64 dgem_pages_wanted(struct dgem_pages *pages, u64 page, u64 end)
{
	u64 wanted = end - page, hole, run;

	for (; page < end && dgem_holes_find(&pages->holes, page, end - page, &hole, &run);
	     page = hole + run)
		wanted -= run;
	return wanted;
}

/**
 * dgem_pages_missing - what dgem_pages_populate() would allocate
 * @pages: the pages
 * @first: first page
 * @count: pages, not zero, in range
 *
 * Return: bytes, or -ENXIO if one of the pages was purged.
 */
s64 dgem_pages_missing(struct dgem_pages *pages, u64 first, u64 count)
{
	u64 last = (first + count - 1) / DGEM_CHUNK_PAGES, missing, hole, run;
	struct dgem_chunk *chunk;
	unsigned long nr;

	if (dgem_holes_find(&pages->holes, first, count, &hole, &run))
		return -ENXIO;
	/* by what is there: a range that is not may be far larger than the machine */
	nr = first / DGEM_CHUNK_PAGES;
	missing = dgem_pages_wanted(pages, (u64)nr * DGEM_CHUNK_PAGES,
				    last * DGEM_CHUNK_PAGES + dgem_pages_of_chunk(pages, last));
	xa_for_each_range(&pages->chunks, nr, chunk, first / DGEM_CHUNK_PAGES, last)
		missing -= chunk->pages;
	return missing << PAGE_SHIFT;
}

/* a fresh chunk loses what was purged before it came */
static struct dgem_chunk *dgem_pages_trim(struct dgem_pages *pages, u64 nr,
					  struct dgem_chunk *chunk)
{
	u64 start = nr * DGEM_CHUNK_PAGES, end = start + dgem_pages_of_chunk(pages, nr);
	u64 page = start, hole, run;

	for (; page < end && dgem_holes_find(&pages->holes, page, end - page, &hole, &run);
	     page = hole + run) {
		unsigned int from = hole - start, to = from + run;
		struct dgem_chunk *rest = dgem_chunk_without(pages->dev, chunk, from, to);

		if (!rest) {
			dgem_chunk_free(pages->dev, chunk);
			return NULL;
		}
		dgem_chunk_punch(pages->dev, chunk, from, to);
		chunk = rest;
	}
	return chunk;
}

static int dgem_pages_add(struct dgem_pages *pages, struct dgem_chunk_source *source, u64 nr,
			  u64 *added)
{
	struct dgem_chunk *chunk = dgem_chunk_alloc(source, dgem_pages_of_chunk(pages, nr));

	if (chunk)
		chunk = dgem_pages_trim(pages, nr, chunk);
	if (!chunk)
		return -ENOMEM;
	if (xa_is_err(xa_store(&pages->chunks, nr, chunk, GFP_KERNEL | __GFP_NOWARN))) {
		dgem_chunk_free(pages->dev, chunk);
		return -ENOMEM;
	}
	*added += (u64)chunk->pages << PAGE_SHIFT;
	return 0;
}

/**
 * dgem_pages_populate - allocate the chunks of some pages
 * @pages: the pages
 * @first: first page
 * @count: pages, not zero, in range
 * @added: where to add the bytes that came, also if not all did
 *
 * Return: 0, -ENXIO if one of the pages was purged, -ENOMEM, or -EINTR when the process dies.
 */
int dgem_pages_populate(struct dgem_pages *pages, u64 first, u64 count, u64 *added)
{
	u64 nr, last = (first + count - 1) / DGEM_CHUNK_PAGES;
	s64 missing = dgem_pages_missing(pages, first, count);
	struct dgem_chunk_source source;

	if (missing <= 0)
		return missing;
	/* don't take all memory just to find that it isn't enough */
	if (missing >> PAGE_SHIFT >= totalram_pages())
		return -ENOMEM;

	dgem_chunk_source_init(&source, pages->dev, pages->folios);
	for (nr = first / DGEM_CHUNK_PAGES; nr <= last; nr++) {
		int ret;

		if (xa_load(&pages->chunks, nr))
			continue;
		if (fatal_signal_pending(current))
			return -EINTR;
		ret = dgem_pages_add(pages, &source, nr, added);
		if (ret)
			return ret;
		cond_resched();
	}
	return 0;
}

/**
 * struct dgem_pages_cut - a chunk that loses a part in a purge
 */
struct dgem_pages_cut {
	/** @nr: its place in the object */
	u64 nr;
	/** @first: first page to go, from the start of the chunk */
	unsigned int first;
	/** @end: first page behind those that go */
	unsigned int end;
	/** @old: the chunk */
	struct dgem_chunk *old;
	/** @new: what takes its place */
	struct dgem_chunk *new;
};

/* if the chunk of this page loses a part but not all */
static int dgem_pages_cut_prepare(struct dgem_pages *pages, u64 page, u64 first, u64 end,
				  struct dgem_pages_cut *cut)
{
	u64 nr = page / DGEM_CHUNK_PAGES, start = nr * DGEM_CHUNK_PAGES;

	cut->nr = nr;
	cut->first = max(first, start) - start;
	cut->end = min_t(u64, end - start, dgem_pages_of_chunk(pages, nr));
	if (!cut->first && cut->end == dgem_pages_of_chunk(pages, nr))
		return 0;
	cut->old = xa_load(&pages->chunks, nr);
	if (!cut->old)
		return 0;
	cut->new = dgem_chunk_without(pages->dev, cut->old, cut->first, cut->end);
	return cut->new ? 0 : -ENOMEM;
}

static void dgem_pages_replace(struct dgem_pages *pages, u64 nr, struct dgem_chunk *new)
{
	scoped_guard(mutex, pages->lock) {
		/* there is an entry already: nothing is allocated */
		if (new)
			xa_store(&pages->chunks, nr, new, GFP_NOWAIT);
		else
			xa_erase(&pages->chunks, nr);
	}
}

static void dgem_pages_cut_commit(struct dgem_pages *pages, struct dgem_pages_cut *cut, u64 *freed)
{
	if (!cut->new)
		return;
	*freed += (u64)(cut->old->pages - cut->new->pages) << PAGE_SHIFT;
	dgem_pages_replace(pages, cut->nr, cut->new);
	dgem_chunk_punch(pages->dev, cut->old, cut->first, cut->end);
}

static void dgem_pages_cut_undo(struct dgem_pages *pages, struct dgem_pages_cut *cut)
{
	if (cut->new)
		dgem_chunk_undo(pages->dev, cut->old, cut->new);
}

/**
 * dgem_pages_purge - give pages back for good
 * @pages: the pages, which are no folios and which nobody uses
 * @first: first page
 * @count: pages, not zero, in range; some may have gone before, or never been there
 * @freed: where to add the bytes that went
 *
 * Return: 0, or -ENOMEM with nothing changed.
 */
int dgem_pages_purge(struct dgem_pages *pages, u64 first, u64 count, u64 *freed)
{
	struct dgem_pages_cut head = {}, tail = {};
	u64 end = first + count, nr, whole;
	struct dgem_chunk *chunk;
	unsigned long index;
	int ret;

	ret = dgem_pages_cut_prepare(pages, first, first, end, &head);
	if (!ret && (end - 1) / DGEM_CHUNK_PAGES != head.nr)
		ret = dgem_pages_cut_prepare(pages, end - 1, first, end, &tail);
	if (!ret)
		ret = dgem_holes_punch(&pages->holes, first, count);
	if (ret) {
		dgem_pages_cut_undo(pages, &head);
		dgem_pages_cut_undo(pages, &tail);
		return ret;
	}

	dgem_pages_cut_commit(pages, &head, freed);
	dgem_pages_cut_commit(pages, &tail, freed);

	nr = DIV_ROUND_UP_ULL(first, DGEM_CHUNK_PAGES);
	whole = end == pages->count ? DIV_ROUND_UP_ULL(end, DGEM_CHUNK_PAGES)
				    : div_u64(end, DGEM_CHUNK_PAGES);
	if (nr >= whole)
		return 0;
	xa_for_each_range(&pages->chunks, index, chunk, nr, whole - 1) {
		*freed += (u64)chunk->pages << PAGE_SHIFT;
		dgem_pages_replace(pages, index, NULL);
		dgem_chunk_free(pages->dev, chunk);
		cond_resched();
	}
	return 0;
}

/**
 * dgem_pages_block - find a page
 * @pages: the pages
 * @page: which one
 * @run: where to put how many follow it in memory, itself counted, within its block
 *
 * Return: the page, or NULL if it isn't there, and @run is 0.
 */
struct page *dgem_pages_block(struct dgem_pages *pages, u64 page, u64 *run)
{
	struct dgem_chunk *chunk = xa_load(&pages->chunks, page / DGEM_CHUNK_PAGES);
	unsigned int nr = page % DGEM_CHUNK_PAGES;
	const struct dgem_block *block = chunk ? dgem_chunk_find(chunk, nr) : NULL;

	if (!block) {
		*run = 0;
		return NULL;
	}
	*run = block->count - (nr - block->first);
	return block->page + (nr - block->first);
}

/**
 * dgem_pages_run - find a page and all that follow it in memory
 * @pages: the pages
 * @page: which one
 * @left: as many as are wanted at most
 * @run: where to put how many there are, whatever blocks they are in
 *
 * Return: as dgem_pages_block().
 */
struct page *dgem_pages_run(struct dgem_pages *pages, u64 page, u64 left, u64 *run)
{
	struct page *found = dgem_pages_block(pages, page, run);
	u64 more;

	while (found && *run < left) {
		struct page *next = dgem_pages_block(pages, page + *run, &more);

		if (!next || page_to_pfn(next) != page_to_pfn(found) + *run)
			break;
		*run += more;
	}
	*run = min(*run, left);
	return found;
}

/**
 * dgem_pages_extent - find the pages around a page, within its chunk, that are all there
 * @pages: the pages
 * @page: which one; it is there
 * @first: where to put the first
 *
 * Return: their number.
 */
u64 dgem_pages_extent(struct dgem_pages *pages, u64 page, u64 *first)
{
	u64 start = page - page % DGEM_CHUNK_PAGES, end, hole, run;

	end = start + dgem_pages_of_chunk(pages, start / DGEM_CHUNK_PAGES);
	while (start < page && dgem_holes_find(&pages->holes, start, page - start, &hole, &run))
		start = hole + run;
	if (dgem_holes_find(&pages->holes, page, end - page, &hole, &run))
		end = hole;
	*first = start;
	return end - start;
}

/**
 * dgem_pages_sync - hand a range over between the instance's own device and the CPU
 * @pages: the pages
 * @offset: first byte
 * @length: bytes, not zero
 * @for_cpu: to the CPU, else to the device
 */
void dgem_pages_sync(struct dgem_pages *pages, u64 offset, u64 length, bool for_cpu)
{
	u64 end = offset + length;
	struct dgem_chunk *chunk;
	unsigned long nr;

	mutex_lock(pages->lock);
	xa_for_each_range(&pages->chunks, nr, chunk, offset / DGEM_CHUNK_SIZE,
			  (end - 1) / DGEM_CHUNK_SIZE) {
		u64 start = (u64)nr * DGEM_CHUNK_SIZE;
		u64 first = max(start, offset), last = min(start + DGEM_CHUNK_SIZE, end);

		dgem_chunk_sync(pages->dev, chunk, first - start, last - first, for_cpu);
	}
	mutex_unlock(pages->lock);
}
