// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

#include "igt.h"

#include "dgem_util.h"

/**
 * TEST: dgem lazy
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: buffer management
 * Description: Objects that get their memory when it is needed.
 *
 * SUBTEST: touch
 * Description: Memory comes when it is touched, in blocks, zeroed, and is given back.
 *
 * SUBTEST: touch-all
 * Description: An object that was touched everywhere has all of its memory, once.
 *
 * SUBTEST: copy
 * Description: Memory comes when a job reads or writes it, and no more than that.
 *
 * SUBTEST: copy-2d
 * Description: Rectangles over several blocks, and operations on places far apart, work.
 *
 * SUBTEST: export
 * Description: Exporting brings all of the memory, and what was there stays.
 *
 * SUBTEST: export-large
 * Description: The last page of 5 GiB is reached through an importer.
 *
 * SUBTEST: sizes
 * Description: Objects of any size up to the largest can be made, and cost nothing; larger ones,
 *		such as any beyond 4 GiB on a 32-bit kernel, are refused.
 *
 * SUBTEST: last-page
 * Description: The last page of objects beyond 2, 4 and 8 GiB is mapped and copied, of all that the
 *		kernel has and a program can map.
 *
 * SUBTEST: threads
 * Description: Many who need the same block at once get one.
 *
 * SUBTEST: bad-size
 * Description: Sizes that are too large or overflow are refused, with nothing allocated.
 *
 * SUBTEST: bad-kind
 * Description: Kinds that come as a whole are not lazy.
 */

IGT_TEST_DESCRIPTION("Objects that get their memory when it is needed.");

#define CHUNK	(2 * DGEM_MIB)
#define GIB	(1024 * DGEM_MIB)

static uint32_t create_lazy(int fd, uint64_t size)
{
	struct drm_dgem_create create = {
		.size = size,
		.kind = DRM_DGEM_KIND_PAGES,
		.flags = DRM_DGEM_CREATE_LAZY,
	};

	igt_assert_eq(__dgem_create(fd, &create), 0);
	return create.handle;
}

static void create_err(int fd, uint64_t size, uint32_t kind, int err)
{
	struct drm_dgem_create create = {
		.size = size,
		.kind = kind,
		.flags = DRM_DGEM_CREATE_LAZY,
	};

	do_ioctl_err(fd, DRM_IOCTL_DGEM_CREATE, &create, err);
	igt_assert_eq_u32(create.handle, 0);
}

static uint64_t resident(int fd, uint32_t handle)
{
	struct drm_dgem_query_stats stats;
	struct drm_dgem_info info;

	dgem_info(fd, handle, &info);
	igt_assert_eq_u32(info.create_flags, DRM_DGEM_CREATE_LAZY);
	dgem_query_stats(fd, &stats);
	igt_assert_lte_u64(info.resident, stats.bytes);
	return info.resident;
}

static void test_touch(int fd)
{
	const uint64_t size = 40 * CHUNK + 3 * DGEM_PAGE;
	uint32_t handle = create_lazy(fd, size);
	uint8_t *ptr = dgem_mmap(fd, handle, size);

	igt_assert_eq_u64(resident(fd, handle), 0);
	igt_assert(dgem_is_zero(ptr + 7 * CHUNK + DGEM_PAGE, DGEM_PAGE));
	igt_assert_eq_u64(resident(fd, handle), CHUNK);
	dgem_fill(ptr + 7 * CHUNK, 7 * CHUNK, 3 * DGEM_PAGE, 1);
	igt_assert_eq_u64(resident(fd, handle), CHUNK);
	/* The tail is no whole block. */
	igt_assert(dgem_is_zero(ptr + 40 * CHUNK, 3 * DGEM_PAGE));
	igt_assert_eq_u64(resident(fd, handle), CHUNK + 3 * DGEM_PAGE);
	dgem_fill(ptr + 8 * CHUNK - DGEM_PAGE, 8 * CHUNK - DGEM_PAGE, 2 * DGEM_PAGE, 1);
	igt_assert_eq_u64(resident(fd, handle), 2 * CHUNK + 3 * DGEM_PAGE);
	dgem_check(ptr + 7 * CHUNK, 7 * CHUNK, 3 * DGEM_PAGE, 1);
	dgem_check(ptr + 8 * CHUNK - DGEM_PAGE, 8 * CHUNK - DGEM_PAGE, 2 * DGEM_PAGE, 1);

	/* What is there stays when the mapping goes. */
	munmap(ptr, size);
	igt_assert_eq_u64(resident(fd, handle), 2 * CHUNK + 3 * DGEM_PAGE);
	ptr = dgem_mmap(fd, handle, size);
	dgem_check(ptr + 7 * CHUNK, 7 * CHUNK, 3 * DGEM_PAGE, 1);
	munmap(ptr, size);
	gem_close(fd, handle);
}

