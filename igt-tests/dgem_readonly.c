// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <linux/dma-buf.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "igt.h"

#include "dgem_child.h"
#include "dgem_instance.h"
#include "dgem_proc.h"
#include "dgem_util.h"

/**
 * TEST: dgem readonly
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: buffer sharing
 * Description: What was given to be read is not written, whichever way it is tried.
 *
 * SUBTEST: mapping-%s
 * Description: Read-only mappings of the node and of a read-only dma-buf stay so, for debuggers,
 *		too.
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
 *
 * SUBTEST: file-%s
 * Description: To another file of the instance a read-only dma-buf is an object that is only read.
 *
 * SUBTEST: instance-%s
 * Description: To another instance it is, too.
 *
 * SUBTEST: vgem-%s
 * Description: Another driver that imports a read-only dma-buf does not map it for writing.
 *
 * arg[1]:
 *
 * @contiguous: contiguous cached memory
 * @coherent: coherent memory
 * @wc: write-combined memory
 * @pages: memory in pages
 * @lazy: memory in pages that come when they are needed
 * @vmalloc: single pages
 * @reserved: memory out of the instance's pool
 */

IGT_TEST_DESCRIPTION("What was given to be read is not written, whichever way it is tried.");

#define OTHER	"igt-readonly"
#define PAGES	5
#define SIZE	(PAGES * DGEM_PAGE)
#define SEED	1

static int export_read_only(int fd, uint32_t handle)
{
	int dmabuf = __dgem_export(fd, handle, DRM_CLOEXEC);

	igt_assert_fd(dmabuf);
	igt_assert_eq(fcntl(dmabuf, F_GETFL) & O_ACCMODE, O_RDONLY);
	return dmabuf;
}

static int be_traced(void *unused)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	return 0;
}

/* What a debugger does to a mapping that the other process may not write */
static void poke_traced(uint8_t *ptr)
{
	pid_t pid = dgem_child_start(be_traced, NULL);
	int status;

	igt_assert_eq(waitpid(pid, &status, 0), pid);
	igt_assert(WIFSTOPPED(status));
	for (uint64_t at = 0; at < SIZE; at += DGEM_PAGE) {
		errno = 0;
		if (!ptrace(PTRACE_POKEDATA, pid, ptr + at, (void *)-1l))
			igt_info("ptrace writes at %#llx\n", (unsigned long long)at);
	}
	errno = 0;
	igt_assert_eq(dgem_child_kill(pid), -EINTR);
}

/* The kernel decides on ways into a mapping without asking who owns the memory, but for some. */
static void try_debuggers(uint8_t *ptr)
{
	static const uint8_t bad[64] = { 0xff, 0xff, 0xff, 0xff };
	const struct iovec from = { (void *)bad, sizeof(bad) };
	int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);

	igt_assert_fd(mem);
	for (uint64_t at = 0; at < SIZE; at += DGEM_PAGE) {
		const struct iovec to = { ptr + at, sizeof(bad) };

		igt_assert_f(pwrite(mem, bad, sizeof(bad), (uintptr_t)ptr + at) < 0,
			     "/proc/self/mem writes a mapping for reading\n");
		igt_assert_f(process_vm_writev(getpid(), &from, 1, &to, 1, 0) < 0,
			     "process_vm_writev() writes a mapping for reading\n");
	}
	close(mem);
	errno = 0;
	poke_traced(ptr);
}

/* A mapping for reading, made with something that may allow for more or not. */
static void check_mapping(uint8_t *ptr, bool upgrade)
{
	dgem_check(ptr, 0, SIZE, SEED);
	igt_assert_eq(dgem_touch(ptr, true), SIGSEGV);
	if (!upgrade) {
		igt_assert_eq(mprotect(ptr, SIZE, PROT_READ | PROT_WRITE), -1);
		igt_assert_eq(errno, EACCES);
		igt_assert_eq(mprotect(ptr + DGEM_PAGE, DGEM_PAGE, PROT_WRITE), -1);
		errno = 0;
		igt_assert_eq(dgem_touch(ptr, true), SIGSEGV);
	}
	try_debuggers(ptr);
	dgem_check(ptr, 0, SIZE, SEED);
}

static void *map_read(int fd, uint64_t offset)
{
	void *ptr = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, offset);

	igt_assert(ptr != MAP_FAILED);
	return ptr;
}

static void refuse_write(int fd, uint64_t offset)
{
	static const int prots[] = { PROT_WRITE, PROT_READ | PROT_WRITE };

	for (int i = 0; i < ARRAY_SIZE(prots); i++) {
		errno = 0;
		igt_assert(mmap(NULL, SIZE, prots[i], MAP_SHARED, fd, offset) == MAP_FAILED);
		igt_assert_eq(errno, EACCES);
	}
	errno = 0;
}

