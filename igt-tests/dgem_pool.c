// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "igt.h"

#include "dgem_bind.h"
#include "dgem_instance.h"
#include "dgem_util.h"

/**
 * TEST: dgem pool
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: memory allocation
 * Description: Memory that is cleared before anybody asks for it.
 *
 * SUBTEST: fill
 * Description: The pool is filled to its size, emptied again, and keeps nothing.
 *
 * SUBTEST: zeroed
 * Description: Objects made of the pool are zero, whatever memory was used for before.
 *
 * SUBTEST: refill
 * Description: What was taken is filled up, and what is not there is allocated otherwise.
 *
 * SUBTEST: kinds
 * Description: Lazy objects take from the pool, too; small ones, other kinds and memory for direct
 *		I/O do not.
 *
 * SUBTEST: stats
 * Description: An object made of the pool counts as any other; the pool itself does not.
 *
 * SUBTEST: shrink
 * Description: The kernel gets all of it back when it runs short, and it is not missed at once.
 *
 * SUBTEST: resize
 * Description: The pool may change its size while it is used.
 *
 * SUBTEST: bad-sizes
 * Description: Sizes that are no number or beyond half of the memory are refused.
 *
 * SUBTEST: unprivileged
 * Description: The size is root's to change.
 */

IGT_TEST_DESCRIPTION("Memory that is cleared before anybody asks for it.");

#define PARAMETER	DGEM_PARAMETERS "pool_mib"
#define SHRINKERS	"/sys/kernel/debug/shrinker"
#define BLOCK		(2 * DGEM_MIB)
#define BLOCKS		6

static const struct dgem_kind *find_kind(const char *name)
{
	for (const struct dgem_kind *kind = dgem_kinds; kind->name; kind++)
		if (!strcmp(kind->name, name))
			return kind;
	igt_assert_f(false, "no kind %s\n", name);
	return NULL;
}

struct pool {
	uint64_t block, hits, misses, shrunk;
	unsigned int limit, free;
};

static void read_pool(int fd, struct pool *pool)
{
	char path[PATH_MAX];
	FILE *file;

	dgem_debugfs_path(fd, "dgem_pool", path, sizeof(path));
	file = fopen(path, "r");
	igt_assert(file);
	igt_assert_eq(fscanf(file, "block=%" SCNu64 " limit=%u free=%u hits=%" SCNu64
			     " misses=%" SCNu64 " shrunk=%" SCNu64, &pool->block, &pool->limit,
			     &pool->free, &pool->hits, &pool->misses, &pool->shrunk), 6);
	fclose(file);
}

static unsigned int pool_free(int fd)
{
	struct pool pool;

	read_pool(fd, &pool);
	return pool.free;
}

static int __set_pool(const char *mib)
{
	int file = open(PARAMETER, O_WRONLY | O_CLOEXEC), err = 0;

	if (file < 0)
		return -errno;
	if (write(file, mib, strlen(mib)) < 0)
		err = -errno;
	close(file);
	errno = 0;
	return err;
}

/* It is filled in the background. */
static void wait_for_pool(int fd, unsigned int blocks)
{
	int64_t end = dgem_now() + 30 * NSEC_PER_SEC;

	while (pool_free(fd) != blocks && dgem_now() < end)
		dgem_sleep_ms(10);
	igt_assert_eq(pool_free(fd), blocks);
}

static void set_pool(int fd, unsigned int blocks)
{
	char mib[16];

	snprintf(mib, sizeof(mib), "%u", (unsigned int)(blocks * BLOCK / DGEM_MIB));
	igt_assert_eq(__set_pool(mib), 0);
	wait_for_pool(fd, blocks);
}

/*
 * All free memory. Each processor keeps pages at hand that MemFree leaves out: where many come and
 * go, tens of MiB of them, huge ones too.
 */
static int64_t free_memory(void)
{
	FILE *zones = fopen("/proc/zoneinfo", "r");
	int64_t pages, bytes = dgem_meminfo("MemFree");
	char line[256];

	igt_assert(zones);
	while (fgets(line, sizeof(line), zones))
		if (sscanf(line, " count: %" SCNd64, &pages) == 1)
			bytes += pages * DGEM_PAGE;
	fclose(zones);
	return bytes;
}

