// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <linux/dma-heap.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "igt.h"

#include "dgem_util.h"

/* Memory of the caller's own is pinned as long as the object lives, and may be unmapped before. */
static struct drm_dgem_range lent;

static void borrow_user(struct drm_dgem_create *create)
{
	void *ptr;

	create->size = (create->size + DGEM_PAGE - 1) & ~(DGEM_PAGE - 1);
	ptr = mmap(NULL, create->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	igt_assert(ptr != MAP_FAILED);
	lent.addr = to_user_pointer(ptr);
	lent.length = create->size;
	create->source = to_user_pointer(&lent);
	create->source_count = 1;
	create->source_stride = sizeof(lent);
}

static void give_back_user(const struct drm_dgem_create *create)
{
	munmap((void *)(uintptr_t)lent.addr, lent.length);
}

/* The system's heap is an exporter that knows nothing of us, and maps all when mmap() is called. */
static int make_import(int fd, uint64_t *size, uint32_t *handle)
{
	struct dma_heap_allocation_data data = { .len = *size, .fd_flags = O_CLOEXEC | O_RDWR };
	int heap = open("/dev/dma_heap/system", O_RDONLY | O_CLOEXEC), err = 0;

	if (heap < 0)
		return -ENODEV;
	if (ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data))
		err = -errno;
	close(heap);
	if (err)
		return err;
	*size = lseek(data.fd, 0, SEEK_END);
	err = __dgem_import(fd, data.fd, handle);
	close(data.fd);
	return err;
}

const struct dgem_kind dgem_kinds[] = {
	{
		.name = "contiguous",
		.kind = DRM_DGEM_KIND_CONTIGUOUS,
		.caps = DGEM_CAPS_ALL,
		.traits = DGEM_KIND_POOL | DGEM_KIND_ONE_SEGMENT | DGEM_KIND_CLEANED |
			  DGEM_KIND_WINDOWS,
	}, {
		.name = "coherent",
		.kind = DRM_DGEM_KIND_COHERENT,
		.caps = DGEM_CAPS_ALL,
		.traits = DGEM_KIND_POOL | DGEM_KIND_ONE_SEGMENT,
	}, {
		.name = "wc",
		.kind = DRM_DGEM_KIND_COHERENT,
		.cache = DRM_DGEM_CACHE_WC,
		.caps = DGEM_CAPS_ALL,
		.traits = DGEM_KIND_POOL | DGEM_KIND_ONE_SEGMENT,
	}, {
		.name = "pages",
		.kind = DRM_DGEM_KIND_PAGES,
		.caps = DGEM_CAPS_ALL,
		.traits = DGEM_KIND_SCATTERED | DGEM_KIND_CLEANED | DGEM_KIND_WINDOWS,
	}, {
		.name = "lazy",
		.kind = DRM_DGEM_KIND_PAGES,
		.flags = DRM_DGEM_CREATE_LAZY,
		.caps = DGEM_CAPS_ALL,
		.traits = DGEM_KIND_CLEANED | DGEM_KIND_WINDOWS,
	}, {
		.name = "vmalloc",
		.kind = DRM_DGEM_KIND_VMALLOC,
		.caps = DGEM_CAPS_ALL,
		.traits = DGEM_KIND_SCATTERED | DGEM_KIND_CLEANED | DGEM_KIND_WINDOWS,
	}, {
		.name = "direct-pages",
		.kind = DRM_DGEM_KIND_PAGES,
		.flags = DRM_DGEM_CREATE_DIRECT_IO,
		.caps = DGEM_CAPS_ALL & ~DRM_DGEM_CAP_EXPORT,
		.traits = DGEM_KIND_DIRECT_IO | DGEM_KIND_CLEANED,
	}, {
		.name = "direct-vmalloc",
		.kind = DRM_DGEM_KIND_VMALLOC,
		.flags = DRM_DGEM_CREATE_DIRECT_IO,
		.caps = DGEM_CAPS_ALL & ~DRM_DGEM_CAP_EXPORT,
		.traits = DGEM_KIND_DIRECT_IO | DGEM_KIND_CLEANED,
	}, {
		.name = "reserved",
		.kind = DRM_DGEM_KIND_RESERVED,
		.caps = DGEM_CAPS_ALL,
		.traits = DGEM_KIND_POOL | DGEM_KIND_ONE_SEGMENT,
	}, {
		.name = "user",
		.kind = DRM_DGEM_KIND_USER,
		.caps = DRM_DGEM_CAP_WRITE,
		.borrow = borrow_user,
		.give_back = give_back_user,
	}, {
		.name = "import",
		.kind = DRM_DGEM_KIND_IMPORT,
		.cache = DRM_DGEM_CACHE_EXPORTER,
		.caps = DGEM_CAPS_ALL,
		.traits = DGEM_KIND_FOREIGN,
		.make = make_import,
	},
	{ }
};

