// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <linux/dma-buf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"

#include "dgem_instance.h"
#include "dgem_table.h"
#include "dgem_util.h"

/**
 * TEST: dgem bounce
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: synchronization
 * Description: An engine that works on a copy of the memory (swiotlb), which only access windows
 *	keep up to date.
 *
 * SUBTEST: bounced
 * Description: There is such an engine here; else the other tests would show nothing.
 *
 * SUBTEST: from-device-%s
 * Description: A window shows what the device wrote, in its range at least.
 *
 * SUBTEST: to-device-%s
 * Description: A window hands over what the CPU wrote in its range, and nothing around it.
 *
 * SUBTEST: reading-%s
 * Description: A window in which the CPU only read hands over nothing.
 *
 * SUBTEST: dmabuf-%s
 * Description: Windows of the dma-buf are windows over the whole object.
 *
 * SUBTEST: importer-%s
 * Description: No other device gets the memory when it maps it, though it may have the dma-buf; the
 *		CPU gets it, by a kernel mapping.
 *
 * arg[1]:
 *
 * @contiguous: contiguous cached memory
 * @pages: memory in pages
 * @lazy: memory in pages that come when they are needed
 * @vmalloc: single pages
 *
 * SUBTEST: coherent
 * Description: Memory that needs no windows is not to be had.
 *
 * SUBTEST: import
 * Description: The engine gets no job with memory of other drivers, which can be imported, mapped
 *		and synced.
 */

IGT_TEST_DESCRIPTION("An engine that works on a copy of the memory.");

#define PAGES	6
#define SIZE	(PAGES * DGEM_PAGE)
#define NAME	"igt-bounce"
#define READER	"igt-reader"
#define SWIOTLB	"/sys/kernel/debug/swiotlb/io_tlb_used"
#define DEBUG	"/sys/module/drm/parameters/debug"
/* of drivers and PRIME */
#define CATEGORIES	"10"

#define RANGES	7

struct range {
	uint64_t offset, length;
};

static struct range whole(void)
{
	return (struct range) { 0, SIZE };
}

static struct range nth_range(int n)
{
	const struct range ranges[RANGES] = {
		whole(), { 0, 1 }, { SIZE - 1, 1 }, { 1, 62 }, { DGEM_PAGE - 3, 7 },
		{ 100, 3 * DGEM_PAGE + 77 }, { 5 * DGEM_PAGE, DGEM_PAGE },
	};

	return ranges[n];
}

/* Of the machine's bounce buffers those that are used. */
static uint64_t bounce_slots(void)
{
	FILE *file = fopen(SWIOTLB, "r");
	unsigned long long count = 0;

	igt_require_f(file, "no %s\n", SWIOTLB);
	igt_assert_eq(fscanf(file, "%llu", &count), 1);
	fclose(file);
	return count;
}

/* The device writes the whole object, from one that holds the seed. */
static void device_writes(int fd, uint32_t handle, uint32_t seed)
{
	uint32_t src = dgem_create_filled(fd, &dgem_kinds[0], SIZE, seed);

	dgem_copy(fd, src, 0, handle, 0, SIZE);
	gem_close(fd, src);
}

/* What the device sees: the range has one seed, all around it another. */
static void device_sees(int fd, uint32_t handle, const struct range *range, uint32_t within,
			uint32_t around)
{
	uint32_t dst = dgem_create_contiguous(fd, SIZE);
	uint64_t end = range->offset + range->length;
	uint8_t *ptr = dgem_mmap(fd, dst, SIZE);

	dgem_copy(fd, handle, 0, dst, 0, SIZE);
	dgem_sync_start(fd, dst, DRM_DGEM_SYNC_READ, SIZE);
	dgem_check(ptr, 0, range->offset, around);
	dgem_check(ptr + range->offset, range->offset, range->length, within);
	dgem_check(ptr + end, end, SIZE - end, around);
	dgem_sync_end(fd, dst, DRM_DGEM_SYNC_READ, SIZE);
	munmap(ptr, SIZE);
	gem_close(fd, dst);
}