/* Memory that a pool takes away, and gives back: the less of both, for others use memory, too. */
static int64_t taken_by_pool(int fd)
{
	int64_t before, filled, after;

	set_pool(fd, 0);
	before = free_memory();
	set_pool(fd, 2 * BLOCKS);
	filled = free_memory();
	set_pool(fd, 1);
	set_pool(fd, 0);
	after = free_memory();
	return (before < after ? before : after) - filled;
}

static void test_fill(int fd)
{
	struct pool pool;
	int tries = 0;

	set_pool(fd, 2 * BLOCKS);
	read_pool(fd, &pool);
	igt_assert_eq_u64(pool.block, BLOCK);
	igt_assert_eq(pool.limit, 2 * BLOCKS);
	/* the machine may be busy giving back what others had */
	while (taken_by_pool(fd) < (int64_t)(BLOCKS * BLOCK))
		igt_assert_lte(++tries, 10);
	/* half a block is none */
	igt_assert_eq(__set_pool("1"), 0);
	read_pool(fd, &pool);
	igt_assert_eq(pool.limit, 0);
}

/* Whatever the pool is filled from held data before. */
static void dirty_memory(int fd, const struct dgem_kind *kind)
{
	uint32_t handles[2 * BLOCKS];

	for (int i = 0; i < ARRAY_SIZE(handles); i++) {
		uint8_t *ptr;

		handles[i] = dgem_create(fd, kind, BLOCK);
		ptr = dgem_mmap(fd, handles[i], BLOCK);
		igt_assert(dgem_is_zero(ptr, BLOCK));
		memset(ptr, 0xa5, BLOCK);
		munmap(ptr, BLOCK);
	}
	for (int i = 0; i < ARRAY_SIZE(handles); i++)
		gem_close(fd, handles[i]);
}

static void test_zeroed(int fd)
{
	const struct dgem_kind *kind = find_kind("pages");
	struct pool before, after;

	for (int round = 0; round < 3; round++) {
		set_pool(fd, 0);
		dirty_memory(fd, kind);
		set_pool(fd, BLOCKS);
		read_pool(fd, &before);
		/* the first of them come from the pool, the others when it is empty or not yet */
		dirty_memory(fd, kind);
		read_pool(fd, &after);
		igt_assert_lte_u64(before.hits + BLOCKS, after.hits);
	}
	/* and one that is made of several blocks and a bit */
	wait_for_pool(fd, BLOCKS);
	for (int round = 0; round < 2; round++) {
		const uint64_t size = 3 * BLOCK + 5 * DGEM_PAGE;
		uint32_t handle = dgem_create(fd, kind, size);
		uint8_t *ptr = dgem_mmap(fd, handle, size);

		igt_assert(dgem_is_zero(ptr, size));
		dgem_fill(ptr, 0, size, round);
		dgem_check(ptr, 0, size, round);
		munmap(ptr, size);
		gem_close(fd, handle);
		wait_for_pool(fd, BLOCKS);
	}
}

static void test_refill(int fd)
{
	const struct dgem_kind *kind = find_kind("pages");
	struct pool before, after;
	uint32_t handle;

	set_pool(fd, BLOCKS);
	read_pool(fd, &before);
	handle = dgem_create(fd, kind, BLOCKS * BLOCK);
	wait_for_pool(fd, BLOCKS);
	read_pool(fd, &after);
	igt_assert_eq_u64(after.hits, before.hits + BLOCKS);
	igt_assert_eq_u64(after.misses, before.misses);
	gem_close(fd, handle);

	/* more at once than there is */
	handle = dgem_create(fd, kind, 4 * BLOCKS * BLOCK);
	dgem_fill_object(fd, handle, 4 * BLOCKS * BLOCK, 1);
	dgem_check_object(fd, handle, 4 * BLOCKS * BLOCK, 1);
	gem_close(fd, handle);
	wait_for_pool(fd, BLOCKS);
	read_pool(fd, &before);
	/* what was not taken was missed, as long as there are free blocks of that size */
	igt_assert_lte_u64(before.hits - after.hits + before.misses - after.misses, 4 * BLOCKS);
	igt_assert_lte_u64(after.hits + BLOCKS, before.hits);
	igt_assert_lte_u64(after.misses + 1, before.misses);
}

