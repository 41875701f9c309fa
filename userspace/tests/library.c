// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * libdrm_dgem against a device: what the header promises. Prints TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "library.h"

struct dgem_device *device;

uint64_t objects_alive(void)
{
	struct dgem_stats stats = { 0 };

	dgem_device_get_stats(device, &stats, sizeof(stats));
	return stats.objects;
}

int bo_new(uint64_t size, struct dgem_bo **bo)
{
	return dgem_bo_new(device, size, DGEM_KIND_CONTIGUOUS, DGEM_CACHE_DEFAULT, bo);
}

static enum tap_result test_open(void)
{
	struct dgem_device_info info, other_info;
	struct dgem_device *other;

	check_ok(dgem_device_get_info(device, &info, sizeof(info)));
	check(info.name[0]);

	check_ok(dgem_device_open(dgem_device_path(device), &other));
	check(!strcmp(dgem_device_path(other), dgem_device_path(device)));
	check(dgem_device_fd(other) != dgem_device_fd(device));
	dgem_device_del(other);

	check_ok(dgem_device_open(info.name, &other));
	check_ok(dgem_device_get_info(other, &other_info, sizeof(other_info)));
	check(!strcmp(other_info.name, info.name));
	dgem_device_del(other);

	check_ok(dgem_device_open_index(0, &other));
	check(!strcmp(dgem_device_path(other), dgem_device_path(device)));
	dgem_device_del(other);
	return TAP_OK;
}

static enum tap_result test_bad_open(void)
{
	struct dgem_device *other;
	int fd;

	check_result(dgem_device_open("no such instance", &other), -ENODEV);
	check_result(dgem_device_open("/dev/dri/no-such-node", &other), -ENODEV);
	check_result(dgem_device_open("/dev/null", &other), -ENODEV);
	check_result(dgem_device_open_index(1000, &other), -ENODEV);
	check_result(dgem_device_new(-1, &other), -EBADF);
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	check(fd >= 0);
	check_result(dgem_device_new(fd, &other), -ENODEV);
	close(fd);
	return TAP_OK;
}

/* A wrapped file stays open after the wrapper is gone. */
static enum tap_result test_wrap(void)
{
	int fd = open(dgem_device_path(device), O_RDWR | O_CLOEXEC);
	struct dgem_device *other;

	check(fd >= 0);
	check_ok(dgem_device_new(fd, &other));
	check(dgem_device_fd(other) == fd);
	check(dgem_device_ref(other) == other);
	dgem_device_del(other);
	check(!strcmp(dgem_device_path(other), dgem_device_path(device)));
	dgem_device_del(other);
	check(fcntl(fd, F_GETFD) >= 0);
	close(fd);
	dgem_device_del(NULL);
	return TAP_OK;
}

/* Answers of every length: no byte is written behind it, and none before its end is left alone. */
static enum tap_result test_query(void)
{
	struct {
		struct dgem_engine_info info;
		uint8_t more[64];
	} answer;
	struct dgem_engine_info engine;
	uint8_t *bytes = (uint8_t *)&answer;

	check_ok(dgem_device_get_engine(device, &engine, sizeof(engine)));
	check(engine.type == DGEM_ENGINE_CPU || engine.type == DGEM_ENGINE_DMA);
	check(engine.copy_align && !(engine.copy_align & (engine.copy_align - 1)));
	check(memchr(engine.name, 0, sizeof(engine.name)) && engine.name[0]);

	memset(&answer, 0xa5, sizeof(answer));
	check_ok(dgem_device_get_engine(device, &answer.info, 8));
	check(!memcmp(&answer, &engine, 8) && bytes[8] == 0xa5);

	memset(&answer, 0xa5, sizeof(answer));
	check_ok(dgem_device_get_engine(device, &answer.info, sizeof(answer)));
	check(!memcmp(&answer.info, &engine, sizeof(engine)));
	for (size_t i = 0; i < sizeof(answer.more); i++)
		check(!answer.more[i]);
	return TAP_OK;
}

static enum tap_result test_new(void)
{
	struct dgem_device_info info;
	struct dgem_bo_info bo_info;
	struct dgem_bo *bo;
	uint64_t before = objects_alive();

