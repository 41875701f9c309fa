// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "igt.h"

#include "dgem_bind.h"
#include "dgem_instance.h"
#include "dgem_util.h"

/**
 * TEST: dgem create
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: memory allocation
 * Description: Objects are made as asked for, zeroed, or refused without a trace.
 *
 * SUBTEST: sizes-%s
 * Description: An object of any size is rounded up to pages and tells what it is.
 *
 * SUBTEST: zeroed-%s
 * Description: New memory is zero to its end, even if it held data a moment ago.
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
 * @import: memory of the system heap
 *
 * SUBTEST: recycled-%s
 * Description: Objects of several huge pages and a bit are zero, again after others were filled and
 *		freed.
 *
 * arg[1].values: contiguous, coherent, wc, pages, lazy, vmalloc, direct-pages, direct-vmalloc,
 *		   reserved
 *
 * SUBTEST: exhaust-%s
 * Description: When memory runs out the call says ENOMEM, and all of it comes back.
 *
 * arg[1]:
 *
 * @contiguous: contiguous cached memory
 * @coherent: coherent memory
 * @wc: write-combined memory
 * @reserved: memory out of the instance's pool
 *
 * SUBTEST: cleaned-%s
 * Description: New memory is written back from the CPU's caches before anybody has it.
 *
 * arg[1].values: contiguous, pages, lazy, vmalloc, direct-pages, direct-vmalloc
 *
 * SUBTEST: zeroed-threads
 * Description: Objects that threads make, fill and free at the same time are zero, each time.
 *
 * SUBTEST: answer-%s
 * Description: An object whose handle cannot be told stays, for the file to close.
 *
 * arg[1]:
 *
 * @close: the client guesses the handle and closes it
 * @file: the client closes the file
 *
 * SUBTEST: cache-modes
 * Description: A cache mode that a kind can have is granted and told.
 *
 * SUBTEST: bad-%s
 * Description: A call that asks for the impossible changes nothing.
 *
 * arg[1]:
 *
 * @kind: an unknown kind of memory, or one that there was once
 * @cache: an unknown cache mode, or one that the kind cannot have
 * @flags: a flag that does not exist, or that there was once
 * @size: sizes of zero, above the limit, or that overflow when rounded up
 * @unsatisfiable: more memory than the machine has
 * @argument: the argument cannot be read
 * @info: INFO of a handle that does not exist, or with flags
 *
 * SUBTEST: handles
 * Description: Handles are reused after they were closed, and belong to one file.
 */

IGT_TEST_DESCRIPTION("Objects are made as asked for, zeroed, or refused without a trace.");

/* Enough objects of 5 MiB to fill any pool that a test machine should have. */
#define MAX_OBJECTS	512
/* objects that others may have taken the place of, while there is no memory at all */
#define GIVE_BACK	4
/* What is left for others, bytes. */
#define SPARE		(128 * DGEM_MIB)
/* So many freed ones that the next are made of their pages. */
#define ENOUGH_OBJECTS	4

static uint64_t round_up_to_page(uint64_t size)
{
	return (size + DGEM_PAGE - 1) & ~(DGEM_PAGE - 1);
}

static void test_sizes(int fd, const struct dgem_kind *kind)
{
	const uint64_t sizes[] = {
		1, DGEM_PAGE - 1, DGEM_PAGE, DGEM_PAGE + 1, 3 * DGEM_PAGE, 65537, 2 * DGEM_MIB,
		5 * DGEM_MIB,
	};

	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint64_t size = sizes[i];
		struct drm_dgem_info info;
		uint32_t handle;
		uint8_t *ptr;
		int err;

		err = __dgem_create_kind(fd, kind, &size, &handle);
		dgem_require_room(kind, err);
		igt_assert_eq(err, 0);
		igt_assert_eq_u64(size, round_up_to_page(sizes[i]));
		dgem_info(fd, handle, &info);
		igt_assert_eq_u32(info.handle, handle);
		igt_assert_eq_u64(info.size, size);
		igt_assert_eq_u32(info.kind, kind->kind);
		igt_assert_eq_u32(info.cache_asked, kind->cache);
		igt_assert_eq_u32(info.caps, kind->caps);
		if (kind->traits & DGEM_KIND_ONE_SEGMENT)
			igt_assert_lte(info.segments, 1);
		igt_assert_eq_u32(info.vmas, 0);
		igt_assert_eq_u64(info.pad, 0);

		ptr = dgem_mmap(fd, handle, size);
		igt_assert(dgem_is_zero(ptr, size));
		ptr[0] = 1;
		ptr[size - 1] = 2;
		igt_assert_eq(ptr[0] + ptr[size - 1], 3);
		munmap(ptr, size);
		gem_close(fd, handle);
	}
}

