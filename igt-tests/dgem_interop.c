// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <dirent.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "igt.h"

#include "dgem_util.h"

/**
 * TEST: dgem interop
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: buffer sharing
 * Description: dgem and other drivers use each other's dma-bufs.
 *
 * SUBTEST: import-%s
 * Description: A foreign dma-buf becomes an object, tells that it is one, and outlives its fd.
 *
 * SUBTEST: copy-%s
 * Description: The engine copies out of and into foreign memory.
 *
 * SUBTEST: map-%s
 * Description: Foreign memory is mapped through the node.
 *
 * SUBTEST: sync-%s
 * Description: Access windows over foreign memory open and close.
 *
 * SUBTEST: re-export-%s
 * Description: An import is exported as the very dma-buf that it came from.
 *
 * arg[1]:
 *
 * @udmabuf: pages of a memfd
 * @heap-system: the system heap
 * @heap-cma: the CMA heap
 * @vgem: a virtual GEM driver
 *
 * SUBTEST: read-only-%s
 * Description: A foreign dma-buf that is for reading is only read.
 *
 * arg[1]:
 *
 * @heap-system: the system heap
 * @heap-cma: the CMA heap
 * @vgem: a virtual GEM driver
 *
 * SUBTEST: export-to-vgem-%s
 * Description: Another DRM driver imports an object and gives it back.
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
 * @import: memory of the system heap, imported before
 */

IGT_TEST_DESCRIPTION("dgem and other drivers use each other's dma-bufs.");

#define PAGES	5
#define SIZE	(PAGES * DGEM_PAGE)

static void window(int dmabuf, uint64_t flags)
{
	struct dma_buf_sync sync = { .flags = flags };

	igt_assert_eq(ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &sync), 0);
}

/*
 * udmabuf maps its pages in the direction of the first window ever, and then synchronizes them in
 * any: DMA-API debugging complains, unless the first window was for both.
 */
static int udmabuf_alloc(bool write)
{
	int dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), memfd, dmabuf;
	struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = SIZE };

	igt_require_f(dev >= 0, "no /dev/udmabuf\n");
	memfd = memfd_create("dgem", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	igt_assert_fd(memfd);
	igt_assert_eq(ftruncate(memfd, SIZE), 0);
	igt_assert_eq(fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	create.memfd = memfd;
	dmabuf = ioctl(dev, UDMABUF_CREATE, &create);
	igt_assert_fd(dmabuf);
	close(memfd);
	close(dev);
	window(dmabuf, DMA_BUF_SYNC_RW | DMA_BUF_SYNC_START);
	window(dmabuf, DMA_BUF_SYNC_RW | DMA_BUF_SYNC_END);
	return dmabuf;
}

static int heap_alloc(const char *name, bool write)
{
	struct dma_heap_allocation_data data = {
		.len = SIZE,
		.fd_flags = O_CLOEXEC | (write ? O_RDWR : O_RDONLY),
	};
	char path[300];
	int heap;

	snprintf(path, sizeof(path), "/dev/dma_heap/%s", name);
	heap = open(path, O_RDONLY | O_CLOEXEC);
	igt_require_f(heap >= 0, "no %s\n", path);
	igt_assert_eq(ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data), 0);
	close(heap);
	return data.fd;
}

static int heap_system_alloc(bool write)
{
	return heap_alloc("system", write);
}

/* The CMA heap's name has changed over time: it is the one that is no system heap. */
static int heap_cma_alloc(bool write)
{
	DIR *dir = opendir("/dev/dma_heap");
	char name[256] = "";
	struct dirent *entry;

	igt_require_f(dir, "no /dev/dma_heap\n");
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] != '.' && strncmp(entry->d_name, "system", 6))
			snprintf(name, sizeof(name), "%s", entry->d_name);
	}
	closedir(dir);
	igt_require_f(name[0], "no heap of contiguous memory\n");
	return heap_alloc(name, write);
}

static int vgem_alloc(bool write)
{
	struct drm_mode_create_dumb dumb = { .width = SIZE / 4, .height = 1, .bpp = 32 };
	int vgem = dgem_open_other("vgem"), dmabuf;

	do_ioctl(vgem, DRM_IOCTL_MODE_CREATE_DUMB, &dumb);
	igt_assert_eq_u64(dumb.size, SIZE);
	dmabuf = __dgem_export(vgem, dumb.handle, DRM_CLOEXEC | (write ? DRM_RDWR : 0));
	igt_assert_fd(dmabuf);
	close(vgem);
	return dmabuf;
}

