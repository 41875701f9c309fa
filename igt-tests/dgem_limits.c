// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <inttypes.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "igt.h"
#include "igt_syncobj.h"
#include "sw_sync.h"

#include "dgem_bind.h"
#include "dgem_instance.h"
#include "dgem_provider.h"
#include "dgem_table.h"
#include "dgem_util.h"

/**
 * TEST: dgem limits
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: robustness
 * Description: What an engine cannot do at once is done in parts, and a job ends with the last one.
 *
 * SUBTEST: segments-%s
 * Description: Scatterlists are split at the engine's longest segment and at its boundary.
 *
 * SUBTEST: complete-%s
 * Description: When a job of many segments is over, the last byte of the last one is there.
 *
 * arg[1]:
 *
 * @contiguous: contiguous cached memory
 * @coherent: coherent memory
 * @wc: write-combined memory
 * @pages: memory in pages
 * @lazy: memory in pages that come when they are needed
 * @vmalloc: single pages
 * @direct-pages: memory in pages, made for direct I/O
 * @direct-vmalloc: single pages, made for direct I/O
 * @reserved: memory out of the instance's pool
 *
 * SUBTEST: bounced-%s
 * Description: What the engine sees through bounce buffers is right on both sides of a window, over
 *	whole objects and ranges.
 *
 * arg[1]:
 *
 * @pages: memory in pages
 * @vmalloc: single pages
 *
 * SUBTEST: mask-%d
 * Description: An instance with such a mask has objects of all kinds whose addresses are within.
 *
 * arg[1].values: 24, 28, 32, 64
 *
 * SUBTEST: last-leg
 * Description: A job whose very last transfer fails has failed.
 *
 * SUBTEST: align
 * Description: What the engine cannot address is EINVAL at SUBMIT; the rest is copied right.
 *
 * SUBTEST: no-descriptors
 * Description: A channel that has no descriptors now and then makes jobs wait, not fail.
 *
 * SUBTEST: pressure
 * Description: Jobs end well while memory is reclaimed from who submits them.
 */

IGT_TEST_DESCRIPTION("What an engine cannot do at once is done in parts.");

#define NAME		"igt-limits"
#define DEFAULT		"/sys/bus/platform/drivers/dgem/dgem"
#define FAILSLAB	"/sys/kernel/debug/failslab/"
#define CGROUP		"/sys/fs/cgroup/"
#define OURS		CGROUP "igt-limits/"
#define SIZE		(8 * DGEM_PAGE)
#define ROWS		16

/* Queue operations as one job and return the status of its fence: 1, or the error. */
static int run(int fd, const struct drm_dgem_op *ops, uint32_t count)
{
	uint32_t done = syncobj_create(fd, 0);
	int fence, status;

	dgem_submit(fd, ops, count, 0, 0, done);
	fence = syncobj_handle_to_fd(fd, done, DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE);
	syncobj_destroy(fd, done);
	sync_fence_wait(fence, DGEM_PATIENCE_NS / NSEC_PER_MSEC);
	status = sync_fence_status(fence);
	close(fence);
	return status;
}

struct seen {
	struct dgem_provider_limits limits;
	uint64_t bytes;
	unsigned int count;
};

static void look(uint64_t start, uint64_t length, void *data)
{
	struct seen *seen = data;

	igt_assert_lte_u64(length, seen->limits.max_segment);
	igt_assert_eq_u64(start / seen->limits.boundary,
			  (start + length - 1) / seen->limits.boundary);
	seen->bytes += length;
	seen->count++;
}

static const char *kernel_name(const struct dgem_kind *kind)
{
	switch (kind->kind) {
	case DRM_DGEM_KIND_COHERENT:
		return "coherent";
	case DRM_DGEM_KIND_PAGES:
		return "pages";
	case DRM_DGEM_KIND_VMALLOC:
		return "vmalloc";
	default:
		return kind->name;
	}
}

static void test_segments(int fd, const struct dgem_kind *kind)
{
	struct seen seen = { };
	uint32_t src, dst;
	uint64_t size;

	dgem_provider_limits(fd, &seen.limits);
	igt_require_f(seen.limits.max_segment && seen.limits.boundary,
		      "the engine takes segments of any length\n");
	size = 4 * seen.limits.boundary;
	src = dgem_create_filled(fd, kind, size, 1);
	dst = dgem_create_filled(fd, kind, size, 2);
	dgem_copy(fd, src, 0, dst, 0, size);
	dgem_check_object(fd, dst, size, 1);
	dgem_dma_segments(fd, kernel_name(kind), look, &seen);
	igt_assert_eq_u64(seen.bytes, 2 * size);
	igt_assert_lte_u64(2 * size / seen.limits.max_segment, seen.count);

	/* off all of its corners */
	dgem_fill_object(fd, dst, size, 3);
	dgem_copy(fd, src, 64, dst, 64, size - 128);
	dgem_copy(fd, src, 0, dst, 0, 64);
	dgem_copy(fd, src, size - 64, dst, size - 64, 64);
	dgem_check_object(fd, dst, size, 1);
	gem_close(fd, src);
	gem_close(fd, dst);
}

