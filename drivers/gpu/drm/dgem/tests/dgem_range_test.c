// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sizes.h>

#include <kunit/test.h>

#include "../compat/dgem_compat.h"
#include "../dgem_range.h"

#define PAGE	((u64)PAGE_SIZE)
#define TWO31	BIT_ULL(31)
#define TWO32	BIT_ULL(32)
#define TWO63	BIT_ULL(63)

struct range_case {
	const char *desc;
	u64 offset;
	u64 length;
	u64 size;
	int ret;
};

static const struct range_case range_cases[] = {
	{ "one byte of one", 0, 1, 1, 0 },
	{ "empty at start", 0, 0, 1, -EINVAL },
	{ "empty at end", PAGE, 0, PAGE, -EINVAL },
	{ "empty object", 0, 1, 0, -EINVAL },
	{ "all of a page", 0, PAGE, PAGE, 0 },
	{ "one byte more than a page", 0, PAGE + 1, PAGE, -EINVAL },
	{ "last byte", PAGE - 1, 1, PAGE, 0 },
	{ "first byte past the end", PAGE, 1, PAGE, -EINVAL },
	{ "last byte and the next", PAGE - 1, 2, PAGE, -EINVAL },
	{ "around 2^31", TWO31 - 1, 2, TWO31 + 1, 0 },
	{ "past 2^31", TWO31 - 1, 2, TWO31, -EINVAL },
	{ "around 2^32", TWO32 - 1, 2, TWO32 + 1, 0 },
	{ "past 2^32", TWO32 - 1, 2, TWO32, -EINVAL },
	{ "length that is 0 in 32 bits", 0, TWO32, PAGE, -EINVAL },
	{ "offset that is 0 in 32 bits", TWO32, 1, PAGE, -EINVAL },
	{ "sum that is 0 in 32 bits", TWO32 - PAGE, PAGE, PAGE, -EINVAL },
	{ "5 GiB", PAGE, 5ULL * SZ_1G - PAGE, 5ULL * SZ_1G, 0 },
	{ "5 GiB and a byte", PAGE, 5ULL * SZ_1G - PAGE + 1, 5ULL * SZ_1G, -EINVAL },
	{ "halves of 2^64", TWO63, TWO63, U64_MAX, -EINVAL },
	{ "up to 2^63", 0, TWO63, TWO63, 0 },
	{ "wraps to 0", U64_MAX, 1, U64_MAX, -EINVAL },
	{ "wraps to 1", U64_MAX, 2, PAGE, -EINVAL },
	{ "wraps to the end", PAGE, U64_MAX, PAGE, -EINVAL },
	{ "wraps inside", U64_MAX - PAGE + 1, PAGE + 8, PAGE, -EINVAL },
	{ "all that 64 bits hold", 0, U64_MAX, U64_MAX, 0 },
	{ "last byte of 64 bits", U64_MAX - 1, 1, U64_MAX, 0 },
};

KUNIT_ARRAY_PARAM_DESC(range, range_cases, desc);

static void dgem_range_check_test(struct kunit *test)
{
	const struct range_case *c = test->param_value;

	KUNIT_EXPECT_EQ(test, dgem_range_check(c->offset, c->length, c->size), c->ret);
}

struct size_case {
	const char *desc;
	u64 size;
	u64 max;
	u64 rounded;	/* 0: refused */
};

