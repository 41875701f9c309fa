// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <inttypes.h>
#include <sys/mman.h>

#include "igt.h"
#include "igt_syncobj.h"
#include "sw_sync.h"

#include "dgem_util.h"

/**
 * TEST: dgem fdinfo
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: usage statistics
 * Description: /proc/PID/fdinfo tells what each client has.
 *
 * SUBTEST: memory-%s
 * Description: What was allocated counts, as long as the file has a handle for it.
 *
 * arg[1]:
 *
 * @contiguous: contiguous cached memory
 * @coherent: coherent memory
 * @wc: write-combined memory
 * @pages: memory in pages
 * @lazy: memory in pages that come when they are touched
 * @vmalloc: vmalloc memory
 * @direct-pages: memory in pages, made for direct I/O
 * @direct-vmalloc: single pages, made for direct I/O
 * @reserved: memory out of the instance's pool
 *
 * SUBTEST: shared
 * Description: What others can reach by a dma-buf or a handle counts as shared, for all of them.
 *
 * SUBTEST: active
 * Description: Objects of jobs that are not over count as active.
 *
 * SUBTEST: clients
 * Description: Each file is a client of its own, with an identity of its own.
 */

IGT_TEST_DESCRIPTION("/proc/PID/fdinfo tells what each client has.");

struct fdinfo {
	char driver[32];
	uint64_t client, total, shared, active, resident, purgeable;
	bool has_total, has_resident;
};

/* The unit is left out, or KiB, or MiB, whatever leaves a whole number. */
static uint64_t parse_bytes(const char *text)
{
	char unit[8] = "";
	uint64_t value;

	igt_assert_lte(1, sscanf(text, "%" SCNu64 " %7s", &value, unit));
	if (!strcmp(unit, "KiB"))
		return value << 10;
	if (!strcmp(unit, "MiB"))
		return value << 20;
	igt_assert_f(!unit[0], "%s is no unit\n", unit);
	return value;
}

static void get_fdinfo(int fd, struct fdinfo *info)
{
	char path[64], line[256];
	FILE *file;

	memset(info, 0, sizeof(*info));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "r");
	igt_assert(file);
	while (fgets(line, sizeof(line), file)) {
		char *value = strchr(line, ':');

		if (!value)
			continue;
		*value++ = 0;
		if (!strcmp(line, "drm-driver")) {
			igt_assert_eq(sscanf(value, "%31s", info->driver), 1);
		} else if (!strcmp(line, "drm-client-id")) {
			igt_assert_eq(sscanf(value, "%" SCNu64, &info->client), 1);
		} else if (!strcmp(line, "drm-total-memory")) {
			info->total = parse_bytes(value);
			info->has_total = true;
		} else if (!strcmp(line, "drm-shared-memory")) {
			info->shared = parse_bytes(value);
		} else if (!strcmp(line, "drm-active-memory")) {
			info->active = parse_bytes(value);
		} else if (!strcmp(line, "drm-resident-memory")) {
			info->resident = parse_bytes(value);
			info->has_resident = true;
		} else if (!strcmp(line, "drm-purgeable-memory")) {
			info->purgeable = parse_bytes(value);
		}
	}
	fclose(file);
}

static void assert_resident(int fd, uint64_t total, uint64_t shared, uint64_t active,
			    uint64_t resident)
{
	struct fdinfo info;

	get_fdinfo(fd, &info);
	igt_assert(info.has_total);
	igt_assert_eq_u64(info.total, total);
	igt_assert_eq_u64(info.resident, resident);
	igt_assert_eq_u64(info.shared, shared);
	igt_assert_eq_u64(info.active, active);
	igt_assert_eq_u64(info.purgeable, 0);
	/* Without any object there may be nothing to tell. */
	igt_assert(info.has_resident || !resident);
}

static void assert_memory(int fd, uint64_t total, uint64_t shared, uint64_t active)
{
	assert_resident(fd, total, shared, active, total);
}

