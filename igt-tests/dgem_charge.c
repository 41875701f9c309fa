// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "igt.h"

#include "dgem_instance.h"
#include "dgem_util.h"

/**
 * TEST: dgem charge
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: limits
 * Description: Memory and mmap offsets are charged for as long as somebody keeps them.
 *
 * SUBTEST: pipes-%s
 * Description: Pages of a closed object that a pipe holds are charged until it lets them go.
 *
 * SUBTEST: blocks-%s
 * Description: By holding a page of each block nobody gets more memory than the quota.
 *
 * arg[1].values: direct-pages, direct-vmalloc
 *
 * SUBTEST: offsets
 * Description: A client that takes all mmap offsets it can get leaves others theirs.
 *
 * SUBTEST: offsets-imports
 * Description: Imports take offsets when they are asked for, on the account of who asks.
 */

IGT_TEST_DESCRIPTION("Memory and offsets are charged for as long as somebody keeps them.");

#define ONE		"igt-charge"
#define CHUNK		(2 * DGEM_MIB)

/* Pipes that hold pages, 16 each */
#define SLOTS		16
#define PIPES		64

struct pipes {
	int ends[PIPES][2];
	int count, slots;
};

static void hold_page(struct pipes *pipes, uint8_t *page)
{
	struct iovec iov = { page, DGEM_PAGE };

	if (pipes->slots % SLOTS == 0) {
		igt_assert_lt(pipes->count, PIPES);
		igt_assert_eq(pipe2(pipes->ends[pipes->count++], O_CLOEXEC | O_NONBLOCK), 0);
	}
	igt_assert_eq_s64(vmsplice(pipes->ends[pipes->count - 1][1], &iov, 1, 0), DGEM_PAGE);
	pipes->slots++;
}

static void let_go(struct pipes *pipes)
{
	while (pipes->count) {
		close(pipes->ends[--pipes->count][0]);
		close(pipes->ends[pipes->count][1]);
	}
	pipes->slots = 0;
}

/* An object of which a pipe has some pages, and nobody anything else; or why there is none. */
static int hold_object(int fd, const struct dgem_kind *kind, uint64_t size, uint64_t step,
		       struct pipes *pipes)
{
	uint32_t handle;
	uint8_t *ptr;
	int err;

	err = __dgem_create_flags(fd, kind->kind, kind->flags, size, &handle);
	if (err)
		return err;
	ptr = dgem_mmap(fd, handle, size);
	for (uint64_t at = 0; at < size; at += step) {
		dgem_fill(ptr + at, at, 64, 1);
		hold_page(pipes, ptr + at);
	}
	munmap(ptr, size);
	gem_close(fd, handle);
	return 0;
}

static int open_limited(uint64_t quota)
{
	char value[32];

	dgem_instance_make(ONE);
	snprintf(value, sizeof(value), "%" PRIu64, quota);
	dgem_instance_set(ONE, "file_quota", value);
	dgem_instance_enable(ONE, NULL);
	return dgem_instance_open(ONE);
}

static void test_pipes(int unused, const struct dgem_kind *kind)
{
	const uint64_t size = SLOTS * DGEM_PAGE, quota = 8 * size;
	struct pipes pipes = { };
	int fd, other, err = 0, made = 0;
	uint8_t byte[64];

	dgem_require_configfs();
	fd = open_limited(quota);
	other = dgem_instance_open(ONE);
	while (!err && made < 4 * quota / size) {
		err = hold_object(fd, kind, size, DGEM_PAGE, &pipes);
		made += !err;
	}
	igt_assert_eq(err, -ENOSPC);
	igt_assert_eq(made, quota / size);
	/* for longer than it takes to look whether they are back */
	dgem_sleep_ms(1500);
	dgem_assert_charged(fd, quota, quota);
	igt_assert_eq(hold_object(fd, kind, DGEM_PAGE, DGEM_PAGE, &pipes), -ENOSPC);
	/* Others are not charged, and what the pipe has is what was there. */
	dgem_assert_charged(other, 0, quota);
	igt_assert_eq(read(pipes.ends[0][0], byte, sizeof(byte)), sizeof(byte));
	dgem_check(byte, 0, sizeof(byte), 1);

	/* The file goes, the charge stays, and the file's quota is nobody's any longer. */
	close(fd);
	dgem_assert_charged(other, 0, quota);
	let_go(&pipes);
	dgem_assert_charged(other, 0, 0);
	igt_assert_eq(hold_object(other, kind, size, DGEM_PAGE, &pipes), 0);
	let_go(&pipes);
	dgem_assert_charged(other, 0, 0);
	close(other);
	dgem_instance_remove(ONE);
}

static void test_blocks(int unused, const struct dgem_kind *kind)
{
	const uint64_t quota = 16 * DGEM_MIB;
	struct drm_dgem_query_stats stats;
	struct pipes pipes = { };
	uint64_t before, now;
	int fd, err = 0, made;

	dgem_require_configfs();
	igt_require_f(dgem_meminfo("MemFree") > 10 * quota, "too little memory is free\n");
	fd = open_limited(quota);
	before = dgem_meminfo("MemFree");
	for (made = 0; !err && made < 4 * quota / CHUNK; made += !err)
		err = hold_object(fd, kind, CHUNK, CHUNK, &pipes);
	now = dgem_meminfo("MemFree");
	dgem_query_stats(fd, &stats);
	let_go(&pipes);
	igt_info("%d objects, %llu KiB charged\n", made,
		 (unsigned long long)stats.file_bytes / 1024);
	igt_assert(!err || err == -ENOSPC);
	igt_assert_lte_u64(stats.file_bytes, quota);
	/* A page of each is held at least; whatever comes with it is charged, or was given back. */
	igt_assert_lte_u64(made * DGEM_PAGE, stats.file_bytes);
	igt_assert_lte_u64(before, now + 2 * quota);
	dgem_assert_charged(fd, 0, 0);
	close(fd);
	dgem_instance_remove(ONE);
}

