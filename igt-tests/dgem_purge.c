// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

#include "igt.h"
#include "igt_syncobj.h"

#include "dgem_util.h"

/**
 * TEST: dgem purge
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: buffer management
 * Description: Giving parts of an object's memory back.
 *
 * SUBTEST: hole
 * Description: Inside of a hole there is nothing, and around it all is as before.
 *
 * SUBTEST: hole-by-page
 * Description: Pages go one by one, in any order, until nothing is left.
 *
 * SUBTEST: hole-lazy
 * Description: What is purged before it came never comes.
 *
 * SUBTEST: hole-large
 * Description: Holes beyond 8 GiB, or 2 GiB for 32-bit programs, and of a whole such object are
 *		where they should be.
 *
 * SUBTEST: copy
 * Description: Jobs that work on a byte of a hole are refused, others run.
 *
 * SUBTEST: mapped
 * Description: A mapped object is purged by force alone, and its mappings show the hole.
 *
 * SUBTEST: exported
 * Description: What is exported is not purged, and what is purged is not exported.
 *
 * SUBTEST: job
 * Description: What a job works on is not purged.
 *
 * SUBTEST: threads
 * Description: Purging, touching and copying at the same time does no harm.
 *
 * SUBTEST: bad-range
 * Description: Ranges that are empty, wrap, reach past the end or are off a page are refused.
 *
 * SUBTEST: bad-flags
 * Description: Unknown flags are refused.
 *
 * SUBTEST: bad-handle
 * Description: Handles of nothing are refused.
 *
 * SUBTEST: bad-kind
 * Description: Memory that has to stay in one piece is not purged.
 */

IGT_TEST_DESCRIPTION("Giving parts of an object's memory back.");

#define CHUNK	(2 * DGEM_MIB)
#define PAGES	(CHUNK / DGEM_PAGE)

static uint32_t create(int fd, uint64_t size, uint32_t flags)
{
	struct drm_dgem_create create = {
		.size = size,
		.kind = DRM_DGEM_KIND_PAGES,
		.flags = flags,
	};

	igt_assert_eq(__dgem_create(fd, &create), 0);
	return create.handle;
}

static int __purge(int fd, uint32_t handle, uint64_t offset, uint64_t length, uint32_t flags)
{
	struct drm_dgem_purge purge = {
		.handle = handle,
		.flags = flags,
		.offset = offset,
		.length = length,
	};

	return dgem_ioctl(fd, DRM_IOCTL_DGEM_PURGE, &purge);
}

static void purge(int fd, uint32_t handle, uint64_t offset, uint64_t length)
{
	igt_assert_eq(__purge(fd, handle, offset, length, 0), 0);
}

static uint64_t resident(int fd, uint32_t handle)
{
	struct drm_dgem_info info;

	dgem_info(fd, handle, &info);
	return info.resident;
}

/* The first and the last bytes of a page tell which one it is. */
static void mark(uint8_t *ptr, uint64_t page)
{
	dgem_fill(ptr + page * DGEM_PAGE, page * DGEM_PAGE, 16, 1);
	dgem_fill(ptr + (page + 1) * DGEM_PAGE - 16, (page + 1) * DGEM_PAGE - 16, 16, 1);
}

static void check_mark(const uint8_t *ptr, uint64_t page)
{
	dgem_check(ptr + page * DGEM_PAGE, page * DGEM_PAGE, 16, 1);
	dgem_check(ptr + (page + 1) * DGEM_PAGE - 16, (page + 1) * DGEM_PAGE - 16, 16, 1);
}

static void mark_all(int fd, uint32_t handle, uint64_t pages)
{
	uint8_t *ptr = dgem_mmap(fd, handle, pages * DGEM_PAGE);

	for (uint64_t page = 0; page < pages; page++)
		mark(ptr, page);
	munmap(ptr, pages * DGEM_PAGE);
}

static void check_hole(uint8_t *ptr, uint64_t pages, uint64_t first, uint64_t count)
{
	for (uint64_t page = 0; page < pages; page++) {
		bool gone = page >= first && page < first + count;

		/* Each fault of a page that is not there takes its time: not all of them. */
		if (gone && page != first && page != first + count - 1 && page % 61)
			continue;
		if (gone)
			igt_assert_eq(dgem_touch(ptr + page * DGEM_PAGE, page & 1), SIGBUS);
		else
			check_mark(ptr, page);
	}
}