static const struct exporter {
	const char *name;
	int (*alloc)(bool write);
	bool read_only;
} exporters[] = {
	{ "udmabuf", udmabuf_alloc, false },
	{ "heap-system", heap_system_alloc, true },
	{ "heap-cma", heap_cma_alloc, true },
	{ "vgem", vgem_alloc, true },
};

static void fill_dmabuf(int dmabuf, uint32_t seed)
{
	void *ptr = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);

	igt_assert(ptr != MAP_FAILED);
	window(dmabuf, DMA_BUF_SYNC_WRITE | DMA_BUF_SYNC_START);
	dgem_fill(ptr, 0, SIZE, seed);
	window(dmabuf, DMA_BUF_SYNC_WRITE | DMA_BUF_SYNC_END);
	munmap(ptr, SIZE);
}

static void check_dmabuf(int dmabuf, uint64_t offset, uint64_t length, uint32_t seed)
{
	uint8_t *ptr = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, dmabuf, 0);

	igt_assert(ptr != MAP_FAILED);
	window(dmabuf, DMA_BUF_SYNC_READ | DMA_BUF_SYNC_START);
	dgem_check(ptr + offset, offset, length, seed);
	window(dmabuf, DMA_BUF_SYNC_READ | DMA_BUF_SYNC_END);
	munmap(ptr, SIZE);
}

static uint32_t import(int fd, int dmabuf)
{
	uint32_t handle;

	igt_assert_eq(__dgem_import(fd, dmabuf, &handle), 0);
	return handle;
}

/* Memory above the engine's mask is refused with the first job, and rightly so. */
static void require_engine(int fd, uint32_t handle, uint32_t own)
{
	int err = __dgem_copy(fd, handle, 0, own, 0, SIZE);

	if (err == -EOPNOTSUPP) {
		gem_close(fd, handle);
		gem_close(fd, own);
	}
	igt_require_f(err != -EOPNOTSUPP, "the engine cannot reach this memory\n");
	igt_assert_eq(err, 0);
}

static void test_import(int fd, const struct exporter *exporter)
{
	int dmabuf = exporter->alloc(true);
	struct drm_dgem_query_stats before, now;
	struct drm_dgem_info info;
	uint32_t handle;

	fill_dmabuf(dmabuf, 1);
	dgem_query_stats(fd, &before);
	handle = import(fd, dmabuf);
	igt_assert_eq_u32(import(fd, dmabuf), handle);
	dgem_query_stats(fd, &now);
	igt_assert_eq_u64(now.objects, before.objects + 1);
	igt_assert_eq_u64(now.bytes, before.bytes);
	dgem_info(fd, handle, &info);
	igt_assert_eq_u32(info.kind, DRM_DGEM_KIND_IMPORT);
	igt_assert_eq_u64(info.size, SIZE);
	igt_assert_eq_u32(info.cache_granted, DRM_DGEM_CACHE_EXPORTER);
	igt_assert(info.caps & DRM_DGEM_CAP_WRITE);
	close(dmabuf);
	dgem_check_object(fd, handle, SIZE, 1);
	gem_close(fd, handle);
}