/* The greediest way: the largest that there is, again and again, then the half of it. */
static void test_offsets(int fd)
{
	int greedy = dgem_open(), other = dgem_open(), refused = 0, err;
	struct drm_dgem_query_device device;
	uint32_t handle;
	uint64_t half;
	uint8_t *ptr;

	dgem_query_device(greedy, &device);
	half = device.max_size / 2 & ~(DGEM_PAGE - 1);
	for (uint64_t size = device.max_size; size >= DGEM_MIB; size /= 2) {
		for (int i = 0; i < 4; i++) {
			err = __dgem_create_lazy(greedy, size & ~(DGEM_PAGE - 1), &handle);
			if (err)
				break;
		}
		refused += err == -EOVERFLOW;
		igt_assert_f(!err || err == -EOVERFLOW || err == -ENOSPC, "%d\n", err);
	}
	/* Small ones, too, and those of every kind that can be mapped. */
	handle = dgem_create(other, &dgem_kinds[0], CHUNK);
	ptr = dgem_mmap(other, handle, CHUNK);
	igt_assert_eq(dgem_touch(ptr, true), 0);
	munmap(ptr, CHUNK);
	gem_close(other, handle);
	igt_assert_eq(__dgem_create_lazy(other, half, &handle), 0);
	/* one that fits exactly is the last */
	igt_assert_lt(0, refused);
	igt_assert_eq(__dgem_create_lazy(greedy, half, &handle), -EOVERFLOW);
	igt_assert_eq(__dgem_create_flags(greedy, DRM_DGEM_KIND_VMALLOC, 0, CHUNK, &handle),
		      -EOVERFLOW);
	close(greedy);
	/* What is closed can be had again. */
	greedy = dgem_open();
	igt_assert_eq(__dgem_create_lazy(greedy, device.max_size, &handle), 0);
	gem_close(greedy, handle);
	igt_assert_eq(__dgem_create_lazy(greedy, device.max_size, &handle), 0);
	close(greedy);
	close(other);
}

#define IMPORTS		40

static void test_offsets_imports(int fd)
{
	/* the largest buffer that can be made in this way, which has no memory yet */
	struct drm_mode_create_dumb dumb = { .width = 8192, .height = 131071, .bpp = 32 };
	int vgem = dgem_open_other("vgem"), own = dgem_open(), other = dgem_open(), mapped = 0;
	uint32_t theirs[IMPORTS], handles[IMPORTS], handle;
	struct drm_dgem_query_device device;
	struct drm_dgem_mmap map;
	int count, err = 0;

	dgem_query_device(own, &device);
	for (count = 0; count < IMPORTS; count++) {
		int dmabuf;

		dumb.handle = 0;
		err = dgem_ioctl(vgem, DRM_IOCTL_MODE_CREATE_DUMB, &dumb);
		if (err)
			break;
		theirs[count] = dumb.handle;
		dmabuf = __dgem_export(vgem, dumb.handle, DRM_CLOEXEC | DRM_RDWR);
		igt_assert_fd(dmabuf);
		igt_assert_eq(__dgem_import(own, dmabuf, &handles[count]), 0);
		close(dmabuf);
	}
	igt_require_f(count * dumb.size > device.max_size, "no buffers that are large enough\n");
	/* None of them has taken anything from the file's own objects. */
	igt_assert_eq(__dgem_create_lazy(own, device.max_size, &handle), 0);
	gem_close(own, handle);

	for (err = 0; mapped < count; mapped++) {
		map = (struct drm_dgem_mmap) { .handle = handles[mapped] };
		err = __dgem_mmap_offset(own, &map);
		if (err)
			break;
	}
	igt_assert_eq(err, -EOVERFLOW);
	igt_assert_eq(mapped, device.max_size / dumb.size);
	/* once is enough */
	map = (struct drm_dgem_mmap) { .handle = handles[0] };
	igt_assert_eq(__dgem_mmap_offset(own, &map), 0);
	igt_assert_eq(__dgem_create_lazy(own, device.max_size, &handle), -EOVERFLOW);
	igt_assert_eq(__dgem_create_lazy(other, device.max_size, &handle), 0);
	for (int i = 0; i < count; i++) {
		gem_close(own, handles[i]);
		gem_close(vgem, theirs[i]);
	}
	igt_assert_eq(__dgem_create_lazy(own, device.max_size, &handle), 0);
	close(own);
	close(other);
	close(vgem);
}

static const struct dgem_test tests[] = {
	{ "offsets", "Who takes all offsets leaves others theirs.", test_offsets },
	{ "offsets-imports", "Imports take offsets when asked for.", test_offsets_imports },
};

static const struct dgem_kind_test kind_tests[] = {
	{ "pipes", "Pages that a pipe holds stay charged.", test_pipes, DGEM_KIND_DIRECT_IO },
	{ "blocks", "Holding a page of each block gains nothing.", test_blocks,
	  DGEM_KIND_DIRECT_IO },
};

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = dgem_open();

	dgem_subtests(fd, tests, ARRAY_SIZE(tests));
	dgem_kind_subtests(fd, kind_tests, ARRAY_SIZE(kind_tests), DRM_DGEM_CAP_MMAP);

	igt_fixture() {
		close(fd);
		/* what a failed subtest has left */
		__dgem_instance_remove(ONE);
		errno = 0;
	}
}