	check_ok(dgem_device_get_info(device, &info, sizeof(info)));
	check(info.kinds & (1 << DGEM_KIND_CONTIGUOUS));
	check(info.granule >= info.page_size && !(info.granule & (info.granule - 1)));
	check_ok(bo_new(1, &bo));
	check(objects_alive() == before + 1);
	check(dgem_bo_size(bo) == info.page_size);
	check(dgem_bo_handle(bo));
	check(dgem_bo_device(bo) == device);
	check_ok(dgem_bo_get_info(bo, &bo_info, sizeof(bo_info)));
	check(bo_info.size == info.page_size && bo_info.kind == DGEM_KIND_CONTIGUOUS);
	check(bo_info.caps == (DGEM_CAP_MMAP | DGEM_CAP_EXPORT | DGEM_CAP_WRITE));
	check(bo_info.cache_asked == DGEM_CACHE_DEFAULT);
	check(bo_info.cache_granted == DGEM_CACHE_CACHED);
	check(dgem_bo_ref(bo) == bo);
	dgem_bo_del(bo);
	check(objects_alive() == before + 1);
	dgem_bo_del(bo);
	check(objects_alive() == before);
	dgem_bo_del(NULL);
	return TAP_OK;
}

static enum tap_result test_bad_new(void)
{
	uint64_t before = objects_alive();
	struct dgem_device_info info;
	struct dgem_bo *bo = NULL;

	check_ok(dgem_device_get_info(device, &info, sizeof(info)));
	check_result(bo_new(0, &bo), -EINVAL);
	check_result(bo_new(info.max_size + 1, &bo), -EINVAL);
	check_result(bo_new(UINT64_MAX, &bo), -EINVAL);
	check_result(dgem_bo_new(device, 4096, DGEM_KIND_IMPORT, DGEM_CACHE_DEFAULT, &bo), -EINVAL);
	check_result(dgem_bo_new(device, 4096, (enum dgem_kind)1000, DGEM_CACHE_DEFAULT, &bo),
		     -EINVAL);
	check_result(dgem_bo_new(device, 4096, DGEM_KIND_CONTIGUOUS, DGEM_CACHE_WC, &bo), -EINVAL);
	check_result(dgem_bo_new(device, 4096, DGEM_KIND_COHERENT, DGEM_CACHE_EXPORTER, &bo),
		     -EINVAL);
	check(!bo);
	check(objects_alive() == before);
	return TAP_OK;
}

/* Two ranges of the caller's memory, the second first; the engine writes to both. */
static enum tap_result test_user(void)
{
	const size_t page = 4096, size = 3 * page;
	uint8_t *own = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct iovec iov[] = { { own + 2 * page, page }, { own, page } };
	const struct iovec odd = { own, page + 1 };
	struct dgem_bo *bo = NULL, *src;
	struct dgem_bo_info info;
	struct dgem_job *job;
	void *ptr;

	check(own != MAP_FAILED);
	check_ok(dgem_bo_new_user(device, iov, 2, DGEM_READ | DGEM_WRITE, &bo));
	check(dgem_bo_size(bo) == 2 * page);
	check_ok(dgem_bo_get_info(bo, &info, sizeof(info)));
	check(info.kind == DGEM_KIND_USER && info.caps == DGEM_CAP_WRITE);
	check_result(dgem_bo_map(bo, &ptr), -EOPNOTSUPP);
	check_result(dgem_bo_dmabuf(bo, DGEM_READ), -EOPNOTSUPP);

	check_ok(bo_new(2 * page, &src));
	check_ok(dgem_bo_map(src, &ptr));
	memset(ptr, 1, page);
	memset((uint8_t *)ptr + page, 2, page);
	check_ok(dgem_bo_sync_end(src, 0, 2 * page, DGEM_WRITE));
	check_ok(dgem_job_new(device, &job));
	check_ok(dgem_job_copy(job, bo, 0, src, 0, 2 * page));
	check_ok(dgem_job_run(job, 0, DGEM_WAIT_FOREVER));
	dgem_job_del(job);
	check_ok(dgem_bo_sync_begin(bo, 0, 2 * page, DGEM_READ, DGEM_WAIT_FOREVER));
	check(own[0] == 2 && own[page - 1] == 2 && !own[page] && !own[2 * page - 1]);
	check(own[2 * page] == 1 && own[size - 1] == 1);
	check_ok(dgem_bo_sync_end(bo, 0, 2 * page, DGEM_READ));
	dgem_bo_del(bo);
	dgem_bo_del(src);