static void begin(int fd, uint32_t handle, uint32_t flags, const struct range *range)
{
	igt_assert_eq(__dgem_sync(fd, handle, flags, range->offset, range->length,
				  dgem_now() + DGEM_PATIENCE_NS), 0);
}

static void end(int fd, uint32_t handle, uint32_t flags, const struct range *range)
{
	igt_assert_eq(__dgem_sync(fd, handle, flags | DRM_DGEM_SYNC_END, range->offset,
				  range->length, 0), 0);
}

static void test_from_device(int fd, const struct dgem_kind *kind)
{
	uint32_t handle = dgem_create_filled(fd, kind, SIZE, 1);
	uint8_t *ptr = dgem_mmap(fd, handle, SIZE);

	for (int i = 0; i < RANGES; i++) {
		const struct range range = nth_range(i);
		uint32_t flags = i & 1 ? DRM_DGEM_SYNC_READ :
					 DRM_DGEM_SYNC_READ | DRM_DGEM_SYNC_WRITE;

		device_writes(fd, handle, 2 + i);
		begin(fd, handle, flags, &range);
		dgem_check(ptr + range.offset, range.offset, range.length, 2 + i);
		end(fd, handle, flags, &range);
	}
	munmap(ptr, SIZE);
	gem_close(fd, handle);
}

static void test_to_device(int fd, const struct dgem_kind *kind)
{
	uint32_t handle = dgem_create_filled(fd, kind, SIZE, 1);
	uint8_t *ptr = dgem_mmap(fd, handle, SIZE);

	for (int i = 0; i < RANGES; i++) {
		const struct range range = nth_range(i);

		/* around the range the CPU's view is older than the device's */
		device_writes(fd, handle, 20 + i);
		begin(fd, handle, DRM_DGEM_SYNC_WRITE, &range);
		dgem_fill(ptr + range.offset, range.offset, range.length, 40 + i);
		end(fd, handle, DRM_DGEM_SYNC_WRITE, &range);
		device_sees(fd, handle, &range, 40 + i, 20 + i);
	}
	munmap(ptr, SIZE);
	gem_close(fd, handle);
}

static void test_reading(int fd, const struct dgem_kind *kind)
{
	const struct range all = whole(), some = { 100, DGEM_PAGE };
	uint32_t handle = dgem_create_filled(fd, kind, SIZE, 1);
	uint8_t *ptr = dgem_mmap(fd, handle, SIZE);

	device_writes(fd, handle, 2);
	begin(fd, handle, DRM_DGEM_SYNC_READ, &some);
	dgem_check(ptr + some.offset, some.offset, some.length, 2);
	/* against the rules: what is written here is nobody's */
	dgem_fill(ptr + some.offset, some.offset, some.length, 3);
	end(fd, handle, DRM_DGEM_SYNC_READ, &some);
	device_sees(fd, handle, &all, 2, 2);
	munmap(ptr, SIZE);
	gem_close(fd, handle);
}

static void window(int dmabuf, uint64_t flags)
{
	struct dma_buf_sync sync = { .flags = flags };

	igt_assert_eq(ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &sync), 0);
}

static void test_dmabuf(int fd, const struct dgem_kind *kind)
{
	const struct range all = whole();
	uint32_t handle = dgem_create_filled(fd, kind, SIZE, 1);
	int dmabuf = dgem_export(fd, handle);
	uint8_t *ptr = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);

	igt_assert(ptr != MAP_FAILED);
	for (int i = 0; i < 3; i++) {
		device_writes(fd, handle, 2 + i);
		window(dmabuf, DMA_BUF_SYNC_READ | DMA_BUF_SYNC_START);
		dgem_check(ptr, 0, SIZE, 2 + i);
		window(dmabuf, DMA_BUF_SYNC_READ | DMA_BUF_SYNC_END);
		window(dmabuf, DMA_BUF_SYNC_WRITE | DMA_BUF_SYNC_START);
		dgem_fill(ptr, 0, SIZE, 10 + i);
		window(dmabuf, DMA_BUF_SYNC_WRITE | DMA_BUF_SYNC_END);
		device_sees(fd, handle, &all, 10 + i, 0);
	}
	munmap(ptr, SIZE);
	close(dmabuf);
	gem_close(fd, handle);
}

