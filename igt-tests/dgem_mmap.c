// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <signal.h>
#include <sys/mman.h>

#include "igt.h"

#include "dgem_util.h"

/**
 * TEST: dgem mmap
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: memory mapping
 * Description: Mappings of an object show its pages, each where it belongs, and nothing else.
 *
 * SUBTEST: pages-%s
 * Description: Every page of an object can be touched, in any order, and is shared.
 *
 * SUBTEST: past-end-%s
 * Description: A mapping that reaches past the object is refused.
 *
 * SUBTEST: private-%s
 * Description: Copy-on-write mappings are refused, read-only ones too.
 *
 * SUBTEST: mremap-grow-%s
 * Description: A mapping cannot grow past the object.
 *
 * SUBTEST: mremap-move-%s
 * Description: A mapping that moves or shrinks keeps its content.
 *
 * SUBTEST: unmap-part-%s
 * Description: What a partial munmap leaves over stays where it was.
 *
 * SUBTEST: protect-%s
 * Description: Changing the protection of a page in the middle leaves the others alone.
 *
 * SUBTEST: foreign-file-%s
 * Description: An object's offset is of no use to a file that does not own the object.
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
 * @import: memory of the system heap
 *
 * SUBTEST: bad-handle
 * Description: There is no offset for a handle that does not exist.
 *
 * SUBTEST: bad-flags
 * Description: Unknown flags are refused.
 *
 * SUBTEST: bad-offset
 * Description: Offsets inside an object and offsets of nothing are refused.
 *
 * SUBTEST: bad-argument
 * Description: An argument that cannot be read or written is EFAULT.
 *
 * SUBTEST: alignment
 * Description: Large objects can be mapped at addresses that suit huge pages.
 */

IGT_TEST_DESCRIPTION("Mappings of an object show its pages, each where it belongs.");

#define PAGES	9
#define SIZE	(PAGES * DGEM_PAGE)

static void check_page(const uint8_t *ptr, int page, uint32_t seed)
{
	dgem_check(ptr + page * DGEM_PAGE, page * DGEM_PAGE, DGEM_PAGE, seed);
}

static void test_pages(int fd, const struct dgem_kind *kind)
{
	static const int order[PAGES] = { 8, 0, 4, 3, 5, 1, 7, 2, 6 };
	uint32_t handle = dgem_create(fd, kind, SIZE);
	uint8_t *one = dgem_mmap(fd, handle, SIZE), *two = dgem_mmap(fd, handle, SIZE);

	for (int i = 0; i < PAGES; i++) {
		uint64_t offset = order[i] * DGEM_PAGE;

		igt_assert(dgem_is_zero(one + offset, DGEM_PAGE));
		dgem_fill(one + offset, offset, DGEM_PAGE, 1);
	}
	dgem_check(two, 0, SIZE, 1);
	for (int i = 0; i < PAGES; i++)
		dgem_fill(two + i * DGEM_PAGE, i * DGEM_PAGE, DGEM_PAGE, 2);
	dgem_check(one, 0, SIZE, 2);
	munmap(one, SIZE);
	munmap(two, SIZE);

	/* A mapping may be shorter than its object. */
	one = dgem_mmap(fd, handle, DGEM_PAGE);
	check_page(one, 0, 2);
	munmap(one, DGEM_PAGE);
	gem_close(fd, handle);
}

static void mmap_err(int fd, uint32_t handle, uint64_t size, int prot, int flags, int err)
{
	void *ptr;

	errno = 0;
	ptr = __dgem_mmap(fd, handle, size, prot, flags);
	igt_assert(ptr == MAP_FAILED);
	igt_assert_eq(errno, err);
}

static void test_past_end(int fd, const struct dgem_kind *kind)
{
	uint32_t handle = dgem_create(fd, kind, SIZE), next = dgem_create(fd, kind, SIZE);

	mmap_err(fd, handle, SIZE + DGEM_PAGE, PROT_READ, MAP_SHARED, EINVAL);
	mmap_err(fd, handle, SIZE + 1, PROT_READ | PROT_WRITE, MAP_SHARED, EINVAL);
	mmap_err(fd, handle, 2 * SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, EINVAL);
	mmap_err(fd, handle, 1ull << 32, PROT_READ, MAP_SHARED, EINVAL);
	igt_assert_eq_u32(dgem_vmas(fd, handle), 0);
	gem_close(fd, handle);
	gem_close(fd, next);
}

