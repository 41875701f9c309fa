// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <sys/mman.h>

#include "igt.h"

#include "dgem_util.h"

/**
 * TEST: dgem dumb
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: dumb buffers
 * Description: Dumb buffers are dgem objects.
 *
 * SUBTEST: create
 * Description: Pitch and size hold the picture, the memory is zero, and can be mapped.
 *
 * SUBTEST: is-object
 * Description: A dumb buffer's handle works with every ioctl of dgem.
 *
 * SUBTEST: render-node
 * Description: Render nodes have no dumb buffers.
 *
 * SUBTEST: bad-geometry
 * Description: Pictures without pixels, and sizes that overflow, are refused.
 *
 * SUBTEST: bad-handle
 * Description: Handles that do not exist are refused.
 */

IGT_TEST_DESCRIPTION("Dumb buffers are dgem objects.");

static int create_dumb(int fd, uint32_t width, uint32_t height, uint32_t bpp,
		       struct drm_mode_create_dumb *dumb)
{
	memset(dumb, 0, sizeof(*dumb));
	dumb->width = width;
	dumb->height = height;
	dumb->bpp = bpp;
	return dgem_ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, dumb);
}

static void destroy_dumb(int fd, uint32_t handle)
{
	struct drm_mode_destroy_dumb destroy = { .handle = handle };

	do_ioctl(fd, DRM_IOCTL_MODE_DESTROY_DUMB, &destroy);
}

static void test_create(int fd)
{
	static const struct {
		uint32_t width, height, bpp;
	} sizes[] = {
		{ 1, 1, 8 }, { 1, 1, 32 }, { 640, 480, 32 }, { 33, 7, 24 }, { 1001, 3, 16 },
		{ 1280, 720, 32 }, { 5, 300, 12 },
	};

	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct drm_mode_create_dumb dumb;
		struct drm_mode_map_dumb map = { };
		uint8_t *ptr;

		igt_assert_eq(create_dumb(fd, sizes[i].width, sizes[i].height, sizes[i].bpp, &dumb),
			      0);
		igt_assert(dumb.pitch * 8ull >= sizes[i].width * (uint64_t)sizes[i].bpp);
		igt_assert(dumb.size >= dumb.pitch * (uint64_t)sizes[i].height);
		igt_assert_eq_u64(dumb.size % DGEM_PAGE, 0);
		map.handle = dumb.handle;
		do_ioctl(fd, DRM_IOCTL_MODE_MAP_DUMB, &map);
		ptr = mmap(NULL, dumb.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, map.offset);
		igt_assert(ptr != MAP_FAILED);
		igt_assert(dgem_is_zero(ptr, dumb.size));
		dgem_fill(ptr + dumb.size - DGEM_PAGE, 0, DGEM_PAGE, 1);
		dgem_check(ptr + dumb.size - DGEM_PAGE, 0, DGEM_PAGE, 1);
		munmap(ptr, dumb.size);
		destroy_dumb(fd, dumb.handle);
	}
}

static void test_is_object(int fd)
{
	struct drm_mode_create_dumb dumb;
	struct drm_mode_map_dumb map = { };
	struct drm_dgem_info info;
	uint32_t copy;

	igt_assert_eq(create_dumb(fd, 64, 64, 32, &dumb), 0);
	dgem_info(fd, dumb.handle, &info);
	igt_assert_eq_u64(info.size, dumb.size);
	igt_assert_eq_u32(info.kind, DRM_DGEM_KIND_CONTIGUOUS);
	map.handle = dumb.handle;
	do_ioctl(fd, DRM_IOCTL_MODE_MAP_DUMB, &map);
	igt_assert_eq_u64(map.offset, dgem_mmap_offset(fd, dumb.handle));

	dgem_fill_object(fd, dumb.handle, dumb.size, 4);
	copy = dgem_create_contiguous(fd, dumb.size);
	dgem_copy(fd, dumb.handle, 0, copy, 0, dumb.size);
	dgem_check_object(fd, copy, dumb.size, 4);
	gem_close(fd, copy);
	destroy_dumb(fd, dumb.handle);
}

static void test_render_node(int fd)
{
	struct drm_mode_create_dumb dumb;
	int render = dgem_open();

	igt_assert_eq(create_dumb(render, 64, 64, 32, &dumb), -EACCES);
	close(render);
}

static void test_bad_geometry(int fd)
{
	static const struct {
		uint32_t width, height, bpp;
	} bad[] = {
		{ 0, 1, 32 }, { 1, 0, 32 }, { 1, 1, 0 }, { 0, 0, 0 },
		{ UINT32_MAX, 1, 32 }, { 1, UINT32_MAX, UINT32_MAX }, { UINT32_MAX, UINT32_MAX, 8 },
		{ UINT32_MAX, UINT32_MAX, UINT32_MAX }, { 0x10000, 0x10000, 32 },
		{ 0x40000001, 1, 32 }, { 0x8000, 0x20000, 32 }, { 1, 1, UINT32_MAX },
	};

	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct drm_mode_create_dumb dumb;

		igt_assert_eq(create_dumb(fd, bad[i].width, bad[i].height, bad[i].bpp, &dumb),
			      -EINVAL);
	}
}

static void test_bad_handle(int fd)
{
	static const uint32_t bad[] = { 0, 0xdead, UINT32_MAX };

	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct drm_mode_map_dumb map = { .handle = bad[i] };

		do_ioctl_err(fd, DRM_IOCTL_MODE_MAP_DUMB, &map, ENOENT);
	}
}

static const struct dgem_test tests[] = {
	{ "create", "Pitch and size hold the picture.", test_create },
	{ "is-object", "A dumb buffer's handle works with every ioctl.", test_is_object },
	{ "render-node", "Render nodes have no dumb buffers.", test_render_node },
	{ "bad-geometry", "No pixels, and sizes that overflow, are refused.", test_bad_geometry },
	{ "bad-handle", "Handles that do not exist are refused.", test_bad_handle },
};

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = dgem_open_primary();

	dgem_subtests(fd, tests, ARRAY_SIZE(tests));

	igt_fixture()
		close(fd);
}
