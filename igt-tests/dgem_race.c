// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <linux/dma-buf.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "igt.h"
#include "igt_syncobj.h"

#include "dgem_instance.h"
#include "dgem_util.h"

/**
 * TEST: dgem race
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: robustness
 * Description: Threads that take each other's handles and file descriptors away.
 *
 * SUBTEST: handles
 * Description: Handles are guessed, used and closed while another thread makes them.
 *
 * SUBTEST: submit-close
 * Description: Objects are closed while another thread submits jobs on them.
 *
 * SUBTEST: export-close
 * Description: A dma-buf is closed by another thread as soon as its number appears.
 *
 * SUBTEST: prime-close
 * Description: Two threads export, import and close one object.
 *
 * SUBTEST: map-close
 * Description: Mappings come and go while another thread closes and makes the object.
 *
 * SUBTEST: sync
 * Description: Threads open and close access windows of one object, in all directions.
 *
 * SUBTEST: purge-export
 * Description: A thread purges what another exports, closes and imports again: either there is a
 *	hole and no dma-buf, or a dma-buf and all of the memory.
 *
 * SUBTEST: mappings
 * Description: Threads that are an object's first to open windows and to submit jobs get one DMA
 *	mapping of it, which goes with the object.
 */

IGT_TEST_DESCRIPTION("Threads that take each other's handles and file descriptors away.");

#define SIZE	(2 * DGEM_PAGE)
#define GUESSES	6
#define FRESH	48
/*
 * Longer than any of these takes. But what was mapped twice costs a kernel that debugs the DMA API
 * a third of a second each time that it is synced.
 */
#define ENOUGH	(40 * NSEC_PER_SEC)

/* What the threads of a test share. Threads do not assert: they count what must not happen. */
struct race {
	int fd;
	uint32_t handle;
	uint32_t src;
	int expected_fd;
	bool stop, idle;
	int met, purged;
	int wrong;
};

static void expect_err(struct race *race, int err, int allowed)
{
	if (err && err != allowed)
		__atomic_add_fetch(&race->wrong, 1, __ATOMIC_RELAXED);
}

static void close_handle(struct race *race, uint32_t handle)
{
	struct drm_gem_close close = { .handle = handle };

	/* DRM says EINVAL of a handle that is none. */
	expect_err(race, dgem_ioctl(race->fd, DRM_IOCTL_GEM_CLOSE, &close), -EINVAL);
}

static uint32_t create_quietly(struct race *race, int round)
{
	struct drm_dgem_create create = {
		.size = SIZE,
		.kind = round & 1 ? DRM_DGEM_KIND_COHERENT : DRM_DGEM_KIND_CONTIGUOUS,
	};

	expect_err(race, __dgem_create(race->fd, &create), 0);
	return create.handle;
}

static void run(struct race *race, void *(*other)(void *), void (*ours)(struct race *, int round),
		int rounds)
{
	const int64_t end = dgem_now() + ENOUGH;
	pthread_t thread;

	igt_assert_eq(pthread_create(&thread, NULL, other, race), 0);
	for (int round = 0; round < rounds && dgem_now() < end; round++) {
		ours(race, round);
		if (round % 16 == 0)
			sched_yield();
	}
	WRITE_ONCE(race->stop, true);
	igt_assert_eq(pthread_join(thread, NULL), 0);
	igt_assert_eq(race->wrong, 0);
}

static void close_guesses(struct race *race)
{
	for (uint32_t handle = 1; handle <= GUESSES; handle++)
		close_handle(race, handle);
}

static void *guess_handles(void *data)
{
	struct race *race = data;

	for (uint32_t handle = 1; !READ_ONCE(race->stop); handle = handle % GUESSES + 1) {
		struct drm_dgem_info info = { .handle = handle };
		struct drm_dgem_mmap map = { .handle = handle };
		void *ptr;

		expect_err(race, __dgem_info(race->fd, &info), -ENOENT);
		expect_err(race, __dgem_sync(race->fd, handle, DRM_DGEM_SYNC_READ, 0, 64, 0),
			   -ENOENT);
		if (!__dgem_mmap_offset(race->fd, &map)) {
			ptr = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, race->fd,
				   map.offset);
			if (ptr != MAP_FAILED) {
				*(volatile uint8_t *)ptr = 1;
				munmap(ptr, SIZE);
			}
		}
		close_handle(race, handle);
		sched_yield();
	}
	return NULL;
}

static void make_handles(struct race *race, int round)
{
	create_quietly(race, round);
	if (round % 8 == 7)
		close_guesses(race);
}

static void test_handles(struct race *race)
{
	run(race, guess_handles, make_handles, 600);
	close_guesses(race);
}