static void test_hole(int fd)
{
	const struct {
		uint64_t first, count;
	} holes[] = {
		{ 0, 1 }, { 5, 4 }, { PAGES - 1, 2 }, { PAGES, PAGES }, { 1, 2 * PAGES },
		{ 2 * PAGES + 3, 2 }, { 0, 2 * PAGES + 4 }, { 0, 2 * PAGES + 5 },
	};
	const uint64_t pages = 2 * PAGES + 5, size = pages * DGEM_PAGE;

	for (int i = 0; i < ARRAY_SIZE(holes); i++) {
		uint32_t handle = create(fd, size, i & 1 ? DRM_DGEM_CREATE_LAZY : 0);
		uint8_t *ptr;

		mark_all(fd, handle, pages);
		igt_assert_eq_u64(resident(fd, handle), size);
		purge(fd, handle, holes[i].first * DGEM_PAGE, holes[i].count * DGEM_PAGE);
		igt_assert_eq_u64(resident(fd, handle), size - holes[i].count * DGEM_PAGE);
		ptr = dgem_mmap(fd, handle, size);
		check_hole(ptr, pages, holes[i].first, holes[i].count);
		igt_assert_eq_u64(resident(fd, handle), size - holes[i].count * DGEM_PAGE);
		munmap(ptr, size);
		gem_close(fd, handle);
	}
}

static void test_hole_by_page(int fd)
{
	const uint64_t pages = PAGES + 3, size = pages * DGEM_PAGE;
	uint32_t handle = create(fd, size, 0), page = 0;
	uint8_t *ptr;

	mark_all(fd, handle, pages);
	for (uint64_t i = 0; i < pages; i++) {
		/* 101 and the number of pages have no divisor in common: all pages come up */
		page = (page + 101) % pages;
		purge(fd, handle, page * DGEM_PAGE, DGEM_PAGE);
		purge(fd, handle, page * DGEM_PAGE, DGEM_PAGE);
		igt_assert_eq_u64(resident(fd, handle), size - (i + 1) * DGEM_PAGE);
		if (i % 100 != 50)
			continue;
		ptr = dgem_mmap(fd, handle, size);
		for (uint64_t j = i + 1, next = page; j < pages; j++) {
			next = (next + 101) % pages;
			check_mark(ptr, next);
		}
		igt_assert_eq(dgem_touch(ptr + page * DGEM_PAGE, false), SIGBUS);
		munmap(ptr, size);
	}
	igt_assert_eq_u64(resident(fd, handle), 0);
	gem_close(fd, handle);
}

static void test_hole_lazy(int fd)
{
	const uint64_t size = 4 * CHUNK;
	uint32_t handle = create(fd, size, DRM_DGEM_CREATE_LAZY);
	uint8_t *ptr;

	purge(fd, handle, DGEM_PAGE, 2 * DGEM_PAGE);
	purge(fd, handle, 5 * DGEM_PAGE, DGEM_PAGE);
	purge(fd, handle, CHUNK + 7 * DGEM_PAGE, 2 * CHUNK);
	igt_assert_eq_u64(resident(fd, handle), 0);
	ptr = dgem_mmap(fd, handle, size);
	igt_assert_eq(dgem_touch(ptr + 2 * DGEM_PAGE, true), SIGBUS);
	igt_assert_eq_u64(resident(fd, handle), 0);
	igt_assert_eq(dgem_touch(ptr + 3 * DGEM_PAGE, true), 0);
	igt_assert_eq_u64(resident(fd, handle), CHUNK - 3 * DGEM_PAGE);
	igt_assert_eq(dgem_touch(ptr, true), 0);
	igt_assert_eq(dgem_touch(ptr + 5 * DGEM_PAGE, true), SIGBUS);
	igt_assert_eq(dgem_touch(ptr + CHUNK + 6 * DGEM_PAGE, true), 0);
	igt_assert_eq(dgem_touch(ptr + 2 * CHUNK, true), SIGBUS);
	igt_assert_eq(dgem_touch(ptr + 3 * CHUNK + 6 * DGEM_PAGE, true), SIGBUS);
	igt_assert_eq(dgem_touch(ptr + 3 * CHUNK + 7 * DGEM_PAGE, true), 0);
	igt_assert_eq_u64(resident(fd, handle), 2 * CHUNK - 3 * DGEM_PAGE);
	munmap(ptr, size);
	gem_close(fd, handle);
}

