// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "igt.h"
#include "igt_syncobj.h"

#include "dgem_instance.h"
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
 * SUBTEST: hole-by-granule
 * Description: Granules and the short tail go one by one, in every order, until nothing is left.
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
 * Description: What is exported is not purged, with or without a handle in between, and what is
 *		purged is not exported.
 *
 * SUBTEST: exported-vgem
 * Description: As long as another driver has the dma-buf, the object is exported.
 *
 * SUBTEST: exported-instance
 * Description: As long as another instance has the dma-buf, the object is exported.
 *
 * SUBTEST: job
 * Description: What a job works on is not purged.
 *
 * SUBTEST: threads
 * Description: Purging, touching and copying at the same time does no harm.
 *
 * SUBTEST: bad-range
 * Description: Ranges that are empty, wrap, reach past the end, or do not start and end with a
 *		granule are refused.
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

#define NAME	"igt-purge"

/* What memory goes by, in bytes and in pages */
static uint64_t granule;
#define PAGES	(granule / DGEM_PAGE)

static uint32_t create(int fd, uint64_t size, uint32_t flags)
{
	uint32_t handle;

	igt_assert_eq(__dgem_create_flags(fd, DRM_DGEM_KIND_PAGES, flags, size, &handle), 0);
	return handle;
}

static void purge(int fd, uint32_t handle, uint64_t offset, uint64_t length)
{
	igt_assert_eq(__dgem_purge(fd, handle, offset, length, 0), 0);
}

static void assert_busy(int fd, uint32_t handle, uint64_t offset, uint64_t length)
{
	igt_assert_eq(__dgem_purge(fd, handle, offset, length, 0), -EBUSY);
	igt_assert_eq(__dgem_purge(fd, handle, offset, length, DRM_DGEM_PURGE_FORCE), -EBUSY);
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
	const uint64_t pages = 2 * PAGES + 5, size = pages * DGEM_PAGE;
	const struct {
		uint64_t first, count;
	} holes[] = {
		{ 0, PAGES }, { PAGES, PAGES }, { 2 * PAGES, 5 }, { 0, 2 * PAGES },
		{ PAGES, PAGES + 5 }, { 0, pages },
	};

	for (int i = 0; i < 2 * ARRAY_SIZE(holes); i++) {
		const uint64_t first = holes[i / 2].first, count = holes[i / 2].count;
		uint32_t handle = create(fd, size, i & 1 ? DRM_DGEM_CREATE_LAZY : 0);
		uint8_t *ptr;

		mark_all(fd, handle, pages);
		igt_assert_eq_u64(dgem_resident(fd, handle), size);
		purge(fd, handle, first * DGEM_PAGE, count * DGEM_PAGE);
		igt_assert_eq_u64(dgem_resident(fd, handle), size - count * DGEM_PAGE);
		ptr = dgem_mmap(fd, handle, size);
		check_hole(ptr, pages, first, count);
		/* for good */
		igt_assert_eq_u64(dgem_resident(fd, handle), size - count * DGEM_PAGE);
		munmap(ptr, size);
		gem_close(fd, handle);
	}
}

#define PIECES	4

/* The pages of a granule that are looked at: at its ends, and one within. */
static uint64_t nth_page(uint64_t size, int piece, int n)
{
	const uint64_t first = piece * PAGES;
	const uint64_t last = (size / DGEM_PAGE < first + PAGES ? size / DGEM_PAGE
								: first + PAGES) - 1;

	return n == 0 ? first : n == 1 ? (first + last) / 2 : last;
}

static void check_pieces(int fd, uint32_t handle, uint64_t size, unsigned int gone)
{
	uint8_t *ptr = dgem_mmap(fd, handle, size);

	for (int piece = 0; piece < PIECES; piece++) {
		for (int n = 0; n < 3; n++) {
			const uint64_t page = nth_page(size, piece, n);

			if (gone & 1 << piece)
				igt_assert_eq(dgem_touch(ptr + page * DGEM_PAGE, n & 1), SIGBUS);
			else
				check_mark(ptr, page);
		}
	}
	munmap(ptr, size);
}

