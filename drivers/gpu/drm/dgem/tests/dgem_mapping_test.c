// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/errno.h>
#include <linux/mm.h>

#include <kunit/test.h>

#include "../compat/dgem_compat.h"
#include "../dgem_gem.h"
#include "../dgem_mapping.h"
#include "../dgem_mem.h"

#define PAGES	8

/* an object whose pages are in blocks, all of which follow each other, or none */
static struct layout {
	struct dgem_object obj;
	u64 block;
	bool apart;
	/* page that is missing, or PAGES */
	u64 hole;
} layout;

static unsigned long layout_pfn(struct dgem_object *obj, u64 page, u64 *run)
{
	u64 in_block = page % layout.block;

	*run = page == layout.hole ? 0 : layout.block - in_block;
	if (page < layout.hole && page + *run > layout.hole)
		*run = layout.hole - page;
	return *run ? 100 + page + (layout.apart ? 10 * (page / layout.block) : 0) : 0;
}

static const struct dgem_mem_ops layout_ops = { .pfn = layout_pfn };

/* Walks over the object, as all who build tables do, and counts the pages up to the first error. */
static int walk(struct kunit *test, u64 first, u64 *pages, unsigned int *steps)
{
	u64 page, pfn, count;
	int ret;

	*pages = 0;
	*steps = 0;
	for (page = first; page < PAGES; page += count) {
		ret = dgem_mapping_run(&layout.obj, page, PAGES - page, &pfn, &count);
		if (ret)
			return ret;
		KUNIT_ASSERT_GT(test, count, 0);
		KUNIT_ASSERT_LE(test, page + count, PAGES);
		KUNIT_EXPECT_EQ(test, pfn, layout_pfn(&layout.obj, page, &(u64){ 0 }));
		*pages += count;
		KUNIT_ASSERT_LE(test, ++*steps, PAGES);
	}
	return 0;
}

static void dgem_mapping_walk_test(struct kunit *test)
{
	unsigned int steps;
	u64 pages;

	layout.obj.ops = &layout_ops;
	layout.hole = PAGES;
	for (layout.block = 1; layout.block <= PAGES; layout.block *= 2) {
		layout.apart = false;
		KUNIT_EXPECT_EQ(test, walk(test, 0, &pages, &steps), 0);
		KUNIT_EXPECT_EQ(test, pages, PAGES);
		KUNIT_EXPECT_EQ(test, steps, 1);
		layout.apart = true;
		KUNIT_EXPECT_EQ(test, walk(test, 0, &pages, &steps), 0);
		KUNIT_EXPECT_EQ(test, pages, PAGES);
		KUNIT_EXPECT_EQ(test, steps, PAGES / layout.block);
	}
}

/* Whatever is missing ends a walk with an error, which has seen all that comes before. */
static void dgem_mapping_hole_test(struct kunit *test)
{
	unsigned int steps;
	u64 pages, first;

	layout.obj.ops = &layout_ops;
	for (layout.block = 1; layout.block <= PAGES; layout.block *= 2) {
		for (layout.hole = 0; layout.hole < PAGES; layout.hole++) {
			for (first = 0; first < PAGES; first++) {
				bool met = layout.hole >= first;

				layout.apart = first & 1;
				KUNIT_EXPECT_EQ(test, walk(test, first, &pages, &steps),
						met ? -ENXIO : 0);
				KUNIT_EXPECT_EQ(test, pages,
						(met ? layout.hole : PAGES) - first);
			}
		}
	}
}

/* A part of a run is all that was asked for. */
static void dgem_mapping_part_test(struct kunit *test)
{
	u64 pfn, count;

	layout.obj.ops = &layout_ops;
	layout.block = PAGES;
	layout.hole = PAGES;
	layout.apart = false;
	KUNIT_EXPECT_EQ(test, dgem_mapping_run(&layout.obj, 2, 3, &pfn, &count), 0);
	KUNIT_EXPECT_EQ(test, pfn, 102);
	KUNIT_EXPECT_EQ(test, count, 3);
}

static struct kunit_case dgem_mapping_cases[] = {
	KUNIT_CASE(dgem_mapping_walk_test),
	KUNIT_CASE(dgem_mapping_hole_test),
	KUNIT_CASE(dgem_mapping_part_test),
	{ }
};

static struct kunit_suite dgem_mapping_suite = {
	.name = "dgem_mapping",
	.test_cases = dgem_mapping_cases,
};

kunit_test_suite(dgem_mapping_suite);
