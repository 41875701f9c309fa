// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <inttypes.h>
#include <linux/dma-buf.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "igt.h"
#include "igt_syncobj.h"
#include "sw_sync.h"

#include "dgem_instance.h"
#include "dgem_table.h"
#include "dgem_util.h"

/**
 * TEST: dgem configfs
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: device management
 * Description: Instances are made, configured and removed by configfs.
 *
 * SUBTEST: create
 * Description: A directory is an instance with the defaults, disabled.
 *
 * SUBTEST: bad-name
 * Description: Names that would not do in a report are EINVAL, a name that is taken EEXIST.
 *
 * SUBTEST: bad-value
 * Description: Each bad value is refused with its error, and nothing changes.
 *
 * SUBTEST: query
 * Description: QUERY tells what was configured.
 *
 * SUBTEST: enabled-busy
 * Description: Attributes of an enabled instance are EBUSY; disabled, they can be written again.
 *
 * SUBTEST: bad-engine
 * Description: An engine that is not there is ENODEV when the instance gets enabled, not before.
 *
 * SUBTEST: quota
 * Description: Each instance has a quota of its own.
 *
 * SUBTEST: many
 * Description: Several instances work next to each other, and their minors are given back.
 *
 * SUBTEST: vmap-%s
 * Description: An instance with the cpu engine copies out of and into what the default one exports:
 *		by the exporter's kernel mapping.
 *
 * arg[1].values: contiguous, coherent, wc, pages, lazy, vmalloc, reserved
 *
 * SUBTEST: mask-%s
 * Description: An instance tells such a DMA mask, and has memory within it that can be copied.
 *
 * arg[1]:
 *
 * @24: 24 bits
 * @28: 28 bits
 * @32: 32 bits
 * @64: 64 bits
 *
 * SUBTEST: attach
 * Description: Two instances export to each other, through real attachments.
 *
 * SUBTEST: attach-removed
 * Description: An instance whose exports another one has attached goes; the memory stays.
 *
 * SUBTEST: remove-enabled
 * Description: Removing the directory of an instance in use is like unplugging it.
 *
 * SUBTEST: module-held
 * Description: The module can't be unloaded as long as there is a directory, enabled or not.
 */

IGT_TEST_DESCRIPTION("Instances are made, configured and removed by configfs.");

#define ONE	"igt-one"
#define TWO	"igt-two"
#define SIZE	(16 * DGEM_PAGE)

static void expect_defaults(const char *name)
{
	char value[64];

	dgem_instance_expect(name, "engine", "auto");
	dgem_instance_expect(name, "dma_bits", "0");
	dgem_instance_expect(name, "quota", "0");
	dgem_instance_expect(name, "file_quota", "0");
	dgem_instance_expect(name, "enabled", "0");
	igt_assert_eq(__dgem_instance_get(name, "device", value, sizeof(value)), -ENODEV);
}

static void test_create(void)
{
	dgem_instance_make(ONE);
	expect_defaults(ONE);
	dgem_instance_remove(ONE);
	igt_assert_eq(__dgem_instance_set(ONE, "enabled", "0"), -ENOENT);
}

static void test_bad_name(void)
{
	static const char * const names[] = {
		"-a", ".a", " a", "a ", "a b", "a%", "\xe9", "a\n",
		"abcdefghijklmnopqrstuvwxyz012345",
	};

	for (int i = 0; i < ARRAY_SIZE(names); i++)
		igt_assert_eq(__dgem_instance_make(names[i]), -EINVAL);
	igt_assert_eq(__dgem_instance_make("abcdefghijklmnopqrstuvwxyz01234"), 0);
	dgem_instance_remove("abcdefghijklmnopqrstuvwxyz01234");
	dgem_instance_make(ONE);
	igt_assert_eq(__dgem_instance_make(ONE), -EEXIST);
	dgem_instance_remove(ONE);
}