static void test_private(int fd, const struct dgem_kind *kind)
{
	uint32_t handle = dgem_create(fd, kind, SIZE);

	mmap_err(fd, handle, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, EINVAL);
	mmap_err(fd, handle, SIZE, PROT_READ, MAP_PRIVATE, EINVAL);
	mmap_err(fd, handle, SIZE, PROT_NONE, MAP_PRIVATE, EINVAL);
	mmap_err(fd, handle, DGEM_PAGE, PROT_WRITE, MAP_PRIVATE | MAP_POPULATE, EINVAL);
	igt_assert_eq_u32(dgem_vmas(fd, handle), 0);
	gem_close(fd, handle);
}

static void test_mremap_grow(int fd, const struct dgem_kind *kind)
{
	uint32_t handle = dgem_create_filled(fd, kind, SIZE, 1);
	uint8_t *ptr;

	for (int touched = 0; touched < 2; touched++) {
		ptr = dgem_mmap(fd, handle, SIZE - DGEM_PAGE);
		if (touched)
			dgem_check(ptr, 0, SIZE - DGEM_PAGE, 1);
		for (int pages = 0; pages < 3; pages++) {
			errno = 0;
			igt_assert(mremap(ptr, SIZE - DGEM_PAGE, SIZE + pages * DGEM_PAGE,
					  MREMAP_MAYMOVE) == MAP_FAILED);
			igt_assert_eq(errno, EFAULT);
		}
		/* An old size of zero would make a second mapping: it is refused as well. */
		igt_assert(mremap(ptr, 0, SIZE + DGEM_PAGE, MREMAP_MAYMOVE) == MAP_FAILED);
		dgem_check(ptr, 0, SIZE - DGEM_PAGE, 1);
		munmap(ptr, SIZE - DGEM_PAGE);
	}
	gem_close(fd, handle);
}

