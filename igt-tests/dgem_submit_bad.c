// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <sys/mman.h>

#include "igt.h"
#include "igt_syncobj.h"
#include "sw_sync.h"

#include "dgem_util.h"

/**
 * TEST: dgem submit bad
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: command submission
 * Description: A job that cannot be run as told is refused before anything is queued.
 *
 * SUBTEST: bad-%s
 * Description: Refused with the exact error, and nothing changes.
 *
 * arg[1]:
 *
 * @flags: unknown flags of the job
 * @op-code: an unknown operation
 * @op-flags: flags and pad of an operation
 * @op-count: no operation, or more than the device takes
 * @op-stride: elements too short, too long, or unaligned
 * @op-tail: bytes set beyond what the kernel knows of an operation
 * @op-second: the second operation is bad: the first does not run
 * @handle: objects that do not exist or belong to another file
 * @width: nothing to copy
 * @range: ranges past the end of an object or around the end of all numbers
 * @copy-2d-fields: a linear copy with rows or pitches
 * @height: a rectangle without rows
 * @pitch: rows that overlap, or pitches that overflow
 * @overlap: source and destination overlap in one object
 * @align: offsets, lengths and pitches that the engine cannot do
 * @pointers: arrays that cannot be read
 * @sync-count: more syncobjs than allowed
 * @sync-stride: elements too short, too long, or unaligned
 * @sync-tail: bytes set beyond what the kernel knows of a syncobj element
 * @sync-flags: flags of a syncobj element
 * @sync-handle: syncobjs that do not exist
 * @sync-unset: waiting for what nobody has promised to signal
 * @argument: an argument that cannot be read
 *
 * SUBTEST: answer
 * Description: A job whose number cannot be told runs, and its descriptors are the caller's.
 */

IGT_TEST_DESCRIPTION("A job that cannot be run as told is refused before anything is queued.");

#define SIZE	(4 * DGEM_PAGE)

static int fd = -1;
static uint32_t src, dst;
static struct drm_dgem_query_device device;
static struct drm_dgem_query_engine engine;

static struct drm_dgem_op good_op(void)
{
	return dgem_op_copy(src, 0, dst, 0, 64);
}

static struct drm_dgem_op good_op_2d(void)
{
	return dgem_op_copy_2d(src, 0, 256, dst, 0, 256, 64, 4);
}

static void ops_err(const struct drm_dgem_op *ops, uint32_t count, int err)
{
	struct drm_dgem_submit submit;

	dgem_submit_init(&submit, ops, count);
	igt_assert_eq(__dgem_submit(fd, &submit), -err);
}

static void op_err(struct drm_dgem_op op, int err)
{
	ops_err(&op, 1, err);
}

static void submit_err(struct drm_dgem_submit *submit, int err)
{
	igt_assert_eq(__dgem_submit(fd, submit), -err);
}

static void test_flags(void)
{
	struct drm_dgem_op op = good_op();
	struct drm_dgem_submit submit;

	for (int bit = 2; bit < 32; bit++) {
		dgem_submit_init(&submit, &op, 1);
		submit.flags = 1u << bit;
		submit_err(&submit, EINVAL);
		submit.flags |= DRM_DGEM_SUBMIT_NO_IMPLICIT;
		submit_err(&submit, EINVAL);
	}
}

static void test_op_code(void)
{
	static const uint32_t bad[] = { 4, 5, 64, 0x80000000, UINT32_MAX };

	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct drm_dgem_op op = good_op();

		op.op = bad[i];
		op_err(op, EINVAL);
	}
}

static void test_op_flags(void)
{
	for (int bit = 0; bit < 32; bit++) {
		struct drm_dgem_op op = good_op();

		op.flags = 1u << bit;
		op_err(op, EINVAL);
		op = good_op();
		op.pad = 1u << bit;
		op_err(op, EINVAL);
		op = good_op_2d();
		op.flags = 1u << bit;
		op_err(op, EINVAL);
		op = good_op_2d();
		op.pad = 1u << bit;
		op_err(op, EINVAL);
	}
}

