// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

#include "igt.h"

#include "dgem_instance.h"
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
 * Description: Memory comes when it is touched, by granules, zeroed, and is given back.
 *
 * SUBTEST: touch-all
 * Description: An object that was touched everywhere has all of its memory, once.
 *
 * SUBTEST: copy
 * Description: Memory comes when a job reads or writes it, and no more than that.
 *
 * SUBTEST: copy-2d
 * Description: Rectangles over several granules, and operations on places far apart, work.
 *
 * SUBTEST: export
 * Description: Exporting brings all of the memory, which keeps what it had.
 *
 * SUBTEST: export-import
 * Description: An importer finds all of the memory.
 *
 * SUBTEST: export-too-large
 * Description: An object that there is no memory for is not exported.
 *
 * SUBTEST: export-large
 * Description: The last page of 5 GiB is reached through an importer.
 *
 * SUBTEST: sizes
 * Description: Objects of any size up to the largest can be made, and cost nothing; larger ones,
 *		such as any beyond 4 GiB on a 32-bit kernel, are refused.
 *
 * SUBTEST: offsets
 * Description: A file has its share of mmap offsets and no more, others have theirs, and what is
 *		given back can be had again.
 *
 * SUBTEST: offsets-import
 * Description: An import takes of the share when it is asked for its offset, once.
 *
 * SUBTEST: last-page
 * Description: The last page of objects beyond 2, 4 and 8 GiB is mapped and copied, of all that the
 *		kernel has and a program can map.
 *
 * SUBTEST: threads
 * Description: Many who need the same granule at once get one.
 *
 * SUBTEST: bad-size
 * Description: Sizes that are too large or overflow are refused, with nothing allocated.
 *
 * SUBTEST: bad-kind
 * Description: Kinds that come as a whole are not lazy.
 */

IGT_TEST_DESCRIPTION("Objects that get their memory when it is needed.");

#define GIB	(1024 * DGEM_MIB)
#define NAME	"igt-lazy"

/* What memory comes by, in bytes */
static uint64_t granule;

/*
 * An object that is just going, with its last job, has its part of the file's share of mmap offsets
 * yet: large ones come one after another.
 */
static uint32_t create_lazy(int fd, uint64_t size)
{
	const int64_t end = dgem_now() + 20 * NSEC_PER_SEC;
	uint32_t handle;
	int err;

	do {
		err = __dgem_create_lazy(fd, size, &handle);
		if (err == -EOVERFLOW)
			dgem_sleep_ms(20);
	} while (err == -EOVERFLOW && dgem_now() < end);
	igt_assert_eq(err, 0);
	return handle;
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
	const uint64_t size = 40 * granule + 3 * DGEM_PAGE;
	uint32_t handle = create_lazy(fd, size);
	uint8_t *ptr = dgem_mmap(fd, handle, size);

	igt_assert_eq_u64(resident(fd, handle), 0);
	igt_assert(dgem_is_zero(ptr + 7 * granule + DGEM_PAGE, DGEM_PAGE));
	igt_assert_eq_u64(resident(fd, handle), granule);
	dgem_fill(ptr + 7 * granule, 7 * granule, 3 * DGEM_PAGE, 1);
	igt_assert_eq_u64(resident(fd, handle), granule);
	/* The tail is no whole granule. */
	igt_assert(dgem_is_zero(ptr + 40 * granule, 3 * DGEM_PAGE));
	igt_assert_eq_u64(resident(fd, handle), granule + 3 * DGEM_PAGE);
	dgem_fill(ptr + 8 * granule - DGEM_PAGE, 8 * granule - DGEM_PAGE, 2 * DGEM_PAGE, 1);
	igt_assert_eq_u64(resident(fd, handle), 2 * granule + 3 * DGEM_PAGE);
	dgem_check(ptr + 7 * granule, 7 * granule, 3 * DGEM_PAGE, 1);
	dgem_check(ptr + 8 * granule - DGEM_PAGE, 8 * granule - DGEM_PAGE, 2 * DGEM_PAGE, 1);

	/* What is there stays when the mapping goes. */
	munmap(ptr, size);
	igt_assert_eq_u64(resident(fd, handle), 2 * granule + 3 * DGEM_PAGE);
	ptr = dgem_mmap(fd, handle, size);
	dgem_check(ptr + 7 * granule, 7 * granule, 3 * DGEM_PAGE, 1);
	munmap(ptr, size);
	gem_close(fd, handle);
}