/*
 * Make objects until memory runs out; returns how many. Kinds without a pool of their own would
 * take all that the machine has, so they get a little of it.
 */
static int hoard(int fd, const struct dgem_kind *kind, uint64_t size, uint64_t spare,
		 uint32_t *handles)
{
	int most = kind->traits & DGEM_KIND_POOL ? MAX_OBJECTS : ENOUGH_OBJECTS;
	struct drm_dgem_query_device device;
	int count;

	/* Nobody says how much memory there will be: where the engine's mask is small, little. */
	if (kind->flags & DRM_DGEM_CREATE_LAZY)
		most = 1;
	/* nor are there mmap offsets for more, with 32 bits */
	dgem_query_device(fd, &device);
	if (most > device.max_size / round_up_to_page(size))
		most = device.max_size / round_up_to_page(size);

	for (count = 0; count < most; count++) {
		uint64_t given = size;
		int err;

		/* kinds that have more than their own pool could take all that others need */
		if (count && dgem_meminfo("MemFree") < spare)
			break;
		err = __dgem_create_kind(fd, kind, &given, &handles[count]);

		if (err) {
			if (!count)
				dgem_require_room(kind, err);
			igt_assert_eq(err, -ENOMEM);
			break;
		}
	}
	return count;
}

static void release(int fd, const uint32_t *handles, int count)
{
	while (count--)
		gem_close(fd, handles[count]);
}

/*
 * Everything that can be had is filled and freed, so that what is allocated next must hold pages
 * that were filled. The size is not a multiple of a power of two: the rounded tail counts as well.
 */
static void test_zeroed(int fd, const struct dgem_kind *kind)
{
	const bool pool = kind->traits & DGEM_KIND_POOL;
	const uint64_t size = (pool ? 5 : 1) * DGEM_MIB - DGEM_PAGE, ask = size - 100;
	uint32_t handles[MAX_OBJECTS];
	int count, again;

	count = hoard(fd, kind, ask, SPARE, handles);
	igt_assert_lte(1, count);
	for (int i = 0; i < count; i++) {
		void *ptr = dgem_mmap(fd, handles[i], size);

		memset(ptr, 0xa5, size);
		munmap(ptr, size);
	}
	release(fd, handles, count);

	again = hoard(fd, kind, ask, SPARE, handles);
	/* what is not the driver's own pool may be somebody else's by now */
	igt_assert_lte(pool ? count / 2 + 1 : 1, again);
	for (int i = 0; i < again; i++) {
		void *ptr = dgem_mmap(fd, handles[i], size);

		igt_assert_f(dgem_is_zero(ptr, size), "object %d of %d is not zero\n", i, again);
		munmap(ptr, size);
	}
	release(fd, handles, again);
}

#define RECYCLED	3

/* Blocks of all sizes, which go from one object to the next as they are: zeroed in between. */
static void test_recycled(int fd, const struct dgem_kind *kind)
{
	const uint64_t size = 4 * DGEM_MIB + 5 * DGEM_PAGE;

	for (uint32_t round = 0; round < RECYCLED; round++) {
		uint32_t handle = dgem_create(fd, kind, size - 100);
		uint8_t *ptr = dgem_mmap(fd, handle, size);

		igt_assert(dgem_is_zero(ptr, size));
		dgem_fill(ptr, 0, size, round);
		dgem_check(ptr, 0, size, round);
		munmap(ptr, size);
		gem_close(fd, handle);
	}
}

