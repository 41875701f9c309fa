// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "igt.h"
#include "igt_syncobj.h"
#include "sw_sync.h"

#include "dgem_bind.h"
#include "dgem_util.h"

/**
 * TEST: dgem quota
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: limits
 * Description: Quotas of the instance and of a file, and the dmem cgroup, limit what is allocated.
 *
 * SUBTEST: file-%s
 * Description: A file gets what its quota allows for, no byte more; others are not affected.
 *
 * SUBTEST: device-%s
 * Description: All files together get what the instance's quota allows for.
 *
 * arg[1]:
 *
 * @contiguous: contiguous cached memory
 * @coherent: coherent memory
 * @wc: write-combined memory
 * @pages: memory in pages
 * @vmalloc: vmalloc memory
 * @direct-pages: memory in pages, made for direct I/O
 * @direct-vmalloc: single pages, made for direct I/O
 * @reserved: memory out of the instance's pool
 *
 * SUBTEST: sizes
 * Description: Sizes that no quota could hold are ENOSPC, those that make no sense, or that this
 *		kernel could not address, still EINVAL.
 *
 * SUBTEST: export-keeps-charge
 * Description: A dma-buf keeps the charge when handle and file are gone.
 *
 * SUBTEST: mapping-keeps-charge
 * Description: A mapping keeps the charge when the handle is gone.
 *
 * SUBTEST: job-keeps-charge
 * Description: A job keeps the charge when the handles are gone.
 *
 * SUBTEST: other-handles
 * Description: Who made an object is charged for it, not who imports it.
 *
 * SUBTEST: dumb
 * Description: Dumb buffers count like all others.
 *
 * SUBTEST: lazy
 * Description: Memory that comes later is charged later, by granules; what is too much then is
 *		SIGBUS, and what is purged is given back.
 *
 * SUBTEST: lazy-submit
 * Description: A job for whose memory the quota does not allow is ENOSPC; what came before stays.
 *
 * SUBTEST: race
 * Description: Processes that fill one quota together get exactly what it allows for.
 *
 * SUBTEST: cgroup
 * Description: The dmem cgroup limits contiguous memory, nothing else; a refusal is undone.
 */

IGT_TEST_DESCRIPTION("Quotas and cgroups limit what is allocated.");

#define FILE_QUOTA	(4 * DGEM_MIB)
#define DEVICE_QUOTA	(8 * DGEM_MIB)
#define CGROUP		"/sys/fs/cgroup/"
#define OURS		CGROUP "dgem-test/"

static void read_file(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "r");
	size_t length;

	igt_assert_f(file, "%s cannot be opened\n", path);
	length = fread(text, 1, size - 1, file);
	text[length] = 0;
	fclose(file);
}

static void set_quotas(uint64_t file, uint64_t device)
{
	char text[32];

	dgem_unbind();
	snprintf(text, sizeof(text), "%" PRIu64, file);
	dgem_write_file(DGEM_PARAMETERS "file_quota", text);
	snprintf(text, sizeof(text), "%" PRIu64, device);
	dgem_write_file(DGEM_PARAMETERS "quota", text);
	dgem_bind();
}

static void assert_charged(int fd, uint64_t file, uint64_t device)
{
	int64_t end = dgem_now() + 10 * NSEC_PER_SEC;
	struct drm_dgem_query_stats stats;

	/* What a job or a closed file held is given back a little later. */
	dgem_query_stats(fd, &stats);
	while ((stats.file_bytes != file || stats.bytes != device) && dgem_now() < end) {
		dgem_sleep_ms(10);
		dgem_query_stats(fd, &stats);
	}
	igt_assert_eq_u64(stats.file_bytes, file);
	igt_assert_eq_u64(stats.bytes, device);
}

/* What is refused changes nothing. */
static void refuse(int fd, const struct dgem_kind *kind, uint64_t size)
{
	struct drm_dgem_query_stats before, after;
	uint32_t handle;
	int err;

	dgem_query_stats(fd, &before);
	err = __dgem_create_kind(fd, kind, &size, &handle);
	dgem_query_stats(fd, &after);
	igt_assert_eq(err, -ENOSPC);
	igt_assert_eq_u64(after.objects, before.objects);
	igt_assert_eq_u64(after.bytes, before.bytes);
	igt_assert_eq_u64(after.file_bytes, before.file_bytes);
}

