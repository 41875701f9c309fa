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
 * TEST: dgem sync
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: synchronization
 * Description: Windows in which the CPU reads and writes what devices work on.
 *
 * SUBTEST: windows-%s
 * Description: Data is right on both sides of windows over whole objects and ranges.
 *
 * arg[1]:
 *
 * @contiguous: contiguous cached memory
 * @coherent: coherent memory
 * @wc: write-combined memory
 * @pages: memory in pages
 * @lazy: memory in pages that come when they are needed
 * @vmalloc: single pages
 * @direct-pages: memory in pages, made for direct I/O
 * @direct-vmalloc: single pages, made for direct I/O
 * @reserved: memory out of the instance's pool
 * @import: memory of the system heap
 *
 * SUBTEST: waits
 * Description: The start of a window waits for the job that writes the object.
 *
 * SUBTEST: timeout
 * Description: A job that is held back makes the start end with ETIME, on time.
 *
 * SUBTEST: readers
 * Description: A reading job delays only those who write.
 *
 * SUBTEST: bad-handle
 * Description: Handles that do not exist are refused.
 *
 * SUBTEST: bad-flags
 * Description: Unknown flags, and neither reading nor writing, are refused.
 *
 * SUBTEST: bad-range
 * Description: Ranges that are empty, wrap or reach past the end are refused.
 *
 * SUBTEST: bad-argument
 * Description: An argument that cannot be read is EFAULT.
 */

IGT_TEST_DESCRIPTION("Windows in which the CPU reads and writes what devices work on.");

#define SIZE	(4 * DGEM_PAGE)

static int start(int fd, uint32_t handle, uint32_t flags, uint64_t offset, uint64_t length)
{
	return __dgem_sync(fd, handle, flags, offset, length, dgem_now() + DGEM_PATIENCE_NS);
}

static int end(int fd, uint32_t handle, uint32_t flags, uint64_t offset, uint64_t length)
{
	return __dgem_sync(fd, handle, flags | DRM_DGEM_SYNC_END, offset, length, 0);
}

static void test_windows(int fd, const struct dgem_kind *kind)
{
	const struct {
		uint64_t offset, length;
	} ranges[] = {
		{ 0, SIZE }, { 0, 1 }, { SIZE - 1, 1 }, { 1, 62 }, { DGEM_PAGE - 1, 2 },
		{ DGEM_PAGE, 2 * DGEM_PAGE }, { 100, 2 * DGEM_PAGE }, { 3 * DGEM_PAGE + 5, 777 },
	};
	uint32_t one = dgem_create(fd, kind, SIZE), two = dgem_create(fd, kind, SIZE);
	uint8_t *ptr = dgem_mmap(fd, one, SIZE), *copy = dgem_mmap(fd, two, SIZE);
	struct drm_dgem_query_engine engine;

	dgem_query_engine(fd, &engine);
	for (int i = 0; i < ARRAY_SIZE(ranges); i++) {
		const uint64_t offset = ranges[i].offset, length = ranges[i].length;
		/* the device copies what holds the range, in its own units */
		const uint64_t from = offset / engine.copy_align * engine.copy_align;
		const uint64_t to = (offset + length + engine.copy_align - 1) /
				    engine.copy_align * engine.copy_align;

		igt_assert_eq(start(fd, one, DRM_DGEM_SYNC_WRITE, offset, length), 0);
		dgem_fill(ptr + offset, offset, length, 10 + i);
		igt_assert_eq(end(fd, one, DRM_DGEM_SYNC_WRITE, offset, length), 0);
		dgem_copy(fd, one, from, two, from, to - from);
		igt_assert_eq(start(fd, two, DRM_DGEM_SYNC_READ, offset, length), 0);
		dgem_check(copy + offset, offset, length, 10 + i);
		igt_assert_eq(end(fd, two, DRM_DGEM_SYNC_READ, offset, length), 0);

		/* ... and back, through a window for both */
		igt_assert_eq(start(fd, two, DRM_DGEM_SYNC_READ | DRM_DGEM_SYNC_WRITE, offset,
				    length), 0);
		dgem_check(copy + offset, offset, length, 10 + i);
		dgem_fill(copy + offset, offset, length, 50 + i);
		igt_assert_eq(end(fd, two, DRM_DGEM_SYNC_READ | DRM_DGEM_SYNC_WRITE, offset,
				  length), 0);
		dgem_copy(fd, two, from, one, from, to - from);
		igt_assert_eq(start(fd, one, DRM_DGEM_SYNC_READ, 0, SIZE), 0);
		dgem_check(ptr + offset, offset, length, 50 + i);
		igt_assert_eq(end(fd, one, DRM_DGEM_SYNC_READ, 0, SIZE), 0);
	}
	munmap(ptr, SIZE);
	munmap(copy, SIZE);
	gem_close(fd, one);
	gem_close(fd, two);
}