static const struct {
	const char *attr, *value;
	int err;
} bad_values[] = {
	{ "engine", "\n", -EINVAL },
	{ "engine", "a b", -EINVAL },
	{ "engine", "-cpu", -EINVAL },
	{ "engine", "dma0/chan0", -EINVAL },
	{ "engine", "abcdefghijklmnopqrstuvwxyz012345", -EINVAL },
	{ "dma_bits", "\n", -EINVAL },
	{ "dma_bits", "all", -EINVAL },
	{ "dma_bits", "-1", -EINVAL },
	{ "dma_bits", "1", -EINVAL },
	{ "dma_bits", "23", -EINVAL },
	{ "dma_bits", "65", -EINVAL },
	{ "dma_bits", "32 bits", -EINVAL },
	{ "dma_bits", "4294967295", -EINVAL },
	{ "dma_bits", "4294967296", -ERANGE },
	{ "quota", "\n", -EINVAL },
	{ "quota", "-4096", -EINVAL },
	{ "quota", "1", -EINVAL },
	{ "quota", "4095", -EINVAL },
	{ "quota", "1G", -EINVAL },
	{ "quota", "18446744073709551616", -ERANGE },
	{ "file_quota", "some", -EINVAL },
	{ "file_quota", "4095", -EINVAL },
	{ "file_quota", "18446744073709551616", -ERANGE },
	{ "pool", "16M", -EINVAL },
	{ "pool", "4097@16M", -EINVAL },
	{ "pool", "4096@0xfffffffffffff000", -EINVAL },
	{ "enabled", "\n", -EINVAL },
	{ "enabled", "2", -EINVAL },
	{ "enabled", "-1", -EINVAL },
	{ "enabled", "maybe", -EINVAL },
	{ "device", "dgem", -EACCES },
};

static void test_bad_value(void)
{
	dgem_instance_make(ONE);
	for (int i = 0; i < ARRAY_SIZE(bad_values); i++) {
		igt_assert_f(__dgem_instance_set(ONE, bad_values[i].attr, bad_values[i].value) ==
			     bad_values[i].err, "%s: %s\n", bad_values[i].attr,
			     bad_values[i].value);
		expect_defaults(ONE);
	}

	dgem_instance_set(ONE, "engine", "cpu");
	dgem_instance_set(ONE, "dma_bits", "40");
	dgem_instance_set(ONE, "quota", "0x100000");
	dgem_instance_set(ONE, "file_quota", "65536");
	dgem_instance_set(ONE, "pool", "16M@0x8000000");
	for (int i = 0; i < ARRAY_SIZE(bad_values); i++) {
		igt_assert_eq(__dgem_instance_set(ONE, bad_values[i].attr, bad_values[i].value),
			      bad_values[i].err);
		dgem_instance_expect(ONE, "engine", "cpu");
		dgem_instance_expect(ONE, "dma_bits", "40");
		dgem_instance_expect(ONE, "quota", "1048576");
		dgem_instance_expect(ONE, "file_quota", "65536");
		dgem_instance_expect(ONE, "pool", "16777216@0x8000000");
		dgem_instance_expect(ONE, "enabled", "0");
	}
	dgem_instance_remove(ONE);
}

static void test_query(void)
{
	struct drm_dgem_query_device device;
	struct drm_dgem_query_engine engine;
	int fd;

	dgem_instance_make(ONE);
	dgem_instance_set(ONE, "quota", "1048576\n");
	dgem_instance_enable(ONE, "cpu\n");
	dgem_instance_expect(ONE, "enabled", "1");
	fd = dgem_instance_open(ONE);
	dgem_query_device(fd, &device);
	dgem_query_engine(fd, &engine);
	igt_assert_eq(strcmp((const char *)device.name, ONE), 0);
	igt_assert_eq_u64(device.quota, 1048576);
	igt_assert_eq(engine.type, DRM_DGEM_ENGINE_CPU);
	close(fd);
	dgem_instance_remove(ONE);
}

static void test_enabled_busy(void)
{
	dgem_instance_make(ONE);
	dgem_instance_set(ONE, "quota", "65536");
	dgem_instance_enable(ONE, "cpu");
	for (int i = 0; i < 2; i++) {
		igt_assert_eq(__dgem_instance_set(ONE, "engine", "auto"), -EBUSY);
		igt_assert_eq(__dgem_instance_set(ONE, "dma_bits", "32"), -EBUSY);
		igt_assert_eq(__dgem_instance_set(ONE, "quota", "0"), -EBUSY);
		igt_assert_eq(__dgem_instance_set(ONE, "file_quota", "0"), -EBUSY);
		igt_assert_eq(__dgem_instance_set(ONE, "pool", "16M@16M"), -EBUSY);
		dgem_instance_expect(ONE, "engine", "cpu");
		dgem_instance_expect(ONE, "dma_bits", "0");
		dgem_instance_expect(ONE, "quota", "65536");
		/* A bad value is that first. */
		igt_assert_eq(__dgem_instance_set(ONE, "dma_bits", "none"), -EINVAL);
		/* What it is already, it may be once more. */
		dgem_instance_set(ONE, "enabled", "1");
	}
	dgem_instance_set(ONE, "enabled", "0");
	dgem_instance_set(ONE, "enabled", "0");
	dgem_instance_set(ONE, "quota", "0");
	dgem_instance_set(ONE, "dma_bits", "32");
	dgem_instance_set(ONE, "engine", "auto");
	dgem_instance_remove(ONE);
}

