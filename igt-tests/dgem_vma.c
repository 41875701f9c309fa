// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "igt.h"

#include "dgem_proc.h"
#include "dgem_util.h"

/**
 * TEST: dgem vma
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: memory mapping
 * Description: What the memory management of the kernel may do with a mapping, and what not.
 *
 * SUBTEST: fork-%s
 * Description: A child shares the parent's mapping.
 *
 * SUBTEST: vma-count-%s
 * Description: INFO counts the mappings of an object, through splits and forks, but those of an
 *		exporter.
 *
 * SUBTEST: advice-%s
 * Description: Populating and advice do no harm.
 *
 * SUBTEST: vma-flags-%s
 * Description: A mapping cannot expand and is left out of core dumps.
 *
 * SUBTEST: ptrace-%s
 * Description: A debugger reads and writes a mapping, or is told EIO: by one of the system's heap,
 *		and where the kernel lets no debugger at page frames.
 *
 * SUBTEST: ptrace-read-only-%s
 * Description: Nobody writes through a mapping that is for reading, no debugger either: EIO.
 *
 * SUBTEST: outlive-%s
 * Description: A mapping outlives the handle and the file.
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
 * SUBTEST: no-pages-%s
 * Description: Nobody takes references to the pages of a mapping.
 *
 * arg[1].values: contiguous, coherent, wc, pages, lazy, vmalloc, reserved, import
 */

IGT_TEST_DESCRIPTION("What the memory management may do with a mapping, and what not.");

#define PAGES	9
#define SIZE	(PAGES * DGEM_PAGE)

static void check_page(const uint8_t *ptr, int page, uint32_t seed)
{
	dgem_check(ptr + page * DGEM_PAGE, page * DGEM_PAGE, DGEM_PAGE, seed);
}

static void test_fork(int fd, const struct dgem_kind *kind)
{
	uint32_t handle = dgem_create_filled(fd, kind, SIZE, 1);
	uint8_t *ptr = dgem_mmap(fd, handle, SIZE);

	check_page(ptr, 3, 1);
	igt_fork(child, 2) {
		dgem_check(ptr, 0, SIZE, 1);
		if (child)
			check_page(ptr, 1, 1);
	}
	igt_waitchildren();
	igt_fork(child, 1)
		dgem_fill(ptr, 0, SIZE, 2);
	igt_waitchildren();
	dgem_check(ptr, 0, SIZE, 2);
	munmap(ptr, SIZE);
	gem_close(fd, handle);
}

static void test_vma_count(int fd, const struct dgem_kind *kind)
{
	uint32_t handle = dgem_create(fd, kind, SIZE);
	struct drm_dgem_query_stats before, now;
	uint8_t *one, *two;
	int pipes[2];

	dgem_query_stats(fd, &before);
	igt_assert_eq_u32(dgem_vmas(fd, handle), 0);
	one = dgem_mmap(fd, handle, SIZE);
	igt_assert_eq_u32(dgem_vmas(fd, handle), 1);
	two = dgem_mmap(fd, handle, SIZE);
	igt_assert_eq_u32(dgem_vmas(fd, handle), 2);

	munmap(one + 4 * DGEM_PAGE, DGEM_PAGE);
	igt_assert_eq_u32(dgem_vmas(fd, handle), 3);
	munmap(one, DGEM_PAGE);
	igt_assert_eq_u32(dgem_vmas(fd, handle), 3);
	munmap(one, 4 * DGEM_PAGE);
	igt_assert_eq_u32(dgem_vmas(fd, handle), 2);
	igt_assert_eq(mprotect(two + DGEM_PAGE, DGEM_PAGE, PROT_READ), 0);
	igt_assert_eq_u32(dgem_vmas(fd, handle), 4);
	dgem_query_stats(fd, &now);
	igt_assert_eq_u64(now.vmas, before.vmas + 4);
	munmap(two, SIZE);
	igt_assert_eq_u32(dgem_vmas(fd, handle), 1);

	/* A child counts as long as it lives. */
	igt_assert_eq(pipe(pipes), 0);
	igt_fork(child, 1) {
		char byte;

		close(pipes[1]);
		igt_assert_eq_u32(dgem_vmas(fd, handle), 2);
		igt_assert_eq(read(pipes[0], &byte, 1), 0);
	}
	igt_assert_eq_u32(dgem_vmas(fd, handle), 2);
	close(pipes[0]);
	close(pipes[1]);
	igt_waitchildren();
	igt_assert_eq_u32(dgem_vmas(fd, handle), 1);
	munmap(one, SIZE);
	igt_assert_eq_u32(dgem_vmas(fd, handle), 0);
	gem_close(fd, handle);
}