static void *submit_guesses(void *data)
{
	struct race *race = data;

	for (uint32_t i = 0; !READ_ONCE(race->stop); i++) {
		struct drm_dgem_op op = dgem_op_copy(i % GUESSES + 1, 0, (i + 1) % GUESSES + 1, 0,
						     64);
		struct drm_dgem_submit submit;

		int err;

		dgem_submit_init(&submit, &op, 1);
		err = __dgem_submit(race->fd, &submit);
		expect_err(race, err, -ENOENT);
		/* A slow engine takes its time for each: the queue must not grow without end. */
		if (!err)
			dgem_sleep_ms(30);
		sched_yield();
	}
	return NULL;
}

static void make_and_close(struct race *race, int round)
{
	uint32_t handle = create_quietly(race, round);

	if (round & 2)
		close_handle(race, handle);
	if (round % 8 == 7) {
		dgem_sleep_ms(20);
		close_guesses(race);
	}
}

static void test_submit_close(struct race *race)
{
	run(race, submit_guesses, make_and_close, 200);
	close_guesses(race);
}

static void *close_expected_fd(void *data)
{
	struct race *race = data;

	while (!READ_ONCE(race->stop)) {
		close(race->expected_fd);
		sched_yield();
	}
	return NULL;
}

static void export_once(struct race *race, int round)
{
	int dmabuf = __dgem_export(race->fd, race->handle, DRM_CLOEXEC | DRM_RDWR);

	if (dmabuf != race->expected_fd)
		__atomic_add_fetch(&race->wrong, 1, __ATOMIC_RELAXED);
	/* It may be closed by now, or not. */
	ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &(struct dma_buf_sync) { .flags = DMA_BUF_SYNC_READ });
	close(dmabuf);
}

/* In a process of its own, whose next free file descriptor is known. */
static void test_export_close(struct race *race)
{
	igt_fork(child, 1) {
		race->fd = dgem_open();
		race->handle = dgem_create_contiguous(race->fd, SIZE);
		race->expected_fd = dup(race->fd);
		close(race->expected_fd);
		run(race, close_expected_fd, export_once, 500);
		gem_close(race->fd, race->handle);
		close(race->fd);
	}
	igt_waitchildren();
}

/* Both threads have a reference by the mapping, so the object itself never goes. */
static void export_import_close(struct race *race, int round)
{
	uint32_t handle;
	int dmabuf = __dgem_export(race->fd, race->handle, DRM_CLOEXEC | DRM_RDWR);

	expect_err(race, dmabuf < 0 ? dmabuf : 0, -ENOENT);
	if (dmabuf < 0)
		return;
	expect_err(race, __dgem_import(race->fd, dmabuf, &handle), 0);
	if (handle)
		WRITE_ONCE(race->handle, handle);
	close_handle(race, race->handle);
	if (!__dgem_import(race->fd, dmabuf, &handle))
		WRITE_ONCE(race->handle, handle);
	close(dmabuf);
}

static void *export_import_close_thread(void *data)
{
	struct race *race = data;

	for (int round = 0; !READ_ONCE(race->stop); round++) {
		export_import_close(race, round);
		sched_yield();
	}
	return NULL;
}

static void test_prime_close(struct race *race)
{
	uint32_t handle;
	uint8_t *ptr;
	int dmabuf;

	race->handle = dgem_create_filled(race->fd, &dgem_kinds[0], SIZE, 1);
	dmabuf = dgem_export(race->fd, race->handle);
	ptr = dgem_mmap(race->fd, race->handle, SIZE);
	run(race, export_import_close_thread, export_import_close, 300);
	/* The one dma-buf is still the object's. */
	igt_assert_eq(__dgem_import(race->fd, dmabuf, &handle), 0);
	dgem_check_object(race->fd, handle, SIZE, 1);
	dgem_check(ptr, 0, SIZE, 1);
	munmap(ptr, SIZE);
	close(dmabuf);
	close_handle(race, handle);
}

static void *map_guesses(void *data)
{
	struct race *race = data;

	while (!READ_ONCE(race->stop)) {
		struct drm_dgem_mmap map = { .handle = 1 };
		volatile uint8_t *ptr;

		if (__dgem_mmap_offset(race->fd, &map))
			continue;
		ptr = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, race->fd, map.offset);
		if (ptr == MAP_FAILED)
			continue;
		/* A mapping holds its object, whatever became of the handle. */
		ptr[0] = 1;
		sched_yield();
		ptr[DGEM_PAGE] = 2;
		munmap((void *)ptr, DGEM_PAGE);
		munmap((void *)ptr, SIZE);
	}
	return NULL;
}

static void remake_first(struct race *race, int round)
{
	uint32_t handle = create_quietly(race, round);

	sched_yield();
	close_handle(race, handle);
}

