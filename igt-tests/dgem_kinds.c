// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "igt.h"

#include "dgem_proc.h"
#include "dgem_util.h"

/**
 * TEST: dgem kinds
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: memory kinds
 * Description: What every kind of memory has in common, and what it refuses.
 *
 * SUBTEST: refusals-%s
 * Description: An object can do what INFO says, and the rest is refused as documented.
 *
 * arg[1].values: contiguous, coherent, wc, pages, lazy, vmalloc, direct-pages, direct-vmalloc,
 *		   reserved, user, import
 *
 * SUBTEST: proc-%s
 * Description: /proc tells of a mapping what it is, and of its memory that it is nobody's.
 *
 * SUBTEST: faults-%s
 * Description: Touching a mapping takes as few faults as documented, populated or locked too.
 *
 * SUBTEST: debugger-%s
 * Description: A debugger reads and writes what its victim has not touched yet, or is told EIO: by
 *		the mapping of an exporter that has no way for it, and where the kernel lets no
 *		debugger at page frames.
 *
 * SUBTEST: core-%s
 * Description: A core dump has none of the content.
 *
 * arg[1].values: contiguous, coherent, wc, pages, lazy, vmalloc, direct-pages, direct-vmalloc,
 *		   reserved, import
 *
 * SUBTEST: large-%s
 * Description: An object may be larger than any contiguous block.
 *
 * arg[1].values: pages, vmalloc
 */

IGT_TEST_DESCRIPTION("What every kind of memory has in common, and what it refuses.");

#define PAGES	64
/* Beyond the windows one was seen, once, with pages of 64 KiB on arm64. With no window it is 64. */
#define STRAY	2
#define SIZE	(PAGES * DGEM_PAGE)

static void test_refusals(int fd, const struct dgem_kind *kind)
{
	uint32_t handle = dgem_create(fd, kind, SIZE), other = dgem_create_contiguous(fd, SIZE);
	struct drm_dgem_mmap map = { .handle = handle };
	struct drm_dgem_op op = dgem_op_copy(other, 0, handle, 0, SIZE);
	struct drm_dgem_submit submit;
	struct drm_dgem_info info;
	int ret;

	dgem_info(fd, handle, &info);
	igt_assert_eq_u32(info.caps, kind->caps);
	ret = kind->caps & DRM_DGEM_CAP_MMAP ? 0 : -EOPNOTSUPP;
	igt_assert_eq(__dgem_mmap_offset(fd, &map), ret);

	ret = __dgem_export(fd, handle, DRM_CLOEXEC | DRM_RDWR);
	if (kind->caps & DRM_DGEM_CAP_EXPORT) {
		igt_assert_fd(ret);
		close(ret);
	} else {
		igt_assert_eq(ret, -EOPNOTSUPP);
	}

	if (kind->caps & DRM_DGEM_CAP_WRITE) {
		dgem_run(fd, &op, 1);
	} else {
		dgem_submit_init(&submit, &op, 1);
		igt_assert_eq(__dgem_submit(fd, &submit), -EACCES);
	}
	gem_close(fd, handle);
	gem_close(fd, other);
}

static void test_proc(int fd, const struct dgem_kind *kind)
{
	const bool foreign = kind->traits & DGEM_KIND_FOREIGN;
	uint32_t handle = dgem_create_filled(fd, kind, SIZE, 1);
	/* an import is mapped as its dma-buf, which starts at 0 */
	uint64_t offset = foreign ? 0 : dgem_mmap_offset(fd, handle);
	uint8_t *ptr = dgem_mmap(fd, handle, SIZE);

	dgem_check(ptr, 0, SIZE, 1);
	dgem_assert_mapped(ptr, SIZE, offset, foreign ? "/dmabuf:" : "/dev/dri/");
	igt_assert_eq_s64(dgem_smaps_kib(ptr, "Size"), SIZE / 1024);
	/* memory is the device's, but for pages that processes may lend to others */
	igt_assert_eq_s64(dgem_smaps_kib(ptr, "Rss"),
			  kind->traits & DGEM_KIND_DIRECT_IO ? SIZE / 1024 : 0);
	igt_assert_eq_s64(dgem_smaps_kib(ptr, "Locked"), 0);
	munmap(ptr, SIZE);
	gem_close(fd, handle);
}