static void test_bad_engine(void)
{
	int fd;

	dgem_instance_make(ONE);
	/* A channel that isn't there, and one of a device-tree node, which there is none of. */
	dgem_instance_set(ONE, "engine", "dma99chan99");
	igt_assert_eq(__dgem_instance_set(ONE, "enabled", "1"), -ENODEV);
	dgem_instance_expect(ONE, "enabled", "0");
	dgem_instance_set(ONE, "engine", "dmas");
	igt_assert_eq(__dgem_instance_set(ONE, "enabled", "1"), -ENODEV);
	dgem_instance_expect(ONE, "enabled", "0");
	dgem_instance_enable(ONE, "cpu");
	fd = dgem_instance_open(ONE);
	close(fd);
	dgem_instance_remove(ONE);
}

static void set_bytes(const char *name, const char *attr, uint64_t bytes)
{
	char value[24];

	snprintf(value, sizeof(value), "%" PRIu64, bytes);
	dgem_instance_set(name, attr, value);
}

static void test_quota(void)
{
	struct drm_dgem_create create = { .size = SIZE };
	uint32_t handle;
	int one, two;

	dgem_instance_make(ONE);
	dgem_instance_make(TWO);
	set_bytes(ONE, "quota", SIZE);
	set_bytes(TWO, "file_quota", 4 * SIZE);
	dgem_instance_enable(ONE, NULL);
	dgem_instance_enable(TWO, NULL);
	one = dgem_instance_open(ONE);
	two = dgem_instance_open(TWO);
	handle = dgem_create_contiguous(one, SIZE);
	igt_assert_eq(__dgem_create(one, &create), -ENOSPC);
	for (int i = 0; i < 4; i++)
		dgem_create_contiguous(two, SIZE);
	igt_assert_eq(__dgem_create(two, &create), -ENOSPC);
	gem_close(one, handle);
	dgem_create_contiguous(one, SIZE);
	close(one);
	close(two);
	dgem_instance_remove(ONE);
	dgem_instance_remove(TWO);
}

static int minor_of(int fd)
{
	struct stat st;

	igt_assert_eq(fstat(fd, &st), 0);
	return minor(st.st_rdev);
}

static void copy_there(int fd)
{
	uint32_t src = dgem_create_filled(fd, &dgem_kinds[0], SIZE, 1);
	uint32_t dst = dgem_create(fd, &dgem_kinds[1], SIZE);

	dgem_copy(fd, src, 0, dst, 0, SIZE);
	dgem_check_object(fd, dst, SIZE, 1);
	gem_close(fd, src);
	gem_close(fd, dst);
}

static void test_many(void)
{
	char name[32];
	int fds[6], highest[2];

	for (int round = 0; round < 2; round++) {
		highest[round] = 0;
		for (int i = 0; i < ARRAY_SIZE(fds); i++) {
			snprintf(name, sizeof(name), "igt-%d", i);
			dgem_instance_make(name);
			dgem_instance_enable(name, NULL);
			fds[i] = dgem_instance_open(name);
			for (int j = 0; j < i; j++)
				igt_assert_neq(minor_of(fds[i]), minor_of(fds[j]));
			if (minor_of(fds[i]) > highest[round])
				highest[round] = minor_of(fds[i]);
		}
		for (int i = 0; i < ARRAY_SIZE(fds); i++)
			copy_there(fds[i]);
		for (int i = 0; i < ARRAY_SIZE(fds); i++) {
			close(fds[i]);
			snprintf(name, sizeof(name), "igt-%d", i);
			dgem_instance_remove(name);
		}
	}
	igt_assert_eq(highest[0], highest[1]);
}

/* Memory of these kinds is allocated within the mask; others reach it when they are mapped. */
static bool honours_mask(const struct dgem_kind *kind)
{
	return kind->kind == DRM_DGEM_KIND_CONTIGUOUS || kind->kind == DRM_DGEM_KIND_COHERENT ||
	       kind->kind == DRM_DGEM_KIND_PAGES;
}

