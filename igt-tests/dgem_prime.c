// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <linux/dma-buf.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "igt.h"

#include "dgem_bind.h"
#include "dgem_util.h"

/**
 * TEST: dgem prime
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: buffer sharing
 * Description: Objects exported as dma-bufs, seen from both sides.
 *
 * SUBTEST: import-self
 * Description: An object keeps its handle and its dma-buf when it comes back.
 *
 * SUBTEST: two-files
 * Description: Two clients share one object.
 *
 * SUBTEST: mmap-%s
 * Description: Any range of a dma-buf can be mapped, and nothing past its end.
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
 * @import: memory of the system heap
 *
 * SUBTEST: mmap-private
 * Description: Copy-on-write mappings of a dma-buf are refused, read-only ones too.
 *
 * SUBTEST: mmap-grow
 * Description: A mapping of a part of a dma-buf cannot grow.
 *
 * SUBTEST: mmap-count
 * Description: Mappings of a dma-buf count as mappings of its object.
 *
 * SUBTEST: read-only
 * Description: A dma-buf exported for reading cannot be mapped for writing.
 *
 * SUBTEST: import-read-only
 * Description: Who imports a dma-buf that is for reading has an object that is only read.
 *
 * SUBTEST: import-reach
 * Description: Anybody imports, but an engine gets a job with it just if it reaches all of the
 *		machine's memory.
 *
 * SUBTEST: size
 * Description: Seeking to the end tells the size.
 *
 * SUBTEST: cpu-access
 * Description: DMA_BUF_IOCTL_SYNC opens and closes windows.
 *
 * SUBTEST: close-order
 * Description: Handles, files and dma-bufs may be closed in any order.
 *
 * SUBTEST: outlive
 * Description: A dma-buf outlives the handle and the file.
 *
 * SUBTEST: fd-limit
 * Description: An export that finds no free file descriptor leaves nothing behind.
 *
 * SUBTEST: bad-handle
 * Description: Handles and file descriptors that are none are refused.
 *
 * SUBTEST: bad-argument
 * Description: When the number of the file descriptor cannot be told, nothing dangles: it is the
 *		caller's to close, as that of any DRM driver, or there is none.
 *
 * SUBTEST: bad-answer
 * Description: A handle of an import that cannot be told is there when the import is repeated.
 */

IGT_TEST_DESCRIPTION("Objects exported as dma-bufs, seen from both sides.");

#define PAGES	6
#define SIZE	(PAGES * DGEM_PAGE)

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

static void *map_dmabuf(int dmabuf, uint64_t offset, uint64_t length, int prot, int flags)
{
	errno = 0;
	return mmap(NULL, length, prot, flags, dmabuf, offset);
}

static void test_self_import(int fd)
{
	uint32_t handle = filled(fd, 1);
	int dmabuf = dgem_export(fd, handle), again = dgem_export(fd, handle);

	igt_assert_neq(dmabuf, again);
	igt_assert_eq_u32(import(fd, dmabuf), handle);
	igt_assert_eq_u32(import(fd, again), handle);
	close(again);
	igt_assert_eq_u32(import(fd, dmabuf), handle);
	/* GEM counts no handles: one close is enough. */
	gem_close(fd, handle);
	handle = import(fd, dmabuf);
	dgem_check_object(fd, handle, SIZE, 1);
	gem_close(fd, handle);
	close(dmabuf);
}

static void test_two_files(int fd)
{
	uint32_t handle = filled(fd, 1), theirs;
	int dmabuf = dgem_export(fd, handle), other = dgem_open();
	struct drm_dgem_info info;
	struct drm_dgem_query_stats stats, now;

	dgem_query_stats(fd, &stats);
	theirs = import(other, dmabuf);
	dgem_query_stats(fd, &now);
	igt_assert_eq_u64(now.objects, stats.objects);
	dgem_info(other, theirs, &info);
	igt_assert_eq_u32(info.kind, DRM_DGEM_KIND_CONTIGUOUS);
	igt_assert_eq_u64(info.size, SIZE);
	dgem_check_object(other, theirs, SIZE, 1);
	dgem_fill_object(other, theirs, SIZE, 2);
	dgem_check_object(fd, handle, SIZE, 2);
	/* What the other file exports is the same dma-buf: it comes back under our handle. */
	close(dmabuf);
	dmabuf = dgem_export(other, theirs);
	igt_assert_eq_u32(import(fd, dmabuf), handle);
	close(dmabuf);
	close(other);
	dgem_check_object(fd, handle, SIZE, 2);
	gem_close(fd, handle);
}

