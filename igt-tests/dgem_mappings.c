// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <linux/dma-buf.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "igt.h"

#include "dgem_bind.h"
#include "dgem_child.h"
#include "dgem_instance.h"
#include "dgem_util.h"

/**
 * TEST: dgem mappings
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: robustness
 * Description: Mappings of programs go with their device, those of devices reach what they may.
 *
 * SUBTEST: unbind-%s
 * Description: Of mappings that are made while the device goes none shows memory afterwards.
 *
 * arg[1]:
 *
 * @contiguous: contiguous cached memory
 * @coherent: coherent memory
 * @wc: write-combined memory
 * @reserved: memory out of the instance's pool
 * @io: registers of the engine's device
 *
 * SUBTEST: out-of-reach
 * Description: An engine of limited reach refuses jobs on another instance's memory beyond it, and
 *		only those.
 *
 * SUBTEST: windows-%s
 * Description: Access windows of both kinds, over memory that an engine has mapped twice, leave the
 *		DMA API without complaint and everybody with the right data.
 *
 * arg[1].values: contiguous, coherent, pages, vmalloc
 */

IGT_TEST_DESCRIPTION("Mappings go with their device, and reach what they may.");

#define ONE		"igt-mappings-1"
#define TWO		"igt-mappings-2"

/* Clients that map while the device goes, each by itself: one that waits keeps no other waiting. */
#define CLIENTS		6
#define KEPT		64
#define ROUNDS		6
#define CPUS		8

/* What they share */
struct shared {
	/* how many are there, the device is about to go, it is gone */
	int ready, going, gone;
	/* mappings that there were then, and those that showed memory */
	int mapped, survivors;
};

struct mapper {
	int fd;
	uint64_t offset, size;
	struct shared *shared;
};

static int get(int *flag)
{
	return __atomic_load_n(flag, __ATOMIC_SEQ_CST);
}

static void set(int *flag)
{
	__atomic_store_n(flag, 1, __ATOMIC_SEQ_CST);
}

static void add(int *count, int by)
{
	__atomic_add_fetch(count, by, __ATOMIC_SEQ_CST);
}

/* Maps until there is nothing to map any more, and then looks at what it has. */
static int keep_mapping(void *data)
{
	const struct sched_param param = { };
	struct mapper *mapper = data;
	uint8_t *ptrs[KEPT] = { };
	int slot;

	/* It stays where it is, in the kernel or not, as soon as others have something to do. */
	if (sched_setscheduler(0, SCHED_IDLE, &param))
		return -errno;
	add(&mapper->shared->ready, 1);
	for (slot = 0; !get(&mapper->shared->gone); slot = (slot + 1) % KEPT) {
		uint8_t *ptr = mmap(NULL, mapper->size, PROT_READ | PROT_WRITE, MAP_SHARED,
				    mapper->fd, mapper->offset);

		if (ptr == MAP_FAILED)
			break;
		/* what was not touched before may come up when it is too late, too */
		if (slot % 4 == 0)
			dgem_touch(ptr, false);
		if (ptrs[slot])
			munmap(ptrs[slot], mapper->size);
		ptrs[slot] = ptr;
	}
	while (!get(&mapper->shared->gone))
		dgem_sleep_ms(5);
	for (slot = 0; slot < KEPT && ptrs[slot]; slot++) {
		bool alive = !dgem_touch(ptrs[slot], false);

		alive |= !dgem_touch(ptrs[slot] + mapper->size - DGEM_PAGE, false);
		add(&mapper->shared->survivors, alive);
		add(&mapper->shared->mapped, 1);
	}
	return 0;
}

/* Has a processor for itself while the device goes. */
static int keep_busy(void *data)
{
	struct mapper *mapper = data;

	while (!get(&mapper->shared->going))
		dgem_sleep_ms(1);
	while (!get(&mapper->shared->gone))
		;
	return 0;
}