static void test_kinds(int fd)
{
	static const char * const others[] = { "contiguous", "vmalloc", "direct-pages" };
	struct pool before, after;
	uint32_t handle;
	uint8_t *ptr;

	set_pool(fd, BLOCKS);
	read_pool(fd, &before);
	for (int i = 0; i < ARRAY_SIZE(others); i++)
		gem_close(fd, dgem_create(fd, find_kind(others[i]), 2 * BLOCK));
	gem_close(fd, dgem_create(fd, find_kind("pages"), BLOCK - DGEM_PAGE));
	handle = dgem_create(fd, find_kind("lazy"), 4 * BLOCK);
	read_pool(fd, &after);
	igt_assert_eq_u64(after.hits, before.hits);
	igt_assert_eq_u64(after.misses, before.misses);

	ptr = dgem_mmap(fd, handle, 4 * BLOCK);
	igt_assert(dgem_is_zero(ptr + BLOCK, BLOCK));
	read_pool(fd, &after);
	igt_assert_eq_u64(after.hits, before.hits + 1);
	munmap(ptr, 4 * BLOCK);
	gem_close(fd, handle);
}

static void test_stats(int fd)
{
	struct drm_dgem_query_stats empty, filled, made;
	struct drm_dgem_info info;
	uint32_t handle;

	set_pool(fd, 0);
	dgem_query_stats(fd, &empty);
	set_pool(fd, BLOCKS);
	dgem_query_stats(fd, &filled);
	igt_assert_eq_u64(filled.bytes, empty.bytes);
	handle = dgem_create(fd, find_kind("pages"), 2 * BLOCK);
	dgem_query_stats(fd, &made);
	igt_assert_eq_u64(made.bytes, empty.bytes + 2 * BLOCK);
	igt_assert_eq_u64(made.file_bytes, empty.file_bytes + 2 * BLOCK);
	dgem_info(fd, handle, &info);
	igt_assert_eq_u64(info.resident, 2 * BLOCK);
	gem_close(fd, handle);
}

/* The file by which the pool's shrinker is told to give memory back. */
static int open_shrinker(void)
{
	DIR *dir = opendir(SHRINKERS);
	struct dirent *entry;
	char path[300];
	int file = -1;

	igt_require_f(dir, "this kernel has no files for its shrinkers\n");
	while (file < 0 && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, "dgem-pool", 9))
			continue;
		snprintf(path, sizeof(path), SHRINKERS "/%s/scan", entry->d_name);
		file = open(path, O_WRONLY | O_CLOEXEC);
	}
	closedir(dir);
	igt_assert_fd(file);
	return file;
}

/* No cgroup, no node, so many pages. */
static void shrink(int file, uint64_t pages)
{
	char text[64];

	snprintf(text, sizeof(text), "0 0 %" PRIu64, pages);
	igt_assert_eq(write(file, text, strlen(text)), strlen(text));
}

static void test_shrink(int fd)
{
	struct pool before, after;
	int file = open_shrinker();

	set_pool(fd, BLOCKS);
	read_pool(fd, &before);
	/* a page's worth is a block */
	shrink(file, 1);
	read_pool(fd, &after);
	igt_assert_eq(after.free, BLOCKS - 1);
	igt_assert_eq_u64(after.shrunk, before.shrunk + 1);
	shrink(file, 2 * BLOCKS * BLOCK / DGEM_PAGE);
	read_pool(fd, &after);
	igt_assert_eq(after.free, 0);
	igt_assert_eq_u64(after.shrunk, before.shrunk + BLOCKS);
	shrink(file, 1);
	close(file);

	/* it stays like that until somebody asks, who gets zeroed memory nevertheless */
	dgem_sleep_ms(300);
	igt_assert_eq(pool_free(fd), 0);
	dirty_memory(fd, find_kind("pages"));
	wait_for_pool(fd, BLOCKS);
	/* the whole system's caches are dropped, the pool's with them */
	dgem_write_file("/proc/sys/vm/drop_caches", "2");
	read_pool(fd, &after);
	igt_assert_eq(after.free, 0);
}

struct crowd {
	int fd;
	const struct dgem_kind *kind;
	atomic_int stop, wrong, made;
};

