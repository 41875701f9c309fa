// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "igt.h"

#include "dgem_instance.h"
#include "dgem_util.h"

/**
 * TEST: dgem debugfs
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: debugfs
 * Description: debugfs lists objects and their DMA addresses, for root.
 *
 * SUBTEST: objects-%s
 * Description: An object is listed as it is, and with DMA addresses once the engine has mapped it.
 *
 * arg[1]:
 *
 * @contiguous: contiguous cached memory
 * @coherent: coherent memory
 * @wc: write-combined memory
 * @pages: memory in pages
 * @lazy: memory in pages that come when they are touched
 * @vmalloc: single pages
 * @direct-pages: memory in pages, made for direct I/O
 * @direct-vmalloc: single pages, made for direct I/O
 * @reserved: memory out of the instance's pool
 *
 * SUBTEST: exports
 * Description: The dma-bufs of an object that are alive are counted, with or without a handle.
 *
 * SUBTEST: unprivileged
 * Description: Nobody else reads addresses, even if debugfs is open to all.
 */

IGT_TEST_DESCRIPTION("debugfs lists objects and their DMA addresses, for root.");

#define DEBUGFS	"/sys/kernel/debug"
/* No other object of these tests has it. */
#define SIZE	(37 * DGEM_PAGE)

struct listed {
	char kind[32], cache[32];
	uint64_t size, charged, covered, first;
	int vmas, segments;
	/* what needs all of the memory, and dma-bufs that are alive */
	unsigned int pins, exports;
};

/* 1 if it is listed, 0 if not; -EBUSY if just its name is, since it is in use at that moment. */
static int __find_object(int fd, struct listed *listed)
{
	char path[PATH_MAX], line[256];
	int found = 0, members;
	FILE *file;

	memset(listed, 0, sizeof(*listed));
	dgem_debugfs_path(fd, "dgem_objects", path, sizeof(path));
	file = fopen(path, "r");
	igt_assert(file);
	while (fgets(line, sizeof(line), file)) {
		uint64_t at, address, length;

		if (line[0] != ' ') {
			if (found)
				break;
			members = sscanf(line, "%31s size=%" SCNu64 " charged=%" SCNu64
					 " cache=%31s refs=%*u handles=%*u vmas=%d pins=%u"
					 " exports=%u",
					 listed->kind, &listed->size, &listed->charged,
					 listed->cache, &listed->vmas, &listed->pins,
					 &listed->exports);
			igt_assert_f(members == 7 || strstr(line, " busy\n"), "\"%s\"\n", line);
			if (listed->size == SIZE)
				found = members == 7 ? 1 : -EBUSY;
		} else if (found > 0) {
			igt_assert_eq(sscanf(line, " %" SCNx64 ": %" SCNx64 " + %" SCNx64, &at,
					     &address, &length), 3);
			igt_assert_eq_u64(at, listed->covered);
			if (!listed->segments++)
				listed->first = address;
			listed->covered += length;
		}
	}
	fclose(file);
	return found;
}

/* The object of the size that only ours has, and the segments below it. */
static bool find_object(int fd, struct listed *listed)
{
	int found = -EBUSY;

	/* the job that has just ended may not have been put away yet */
	for (int i = 0; i < 500 && found == -EBUSY; i++) {
		found = __find_object(fd, listed);
		if (found == -EBUSY)
			dgem_sleep_ms(10);
	}
	igt_assert_neq(found, -EBUSY);
	return found;
}

static const char *cache_name(uint32_t cache)
{
	switch (cache) {
	case DRM_DGEM_CACHE_CACHED:
		return "cached";
	case DRM_DGEM_CACHE_WC:
		return "wc";
	default:
		return "uncached";
	}
}

