// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <sys/mman.h>

#include "igt.h"
#include "igt_syncobj.h"
#include "sw_sync.h"

#include "dgem_provider.h"
#include "dgem_util.h"

/**
 * TEST: dgem job
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: robustness
 * Description: What became of a job is told, and one that fails does no harm to others.
 *
 * SUBTEST: status
 * Description: A job is queued, then it is done; its bytes count to the last one.
 *
 * SUBTEST: numbers
 * Description: Jobs have numbers of their own in each file.
 *
 * SUBTEST: forgotten
 * Description: The last 256 jobs are remembered, and no more.
 *
 * SUBTEST: bad-number
 * Description: A number that no job has is ENOENT.
 *
 * SUBTEST: bad-flags
 * Description: Bits that are not used yet are refused.
 *
 * SUBTEST: error-read
 * Description: A channel that fails to read ends the job with EIO; the bytes until then are told.
 *
 * SUBTEST: error-write
 * Description: A channel that fails to write ends the job with EIO; the bytes until then are told.
 *
 * SUBTEST: error-abort
 * Description: A channel that aborts ends the job with EIO; the bytes until then are told.
 *
 * SUBTEST: error-later-op
 * Description: Bytes of the operations before the one that failed count.
 *
 * SUBTEST: error-queued
 * Description: Of many jobs queued the one that fails is the only one with an error.
 *
 * SUBTEST: timeout-bytes
 * Description: A job that stalls ends with ETIMEDOUT, and tells how far it got.
 */

IGT_TEST_DESCRIPTION("What became of a job is told; one that fails does no harm.");

#define SIZE	(8 * DGEM_PAGE)
#define LOGGED	256

/* Two objects and a copy of one to the other */
struct pair {
	int fd;
	uint32_t src, dst;
};

static void pair_init(struct pair *pair, int fd)
{
	pair->fd = fd;
	pair->src = dgem_create_filled(fd, &dgem_kinds[0], SIZE, 1);
	pair->dst = dgem_create_filled(fd, &dgem_kinds[1], SIZE, 2);
}

static void pair_fini(struct pair *pair)
{
	gem_close(pair->fd, pair->src);
	gem_close(pair->fd, pair->dst);
}

/* Queue a job behind a syncobj (0: none); returns its number, and its sync_file. */
static uint64_t submit(int fd, const struct drm_dgem_op *ops, uint32_t count, uint32_t behind,
		       int *fence)
{
	struct drm_dgem_syncobj in = { .handle = behind };
	struct drm_dgem_syncobj out = { .flags = DRM_DGEM_SYNCOBJ_SYNC_FILE };
	struct drm_dgem_submit args;

	dgem_submit_init(&args, ops, count);
	args.in_syncs = to_user_pointer(&in);
	args.in_sync_count = behind != 0;
	args.out_syncs = to_user_pointer(&out);
	args.out_sync_count = 1;
	igt_assert_eq(__dgem_submit(fd, &args), 0);
	*fence = out.handle;
	return args.job;
}

/* Wait for a job's end; returns the status of its fence: 1, or the error. */
static int finish(int fence)
{
	int status;

	sync_fence_wait(fence, DGEM_PATIENCE_NS / NSEC_PER_MSEC);
	status = sync_fence_status(fence);
	igt_assert_f(status, "the job does not end\n");
	close(fence);
	return status;
}

static struct drm_dgem_job job_status(int fd, uint64_t number)
{
	struct drm_dgem_job job = { .job = number };

	igt_assert_eq(__dgem_job(fd, &job), 0);
	igt_assert_eq_u64(job.job, number);
	return job;
}

static void expect_done(int fd, uint64_t number, int error, uint64_t bytes)
{
	struct drm_dgem_job job = job_status(fd, number);

	igt_assert_eq(job.state, DRM_DGEM_JOB_DONE);
	igt_assert_eq(job.error, error);
	igt_assert_eq_u64(job.bytes, bytes);
}

static void test_status(int fd)
{
	struct drm_dgem_op ops[2];
	struct drm_dgem_job job;
	struct dgem_gate gate;
	uint64_t number;
	struct pair pair;
	int fence;

	pair_init(&pair, fd);
	dgem_gate_close(&gate, fd);
	ops[0] = dgem_op_copy(pair.src, 0, pair.dst, 0, 2 * DGEM_PAGE);
	ops[1] = dgem_op_copy_2d(pair.src, 0, 128, pair.dst, 4 * DGEM_PAGE, 64, 64, 3);
	number = submit(fd, ops, 2, gate.syncobj, &fence);
	dgem_sleep_ms(100);
	job = job_status(fd, number);
	igt_assert_eq(job.state, DRM_DGEM_JOB_QUEUED);
	igt_assert_eq(job.error, 0);
	igt_assert_eq_u64(job.bytes, 0);

	dgem_gate_open(&gate);
	/* It may be seen running, and its bytes only grow. */
	for (uint64_t bytes = 0; job.state != DRM_DGEM_JOB_DONE; bytes = job.bytes) {
		job = job_status(fd, number);
		igt_assert_lte_u64(bytes, job.bytes);
		dgem_sleep_ms(10);
	}
	igt_assert_eq(finish(fence), 1);
	expect_done(fd, number, 0, 2 * DGEM_PAGE + 3 * 64);
	dgem_gate_fini(&gate);
	pair_fini(&pair);
}