static void test_mmap(int fd, const struct dgem_kind *kind)
{
	const struct {
		uint64_t offset, length;
	} bad[] = {
		{ 0, SIZE + DGEM_PAGE }, { DGEM_PAGE, SIZE }, { SIZE - DGEM_PAGE, 2 * DGEM_PAGE },
		{ SIZE, DGEM_PAGE }, { 2 * SIZE, DGEM_PAGE }, { 1ull << 32, DGEM_PAGE },
		{ (1ull << 63) - DGEM_PAGE, DGEM_PAGE }, { 0, 1ull << 32 },
	};
	uint32_t handle = dgem_create_filled(fd, kind, SIZE, 1);
	int dmabuf = dgem_export(fd, handle);

	for (uint64_t first = 0; first < PAGES; first++) {
		for (uint64_t count = 1; count <= PAGES - first; count += 2) {
			uint64_t offset = first * DGEM_PAGE, length = count * DGEM_PAGE;
			uint8_t *ptr = map_dmabuf(dmabuf, offset, length, PROT_READ | PROT_WRITE,
						  MAP_SHARED);

			igt_assert(ptr != MAP_FAILED);
			dgem_check(ptr, offset, length, 1);
			/* a hole at the head moves nothing */
			if (count > 2) {
				munmap(ptr, DGEM_PAGE);
				dgem_check(ptr + DGEM_PAGE, offset + DGEM_PAGE, length - DGEM_PAGE,
					   1);
			}
			munmap(ptr, length);
		}
	}
	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		igt_assert(map_dmabuf(dmabuf, bad[i].offset, bad[i].length, PROT_READ,
				      MAP_SHARED) == MAP_FAILED);
		igt_assert(errno == EINVAL || errno == EOVERFLOW);
		/* what no file can have is refused before anybody asks the dma-buf */
		if (bad[i].offset < 1ull << (dgem_kernel_64() ? 62 : 32))
			igt_assert_eq(errno, EINVAL);
	}
	close(dmabuf);
	gem_close(fd, handle);
}

static void test_mmap_private(int fd)
{
	static const int prots[] = { PROT_NONE, PROT_READ, PROT_WRITE, PROT_READ | PROT_WRITE };
	uint32_t handle = filled(fd, 1);

	for (int i = 0; i < ARRAY_SIZE(prots); i++) {
		int dmabuf = dgem_export(fd, handle);

		igt_assert(map_dmabuf(dmabuf, 0, SIZE, prots[i], MAP_PRIVATE) == MAP_FAILED);
		igt_assert_eq(errno, EINVAL);
		close(dmabuf);
	}
	igt_assert_eq_u32(dgem_vmas(fd, handle), 0);
	gem_close(fd, handle);
}

static void test_mmap_grow(int fd)
{
	uint32_t handle = filled(fd, 1);
	int dmabuf = dgem_export(fd, handle);
	uint8_t *ptr = map_dmabuf(dmabuf, DGEM_PAGE, 2 * DGEM_PAGE, PROT_READ, MAP_SHARED);

	igt_assert(ptr != MAP_FAILED);
	igt_assert(mremap(ptr, 2 * DGEM_PAGE, SIZE, MREMAP_MAYMOVE) == MAP_FAILED);
	igt_assert_eq(errno, EFAULT);
	dgem_check(ptr, DGEM_PAGE, 2 * DGEM_PAGE, 1);
	munmap(ptr, 2 * DGEM_PAGE);
	close(dmabuf);
	gem_close(fd, handle);
}

static void test_mmap_count(int fd)
{
	uint32_t handle = filled(fd, 1);
	int dmabuf = dgem_export(fd, handle);
	uint8_t *node = dgem_mmap(fd, handle, SIZE);
	uint8_t *part = map_dmabuf(dmabuf, DGEM_PAGE, 3 * DGEM_PAGE, PROT_READ, MAP_SHARED);

	igt_assert(part != MAP_FAILED);
	igt_assert_eq_u32(dgem_vmas(fd, handle), 2);
	munmap(part + DGEM_PAGE, DGEM_PAGE);
	igt_assert_eq_u32(dgem_vmas(fd, handle), 3);
	munmap(node, SIZE);
	igt_assert_eq_u32(dgem_vmas(fd, handle), 2);
	munmap(part, 3 * DGEM_PAGE);
	igt_assert_eq_u32(dgem_vmas(fd, handle), 0);
	close(dmabuf);
	gem_close(fd, handle);
}