static void test_op_count(void)
{
	const uint32_t bad[] = { 0, device.max_ops + 1, 0x7fffffff, 0x80000000, UINT32_MAX };
	struct drm_dgem_op *ops = calloc(device.max_ops + 1, sizeof(*ops));

	igt_assert(ops);
	for (uint32_t i = 0; i <= device.max_ops; i++)
		ops[i] = good_op();
	for (int i = 0; i < ARRAY_SIZE(bad); i++)
		ops_err(ops, bad[i], EINVAL);
	free(ops);
}

static void test_op_stride(void)
{
	static const uint32_t bad[] = {
		0, 1, 8, DRM_DGEM_OP_SIZE_MIN - 8, DRM_DGEM_OP_SIZE_MIN + 4,
		sizeof(struct drm_dgem_op) + 1,
		sizeof(struct drm_dgem_op) + 4, 4097, 4104, 0x80000000, UINT32_MAX, UINT32_MAX - 7,
	};
	uint8_t *raw = calloc(2, 8192);
	struct drm_dgem_op op = good_op();

	igt_assert(raw);
	memcpy(raw, &op, sizeof(op));
	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct drm_dgem_submit submit;

		dgem_submit_init(&submit, (void *)raw, 1);
		submit.op_stride = bad[i];
		submit_err(&submit, EINVAL);
	}
	free(raw);
}

static void test_op_tail(void)
{
	static const uint32_t where[] = { 0, 7, 8, 100, 4096 - sizeof(struct drm_dgem_op) - 1 };
	struct drm_dgem_op op = good_op();

	for (int i = 0; i < ARRAY_SIZE(where); i++) {
		uint8_t raw[4096] __attribute__((aligned(8))) = { };
		struct drm_dgem_submit submit;

		memcpy(raw, &op, sizeof(op));
		raw[sizeof(op) + where[i]] = 1;
		dgem_submit_init(&submit, (void *)raw, 1);
		submit.op_stride = sizeof(raw);
		submit_err(&submit, E2BIG);
	}
}

static void test_op_second(void)
{
	struct drm_dgem_op ops[] = { good_op(), good_op() };

	ops[1].width = 0;
	ops_err(ops, 2, EINVAL);
	ops[1] = good_op();
	ops[1].dst = 0xdead;
	ops_err(ops, 2, ENOENT);
	dgem_sleep_ms(250);
	dgem_check_object(fd, dst, SIZE, 2);
}

static void test_handle(void)
{
	static const uint32_t bad[] = { 0, 0xdead, 0x80000000, UINT32_MAX };
	int other = dgem_open();
	uint32_t theirs;

	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct drm_dgem_op op = good_op();

		op.src = bad[i];
		op_err(op, ENOENT);
		op = good_op_2d();
		op.dst = bad[i];
		op_err(op, ENOENT);
	}
	/* Of the other file's handles the last is a number that this file does not have. */
	for (int i = 0; i < 8; i++)
		theirs = dgem_create_contiguous(other, DGEM_PAGE);
	if (theirs != src && theirs != dst) {
		struct drm_dgem_op op = good_op();

		op.src = theirs;
		op_err(op, ENOENT);
	}
	close(other);
}

static void test_width(void)
{
	struct drm_dgem_op op = good_op();

	op.width = 0;
	op_err(op, EINVAL);
	op = good_op_2d();
	op.width = 0;
	op_err(op, EINVAL);
}