static void test_waits(int fd)
{
	uint32_t src = dgem_create_filled(fd, &dgem_kinds[0], SIZE, 1);
	uint32_t dst = dgem_create_filled(fd, &dgem_kinds[0], SIZE, 2);
	struct drm_dgem_op op = dgem_op_copy(src, 0, dst, 0, SIZE);
	uint8_t *ptr = dgem_mmap(fd, dst, SIZE);

	dgem_submit(fd, &op, 1, 0, 0, 0);
	igt_assert_eq(start(fd, dst, DRM_DGEM_SYNC_READ, 0, SIZE), 0);
	dgem_check(ptr, 0, SIZE, 1);
	igt_assert_eq(end(fd, dst, DRM_DGEM_SYNC_READ, 0, SIZE), 0);

	/* Once more, now to write: the job must not come after what the CPU writes. */
	dgem_submit(fd, &op, 1, 0, 0, 0);
	igt_assert_eq(start(fd, dst, DRM_DGEM_SYNC_WRITE, 0, SIZE), 0);
	dgem_fill(ptr, 0, SIZE, 3);
	igt_assert_eq(end(fd, dst, DRM_DGEM_SYNC_WRITE, 0, SIZE), 0);
	dgem_sleep_ms(500);
	dgem_check(ptr, 0, SIZE, 3);
	munmap(ptr, SIZE);
	gem_close(fd, src);
	gem_close(fd, dst);
}

/* Two objects with a job from one to the other that waits behind a gate */
struct held {
	uint32_t src, dst, done;
	struct dgem_gate gate;
};

static void held_init(struct held *held, int fd)
{
	struct drm_dgem_op op;

	held->src = dgem_create_filled(fd, &dgem_kinds[0], SIZE, 1);
	held->dst = dgem_create_filled(fd, &dgem_kinds[0], SIZE, 2);
	held->done = syncobj_create(fd, 0);
	dgem_gate_close(&held->gate, fd);
	op = dgem_op_copy(held->src, 0, held->dst, 0, SIZE);
	dgem_submit(fd, &op, 1, 0, held->gate.syncobj, held->done);
}

static void held_fini(struct held *held, int fd)
{
	dgem_gate_open(&held->gate);
	dgem_wait(fd, held->done);
	dgem_gate_fini(&held->gate);
	syncobj_destroy(fd, held->done);
	gem_close(fd, held->src);
	gem_close(fd, held->dst);
}

static void test_timeout(int fd)
{
	static const uint32_t flags[] = {
		DRM_DGEM_SYNC_READ, DRM_DGEM_SYNC_WRITE, DRM_DGEM_SYNC_READ | DRM_DGEM_SYNC_WRITE,
	};
	struct held held;

	held_init(&held, fd);
	for (int i = 0; i < ARRAY_SIZE(flags); i++) {
		int64_t until = dgem_now() + 50 * NSEC_PER_MSEC;

		igt_assert_eq(__dgem_sync(fd, held.dst, flags[i], 0, SIZE, 0), -ETIME);
		igt_assert_eq(__dgem_sync(fd, held.dst, flags[i], 0, SIZE, 1), -ETIME);
		igt_assert_eq(__dgem_sync(fd, held.dst, flags[i], 0, SIZE, -1), -ETIME);
		igt_assert_eq(__dgem_sync(fd, held.dst, flags[i], 0, SIZE, INT64_MIN), -ETIME);
		igt_assert_eq(__dgem_sync(fd, held.dst, flags[i], 0, SIZE, until), -ETIME);
		igt_assert(dgem_now() >= until);
	}
	/* Nobody waits for an idle object, whatever the time. */
	held_fini(&held, fd);
	held_init(&held, fd);
	dgem_gate_open(&held.gate);
	igt_assert_eq(__dgem_sync(fd, held.dst, DRM_DGEM_SYNC_READ, 0, SIZE, INT64_MAX), 0);
	igt_assert_eq(end(fd, held.dst, DRM_DGEM_SYNC_READ, 0, SIZE), 0);
	igt_assert_eq(__dgem_sync(fd, held.dst, DRM_DGEM_SYNC_WRITE, 0, SIZE, 0), 0);
	igt_assert_eq(end(fd, held.dst, DRM_DGEM_SYNC_WRITE, 0, SIZE), 0);
	held_fini(&held, fd);
}