static void test_touch_all(int fd)
{
	const uint64_t size = 2 * granule + 5 * DGEM_PAGE;
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
	const uint64_t size = 100 * granule, length = 2 * DGEM_PAGE;
	const struct dgem_kind *plain = &dgem_kinds[0];
	uint32_t src = dgem_create_filled(fd, plain, length, 1);
	uint32_t dst = dgem_create(fd, plain, length);
	uint32_t lazy = create_lazy(fd, size);
	uint64_t at[] = { 0, granule - DGEM_PAGE, 99 * granule + 5 * DGEM_PAGE, size - length };
	uint64_t now[] = { granule, 2 * granule, 3 * granule, 3 * granule };
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
	dgem_copy(fd, lazy, 50 * granule, dst, 0, length);
	ptr = dgem_mmap(fd, dst, length);
	dgem_sync_start(fd, dst, DRM_DGEM_SYNC_READ, length);
	igt_assert(dgem_is_zero(ptr, length));
	dgem_sync_end(fd, dst, DRM_DGEM_SYNC_READ, length);
	munmap(ptr, length);
	igt_assert_eq_u64(resident(fd, lazy), 4 * granule);

	ptr = dgem_mmap(fd, lazy, size);
	dgem_sync_start(fd, lazy, DRM_DGEM_SYNC_READ, size);
	for (int i = 0; i < ARRAY_SIZE(at); i++)
		dgem_check(ptr + at[i], 0, length, 1);
	dgem_sync_end(fd, lazy, DRM_DGEM_SYNC_READ, size);
	munmap(ptr, size);
	igt_assert_eq_u64(resident(fd, lazy), 4 * granule);
	gem_close(fd, lazy);
	gem_close(fd, src);
	gem_close(fd, dst);
}

static void test_copy_2d(int fd)
{
	const uint64_t row = 512, rows = 4, pitch = granule / 2, far = 64 * granule;
	uint32_t src = dgem_create_filled(fd, &dgem_kinds[0], DGEM_PAGE, 1);
	uint32_t dst = dgem_create(fd, &dgem_kinds[0], DGEM_PAGE), lazy = create_lazy(fd, 2 * far);
	struct drm_dgem_op ops[] = {
		dgem_op_copy_2d(src, 0, row, lazy, granule + 1024, pitch, row, rows),
		dgem_op_copy(src, 0, lazy, far, DGEM_PAGE),
		dgem_op_copy_2d(lazy, granule + 1024, pitch, dst, 0, row, row, rows),
		dgem_op_copy(lazy, far + rows * row, dst, rows * row, DGEM_PAGE - rows * row),
	};

	dgem_run(fd, ops, ARRAY_SIZE(ops));
	dgem_check_object(fd, dst, DGEM_PAGE, 1);
	igt_assert_eq_u64(resident(fd, lazy), 3 * granule);

	/* Within the object, from granule to granule. */
	dgem_copy(fd, lazy, far, lazy, granule * 3 - row, 2 * row);
	dgem_copy(fd, lazy, granule * 3 - row, dst, 0, 2 * row);
	dgem_check_object(fd, dst, DGEM_PAGE, 1);
	gem_close(fd, lazy);
	gem_close(fd, src);
	gem_close(fd, dst);
}