/* Rows of their own segments, from anywhere to anywhere: nothing to be merged. */
static struct drm_dgem_op op_rows(uint32_t src, uint32_t dst)
{
	return dgem_op_copy_2d(src, 0, 512, dst, 0, 512, 256, ROWS);
}

static void test_complete(int fd, const struct dgem_kind *kind)
{
	uint32_t src = dgem_create_filled(fd, kind, ROWS * 512, 1);
	uint32_t dst = dgem_create_filled(fd, kind, ROWS * 512, 2);
	struct drm_dgem_op op = op_rows(src, dst);
	uint8_t *ptr = dgem_mmap(fd, dst, ROWS * 512);

	igt_assert_eq(run(fd, &op, 1), 1);
	/* at once: nothing waits here, and the last comes first */
	dgem_sync_start(fd, dst, DRM_DGEM_SYNC_READ, ROWS * 512);
	for (int row = ROWS - 1; row >= 0; row--) {
		dgem_check(ptr + row * 512, row * 512, 256, 1);
		dgem_check(ptr + row * 512 + 256, row * 512 + 256, 256, 2);
	}
	dgem_sync_end(fd, dst, DRM_DGEM_SYNC_READ, ROWS * 512);
	munmap(ptr, ROWS * 512);
	gem_close(fd, src);
	gem_close(fd, dst);
}

static void test_last_leg(int fd)
{
	struct drm_dgem_job job = { };
	struct drm_dgem_submit submit;
	struct drm_dgem_syncobj out;
	struct drm_dgem_op op;
	uint32_t src, dst;

	dgem_provoke(fd, "fail_leg", 0);
	src = dgem_create_filled(fd, &dgem_kinds[0], ROWS * 512, 1);
	dst = dgem_create_filled(fd, &dgem_kinds[1], ROWS * 512, 2);
	op = op_rows(src, dst);
	for (int left = 0; left < 3; left++) {
		dgem_provoke(fd, "fail_leg", 2 * (ROWS - left));
		dgem_submit_init(&submit, &op, 1);
		out = (struct drm_dgem_syncobj) { .flags = DRM_DGEM_SYNCOBJ_SYNC_FILE };
		submit.out_syncs = to_user_pointer(&out);
		submit.out_sync_count = 1;
		igt_assert_eq(__dgem_submit(fd, &submit), 0);
		sync_fence_wait(out.handle, DGEM_PATIENCE_NS / NSEC_PER_MSEC);
		igt_assert_eq(sync_fence_status(out.handle), -EIO);
		close(out.handle);
		job.job = submit.job;
		igt_assert_eq(__dgem_job(fd, &job), 0);
		igt_assert_eq_u64(job.bytes, 256 * (ROWS - left - 1));
	}
	igt_assert_eq(run(fd, &op, 1), 1);
	gem_close(fd, src);
	gem_close(fd, dst);
}

/* Every number that an operation has, off the engine's units by less than one of them. */
static void test_align(int fd)
{
	struct drm_dgem_query_engine engine;
	uint32_t src, dst, align;

	dgem_query_engine(fd, &engine);
	align = engine.copy_align;
	igt_require_f(align > 1, "the engine copies any byte\n");
	src = dgem_create_filled(fd, &dgem_kinds[0], SIZE, 1);
	dst = dgem_create_filled(fd, &dgem_kinds[0], SIZE, 2);
	for (uint32_t off = 1; off < align; off++) {
		const struct drm_dgem_op bad[] = {
			dgem_op_copy(src, off, dst, 0, 64 * align),
			dgem_op_copy(src, 0, dst, off, 64 * align),
			dgem_op_copy(src, 0, dst, 0, 64 * align + off),
			dgem_op_copy_2d(src, 0, 8 * align + off, dst, 0, 8 * align, 4 * align, 3),
			dgem_op_copy_2d(src, 0, 8 * align, dst, 0, 8 * align + off, 4 * align, 3),
			dgem_op_fill(dst, off, 64 * align, 0x5a, 1),
			dgem_op_fill(dst, 0, 64 * align + off, 0x5a, 1),
		};

		for (int i = 0; i < ARRAY_SIZE(bad); i++) {
			struct drm_dgem_submit submit;

			dgem_submit_init(&submit, &bad[i], 1);
			igt_assert_eq(__dgem_submit(fd, &submit), -EINVAL);
		}
	}
	dgem_check_object(fd, dst, SIZE, 2);
	dgem_copy(fd, src, align, dst, align, SIZE - 2 * align);
	dgem_copy(fd, src, 0, dst, 0, align);
	dgem_copy(fd, src, SIZE - align, dst, SIZE - align, align);
	dgem_check_object(fd, dst, SIZE, 1);
	gem_close(fd, src);
	gem_close(fd, dst);
}

