// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <sys/mman.h>

#include "igt.h"
#include "igt_syncobj.h"

#include "dgem_util.h"

/**
 * TEST: dgem submit
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: command submission
 * Description: The engine moves the bytes that it was told to move, and no others.
 *
 * SUBTEST: copy-%s-to-%s
 * Description: Whole objects and parts of them are copied between all kinds of memory.
 *
 * arg[1].values: contiguous, coherent, wc, pages, lazy, vmalloc, direct-pages, direct-vmalloc,
 *		   reserved, user, import
 * arg[2].values: contiguous, coherent, wc, pages, lazy, vmalloc, direct-pages, direct-vmalloc,
 *		   reserved, user, import
 *
 * SUBTEST: copy-ranges
 * Description: Any offset and length works: single bytes, across pages, up to the last byte.
 *
 * SUBTEST: copy-sizes
 * Description: Lengths around the powers of two are copied to the last byte.
 *
 * SUBTEST: copy-large
 * Description: A copy of many transfers is complete.
 *
 * SUBTEST: copy-2d
 * Description: Rectangles of any shape and pitch land where they belong.
 *
 * SUBTEST: copy-2d-rotating
 * Description: Rows of changing pitches are gathered and spread.
 *
 * SUBTEST: same-object
 * Description: Source and destination may lie side by side in one object.
 *
 * SUBTEST: ops-in-order
 * Description: Operations of a job see what earlier ones wrote.
 *
 * SUBTEST: ops-many
 * Description: A job takes as many operations as the device promises.
 *
 * SUBTEST: strides
 * Description: Elements may be longer than the kernel knows if the rest is zero.
 *
 * SUBTEST: jobs-back-to-back
 * Description: Jobs queued without waiting run in order.
 *
 * SUBTEST: stats
 * Description: The bytes moved are counted to the last one.
 *
 * SUBTEST: info-segments
 * Description: The engine sees a contiguous object as one segment, if it takes one that long.
 */

IGT_TEST_DESCRIPTION("The engine moves the bytes that it was told to move, and no others.");

#define PAGES	8
#define SIZE	(PAGES * DGEM_PAGE)

enum { SRC_SEED = 1, DST_SEED = 2 };

/* Two objects and what the test expects to find in them */
struct pair {
	int fd;
	uint64_t size;
	uint32_t src, dst;
	uint8_t *expect_src, *expect_dst;
};

static void pair_init(struct pair *pair, int fd, const struct dgem_kind *src,
		      const struct dgem_kind *dst, uint64_t size)
{
	pair->fd = fd;
	pair->size = size;
	pair->src = dgem_create_filled(fd, src, size, SRC_SEED);
	pair->dst = dgem_create_filled(fd, dst, size, DST_SEED);
	pair->expect_src = malloc(size);
	pair->expect_dst = malloc(size);
	igt_assert(pair->expect_src && pair->expect_dst);
	dgem_fill(pair->expect_src, 0, size, SRC_SEED);
	dgem_fill(pair->expect_dst, 0, size, DST_SEED);
}

static uint8_t *expected(struct pair *pair, uint32_t handle)
{
	return handle == pair->src ? pair->expect_src : pair->expect_dst;
}

/* What an operation should do, done by the CPU to the expectation. */
static void expect(struct pair *pair, const struct drm_dgem_op *op)
{
	uint64_t rows = op->op == DRM_DGEM_OP_COPY_2D ? op->height : 1;

	for (uint64_t row = 0; row < rows; row++)
		memcpy(expected(pair, op->dst) + op->dst_offset + row * op->dst_pitch,
		       expected(pair, op->src) + op->src_offset + row * op->src_pitch, op->width);
}

static void pair_run(struct pair *pair, const struct drm_dgem_op *ops, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		expect(pair, &ops[i]);
	dgem_run(pair->fd, ops, count);
}

