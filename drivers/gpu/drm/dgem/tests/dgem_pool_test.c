// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/io.h>
#include <linux/mm.h>
#include <linux/string.h>

#include <kunit/test.h>

#include "../compat/dgem_compat.h"
#include "../dgem_pool.h"

#define BLOCKS	3

/* A pool of so many blocks as tests have to spare; the machine may have fewer. */
static void make_pool(struct kunit *test, struct dgem_pool *pool)
{
	unsigned int count;

	dgem_pool_setup(pool);
	KUNIT_EXPECT_FALSE(test, dgem_pool_fill(pool));
	dgem_pool_resize(pool, BLOCKS);
	for (count = 0; count < BLOCKS; count++) {
		KUNIT_ASSERT_EQ(test, pool->count, count);
		if (!dgem_pool_fill(pool)) {
			dgem_pool_resize(pool, 0);
			kunit_skip(test, "no memory to spare");
		}
	}
}

static u64 last_byte(struct page *page)
{
	return page_to_phys(page) + DGEM_POOL_BLOCK - 1;
}

static void dgem_pool_fill_test(struct kunit *test)
{
	struct page *pages[BLOCKS];
	struct dgem_pool pool;
	unsigned int i;

	make_pool(test, &pool);
	KUNIT_EXPECT_FALSE(test, dgem_pool_fill(&pool));
	KUNIT_EXPECT_EQ(test, pool.count, BLOCKS);
	KUNIT_EXPECT_EQ(test, pool.hits, 0);

	for (i = 0; i < BLOCKS; i++) {
		pages[i] = dgem_pool_take(&pool, U64_MAX);
		KUNIT_ASSERT_NOT_NULL(test, pages[i]);
		KUNIT_EXPECT_EQ(test, pool.count, BLOCKS - i - 1);
		KUNIT_EXPECT_EQ(test, pool.hits, i + 1);
		KUNIT_EXPECT_NULL(test, memchr_inv(page_address(pages[i]), 0, DGEM_POOL_BLOCK));
		KUNIT_EXPECT_FALSE(test, PageCompound(pages[i]));
		memset(page_address(pages[i]), 0xa5, DGEM_POOL_BLOCK);
	}
	KUNIT_EXPECT_EQ(test, pool.misses, 0);
	KUNIT_EXPECT_NULL(test, dgem_pool_take(&pool, U64_MAX));
	KUNIT_EXPECT_EQ(test, pool.misses, 1);

	/* what comes next may be the memory that was just filled */
	for (i = 0; i < BLOCKS; i++)
		__free_pages(pages[i], DGEM_POOL_ORDER);
	while (dgem_pool_fill(&pool))
		;
	while ((pages[0] = dgem_pool_take(&pool, U64_MAX))) {
		KUNIT_EXPECT_NULL(test, memchr_inv(page_address(pages[0]), 0, DGEM_POOL_BLOCK));
		__free_pages(pages[0], DGEM_POOL_ORDER);
	}
	dgem_pool_resize(&pool, 0);
}

static void dgem_pool_mask_test(struct kunit *test)
{
	struct page *page, *lowest = NULL;
	struct dgem_pool pool;

	make_pool(test, &pool);
	list_for_each_entry(page, &pool.blocks, lru)
		if (!lowest || page_to_phys(page) < page_to_phys(lowest))
			lowest = page;

	/* out of reach by a byte, and just within reach, whichever place it has in the list */
	KUNIT_EXPECT_NULL(test, dgem_pool_take(&pool, last_byte(lowest) - 1));
	KUNIT_EXPECT_NULL(test, dgem_pool_take(&pool, 0));
	KUNIT_EXPECT_EQ(test, pool.misses, 2);
	KUNIT_EXPECT_EQ(test, pool.count, BLOCKS);
	page = dgem_pool_take(&pool, last_byte(lowest));
	KUNIT_EXPECT_PTR_EQ(test, page, lowest);
	KUNIT_EXPECT_EQ(test, pool.count, BLOCKS - 1);
	if (page)
		__free_pages(page, DGEM_POOL_ORDER);
	dgem_pool_resize(&pool, 0);
}

static void dgem_pool_drop_test(struct kunit *test)
{
	struct dgem_pool pool;

	make_pool(test, &pool);
	KUNIT_EXPECT_EQ(test, dgem_pool_drop(&pool, 0), 0);
	KUNIT_EXPECT_EQ(test, dgem_pool_drop(&pool, 1), 1);
	KUNIT_EXPECT_EQ(test, pool.count, BLOCKS - 1);
	KUNIT_EXPECT_EQ(test, dgem_pool_drop(&pool, UINT_MAX), BLOCKS - 1);
	KUNIT_EXPECT_EQ(test, pool.count, 0);
	KUNIT_EXPECT_EQ(test, dgem_pool_drop(&pool, 1), 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&pool.blocks));
	KUNIT_EXPECT_EQ(test, pool.limit, BLOCKS);
}

static void dgem_pool_resize_test(struct kunit *test)
{
	struct dgem_pool pool;

	make_pool(test, &pool);
	dgem_pool_resize(&pool, BLOCKS + 1);
	KUNIT_EXPECT_EQ(test, pool.count, BLOCKS);
	dgem_pool_resize(&pool, 1);
	KUNIT_EXPECT_EQ(test, pool.count, 1);
	KUNIT_EXPECT_FALSE(test, dgem_pool_fill(&pool));
	dgem_pool_resize(&pool, 0);
	KUNIT_EXPECT_EQ(test, pool.count, 0);
	KUNIT_EXPECT_FALSE(test, dgem_pool_fill(&pool));

	/* a pool that is off misses nothing */
	KUNIT_EXPECT_NULL(test, dgem_pool_take(&pool, U64_MAX));
	KUNIT_EXPECT_EQ(test, pool.misses, 0);
}

static struct kunit_case dgem_pool_cases[] = {
	KUNIT_CASE(dgem_pool_fill_test),
	KUNIT_CASE(dgem_pool_mask_test),
	KUNIT_CASE(dgem_pool_drop_test),
	KUNIT_CASE(dgem_pool_resize_test),
	{}
};

static struct kunit_suite dgem_pool_suite = {
	.name = "dgem_pool",
	.test_cases = dgem_pool_cases,
};

kunit_test_suite(dgem_pool_suite);