static void test_hole_large(int fd)
{
	const bool wide = dgem_mappable() > 1ull << 38;
	/* where a place would be without its highest bits, and the place */
	const uint64_t near = 5 * DGEM_PAGE, far = (1ull << (wide ? 33 : 31)) + near;
	const uint64_t size = wide ? (1ull << 38) + DGEM_PAGE : far + CHUNK;
	uint32_t handle = create(fd, size, DRM_DGEM_CREATE_LAZY);
	uint8_t *ptr = dgem_mmap(fd, handle, size);

	mark(ptr, far / DGEM_PAGE);
	mark(ptr, far / DGEM_PAGE + 1);
	munmap(ptr, size);
	purge(fd, handle, far, DGEM_PAGE);
	ptr = dgem_mmap(fd, handle, size);
	igt_assert_eq(dgem_touch(ptr + far, false), SIGBUS);
	igt_assert_eq(dgem_touch(ptr + near, false), 0);
	check_mark(ptr, far / DGEM_PAGE + 1);
	munmap(ptr, size);
	igt_assert_eq_u64(resident(fd, handle), 2 * CHUNK - DGEM_PAGE);

	purge(fd, handle, 0, size);
	igt_assert_eq_u64(resident(fd, handle), 0);
	ptr = dgem_mmap(fd, handle, size);
	igt_assert_eq(dgem_touch(ptr, false), SIGBUS);
	igt_assert_eq(dgem_touch(ptr + size - DGEM_PAGE, true), SIGBUS);
	munmap(ptr, size);
	gem_close(fd, handle);
}

static int __copy(int fd, uint32_t src, uint64_t src_offset, uint32_t dst, uint64_t dst_offset,
		  uint64_t length)
{
	struct drm_dgem_op op = dgem_op_copy(src, src_offset, dst, dst_offset, length);
	struct drm_dgem_submit submit;

	dgem_submit_init(&submit, &op, 1);
	return __dgem_submit(fd, &submit);
}

static void test_copy(int fd)
{
	const uint64_t size = CHUNK + 8 * DGEM_PAGE, hole = CHUNK - 2 * DGEM_PAGE;
	uint32_t other = dgem_create_filled(fd, &dgem_kinds[0], 4 * DGEM_PAGE, 2);

	/* The engine has seen the object before, or not. */
	for (int seen = 0; seen < 2; seen++) {
		uint32_t handle = create(fd, size, 0);
		struct drm_dgem_query_stats before, now;

		mark_all(fd, handle, size / DGEM_PAGE);
		if (seen)
			dgem_copy(fd, handle, hole, other, 0, DGEM_PAGE);
		purge(fd, handle, hole, 3 * DGEM_PAGE);

		dgem_query_stats(fd, &before);
		for (uint64_t page = 0; page < 4; page++) {
			uint64_t at = hole - DGEM_PAGE + page * DGEM_PAGE;
			int err = page == 0 ? 0 : -ENXIO;

			if (err) {
				igt_assert_eq(__copy(fd, handle, at, other, 0, 16), err);
				igt_assert_eq(__copy(fd, other, 0, handle, at, 16), err);
			}
			igt_assert_eq(__copy(fd, handle, at, other, 0, 4 * DGEM_PAGE), -ENXIO);
			igt_assert_eq(__copy(fd, other, 0, handle, at, 4 * DGEM_PAGE), -ENXIO);
		}
		igt_assert_eq(__copy(fd, handle, hole - 64, other, 0, 128), -ENXIO);
		igt_assert_eq(__copy(fd, other, 0, handle, hole + 3 * DGEM_PAGE - 64, 128), -ENXIO);
		dgem_query_stats(fd, &now);
		igt_assert_eq_u64(now.jobs, before.jobs);

		/* the neighbours, to the last byte */
		dgem_copy(fd, handle, hole - DGEM_PAGE, other, 0, DGEM_PAGE);
		dgem_copy(fd, handle, hole + 3 * DGEM_PAGE, other, DGEM_PAGE, 2 * DGEM_PAGE);
		dgem_copy(fd, other, 0, handle, hole + 5 * DGEM_PAGE, 3 * DGEM_PAGE);
		{
			uint8_t *ptr = dgem_mmap(fd, other, 4 * DGEM_PAGE);
			uint64_t from = hole - DGEM_PAGE;

			dgem_sync_start(fd, other, DRM_DGEM_SYNC_READ, 4 * DGEM_PAGE);
			dgem_check(ptr, from, 16, 1);
			dgem_check(ptr + DGEM_PAGE - 16, from + DGEM_PAGE - 16, 16, 1);
			dgem_check(ptr + DGEM_PAGE, hole + 3 * DGEM_PAGE, 16, 1);
			dgem_check(ptr + 2 * DGEM_PAGE, hole + 4 * DGEM_PAGE, 16, 1);
			dgem_sync_end(fd, other, DRM_DGEM_SYNC_READ, 4 * DGEM_PAGE);
			munmap(ptr, 4 * DGEM_PAGE);

			ptr = dgem_mmap(fd, handle, size);
			dgem_sync_start(fd, handle, DRM_DGEM_SYNC_READ, size);
			dgem_check(ptr + hole + 5 * DGEM_PAGE, from, 16, 1);
			check_mark(ptr, hole / DGEM_PAGE - 1);
			dgem_sync_end(fd, handle, DRM_DGEM_SYNC_READ, size);
			munmap(ptr, size);
		}
		gem_close(fd, handle);
	}
	gem_close(fd, other);
}