/* Three granules and a tail, one by one, in all 24 orders. */
static void test_hole_by_granule(int fd)
{
	const uint64_t size = (PIECES - 1) * granule + 3 * DGEM_PAGE;

	for (int order = 0; order < 24; order++) {
		int left[PIECES] = { 0, 1, 2, 3 }, digits = order;
		uint32_t handle = create(fd, size, order & 1 ? DRM_DGEM_CREATE_LAZY : 0);
		uint8_t *ptr = dgem_mmap(fd, handle, size);
		uint64_t expected = size;
		unsigned int gone = 0;

		for (int i = 0; i < 3 * PIECES; i++)
			mark(ptr, nth_page(size, i / 3, i % 3));
		munmap(ptr, size);
		igt_assert_eq_u64(dgem_resident(fd, handle), size);
		for (int count = PIECES; count; count--) {
			const int pick = digits % count, piece = left[pick];
			const uint64_t offset = piece * granule;
			const uint64_t length = size - offset < granule ? size - offset : granule;

			digits /= count;
			left[pick] = left[count - 1];
			purge(fd, handle, offset, length);
			/* again, which changes nothing */
			purge(fd, handle, offset, length);
			expected -= length;
			gone |= 1 << piece;
			igt_assert_eq_u64(dgem_resident(fd, handle), expected);
			check_pieces(fd, handle, size, gone);
		}
		igt_assert_eq_u64(dgem_resident(fd, handle), 0);
		purge(fd, handle, 0, size);
		check_pieces(fd, handle, size, gone);
		igt_assert_eq_u64(dgem_resident(fd, handle), 0);
		gem_close(fd, handle);
	}
}

static void test_hole_lazy(int fd)
{
	const uint64_t size = 5 * granule + 3 * DGEM_PAGE;
	uint32_t handle = create(fd, size, DRM_DGEM_CREATE_LAZY);
	uint8_t *ptr;

	purge(fd, handle, granule, granule);
	purge(fd, handle, 3 * granule, granule);
	purge(fd, handle, 5 * granule, 3 * DGEM_PAGE);
	igt_assert_eq_u64(dgem_resident(fd, handle), 0);
	ptr = dgem_mmap(fd, handle, size);
	igt_assert_eq(dgem_touch(ptr + granule, true), SIGBUS);
	igt_assert_eq(dgem_touch(ptr + 5 * granule, true), SIGBUS);
	igt_assert_eq_u64(dgem_resident(fd, handle), 0);
	igt_assert_eq(dgem_touch(ptr + granule - DGEM_PAGE, true), 0);
	igt_assert_eq_u64(dgem_resident(fd, handle), granule);
	igt_assert_eq(dgem_touch(ptr + granule, false), SIGBUS);
	igt_assert_eq(dgem_touch(ptr + 2 * granule - DGEM_PAGE, false), SIGBUS);
	igt_assert_eq(dgem_touch(ptr + 2 * granule, true), 0);
	igt_assert_eq_u64(dgem_resident(fd, handle), 2 * granule);
	igt_assert_eq(dgem_touch(ptr + 3 * granule, true), SIGBUS);
	igt_assert_eq(dgem_touch(ptr + 4 * granule - 1, true), SIGBUS);
	igt_assert_eq(dgem_touch(ptr + 5 * granule - 1, true), 0);
	igt_assert_eq(dgem_touch(ptr + size - 1, true), SIGBUS);
	igt_assert_eq_u64(dgem_resident(fd, handle), 3 * granule);
	munmap(ptr, size);
	gem_close(fd, handle);
}