static void *create_thread(void *data)
{
	struct crowd *crowd = data;

	while (!crowd->stop) {
		uint64_t size = 2 * BLOCK;
		uint32_t handle;
		uint8_t *ptr;

		if (__dgem_create_kind(crowd->fd, crowd->kind, &size, &handle)) {
			crowd->wrong++;
			continue;
		}
		ptr = __dgem_mmap(crowd->fd, handle, size, PROT_READ | PROT_WRITE, MAP_SHARED);
		crowd->wrong += ptr == MAP_FAILED || !dgem_is_zero(ptr, size);
		if (ptr != MAP_FAILED) {
			memset(ptr, 0xa5, size);
			munmap(ptr, size);
		}
		gem_close(crowd->fd, handle);
		crowd->made++;
	}
	return NULL;
}

#define ROUNDS	60

static void test_resize(int fd)
{
	struct crowd crowd = { .fd = fd, .kind = find_kind("pages") };
	pthread_t threads[2];
	char mib[16];

	for (int i = 0; i < ARRAY_SIZE(threads); i++)
		igt_assert_eq(pthread_create(&threads[i], NULL, create_thread, &crowd), 0);
	for (int round = 0; round < ROUNDS; round++) {
		snprintf(mib, sizeof(mib), "%d", round * 7 % 23);
		igt_assert_eq(__set_pool(mib), 0);
		dgem_sleep_ms(20);
	}
	crowd.stop = 1;
	for (int i = 0; i < ARRAY_SIZE(threads); i++)
		igt_assert_eq(pthread_join(threads[i], NULL), 0);
	igt_assert_eq(crowd.wrong, 0);
	igt_assert_lte(1, crowd.made);
	set_pool(fd, 0);
}

static void test_bad_sizes(int fd)
{
	static const char * const bad[] = { "", "x", "-1", "4x", "99999999999", "0x100000000" };
	struct pool before, after;
	char mib[32];

	set_pool(fd, 1);
	read_pool(fd, &before);
	for (int i = 0; i < ARRAY_SIZE(bad); i++)
		igt_assert_f(__set_pool(bad[i]) < 0 || !bad[i][0], "\"%s\" was taken\n", bad[i]);
	snprintf(mib, sizeof(mib), "%u", (unsigned int)(dgem_meminfo("MemTotal") / DGEM_MIB));
	igt_assert_eq(__set_pool(mib), -EINVAL);
	igt_assert_eq(__set_pool("4294967295"), -EINVAL);
	read_pool(fd, &after);
	igt_assert_eq(after.limit, before.limit);
	igt_assert_eq(after.free, before.free);
}

static void test_unprivileged(int fd)
{
	struct stat st;

	igt_assert_eq(stat(PARAMETER, &st), 0);
	igt_assert_eq(st.st_mode & 0777, 0644);
	igt_assert_eq(st.st_uid, 0);
	igt_fork(child, 1) {
		igt_drop_root();
		igt_assert_eq(__set_pool("0"), -EACCES);
	}
	igt_waitchildren();
}

static const struct dgem_test tests[] = {
	{ "fill", "The pool is filled to its size, and emptied again.", test_fill },
	{ "zeroed", "Objects made of the pool are zero.", test_zeroed },
	{ "refill", "What was taken is filled up.", test_refill },
	{ "kinds", "Who takes from the pool, and who does not.", test_kinds },
	{ "stats", "An object made of the pool counts as any other.", test_stats },
	{ "shrink", "The kernel gets all of it back.", test_shrink },
	{ "resize", "The pool may change its size while it is used.", test_resize },
	{ "bad-sizes", "Sizes beyond half of the memory are refused.", test_bad_sizes },
	{ "unprivileged", "The size is root's to change.", test_unprivileged },
};

int igt_main()
{
	static char before[16] = "0";
	int fd = -1;

	igt_fixture() {
		struct drm_dgem_query_engine engine;
		FILE *file;

		fd = dgem_open();
		/* blocks come from anywhere: what an engine does not reach is of no use to it */
		dgem_query_engine(fd, &engine);
		igt_require_f(engine.dma_mask >= UINT32_MAX,
			      "the engine reaches a part of memory only\n");
		file = fopen(PARAMETER, "r");
		igt_require_f(file, "there is no pool, or dgem is built in\n");
		if (!fgets(before, sizeof(before), file))
			before[0] = '0';
		fclose(file);
	}

	dgem_subtests(fd, tests, ARRAY_SIZE(tests));

	igt_fixture() {
		__set_pool(before);
		close(fd);
	}
}
