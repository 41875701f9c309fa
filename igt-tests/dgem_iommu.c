// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>

#include "igt.h"

#include "dgem_bind.h"
#include "dgem_instance.h"
#include "dgem_table.h"
#include "dgem_util.h"

/**
 * TEST: dgem iommu
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: iommu
 * Description: An engine behind an IOMMU.
 *
 * SUBTEST: one-segment
 * Description: Scattered memory is one range of I/O addresses, and copied right.
 *
 * SUBTEST: within-mask
 * Description: The I/O addresses are within the engine's mask, wherever the memory is.
 *
 * SUBTEST: stray
 * Description: What the device reads or writes where nothing is mapped for it is reported, and the
 *	memory of that address keeps its bytes.
 */

IGT_TEST_DESCRIPTION("An engine behind an IOMMU.");

#define NAME	"igt-iommu"
#define SIZE	(64 * DGEM_PAGE)

/* Registers of QEMU's edu device */
#define EDU_SRC		0x80
#define EDU_DST		0x88
#define EDU_COUNT	0x90
#define EDU_CMD		0x98
#define EDU_START	0x1
#define EDU_TO_MEMORY	0x2
#define EDU_BUFFER	0x40000

static const struct dgem_kind *scattered(int fd)
{
	const struct dgem_kind *kind;

	for_each_dgem_kind_here(fd, kind, DRM_DGEM_CAP_MMAP)
		if (kind->kind == DRM_DGEM_KIND_VMALLOC)
			return kind;
	igt_skip("no memory that is scattered\n");
	return NULL;
}

/* Bytes as they come, and copied at both ends. */
static void map_and_copy(int fd, uint32_t *src, uint32_t *dst)
{
	*src = dgem_create_filled(fd, scattered(fd), SIZE, 1);
	*dst = dgem_create(fd, scattered(fd), SIZE);
	dgem_copy(fd, *src, 0, *dst, 0, DGEM_PAGE);
	dgem_copy(fd, *src, SIZE - DGEM_PAGE, *dst, SIZE - DGEM_PAGE, DGEM_PAGE);
}

static void test_one_segment(int fd)
{
	uint32_t src, dst;
	struct drm_dgem_info info;
	uint8_t *ptr;

	map_and_copy(fd, &src, &dst);
	dgem_info(fd, src, &info);
	igt_assert_eq_u32(info.segments, 1);
	dgem_info(fd, dst, &info);
	igt_assert_eq_u32(info.segments, 1);
	ptr = dgem_mmap(fd, dst, SIZE);
	dgem_sync_start(fd, dst, DRM_DGEM_SYNC_READ, SIZE);
	dgem_check(ptr, 0, DGEM_PAGE, 1);
	dgem_check(ptr + SIZE - DGEM_PAGE, SIZE - DGEM_PAGE, DGEM_PAGE, 1);
	igt_assert(dgem_is_zero(ptr + DGEM_PAGE, SIZE - 2 * DGEM_PAGE));
	dgem_sync_end(fd, dst, DRM_DGEM_SYNC_READ, SIZE);
	munmap(ptr, SIZE);
	gem_close(fd, src);
	gem_close(fd, dst);
}

static void test_within_mask(int fd)
{
	struct drm_dgem_query_engine engine;
	uint64_t highest;
	uint32_t src, dst;

	dgem_query_engine(fd, &engine);
	map_and_copy(fd, &src, &dst);
	igt_assert_eq_u64(dgem_dma_bytes(fd, "vmalloc", &highest), 2 * SIZE);
	igt_assert_lte_u64(highest, engine.dma_mask);
	gem_close(fd, src);
	gem_close(fd, dst);
}

/* The address of memory for the CPU; its page has been touched. */
static uint64_t physical(const void *ptr)
{
	int file = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry;

	igt_assert_fd(file);
	igt_assert_eq(pread(file, &entry, sizeof(entry), (uintptr_t)ptr / DGEM_PAGE * 8), 8);
	close(file);
	igt_assert(entry >> 63);
	return (entry & ((1ull << 55) - 1)) * DGEM_PAGE;
}