static void test_hole_large(int fd)
{
	struct drm_dgem_query_device device;
	uint64_t near, far, size;
	uint32_t handle;
	uint8_t *ptr;
	int bit;

	/* where a place would be without its highest bit, and the place */
	dgem_query_device(fd, &device);
	for (bit = 33; bit > 20; bit -= bit == 33 ? 2 : 1)
		if (((1ull << bit) + 2 * granule <= dgem_mappable()) &&
		    ((1ull << bit) + 8 * granule <= device.max_size))
			break;
	near = granule;
	far = (1ull << bit) + near;
	/* 32 bits are not enough for as much more as would show it */
	size = far + granule + (bit == 33 ? 4 * (1ull << 33) + DGEM_PAGE : 0);
	igt_info("%d bits, %#llx bytes\n", bit, (unsigned long long)size);
	igt_assert(bit >= 31 || device.max_size < 1ull << 32);
	handle = create(fd, size, DRM_DGEM_CREATE_LAZY);
	ptr = dgem_mmap(fd, handle, size);

	mark(ptr, far / DGEM_PAGE);
	mark(ptr, (far - granule) / DGEM_PAGE);
	munmap(ptr, size);
	igt_assert_eq_u64(dgem_resident(fd, handle), 2 * granule);
	purge(fd, handle, far, granule);
	igt_assert_eq_u64(dgem_resident(fd, handle), granule);
	ptr = dgem_mmap(fd, handle, size);
	igt_assert_eq(dgem_touch(ptr + far, false), SIGBUS);
	igt_assert_eq(dgem_touch(ptr + far + granule - 1, true), SIGBUS);
	igt_assert_eq(dgem_touch(ptr + near, false), 0);
	check_mark(ptr, (far - granule) / DGEM_PAGE);
	munmap(ptr, size);
	igt_assert_eq_u64(dgem_resident(fd, handle), 2 * granule);
	/* the other way round */
	purge(fd, handle, near, granule);
	ptr = dgem_mmap(fd, handle, size);
	igt_assert_eq(dgem_touch(ptr + near, false), SIGBUS);
	check_mark(ptr, (far - granule) / DGEM_PAGE);
	munmap(ptr, size);
	igt_assert_eq_u64(dgem_resident(fd, handle), granule);

	purge(fd, handle, 0, size);
	igt_assert_eq_u64(dgem_resident(fd, handle), 0);
	ptr = dgem_mmap(fd, handle, size);
	igt_assert_eq(dgem_touch(ptr, false), SIGBUS);
	igt_assert_eq(dgem_touch(ptr + far - granule, false), SIGBUS);
	igt_assert_eq(dgem_touch(ptr + size - DGEM_PAGE, true), SIGBUS);
	munmap(ptr, size);
	gem_close(fd, handle);
}

static void copies_err(int fd, uint32_t handle, uint64_t offset, uint32_t other, uint64_t width)
{
	igt_assert_eq(__dgem_copy(fd, handle, offset, other, 0, width), -ENXIO);
	igt_assert_eq(__dgem_copy(fd, other, 0, handle, offset, width), -ENXIO);
}

