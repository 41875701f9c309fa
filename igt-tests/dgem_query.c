// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <sys/mman.h>

#include "igt.h"

#include "dgem_util.h"

/**
 * TEST: dgem query
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: uapi
 * Description: What a dgem device tells about itself.
 *
 * SUBTEST: version
 * Description: The driver tells its name, and that it speaks version 2 of its interface.
 *
 * SUBTEST: device
 * Description: The device's limits make sense.
 *
 * SUBTEST: engine
 * Description: The engine's description makes sense.
 *
 * SUBTEST: stats
 * Description: Objects, mappings and jobs are counted.
 *
 * SUBTEST: nodes-agree
 * Description: Render and primary node tell the same.
 *
 * SUBTEST: size-only
 * Description: Without a buffer only the size of the answer is told.
 *
 * SUBTEST: short-answer
 * Description: An answer is cut at the size of the client's buffer.
 *
 * SUBTEST: long-answer
 * Description: What the kernel does not know is cleared.
 *
 * SUBTEST: bad-type
 * Description: Unknown questions are refused.
 *
 * SUBTEST: bad-pad
 * Description: A non-zero pad is refused.
 *
 * SUBTEST: bad-pointer
 * Description: An answer that cannot be written is EFAULT.
 *
 * SUBTEST: bad-argument
 * Description: An argument that cannot be read or written is EFAULT.
 *
 * SUBTEST: bad-ioctl
 * Description: Numbers that are no ioctl of dgem are refused.
 */

IGT_TEST_DESCRIPTION("What a dgem device tells about itself.");

#define CANARY	0xa5

static const struct {
	const char *name;
	uint32_t type;
	uint32_t size;
} types[] = {
	{ "device", DRM_DGEM_QUERY_DEVICE, sizeof(struct drm_dgem_query_device) },
	{ "engine", DRM_DGEM_QUERY_ENGINE, sizeof(struct drm_dgem_query_engine) },
	{ "stats", DRM_DGEM_QUERY_STATS, sizeof(struct drm_dgem_query_stats) },
};

static bool is_string(const uint8_t *name, size_t size)
{
	return memchr(name, 0, size);
}

static bool all_canary(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (bytes[i] != CANARY)
			return false;
	}
	return true;
}

static void test_version(int fd)
{
	char name[32] = "", date[32] = "", desc[64] = "";
	struct drm_version version = {
		.name = name, .name_len = sizeof(name) - 1,
		.date = date, .date_len = sizeof(date) - 1,
		.desc = desc, .desc_len = sizeof(desc) - 1,
	};

	do_ioctl(fd, DRM_IOCTL_VERSION, &version);
	igt_assert_eq(strcmp(name, "dgem"), 0);
	igt_assert_eq(version.version_major, 2);
	igt_assert_lte(0, version.version_minor);
	igt_assert(strlen(desc) > 0);
	igt_info("dgem %d.%d: %s\n", version.version_major, version.version_minor, desc);
}

static void test_device(int fd)
{
	struct drm_dgem_query_device device;

	dgem_query_device(fd, &device);
	igt_assert(device.kinds & (1 << DRM_DGEM_KIND_CONTIGUOUS));
	igt_assert(device.kinds & (1 << DRM_DGEM_KIND_COHERENT));
	igt_assert(!(device.kinds & (1 << DRM_DGEM_KIND_IMPORT)));
	/* a kind that there was once, and those that there are not yet */
	igt_assert_eq_u64(device.kinds & 1 << 3, 0);
	igt_assert_eq_u64(device.kinds >> (DRM_DGEM_KIND_USER + 1), 0);
	igt_assert_eq_u32(device.page_size, getpagesize());
	/* a sixteenth of what DRM has offsets for, or nearly so */
	igt_assert_eq_u64(device.max_size % device.page_size, 0);
	if (dgem_kernel_64()) {
		igt_assert_lte_u64(device.max_size, 1ull << 36);
		igt_assert_lte_u64((1ull << 36) - (1ull << 30), device.max_size);
	} else {
		igt_assert_lte_u64(device.max_size, 1ull << 31);
		igt_assert_lte_u64(64 * DGEM_MIB, device.max_size);
	}
	igt_assert(device.granule && !(device.granule & (device.granule - 1)));
	igt_assert_lte(device.page_size, device.granule);
	igt_assert_lte(device.granule, 2 * DGEM_MIB);
	if (device.page_size == 4096)
		igt_assert_eq_u32(device.granule, 2 * DGEM_MIB);
	igt_assert_eq_u32(device.pad, 0);
	igt_assert(device.max_ops >= 1);
	igt_assert(is_string(device.name, sizeof(device.name)));
	igt_assert(device.name[0]);
}

