// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <sys/mman.h>

#include "igt.h"
#include "igt_syncobj.h"

#include "dgem_bind.h"
#include "dgem_util.h"

/**
 * TEST: dgem io
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: device memory
 * Description: Registers of the engine's device as an object. Those of QEMU's edu device are known.
 *
 * SUBTEST: registers
 * Description: A mapping shows the device's registers, the identification among them.
 *
 * SUBTEST: cache-modes
 * Description: A window is uncached unless the device allows for more, and INFO tells.
 *
 * SUBTEST: one-at-a-time
 * Description: A BAR is in one object at a time, whoever asks, until nothing holds that object.
 *
 * SUBTEST: copy
 * Description: The engine copies from registers that it reaches, and refuses others.
 *
 * SUBTEST: peek
 * Description: A debugger reads and writes registers through the mapping, by words.
 *
 * SUBTEST: mapping-parts
 * Description: What is left of a mapping shows what it did; a larger or private one is refused.
 *
 * SUBTEST: bad-windows
 * Description: BARs that are missing, have ports or do not exist are refused.
 *
 * SUBTEST: bad-ranges
 * Description: A window that is not within its BAR, or not made of pages, is refused.
 *
 * SUBTEST: bad-accesses
 * Description: SYNC and jobs beyond the end of a window are refused, wrapping ones too.
 *
 * SUBTEST: bad-arguments
 * Description: Arguments of other kinds are refused.
 *
 * SUBTEST: unprivileged
 * Description: It takes CAP_SYS_RAWIO.
 *
 * SUBTEST: export
 * Description: Registers cannot be exported.
 *
 * SUBTEST: unplug
 * Description: When the device goes, mappings raise SIGBUS; its successor can be mapped at once.
 *
 * SUBTEST: not-offered
 * Description: An engine without a device has no windows.
 */

IGT_TEST_DESCRIPTION("Registers of the engine's device as an object.");

/* QEMU's edu: an identification, and a register that reads as the complement of what is written */
#define EDU_ID		0x010000ed
#define EDU_LIVENESS	(4 / sizeof(uint32_t))

#define BARS		6
#define IORESOURCE_IO	0x100
#define IORESOURCE_MEM	0x200

struct bar {
	uint64_t start, end, flags;
};

/* The BARs of the engine's device, as the kernel knows them. */
static void get_bars(int fd, struct bar bars[BARS])
{
	struct drm_dgem_query_engine engine;
	char path[128];
	FILE *file;

	dgem_query_engine(fd, &engine);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource", engine.device);
	file = fopen(path, "r");
	igt_require_f(file, "the engine is no PCI device\n");
	for (int i = 0; i < BARS; i++)
		igt_assert_eq(fscanf(file, "%" SCNx64 " %" SCNx64 " %" SCNx64, &bars[i].start,
				     &bars[i].end, &bars[i].flags), 3);
	fclose(file);
}

static int __create_io(int fd, uint32_t bar, uint64_t offset, uint64_t size, uint32_t *handle)
{
	struct drm_dgem_create create = {
		.size = size,
		.kind = DRM_DGEM_KIND_IO,
		.source = offset,
		.window = bar,
	};
	int err = __dgem_create(fd, &create);

	*handle = err ? 0 : create.handle;
	return err;
}

static uint32_t create_io(int fd, uint64_t size)
{
	uint32_t handle;

	igt_assert_eq(__create_io(fd, 0, 0, size, &handle), 0);
	return handle;
}

static void create_io_err(int fd, uint32_t bar, uint64_t offset, uint64_t size, int err)
{
	uint32_t handle;
	int ret = __create_io(fd, bar, offset, size, &handle);

	igt_assert_f(ret == err, "BAR %u, %#" PRIx64 " + %#" PRIx64 ": %d, not %d\n", bar, offset,
		     size, ret, err);
}