/* Has the kind what is needed, and is it meant? */
bool dgem_kind_fits(const struct dgem_kind *kind, uint32_t need)
{
	uint32_t caps = need & ~DGEM_AND_FOREIGN;

	return (kind->caps & caps) == caps &&
	       (need & DGEM_AND_FOREIGN || !(kind->traits & DGEM_KIND_FOREIGN));
}

/*
 * Whether the engine works on memory of other drivers. Anybody may import it, but an engine that
 * does not reach all of the machine's memory is given no job with it. The objects of a job that
 * shows it are gone when this returns.
 */
bool dgem_works_on_imports(int fd)
{
	int64_t end = dgem_now() + 10 * NSEC_PER_SEC;
	struct drm_dgem_query_stats before, now;
	struct drm_dgem_query_engine engine;
	uint64_t size = DGEM_PAGE;
	uint32_t handle, own;
	int err;

	dgem_query_engine(fd, &engine);
	if (engine.type == DRM_DGEM_ENGINE_CPU)
		return true;

	dgem_query_stats(fd, &before);
	if (make_import(fd, &size, &handle))
		return false;
	own = dgem_create_contiguous(fd, DGEM_PAGE);
	err = __dgem_copy(fd, handle, 0, own, 0, 256);
	igt_assert(!err || err == -EOPNOTSUPP);
	dgem_sync_start(fd, own, DRM_DGEM_SYNC_WRITE, DGEM_PAGE);
	dgem_sync_end(fd, own, DRM_DGEM_SYNC_WRITE, DGEM_PAGE);
	gem_close(fd, handle);
	gem_close(fd, own);
	do {
		dgem_query_stats(fd, &now);
		if (now.objects <= before.objects)
			break;
		dgem_sleep_ms(10);
	} while (dgem_now() < end);
	return !err;
}

bool dgem_has_kind(int fd, const struct dgem_kind *kind)
{
	struct drm_dgem_query_device device;
	uint64_t size = DGEM_PAGE;
	uint32_t handle;
	int err;

	if (kind->make) {
		err = kind->make(fd, &size, &handle);
		if (err == -ENODEV)
			return false;
		igt_assert_eq(err, 0);
		gem_close(fd, handle);
		return dgem_works_on_imports(fd);
	}
	dgem_query_device(fd, &device);
	return device.kinds & (1ull << kind->kind);
}

void dgem_require_kind(int fd, const struct dgem_kind *kind)
{
	bool here = dgem_has_kind(fd, kind);

	if (kind->make)
		igt_require_f(here, "no heap of system memory within the engine's reach\n");
	else
		igt_require_f(here, "this instance has no %s memory\n", kind->name);
}

/* Sets the size to what was given. */
int __dgem_create_kind(int fd, const struct dgem_kind *kind, uint64_t *size, uint32_t *handle)
{
	struct drm_dgem_create create = {
		.size = *size,
		.kind = kind->kind,
		.cache = kind->cache,
		.flags = kind->flags,
	};
	int err;

	if (kind->make)
		return kind->make(fd, size, handle);
	if (kind->borrow)
		kind->borrow(&create);
	err = __dgem_create(fd, &create);
	if (kind->give_back)
		kind->give_back(&create);
	if (!err)
		*size = create.size;
	*handle = err ? 0 : create.handle;
	return err;
}

/* Debian's older kernels for PCs have no CMA: what is contiguous is what the buddies have. */
void dgem_require_room(const struct dgem_kind *kind, int err)
{
	igt_require_f(err != -ENOMEM || !(kind->traits & DGEM_KIND_POOL) ||
		      kind->kind == DRM_DGEM_KIND_RESERVED || dgem_meminfo("CmaTotal"),
		      "this kernel has no CMA\n");
}