/* One round: what the children have is only theirs. */
static void unbind_under(struct mapper *mapper)
{
	int cpus = sysconf(_SC_NPROCESSORS_ONLN);
	pid_t pids[CLIENTS + CPUS];
	int64_t end;
	int count;

	memset(mapper->shared, 0, sizeof(*mapper->shared));
	for (count = 0; count < CLIENTS; count++)
		pids[count] = dgem_child_start(keep_mapping, mapper);
	for (; count < CLIENTS + CPUS && count < CLIENTS + cpus; count++)
		pids[count] = dgem_child_start(keep_busy, mapper);
	end = dgem_now() + 10 * NSEC_PER_SEC;
	while (get(&mapper->shared->ready) < CLIENTS && dgem_now() < end)
		dgem_sleep_ms(2);
	dgem_sleep_ms(30);
	setpriority(PRIO_PROCESS, 0, -20);
	set(&mapper->shared->going);
	dgem_sleep_ms(2);
	dgem_unbind();
	set(&mapper->shared->gone);
	setpriority(PRIO_PROCESS, 0, 0);
	while (count)
		igt_assert_eq(dgem_child_wait(pids[--count], 30000), 0);
}

/* A window of the engine's device */
static int create_io(int fd, uint64_t *size, uint32_t *handle)
{
	struct drm_dgem_create create = { .size = 2 * DGEM_PAGE, .kind = DRM_DGEM_KIND_IO };
	int err = __dgem_create(fd, &create);

	*size = create.size;
	*handle = create.handle;
	return err;
}

static void test_unbind(const struct dgem_kind *kind)
{
	struct mapper mapper = { .shared = dgem_share(sizeof(*mapper.shared)) };
	int survivors = 0, mapped = 0;

	for (int round = 0; round < ROUNDS && !survivors; round++) {
		uint32_t handle;

		mapper.fd = dgem_open();
		mapper.size = 2 * DGEM_PAGE;
		if (kind) {
			dgem_require_kind(mapper.fd, kind);
			handle = dgem_create(mapper.fd, kind, mapper.size);
		} else {
			igt_require_f(!create_io(mapper.fd, &mapper.size, &handle),
				      "the engine's device has no registers to be mapped\n");
		}
		mapper.offset = dgem_mmap_offset(mapper.fd, handle);
		unbind_under(&mapper);
		survivors += mapper.shared->survivors;
		mapped += mapper.shared->mapped;
		close(mapper.fd);
		dgem_bind();
	}
	dgem_unshare(mapper.shared, sizeof(*mapper.shared));
	igt_info("%d mappings were there when the device was gone\n", mapped);
	igt_assert_lt(0, mapped);
	igt_assert_eq(survivors, 0);
}

/* An engine with a device that does not reach 64 bits, and the bits that it reaches */
static int limited_bits(int fd)
{
	struct drm_dgem_query_engine engine;

	dgem_query_engine(fd, &engine);
	return engine.type == DRM_DGEM_ENGINE_DMA && ~engine.dma_mask ?
	       64 - __builtin_clzll(engine.dma_mask) : 64;
}

#define BLOCK		(16 * DGEM_MIB)
#define BLOCKS		24

/*
 * Another instance, with the CPU for an engine, takes more memory than there can be within reach.
 * Blocks beyond it are refused, and from all others the right data come.
 */
