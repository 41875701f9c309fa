// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "igt.h"

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
 *		   reserved, noncontiguous, user
 *
 * SUBTEST: proc-%s
 * Description: /proc tells of a mapping what it is, and of its memory that it is nobody's.
 *
 * SUBTEST: faults-%s
 * Description: Touching a mapping takes as few faults as documented, populated or locked too.
 *
 * SUBTEST: debugger-%s
 * Description: A debugger reads and writes what its victim has not touched yet.
 *
 * SUBTEST: core-%s
 * Description: A core dump has none of the content.
 *
 * arg[1].values: contiguous, coherent, wc, pages, lazy, vmalloc, direct-pages, direct-vmalloc,
 *		   reserved, noncontiguous
 *
 * SUBTEST: large-%s
 * Description: An object may be larger than any contiguous block.
 *
 * arg[1].values: pages, vmalloc
 */

IGT_TEST_DESCRIPTION("What every kind of memory has in common, and what it refuses.");

#define PAGES	64
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

/* The number of a "Name: N kB" line that smaps has for the mapping at this address. */
static int64_t smaps_kib(const void *ptr, const char *name)
{
	FILE *smaps = fopen("/proc/self/smaps", "r");
	bool ours = false;
	int64_t found = -1;
	char line[512];

	igt_require_f(smaps, "this kernel has no /proc/self/smaps\n");
	while (fgets(line, sizeof(line), smaps)) {
		unsigned long start, end;

		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			ours = start == (uintptr_t)ptr;
		else if (ours && !strncmp(line, name, strlen(name)) && line[strlen(name)] == ':')
			found = strtoll(line + strlen(name) + 1, NULL, 10);
	}
	fclose(smaps);
	return found;
}

static void test_proc(int fd, const struct dgem_kind *kind)
{
	uint32_t handle = dgem_create_filled(fd, kind, SIZE, 1);
	uint64_t offset = dgem_mmap_offset(fd, handle);
	uint8_t *ptr = dgem_mmap(fd, handle, SIZE);
	FILE *maps = fopen("/proc/self/maps", "r");
	bool found = false;
	char line[512];

	igt_assert(maps);
	dgem_check(ptr, 0, SIZE, 1);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long start, end;
		unsigned long long at;
		char perms[5], path[256];

		if (sscanf(line, "%lx-%lx %4s %llx %*s %*s %255s", &start, &end, perms, &at,
			   path) != 5 || start != (uintptr_t)ptr)
			continue;
		found = true;
		igt_assert_eq_u64(end, start + SIZE);
		igt_assert(!strcmp(perms, "rw-s"));
		igt_assert_eq_u64(at, offset);
		igt_assert(!strncmp(path, "/dev/dri/", 9));
	}
	fclose(maps);
	igt_assert(found);

	igt_assert_eq_s64(smaps_kib(ptr, "Size"), SIZE / 1024);
	/* memory is the device's, but for pages that processes may lend to others */
	igt_assert_eq_s64(smaps_kib(ptr, "Rss"),
			  kind->traits & DGEM_KIND_DIRECT_IO ? SIZE / 1024 : 0);
	igt_assert_eq_s64(smaps_kib(ptr, "Locked"), 0);
	munmap(ptr, SIZE);
	gem_close(fd, handle);
}

static long faults(void)
{
	struct rusage usage;

	igt_assert_eq(getrusage(RUSAGE_SELF, &usage), 0);
	return usage.ru_minflt + usage.ru_majflt;
}

/* How many faults it takes to touch every page once. */
static long touch_all(volatile uint8_t *ptr)
{
	long before = faults();

	for (int page = 0; page < PAGES; page++)
		ptr[page * DGEM_PAGE] += 1;
	return faults() - before;
}

