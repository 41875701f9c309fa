// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <limits.h>
#include <linux/dma-buf.h>
#include <signal.h>
#include <sys/mman.h>

#include "igt.h"
#include "igt_syncobj.h"
#include "sw_sync.h"

#include "dgem_bind.h"
#include "dgem_util.h"

/**
 * TEST: dgem unplug
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: hotunplug
 * Description: The device goes away under its clients, and comes back.
 *
 * SUBTEST: ioctls
 * Description: Every ioctl of an orphaned file is ENODEV.
 *
 * SUBTEST: mappings-%s
 * Description: Touching a mapping of the node or of a dma-buf raises SIGBUS.
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
 *
 * SUBTEST: jobs-running
 * Description: Running and queued jobs end, with or without an error.
 *
 * SUBTEST: jobs-waiting
 * Description: Jobs that wait for a fence end when it signals, with an error.
 *
 * SUBTEST: engine
 * Description: The device that moves the bytes goes first, and takes the instance with it.
 */

IGT_TEST_DESCRIPTION("The device goes away under its clients, and comes back.");

#define SIZE	(16 * DGEM_PAGE)

/* The device comes back as it was: zeroed memory, and jobs that work. */
static void plug_in(void)
{
	uint32_t src, dst;
	int fd;

	dgem_bind();
	fd = dgem_open();
	src = dgem_create_filled(fd, &dgem_kinds[0], SIZE, 7);
	dst = dgem_create(fd, &dgem_kinds[1], SIZE);
	dgem_copy(fd, src, 0, dst, 0, SIZE);
	dgem_check_object(fd, dst, SIZE, 7);
	close(fd);
}

static void assert_orphaned(int fd, uint32_t handle)
{
	struct drm_dgem_create create = { .size = SIZE };
	struct drm_dgem_info info = { .handle = handle };
	struct drm_dgem_mmap map = { .handle = handle };
	struct drm_dgem_op op = dgem_op_copy(handle, 0, handle, DGEM_PAGE, 64);
	struct drm_dgem_submit submit;
	uint32_t size = 0;

	dgem_submit_init(&submit, &op, 1);
	igt_assert_eq(__dgem_query(fd, DRM_DGEM_QUERY_DEVICE, NULL, &size), -ENODEV);
	igt_assert_eq(__dgem_create(fd, &create), -ENODEV);
	igt_assert_eq(__dgem_info(fd, &info), -ENODEV);
	igt_assert_eq(__dgem_mmap_offset(fd, &map), -ENODEV);
	igt_assert_eq(__dgem_sync(fd, handle, DRM_DGEM_SYNC_READ, 0, 64, 0), -ENODEV);
	igt_assert_eq(__dgem_submit(fd, &submit), -ENODEV);
	igt_assert_eq(__dgem_export(fd, handle, DRM_CLOEXEC), -ENODEV);
}

static void test_ioctls(int fd)
{
	uint32_t handle = dgem_create_contiguous(fd, SIZE);
	uint64_t offset = dgem_mmap_offset(fd, handle);

	dgem_unbind();
	assert_orphaned(fd, handle);
	errno = 0;
	igt_assert(mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, offset) == MAP_FAILED);
	igt_assert_eq(errno, ENODEV);
	plug_in();
	/* The new device is not the old one. */
	assert_orphaned(fd, handle);
}

static void test_mappings(int fd, const struct dgem_kind *kind)
{
	uint32_t handle = dgem_create_filled(fd, kind, SIZE, 1);
	uint8_t *touched = dgem_mmap(fd, handle, SIZE), *fresh = dgem_mmap(fd, handle, SIZE), *part;
	const bool export = kind->caps & DRM_DGEM_CAP_EXPORT;
	int dmabuf = export ? dgem_export(fd, handle) : -1;
	uint64_t inner = export ? 3 * DGEM_PAGE : 0;

	part = export ? mmap(NULL, DGEM_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, inner)
		      : dgem_mmap(fd, handle, DGEM_PAGE);
	igt_assert(part != MAP_FAILED);
	dgem_check(touched, 0, SIZE, 1);
	dgem_check(part, inner, DGEM_PAGE, 1);
	munmap(touched + DGEM_PAGE, DGEM_PAGE);
	dgem_unbind();
	igt_assert_eq(dgem_touch(touched, false), SIGBUS);
	igt_assert_eq(dgem_touch(touched, true), SIGBUS);
	igt_assert_eq(dgem_touch(touched + DGEM_PAGE, false), SIGSEGV);
	igt_assert_eq(dgem_touch(touched + SIZE - 1, false), SIGBUS);
	igt_assert_eq(dgem_touch(fresh, false), SIGBUS);
	igt_assert_eq(dgem_touch(part, true), SIGBUS);
	igt_fork(child, 1)
		igt_assert_eq(dgem_touch(touched, false), SIGBUS);
	igt_waitchildren();
	if (export) {
		errno = 0;
		igt_assert(mmap(NULL, SIZE, PROT_READ, MAP_SHARED, dmabuf, 0) == MAP_FAILED);
		igt_assert_eq(errno, ENODEV);
		close(dmabuf);
	}
	plug_in();
	igt_assert_eq(dgem_touch(touched, false), SIGBUS);
	munmap(touched, SIZE);
	munmap(fresh, SIZE);
	munmap(part, DGEM_PAGE);
}