static void compare(struct pair *pair, uint32_t handle, const uint8_t *expect)
{
	uint32_t seen = dgem_stage(pair->fd, handle, pair->size);
	uint8_t *ptr = dgem_mmap(pair->fd, seen, pair->size);

	dgem_sync_start(pair->fd, seen, DRM_DGEM_SYNC_READ, pair->size);
	for (uint64_t i = 0; i < pair->size; i++)
		igt_assert_f(ptr[i] == expect[i], "%s byte %#llx is %#x, not %#x\n",
			     handle == pair->src ? "source" : "destination",
			     (unsigned long long)i, ptr[i], expect[i]);
	dgem_sync_end(pair->fd, seen, DRM_DGEM_SYNC_READ, pair->size);
	munmap(ptr, pair->size);
	if (seen != handle)
		gem_close(pair->fd, seen);
}

/* Every byte of both objects counts: what surrounds a copy are its guard bytes. */
static void pair_check(struct pair *pair)
{
	compare(pair, pair->src, pair->expect_src);
	compare(pair, pair->dst, pair->expect_dst);
}

static void pair_fini(struct pair *pair)
{
	pair_check(pair);
	gem_close(pair->fd, pair->src);
	gem_close(pair->fd, pair->dst);
	free(pair->expect_src);
	free(pair->expect_dst);
}

static void pair_init_default(struct pair *pair, int fd)
{
	pair_init(pair, fd, &dgem_kinds[0], &dgem_kinds[0], SIZE);
}

/* Offsets and lengths below are in units of what the engine can address. */
static uint64_t unit(int fd)
{
	struct drm_dgem_query_engine engine;

	dgem_query_engine(fd, &engine);
	igt_require_f(engine.copy_align <= 8, "the engine's alignment is %u bytes\n",
		      engine.copy_align);
	return engine.copy_align;
}

static void test_copy_kinds(int fd, const struct dgem_kind *src, const struct dgem_kind *dst)
{
	struct pair pair;
	struct drm_dgem_op op;

	dgem_require_kind(fd, src);
	dgem_require_kind(fd, dst);
	pair_init(&pair, fd, src, dst, SIZE);
	op = dgem_op_copy(pair.src, DGEM_PAGE, pair.dst, 2 * DGEM_PAGE, DGEM_PAGE);
	pair_run(&pair, &op, 1);
	pair_check(&pair);
	op = dgem_op_copy(pair.src, 0, pair.dst, 0, SIZE);
	pair_run(&pair, &op, 1);
	pair_fini(&pair);
}

static void test_copy_ranges(int fd)
{
	const uint64_t u = unit(fd);
	const struct {
		uint64_t src, dst, width;
	} ranges[] = {
		{ 0, 0, u },
		{ 3 * u, 5 * u, u },
		{ SIZE - u, SIZE - u, u },
		{ SIZE - u, 0, u },
		{ DGEM_PAGE - u, 7 * u, 2 * u },
		{ 9 * u, DGEM_PAGE - u, 2 * u },
		{ DGEM_PAGE - 3 * u, 2 * DGEM_PAGE - 2 * u, 5 * u },
		{ 13 * u, 17 * u, DGEM_PAGE },
		{ DGEM_PAGE, 11 * u, DGEM_PAGE + u },
		{ u, 3 * u, SIZE - 5 * u },
	};
	struct pair pair;

	pair_init_default(&pair, fd);
	for (int i = 0; i < ARRAY_SIZE(ranges); i++) {
		struct drm_dgem_op op = dgem_op_copy(pair.src, ranges[i].src, pair.dst,
						     ranges[i].dst, ranges[i].width);

		pair_run(&pair, &op, 1);
		pair_check(&pair);
	}
	pair_fini(&pair);
}

static void test_copy_sizes(int fd)
{
	const uint64_t u = unit(fd);
	struct pair pair;

	pair_init_default(&pair, fd);
	for (uint64_t size = 64; size <= 8192; size *= 8) {
		for (int off = -1; off <= 1; off++) {
			struct drm_dgem_op op = dgem_op_copy(pair.src, 64, pair.dst,
							     128 * off + 128,
							     size + off * (int64_t)u);

			pair_run(&pair, &op, 1);
		}
		pair_check(&pair);
	}
	pair_fini(&pair);
}