static void test_read_only(int fd)
{
	uint32_t handle = filled(fd, 1);
	int dmabuf = __dgem_export(fd, handle, DRM_CLOEXEC);
	uint8_t *ptr;

	igt_assert_fd(dmabuf);
	igt_assert_eq(fcntl(dmabuf, F_GETFL) & O_ACCMODE, O_RDONLY);
	igt_assert(map_dmabuf(dmabuf, 0, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED) == MAP_FAILED);
	igt_assert_eq(errno, EACCES);
	ptr = map_dmabuf(dmabuf, 0, SIZE, PROT_READ, MAP_SHARED);
	igt_assert(ptr != MAP_FAILED);
	dgem_check(ptr, 0, SIZE, 1);
	igt_assert_eq(mprotect(ptr, SIZE, PROT_READ | PROT_WRITE), -1);
	igt_assert_eq(errno, EACCES);
	munmap(ptr, SIZE);
	close(dmabuf);
	gem_close(fd, handle);
}

static uint64_t last_byte_of_memory(void)
{
	FILE *iomem = fopen("/proc/iomem", "r");
	unsigned long long first, last, top = 0;
	char line[256];

	igt_assert(iomem);
	while (fgets(line, sizeof(line), iomem))
		if (strstr(line, "System RAM") && sscanf(line, " %llx-%llx", &first, &last) == 2)
			top = last;
	fclose(iomem);
	igt_require_f(top, "only root learns where memory is\n");
	return top;
}

/*
 * Elsewhere the kernel would warn, or copy behind the exporter's back. Behind an IOMMU all memory
 * has an address within the engine's mask.
 */
static void test_import_reach(int fd)
{
	struct drm_mode_create_dumb dumb = { .width = DGEM_PAGE / 4, .height = 1, .bpp = 32 };
	uint32_t handle, own = dgem_create_filled(fd, &dgem_kinds[0], DGEM_PAGE, 2);
	int vgem = dgem_open_other("vgem"), dmabuf, err;
	struct drm_dgem_query_engine engine;

	do_ioctl(vgem, DRM_IOCTL_MODE_CREATE_DUMB, &dumb);
	dmabuf = __dgem_export(vgem, dumb.handle, DRM_CLOEXEC | DRM_RDWR);
	igt_assert_fd(dmabuf);
	close(vgem);

	dgem_query_engine(fd, &engine);
	igt_assert_eq(__dgem_import(fd, dmabuf, &handle), 0);
	dgem_fill_object(fd, handle, DGEM_PAGE, 1);
	err = __dgem_copy(fd, handle, 0, own, 0, DGEM_PAGE);
	if (engine.dma_mask < last_byte_of_memory() && !dgem_behind_iommu(fd)) {
		igt_assert_eq(err, -EOPNOTSUPP);
		igt_assert_eq(__dgem_copy(fd, own, 0, handle, 0, DGEM_PAGE), -EOPNOTSUPP);
		dgem_check_object(fd, own, DGEM_PAGE, 2);
	} else {
		igt_assert_eq(err, 0);
		dgem_check_object(fd, own, DGEM_PAGE, 1);
	}
	/* what the CPU does takes no engine */
	dgem_check_object(fd, handle, DGEM_PAGE, 1);
	gem_close(fd, handle);
	gem_close(fd, own);
	close(dmabuf);
}