/* Threads do not assert: they count what must not happen. */
struct crowd {
	int fd;
	const struct dgem_kind *kind;
	atomic_int stop, wrong, made;
};

#define CROWD_SIZE	(2 * DGEM_MIB + DGEM_PAGE)

static void *create_thread(void *data)
{
	struct crowd *crowd = data;

	while (!crowd->stop) {
		uint64_t size = CROWD_SIZE;
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

static void test_zeroed_threads(int fd)
{
	static const struct dgem_kind pages = { .kind = DRM_DGEM_KIND_PAGES, .name = "pages" };
	static const struct dgem_kind lazy = {
		.kind = DRM_DGEM_KIND_PAGES,
		.flags = DRM_DGEM_CREATE_LAZY,
		.name = "lazy",
	};
	struct crowd crowds[] = {
		{ .fd = fd, .kind = &pages }, { .fd = fd, .kind = &lazy },
	};
	pthread_t threads[ARRAY_SIZE(crowds)];

	for (int i = 0; i < ARRAY_SIZE(threads); i++)
		igt_assert_eq(pthread_create(&threads[i], NULL, create_thread, &crowds[i]), 0);
	dgem_sleep_ms(1000);
	for (int i = 0; i < ARRAY_SIZE(threads); i++)
		crowds[i].stop = 1;
	for (int i = 0; i < ARRAY_SIZE(threads); i++)
		igt_assert_eq(pthread_join(threads[i], NULL), 0);
	for (int i = 0; i < ARRAY_SIZE(threads); i++) {
		igt_assert_eq(crowds[i].wrong, 0);
		igt_assert_lte(2, crowds[i].made);
	}
}

static int try_create(int fd, const struct dgem_kind *kind, uint64_t *size, uint32_t *handle)
{
	int err = -ENOMEM;

	for (int i = 0; err == -ENOMEM && i < 100; i++) {
		err = __dgem_create_kind(fd, kind, size, handle);
		if (err)
			dgem_sleep_ms(10);
	}
	return err;
}

static void test_exhaust(int fd, const struct dgem_kind *kind)
{
	uint32_t handles[MAX_OBJECTS];
	uint64_t size = 5 * DGEM_MIB;
	struct drm_dgem_query_device device;
	int count, err = -ENOMEM;

	dgem_query_device(fd, &device);
	count = hoard(fd, kind, size, 0, handles);
	igt_assert_lte(2, count);
	igt_require_f(count < MAX_OBJECTS && count < device.max_size / size,
		      "this machine has too much memory to run out of it\n");

	/*
	 * The failure took nothing away: one back, one more can be had. Not at once perhaps: what
	 * is free in a contiguous area is lent to others, who may be at it just now. And others
	 * without memory may be faster, so a few are given back before it is called a loss.
	 */
	for (int i = 0; err == -ENOMEM && i < GIVE_BACK && count; i++) {
		gem_close(fd, handles[--count]);
		err = try_create(fd, kind, &size, &handles[count]);
	}
	igt_assert_eq(err, 0);
	release(fd, handles, count + 1);
}

#define TRACING	"/sys/kernel/tracing/"

/* What a line of the trace says was written back: mapped, or synced, for the device. */
static uint64_t line_cleans(const char *line, const char *device)
{
	static const char * const events[] = {
		" dma_map_page: ", " dma_map_phys: ", " dma_sync_single_for_device: ",
		" dma_sync_sg_for_device: ", " dma_map_sg: ",
	};
	uint64_t bytes = 0;

	for (int i = 0; i < ARRAY_SIZE(events); i++) {
		const char *at = strstr(line, events[i]), *size;

		if (!at || strstr(line, "SKIP_CPU_SYNC"))
			continue;
		at += strlen(events[i]);
		if (strncmp(at, device, strlen(device)) || at[strlen(device)] != ' ')
			continue;
		size = strstr(at, " size=");
		if (size)
			return strtoull(size + 6, NULL, 10);
		size = strstr(at, " sizes={");
		for (at = size ? size + 7 : ""; *at == '{' || *at == ','; )
			bytes += strtoull(at + 1, (char **)&at, 16);
	}
	return bytes;
}

static uint64_t trace_cleans(const char *device)
{
	FILE *trace = fopen(TRACING "trace", "r");
	uint64_t bytes = 0;
	char line[4096];

	igt_assert(trace);
	while (fgets(line, sizeof(line), trace))
		bytes += line_cleans(line, device);
	fclose(trace);
	return bytes;
}

/*
 * Memory is cleared through the CPU's caches: a device that does not snoop would read what was
 * there before.
 */
static void test_cleaned(int fd, const struct dgem_kind *kind)
{
	/* one granule, however large a page is: one touch brings it */
	const uint64_t size = 16 * DGEM_PAGE;
	char device[64];
	uint32_t handle;
	uint8_t *ptr;

	igt_require_f(!dgem_snoops(fd), "the instance snoops, so nothing is cleaned\n");
	dgem_mount_tracefs();
	igt_require_f(!access(TRACING "events/dma/enable", W_OK),
		      "this kernel does not trace the DMA API\n");
	dgem_device_name(fd, device, sizeof(device));
	close(open(TRACING "trace", O_WRONLY | O_TRUNC | O_CLOEXEC));
	dgem_write_file(TRACING "events/dma/enable", "1");
	handle = dgem_create(fd, kind, size);
	ptr = dgem_mmap(fd, handle, size);
	if (kind->flags & DRM_DGEM_CREATE_LAZY)
		dgem_touch(ptr, false);
	dgem_write_file(TRACING "events/dma/enable", "0");
	igt_assert_lte_u64(size, trace_cleans(device));
	munmap(ptr, size);
	gem_close(fd, handle);
}

static void test_cache_modes(int fd)
{
	static const struct {
		uint32_t kind, cache;
	} good[] = {
		{ DRM_DGEM_KIND_CONTIGUOUS, DRM_DGEM_CACHE_DEFAULT },
		{ DRM_DGEM_KIND_CONTIGUOUS, DRM_DGEM_CACHE_CACHED },
		{ DRM_DGEM_KIND_COHERENT, DRM_DGEM_CACHE_DEFAULT },
		{ DRM_DGEM_KIND_COHERENT, DRM_DGEM_CACHE_WC },
	};

	for (int i = 0; i < ARRAY_SIZE(good); i++) {
		struct dgem_kind kind = { .kind = good[i].kind, .cache = good[i].cache };
		uint32_t handle = dgem_create(fd, &kind, DGEM_PAGE);
		struct drm_dgem_info info;

		dgem_info(fd, handle, &info);
		igt_assert_eq_u32(info.cache_asked, good[i].cache);
		igt_assert(info.cache_granted == DRM_DGEM_CACHE_CACHED ||
			   info.cache_granted == DRM_DGEM_CACHE_WC ||
			   info.cache_granted == DRM_DGEM_CACHE_UNCACHED);
		if (good[i].kind == DRM_DGEM_KIND_CONTIGUOUS)
			igt_assert_eq_u32(info.cache_granted, DRM_DGEM_CACHE_CACHED);
		gem_close(fd, handle);
	}
}

static void create_err(int fd, uint64_t size, uint32_t kind, uint32_t cache, uint32_t flags,
		       int err)
{
	struct drm_dgem_create create = {
		.size = size,
		.kind = kind,
		.cache = cache,
		.flags = flags,
	};
	int ret = __dgem_create(fd, &create);

	igt_assert_f(ret == err, "size %#llx kind %u cache %u flags %#x: %d, not %d\n",
		     (unsigned long long)size, kind, cache, flags, ret, err);
}

static void test_bad_kind(int fd)
{
	static const uint32_t bad[] = { 3, 9, 31, 32, 64, 0x10000, 0x80000000, UINT32_MAX };

	create_err(fd, DGEM_PAGE, DRM_DGEM_KIND_IMPORT, 0, 0, -EINVAL);
	for (int i = 0; i < ARRAY_SIZE(bad); i++)
		create_err(fd, DGEM_PAGE, bad[i], DRM_DGEM_CACHE_DEFAULT, 0, -EINVAL);
}

static void test_bad_cache(int fd)
{
	static const uint32_t bad[] = { DRM_DGEM_CACHE_EXPORTER, 5, 32, 0x80000000, UINT32_MAX };

	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		create_err(fd, DGEM_PAGE, DRM_DGEM_KIND_CONTIGUOUS, bad[i], 0, -EINVAL);
		create_err(fd, DGEM_PAGE, DRM_DGEM_KIND_COHERENT, bad[i], 0, -EINVAL);
	}
	create_err(fd, DGEM_PAGE, DRM_DGEM_KIND_CONTIGUOUS, DRM_DGEM_CACHE_WC, 0, -EINVAL);
	create_err(fd, DGEM_PAGE, DRM_DGEM_KIND_CONTIGUOUS, DRM_DGEM_CACHE_UNCACHED, 0, -EINVAL);
}

static void test_bad_flags(int fd)
{
	create_err(fd, DGEM_PAGE, DRM_DGEM_KIND_PAGES, 0,
		   DRM_DGEM_CREATE_DIRECT_IO | DRM_DGEM_CREATE_LAZY, -EINVAL);
	create_err(fd, DGEM_PAGE, DRM_DGEM_KIND_VMALLOC, 0,
		   DRM_DGEM_CREATE_DIRECT_IO | DRM_DGEM_CREATE_LAZY, -EINVAL);
	create_err(fd, DGEM_PAGE, DRM_DGEM_KIND_VMALLOC, 0, DRM_DGEM_CREATE_LAZY, -EINVAL);
	/* there was a flag of that value, for any kind */
	for (uint32_t kind = 0; kind <= DRM_DGEM_KIND_USER; kind++)
		create_err(fd, DGEM_PAGE, kind, 0, 0x1, -EINVAL);
	create_err(fd, DGEM_PAGE, DRM_DGEM_KIND_PAGES, 0, 0x1 | DRM_DGEM_CREATE_LAZY, -EINVAL);
	for (int bit = 0; bit < 32; bit++) {
		create_err(fd, DGEM_PAGE, DRM_DGEM_KIND_CONTIGUOUS, 0, 1u << bit, -EINVAL);
		create_err(fd, DGEM_PAGE, DRM_DGEM_KIND_COHERENT, 0, 1u << bit, -EINVAL);
	}
}

static void test_bad_size(int fd)
{
	struct drm_dgem_query_device device;
	const struct dgem_kind *kind;

	dgem_query_device(fd, &device);
	for_each_dgem_kind_here(fd, kind, 0) {
		const uint64_t bad[] = {
			0, 1ull << 63, (1ull << 63) + 1, INT64_MAX, UINT64_MAX, UINT64_MAX - 4094,
			UINT64_MAX - 4095, UINT64_MAX - 2 * 4096, device.max_size + 1,
			device.max_size + DGEM_PAGE,
		};

		for (int i = 0; i < ARRAY_SIZE(bad); i++)
			create_err(fd, bad[i], kind->kind, kind->cache, kind->flags, -EINVAL);
	}
}

/* Sizes around the limits of 31 and 32 bits: below max_size they are a matter of memory only. */
static void test_bad_unsatisfiable(int fd)
{
	const uint64_t total = dgem_meminfo("MemTotal") + dgem_meminfo("SwapTotal");
	struct drm_dgem_query_device device;
	const struct dgem_kind *kind;
	int tried = 0;

	dgem_query_device(fd, &device);
	for_each_dgem_kind_here(fd, kind, 0) {
		const uint64_t limit = device.max_size + 1;
		const uint64_t sizes[] = {
			total, 1ull << 31, (1ull << 31) - 1, (1ull << 31) + 1, 1ull << 32,
			(1ull << 32) - 1, (1ull << 32) + 1, (1ull << 33) + DGEM_PAGE, 1ull << 40,
			1ull << 44, 1ull << 62, device.max_size,
		};

		for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
			/* what is borrowed has to be there, and what is lazy need not */
			if (sizes[i] < total || kind->borrow ||
			    (kind->flags & DRM_DGEM_CREATE_LAZY))
				continue;
			create_err(fd, sizes[i], kind->kind, kind->cache, kind->flags,
				   round_up_to_page(sizes[i]) >= limit ? -EINVAL : -ENOMEM);
			tried++;
		}
	}
	igt_assert_lte(2, tried);
}

