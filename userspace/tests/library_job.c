// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * libdrm_dgem against a device: jobs and syncobjs.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <xf86drm.h>

#include "library.h"

#define SECOND		((int64_t)1000000000)
#define TIMEOUT		(600 * SECOND)

static uint8_t pattern(uint64_t i)
{
	return (uint8_t)(i * 7 + (i >> 8) + 1);
}

static int fill(struct dgem_bo *bo)
{
	uint64_t size = dgem_bo_size(bo);
	uint8_t *bytes;
	void *ptr;
	int ret = dgem_bo_map(bo, &ptr);

	if (ret)
		return ret;
	bytes = ptr;
	ret = dgem_bo_sync_begin(bo, 0, size, DGEM_WRITE, DGEM_WAIT_FOREVER);
	for (uint64_t i = 0; !ret && i < size; i++)
		bytes[i] = pattern(i);
	if (!ret)
		ret = dgem_bo_sync_end(bo, 0, size, DGEM_WRITE);
	dgem_bo_unmap(bo);
	return ret;
}

/* A line and a rectangle by one job, and nothing written around them. */
enum tap_result test_job(void)
{
	enum { SIZE = 16384, LINE = 1000, WIDTH = 64, HEIGHT = 5, PITCH = 256, RECT = 8192 };
	struct dgem_engine_info engine;
	static uint8_t wanted[SIZE];
	struct dgem_bo *src, *dst;
	struct dgem_job *job;
	void *ptr;

	check_ok(dgem_device_get_engine(device, &engine, sizeof(engine)));
	if (engine.copy_align > 8)
		skip("the engine wants a coarser alignment than the test's");
	check_ok(bo_new(SIZE, &src));
	check_ok(bo_new(SIZE, &dst));
	check_ok(fill(src));

	check_ok(dgem_job_new(device, &job));
	check(dgem_job_ref(job) == job);
	dgem_job_del(job);
	check_ok(dgem_job_copy(job, dst, 16, src, 4000, LINE));
	check_ok(dgem_job_copy_2d(job, dst, RECT, PITCH, src, 24, 2 * PITCH, WIDTH, HEIGHT));
	check_ok(dgem_job_run(job, 0, TIMEOUT));
	dgem_job_del(job);

	memset(wanted, 0, sizeof(wanted));
	for (uint64_t i = 0; i < LINE; i++)
		wanted[16 + i] = pattern(4000 + i);
	for (uint64_t y = 0; y < HEIGHT; y++)
		for (uint64_t x = 0; x < WIDTH; x++)
			wanted[RECT + y * PITCH + x] = pattern(24 + y * 2 * PITCH + x);
	check_ok(dgem_bo_map(dst, &ptr));
	check_ok(dgem_bo_sync_begin(dst, 0, SIZE, DGEM_READ, 0));
	check(!memcmp(ptr, wanted, SIZE));
	check_ok(dgem_bo_sync_end(dst, 0, SIZE, DGEM_READ));
	dgem_bo_del(src);
	dgem_bo_del(dst);
	return TAP_OK;
}

/* Fills, tied to a copy by a sync_file; and what became of them. */
enum tap_result test_fill(void)
{
	enum { SIZE = 4096, LINE = 1000, WIDTH = 16, HEIGHT = 3, PITCH = 64, RECT = 2048 };
	static const uint64_t wanted = 0x1122334455667788;
	struct dgem_job_status status;
	struct dgem_bo *src, *dst;
	struct dgem_job *fills, *copy;
	struct pollfd done;
	uint64_t *words;
	void *ptr;
	int first;

	check_ok(bo_new(SIZE, &src));
	check_ok(bo_new(SIZE, &dst));
	check_ok(dgem_job_new(device, &fills));
	check_ok(dgem_job_new(device, &copy));
	check_result(dgem_job_get_status(fills, &status), -ENOENT);
	check_ok(dgem_job_fill(fills, src, 8, LINE, wanted, 8));
	check_ok(dgem_job_fill_2d(fills, src, RECT, PITCH, WIDTH, HEIGHT, 0xabababab, 4));
	check_ok(dgem_job_copy(copy, dst, 0, src, 0, SIZE));