static void test_registers(int fd)
{
	struct drm_dgem_query_stats before, after;
	struct drm_dgem_info info;
	volatile uint32_t *regs;
	uint32_t handle;

	dgem_query_stats(fd, &before);
	handle = create_io(fd, DGEM_PAGE);
	dgem_query_stats(fd, &after);
	/* It is no memory of ours. */
	igt_assert_eq_u64(after.bytes, before.bytes);
	igt_assert_eq_u64(after.objects, before.objects + 1);

	dgem_info(fd, handle, &info);
	igt_assert_eq_u64(info.size, DGEM_PAGE);
	igt_assert_eq_u32(info.kind, DRM_DGEM_KIND_IO);
	igt_assert_eq_u32(info.caps, DRM_DGEM_CAP_MMAP | DRM_DGEM_CAP_WRITE);

	regs = dgem_mmap(fd, handle, DGEM_PAGE);
	igt_assert_eq_u32(regs[0], EDU_ID);
	regs[EDU_LIVENESS] = 0x12345678;
	igt_assert_eq_u32(regs[EDU_LIVENESS], ~0x12345678u);
	/* A cached mapping would go on to show this. */
	regs[EDU_LIVENESS] = 0;
	igt_assert_eq_u32(regs[EDU_LIVENESS], ~0u);
	munmap((void *)regs, DGEM_PAGE);
	gem_close(fd, handle);
}

static void test_cache_modes(int fd)
{
	static const uint32_t caches[] = {
		DRM_DGEM_CACHE_DEFAULT, DRM_DGEM_CACHE_UNCACHED, DRM_DGEM_CACHE_WC,
	};

	for (int i = 0; i < ARRAY_SIZE(caches); i++) {
		struct drm_dgem_create create = {
			.size = DGEM_PAGE,
			.kind = DRM_DGEM_KIND_IO,
			.cache = caches[i],
		};
		volatile uint32_t *regs;
		struct drm_dgem_info info;

		igt_assert_eq(__dgem_create(fd, &create), 0);
		dgem_info(fd, create.handle, &info);
		igt_assert_eq_u32(info.cache_asked, caches[i]);
		/* Edu's registers are not prefetchable. */
		igt_assert_eq_u32(info.cache_granted, DRM_DGEM_CACHE_UNCACHED);
		regs = dgem_mmap(fd, create.handle, DGEM_PAGE);
		igt_assert_eq_u32(regs[0], EDU_ID);
		munmap((void *)regs, DGEM_PAGE);
		gem_close(fd, create.handle);
	}
}

static void test_one_at_a_time(int fd)
{
	uint32_t handle = create_io(fd, DGEM_PAGE);
	int other = dgem_open();
	void *ptr;

	create_io_err(fd, 0, 0, DGEM_PAGE, -EBUSY);
	create_io_err(other, 0, 0, DGEM_PAGE, -EBUSY);
	create_io_err(other, 0, 16 * DGEM_PAGE, DGEM_PAGE, -EBUSY);

	ptr = dgem_mmap(fd, handle, DGEM_PAGE);
	gem_close(fd, handle);
	create_io_err(other, 0, 0, DGEM_PAGE, -EBUSY);
	munmap(ptr, DGEM_PAGE);
	igt_assert_eq(__create_io(other, 0, 0, DGEM_PAGE, &handle), 0);
	close(other);
	gem_close(fd, create_io(fd, DGEM_PAGE));
}

static void test_copy(int fd)
{
	uint32_t handle = create_io(fd, DGEM_PAGE), dst = dgem_create_contiguous(fd, DGEM_PAGE);
	struct drm_dgem_op op = dgem_op_copy(handle, 0, dst, 64, 4);
	struct drm_dgem_query_engine engine;
	struct drm_dgem_submit submit;
	struct drm_dgem_info info;
	struct bar bars[BARS];
	uint32_t *ptr;

	get_bars(fd, bars);
	dgem_query_engine(fd, &engine);
	if (bars[0].end > engine.dma_mask && !dgem_behind_iommu(fd)) {
		dgem_submit_init(&submit, &op, 1);
		igt_assert_eq(__dgem_submit(fd, &submit), -EOPNOTSUPP);
	} else {
		dgem_run(fd, &op, 1);
		ptr = dgem_mmap(fd, dst, DGEM_PAGE);
		dgem_sync_start(fd, dst, DRM_DGEM_SYNC_READ, DGEM_PAGE);
		igt_assert_eq_u32(ptr[15], 0);
		igt_assert_eq_u32(ptr[16], EDU_ID);
		igt_assert_eq_u32(ptr[17], 0);
		dgem_sync_end(fd, dst, DRM_DGEM_SYNC_READ, DGEM_PAGE);
		munmap(ptr, DGEM_PAGE);
		dgem_info(fd, handle, &info);
		igt_assert_eq_u32(info.segments, 1);
		/* There is nothing to sync, and nothing wrong with it. */
		dgem_sync_start(fd, handle, DRM_DGEM_SYNC_READ | DRM_DGEM_SYNC_WRITE, DGEM_PAGE);
		dgem_sync_end(fd, handle, DRM_DGEM_SYNC_READ | DRM_DGEM_SYNC_WRITE, DGEM_PAGE);
	}
	gem_close(fd, handle);
	gem_close(fd, dst);
}