static void test_copy(int fd)
{
	const uint64_t size = 2 * granule + 8 * DGEM_PAGE, hole = granule, end = 2 * granule;
	uint32_t other = dgem_create_filled(fd, &dgem_kinds[0], 4 * DGEM_PAGE, 2);

	/* The engine has seen the object before, or not. */
	for (int seen = 0; seen < 2; seen++) {
		uint32_t handle = create(fd, size, 0);
		struct drm_dgem_query_stats before, now;
		const uint64_t from = hole - DGEM_PAGE;
		uint8_t *ptr;

		mark_all(fd, handle, size / DGEM_PAGE);
		if (seen)
			dgem_copy(fd, handle, hole, other, 0, DGEM_PAGE);
		purge(fd, handle, hole, granule);

		dgem_query_stats(fd, &before);
		for (uint64_t at = hole; at < end; at += granule / 8) {
			copies_err(fd, handle, at, other, 16);
			copies_err(fd, handle, at, other, 4 * DGEM_PAGE);
		}
		copies_err(fd, handle, end - 16, other, 16);
		copies_err(fd, handle, hole - DGEM_PAGE, other, 4 * DGEM_PAGE);
		copies_err(fd, handle, hole - 64, other, 128);
		copies_err(fd, handle, end - 64, other, 128);
		dgem_query_stats(fd, &now);
		igt_assert_eq_u64(now.jobs, before.jobs);

		/* the neighbours, to the last byte */
		dgem_copy(fd, handle, from, other, 0, DGEM_PAGE);
		dgem_copy(fd, handle, end, other, DGEM_PAGE, 2 * DGEM_PAGE);
		dgem_copy(fd, other, 0, handle, end + 5 * DGEM_PAGE, 3 * DGEM_PAGE);

		ptr = dgem_mmap(fd, other, 4 * DGEM_PAGE);
		dgem_sync_start(fd, other, DRM_DGEM_SYNC_READ, 4 * DGEM_PAGE);
		dgem_check(ptr, from, 16, 1);
		dgem_check(ptr + DGEM_PAGE - 16, from + DGEM_PAGE - 16, 16, 1);
		dgem_check(ptr + DGEM_PAGE, end, 16, 1);
		dgem_check(ptr + 2 * DGEM_PAGE, end + DGEM_PAGE, 16, 1);
		dgem_sync_end(fd, other, DRM_DGEM_SYNC_READ, 4 * DGEM_PAGE);
		munmap(ptr, 4 * DGEM_PAGE);

		ptr = dgem_mmap(fd, handle, size);
		dgem_sync_start(fd, handle, DRM_DGEM_SYNC_READ, size);
		dgem_check(ptr + end + 5 * DGEM_PAGE, from, 16, 1);
		check_mark(ptr, hole / DGEM_PAGE - 1);
		check_mark(ptr, end / DGEM_PAGE);
		dgem_sync_end(fd, handle, DRM_DGEM_SYNC_READ, size);
		munmap(ptr, size);
		gem_close(fd, handle);
	}
	gem_close(fd, other);
}

static void test_mapped(int fd)
{
	const uint64_t pages = 2 * PAGES + 3, size = pages * DGEM_PAGE;
	uint32_t handle = create(fd, size, 0);
	uint8_t *ptr = dgem_mmap(fd, handle, size), *other = dgem_mmap(fd, handle, size);

	for (uint64_t page = 0; page < pages; page++)
		mark(ptr, page);
	check_hole(other, pages, 0, 0);
	igt_assert_eq(__dgem_purge(fd, handle, granule, granule, 0), -EBUSY);
	igt_assert_eq_u64(dgem_resident(fd, handle), size);
	check_hole(ptr, pages, 0, 0);

	igt_assert_eq(__dgem_purge(fd, handle, granule, granule, DRM_DGEM_PURGE_FORCE), 0);
	igt_assert_eq_u64(dgem_resident(fd, handle), size - granule);
	check_hole(ptr, pages, PAGES, PAGES);
	check_hole(other, pages, PAGES, PAGES);
	igt_assert_eq(__dgem_purge(fd, handle, 2 * granule, 3 * DGEM_PAGE, DRM_DGEM_PURGE_FORCE),
		      0);
	igt_assert_eq_u64(dgem_resident(fd, handle), granule);
	check_hole(ptr, pages, PAGES, PAGES + 3);
	check_hole(other, pages, PAGES, PAGES + 3);
	/* one mapping is as good as two */
	munmap(other, size);
	igt_assert_eq(__dgem_purge(fd, handle, 0, granule, 0), -EBUSY);
	check_hole(ptr, pages, PAGES, PAGES + 3);
	igt_assert_eq_u32(dgem_vmas(fd, handle), 1);
	munmap(ptr, size);
	purge(fd, handle, 0, granule);
	igt_assert_eq_u64(dgem_resident(fd, handle), 0);
	gem_close(fd, handle);
}

