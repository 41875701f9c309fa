// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>

#include "igt.h"

#include "dgem_bind.h"
#include "dgem_proc.h"
#include "dgem_util.h"

/**
 * TEST: dgem reserved
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: memory allocation
 * Description: The pool that was set aside for the instance. What all kinds of memory have in
 *	common is tested with the others.
 *
 * SUBTEST: pool
 * Description: The pool's size is told, and what is left of it.
 *
 * SUBTEST: merge
 * Description: The pool can be used up to its last page, and what is given back becomes whole.
 *
 * SUBTEST: zeroed
 * Description: All of the pool is zero again after it was filled and given back.
 *
 * SUBTEST: faults
 * Description: A mapping has its pages when they are touched, by few faults.
 *
 * SUBTEST: orphans
 * Description: Objects that outlive their instance keep their part of the pool from its successor.
 *
 * SUBTEST: bad-accesses
 * Description: SYNC and jobs beyond the end of an object are refused, wrapping ones too.
 *
 * SUBTEST: bad-pools
 * Description: System RAM, ranges in other use and nonsense are no pool.
 *
 * SUBTEST: none
 * Description: Without a pool within reach there is no reserved memory.
 */

IGT_TEST_DESCRIPTION("The pool that was set aside for the instance.");

#define MAX_OBJECTS	256

static const struct dgem_kind reserved = {
	.name = "reserved",
	.kind = DRM_DGEM_KIND_RESERVED,
};

static uint64_t pool_size(int fd)
{
	struct drm_dgem_query_device device;

	dgem_query_device(fd, &device);
	return device.pool;
}

static uint64_t pool_free(int fd)
{
	struct drm_dgem_query_stats stats;

	dgem_query_stats(fd, &stats);
	return stats.pool_free;
}

static void assert_full(int fd, uint64_t size)
{
	uint32_t handle;

	igt_assert_eq(__dgem_create_kind(fd, &reserved, &size, &handle), -ENOMEM);
}

static void test_pool(int fd)
{
	uint64_t size = pool_size(fd);
	struct drm_dgem_info info;
	uint32_t handle;

	igt_assert_lte_u64(DGEM_MIB, size);
	igt_assert_eq_u64(pool_free(fd), size);
	handle = dgem_create(fd, &reserved, 3 * DGEM_PAGE);
	igt_assert_eq_u64(pool_free(fd), size - 3 * DGEM_PAGE);
	dgem_info(fd, handle, &info);
	igt_assert_eq_u32(info.kind, DRM_DGEM_KIND_RESERVED);
	igt_assert_eq_u32(info.cache_asked, DRM_DGEM_CACHE_DEFAULT);
	igt_assert(info.cache_granted == DRM_DGEM_CACHE_CACHED ||
		   info.cache_granted == DRM_DGEM_CACHE_WC);
	gem_close(fd, handle);
	igt_assert_eq_u64(pool_free(fd), size);
}

static void test_merge(int fd)
{
	uint64_t size = pool_size(fd), part = size / 16;
	uint32_t handles[16], whole;

	igt_assert_eq_u64(part % DGEM_PAGE, 0);
	for (int i = 0; i < ARRAY_SIZE(handles); i++)
		handles[i] = dgem_create(fd, &reserved, part);
	igt_assert_eq_u64(pool_free(fd), 0);
	assert_full(fd, 1);

	/* Half of it in pieces, none of which is larger than one. */
	for (int i = 0; i < ARRAY_SIZE(handles); i += 2)
		gem_close(fd, handles[i]);
	igt_assert_eq_u64(pool_free(fd), size / 2);
	assert_full(fd, part + 1);
	for (int i = 0; i < ARRAY_SIZE(handles); i += 2)
		handles[i] = dgem_create(fd, &reserved, part);
	assert_full(fd, 1);

	/* Neighbours become one, in whatever order they come. */
	for (int i = 0; i < ARRAY_SIZE(handles); i++)
		gem_close(fd, handles[i * 7 % 16]);
	whole = dgem_create(fd, &reserved, size);
	assert_full(fd, 1);
	gem_close(fd, whole);
	assert_full(fd, size + 1);
}