static void test_peek(int fd)
{
	uint32_t handle = create_io(fd, DGEM_PAGE);
	uint32_t *regs = dgem_mmap(fd, handle, DGEM_PAGE);
	const uintptr_t live = (uintptr_t)&regs[EDU_LIVENESS];
	uint32_t words[2] = { EDU_ID, 0x12345678 }, seen[2] = { 0 }, id = EDU_ID;
	uint8_t bytes[3] = { 0 };
	int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);

	igt_assert_fd(mem);
	igt_assert_eq(pwrite(mem, &words[1], sizeof(words[1]), live), sizeof(words[1]));
	words[1] = ~words[1];
	igt_assert_eq_u32(regs[EDU_LIVENESS], words[1]);
	igt_assert_eq(pread(mem, seen, sizeof(seen), (uintptr_t)regs), sizeof(seen));
	igt_assert(!memcmp(seen, words, sizeof(seen)));

	/* The device takes nothing but words: a part of one can be seen, but not written. */
	igt_assert_eq(pread(mem, bytes, sizeof(bytes), (uintptr_t)regs + 1), sizeof(bytes));
	igt_assert(!memcmp(bytes, (uint8_t *)&id + 1, sizeof(bytes)));
	igt_assert_eq(pread(mem, bytes, 2, live - 1), 2);
	igt_assert(!memcmp(bytes, (uint8_t *)words + 3, 2));
	errno = 0;
	igt_assert_eq(pwrite(mem, bytes, sizeof(bytes), live), -1);
	igt_assert_eq(errno, EIO);
	errno = 0;
	igt_assert_eq(pwrite(mem, bytes, 1, live + 1), -1);
	igt_assert_eq(errno, EIO);
	igt_assert_eq_u32(regs[EDU_LIVENESS], words[1]);
	close(mem);
	munmap(regs, DGEM_PAGE);
	gem_close(fd, handle);
}

static void test_mapping_parts(int fd)
{
	const uint64_t size = 4 * DGEM_PAGE;
	uint32_t handle = create_io(fd, size);
	uint8_t *ptr = dgem_mmap(fd, handle, size), *moved;

	igt_assert_eq_u32(dgem_vmas(fd, handle), 1);
	igt_assert(__dgem_mmap(fd, handle, size + DGEM_PAGE, PROT_READ, MAP_SHARED) == MAP_FAILED);
	igt_assert(__dgem_mmap(fd, handle, size, PROT_READ, MAP_PRIVATE) == MAP_FAILED);
	igt_assert(mremap(ptr, size, size + DGEM_PAGE, MREMAP_MAYMOVE) == MAP_FAILED);

	/* A hole, and the registers somewhere else: only the first page has any. */
	munmap(ptr + DGEM_PAGE, DGEM_PAGE);
	igt_assert_eq(dgem_touch(ptr + DGEM_PAGE, false), SIGSEGV);
	moved = mremap(ptr, DGEM_PAGE, DGEM_PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		       ptr + DGEM_PAGE);
	igt_assert(moved == ptr + DGEM_PAGE);
	igt_assert_eq_u32(*(volatile uint32_t *)moved, EDU_ID);
	igt_assert_eq(dgem_touch(ptr, false), SIGSEGV);
	munmap(moved, 3 * DGEM_PAGE);
	igt_assert_eq_u32(dgem_vmas(fd, handle), 0);
	gem_close(fd, handle);
}

static void test_bad_windows(int fd)
{
	static const uint32_t bad[] = { BARS, 7, 31, 0x80000000, UINT32_MAX };
	struct bar bars[BARS];
	int missing = 0;

	get_bars(fd, bars);
	for (int i = 0; i < BARS; i++) {
		if (!bars[i].end) {
			create_io_err(fd, i, 0, DGEM_PAGE, -ENODEV);
			missing++;
		} else if (bars[i].flags & IORESOURCE_IO) {
			create_io_err(fd, i, 0, DGEM_PAGE, -EOPNOTSUPP);
		} else {
			igt_assert(bars[i].flags & IORESOURCE_MEM);
		}
	}
	igt_assert_lte(1, missing);
	for (int i = 0; i < ARRAY_SIZE(bad); i++)
		create_io_err(fd, bad[i], 0, DGEM_PAGE, -EINVAL);
}