static void test_range(void)
{
	const uint64_t a = engine.copy_align;
	const struct {
		uint64_t offset, width;
	} bad[] = {
		{ 0, SIZE + a }, { a, SIZE }, { SIZE, a }, { SIZE - a, 2 * a },
		{ SIZE + DGEM_PAGE, a },
		{ 0, 1ull << 32 }, { 1ull << 32, a }, { 0, 1ull << 63 }, { 1ull << 63, a },
		{ 1ull << 63, 1ull << 63 }, { -a, a }, { -a, 2 * a }, { 64, -64ull },
		{ -64ull, 64 }, { -64ull, 128 }, { DGEM_PAGE, -DGEM_PAGE }, { 0, -a },
	};

	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct drm_dgem_op op = dgem_op_copy(src, bad[i].offset, dst, 0, bad[i].width);

		op_err(op, EINVAL);
		op = dgem_op_copy(src, 0, dst, bad[i].offset, bad[i].width);
		op_err(op, EINVAL);
		op = dgem_op_copy_2d(src, bad[i].offset, bad[i].width, dst, 0, bad[i].width,
				     bad[i].width, 1);
		op_err(op, EINVAL);
		op = dgem_op_copy_2d(src, 0, bad[i].width, dst, bad[i].offset, bad[i].width,
				     bad[i].width, 1);
		op_err(op, EINVAL);
	}
	/* the second row reaches past the end */
	op_err(dgem_op_copy_2d(src, 0, SIZE - 63 * a, dst, 0, 64 * a, 64 * a, 2), EINVAL);
	op_err(dgem_op_copy_2d(src, 0, 64 * a, dst, 0, SIZE - 63 * a, 64 * a, 2), EINVAL);
}

static void test_copy_2d_fields(void)
{
	struct drm_dgem_op op = good_op();

	op.height = 1;
	op_err(op, EINVAL);
	op = good_op();
	op.src_pitch = 64;
	op_err(op, EINVAL);
	op = good_op();
	op.dst_pitch = 64;
	op_err(op, EINVAL);
}

static void test_height(void)
{
	struct drm_dgem_op op = good_op_2d();

	op.height = 0;
	op_err(op, EINVAL);
	op.height = UINT32_MAX;
	op_err(op, EINVAL);
	op.height = 0x80000000;
	op_err(op, EINVAL);
}

static void test_pitch(void)
{
	/* products that come out small once the upper bits are lost */
	const struct {
		uint64_t pitch;
		uint32_t height;
	} bad[] = {
		{ 1ull << 63, 2 }, { 1ull << 63, 3 }, { 1ull << 32, 2 }, { -64ull, 2 },
		{ (1ull << 63) + 64, 3 }, { 1ull << 62, 5 }, { 0x5555555555555580ull, 4 },
		{ 1ull << 32, 0x80000001 }, { UINT64_MAX - 63, UINT32_MAX },
	};

	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct drm_dgem_op op = good_op_2d();

		op.height = bad[i].height;
		op.src_pitch = bad[i].pitch;
		op_err(op, EINVAL);
		op = good_op_2d();
		op.height = bad[i].height;
		op.dst_pitch = bad[i].pitch;
		op_err(op, EINVAL);
	}
	op_err(dgem_op_copy_2d(src, 0, 0, dst, 0, 64, 64, 2), EINVAL);
	op_err(dgem_op_copy_2d(src, 0, 64, dst, 0, 0, 64, 2), EINVAL);
	op_err(dgem_op_copy_2d(src, 0, 128 - engine.copy_align, dst, 0, 128, 128, 2), EINVAL);
	op_err(dgem_op_copy_2d(src, 0, 128, dst, 0, 128 - engine.copy_align, 128, 2), EINVAL);
}

static void test_overlap(void)
{
	const uint64_t a = engine.copy_align;

	op_err(dgem_op_copy(src, 0, src, 0, 64), EINVAL);
	op_err(dgem_op_copy(src, 0, src, 64 - a, 64), EINVAL);
	op_err(dgem_op_copy(src, 64 - a, src, 0, 64), EINVAL);
	op_err(dgem_op_copy(src, DGEM_PAGE, src, DGEM_PAGE + 16 * a, 32 * a), EINVAL);
	op_err(dgem_op_copy(src, 0, src, SIZE - DGEM_PAGE, DGEM_PAGE + a), EINVAL);
	/* interleaved rows do not touch, but their spans overlap */
	op_err(dgem_op_copy_2d(src, 0, 256, src, 128, 256, 64, 4), EINVAL);
	op_err(dgem_op_copy_2d(src, 128, 256, src, 0, 256, 64, 4), EINVAL);
	op_err(dgem_op_copy_2d(src, 0, 256, src, 3 * 256 + 64 - a, 64, 64, 4), EINVAL);
}