static void test_copy(int fd, const struct exporter *exporter)
{
	int dmabuf = exporter->alloc(true);
	struct drm_dgem_query_stats before, now;
	struct drm_dgem_query_engine engine;
	uint32_t foreign, own;
	uint64_t a;

	dgem_query_engine(fd, &engine);
	dgem_query_stats(fd, &before);
	a = engine.copy_align;
	fill_dmabuf(dmabuf, 1);
	foreign = import(fd, dmabuf);
	own = dgem_create_filled(fd, &dgem_kinds[0], SIZE, 2);
	require_engine(fd, foreign, own);

	/* out of it, whole and from the middle across pages */
	dgem_copy(fd, foreign, 0, own, 0, SIZE);
	dgem_check_object(fd, own, SIZE, 1);
	fill_dmabuf(dmabuf, 3);
	dgem_copy(fd, foreign, DGEM_PAGE - 5 * a, own, DGEM_PAGE - 5 * a, DGEM_PAGE + 9 * a);

	/* into it; what lies around stays */
	dgem_fill_object(fd, own, SIZE, 4);
	dgem_copy(fd, own, 2 * DGEM_PAGE + 3 * a, foreign, 2 * DGEM_PAGE + 3 * a,
		  DGEM_PAGE + 11 * a);
	check_dmabuf(dmabuf, 0, 2 * DGEM_PAGE + 3 * a, 3);
	check_dmabuf(dmabuf, 2 * DGEM_PAGE + 3 * a, DGEM_PAGE + 11 * a, 4);
	check_dmabuf(dmabuf, 3 * DGEM_PAGE + 14 * a, 2 * DGEM_PAGE - 14 * a, 3);

	/* a job that waits for its own fence ends as well: timed out */
	dgem_query_stats(fd, &now);
	igt_assert_eq_u64(now.jobs_failed, before.jobs_failed);
	gem_close(fd, own);
	gem_close(fd, foreign);
	close(dmabuf);
}

static void test_map(int fd, const struct exporter *exporter)
{
	int dmabuf = exporter->alloc(true);
	uint32_t handle;
	uint8_t *ptr;

	fill_dmabuf(dmabuf, 1);
	handle = import(fd, dmabuf);
	ptr = dgem_mmap(fd, handle, SIZE);
	dgem_check(ptr, 0, SIZE, 1);
	dgem_fill(ptr, 0, SIZE, 2);
	munmap(ptr, 2 * DGEM_PAGE);
	dgem_check(ptr + 2 * DGEM_PAGE, 2 * DGEM_PAGE, SIZE - 2 * DGEM_PAGE, 2);
	munmap(ptr, SIZE);
	check_dmabuf(dmabuf, 0, SIZE, 2);
	igt_assert(__dgem_mmap(fd, handle, SIZE, PROT_READ, MAP_PRIVATE) == MAP_FAILED);
	igt_assert(__dgem_mmap(fd, handle, SIZE + DGEM_PAGE, PROT_READ, MAP_SHARED) == MAP_FAILED);
	gem_close(fd, handle);
	close(dmabuf);
}

static void test_sync(int fd, const struct exporter *exporter)
{
	int dmabuf = exporter->alloc(true);
	const int64_t soon = dgem_now() + DGEM_PATIENCE_NS;
	uint32_t handle = import(fd, dmabuf);

	for (uint32_t flags = DRM_DGEM_SYNC_READ; flags <= 3; flags++) {
		igt_assert_eq(__dgem_sync(fd, handle, flags, 0, SIZE, soon), 0);
		igt_assert_eq(__dgem_sync(fd, handle, flags | DRM_DGEM_SYNC_END, 0, SIZE, 0), 0);
		igt_assert_eq(__dgem_sync(fd, handle, flags, 100, 1, soon), 0);
		igt_assert_eq(__dgem_sync(fd, handle, flags | DRM_DGEM_SYNC_END, 100, 1, 0), 0);
		igt_assert_eq(__dgem_sync(fd, handle, flags, 0, SIZE + 1, soon), -EINVAL);
	}
	gem_close(fd, handle);
	close(dmabuf);
}

static void test_re_export(int fd, const struct exporter *exporter)
{
	int dmabuf = exporter->alloc(true), again, other = dgem_open();
	uint32_t handle = import(fd, dmabuf);

	fill_dmabuf(dmabuf, 1);
	close(dmabuf);
	again = dgem_export(fd, handle);
	igt_assert_eq_u32(import(fd, again), handle);
	check_dmabuf(again, 0, SIZE, 1);
	gem_close(fd, handle);
	check_dmabuf(again, 0, SIZE, 1);
	/* One import at a time: DMA-API debugging dislikes a device that maps memory twice. */
	dgem_check_object(other, import(other, again), SIZE, 1);
	close(other);
	close(again);
}