static void test_touch_all(int fd)
{
	const uint64_t size = 2 * CHUNK + 5 * DGEM_PAGE;
	uint32_t handle = create_lazy(fd, size);
	uint8_t *ptr = dgem_mmap(fd, handle, size);

	igt_assert(dgem_is_zero(ptr, size));
	igt_assert_eq_u64(resident(fd, handle), size);
	memset(ptr, 1, size);
	igt_assert_eq_u64(resident(fd, handle), size);
	munmap(ptr, size);
	gem_close(fd, handle);
}

static void test_copy(int fd)
{
	const uint64_t size = 100 * CHUNK, length = 2 * DGEM_PAGE;
	const struct dgem_kind *plain = &dgem_kinds[0];
	uint32_t src = dgem_create_filled(fd, plain, length, 1);
	uint32_t dst = dgem_create(fd, plain, length);
	uint32_t lazy = create_lazy(fd, size);
	uint64_t at[] = { 0, CHUNK - DGEM_PAGE, 99 * CHUNK + 5 * DGEM_PAGE, size - length };
	uint64_t now[] = { CHUNK, 2 * CHUNK, 3 * CHUNK, 3 * CHUNK };
	struct drm_dgem_info info;
	uint8_t *ptr;

	for (int i = 0; i < ARRAY_SIZE(at); i++) {
		dgem_copy(fd, src, 0, lazy, at[i], length);
		igt_assert_eq_u64(resident(fd, lazy), now[i]);
	}
	for (int i = 0; i < ARRAY_SIZE(at); i++) {
		dgem_fill_object(fd, dst, length, 2);
		dgem_copy(fd, lazy, at[i], dst, 0, length);
		dgem_check_object(fd, dst, length, 1);
	}
	dgem_info(fd, lazy, &info);
	igt_info("%u segments\n", info.segments);

	/* What was never written reads as zero, by the engine too. */
	dgem_copy(fd, lazy, 50 * CHUNK, dst, 0, length);
	ptr = dgem_mmap(fd, dst, length);
	dgem_sync_start(fd, dst, DRM_DGEM_SYNC_READ, length);
	igt_assert(dgem_is_zero(ptr, length));
	dgem_sync_end(fd, dst, DRM_DGEM_SYNC_READ, length);
	munmap(ptr, length);
	igt_assert_eq_u64(resident(fd, lazy), 4 * CHUNK);

	ptr = dgem_mmap(fd, lazy, size);
	dgem_sync_start(fd, lazy, DRM_DGEM_SYNC_READ, size);
	for (int i = 0; i < ARRAY_SIZE(at); i++)
		dgem_check(ptr + at[i], 0, length, 1);
	dgem_sync_end(fd, lazy, DRM_DGEM_SYNC_READ, size);
	munmap(ptr, size);
	igt_assert_eq_u64(resident(fd, lazy), 4 * CHUNK);
	gem_close(fd, lazy);
	gem_close(fd, src);
	gem_close(fd, dst);
}

