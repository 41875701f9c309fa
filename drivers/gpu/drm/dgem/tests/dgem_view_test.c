// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/bits.h>
#include <linux/limits.h>
#include <linux/mm.h>

#include <kunit/test.h>

#include "../compat/dgem_compat.h"
#include "../dgem_range.h"

/* an address by the number of its page */
#define AT(page)	((unsigned long)(page) << PAGE_SHIFT)

/* The slow truth about an address: walk through the area page by page. */
static bool shows(const struct dgem_view *v, unsigned long addr, u64 *page)
{
	unsigned long at;
	u64 nr = v->pgoff;

	for (at = v->start; at != v->end; at += PAGE_SIZE, nr++) {
		if ((at ^ addr) & PAGE_MASK)
			continue;
		*page = nr;
		return nr < v->pages;
	}

	return false;
}

typedef void (*view_check)(struct kunit *test, const struct dgem_view *v, unsigned long addr);

/* Calls a check for every small area, object and address. */
static void every_view(struct kunit *test, view_check check)
{
	unsigned int start, len, page;
	struct dgem_view v;

	for (start = 8; start < 12; start++) {
		for (len = 1; len < 9; len++) {
			v.start = AT(start);
			v.end = AT(start + len);
			for (v.pgoff = 0; v.pgoff < 6; v.pgoff++) {
				for (v.pages = 1; v.pages < 10; v.pages += 2) {
					for (page = 7; page < 21; page++)
						check(test, &v, AT(page) + page * 8);
				}
			}
		}
	}
}

static void check_page(struct kunit *test, const struct dgem_view *v, unsigned long addr)
{
	u64 want = 77, page = 77;
	bool ret = shows(v, addr, &want);

	KUNIT_ASSERT_EQ(test, dgem_view_page(v, addr, &page), ret);
	KUNIT_ASSERT_EQ(test, page, ret ? want : 77);
}

static void dgem_view_page_every_test(struct kunit *test)
{
	every_view(test, check_page);
}

struct view_case {
	const char *desc;
	struct dgem_view v;	/* start, end, pgoff, pages */
	unsigned long addr;
	bool ret;
	u64 page;
};

static const struct view_case view_cases[] = {
	{ "first page", { AT(16), AT(20), 0, 4 }, AT(16), true, 0 },
	{ "before the area", { AT(16), AT(20), 0, 4 }, AT(16) - 1, false, 0 },
	{ "last byte of the last page", { AT(16), AT(20), 0, 4 }, AT(20) - 1, true, 3 },
	{ "behind the area", { AT(16), AT(20), 0, 8 }, AT(20), false, 0 },
	{ "last page of the object, area grown", { AT(16), AT(32), 0, 4 }, AT(19), true, 3 },
	{ "first page past the object, area grown", { AT(16), AT(32), 0, 4 }, AT(20), false, 0 },
	{ "second page past the object", { AT(16), AT(32), 0, 4 }, AT(21), false, 0 },
	{ "head unmapped", { AT(18), AT(20), 2, 4 }, AT(18), true, 2 },
	{ "head unmapped, last page", { AT(18), AT(20), 2, 4 }, AT(19), true, 3 },
	{ "head unmapped, area grown", { AT(18), AT(22), 2, 4 }, AT(20), false, 0 },
	{ "moved behind the object", { AT(16), AT(20), 4, 4 }, AT(16), false, 0 },
	{ "page number wraps", { AT(16), AT(20), U64_MAX, 4 }, AT(17), false, 0 },
	{ "largest page number", { AT(16), AT(20), U64_MAX - 1, U64_MAX }, AT(16), true,
	  U64_MAX - 1 },
	{ "page above 2^32", { AT(16), AT(20), BIT_ULL(32), BIT_ULL(32) + 2 }, AT(17), true,
	  BIT_ULL(32) + 1 },
	{ "past 2^32", { AT(16), AT(20), BIT_ULL(32), BIT_ULL(32) + 2 }, AT(18), false, 0 },
	{ "top of the address space", { 0UL - AT(4), 0UL - AT(1), 0, 3 }, 0UL - AT(1) - 1, true,
	  2 },
};

KUNIT_ARRAY_PARAM_DESC(view, view_cases, desc);

static void dgem_view_page_test(struct kunit *test)
{
	const struct view_case *c = test->param_value;
	u64 page = 77;

	KUNIT_EXPECT_EQ(test, dgem_view_page(&c->v, c->addr, &page), c->ret);
	KUNIT_EXPECT_EQ(test, page, c->ret ? c->page : 77);
}

