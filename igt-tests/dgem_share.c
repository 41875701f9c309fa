// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <linux/dma-buf.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "igt.h"
#include "sw_sync.h"

#include "dgem_util.h"

/**
 * TEST: dgem share
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: buffer sharing
 * Description: What holders of a dma-buf may do, and what is left when they are gone.
 *
 * SUBTEST: first-export
 * Description: The first export of an object decides for good if its dma-buf can be written.
 *
 * SUBTEST: read-only-access
 * Description: Accesses to a read-only dma-buf cannot be begun for writing.
 *
 * SUBTEST: name
 * Description: A dma-buf has a name, and the kernel's lists tell it.
 *
 * SUBTEST: fence-outlives
 * Description: A fence taken out of a dma-buf signals, whoever closed everything else before.
 *
 * SUBTEST: attachment-outlives
 * Description: An importer has the memory, whoever closed everything else before.
 *
 * SUBTEST: churn
 * Description: Processes that export, import and close leave nothing behind. 20 rounds each,
 *	unless DGEM_ROUNDS in the environment wants more.
 */

IGT_TEST_DESCRIPTION("What holders of a dma-buf may do, and what is left.");

#define SIZE		(5 * DGEM_PAGE)
#define PROCESSES	4
#define BUFINFO		"/sys/kernel/debug/dma_buf/bufinfo"

static uint32_t filled(int fd, uint32_t seed)
{
	return dgem_create_filled(fd, &dgem_kinds[0], SIZE, seed);
}

static uint32_t import(int fd, int dmabuf)
{
	uint32_t handle;

	igt_assert_eq(__dgem_import(fd, dmabuf, &handle), 0);
	return handle;
}

static void test_first_export(int fd)
{
	static const uint32_t first[] = { 0, DRM_RDWR };

	for (int i = 0; i < ARRAY_SIZE(first); i++) {
		int mode = first[i] ? O_RDWR : O_RDONLY, one, other;
		uint32_t handle = filled(fd, 1);

		one = __dgem_export(fd, handle, DRM_CLOEXEC | first[i]);
		igt_assert_fd(one);
		other = __dgem_export(fd, handle, DRM_CLOEXEC | (first[i] ^ DRM_RDWR));
		igt_assert_fd(other);
		igt_assert_eq(fcntl(one, F_GETFL) & O_ACCMODE, mode);
		igt_assert_eq(fcntl(other, F_GETFL) & O_ACCMODE, mode);
		close(one);
		close(other);
		gem_close(fd, handle);
	}
}

static void test_read_only_access(int fd)
{
	const struct dgem_kind *kind;

	for_each_dgem_kind_here(fd, kind, DRM_DGEM_CAP_EXPORT | DRM_DGEM_CAP_WRITE) {
		uint32_t handle = dgem_create_filled(fd, kind, SIZE, 1);
		int dmabuf = __dgem_export(fd, handle, DRM_CLOEXEC);

		igt_assert_fd(dmabuf);
		for (uint64_t end = 0; end <= DMA_BUF_SYNC_END; end += DMA_BUF_SYNC_END) {
			igt_assert_eq(__dgem_window(dmabuf, DMA_BUF_SYNC_READ | end), 0);
			igt_assert_eq(__dgem_window(dmabuf, DMA_BUF_SYNC_WRITE | end), -EACCES);
			igt_assert_eq(__dgem_window(dmabuf, DMA_BUF_SYNC_RW | end), -EACCES);
		}
		close(dmabuf);
		dgem_check_object(fd, handle, SIZE, 1);
		gem_close(fd, handle);
	}
}

/* A line of the file that starts with the words, and has the value behind them. */
static bool file_tells(const char *path, const char *words, const char *value)
{
	FILE *file = fopen(path, "r");
	bool found = false;
	char line[512];

	igt_assert(file);
	while (!found && fgets(line, sizeof(line), file))
		found = !strncmp(line, words, strlen(words)) && strstr(line, value);
	fclose(file);
	return found;
}

