// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/statfs.h>

#include "igt.h"

#include "dgem_util.h"

/**
 * TEST: dgem user
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: user memory
 * Description: Objects of the caller's own memory: what is pinned, what is refused, what is left.
 *
 * SUBTEST: both-ways
 * Description: The engine reads and writes the memory itself, and the object outlives its mapping.
 *
 * SUBTEST: list
 * Description: Ranges in any order are one object, and copies cross from one to the next.
 *
 * SUBTEST: strides
 * Description: Elements may be longer if the rest is zero.
 *
 * SUBTEST: read-only
 * Description: Memory that may only be read can be lent for reading, and is no destination.
 *
 * SUBTEST: memfd
 * Description: What the device wrote to a file in memory stays in the file.
 *
 * SUBTEST: file
 * Description: A writable shared mapping of a file on a disk is not lent.
 *
 * SUBTEST: pinned
 * Description: Pages and locked memory are accounted until the object's end, and not longer.
 *
 * SUBTEST: memlock
 * Description: The limit of locked memory holds, over all objects.
 *
 * SUBTEST: no-export
 * Description: Such an object can be neither exported nor mapped, at a guessed offset either.
 *
 * SUBTEST: bad-gap
 * Description: A range with a gap is refused, and every pin is given back.
 *
 * SUBTEST: bad-pages
 * Description: Memory without pages to lend, and memory that may not be touched so, is refused.
 *
 * SUBTEST: bad-ranges
 * Description: Ranges that are empty, odd, wrap, or do not add up are refused.
 *
 * SUBTEST: bad-list
 * Description: A list that is empty, too long, unreadable or of a wrong stride is refused.
 */

IGT_TEST_DESCRIPTION("Objects of the caller's own memory.");

#define PAGES	8
#define SIZE	(PAGES * DGEM_PAGE)

static uint8_t *map_anonymous(uint64_t size)
{
	uint8_t *ptr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	igt_assert(ptr != MAP_FAILED);
	return ptr;
}

static struct drm_dgem_range range_of(const void *ptr, uint64_t length)
{
	return (struct drm_dgem_range) { .addr = to_user_pointer(ptr), .length = length };
}

static struct drm_dgem_create create_of(const struct drm_dgem_range *ranges, uint32_t count)
{
	struct drm_dgem_create create = {
		.kind = DRM_DGEM_KIND_USER,
		.source = to_user_pointer(ranges),
		.source_count = count,
		.source_stride = sizeof(*ranges),
	};

	for (uint32_t i = 0; i < count; i++)
		create.size += ranges[i].length;
	return create;
}

static int __lend(int fd, const void *ptr, uint64_t length, uint32_t flags, uint32_t *handle)
{
	struct drm_dgem_range range = range_of(ptr, length);
	struct drm_dgem_create create = create_of(&range, 1);
	int err;

	create.flags = flags;
	err = __dgem_create(fd, &create);
	*handle = err ? 0 : create.handle;
	return err;
}

static uint32_t lend(int fd, const void *ptr, uint64_t length, uint32_t flags)
{
	uint32_t handle;

	igt_assert_eq(__lend(fd, ptr, length, flags, &handle), 0);
	return handle;
}

static void lend_err(int fd, const void *ptr, uint64_t length, uint32_t flags, int err)
{
	uint32_t handle;

	igt_assert_eq(__lend(fd, ptr, length, flags, &handle), err);
}

static void test_both_ways(int fd)
{
	uint32_t stage = dgem_create_filled(fd, &dgem_kinds[0], SIZE, 1), handle;
	uint8_t *ptr = map_anonymous(SIZE);
	struct drm_dgem_info info;

	handle = lend(fd, ptr, SIZE, 0);
	dgem_info(fd, handle, &info);
	igt_assert_eq_u64(info.size, SIZE);
	igt_assert_eq_u32(info.kind, DRM_DGEM_KIND_USER);
	igt_assert_eq_u32(info.caps, DRM_DGEM_CAP_WRITE);
	igt_assert_eq_u32(info.cache_granted, DRM_DGEM_CACHE_CACHED);

	dgem_copy(fd, stage, 0, handle, 0, SIZE);
	dgem_sync_start(fd, handle, DRM_DGEM_SYNC_READ, SIZE);
	dgem_check(ptr, 0, SIZE, 1);
	dgem_sync_end(fd, handle, DRM_DGEM_SYNC_READ, SIZE);

	dgem_sync_start(fd, handle, DRM_DGEM_SYNC_WRITE, SIZE);
	dgem_fill(ptr, 0, SIZE, 2);
	dgem_sync_end(fd, handle, DRM_DGEM_SYNC_WRITE, SIZE);
	dgem_copy(fd, handle, 0, stage, 0, SIZE);
	dgem_check_object(fd, stage, SIZE, 2);

	/* Without its mapping it is still the same pages; with it, another's are not. */
	munmap(ptr, SIZE);
	dgem_check_object(fd, handle, SIZE, 2);
	gem_close(fd, handle);
	gem_close(fd, stage);
}

