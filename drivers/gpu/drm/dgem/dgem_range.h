/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 */
#ifndef _DGEM_RANGE_H_
#define _DGEM_RANGE_H_

#include <linux/types.h>

struct scatterlist;
struct sg_table;

/**
 * struct dgem_rect - bytes of an object, as rows that start a pitch apart
 *
 * A linear range is a rectangle of one row whose pitch is its width.
 */
struct dgem_rect {
	/** @offset: first byte of the first row */
	u64 offset;
	/** @width: bytes of a row */
	u64 width;
	/** @pitch: bytes from the start of a row to the start of the next */
	u64 pitch;
	/** @height: rows */
	u32 height;
};

/**
 * struct dgem_tables - the mapped tables that the DMA addresses of an object are in
 */
struct dgem_tables {
	/** @first: the table to start with */
	const struct sg_table *first;
	/**
	 * @next: the table of a number, or NULL if it is missing. It neither sleeps nor allocates.
	 * NULL: there is @first alone
	 */
	const struct sg_table *(*next)(const void *of, u64 nr);
	/** @of: what @next is called with */
	const void *of;
	/** @nr: number of the table that a cursor is at, at first that of @first */
	u64 nr;
	/** @last: number of the last table */
	u64 last;
};

/**
 * struct dgem_walk - cursor over the DMA segments of mapped tables
 *
 * DMA segments that continue each other count as one run. The members belong to the dgem_walk
 * functions; the tables must stay mapped as long as the cursor is used.
 */
struct dgem_walk {
	/** @tables: the tables */
	struct dgem_tables tables;
	/** @next: first segment behind the current run, valid while @segs is not zero */
	struct scatterlist *next;
	/** @segs: segments from @next on */
	unsigned int segs;
	/** @addr: DMA address of the byte under the cursor */
	dma_addr_t addr;
	/** @run: bytes from there to the end of the current run; 0 only at the end of the tables */
	u64 run;
};

/**
 * struct dgem_limits - what a device takes in one go
 */
struct dgem_limits {
	/** @max_len: bytes of the longest piece, not below @align */
	u32 max_len;
	/** @align: a power of two; cuts are made at its multiples */
	u32 align;
	/** @boundary: mask of ones; no piece crosses a multiple of it plus one. U64_MAX: none */
	u64 boundary;
};

/**
 * struct dgem_piece - one stretch that is continuous for a device on both sides
 */
struct dgem_piece {
	/** @src: DMA address to read */
	dma_addr_t src;
	/** @dst: DMA address to write */
	dma_addr_t dst;
	/** @len: bytes, never zero */
	u32 len;
};

/**
 * struct dgem_pieces - cursor over the pieces of a copy
 *
 * The members belong to the dgem_pieces functions. It owns nothing: a plain copy of it resumes from
 * the place where it was taken, and it may be dropped at any time.
 */
struct dgem_pieces {
	/** @src: where to read next */
	struct dgem_walk src;
	/** @dst: where to write next */
	struct dgem_walk dst;
	/** @limits: limits, with @max_len cut to a multiple of the alignment */
	struct dgem_limits limits;
	/** @src_skip: bytes from the end of a source row to the next */
	u64 src_skip;
	/** @dst_skip: bytes from the end of a destination row to the next */
	u64 dst_skip;
	/** @width: bytes of a row */
	u64 width;
	/** @left: bytes left of the current row */
	u64 left;
	/** @rows: rows left behind the current one */
	u32 rows;
};

/**
 * struct dgem_view - the part of an object that a virtual memory area shows
 */
struct dgem_view {
	/** @start: first address of the area, on a page */
	unsigned long start;
	/** @end: first address behind the area, on a page */
	unsigned long end;
	/** @pgoff: page of the object that @start shows */
	u64 pgoff;
	/** @pages: pages of the object */
	u64 pages;
};

/**
 * struct dgem_batch - pages to map together
 */
struct dgem_batch {
	/** @addr: address of the first page */
	unsigned long addr;
	/** @page: the first page, counted from the start of the object */
	u64 page;
	/** @count: pages, never zero */
	unsigned int count;
};

int dgem_range_check(u64 offset, u64 length, u64 size);
int dgem_size_round(u64 size, u64 max, size_t *rounded);

int dgem_rect_check(const struct dgem_rect *r, u64 size);
u64 dgem_rect_end(const struct dgem_rect *r);
bool dgem_rect_aligned(const struct dgem_rect *r, u32 align);
bool dgem_rects_overlap(const struct dgem_rect *a, const struct dgem_rect *b);
void dgem_rects_collapse(struct dgem_rect *a, struct dgem_rect *b);

int dgem_sgt_check(const struct sg_table *sgt, u64 size, u32 align);

void dgem_walk_init(struct dgem_walk *w, const struct dgem_tables *tables);
int dgem_walk_skip(struct dgem_walk *w, u64 bytes);
bool dgem_walk_peek(const struct dgem_walk *w, dma_addr_t *addr, u64 *run);

void dgem_pieces_init(struct dgem_pieces *p,
		      const struct dgem_tables *src_tables, const struct dgem_rect *src_rect,
		      const struct dgem_tables *dst_tables, const struct dgem_rect *dst_rect,
		      const struct dgem_limits *limits);
bool dgem_pieces_next(struct dgem_pieces *p, struct dgem_piece *piece);

/**
 * dgem_pieces_done - tell whether a copy has been cut to its end
 * @p: the cursor
 *
 * Return: true if the pieces handed out so far are the whole copy.
 */
static inline bool dgem_pieces_done(const struct dgem_pieces *p)
{
	return !p->left && !p->rows;
}

u64 dgem_pieces_column(const struct dgem_pieces *p);

unsigned int dgem_span_segments(u64 addr, u64 size, u32 max_seg, unsigned long boundary);
u32 dgem_span_next(u64 addr, u64 left, u32 max_seg, unsigned long boundary);

bool dgem_view_page(const struct dgem_view *v, unsigned long addr, u64 *page);
bool dgem_view_batch(const struct dgem_view *v, unsigned long addr, unsigned int pages,
		     struct dgem_batch *batch);
void dgem_batch_grow(struct dgem_batch *batch, unsigned int asked, unsigned int before,
		     unsigned int after);

#endif
