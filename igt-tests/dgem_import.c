// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"

#include "dgem_instance.h"
#include "dgem_util.h"

/**
 * TEST: dgem import
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: buffer sharing
 * Description: An import costs next to nothing until the engine works on it for the first time.
 *
 * SUBTEST: refused
 * Description: An engine that does not reach memory of others gets no job with it, EOPNOTSUPP; the
 *		CPU's accesses go by the exporter, whatever the engine is.
 *
 * SUBTEST: late
 * Description: The engine maps an import with the first job, and keeps it mapped.
 *
 * SUBTEST: race
 * Description: Threads that submit the first job of an import at a time get one mapping of it.
 *
 * SUBTEST: no-memory
 * Description: A first job for which there is no memory leaves nothing behind, wherever the memory
 *		runs out, and the next one runs.
 *
 * SUBTEST: map-dumb
 * Description: An import has no offset as a dumb buffer, before its first job and after.
 */

IGT_TEST_DESCRIPTION("An import costs next to nothing until its first job.");

#define PAGES	5
#define SIZE	(PAGES * DGEM_PAGE)

/* A buffer of another driver, filled with seed 1, and imported. */
static uint32_t import(int fd, int *dmabuf)
{
	struct dma_heap_allocation_data data = { .len = SIZE, .fd_flags = O_CLOEXEC | O_RDWR };
	int heap = open("/dev/dma_heap/system", O_RDONLY | O_CLOEXEC);
	struct dma_buf_sync sync = { };
	uint32_t handle;
	void *ptr;

	igt_require_f(heap >= 0, "no heap of system memory\n");
	igt_assert_eq(ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data), 0);
	close(heap);
	*dmabuf = data.fd;
	ptr = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, *dmabuf, 0);
	igt_assert(ptr != MAP_FAILED);
	sync.flags = DMA_BUF_SYNC_WRITE | DMA_BUF_SYNC_START;
	igt_assert_eq(ioctl(*dmabuf, DMA_BUF_IOCTL_SYNC, &sync), 0);
	dgem_fill(ptr, 0, SIZE, 1);
	sync.flags = DMA_BUF_SYNC_WRITE | DMA_BUF_SYNC_END;
	igt_assert_eq(ioctl(*dmabuf, DMA_BUF_IOCTL_SYNC, &sync), 0);
	munmap(ptr, SIZE);

	igt_assert_eq(__dgem_import(fd, *dmabuf, &handle), 0);
	return handle;
}

static uint32_t segments(int fd, uint32_t handle)
{
	struct drm_dgem_info info;

	dgem_info(fd, handle, &info);
	return info.segments;
}

/* The CPU needs no segments. */
static bool has_dma(int fd)
{
	struct drm_dgem_query_engine engine;

	dgem_query_engine(fd, &engine);
	return engine.type == DRM_DGEM_ENGINE_DMA;
}

/* whether the engine may work on this memory; if not, SUBMIT says so */
static bool works;

static void require_engine(void)
{
	igt_require_f(works, "the engine may not reach this memory\n");
}

static void test_refused(int fd)
{
	uint32_t own = dgem_create_filled(fd, &dgem_kinds[0], SIZE, 2), handle;
	int dmabuf, err;

	handle = import(fd, &dmabuf);
	err = __dgem_copy(fd, handle, 0, own, 0, SIZE);
	igt_assert_eq(err, works ? 0 : -EOPNOTSUPP);
	dgem_check_object(fd, own, SIZE, works ? 1 : 2);
	/* the CPU works on it, whatever the engine does */
	dgem_check_object(fd, handle, SIZE, 1);
	dgem_fill_object(fd, handle, SIZE, 3);
	dgem_check_object(fd, handle, SIZE, 3);
	igt_assert_eq(__dgem_copy(fd, own, 0, handle, 0, SIZE), err);
	dgem_check_object(fd, handle, SIZE, works ? 1 : 3);
	gem_close(fd, handle);
	gem_close(fd, own);
	close(dmabuf);
}

static void test_late(int fd)
{
	uint32_t own, handle, mapped;
	int dmabuf;

	require_engine();
	own = dgem_create_contiguous(fd, SIZE);
	handle = import(fd, &dmabuf);
	igt_assert_eq_u32(segments(fd, handle), 0);
	dgem_check_object(fd, handle, SIZE, 1);
	igt_assert_eq_u32(segments(fd, handle), 0);

	dgem_copy(fd, handle, 0, own, 0, SIZE);
	dgem_check_object(fd, own, SIZE, 1);
	mapped = segments(fd, handle);
	igt_assert_eq(mapped > 0, has_dma(fd));

	dgem_fill_object(fd, own, SIZE, 2);
	dgem_copy(fd, own, 0, handle, 0, SIZE);
	igt_assert_eq_u32(segments(fd, handle), mapped);
	dgem_check_object(fd, handle, SIZE, 2);
	gem_close(fd, handle);
	gem_close(fd, own);
	close(dmabuf);
}

/* Threads do not assert: they count what must not happen. */
struct race {
	int fd;
	uint32_t from, to[2];
	atomic_int ready, wrong;
};

#define ROUNDS	12

static void first_job(struct race *race, int number)
{
	struct drm_dgem_op op = dgem_op_copy(race->from, 0, race->to[number], 0, SIZE);
	struct drm_dgem_submit submit;

	dgem_submit_init(&submit, &op, 1);
	race->ready++;
	while (race->ready < 2)
		sched_yield();
	race->wrong += __dgem_submit(race->fd, &submit) != 0;
}

static void *first_job_thread(void *data)
{
	first_job(data, 1);
	return NULL;
}