static void test_read_only(int fd, const struct exporter *exporter)
{
	int dmabuf = exporter->alloc(false);
	uint32_t handle = import(fd, dmabuf), own = dgem_create_contiguous(fd, SIZE);
	struct drm_dgem_op op = dgem_op_copy(own, 0, handle, 0, SIZE);
	struct drm_dgem_submit submit;
	struct drm_dgem_info info;
	void *ptr;

	dgem_info(fd, handle, &info);
	igt_assert(!(info.caps & DRM_DGEM_CAP_WRITE));
	dgem_submit_init(&submit, &op, 1);
	igt_assert_eq(__dgem_submit(fd, &submit), -EACCES);
	igt_assert_eq(__dgem_sync(fd, handle, DRM_DGEM_SYNC_WRITE, 0, SIZE, 0), -EACCES);
	errno = 0;
	igt_assert(__dgem_mmap(fd, handle, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED) == MAP_FAILED);
	igt_assert_eq(errno, EACCES);
	ptr = __dgem_mmap(fd, handle, SIZE, PROT_READ, MAP_SHARED);
	igt_assert(ptr != MAP_FAILED);
	igt_assert(dgem_is_zero(ptr, SIZE));
	igt_assert_eq(mprotect(ptr, SIZE, PROT_READ | PROT_WRITE), -1);
	munmap(ptr, SIZE);
	/* reading is fine */
	dgem_fill_object(fd, own, SIZE, 1);
	require_engine(fd, handle, own);
	dgem_copy(fd, handle, 0, own, 0, SIZE);
	ptr = dgem_mmap(fd, own, SIZE);
	igt_assert(dgem_is_zero(ptr, SIZE));
	munmap(ptr, SIZE);
	gem_close(fd, own);
	gem_close(fd, handle);
	close(dmabuf);
}

/* A DRM driver maps no dumb buffers that it imported, but has them, and gives them back. */
static void test_export_to_vgem(int fd, const struct dgem_kind *kind)
{
	uint32_t handle = dgem_create_filled(fd, kind, SIZE, 1), theirs, again;
	int vgem = dgem_open_other("vgem"), dmabuf = dgem_export(fd, handle);

	igt_assert_eq(__dgem_import(vgem, dmabuf, &theirs), 0);
	igt_assert_eq(__dgem_import(vgem, dmabuf, &again), 0);
	igt_assert_eq_u32(again, theirs);
	close(dmabuf);
	dmabuf = dgem_export(vgem, theirs);
	igt_assert_eq(__dgem_import(fd, dmabuf, &again), 0);
	igt_assert_eq_u32(again, handle);
	check_dmabuf(dmabuf, 0, SIZE, 1);
	close(dmabuf);

	/* Our handle goes: the other driver still has the memory, and we can have it again. */
	gem_close(fd, handle);
	dmabuf = dgem_export(vgem, theirs);
	fill_dmabuf(dmabuf, 2);
	igt_assert_eq(__dgem_import(fd, dmabuf, &handle), 0);
	close(dmabuf);
	close(vgem);
	dgem_check_object(fd, handle, SIZE, 2);
	gem_close(fd, handle);
}

static const struct {
	const char *name, *describe;
	void (*test)(int fd, const struct exporter *exporter);
	bool read_only;
} tests[] = {
	{ "import", "A foreign dma-buf becomes an object.", test_import },
	{ "copy", "The engine copies out of and into foreign memory.", test_copy },
	{ "map", "Foreign memory is mapped through the node.", test_map },
	{ "sync", "Access windows over foreign memory work.", test_sync },
	{ "re-export", "An import is exported as what it is.", test_re_export },
	{ "read-only", "What is for reading is only read.", test_read_only, true },
};

static const struct dgem_kind_test kind_tests[] = {
	{ "export-to-vgem", "Another DRM driver imports an object.", test_export_to_vgem },
};

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = dgem_open();

	for (int i = 0; i < ARRAY_SIZE(tests); i++) {
		for (int j = 0; j < ARRAY_SIZE(exporters); j++) {
			if (tests[i].read_only && !exporters[j].read_only)
				continue;
			igt_describe(tests[i].describe);
			igt_subtest_f("%s-%s", tests[i].name, exporters[j].name) {
				struct dgem_snapshot before;

				dgem_snapshot(fd, &before);
				tests[i].test(fd, &exporters[j]);
				dgem_assert_unchanged(fd, &before);
			}
		}
	}

	dgem_kind_subtests(fd, kind_tests, ARRAY_SIZE(kind_tests),
			   DRM_DGEM_CAP_EXPORT | DGEM_AND_FOREIGN);

	igt_fixture()
		close(fd);
}
