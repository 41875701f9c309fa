// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <sys/mman.h>

#include "igt.h"

#include "dgem_util.h"

/**
 * TEST: dgem fill
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: command submission
 * Description: The engine fills what it was told to fill, and nothing else.
 *
 * SUBTEST: sizes-%s
 * Description: Patterns of every size fill objects of all kinds of memory.
 *
 * arg[1].values: contiguous, coherent, wc, pages, lazy, vmalloc, direct-pages, direct-vmalloc,
 *		   reserved, user, import
 *
 * SUBTEST: ranges
 * Description: Any range works that patterns fit into: single ones, across pages, the last one.
 *
 * SUBTEST: large
 * Description: A fill of many transfers is complete, without a seam.
 *
 * SUBTEST: rows
 * Description: Rows of any shape and pitch are filled; the gaps between them stay.
 *
 * SUBTEST: many-patterns
 * Description: A job of many fills does not mix up their patterns, and copies see them in order.
 *
 * SUBTEST: stats
 * Description: The bytes filled are counted as moved by the engine.
 *
 * SUBTEST: bad-%s
 * Description: Fills that make no sense are refused, and nothing changes.
 *
 * arg[1]:
 *
 * @pattern-size: patterns of a size that does not exist
 * @pattern-bits: bits beyond the pattern's size
 * @fit: offsets, widths and pitches that patterns do not fit into
 * @range: ranges outside of the object
 * @source: a fill that has a source
 * @rows: a linear fill with rows, or rows without height, or that overlap
 * @copy: a copy that has a pattern
 * @pad: bits that are not used yet
 * @handle: an object that does not exist
 */

IGT_TEST_DESCRIPTION("The engine fills what it was told to fill, and nothing else.");

#define PAGES	6
#define SIZE	(PAGES * DGEM_PAGE)
#define SEED	9

/* An object and what the test expects to find in it */
struct target {
	int fd;
	uint32_t handle;
	uint64_t size;
	uint8_t *expect;
};

static void target_init(struct target *target, int fd, const struct dgem_kind *kind, uint64_t size)
{
	target->fd = fd;
	target->size = size;
	target->handle = dgem_create_filled(fd, kind, size, SEED);
	target->expect = malloc(size);
	igt_assert(target->expect);
	dgem_fill(target->expect, 0, size, SEED);
}

/* One pattern after the other, each stored as the CPU stores an integer of its size. */
static void expect_row(uint8_t *row, uint64_t width, uint64_t pattern, uint32_t size)
{
	for (uint64_t i = 0; i < width; i += size) {
		switch (size) {
		case 1:
			row[i] = pattern;
			break;
		case 2:
			*(uint16_t *)(row + i) = pattern;
			break;
		case 4:
			*(uint32_t *)(row + i) = pattern;
			break;
		default:
			*(uint64_t *)(row + i) = pattern;
		}
	}
}

static void expect(struct target *target, const struct drm_dgem_op *op)
{
	uint32_t rows = op->op == DRM_DGEM_OP_FILL_2D ? op->height : 1;

	for (uint32_t row = 0; row < rows; row++)
		expect_row(target->expect + op->dst_offset + row * op->dst_pitch, op->width,
			   op->pattern, op->pattern_size);
}

static void target_check(struct target *target)
{
	uint32_t seen = dgem_stage(target->fd, target->handle, target->size);
	uint8_t *ptr = dgem_mmap(target->fd, seen, target->size);

	dgem_sync_start(target->fd, seen, DRM_DGEM_SYNC_READ, target->size);
	for (uint64_t i = 0; i < target->size; i++)
		igt_assert_f(ptr[i] == target->expect[i], "byte %#llx is %#x, not %#x\n",
			     (unsigned long long)i, ptr[i], target->expect[i]);
	dgem_sync_end(target->fd, seen, DRM_DGEM_SYNC_READ, target->size);
	munmap(ptr, target->size);
	if (seen != target->handle)
		gem_close(target->fd, seen);
}

static void target_run(struct target *target, const struct drm_dgem_op *ops, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		expect(target, &ops[i]);
	dgem_run(target->fd, ops, count);
}

static void target_fini(struct target *target)
{
	target_check(target);
	gem_close(target->fd, target->handle);
	free(target->expect);
}