static void test_copy_2d(int fd)
{
	const uint64_t row = 512, rows = 4, pitch = CHUNK / 2, far = 64 * CHUNK;
	uint32_t src = dgem_create_filled(fd, &dgem_kinds[0], DGEM_PAGE, 1);
	uint32_t dst = dgem_create(fd, &dgem_kinds[0], DGEM_PAGE), lazy = create_lazy(fd, 2 * far);
	struct drm_dgem_op ops[] = {
		dgem_op_copy_2d(src, 0, row, lazy, CHUNK + 1024, pitch, row, rows),
		dgem_op_copy(src, 0, lazy, far, DGEM_PAGE),
		dgem_op_copy_2d(lazy, CHUNK + 1024, pitch, dst, 0, row, row, rows),
		dgem_op_copy(lazy, far + rows * row, dst, rows * row, DGEM_PAGE - rows * row),
	};

	dgem_run(fd, ops, ARRAY_SIZE(ops));
	dgem_check_object(fd, dst, DGEM_PAGE, 1);
	igt_assert_eq_u64(resident(fd, lazy), 3 * CHUNK);

	/* Within the object, from block to block. */
	dgem_copy(fd, lazy, far, lazy, CHUNK * 3 - row, 2 * row);
	dgem_copy(fd, lazy, CHUNK * 3 - row, dst, 0, 2 * row);
	dgem_check_object(fd, dst, DGEM_PAGE, 1);
	gem_close(fd, lazy);
	gem_close(fd, src);
	gem_close(fd, dst);
}

static void test_export(int fd)
{
	const uint64_t size = 2 * CHUNK + 3 * DGEM_PAGE;
	uint32_t handle = create_lazy(fd, size), dst = dgem_create(fd, &dgem_kinds[0], DGEM_PAGE);
	uint8_t *ptr = dgem_mmap(fd, handle, size), *theirs;
	int dmabuf;

	dgem_fill(ptr + CHUNK, CHUNK, DGEM_PAGE, 1);
	igt_assert_eq_u64(resident(fd, handle), CHUNK);
	dmabuf = dgem_export(fd, handle);
	igt_assert_eq_u64(resident(fd, handle), size);
	theirs = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);
	igt_assert(theirs != MAP_FAILED);
	dgem_check(theirs + CHUNK, CHUNK, DGEM_PAGE, 1);
	igt_assert(dgem_is_zero(theirs, CHUNK));
	dgem_fill(theirs + size - DGEM_PAGE, 0, DGEM_PAGE, 2);
	dgem_check(ptr + size - DGEM_PAGE, 0, DGEM_PAGE, 2);
	dgem_copy(fd, handle, size - DGEM_PAGE, dst, 0, DGEM_PAGE);
	dgem_check_object(fd, dst, DGEM_PAGE, 2);
	munmap(theirs, size);
	munmap(ptr, size);
	close(dmabuf);
	gem_close(fd, handle);
	gem_close(fd, dst);
}

static void test_export_large(int fd)
{
	const uint64_t size = 5 * GIB + 3 * DGEM_PAGE;
	struct drm_gem_close gone = { };
	uint32_t handle, theirs;
	int vgem, dmabuf;
	uint8_t *ptr;

	igt_require_f(dgem_meminfo("MemAvailable") > size + GIB,
		      "this machine does not have 6 GiB of free memory\n");
	vgem = dgem_open_other("vgem");
	handle = create_lazy(fd, size);
	ptr = dgem_mmap(fd, handle, size);
	dgem_fill(ptr + size - DGEM_PAGE, 0, DGEM_PAGE, 1);
	dmabuf = dgem_export(fd, handle);
	igt_assert_eq_u64(resident(fd, handle), size);
	theirs = prime_fd_to_handle(vgem, dmabuf);
	igt_assert(lseek(dmabuf, 0, SEEK_END) == size);
	munmap(ptr, size);

	/* The importer's mapping is the exporter's last page. */
	ptr = mmap(NULL, DGEM_PAGE, PROT_READ, MAP_SHARED, dmabuf, size - DGEM_PAGE);
	igt_assert(ptr != MAP_FAILED);
	dgem_check(ptr, 0, DGEM_PAGE, 1);
	munmap(ptr, DGEM_PAGE);
	gone.handle = theirs;
	do_ioctl(vgem, DRM_IOCTL_GEM_CLOSE, &gone);
	close(vgem);
	close(dmabuf);
	gem_close(fd, handle);
}

static const uint64_t large[] = {
	(1ull << 31) - 1, 1ull << 31, (1ull << 31) + 1, (1ull << 32) - 1, 1ull << 32,
	(1ull << 32) + 1, 5 * GIB, 8 * GIB + 65536, 1ull << 38,
};