static void test_out_of_reach(int fd)
{
	const int bits = limited_bits(fd);
	uint64_t errors = dgem_dma_errors();
	int other, made, refused = 0;
	uint32_t own;

	dgem_require_configfs();
	igt_require_f(bits < 64 && (1ull << bits) < (BLOCKS - 2) * BLOCK,
		      "the engine reaches all of the memory that there is\n");
	igt_require_f(!dgem_behind_iommu(fd), "the engine reaches all behind its IOMMU\n");
	igt_require_f(dgem_meminfo("MemAvailable") > (1ull << bits) + 4 * BLOCK,
		      "too little memory is available\n");
	other = dgem_instance_start(ONE);
	own = dgem_create_contiguous(fd, DGEM_PAGE);
	for (made = 0; made * BLOCK <= 1ull << bits; made++) {
		struct drm_dgem_create create = { .size = BLOCK, .kind = DRM_DGEM_KIND_PAGES };
		uint32_t import;
		uint8_t *ptr;
		int dmabuf, err;

		igt_assert_eq(__dgem_create(other, &create), 0);
		ptr = dgem_mmap(other, create.handle, BLOCK);
		dgem_sync_start(other, create.handle, DRM_DGEM_SYNC_WRITE, BLOCK);
		dgem_fill(ptr, 0, 64, made);
		dgem_sync_end(other, create.handle, DRM_DGEM_SYNC_WRITE, BLOCK);
		dmabuf = dgem_export(other, create.handle);
		igt_assert_eq(__dgem_import(fd, dmabuf, &import), 0);
		err = __dgem_copy(fd, import, 0, own, 0, 64);
		igt_assert_f(!err || err == -EOPNOTSUPP, "block %d: %d\n", made, err);
		refused += !!err;
		if (!err)
			dgem_check_object(fd, own, 64, made);
		else
			igt_assert_eq(__dgem_copy(fd, own, 0, import, 0, 64), -EOPNOTSUPP);
		/* The CPU reaches it as ever. */
		dgem_sync_start(fd, import, DRM_DGEM_SYNC_READ, BLOCK);
		dgem_sync_end(fd, import, DRM_DGEM_SYNC_READ, BLOCK);
		dgem_check(ptr, 0, 64, made);
		munmap(ptr, BLOCK);
		gem_close(fd, import);
		close(dmabuf);
	}
	igt_info("%d of %d blocks are out of reach\n", refused, made);
	gem_close(fd, own);
	close(other);
	dgem_instance_remove(ONE);
	igt_assert_lt(0, refused);
	igt_assert_eq_u64(dgem_dma_errors(), errors);
}

/* Windows of a file's, over a part, and of the dma-buf's, over all. */
static void open_and_close(int fd, uint32_t handle, int dmabuf, uint64_t size)
{
	static const uint32_t flags[] = {
		DRM_DGEM_SYNC_READ, DRM_DGEM_SYNC_WRITE, DRM_DGEM_SYNC_READ | DRM_DGEM_SYNC_WRITE,
	};
	const struct {
		uint64_t offset, length;
	} parts[] = {
		{ 0, size }, { 100, 64 }, { DGEM_PAGE + 100, 3 * DGEM_PAGE }, { size - 32, 32 },
	};

	for (int i = 0; i < ARRAY_SIZE(flags); i++) {
		for (int j = 0; j < ARRAY_SIZE(parts); j++) {
			igt_assert_eq(__dgem_sync(fd, handle, flags[i], parts[j].offset,
						  parts[j].length, dgem_now() + DGEM_PATIENCE_NS),
				      0);
			igt_assert_eq(__dgem_sync(fd, handle, flags[i] | DRM_DGEM_SYNC_END,
						  parts[j].offset, parts[j].length, 0), 0);
		}
		/* DRM_DGEM_SYNC_* have the same values as DMA_BUF_SYNC_* */
		igt_assert_eq(__dgem_window(dmabuf, flags[i]), 0);
		igt_assert_eq(__dgem_window(dmabuf, flags[i] | DMA_BUF_SYNC_END), 0);
	}
}