/* The mask is told, there is memory within it, and it can be copied. */
static void test_mask(int bits)
{
	uint64_t highest = bits == 64 ? UINT64_MAX : (1ull << bits) - 1;
	const struct dgem_kind *kind;
	struct drm_dgem_query_engine engine;
	char text[8];
	int fd, err, made = 0;

	dgem_instance_make(ONE);
	snprintf(text, sizeof(text), "%d", bits);
	dgem_instance_set(ONE, "dma_bits", text);
	dgem_instance_set(ONE, "engine", "cpu");
	err = __dgem_instance_set(ONE, "enabled", "1");
	if (err == -EIO) {
		dgem_instance_remove(ONE);
		igt_skip("this machine has no memory within %d bits\n", bits);
	}
	igt_assert_eq(err, 0);
	fd = dgem_instance_open(ONE);
	/* The CPU's engine takes what is allocated for the instance. */
	dgem_query_engine(fd, &engine);
	igt_assert_eq_u64(engine.dma_mask, highest);
	for_each_dgem_kind_here(fd, kind, DRM_DGEM_CAP_MMAP) {
		if (!honours_mask(kind))
			continue;
		/* Several at a time, so that no lucky hole serves them all. */
		for (int i = 0; i < 8; i++) {
			dgem_create(fd, kind, 4 * SIZE);
			made++;
		}
	}
	igt_assert_lt(0, made);
	copy_there(fd);
	close(fd);
	dgem_instance_remove(ONE);
}

/* From an object of one instance, through an import, to an object of the other. */
static void import_and_copy(int from, const struct dgem_kind *kind, int to, uint32_t seed)
{
	uint32_t src = dgem_create_filled(from, kind, SIZE, seed);
	uint32_t dst = dgem_create(to, &dgem_kinds[0], SIZE), import;
	struct drm_dgem_info info;
	int dmabuf = dgem_export(from, src);

	igt_assert_eq(__dgem_import(to, dmabuf, &import), 0);
	/* Not the same object: a buffer of somebody else's. */
	dgem_info(to, import, &info);
	igt_assert_eq(info.kind, DRM_DGEM_KIND_IMPORT);
	dgem_copy(to, import, 0, dst, 0, SIZE);
	dgem_check_object(to, dst, SIZE, seed);
	/* And back, into the exporter's memory. */
	dgem_fill_object(to, dst, SIZE, seed + 1);
	dgem_copy(to, dst, 0, import, 0, SIZE);
	dgem_check_object(from, src, SIZE, seed + 1);
	close(dmabuf);
	gem_close(to, import);
	gem_close(to, dst);
	gem_close(from, src);
}

static void make_two(int *one, int *two)
{
	dgem_instance_make(ONE);
	dgem_instance_make(TWO);
	dgem_instance_enable(ONE, NULL);
	dgem_instance_enable(TWO, NULL);
	*one = dgem_instance_open(ONE);
	*two = dgem_instance_open(TWO);
}

static void test_attach(void)
{
	int one, two;

	make_two(&one, &two);
	import_and_copy(one, &dgem_kinds[0], two, 1);
	import_and_copy(two, &dgem_kinds[0], one, 3);
	close(one);
	close(two);
	dgem_instance_remove(ONE);
	dgem_instance_remove(TWO);
}

/* The cpu engine knows foreign memory by the kernel mapping that the exporter makes. */
static void test_vmap(int fd, const struct dgem_kind *kind)
{
	int other;

	dgem_instance_make(ONE);
	dgem_instance_enable(ONE, NULL);
	other = dgem_instance_open(ONE);
	import_and_copy(fd, kind, other, 1);
	close(other);
	dgem_instance_remove(ONE);
}

static void test_attach_removed(void)
{
	uint32_t src, dst, import;
	int one, two, dmabuf;

	make_two(&one, &two);
	src = dgem_create_filled(one, &dgem_kinds[0], SIZE, 5);
	dst = dgem_create(two, &dgem_kinds[1], SIZE);
	dmabuf = dgem_export(one, src);
	igt_assert_eq(__dgem_import(two, dmabuf, &import), 0);
	dgem_instance_remove(ONE);
	/* The exporter's device has gone, but nobody takes memory from one who has it attached. */
	dgem_copy(two, import, 0, dst, 0, SIZE);
	dgem_check_object(two, dst, SIZE, 5);
	/* The importer's next: its attachment must not outlive its engine. */
	dgem_instance_remove(TWO);
	close(two);
	close(dmabuf);
	close(one);
}