static void test_list(int fd)
{
	uint8_t *ptr = map_anonymous(SIZE);
	const struct drm_dgem_range ranges[] = {
		range_of(ptr + 5 * DGEM_PAGE, 2 * DGEM_PAGE),
		range_of(ptr, DGEM_PAGE),
		range_of(ptr + 3 * DGEM_PAGE, DGEM_PAGE),
		range_of(ptr + DGEM_PAGE, 2 * DGEM_PAGE),
	};
	struct drm_dgem_create create = create_of(ranges, ARRAY_SIZE(ranges));
	const uint64_t size = 6 * DGEM_PAGE;
	uint32_t stage = dgem_create_filled(fd, &dgem_kinds[0], size, 1);
	uint64_t offset = 0;

	igt_assert_eq(__dgem_create(fd, &create), 0);
	igt_assert_eq_u64(create.size, size);
	dgem_copy(fd, stage, 0, create.handle, 0, size);
	dgem_sync_start(fd, create.handle, DRM_DGEM_SYNC_READ, size);
	for (int i = 0; i < ARRAY_SIZE(ranges); i++) {
		dgem_check((void *)(uintptr_t)ranges[i].addr, offset, ranges[i].length, 1);
		offset += ranges[i].length;
	}
	/* what is not in the list is as it was */
	igt_assert(dgem_is_zero(ptr + 4 * DGEM_PAGE, DGEM_PAGE));
	igt_assert(dgem_is_zero(ptr + 7 * DGEM_PAGE, DGEM_PAGE));
	dgem_sync_end(fd, create.handle, DRM_DGEM_SYNC_READ, size);

	dgem_fill_object(fd, stage, size, 2);
	dgem_copy(fd, create.handle, DGEM_PAGE + 64, stage, DGEM_PAGE + 64, 3 * DGEM_PAGE);
	dgem_copy(fd, create.handle, 0, stage, 0, DGEM_PAGE + 64);
	dgem_copy(fd, create.handle, 4 * DGEM_PAGE + 64, stage, 4 * DGEM_PAGE + 64,
		  2 * DGEM_PAGE - 64);
	dgem_check_object(fd, stage, size, 1);
	gem_close(fd, create.handle);
	gem_close(fd, stage);
	munmap(ptr, SIZE);
}

static void test_strides(int fd)
{
	struct {
		struct drm_dgem_range range;
		uint64_t more;
	} elements[2] = { };
	uint8_t *ptr = map_anonymous(SIZE);
	struct drm_dgem_create create = {
		.size = SIZE,
		.kind = DRM_DGEM_KIND_USER,
		.source = to_user_pointer(elements),
		.source_count = 2,
		.source_stride = sizeof(elements[0]),
	};

	elements[0].range = range_of(ptr + DGEM_PAGE, SIZE - DGEM_PAGE);
	elements[1].range = range_of(ptr, DGEM_PAGE);
	igt_assert_eq(__dgem_create(fd, &create), 0);
	gem_close(fd, create.handle);
	elements[1].more = 1;
	do_ioctl_err(fd, DRM_IOCTL_DGEM_CREATE, &create, E2BIG);
	munmap(ptr, SIZE);
}