static void test_file(int unused, const struct dgem_kind *kind)
{
	struct drm_dgem_query_device device;
	int fd = dgem_open(), other = dgem_open();
	uint32_t handles[4], last;

	dgem_query_device(fd, &device);
	igt_assert_eq_u64(device.file_quota, FILE_QUOTA);
	assert_charged(fd, 0, 0);
	refuse(fd, kind, FILE_QUOTA + 1);
	for (int i = 0; i < ARRAY_SIZE(handles); i++)
		handles[i] = dgem_create(fd, kind, DGEM_MIB);
	assert_charged(fd, FILE_QUOTA, FILE_QUOTA);
	refuse(fd, kind, 1);

	last = dgem_create(other, kind, DGEM_MIB);
	assert_charged(other, DGEM_MIB, FILE_QUOTA + DGEM_MIB);
	gem_close(other, last);

	/* Room for a MiB, but not for a byte more. */
	gem_close(fd, handles[0]);
	refuse(fd, kind, DGEM_MIB + 1);
	handles[0] = dgem_create(fd, kind, DGEM_MIB);
	refuse(fd, kind, 1);
	for (int i = 0; i < ARRAY_SIZE(handles); i++)
		gem_close(fd, handles[i]);
	assert_charged(fd, 0, 0);
	close(other);
	close(fd);
}

static void test_device(int unused, const struct dgem_kind *kind)
{
	int fd = dgem_open(), second = dgem_open(), third = dgem_open();
	struct drm_dgem_query_device device;
	uint32_t handle;

	dgem_query_device(fd, &device);
	igt_assert_eq_u64(device.quota, DEVICE_QUOTA);
	dgem_create(fd, kind, FILE_QUOTA);
	handle = dgem_create(second, kind, DGEM_MIB);
	dgem_create(second, kind, FILE_QUOTA - DGEM_MIB);
	assert_charged(third, 0, DEVICE_QUOTA);
	refuse(third, kind, 1);

	gem_close(second, handle);
	refuse(third, kind, DGEM_MIB + 1);
	dgem_create(third, kind, DGEM_MIB);
	/* Its own quota would allow for it. */
	refuse(second, kind, DGEM_MIB);
	close(third);
	dgem_create(second, kind, DGEM_MIB);
	close(second);
	assert_charged(fd, FILE_QUOTA, FILE_QUOTA);
	close(fd);
}

static void test_sizes(int unused)
{
	int fd = dgem_open();
	const struct dgem_kind *kind;

	for_each_dgem_kind_here(fd, kind, 0) {
		struct drm_dgem_query_device device;
		uint32_t handle;
		uint64_t bad[] = {
			0, 0, UINT64_MAX, 1ull << 63, 1ull << 32, (1ull << 31) - 1,
		};
		int count = ARRAY_SIZE(bad);

		if (kind->borrow || kind->flags & DRM_DGEM_CREATE_LAZY)
			continue;
		dgem_query_device(fd, &device);
		refuse(fd, kind, device.max_size);
		/* the last are bad for a 32-bit kernel */
		while (count > 4 && device.max_size >= bad[count - 1])
			refuse(fd, kind, bad[--count]);
		bad[1] = device.max_size + 1;
		for (int i = 0; i < count; i++)
			igt_assert_eq(__dgem_create_kind(fd, kind, &bad[i], &handle), -EINVAL);
	}
	close(fd);
}

static void test_export_keeps_charge(int unused)
{
	int fd = dgem_open(), second = dgem_open(), third = dgem_open(), dmabuf;
	uint32_t handle = dgem_create_contiguous(fd, FILE_QUOTA);

	dmabuf = dgem_export(fd, handle);
	gem_close(fd, handle);
	assert_charged(fd, FILE_QUOTA, FILE_QUOTA);
	refuse(fd, &dgem_kinds[0], 1);
	close(fd);

	/* The file is gone, the memory is not. */
	assert_charged(second, 0, FILE_QUOTA);
	dgem_create_contiguous(second, FILE_QUOTA);
	refuse(third, &dgem_kinds[0], 1);
	close(dmabuf);
	assert_charged(third, 0, FILE_QUOTA);
	dgem_create_contiguous(third, FILE_QUOTA);
	close(second);
	close(third);
}