static void test_mremap_move(int fd, const struct dgem_kind *kind)
{
	uint32_t handle = dgem_create_filled(fd, kind, SIZE, 1);

	for (int touched = 0; touched < 2; touched++) {
		uint8_t *ptr = dgem_mmap(fd, handle, SIZE), *hole, *moved;

		if (touched)
			dgem_check(ptr, 0, SIZE, 1);
		hole = mmap(NULL, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		igt_assert(hole != MAP_FAILED);
		moved = mremap(ptr, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, hole);
		igt_assert(moved == hole);
		igt_assert_eq(dgem_touch(ptr, false), SIGSEGV);
		dgem_check(moved, 0, SIZE, 1);

		igt_assert(mremap(moved, SIZE, 3 * DGEM_PAGE, 0) == moved);
		igt_assert_eq(dgem_touch(moved + 3 * DGEM_PAGE, false), SIGSEGV);
		dgem_check(moved, 0, 3 * DGEM_PAGE, 1);

		/* The tail alone moves: its pages are still the object's second and third. */
		igt_assert(mremap(moved + DGEM_PAGE, 2 * DGEM_PAGE, 2 * DGEM_PAGE,
				  MREMAP_MAYMOVE | MREMAP_FIXED, ptr) == ptr);
		check_page(ptr - DGEM_PAGE, 1, 1);
		check_page(ptr - DGEM_PAGE, 2, 1);
		check_page(moved, 0, 1);
		munmap(ptr, 2 * DGEM_PAGE);
		munmap(moved, DGEM_PAGE);
		igt_assert_eq_u32(dgem_vmas(fd, handle), 0);
	}
	gem_close(fd, handle);
}

static void test_unmap_part(int fd, const struct dgem_kind *kind)
{
	uint32_t handle = dgem_create_filled(fd, kind, SIZE, 1);

	for (int touched = 0; touched < 2; touched++) {
		uint8_t *ptr = dgem_mmap(fd, handle, SIZE);

		if (touched)
			dgem_check(ptr, 0, SIZE, 1);
		/* The head, a page in the middle, the last page: 2, 3, 5, 6 and 7 remain. */
		munmap(ptr, 2 * DGEM_PAGE);
		munmap(ptr + 4 * DGEM_PAGE, DGEM_PAGE);
		munmap(ptr + 8 * DGEM_PAGE, DGEM_PAGE);
		for (int page = 0; page < PAGES; page++) {
			if (page < 2 || page == 4 || page == 8)
				igt_assert_eq(dgem_touch(ptr + page * DGEM_PAGE, false), SIGSEGV);
			else
				check_page(ptr, page, 1);
		}
		for (int page = 5; page < 8; page++)
			dgem_fill(ptr + page * DGEM_PAGE, page * DGEM_PAGE, DGEM_PAGE, 1);
		munmap(ptr, SIZE);
		dgem_check_object(fd, handle, SIZE, 1);
	}
	gem_close(fd, handle);
}

static void test_protect(int fd, const struct dgem_kind *kind)
{
	uint32_t handle = dgem_create_filled(fd, kind, SIZE, 1);

	for (int touched = 0; touched < 2; touched++) {
		uint8_t *ptr = dgem_mmap(fd, handle, SIZE), *middle = ptr + 4 * DGEM_PAGE;

		if (touched)
			dgem_check(ptr, 0, SIZE, 1);
		igt_assert_eq(mprotect(middle, DGEM_PAGE, PROT_READ), 0);
		igt_assert_eq(dgem_touch(middle, false), 0);
		igt_assert_eq(dgem_touch(middle, true), SIGSEGV);
		igt_assert_eq(dgem_touch(middle + DGEM_PAGE, true), 0);
		dgem_check(ptr, 0, SIZE, 1);
		igt_assert_eq(mprotect(middle, DGEM_PAGE, PROT_NONE), 0);
		igt_assert_eq(dgem_touch(middle, false), SIGSEGV);
		igt_assert_eq(mprotect(ptr, SIZE, PROT_READ | PROT_WRITE), 0);
		igt_assert_eq(dgem_touch(middle, true), 0);
		dgem_check(ptr, 0, SIZE, 1);
		munmap(ptr, SIZE);
	}
	gem_close(fd, handle);
}

static void test_foreign_file(int fd, const struct dgem_kind *kind)
{
	uint32_t handle = dgem_create(fd, kind, SIZE);
	uint64_t offset = dgem_mmap_offset(fd, handle);
	int other = dgem_open();

	errno = 0;
	igt_assert(mmap(NULL, SIZE, PROT_READ, MAP_SHARED, other, offset) == MAP_FAILED);
	igt_assert_eq(errno, EACCES);
	close(other);
	gem_close(fd, handle);
}

static void test_bad_handle(int fd)
{
	static const uint32_t bad[] = { 0, 0xdead, 0x80000000, UINT32_MAX };

	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct drm_dgem_mmap map = { .handle = bad[i] };

		do_ioctl_err(fd, DRM_IOCTL_DGEM_MMAP, &map, ENOENT);
	}
}

static void test_bad_flags(int fd)
{
	uint32_t handle = dgem_create_contiguous(fd, DGEM_PAGE);

	for (int bit = 0; bit < 32; bit++) {
		struct drm_dgem_mmap map = { .handle = handle, .flags = 1u << bit };

		do_ioctl_err(fd, DRM_IOCTL_DGEM_MMAP, &map, EINVAL);
	}
	gem_close(fd, handle);
}