static void set_debug(const char *value)
{
	int file = open(DEBUG, O_WRONLY | O_CLOEXEC);

	igt_require_f(file >= 0, "no %s\n", DEBUG);
	igt_assert_eq(write(file, value, strlen(value)), strlen(value));
	close(file);
}

/* Whether the kernel's log has had these words since it was opened. */
static bool log_tells(int log, const char *words)
{
	char line[8192];
	bool found = false;
	ssize_t length;

	while ((length = read(log, line, sizeof(line) - 1)) > 0) {
		line[length] = '\0';
		found |= !!strstr(line, words);
	}
	return found;
}

/* The default instance has another engine; a third one has none. */
static void test_importer(int fd, const struct dgem_kind *kind)
{
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC), dmabuf, err;
	uint32_t handle = dgem_create_filled(fd, kind, SIZE, 1), theirs, own;
	struct drm_dgem_query_engine engine;
	const struct range all = whole();
	int other = dgem_open(), reader;

	dgem_query_engine(other, &engine);
	igt_require_f(engine.type == DRM_DGEM_ENGINE_DMA, "one engine only\n");
	dmabuf = dgem_export(fd, handle);
	device_writes(fd, handle, 2);
	igt_assert_fd(log);
	igt_assert_eq(__dgem_import(other, dmabuf, &theirs), 0);
	own = dgem_create_filled(other, &dgem_kinds[0], SIZE, 7);
	igt_assert(lseek(log, 0, SEEK_END) >= 0);
	set_debug(CATEGORIES);
	err = __dgem_copy(other, theirs, 0, own, 0, SIZE);
	set_debug("0");
	/* the exporter tells why: a copy for the engine would be one that nobody else sees */
	igt_assert(err == -EOPNOTSUPP || err == -EBUSY);
	igt_assert(log_tells(log, "gets no"));
	igt_assert_eq(__dgem_copy(other, own, 0, theirs, 0, SIZE), err);
	close(log);
	dgem_check_object(other, own, SIZE, 7);
	gem_close(other, own);
	/* what the CPU does with it goes by the exporter, who has windows */
	dgem_check_object(other, theirs, SIZE, 2);
	dgem_fill_object(other, theirs, SIZE, 4);
	device_sees(fd, handle, &all, 4, 0);
	device_writes(fd, handle, 2);
	close(other);

	dgem_instance_make(READER);
	dgem_instance_enable(READER, NULL);
	reader = dgem_instance_open(READER);
	igt_assert_eq(__dgem_import(reader, dmabuf, &theirs), 0);
	own = dgem_create_contiguous(reader, SIZE);
	dgem_copy(reader, theirs, 0, own, 0, SIZE);
	dgem_check_object(reader, own, SIZE, 2);
	dgem_fill_object(reader, own, SIZE, 3);
	dgem_copy(reader, own, 0, theirs, 0, SIZE);
	device_sees(fd, handle, &all, 3, 0);
	close(reader);
	dgem_instance_remove(READER);
	close(dmabuf);
	gem_close(fd, handle);
}

static void test_bounced(int fd)
{
	const struct dgem_kind *kind;

	for_each_dgem_kind_here(fd, kind, DRM_DGEM_CAP_MMAP) {
		uint32_t handle;
		uint64_t before;

		if (!(kind->traits & DGEM_KIND_WINDOWS))
			continue;
		handle = dgem_create_filled(fd, kind, SIZE, 1);
		before = bounce_slots();
		device_writes(fd, handle, 2);
		igt_assert_lte_u64(before + 1, bounce_slots());
		gem_close(fd, handle);
	}
}