static void test_align(void)
{
	const uint64_t half = engine.copy_align / 2;
	struct drm_dgem_op op;

	igt_require_f(half, "the engine copies any byte\n");
	op = good_op();
	op.src_offset = half;
	op_err(op, EINVAL);
	op = good_op();
	op.dst_offset = half;
	op_err(op, EINVAL);
	op = good_op();
	op.width += half;
	op_err(op, EINVAL);
	op = good_op_2d();
	op.src_pitch += half;
	op_err(op, EINVAL);
	op = good_op_2d();
	op.dst_pitch += half;
	op_err(op, EINVAL);
}

static void test_pointers(void)
{
	uint8_t *page = mmap(NULL, 2 * DGEM_PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const uint64_t bad[] = {
		0, 8, 1ull << 63, (uint64_t)-4096, (uint64_t)-8,
		to_user_pointer(page + DGEM_PAGE),
		to_user_pointer(page + DGEM_PAGE - 8),
	};
	struct drm_dgem_op op = good_op();

	igt_assert(page != MAP_FAILED);
	munmap(page + DGEM_PAGE, DGEM_PAGE);
	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct drm_dgem_submit submit;

		dgem_submit_init(&submit, NULL, 1);
		submit.ops = bad[i];
		submit_err(&submit, EFAULT);
		dgem_submit_init(&submit, &op, 1);
		submit.in_syncs = bad[i];
		submit.in_sync_count = 1;
		submit_err(&submit, EFAULT);
		dgem_submit_init(&submit, &op, 1);
		submit.out_syncs = bad[i];
		submit.out_sync_count = 1;
		submit_err(&submit, EFAULT);
	}
	munmap(page, DGEM_PAGE);
}

static void submit_syncs_init(struct drm_dgem_submit *submit, const struct drm_dgem_op *op,
			      const void *syncs, uint32_t count, bool out)
{
	dgem_submit_init(submit, op, 1);
	if (out) {
		submit->out_syncs = to_user_pointer(syncs);
		submit->out_sync_count = count;
	} else {
		submit->in_syncs = to_user_pointer(syncs);
		submit->in_sync_count = count;
	}
}

static void test_sync_count(void)
{
	static const uint32_t bad[] = { 1025, 0x10000, 0x80000000, UINT32_MAX };
	struct drm_dgem_syncobj *syncs = calloc(1025, sizeof(*syncs));
	struct drm_dgem_op op = good_op();
	uint32_t syncobj = syncobj_create(fd, DRM_SYNCOBJ_CREATE_SIGNALED);

	igt_assert(syncs);
	for (int i = 0; i < 1025; i++)
		syncs[i].handle = syncobj;
	for (int i = 0; i < 2 * ARRAY_SIZE(bad); i++) {
		struct drm_dgem_submit submit;

		submit_syncs_init(&submit, &op, syncs, bad[i / 2], i & 1);
		submit_err(&submit, EINVAL);
	}
	syncobj_destroy(fd, syncobj);
	free(syncs);
}

static void test_sync_stride(void)
{
	static const uint32_t bad[] = {
		0, 8, sizeof(struct drm_dgem_syncobj) + 4, sizeof(struct drm_dgem_syncobj) + 1,
		4097, 4104, 0x80000000, UINT32_MAX - 7,
	};
	struct drm_dgem_syncobj *sync = calloc(1, 8192);
	struct drm_dgem_op op = good_op();

	igt_assert(sync);
	sync->handle = syncobj_create(fd, DRM_SYNCOBJ_CREATE_SIGNALED);
	for (int i = 0; i < 2 * ARRAY_SIZE(bad); i++) {
		struct drm_dgem_submit submit;

		submit_syncs_init(&submit, &op, sync, 1, i & 1);
		submit.sync_stride = bad[i / 2];
		submit_err(&submit, EINVAL);
	}
	syncobj_destroy(fd, sync->handle);
	free(sync);
}

