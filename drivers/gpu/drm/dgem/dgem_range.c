// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/align.h>
#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/limits.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/scatterlist.h>

#include <kunit/visibility.h>

#include "dgem_range.h"

/**
 * DOC: ranges
 *
 * Whatever user space says about offsets, sizes, pitches and addresses is judged in one file that
 * knows no device and takes no lock, so that every edge can be tested by KUnit. Offsets and lengths
 * are u64 on every architecture: objects larger than 4 GiB exist, and a scatterlist entry whose
 * length is 32 bits wide must never decide how far an object reaches.
 *
 * A copy is fed to an engine piece by piece from a cursor of fixed size. A list of pieces would be
 * as long as both scatterlists together, for every row, and would have to be allocated before the
 * job is armed; the cursor costs some dozens of instructions for each piece instead.
 */

/**
 * dgem_range_check - tell whether a range lies within an object
 * @offset: first byte
 * @length: bytes
 * @size: bytes of the object
 *
 * Return: 0, or -EINVAL for a range that is empty, wraps or reaches past the end.
 */
int dgem_range_check(u64 offset, u64 length, u64 size)
{
	u64 end;

	if (!length || check_add_overflow(offset, length, &end) || end > size)
		return -EINVAL;

	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(dgem_range_check);

/**
 * dgem_size_round - round the size that was asked for an object up to whole pages
 * @size: bytes asked for
 * @max: the most bytes that may be asked for
 * @rounded: where to put the rounded size; untouched on failure
 *
 * If @max is no multiple of the page size, the rounded size may exceed it by less than a page.
 *
 * Return: 0, or -EINVAL if @size is zero, above @max, or rounds to more than a size_t holds.
 */
int dgem_size_round(u64 size, u64 max, size_t *rounded)
{
	u64 bytes;

	if (!size || size > max || check_add_overflow(size, (u64)PAGE_SIZE - 1, &bytes))
		return -EINVAL;

	bytes &= ~((u64)PAGE_SIZE - 1);
	if (bytes > SIZE_MAX)
		return -EINVAL;

	*rounded = bytes;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(dgem_size_round);

/**
 * dgem_rect_check - tell whether a rectangle is sound and lies within an object
 * @r: the rectangle
 * @size: bytes of the object
 *
 * Return: 0, or -EINVAL if the width or the height is zero, the pitch is below the width, or the
 * last byte lies past the end of the object or of 64 bits.
 */
int dgem_rect_check(const struct dgem_rect *r, u64 size)
{
	u64 span;

	if (!r->width || !r->height || r->pitch < r->width)
		return -EINVAL;
	if (check_mul_overflow(r->pitch, (u64)r->height - 1, &span) ||
	    check_add_overflow(span, r->width, &span))
		return -EINVAL;

	return dgem_range_check(r->offset, span, size);
}
EXPORT_SYMBOL_IF_KUNIT(dgem_rect_check);

/**
 * dgem_rect_end - where a rectangle ends
 * @r: a rectangle that dgem_rect_check() found good
 *
 * Return: the offset one past the last byte of the last row.
 */
u64 dgem_rect_end(const struct dgem_rect *r)
{
	return r->offset + r->pitch * (r->height - 1) + r->width;
}
EXPORT_SYMBOL_IF_KUNIT(dgem_rect_end);

/**
 * dgem_rect_aligned - tell whether an engine can handle a rectangle's alignment
 * @r: the rectangle
 * @align: bytes, a power of two
 *
 * Return: true if offset, width and pitch are multiples of @align.
 */
bool dgem_rect_aligned(const struct dgem_rect *r, u32 align)
{
	return IS_ALIGNED(r->offset | r->width | r->pitch, (u64)align);
}
EXPORT_SYMBOL_IF_KUNIT(dgem_rect_aligned);

/**
 * dgem_rects_overlap - tell whether two rectangles of one object get in each other's way
 * @a: a rectangle that dgem_rect_check() found good
 * @b: another one
 *
 * The gaps between the rows count as part of a rectangle: interleaved rectangles do overlap.
 *
 * Return: true if the spans from the first to the last byte have a byte in common.
 */
bool dgem_rects_overlap(const struct dgem_rect *a, const struct dgem_rect *b)
{
	return a->offset < dgem_rect_end(b) && b->offset < dgem_rect_end(a);
}
EXPORT_SYMBOL_IF_KUNIT(dgem_rects_overlap);

/**
 * dgem_rects_collapse - make one long row of the two sides of a copy where that is possible
 * @a: one side, found good by dgem_rect_check()
 * @b: the other, of the same width and height
 *
 * Both stay as they are unless the rows follow each other without a gap on both sides. Single rows
 * get their width as their pitch.
 */
void dgem_rects_collapse(struct dgem_rect *a, struct dgem_rect *b)
{
	if (a->height > 1) {
		if (a->pitch != a->width || b->pitch != b->width)
			return;

		a->width *= a->height;
		b->width = a->width;
		a->height = 1;
		b->height = 1;
	}

	a->pitch = a->width;
	b->pitch = b->width;
}
EXPORT_SYMBOL_IF_KUNIT(dgem_rects_collapse);

/* goes on to the next table, if there is one; a mapped table has segments */
static bool dgem_walk_table(struct dgem_walk *w, struct scatterlist **sg, unsigned int *segs)
{
	struct dgem_tables *tables = &w->tables;
	const struct sg_table *table;

	if (!tables->next || tables->nr == tables->last)
		return false;
	table = tables->next(tables->of, tables->nr + 1);
	if (!table || !table->nents)
		return false;
	tables->nr++;
	*sg = table->sgl;
	*segs = table->nents;
	return true;
}

/* Makes the run that starts with w->next the current one, or an empty run at the end. */
static void dgem_walk_load(struct dgem_walk *w)
{
	struct scatterlist *sg = w->next;
	unsigned int segs = w->segs;
	dma_addr_t start = 0, end = 0;
	u64 run = 0;

	for (; segs || dgem_walk_table(w, &sg, &segs); segs--, sg = sg_next(sg)) {
		dma_addr_t addr = sg_dma_address(sg);
		unsigned int len = sg_dma_len(sg);

		/* some mappings pad their tables with empty segments */
		if (!len)
			continue;
		if (!run)
			start = addr;
		else if (addr != end || end < start)
			break;

		run += len;
		end = addr + len;
	}

	w->next = sg;
	w->segs = segs;
	w->addr = start;
	w->run = run;
}

/**
 * dgem_walk_init - put a cursor on the first byte of some tables
 * @w: the cursor
 * @tables: tables that are mapped for a device; copied
 */
void dgem_walk_init(struct dgem_walk *w, const struct dgem_tables *tables)
{
	w->tables = *tables;
	w->next = tables->first->sgl;
	w->segs = tables->first->nents;
	dgem_walk_load(w);
}
EXPORT_SYMBOL_IF_KUNIT(dgem_walk_init);

/**
 * dgem_walk_skip - move a cursor forward
 * @w: the cursor
 * @bytes: by how many; it costs the segments in between
 *
 * Return: 0, or -EINVAL if the tables end before that byte: the cursor then stands at their end.
 */
int dgem_walk_skip(struct dgem_walk *w, u64 bytes)
{
	while (bytes >= w->run) {
		if (!w->run)
			return -EINVAL;
		bytes -= w->run;
		dgem_walk_load(w);
	}

	w->addr += bytes;
	w->run -= bytes;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(dgem_walk_skip);

/**
 * dgem_walk_peek - tell what is under a cursor
 * @w: the cursor
 * @addr: where to put the DMA address of the byte under the cursor
 * @run: where to put the bytes from there on that have consecutive addresses
 *
 * Return: false, with nothing written, at the end of the tables.
 */
bool dgem_walk_peek(const struct dgem_walk *w, dma_addr_t *addr, u64 *run)
{
	if (!w->run)
		return false;

	*addr = w->addr;
	*run = w->run;
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(dgem_walk_peek);

/**
 * dgem_sgt_check - tell whether a mapped table is fit for an engine
 * @sgt: the table, which may come from another driver
 * @size: bytes that it has to have at least
 * @align: bytes, a power of two, at whose multiples the engine starts and ends
 *
 * Return: 0; -EINVAL if the segments together are shorter than @size; -EOPNOTSUPP if a run of
 * consecutive addresses starts off @align, or ends off it and is followed by another.
 */
int dgem_sgt_check(const struct sg_table *sgt, u64 size, u32 align)
{
	const struct dgem_tables tables = { .first = sgt };
	bool aligned = true;
	struct dgem_walk w;

	for (dgem_walk_init(&w, &tables); size; dgem_walk_load(&w)) {
		if (!w.run)
			return -EINVAL;

		aligned &= IS_ALIGNED(w.addr, (dma_addr_t)align);
		if (w.run >= size)
			break;
		aligned &= IS_ALIGNED(w.run, (u64)align);
		size -= w.run;
	}

	return aligned ? 0 : -EOPNOTSUPP;
}
EXPORT_SYMBOL_IF_KUNIT(dgem_sgt_check);

/**
 * dgem_pieces_init - start to cut a copy into pieces
 * @p: the cursor
 * @src_tables: tables to read from, mapped for the engine
 * @src_rect: what to read, found good by dgem_rect_check()
 * @dst_tables: tables to write to, mapped for the engine
 * @dst_rect: what to write, found good, of the same width and height
 * @limits: what the engine takes; copied
 */
void dgem_pieces_init(struct dgem_pieces *p,
		      const struct dgem_tables *src_tables, const struct dgem_rect *src_rect,
		      const struct dgem_tables *dst_tables, const struct dgem_rect *dst_rect,
		      const struct dgem_limits *limits)
{
	struct dgem_rect src = *src_rect, dst = *dst_rect;
	u32 align = max(limits->align, 1U);

	dgem_rects_collapse(&src, &dst);

	p->limits.max_len = max(limits->max_len & ~(align - 1), align);
	p->limits.align = align;
	p->limits.boundary = limits->boundary;
	p->src_skip = src.pitch - src.width;
	p->dst_skip = dst.pitch - dst.width;
	p->width = src.width;
	p->left = src.width;
	p->rows = src.height - 1;

	/* where a table ends too soon, the cursor has an empty run and dgem_pieces_next() stops */
	dgem_walk_init(&p->src, src_tables);
	dgem_walk_skip(&p->src, src.offset);
	dgem_walk_init(&p->dst, dst_tables);
	dgem_walk_skip(&p->dst, dst.offset);
}
EXPORT_SYMBOL_IF_KUNIT(dgem_pieces_init);

static u64 dgem_cut_boundary(u64 len, u64 addr, u64 boundary)
{
	/* one less than the bytes up to the boundary: those may be 2^64 */
	u64 room = boundary - (addr & boundary);

	return len > room ? room + 1 : len;
}

/**
 * dgem_pieces_next - get the next piece of a copy
 * @p: the cursor
 * @piece: where to put the piece
 *
 * A piece lies within one row (rows without gaps are one), within one run of consecutive addresses
 * and within the boundaries of &struct dgem_limits on either side; where it is only cut for being
 * too long, its length is a multiple of the alignment.
 *
 * Return: false after the last piece, or if a table ended too soon (see dgem_pieces_done()).
 */
bool dgem_pieces_next(struct dgem_pieces *p, struct dgem_piece *piece)
{
	u64 len, src_step, dst_step;

	len = min3(p->left, p->src.run, p->dst.run);
	if (!len)
		return false;
	len = min_t(u64, len, p->limits.max_len);
	len = dgem_cut_boundary(len, p->src.addr, p->limits.boundary);
	len = dgem_cut_boundary(len, p->dst.addr, p->limits.boundary);

	piece->src = p->src.addr;
	piece->dst = p->dst.addr;
	piece->len = len;

	src_step = len;
	dst_step = len;
	p->left -= len;
	if (!p->left && p->rows) {
		src_step += p->src_skip;
		dst_step += p->dst_skip;
		p->left = p->width;
		p->rows--;
	}
	/* if a table ends before that there is no next piece */
	dgem_walk_skip(&p->src, src_step);
	dgem_walk_skip(&p->dst, dst_step);
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(dgem_pieces_next);

/**
 * dgem_pieces_column - tell where in its row the next piece begins
 * @p: the cursor
 *
 * Return: bytes from the start of the row, or of the first row if the rows are one.
 */
u64 dgem_pieces_column(const struct dgem_pieces *p)
{
	return p->width - p->left;
}
EXPORT_SYMBOL_IF_KUNIT(dgem_pieces_column);

static u32 dgem_span_max(u32 max_seg)
{
	return max_t(u32, max_seg & PAGE_MASK, PAGE_SIZE);
}

static u64 dgem_div_up(u64 n, u32 d)
{
	return n ? div_u64(n - 1, d) + 1 : 0;
}

/**
 * dgem_span_segments - count the scatterlist entries that consecutive bytes need
 * @addr: address of the first byte, as the device sees it
 * @size: bytes
 * @max_seg: bytes of the device's longest segment, as dma_get_max_seg_size() tells
 * @boundary: mask that no segment crosses, as dma_get_seg_boundary() tells
 *
 * Return: how often dgem_span_next() has to be called, or 0 if @size is zero, the bytes wrap or the
 * number is too large.
 */
unsigned int dgem_span_segments(u64 addr, u64 size, u32 max_seg, unsigned long boundary)
{
	u32 max = dgem_span_max(max_seg);
	u64 head, rest, count, last;

	if (!size || check_add_overflow(addr, size - 1, &last))
		return 0;

	head = dgem_cut_boundary(size, addr, boundary);
	rest = size - head;
	count = dgem_div_up(head, max);
	if (rest) {
		u64 windows = rest >> fls_long(boundary);

		count += windows * (div_u64(boundary, max) + 1);
		count += dgem_div_up(rest & boundary, max);
	}

	return count > UINT_MAX ? 0 : count;
}
EXPORT_SYMBOL_IF_KUNIT(dgem_span_segments);

/**
 * dgem_span_next - cut the next scatterlist entry off consecutive bytes
 * @addr: address of the first byte left, as the device sees it
 * @left: bytes left
 * @max_seg: as for dgem_span_segments(); cut to whole pages, at least one
 * @boundary: as for dgem_span_segments()
 *
 * Return: bytes of the entry, 0 if nothing is left.
 */
u32 dgem_span_next(u64 addr, u64 left, u32 max_seg, unsigned long boundary)
{
	if (!left)
		return 0;

	return dgem_cut_boundary(min_t(u64, left, dgem_span_max(max_seg)), addr, boundary);
}
EXPORT_SYMBOL_IF_KUNIT(dgem_span_next);

/**
 * dgem_view_page - find the page that an address shows
 * @v: what the address' area shows
 * @addr: the address, anywhere within its page
 * @page: where to put the page, counted from the start of the object
 *
 * Return: false, with nothing written, if the address is outside of the area or shows nothing: an
 * area may be longer than what is left of the object.
 */
bool dgem_view_page(const struct dgem_view *v, unsigned long addr, u64 *page)
{
	u64 nr;

	if (addr < v->start || addr >= v->end)
		return false;
	if (check_add_overflow(v->pgoff, (u64)((addr - v->start) >> PAGE_SHIFT), &nr) ||
	    dgem_range_check(nr, 1, v->pages))
		return false;

	*page = nr;
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(dgem_view_page);

/**
 * dgem_view_batch - find the pages to map at once when an address faults
 * @v: what the address' area shows
 * @addr: the address
 * @pages: pages of the aligned window around @addr that are wanted, a power of two
 * @batch: where to put the pages: the window without what lies outside of the area or the object
 *
 * Return: false, with nothing written, if dgem_view_page() finds no page at @addr.
 */
bool dgem_view_batch(const struct dgem_view *v, unsigned long addr, unsigned int pages,
		     struct dgem_batch *batch)
{
	unsigned long slot = (addr >> PAGE_SHIFT) & (pages - 1);
	unsigned long before;
	u64 page, after;

	if (!dgem_view_page(v, addr, &page))
		return false;

	addr &= PAGE_MASK;
	before = min(slot, (addr - v->start) >> PAGE_SHIFT);
	after = min3((u64)(pages - slot), (u64)((v->end - addr) >> PAGE_SHIFT), v->pages - page);

	batch->addr = addr - (before << PAGE_SHIFT);
	batch->page = page - before;
	batch->count = before + after;
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(dgem_view_batch);

/**
 * dgem_batch_grow - cut a batch down to what its neighbours give reason for
 * @batch: the pages of a page table; cut in place
 * @asked: which of them somebody waits for
 * @before: how many right before it are mapped already
 * @after: how many right behind it are
 *
 * Eight times as many pages come in as are mapped on one side: who goes on in one direction has
 * four faults in a table of 512, and who does not gets one page.
 */
void dgem_batch_grow(struct dgem_batch *batch, unsigned int asked, unsigned int before,
		     unsigned int after)
{
	unsigned int first = asked, end = asked + 1;

	if (before)
		end = min(asked + 8 * before, batch->count);
	else if (after)
		first -= min(8 * after - 1, first);
	batch->addr += (unsigned long)first << PAGE_SHIFT;
	batch->page += first;
	batch->count = end - first;
}
EXPORT_SYMBOL_IF_KUNIT(dgem_batch_grow);