static void test_export(int fd)
{
	const uint64_t size = 2 * granule + 3 * DGEM_PAGE;
	uint32_t handle = create_lazy(fd, size), dst = dgem_create(fd, &dgem_kinds[0], DGEM_PAGE);
	uint8_t *ptr = dgem_mmap(fd, handle, size), *theirs;
	int dmabuf;

	dgem_fill(ptr + granule, granule, DGEM_PAGE, 1);
	igt_assert_eq_u64(resident(fd, handle), granule);
	dmabuf = dgem_export(fd, handle);
	igt_assert_eq_u64(resident(fd, handle), size);
	igt_assert_eq_s64(lseek(dmabuf, 0, SEEK_END), size);

	/* What was there is seen through the dma-buf, and the other way round. */
	theirs = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);
	igt_assert(theirs != MAP_FAILED);
	dgem_check(theirs + granule, granule, DGEM_PAGE, 1);
	igt_assert(dgem_is_zero(theirs, granule));
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

/* Another instance is an importer as any other. Its engine is the CPU, by a kernel mapping. */
static void test_export_import(int fd)
{
	const uint64_t size = 2 * granule + 3 * DGEM_PAGE;
	uint32_t handle = create_lazy(fd, size), theirs, dst;
	uint8_t *ptr = dgem_mmap(fd, handle, size);
	int other, dmabuf;

	dgem_require_configfs();
	dgem_fill(ptr + granule, 0, DGEM_PAGE, 1);
	other = dgem_instance_start(NAME);
	dmabuf = dgem_export(fd, handle);
	igt_assert_eq_u64(resident(fd, handle), size);
	igt_assert_eq(__dgem_import(other, dmabuf, &theirs), 0);

	dst = dgem_create(other, &dgem_kinds[0], 2 * DGEM_PAGE);
	dgem_fill_object(other, dst, 2 * DGEM_PAGE, 2);
	dgem_copy(other, theirs, granule, dst, 0, DGEM_PAGE);
	dgem_check_object(other, dst, DGEM_PAGE, 1);
	dgem_copy(other, dst, 0, theirs, size - DGEM_PAGE, DGEM_PAGE);
	dgem_check(ptr + size - DGEM_PAGE, 0, DGEM_PAGE, 1);
	igt_assert(dgem_is_zero(ptr, granule));
	munmap(ptr, size);
	close(other);
	dgem_instance_remove(NAME);
	close(dmabuf);
	gem_close(fd, handle);
}

/* An object that there is no memory for is not exported, however little of it was touched. */
static void test_export_too_large(int fd)
{
	struct drm_dgem_query_device device;
	uint32_t handle;
	uint64_t size;
	uint8_t *ptr;

	dgem_query_device(fd, &device);
	size = device.max_size / 2;
	igt_require_f(size > dgem_meminfo("MemTotal"), "this machine has memory for all there is\n");
	handle = create_lazy(fd, size);
	ptr = dgem_mmap(fd, handle, granule);
	dgem_fill(ptr, 0, DGEM_PAGE, 1);
	igt_assert_eq(__dgem_export(fd, handle, DRM_CLOEXEC), -ENOMEM);
	igt_assert_eq_u64(resident(fd, handle), granule);
	dgem_check(ptr, 0, DGEM_PAGE, 1);
	munmap(ptr, granule);
	gem_close(fd, handle);
}

static void test_export_large(int fd)
{
	const uint64_t size = 5 * GIB + 3 * DGEM_PAGE;
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
	gem_close(vgem, theirs);
	close(vgem);
	close(dmabuf);
	gem_close(fd, handle);
}

static const uint64_t large[] = {
	(1ull << 31) - 1, 1ull << 31, (1ull << 31) + 1, (1ull << 32) - 1, 1ull << 32,
	(1ull << 32) + 1, 5 * GIB, 8 * GIB + 65536, 1ull << 35, 1ull << 38, 1ull << 40,
};

