// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>

#include <kunit/test.h>

#include "../compat/dgem_compat.h"
#include "../dgem_range.h"

struct segment {
	dma_addr_t addr;
	unsigned int len;
};

/* A table as a mapping leaves it: only addresses and lengths for the device count. */
static struct sg_table *make_table(struct kunit *test, const struct segment *segs,
				   unsigned int count)
{
	struct scatterlist *sg;
	struct sg_table *sgt;
	unsigned int i;

	sgt = kunit_kzalloc(test, sizeof(*sgt), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, sgt);
	/* as many entries again, which the mapping did not need */
	sgt->nents = count;
	sgt->orig_nents = count * 2;
	sgt->sgl = kunit_kcalloc(test, sgt->orig_nents, sizeof(*sgt->sgl), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, sgt->sgl);
	sg_init_table(sgt->sgl, sgt->orig_nents);

	for_each_sgtable_dma_sg(sgt, sg, i) {
		sg_dma_address(sg) = segs[i].addr;
		sg_dma_len(sg) = segs[i].len;
	}
	for (; sg; sg = sg_next(sg)) {
		sg_dma_address(sg) = 0xbad000;
		sg_dma_len(sg) = SZ_64K;
	}

	return sgt;
}

static void drop_table(struct kunit *test, struct sg_table *sgt)
{
	kunit_kfree(test, sgt->sgl);
	kunit_kfree(test, sgt);
}

static u64 table_size(const struct sg_table *sgt)
{
	struct scatterlist *sg;
	u64 size = 0;
	unsigned int i;

	for_each_sgtable_dma_sg(sgt, sg, i)
		size += sg_dma_len(sg);
	return size;
}

/*
 * The slow truth: whether bytes of a table have consecutive addresses from @addr on. It looks at
 * every segment from the first one and knows nothing of runs.
 */
static bool lies_at(const struct sg_table *sgt, u64 offset, dma_addr_t addr, u64 len)
{
	struct scatterlist *sg;
	u64 start = 0, found = 0;
	unsigned int i;

	for_each_sgtable_dma_sg(sgt, sg, i) {
		u64 end = start + sg_dma_len(sg);
		u64 from = max(start, offset), to = min(end, offset + len);

		if (from < to) {
			dma_addr_t here = addr + (from - offset);

			if (sg_dma_address(sg) + (dma_addr_t)(from - start) != here)
				return false;
			found += to - from;
		}
		start = end;
	}

	return found == len;
}

/* Segments of random lengths, some of them empty, some continuing the one before. */
static struct sg_table *random_table(struct kunit *test, struct rnd_state *rnd,
				     unsigned int max_count, unsigned int unit)
{
	unsigned int count = 1 + prandom_u32_state(rnd) % max_count, i;
	struct sg_table *sgt;
	struct segment *segs;
	dma_addr_t addr = 0;

	segs = kunit_kcalloc(test, count, sizeof(*segs), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, segs);

	for (i = 0; i < count; i++) {
		u32 dice = prandom_u32_state(rnd) % 8;

		if (!i || dice > 3)
			addr = (dma_addr_t)(prandom_u32_state(rnd) % SZ_4K) * unit * 16;
		segs[i].addr = addr;
		segs[i].len = dice ? unit * (1 + prandom_u32_state(rnd) % 15) : 0;
		addr += segs[i].len;
	}
	/* at least a byte */
	segs[count - 1].len = segs[count - 1].len ?: unit;

	sgt = make_table(test, segs, count);
	kunit_kfree(test, segs);
	return sgt;
}

/* Puts a cursor on a byte of a table, wherever it was. */
static int walk_to(struct dgem_walk *w, const struct sg_table *sgt, u64 offset)
{
	dgem_walk_init(w, &(struct dgem_tables){ .first = sgt });
	return dgem_walk_skip(w, offset);
}

#define SPLIT	6

static const struct sg_table *split_next(const void *of, u64 nr)
{
	struct sg_table *const *tables = of;

	return tables[nr];
}