static void refuse_writing(int fd, uint32_t handle)
{
	uint32_t scratch = dgem_create_contiguous(fd, SIZE);
	struct drm_dgem_info info;
	void *ptr;

	dgem_info(fd, handle, &info);
	igt_assert_eq_u32(info.kind, DRM_DGEM_KIND_IMPORT);
	igt_assert_eq_u64(info.size, SIZE);
	igt_assert(!(info.caps & DRM_DGEM_CAP_WRITE));
	for (uint32_t end = 0; end <= DRM_DGEM_SYNC_END; end += DRM_DGEM_SYNC_END) {
		igt_assert_eq(__dgem_sync(fd, handle, DRM_DGEM_SYNC_WRITE | end, 0, SIZE,
					  dgem_now() + NSEC_PER_SEC), -EACCES);
		igt_assert_eq(__dgem_sync(fd, handle,
					  DRM_DGEM_SYNC_READ | DRM_DGEM_SYNC_WRITE | end, 0, SIZE,
					  dgem_now() + NSEC_PER_SEC), -EACCES);
	}
	errno = 0;
	igt_assert(__dgem_mmap(fd, handle, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED) == MAP_FAILED);
	igt_assert_eq(errno, EACCES);
	errno = 0;
	igt_assert(__dgem_mmap(fd, handle, SIZE, PROT_WRITE, MAP_SHARED) == MAP_FAILED);
	igt_assert_eq(errno, EACCES);
	ptr = __dgem_mmap(fd, handle, SIZE, PROT_READ, MAP_SHARED);
	igt_assert(ptr != MAP_FAILED);
	errno = 0;
	igt_assert_eq(mprotect(ptr, SIZE, PROT_READ | PROT_WRITE), -1);
	igt_assert_eq(errno, EACCES);
	munmap(ptr, SIZE);
	igt_assert_eq(__dgem_copy(fd, scratch, 0, handle, 0, SIZE), -EACCES);
	igt_assert_eq(__dgem_copy(fd, scratch, 0, handle, SIZE / 2, 64), -EACCES);
	gem_close(fd, scratch);
}

/*
 * For another file it is an import without permission to write, by whatever kind of memory. The
 * file that has the object already is told of its own handle.
 */
static void test_read_only_import(int fd)
{
	/* else it may have memory bounced that was not allocated for it: not for an importer */
	const bool all = dgem_works_on_imports(fd);
	const struct dgem_kind *kind;

	for_each_dgem_kind_here(fd, kind, DRM_DGEM_CAP_EXPORT | DRM_DGEM_CAP_WRITE) {
		uint32_t handle = dgem_create_filled(fd, kind, SIZE, 1), own = filled(fd, 2);
		int dmabuf = __dgem_export(fd, handle, DRM_CLOEXEC), other = dgem_open(), err;
		uint32_t theirs, copy;

		igt_assert_fd(dmabuf);
		igt_assert_eq_u32(import(fd, dmabuf), handle);
		theirs = import(other, dmabuf);
		igt_assert_eq_u32(import(other, dmabuf), theirs);
		refuse_writing(other, theirs);

		/* reading is fine, for the CPU and for the engine */
		dgem_check_object(other, theirs, SIZE, 1);
		copy = dgem_create_filled(other, &dgem_kinds[0], SIZE, 3);
		err = __dgem_copy(other, theirs, 0, copy, 0, SIZE);
		if (all || kind->kind == DRM_DGEM_KIND_CONTIGUOUS)
			igt_assert_eq(err, 0);
		else
			igt_assert(!err || err == -EOPNOTSUPP || err == -EBUSY);
		dgem_check_object(other, copy, SIZE, err ? 3 : 1);

		/* The owner's rights are as before, and what it writes is seen. */
		dgem_check_object(fd, handle, SIZE, 1);
		dgem_copy(fd, own, 0, handle, 0, SIZE);
		dgem_check_object(fd, handle, SIZE, 2);
		dgem_check_object(other, theirs, SIZE, 2);
		close(other);

		/* a file that has no handle of it any more is another file */
		gem_close(fd, handle);
		handle = import(fd, dmabuf);
		refuse_writing(fd, handle);
		gem_close(fd, handle);
		close(dmabuf);
		gem_close(fd, own);
	}
}

static void test_size(int fd)
{
	const struct dgem_kind *kind;

	for_each_dgem_kind_here(fd, kind, DRM_DGEM_CAP_EXPORT | DGEM_AND_FOREIGN) {
		uint32_t handle = dgem_create(fd, kind, SIZE - 100);
		int dmabuf = dgem_export(fd, handle);

		igt_assert_eq_s64(lseek(dmabuf, 0, SEEK_END), SIZE);
		igt_assert_eq_s64(lseek(dmabuf, 0, SEEK_SET), 0);
		close(dmabuf);
		gem_close(fd, handle);
	}
}