static void test_sizes(int fd)
{
	struct drm_dgem_query_device device;
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
	handle = create_lazy(fd, device.max_size);
	dgem_info(fd, handle, &info);
	igt_assert_eq_u64(info.size, device.max_size);
	igt_assert_eq_u64(resident(fd, handle), 0);
	gem_close(fd, handle);
	create_err(fd, device.max_size + 1, DRM_DGEM_KIND_PAGES, EINVAL);
}

/* A file has used up its share, whatever objects it was for. */
static void assert_no_offsets(int fd)
{
	struct drm_dgem_query_stats before, now;
	uint32_t handle;

	dgem_query_stats(fd, &before);
	igt_assert_eq(__dgem_create_lazy(fd, DGEM_PAGE, &handle), -EOVERFLOW);
	igt_assert_eq(__dgem_create_lazy(fd, granule, &handle), -EOVERFLOW);
	igt_assert_eq(__dgem_create_flags(fd, DRM_DGEM_KIND_CONTIGUOUS, 0, DGEM_PAGE, &handle),
		      -EOVERFLOW);
	dgem_query_stats(fd, &now);
	igt_assert_eq_u64(now.objects, before.objects);
	igt_assert_eq_u64(now.bytes, before.bytes);
	igt_assert_eq_u64(now.file_bytes, before.file_bytes);
}

/* Each file has as much; none of it takes memory. */
static void test_offsets(int unused)
{
	int fd = dgem_open(), other = dgem_open();
	struct drm_dgem_query_device device;
	uint32_t handles[3], theirs, handle;
	uint64_t half, rest;
	void *ptr;

	dgem_query_device(fd, &device);
	half = device.max_size / 2 & ~(DGEM_PAGE - 1);
	rest = device.max_size - half;
	handles[0] = create_lazy(fd, half);
	handles[1] = create_lazy(fd, rest);
	assert_no_offsets(fd);

	/* others have theirs, also all of it */
	theirs = create_lazy(other, device.max_size - DGEM_PAGE);
	gem_close(other, dgem_create_contiguous(other, DGEM_PAGE));
	igt_assert_eq(__dgem_create_lazy(other, 2 * DGEM_PAGE, &handle), -EOVERFLOW);
	gem_close(other, theirs);

	/* what is given back can be had again, and no page more */
	gem_close(fd, handles[1]);
	igt_assert_eq(__dgem_create_lazy(fd, rest + DGEM_PAGE, &handle), -EOVERFLOW);
	handles[1] = create_lazy(fd, rest - DGEM_PAGE);
	igt_assert_eq(__dgem_create_lazy(fd, 2 * DGEM_PAGE, &handle), -EOVERFLOW);
	handles[2] = create_lazy(fd, DGEM_PAGE);
	assert_no_offsets(fd);
	/* a mapping holds what its object has */
	ptr = dgem_mmap(fd, handles[2], DGEM_PAGE);
	gem_close(fd, handles[2]);
	assert_no_offsets(fd);
	munmap(ptr, DGEM_PAGE);
	gem_close(fd, create_lazy(fd, DGEM_PAGE));

	close(fd);
	gem_close(other, create_lazy(other, device.max_size));
	close(other);
}