static void test_bad_ranges(int fd)
{
	struct bar bars[BARS];
	uint32_t handle;
	uint64_t size;

	get_bars(fd, bars);
	size = bars[0].end - bars[0].start + 1;
	create_io_err(fd, 0, 0, size + 1, -EINVAL);
	create_io_err(fd, 0, DGEM_PAGE, size, -EINVAL);
	create_io_err(fd, 0, size, DGEM_PAGE, -EINVAL);
	create_io_err(fd, 0, size - DGEM_PAGE, DGEM_PAGE + 1, -EINVAL);
	create_io_err(fd, 0, UINT64_MAX - DGEM_PAGE + 1, DGEM_PAGE, -EINVAL);
	create_io_err(fd, 0, UINT64_MAX - DGEM_PAGE + 1, 2 * DGEM_PAGE, -EINVAL);
	create_io_err(fd, 0, 1ull << 63, DGEM_PAGE, -EINVAL);
	create_io_err(fd, 0, 1ull << 32, DGEM_PAGE, -EINVAL);
	create_io_err(fd, 0, 1, DGEM_PAGE, -EINVAL);
	create_io_err(fd, 0, DGEM_PAGE - 4, DGEM_PAGE, -EINVAL);
	create_io_err(fd, 0, 0, 0, -EINVAL);
	/* All of it, and its last page, are fine. */
	gem_close(fd, create_io(fd, size));
	igt_assert_eq(__create_io(fd, 0, size - DGEM_PAGE, DGEM_PAGE, &handle), 0);
	gem_close(fd, handle);
}

static void test_bad_accesses(int fd)
{
	const struct {
		uint64_t offset, length;
	} bad[] = {
		{ 0, 0 }, { 0, DGEM_PAGE + 1 }, { DGEM_PAGE, 1 }, { DGEM_PAGE - 4, 8 },
		{ 4, UINT64_MAX }, { UINT64_MAX - 3, 8 }, { UINT64_MAX - 3, 4 },
		{ 1ull << 63, 1ull << 63 }, { 8, UINT64_MAX - 7 },
	};
	uint32_t handle = create_io(fd, DGEM_PAGE), dst = dgem_create_contiguous(fd, DGEM_PAGE);

	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct drm_dgem_op from = dgem_op_copy(handle, bad[i].offset, dst, 0,
						       bad[i].length);
		struct drm_dgem_op to = dgem_op_copy(dst, 0, handle, bad[i].offset,
						     bad[i].length);
		struct drm_dgem_submit submit;

		igt_assert_eq(__dgem_sync(fd, handle, DRM_DGEM_SYNC_READ, bad[i].offset,
					  bad[i].length, 0), -EINVAL);
		igt_assert_eq(__dgem_sync(fd, handle, DRM_DGEM_SYNC_WRITE | DRM_DGEM_SYNC_END,
					  bad[i].offset, bad[i].length, 0), -EINVAL);
		dgem_submit_init(&submit, &from, 1);
		igt_assert_eq(__dgem_submit(fd, &submit), -EINVAL);
		dgem_submit_init(&submit, &to, 1);
		igt_assert_eq(__dgem_submit(fd, &submit), -EINVAL);
	}
	gem_close(fd, handle);
	gem_close(fd, dst);
}

static void test_bad_arguments(int fd)
{
	const struct drm_dgem_create good = { .size = DGEM_PAGE, .kind = DRM_DGEM_KIND_IO };
	static const uint32_t caches[] = { DRM_DGEM_CACHE_CACHED, DRM_DGEM_CACHE_EXPORTER, 31 };
	struct drm_dgem_create create;

	for (int i = 0; i < ARRAY_SIZE(caches); i++) {
		create = good;
		create.cache = caches[i];
		igt_assert_eq(__dgem_create(fd, &create), -EINVAL);
	}
	for (int bit = 0; bit < 32; bit++) {
		create = good;
		create.source_count = 1u << bit;
		igt_assert_eq(__dgem_create(fd, &create), -EINVAL);
		create = good;
		create.source_stride = 1u << bit;
		igt_assert_eq(__dgem_create(fd, &create), -EINVAL);
		create = good;
		create.flags = 1u << bit;
		igt_assert_eq(__dgem_create(fd, &create), -EINVAL);
		create = good;
		create.pad = 1u << bit;
		igt_assert_eq(__dgem_create(fd, &create), -EINVAL);
	}
}