static void test_engine(int fd)
{
	struct drm_dgem_query_engine engine;

	dgem_query_engine(fd, &engine);
	igt_assert(is_string(engine.name, sizeof(engine.name)));
	igt_assert(is_string(engine.device, sizeof(engine.device)));
	igt_assert(engine.copy_align && !(engine.copy_align & (engine.copy_align - 1)));
	igt_assert(engine.dma_mask && !(engine.dma_mask & (engine.dma_mask + 1)));
	igt_assert(engine.max_segment);
	igt_assert_eq_u32(engine.pad, 0);
	switch (engine.type) {
	case DRM_DGEM_ENGINE_CPU:
		igt_assert_eq(strcmp((char *)engine.name, "cpu"), 0);
		igt_assert_eq(engine.device[0], 0);
		break;
	case DRM_DGEM_ENGINE_DMA:
		igt_assert(engine.name[0]);
		igt_assert(engine.device[0]);
		break;
	default:
		igt_assert_f(false, "unknown engine type %u\n", engine.type);
	}
	igt_info("engine %s on \"%s\", mask %#llx\n", engine.name, engine.device,
		 (unsigned long long)engine.dma_mask);
}

static void test_stats(int fd)
{
	const uint64_t size = 3 * DGEM_PAGE;
	struct drm_dgem_query_stats before, now;
	struct dgem_snapshot unused;
	uint32_t src, dst;
	void *ptr;

	dgem_snapshot(fd, &unused);
	dgem_query_stats(fd, &before);
	src = dgem_create_contiguous(fd, size);
	dst = dgem_create(fd, &dgem_kinds[1], size);
	dgem_query_stats(fd, &now);
	igt_assert_eq_u64(now.objects, before.objects + 2);
	igt_assert_eq_u64(now.bytes, before.bytes + 2 * size);

	ptr = dgem_mmap(fd, src, size);
	dgem_query_stats(fd, &now);
	igt_assert_eq_u64(now.vmas, before.vmas + 1);
	munmap(ptr, size);
	dgem_query_stats(fd, &now);
	igt_assert_eq_u64(now.vmas, before.vmas);

	dgem_copy(fd, src, 0, dst, 0, 256);
	dgem_query_stats(fd, &now);
	igt_assert_eq_u64(now.jobs, before.jobs + 1);
	igt_assert_eq_u64(now.jobs_failed, before.jobs_failed);

	gem_close(fd, src);
	gem_close(fd, dst);
	dgem_assert_unchanged(fd, &unused);
}

static void test_nodes_agree(int fd)
{
	int primary = dgem_open_primary();

	for (int i = 0; i < 2; i++) {
		uint8_t ours[256] = { }, theirs[256] = { };
		uint32_t size = sizeof(ours);

		igt_assert_eq(__dgem_query(fd, types[i].type, ours, &size), 0);
		size = sizeof(theirs);
		igt_assert_eq(__dgem_query(primary, types[i].type, theirs, &size), 0);
		igt_assert_eq(memcmp(ours, theirs, sizeof(ours)), 0);
	}
	close(primary);
}

static void test_size_only(int fd)
{
	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		uint8_t answer[256];
		uint32_t size = 0;

		igt_assert_eq(__dgem_query(fd, types[i].type, NULL, &size), 0);
		igt_assert_lte(types[i].size, size);

		/* The size at a null pointer does not matter, nor does a pointer at size zero. */
		size = 12345;
		igt_assert_eq(__dgem_query(fd, types[i].type, NULL, &size), 0);
		igt_assert_lte(types[i].size, size);
		memset(answer, CANARY, sizeof(answer));
		size = 0;
		igt_assert_eq(__dgem_query(fd, types[i].type, answer, &size), 0);
		igt_assert_lte(types[i].size, size);
		igt_assert(all_canary(answer, sizeof(answer)));
	}
}

static void test_short_answer(int fd)
{
	for (int i = 0; i < 2; i++) {
		for (uint32_t cut = 1; cut < types[i].size; cut++) {
			uint8_t whole[256], part[256];
			uint32_t size = types[i].size;

			igt_assert_eq(__dgem_query(fd, types[i].type, whole, &size), 0);
			memset(part, CANARY, sizeof(part));
			size = cut;
			igt_assert_eq(__dgem_query(fd, types[i].type, part, &size), 0);
			igt_assert_lte(types[i].size, size);
			igt_assert_eq(memcmp(whole, part, cut), 0);
			igt_assert(all_canary(part + cut, sizeof(part) - cut));
		}
	}
}

static void test_long_answer(int fd)
{
	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		uint8_t answer[1024];
		uint32_t size = sizeof(answer) - 16;

		memset(answer, CANARY, sizeof(answer));
		igt_assert_eq(__dgem_query(fd, types[i].type, answer, &size), 0);
		igt_assert_lte(types[i].size, size);
		igt_assert_lt(size, sizeof(answer) - 16);
		for (uint32_t byte = size; byte < sizeof(answer) - 16; byte++)
			igt_assert_eq(answer[byte], 0);
		igt_assert(all_canary(answer + sizeof(answer) - 16, 16));
	}
}