static void test_numbers(int fd)
{
	int files[2] = { dgem_open(), dgem_open() };
	struct drm_dgem_op op;
	struct pair pairs[2];
	int fence;

	for (int i = 0; i < 2; i++)
		pair_init(&pairs[i], files[i]);
	for (int n = 1; n <= 3; n++) {
		for (int i = 0; i < 2; i++) {
			op = dgem_op_copy(pairs[i].src, 0, pairs[i].dst, 0, 64 * (n + i));
			igt_assert_eq_u64(submit(files[i], &op, 1, 0, &fence), n);
			igt_assert_eq(finish(fence), 1);
		}
	}
	for (int n = 1; n <= 3; n++)
		for (int i = 0; i < 2; i++)
			expect_done(files[i], n, 0, 64 * (n + i));
	for (int i = 0; i < 2; i++) {
		pair_fini(&pairs[i]);
		close(files[i]);
	}
}

static void test_forgotten(int fd)
{
	/* The jobs wait for ever and end, without being run, with the process. */
	igt_require_sw_sync();
	igt_fork(child, 1) {
		struct drm_dgem_job job = { .job = 1 };
		struct drm_dgem_op op;
		struct dgem_gate gate;
		struct pair pair;
		int fence;

		fd = dgem_open();
		pair_init(&pair, fd);
		dgem_gate_close(&gate, fd);
		op = dgem_op_copy(pair.src, 0, pair.dst, 0, 64);
		for (int n = 1; n <= LOGGED; n++) {
			igt_assert_eq_u64(submit(fd, &op, 1, gate.syncobj, &fence), n);
			close(fence);
		}
		for (int n = 1; n <= LOGGED; n++)
			igt_assert_eq(job_status(fd, n).state, DRM_DGEM_JOB_QUEUED);
		submit(fd, &op, 1, gate.syncobj, &fence);
		igt_assert_eq(__dgem_job(fd, &job), -ENOENT);
		igt_assert_eq(job_status(fd, 2).state, DRM_DGEM_JOB_QUEUED);
		igt_assert_eq(job_status(fd, LOGGED + 1).state, DRM_DGEM_JOB_QUEUED);
	}
	igt_waitchildren();
}

static void test_bad_number(int fd)
{
	int other = dgem_open();
	const uint64_t bad[] = { 0, 1, 2, LOGGED, 1ull << 32, 1ull << 63, UINT64_MAX };

	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct drm_dgem_job job = { .job = bad[i] };

		igt_assert_eq(__dgem_job(other, &job), -ENOENT);
	}
	close(other);
	do_ioctl_err(fd, DRM_IOCTL_DGEM_JOB, NULL, EFAULT);
}

static void test_bad_flags(int fd)
{
	struct drm_dgem_op op;
	struct pair pair;
	uint64_t number;
	int fence;

	pair_init(&pair, fd);
	op = dgem_op_copy(pair.src, 0, pair.dst, 0, 64);
	number = submit(fd, &op, 1, 0, &fence);
	igt_assert_eq(finish(fence), 1);
	for (int bit = 0; bit < 32; bit++) {
		struct drm_dgem_job job = { .job = number, .flags = 1u << bit };

		igt_assert_eq(__dgem_job(fd, &job), -EINVAL);
		job = (struct drm_dgem_job) { .job = number, .pad = 1u << bit };
		igt_assert_eq(__dgem_job(fd, &job), -EINVAL);
	}
	pair_fini(&pair);
}

/* What is known to be there is there, and the next jobs are right. */
static void expect_part(struct pair *pair, uint64_t bytes)
{
	uint8_t *ptr = dgem_mmap(pair->fd, pair->dst, SIZE);

	dgem_sync_start(pair->fd, pair->dst, DRM_DGEM_SYNC_READ, SIZE);
	dgem_check(ptr, 0, bytes, 1);
	dgem_sync_end(pair->fd, pair->dst, DRM_DGEM_SYNC_READ, SIZE);
	munmap(ptr, SIZE);
	dgem_copy(pair->fd, pair->src, 0, pair->dst, 0, SIZE);
	dgem_check_object(pair->fd, pair->dst, SIZE, 1);
}