/* Debuggers still read, where the kernel lets them. */
static void check_readable(const struct dgem_kind *kind, const uint8_t *ptr)
{
	uint8_t bytes[64];
	int mem;

	if (!dgem_debuggable(kind, ptr))
		return;
	mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	igt_assert_fd(mem);
	igt_assert_eq(pread(mem, bytes, sizeof(bytes), (uintptr_t)ptr + DGEM_PAGE), sizeof(bytes));
	close(mem);
	dgem_check(bytes, DGEM_PAGE, sizeof(bytes), SEED);
}

static void test_mapping(int fd, const struct dgem_kind *kind)
{
	uint32_t handle = dgem_create_filled(fd, kind, SIZE, SEED);
	uint8_t *ptr = map_read(fd, dgem_mmap_offset(fd, handle));
	int dmabuf;

	/* The node is open for writing: its owner may have it so. */
	check_mapping(ptr, true);
	check_readable(kind, ptr);
	munmap(ptr, SIZE);
	if (kind->caps & DRM_DGEM_CAP_EXPORT) {
		dmabuf = export_read_only(fd, handle);
		refuse_write(dmabuf, 0);
		ptr = map_read(dmabuf, 0);
		check_mapping(ptr, false);
		check_readable(kind, ptr);
		munmap(ptr, SIZE);
		for (uint64_t end = 0; end <= DMA_BUF_SYNC_END; end += DMA_BUF_SYNC_END) {
			igt_assert_eq(__dgem_window(dmabuf, DMA_BUF_SYNC_WRITE | end), -EACCES);
			igt_assert_eq(__dgem_window(dmabuf, DMA_BUF_SYNC_RW | end), -EACCES);
		}
		close(dmabuf);
	}
	dgem_check_object(fd, handle, SIZE, SEED);
	gem_close(fd, handle);
}

/* What a file may do that has imported a read-only dma-buf. */
static void check_import(int fd, int dmabuf)
{
	uint32_t own = dgem_create_contiguous(fd, SIZE), handle;
	struct drm_dgem_info info;
	uint8_t *ptr;
	int again;

	igt_assert_eq(__dgem_import(fd, dmabuf, &handle), 0);
	dgem_info(fd, handle, &info);
	igt_assert_eq_u32(info.kind, DRM_DGEM_KIND_IMPORT);
	igt_assert_eq_u64(info.size, SIZE);
	igt_assert_eq_u32(info.caps & DRM_DGEM_CAP_WRITE, 0);
	igt_assert_neq_u32(info.caps & DRM_DGEM_CAP_MMAP, 0);

	refuse_write(fd, dgem_mmap_offset(fd, handle));
	ptr = map_read(fd, dgem_mmap_offset(fd, handle));
	check_mapping(ptr, false);
	munmap(ptr, SIZE);
	igt_assert_eq(__dgem_sync(fd, handle, DRM_DGEM_SYNC_WRITE, 0, SIZE, 0), -EACCES);
	igt_assert_eq(__dgem_sync(fd, handle, DRM_DGEM_SYNC_READ | DRM_DGEM_SYNC_WRITE, 0, 64, 0),
		      -EACCES);
	dgem_sync_start(fd, handle, DRM_DGEM_SYNC_READ, SIZE);
	dgem_sync_end(fd, handle, DRM_DGEM_SYNC_READ, SIZE);

	igt_assert_eq(__dgem_submit_op(fd, dgem_op_copy(own, 0, handle, 0, SIZE)), -EACCES);
	igt_assert_eq(__dgem_submit_op(fd, dgem_op_fill(handle, DGEM_PAGE, 64, 0xff, 1)), -EACCES);
	igt_assert_eq(__dgem_submit_op(fd, dgem_op_copy(handle, 0, handle, 2 * DGEM_PAGE, 64)),
		      -EACCES);
	dgem_copy(fd, handle, 0, own, 0, SIZE);
	dgem_check_object(fd, own, SIZE, SEED);
	/* reading has not made it writable */
	igt_assert_eq(__dgem_submit_op(fd, dgem_op_copy(own, 0, handle, 0, SIZE)), -EACCES);

	/* Whoever asks for more when he gives it on gets no more. */
	again = __dgem_export(fd, handle, DRM_CLOEXEC | DRM_RDWR);
	if (again >= 0) {
		igt_assert_eq(fcntl(again, F_GETFL) & O_ACCMODE, O_RDONLY);
		close(again);
	}
	gem_close(fd, handle);
	gem_close(fd, own);
}