	check_ok(dgem_bo_new_user(device, iov, 2, DGEM_READ, &bo));
	check_ok(dgem_bo_get_info(bo, &info, sizeof(info)));
	check(!info.caps);
	dgem_bo_del(bo);

	check_result(dgem_bo_new_user(device, iov, 0, DGEM_READ, &bo), -EINVAL);
	check_result(dgem_bo_new_user(device, iov, 2, DGEM_WRITE, &bo), -EINVAL);
	check_result(dgem_bo_new_user(device, iov, 2, 0, &bo), -EINVAL);
	check_result(dgem_bo_new_user(device, &odd, 1, DGEM_READ, &bo), -EINVAL);
	munmap(own, size);
	check_result(dgem_bo_new_user(device, iov, 2, DGEM_READ, &bo), -EFAULT);
	return TAP_OK;
}

static enum tap_result test_map(void)
{
	struct dgem_bo_info info;
	uint8_t *first, *second;
	struct dgem_bo *bo;
	void *ptr;

	check_ok(bo_new(3 * 4096, &bo));
	check_result(dgem_bo_unmap(bo), -EINVAL);
	check_ok(dgem_bo_map(bo, &ptr));
	first = ptr;
	for (uint64_t i = 0; i < dgem_bo_size(bo); i++)
		check(!first[i]);
	first[0] = 1;
	first[dgem_bo_size(bo) - 1] = 2;
	check_ok(dgem_bo_map(bo, &ptr));
	check(ptr == first);
	check_ok(dgem_bo_get_info(bo, &info, sizeof(info)));
	check(info.vmas == 1);
	check_ok(dgem_bo_unmap(bo));
	check(first[0] == 1);
	check_ok(dgem_bo_unmap(bo));
	check_result(dgem_bo_unmap(bo), -EINVAL);
	check_ok(dgem_bo_get_info(bo, &info, sizeof(info)));
	check(info.vmas == 0);
	check_ok(dgem_bo_map(bo, &ptr));
	second = ptr;
	check(second[0] == 1 && second[dgem_bo_size(bo) - 1] == 2);
	/* The mapping goes with the object. */
	dgem_bo_del(bo);
	return TAP_OK;
}

static enum tap_result test_export_import(void)
{
	uint64_t before = objects_alive();
	struct dgem_bo *bo, *same, *again;
	int fd;

	check_ok(bo_new(4096, &bo));
	fd = dgem_bo_dmabuf(bo, DGEM_READ | DGEM_WRITE);
	check(fd >= 0);
	check(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	check_ok(dgem_bo_from_dmabuf(device, fd, &same));
	check_ok(dgem_bo_from_dmabuf(device, fd, &again));
	check(same == bo && again == bo);
	check(objects_alive() == before + 1);
	dgem_bo_del(bo);
	dgem_bo_del(same);
	check(objects_alive() == before + 1);
	check(dgem_bo_size(again) == 4096);
	dgem_bo_del(again);
	/* The dma-buf has it still, and an import brings it back. */
	check(objects_alive() == before + 1);
	check_ok(dgem_bo_from_dmabuf(device, fd, &bo));
	check(objects_alive() == before + 1);
	dgem_bo_del(bo);
	close(fd);
	check(objects_alive() == before);
	return TAP_OK;
}

/* One memory, two files: two objects, and what one writes the other reads. */
static enum tap_result test_two_files(void)
{
	struct dgem_bo *bo, *theirs;
	struct dgem_device *other;
	void *ours_ptr, *their_ptr;
	int fd;