static void test_objects(int fd, const struct dgem_kind *kind)
{
	uint32_t handle = dgem_create(fd, kind, SIZE), dst = dgem_create_contiguous(fd, DGEM_PAGE);
	struct drm_dgem_query_engine engine;
	struct drm_dgem_info info;
	struct listed listed;
	void *ptr;

	igt_assert(find_object(fd, &listed));
	dgem_info(fd, handle, &info);
	igt_assert(!strcmp(listed.cache, cache_name(info.cache_granted)));
	/* Some names of the tests' are of a kind in another mode. */
	igt_assert(!strcmp(kind->name, listed.kind) || kind->cache || kind->flags);
	if (kind->flags & DRM_DGEM_CREATE_LAZY) {
		igt_assert_eq_u64(listed.charged, 0);
		dgem_fill_object(fd, handle, SIZE, 1);
		igt_assert(find_object(fd, &listed));
	}
	igt_assert_eq_u64(listed.charged, SIZE);
	igt_assert_eq(listed.vmas, 0);
	igt_assert_eq_u32(listed.pins, 0);
	igt_assert_eq_u32(listed.exports, 0);
	igt_assert_eq(listed.segments, 0);

	ptr = dgem_mmap(fd, handle, SIZE);
	igt_assert(find_object(fd, &listed));
	igt_assert_eq(listed.vmas, 1);
	munmap(ptr, SIZE);

	/* The CPU needs no DMA addresses. */
	dgem_query_engine(fd, &engine);
	dgem_copy(fd, handle, 0, dst, 0, 256);
	igt_assert(find_object(fd, &listed));
	dgem_info(fd, handle, &info);
	igt_assert_eq(listed.segments, info.segments);
	if (engine.type == DRM_DGEM_ENGINE_DMA) {
		igt_assert_eq_u64(listed.covered, SIZE);
		igt_assert_lte_u64(listed.first, engine.dma_mask);
	}
	gem_close(fd, handle);
	gem_close(fd, dst);
	/* The job lets go of its objects some time after its fence. */
	for (int i = 0; i < 500 && find_object(fd, &listed); i++)
		dgem_sleep_ms(10);
	igt_assert(!find_object(fd, &listed));
}

/* One dma-buf, however often it is exported, until the last handle and descriptor are closed. */
static void test_exports(int fd)
{
	const struct dgem_kind *kind;

	for_each_dgem_kind_here(fd, kind, DRM_DGEM_CAP_EXPORT) {
		uint32_t handle = dgem_create(fd, kind, SIZE);
		int dmabuf = dgem_export(fd, handle), again = dgem_export(fd, handle);
		struct listed listed;
		uint8_t *ptr;

		igt_assert(find_object(fd, &listed));
		igt_assert_eq_u32(listed.exports, 1);
		igt_assert_eq_u32(listed.pins, 0);
		/* DRM keeps it as long as there is a handle */
		close(again);
		igt_assert(find_object(fd, &listed));
		igt_assert_eq_u32(listed.exports, 1);
		/* and knows nothing of it after that */
		gem_close(fd, handle);
		igt_assert(find_object(fd, &listed));
		igt_assert_eq_u32(listed.exports, 1);

		/* a mapping of the node keeps the object, not the dma-buf */
		igt_assert_eq(__dgem_import(fd, dmabuf, &handle), 0);
		ptr = dgem_mmap(fd, handle, SIZE);
		gem_close(fd, handle);
		close(dmabuf);
		igt_assert(find_object(fd, &listed));
		igt_assert_eq_u32(listed.exports, 0);
		igt_assert_eq(listed.vmas, 1);
		munmap(ptr, SIZE);
		igt_assert(!find_object(fd, &listed));
	}
}

static void test_unprivileged(int fd)
{
	char path[PATH_MAX], text[16];
	struct stat old;

	dgem_debugfs_path(fd, "dgem_objects", path, sizeof(path));
	igt_assert_eq(stat(DEBUGFS, &old), 0);
	igt_assert_eq(chmod(DEBUGFS, 0755), 0);
	igt_fork(child, 1) {
		int file;

		igt_drop_root();
		file = open(path, O_RDONLY | O_CLOEXEC);
		if (file >= 0)
			igt_assert_eq(read(file, text, sizeof(text)), -1);
		igt_assert(errno == EPERM || errno == EACCES);
		close(file);
	}
	igt_waitchildren();
	igt_assert_eq(chmod(DEBUGFS, old.st_mode & 07777), 0);
}

static const struct dgem_test tests[] = {
	{ "exports", "Dma-bufs that are alive are counted.", test_exports },
	{ "unprivileged", "Nobody but root reads addresses.", test_unprivileged },
};

static const struct dgem_kind_test kind_tests[] = {
	{ "objects", "An object is listed as it is.", test_objects },
};

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = dgem_open();

	dgem_kind_subtests(fd, kind_tests, ARRAY_SIZE(kind_tests), DRM_DGEM_CAP_MMAP);
	dgem_subtests(fd, tests, ARRAY_SIZE(tests));

	igt_fixture()
		close(fd);
}