static void test_name(int fd)
{
	uint32_t handle = filled(fd, 1);
	int dmabuf = dgem_export(fd, handle);
	char path[64], size[32], inode[32];
	struct stat stat;

	igt_assert_eq(ioctl(dmabuf, DMA_BUF_SET_NAME, "dgem's own"), 0);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", dmabuf);
	snprintf(size, sizeof(size), "\t%llu\n", SIZE);
	igt_assert(file_tells(path, "size:", size));
	igt_assert(file_tells(path, "exp_name:", "\tdgem\n"));
	igt_assert(file_tells(path, "name:", "\tdgem's own\n"));

	igt_assert_eq(fstat(dmabuf, &stat), 0);
	snprintf(size, sizeof(size), "%08llu", SIZE);
	snprintf(inode, sizeof(inode), "%08lu\tdgem's own", (unsigned long)stat.st_ino);
	igt_require_f(!access(BUFINFO, R_OK), "only root reads %s\n", BUFINFO);
	igt_assert(file_tells(BUFINFO, size, inode));
	igt_assert(file_tells(BUFINFO, size, "\tdgem\t"));
	close(dmabuf);
	gem_close(fd, handle);
	igt_assert(!file_tells(BUFINFO, size, inode));
}

/* The job has the objects, the fence has none of them. */
static void test_fence_outlives(int fd)
{
	uint32_t src = filled(fd, 1), dst = filled(fd, 2);
	struct drm_dgem_op op = dgem_op_copy(src, 0, dst, 0, SIZE);
	struct dma_buf_export_sync_file sync = { .flags = DMA_BUF_SYNC_READ, .fd = -1 };
	int dmabuf = dgem_export(fd, dst), keeper = dgem_open();
	uint32_t kept = import(keeper, dmabuf);
	struct dgem_gate gate;

	dgem_gate_close(&gate, fd);
	dgem_submit(fd, &op, 1, 0, gate.syncobj, 0);
	igt_assert_eq(ioctl(dmabuf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &sync), 0);
	gem_close(fd, src);
	gem_close(fd, dst);
	close(dmabuf);
	igt_assert_eq(sync_fence_status(sync.fd), 0);
	dgem_gate_open(&gate);
	igt_assert_eq(sync_fence_wait(sync.fd, DGEM_PATIENCE_NS / NSEC_PER_MSEC), 0);
	igt_assert_eq(sync_fence_status(sync.fd), 1);
	dgem_check_object(keeper, kept, SIZE, 1);
	dgem_gate_fini(&gate);
	close(keeper);
	/* nothing is left that the fence could belong to */
	igt_assert_eq(sync_fence_status(sync.fd), 1);
	close(sync.fd);
}

static void test_attachment_outlives(int fd)
{
	int vgem = dgem_open_other("vgem");
	const struct dgem_kind *kind;

	for_each_dgem_kind_here(fd, kind, DRM_DGEM_CAP_EXPORT | DRM_DGEM_CAP_WRITE) {
		int other = dgem_open(), dmabuf;
		uint32_t handle = dgem_create_filled(other, kind, SIZE, 1), theirs;
		uint8_t *ptr;

		dmabuf = dgem_export(other, handle);
		igt_assert_eq(__dgem_import(vgem, dmabuf, &theirs), 0);
		close(dmabuf);
		close(other);
		/* freed memory would not be given to these and keep its old contents, too */
		for (int i = 0; i < 4; i++)
			gem_close(fd, dgem_create_filled(fd, kind, SIZE, 2));
		dmabuf = dgem_export(vgem, theirs);
		ptr = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, dmabuf, 0);
		if (kind->caps & DRM_DGEM_CAP_MMAP) {
			igt_assert(ptr != MAP_FAILED);
			igt_assert_eq(__dgem_window(dmabuf, DMA_BUF_SYNC_READ), 0);
			dgem_check(ptr, 0, SIZE, 1);
			igt_assert_eq(__dgem_window(dmabuf, DMA_BUF_SYNC_READ | DMA_BUF_SYNC_END),
				      0);
			munmap(ptr, SIZE);
		}
		close(dmabuf);
		gem_close(vgem, theirs);
	}
	close(vgem);
}