static void test_bad_offset(int fd)
{
	uint32_t handle = dgem_create_contiguous(fd, SIZE);
	uint64_t offset = dgem_mmap_offset(fd, handle);
	const uint64_t bad[] = {
		0, DGEM_PAGE, offset + DGEM_PAGE, offset + SIZE - DGEM_PAGE, offset + (1ull << 40),
	};

	igt_assert_eq_u64(offset % DGEM_PAGE, 0);
	igt_assert_eq_u64(dgem_mmap_offset(fd, handle), offset);
	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		errno = 0;
		igt_assert(mmap(NULL, DGEM_PAGE, PROT_READ, MAP_SHARED, fd, bad[i]) == MAP_FAILED);
		igt_assert_eq(errno, EINVAL);
	}
	gem_close(fd, handle);
	/* Its object is gone, and the offset with it. */
	igt_assert(mmap(NULL, DGEM_PAGE, PROT_READ, MAP_SHARED, fd, offset) == MAP_FAILED);
}

static void test_bad_argument(int fd)
{
	struct drm_dgem_mmap *map = mmap(NULL, DGEM_PAGE, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t handle = dgem_create_contiguous(fd, DGEM_PAGE);

	igt_assert(map != MAP_FAILED);
	map->handle = handle;
	igt_assert_eq(mprotect(map, DGEM_PAGE, PROT_READ), 0);
	do_ioctl_err(fd, DRM_IOCTL_DGEM_MMAP, map, EFAULT);
	munmap(map, DGEM_PAGE);
	do_ioctl_err(fd, DRM_IOCTL_DGEM_MMAP, map, EFAULT);
	gem_close(fd, handle);
}

/* Nobody promises huge pages, so only what was mapped is checked; the address is told. */
static void test_alignment(int fd)
{
	const uint64_t size = 4 * DGEM_MIB;
	uint32_t handle = dgem_create_contiguous(fd, size);
	uint8_t *ptr = dgem_mmap(fd, handle, size);

	igt_info("4 MiB are mapped at %p, %saligned to 2 MiB\n", ptr,
		 (uintptr_t)ptr % (2 * DGEM_MIB) ? "not " : "");
	for (uint64_t page = 0; page < size / DGEM_PAGE; page += 33)
		dgem_fill(ptr + page * DGEM_PAGE, page * DGEM_PAGE, 16, 3);
	/* A hole in the middle of what may be one huge page. */
	munmap(ptr + DGEM_MIB, DGEM_PAGE);
	igt_assert_eq(dgem_touch(ptr + DGEM_MIB, false), SIGSEGV);
	for (uint64_t page = 0; page < size / DGEM_PAGE; page += 33) {
		if (page != DGEM_MIB / DGEM_PAGE)
			dgem_check(ptr + page * DGEM_PAGE, page * DGEM_PAGE, 16, 3);
	}
	munmap(ptr, size);
	gem_close(fd, handle);
}

static const struct dgem_kind_test tests[] = {
	{ "pages", "Every page can be touched, in any order, and is shared.", test_pages },
	{ "past-end", "A mapping that reaches past the object is refused.", test_past_end },
	{ "private", "Copy-on-write mappings are refused, read-only ones too.", test_private },
	{ "mremap-grow", "A mapping cannot grow past the object.", test_mremap_grow },
	{ "mremap-move", "A mapping that moves or shrinks keeps its content.", test_mremap_move },
	{ "unmap-part", "What a partial munmap leaves stays where it was.", test_unmap_part },
	{ "protect", "Protecting a page leaves the others alone.", test_protect },
	{ "foreign-file", "An offset is of no use to another file.", test_foreign_file },
};

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = dgem_open();

	dgem_kind_subtests(fd, tests, ARRAY_SIZE(tests), DRM_DGEM_CAP_MMAP | DGEM_AND_FOREIGN);

	igt_describe("There is no offset for a handle that does not exist.");
	igt_subtest("bad-handle")
		test_bad_handle(fd);

	igt_describe("Unknown flags are refused.");
	igt_subtest("bad-flags")
		test_bad_flags(fd);

	igt_describe("Offsets inside an object and offsets of nothing are refused.");
	igt_subtest("bad-offset")
		test_bad_offset(fd);

	igt_describe("An argument that cannot be read or written is EFAULT.");
	igt_subtest("bad-argument")
		test_bad_argument(fd);

	igt_describe("Large objects can be mapped at addresses that suit huge pages.");
	igt_subtest("alignment")
		test_alignment(fd);

	igt_fixture()
		close(fd);
}