static void test_cpu_access(int fd)
{
	static const uint64_t flags[] = { DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE, DMA_BUF_SYNC_RW };
	const struct dgem_kind *kind;

	for_each_dgem_kind_here(fd, kind, DRM_DGEM_CAP_EXPORT | DGEM_AND_FOREIGN) {
		uint32_t src = dgem_create_filled(fd, kind, SIZE, 1), dst = filled(fd, 2);
		int dmabuf = dgem_export(fd, src);
		uint8_t *ptr = map_dmabuf(dmabuf, 0, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED);
		struct dma_buf_sync sync;

		igt_assert(ptr != MAP_FAILED);
		for (int i = 0; i < ARRAY_SIZE(flags); i++) {
			sync.flags = flags[i] | DMA_BUF_SYNC_START;
			igt_assert_eq(ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &sync), 0);
			dgem_check(ptr, 0, SIZE, 1 + (i > 1));
			if (flags[i] & DMA_BUF_SYNC_WRITE)
				dgem_fill(ptr, 0, SIZE, 1 + i);
			sync.flags = flags[i] | DMA_BUF_SYNC_END;
			igt_assert_eq(ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &sync), 0);
		}
		dgem_copy(fd, src, 0, dst, 0, SIZE);
		dgem_check_object(fd, dst, SIZE, 3);
		sync.flags = 0;
		igt_assert_eq(ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &sync), -1);
		igt_assert_eq(errno, EINVAL);
		munmap(ptr, SIZE);
		close(dmabuf);
		gem_close(fd, src);
		gem_close(fd, dst);
	}
}

/* Of four references to an object each goes first once, and last once, and so on: 24 orders. */
static void test_close_order(int fd)
{
	for (int order = 0; order < 24; order++) {
		enum { HANDLE, DMABUF, FILE_OF_IMPORT, MAPPING } left[] = {
			HANDLE, DMABUF, FILE_OF_IMPORT, MAPPING,
		};
		uint32_t handle = filled(fd, order);
		int other = dgem_open(), dmabuf = dgem_export(fd, handle), digits = order;
		uint8_t *ptr = map_dmabuf(dmabuf, DGEM_PAGE, DGEM_PAGE, PROT_READ, MAP_SHARED);

		igt_assert(ptr != MAP_FAILED);
		import(other, dmabuf);
		for (int count = 4; count; count--) {
			int pick = digits % count;

			digits /= count;
			switch (left[pick]) {
			case HANDLE:
				gem_close(fd, handle);
				break;
			case DMABUF:
				close(dmabuf);
				break;
			case FILE_OF_IMPORT:
				close(other);
				break;
			case MAPPING:
				munmap(ptr, DGEM_PAGE);
				ptr = NULL;
				break;
			}
			left[pick] = left[count - 1];
			if (ptr)
				dgem_check(ptr, DGEM_PAGE, DGEM_PAGE, order);
		}
	}
}

static void test_outlive(int fd)
{
	int other = dgem_open(), dmabuf;
	uint32_t handle = filled(other, 1);

	dmabuf = dgem_export(other, handle);
	gem_close(other, handle);
	close(other);
	handle = import(fd, dmabuf);
	close(dmabuf);
	dgem_check_object(fd, handle, SIZE, 1);
	gem_close(fd, handle);
}

static void test_fd_limit(int fd)
{
	uint32_t handle = filled(fd, 1);
	struct rlimit limit, none;
	int lowest = dup(fd), dmabuf;

	igt_assert_fd(lowest);
	close(lowest);
	igt_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = lowest;
	for (int i = 0; i < 20; i++) {
		int exported, mine;

		igt_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
		exported = __dgem_export(fd, handle, DRM_CLOEXEC | DRM_RDWR);
		mine = __dgem_export(fd, handle, DRM_CLOEXEC);
		igt_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
		igt_assert_eq(exported, -EMFILE);
		igt_assert_eq(mine, -EMFILE);
	}
	dmabuf = dgem_export(fd, handle);
	igt_assert_eq(dmabuf, lowest);
	igt_assert_eq_u32(import(fd, dmabuf), handle);
	close(dmabuf);
	dgem_check_object(fd, handle, SIZE, 1);
	gem_close(fd, handle);
}

static void test_bad_handle(int fd)
{
	static const uint32_t bad[] = { 0, 0xdead, UINT32_MAX };
	int pipes[2];
	uint32_t handle;

	for (int i = 0; i < ARRAY_SIZE(bad); i++)
		igt_assert_eq(__dgem_export(fd, bad[i], DRM_CLOEXEC | DRM_RDWR), -ENOENT);
	handle = dgem_create_contiguous(fd, SIZE);
	igt_assert_eq(__dgem_export(fd, handle, 1u << 4), -EINVAL);
	gem_close(fd, handle);
	igt_assert_eq(__dgem_import(fd, -1, &handle), -EBADF);
	igt_assert_eq(pipe(pipes), 0);
	igt_assert_eq(__dgem_import(fd, pipes[0], &handle), -EINVAL);
	igt_assert_eq(__dgem_import(fd, fd, &handle), -EINVAL);
	close(pipes[0]);
	close(pipes[1]);
}