static void test_remove_enabled(void)
{
	struct drm_dgem_create create = { .size = SIZE };
	uint32_t handle, done;
	struct drm_dgem_op op;
	struct dgem_gate gate;
	uint8_t *ptr;
	int fd, fence;

	dgem_instance_make(ONE);
	dgem_instance_enable(ONE, NULL);
	fd = dgem_instance_open(ONE);
	handle = dgem_create_filled(fd, &dgem_kinds[0], SIZE, 1);
	ptr = dgem_mmap(fd, handle, SIZE);
	dgem_check(ptr, 0, SIZE, 1);
	op = dgem_op_copy(handle, 0, handle, SIZE / 2, SIZE / 2);
	done = syncobj_create(fd, 0);
	dgem_gate_close(&gate, fd);
	dgem_submit(fd, &op, 1, 0, gate.syncobj, done);
	fence = syncobj_handle_to_fd(fd, done, DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE);
	igt_assert_fd(fence);

	dgem_instance_remove(ONE);
	igt_assert_eq(__dgem_create(fd, &create), -ENODEV);
	igt_assert_eq(dgem_touch(ptr, false), SIGBUS);
	dgem_gate_open(&gate);
	igt_assert_eq(sync_fence_wait(fence, DGEM_PATIENCE_NS / NSEC_PER_MSEC), 0);
	igt_assert_lt(sync_fence_status(fence), 0);

	/* The name is free again, for a new instance. */
	dgem_instance_make(ONE);
	dgem_instance_enable(ONE, NULL);
	igt_assert_eq(__dgem_create(fd, &create), -ENODEV);
	dgem_instance_remove(ONE);
	munmap(ptr, SIZE);
	close(fence);
	/* The syncobjs go with the file. */
	close(gate.timeline);
	close(fd);
}

static void test_module_held(void)
{
	igt_require_f(!access("/sys/module/dgem/refcnt", F_OK), "dgem is no module\n");
	dgem_instance_make(ONE);
	igt_assert_eq(__dgem_unload("dgem"), -EWOULDBLOCK);
	dgem_instance_enable(ONE, NULL);
	igt_assert_eq(__dgem_unload("dgem"), -EWOULDBLOCK);
	dgem_instance_expect(ONE, "enabled", "1");
	dgem_instance_remove(ONE);
}

static const struct {
	const char *name, *describe;
	void (*test)(void);
} tests[] = {
	{ "create", "A directory is a disabled instance.", test_create },
	{ "bad-name", "Bad names are refused.", test_bad_name },
	{ "bad-value", "Bad values are refused one by one.", test_bad_value },
	{ "query", "QUERY tells what was configured.", test_query },
	{ "enabled-busy", "Nothing changes while enabled.", test_enabled_busy },
	{ "bad-engine", "An engine that is not there is ENODEV.", test_bad_engine },
	{ "quota", "Each instance has its quota.", test_quota },
	{ "many", "Several instances live next to each other.", test_many },
	{ "attach", "Two instances export to each other.", test_attach },
	{ "attach-removed", "Attached memory outlives its instance.", test_attach_removed },
	{ "remove-enabled", "Removal is like unplugging.", test_remove_enabled },
	{ "module-held", "A directory holds the module.", test_module_held },
};

static const struct dgem_kind_test kind_tests[] = {
	{ "vmap", "Another instance copies by the exporter's kernel mapping.", test_vmap },
};

static const int masks[] = { 24, 28, 32, 64 };

/* All memory has to come back, with whatever the default instance or the kernel does meanwhile. */
static void run(void (*test)(void), void (*test_bits)(int bits), int bits)
{
	int fd = dgem_open();
	struct dgem_snapshot before;

	dgem_snapshot(fd, &before);
	if (test)
		test();
	else
		test_bits(bits);
	dgem_assert_unchanged(fd, &before);
	close(fd);
}

int igt_main()
{
	int fd = -1;

	igt_fixture() {
		dgem_require_configfs();
		igt_require_sw_sync();
	}

	for (int i = 0; i < ARRAY_SIZE(tests); i++) {
		igt_describe(tests[i].describe);
		igt_subtest(tests[i].name) {
			/* The default instance would keep the module from being tried. */
			if (tests[i].test == test_module_held)
				tests[i].test();
			else
				run(tests[i].test, NULL, 0);
		}
	}

	for (int i = 0; i < ARRAY_SIZE(masks); i++) {
		igt_describe("An instance tells its mask, and has memory within it.");
		igt_subtest_f("mask-%d", masks[i])
			run(NULL, test_mask, masks[i]);
	}

	igt_fixture()
		fd = dgem_open();

	dgem_kind_subtests(fd, kind_tests, ARRAY_SIZE(kind_tests), DRM_DGEM_CAP_EXPORT);

	igt_fixture() {
		char name[32];

		close(fd);
		/* What a failed subtest has left. */
		__dgem_instance_remove(ONE);
		__dgem_instance_remove(TWO);
		for (int i = 0; i < 6; i++) {
			snprintf(name, sizeof(name), "igt-%d", i);
			__dgem_instance_remove(name);
		}
	}
}