static void test_mapped(int fd)
{
	const uint64_t pages = 2 * PAGES, size = pages * DGEM_PAGE;
	uint32_t handle = create(fd, size, 0);
	uint8_t *ptr = dgem_mmap(fd, handle, size), *other = dgem_mmap(fd, handle, size);

	for (uint64_t page = 0; page < pages; page++)
		mark(ptr, page);
	check_hole(other, pages, 0, 0);
	igt_assert_eq(__purge(fd, handle, 7 * DGEM_PAGE, DGEM_PAGE, 0), -EBUSY);
	igt_assert_eq_u64(resident(fd, handle), size);
	check_hole(ptr, pages, 0, 0);

	igt_assert_eq(__purge(fd, handle, 7 * DGEM_PAGE, DGEM_PAGE, DRM_DGEM_PURGE_FORCE), 0);
	igt_assert_eq_u64(resident(fd, handle), size - DGEM_PAGE);
	check_hole(ptr, pages, 7, 1);
	check_hole(other, pages, 7, 1);
	igt_assert_eq(__purge(fd, handle, 7 * DGEM_PAGE, CHUNK, DRM_DGEM_PURGE_FORCE), 0);
	check_hole(ptr, pages, 7, PAGES);
	check_hole(other, pages, 7, PAGES);
	igt_assert_eq_u32(dgem_vmas(fd, handle), 2);
	munmap(ptr, size);
	munmap(other, size);
	gem_close(fd, handle);
}

static void test_exported(int fd)
{
	const uint64_t size = CHUNK;
	uint32_t handle = create(fd, size, 0);
	int dmabuf = dgem_export(fd, handle);

	igt_assert_eq(__purge(fd, handle, 0, DGEM_PAGE, 0), -EBUSY);
	igt_assert_eq(__purge(fd, handle, 0, DGEM_PAGE, DRM_DGEM_PURGE_FORCE), -EBUSY);
	close(dmabuf);
	dmabuf = dgem_export(fd, handle);
	igt_assert_eq_u64(resident(fd, handle), size);
	/* A dma-buf lives as long as its handle does: GEM keeps it. */
	close(dmabuf);
	gem_close(fd, handle);

	handle = create(fd, size, 0);
	purge(fd, handle, 5 * DGEM_PAGE, DGEM_PAGE);
	igt_assert_eq(__dgem_export(fd, handle, DRM_CLOEXEC | DRM_RDWR), -ENXIO);
	/* It was not harmed. */
	purge(fd, handle, 6 * DGEM_PAGE, DGEM_PAGE);
	gem_close(fd, handle);
}