static void test_mapping_keeps_charge(int unused)
{
	int fd = dgem_open();
	uint32_t handle = dgem_create_contiguous(fd, FILE_QUOTA);
	uint8_t *ptr = dgem_mmap(fd, handle, FILE_QUOTA);

	gem_close(fd, handle);
	refuse(fd, &dgem_kinds[0], 1);
	munmap(ptr + DGEM_PAGE, FILE_QUOTA - DGEM_PAGE);
	refuse(fd, &dgem_kinds[0], 1);
	munmap(ptr, DGEM_PAGE);
	gem_close(fd, dgem_create_contiguous(fd, FILE_QUOTA));
	close(fd);
}

static void test_job_keeps_charge(int unused)
{
	uint32_t src, dst, done;
	struct dgem_gate gate;
	struct drm_dgem_op op;
	int fd;

	igt_require_sw_sync();
	fd = dgem_open();
	src = dgem_create_contiguous(fd, FILE_QUOTA / 2);
	dst = dgem_create_contiguous(fd, FILE_QUOTA / 2);
	done = syncobj_create(fd, 0);
	op = dgem_op_copy(src, 0, dst, 0, 256);
	dgem_gate_close(&gate, fd);
	dgem_submit(fd, &op, 1, 0, gate.syncobj, done);
	gem_close(fd, src);
	gem_close(fd, dst);
	assert_charged(fd, FILE_QUOTA, FILE_QUOTA);
	refuse(fd, &dgem_kinds[0], 1);
	dgem_gate_open(&gate);
	dgem_wait(fd, done);
	assert_charged(fd, 0, 0);
	dgem_gate_fini(&gate);
	syncobj_destroy(fd, done);
	close(fd);
}

static void test_other_handles(int unused)
{
	int fd = dgem_open(), other = dgem_open(), dmabuf;
	uint32_t handle = dgem_create_contiguous(fd, FILE_QUOTA), imported;

	dmabuf = dgem_export(fd, handle);
	igt_assert_eq(__dgem_import(other, dmabuf, &imported), 0);
	close(dmabuf);
	gem_close(fd, handle);
	assert_charged(fd, FILE_QUOTA, FILE_QUOTA);
	assert_charged(other, 0, FILE_QUOTA);
	refuse(fd, &dgem_kinds[0], 1);
	gem_close(other, dgem_create_contiguous(other, FILE_QUOTA));
	gem_close(other, imported);
	assert_charged(fd, 0, 0);
	close(other);
	close(fd);
}

static void test_dumb(int unused)
{
	struct drm_mode_create_dumb dumb = { .width = 1024, .height = 1024, .bpp = 32 };
	int fd = dgem_open_primary();

	/* Exactly what the quota allows for, and a line more. */
	igt_assert_eq(dgem_ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &dumb), 0);
	igt_assert_eq_u64(dumb.size, FILE_QUOTA);
	gem_close(fd, dumb.handle);
	dumb.height++;
	igt_assert_eq(dgem_ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &dumb), -ENOSPC);
	assert_charged(fd, 0, 0);
	close(fd);
}

static const struct dgem_kind lazy = {
	.name = "lazy",
	.kind = DRM_DGEM_KIND_PAGES,
	.flags = DRM_DGEM_CREATE_LAZY,
};

static void test_lazy(int unused)
{
	const uint64_t size = 2 * DEVICE_QUOTA;
	int fd = dgem_open();
	const uint64_t granule = dgem_granule(fd);
	uint32_t handle = dgem_create(fd, &lazy, size);
	uint8_t *ptr = dgem_mmap(fd, handle, size);
	struct drm_dgem_query_stats stats;
	uint64_t touched;

	assert_charged(fd, 0, 0);
	for (touched = 0; touched < size; touched += DGEM_PAGE) {
		int sig = dgem_touch(ptr + touched, true);

		dgem_query_stats(fd, &stats);
		igt_assert_lte_u64(stats.file_bytes, FILE_QUOTA);
		if (sig) {
			igt_assert_eq(sig, SIGBUS);
			break;
		}
		igt_assert_eq_u64(stats.file_bytes, (touched / granule + 1) * granule);
		igt_assert_eq_u64(stats.bytes, stats.file_bytes);
	}
	igt_assert_eq_u64(touched, FILE_QUOTA);
	refuse(fd, &dgem_kinds[0], 1);
	/* What is there stays. */
	igt_assert_eq(dgem_touch(ptr, true), 0);
	igt_assert_eq(dgem_touch(ptr + FILE_QUOTA - 1, true), 0);

	/* What is purged makes room for as much elsewhere. */
	igt_assert_eq(__dgem_purge(fd, handle, 0, granule, DRM_DGEM_PURGE_FORCE), 0);
	assert_charged(fd, FILE_QUOTA - granule, FILE_QUOTA - granule);
	igt_assert_eq(dgem_touch(ptr, true), SIGBUS);
	igt_assert_eq(dgem_touch(ptr + size - DGEM_PAGE, true), 0);
	assert_charged(fd, FILE_QUOTA, FILE_QUOTA);
	igt_assert_eq(dgem_touch(ptr + size - granule - DGEM_PAGE, true), SIGBUS);
	gem_close(fd, handle);
	assert_charged(fd, FILE_QUOTA, FILE_QUOTA);
	munmap(ptr, size);
	assert_charged(fd, 0, 0);
	close(fd);
}