static void check_dmabuf(int dmabuf, uint64_t pages)
{
	uint8_t *ptr = mmap(NULL, pages * DGEM_PAGE, PROT_READ, MAP_SHARED, dmabuf, 0);

	igt_assert(ptr != MAP_FAILED);
	check_hole(ptr, pages, 0, 0);
	munmap(ptr, pages * DGEM_PAGE);
}

/* A handle of an object that somebody has the dma-buf of, whoever closed what before. */
static void assert_exported(int fd, int dmabuf, uint64_t pages)
{
	uint32_t handle;

	igt_assert_eq(__dgem_import(fd, dmabuf, &handle), 0);
	assert_busy(fd, handle, 0, granule);
	assert_busy(fd, handle, 0, pages * DGEM_PAGE);
	igt_assert_eq_u64(dgem_resident(fd, handle), pages * DGEM_PAGE);
	check_dmabuf(dmabuf, pages);
	/* the last handle, which core takes for the end of the export */
	gem_close(fd, handle);
}

static void test_exported(int fd)
{
	const uint64_t pages = PAGES + 3, size = pages * DGEM_PAGE;
	int dmabuf, other = dgem_open();
	uint32_t handle, theirs;

	for (int lazy = 0; lazy < 2; lazy++) {
		handle = create(fd, size, lazy ? DRM_DGEM_CREATE_LAZY : 0);
		mark_all(fd, handle, pages);
		dmabuf = dgem_export(fd, handle);
		assert_busy(fd, handle, 0, granule);
		assert_busy(fd, handle, granule, size - granule);
		/* A dma-buf lives as long as its handle does: GEM keeps it. */
		close(dmabuf);
		assert_busy(fd, handle, 0, granule);
		dmabuf = dgem_export(fd, handle);
		igt_assert_eq_u64(dgem_resident(fd, handle), size);

		/* no handle, then one again, of this file and of another */
		gem_close(fd, handle);
		assert_exported(fd, dmabuf, pages);
		assert_exported(other, dmabuf, pages);
		assert_exported(fd, dmabuf, pages);

		/* the other file's handle, when the file that made the object has none */
		igt_assert_eq(__dgem_import(other, dmabuf, &theirs), 0);
		close(dmabuf);
		assert_busy(other, theirs, 0, granule);
		igt_assert_eq_u64(dgem_resident(other, theirs), size);
		gem_close(other, theirs);
	}
	close(other);

	/* An export that failed is none. */
	handle = create(fd, size, 0);
	purge(fd, handle, 0, granule);
	igt_assert_eq(__dgem_export(fd, handle, DRM_CLOEXEC | DRM_RDWR), -ENXIO);
	igt_assert_eq(__dgem_export(fd, handle, DRM_CLOEXEC), -ENXIO);
	purge(fd, handle, granule, size - granule);
	igt_assert_eq(__dgem_export(fd, handle, DRM_CLOEXEC | DRM_RDWR), -ENXIO);
	igt_assert_eq_u64(dgem_resident(fd, handle), 0);
	gem_close(fd, handle);
}

/* Another device's file has it; ours has no handle meanwhile, nor is there any descriptor. */
static void exported_to(int fd, int importer)
{
	const uint64_t pages = PAGES + 3, size = pages * DGEM_PAGE;
	uint32_t handle = create(fd, size, 0), theirs;
	int dmabuf;

	mark_all(fd, handle, pages);
	dmabuf = dgem_export(fd, handle);
	igt_assert_eq(__dgem_import(importer, dmabuf, &theirs), 0);
	close(dmabuf);
	assert_busy(fd, handle, 0, granule);
	gem_close(fd, handle);

	for (int i = 0; i < 2; i++) {
		dmabuf = dgem_export(importer, theirs);
		assert_exported(fd, dmabuf, pages);
		close(dmabuf);
	}
	gem_close(importer, theirs);
}

static void test_exported_vgem(int fd)
{
	int vgem = dgem_open_other("vgem");

	exported_to(fd, vgem);
	close(vgem);
}