static void test_map_close(struct race *race)
{
	run(race, map_guesses, remake_first, 500);
}

static void window_once(struct race *race, int round)
{
	uint32_t flags = round % 3 + 1;

	expect_err(race, __dgem_sync(race->fd, race->handle, flags, round % 4000, 96,
				     dgem_now() + DGEM_PATIENCE_NS), 0);
	expect_err(race, __dgem_sync(race->fd, race->handle, flags | DRM_DGEM_SYNC_END,
				     round % 4000, 96, 0), 0);
	ioctl(race->expected_fd, DMA_BUF_IOCTL_SYNC, &(struct dma_buf_sync) { .flags = flags });
	ioctl(race->expected_fd, DMA_BUF_IOCTL_SYNC,
	      &(struct dma_buf_sync) { .flags = flags | DMA_BUF_SYNC_END });
}

static void *windows(void *data)
{
	struct race *race = data;

	for (int round = 1; !READ_ONCE(race->stop); round++) {
		window_once(race, round);
		sched_yield();
	}
	return NULL;
}

static void test_sync(struct race *race)
{
	uint32_t other = dgem_create_contiguous(race->fd, SIZE);

	race->handle = dgem_create_filled(race->fd, &dgem_kinds[0], SIZE, 1);
	race->expected_fd = dgem_export(race->fd, race->handle);
	/* The engine has mapped it, so that there is something to synchronize. */
	dgem_copy(race->fd, race->handle, 0, other, 0, SIZE);
	run(race, windows, window_once, 300);
	dgem_copy(race->fd, other, 0, race->handle, 0, SIZE);
	dgem_check_object(race->fd, race->handle, SIZE, 1);
	close(race->expected_fd);
	gem_close(race->fd, race->handle);
	gem_close(race->fd, other);
}

/* Two threads go on from here together. */
static void meet(struct race *race, int times)
{
	__atomic_add_fetch(&race->met, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&race->met, __ATOMIC_SEQ_CST) < 2 * times)
		sched_yield();
}

/*
 * The first windows of an object and, of some, the first jobs: a slow engine takes its time for
 * each. False: there are no more objects.
 */
static bool use_first(struct race *race, int round)
{
	struct drm_dgem_submit submit;
	struct drm_dgem_op op;

	meet(race, 3 * round + 1);
	if (READ_ONCE(race->stop))
		return false;
	window_once(race, round);
	meet(race, 3 * round + 2);
	if (round % 4 == 0) {
		op = dgem_op_copy(race->src, 0, race->handle, 0, 64);
		dgem_submit_init(&submit, &op, 1);
		expect_err(race, __dgem_submit(race->fd, &submit), 0);
	}
	meet(race, 3 * round + 3);
	return true;
}

static void *use_first_thread(void *data)
{
	int round = 0;

	while (use_first(data, round))
		round++;
	return NULL;
}

/* Whatever has the handle, if anything; idle when it was told of none. */
static void *purge_handle(void *data)
{
	struct race *race = data;

	while (!READ_ONCE(race->stop)) {
		uint32_t handle = READ_ONCE(race->handle);
		int err;

		if (!handle) {
			WRITE_ONCE(race->idle, true);
			sched_yield();
			continue;
		}
		err = __dgem_purge(race->fd, handle, 0, SIZE, 0);
		if (!err)
			__atomic_add_fetch(&race->purged, 1, __ATOMIC_SEQ_CST);
		else if (err != -EBUSY)
			expect_err(race, err, -ENOENT);
	}
	return NULL;
}

static void stop_purging(struct race *race)
{
	WRITE_ONCE(race->idle, false);
	__atomic_store_n(&race->handle, 0, __ATOMIC_SEQ_CST);
	while (!READ_ONCE(race->idle))
		sched_yield();
}