static void test_copy_large(int fd)
{
	const uint64_t u = unit(fd);
	struct drm_dgem_op op;
	struct pair pair;

	pair_init(&pair, fd, &dgem_kinds[0], &dgem_kinds[1], 20 * DGEM_PAGE);
	op = dgem_op_copy(pair.src, 5 * u, pair.dst, 3 * u, 16 * DGEM_PAGE + 11 * u);
	pair_run(&pair, &op, 1);
	pair_fini(&pair);
}

static void test_copy_2d(int fd)
{
	const uint64_t u = unit(fd);
	const struct {
		uint64_t src, src_pitch, dst, dst_pitch, width;
		uint32_t height;
	} rects[] = {
		{ 0, 64 * u, 0, 64 * u, 64 * u, 16 },		/* one linear copy, in truth */
		{ 0, 256 * u, 0, 64 * u, 64 * u, 8 },		/* gather */
		{ 0, 64 * u, 0, 256 * u, 64 * u, 8 },		/* spread */
		{ 17 * u, 100 * u, 29 * u, 90 * u, 33 * u, 7 },
		{ 0, 41 * u, 3 * u, 43 * u, u, 9 },		/* a column */
		{ 5 * u, 1000 * u, 7 * u, 999 * u, 500 * u, 1 }, /* a single row */
		{ DGEM_PAGE - 10 * u, 30 * u, 2 * DGEM_PAGE - 15 * u, 25 * u, 20 * u, 4 },
		{ u, DGEM_PAGE, 2 * u, DGEM_PAGE - u, 77 * u, 3 },
		/* the last row ends with the object though its pitch reaches past it */
		{ SIZE - 2 * 512 * u - 30 * u, 512 * u, SIZE - 40 * u - 30 * u, 40 * u, 30 * u, 2 },
	};
	struct pair pair;

	pair_init_default(&pair, fd);
	for (int i = 0; i < ARRAY_SIZE(rects); i++) {
		struct drm_dgem_op op = dgem_op_copy_2d(pair.src, rects[i].src,
							rects[i].src_pitch, pair.dst,
							rects[i].dst, rects[i].dst_pitch,
							rects[i].width, rects[i].height);

		pair_run(&pair, &op, 1);
		pair_check(&pair);
	}
	pair_fini(&pair);
}

static void test_copy_2d_rotating(int fd)
{
	const uint64_t u = unit(fd);
	struct drm_dgem_op ops[4];
	struct pair pair;

	pair_init(&pair, fd, &dgem_kinds[1], &dgem_kinds[0], SIZE);
	for (int i = 0; i < ARRAY_SIZE(ops); i++)
		ops[i] = dgem_op_copy_2d(pair.src, i * 512 * u, (40 + i) * u, pair.dst,
					 i * 1024 * u + 3 * u, (90 - i) * u, (13 + 8 * i) * u, 5);
	pair_run(&pair, ops, ARRAY_SIZE(ops));
	pair_fini(&pair);
}

static void test_same_object(int fd)
{
	const uint64_t u = unit(fd);
	struct drm_dgem_op ops[4];
	struct pair pair;

	pair_init_default(&pair, fd);
	/* side by side, either way round */
	ops[0] = dgem_op_copy(pair.dst, 0, pair.dst, 100 * u, 100 * u);
	ops[1] = dgem_op_copy(pair.dst, DGEM_PAGE, pair.dst, DGEM_PAGE - 50 * u, 50 * u);
	ops[2] = dgem_op_copy_2d(pair.dst, 2 * DGEM_PAGE, 20 * u, pair.dst,
				 2 * DGEM_PAGE + 50 * u, 30 * u, 10 * u, 3);
	/* both ends of the object */
	ops[3] = dgem_op_copy(pair.src, 0, pair.src, SIZE - DGEM_PAGE, DGEM_PAGE);
	pair_run(&pair, ops, ARRAY_SIZE(ops));
	pair_fini(&pair);
}