uint32_t dgem_create(int fd, const struct dgem_kind *kind, uint64_t size)
{
	uint32_t handle;
	int err = __dgem_create_kind(fd, kind, &size, &handle);

	dgem_require_room(kind, err);
	igt_assert_eq(err, 0);
	igt_assert_neq_u32(handle, 0);
	return handle;
}

uint32_t dgem_create_contiguous(int fd, uint64_t size)
{
	return dgem_create(fd, &dgem_kinds[0], size);
}

static bool can_map(int fd, uint32_t handle)
{
	struct drm_dgem_info info;

	dgem_info(fd, handle, &info);
	return info.caps & DRM_DGEM_CAP_MMAP;
}

/* The object itself or, if it cannot be mapped, a copy of it, for the caller to close. */
uint32_t dgem_stage(int fd, uint32_t handle, uint64_t size)
{
	uint32_t copy;

	if (can_map(fd, handle))
		return handle;
	copy = dgem_create_contiguous(fd, size);
	dgem_copy(fd, handle, 0, copy, 0, size);
	return copy;
}

void dgem_fill_object(int fd, uint32_t handle, uint64_t size, uint32_t seed)
{
	void *ptr;

	if (!can_map(fd, handle)) {
		uint32_t stage = dgem_create_contiguous(fd, size);

		dgem_fill_object(fd, stage, size, seed);
		dgem_copy(fd, stage, 0, handle, 0, size);
		gem_close(fd, stage);
		return;
	}
	ptr = dgem_mmap(fd, handle, size);
	dgem_sync_start(fd, handle, DRM_DGEM_SYNC_WRITE, size);
	dgem_fill(ptr, 0, size, seed);
	dgem_sync_end(fd, handle, DRM_DGEM_SYNC_WRITE, size);
	munmap(ptr, size);
}

/* A fresh object, its pages filled through a mapping that is gone again. */
uint32_t dgem_create_filled(int fd, const struct dgem_kind *kind, uint64_t size, uint32_t seed)
{
	uint32_t handle = dgem_create(fd, kind, size);

	dgem_fill_object(fd, handle, size, seed);
	return handle;
}

void dgem_check_object(int fd, uint32_t handle, uint64_t size, uint32_t seed)
{
	uint32_t seen = dgem_stage(fd, handle, size);
	/* it may be for reading alone */
	void *ptr = __dgem_mmap(fd, seen, size, PROT_READ, MAP_SHARED);

	igt_assert(ptr != MAP_FAILED);
	dgem_sync_start(fd, seen, DRM_DGEM_SYNC_READ, size);
	dgem_check(ptr, 0, size, seed);
	dgem_sync_end(fd, seen, DRM_DGEM_SYNC_READ, size);
	munmap(ptr, size);
	if (seen != handle)
		gem_close(fd, seen);
}

void dgem_subtests(int fd, const struct dgem_test *tests, int count)
{
	for (int i = 0; i < count; i++) {
		igt_describe(tests[i].describe);
		igt_subtest(tests[i].name) {
			struct dgem_snapshot before;

			dgem_snapshot(fd, &before);
			tests[i].test(fd);
			dgem_assert_unchanged(fd, &before);
		}
	}
}

/* For the kinds that have all of these DRM_DGEM_CAP_*, and may be DGEM_AND_FOREIGN. */
void dgem_kind_subtests(int fd, const struct dgem_kind_test *tests, int count, uint32_t need)
{
	const struct dgem_kind *kind;

	for (int i = 0; i < count; i++) {
		for_each_dgem_kind(kind, need) {
			if ((kind->traits & tests[i].traits) != tests[i].traits ||
			    kind->traits & tests[i].without ||
			    (tests[i].fits && !tests[i].fits(kind)))
				continue;
			igt_describe(tests[i].describe);
			igt_subtest_f("%s-%s", tests[i].name, kind->name) {
				struct dgem_snapshot before;

				dgem_require_kind(fd, kind);
				dgem_snapshot(fd, &before);
				tests[i].test(fd, kind);
				dgem_assert_unchanged(fd, &before);
			}
		}
	}
}