/* Files of their own: other objects of the tests' file would count. */
static void test_memory(int other, const struct dgem_kind *kind)
{
	const uint64_t sizes[] = { DGEM_PAGE, 3 * DGEM_PAGE, DGEM_MIB };
	/* Lazy objects have no memory before somebody touches it. */
	const bool lazy = kind->flags & DRM_DGEM_CREATE_LAZY;
	uint32_t handles[ARRAY_SIZE(sizes)];
	struct fdinfo before, after;
	uint64_t total = 0;
	int fd = dgem_open();

	get_fdinfo(other, &before);
	assert_memory(fd, 0, 0, 0);
	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		/* What is given counts, not what was asked for. */
		handles[i] = dgem_create(fd, kind, sizes[i] - 100);
		total += sizes[i];
		assert_resident(fd, total, 0, 0, lazy ? 0 : total);
	}
	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		void *ptr = dgem_mmap(fd, handles[i], sizes[i]);

		gem_close(fd, handles[i]);
		total -= sizes[i];
		assert_resident(fd, total, 0, 0, lazy ? 0 : total);
		munmap(ptr, sizes[i]);
	}
	close(fd);
	get_fdinfo(other, &after);
	igt_assert_eq_u64(after.total, before.total);
	igt_assert_eq_u64(after.resident, before.resident);
}

static void test_shared(int unused)
{
	int fd = dgem_open(), other = dgem_open(), dmabuf;
	uint32_t own = dgem_create_contiguous(fd, DGEM_PAGE), common, imported;

	common = dgem_create_contiguous(fd, 4 * DGEM_PAGE);
	assert_memory(fd, 5 * DGEM_PAGE, 0, 0);
	dmabuf = dgem_export(fd, common);
	assert_memory(fd, 5 * DGEM_PAGE, 4 * DGEM_PAGE, 0);
	igt_assert_eq(__dgem_import(other, dmabuf, &imported), 0);
	assert_memory(fd, 5 * DGEM_PAGE, 4 * DGEM_PAGE, 0);
	assert_memory(other, 4 * DGEM_PAGE, 4 * DGEM_PAGE, 0);
	close(dmabuf);
	gem_close(fd, common);
	assert_memory(fd, DGEM_PAGE, 0, 0);
	gem_close(other, imported);
	assert_memory(other, 0, 0, 0);
	gem_close(fd, own);
	close(other);
	close(fd);
}

static void test_active(int unused)
{
	int fd = dgem_open();
	uint32_t src = dgem_create_contiguous(fd, DGEM_PAGE), done = syncobj_create(fd, 0);
	uint32_t dst = dgem_create_contiguous(fd, 4 * DGEM_PAGE);
	uint32_t idle = dgem_create_contiguous(fd, DGEM_PAGE);
	struct drm_dgem_op op = dgem_op_copy(src, 0, dst, 0, 256);
	struct dgem_gate gate;

	dgem_gate_close(&gate, fd);
	dgem_submit(fd, &op, 1, 0, gate.syncobj, done);
	assert_memory(fd, 6 * DGEM_PAGE, 0, 5 * DGEM_PAGE);
	dgem_gate_open(&gate);
	dgem_wait(fd, done);
	assert_memory(fd, 6 * DGEM_PAGE, 0, 0);
	dgem_gate_fini(&gate);
	syncobj_destroy(fd, done);
	gem_close(fd, idle);
	gem_close(fd, dst);
	gem_close(fd, src);
	close(fd);
}

static void test_clients(int fd)
{
	struct fdinfo first, second;
	int other = dgem_open();

	get_fdinfo(fd, &first);
	get_fdinfo(other, &second);
	igt_assert(!strcmp(first.driver, "dgem"));
	igt_assert(!strcmp(second.driver, "dgem"));
	igt_assert(first.client != second.client);
	close(other);
}

static const struct dgem_test tests[] = {
	{ "shared", "What others can reach counts as shared.", test_shared },
	{ "active", "Objects of jobs that are not over count as active.", test_active },
	{ "clients", "Each file is a client of its own.", test_clients },
};

static const struct dgem_kind_test kind_tests[] = {
	{ "memory", "What was allocated counts as long as there is a handle.", test_memory },
};

int igt_main()
{
	struct fdinfo info;
	int fd = -1;

	igt_fixture() {
		fd = dgem_open();
		get_fdinfo(fd, &info);
		igt_require_f(info.driver[0], "this kernel tells nothing of a file's use\n");
	}

	dgem_kind_subtests(fd, kind_tests, ARRAY_SIZE(kind_tests), DRM_DGEM_CAP_MMAP);
	dgem_subtests(fd, tests, ARRAY_SIZE(tests));

	igt_fixture()
		close(fd);
}