/* Rows that are a granule apart: each brings one, as many as the quota allows for. */
static void test_lazy_submit(int unused)
{
	const uint64_t size = 2 * DEVICE_QUOTA;
	int fd = dgem_open();
	const uint64_t granule = dgem_granule(fd), fit = FILE_QUOTA / granule;
	uint32_t handle = dgem_create(fd, &lazy, size);
	struct drm_dgem_query_stats before, now;
	struct drm_dgem_submit submit;
	struct drm_dgem_op op;

	assert_charged(fd, 0, 0);
	dgem_query_stats(fd, &before);
	op = dgem_op_copy_2d(handle, 0, 256, handle, DGEM_PAGE, granule, 256, fit + 1);
	dgem_submit_init(&submit, &op, 1);
	for (int i = 0; i < 2; i++) {
		igt_assert_eq(__dgem_submit(fd, &submit), -ENOSPC);
		assert_charged(fd, FILE_QUOTA, FILE_QUOTA);
		igt_assert_eq_u64(dgem_resident(fd, handle), FILE_QUOTA);
	}
	dgem_query_stats(fd, &now);
	igt_assert_eq_u64(now.jobs, before.jobs);
	refuse(fd, &dgem_kinds[0], 1);

	/* what came is there for jobs that need no more */
	op = dgem_op_copy_2d(handle, 0, 256, handle, DGEM_PAGE, granule, 256, fit);
	dgem_run(fd, &op, 1);
	assert_charged(fd, FILE_QUOTA, FILE_QUOTA);
	gem_close(fd, handle);
	assert_charged(fd, 0, 0);
	close(fd);
}

static void test_race(int unused)
{
	const uint64_t size = 64 * DGEM_PAGE;
	const int count = FILE_QUOTA / size;
	int fd = dgem_open();

	igt_fork(child, 4) {
		for (int i = 0; i < 3 * count; i++) {
			uint64_t ask = size;
			uint32_t handle;
			int err = __dgem_create_kind(fd, &dgem_kinds[0], &ask, &handle);

			igt_assert(!err || err == -ENOSPC);
			/* Some are given back at first; in the end there is no room left. */
			if (!err && i < 2 * count && i % 2)
				gem_close(fd, handle);
		}
	}
	igt_waitchildren();
	assert_charged(fd, FILE_QUOTA, FILE_QUOTA);
	close(fd);
}

/* The figure that a file of the cgroup has for our region, or UINT64_MAX for no limit. */
static uint64_t cgroup_read(const char *path, const char *region)
{
	char text[4096], *line;
	uint64_t value = UINT64_MAX;

	read_file(path, text, sizeof(text));
	line = strstr(text, region);
	igt_assert_f(line, "%s does not tell of %s\n", path, region);
	sscanf(line + strlen(region), " %" SCNu64, &value);
	return value;
}

static void cgroup_assert_current(const char *region, uint64_t bytes)
{
	int64_t end = dgem_now() + 10 * NSEC_PER_SEC;
	uint64_t now;

	do {
		now = cgroup_read(OURS "dmem.current", region);
	} while (now != bytes && dgem_now() < end);
	igt_assert_eq_u64(now, bytes);
}

static void fill_cgroup(int fd, const char *region)
{
	static const struct dgem_kind pages = { .kind = DRM_DGEM_KIND_PAGES, .name = "pages" };
	uint32_t handle;

	dgem_write_file(OURS "cgroup.procs", "0");
	cgroup_assert_current(region, 0);
	handle = dgem_create(fd, &dgem_kinds[1], DGEM_MIB / 2);
	dgem_create(fd, &dgem_kinds[0], DGEM_MIB / 2);
	cgroup_assert_current(region, DGEM_MIB);
	refuse(fd, &dgem_kinds[0], 1);
	refuse(fd, &dgem_kinds[1], 1);
	cgroup_assert_current(region, DGEM_MIB);
	/* Memory that is not contiguous is the memory cgroup's. */
	gem_close(fd, dgem_create(fd, &pages, DGEM_MIB));
	gem_close(fd, handle);
	cgroup_assert_current(region, DGEM_MIB / 2);
}

