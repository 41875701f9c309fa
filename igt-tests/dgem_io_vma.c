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
 * TEST: dgem io vma
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: device memory
 * Description: What other tests ask of mappings of every kind of memory, of mappings of registers:
 *		those of QEMU's edu device, which hold no pattern.
 *
 * SUBTEST: fork
 * Description: A child shares the parent's mapping, and it is counted.
 *
 * SUBTEST: mremap
 * Description: A mapping that moves or shrinks shows what it did, and it cannot grow.
 *
 * SUBTEST: protect
 * Description: Changing the protection of a page in the middle leaves the others alone.
 *
 * SUBTEST: proc
 * Description: /proc tells of a mapping what it is, and of its memory that it is nobody's.
 *
 * SUBTEST: faults
 * Description: Touching a mapping takes a fault for each window of pages, populated or locked too.
 *
 * SUBTEST: debugger
 * Description: A debugger reads and writes registers that its victim has not touched yet.
 *
 * SUBTEST: core
 * Description: A core dump has none of the registers.
 *
 * SUBTEST: no-pages
 * Description: Nobody takes references to pages behind registers.
 *
 * SUBTEST: copy-%s
 * Description: Jobs from registers and to them: as the engine reaches them, or EOPNOTSUPP.
 *
 * arg[1].values: contiguous, coherent, wc, pages, lazy, vmalloc, direct-pages, direct-vmalloc,
 *		   reserved
 */

IGT_TEST_DESCRIPTION("What other tests ask of mappings of memory, of mappings of registers.");

/* QEMU's edu: an identification, and a register that reads as the complement of what is written */
#define EDU_ID		0x010000ed
#define EDU_LIVENESS	(4 / sizeof(uint32_t))

#define PAGES	8
#define SIZE	(PAGES * DGEM_PAGE)

static bool offered(int fd)
{
	struct drm_dgem_query_device device;

	dgem_query_device(fd, &device);
	return device.kinds & (1ull << DRM_DGEM_KIND_IO);
}

static uint32_t create_io(int fd)
{
	struct drm_dgem_create create = { .size = SIZE, .kind = DRM_DGEM_KIND_IO };

	igt_assert_eq(__dgem_create(fd, &create), 0);
	return create.handle;
}

/* Registers start on a page; there are more of them in the first page alone. */
static volatile uint32_t *page_at(volatile void *ptr, int page)
{
	return (volatile uint32_t *)((uintptr_t)ptr + page * DGEM_PAGE);
}

static void test_fork(int fd)
{
	uint32_t handle = create_io(fd);
	volatile uint32_t *regs = dgem_mmap(fd, handle, SIZE);

	regs[EDU_LIVENESS] = 1;
	igt_fork(child, 1) {
		igt_assert_eq_u32(dgem_vmas(fd, handle), 2);
		igt_assert_eq_u32(regs[0], EDU_ID);
		igt_assert_eq_u32(regs[EDU_LIVENESS], ~1u);
		regs[EDU_LIVENESS] = 2;
	}
	igt_waitchildren();
	igt_assert_eq_u32(regs[EDU_LIVENESS], ~2u);
	igt_assert_eq_u32(dgem_vmas(fd, handle), 1);
	munmap((void *)regs, SIZE);
	gem_close(fd, handle);
}