static void test_sync_tail(void)
{
	uint8_t raw[4096] __attribute__((aligned(8))) = { };
	struct drm_dgem_syncobj *sync = (void *)raw;
	struct drm_dgem_op op = good_op();

	sync->handle = syncobj_create(fd, DRM_SYNCOBJ_CREATE_SIGNALED);
	for (int i = 0; i < 4; i++) {
		uint32_t where = i & 2 ? sizeof(raw) - 1 : sizeof(*sync);
		struct drm_dgem_submit submit;

		raw[where] = 1;
		submit_syncs_init(&submit, &op, raw, 1, i & 1);
		submit.sync_stride = sizeof(raw);
		submit_err(&submit, E2BIG);
		raw[where] = 0;
	}
	syncobj_destroy(fd, sync->handle);
}

static void test_sync_flags(void)
{
	uint32_t syncobj = syncobj_create(fd, DRM_SYNCOBJ_CREATE_SIGNALED);
	struct drm_dgem_syncobj sync = { .handle = syncobj };
	struct drm_dgem_op op = good_op();

	for (int i = 2; i < 64; i++) {
		struct drm_dgem_submit submit;

		sync.flags = 1u << (i / 2);
		submit_syncs_init(&submit, &op, &sync, 1, i & 1);
		submit_err(&submit, EINVAL);
	}
	syncobj_destroy(fd, sync.handle);
}

static void test_sync_handle(void)
{
	struct drm_dgem_syncobj syncs[2] = {
		{ .handle = syncobj_create(fd, DRM_SYNCOBJ_CREATE_SIGNALED) },
		{ .handle = 0xdead },
	};
	struct drm_dgem_op op = good_op();

	for (int i = 0; i < 4; i++) {
		struct drm_dgem_submit submit;

		syncs[1].handle = i & 2 ? 0 : 0xdead;
		submit_syncs_init(&submit, &op, syncs, 2, i & 1);
		submit_err(&submit, ENOENT);
		submit_syncs_init(&submit, &op, &syncs[1], 1, i & 1);
		submit_err(&submit, ENOENT);
	}
	syncobj_destroy(fd, syncs[0].handle);
}

static void test_sync_unset(void)
{
	struct drm_dgem_syncobj sync = { .handle = syncobj_create(fd, 0) };
	struct drm_dgem_op op = good_op();
	struct drm_dgem_submit submit;
	uint64_t point = 1;

	submit_syncs_init(&submit, &op, &sync, 1, false);
	submit_err(&submit, EINVAL);
	sync.point = 1;
	submit_err(&submit, EINVAL);
	/* A point beyond the last one that was promised */
	syncobj_timeline_signal(fd, &sync.handle, &point, 1);
	sync.point = 2;
	submit_err(&submit, EINVAL);
	syncobj_destroy(fd, sync.handle);
}