static void test_read_only(int fd)
{
	uint32_t stage = dgem_create(fd, &dgem_kinds[0], SIZE), handle;
	uint8_t *ptr = map_anonymous(SIZE);
	struct drm_dgem_submit submit;
	struct drm_dgem_info info;
	struct drm_dgem_op op;

	dgem_fill(ptr, 0, SIZE, 1);
	igt_assert_eq(mprotect(ptr, SIZE, PROT_READ), 0);
	lend_err(fd, ptr, SIZE, 0, -EFAULT);
	handle = lend(fd, ptr, SIZE, DRM_DGEM_CREATE_READ_ONLY);
	dgem_info(fd, handle, &info);
	igt_assert_eq_u32(info.caps, 0);
	dgem_copy(fd, handle, 0, stage, 0, SIZE);
	dgem_check_object(fd, stage, SIZE, 1);

	dgem_fill_object(fd, stage, SIZE, 2);
	op = dgem_op_copy(stage, 0, handle, 0, SIZE);
	dgem_submit_init(&submit, &op, 1);
	igt_assert_eq(__dgem_submit(fd, &submit), -EACCES);
	op = dgem_op_copy(handle, 0, handle, DGEM_PAGE, DGEM_PAGE);
	igt_assert_eq(__dgem_submit(fd, &submit), -EACCES);
	igt_assert_eq(__dgem_sync(fd, handle, DRM_DGEM_SYNC_WRITE, 0, SIZE, 0), -EACCES);
	dgem_check(ptr, 0, SIZE, 1);
	gem_close(fd, handle);
	gem_close(fd, stage);
	munmap(ptr, SIZE);
}

static void test_memfd(int fd)
{
	uint32_t stage = dgem_create_filled(fd, &dgem_kinds[0], SIZE, 1), handle;
	int file = memfd_create("dgem", MFD_CLOEXEC);
	uint8_t *ptr, copy[DGEM_PAGE];

	igt_assert_fd(file);
	igt_assert_eq(ftruncate(file, SIZE), 0);
	ptr = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	igt_assert(ptr != MAP_FAILED);
	handle = lend(fd, ptr, SIZE, 0);
	munmap(ptr, SIZE);
	dgem_copy(fd, stage, 0, handle, 0, SIZE);
	dgem_sync_start(fd, handle, DRM_DGEM_SYNC_READ, SIZE);
	gem_close(fd, handle);
	for (uint64_t offset = 0; offset < SIZE; offset += sizeof(copy)) {
		igt_assert_eq(pread(file, copy, sizeof(copy), offset), sizeof(copy));
		dgem_check(copy, offset, sizeof(copy), 1);
	}
	close(file);
	gem_close(fd, stage);
}

/* A file of a file system that has to know of writes, for the caller to unlink, or -1. */
static int open_on_disk(char *path, size_t size)
{
	static const char * const folders[] = { "/var/tmp", "/root", "/out", "." };

	for (int i = 0; i < ARRAY_SIZE(folders); i++) {
		enum { TMPFS = 0x01021994, RAMFS = 0x858458f6, OVERLAY = 0x794c7630 };
		struct statfs fs;
		int file;

		snprintf(path, size, "%s/dgem-user-XXXXXX", folders[i]);
		if (statfs(folders[i], &fs) || fs.f_type == TMPFS || fs.f_type == RAMFS ||
		    fs.f_type == OVERLAY)
			continue;
		file = mkstemp(path);
		if (file >= 0)
			return file;
	}
	return -1;
}

static void test_file(int fd)
{
	char path[64];
	int file = open_on_disk(path, sizeof(path));
	uint32_t handle;
	uint8_t *ptr;

	igt_require_f(file >= 0, "no file system on a disk is at hand\n");
	igt_require_f(dgem_kernel() >= 605, "this kernel pins pages of files for writing\n");
	igt_assert_eq(ftruncate(file, SIZE), 0);
	ptr = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	igt_require_f(ptr != MAP_FAILED, "the file system has no shared mappings\n");
	dgem_fill(ptr, 0, SIZE, 1);
	lend_err(fd, ptr, SIZE, 0, -EFAULT);
	dgem_check(ptr, 0, SIZE, 1);
	munmap(ptr, SIZE);

	/* A private mapping is memory like any other. */
	ptr = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
	igt_assert(ptr != MAP_FAILED);
	handle = lend(fd, ptr, SIZE, 0);
	dgem_check_object(fd, handle, SIZE, 1);
	gem_close(fd, handle);
	munmap(ptr, SIZE);
	close(file);
	unlink(path);
}