static void test_ops_in_order(int fd)
{
	struct drm_dgem_op ops[6];
	struct pair pair;

	pair_init_default(&pair, fd);
	ops[0] = dgem_op_copy(pair.src, 0, pair.dst, 0, 1024);
	ops[1] = dgem_op_copy(pair.dst, 0, pair.src, 4096, 1024);	/* what 0 wrote */
	ops[2] = dgem_op_copy(pair.src, 2048, pair.dst, 0, 1024);	/* over it */
	ops[3] = dgem_op_copy(pair.dst, 512, pair.src, 8192, 512);	/* what 2 wrote */
	ops[4] = dgem_op_copy(pair.src, 4096, pair.dst, 8192, 1024);	/* what 1 wrote */
	ops[5] = dgem_op_copy(pair.dst, 8192, pair.dst, 12288, 1024);
	pair_run(&pair, ops, ARRAY_SIZE(ops));
	pair_fini(&pair);
}

static void test_ops_many(int fd)
{
	const uint64_t u = unit(fd);
	struct drm_dgem_query_device device;
	struct drm_dgem_op *ops;
	struct pair pair;
	uint32_t count;

	dgem_query_device(fd, &device);
	count = device.max_ops < 128 ? device.max_ops : 128;
	ops = calloc(count, sizeof(*ops));
	igt_assert(ops);
	pair_init_default(&pair, fd);
	for (uint32_t i = 0; i < count; i++)
		ops[i] = dgem_op_copy(pair.src, i * 2 * u, pair.dst, (count - i) * 3 * u, u);
	pair_run(&pair, ops, count);
	pair_fini(&pair);
	free(ops);
}

static void test_strides(int fd)
{
	static const uint32_t tails[] = { 0, 8, 64, 4096 - sizeof(struct drm_dgem_op) };
	uint8_t *raw = calloc(3, 4096);
	struct pair pair;

	igt_assert(raw);
	pair_init_default(&pair, fd);
	for (int i = 0; i < ARRAY_SIZE(tails); i++) {
		uint32_t stride = sizeof(struct drm_dgem_op) + tails[i];
		struct drm_dgem_syncobj sync = { .handle = syncobj_create(fd, 0) };
		struct drm_dgem_submit submit;
		uint8_t long_sync[4096] = { };

		memset(raw, 0, 3 * 4096);
		for (int j = 0; j < 3; j++) {
			struct drm_dgem_op op = dgem_op_copy(pair.src, 64 * (3 * i + j), pair.dst,
							     4096 - 64 * (3 * i + j), 64);

			memcpy(raw + j * stride, &op, sizeof(op));
			expect(&pair, &op);
		}
		memcpy(long_sync, &sync, sizeof(sync));
		dgem_submit_init(&submit, (void *)raw, 3);
		submit.op_stride = stride;
		submit.out_syncs = to_user_pointer(long_sync);
		submit.out_sync_count = 1;
		submit.sync_stride = tails[i] > 4000 ? 4096 : sizeof(sync) + tails[i];
		igt_assert_eq(__dgem_submit(fd, &submit), 0);
		dgem_wait(fd, sync.handle);
		syncobj_destroy(fd, sync.handle);
		pair_check(&pair);
	}
	pair_fini(&pair);
	free(raw);
}

static void test_jobs_back_to_back(int fd)
{
	uint32_t done = syncobj_create(fd, 0);
	struct pair pair;

	pair_init_default(&pair, fd);
	for (int i = 0; i < 8; i++) {
		struct drm_dgem_op ops[] = {
			dgem_op_copy(pair.src, i * 256, pair.dst, 104, 512),
			dgem_op_copy(pair.dst, 104, pair.dst, DGEM_PAGE + i * 512, 512),
		};

		expect(&pair, &ops[0]);
		expect(&pair, &ops[1]);
		dgem_submit(fd, ops, ARRAY_SIZE(ops), 0, 0, done);
	}
	dgem_wait(fd, done);
	syncobj_destroy(fd, done);
	pair_fini(&pair);
}