/* Of the first write to a page that was read: a processor may leave it to the kernel to mark it. */
static long write_faults(void)
{
	int file = memfd_create("dgem-kinds", MFD_CLOEXEC);
	volatile uint8_t *ptr;
	long before;

	igt_assert_fd(file);
	igt_assert_eq(ftruncate(file, DGEM_PAGE), 0);
	ptr = mmap(NULL, DGEM_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	close(file);
	igt_assert(ptr != MAP_FAILED);
	igt_assert_eq(ptr[0], 0);
	before = faults();
	ptr[0] = 1;
	before = faults() - before;
	munmap((void *)ptr, DGEM_PAGE);
	return before;
}

/*
 * A fault brings 16 pages or more; none is needed where mappings are complete from the start.
 * Neither MAP_POPULATE nor mlockall() does anything for memory that is a device's; memory for
 * direct I/O is populated.
 */
static void test_faults(int fd, const struct dgem_kind *kind)
{
	const long some = PAGES / dgem_fault_around(kind) + 1;
	uint32_t handle = dgem_create(fd, kind, SIZE);
	long most, taken;
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
		most = kind->traits & DGEM_KIND_AT_ONCE ||
		       (way == 1 && kind->traits & DGEM_KIND_DIRECT_IO) ? 0 : some;
		most += PAGES * write_faults();
		taken = touch_all(ptr);
		igt_assert_f(taken <= most, "%ld faults, not %ld, on way %d\n", taken, most, way);
		/* none is taken twice */
		igt_assert_lte(touch_all(ptr), 0);
		igt_assert_eq_s64(smaps_kib(ptr, "Locked"), 0);
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
		for (unsigned int i = 0; i < sizeof(word); i++)
			if (ptr[5 * DGEM_PAGE + i] != 0x5a)
				_exit(2);
		_exit(0);
	}
	igt_assert_eq(waitpid(pid, &status, 0), pid);
	igt_assert(WIFSTOPPED(status));

	for (int page = 0; page < PAGES; page += 9) {
		dgem_fill(&expect, page * DGEM_PAGE + 8, sizeof(expect), 1);
		errno = 0;
		word = ptrace(PTRACE_PEEKDATA, pid, ptr + page * DGEM_PAGE + 8, NULL);
		igt_assert_eq(errno, 0);
		igt_assert(word == expect);
	}
	memset(&word, 0x5a, sizeof(word));
	igt_assert_eq(ptrace(PTRACE_POKEDATA, pid, ptr + 5 * DGEM_PAGE, (void *)word), 0);
	munmap(ptr, SIZE);
	igt_assert_eq(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
	igt_assert_eq(waitpid(pid, &status, 0), pid);
	igt_assert(WIFEXITED(status));
	igt_assert_eq(WEXITSTATUS(status), 0);
	gem_close(fd, handle);
}

static void write_line(const char *path, const char *text)
{
	int file = open(path, O_WRONLY | O_CLOEXEC);

	igt_assert_fd(file);
	igt_assert_eq(write(file, text, strlen(text)), strlen(text));
	close(file);
}

/* How often a page of a pattern is in a dump, which is made of whole pages. */
static int count_pages(FILE *core, uint32_t seed)
{
	uint8_t page[DGEM_PAGE], read[DGEM_PAGE];
	int count = 0;

	dgem_fill(page, 0, sizeof(page), seed);
	rewind(core);
	while (fread(read, sizeof(read), 1, core) == 1)
		count += !memcmp(page, read, sizeof(page));
	return count;
}

/* The bytes that a dump has of the mapping at this address; -1 if it does not know of it. */
static int64_t dumped_bytes(FILE *core, const void *ptr)
{
	ElfW(Ehdr) header;
	ElfW(Phdr) segment;

	rewind(core);
	igt_assert_eq(fread(&header, sizeof(header), 1, core), 1);
	igt_assert_eq(fseek(core, header.e_phoff, SEEK_SET), 0);
	for (int i = 0; i < header.e_phnum; i++) {
		igt_assert_eq(fread(&segment, sizeof(segment), 1, core), 1);
		if (segment.p_type == PT_LOAD && segment.p_vaddr == (uintptr_t)ptr)
			return segment.p_filesz;
	}
	return -1;
}

/* Ends by a signal, with all of its memory dumped but what files have for it alone. */
static void dump_core(void)
{
	const struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
	const struct sigaction action = { .sa_handler = SIG_DFL };

	write_line("/proc/self/coredump_filter", "0x0b");
	setrlimit(RLIMIT_CORE, &limit);
	sigaction(SIGSEGV, &action, NULL);
	kill(getpid(), SIGSEGV);
	_exit(0);
}

/* Memory of the process itself is in its dump, which shows that the test looks right. */
static void test_core(int fd, const struct dgem_kind *kind)
{
	static const char pattern[] = "/proc/sys/kernel/core_pattern", path[] = "/tmp/dgem-core";
	uint32_t handle = dgem_create_filled(fd, kind, SIZE, 1);
	uint8_t *ptr = dgem_mmap(fd, handle, SIZE);
	uint8_t *own = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	FILE *file = fopen(pattern, "r");
	char old[256] = "";
	int status;
	pid_t pid;

	igt_require_f(file, "this kernel dumps no core\n");
	igt_assert(own != MAP_FAILED);
	dgem_check(ptr, 0, SIZE, 1);
	dgem_fill(own, 0, DGEM_PAGE, 2);
	igt_assert(fgets(old, sizeof(old), file));
	fclose(file);
	unlink(path);
	write_line(pattern, path);
	pid = fork();
	if (!pid) {
		dgem_check(ptr, 0, SIZE, 1);
		dump_core();
	}
	igt_assert_lte(0, pid);
	igt_assert_eq(waitpid(pid, &status, 0), pid);
	write_line(pattern, old);

	igt_assert(WIFSIGNALED(status) && WCOREDUMP(status));
	file = fopen(path, "r");
	igt_assert(file);
	igt_assert_lte(1, count_pages(file, 2));
	igt_assert_eq(count_pages(file, 1), 0);
	igt_assert_eq_s64(dumped_bytes(file, ptr), 0);
	fclose(file);
	unlink(path);
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

	dgem_kind_subtests(fd, all_tests, ARRAY_SIZE(all_tests), 0);
	dgem_kind_subtests(fd, map_tests, ARRAY_SIZE(map_tests), DRM_DGEM_CAP_MMAP);

	igt_fixture()
		close(fd);
}
