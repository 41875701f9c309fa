// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/dma-buf.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "igt.h"
#include "sw_sync.h"

#include "dgem_util.h"

/**
 * TEST: dgem prime fence
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: synchronization
 * Description: The fences of jobs, seen through dma-bufs.
 *
 * SUBTEST: poll
 * Description: poll() of a dma-buf waits for the jobs of its object.
 *
 * SUBTEST: export-sync-file
 * Description: A job's fence can be taken out of a dma-buf.
 *
 * SUBTEST: import-sync-file
 * Description: A job waits for a fence that was put into a dma-buf.
 */

IGT_TEST_DESCRIPTION("The fences of jobs, seen through dma-bufs.");

#define SIZE	(6 * DGEM_PAGE)

static uint32_t filled(int fd, uint32_t seed)
{
	return dgem_create_filled(fd, &dgem_kinds[0], SIZE, seed);
}

static uint32_t import(int fd, int dmabuf)
{
	uint32_t handle;

	igt_assert_eq(__dgem_import(fd, dmabuf, &handle), 0);
	return handle;
}

static bool ready(int dmabuf, short events)
{
	struct pollfd pollfd = { .fd = dmabuf, .events = events };

	return poll(&pollfd, 1, 0) == 1 && pollfd.revents & events;
}

static void test_poll(int fd)
{
	uint32_t src = filled(fd, 1), dst = filled(fd, 2);
	int from = dgem_export(fd, src), to = dgem_export(fd, dst);
	struct drm_dgem_op op = dgem_op_copy(src, 0, dst, 0, SIZE);
	struct pollfd pollfd = { .fd = to, .events = POLLIN };
	struct dgem_gate gate;

	igt_assert(ready(from, POLLIN) && ready(from, POLLOUT));
	igt_assert(ready(to, POLLIN) && ready(to, POLLOUT));
	dgem_gate_close(&gate, fd);
	dgem_submit(fd, &op, 1, 0, gate.syncobj, 0);
	igt_assert(ready(from, POLLIN));
	igt_assert(!ready(from, POLLOUT));
	igt_assert(!ready(to, POLLIN));
	igt_assert(!ready(to, POLLOUT));
	dgem_gate_open(&gate);
	igt_assert_eq(poll(&pollfd, 1, DGEM_PATIENCE_NS / NSEC_PER_MSEC), 1);
	igt_assert_eq(pollfd.revents, POLLIN);
	igt_assert(ready(from, POLLOUT) && ready(to, POLLOUT));
	dgem_check_object(fd, dst, SIZE, 1);
	dgem_gate_fini(&gate);
	close(from);
	close(to);
	gem_close(fd, src);
	gem_close(fd, dst);
}

static int export_sync_file(int dmabuf, uint32_t flags)
{
	struct dma_buf_export_sync_file arg = { .flags = flags, .fd = -1 };

	igt_assert_eq(ioctl(dmabuf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &arg), 0);
	return arg.fd;
}

static void test_export_sync_file(int fd)
{
	uint32_t src = filled(fd, 1), dst = filled(fd, 2);
	int from = dgem_export(fd, src), to = dgem_export(fd, dst);
	struct drm_dgem_op op = dgem_op_copy(src, 0, dst, 0, SIZE);
	int src_read, src_write, dst_read;
	struct dgem_gate gate;

	dgem_gate_close(&gate, fd);
	dgem_submit(fd, &op, 1, 0, gate.syncobj, 0);
	src_read = export_sync_file(from, DMA_BUF_SYNC_READ);
	src_write = export_sync_file(from, DMA_BUF_SYNC_WRITE);
	dst_read = export_sync_file(to, DMA_BUF_SYNC_READ);
	igt_assert_eq(sync_fence_status(src_read), 1);
	igt_assert_eq(sync_fence_status(src_write), 0);
	igt_assert_eq(sync_fence_status(dst_read), 0);
	dgem_gate_open(&gate);
	igt_assert_eq(sync_fence_wait(dst_read, DGEM_PATIENCE_NS / NSEC_PER_MSEC), 0);
	igt_assert_eq(sync_fence_status(dst_read), 1);
	igt_assert_eq(sync_fence_wait(src_write, DGEM_PATIENCE_NS / NSEC_PER_MSEC), 0);
	close(src_read);
	close(src_write);
	close(dst_read);
	dgem_check_object(fd, dst, SIZE, 1);
	dgem_gate_fini(&gate);
	close(from);
	close(to);
	gem_close(fd, src);
	gem_close(fd, dst);
}

/* The fence goes in as a writer's; another process submits, in case SUBMIT itself has to wait. */
static void test_import_sync_file(int fd)
{
	uint32_t src = filled(fd, 1), dst = filled(fd, 2);
	int from = dgem_export(fd, src), to = dgem_export(fd, dst), timeline;
	struct dma_buf_import_sync_file arg = { .flags = DMA_BUF_SYNC_WRITE };
	uint8_t *ptr = dgem_mmap(fd, dst, SIZE);

	igt_require_sw_sync();
	timeline = sw_sync_timeline_create();
	arg.fd = sw_sync_timeline_create_fence(timeline, 1);
	igt_assert_eq(ioctl(from, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &arg), 0);
	igt_assert_eq(__dgem_sync(fd, src, DRM_DGEM_SYNC_READ, 0, SIZE, 0), -ETIME);
	igt_fork(child, 1) {
		int other = dgem_open();

		dgem_copy(other, import(other, from), 0, import(other, to), 0, SIZE);
		close(other);
	}
	dgem_sleep_ms(500);
	dgem_check(ptr, 0, SIZE, 2);
	sw_sync_timeline_inc(timeline, 1);
	igt_waitchildren();
	dgem_check(ptr, 0, SIZE, 1);
	munmap(ptr, SIZE);
	close(arg.fd);
	close(timeline);
	close(from);
	close(to);
	gem_close(fd, src);
	gem_close(fd, dst);
}

static const struct dgem_test tests[] = {
	{ "poll", "poll() waits for the jobs of the object.", test_poll },
	{ "export-sync-file", "A job's fence can be taken out.", test_export_sync_file },
	{ "import-sync-file", "A job waits for a fence put in.", test_import_sync_file },
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