static void test_coherent(int fd)
{
	struct drm_dgem_query_device device;
	struct drm_dgem_create create = { .size = SIZE, .kind = DRM_DGEM_KIND_COHERENT };

	dgem_query_device(fd, &device);
	igt_require_f(!(device.kinds & 1ull << DRM_DGEM_KIND_COHERENT),
		      "some memory is not bounced\n");
	for (uint32_t cache = 0; cache <= DRM_DGEM_CACHE_WC; cache += DRM_DGEM_CACHE_WC) {
		create.cache = cache;
		igt_assert_eq(__dgem_create(fd, &create), -EOPNOTSUPP);
	}
}

static void test_import(int fd)
{
	struct drm_mode_create_dumb dumb = { .width = DGEM_PAGE / 4, .height = 1, .bpp = 32 };
	int vgem = dgem_open_other("vgem"), dmabuf;
	uint32_t handle, own;

	do_ioctl(vgem, DRM_IOCTL_MODE_CREATE_DUMB, &dumb);
	dmabuf = dgem_export(vgem, dumb.handle);
	igt_assert_eq(__dgem_import(fd, dmabuf, &handle), 0);
	close(vgem);
	own = dgem_create_filled(fd, &dgem_kinds[0], DGEM_PAGE, 2);
	dgem_fill_object(fd, handle, DGEM_PAGE, 1);
	igt_assert_eq(__dgem_copy(fd, handle, 0, own, 0, DGEM_PAGE), -EOPNOTSUPP);
	igt_assert_eq(__dgem_copy(fd, own, 0, handle, 0, DGEM_PAGE), -EOPNOTSUPP);
	dgem_check_object(fd, own, DGEM_PAGE, 2);
	dgem_check_object(fd, handle, DGEM_PAGE, 1);
	gem_close(fd, own);
	gem_close(fd, handle);
	close(dmabuf);
}

static const struct dgem_test tests[] = {
	{ "bounced", "The engine's mappings take bounce buffers.", test_bounced },
	{ "coherent", "Memory without windows is not to be had.", test_coherent },
	{ "import", "The engine gets no job with memory of other drivers.", test_import },
};

static const struct dgem_kind_test kind_tests[] = {
	{ "from-device", "A window shows what the device wrote.", test_from_device,
	  DGEM_KIND_WINDOWS },
	{ "to-device", "A window hands over what the CPU wrote.", test_to_device,
	  DGEM_KIND_WINDOWS },
	{ "reading", "A window for reading hands over nothing.", test_reading, DGEM_KIND_WINDOWS },
	{ "dmabuf", "Windows of the dma-buf cover it all.", test_dmabuf, DGEM_KIND_WINDOWS },
	{ "importer", "No other device gets the memory.", test_importer, DGEM_KIND_WINDOWS },
};

/* An instance of any memory, whose engine is one of those that are left. */
static int open_bounced(void)
{
	struct drm_dgem_query_engine engine;
	int fd;

	dgem_require_configfs();
	dgem_instance_make(NAME);
	dgem_instance_set(NAME, "dma_bits", "64");
	dgem_instance_enable(NAME, "auto");
	fd = dgem_instance_open(NAME);
	dgem_query_engine(fd, &engine);
	if (engine.type != DRM_DGEM_ENGINE_DMA) {
		close(fd);
		dgem_instance_remove(NAME);
		igt_skip("no engine is left\n");
	}
	return fd;
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = open_bounced();

	dgem_subtests(fd, tests, ARRAY_SIZE(tests));

	dgem_kind_subtests(fd, kind_tests, ARRAY_SIZE(kind_tests), DRM_DGEM_CAP_MMAP);

	igt_fixture() {
		close(fd);
		dgem_instance_remove(NAME);
	}
}