static void test_exported_instance(int fd)
{
	int other;

	dgem_require_configfs();
	other = dgem_instance_start(NAME);
	exported_to(fd, other);
	close(other);
	dgem_instance_remove(NAME);
}

static void test_job(int fd)
{
	const uint64_t size = 2 * granule;
	uint32_t handle = create(fd, size, 0), other = dgem_create(fd, &dgem_kinds[0], DGEM_PAGE);
	struct drm_dgem_op ops[] = {
		dgem_op_copy(handle, 0, other, 0, DGEM_PAGE),
		dgem_op_copy(other, 0, handle, 0, DGEM_PAGE),
	};
	static const uint32_t flags[] = { 0, DRM_DGEM_SUBMIT_NO_IMPLICIT };
	struct dgem_gate gate;
	uint32_t done;

	mark_all(fd, handle, size / DGEM_PAGE);
	for (int i = 0; i < ARRAY_SIZE(ops) * ARRAY_SIZE(flags); i++) {
		done = syncobj_create(fd, 0);
		dgem_gate_close(&gate, fd);
		dgem_submit(fd, &ops[i / 2], 1, flags[i % 2], gate.syncobj, done);
		/* a hole elsewhere would do the job no harm, but objects are busy as a whole */
		assert_busy(fd, handle, 0, granule);
		assert_busy(fd, handle, granule, granule);
		igt_assert_eq_u64(dgem_resident(fd, handle), size);
		dgem_gate_open(&gate);
		dgem_wait(fd, done);
		dgem_gate_fini(&gate);
		syncobj_destroy(fd, done);
	}
	purge(fd, handle, 0, granule);
	igt_assert_eq_u64(dgem_resident(fd, handle), size - granule);
	gem_close(fd, handle);
	gem_close(fd, other);
}

/* Threads do not assert: they count what must not happen. */
struct crowd {
	int fd;
	uint32_t handle, other;
	uint64_t size;
	uint8_t *ptr;
	volatile bool stop;
	atomic_int wrong;
};

/* All but the second granule */
static void *who_purges(void *data)
{
	struct crowd *crowd = data;
	const struct {
		uint64_t offset, length;
	} parts[] = {
		{ 3 * granule, crowd->size - 3 * granule }, { 0, granule },
		{ 2 * granule, granule },
	};

	for (int i = 0; i < ARRAY_SIZE(parts); i++) {
		int err = -EBUSY;

		dgem_sleep_ms(10);
		/* A job may be working on the object. */
		while (err == -EBUSY) {
			dgem_sleep_ms(1);
			err = __dgem_purge(crowd->fd, crowd->handle, parts[i].offset,
					   parts[i].length, DRM_DGEM_PURGE_FORCE);
		}
		crowd->wrong += err != 0;
	}
	crowd->stop = true;
	return NULL;
}

static void *who_copies(void *data)
{
	struct crowd *crowd = data;
	const uint64_t pages = crowd->size / DGEM_PAGE;

	for (uint64_t page = 0; !crowd->stop; page = (page + 71) % pages) {
		int err = __dgem_copy(crowd->fd, crowd->handle, page * DGEM_PAGE, crowd->other, 0,
				      64);

		crowd->wrong += err && err != -ENXIO;
		/* what nobody purges can be copied */
		crowd->wrong += err && page / PAGES == 1;
		/* One job at a time, and time for a purge in between. */
		crowd->wrong += __dgem_sync(crowd->fd, crowd->other, DRM_DGEM_SYNC_READ, 0,
					    DGEM_PAGE, dgem_now() + DGEM_PATIENCE_NS) != 0;
		dgem_sleep_ms(5);
	}
	return NULL;
}