/* A number behind a name in a file of lines; -1 if there is no such line. */
static int64_t number_in(const char *path, const char *name)
{
	FILE *file = fopen(path, "r");
	char line[256], word[64];
	int64_t value, found = -1;

	igt_assert(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%63[^: ]%*[: \t]%" SCNd64, word, &value) == 2 &&
		    !strcmp(word, name))
			found = value;
	}
	fclose(file);
	return found;
}

static int64_t locked_kib(void)
{
	int64_t kib = number_in("/proc/self/status", "VmLck");

	igt_assert_lte(0, kib);
	return kib;
}

/* Pins of the whole machine; reading stat_refresh folds what processors have for themselves. */
static int64_t pins(void)
{
	int refresh = open("/proc/sys/vm/stat_refresh", O_RDONLY | O_CLOEXEC);
	char scratch[8];
	int64_t got, released;

	if (refresh >= 0) {
		igt_assert_eq(read(refresh, scratch, sizeof(scratch)), 0);
		close(refresh);
	}
	got = number_in("/proc/vmstat", "nr_foll_pin_acquired");
	released = number_in("/proc/vmstat", "nr_foll_pin_released");
	igt_require_f(got >= 0 && released >= 0, "the kernel does not count pins\n");
	return got - released;
}

static void test_pinned(int fd)
{
	const int64_t pinned = pins(), locked = locked_kib();
	uint8_t *ptr = map_anonymous(SIZE);
	uint32_t handle, stage = dgem_create_filled(fd, &dgem_kinds[0], SIZE, 1);

	for (int flags = 0; flags < 2; flags++) {
		handle = lend(fd, ptr, SIZE, flags ? DRM_DGEM_CREATE_READ_ONLY : 0);
		igt_assert_eq_s64(pins(), pinned + PAGES);
		igt_assert_eq_s64(locked_kib(), locked + SIZE / 1024);
		dgem_copy(fd, handle, 0, stage, 0, SIZE);
		gem_close(fd, handle);
		/* the job may hold it for a moment longer */
		for (int i = 0; i < 1000 && locked_kib() != locked; i++)
			dgem_sleep_ms(10);
		igt_assert_eq_s64(locked_kib(), locked);
		igt_assert_eq_s64(pins(), pinned);
	}
	munmap(ptr, SIZE);
	gem_close(fd, stage);
}