static void test_mremap(int fd)
{
	uint32_t handle = create_io(fd);
	uint8_t *ptr = dgem_mmap(fd, handle, SIZE), *hole;

	/* a part of the window, which could grow if anything could */
	munmap(ptr + SIZE - DGEM_PAGE, DGEM_PAGE);
	for (int pages = 0; pages < 3; pages++) {
		errno = 0;
		igt_assert(mremap(ptr, SIZE - DGEM_PAGE, SIZE + pages * DGEM_PAGE,
				  MREMAP_MAYMOVE) == MAP_FAILED);
		igt_assert_eq(errno, EFAULT);
	}
	hole = mmap(NULL, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	igt_assert(hole != MAP_FAILED);
	igt_assert(mremap(ptr, SIZE - DGEM_PAGE, SIZE - DGEM_PAGE,
			  MREMAP_MAYMOVE | MREMAP_FIXED, hole) == hole);
	igt_assert_eq(dgem_touch(ptr, false), SIGSEGV);
	igt_assert_eq_u32(*page_at(hole, 0), EDU_ID);
	igt_assert(mremap(hole, SIZE - DGEM_PAGE, DGEM_PAGE, 0) == hole);
	igt_assert_eq(dgem_touch(hole + DGEM_PAGE, false), SIGSEGV);
	igt_assert_eq_u32(*page_at(hole, 0), EDU_ID);
	igt_assert_eq_u32(dgem_vmas(fd, handle), 1);
	munmap(hole, SIZE);
	igt_assert_eq_u32(dgem_vmas(fd, handle), 0);
	gem_close(fd, handle);
}

static void test_protect(int fd)
{
	uint32_t handle = create_io(fd);
	uint8_t *ptr = dgem_mmap(fd, handle, SIZE), *middle = ptr + 4 * DGEM_PAGE;

	igt_assert_eq(mprotect(middle, DGEM_PAGE, PROT_READ), 0);
	igt_assert_eq_u32(dgem_vmas(fd, handle), 3);
	igt_assert_eq(dgem_touch(middle, false), 0);
	igt_assert_eq(dgem_touch(middle, true), SIGSEGV);
	igt_assert_eq(dgem_touch(middle + DGEM_PAGE, true), 0);
	igt_assert_eq(mprotect(middle, DGEM_PAGE, PROT_NONE), 0);
	igt_assert_eq(dgem_touch(middle, false), SIGSEGV);
	igt_assert_eq_u32(*page_at(ptr, 0), EDU_ID);
	igt_assert_eq(mprotect(ptr, SIZE, PROT_READ | PROT_WRITE), 0);
	igt_assert_eq(dgem_touch(middle, true), 0);

	/* the page with the registers, too */
	igt_assert_eq(mprotect(ptr, DGEM_PAGE, PROT_READ), 0);
	igt_assert_eq_u32(*page_at(ptr, 0), EDU_ID);
	igt_assert_eq(dgem_touch(ptr, true), SIGSEGV);
	munmap(ptr, SIZE);
	gem_close(fd, handle);
}

static void test_proc(int fd)
{
	uint32_t handle = create_io(fd);
	uint8_t *ptr = dgem_mmap(fd, handle, SIZE);

	igt_assert_eq_u32(*page_at(ptr, 0), EDU_ID);
	dgem_assert_mapped(ptr, SIZE, dgem_mmap_offset(fd, handle), "/dev/dri/");
	igt_assert_eq_s64(dgem_smaps_kib(ptr, "Size"), SIZE / 1024);
	igt_assert_eq_s64(dgem_smaps_kib(ptr, "Rss"), 0);
	igt_assert_eq_s64(dgem_smaps_kib(ptr, "Locked"), 0);
	/* shared, of a device, page frames, neither to expand nor to be dumped */
	igt_assert(dgem_has_vma_flag(ptr, " sh"));
	igt_assert(dgem_has_vma_flag(ptr, " io"));
	igt_assert(dgem_has_vma_flag(ptr, " pf"));
	igt_assert(dgem_has_vma_flag(ptr, " de"));
	igt_assert(dgem_has_vma_flag(ptr, " dd"));
	munmap(ptr, SIZE);
	gem_close(fd, handle);
}

static void test_faults(int fd)
{
	uint32_t handle = create_io(fd);
	long before, taken, most;
	uint8_t *ptr;

	for (int way = 0; way < 3; way++) {
		if (way == 2)
			igt_assert_eq(mlockall(MCL_CURRENT | MCL_FUTURE), 0);
		ptr = __dgem_mmap(fd, handle, SIZE, PROT_READ | PROT_WRITE,
				  MAP_SHARED | (way == 1 ? MAP_POPULATE : 0));
		igt_assert(ptr != MAP_FAILED);
		most = dgem_most_faults(fd, handle, ptr, PAGES);
		before = dgem_faults();
		for (int page = 0; page < PAGES; page++)
			(void)*page_at(ptr, page);
		taken = dgem_faults() - before;
		igt_assert_lte(1, taken);
		igt_assert_lte(taken, most);
		before = dgem_faults();
		for (int page = 0; page < PAGES; page++)
			(void)*page_at(ptr, page);
		igt_assert_eq(dgem_faults() - before, 0);
		igt_assert_eq_s64(dgem_smaps_kib(ptr, "Locked"), 0);
		munmap(ptr, SIZE);
		munlockall();
	}
	gem_close(fd, handle);
}

/* A child that stops before it has touched its mapping; the parent is its debugger. */
static void test_debugger(int fd)
{
	uint32_t handle = create_io(fd);
	volatile uint32_t *regs = dgem_mmap(fd, handle, SIZE);
	uint32_t value = 0;
	int status, mem;
	char path[32];
	pid_t pid;

	regs[EDU_LIVENESS] = 1;
	pid = fork();
	igt_assert_lte(0, pid);
	if (!pid) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
			_exit(1);
		raise(SIGSTOP);
		_exit(regs[EDU_LIVENESS] == ~0x12345678u ? 0 : 2);
	}
	igt_assert_eq(waitpid(pid, &status, 0), pid);
	igt_assert(WIFSTOPPED(status));

	/* not by words of the processor's, which would take another register with them */
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	mem = open(path, O_RDWR | O_CLOEXEC);
	igt_assert_fd(mem);
	igt_assert_eq(pread(mem, &value, sizeof(value), (uintptr_t)&regs[0]), sizeof(value));
	igt_assert_eq_u32(value, EDU_ID);
	igt_assert_eq(pread(mem, &value, sizeof(value), (uintptr_t)&regs[EDU_LIVENESS]),
		      sizeof(value));
	igt_assert_eq_u32(value, ~1u);
	value = 0x12345678;
	igt_assert_eq(pwrite(mem, &value, sizeof(value), (uintptr_t)&regs[EDU_LIVENESS]),
		      sizeof(value));
	close(mem);
	igt_assert_eq(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
	igt_assert_eq(waitpid(pid, &status, 0), pid);
	igt_assert(WIFEXITED(status));
	igt_assert_eq(WEXITSTATUS(status), 0);
	munmap((void *)regs, SIZE);
	gem_close(fd, handle);
}

static void test_core(int fd)
{
	uint32_t handle = create_io(fd);
	uint8_t *ptr = dgem_mmap(fd, handle, SIZE);
	uint8_t *own = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	FILE *core;

	igt_assert(own != MAP_FAILED);
	memset(own, 1, SIZE);
	igt_assert_eq_u32(*page_at(ptr, 0), EDU_ID);
	core = dgem_dump_core();
	igt_assert_eq_s64(dgem_dumped_bytes(core, own), SIZE);
	igt_assert_eq_s64(dgem_dumped_bytes(core, ptr), 0);
	fclose(core);
	munmap(own, SIZE);
	munmap(ptr, SIZE);
	gem_close(fd, handle);
}

static void test_no_pages(int fd)
{
	uint32_t handle = create_io(fd);
	struct iovec iov = { dgem_mmap(fd, handle, SIZE), DGEM_PAGE };
	int pipes[2];

	igt_assert_eq(pipe(pipes), 0);
	errno = 0;
	igt_assert_eq(vmsplice(pipes[1], &iov, 1, SPLICE_F_NONBLOCK), -1);
	igt_assert_eq(errno, EFAULT);
	close(pipes[0]);
	close(pipes[1]);
	munmap(iov.iov_base, SIZE);
	gem_close(fd, handle);
}

/* Four bytes: the identification, or zero into a register that is not there. */
static void test_copy(int fd, const struct dgem_kind *kind)
{
	uint32_t io = create_io(fd), own = dgem_create(fd, kind, DGEM_PAGE), stage;
	struct drm_dgem_op ops[] = {
		dgem_op_copy(io, 0, own, 64, 4),
		dgem_op_copy(own, 0, io, SIZE - 4, 4),
	};
	struct drm_dgem_submit submit;
	uint32_t *ptr;
	int err;

	dgem_submit_init(&submit, &ops[0], 1);
	err = __dgem_submit(fd, &submit);
	if (err)
		igt_assert_eq(err, -EOPNOTSUPP);
	dgem_submit_init(&submit, &ops[1], 1);
	igt_assert_eq(__dgem_submit(fd, &submit), err);
	if (!err)
		dgem_run(fd, ops, ARRAY_SIZE(ops));
	gem_close(fd, io);
	stage = dgem_stage(fd, own, DGEM_PAGE);
	ptr = dgem_mmap(fd, stage, DGEM_PAGE);
	dgem_sync_start(fd, stage, DRM_DGEM_SYNC_READ, DGEM_PAGE);
	igt_assert_eq_u32(ptr[15], 0);
	igt_assert_eq_u32(ptr[16], err ? 0 : EDU_ID);
	igt_assert_eq_u32(ptr[17], 0);
	dgem_sync_end(fd, stage, DRM_DGEM_SYNC_READ, DGEM_PAGE);
	munmap(ptr, DGEM_PAGE);
	if (stage != own)
		gem_close(fd, stage);
	gem_close(fd, own);
}

static const struct dgem_test tests[] = {
	{ "fork", "A child shares the parent's mapping.", test_fork },
	{ "mremap", "A mapping that moves shows what it did.", test_mremap },
	{ "protect", "Protecting a page leaves the others alone.", test_protect },
	{ "proc", "/proc tells of a mapping what it is.", test_proc },
	{ "faults", "Touching a mapping takes few faults.", test_faults },
	{ "debugger", "A debugger reads and writes registers.", test_debugger },
	{ "core", "A core dump has none of the registers.", test_core },
	{ "no-pages", "Nobody takes references to pages.", test_no_pages },
};

static const struct dgem_kind_test kind_tests[] = {
	{ "copy", "Jobs from registers and to them.", test_copy },
};

int igt_main()
{
	int fd = -1;

	igt_fixture() {
		fd = dgem_open();
		igt_require_f(offered(fd), "the engine has no device with windows\n");
	}

	dgem_subtests(fd, tests, ARRAY_SIZE(tests));
	dgem_kind_subtests(fd, kind_tests, ARRAY_SIZE(kind_tests), DRM_DGEM_CAP_MMAP);

	igt_fixture()
		close(fd);
}