/* One table and the same segments in a table each are the same walk; a missing table ends it. */
static void dgem_walk_tables_test(struct kunit *test)
{
	static const struct segment segs[SPLIT] = {
		{ 0x1000, 0x1000 }, { 0x2000, 0x800 }, { 0x2800, 0x800 }, { 0x9000, 0x100 },
		{ 0x5000, 0x10 }, { 0x5010, 0x10 },
	};
	struct dgem_tables split = { .next = split_next, .last = SPLIT - 1 };
	struct dgem_tables whole = { .first = make_table(test, segs, SPLIT) };
	struct sg_table *tables[SPLIT];
	unsigned int i, end;
	struct dgem_walk a, b;

	for (i = 0; i < SPLIT; i++)
		tables[i] = make_table(test, &segs[i], 1);
	split.first = tables[0];
	split.of = tables;

	dgem_walk_init(&a, &whole);
	dgem_walk_init(&b, &split);
	while (a.run) {
		KUNIT_EXPECT_EQ(test, a.addr, b.addr);
		KUNIT_EXPECT_EQ(test, a.run, b.run);
		KUNIT_EXPECT_EQ(test, dgem_walk_skip(&a, 0x30), dgem_walk_skip(&b, 0x30));
	}
	KUNIT_EXPECT_EQ(test, b.run, 0);

	/* up to the last table, or to one that is missing */
	for (end = 1; end < SPLIT; end++) {
		u64 size = 0;

		for (i = 0; i < end; i++)
			size += segs[i].len;
		split.last = end - 1;
		dgem_walk_init(&b, &split);
		KUNIT_EXPECT_EQ(test, dgem_walk_skip(&b, size - 1), 0);
		KUNIT_EXPECT_EQ(test, dgem_walk_skip(&b, 1), -EINVAL);

		split.last = SPLIT - 1;
		tables[end] = NULL;
		dgem_walk_init(&b, &split);
		KUNIT_EXPECT_EQ(test, dgem_walk_skip(&b, size - 1), 0);
		KUNIT_EXPECT_EQ(test, dgem_walk_skip(&b, 1), -EINVAL);
		tables[end] = make_table(test, &segs[end], 1);
	}
}

static void dgem_walk_skip_test(struct kunit *test)
{
	static const struct segment segs[] = {
		{ 0x1000, 0 }, { 0x1000, 0x1000 }, { 0x2000, 0x800 }, { 0x9000, 0 },
		{ 0x2800, 0x100 }, { 0x5000, 1 }, { 0x5002, 2 }, { 0x4000, 0x1000 }, { 0x7000, 0 },
	};
	static const struct {
		u64 offset;
		dma_addr_t addr;
		u64 run;
	} steps[] = {
		{ 0, 0x1000, 0x1900 }, { 0, 0x1000, 0x1900 }, { 1, 0x1001, 0x18ff },
		{ 0xfff, 0x1fff, 0x901 }, { 0x1000, 0x2000, 0x900 }, { 0x18ff, 0x28ff, 1 },
		{ 0x1900, 0x5000, 1 }, { 0x1901, 0x5002, 2 }, { 0x1903, 0x4000, 0x1000 },
		{ 0x2902, 0x4fff, 1 }, { 0x1902, 0x5003, 1 }, { 0, 0x1000, 0x1900 },
		{ 0x2902, 0x4fff, 1 },
	};
	const u64 size = 0x2903;
	struct sg_table *sgt;
	struct dgem_walk w;
	dma_addr_t addr;
	unsigned int i;
	u64 run;

	sgt = make_table(test, segs, ARRAY_SIZE(segs));
	KUNIT_ASSERT_EQ(test, table_size(sgt), size);
	dgem_walk_init(&w, &(struct dgem_tables){ .first = sgt });

	/* from one to the next, where that is forward */
	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		if (i && steps[i].offset >= steps[i - 1].offset)
			KUNIT_ASSERT_EQ(test, dgem_walk_skip(&w, steps[i].offset -
							     steps[i - 1].offset), 0);
		else
			KUNIT_ASSERT_EQ(test, walk_to(&w, sgt, steps[i].offset), 0);
		KUNIT_ASSERT_TRUE(test, dgem_walk_peek(&w, &addr, &run));
		KUNIT_EXPECT_EQ(test, addr, steps[i].addr);
		KUNIT_EXPECT_EQ(test, run, steps[i].run);
	}

	/* past the end, and there it stays */
	addr = 77;
	run = 78;
	KUNIT_EXPECT_EQ(test, dgem_walk_skip(&w, 1), -EINVAL);
	KUNIT_EXPECT_FALSE(test, dgem_walk_peek(&w, &addr, &run));
	KUNIT_EXPECT_EQ(test, dgem_walk_skip(&w, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, dgem_walk_skip(&w, U64_MAX), -EINVAL);
	KUNIT_EXPECT_FALSE(test, dgem_walk_peek(&w, &addr, &run));
	KUNIT_EXPECT_EQ(test, walk_to(&w, sgt, size), -EINVAL);
	KUNIT_EXPECT_FALSE(test, dgem_walk_peek(&w, &addr, &run));
	KUNIT_EXPECT_EQ(test, walk_to(&w, sgt, U64_MAX), -EINVAL);
	KUNIT_EXPECT_FALSE(test, dgem_walk_peek(&w, &addr, &run));
	KUNIT_EXPECT_EQ(test, addr, 77);
	KUNIT_EXPECT_EQ(test, run, 78);
	KUNIT_EXPECT_EQ(test, walk_to(&w, sgt, size - 1), 0);
	KUNIT_EXPECT_TRUE(test, dgem_walk_peek(&w, &addr, &run));
	KUNIT_EXPECT_EQ(test, addr, 0x4fff);
}