static void test_race(int fd)
{
	int before = dgem_dma_mappings(fd), dmabuf;
	struct race race = { .fd = fd };
	pthread_t thread;

	require_engine();
	for (int i = 0; i < 2; i++)
		race.to[i] = dgem_create_contiguous(fd, SIZE);
	for (int round = 0; round < ROUNDS; round++) {
		race.from = import(fd, &dmabuf);
		race.ready = 0;
		igt_assert_eq(pthread_create(&thread, NULL, first_job_thread, &race), 0);
		first_job(&race, 0);
		igt_assert_eq(pthread_join(thread, NULL), 0);
		igt_assert_eq(race.wrong, 0);
		for (int i = 0; i < 2; i++)
			dgem_check_object(fd, race.to[i], SIZE, 1);
		gem_close(fd, race.from);
		close(dmabuf);
	}
	for (int i = 0; i < 2; i++)
		gem_close(fd, race.to[i]);
	/* The data is right by two mappings as well, of which one would stay. */
	dgem_assert_dma_mappings(fd, before);
}

static void write_text(const char *path, const char *text)
{
	int file = open(path, O_WRONLY | O_CLOEXEC);

	igt_require_f(file >= 0, "this kernel injects no failures: no %s\n", path);
	igt_assert_eq(write(file, text, strlen(text)), strlen(text));
	close(file);
}

/* Have the nth allocation of this task from now on fail. This may be what fails, but just once. */
static void fail_nth(int file, int nth)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%d", nth);

	if (pwrite(file, text, length, 0) != length)
		igt_assert_eq(pwrite(file, text, length, 0), length);
}

/* Whether there were not so many, which then may be what fails here. */
static bool left_to_fail(int file)
{
	char text[16] = "";

	return pread(file, text, sizeof(text) - 1, 0) < 1 || atoi(text);
}

/* Whether the first job of a fresh import did not come to its nth allocation. */
static bool submit_failing(int fd, int file, uint32_t own, int nth, int *failed)
{
	struct drm_dgem_submit submit;
	struct drm_dgem_op op;
	int dmabuf, err;
	uint32_t handle;
	bool left;

	handle = import(fd, &dmabuf);
	op = dgem_op_copy(handle, 0, own, 0, DGEM_PAGE);
	dgem_submit_init(&submit, &op, 1);
	fail_nth(file, nth);
	err = __dgem_submit(fd, &submit);
	left = left_to_fail(file);
	fail_nth(file, 0);

	/* copies from the caller's memory are made to fail as well, and not all failures matter */
	igt_assert_f(!err || err == -ENOMEM || err == -EFAULT, "allocation %d: %d\n", nth, err);
	if (err) {
		igt_assert(!left);
		*failed += 1;
		dgem_copy(fd, handle, 0, own, 0, DGEM_PAGE);
	}
	dgem_check_object(fd, own, DGEM_PAGE, 1);
	dgem_fill_object(fd, own, DGEM_PAGE, 2);
	gem_close(fd, handle);
	close(dmabuf);
	return left;
}

static void test_no_memory(int fd)
{
	int file = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC), nth = 1, failed = 0;
	uint32_t own;

	igt_require_f(file >= 0, "this kernel injects no failures\n");
	/* the CPU's mapping is made by dma-buf, which warns if that fails */
	igt_require_f(has_dma(fd), "the engine is the CPU\n");
	require_engine();
	own = dgem_create_contiguous(fd, DGEM_PAGE);
	write_text("/sys/kernel/debug/failslab/ignore-gfp-wait", "N");
	write_text("/sys/kernel/debug/failslab/verbose", "0");
	write_text("/sys/kernel/debug/fail_page_alloc/verbose", "0");
	write_text("/sys/kernel/debug/fail_usercopy/verbose", "0");
	while (!submit_failing(fd, file, own, nth, &failed))
		igt_assert_lte(nth++, 300);
	igt_info("%d of %d failures kept the job from being accepted\n", failed, nth - 1);
	igt_assert_lte(1, failed);
	write_text("/sys/kernel/debug/failslab/ignore-gfp-wait", "Y");
	close(file);
	gem_close(fd, own);
}

static void test_map_dumb(int fd)
{
	uint32_t own = dgem_create_contiguous(fd, SIZE), handle;
	struct drm_mode_map_dumb map;
	int dmabuf;

	handle = import(fd, &dmabuf);
	for (int used = 0; used < 2; used++) {
		map = (struct drm_mode_map_dumb) { .handle = handle };
		do_ioctl_err(fd, DRM_IOCTL_MODE_MAP_DUMB, &map, EINVAL);
		if (works)
			dgem_copy(fd, handle, 0, own, 0, SIZE);
		/* one of ours is no offset of a dumb buffer, either */
		dgem_mmap_offset(fd, handle);
	}
	gem_close(fd, handle);
	gem_close(fd, own);
	close(dmabuf);
}

static const struct dgem_test tests[] = {
	{ "refused", "SUBMIT tells what the engine does not reach.", test_refused },
	{ "late", "The engine maps an import with the first job.", test_late },
	{ "race", "Threads that submit the first job get one mapping.", test_race },
	{ "no-memory", "After a first job without memory the next one runs.", test_no_memory },
	{ "map-dumb", "An import has no offset as a dumb buffer.", test_map_dumb },
};

int igt_main()
{
	int fd = -1;

	igt_fixture() {
		fd = dgem_open_primary();
		igt_require_f(!access("/dev/dma_heap/system", R_OK), "no heap of system memory\n");
		works = dgem_works_on_imports(fd);
	}

	dgem_subtests(fd, tests, ARRAY_SIZE(tests));

	igt_fixture()
		close(fd);
}