/* An import's are its exporter's, and none of the object's. */
static void test_vma_uncounted(int fd, const struct dgem_kind *kind)
{
	struct drm_dgem_query_stats before, now;
	uint32_t handle = dgem_create(fd, kind, SIZE);
	uint8_t *ptr;

	dgem_query_stats(fd, &before);
	ptr = dgem_mmap(fd, handle, SIZE);
	munmap(ptr + 4 * DGEM_PAGE, DGEM_PAGE);
	igt_assert_eq_u32(dgem_vmas(fd, handle), 0);
	igt_fork(child, 1)
		igt_assert_eq_u32(dgem_vmas(fd, handle), 0);
	igt_waitchildren();
	dgem_query_stats(fd, &now);
	igt_assert_eq_u64(now.vmas, before.vmas);
	munmap(ptr, SIZE);
	gem_close(fd, handle);
}

static void test_advice(int fd, const struct dgem_kind *kind)
{
	uint32_t handle = dgem_create_filled(fd, kind, SIZE, 1);
	uint8_t *ptr = __dgem_mmap(fd, handle, SIZE, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_POPULATE);

	igt_assert(ptr != MAP_FAILED);
	dgem_check(ptr, 0, SIZE, 1);
	/* Whatever the kernel answers, the content must stay. */
	madvise(ptr, SIZE, MADV_DONTNEED);
	madvise(ptr, SIZE, MADV_REMOVE);
	madvise(ptr, SIZE, MADV_WILLNEED);
	madvise(ptr, SIZE, MADV_HUGEPAGE);
	mlock(ptr, SIZE);
	munlock(ptr, SIZE);
	msync(ptr, SIZE, MS_SYNC);
	dgem_check(ptr, 0, SIZE, 1);

	igt_assert_eq(madvise(ptr, SIZE, MADV_DONTFORK), 0);
	igt_fork(child, 1) {
		igt_assert_eq(dgem_touch(ptr, false), SIGSEGV);
		igt_assert_eq_u32(dgem_vmas(fd, handle), !(kind->traits & DGEM_KIND_FOREIGN));
	}
	igt_waitchildren();
	dgem_check(ptr, 0, SIZE, 1);
	munmap(ptr, SIZE);
	gem_close(fd, handle);
}

static void test_vma_flags(int fd, const struct dgem_kind *kind)
{
	uint32_t handle = dgem_create(fd, kind, SIZE);
	uint8_t *ptr = dgem_mmap(fd, handle, SIZE);

	igt_assert(dgem_has_vma_flag(ptr, " sh"));
	igt_assert(dgem_has_vma_flag(ptr, " de"));
	igt_assert(dgem_has_vma_flag(ptr, " dd"));
	/* page frames, unless there are pages to take references to */
	igt_assert_eq(dgem_has_vma_flag(ptr, " pf"), !(kind->traits & DGEM_KIND_DIRECT_IO));
	igt_assert(!dgem_has_vma_flag(ptr, " mm"));
	munmap(ptr, SIZE);
	gem_close(fd, handle);
}

static void test_no_pages(int fd, const struct dgem_kind *kind)
{
	uint32_t handle = dgem_create_filled(fd, kind, SIZE, 1);
	uint8_t *ptr = dgem_mmap(fd, handle, SIZE);
	struct iovec iov = { ptr, DGEM_PAGE };
	int pipes[2];

	igt_assert_eq(dgem_touch(ptr, true), 0);
	igt_assert_eq(pipe(pipes), 0);
	errno = 0;
	igt_assert_eq(vmsplice(pipes[1], &iov, 1, SPLICE_F_NONBLOCK), -1);
	igt_assert_eq(errno, EFAULT);
	/* Copying is another matter. */
	igt_assert_eq(write(pipes[1], ptr, 100), 100);
	igt_assert_eq(read(pipes[0], ptr + DGEM_PAGE, 100), 100);
	dgem_check(ptr + DGEM_PAGE, 0, 100, 1);
	close(pipes[0]);
	close(pipes[1]);
	munmap(ptr, SIZE);
	gem_close(fd, handle);
}

static void read_and_write(uint8_t *ptr, int mem)
{
	const size_t at = DGEM_PAGE + 904;
	uint8_t copy[3 * DGEM_PAGE];

	munmap(ptr, DGEM_PAGE);
	igt_assert_eq(pread(mem, copy, sizeof(copy), (uintptr_t)ptr + at), sizeof(copy));
	dgem_check(copy, at, sizeof(copy), 1);
	dgem_fill(copy, at, sizeof(copy), 2);
	igt_assert_eq(pwrite(mem, copy, sizeof(copy), (uintptr_t)ptr + at), sizeof(copy));
	dgem_check(ptr + DGEM_PAGE, DGEM_PAGE, at - DGEM_PAGE, 1);
	dgem_check(ptr + at, at, sizeof(copy), 2);
	dgem_check(ptr + at + sizeof(copy), at + sizeof(copy), 2000, 1);
}