/* Where the kernel has a function, and the next one; false if it does not tell. */
static bool find_function(const char *name, uint64_t *start, uint64_t *end)
{
	FILE *file = fopen("/proc/kallsyms", "r");
	char line[512], symbol[256];
	uint64_t address;

	*start = 0;
	*end = UINT64_MAX;
	for (int pass = 0; file && pass < 2; pass++, fseek(file, 0, SEEK_SET)) {
		while (fgets(line, sizeof(line), file)) {
			if (sscanf(line, "%" SCNx64 " %*c %255s", &address, symbol) != 2)
				continue;
			if (!pass && !strcmp(symbol, name))
				*start = address;
			if (pass && address > *start && address < *end)
				*end = address;
		}
	}
	if (file)
		fclose(file);
	return *start && *end != UINT64_MAX;
}

static void set_failslab(const char *name, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	igt_assert_eq(__dgem_sysfs_write(FAILSLAB, name, text), 0);
}

static long get_failslab(const char *name)
{
	char path[128];
	FILE *file;
	long value;

	snprintf(path, sizeof(path), FAILSLAB "%s", name);
	file = fopen(path, "r");
	igt_assert(file);
	igt_assert_eq(fscanf(file, "%ld", &value), 1);
	fclose(file);
	return value;
}

/* The provider finds no memory for half of its descriptors. */
static void test_no_descriptors(int fd)
{
	const long times = 1000;
	uint64_t start, end;
	struct drm_dgem_op op;
	uint32_t src, dst;
	int status;

	dgem_provoke(fd, "fail_leg", 0);
	igt_require_f(!access(FAILSLAB "require-start", W_OK), "this kernel injects no failures\n");
	igt_require_f(find_function("edu_dma_prep_memcpy", &start, &end), "no /proc/kallsyms\n");
	src = dgem_create_filled(fd, &dgem_kinds[0], ROWS * 512, 1);
	dst = dgem_create_filled(fd, &dgem_kinds[0], ROWS * 512, 2);
	op = op_rows(src, dst);
	set_failslab("verbose", 0);
	set_failslab("stacktrace-depth", 32);
	set_failslab("require-start", start);
	set_failslab("require-end", end);
	set_failslab("times", times);
	set_failslab("probability", 50);
	status = run(fd, &op, 1);
	set_failslab("probability", 0);
	igt_info("%ld descriptors were not to be had\n", times - get_failslab("times"));
	igt_assert_lt(get_failslab("times"), times);
	igt_assert_eq(status, 1);
	for (int row = 0; row < ROWS; row++)
		dgem_copy(fd, src, row * 512 + 256, dst, row * 512 + 256, 256);
	dgem_check_object(fd, dst, ROWS * 512, 1);
	gem_close(fd, src);
	gem_close(fd, dst);
}

/* More than the group may have; the kernel takes it back as it needs to, without any swap. */
static void burst(uint64_t size)
{
	char *ptr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	igt_assert(ptr != MAP_FAILED);
	for (uint64_t i = 0; i < size; i += DGEM_MIB) {
		memset(ptr + i, 1, DGEM_MIB);
		igt_assert_eq(madvise(ptr + i, DGEM_MIB, MADV_FREE), 0);
	}
	munmap(ptr, size);
}

static void submit_under_pressure(void)
{
	static const struct dgem_kind pages = { .kind = DRM_DGEM_KIND_VMALLOC, .name = "vmalloc" };
	int fd = dgem_open();

	for (uint32_t round = 0; round < 8; round++) {
		uint32_t src = dgem_create_filled(fd, &pages, SIZE, round);
		uint32_t dst = dgem_create(fd, &pages, SIZE);
		uint32_t done = syncobj_create(fd, 0);
		struct drm_dgem_op op = dgem_op_copy(src, 0, dst, 0, SIZE / 2);

		burst(24 * DGEM_MIB);
		dgem_submit(fd, &op, 1, 0, 0, done);
		burst(24 * DGEM_MIB);
		op = dgem_op_copy(src, SIZE / 2, dst, SIZE / 2, SIZE / 2);
		dgem_submit(fd, &op, 1, 0, 0, done);
		dgem_wait(fd, done);
		dgem_check_object(fd, dst, SIZE, round);
		syncobj_destroy(fd, done);
		gem_close(fd, src);
		gem_close(fd, dst);
	}
	close(fd);
}