static void test_stats(int fd)
{
	const uint64_t u = unit(fd);
	struct drm_dgem_query_engine engine;
	struct drm_dgem_query_stats before, now;
	struct drm_dgem_op ops[2];
	uint64_t moved;
	struct pair pair;

	dgem_query_engine(fd, &engine);
	pair_init_default(&pair, fd);
	ops[0] = dgem_op_copy(pair.src, 0, pair.dst, 0, 5001 * u / 2 / u * u);
	ops[1] = dgem_op_copy_2d(pair.src, 0, 50 * u, pair.dst, 0, 60 * u, 33 * u, 11);
	moved = ops[0].width + 33 * u * 11;

	dgem_query_stats(fd, &before);
	pair_run(&pair, ops, ARRAY_SIZE(ops));
	dgem_query_stats(fd, &now);
	igt_assert_eq_u64(now.jobs, before.jobs + 1);
	igt_assert_eq_u64(now.jobs_failed, before.jobs_failed);
	if (engine.type == DRM_DGEM_ENGINE_DMA) {
		igt_assert_eq_u64(now.bytes_dma, before.bytes_dma + moved);
		igt_assert_eq_u64(now.bytes_cpu, before.bytes_cpu);
	} else {
		igt_assert_eq_u64(now.bytes_cpu, before.bytes_cpu + moved);
		igt_assert_eq_u64(now.bytes_dma, before.bytes_dma);
	}
	pair_fini(&pair);
}

static void test_info_segments(int fd)
{
	const uint64_t size = 64 * DGEM_PAGE;
	struct drm_dgem_query_engine engine;
	struct drm_dgem_info info;
	struct pair pair;

	dgem_query_engine(fd, &engine);
	pair_init(&pair, fd, &dgem_kinds[0], &dgem_kinds[1], size);
	dgem_copy(fd, pair.src, 0, pair.dst, 0, 64);
	memcpy(pair.expect_dst, pair.expect_src, 64);
	dgem_info(fd, pair.src, &info);
	/* The CPU has no use for DMA segments. */
	if (engine.type == DRM_DGEM_ENGINE_DMA)
		igt_assert_eq_u32(info.segments,
				  (size + engine.max_segment - 1) / engine.max_segment);
	else
		igt_assert_lte(info.segments, 1);
	pair_fini(&pair);
}

static const struct dgem_test tests[] = {
	{ "copy-ranges", "Any offset and length works.", test_copy_ranges },
	{ "copy-sizes", "Lengths around the powers of two are copied.", test_copy_sizes },
	{ "copy-large", "A copy of many transfers is complete.", test_copy_large },
	{ "copy-2d", "Rectangles of any shape land where they belong.", test_copy_2d },
	{ "copy-2d-rotating", "Rows are gathered and spread.", test_copy_2d_rotating },
	{ "same-object", "Source and destination may share an object.", test_same_object },
	{ "ops-in-order", "Operations see what earlier ones wrote.", test_ops_in_order },
	{ "ops-many", "A job takes as many operations as promised.", test_ops_many },
	{ "strides", "Elements may be longer if the rest is zero.", test_strides },
	{ "jobs-back-to-back", "Jobs queued at once run in order.", test_jobs_back_to_back },
	{ "stats", "The bytes moved are counted to the last one.", test_stats },
	{ "info-segments", "Contiguous memory is not split needlessly.", test_info_segments },
};

int igt_main()
{
	const struct dgem_kind *src, *dst;
	int fd = -1;

	igt_fixture()
		fd = dgem_open();

	for_each_dgem_kind(src, DGEM_AND_FOREIGN) {
		for_each_dgem_kind(dst, DRM_DGEM_CAP_WRITE | DGEM_AND_FOREIGN) {
			igt_describe("Objects are copied between all kinds of memory.");
			igt_subtest_f("copy-%s-to-%s", src->name, dst->name)
				test_copy_kinds(fd, src, dst);
		}
	}

	dgem_subtests(fd, tests, ARRAY_SIZE(tests));

	igt_fixture()
		close(fd);
}