static void test_sizes(int fd)
{
	const int64_t end = dgem_now() + 20 * NSEC_PER_SEC;
	struct drm_dgem_query_device device;
	struct drm_dgem_query_stats stats;
	struct drm_dgem_info info;
	uint32_t handle;

	dgem_query_device(fd, &device);
	for (int i = 0; i < ARRAY_SIZE(large); i++) {
		if (large[i] > device.max_size) {
			create_err(fd, large[i], DRM_DGEM_KIND_PAGES, EINVAL);
			continue;
		}
		handle = create_lazy(fd, large[i]);
		dgem_info(fd, handle, &info);
		igt_assert_eq_u64(info.size, (large[i] + DGEM_PAGE - 1) & ~(DGEM_PAGE - 1));
		igt_assert_eq_u64(resident(fd, handle), 0);
		gem_close(fd, handle);
	}
	/*
	 * DRM has offsets for mmap() of a terabyte less 256 pages, or of 4 GiB less 16 on a 32-bit
	 * kernel. The largest takes nearly all: nothing else may have many, not even an object that
	 * is just going.
	 */
	do {
		struct drm_dgem_create create = {
			.size = device.max_size - 512 * DGEM_PAGE,
			.kind = DRM_DGEM_KIND_PAGES,
			.flags = DRM_DGEM_CREATE_LAZY,
		};
		int err;

		dgem_query_stats(fd, &stats);
		err = __dgem_create(fd, &create);
		if (!err) {
			igt_assert_eq_u64(create.size, device.max_size - 512 * DGEM_PAGE);
			igt_assert_eq_u64(resident(fd, create.handle), 0);
			gem_close(fd, create.handle);
			return;
		}
		igt_assert_eq(err, -ENOSPC);
		dgem_sleep_ms(20);
	} while (dgem_now() < end);
	igt_assert_f(stats.objects, "nobody has an object, and none of the largest size fits\n");
}

/* The last page has pattern 1, and gets pattern 2. */
static void map_last_page(int fd, uint32_t handle, uint64_t size)
{
	const uint64_t last = size - DGEM_PAGE;
	uint8_t *ptr = dgem_mmap(fd, handle, size);

	dgem_sync_start(fd, handle, DRM_DGEM_SYNC_READ | DRM_DGEM_SYNC_WRITE, size);
	dgem_check(ptr + last, 0, DGEM_PAGE, 1);
	/* where 32 bits would have it */
	if (size > 1ull << 32)
		igt_assert(dgem_is_zero(ptr + (uint32_t)last, DGEM_PAGE));
	dgem_fill(ptr + last, 0, DGEM_PAGE, 2);
	dgem_sync_end(fd, handle, DRM_DGEM_SYNC_READ | DRM_DGEM_SYNC_WRITE, size);
	igt_assert(mmap(NULL, size + DGEM_PAGE, PROT_READ, MAP_SHARED, fd,
			dgem_mmap_offset(fd, handle)) == MAP_FAILED);
	munmap(ptr, size);
}

static void test_last_page(int fd)
{
	uint32_t first = dgem_create_filled(fd, &dgem_kinds[0], DGEM_PAGE, 1);
	uint32_t second = dgem_create_filled(fd, &dgem_kinds[0], DGEM_PAGE, 2);
	uint32_t dst = dgem_create(fd, &dgem_kinds[0], DGEM_PAGE);
	struct drm_dgem_query_device device;
	int beyond = 0;

	dgem_query_device(fd, &device);
	for (int i = 0; i < ARRAY_SIZE(large); i++) {
		const uint64_t size = (large[i] + DGEM_PAGE - 1) & ~(DGEM_PAGE - 1);
		const uint64_t last = size - DGEM_PAGE;
		uint32_t handle;

		if (size > device.max_size)
			continue;
		beyond += size > 1ull << 31;
		handle = create_lazy(fd, size);
		dgem_copy(fd, first, 0, handle, last, DGEM_PAGE);
		dgem_copy(fd, handle, last, dst, 0, DGEM_PAGE);
		dgem_check_object(fd, dst, DGEM_PAGE, 1);
		if (size <= dgem_mappable())
			map_last_page(fd, handle, size);
		else
			dgem_copy(fd, second, 0, handle, last, DGEM_PAGE);
		dgem_copy(fd, handle, last, dst, 0, DGEM_PAGE);
		dgem_check_object(fd, dst, DGEM_PAGE, 2);
		igt_assert_lte_u64(resident(fd, handle), 2 * CHUNK);
		gem_close(fd, handle);
	}
	igt_assert_lte(1, beyond);
	gem_close(fd, first);
	gem_close(fd, second);
	gem_close(fd, dst);
}