/* Every byte differs from its neighbours, whatever the size. */
static uint64_t some_pattern(uint32_t size, uint32_t number)
{
	uint64_t pattern = 0xf1e2d3c4b5a69788ull + number * 0x0101010101010101ull;

	return size < 8 ? pattern & ((1ull << (8 * size)) - 1) : pattern;
}

/* The smallest pattern that the engine's alignment allows for. */
static uint32_t unit(int fd)
{
	struct drm_dgem_query_engine engine;

	dgem_query_engine(fd, &engine);
	igt_require_f(engine.ops & (1ull << DRM_DGEM_OP_FILL), "the engine fills nothing\n");
	igt_require_f(engine.copy_align <= 8, "the engine's alignment is %u bytes\n",
		      engine.copy_align);
	return engine.copy_align;
}

static void test_sizes(int fd, const struct dgem_kind *kind)
{
	uint32_t u = unit(fd);
	struct target target;

	target_init(&target, fd, kind, SIZE);
	for (uint32_t size = 1; size <= 8; size *= 2) {
		uint64_t at = size * DGEM_PAGE / 2, unit = size > u ? size : u;
		struct drm_dgem_op op = dgem_op_fill(target.handle, at + 8, 100 * unit,
						     some_pattern(size, 0), size);

		target_run(&target, &op, 1);
	}
	target_check(&target);
	if (kind == &dgem_kinds[0]) {
		struct drm_dgem_op op = dgem_op_fill(target.handle, 0, SIZE,
						     some_pattern(8, 1), 8);

		target_run(&target, &op, 1);
	}
	target_fini(&target);
}

static void test_ranges(int fd)
{
	const uint64_t u = unit(fd);
	const struct {
		uint64_t offset, width;
	} ranges[] = {
		{ 0, u }, { 3 * u, u }, { SIZE - u, u }, { DGEM_PAGE - u, 2 * u },
		{ DGEM_PAGE - 3 * u, 8 * u }, { 13 * u, 4088 }, { 11 * u, 4096 },
		{ 2 * DGEM_PAGE + 5 * u, 4096 + u },
	};
	struct target target;

	target_init(&target, fd, &dgem_kinds[0], SIZE);
	for (int i = 0; i < ARRAY_SIZE(ranges); i++) {
		struct drm_dgem_op op = dgem_op_fill(target.handle, ranges[i].offset,
						     ranges[i].width, some_pattern(u, i), u);

		target_run(&target, &op, 1);
		target_check(&target);
	}
	target_fini(&target);
}

static void test_large(int fd)
{
	struct drm_dgem_op ops[2];
	struct target target;

	unit(fd);
	target_init(&target, fd, &dgem_kinds[1], 20 * DGEM_PAGE);
	ops[0] = dgem_op_fill(target.handle, 8, 18 * DGEM_PAGE + 40, some_pattern(8, 3), 8);
	ops[1] = dgem_op_fill(target.handle, DGEM_PAGE / 2, 3 * DGEM_PAGE + 24,
			      some_pattern(8, 4), 8);
	target_run(&target, ops, ARRAY_SIZE(ops));
	target_fini(&target);
}

static void test_rows(int fd)
{
	const uint64_t u = unit(fd);
	const struct {
		uint64_t dst, pitch, width;
		uint32_t height, size;
	} rects[] = {
		{ 0, 64 * u, 64 * u, 16, u },		/* one range, in truth */
		{ 16, 96, 24, 7, 8 },
		{ 8 * u, 99 * u, 33 * u, 7, u },	/* the pattern starts anew with each row */
		{ DGEM_PAGE - 24, 80, 56, 4, 8 },
		{ u, DGEM_PAGE - u, 77 * u, 3, u },
		{ 8, 1000, 800, 1, 8 },
		{ SIZE - 512 - 32, 512, 32, 2, 4 },	/* the last row ends with the object */
	};
	struct target target;

	target_init(&target, fd, &dgem_kinds[0], SIZE);
	for (int i = 0; i < ARRAY_SIZE(rects); i++) {
		uint32_t size = rects[i].size;
		struct drm_dgem_op op = dgem_op_fill(target.handle, rects[i].dst, rects[i].width,
						     some_pattern(size, i), size);

		op.op = DRM_DGEM_OP_FILL_2D;
		op.height = rects[i].height;
		op.dst_pitch = rects[i].pitch;
		target_run(&target, &op, 1);
		target_check(&target);
	}
	target_fini(&target);
}