static void be_refused(uint8_t *ptr, int mem)
{
	uint8_t copy[100] = { };

	for (int touched = 0; touched < 2; touched++) {
		errno = 0;
		igt_assert_eq(pread(mem, copy, sizeof(copy), (uintptr_t)ptr), -1);
		igt_assert_eq(errno, EIO);
		errno = 0;
		igt_assert_eq(pwrite(mem, copy, sizeof(copy), (uintptr_t)ptr), -1);
		igt_assert_eq(errno, EIO);
		dgem_check(ptr, 0, SIZE, 1);
	}
}

static void test_ptrace(int fd, const struct dgem_kind *kind)
{
	uint32_t handle = dgem_create_filled(fd, kind, SIZE, 1);
	uint8_t *ptr = dgem_mmap(fd, handle, SIZE);
	int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);

	igt_assert_fd(mem);
	if (dgem_debuggable(kind, ptr))
		read_and_write(ptr, mem);
	else
		be_refused(ptr, mem);
	close(mem);
	munmap(ptr, SIZE);
	gem_close(fd, handle);
}

/* The process may write /proc/self/mem; the object can be written, but not by this mapping. */
static void test_ptrace_read_only(int fd, const struct dgem_kind *kind)
{
	uint32_t handle = dgem_create_filled(fd, kind, SIZE, 1);
	uint8_t *ptr = __dgem_mmap(fd, handle, SIZE, PROT_READ, MAP_SHARED), copy[100];
	int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);

	igt_assert(ptr != MAP_FAILED);
	igt_assert_fd(mem);
	memset(copy, 0xa5, sizeof(copy));
	for (int touched = 0; touched < 2; touched++) {
		for (int page = 0; page < PAGES; page += 4) {
			errno = 0;
			igt_assert_eq(pwrite(mem, copy, sizeof(copy),
					     (uintptr_t)ptr + page * DGEM_PAGE), -1);
			igt_assert_eq(errno, EIO);
		}
		dgem_check(ptr, 0, SIZE, 1);
	}
	/* reading is another matter */
	errno = 0;
	if (dgem_debuggable(kind, ptr)) {
		igt_assert_eq(pread(mem, copy, sizeof(copy), (uintptr_t)ptr + 77), sizeof(copy));
		dgem_check(copy, 77, sizeof(copy), 1);
	}
	/* nor is it the object's fault */
	igt_assert_eq(mprotect(ptr, SIZE, PROT_READ | PROT_WRITE), 0);
	igt_assert_eq(dgem_touch(ptr, true), 0);
	dgem_check(ptr, 0, SIZE, 1);
	close(mem);
	munmap(ptr, SIZE);
	gem_close(fd, handle);
}

/* An import's mapping holds its dma-buf rather than the object. */
static void test_outlive(int fd, const struct dgem_kind *kind)
{
	const int held = !(kind->traits & DGEM_KIND_FOREIGN);
	struct drm_dgem_query_stats before, now;
	struct dgem_snapshot unused;
	int file;
	uint32_t handle;
	uint8_t *ptr;

	dgem_snapshot(fd, &unused);
	dgem_query_stats(fd, &before);
	file = dgem_open();
	handle = dgem_create_filled(file, kind, SIZE, 1);
	ptr = dgem_mmap(file, handle, SIZE);
	gem_close(file, handle);
	check_page(ptr, 8, 1);
	close(file);
	dgem_query_stats(fd, &now);
	igt_assert_eq_u64(now.objects, before.objects + held);
	igt_assert_eq_u64(now.vmas, before.vmas + held);
	dgem_check(ptr, 0, SIZE, 1);
	munmap(ptr, SIZE);
	dgem_assert_unchanged(fd, &unused);
}

static const struct dgem_kind_test tests[] = {
	{ "fork", "A child shares the parent's mapping.", test_fork },
	{ "vma-count", "Mappings are counted through splits and forks.", test_vma_count, 0,
	  DGEM_KIND_FOREIGN },
	{ "vma-count", "Mappings of an exporter are not counted.", test_vma_uncounted,
	  DGEM_KIND_FOREIGN },
	{ "advice", "Populating and advice do no harm.", test_advice },
	{ "vma-flags", "A mapping cannot expand and is not dumped.", test_vma_flags },
	{ "no-pages", "Nobody takes references to a mapping's pages.", test_no_pages, 0,
	  DGEM_KIND_DIRECT_IO },
	{ "ptrace", "A debugger reads and writes a mapping, or is refused.", test_ptrace },
	{ "ptrace-read-only", "Nobody writes through a mapping for reading.",
	  test_ptrace_read_only },
	{ "outlive", "A mapping outlives the handle and the file.", test_outlive },
};

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = dgem_open();

	dgem_kind_subtests(fd, tests, ARRAY_SIZE(tests), DRM_DGEM_CAP_MMAP | DGEM_AND_FOREIGN);

	igt_fixture()
		close(fd);
}