static void test_unprivileged(int fd)
{
	igt_fork(child, 1) {
		igt_drop_root();
		create_io_err(fd, 0, 0, DGEM_PAGE, -EPERM);
		/* What is in the BARs is no business of theirs, either. */
		create_io_err(fd, 5, 0, DGEM_PAGE, -EPERM);
		create_io_err(fd, 0, 1, DGEM_PAGE, -EPERM);
	}
	igt_waitchildren();
}

static void test_export(int fd)
{
	uint32_t handle = create_io(fd, DGEM_PAGE);

	igt_assert_eq(__dgem_export(fd, handle, DRM_CLOEXEC | DRM_RDWR), -EOPNOTSUPP);
	igt_assert_eq(__dgem_export(fd, handle, DRM_CLOEXEC), -EOPNOTSUPP);
	gem_close(fd, handle);
}

/* Has a file of its own: it is an orphan in the end. */
static void test_unplug(void)
{
	char driver[PATH_MAX], device[32], bind[PATH_MAX + 8], unbind[PATH_MAX + 8];
	volatile uint32_t *regs, *untouched;
	int fd = dgem_open(), next;
	uint32_t handle;

	igt_require(dgem_engine_driver(fd, driver, device));
	snprintf(bind, sizeof(bind), "%s/bind", driver);
	snprintf(unbind, sizeof(unbind), "%s/unbind", driver);

	handle = create_io(fd, 2 * DGEM_PAGE);
	regs = dgem_mmap(fd, handle, 2 * DGEM_PAGE);
	untouched = dgem_mmap(fd, handle, 2 * DGEM_PAGE);
	igt_assert_eq_u32(regs[0], EDU_ID);
	dgem_write_file(unbind, device);
	igt_assert_eq(dgem_touch(regs, false), SIGBUS);
	igt_assert_eq(dgem_touch(regs + DGEM_PAGE / sizeof(*regs), true), SIGBUS);
	igt_assert_eq(dgem_touch(untouched, false), SIGBUS);
	dgem_write_file(bind, device);
	dgem_bind();

	next = dgem_open();
	handle = create_io(next, DGEM_PAGE);
	igt_assert_eq(dgem_touch(regs, false), SIGBUS);
	munmap((void *)regs, 2 * DGEM_PAGE);
	munmap((void *)untouched, 2 * DGEM_PAGE);
	close(fd);
	regs = dgem_mmap(next, handle, DGEM_PAGE);
	igt_assert_eq_u32(regs[0], EDU_ID);
	munmap((void *)regs, DGEM_PAGE);
	close(next);
}

static void test_not_offered(int fd)
{
	create_io_err(fd, 0, 0, DGEM_PAGE, -EOPNOTSUPP);
}

static const struct dgem_test tests[] = {
	{ "registers", "A mapping shows the device's registers.", test_registers },
	{ "cache-modes", "A window is uncached, and INFO tells.", test_cache_modes },
	{ "one-at-a-time", "A BAR is in one object at a time.", test_one_at_a_time },
	{ "copy", "The engine copies from registers that it reaches.", test_copy },
	{ "peek", "A debugger uses registers by words.", test_peek },
	{ "mapping-parts", "What is left of a mapping shows what it did.", test_mapping_parts },
	{ "bad-windows", "BARs without memory are refused.", test_bad_windows },
	{ "bad-ranges", "A window that is not within its BAR is refused.", test_bad_ranges },
	{ "bad-accesses", "Accesses beyond the end are refused.", test_bad_accesses },
	{ "bad-arguments", "Arguments of other kinds are refused.", test_bad_arguments },
	{ "unprivileged", "It takes CAP_SYS_RAWIO.", test_unprivileged },
	{ "export", "Registers cannot be exported.", test_export },
};

static bool offered(int fd)
{
	struct drm_dgem_query_device device;

	dgem_query_device(fd, &device);
	return device.kinds & (1ull << DRM_DGEM_KIND_IO);
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = dgem_open();

	igt_subtest_group() {
		igt_fixture()
			igt_require_f(offered(fd), "the engine has no device with windows\n");

		dgem_subtests(fd, tests, ARRAY_SIZE(tests));

		igt_fixture()
			close(fd);

		igt_describe("When the device goes, mappings raise SIGBUS.");
		igt_subtest("unplug")
			test_unplug();

		igt_fixture() {
			dgem_bind();
			fd = dgem_open();
		}
	}

	igt_describe("An engine without a device has no windows.");
	igt_subtest("not-offered") {
		igt_require_f(!offered(fd), "the engine has windows\n");
		test_not_offered(fd);
	}

	igt_fixture()
		close(fd);
}