	first = dgem_job_submit_sync_file(fills, DGEM_SUBMIT_NO_IMPLICIT);
	check(first >= 0);
	check_ok(dgem_job_wait_sync_file(copy, first));
	done.fd = dgem_job_submit_sync_file(copy, DGEM_SUBMIT_NO_IMPLICIT);
	check(done.fd >= 0);
	close(first);
	done.events = POLLIN;
	check(poll(&done, 1, TIMEOUT / 1000000) == 1);
	close(done.fd);
	check_ok(dgem_job_get_status(fills, &status));
	check(status.state == DGEM_JOB_DONE && !status.error);
	check(status.bytes == LINE + WIDTH * HEIGHT);

	check_ok(dgem_bo_map(dst, &ptr));
	check_ok(dgem_bo_sync_begin(dst, 0, SIZE, DGEM_READ, TIMEOUT));
	words = ptr;
	for (uint64_t i = 0; i < SIZE / 8; i++) {
		uint64_t at = i * 8, x = (at - RECT) % PITCH, y = (at - RECT) / PITCH, word = 0;

		if (at >= 8 && at < 8 + LINE)
			word = wanted;
		else if (at >= RECT && x < WIDTH && y < HEIGHT)
			word = 0xabababababababab;
		check(words[i] == word);
	}
	check_ok(dgem_bo_sync_end(dst, 0, SIZE, DGEM_READ));
	dgem_job_del(fills);
	dgem_job_del(copy);
	dgem_bo_del(src);
	dgem_bo_del(dst);
	return TAP_OK;
}

/* The job keeps its objects, and can be submitted again. */
enum tap_result test_job_references(void)
{
	struct dgem_bo *src, *dst;
	struct dgem_job *job;
	uint64_t before;

	/* The kernel lets go of a job's objects a moment after its fence: of earlier ones', too */
	for (int i = 0; i < 200 && objects_alive(); i++)
		usleep(10000);
	before = objects_alive();
	check_ok(bo_new(4096, &src));
	check_ok(bo_new(4096, &dst));
	check_ok(dgem_job_new(device, &job));
	for (int i = 0; i < 20; i++)
		check_ok(dgem_job_copy(job, dst, 0, src, 0, 8));
	dgem_bo_del(src);
	dgem_bo_del(dst);
	check(objects_alive() == before + 2);
	check_ok(dgem_job_run(job, 0, TIMEOUT));
	check_ok(dgem_job_run(job, DGEM_SUBMIT_NO_IMPLICIT, TIMEOUT));
	dgem_job_del(job);
	for (int i = 0; i < 1000 && objects_alive() != before; i++)
		usleep(10000);
	check(objects_alive() == before);
	dgem_job_del(NULL);
	return TAP_OK;
}

enum tap_result test_bad_job(void)
{
	struct dgem_device *other;
	struct dgem_bo *bo, *theirs;
	struct dgem_job *job;

	check_ok(bo_new(4096, &bo));
	check_ok(dgem_device_open(dgem_device_path(device), &other));
	check_ok(dgem_bo_new(other, 4096, DGEM_KIND_CONTIGUOUS, DGEM_CACHE_DEFAULT, &theirs));

	check_ok(dgem_job_new(device, &job));
	check_result(dgem_job_submit(job, 0), -EINVAL);
	check_result(dgem_job_copy(job, bo, 0, theirs, 0, 64), -EINVAL);
	check_result(dgem_job_copy_2d(job, theirs, 0, 64, bo, 0, 64, 64, 1), -EINVAL);
	/* What was refused is not in the job. */
	check_result(dgem_job_submit(job, 0), -EINVAL);
	check_ok(dgem_job_copy(job, bo, 0, bo, 2048, 2049));
	check_result(dgem_job_submit(job, 0), -EINVAL);
	dgem_job_del(job);