/* Eight jobs, the fence of the last of which is returned as a sync file. */
static int queue_jobs(int fd, uint32_t in_sync, uint32_t *handle)
{
	uint32_t src = dgem_create_filled(fd, &dgem_kinds[0], SIZE, 1);
	uint32_t dst = dgem_create_filled(fd, &dgem_kinds[1], SIZE, 2);
	struct drm_dgem_op op = dgem_op_copy(src, 0, dst, 0, SIZE);
	uint32_t done = syncobj_create(fd, 0);
	int fence;

	/* Only the first is tied to others' fences: SUBMIT itself may wait for implicit ones. */
	for (int i = 0; i < 8; i++)
		dgem_submit(fd, &op, 1, i ? DRM_DGEM_SUBMIT_NO_IMPLICIT : 0, in_sync, done);
	fence = syncobj_handle_to_fd(fd, done, DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE);
	igt_assert_fd(fence);
	*handle = src;
	return fence;
}

static void test_jobs_running(int fd)
{
	uint32_t handle;
	int fence = queue_jobs(fd, 0, &handle);

	dgem_unbind();
	igt_assert_eq(sync_fence_wait(fence, DGEM_PATIENCE_NS / NSEC_PER_MSEC), 0);
	igt_assert_neq(sync_fence_status(fence), 0);
	assert_orphaned(fd, handle);
	plug_in();
	close(fence);
}

static void test_jobs_waiting(int fd)
{
	struct dgem_gate gate;
	uint32_t handle;
	int fence;

	dgem_gate_close(&gate, fd);
	fence = queue_jobs(fd, gate.syncobj, &handle);
	dgem_unbind();
	plug_in();
	dgem_gate_open(&gate);
	igt_assert_eq(sync_fence_wait(fence, DGEM_PATIENCE_NS / NSEC_PER_MSEC), 0);
	igt_assert_lt(sync_fence_status(fence), 0);
	/* The syncobj goes with the file. */
	close(gate.timeline);
	close(fence);
}

static void test_engine(int fd)
{
	char driver[PATH_MAX], device[32], bind[PATH_MAX + 8], unbind[PATH_MAX + 8];
	uint32_t handle;
	int fence;

	igt_require_f(dgem_engine_driver(fd, driver, device), "no device to unbind\n");
	snprintf(bind, sizeof(bind), "%s/bind", driver);
	snprintf(unbind, sizeof(unbind), "%s/unbind", driver);

	fence = queue_jobs(fd, 0, &handle);
	dgem_write_file(unbind, device);
	igt_assert_eq(sync_fence_wait(fence, DGEM_PATIENCE_NS / NSEC_PER_MSEC), 0);
	assert_orphaned(fd, handle);
	dgem_write_file(bind, device);
	plug_in();
	close(fence);
}

static const struct {
	const char *name, *describe;
	void (*test)(int fd);
} tests[] = {
	{ "ioctls", "Every ioctl of an orphaned file is ENODEV.", test_ioctls },
	{ "jobs-running", "Running and queued jobs end.", test_jobs_running },
	{ "jobs-waiting", "Waiting jobs end with an error.", test_jobs_waiting },
	{ "engine", "The engine goes and takes the instance along.", test_engine },
};

static uint64_t settled_cma_free(void)
{
	struct dgem_snapshot snapshot;
	int fd = dgem_open();

	dgem_snapshot(fd, &snapshot);
	close(fd);
	return snapshot.cma_free;
}

/* All of a subtest's memory has to come back, through two devices. */
static void run(void (*test)(int fd), void (*test_kind)(int fd, const struct dgem_kind *kind),
		const struct dgem_kind *kind)
{
	uint64_t before = settled_cma_free(), after;
	int64_t end;
	int fd = dgem_open();

	if (test) {
		test(fd);
	} else {
		dgem_require_kind(fd, kind);
		test_kind(fd, kind);
	}
	close(fd);
	end = dgem_now() + 10 * NSEC_PER_SEC;
	do {
		after = settled_cma_free();
	} while (after < before && dgem_now() < end);
	igt_assert_lte_u64(before, after);
}

int igt_main()
{
	const struct dgem_kind *kind;

	igt_fixture() {
		int fd = dgem_open();

		close(fd);
		igt_require_f(dgem_can_unbind(), "the device cannot be unbound\n");
	}

	for (int i = 0; i < ARRAY_SIZE(tests); i++) {
		igt_describe(tests[i].describe);
		igt_subtest(tests[i].name)
			run(tests[i].test, NULL, NULL);
	}

	for_each_dgem_kind(kind, DRM_DGEM_CAP_MMAP) {
		igt_describe("Touching an orphaned mapping raises SIGBUS.");
		igt_subtest_f("mappings-%s", kind->name)
			run(NULL, test_mappings, kind);
	}

	igt_fixture()
		dgem_bind();
}