static void test_memlock(int fd)
{
	uint8_t *ptr = map_anonymous(SIZE);

	igt_fork(child, 1) {
		const struct rlimit limit = { SIZE, SIZE };
		uint32_t one, two;
		int64_t locked;

		igt_assert_eq(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
		/* who may lock what he likes has no limit */
		igt_assert_eq(setuid(65534), 0);
		locked = locked_kib();
		one = lend(fd, ptr, SIZE - DGEM_PAGE, 0);
		lend_err(fd, ptr, 2 * DGEM_PAGE, 0, -ENOMEM);
		lend_err(fd, ptr, SIZE, DRM_DGEM_CREATE_READ_ONLY, -ENOMEM);
		igt_assert_eq_s64(locked_kib(), locked + (SIZE - DGEM_PAGE) / 1024);
		two = lend(fd, ptr, DGEM_PAGE, 0);
		gem_close(fd, one);
		gem_close(fd, two);
		one = lend(fd, ptr, SIZE, 0);
		gem_close(fd, one);
		igt_assert_eq_s64(locked_kib(), locked);
	}
	igt_waitchildren();
	munmap(ptr, SIZE);
}

static void test_no_export(int fd)
{
	struct drm_dgem_mmap map = { };
	uint8_t *ptr = map_anonymous(SIZE);
	uint64_t near, step;
	uint32_t handle, next;

	handle = lend(fd, ptr, SIZE, 0);
	igt_assert_eq(__dgem_export(fd, handle, DRM_CLOEXEC | DRM_RDWR), -EOPNOTSUPP);
	igt_assert_eq(__dgem_export(fd, handle, DRM_CLOEXEC), -EOPNOTSUPP);
	map.handle = handle;
	igt_assert_eq(__dgem_mmap_offset(fd, &map), -EOPNOTSUPP);
	igt_assert_eq_u64(map.offset, 0);

	/* Offsets are given out side by side: its own is near that of the next object. */
	next = dgem_create_contiguous(fd, SIZE);
	near = dgem_mmap_offset(fd, next);
	for (step = 1; step <= 4 * PAGES; step++) {
		for (int sign = -1; sign <= 1; sign += 2) {
			uint64_t offset = near + sign * (int64_t)(step * DGEM_PAGE);

			igt_assert(mmap(NULL, DGEM_PAGE, PROT_READ, MAP_SHARED, fd, offset) ==
				   MAP_FAILED);
		}
	}
	gem_close(fd, next);
	gem_close(fd, handle);
	munmap(ptr, SIZE);
}

static void test_bad_gap(int fd)
{
	const int64_t pinned = pins(), locked = locked_kib();
	uint8_t *ptr = map_anonymous(SIZE);
	struct drm_dgem_range ranges[3];
	struct drm_dgem_create create;

	munmap(ptr + 6 * DGEM_PAGE, DGEM_PAGE);
	lend_err(fd, ptr, SIZE, 0, -EFAULT);
	lend_err(fd, ptr, SIZE, DRM_DGEM_CREATE_READ_ONLY, -EFAULT);
	igt_assert_eq_s64(pins(), pinned);

	ranges[0] = range_of(ptr, 3 * DGEM_PAGE);
	ranges[1] = range_of(ptr + 3 * DGEM_PAGE, 2 * DGEM_PAGE);
	ranges[2] = range_of(ptr + 5 * DGEM_PAGE, 3 * DGEM_PAGE);
	create = create_of(ranges, ARRAY_SIZE(ranges));
	do_ioctl_err(fd, DRM_IOCTL_DGEM_CREATE, &create, EFAULT);
	igt_assert_eq_s64(pins(), pinned);
	igt_assert_eq_s64(locked_kib(), locked);
	munmap(ptr, SIZE);
}

static void test_bad_pages(int fd)
{
	uint32_t handle = dgem_create(fd, &dgem_kinds[0], SIZE);
	uint8_t *ptr = dgem_mmap(fd, handle, SIZE), *none = map_anonymous(SIZE);

	/* The driver's own mappings have no pages to take references to, touched or not. */
	lend_err(fd, ptr, SIZE, 0, -EFAULT);
	dgem_fill(ptr, 0, SIZE, 1);
	lend_err(fd, ptr, SIZE, 0, -EFAULT);
	lend_err(fd, ptr, SIZE, DRM_DGEM_CREATE_READ_ONLY, -EFAULT);
	munmap(ptr, SIZE);

	igt_assert_eq(mprotect(none, SIZE, PROT_NONE), 0);
	lend_err(fd, none, SIZE, DRM_DGEM_CREATE_READ_ONLY, -EFAULT);
	munmap(none, SIZE);
	lend_err(fd, NULL, SIZE, 0, -EFAULT);
	/* the kernel's half */
	lend_err(fd, (void *)(-(intptr_t)SIZE), SIZE, 0, -EFAULT);
	lend_err(fd, (void *)INTPTR_MIN, SIZE, 0, -EFAULT);
	gem_close(fd, handle);
}

static void test_bad_ranges(int fd)
{
	uint8_t *ptr = map_anonymous(SIZE);
	const struct drm_dgem_range good = range_of(ptr, SIZE);
	const struct {
		uint64_t addr, length, size;
		int err;
	} bad[] = {
		{ good.addr, 0, SIZE, EINVAL },
		{ good.addr, SIZE, SIZE - DGEM_PAGE, EINVAL },
		{ good.addr, SIZE, SIZE + DGEM_PAGE, EINVAL },
		{ good.addr, SIZE, SIZE - 1, EINVAL },
		{ good.addr, SIZE - 1, SIZE - 1, EINVAL },
		{ good.addr, SIZE - 1, SIZE, EINVAL },
		{ good.addr + 1, SIZE, SIZE, EINVAL },
		{ good.addr + 2048, DGEM_PAGE, DGEM_PAGE, EINVAL },
		{ good.addr, 1ull << 63, 1ull << 63, EINVAL },
		{ good.addr, -DGEM_PAGE, -DGEM_PAGE, EINVAL },
		{ good.addr, -DGEM_PAGE, SIZE, EFAULT },
		{ -DGEM_PAGE, 2 * DGEM_PAGE, 2 * DGEM_PAGE, EFAULT },
		{ good.addr + (1ull << 32), SIZE, SIZE, EFAULT }, /* good in 32 bits */
	};
	struct drm_dgem_range two[2] = { good, good };
	struct drm_dgem_create create;

	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct drm_dgem_range range = { bad[i].addr, bad[i].length };

		create = create_of(&range, 1);
		create.size = bad[i].size;
		do_ioctl_err(fd, DRM_IOCTL_DGEM_CREATE, &create, bad[i].err);
	}
	/* lengths that wrap around to the right sum */
	two[0].length = 1ull << 63;
	two[1].length = (1ull << 63) + SIZE;
	create = create_of(two, 2);
	igt_assert_eq_u64(create.size, SIZE);
	do_ioctl_err(fd, DRM_IOCTL_DGEM_CREATE, &create, EINVAL);
	/* twice the same is no error */
	create = create_of((struct drm_dgem_range[]) { good, good }, 2);
	igt_assert_eq(__dgem_create(fd, &create), 0);
	gem_close(fd, create.handle);
	munmap(ptr, SIZE);
}