static void test_bad_argument(int fd)
{
	struct drm_prime_handle *prime = mmap(NULL, DGEM_PAGE, PROT_READ | PROT_WRITE,
					      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t handle = filled(fd, 1);
	int next, dmabuf;

	igt_assert(prime != MAP_FAILED);
	prime->handle = handle;
	prime->flags = DRM_CLOEXEC | DRM_RDWR;
	igt_assert_eq(mprotect(prime, DGEM_PAGE, PROT_READ), 0);
	next = dup(fd);
	close(next);
	do_ioctl_err(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, prime, EFAULT);
	munmap(prime, DGEM_PAGE);
	do_ioctl_err(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, prime, EFAULT);

	/* DRM has put it where it would have been told to be */
	if (fcntl(next, F_GETFD) >= 0) {
		igt_assert_eq_u32(import(fd, next), handle);
		igt_assert_eq(close(next), 0);
	}
	errno = 0;
	/* the object is as exported as before: once */
	dmabuf = dgem_export(fd, handle);
	igt_assert_eq(dmabuf, next);
	igt_assert_eq_u32(import(fd, dmabuf), handle);
	close(dmabuf);
	dgem_check_object(fd, handle, SIZE, 1);
	gem_close(fd, handle);
}

/* A handle that cannot be told is the file's. */
static void test_bad_answer(int fd)
{
	struct drm_prime_handle *prime = mmap(NULL, DGEM_PAGE, PROT_READ | PROT_WRITE,
					      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t handle = filled(fd, 1), theirs;
	int dmabuf = dgem_export(fd, handle), other = dgem_open();

	igt_assert(prime != MAP_FAILED);
	prime->fd = dmabuf;
	igt_assert_eq(mprotect(prime, DGEM_PAGE, PROT_READ), 0);
	do_ioctl_err(other, DRM_IOCTL_PRIME_FD_TO_HANDLE, prime, EFAULT);
	igt_assert_eq_u32(prime->handle, 0);
	munmap(prime, DGEM_PAGE);
	/* and told to whom asks again */
	theirs = import(other, dmabuf);
	igt_assert_eq_u32(theirs, 1);
	dgem_check_object(other, theirs, SIZE, 1);
	close(other);
	close(dmabuf);
	gem_close(fd, handle);
}

static const struct dgem_test tests[] = {
	{ "import-self", "An object keeps its handle when it comes back.", test_self_import },
	{ "two-files", "Two clients share one object.", test_two_files },
	{ "mmap-private", "Copy-on-write mappings are refused.", test_mmap_private },
	{ "mmap-grow", "A mapping of a part cannot grow.", test_mmap_grow },
	{ "mmap-count", "Mappings of a dma-buf count as the object's.", test_mmap_count },
	{ "read-only", "What is for reading cannot be mapped for writing.", test_read_only },
	{ "import-read-only", "What is imported for reading is only read.", test_read_only_import },
	{ "import-reach", "SUBMIT refuses memory out of the engine's reach.", test_import_reach },
	{ "size", "Seeking to the end tells the size.", test_size },
	{ "cpu-access", "DMA_BUF_IOCTL_SYNC opens and closes windows.", test_cpu_access },
	{ "close-order", "References may be closed in any order.", test_close_order },
	{ "outlive", "A dma-buf outlives the handle and the file.", test_outlive },
	{ "fd-limit", "No free descriptor: nothing stays behind.", test_fd_limit },
	{ "bad-handle", "What is no handle or dma-buf is refused.", test_bad_handle },
	{ "bad-argument", "A descriptor that cannot be told does not dangle.", test_bad_argument },
	{ "bad-answer", "A handle that cannot be told is the file's.", test_bad_answer },
};

static const struct dgem_kind_test kind_tests[] = {
	{ "mmap", "Any range of a dma-buf can be mapped.", test_mmap },
};

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = dgem_open();

	dgem_kind_subtests(fd, kind_tests, ARRAY_SIZE(kind_tests),
			   DRM_DGEM_CAP_EXPORT | DGEM_AND_FOREIGN);

	dgem_subtests(fd, tests, ARRAY_SIZE(tests));

	igt_fixture()
		close(fd);
}