static void fail_at(int fd, const char *what, unsigned int leg)
{
	uint64_t bytes = (leg - 1) / 2 * DGEM_EDU_CHUNK, number;
	struct drm_dgem_query_stats before, now;
	struct drm_dgem_op op;
	struct pair pair;
	int fence;

	dgem_provoke(fd, what, 0);
	pair_init(&pair, fd);
	op = dgem_op_copy(pair.src, 0, pair.dst, 0, SIZE);
	dgem_query_stats(fd, &before);
	dgem_provoke(fd, what, leg);
	number = submit(fd, &op, 1, 0, &fence);
	igt_assert_eq(finish(fence), -EIO);
	expect_done(fd, number, -EIO, bytes);
	dgem_query_stats(fd, &now);
	igt_assert_eq_u64(now.bytes_dma, before.bytes_dma + bytes);
	expect_part(&pair, bytes);
	pair_fini(&pair);
}

static void test_error_read(int fd)
{
	fail_at(fd, "fail_leg", 1);
	fail_at(fd, "fail_leg", 7);
}

static void test_error_write(int fd)
{
	fail_at(fd, "fail_leg", 2);
	fail_at(fd, "fail_leg", 8);
}

static void test_error_abort(int fd)
{
	fail_at(fd, "abort_leg", 5);
}

static void test_error_later_op(int fd)
{
	struct drm_dgem_op ops[24];
	struct pair pair;
	uint64_t number;
	int fence;

	dgem_provoke(fd, "fail_leg", 0);
	pair_init(&pair, fd);
	for (int i = 0; i < ARRAY_SIZE(ops); i++)
		ops[i] = dgem_op_copy(pair.src, i * 1024, pair.dst, i * 1024, 1024);
	/* the operation after more than one ring of them */
	dgem_provoke(fd, "fail_leg", 2 * 20 + 1);
	number = submit(fd, ops, ARRAY_SIZE(ops), 0, &fence);
	igt_assert_eq(finish(fence), -EIO);
	expect_done(fd, number, -EIO, 20 * 1024);
	expect_part(&pair, 20 * 1024);
	pair_fini(&pair);
}

static void test_error_queued(int fd)
{
	uint64_t numbers[6];
	int fences[ARRAY_SIZE(numbers)];
	struct dgem_gate gate;
	struct pair pair;

	dgem_provoke(fd, "fail_leg", 0);
	pair_init(&pair, fd);
	dgem_gate_close(&gate, fd);
	for (int i = 0; i < ARRAY_SIZE(numbers); i++) {
		struct drm_dgem_op op = dgem_op_copy(pair.src, i * DGEM_PAGE, pair.dst,
						     i * DGEM_PAGE, 512);

		numbers[i] = submit(fd, &op, 1, i ? 0 : gate.syncobj, &fences[i]);
	}
	dgem_provoke(fd, "fail_leg", 2 * 2 + 2);
	dgem_gate_open(&gate);
	for (int i = 0; i < ARRAY_SIZE(numbers); i++) {
		igt_assert_eq(finish(fences[i]), i == 2 ? -EIO : 1);
		expect_done(fd, numbers[i], i == 2 ? -EIO : 0, i == 2 ? 0 : 512);
	}
	dgem_gate_fini(&gate);
	pair_fini(&pair);
}

static void test_timeout_bytes(int fd)
{
	struct drm_dgem_op ops[2];
	struct pair pair;
	uint64_t number;
	int fence;

	dgem_provoke(fd, "lose_irq", 0);
	pair_init(&pair, fd);
	ops[0] = dgem_op_copy(pair.src, 0, pair.dst, 0, 2 * DGEM_EDU_CHUNK);
	ops[1] = dgem_op_copy(pair.src, 2 * DGEM_EDU_CHUNK, pair.dst, 2 * DGEM_EDU_CHUNK, 64);
	dgem_provoke(fd, "lose_irq", 1);
	number = submit(fd, ops, ARRAY_SIZE(ops), 0, &fence);
	igt_assert_eq(finish(fence), -ETIMEDOUT);
	expect_done(fd, number, -ETIMEDOUT, 0);
	expect_part(&pair, 0);
	pair_fini(&pair);
}

static const struct dgem_test tests[] = {
	{ "status", "A job is queued, then done.", test_status },
	{ "numbers", "Jobs have numbers of their own in each file.", test_numbers },
	{ "forgotten", "The last 256 jobs are remembered.", test_forgotten },
	{ "bad-number", "A number that no job has is ENOENT.", test_bad_number },
	{ "bad-flags", "Bits that are not used yet are refused.", test_bad_flags },
	{ "error-read", "A failure to read is EIO.", test_error_read },
	{ "error-write", "A failure to write is EIO.", test_error_write },
	{ "error-abort", "An abort is EIO.", test_error_abort },
	{ "error-later-op", "Bytes of earlier operations count.", test_error_later_op },
	{ "error-queued", "Only the job that fails has an error.", test_error_queued },
	{ "timeout-bytes", "A job that stalls tells how far it got.", test_timeout_bytes },
};

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = dgem_open();

	dgem_subtests(fd, tests, ARRAY_SIZE(tests));

	igt_fixture()
		close(fd);
}