static void test_job(int fd)
{
	const uint64_t size = CHUNK;
	uint32_t handle = create(fd, size, 0), other = dgem_create(fd, &dgem_kinds[0], DGEM_PAGE);
	struct drm_dgem_op ops[] = {
		dgem_op_copy(handle, 0, other, 0, DGEM_PAGE),
		dgem_op_copy(other, 0, handle, 0, DGEM_PAGE),
	};
	static const uint32_t flags[] = { 0, DRM_DGEM_SUBMIT_NO_IMPLICIT };
	struct dgem_gate gate;
	uint32_t done;

	mark_all(fd, handle, PAGES);
	for (int i = 0; i < ARRAY_SIZE(ops) * ARRAY_SIZE(flags); i++) {
		done = syncobj_create(fd, 0);
		dgem_gate_close(&gate, fd);
		dgem_submit(fd, &ops[i / 2], 1, flags[i % 2], gate.syncobj, done);
		/* a hole elsewhere would do the job no harm, but objects are busy as a whole */
		igt_assert_eq(__purge(fd, handle, 0, DGEM_PAGE, 0), -EBUSY);
		igt_assert_eq(__purge(fd, handle, 9 * DGEM_PAGE, DGEM_PAGE,
				      DRM_DGEM_PURGE_FORCE), -EBUSY);
		igt_assert_eq_u64(resident(fd, handle), size);
		dgem_gate_open(&gate);
		dgem_wait(fd, done);
		dgem_gate_fini(&gate);
		syncobj_destroy(fd, done);
	}
	purge(fd, handle, 0, DGEM_PAGE);
	igt_assert_eq_u64(resident(fd, handle), size - DGEM_PAGE);
	gem_close(fd, handle);
	gem_close(fd, other);
}

struct crowd {
	int fd;
	uint32_t handle, other;
	uint8_t *ptr;
	volatile bool stop;
};

static void *who_purges(void *data)
{
	struct crowd *crowd = data;

	for (uint64_t page = 1; page < PAGES; page += 32) {
		int err = -EBUSY;

		/* A job may be working on the object. */
		while (err == -EBUSY) {
			dgem_sleep_ms(1);
			err = __purge(crowd->fd, crowd->handle, page * DGEM_PAGE, DGEM_PAGE,
				      DRM_DGEM_PURGE_FORCE);
		}
		igt_assert_eq(err, 0);
	}
	crowd->stop = true;
	return NULL;
}

static void *who_copies(void *data)
{
	struct crowd *crowd = data;

	for (uint64_t page = 0; !crowd->stop; page = (page + 7) % PAGES) {
		int err = __copy(crowd->fd, crowd->handle, page * DGEM_PAGE, crowd->other, 0, 64);

		igt_assert(err == 0 || err == -ENXIO);
		/* One job at a time, and time for a purge in between. */
		igt_assert_eq(__dgem_sync(crowd->fd, crowd->other, DRM_DGEM_SYNC_READ, 0, DGEM_PAGE,
					  dgem_now() + DGEM_PATIENCE_NS), 0);
		dgem_sleep_ms(5);
	}
	return NULL;
}

/* Nobody purges what this one reads. */
static void *who_reads(void *data)
{
	struct crowd *crowd = data;

	while (!crowd->stop) {
		for (uint64_t page = 0; page < PAGES; page += 32)
			check_mark(crowd->ptr, page);
		dgem_sleep_ms(1);
	}
	return NULL;
}

static void test_threads(int fd)
{
	void *(*const who[])(void *) = { who_purges, who_copies, who_reads, who_reads };
	struct crowd crowd = { .fd = fd, .handle = create(fd, CHUNK, 0) };
	pthread_t threads[ARRAY_SIZE(who)];

	crowd.other = dgem_create(fd, &dgem_kinds[0], DGEM_PAGE);
	mark_all(fd, crowd.handle, PAGES);
	crowd.ptr = dgem_mmap(fd, crowd.handle, CHUNK);
	for (int i = 0; i < ARRAY_SIZE(who); i++)
		igt_assert_eq(pthread_create(&threads[i], NULL, who[i], &crowd), 0);
	for (int i = 0; i < ARRAY_SIZE(who); i++)
		pthread_join(threads[i], NULL);
	for (uint64_t page = 0; page < PAGES; page++) {
		if (page % 32 != 1)
			check_mark(crowd.ptr, page);
	}
	igt_assert_eq(dgem_touch(crowd.ptr + DGEM_PAGE, false), SIGBUS);
	munmap(crowd.ptr, CHUNK);
	gem_close(fd, crowd.handle);
	gem_close(fd, crowd.other);
}