/* Nobody purges what this one reads, through a fresh mapping each time. */
static void *who_reads(void *data)
{
	struct crowd *crowd = data;

	while (!crowd->stop) {
		uint8_t *ptr = __dgem_mmap(crowd->fd, crowd->handle, 2 * granule, PROT_READ,
					   MAP_SHARED);

		if (ptr == MAP_FAILED) {
			crowd->wrong++;
			break;
		}
		for (uint64_t page = PAGES; page < 2 * PAGES; page += 31)
			crowd->wrong += ptr[page * DGEM_PAGE] != dgem_pattern(page * DGEM_PAGE, 1);
		munmap(ptr, 2 * granule);
		dgem_sleep_ms(1);
	}
	return NULL;
}

static void test_threads(int fd)
{
	void *(*const who[])(void *) = { who_purges, who_copies, who_reads, who_reads };
	pthread_t threads[ARRAY_SIZE(who)];

	for (int round = 0; round < 4; round++) {
		struct crowd crowd = { .fd = fd, .size = 3 * granule + 5 * DGEM_PAGE };
		const uint64_t pages = crowd.size / DGEM_PAGE;

		crowd.handle = create(fd, crowd.size, round & 1 ? DRM_DGEM_CREATE_LAZY : 0);
		crowd.other = dgem_create(fd, &dgem_kinds[0], DGEM_PAGE);
		mark_all(fd, crowd.handle, pages);
		crowd.ptr = dgem_mmap(fd, crowd.handle, crowd.size);
		for (int i = 0; i < ARRAY_SIZE(who); i++)
			igt_assert_eq(pthread_create(&threads[i], NULL, who[i], &crowd), 0);
		for (int i = 0; i < ARRAY_SIZE(who); i++)
			pthread_join(threads[i], NULL);
		igt_assert_eq(crowd.wrong, 0);
		check_hole(crowd.ptr, 2 * PAGES, 0, PAGES);
		for (uint64_t page = 2 * PAGES; page < pages; page += 61)
			igt_assert_eq(dgem_touch(crowd.ptr + page * DGEM_PAGE, page & 1), SIGBUS);
		munmap(crowd.ptr, crowd.size);
		igt_assert_eq_u64(dgem_resident(fd, crowd.handle), granule);
		gem_close(fd, crowd.handle);
		gem_close(fd, crowd.other);
	}
}

static void range_err(int fd, uint32_t handle, uint64_t offset, uint64_t length)
{
	for (uint32_t flags = 0; flags <= DRM_DGEM_PURGE_FORCE; flags++) {
		int err = __dgem_purge(fd, handle, offset, length, flags);

		igt_assert_f(err == -EINVAL, "%#llx + %#llx: %d\n", (unsigned long long)offset,
			     (unsigned long long)length, err);
	}
}

static void test_bad_range(int fd)
{
	const uint64_t tail = 8 * DGEM_PAGE, size = 2 * granule + tail;
	const struct {
		uint64_t offset, length;
	} bad[] = {
		/* nothing, and beyond the end */
		{ 0, 0 }, { granule, 0 }, { size, 0 }, { size, granule }, { size, DGEM_PAGE },
		{ 3 * granule, granule }, { 0, size + DGEM_PAGE }, { 0, 3 * granule },
		{ granule, size }, { 2 * granule, granule }, { 2 * granule, tail + 1 },
		{ 2 * granule, tail + DGEM_PAGE },
		/* not from the start of a granule, to its end or not */
		{ 1, granule }, { 512, granule - 512 }, { DGEM_PAGE, granule - DGEM_PAGE },
		{ DGEM_PAGE, granule }, { granule / 2, granule }, { DGEM_PAGE, size - DGEM_PAGE },
		{ granule + DGEM_PAGE, size - granule - DGEM_PAGE },
		{ 2 * granule + DGEM_PAGE, tail - DGEM_PAGE }, { size - DGEM_PAGE, DGEM_PAGE },
		/* not to the end of one */
		{ 0, 1 }, { 0, DGEM_PAGE }, { 0, granule - 1 }, { 0, granule - DGEM_PAGE },
		{ 0, granule + 1 }, { 0, granule + DGEM_PAGE }, { granule, granule / 2 },
		{ 0, size - 1 }, { 0, size - DGEM_PAGE }, { 2 * granule, tail - DGEM_PAGE },
		{ 2 * granule, 1 },
		/* around the end of all numbers */
		{ 0, -granule }, { -granule, 2 * granule }, { -granule, granule },
		{ 1ull << 63, 1ull << 63 }, { granule, -granule }, { 1ull << 32, granule },
		{ -granule, granule + size }, { UINT64_MAX, 1 }, { 0, UINT64_MAX },
	};
	uint32_t handle = create(fd, size, 0), small = create(fd, tail, 0);

	for (int i = 0; i < ARRAY_SIZE(bad); i++)
		range_err(fd, handle, bad[i].offset, bad[i].length);
	igt_assert_eq_u64(dgem_resident(fd, handle), size);
	gem_close(fd, handle);

	/* less than a granule is one as well, as a whole */
	range_err(fd, small, 0, DGEM_PAGE);
	range_err(fd, small, 0, granule);
	range_err(fd, small, DGEM_PAGE, tail - DGEM_PAGE);
	igt_assert_eq_u64(dgem_resident(fd, small), tail);
	purge(fd, small, 0, tail);
	igt_assert_eq_u64(dgem_resident(fd, small), 0);
	gem_close(fd, small);
}