	check_ok(dgem_device_open(dgem_device_path(device), &other));
	check_ok(bo_new(4096, &bo));
	fd = dgem_bo_dmabuf(bo, DGEM_READ | DGEM_WRITE);
	check(fd >= 0);
	check_ok(dgem_bo_from_dmabuf(other, fd, &theirs));
	close(fd);
	check(theirs != bo);
	check(dgem_bo_device(theirs) == other);
	/* The object keeps its device. */
	dgem_device_del(other);
	check_ok(dgem_bo_map(bo, &ours_ptr));
	check_ok(dgem_bo_map(theirs, &their_ptr));
	check(ours_ptr != their_ptr);
	*(volatile uint32_t *)ours_ptr = 0x12345678;
	check(*(volatile uint32_t *)their_ptr == 0x12345678);
	dgem_bo_del(theirs);
	dgem_bo_del(bo);
	return TAP_OK;
}

static enum tap_result test_bad_export_import(void)
{
	struct dgem_bo *bo, *import = NULL;
	int fd;

	check_ok(bo_new(4096, &bo));
	check_result(dgem_bo_dmabuf(bo, 0), -EINVAL);
	check_result(dgem_bo_dmabuf(bo, DGEM_WRITE), -EINVAL);
	check_result(dgem_bo_dmabuf(bo, DGEM_READ | 0x10), -EINVAL);
	dgem_bo_del(bo);
	check_result(dgem_bo_from_dmabuf(device, -1, &import), -EBADF);
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	check(fd >= 0);
	check_result(dgem_bo_from_dmabuf(device, fd, &import), -EINVAL);
	close(fd);
	check(!import);
	return TAP_OK;
}

/* A dma-buf of a heap, the system heap unless there is one that is contiguous; -1 without any. */
static int heap_dmabuf(size_t size)
{
	static const char * const heaps[] = {
		"/dev/dma_heap/default_cma_region",
		"/dev/dma_heap/reserved",
		"/dev/dma_heap/linux,cma",
		"/dev/dma_heap/system",
	};
	struct dma_heap_allocation_data args = { .len = size, .fd_flags = O_RDWR | O_CLOEXEC };

	for (size_t i = 0; i < sizeof(heaps) / sizeof(heaps[0]); i++) {
		int fd = open(heaps[i], O_RDONLY | O_CLOEXEC);
		int ret;

		if (fd < 0)
			continue;
		ret = ioctl(fd, DMA_HEAP_IOCTL_ALLOC, &args);
		close(fd);
		if (!ret)
			return (int)args.fd;
	}
	return -1;
}

static enum tap_result test_foreign_import(void)
{
	uint64_t before = objects_alive();
	struct dgem_bo *bo, *same;
	struct dgem_bo_info info;
	int fd = heap_dmabuf(8192);

	if (fd < 0)
		skip("no dma-heap gives memory");
	check_ok(dgem_bo_from_dmabuf(device, fd, &bo));
	check_ok(dgem_bo_from_dmabuf(device, fd, &same));
	check(bo == same);
	close(fd);
	check(dgem_bo_size(bo) == 8192);
	check_ok(dgem_bo_get_info(bo, &info, sizeof(info)));
	check(info.kind == DGEM_KIND_IMPORT);
	check(info.cache_granted == DGEM_CACHE_EXPORTER);
	dgem_bo_del(bo);
	dgem_bo_del(same);
	check(objects_alive() == before);
	return TAP_OK;
}

static enum tap_result test_sync(void)
{
	struct dgem_bo *bo;

	check_ok(bo_new(8192, &bo));
	check_ok(dgem_bo_sync_begin(bo, 0, 8192, DGEM_READ | DGEM_WRITE, 0));
	check_ok(dgem_bo_sync_end(bo, 0, 8192, DGEM_READ | DGEM_WRITE));
	check_ok(dgem_bo_sync_begin(bo, 8191, 1, DGEM_READ, DGEM_WAIT_FOREVER));
	check_ok(dgem_bo_sync_end(bo, 8191, 1, DGEM_READ));
	check_ok(dgem_bo_sync_begin(bo, 1, 2, DGEM_WRITE, INT64_MAX));
	check_ok(dgem_bo_sync_end(bo, 1, 2, DGEM_WRITE));