/* Core forgets a dma-buf with the last handle of its object, which is the same number each time. */
static void test_purge_export(struct race *race)
{
	static const struct dgem_kind kinds[] = {
		{ .kind = DRM_DGEM_KIND_PAGES, .name = "pages" },
		{ .kind = DRM_DGEM_KIND_PAGES, .flags = DRM_DGEM_CREATE_LAZY, .name = "lazy" },
	};
	const int64_t end = dgem_now() + ENOUGH;
	int exported = 0, holes = 0;
	pthread_t thread;

	igt_assert_eq(pthread_create(&thread, NULL, purge_handle, race), 0);
	for (int round = 0; round < 300 && dgem_now() < end; round++) {
		uint32_t handle, again = 0;
		int dmabuf;

		stop_purging(race);
		handle = dgem_create_filled(race->fd, &kinds[round & 1], SIZE, round);
		race->purged = 0;
		/* now and then the purge is late by some time */
		if (round & 2)
			__atomic_store_n(&race->handle, handle, __ATOMIC_SEQ_CST);
		for (int i = 0; i < round % 4; i++)
			sched_yield();
		dmabuf = __dgem_export(race->fd, handle, DRM_CLOEXEC | DRM_RDWR);
		__atomic_store_n(&race->handle, handle, __ATOMIC_SEQ_CST);
		for (int i = 0; i < 8; i++) {
			close_handle(race, again ?: handle);
			if (dmabuf < 0)
				break;
			igt_assert_eq(__dgem_import(race->fd, dmabuf, &again), 0);
			igt_assert_eq_u32(again, handle);
		}
		stop_purging(race);
		igt_assert_eq(race->wrong, 0);
		if (dmabuf < 0) {
			igt_assert_eq(dmabuf, -ENXIO);
			igt_assert_lte(1, race->purged);
			holes++;
			continue;
		}
		igt_assert_eq(race->purged, 0);
		igt_assert_eq_u64(dgem_resident(race->fd, again), SIZE);
		dgem_check_object(race->fd, again, SIZE, round);
		gem_close(race->fd, again);
		close(dmabuf);
		exported++;
	}
	WRITE_ONCE(race->stop, true);
	igt_assert_eq(pthread_join(thread, NULL), 0);
	igt_info("%d times exported, %d times purged\n", exported, holes);
	igt_assert_lte(1, exported);
}

static uint32_t segments(int fd, uint32_t handle)
{
	struct drm_dgem_info info;

	dgem_info(fd, handle, &info);
	return info.segments;
}

/*
 * Of two mappings made at a time one may be forgotten: objects and memory still add up, but the
 * device has more mappings than it has segments of objects.
 */
static void test_mappings(struct race *race)
{
	int before = dgem_dma_mappings(race->fd), dmabufs[FRESH], mapped, round;
	uint32_t handles[FRESH];
	pthread_t thread;
	int64_t end;

	igt_require_f(before >= 0, "this kernel does not debug the DMA API\n");
	race->src = dgem_create_contiguous(race->fd, SIZE);
	for (int i = 0; i < FRESH; i++) {
		handles[i] = dgem_create_contiguous(race->fd, SIZE);
		dmabufs[i] = dgem_export(race->fd, handles[i]);
	}
	/* Allocations for devices count, too. */
	mapped = dgem_dma_mappings(race->fd);

	igt_assert_eq(pthread_create(&thread, NULL, use_first_thread, race), 0);
	end = dgem_now() + 3 * NSEC_PER_SEC;
	for (round = 0; round < FRESH && (!round || dgem_now() < end); round++) {
		race->handle = handles[round];
		race->expected_fd = dmabufs[round];
		use_first(race, round);
	}
	WRITE_ONCE(race->stop, true);
	use_first(race, round);
	igt_assert_eq(pthread_join(thread, NULL), 0);
	igt_assert_eq(race->wrong, 0);

	mapped += segments(race->fd, race->src);
	for (int i = 0; i < FRESH; i++)
		mapped += segments(race->fd, handles[i]);
	igt_assert_eq(dgem_dma_mappings(race->fd), mapped);

	for (int i = 0; i < FRESH; i++) {
		/* This waits for the object's jobs. */
		dgem_sync_start(race->fd, handles[i], DRM_DGEM_SYNC_READ, SIZE);
		dgem_sync_end(race->fd, handles[i], DRM_DGEM_SYNC_READ, SIZE);
		close(dmabufs[i]);
		gem_close(race->fd, handles[i]);
	}
	gem_close(race->fd, race->src);
	dgem_assert_dma_mappings(race->fd, before);
}

static const struct {
	const char *name, *describe;
	void (*test)(struct race *race);
} tests[] = {
	{ "handles", "Handles are guessed, used and closed.", test_handles },
	{ "submit-close", "Objects are closed while jobs are submitted.", test_submit_close },
	{ "export-close", "A dma-buf is closed as soon as it appears.", test_export_close },
	{ "prime-close", "Two threads export, import and close.", test_prime_close },
	{ "map-close", "Mappings race with the object's end.", test_map_close },
	{ "sync", "Threads open and close windows of one object.", test_sync },
	{ "purge-export", "A thread purges what another exports.", test_purge_export },
	{ "mappings", "Threads that are an object's first get one mapping.", test_mappings },
};

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = dgem_open();

	for (int i = 0; i < ARRAY_SIZE(tests); i++) {
		igt_describe(tests[i].describe);
		igt_subtest(tests[i].name) {
			struct race race = { .fd = dgem_open() };
			struct dgem_snapshot before;

			dgem_snapshot(fd, &before);
			tests[i].test(&race);
			close(race.fd);
			before.fds--;
			dgem_assert_unchanged(fd, &before);
		}
	}

	igt_fixture()
		close(fd);
}