static void dgem_walk_random_test(struct kunit *test)
{
	struct rnd_state rnd;
	unsigned int round, i;

	prandom_seed_state(&rnd, 1);
	for (round = 0; round < 60; round++) {
		struct sg_table *sgt;
		struct dgem_walk w;
		u64 size, at = 0;

		sgt = random_table(test, &rnd, 40, 1);
		size = table_size(sgt);
		dgem_walk_init(&w, &(struct dgem_tables){ .first = sgt });

		for (i = 0; i < 40; i++) {
			u64 offset = prandom_u32_state(&rnd) % size, run;
			dma_addr_t addr;

			if (offset < at)
				KUNIT_ASSERT_EQ(test, walk_to(&w, sgt, offset), 0);
			else
				KUNIT_ASSERT_EQ(test, dgem_walk_skip(&w, offset - at), 0);
			at = offset;
			KUNIT_ASSERT_TRUE(test, dgem_walk_peek(&w, &addr, &run));
			KUNIT_ASSERT_TRUE(test, lies_at(sgt, offset, addr, run));
			/* no run is shorter than it could be */
			KUNIT_ASSERT_FALSE(test, lies_at(sgt, offset, addr, run + 1));
		}

		drop_table(test, sgt);
	}
}

/* One run of 9 GiB in 3 segments, then one of 1 GiB: no length may be taken in 32 bits. */
static void dgem_walk_5_gib_test(struct kunit *test)
{
	const dma_addr_t gib = SZ_1G, base = 8 * gib;
	const u64 last = 9ULL * SZ_1G;
	const struct segment segs[] = {
		{ base, 3U * SZ_1G }, { base + 3 * gib, 3U * SZ_1G },
		{ base + 6 * gib, 3U * SZ_1G }, { SZ_4K, SZ_1G },
	};
	struct sg_table *sgt;
	struct dgem_walk w;
	dma_addr_t addr;
	u64 run;

	if (sizeof(dma_addr_t) < sizeof(u64))
		kunit_skip(test, "no device address reaches that far here");

	sgt = make_table(test, segs, ARRAY_SIZE(segs));
	dgem_walk_init(&w, &(struct dgem_tables){ .first = sgt });
	KUNIT_ASSERT_TRUE(test, dgem_walk_peek(&w, &addr, &run));
	KUNIT_EXPECT_EQ(test, addr, base);
	KUNIT_EXPECT_EQ(test, run, last);

	KUNIT_ASSERT_EQ(test, walk_to(&w, sgt, 5ULL * SZ_1G - SZ_4K), 0);
	KUNIT_ASSERT_TRUE(test, dgem_walk_peek(&w, &addr, &run));
	KUNIT_EXPECT_EQ(test, addr, base + 5 * gib - SZ_4K);
	KUNIT_EXPECT_EQ(test, run, 4ULL * SZ_1G + SZ_4K);

	KUNIT_ASSERT_EQ(test, dgem_walk_skip(&w, 4ULL * SZ_1G + SZ_4K), 0);
	KUNIT_ASSERT_TRUE(test, dgem_walk_peek(&w, &addr, &run));
	KUNIT_EXPECT_EQ(test, addr, SZ_4K);
	KUNIT_EXPECT_EQ(test, run, SZ_1G);

	KUNIT_EXPECT_EQ(test, walk_to(&w, sgt, last + SZ_1G), -EINVAL);
	KUNIT_EXPECT_EQ(test, dgem_sgt_check(sgt, last + SZ_1G, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, dgem_sgt_check(sgt, last + SZ_1G + 1, SZ_4K), -EINVAL);
	KUNIT_EXPECT_EQ(test, dgem_sgt_check(sgt, last + 5ULL * SZ_1G, SZ_4K), -EINVAL);
}

/* A run ends where the addresses do, even if the next segment starts at address 0. */
static void dgem_walk_top_test(struct kunit *test)
{
	const struct segment segs[] = {
		{ (dma_addr_t)0 - SZ_4K, SZ_4K }, { 0, SZ_4K },
	};
	struct sg_table *sgt;
	struct dgem_walk w;
	dma_addr_t addr;
	u64 run;

	sgt = make_table(test, segs, ARRAY_SIZE(segs));
	dgem_walk_init(&w, &(struct dgem_tables){ .first = sgt });
	KUNIT_ASSERT_TRUE(test, dgem_walk_peek(&w, &addr, &run));
	KUNIT_EXPECT_EQ(test, run, SZ_4K);
	KUNIT_ASSERT_EQ(test, dgem_walk_skip(&w, SZ_4K), 0);
	KUNIT_ASSERT_TRUE(test, dgem_walk_peek(&w, &addr, &run));
	KUNIT_EXPECT_EQ(test, addr, 0);
}

static void dgem_sgt_check_test(struct kunit *test)
{
	static const struct segment segs[] = {
		{ 0x1000, 0x808 }, { 0x1808, 0x7f8 }, { 0, 0 }, { 0x8000, 0x804 }, { 0xc000, 0x10 },
	};
	static const struct segment odd = { 0x1004, 0x1000 };
	struct sg_table *sgt, *odd_sgt, *none;
	const struct segment empty = { 0x1000, 0 };

	sgt = make_table(test, segs, ARRAY_SIZE(segs));
	KUNIT_EXPECT_EQ(test, dgem_sgt_check(sgt, 1, 16), 0);
	KUNIT_EXPECT_EQ(test, dgem_sgt_check(sgt, 0x1000, 16), 0);
	/* the second run's odd end matters as soon as there is something behind it */
	KUNIT_EXPECT_EQ(test, dgem_sgt_check(sgt, 0x1804, 16), 0);
	KUNIT_EXPECT_EQ(test, dgem_sgt_check(sgt, 0x1805, 16), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, dgem_sgt_check(sgt, 0x1814, 16), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, dgem_sgt_check(sgt, 0x1814, 4), 0);
	KUNIT_EXPECT_EQ(test, dgem_sgt_check(sgt, 0x1815, 4), -EINVAL);
	KUNIT_EXPECT_EQ(test, dgem_sgt_check(sgt, 0x1815, 16), -EINVAL);
	KUNIT_EXPECT_EQ(test, dgem_sgt_check(sgt, U64_MAX, 1), -EINVAL);

	odd_sgt = make_table(test, &odd, 1);
	KUNIT_EXPECT_EQ(test, dgem_sgt_check(odd_sgt, 1, 4), 0);
	KUNIT_EXPECT_EQ(test, dgem_sgt_check(odd_sgt, 1, 8), -EOPNOTSUPP);

	none = make_table(test, &empty, 1);
	KUNIT_EXPECT_EQ(test, dgem_sgt_check(none, 1, 1), -EINVAL);
}

/* Where the byte after @done others lies in a rectangle, and in which byte of its row. */
static u64 rect_at(const struct dgem_rect *r, u64 done, u64 *column)
{
	u64 row = div64_u64_rem(done, r->width, column);

	return r->offset + row * r->pitch + *column;
}

/* Whether a piece ends at a boundary or crosses one. */
static bool ends_at(u64 addr, u32 len, u64 boundary)
{
	return ((addr + len) & boundary) == 0;
}

static bool crosses(u64 addr, u32 len, u64 boundary)
{
	return ((addr ^ (addr + len - 1)) & ~boundary) != 0;
}

/* Cuts a copy and holds every piece against the slow truth. */
static u64 check_pieces(struct kunit *test, const struct sg_table *src_sgt,
			const struct dgem_rect *src, const struct sg_table *dst_sgt,
			const struct dgem_rect *dst, const struct dgem_limits *limits)
{
	bool linear = src->pitch == src->width && dst->pitch == dst->width;
	u32 longest = max(limits->max_len & ~(limits->align - 1), limits->align);
	u64 total = src->width * src->height, done = 0, count = 0;
	struct dgem_piece piece, last = {};
	struct dgem_pieces p;

	dgem_pieces_init(&p, &(struct dgem_tables){ .first = src_sgt }, src,
			 &(struct dgem_tables){ .first = dst_sgt }, dst, limits);
	while (dgem_pieces_next(&p, &piece)) {
		u64 part, at, column;

		KUNIT_ASSERT_NE(test, piece.len, 0);
		KUNIT_ASSERT_LE(test, piece.len, longest);
		KUNIT_ASSERT_LE(test, done + piece.len, total);
		KUNIT_ASSERT_FALSE(test, crosses(piece.src, piece.len, limits->boundary));
		KUNIT_ASSERT_FALSE(test, crosses(piece.dst, piece.len, limits->boundary));

		/* nothing was cut without need */
		rect_at(src, done, &column);
		if (last.len && (linear || column) && last.src + last.len == piece.src &&
		    last.dst + last.len == piece.dst)
			KUNIT_ASSERT_TRUE(test, last.len == longest ||
					  ends_at(last.src, last.len, limits->boundary) ||
					  ends_at(last.dst, last.len, limits->boundary));

		for (at = 0; at < piece.len; at += part) {
			u64 from = rect_at(src, done + at, &column);
			u64 to = rect_at(dst, done + at, &column);

			part = min(piece.len - at, src->width - column);
			KUNIT_ASSERT_TRUE(test, lies_at(src_sgt, from, piece.src + at, part));
			KUNIT_ASSERT_TRUE(test, lies_at(dst_sgt, to, piece.dst + at, part));
		}

		KUNIT_ASSERT_EQ(test, dgem_pieces_done(&p), done + piece.len == total);
		done += piece.len;
		last = piece;
		count++;
	}

	KUNIT_ASSERT_EQ(test, done, total);
	KUNIT_ASSERT_TRUE(test, dgem_pieces_done(&p));
	KUNIT_ASSERT_FALSE(test, dgem_pieces_next(&p, &piece));
	return count;
}

/* A rectangle somewhere in a table, as large as @like unless that is NULL. */
static bool random_rect(struct rnd_state *rnd, struct dgem_rect *r, u64 size, u32 unit,
			const struct dgem_rect *like)
{
	u64 units = div_u64(size, unit);

	r->width = like ? like->width : unit * (1 + prandom_u32_state(rnd) % min(units, 64ULL));
	r->height = like ? like->height : 1 + prandom_u32_state(rnd) % 6;
	r->pitch = r->width + unit * (prandom_u32_state(rnd) % 2) * (prandom_u32_state(rnd) % 9);
	r->offset = unit * (prandom_u32_state(rnd) % units);
	return !dgem_rect_check(r, size);
}

static void random_pieces(struct kunit *test, u64 seed, unsigned int rounds, unsigned int segs,
			  u32 unit, u64 max_boundary)
{
	unsigned int round, checked = 0;
	struct rnd_state rnd;

	prandom_seed_state(&rnd, seed);
	for (round = 0; round < rounds; round++) {
		struct sg_table *src_sgt, *dst_sgt;
		struct dgem_rect src, dst;
		struct dgem_limits limits;
		unsigned int tries;

		src_sgt = random_table(test, &rnd, segs, unit);
		dst_sgt = random_table(test, &rnd, segs, unit);

		for (tries = 0; tries < 6; tries++) {
			if (!random_rect(&rnd, &src, table_size(src_sgt), unit, NULL) ||
			    !random_rect(&rnd, &dst, table_size(dst_sgt), unit, &src))
				continue;

			limits.align = 1U << (prandom_u32_state(&rnd) % 3);
			limits.max_len = unit * (1 + prandom_u32_state(&rnd) % 39) + tries;
			limits.boundary = tries & 1 ? max_boundary : U64_MAX;
			check_pieces(test, src_sgt, &src, dst_sgt, &dst, &limits);
			checked++;
		}

		drop_table(test, src_sgt);
		drop_table(test, dst_sgt);
	}

	/* most of the rectangles are out of range: enough of them must not have been */
	KUNIT_EXPECT_GT(test, checked, rounds / 2);
}

static void dgem_pieces_random_test(struct kunit *test)
{
	random_pieces(test, 2, 120, 40, 4, 63);
}

static void dgem_pieces_random_bytes_test(struct kunit *test)
{
	random_pieces(test, 3, 60, 60, 1, 15);
}

/* up to 40 segments of 15 * 64 MiB */
static void dgem_pieces_random_gib_test(struct kunit *test)
{
	if (sizeof(dma_addr_t) < sizeof(u64))
		kunit_skip(test, "no device address reaches that far here");

	random_pieces(test, 4, 40, 40, SZ_64M, U32_MAX);
}

struct pieces_case {
	const char *desc;
	struct dgem_rect src;
	struct dgem_rect dst;
	struct dgem_limits limits;	/* max_len, align, boundary */
	u64 count;
};

/* From one run at 0x10000 to two segments that follow each other and one that does not. */
static const struct pieces_case pieces_cases[] = {
	{ "a byte", { 0, 1, 1, 1 }, { 0, 1, 1, 1 }, { SZ_64K, 1, U64_MAX }, 1 },
	{ "one run of two segments", { 0, 0x2000, 0x2000, 1 }, { 0, 0x2000, 0x2000, 1 },
	  { SZ_64K, 1, U64_MAX }, 1 },
	{ "two runs", { 0, 0x3000, 0x3000, 1 }, { 0, 0x3000, 0x3000, 1 },
	  { SZ_64K, 1, U64_MAX }, 2 },
	{ "just the longest", { 0, 0x1000, 0x1000, 1 }, { 0, 0x1000, 0x1000, 1 },
	  { 0x1000, 1, U64_MAX }, 1 },
	{ "longer by one", { 0, 0x1001, 0x1001, 1 }, { 0, 0x1001, 0x1001, 1 },
	  { 0x1000, 1, U64_MAX }, 2 },
	{ "longest is no multiple", { 0, 0x100, 0x100, 1 }, { 0, 0x100, 0x100, 1 },
	  { 0x4f, 16, U64_MAX }, 4 },
	{ "rows", { 0, 16, 32, 5 }, { 0, 16, 64, 5 }, { SZ_64K, 1, U64_MAX }, 5 },
	{ "rows, gaps on one side", { 0, 16, 16, 5 }, { 0, 16, 64, 5 }, { SZ_64K, 1, U64_MAX }, 5 },
	{ "rows without gaps", { 0, 16, 16, 5 }, { 0, 16, 16, 5 }, { SZ_64K, 1, U64_MAX }, 1 },
	{ "row over the end of a run", { 0, 0x1000, 0x1800, 2 }, { 0x1000, 0x1000, 0x1800, 2 },
	  { SZ_64K, 1, U64_MAX }, 2 },
	{ "row within two runs", { 0, 0x20, 0x1000, 2 }, { 0xff0, 0x20, 0x1000, 2 },
	  { SZ_64K, 1, U64_MAX }, 3 },
	{ "boundary of the source", { 0x1f80, 0x100, 0x100, 1 }, { 0, 0x100, 0x100, 1 },
	  { SZ_64K, 1, 0xfff }, 2 },
	{ "boundary of the destination", { 0, 0x100, 0x100, 1 }, { 0xfff, 0x100, 0x100, 1 },
	  { SZ_64K, 1, 0xfff }, 2 },
	{ "boundaries of both", { 0xf80, 0x100, 0x100, 1 }, { 0xfc0, 0x100, 0x100, 1 },
	  { SZ_64K, 1, 0xfff }, 3 },
};

KUNIT_ARRAY_PARAM_DESC(pieces, pieces_cases, desc);

static void dgem_pieces_test(struct kunit *test)
{
	static const struct segment src_segs[] = { { 0x10000, 0x8000 } };
	static const struct segment dst_segs[] = {
		{ 0x1000, 0x1000 }, { 0x2000, 0x1000 }, { 0x8000, 0x2000 },
	};
	const struct pieces_case *c = test->param_value;
	struct sg_table *src_sgt, *dst_sgt;

	src_sgt = make_table(test, src_segs, ARRAY_SIZE(src_segs));
	dst_sgt = make_table(test, dst_segs, ARRAY_SIZE(dst_segs));
	KUNIT_EXPECT_EQ(test, check_pieces(test, src_sgt, &c->src, dst_sgt, &c->dst, &c->limits),
			c->count);
}

/* A table that is shorter than its object says: the copy stops, and tells that it is not done. */
static void dgem_pieces_short_test(struct kunit *test)
{
	static const struct segment long_segs[] = { { 0x10000, 0x8000 } };
	static const struct segment short_segs[] = { { 0x40000, 0x1000 }, { 0x50000, 0x800 } };
	const struct dgem_limits limits = { SZ_64K, 1, U64_MAX };
	const struct dgem_rect linear = { 0, 0x1801, 0x1801, 1 };
	const struct dgem_rect rows = { 0, 0x10, 0x1000, 3 };
	const struct dgem_rect beyond = { 0x1800, 0x10, 0x10, 1 };
	const struct dgem_rect *rects[] = { &linear, &rows, &beyond };
	static const u32 given[] = { 0x1800, 0x20, 0 };
	struct sg_table *long_sgt, *short_sgt;
	struct dgem_pieces p;
	struct dgem_piece piece;
	unsigned int i, side;

	long_sgt = make_table(test, long_segs, ARRAY_SIZE(long_segs));
	short_sgt = make_table(test, short_segs, ARRAY_SIZE(short_segs));

	for (i = 0; i < ARRAY_SIZE(rects); i++) {
		for (side = 0; side < 2; side++) {
			u64 done = 0;

			dgem_pieces_init(&p, &(struct dgem_tables){
						 .first = side ? long_sgt : short_sgt }, rects[i],
					 &(struct dgem_tables){
						 .first = side ? short_sgt : long_sgt }, rects[i],
					 &limits);
			while (done <= SZ_64K && dgem_pieces_next(&p, &piece))
				done += piece.len;

			KUNIT_EXPECT_EQ(test, done, given[i]);
			KUNIT_EXPECT_FALSE(test, dgem_pieces_done(&p));
			KUNIT_EXPECT_FALSE(test, dgem_pieces_next(&p, &piece));
			KUNIT_EXPECT_FALSE(test, dgem_pieces_done(&p));
		}
	}
}

/* A copy of the cursor goes on where it was taken. */
static void dgem_pieces_resume_test(struct kunit *test)
{
	static const struct segment segs[] = { { 0x10000, 0x1000 }, { 0x20000, 0x1000 } };
	const struct dgem_rect r = { 0x80, 0x100, 0x180, 20 };
	const struct dgem_limits limits = { 0x40, 1, U64_MAX };
	struct dgem_piece want, piece;
	struct dgem_pieces p, copy;
	unsigned int count = 0;
	struct sg_table *sgt;
	bool more;

	sgt = make_table(test, segs, ARRAY_SIZE(segs));
	dgem_pieces_init(&p, &(struct dgem_tables){ .first = sgt }, &r,
			 &(struct dgem_tables){ .first = sgt }, &r, &limits);
	do {
		copy = p;
		more = dgem_pieces_next(&p, &want);
		KUNIT_ASSERT_EQ(test, dgem_pieces_next(&copy, &piece), more);
		if (!more)
			break;
		KUNIT_ASSERT_EQ(test, piece.src, want.src);
		KUNIT_ASSERT_EQ(test, piece.dst, want.dst);
		KUNIT_ASSERT_EQ(test, piece.len, want.len);
	} while (++count < 1000);

	/* 20 rows of 4, and the one across the segments is cut at a multiple of 0x40 anyway */
	KUNIT_EXPECT_EQ(test, count, 80);
}

static struct kunit_case dgem_pieces_tests[] = {
	KUNIT_CASE(dgem_walk_skip_test),
	KUNIT_CASE(dgem_walk_tables_test),
	KUNIT_CASE(dgem_walk_random_test),
	KUNIT_CASE(dgem_walk_5_gib_test),
	KUNIT_CASE(dgem_walk_top_test),
	KUNIT_CASE(dgem_sgt_check_test),
	KUNIT_CASE_PARAM(dgem_pieces_test, pieces_gen_params),
	KUNIT_CASE(dgem_pieces_random_test),
	KUNIT_CASE(dgem_pieces_random_bytes_test),
	KUNIT_CASE(dgem_pieces_random_gib_test),
	KUNIT_CASE(dgem_pieces_short_test),
	KUNIT_CASE(dgem_pieces_resume_test),
	{}
};

static struct kunit_suite dgem_pieces_suite = {
	.name = "dgem_pieces",
	.test_cases = dgem_pieces_tests,
};

kunit_test_suite(dgem_pieces_suite);