static void test_readers(int fd)
{
	struct held held;

	held_init(&held, fd);
	igt_assert_eq(__dgem_sync(fd, held.src, DRM_DGEM_SYNC_READ, 0, SIZE, 0), 0);
	igt_assert_eq(end(fd, held.src, DRM_DGEM_SYNC_READ, 0, SIZE), 0);
	igt_assert_eq(__dgem_sync(fd, held.src, DRM_DGEM_SYNC_WRITE, 0, SIZE, 0), -ETIME);
	held_fini(&held, fd);
}

static void test_bad_handle(int fd)
{
	static const uint32_t bad[] = { 0, 0xdead, 0x80000000, UINT32_MAX };

	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		igt_assert_eq(start(fd, bad[i], DRM_DGEM_SYNC_READ, 0, DGEM_PAGE), -ENOENT);
		igt_assert_eq(end(fd, bad[i], DRM_DGEM_SYNC_READ, 0, DGEM_PAGE), -ENOENT);
	}
}

static void test_bad_flags(int fd)
{
	uint32_t handle = dgem_create_contiguous(fd, SIZE);

	igt_assert_eq(start(fd, handle, 0, 0, SIZE), -EINVAL);
	igt_assert_eq(start(fd, handle, DRM_DGEM_SYNC_END, 0, SIZE), -EINVAL);
	for (int bit = 3; bit < 32; bit++) {
		igt_assert_eq(start(fd, handle, 1u << bit, 0, SIZE), -EINVAL);
		igt_assert_eq(start(fd, handle, 1u << bit | DRM_DGEM_SYNC_READ, 0, SIZE), -EINVAL);
		igt_assert_eq(end(fd, handle, 1u << bit | DRM_DGEM_SYNC_WRITE, 0, SIZE), -EINVAL);
	}
	gem_close(fd, handle);
}

static void test_bad_range(int fd)
{
	const struct {
		uint64_t offset, length;
	} bad[] = {
		{ 0, 0 }, { DGEM_PAGE, 0 }, { SIZE, 0 }, { 0, SIZE + 1 }, { 1, SIZE }, { SIZE, 1 },
		{ SIZE - 1, 2 }, { 1ull << 32, 1 }, { 0, (1ull << 32) + 1 }, { 1ull << 63, 1 },
		{ 0, 1ull << 63 }, { 1ull << 63, 1ull << 63 }, { UINT64_MAX, 1 }, { UINT64_MAX, 2 },
		{ 1, UINT64_MAX }, { DGEM_PAGE, -DGEM_PAGE }, { -DGEM_PAGE, 2 * DGEM_PAGE },
	};
	const struct dgem_kind *kind;

	for_each_dgem_kind_here(fd, kind, DGEM_AND_FOREIGN) {
		uint32_t handle = dgem_create(fd, kind, SIZE);

		for (int i = 0; i < ARRAY_SIZE(bad); i++) {
			for (uint32_t flags = DRM_DGEM_SYNC_READ; flags <= 3; flags++) {
				igt_assert_eq(start(fd, handle, flags, bad[i].offset,
						    bad[i].length), -EINVAL);
				igt_assert_eq(end(fd, handle, flags, bad[i].offset,
						  bad[i].length), -EINVAL);
			}
		}
		gem_close(fd, handle);
	}
}

static void test_bad_argument(int fd)
{
	do_ioctl_err(fd, DRM_IOCTL_DGEM_SYNC, NULL, EFAULT);
	do_ioctl_err(fd, DRM_IOCTL_DGEM_SYNC, (void *)-4096l, EFAULT);
}

static const struct dgem_test tests[] = {
	{ "waits", "The start of a window waits for the writing job.", test_waits },
	{ "timeout", "A job that is held back makes the start end with ETIME.", test_timeout },
	{ "readers", "A reading job delays only those who write.", test_readers },
	{ "bad-handle", "Handles that do not exist are refused.", test_bad_handle },
	{ "bad-flags", "Unknown flags, and no direction, are refused.", test_bad_flags },
	{ "bad-range", "Ranges that are empty, wrap or are too long are refused.", test_bad_range },
	{ "bad-argument", "An argument that cannot be read is EFAULT.", test_bad_argument },
};

static const struct dgem_kind_test kind_tests[] = {
	{ "windows", "Data is right on both sides of windows.", test_windows },
};

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = dgem_open();

	dgem_kind_subtests(fd, kind_tests, ARRAY_SIZE(kind_tests),
			   DRM_DGEM_CAP_MMAP | DGEM_AND_FOREIGN);

	dgem_subtests(fd, tests, ARRAY_SIZE(tests));

	igt_fixture()
		close(fd);
}