struct crowd {
	int fd;
	uint32_t handle, src;
	uint8_t *ptr;
	uint64_t size;
};

static void *one_of_many(void *data)
{
	const struct crowd *crowd = data;

	for (uint64_t at = 0; at < crowd->size; at += CHUNK)
		crowd->ptr[at] = 1;
	return NULL;
}

static void *who_copies(void *data)
{
	const struct crowd *crowd = data;

	for (uint64_t at = 0; at < crowd->size; at += CHUNK)
		dgem_copy(crowd->fd, crowd->src, 0, crowd->handle, at + DGEM_PAGE, DGEM_PAGE);
	return NULL;
}

static void test_threads(int fd)
{
	struct crowd crowd = { .fd = fd, .size = 3 * CHUNK };
	pthread_t threads[4];

	crowd.src = dgem_create_filled(fd, &dgem_kinds[0], DGEM_PAGE, 1);
	for (int round = 0; round < 4; round++) {
		crowd.handle = create_lazy(fd, crowd.size);
		crowd.ptr = dgem_mmap(fd, crowd.handle, crowd.size);
		for (int i = 0; i < ARRAY_SIZE(threads); i++)
			igt_assert_eq(pthread_create(&threads[i], NULL,
						     i ? one_of_many : who_copies, &crowd), 0);
		for (int i = 0; i < ARRAY_SIZE(threads); i++)
			pthread_join(threads[i], NULL);
		igt_assert_eq_u64(resident(fd, crowd.handle), crowd.size);
		dgem_sync_start(fd, crowd.handle, DRM_DGEM_SYNC_READ, crowd.size);
		for (uint64_t at = 0; at < crowd.size; at += CHUNK) {
			igt_assert_eq(crowd.ptr[at], 1);
			dgem_check(crowd.ptr + at + DGEM_PAGE, 0, DGEM_PAGE, 1);
		}
		dgem_sync_end(fd, crowd.handle, DRM_DGEM_SYNC_READ, crowd.size);
		munmap(crowd.ptr, crowd.size);
		gem_close(fd, crowd.handle);
	}
	gem_close(fd, crowd.src);
}

static void test_bad_size(int fd)
{
	struct drm_dgem_query_device device;

	dgem_query_device(fd, &device);
	{
		const uint64_t bad[] = {
			0, device.max_size + 1, device.max_size + DGEM_PAGE, 1ull << 63,
			(1ull << 63) + 1, INT64_MAX, UINT64_MAX, UINT64_MAX - 4094,
			UINT64_MAX - 4095, UINT64_MAX - 4096, UINT64_MAX - 2 * DGEM_MIB,
		};

		for (int i = 0; i < ARRAY_SIZE(bad); i++)
			create_err(fd, bad[i], DRM_DGEM_KIND_PAGES, EINVAL);
	}
}

static void test_bad_kind(int fd)
{
	create_err(fd, DGEM_PAGE, DRM_DGEM_KIND_CONTIGUOUS, EINVAL);
	create_err(fd, DGEM_PAGE, DRM_DGEM_KIND_COHERENT, EINVAL);
}

static const struct dgem_test tests[] = {
	{ "touch", "Memory comes when it is touched, in blocks, zeroed.", test_touch },
	{ "touch-all", "An object touched everywhere has all of its memory.", test_touch_all },
	{ "copy", "Memory comes when a job works on it.", test_copy },
	{ "copy-2d", "Rectangles over several blocks work.", test_copy_2d },
	{ "export", "Exporting brings all of the memory.", test_export },
	{ "export-large", "The last page of 5 GiB is reached by an importer.", test_export_large },
	{ "sizes", "Objects of any size can be made, and cost nothing.", test_sizes },
	{ "last-page", "The last page beyond 4 and 8 GiB is mapped and copied.", test_last_page },
	{ "threads", "Many who need the same block at once get one.", test_threads },
	{ "bad-size", "Sizes that are too large or overflow are refused.", test_bad_size },
	{ "bad-kind", "Kinds that come as a whole are not lazy.", test_bad_kind },
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