/* The engine's device behind its driver's back, which must have nothing for it to do. */
static volatile uint8_t *map_edu(int fd)
{
	char driver[4096], device[64], path[128];
	void *regs;
	int file;

	igt_assert(dgem_engine_driver(fd, driver, device));
	igt_require_f(!strcmp(strrchr(driver, '/'), "/edu_dma"), "the engine is no edu\n");
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource0", device);
	file = open(path, O_RDWR | O_CLOEXEC);
	igt_assert_fd(file);
	regs = mmap(NULL, DGEM_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	close(file);
	igt_assert(regs != MAP_FAILED);
	return regs;
}

/* Between the device's own buffer and an address. */
static void edu_move(volatile uint8_t *regs, uint64_t address, uint32_t length, bool to_memory)
{
	volatile uint32_t *cmd = (volatile uint32_t *)(regs + EDU_CMD);

	*(volatile uint64_t *)(regs + EDU_SRC) = to_memory ? EDU_BUFFER : address;
	*(volatile uint64_t *)(regs + EDU_DST) = to_memory ? address : EDU_BUFFER;
	*(volatile uint32_t *)(regs + EDU_COUNT) = length;
	*cmd = EDU_START | (to_memory ? EDU_TO_MEMORY : 0);
	while (*cmd & EDU_START)
		dgem_sleep_ms(10);
}

/* That one of the next lines of the kernel's log has an address. */
static void expect_report(int log, uint64_t address)
{
	char line[1024], text[32];

	snprintf(text, sizeof(text), " %#" PRIx64 " ", address);
	for (int patience = 500; patience; patience--) {
		ssize_t length;

		while ((length = read(log, line, sizeof(line) - 1)) > 0) {
			line[length] = '\0';
			/* the one says "fault addr 0x…", the other "iova: 0x…" */
			if (strstr(line, text))
				return;
		}
		dgem_sleep_ms(10);
	}
	igt_assert_f(false, "nobody reports %#" PRIx64 "\n", address);
}

/* An instance with memory whose addresses are within the engine's mask, if the machine has any. */
static int open_low(void)
{
	dgem_require_configfs();
	dgem_instance_make(NAME);
	dgem_instance_set(NAME, "engine", "cpu");
	dgem_instance_set(NAME, "dma_bits", "28");
	if (__dgem_instance_set(NAME, "enabled", "1")) {
		dgem_instance_set(NAME, "dma_bits", "32");
		dgem_instance_set(NAME, "enabled", "1");
	}
	return dgem_instance_open(NAME);
}

/* At the address that this memory has for the CPU, nothing is mapped for the engine. */
static void test_stray(int fd)
{
	static const struct dgem_kind direct = {
		.name = "direct-pages",
		.kind = DRM_DGEM_KIND_PAGES,
		.flags = DRM_DGEM_CREATE_DIRECT_IO,
	};
	const uint64_t size = 2 * DGEM_PAGE;
	struct drm_dgem_query_engine engine;
	volatile uint8_t *regs = map_edu(fd);
	int low = open_low(), log;
	uint32_t src, dst, handle = dgem_create_filled(low, &direct, size, 1);
	uint8_t *ptr = dgem_mmap(low, handle, size);
	uint64_t address;

	dgem_query_engine(fd, &engine);
	log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	igt_assert_fd(log);
	igt_assert_lte(0, lseek(log, 0, SEEK_END));
	igt_emit_ignore_dmesg_regex("DMAR|arm-smmu");

	/*
	 * The CPU's page tables tell the addresses of pages that could be lent to somebody. A word
	 * each: edu moves no more at a time, and the kernel reports no more than ten in 5 seconds.
	 */
	dgem_check(ptr, 0, size, 1);
	for (int i = 0; i < 2; i++) {
		address = physical(ptr + i * DGEM_PAGE) & engine.dma_mask;
		edu_move(regs, address, sizeof(uint32_t), i);
		expect_report(log, address);
		dgem_check(ptr, 0, size, 1);
	}
	close(log);
	munmap(ptr, size);
	gem_close(low, handle);
	close(low);
	dgem_instance_remove(NAME);

	/* and the engine is as good as before */
	src = dgem_create_filled(fd, &dgem_kinds[0], SIZE, 2);
	dst = dgem_create(fd, &dgem_kinds[0], SIZE);
	dgem_copy(fd, src, 0, dst, 0, SIZE);
	dgem_check_object(fd, dst, SIZE, 2);
	munmap((void *)regs, DGEM_PAGE);
	gem_close(fd, src);
	gem_close(fd, dst);
}

static const struct dgem_test tests[] = {
	{ "one-segment", "Scattered memory is one range of I/O addresses.", test_one_segment },
	{ "within-mask", "I/O addresses are within the mask.", test_within_mask },
	{ "stray", "A stray address is reported, and the memory intact.", test_stray },
};

int igt_main()
{
	int fd = -1;

	igt_fixture() {
		fd = dgem_open();
		igt_require_f(dgem_behind_iommu(fd), "the engine is behind no IOMMU\n");
	}

	dgem_subtests(fd, tests, ARRAY_SIZE(tests));

	igt_fixture() {
		__dgem_instance_remove(NAME);
		close(fd);
	}
}