static void test_file(int fd, const struct dgem_kind *kind)
{
	uint32_t handle = dgem_create_filled(fd, kind, SIZE, SEED), same;
	int dmabuf = export_read_only(fd, handle), other = dgem_open();

	check_import(other, dmabuf);
	/* once more, as that file has no handle any longer */
	check_import(other, dmabuf);
	close(other);
	/* Who has the object has it as before. */
	igt_assert_eq(__dgem_import(fd, dmabuf, &same), 0);
	igt_assert_eq_u32(same, handle);
	dgem_check_object(fd, handle, SIZE, SEED);
	dgem_fill_object(fd, handle, SIZE, 2);
	close(dmabuf);
	dgem_check_object(fd, handle, SIZE, 2);
	gem_close(fd, handle);
}

static void test_instance(int fd, const struct dgem_kind *kind)
{
	uint32_t handle;
	int dmabuf, other;

	dgem_require_configfs();
	handle = dgem_create_filled(fd, kind, SIZE, SEED);
	dmabuf = export_read_only(fd, handle);
	other = dgem_instance_start(OTHER);
	check_import(other, dmabuf);
	close(other);
	dgem_instance_remove(OTHER);
	close(dmabuf);
	dgem_check_object(fd, handle, SIZE, SEED);
	gem_close(fd, handle);
}

/* Offsets are given out side by side: an import's, which the driver does not tell, is near. */
#define NEAR	64

static uint8_t *find_import(int fd, uint64_t near, uint64_t *offset)
{
	for (int64_t page = -NEAR; page <= NEAR; page++) {
		uint8_t *ptr;

		*offset = near + page * (int64_t)DGEM_PAGE;
		ptr = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, *offset);
		if (ptr == MAP_FAILED)
			continue;
		if (!dgem_touch(ptr, false) && ptr[0] == dgem_pattern(0, SEED) &&
		    ptr[DGEM_PAGE] == dgem_pattern(DGEM_PAGE, SEED))
			return ptr;
		munmap(ptr, SIZE);
	}
	errno = 0;
	return NULL;
}

static uint64_t dumb_offset(int fd, uint32_t handle)
{
	struct drm_mode_map_dumb map = { .handle = handle };

	do_ioctl(fd, DRM_IOCTL_MODE_MAP_DUMB, &map);
	return map.offset;
}

static void test_vgem(int fd, const struct dgem_kind *kind)
{
	struct drm_mode_create_dumb dumb = { .width = SIZE / 4, .height = 1, .bpp = 32 };
	int vgem = dgem_open_other("vgem"), dmabuf, err;
	uint32_t handle = dgem_create_filled(fd, kind, SIZE, SEED), theirs;
	uint64_t offset;
	uint8_t *ptr;

	dmabuf = export_read_only(fd, handle);
	err = __dgem_import(vgem, dmabuf, &theirs);
	/* Older kernels map what they import at once, for their device to write. */
	igt_assert(!err || err == -EACCES);
	if (!err) {
		do_ioctl(vgem, DRM_IOCTL_MODE_CREATE_DUMB, &dumb);
		ptr = find_import(vgem, dumb_offset(vgem, dumb.handle), &offset);
		if (ptr) {
			refuse_write(vgem, offset);
			check_mapping(ptr, false);
			munmap(ptr, SIZE);
		} else {
			igt_info("vgem does not map it at all\n");
		}
		gem_close(vgem, dumb.handle);
		gem_close(vgem, theirs);
	}
	close(dmabuf);
	dgem_check_object(fd, handle, SIZE, SEED);
	gem_close(fd, handle);
	close(vgem);
}

static const struct dgem_kind_test tests[] = {
	{ "mapping", "Mappings for reading stay so, for debuggers, too.", test_mapping },
};

static const struct dgem_kind_test export_tests[] = {
	{ "file", "To another file it is an object that is only read.", test_file },
	{ "instance", "To another instance it is, too.", test_instance },
	{ "vgem", "Another driver does not map it for writing.", test_vgem },
};

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = dgem_open();

	dgem_kind_subtests(fd, tests, ARRAY_SIZE(tests), DRM_DGEM_CAP_MMAP | DRM_DGEM_CAP_WRITE);
	dgem_kind_subtests(fd, export_tests, ARRAY_SIZE(export_tests),
			   DRM_DGEM_CAP_MMAP | DRM_DGEM_CAP_EXPORT | DRM_DGEM_CAP_WRITE);

	igt_fixture() {
		close(fd);
		/* what a failed subtest has left */
		__dgem_instance_remove(OTHER);
		errno = 0;
	}
}