/* Another file's read-only dma-buf is an import: it has no offsets until they are asked for. */
static void test_offsets_import(int unused)
{
	int fd = dgem_open(), maker = dgem_open(), dmabuf;
	struct drm_dgem_query_device device;
	uint32_t handle, import, filler;
	struct drm_dgem_mmap map = { };
	struct drm_dgem_info info;
	void *ptr;

	dgem_query_device(fd, &device);
	handle = dgem_create_filled(maker, &dgem_kinds[0], 2 * DGEM_PAGE, 1);
	dmabuf = __dgem_export(maker, handle, DRM_CLOEXEC);
	igt_assert_fd(dmabuf);
	filler = create_lazy(fd, device.max_size - DGEM_PAGE);
	igt_assert_eq(__dgem_import(fd, dmabuf, &import), 0);
	dgem_info(fd, import, &info);
	igt_assert_eq_u32(info.kind, DRM_DGEM_KIND_IMPORT);

	map.handle = import;
	igt_assert_eq(__dgem_mmap_offset(fd, &map), -EOVERFLOW);
	igt_assert_eq(__dgem_mmap_offset(fd, &map), -EOVERFLOW);
	/* nothing was taken of what is left */
	gem_close(fd, create_lazy(fd, DGEM_PAGE));
	gem_close(fd, filler);
	filler = create_lazy(fd, device.max_size - 2 * DGEM_PAGE);
	ptr = __dgem_mmap(fd, import, 2 * DGEM_PAGE, PROT_READ, MAP_SHARED);
	igt_assert(ptr != MAP_FAILED);
	dgem_check(ptr, 0, 2 * DGEM_PAGE, 1);
	munmap(ptr, 2 * DGEM_PAGE);
	/* once, however often it is asked for */
	dgem_mmap_offset(fd, import);
	assert_no_offsets(fd);
	gem_close(fd, import);
	gem_close(fd, create_lazy(fd, 2 * DGEM_PAGE));
	gem_close(fd, filler);
	close(fd);
	close(dmabuf);
	close(maker);
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
	for (int i = 0; i <= ARRAY_SIZE(large); i++) {
		/* and the largest that this file can have beside the others */
		const uint64_t asked = i < ARRAY_SIZE(large) ? large[i]
							     : device.max_size - 8 * DGEM_PAGE;
		const uint64_t size = (asked + DGEM_PAGE - 1) & ~(DGEM_PAGE - 1);
		const uint64_t last = size - DGEM_PAGE;
		uint32_t handle;

		if (size > device.max_size - 8 * DGEM_PAGE)
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
		igt_assert_lte_u64(resident(fd, handle), 2 * granule);
		gem_close(fd, handle);
	}
	igt_assert_lte(device.max_size > 1ull << 32, beyond);
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

	for (uint64_t at = 0; at < crowd->size; at += granule)
		crowd->ptr[at] = 1;
	return NULL;
}

static void *who_copies(void *data)
{
	const struct crowd *crowd = data;

	for (uint64_t at = 0; at < crowd->size; at += granule)
		dgem_copy(crowd->fd, crowd->src, 0, crowd->handle, at + DGEM_PAGE, DGEM_PAGE);
	return NULL;
}

static void test_threads(int fd)
{
	struct crowd crowd = { .fd = fd, .size = 3 * granule };
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
		for (uint64_t at = 0; at < crowd.size; at += granule) {
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
	{ "touch", "Memory comes when it is touched, by granules, zeroed.", test_touch },
	{ "touch-all", "An object touched everywhere has all of its memory.", test_touch_all },
	{ "copy", "Memory comes when a job works on it.", test_copy },
	{ "copy-2d", "Rectangles over several granules work.", test_copy_2d },
	{ "export", "Exporting brings all of the memory.", test_export },
	{ "export-import", "An importer finds all of it.", test_export_import },
	{ "export-too-large", "What there is no memory for is not exported.",
	  test_export_too_large },
	{ "export-large", "The last page of 5 GiB is reached by an importer.", test_export_large },
	{ "sizes", "Objects of any size can be made, and cost nothing.", test_sizes },
	{ "offsets", "A file has its share of mmap offsets and no more.", test_offsets },
	{ "offsets-import", "An import takes of the share when asked for its offset.",
	  test_offsets_import },
	{ "last-page", "The last page beyond 4 and 8 GiB is mapped and copied.", test_last_page },
	{ "threads", "Many who need the same granule at once get one.", test_threads },
	{ "bad-size", "Sizes that are too large or overflow are refused.", test_bad_size },
	{ "bad-kind", "Kinds that come as a whole are not lazy.", test_bad_kind },
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