/* Files of one instance that import a buffer are two mappings of its memory for one device. */
static void test_windows(int fd, const struct dgem_kind *kind)
{
	const uint64_t size = 19 * DGEM_PAGE;
	int files[] = { dgem_open(), dgem_open(), -1 }, exporter, dmabuf;
	uint32_t imports[ARRAY_SIZE(files)], own[ARRAY_SIZE(files)], handle;
	uint64_t errors = dgem_dma_errors();
	char bits[8];

	dgem_require_configfs();
	snprintf(bits, sizeof(bits), "%d", limited_bits(fd));
	dgem_instance_make(ONE);
	dgem_instance_set(ONE, "dma_bits", bits);
	dgem_instance_enable(ONE, NULL);
	exporter = dgem_instance_open(ONE);
	files[2] = dgem_instance_start(TWO);
	handle = dgem_create_filled(exporter, kind, size, 1);
	dmabuf = dgem_export(exporter, handle);
	for (int i = 0; i < ARRAY_SIZE(files); i++) {
		int err;

		igt_assert_eq(__dgem_import(files[i], dmabuf, &imports[i]), 0);
		own[i] = dgem_create_contiguous(files[i], size);
		/* vmalloc takes its pages where it likes */
		err = __dgem_copy(files[i], imports[i], 0, own[i], 0, 64);
		igt_require_f(err != -EOPNOTSUPP, "the engine does not reach this memory\n");
		igt_assert_eq(err, 0);
		open_and_close(exporter, handle, dmabuf, size);
		open_and_close(files[i], imports[i], dmabuf, size);
	}
	/* What one writes all others see, in windows of whichever kind. */
	for (int i = 0; i < ARRAY_SIZE(files); i++) {
		int next = (i + 1) % ARRAY_SIZE(files);

		dgem_fill_object(files[i], own[i], size, i + 2);
		dgem_copy(files[i], own[i], 0, imports[i], 0, size);
		open_and_close(files[next], imports[next], dmabuf, size);
		dgem_check_object(exporter, handle, size, i + 2);
		dgem_copy(files[next], imports[next], 0, own[next], 0, size);
		dgem_check_object(files[next], own[next], size, i + 2);
	}
	for (int i = 0; i < ARRAY_SIZE(files); i++)
		close(files[i]);
	close(dmabuf);
	close(exporter);
	dgem_instance_remove(ONE);
	dgem_instance_remove(TWO);
	igt_assert_eq_u64(dgem_dma_errors(), errors);
}

static bool has_windows(const struct dgem_kind *kind)
{
	return !kind->flags && !kind->cache && kind->kind != DRM_DGEM_KIND_RESERVED;
}

static const struct dgem_test tests[] = {
	{ "out-of-reach", "Jobs on memory out of reach are refused.", test_out_of_reach },
};

static const struct dgem_kind_test kind_tests[] = {
	{ "windows", "Windows over memory that is mapped twice harm nobody.", test_windows,
	  .fits = has_windows },
};

/* Whose pages are where they are from the start: a driver might map them in mmap() itself. */
static bool is_one_block(const struct dgem_kind *kind)
{
	return kind->kind == DRM_DGEM_KIND_CONTIGUOUS || kind->kind == DRM_DGEM_KIND_COHERENT ||
	       kind->kind == DRM_DGEM_KIND_RESERVED;
}

int igt_main()
{
	const struct dgem_kind *kind;
	int fd = -1;

	igt_fixture()
		fd = dgem_open();

	dgem_subtests(fd, tests, ARRAY_SIZE(tests));
	dgem_kind_subtests(fd, kind_tests, ARRAY_SIZE(kind_tests),
			   DRM_DGEM_CAP_MMAP | DRM_DGEM_CAP_EXPORT);

	/* The device that is open would be gone. */
	igt_fixture()
		close(fd);

	for_each_dgem_kind(kind, DRM_DGEM_CAP_MMAP) {
		if (!is_one_block(kind))
			continue;
		igt_describe("No mapping survives its device.");
		igt_subtest_f("unbind-%s", kind->name) {
			igt_require_f(dgem_can_unbind(), "the device cannot be unbound\n");
			test_unbind(kind);
		}
	}

	igt_describe("No mapping of registers survives its device.");
	igt_subtest("unbind-io") {
		igt_require_f(dgem_can_unbind(), "the device cannot be unbound\n");
		test_unbind(NULL);
	}

	igt_fixture() {
		if (dgem_can_unbind())
			dgem_bind();
		/* what a failed subtest has left */
		__dgem_instance_remove(ONE);
		__dgem_instance_remove(TWO);
		errno = 0;
	}
}