static void test_cgroup(int unused)
{
	static const char region[] = "drm/dgem/contiguous";
	char limit[64], controllers[256];
	int fd;

	read_file(CGROUP "cgroup.controllers", controllers, sizeof(controllers));
	igt_require_f(strstr(controllers, "dmem"), "there is no dmem cgroup\n");
	if (!access(CGROUP "dmem.capacity", R_OK))
		igt_assert_eq_u64(cgroup_read(CGROUP "dmem.capacity", region), DEVICE_QUOTA);
	dgem_write_file(CGROUP "cgroup.subtree_control", "+dmem");
	igt_assert_eq(mkdir(OURS, 0755), 0);
	snprintf(limit, sizeof(limit), "%s %llu", region, DGEM_MIB);
	dgem_write_file(OURS "dmem.max", limit);

	fd = dgem_open();
	igt_fork(child, 1)
		fill_cgroup(fd, region);
	igt_waitchildren();
	/* Who is not in it is not limited by it, and what it was charged stays. */
	gem_close(fd, dgem_create_contiguous(fd, 2 * DGEM_MIB));
	assert_charged(fd, DGEM_MIB / 2, DGEM_MIB / 2);
	cgroup_assert_current(region, DGEM_MIB / 2);
	close(fd);
	cgroup_assert_current(region, 0);
	igt_assert_eq(rmdir(OURS), 0);
}

static const struct dgem_test tests[] = {
	{ "sizes", "Sizes that no quota could hold are ENOSPC.", test_sizes },
	{ "export-keeps-charge", "A dma-buf keeps the charge.", test_export_keeps_charge },
	{ "mapping-keeps-charge", "A mapping keeps the charge.", test_mapping_keeps_charge },
	{ "job-keeps-charge", "A job keeps the charge.", test_job_keeps_charge },
	{ "other-handles", "Who made an object is charged for it.", test_other_handles },
	{ "dumb", "Dumb buffers count like all others.", test_dumb },
	{ "lazy", "Memory that comes later is charged later.", test_lazy },
	{ "lazy-submit", "A job beyond the quota leaves what came.", test_lazy_submit },
	{ "race", "Processes get exactly what the quota allows for.", test_race },
	{ "cgroup", "The dmem cgroup limits contiguous memory.", test_cgroup },
};

static const struct dgem_kind_test kind_tests[] = {
	{ "file", "A file gets what its quota allows for.", test_file },
	{ "device", "All files get what the instance's quota allows for.", test_device },
};

int igt_main()
{
	uint64_t old_file = 0, old_device = 0;
	const struct dgem_kind *kind;
	struct drm_dgem_query_device device;
	int fd = -1;

	igt_fixture() {
		fd = dgem_open();
		dgem_query_device(fd, &device);
		close(fd);
		igt_require_f(dgem_can_unbind() && !access(DGEM_PARAMETERS "quota", W_OK),
			      "the instance's quotas cannot be set\n");
		old_file = device.file_quota;
		old_device = device.quota;
		set_quotas(FILE_QUOTA, DEVICE_QUOTA);
		fd = dgem_open();
	}

	/* Lazy objects are charged as they get memory: see below. */
	for_each_dgem_kind(kind, DRM_DGEM_CAP_MMAP) {
		for (int i = 0; i < ARRAY_SIZE(kind_tests); i++) {
			if (kind->flags & DRM_DGEM_CREATE_LAZY)
				continue;
			igt_describe(kind_tests[i].describe);
			igt_subtest_f("%s-%s", kind_tests[i].name, kind->name) {
				dgem_require_kind(fd, kind);
				kind_tests[i].test(fd, kind);
				assert_charged(fd, 0, 0);
			}
		}
	}
	dgem_subtests(fd, tests, ARRAY_SIZE(tests));

	igt_fixture() {
		close(fd);
		/* A test that failed may have left it. */
		if (rmdir(OURS))
			errno = 0;
		set_quotas(old_file, old_device);
	}
}