static void test_zeroed(int fd)
{
	uint64_t size = pool_size(fd);
	uint32_t handle = dgem_create(fd, &reserved, size);
	uint8_t *ptr = dgem_mmap(fd, handle, size);

	memset(ptr, 0xa5, size);
	munmap(ptr, size);
	gem_close(fd, handle);

	/* The tail of the last page belongs to it as well. */
	handle = dgem_create(fd, &reserved, size - 100);
	ptr = dgem_mmap(fd, handle, size);
	igt_assert(dgem_is_zero(ptr, size));
	munmap(ptr, size);
	gem_close(fd, handle);
}

static void test_faults(int fd)
{
	const uint64_t pages = 256, size = pages * DGEM_PAGE;
	uint32_t handle = dgem_create(fd, &reserved, size);
	volatile uint8_t *ptr = dgem_mmap(fd, handle, size);
	/* asked first: to count takes faults of its own the first time */
	const long marks = pages * dgem_write_faults();
	const long most = dgem_most_faults(fd, handle, (void *)ptr, pages);
	long before = dgem_faults(), taken;

	for (uint64_t i = 0; i < size; i += DGEM_PAGE)
		ptr[i] = 1;
	taken = dgem_faults() - before;
	igt_assert_lte(1, taken);
	igt_assert_lte(taken, most + marks);
	munmap((void *)ptr, size);
	gem_close(fd, handle);
}

/* Has files of its own. */
static void test_orphans(void)
{
	int fd = dgem_open(), next;
	uint64_t size = pool_size(fd), part = size / 4;
	uint32_t handle = dgem_create_filled(fd, &reserved, part, 1);
	int dmabuf = dgem_export(fd, handle);

	dgem_unbind();
	dgem_bind();
	next = dgem_open();
	igt_assert_eq_u64(pool_size(next), size);
	igt_assert_eq_u64(pool_free(next), size - part);
	handle = dgem_create_filled(next, &reserved, part, 2);
	close(fd);
	igt_assert_eq_u64(pool_free(next), size - 2 * part);
	close(dmabuf);
	for (int i = 0; i < 1000 && pool_free(next) != size - part; i++)
		dgem_sleep_ms(10);
	igt_assert_eq_u64(pool_free(next), size - part);
	dgem_check_object(next, handle, part, 2);
	close(next);
}

static void test_bad_accesses(int fd)
{
	const struct {
		uint64_t offset, length;
	} bad[] = {
		{ 0, 0 }, { 0, DGEM_PAGE + 1 }, { DGEM_PAGE, 1 }, { DGEM_PAGE - 4, 8 },
		{ 4, UINT64_MAX }, { UINT64_MAX - 3, 8 }, { 1ull << 63, 1ull << 63 },
		{ 8, UINT64_MAX - 7 },
	};
	uint32_t handle = dgem_create(fd, &reserved, DGEM_PAGE);
	uint32_t other = dgem_create(fd, &reserved, DGEM_PAGE);

	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct drm_dgem_op op = dgem_op_copy(handle, bad[i].offset, other, 0,
						     bad[i].length);
		struct drm_dgem_submit submit;

		igt_assert_eq(__dgem_sync(fd, handle, DRM_DGEM_SYNC_READ, bad[i].offset,
					  bad[i].length, 0), -EINVAL);
		dgem_submit_init(&submit, &op, 1);
		igt_assert_eq(__dgem_submit(fd, &submit), -EINVAL);
	}
	gem_close(fd, handle);
	gem_close(fd, other);
}

/* Where /proc/iomem says that something is, as a pool. */
static bool find_resource(const char *name, char *pool, size_t size)
{
	FILE *file = fopen("/proc/iomem", "r");
	uint64_t start = 0, end;
	char line[256];
	bool found = false;

	igt_assert(file);
	while (!found && fgets(line, sizeof(line), file)) {
		found = strstr(line, name) &&
			sscanf(line, " %" SCNx64 "-%" SCNx64, &start, &end) == 2 &&
			start && !(start % DGEM_PAGE);
	}
	fclose(file);
	if (found)
		snprintf(pool, size, "4096@%#" PRIx64, start);
	return found;
}