static const struct size_case size_cases[] = {
	{ "zero", 0, U64_MAX, 0 },
	{ "one", 1, U64_MAX, PAGE },
	{ "a page less one", PAGE - 1, PAGE, PAGE },
	{ "a page", PAGE, PAGE, PAGE },
	{ "a page and one", PAGE + 1, 2 * PAGE, 2 * PAGE },
	{ "above the limit by one", PAGE + 1, PAGE, 0 },
	{ "odd limit", PAGE + 1, PAGE + 1, 2 * PAGE },
	{ "nothing allowed", 1, 0, 0 },
	{ "2^31", TWO31, U64_MAX, TWO31 },
	{ "2^31 and one", TWO31 + 1, U64_MAX, TWO31 + PAGE },
	{ "2^32 less one", TWO32 - 1, U64_MAX, TWO32 },
	{ "2^32", TWO32, U64_MAX, TWO32 },
	{ "2^32 and one", TWO32 + 1, U64_MAX, TWO32 + PAGE },
	{ "2^32 above the limit", TWO32 + 1, TWO32, 0 },
	{ "2^63", TWO63, U64_MAX, TWO63 },
	{ "2^63 and one", TWO63 + 1, U64_MAX, TWO63 + PAGE },
	{ "last size that rounds", U64_MAX - PAGE + 1, U64_MAX, U64_MAX - PAGE + 1 },
	{ "first size that wraps", U64_MAX - PAGE + 2, U64_MAX, 0 },
	{ "2^64 less one", U64_MAX, U64_MAX, 0 },
};

KUNIT_ARRAY_PARAM_DESC(size, size_cases, desc);

static void dgem_size_round_test(struct kunit *test)
{
	const struct size_case *c = test->param_value;
	bool good = c->rounded && c->rounded <= SIZE_MAX;
	size_t rounded = 42;

	KUNIT_EXPECT_EQ(test, dgem_size_round(c->size, c->max, &rounded), good ? 0 : -EINVAL);
	KUNIT_EXPECT_EQ(test, (u64)rounded, good ? c->rounded : 42);
}

struct rect_case {
	const char *desc;
	struct dgem_rect r;	/* offset, width, pitch, height */
	u64 end;		/* 0: refused whatever the object */
};

static const struct rect_case rect_cases[] = {
	{ "one byte", { 0, 1, 1, 1 }, 1 },
	{ "no width", { 0, 0, 1, 1 }, 0 },
	{ "no height", { 0, 1, 1, 0 }, 0 },
	{ "nothing at all", { 0, 0, 0, 0 }, 0 },
	{ "linear page", { PAGE, PAGE, PAGE, 1 }, 2 * PAGE },
	{ "no gap after the last row", { 0, 3, 8, 2 }, 11 },
	{ "rows without gaps", { 5, 4, 4, 3 }, 17 },
	{ "overlapping rows", { 0, 8, 7, 2 }, 0 },
	{ "short pitch of one row", { 0, 8, 7, 1 }, 0 },
	{ "pitch 0", { 0, 8, 0, 2 }, 0 },
	{ "1280x720 in 1920x1080", { 1383680, 5120, 7680, 720 },
	  1383680 + 719 * 7680 + 5120 },
	{ "most rows", { 0, 1, 1, U32_MAX }, U32_MAX },
	{ "most rows, 2^32 apart", { 0, 1, TWO32, U32_MAX }, (TWO32 - 2) * TWO32 + 1 },
	{ "rows past 2^64", { 0, 1, TWO32 + 3, U32_MAX }, 0 },
	{ "pitch 2^63, two rows", { 0, 1, TWO63, 2 }, TWO63 + 1 },
	{ "pitch 2^63, three rows", { 0, 1, TWO63, 3 }, 0 },
	{ "pitch 2^64 less one", { 0, 1, U64_MAX, 2 }, 0 },
	{ "height that wraps the pitch", { 0, 16, TWO32, 1 }, 16 },
	{ "last row wraps to 0", { 0, TWO63, TWO63, 2 }, 0 },
	{ "last row wraps to 16", { 0, TWO63 + 8, TWO63 + 8, 2 }, 0 },
	{ "offset wraps", { U64_MAX, 1, 1, 1 }, 0 },
	{ "offset wraps by the rows", { U64_MAX - 9, 4, 8, 2 }, 0 },
	{ "all that 64 bits hold", { 0, U64_MAX, U64_MAX, 1 }, U64_MAX },
};

