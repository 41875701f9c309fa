// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/bitmap.h>
#include <linux/dma-mapping.h>
#include <linux/mm.h>

#include <kunit/test.h>

#include "../compat/dgem_compat.h"
#include "../dgem_chunk.h"
#include "../dgem_holes.h"

#define PAGES	40

/* The slow truth: a bit for every page that is gone. */
struct model {
	DECLARE_BITMAP(gone, PAGES);
	struct dgem_holes holes;
};

static void punch(struct kunit *test, struct model *model, u64 first, u64 count)
{
	KUNIT_ASSERT_EQ(test, dgem_holes_punch(&model->holes, first, count), 0);
	bitmap_set(model->gone, first, count);
}

/* Every range of the model tells its first hole, and all holes come up one after the other. */
static void check_all(struct kunit *test, struct model *model)
{
	u64 first, count, hole, pages, page;

	for (first = 0; first < PAGES; first++) {
		for (count = 1; count <= PAGES - first; count++) {
			u64 end = first + count, want = find_next_bit(model->gone, end, first);

			hole = 77;
			pages = 77;
			KUNIT_ASSERT_EQ(test, dgem_holes_find(&model->holes, first, count, &hole,
							      &pages), want < end);
			if (want >= end) {
				KUNIT_ASSERT_EQ(test, hole, 77);
				KUNIT_ASSERT_EQ(test, pages, 77);
				continue;
			}
			KUNIT_ASSERT_EQ(test, hole, want);
			KUNIT_ASSERT_GE(test, pages, 1);
			KUNIT_ASSERT_LE(test, hole + pages, end);
			for (page = hole; page < hole + pages; page++)
				KUNIT_ASSERT_TRUE(test, test_bit(page, model->gone));
		}
	}
}

static void dgem_holes_every_range(struct kunit *test)
{
	static const struct {
		u8 first, count;
	} holes[] = {
		{ 5, 1 }, { 6, 1 }, { 20, 4 }, { 0, 1 }, { PAGES - 1, 1 }, { 22, 5 }, { 19, 1 },
		{ 4, 9 }, { 20, 4 }, { 0, PAGES },
	};
	struct model model = {};
	int i;

	dgem_holes_init(&model.holes);
	check_all(test, &model);
	for (i = 0; i < ARRAY_SIZE(holes); i++) {
		punch(test, &model, holes[i].first, holes[i].count);
		check_all(test, &model);
	}
	dgem_holes_fini(&model.holes);
}

static void dgem_holes_beyond_32_bits(struct kunit *test)
{
	const u64 far = (1ULL << 40) >> PAGE_SHIFT;
	struct dgem_holes holes;
	u64 hole, pages;

	dgem_holes_init(&holes);
	KUNIT_ASSERT_EQ(test, dgem_holes_punch(&holes, far - 1, 1), 0);
	KUNIT_EXPECT_FALSE(test, dgem_holes_find(&holes, 0, far - 1, &hole, &pages));
	KUNIT_ASSERT_TRUE(test, dgem_holes_find(&holes, 0, far, &hole, &pages));
	KUNIT_EXPECT_EQ(test, hole, far - 1);
	KUNIT_EXPECT_EQ(test, pages, 1);

	KUNIT_ASSERT_EQ(test, dgem_holes_punch(&holes, 0, far), 0);
	KUNIT_ASSERT_TRUE(test, dgem_holes_find(&holes, far / 2, 1, &hole, &pages));
	KUNIT_EXPECT_EQ(test, hole, far / 2);
	KUNIT_EXPECT_EQ(test, pages, 1);
	dgem_holes_fini(&holes);
}

/* A block without any range of pages: what is left is each page once, and none that went. */
static void dgem_block_without_every_range(struct kunit *test)
{
	const struct dgem_block block = {
		.page = pfn_to_page(1 << 10), .dma = 0x1234000, .first = 8, .count = 8,
	};
	unsigned int first, end, i, count, page, seen;
	struct dgem_block rest[2];

	for (first = 0; first < 24; first++) {
		for (end = first + 1; end <= 24; end++) {
			bool apart = end <= 8 || first >= 16;

			count = dgem_block_rest(&block, first, end, rest);
			KUNIT_ASSERT_LE(test, count, 2);
			if (apart) {
				KUNIT_ASSERT_EQ(test, count, 1);
				KUNIT_ASSERT_EQ(test, rest[0].dma, block.dma);
				KUNIT_ASSERT_EQ(test, rest[0].count, block.count);
				KUNIT_ASSERT_FALSE(test, rest[0].single);
				continue;
			}
			for (page = 8; page < 16; page++) {
				seen = 0;
				for (i = 0; i < count; i++) {
					unsigned int at = page - rest[i].first;

					if (page < rest[i].first || at >= rest[i].count)
						continue;
					seen++;
					KUNIT_ASSERT_PTR_EQ(test, rest[i].page + at,
							    block.page + (page - 8));
				}
				KUNIT_ASSERT_EQ(test, seen, page < first || page >= end);
			}
			for (i = 0; i < count; i++) {
				KUNIT_ASSERT_TRUE(test, rest[i].single);
				KUNIT_ASSERT_NE(test, rest[i].count, 0);
				KUNIT_ASSERT_EQ(test, rest[i].dma, DMA_MAPPING_ERROR);
			}
		}
	}
}

static struct kunit_case dgem_holes_cases[] = {
	KUNIT_CASE(dgem_holes_every_range),
	KUNIT_CASE(dgem_holes_beyond_32_bits),
	KUNIT_CASE(dgem_block_without_every_range),
	{}
};

static struct kunit_suite dgem_holes_suite = {
	.name = "dgem_holes",
	.test_cases = dgem_holes_cases,
};

kunit_test_suite(dgem_holes_suite);