static void refuse_pool(const char *pool, int err)
{
	dgem_write_file(DGEM_PARAMETERS "pool", pool);
	igt_assert_f(__dgem_bind() == err, "the pool \"%s\" is not refused with %d\n", pool, err);
}

static void get_pool(char *pool, size_t size)
{
	FILE *file = fopen(DGEM_PARAMETERS "pool", "r");

	igt_assert(file);
	igt_assert(fgets(pool, size, file));
	fclose(file);
}

static void test_bad_pools(void)
{
	static const char * const bad[] = {
		"16M", "@", "16M@", "0@16M", "16M@0", "4097@16M", "4096@0x1001", "-1@16M",
		"4096@0xfffffffffffff000", "4096@0xffffffffffffe000", "x@y",
		"0x4000000000G@16M",
	};
	char old[64], pool[64];

	/* What is refused is an error in the kernel's log, as it should be. */
	igt_emit_ignore_dmesg_regex("pool|probe .*dgem failed");
	get_pool(old, sizeof(old));
	dgem_unbind();
	for (int i = 0; i < ARRAY_SIZE(bad); i++)
		refuse_pool(bad[i], -EINVAL);

	igt_assert(find_resource(": System RAM", pool, sizeof(pool)));
	refuse_pool(pool, -EINVAL);
	/* It may also be only a part that is System RAM. */
	refuse_pool("4G@0x40000", -EINVAL);
	/* Below 1 MiB, what is reserved is in use. */
	if (find_resource(": Reserved", pool, sizeof(pool)))
		refuse_pool(pool, -EBUSY);
	/* Nothing stays behind: the good one still is. */
	dgem_write_file(DGEM_PARAMETERS "pool", old);
	igt_assert_eq(__dgem_bind(), 0);
}

static void assert_none(const char *pool)
{
	uint64_t size = DGEM_PAGE;
	uint32_t handle;
	int fd;

	dgem_unbind();
	dgem_write_file(DGEM_PARAMETERS "pool", pool);
	igt_assert_eq(__dgem_bind(), 0);
	fd = dgem_open();
	igt_assert_eq_u64(pool_size(fd), 0);
	igt_assert_eq_u64(pool_free(fd), 0);
	igt_assert(!dgem_has_kind(fd, &reserved));
	igt_assert_eq(__dgem_create_kind(fd, &reserved, &size, &handle), -EOPNOTSUPP);
	close(fd);
}

static void test_none(void)
{
	struct drm_dgem_query_engine engine;
	int fd = dgem_open();
	char old[64];

	dgem_query_engine(fd, &engine);
	close(fd);
	get_pool(old, sizeof(old));
	assert_none("\n");
	if (engine.dma_mask < 0xd0000000)
		assert_none("1M@0xd0000000");
	dgem_unbind();
	dgem_write_file(DGEM_PARAMETERS "pool", old);
	igt_assert_eq(__dgem_bind(), 0);
}

static const struct dgem_test tests[] = {
	{ "pool", "The pool's size is told, and what is left of it.", test_pool },
	{ "merge", "What is given back becomes whole.", test_merge },
	{ "zeroed", "All of the pool is zero when it is had again.", test_zeroed },
	{ "faults", "A mapping has its pages when they are touched.", test_faults },
	{ "bad-accesses", "Accesses beyond the end are refused.", test_bad_accesses },
};

int igt_main()
{
	int fd = -1;

	igt_fixture() {
		fd = dgem_open();
		dgem_require_kind(fd, &reserved);
	}

	dgem_subtests(fd, tests, ARRAY_SIZE(tests));

	igt_fixture()
		close(fd);

	igt_describe("Objects that outlive their instance keep their part of the pool.");
	igt_subtest("orphans") {
		igt_require(dgem_can_unbind());
		test_orphans();
	}

	igt_describe("System RAM, ranges in other use and nonsense are no pool.");
	igt_subtest("bad-pools") {
		igt_require(dgem_can_unbind());
		test_bad_pools();
	}

	igt_describe("Without a pool within reach there is no reserved memory.");
	igt_subtest("none") {
		igt_require(dgem_can_unbind());
		test_none();
	}

	igt_fixture()
		dgem_bind();
}