static void test_argument(void)
{
	struct drm_dgem_submit *page = mmap(NULL, DGEM_PAGE, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct drm_dgem_op op = good_op();

	igt_assert(page != MAP_FAILED);
	do_ioctl_err(fd, DRM_IOCTL_DGEM_SUBMIT, NULL, EFAULT);
	do_ioctl_err(fd, DRM_IOCTL_DGEM_SUBMIT, (void *)-4096l, EFAULT);
	dgem_submit_init(page, &op, 1);
	igt_assert_eq(mprotect(page, DGEM_PAGE, PROT_NONE), 0);
	submit_err(page, EFAULT);
	munmap(page, DGEM_PAGE);
	submit_err(page, EFAULT);
}

/* The argument can be read, not written: the job was queued when that shows. */
static void test_answer(void)
{
	struct drm_dgem_submit *page = mmap(NULL, DGEM_PAGE, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t from = dgem_create_filled(fd, &dgem_kinds[0], SIZE, 5);
	uint32_t to = dgem_create_filled(fd, &dgem_kinds[0], SIZE, 6);
	struct drm_dgem_op op = dgem_op_copy(from, 0, to, 0, SIZE);
	struct drm_dgem_syncobj outs[2] = {
		{ .handle = syncobj_create(fd, 0) },
		{ .flags = DRM_DGEM_SYNCOBJ_SYNC_FILE },
	};
	struct drm_dgem_query_stats before, now;

	igt_assert(page != MAP_FAILED);
	dgem_query_stats(fd, &before);
	dgem_submit_init(page, &op, 1);
	page->out_syncs = to_user_pointer(outs);
	page->out_sync_count = ARRAY_SIZE(outs);
	igt_assert_eq(mprotect(page, DGEM_PAGE, PROT_READ), 0);
	submit_err(page, EFAULT);
	igt_assert_eq_u64(page->job, 0);
	munmap(page, DGEM_PAGE);

	dgem_wait(fd, outs[0].handle);
	/* this number was told, and nobody else will close it */
	igt_assert_lte(1, (int)outs[1].handle);
	igt_assert_eq(sync_fence_wait(outs[1].handle, DGEM_PATIENCE_NS / NSEC_PER_MSEC), 0);
	igt_assert_eq(sync_fence_status(outs[1].handle), 1);
	close(outs[1].handle);
	dgem_check_object(fd, to, SIZE, 5);
	dgem_query_stats(fd, &now);
	igt_assert_eq_u64(now.jobs, before.jobs + 1);
	igt_assert_eq_u64(now.jobs_failed, before.jobs_failed);
	syncobj_destroy(fd, outs[0].handle);
	gem_close(fd, from);
	gem_close(fd, to);
}

static const struct {
	const char *name;
	void (*test)(void);
} tests[] = {
	{ "flags", test_flags },
	{ "op-code", test_op_code },
	{ "op-flags", test_op_flags },
	{ "op-count", test_op_count },
	{ "op-stride", test_op_stride },
	{ "op-tail", test_op_tail },
	{ "op-second", test_op_second },
	{ "handle", test_handle },
	{ "width", test_width },
	{ "range", test_range },
	{ "copy-2d-fields", test_copy_2d_fields },
	{ "height", test_height },
	{ "pitch", test_pitch },
	{ "overlap", test_overlap },
	{ "align", test_align },
	{ "pointers", test_pointers },
	{ "sync-count", test_sync_count },
	{ "sync-stride", test_sync_stride },
	{ "sync-tail", test_sync_tail },
	{ "sync-flags", test_sync_flags },
	{ "sync-handle", test_sync_handle },
	{ "sync-unset", test_sync_unset },
	{ "argument", test_argument },
};

int igt_main()
{
	igt_fixture() {
		fd = dgem_open();
		dgem_query_device(fd, &device);
		dgem_query_engine(fd, &engine);
		igt_require(engine.copy_align <= 64);
		src = dgem_create_filled(fd, &dgem_kinds[0], SIZE, 1);
		dst = dgem_create_filled(fd, &dgem_kinds[1], SIZE, 2);
	}

	for (int i = 0; i < ARRAY_SIZE(tests); i++) {
		igt_describe("Refused with the exact error, and nothing changes.");
		igt_subtest_f("bad-%s", tests[i].name) {
			struct drm_dgem_query_stats stats, now;
			struct dgem_snapshot before;

			dgem_snapshot(fd, &before);
			dgem_query_stats(fd, &stats);
			tests[i].test();
			dgem_assert_unchanged(fd, &before);
			dgem_query_stats(fd, &now);
			igt_assert_eq_u64(now.jobs, stats.jobs);
			/* The same job, well made, still works. */
			dgem_copy(fd, src, 0, src, DGEM_PAGE, 64);
			dgem_check_object(fd, dst, SIZE, 2);
		}
	}

	igt_describe("A job whose number cannot be told runs.");
	igt_subtest("answer") {
		struct dgem_snapshot before;

		dgem_snapshot(fd, &before);
		test_answer();
		dgem_assert_unchanged(fd, &before);
	}

	igt_fixture() {
		gem_close(fd, src);
		gem_close(fd, dst);
		close(fd);
	}
}