static uint64_t reclaimed(void)
{
	FILE *file = fopen(OURS "memory.stat", "r");
	unsigned long long value = 0, is;
	char name[64];

	igt_assert(file);
	while (fscanf(file, "%63s %llu", name, &is) == 2)
		if (!strcmp(name, "pgsteal"))
			value = is;
	fclose(file);
	return value;
}

static void test_pressure(int fd)
{
	igt_require_f(!access(CGROUP "cgroup.subtree_control", W_OK), "no memory cgroups\n");
	dgem_write_file(CGROUP "cgroup.subtree_control", "+memory");
	igt_assert_eq(mkdir(OURS, 0755), 0);
	dgem_write_file(OURS "memory.max", "16M");
	igt_fork(child, 1) {
		dgem_write_file(OURS "cgroup.procs", "0");
		submit_under_pressure();
	}
	igt_waitchildren();
	igt_info("%llu pages reclaimed\n", (unsigned long long)reclaimed());
	/* in each round as much as the group may have, at least */
	igt_assert_lte_u64(8 * 16 * DGEM_MIB / DGEM_PAGE, reclaimed());
	igt_assert_eq(rmdir(OURS), 0);
}

/* Slots of the bounce buffer that are taken; 0 where there is none. */
static uint64_t bounce_slots(void)
{
	FILE *file = fopen("/sys/kernel/debug/swiotlb/io_tlb_used", "r");
	unsigned long long used = 0;

	if (file) {
		igt_assert_eq(fscanf(file, "%llu", &used), 1);
		fclose(file);
	}
	errno = 0;
	return used;
}

/* Both ways through the device, seen by the CPU in a window of just that range. */
static void test_bounced(int fd, const struct dgem_kind *kind)
{
	const struct {
		uint64_t offset, length;
	} ranges[] = {
		{ 0, SIZE }, { 64, 64 }, { DGEM_PAGE - 64, 128 }, { SIZE - 64, 64 },
		{ DGEM_PAGE, 3 * DGEM_PAGE }, { 2048, 5 * DGEM_PAGE },
	};
	uint64_t before = bounce_slots();
	uint32_t src = dgem_create_filled(fd, kind, SIZE, 1);
	uint32_t dst = dgem_create_filled(fd, kind, SIZE, 2);
	uint8_t *from = dgem_mmap(fd, src, SIZE), *to = dgem_mmap(fd, dst, SIZE);
	bool bounced;

	dgem_copy(fd, src, 0, dst, 0, SIZE);
	bounced = bounce_slots() > before;
	for (int i = 0; bounced && i < ARRAY_SIZE(ranges); i++) {
		const uint64_t offset = ranges[i].offset, length = ranges[i].length;

		igt_assert_eq(__dgem_sync(fd, src, DRM_DGEM_SYNC_WRITE, offset, length, 0), 0);
		dgem_fill(from + offset, offset, length, 10 + i);
		igt_assert_eq(__dgem_sync(fd, src, DRM_DGEM_SYNC_WRITE | DRM_DGEM_SYNC_END, offset,
					  length, 0), 0);
		dgem_copy(fd, src, offset, dst, offset, length);
		igt_assert_eq(__dgem_sync(fd, dst, DRM_DGEM_SYNC_READ, offset, length, 0), 0);
		dgem_check(to + offset, offset, length, 10 + i);
		igt_assert_eq(__dgem_sync(fd, dst, DRM_DGEM_SYNC_READ | DRM_DGEM_SYNC_END, offset,
					  length, 0), 0);
	}
	munmap(from, SIZE);
	munmap(to, SIZE);
	gem_close(fd, src);
	gem_close(fd, dst);
	igt_require_f(bounced, "the engine reaches this memory itself\n");
}

/* What is allocated for the instance; other kinds take memory as it comes. */
static bool within_mask(const struct dgem_kind *kind)
{
	return kind->kind == DRM_DGEM_KIND_CONTIGUOUS || kind->kind == DRM_DGEM_KIND_COHERENT ||
	       kind->kind == DRM_DGEM_KIND_PAGES;
}