	check_result(dgem_bo_sync_begin(bo, 0, 0, DGEM_READ, 0), -EINVAL);
	check_result(dgem_bo_sync_begin(bo, 0, 8193, DGEM_READ, 0), -EINVAL);
	check_result(dgem_bo_sync_begin(bo, 8192, 1, DGEM_READ, 0), -EINVAL);
	check_result(dgem_bo_sync_begin(bo, 4096, UINT64_MAX - 4095, DGEM_READ, 0), -EINVAL);
	check_result(dgem_bo_sync_begin(bo, 0, 8192, 0, 0), -EINVAL);
	/* The kernel's END bit is not for callers. */
	check_result(dgem_bo_sync_begin(bo, 0, 8192, DGEM_READ | 0x4, 0), -EINVAL);
	check_result(dgem_bo_sync_end(bo, 0, 8192, 0), -EINVAL);
	check_result(dgem_bo_sync_end(bo, 1, 8192, DGEM_WRITE), -EINVAL);
	dgem_bo_del(bo);
	return TAP_OK;
}

#define THREADS		4
#define ROUNDS		200

static void *import_many_times(void *arg)
{
	intptr_t errors = 0;

	for (int i = 0; i < ROUNDS; i++) {
		struct dgem_bo *bo;
		void *ptr;

		if (dgem_bo_from_dmabuf(device, *(int *)arg, &bo)) {
			errors++;
			continue;
		}
		if (dgem_bo_size(bo) != 4096 || dgem_bo_map(bo, &ptr) ||
		    *(volatile uint8_t *)ptr != 0x5a || dgem_bo_unmap(bo))
			errors++;
		dgem_bo_del(bo);
	}
	return (void *)errors;
}

/* The last reference and the next import race for the handle. */
static enum tap_result test_threads(void)
{
	uint64_t before = objects_alive();
	pthread_t threads[THREADS];
	intptr_t errors = 0;
	struct dgem_bo *bo;
	void *ptr;
	int fd;

	check_ok(bo_new(4096, &bo));
	check_ok(dgem_bo_map(bo, &ptr));
	*(volatile uint8_t *)ptr = 0x5a;
	fd = dgem_bo_dmabuf(bo, DGEM_READ | DGEM_WRITE);
	check(fd >= 0);
	dgem_bo_del(bo);
	for (int i = 0; i < THREADS; i++)
		check_ok(-pthread_create(&threads[i], NULL, import_many_times, &fd));
	for (int i = 0; i < THREADS; i++) {
		void *result;

		check_ok(-pthread_join(threads[i], &result));
		errors += (intptr_t)result;
	}
	check(!errors);
	close(fd);
	check(objects_alive() == before);
	return TAP_OK;
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		{ "open", test_open },
		{ "bad-open", test_bad_open },
		{ "wrap", test_wrap },
		{ "query", test_query },
		{ "new", test_new },
		{ "bad-new", test_bad_new },
		{ "user", test_user },
		{ "map", test_map },
		{ "dmabuf-map", test_dmabuf_map },
		{ "bad-dmabuf-map", test_bad_dmabuf_map },
		{ "flags", test_flags },
		{ "bad-flags", test_bad_flags },
		{ "export-import", test_export_import },
		{ "two-files", test_two_files },
		{ "bad-export-import", test_bad_export_import },
		{ "foreign-import", test_foreign_import },
		{ "sync", test_sync },
		{ "job", test_job },
		{ "fill", test_fill },
		{ "job-references", test_job_references },
		{ "bad-job", test_bad_job },
		{ "syncobj", test_syncobj },
		{ "order", test_order },
		{ "fence-error", test_fence_error },
		{ "threads", test_threads },
	};
	int ret, status;

	ret = dgem_device_open(argc > 1 ? argv[1] : NULL, &device);
	if (ret) {
		printf("Bail out! no dgem device: %s\n", strerror(-ret));
		return EXIT_FAILURE;
	}
	status = tap_run(tests, sizeof(tests) / sizeof(tests[0]));
	dgem_device_del(device);
	return status;
}