static void test_bad_list(int fd)
{
	static const uint32_t strides[] = { 0, 8, 15, 17, 20, 4097, 4104, 0x80000000, UINT32_MAX };
	uint8_t *ptr = map_anonymous(SIZE);
	const struct drm_dgem_range range = range_of(ptr, SIZE);
	struct drm_dgem_create create;

	for (int i = 0; i < ARRAY_SIZE(strides); i++) {
		create = create_of(&range, 1);
		create.source_stride = strides[i];
		do_ioctl_err(fd, DRM_IOCTL_DGEM_CREATE, &create, EINVAL);
	}
	for (uint32_t count = 1025; count; count <<= 4) {
		create = create_of(&range, 1);
		create.source_count = count;
		do_ioctl_err(fd, DRM_IOCTL_DGEM_CREATE, &create, EINVAL);
	}
	create = create_of(&range, 1);
	create.source_count = 0;
	do_ioctl_err(fd, DRM_IOCTL_DGEM_CREATE, &create, EINVAL);
	create = create_of(&range, 1);
	create.window = 1;
	do_ioctl_err(fd, DRM_IOCTL_DGEM_CREATE, &create, EINVAL);
	create = create_of(&range, 1);
	create.source = 0;
	do_ioctl_err(fd, DRM_IOCTL_DGEM_CREATE, &create, EFAULT);
	create.source = -4096ull;
	do_ioctl_err(fd, DRM_IOCTL_DGEM_CREATE, &create, EFAULT);
	create = create_of(&range, 1);
	for (int bit = 0; bit < 32; bit++) {
		create.flags = 1u << bit;
		if (create.flags != DRM_DGEM_CREATE_READ_ONLY)
			do_ioctl_err(fd, DRM_IOCTL_DGEM_CREATE, &create, EINVAL);
	}
	munmap(ptr, SIZE);
}

static const struct dgem_test tests[] = {
	{ "both-ways", "The engine reads and writes the memory itself.", test_both_ways },
	{ "list", "Ranges in any order are one object.", test_list },
	{ "strides", "Elements may be longer if the rest is zero.", test_strides },
	{ "read-only", "Memory can be lent for reading alone.", test_read_only },
	{ "memfd", "What the device wrote stays in the file.", test_memfd },
	{ "file", "Shared mappings of files on a disk are not lent.", test_file },
	{ "pinned", "Pages are pinned until the object's end, not longer.", test_pinned },
	{ "memlock", "The limit of locked memory holds.", test_memlock },
	{ "no-export", "It can be neither exported nor mapped.", test_no_export },
	{ "bad-gap", "A range with a gap is refused, its pins given back.", test_bad_gap },
	{ "bad-pages", "Memory without pages to lend is refused.", test_bad_pages },
	{ "bad-ranges", "Ranges that make no sense are refused.", test_bad_ranges },
	{ "bad-list", "Lists that make no sense are refused.", test_bad_list },
};

int igt_main()
{
	int fd = -1;

	igt_fixture() {
		struct drm_dgem_query_device device;

		fd = dgem_open();
		dgem_query_device(fd, &device);
		igt_require_f(device.kinds & (1ull << DRM_DGEM_KIND_USER),
			      "this instance takes no memory of the caller's\n");
	}

	dgem_subtests(fd, tests, ARRAY_SIZE(tests));

	igt_fixture()
		close(fd);
}