/* The dma-bufs of the whole machine. */
static uint64_t count_dmabufs(void)
{
	FILE *file = fopen(BUFINFO, "r");
	unsigned long long count = 0;
	bool found = false;
	char line[512];

	igt_require_f(file, "only root reads %s\n", BUFINFO);
	while (fgets(line, sizeof(line), file))
		found |= sscanf(line, "Total %llu objects", &count) == 1;
	fclose(file);
	igt_assert(found);
	return count;
}

/* One object, two drivers, two clients: who closes first changes from round to round. */
static void churn_export(int fd, int vgem, const struct dgem_kind *kind, unsigned int round)
{
	uint32_t handle = dgem_create(fd, kind, SIZE), shared, theirs;
	int dmabuf = dgem_export(fd, handle), other = dgem_open(), again;

	shared = import(other, dmabuf);
	igt_assert_eq(__dgem_import(vgem, dmabuf, &theirs), 0);
	again = dgem_export(vgem, theirs);
	igt_assert_eq_u32(import(fd, again), handle);
	igt_assert_eq_u32(import(other, again), shared);
	if (round & 1)
		close(dmabuf);
	if (round & 2)
		gem_close(fd, handle);
	if (round & 4)
		gem_close(vgem, theirs);
	close(other);
	if (!(round & 4))
		gem_close(vgem, theirs);
	if (!(round & 2))
		gem_close(fd, handle);
	if (!(round & 1))
		close(dmabuf);
	close(again);
}

/* A foreign buffer comes in and goes, whatever the engine reaches. */
static void churn_import(int fd, int vgem, unsigned int round)
{
	struct drm_mode_create_dumb dumb = { .width = SIZE / 4, .height = 1, .bpp = 32 };
	uint32_t handle;
	int dmabuf;

	do_ioctl(vgem, DRM_IOCTL_MODE_CREATE_DUMB, &dumb);
	dmabuf = __dgem_export(vgem, dumb.handle, DRM_CLOEXEC | DRM_RDWR);
	igt_assert_fd(dmabuf);
	igt_assert_eq(__dgem_import(fd, dmabuf, &handle), 0);
	if (round & 1)
		close(dmabuf);
	gem_close(fd, handle);
	if (!(round & 1))
		close(dmabuf);
	gem_close(vgem, dumb.handle);
}

/* The kinds that can be exported take turns. */
static const struct dgem_kind *next_kind(int fd, const struct dgem_kind *last)
{
	const struct dgem_kind *kind, *first = NULL;
	bool passed = !last;

	for_each_dgem_kind_here(fd, kind, DRM_DGEM_CAP_EXPORT) {
		if (passed)
			return kind;
		first = first ?: kind;
		passed = kind == last;
	}
	return first;
}

static void test_churn(int fd)
{
	const char *text = getenv("DGEM_ROUNDS");
	const unsigned int rounds = text ? strtoul(text, NULL, 0) : 20;
	uint64_t dmabufs = count_dmabufs();

	igt_fork(child, PROCESSES) {
		int own = dgem_open(), vgem = dgem_open_other("vgem");
		const struct dgem_kind *kind = NULL;

		for (unsigned int round = child; round < rounds + child; round++) {
			kind = next_kind(own, kind);
			churn_export(own, vgem, kind, round + round / 8);
			churn_import(own, vgem, round);
		}
		close(vgem);
		close(own);
	}
	igt_waitchildren();
	igt_info("%d processes, %u rounds each\n", PROCESSES, rounds);
	igt_assert_eq_u64(count_dmabufs(), dmabufs);
}

static const struct dgem_test tests[] = {
	{ "first-export", "The first export decides on writing.", test_first_export },
	{ "read-only-access", "What is for reading is not written.", test_read_only_access },
	{ "name", "A dma-buf has a name.", test_name },
	{ "fence-outlives", "A fence needs nobody else.", test_fence_outlives },
	{ "attachment-outlives", "An importer needs nobody else.", test_attachment_outlives },
	{ "churn", "Processes that share leave nothing behind.", test_churn },
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