/* In place of the default instance: -EIO if there is no memory within the mask. */
static int make_instance(int bits)
{
	char text[8];

	dgem_unbind();
	dgem_instance_make(NAME);
	snprintf(text, sizeof(text), "%d", bits);
	dgem_instance_set(NAME, "dma_bits", text);
	dgem_instance_set(NAME, "engine", "auto");
	return __dgem_instance_set(NAME, "enabled", "1");
}

static void test_mask(int bits)
{
	uint64_t mask = bits == 64 ? UINT64_MAX : (1ull << bits) - 1, highest = 0, most = 0;
	struct drm_dgem_query_engine engine;
	const struct dgem_kind *kind;
	int fd, err;

	err = make_instance(bits);
	igt_require_f(err != -EIO, "this machine has no memory within %d bits\n", bits);
	igt_assert_eq(err, 0);
	fd = dgem_instance_open(NAME);
	dgem_query_engine(fd, &engine);
	igt_require_f(engine.type == DRM_DGEM_ENGINE_DMA, "nobody tells the CPU's addresses\n");
	for_each_dgem_kind_here(fd, kind, DRM_DGEM_CAP_MMAP) {
		uint64_t limit = engine.dma_mask;
		uint32_t handles[8];

		if (within_mask(kind) && !dgem_behind_iommu(fd) && mask < limit)
			limit = mask;
		/* Several at a time, so that no lucky hole serves them all. */
		for (int i = 0; i < ARRAY_SIZE(handles); i++) {
			handles[i] = dgem_create_filled(fd, kind, SIZE, i);
			dgem_copy(fd, handles[i], 0, handles[i ? i - 1 : 0], DGEM_PAGE, 64);
		}
		igt_assert_lte_u64(ARRAY_SIZE(handles) * SIZE,
				   dgem_dma_bytes(fd, kernel_name(kind), &highest));
		igt_assert_lte_u64(highest, limit);
		if (within_mask(kind) && highest > most)
			most = highest;
		for (int i = 0; i < ARRAY_SIZE(handles); i++)
			gem_close(fd, handles[i]);
	}
	igt_info("%d bits, engine %#" PRIx64 ": up to %#" PRIx64 "\n", bits,
		 (uint64_t)engine.dma_mask, most);
	close(fd);
}

static const struct dgem_kind_test kind_tests[] = {
	{ "segments", "Scatterlists are split for the engine.", test_segments },
	{ "complete", "A job is over with its last byte.", test_complete },
};

static const struct dgem_test tests[] = {
	{ "last-leg", "A job whose last transfer fails has failed.", test_last_leg },
	{ "align", "What the engine cannot address is EINVAL.", test_align },
	{ "no-descriptors", "A channel without descriptors makes jobs wait.", test_no_descriptors },
	{ "pressure", "Jobs end well while memory is reclaimed.", test_pressure },
};

static const int masks[] = { 24, 28, 32, 64 };

int igt_main()
{
	const struct dgem_kind *kind;
	bool unbind = false;
	int fd = -1;

	igt_fixture() {
		fd = dgem_open();
		unbind = dgem_can_unbind() && !access(DEFAULT, F_OK);
	}

	dgem_kind_subtests(fd, kind_tests, ARRAY_SIZE(kind_tests), DRM_DGEM_CAP_MMAP);
	for_each_dgem_kind(kind, DRM_DGEM_CAP_MMAP) {
		if (!(kind->traits & DGEM_KIND_SCATTERED))
			continue;
		igt_describe("What is bounced is right in windows.");
		igt_subtest_f("bounced-%s", kind->name) {
			dgem_require_kind(fd, kind);
			test_bounced(fd, kind);
		}
	}
	dgem_subtests(fd, tests, ARRAY_SIZE(tests));

	igt_subtest_group() {
		igt_fixture() {
			close(fd);
			fd = -1;
			dgem_require_configfs();
			igt_require_f(unbind, "there is no default instance to make room\n");
		}

		for (int i = 0; i < ARRAY_SIZE(masks); i++) {
			igt_describe("Objects are within the instance's mask.");
			igt_subtest_f("mask-%d", masks[i])
				test_mask(masks[i]);
			igt_fixture() {
				__dgem_instance_remove(NAME);
				dgem_bind();
			}
		}
	}

	igt_fixture() {
		/* What a test that failed may have left. */
		if (!access(FAILSLAB "probability", W_OK))
			set_failslab("probability", 0);
		if (rmdir(OURS))
			errno = 0;
		if (fd >= 0)
			close(fd);
	}
}