static void test_many_patterns(int fd)
{
	struct drm_dgem_op ops[48];
	struct target target;

	unit(fd);
	target_init(&target, fd, &dgem_kinds[0], SIZE);
	for (int i = 0; i < ARRAY_SIZE(ops); i++) {
		ops[i] = dgem_op_fill(target.handle, i * 64, 64, some_pattern(8, i % 20), 8);
		expect(&target, &ops[i]);
		/* every third copies what the one before it filled */
		if (i % 3 == 2) {
			ops[i] = dgem_op_copy(target.handle, (i - 1) * 64, target.handle,
					      DGEM_PAGE + i * 64, 64);
			dgem_fill(target.expect + i * 64, i * 64, 64, SEED);
			memcpy(target.expect + DGEM_PAGE + i * 64,
			       target.expect + (i - 1) * 64, 64);
		}
	}
	dgem_run(fd, ops, ARRAY_SIZE(ops));
	target_fini(&target);
}

static void test_stats(int fd)
{
	struct drm_dgem_query_engine engine;
	struct drm_dgem_query_stats before, now;
	struct drm_dgem_op op;
	struct target target;

	unit(fd);
	dgem_query_engine(fd, &engine);
	target_init(&target, fd, &dgem_kinds[0], SIZE);
	op = dgem_op_fill(target.handle, 8, 5000, some_pattern(8, 0), 8);
	dgem_query_stats(fd, &before);
	target_run(&target, &op, 1);
	dgem_query_stats(fd, &now);
	if (engine.type == DRM_DGEM_ENGINE_DMA) {
		igt_assert_eq_u64(now.bytes_dma, before.bytes_dma + 5000);
		igt_assert_eq_u64(now.bytes_cpu, before.bytes_cpu);
	} else {
		igt_assert_eq_u64(now.bytes_cpu, before.bytes_cpu + 5000);
		igt_assert_eq_u64(now.bytes_dma, before.bytes_dma);
	}
	target_fini(&target);
}

/* Bad fills: each function refuses variants of a good one on this object. */
static void op_err(int fd, struct drm_dgem_op op, int err)
{
	struct drm_dgem_submit submit;

	dgem_submit_init(&submit, &op, 1);
	igt_assert_eq(__dgem_submit(fd, &submit), -err);
}

static void bad_pattern_size(int fd, struct drm_dgem_op op)
{
	static const uint32_t bad[] = { 0, 3, 5, 6, 7, 9, 16, 256, 0x80000000, UINT32_MAX };

	op.pattern = 0;
	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		op.pattern_size = bad[i];
		op_err(fd, op, EINVAL);
	}
}

static void bad_pattern_bits(int fd, struct drm_dgem_op op)
{
	for (uint32_t size = 1; size < 8; size *= 2) {
		op.pattern_size = size;
		op.pattern = 1ull << (8 * size);
		op_err(fd, op, EINVAL);
		op.pattern = 1ull << 63;
		op_err(fd, op, EINVAL);
	}
}

static void bad_fit(int fd, struct drm_dgem_op good)
{
	for (uint32_t size = 2; size <= 8; size *= 2) {
		for (uint32_t off = size / 2; off; off /= 2) {
			struct drm_dgem_op op = good;

			op.pattern = 0;
			op.pattern_size = size;
			op.dst_offset += off;
			op_err(fd, op, EINVAL);
			op.dst_offset -= off;
			op.width += off;
			op_err(fd, op, EINVAL);
			op.width -= off;
			op.op = DRM_DGEM_OP_FILL_2D;
			op.height = 2;
			op.dst_pitch = op.width + off;
			op_err(fd, op, EINVAL);
		}
	}
}

static void bad_range(int fd, struct drm_dgem_op op)
{
	const struct {
		uint64_t offset, width;
	} bad[] = {
		{ 0, 0 }, { SIZE, 8 }, { SIZE - 8, 16 }, { 0, SIZE + 8 }, { 8, SIZE },
		{ -8ull, 8 }, { -8ull, 16 }, { 1ull << 63, 8 }, { 0, 1ull << 63 }, { 64, -64ull },
	};

	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		op.dst_offset = bad[i].offset;
		op.width = bad[i].width;
		op_err(fd, op, EINVAL);
	}
}