static void test_bad_flags(int fd)
{
	uint32_t handle = create(fd, DGEM_PAGE, 0);

	for (int bit = 1; bit < 32; bit++)
		igt_assert_eq(__dgem_purge(fd, handle, 0, DGEM_PAGE, 1u << bit), -EINVAL);
	igt_assert_eq_u64(dgem_resident(fd, handle), DGEM_PAGE);
	gem_close(fd, handle);
}

static void test_bad_handle(int fd)
{
	static const uint32_t bad[] = { 0, 0xdead, 0x80000000, UINT32_MAX };

	for (int i = 0; i < ARRAY_SIZE(bad); i++)
		igt_assert_eq(__dgem_purge(fd, bad[i], 0, granule, 0), -ENOENT);
}

static void test_bad_kind(int fd)
{
	const struct dgem_kind *kind;

	for_each_dgem_kind_here(fd, kind, 0) {
		uint32_t handle;

		if (kind->kind == DRM_DGEM_KIND_PAGES && !(kind->flags & DRM_DGEM_CREATE_DIRECT_IO))
			continue;
		handle = dgem_create(fd, kind, DGEM_PAGE);
		igt_assert_eq(__dgem_purge(fd, handle, 0, DGEM_PAGE, 0), -EOPNOTSUPP);
		igt_assert_eq(__dgem_purge(fd, handle, 0, DGEM_PAGE, DRM_DGEM_PURGE_FORCE),
			      -EOPNOTSUPP);
		gem_close(fd, handle);
	}
}

static const struct dgem_test tests[] = {
	{ "hole", "Inside of a hole there is nothing, around it all is as before.", test_hole },
	{ "hole-by-granule", "Granules go one by one until nothing is left.",
	  test_hole_by_granule },
	{ "hole-lazy", "What is purged before it came never comes.", test_hole_lazy },
	{ "hole-large", "Holes beyond 8 GiB are where they should be.", test_hole_large },
	{ "copy", "Jobs that work on a byte of a hole are refused.", test_copy },
	{ "mapped", "A mapped object is purged by force alone.", test_mapped },
	{ "exported", "What is exported is not purged, and the other way round.", test_exported },
	{ "exported-vgem", "It is exported as long as a driver has it.", test_exported_vgem },
	{ "exported-instance", "It is exported as long as an instance has it.",
	  test_exported_instance },
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

	igt_fixture() {
		fd = dgem_open();
		granule = dgem_granule(fd);
	}

	dgem_subtests(fd, tests, ARRAY_SIZE(tests));

	igt_fixture() {
		/* what a subtest that failed has left */
		__dgem_instance_remove(NAME);
		errno = 0;
		close(fd);
	}
}