KUNIT_ARRAY_PARAM_DESC(rect, rect_cases, desc);

static void dgem_rect_check_test(struct kunit *test)
{
	const struct rect_case *c = test->param_value;

	if (!c->end) {
		KUNIT_EXPECT_EQ(test, dgem_rect_check(&c->r, U64_MAX), -EINVAL);
		return;
	}

	KUNIT_EXPECT_EQ(test, dgem_rect_check(&c->r, U64_MAX), 0);
	KUNIT_EXPECT_EQ(test, dgem_rect_check(&c->r, c->end), 0);
	KUNIT_EXPECT_EQ(test, dgem_rect_check(&c->r, c->end - 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, dgem_rect_check(&c->r, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, dgem_rect_end(&c->r), c->end);
}

struct pair_case {
	const char *desc;
	struct dgem_rect a;
	struct dgem_rect b;
	bool overlap;
};

static const struct pair_case pair_cases[] = {
	{ "side by side", { 0, 8, 8, 1 }, { 8, 8, 8, 1 }, false },
	{ "one byte common", { 0, 9, 9, 1 }, { 8, 8, 8, 1 }, true },
	{ "same", { 4, 4, 4, 1 }, { 4, 4, 4, 1 }, true },
	{ "inside", { 0, 64, 64, 1 }, { 8, 8, 8, 1 }, true },
	{ "interleaved columns", { 0, 4, 8, 4 }, { 4, 4, 8, 4 }, true },
	{ "begins in the last row", { 0, 4, 16, 3 }, { 35, 1, 1, 1 }, true },
	{ "begins behind the last row", { 0, 4, 16, 3 }, { 36, 1, 1, 1 }, false },
	{ "2^32 apart", { 0, PAGE, PAGE, 1 }, { TWO32, PAGE, PAGE, 1 }, false },
	{ "common only above 2^32", { 0, TWO32 + 1, TWO32 + 1, 1 }, { TWO32, 1, 1, 1 }, true },
	{ "ends of 64 bits", { 0, 1, 1, 1 }, { U64_MAX - 1, 1, 1, 1 }, false },
};

KUNIT_ARRAY_PARAM_DESC(pair, pair_cases, desc);

static void dgem_rects_overlap_test(struct kunit *test)
{
	const struct pair_case *c = test->param_value;

	KUNIT_EXPECT_EQ(test, dgem_rects_overlap(&c->a, &c->b), c->overlap);
	KUNIT_EXPECT_EQ(test, dgem_rects_overlap(&c->b, &c->a), c->overlap);
}

static void dgem_rect_aligned_test(struct kunit *test)
{
	const struct dgem_rect good = { 16, 32, 48, 2 };
	struct dgem_rect r = { 1, 3, 5, 7 };

	KUNIT_EXPECT_TRUE(test, dgem_rect_aligned(&r, 1));
	KUNIT_EXPECT_TRUE(test, dgem_rect_aligned(&good, 16));
	KUNIT_EXPECT_FALSE(test, dgem_rect_aligned(&good, 32));

	r = good;
	r.offset = 8;
	KUNIT_EXPECT_FALSE(test, dgem_rect_aligned(&r, 16));
	r = good;
	r.width = 33;
	KUNIT_EXPECT_FALSE(test, dgem_rect_aligned(&r, 16));
	r = good;
	r.pitch = 56;
	KUNIT_EXPECT_FALSE(test, dgem_rect_aligned(&r, 16));
	r = good;
	r.height = 3;
	KUNIT_EXPECT_TRUE(test, dgem_rect_aligned(&r, 16));

	/* high bits count and a high alignment does too */
	r = (struct dgem_rect) { TWO63, TWO32, TWO32, 1 };
	KUNIT_EXPECT_TRUE(test, dgem_rect_aligned(&r, 1U << 31));
	r.offset += TWO31 / 2;
	KUNIT_EXPECT_FALSE(test, dgem_rect_aligned(&r, 1U << 31));
}

struct collapse_case {
	const char *desc;
	struct dgem_rect a;
	struct dgem_rect b;
	u64 width;		/* of the one row, 0: must not change */
};

static const struct collapse_case collapse_cases[] = {
	{ "both without gaps", { 7, 8, 8, 5 }, { 9, 8, 8, 5 }, 40 },
	{ "gaps on one side", { 7, 8, 8, 5 }, { 9, 8, 9, 5 }, 0 },
	{ "gaps on the other", { 7, 8, 9, 5 }, { 9, 8, 8, 5 }, 0 },
	{ "gaps on both", { 7, 8, 16, 2 }, { 9, 8, 16, 2 }, 0 },
	{ "one row", { 7, 8, 8, 1 }, { 9, 8, 8, 1 }, 8 },
	{ "one row, any pitch", { 7, 8, 99, 1 }, { 9, 8, 77, 1 }, 8 },
	{ "above 2^32", { 0, TWO31, TWO31, 6 }, { 0, TWO31, TWO31, 6 }, 6 * TWO31 },
};

KUNIT_ARRAY_PARAM_DESC(collapse, collapse_cases, desc);

static void dgem_rects_collapse_test(struct kunit *test)
{
	const struct collapse_case *c = test->param_value;
	struct dgem_rect a = c->a, b = c->b;

	dgem_rects_collapse(&a, &b);
	KUNIT_EXPECT_EQ(test, a.offset, c->a.offset);
	KUNIT_EXPECT_EQ(test, b.offset, c->b.offset);
	KUNIT_EXPECT_EQ(test, a.width, c->width ?: c->a.width);
	KUNIT_EXPECT_EQ(test, b.width, c->width ?: c->b.width);
	KUNIT_EXPECT_EQ(test, a.pitch, c->width ?: c->a.pitch);
	KUNIT_EXPECT_EQ(test, b.pitch, c->width ?: c->b.pitch);
	KUNIT_EXPECT_EQ(test, a.height, c->width ? 1 : c->a.height);
	KUNIT_EXPECT_EQ(test, b.height, c->width ? 1 : c->b.height);
}

struct span_case {
	const char *desc;
	u64 addr;
	u64 size;
	u32 max_seg;
	unsigned long boundary;
	unsigned int count;
	u32 first;
};

static const struct span_case span_cases[] = {
	{ "nothing", 0, 0, SZ_64K, ~0UL, 0, 0 },
	{ "one byte", 0, 1, SZ_64K, ~0UL, 1, 1 },
	{ "just one segment", 0, SZ_64K, SZ_64K, ~0UL, 1, SZ_64K },
	{ "one byte more", 0, SZ_64K + 1, SZ_64K, ~0UL, 2, SZ_64K },
	{ "maximum is cut to pages", 0, 3 * PAGE, 2 * PAGE - 1, ~0UL, 3, PAGE_SIZE },
	{ "maximum below a page", 0, 2 * PAGE, 512, ~0UL, 2, PAGE_SIZE },
	{ "maximum of zero", 0, 2 * PAGE, 0, ~0UL, 2, PAGE_SIZE },
	{ "largest maximum", 0, 2 * TWO32, U32_MAX, ~0UL, 3, U32_MAX & PAGE_MASK },
	{ "up to the boundary", SZ_1M, SZ_1M, SZ_2M, SZ_1M - 1, 1, SZ_1M },
	{ "across the boundary", SZ_1M - PAGE, 2 * PAGE, SZ_2M, SZ_1M - 1, 2, PAGE_SIZE },
	{ "windows of the boundary", PAGE, 3 * SZ_1M, SZ_2M, SZ_1M - 1, 4, SZ_1M - PAGE_SIZE },
	{ "boundary of a page", 0, 4 * PAGE, SZ_1M, PAGE_SIZE - 1, 4, PAGE_SIZE },
	{ "boundary below a page", 0, 16 * 512, SZ_1M, 511, 16, 512 },
	{ "boundary of a byte", 5, 7, SZ_1M, 0, 7, 1 },
	{ "maximum does not divide the boundary", 0, 4 * PAGE, 3 * PAGE, 4 * PAGE - 1, 2,
	  3 * PAGE_SIZE },
	{ "5 GiB in 64 KiB", 0, 5ULL * SZ_1G, SZ_64K, U32_MAX, 81920, SZ_64K },
	{ "5 GiB, 4 GiB boundary", TWO32 - SZ_1G, 5ULL * SZ_1G, U32_MAX, U32_MAX, 3, SZ_1G },
	{ "8 GiB in 2 GiB", TWO32, 2 * TWO32, SZ_2G, U32_MAX, 4, SZ_2G },
	{ "top of 64 bits", U64_MAX - PAGE + 1, PAGE, SZ_64K, ~0UL, 1, PAGE_SIZE },
	{ "wraps", U64_MAX - PAGE + 1, PAGE + 1, SZ_64K, ~0UL, 0, PAGE_SIZE },
	{ "wraps, small boundary", U64_MAX - PAGE + 1, PAGE + 1, SZ_64K, SZ_1M - 1, 0, PAGE_SIZE },
	{ "too many for an int", 0, TWO63, PAGE_SIZE, ~0UL, 0, PAGE_SIZE },
	{ "too many for an int by one", 0, TWO63 + PAGE, PAGE_SIZE, SZ_1M - 1, 0, PAGE_SIZE },
};

KUNIT_ARRAY_PARAM_DESC(span, span_cases, desc);

static void dgem_span_segments_test(struct kunit *test)
{
	const struct span_case *c = test->param_value;
	u64 addr = c->addr, left = c->size;
	unsigned int count = 0;

	/* only the device of a 64 bit machine can do without a boundary at 4 GiB */
	if (BITS_PER_LONG == 32 && c->boundary == ~0UL && c->addr + c->size > TWO32)
		kunit_skip(test, "a boundary is 32 bits wide here");

	KUNIT_EXPECT_EQ(test, dgem_span_segments(addr, left, c->max_seg, c->boundary), c->count);
	KUNIT_EXPECT_EQ(test, dgem_span_next(addr, left, c->max_seg, c->boundary), c->first);
	if (!c->count)
		return;

	while (left) {
		u32 len = dgem_span_next(addr, left, c->max_seg, c->boundary);

		KUNIT_ASSERT_NE(test, len, 0);
		KUNIT_ASSERT_LE(test, (u64)len, left);
		KUNIT_ASSERT_LE(test, (u64)len, max_t(u64, c->max_seg, PAGE_SIZE));
		KUNIT_ASSERT_EQ(test, (addr ^ (addr + len - 1)) & ~(u64)c->boundary, 0);
		addr += len;
		left -= len;
		count++;
	}
	KUNIT_EXPECT_EQ(test, count, c->count);
}

static struct kunit_case dgem_range_tests[] = {
	KUNIT_CASE_PARAM(dgem_range_check_test, range_gen_params),
	KUNIT_CASE_PARAM(dgem_size_round_test, size_gen_params),
	KUNIT_CASE_PARAM(dgem_rect_check_test, rect_gen_params),
	KUNIT_CASE_PARAM(dgem_rects_overlap_test, pair_gen_params),
	KUNIT_CASE(dgem_rect_aligned_test),
	KUNIT_CASE_PARAM(dgem_rects_collapse_test, collapse_gen_params),
	KUNIT_CASE_PARAM(dgem_span_segments_test, span_gen_params),
	{}
};

static struct kunit_suite dgem_range_suite = {
	.name = "dgem_range",
	.test_cases = dgem_range_tests,
};

kunit_test_suite(dgem_range_suite);

MODULE_AUTHOR("The dgem authors");
MODULE_DESCRIPTION("KUnit tests of dgem");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