/* How many faults it takes to touch every page once. */
static long touch_all(volatile uint8_t *ptr)
{
	long before = dgem_faults();

	for (int page = 0; page < PAGES; page++)
		ptr[page * DGEM_PAGE] += 1;
	return dgem_faults() - before;
}

/*
 * Own memory comes by faults, whatever its kind: a fresh mapping takes one at least, and no more
 * than its batches of pages. None is needed where an exporter maps all in mmap(). Neither
 * MAP_POPULATE nor mlockall() does anything for memory that is a device's; memory for
 * direct I/O is populated.
 */
static void test_faults(int fd, const struct dgem_kind *kind)
{
	const bool foreign = kind->traits & DGEM_KIND_FOREIGN;
	uint32_t handle = dgem_create(fd, kind, SIZE);
	long most, taken;
	bool populated;
	uint8_t *ptr;

	/* what the test itself faults in, it faults in now */
	touch_all(mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0));

	for (int way = 0; way < 3; way++) {
		if (way == 2)
			igt_assert_eq(mlockall(MCL_CURRENT | MCL_FUTURE), 0);
		ptr = __dgem_mmap(fd, handle, SIZE, PROT_READ | PROT_WRITE,
				  MAP_SHARED | (way == 1 ? MAP_POPULATE : 0));
		igt_assert(ptr != MAP_FAILED);
		populated = way == 1 && kind->traits & DGEM_KIND_DIRECT_IO;
		most = populated || foreign ? 0 : dgem_most_faults(fd, handle, ptr, PAGES) + STRAY;
		most += PAGES * dgem_write_faults();
		taken = touch_all(ptr);
		igt_assert_f(taken <= most, "%ld faults, not %ld, on way %d\n", taken, most, way);
		if (!foreign && !(kind->traits & DGEM_KIND_DIRECT_IO))
			igt_assert_lte(1, taken);
		/* none is taken twice */
		igt_assert_lte(touch_all(ptr), 0);
		igt_assert_eq_s64(dgem_smaps_kib(ptr, "Locked"), 0);
		munmap(ptr, SIZE);
		munlockall();
	}
	gem_close(fd, handle);
}

/* A child that stops before it has touched its mapping; the parent is its debugger. */
static void test_debugger(int fd, const struct dgem_kind *kind)
{
	uint32_t handle = dgem_create_filled(fd, kind, SIZE, 1);
	uint8_t *ptr = dgem_mmap(fd, handle, SIZE);
	const bool refused = !dgem_debuggable(kind, ptr);
	long word, expect;
	int status;
	pid_t pid;

	pid = fork();
	igt_assert_lte(0, pid);
	if (!pid) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
			_exit(1);
		raise(SIGSTOP);
		/* as the debugger left it */
		dgem_fill(&word, 5 * DGEM_PAGE, sizeof(word), 1);
		if (!refused)
			memset(&word, 0x5a, sizeof(word));
		_exit(memcmp(ptr + 5 * DGEM_PAGE, &word, sizeof(word)) ? 2 : 0);
	}
	igt_assert_eq(waitpid(pid, &status, 0), pid);
	igt_assert(WIFSTOPPED(status));

	for (int page = 0; page < PAGES; page += 9) {
		dgem_fill(&expect, page * DGEM_PAGE + 8, sizeof(expect), 1);
		errno = 0;
		word = ptrace(PTRACE_PEEKDATA, pid, ptr + page * DGEM_PAGE + 8, NULL);
		igt_assert_eq(errno, refused ? EIO : 0);
		igt_assert(refused || word == expect);
	}
	memset(&word, 0x5a, sizeof(word));
	errno = 0;
	ptrace(PTRACE_POKEDATA, pid, ptr + 5 * DGEM_PAGE, (void *)word);
	igt_assert_eq(errno, refused ? EIO : 0);
	munmap(ptr, SIZE);
	igt_assert_eq(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
	igt_assert_eq(waitpid(pid, &status, 0), pid);
	igt_assert(WIFEXITED(status));
	igt_assert_eq(WEXITSTATUS(status), 0);
	gem_close(fd, handle);
}

