// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <sys/mman.h>

#include "igt.h"
#include "igt_syncobj.h"
#include "sw_sync.h"

#include "dgem_provider.h"
#include "dgem_util.h"

/**
 * TEST: dgem timeout
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: robustness
 * Description: A job may take long, but must move on.
 *
 * SUBTEST: long-job
 * Description: A job that goes on for longer than the time-out ends well.
 *
 * SUBTEST: lost-interrupt
 * Description: A job that stalls ends with ETIMEDOUT, and the next one is right.
 */

IGT_TEST_DESCRIPTION("A job may take long, but must move on.");

#define SIZE	(80 * DGEM_PAGE)

static int submit_and_wait(int fd, const struct drm_dgem_op *op)
{
	uint32_t done = syncobj_create(fd, 0);
	int fence, status;

	dgem_submit(fd, op, 1, 0, 0, done);
	fence = syncobj_handle_to_fd(fd, done, DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE);
	igt_assert(syncobj_wait(fd, &done, 1, dgem_now() + DGEM_PATIENCE_NS, 0, NULL));
	status = sync_fence_status(fence);
	close(fence);
	syncobj_destroy(fd, done);
	return status;
}

static void test_long_job(int fd)
{
	uint32_t src = dgem_create_filled(fd, &dgem_kinds[0], SIZE, 1);
	uint32_t dst = dgem_create_filled(fd, &dgem_kinds[1], SIZE, 2);
	struct drm_dgem_op op = dgem_op_copy(src, 0, dst, 0, SIZE);
	int64_t begin = dgem_now();

	igt_assert_eq(submit_and_wait(fd, &op), 1);
	igt_info("%llu bytes took %lld ms\n", SIZE,
		 (long long)((dgem_now() - begin) / (int64_t)NSEC_PER_MSEC));
	dgem_check_object(fd, dst, SIZE, 1);
	gem_close(fd, src);
	gem_close(fd, dst);
}

static void test_lost_interrupt(int fd)
{
	struct drm_dgem_query_stats before, now;
	struct drm_dgem_op op;
	uint32_t src, dst;

	dgem_provoke(fd, "lose_irq", 1);
	src = dgem_create_filled(fd, &dgem_kinds[0], SIZE, 1);
	dst = dgem_create_filled(fd, &dgem_kinds[1], SIZE, 2);
	op = dgem_op_copy(src, 0, dst, 0, 4 * DGEM_PAGE);
	dgem_query_stats(fd, &before);
	igt_assert_eq(submit_and_wait(fd, &op), -ETIMEDOUT);
	igt_assert_eq(submit_and_wait(fd, &op), 1);
	dgem_query_stats(fd, &now);
	igt_assert_eq_u64(now.jobs, before.jobs + 2);
	igt_assert_eq_u64(now.jobs_failed, before.jobs_failed + 1);

	dgem_fill_object(fd, src, SIZE, 3);
	op = dgem_op_copy(src, DGEM_PAGE - 7 * 64, dst, DGEM_PAGE - 7 * 64, DGEM_PAGE);
	igt_assert_eq(submit_and_wait(fd, &op), 1);
	dgem_copy(fd, src, 0, dst, 0, 8 * DGEM_PAGE);
	dgem_copy(fd, dst, 0, src, 8 * DGEM_PAGE, 8 * DGEM_PAGE);
	gem_close(fd, dst);
	dst = dgem_create_contiguous(fd, 8 * DGEM_PAGE);
	dgem_copy(fd, src, 8 * DGEM_PAGE, dst, 0, 8 * DGEM_PAGE);
	dgem_check_object(fd, dst, 8 * DGEM_PAGE, 3);
	gem_close(fd, src);
	gem_close(fd, dst);
}

static const struct dgem_test tests[] = {
	{ "long-job", "A job that goes on for long ends well.", test_long_job },
	{ "lost-interrupt", "A job that stalls ends; the next is right.", test_lost_interrupt },
};

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = dgem_open();

	dgem_subtests(fd, tests, ARRAY_SIZE(tests));

	igt_fixture()
		close(fd);
}
