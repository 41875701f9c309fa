// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <sys/mman.h>

#include "igt.h"

#include "dgem_bind.h"
#include "dgem_instance.h"
#include "dgem_table.h"
#include "dgem_util.h"

/**
 * TEST: dgem iommu
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: iommu
 * Description: An engine behind an IOMMU.
 *
 * SUBTEST: one-segment
 * Description: Scattered memory is one range of I/O addresses, and copied right.
 *
 * SUBTEST: within-mask
 * Description: The I/O addresses are within the engine's mask, wherever the memory is.
 */

IGT_TEST_DESCRIPTION("An engine behind an IOMMU.");

#define SIZE	(64 * DGEM_PAGE)

static const struct dgem_kind *scattered(int fd)
{
	const struct dgem_kind *kind;

	for_each_dgem_kind_here(fd, kind, DRM_DGEM_CAP_MMAP)
		if (kind->kind == DRM_DGEM_KIND_VMALLOC)
			return kind;
	igt_skip("no memory that is scattered\n");
	return NULL;
}

/* Bytes as they come, and copied at both ends. */
static void map_and_copy(int fd, uint32_t *src, uint32_t *dst)
{
	*src = dgem_create_filled(fd, scattered(fd), SIZE, 1);
	*dst = dgem_create(fd, scattered(fd), SIZE);
	dgem_copy(fd, *src, 0, *dst, 0, DGEM_PAGE);
	dgem_copy(fd, *src, SIZE - DGEM_PAGE, *dst, SIZE - DGEM_PAGE, DGEM_PAGE);
}

static void test_one_segment(int fd)
{
	uint32_t src, dst;
	struct drm_dgem_info info;
	uint8_t *ptr;

	map_and_copy(fd, &src, &dst);
	dgem_info(fd, src, &info);
	igt_assert_eq_u32(info.segments, 1);
	dgem_info(fd, dst, &info);
	igt_assert_eq_u32(info.segments, 1);
	ptr = dgem_mmap(fd, dst, SIZE);
	dgem_sync_start(fd, dst, DRM_DGEM_SYNC_READ, SIZE);
	dgem_check(ptr, 0, DGEM_PAGE, 1);
	dgem_check(ptr + SIZE - DGEM_PAGE, SIZE - DGEM_PAGE, DGEM_PAGE, 1);
	igt_assert(dgem_is_zero(ptr + DGEM_PAGE, SIZE - 2 * DGEM_PAGE));
	dgem_sync_end(fd, dst, DRM_DGEM_SYNC_READ, SIZE);
	munmap(ptr, SIZE);
	gem_close(fd, src);
	gem_close(fd, dst);
}

static void test_within_mask(int fd)
{
	struct drm_dgem_query_engine engine;
	uint64_t highest;
	uint32_t src, dst;

	dgem_query_engine(fd, &engine);
	map_and_copy(fd, &src, &dst);
	igt_assert_eq_u64(dgem_dma_bytes(fd, "vmalloc", &highest), 2 * SIZE);
	igt_assert_lte_u64(highest, engine.dma_mask);
	gem_close(fd, src);
	gem_close(fd, dst);
}

static const struct dgem_test tests[] = {
	{ "one-segment", "Scattered memory is one range of I/O addresses.", test_one_segment },
	{ "within-mask", "I/O addresses are within the mask.", test_within_mask },
};

int igt_main()
{
	int fd = -1;

	igt_fixture() {
		char driver[4096], device[64], path[128];

		fd = dgem_open();
		igt_require_f(dgem_engine_driver(fd, driver, device), "no engine with a device\n");
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", device);
		igt_require_f(!access(path, F_OK), "the engine is behind no IOMMU\n");
	}

	dgem_subtests(fd, tests, ARRAY_SIZE(tests));

	igt_fixture()
		close(fd);
}