static void test_bad_range(int fd)
{
	const uint64_t size = 8 * DGEM_PAGE;
	uint32_t handle = create(fd, size, 0);
	const struct {
		uint64_t offset, length;
	} bad[] = {
		{ 0, 0 }, { DGEM_PAGE, 0 }, { size, DGEM_PAGE }, { 0, size + DGEM_PAGE },
		{ DGEM_PAGE, size }, { 1, DGEM_PAGE }, { 0, DGEM_PAGE - 1 }, { 0, 1 },
		{ 512, DGEM_PAGE - 512 }, { 0, UINT64_MAX & ~(DGEM_PAGE - 1) },
		{ UINT64_MAX & ~(DGEM_PAGE - 1), 2 * DGEM_PAGE }, { 1ull << 63, 1ull << 63 },
		{ DGEM_PAGE, UINT64_MAX & ~(DGEM_PAGE - 1) }, { 1ull << 32, DGEM_PAGE },
	};

	for (int i = 0; i < ARRAY_SIZE(bad); i++)
		igt_assert_eq(__purge(fd, handle, bad[i].offset, bad[i].length, 0), -EINVAL);
	igt_assert_eq_u64(resident(fd, handle), size);
	gem_close(fd, handle);
}

static void test_bad_flags(int fd)
{
	uint32_t handle = create(fd, DGEM_PAGE, 0);

	for (int bit = 1; bit < 32; bit++)
		igt_assert_eq(__purge(fd, handle, 0, DGEM_PAGE, 1u << bit), -EINVAL);
	igt_assert_eq_u64(resident(fd, handle), DGEM_PAGE);
	gem_close(fd, handle);
}

static void test_bad_handle(int fd)
{
	static const uint32_t bad[] = { 0, 0xdead, 0x80000000, UINT32_MAX };

	for (int i = 0; i < ARRAY_SIZE(bad); i++)
		igt_assert_eq(__purge(fd, bad[i], 0, DGEM_PAGE, 0), -ENOENT);
}

static void test_bad_kind(int fd)
{
	for (int i = 0; i < 2; i++) {
		uint32_t handle = dgem_create(fd, &dgem_kinds[i], DGEM_PAGE);

		igt_assert_eq(__purge(fd, handle, 0, DGEM_PAGE, 0), -EOPNOTSUPP);
		igt_assert_eq(__purge(fd, handle, 0, DGEM_PAGE, DRM_DGEM_PURGE_FORCE),
			      -EOPNOTSUPP);
		gem_close(fd, handle);
	}
}

static const struct dgem_test tests[] = {
	{ "hole", "Inside of a hole there is nothing, around it all is as before.", test_hole },
	{ "hole-by-page", "Pages go one by one until nothing is left.", test_hole_by_page },
	{ "hole-lazy", "What is purged before it came never comes.", test_hole_lazy },
	{ "hole-large", "Holes beyond 4 GiB are where they should be.", test_hole_large },
	{ "copy", "Jobs that work on a byte of a hole are refused.", test_copy },
	{ "mapped", "A mapped object is purged by force alone.", test_mapped },
	{ "exported", "What is exported is not purged, and the other way round.", test_exported },
	{ "job", "What a job works on is not purged.", test_job },
	{ "threads", "Purging, touching and copying at once does no harm.", test_threads },
	{ "bad-range", "Bad ranges are refused.", test_bad_range },
	{ "bad-flags", "Unknown flags are refused.", test_bad_flags },
	{ "bad-handle", "Handles of nothing are refused.", test_bad_handle },
	{ "bad-kind", "Memory that has to stay in one piece is not purged.", test_bad_kind },
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