static void check_batch(struct kunit *test, const struct dgem_view *v, unsigned long addr)
{
	unsigned int pages, i;

	for (pages = 1; pages <= 8; pages *= 2) {
		unsigned long window = addr & ~(AT(pages) - 1);
		struct dgem_batch batch = { 1, 2, 3 };
		struct dgem_batch want = { 1, 2, 3 };
		u64 page;

		if (shows(v, addr, &page)) {
			want.count = 0;
			for (i = 0; i < pages; i++) {
				if (!shows(v, window + AT(i), &page))
					continue;
				if (!want.count++) {
					want.addr = window + AT(i);
					want.page = page;
				}
			}
		}

		KUNIT_ASSERT_EQ(test, dgem_view_batch(v, addr, pages, &batch),
				shows(v, addr, &page));
		KUNIT_ASSERT_EQ(test, batch.addr, want.addr);
		KUNIT_ASSERT_EQ(test, batch.page, want.page);
		KUNIT_ASSERT_EQ(test, batch.count, want.count);
	}
}

static void dgem_view_batch_test(struct kunit *test)
{
	every_view(test, check_batch);
}

static void dgem_view_batch_ends_test(struct kunit *test)
{
	const struct dgem_view top = { 0UL - AT(20), 0UL - AT(1), 0, 19 };
	const struct dgem_view big = { AT(16), AT(48), BIT_ULL(32), BIT_ULL(32) + 24 };
	struct dgem_batch batch;

	KUNIT_ASSERT_TRUE(test, dgem_view_batch(&top, 0UL - AT(2), 16, &batch));
	KUNIT_EXPECT_EQ(test, batch.addr, 0UL - AT(16));
	KUNIT_EXPECT_EQ(test, batch.page, 4);
	KUNIT_EXPECT_EQ(test, batch.count, 15);

	KUNIT_ASSERT_TRUE(test, dgem_view_batch(&big, AT(35), 16, &batch));
	KUNIT_EXPECT_EQ(test, batch.addr, AT(32));
	KUNIT_EXPECT_EQ(test, batch.page, BIT_ULL(32) + 16);
	KUNIT_EXPECT_EQ(test, batch.count, 8);
	KUNIT_EXPECT_FALSE(test, dgem_view_batch(&big, AT(40), 16, &batch));
}

static const struct grow_case {
	const char *desc;
	/* pages of the table's batch, the one asked for, and what is mapped beside it */
	unsigned int count, asked, before, after;
	/* what is to come in */
	unsigned int first, pages;
} grow_cases[] = {
	{ "alone", 512, 100, 0, 0, 100, 1 },
	{ "alone, first", 512, 0, 0, 0, 0, 1 },
	{ "alone, last", 512, 511, 0, 0, 511, 1 },
	{ "second", 512, 1, 1, 0, 1, 8 },
	{ "tenth", 512, 9, 9, 0, 9, 72 },
	{ "up to the end", 512, 511, 511, 0, 511, 1 },
	{ "over the end", 512, 300, 300, 0, 300, 212 },
	{ "whole", 512, 0, 512, 0, 0, 512 },
	{ "backwards", 512, 510, 0, 1, 503, 8 },
	{ "backwards over the start", 512, 3, 0, 400, 0, 4 },
	{ "between two", 512, 10, 2, 5, 10, 16 },
	{ "short table", 3, 1, 1, 0, 1, 2 },
};

KUNIT_ARRAY_PARAM_DESC(grow, grow_cases, desc);

static void dgem_batch_grow_test(struct kunit *test)
{
	const struct grow_case *c = test->param_value;
	struct dgem_batch batch = { AT(1024), 7, c->count };

	dgem_batch_grow(&batch, c->asked, c->before, c->after);
	KUNIT_EXPECT_EQ(test, batch.addr, AT(1024 + c->first));
	KUNIT_EXPECT_EQ(test, batch.page, 7 + c->first);
	KUNIT_EXPECT_EQ(test, batch.count, c->pages);
}

static struct kunit_case dgem_view_tests[] = {
	KUNIT_CASE(dgem_view_page_every_test),
	KUNIT_CASE_PARAM(dgem_view_page_test, view_gen_params),
	KUNIT_CASE(dgem_view_batch_test),
	KUNIT_CASE(dgem_view_batch_ends_test),
	KUNIT_CASE_PARAM(dgem_batch_grow_test, grow_gen_params),
	{}
};

static struct kunit_suite dgem_view_suite = {
	.name = "dgem_view",
	.test_cases = dgem_view_tests,
};

kunit_test_suite(dgem_view_suite);