	check_ok(dgem_job_new(device, &job));
	check_ok(dgem_job_copy(job, bo, 0, bo, 32, 64));
	check_result(dgem_job_submit(job, 0), -EINVAL);
	dgem_job_del(job);

	check_ok(dgem_job_new(device, &job));
	check_ok(dgem_job_copy(job, bo, 0, bo, 2048, 64));
	check_result(dgem_job_submit(job, 0x80000000), -EINVAL);
	check_result(dgem_job_run(job, 0x80000000, TIMEOUT), -EINVAL);
	check_ok(dgem_job_wait_syncobj(job, 0xdeadbeef, 0));
	check_result(dgem_job_submit(job, 0), -ENOENT);
	dgem_job_del(job);

	dgem_bo_del(theirs);
	dgem_device_del(other);
	dgem_bo_del(bo);
	return TAP_OK;
}

enum tap_result test_syncobj(void)
{
	int fd = dgem_device_fd(device);
	uint32_t in, out, timeline;
	struct dgem_job *job;
	struct dgem_bo *bo;

	check_ok(bo_new(4096, &bo));
	check_ok(drmSyncobjCreate(fd, 0, &in));
	check_ok(drmSyncobjCreate(fd, 0, &out));
	check_ok(drmSyncobjCreate(fd, 0, &timeline));
	check_result(dgem_syncobj_wait(device, 0xdeadbeef, 0, 0), -ENOENT);
	check_result(dgem_syncobj_wait(device, out, 0, 0), -EINVAL);
	check_result(dgem_syncobj_wait(device, timeline, 1, 0), -EINVAL);

	check_ok(dgem_job_new(device, &job));
	check_ok(dgem_job_copy(job, bo, 0, bo, 2048, 64));
	check_ok(dgem_job_wait_syncobj(job, in, 0));
	check_ok(dgem_job_signal_syncobj(job, out, 0));
	check_ok(dgem_job_signal_syncobj(job, timeline, 7));
	check_result(dgem_job_submit(job, 0), -EINVAL);
	check_result(dgem_syncobj_wait(device, out, 0, 0), -EINVAL);
	check_ok(drmSyncobjSignal(fd, &in, 1));
	check_ok(dgem_job_submit(job, 0));
	check_ok(dgem_syncobj_wait(device, out, 0, TIMEOUT));
	check_ok(dgem_syncobj_wait(device, timeline, 7, TIMEOUT));
	check_result(dgem_syncobj_wait(device, timeline, 8, 0), -EINVAL);
	dgem_job_del(job);
	dgem_bo_del(bo);
	check_ok(drmSyncobjDestroy(fd, in));
	check_ok(drmSyncobjDestroy(fd, out));
	check_ok(drmSyncobjDestroy(fd, timeline));
	return TAP_OK;
}

/*
 * A fence that is signalled by hand: the kernel's sw_sync. Its header is not among the exported
 * ones, the interface is older than that.
 */
struct sw_sync_fence {
	uint32_t value;
	char name[32];
	int32_t fence;
};

#define SW_SYNC_CREATE_FENCE	_IOWR('W', 0, struct sw_sync_fence)
#define SW_SYNC_INC		_IOW('W', 1, uint32_t)

/* A new syncobj that has a fence of the timeline. */
static int sw_syncobj(int timeline, uint32_t value, uint32_t *syncobj)
{
	struct sw_sync_fence args = { .value = value, .name = "library test" };
	int fd = dgem_device_fd(device);
	int ret;

	if (ioctl(timeline, SW_SYNC_CREATE_FENCE, &args))
		return -errno;
	ret = drmSyncobjCreate(fd, 0, syncobj) ? -errno : 0;
	if (!ret && drmSyncobjImportSyncFile(fd, *syncobj, args.fence))
		ret = -errno;
	close(args.fence);
	return ret;
}