/* How often a page of a pattern is in a dump, which is made of whole pages. */
static int count_pages(FILE *core, uint32_t seed)
{
	uint8_t page[DGEM_PAGE], read[DGEM_PAGE];
	int count = 0;

	dgem_fill(page, 0, sizeof(page), seed);
	fseek(core, 0, SEEK_SET);
	while (fread(read, sizeof(read), 1, core) == 1)
		count += !memcmp(page, read, sizeof(page));
	return count;
}

/* Memory of the process itself is in its dump, which shows that the test looks right. */
static void test_core(int fd, const struct dgem_kind *kind)
{
	uint32_t handle = dgem_create_filled(fd, kind, SIZE, 1);
	uint8_t *ptr = dgem_mmap(fd, handle, SIZE);
	uint8_t *own = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	FILE *core;

	igt_assert(own != MAP_FAILED);
	dgem_check(ptr, 0, SIZE, 1);
	dgem_fill(own, 0, DGEM_PAGE, 2);
	core = dgem_dump_core();
	igt_assert_lte(1, count_pages(core, 2));
	igt_assert_eq(count_pages(core, 1), 0);
	igt_assert_eq_s64(dgem_dumped_bytes(core, ptr), 0);
	fclose(core);
	munmap(own, SIZE);
	munmap(ptr, SIZE);
	gem_close(fd, handle);
}

/* Larger than all memory that is kept for contiguous blocks, let alone one that is free. */
static void test_large(int fd, const struct dgem_kind *kind)
{
	const uint64_t size = dgem_meminfo("CmaTotal") + 16 * DGEM_MIB;
	const uint64_t last = size - 2 * DGEM_PAGE;
	struct drm_dgem_query_engine engine;
	uint32_t handle, small;
	struct drm_dgem_info info;
	uint8_t *ptr;

	dgem_query_engine(fd, &engine);
	igt_require_f(engine.dma_mask >= UINT32_MAX, "the engine reaches a part of memory only\n");
	igt_require_f(dgem_meminfo("MemAvailable") >= 2 * size, "there is too little memory\n");
	handle = dgem_create(fd, kind, size);
	small = dgem_create_filled(fd, &dgem_kinds[0], 2 * DGEM_PAGE, 1);
	dgem_info(fd, handle, &info);
	igt_assert_eq_u64(info.size, size);

	/* both ends, and the same page nowhere else */
	dgem_copy(fd, small, 0, handle, last, 2 * DGEM_PAGE);
	ptr = dgem_mmap(fd, handle, size);
	dgem_sync_start(fd, handle, DRM_DGEM_SYNC_READ | DRM_DGEM_SYNC_WRITE, size);
	dgem_check(ptr + last, 0, 2 * DGEM_PAGE, 1);
	for (uint64_t offset = 0; offset < last; offset += 16 * DGEM_MIB)
		igt_assert(dgem_is_zero(ptr + offset, DGEM_PAGE));
	igt_assert(dgem_is_zero(ptr + last - DGEM_PAGE, DGEM_PAGE));
	dgem_fill(ptr, 0, 2 * DGEM_PAGE, 2);
	dgem_sync_end(fd, handle, DRM_DGEM_SYNC_READ | DRM_DGEM_SYNC_WRITE, size);
	munmap(ptr, size);
	dgem_copy(fd, handle, 0, small, 0, 2 * DGEM_PAGE);
	dgem_check_object(fd, small, 2 * DGEM_PAGE, 2);
	gem_close(fd, small);
	gem_close(fd, handle);
}

static const struct dgem_kind_test all_tests[] = {
	{ "refusals", "What INFO says works, the rest is refused.", test_refusals },
};

static const struct dgem_kind_test map_tests[] = {
	{ "proc", "/proc tells of a mapping what it is.", test_proc },
	{ "faults", "Touching a mapping takes few faults.", test_faults },
	{ "debugger", "A debugger reads and writes a mapping.", test_debugger },
	{ "core", "A core dump has none of the content.", test_core },
	{ "large", "An object may be larger than any block.", test_large, DGEM_KIND_SCATTERED },
};

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = dgem_open();

	dgem_kind_subtests(fd, all_tests, ARRAY_SIZE(all_tests), DGEM_AND_FOREIGN);
	dgem_kind_subtests(fd, map_tests, ARRAY_SIZE(map_tests),
			   DRM_DGEM_CAP_MMAP | DGEM_AND_FOREIGN);

	igt_fixture()
		close(fd);
}