static void test_bad_argument(int fd)
{
	struct drm_dgem_create *create = mmap(NULL, DGEM_PAGE, PROT_READ | PROT_WRITE,
					      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	igt_assert(create != MAP_FAILED);
	igt_assert_eq(mprotect(create, DGEM_PAGE, PROT_NONE), 0);
	do_ioctl_err(fd, DRM_IOCTL_DGEM_CREATE, create, EFAULT);
	munmap(create, DGEM_PAGE);
	do_ioctl_err(fd, DRM_IOCTL_DGEM_CREATE, create, EFAULT);
	do_ioctl_err(fd, DRM_IOCTL_DGEM_CREATE, NULL, EFAULT);
}

static uint64_t count_objects(int fd)
{
	struct drm_dgem_query_stats stats;

	dgem_query_stats(fd, &stats);
	return stats.objects;
}

/* What goes with a file may take a moment. */
static void assert_objects(int fd, uint64_t count)
{
	int64_t end = dgem_now() + 5 * NSEC_PER_SEC;

	while (count_objects(fd) != count && dgem_now() < end)
		dgem_sleep_ms(10);
	igt_assert_eq_u64(count_objects(fd), count);
}

/* An object of an argument that can be read, not written */
static void create_untold(int fd, const struct dgem_kind *kind)
{
	struct drm_dgem_create *create = mmap(NULL, DGEM_PAGE, PROT_READ | PROT_WRITE,
					      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	igt_assert(create != MAP_FAILED);
	*create = (struct drm_dgem_create) {
		.size = 4 * DGEM_PAGE,
		.kind = kind->kind,
		.cache = kind->cache,
		.flags = kind->flags,
	};
	igt_assert_eq(mprotect(create, DGEM_PAGE, PROT_READ), 0);
	do_ioctl_err(fd, DRM_IOCTL_DGEM_CREATE, create, EFAULT);
	igt_assert_eq(create->handle, 0);
	munmap(create, DGEM_PAGE);
}

/* A file's handles are the lowest numbers that are free. */
static void test_answer(int unused, bool close_handle)
{
	const struct dgem_kind *kind;
	int look = dgem_open();

	for_each_dgem_kind_here(look, kind, DRM_DGEM_CAP_MMAP) {
		uint64_t before = count_objects(look);
		uint32_t handle, next;
		int fd = dgem_open();

		handle = dgem_create_contiguous(fd, DGEM_PAGE);
		gem_close(fd, handle);
		create_untold(fd, kind);
		igt_assert_eq_u64(count_objects(look), before + 1);
		next = dgem_create_contiguous(fd, DGEM_PAGE);
		igt_assert_eq_u32(next, handle + 1);
		gem_close(fd, next);
		if (close_handle) {
			struct drm_dgem_info info;

			/* it is as good as any */
			dgem_info(fd, handle, &info);
			igt_assert_eq_u32(info.kind, kind->kind);
			igt_assert_eq_u64(info.size, 4 * DGEM_PAGE);
			dgem_fill_object(fd, handle, info.size, 1);
			dgem_check_object(fd, handle, info.size, 1);
			gem_close(fd, handle);
			assert_objects(look, before);
			igt_assert_eq_u32(dgem_create_contiguous(fd, DGEM_PAGE), handle);
		}
		close(fd);
		assert_objects(look, before);
	}
	close(look);
}

static void test_answer_close(int fd)
{
	test_answer(fd, true);
}

static void test_answer_file(int fd)
{
	test_answer(fd, false);
}

static void test_bad_info(int fd)
{
	static const uint32_t bad[] = { 0, 0xdead, 0x80000000, UINT32_MAX };
	struct drm_dgem_info info;
	uint32_t handle;

	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		info = (struct drm_dgem_info) { .handle = bad[i] };
		do_ioctl_err(fd, DRM_IOCTL_DGEM_INFO, &info, ENOENT);
	}
	handle = dgem_create_contiguous(fd, DGEM_PAGE);
	for (int bit = 0; bit < 32; bit++) {
		info = (struct drm_dgem_info) { .handle = handle, .flags = 1u << bit };
		do_ioctl_err(fd, DRM_IOCTL_DGEM_INFO, &info, EINVAL);
		info = (struct drm_dgem_info) { .handle = handle, .pad = 1ull << (2 * bit) };
		do_ioctl_err(fd, DRM_IOCTL_DGEM_INFO, &info, EINVAL);
	}
	do_ioctl_err(fd, DRM_IOCTL_DGEM_INFO, NULL, EFAULT);
	gem_close(fd, handle);
	info = (struct drm_dgem_info) { .handle = handle };
	do_ioctl_err(fd, DRM_IOCTL_DGEM_INFO, &info, ENOENT);
}

static void test_handles(int fd)
{
	struct drm_dgem_info info = { };
	int other = dgem_open();
	uint32_t first, second;

	first = dgem_create_contiguous(fd, DGEM_PAGE);
	second = dgem_create_contiguous(fd, DGEM_PAGE);
	igt_assert_neq_u32(first, second);
	info.handle = first;
	igt_assert_eq(__dgem_info(other, &info), -ENOENT);
	gem_close(fd, first);
	info.handle = first;
	igt_assert_eq(__dgem_info(fd, &info), -ENOENT);
	info.handle = second;
	igt_assert_eq(__dgem_info(fd, &info), 0);
	igt_assert_eq_u32(dgem_create_contiguous(fd, DGEM_PAGE), first);
	gem_close(fd, first);
	gem_close(fd, second);
	close(other);
}

static const struct dgem_kind_test tests[] = {
	{ "sizes", "An object is rounded up to pages and tells what it is.", test_sizes },
	{ "zeroed", "New memory is zero, even if it held data a moment ago.", test_zeroed },
	{ "recycled", "Objects of several huge pages are zero, again and again.", test_recycled, 0,
	  DGEM_KIND_FOREIGN },
	{ "exhaust", "When memory runs out the call says so, and all comes back.", test_exhaust,
	  DGEM_KIND_POOL },
	{ "cleaned", "New memory is written back before anybody has it.", test_cleaned,
	  DGEM_KIND_CLEANED },
};

static const struct dgem_test plain_tests[] = {
	{ "zeroed-threads", "Objects that threads make are zero.", test_zeroed_threads },
	{ "answer-close", "A handle that was not told can be closed.", test_answer_close },
	{ "answer-file", "A handle that was not told goes with the file.", test_answer_file },
};

static const struct {
	const char *name;
	void (*test)(int fd);
} bad[] = {
	{ "kind", test_bad_kind },
	{ "cache", test_bad_cache },
	{ "flags", test_bad_flags },
	{ "size", test_bad_size },
	{ "unsatisfiable", test_bad_unsatisfiable },
	{ "argument", test_bad_argument },
	{ "info", test_bad_info },
};

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = dgem_open();

	dgem_kind_subtests(fd, tests, ARRAY_SIZE(tests), DRM_DGEM_CAP_MMAP | DGEM_AND_FOREIGN);

	dgem_subtests(fd, plain_tests, ARRAY_SIZE(plain_tests));

	igt_describe("A cache mode that a kind can have is granted and told.");
	igt_subtest("cache-modes")
		test_cache_modes(fd);

	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		igt_describe("A call that asks for the impossible changes nothing.");
		igt_subtest_f("bad-%s", bad[i].name) {
			struct dgem_snapshot before;

			dgem_snapshot(fd, &before);
			bad[i].test(fd);
			dgem_assert_unchanged(fd, &before);
		}
	}

	igt_describe("Handles are reused after they were closed, and belong to one file.");
	igt_subtest("handles")
		test_handles(fd);

	igt_fixture()
		close(fd);
}