/* The job waits for its fence, and everything that comes after the job waits for the job. */
enum tap_result test_order(void)
{
	int timeline = open("/sys/kernel/debug/sync/sw_sync", O_RDWR | O_CLOEXEC);
	int fd = dgem_device_fd(device);
	struct dgem_bo *src, *dst;
	uint32_t in, out, step = 1;
	struct dgem_job *job;

	if (timeline < 0)
		skip("no sw_sync");
	check_ok(bo_new(4096, &src));
	check_ok(bo_new(4096, &dst));
	check_ok(fill(src));
	check_ok(sw_syncobj(timeline, 1, &in));
	check_ok(drmSyncobjCreate(fd, 0, &out));
	check_ok(dgem_job_new(device, &job));
	check_ok(dgem_job_copy(job, dst, 0, src, 0, 64));
	check_ok(dgem_job_wait_syncobj(job, in, 0));
	check_ok(dgem_job_signal_syncobj(job, out, 0));
	check_ok(dgem_job_submit(job, 0));

	check_result(dgem_syncobj_wait(device, out, 0, 0), -ETIME);
	check_result(dgem_syncobj_wait(device, out, 0, SECOND / 4), -ETIME);
	check_result(dgem_job_run(job, 0, SECOND / 10), -ETIME);
	check_result(dgem_bo_sync_begin(dst, 0, 1, DGEM_READ, 0), -ETIME);
	check_result(dgem_bo_sync_begin(dst, 0, 1, DGEM_READ, SECOND / 10), -ETIME);
	/* The source is only read: readers need not wait, writers do. */
	check_ok(dgem_bo_sync_begin(src, 0, 1, DGEM_READ, 0));
	check_ok(dgem_bo_sync_end(src, 0, 1, DGEM_READ));
	check_result(dgem_bo_sync_begin(src, 0, 1, DGEM_WRITE, 0), -ETIME);

	check_ok(ioctl(timeline, SW_SYNC_INC, &step));
	check_ok(dgem_syncobj_wait(device, out, 0, TIMEOUT));
	check_ok(dgem_bo_sync_begin(src, 0, 1, DGEM_WRITE, TIMEOUT));
	check_ok(dgem_bo_sync_end(src, 0, 1, DGEM_WRITE));
	dgem_job_del(job);
	dgem_bo_del(src);
	dgem_bo_del(dst);
	check_ok(drmSyncobjDestroy(fd, in));
	check_ok(drmSyncobjDestroy(fd, out));
	close(timeline);
	return TAP_OK;
}

/* A fence that ends with an error says so; as the point of a timeline it is just over. */
enum tap_result test_fence_error(void)
{
	int timeline = open("/sys/kernel/debug/sync/sw_sync", O_RDWR | O_CLOEXEC);
	int fd = dgem_device_fd(device);
	uint32_t binary, points;

	if (timeline < 0)
		skip("no sw_sync");
	check_ok(sw_syncobj(timeline, 1, &binary));
	check_ok(drmSyncobjCreate(fd, 0, &points));
	check_ok(drmSyncobjTransfer(fd, points, 5, binary, 0, 0));
	check_result(dgem_syncobj_wait(device, binary, 0, 0), -ETIME);
	check_result(dgem_syncobj_wait(device, points, 5, 0), -ETIME);
	/* A timeline that goes away leaves its fences with -ENOENT. */
	close(timeline);
	check_result(dgem_syncobj_wait(device, binary, 0, TIMEOUT), -ENOENT);
	check_ok(dgem_syncobj_wait(device, points, 5, TIMEOUT));
	check_ok(drmSyncobjDestroy(fd, binary));
	check_ok(drmSyncobjDestroy(fd, points));
	return TAP_OK;
}