static void test_bad_type(int fd)
{
	static const uint32_t bad[] = { 3, 64, 0x10000, 0x80000000, UINT32_MAX };
	uint8_t answer[256];

	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		uint32_t size = sizeof(answer);

		memset(answer, CANARY, sizeof(answer));
		igt_assert_eq(__dgem_query(fd, bad[i], answer, &size), -EINVAL);
		igt_assert_eq(__dgem_query(fd, bad[i], NULL, &size), -EINVAL);
		igt_assert(all_canary(answer, sizeof(answer)));
	}
}

static void test_bad_pad(int fd)
{
	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		for (int bit = 0; bit < 64; bit += 9) {
			struct drm_dgem_query query = {
				.type = types[i].type,
				.pad = 1ull << bit,
			};

			do_ioctl_err(fd, DRM_IOCTL_DGEM_QUERY, &query, EINVAL);
		}
	}
}

static void test_bad_pointer(int fd)
{
	uint8_t *pages = mmap(NULL, 2 * DGEM_PAGE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const uint64_t bad[] = {
		8, (uint64_t)-4096, 1ull << 63,
		to_user_pointer(pages + DGEM_PAGE),		/* read-only */
		to_user_pointer(pages + DGEM_PAGE - 16),	/* runs into it */
	};

	igt_assert(pages != MAP_FAILED);
	igt_assert_eq(mprotect(pages + DGEM_PAGE, DGEM_PAGE, PROT_READ), 0);
	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		struct drm_dgem_query query = { .type = types[i].type };

		for (int j = 0; j < ARRAY_SIZE(bad); j++) {
			query.size = types[i].size;
			query.data = bad[j];
			do_ioctl_err(fd, DRM_IOCTL_DGEM_QUERY, &query, EFAULT);
		}

		/* The answer fits, the part to be cleared does not. */
		query.size = types[i].size + 16;
		query.data = to_user_pointer(pages + DGEM_PAGE - types[i].size);
		do_ioctl_err(fd, DRM_IOCTL_DGEM_QUERY, &query, EFAULT);
	}
	munmap(pages, 2 * DGEM_PAGE);
}

static void test_bad_argument(int fd)
{
	struct drm_dgem_query *query = mmap(NULL, DGEM_PAGE, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	igt_assert(query != MAP_FAILED);
	igt_assert_eq(mprotect(query, DGEM_PAGE, PROT_READ), 0);
	do_ioctl_err(fd, DRM_IOCTL_DGEM_QUERY, query, EFAULT);
	munmap(query, DGEM_PAGE);
	do_ioctl_err(fd, DRM_IOCTL_DGEM_QUERY, query, EFAULT);
	do_ioctl_err(fd, DRM_IOCTL_DGEM_QUERY, NULL, EFAULT);
}

static void test_bad_ioctl(int fd)
{
	uint8_t arg[256] = { };

	for (unsigned int nr = DRM_DGEM_JOB + 1; DRM_COMMAND_BASE + nr < DRM_COMMAND_END; nr++)
		igt_assert_eq(dgem_ioctl(fd, DRM_IOWR(DRM_COMMAND_BASE + nr, arg), arg), -EINVAL);
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = dgem_open();

	igt_describe("The driver tells its name.");
	igt_subtest("version")
		test_version(fd);

	igt_describe("The device's limits make sense.");
	igt_subtest("device")
		test_device(fd);

	igt_describe("The engine's description makes sense.");
	igt_subtest("engine")
		test_engine(fd);

	igt_describe("Objects, mappings and jobs are counted.");
	igt_subtest("stats")
		test_stats(fd);

	igt_describe("Render and primary node tell the same.");
	igt_subtest("nodes-agree")
		test_nodes_agree(fd);

	igt_describe("Without a buffer only the size of the answer is told.");
	igt_subtest("size-only")
		test_size_only(fd);

	igt_describe("An answer is cut at the size of the client's buffer.");
	igt_subtest("short-answer")
		test_short_answer(fd);

	igt_describe("What the kernel does not know is cleared.");
	igt_subtest("long-answer")
		test_long_answer(fd);

	igt_describe("Unknown questions are refused.");
	igt_subtest("bad-type")
		test_bad_type(fd);

	igt_describe("A non-zero pad is refused.");
	igt_subtest("bad-pad")
		test_bad_pad(fd);

	igt_describe("An answer that cannot be written is EFAULT.");
	igt_subtest("bad-pointer")
		test_bad_pointer(fd);

	igt_describe("An argument that cannot be read or written is EFAULT.");
	igt_subtest("bad-argument")
		test_bad_argument(fd);

	igt_describe("Numbers that are no ioctl of dgem are refused.");
	igt_subtest("bad-ioctl")
		test_bad_ioctl(fd);

	igt_fixture()
		close(fd);
}