static void bad_source(int fd, struct drm_dgem_op good)
{
	struct drm_dgem_op op = good;

	op.src = op.dst;
	op_err(fd, op, EINVAL);
	op = good;
	op.src_offset = 8;
	op_err(fd, op, EINVAL);
	op = good;
	op.op = DRM_DGEM_OP_FILL_2D;
	op.height = 1;
	op.dst_pitch = op.width;
	op.src_pitch = op.width;
	op_err(fd, op, EINVAL);
}

static void bad_rows(int fd, struct drm_dgem_op good)
{
	struct drm_dgem_op op = good;

	op.height = 1;
	op_err(fd, op, EINVAL);
	op = good;
	op.dst_pitch = op.width;
	op_err(fd, op, EINVAL);
	op = good;
	op.op = DRM_DGEM_OP_FILL_2D;
	op.dst_pitch = op.width;
	op_err(fd, op, EINVAL);
	op.height = 2;
	op.dst_pitch = op.width - 8;
	op_err(fd, op, EINVAL);
	op.dst_pitch = 1ull << 63;
	op_err(fd, op, EINVAL);
	op.height = 3;
	op_err(fd, op, EINVAL);
}

static void bad_copy(int fd, struct drm_dgem_op good)
{
	for (int i = 0; i < 4; i++) {
		struct drm_dgem_op op = i & 1 ?
			dgem_op_copy(good.dst, 0, good.dst, DGEM_PAGE, 64) :
			dgem_op_copy_2d(good.dst, 0, 64, good.dst, DGEM_PAGE, 64, 64, 2);

		if (i & 2)
			op.pattern = 1;
		else
			op.pattern_size = 1;
		op_err(fd, op, EINVAL);
	}
}

static void bad_pad(int fd, struct drm_dgem_op good)
{
	for (int bit = 0; bit < 32; bit++) {
		struct drm_dgem_op op = good;

		op.pad2 = 1u << bit;
		op_err(fd, op, EINVAL);
		op = good;
		op.flags = 1u << bit;
		op_err(fd, op, EINVAL);
	}
}

static void bad_handle(int fd, struct drm_dgem_op op)
{
	op.dst = 0xdead;
	op_err(fd, op, ENOENT);
	op.dst = 0;
	op_err(fd, op, ENOENT);
}

static const struct {
	const char *name;
	void (*test)(int fd, struct drm_dgem_op op);
} bad_tests[] = {
	{ "pattern-size", bad_pattern_size },
	{ "pattern-bits", bad_pattern_bits },
	{ "fit", bad_fit },
	{ "range", bad_range },
	{ "source", bad_source },
	{ "rows", bad_rows },
	{ "copy", bad_copy },
	{ "pad", bad_pad },
	{ "handle", bad_handle },
};

static const struct dgem_kind_test kind_tests[] = {
	{ "sizes", "Patterns of every size fill objects.", test_sizes },
};

static const struct dgem_test tests[] = {
	{ "ranges", "Any range works that patterns fit into.", test_ranges },
	{ "large", "A fill of many transfers is complete.", test_large },
	{ "rows", "Rows are filled, gaps stay.", test_rows },
	{ "many-patterns", "Many fills do not mix up their patterns.", test_many_patterns },
	{ "stats", "The bytes filled are counted.", test_stats },
};

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = dgem_open();

	dgem_kind_subtests(fd, kind_tests, ARRAY_SIZE(kind_tests),
			   DRM_DGEM_CAP_WRITE | DGEM_AND_FOREIGN);
	dgem_subtests(fd, tests, ARRAY_SIZE(tests));

	for (int i = 0; i < ARRAY_SIZE(bad_tests); i++) {
		igt_describe("Refused with the exact error, and nothing changes.");
		igt_subtest_f("bad-%s", bad_tests[i].name) {
			struct drm_dgem_query_stats stats, now;
			struct dgem_snapshot before;
			uint32_t handle;

			unit(fd);
			dgem_snapshot(fd, &before);
			dgem_query_stats(fd, &stats);
			handle = dgem_create_filled(fd, &dgem_kinds[0], SIZE, SEED);
			bad_tests[i].test(fd, dgem_op_fill(handle, 0, 64, 1, 8));
			dgem_query_stats(fd, &now);
			igt_assert_eq_u64(now.jobs, stats.jobs);
			dgem_check_object(fd, handle, SIZE, SEED);
			gem_close(fd, handle);
			dgem_assert_unchanged(fd, &before);
		}
	}

	igt_fixture()
		close(fd);
}
