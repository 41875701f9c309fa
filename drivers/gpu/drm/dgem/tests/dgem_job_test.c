// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/errno.h>
#include <linux/limits.h>

#include <kunit/test.h>

#include <drm/dgem_drm.h>

#include "../compat/dgem_compat.h"
#include "../dgem_engine.h"
#include "../dgem_log.h"
#include "../dgem_op.h"

static const struct drm_dgem_op copy = {
	.op = DRM_DGEM_OP_COPY, .src = 1, .dst = 2, .src_offset = 3, .dst_offset = 5, .width = 7,
};

static const struct drm_dgem_op copy_2d = {
	.op = DRM_DGEM_OP_COPY_2D, .src = 1, .dst = 2, .src_offset = 3, .dst_offset = 5,
	.width = 7, .height = 11, .src_pitch = 13, .dst_pitch = 17,
};

static const struct drm_dgem_op fill = {
	.op = DRM_DGEM_OP_FILL, .dst = 2, .dst_offset = 8, .width = 24,
	.pattern = 0x1234, .pattern_size = 2,
};

static const struct drm_dgem_op fill_2d = {
	.op = DRM_DGEM_OP_FILL_2D, .dst = 2, .dst_offset = 8, .width = 24, .height = 3,
	.dst_pitch = 40, .pattern = 0xa1b2c3d4, .pattern_size = 4,
};

/* what has to come out of the good ones */
static const struct {
	const struct drm_dgem_op *in;
	struct dgem_rect src_rect;
	struct dgem_rect dst_rect;
	u64 pattern;
	u32 pattern_size;
} good_ops[] = {
	{ &copy, { 3, 7, 7, 1 }, { 5, 7, 7, 1 } },
	{ &copy_2d, { 3, 7, 13, 11 }, { 5, 7, 17, 11 } },
	{ &fill, { 8, 24, 24, 1 }, { 8, 24, 24, 1 }, 0x1234123412341234, 2 },
	{ &fill_2d, { 8, 24, 40, 3 }, { 8, 24, 40, 3 }, 0xa1b2c3d4a1b2c3d4, 4 },
};

static void expect_rect(struct kunit *test, const struct dgem_rect *is,
			const struct dgem_rect *wanted)
{
	KUNIT_EXPECT_EQ(test, is->offset, wanted->offset);
	KUNIT_EXPECT_EQ(test, is->width, wanted->width);
	KUNIT_EXPECT_EQ(test, is->pitch, wanted->pitch);
	KUNIT_EXPECT_EQ(test, is->height, wanted->height);
}

static void dgem_op_good_test(struct kunit *test)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(good_ops); i++) {
		struct dgem_engine_op op = {};

		KUNIT_ASSERT_EQ(test, dgem_op_parse(good_ops[i].in, &op), 0);
		expect_rect(test, &op.src_rect, &good_ops[i].src_rect);
		expect_rect(test, &op.dst_rect, &good_ops[i].dst_rect);
		KUNIT_EXPECT_EQ(test, op.pattern_size, good_ops[i].pattern_size);
		KUNIT_EXPECT_EQ(test, op.pattern, good_ops[i].pattern);
	}
}

static void dgem_op_codes_test(struct kunit *test)
{
	struct drm_dgem_op in = {};
	struct dgem_engine_op op;
	u32 code;

	/* with all else zero, copies and fills of nothing differ in whether a pattern is missing */
	for (code = 0; code < 64; code++) {
		bool known = dgem_op_codes() & BIT_ULL(code);

		in = (struct drm_dgem_op){ .op = code };
		if (dgem_op_parse(&in, &op)) {
			in.pattern_size = 1;
			KUNIT_EXPECT_EQ(test, !dgem_op_parse(&in, &op), known);
		} else {
			KUNIT_EXPECT_TRUE(test, known);
		}
	}
	in.op = UINT_MAX;
	KUNIT_EXPECT_EQ(test, dgem_op_parse(&in, &op), -EINVAL);
}

/* Not inline: clang gives each of the thirty calls a place of its own on the caller's stack. */
static noinline_for_stack void expect_bad(struct kunit *test, const struct drm_dgem_op *bad,
					  const char *what)
{
	struct dgem_engine_op op;

	KUNIT_EXPECT_EQ_MSG(test, dgem_op_parse(bad, &op), -EINVAL, "%s", what);
}

#define EXPECT_BAD(good, member, value)						\
	do {									\
		bad = good;							\
		bad.member = value;						\
		expect_bad(test, &bad, #good ": " #member " = " #value);	\
	} while (0)

static void dgem_op_bad_test(struct kunit *test)
{
	struct drm_dgem_op bad;

	EXPECT_BAD(copy, flags, 1);
	EXPECT_BAD(copy, pad, 1);
	EXPECT_BAD(copy, pad2, 1);
	EXPECT_BAD(copy, height, 1);
	EXPECT_BAD(copy, src_pitch, 7);
	EXPECT_BAD(copy, dst_pitch, 7);
	EXPECT_BAD(copy, pattern, 1);
	EXPECT_BAD(copy, pattern_size, 1);
	EXPECT_BAD(copy_2d, pattern, BIT_ULL(63));
	EXPECT_BAD(copy_2d, pattern_size, 8);
	EXPECT_BAD(fill, src, 1);
	EXPECT_BAD(fill, src_offset, 8);
	EXPECT_BAD(fill, src_pitch, 24);
	EXPECT_BAD(fill, dst_pitch, 24);
	EXPECT_BAD(fill, height, 1);
	EXPECT_BAD(fill, pattern_size, 0);
	EXPECT_BAD(fill, pattern_size, 1);	/* which 0x1234 does not fit into */
	EXPECT_BAD(fill, pattern_size, 3);
	EXPECT_BAD(fill, pattern_size, 16);
	EXPECT_BAD(fill, pattern_size, BIT(31));
	EXPECT_BAD(fill, pattern, BIT_ULL(16));
	EXPECT_BAD(fill, pattern, BIT_ULL(63));
	EXPECT_BAD(fill, dst_offset, 9);
	EXPECT_BAD(fill, width, 25);
	EXPECT_BAD(fill_2d, src, 1);
	EXPECT_BAD(fill_2d, src_pitch, 40);
	EXPECT_BAD(fill_2d, dst_pitch, 42);
	EXPECT_BAD(fill_2d, dst_offset, 10);
	EXPECT_BAD(fill_2d, width, 26);
	EXPECT_BAD(fill_2d, pattern, BIT_ULL(32));
}

static void dgem_pattern_spread_test(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, dgem_pattern_spread(0xa5, 1), 0xa5a5a5a5a5a5a5a5);
	KUNIT_EXPECT_EQ(test, dgem_pattern_spread(0x1234, 2), 0x1234123412341234);
	KUNIT_EXPECT_EQ(test, dgem_pattern_spread(0x89abcdef, 4), 0x89abcdef89abcdef);
	KUNIT_EXPECT_EQ(test, dgem_pattern_spread(0x0123456789abcdef, 8), 0x0123456789abcdef);
	KUNIT_EXPECT_EQ(test, dgem_pattern_spread(0, 1), 0);
}

static struct drm_dgem_job ask(struct kunit *test, struct dgem_log *log, u64 number)
{
	struct drm_dgem_job job = { .job = number };

	KUNIT_EXPECT_EQ(test, dgem_log_read(log, &job), 0);
	return job;
}

static void expect_unknown(struct kunit *test, struct dgem_log *log, u64 number)
{
	struct drm_dgem_job job = { .job = number };

	KUNIT_EXPECT_EQ(test, dgem_log_read(log, &job), -ENOENT);
}

static void dgem_log_life_test(struct kunit *test)
{
	atomic64_t bytes = ATOMIC64_INIT(5);
	struct dgem_log *log = dgem_log_new();
	struct drm_dgem_job job;

	KUNIT_ASSERT_NOT_NULL(test, log);
	KUNIT_EXPECT_EQ(test, dgem_log_add(log), 1);
	KUNIT_EXPECT_EQ(test, dgem_log_add(log), 2);
	KUNIT_EXPECT_EQ(test, ask(test, log, 1).state, DRM_DGEM_JOB_QUEUED);

	dgem_log_run(log, 1, &bytes);
	job = ask(test, log, 1);
	KUNIT_EXPECT_EQ(test, job.state, DRM_DGEM_JOB_RUNNING);
	KUNIT_EXPECT_EQ(test, job.bytes, 5);
	atomic64_set(&bytes, 9);
	KUNIT_EXPECT_EQ(test, ask(test, log, 1).bytes, 9);
	KUNIT_EXPECT_EQ(test, ask(test, log, 2).state, DRM_DGEM_JOB_QUEUED);

	dgem_log_end(log, 1, -EIO);
	/* the counter is looked at no more, and the first end is the one that counts */
	atomic64_set(&bytes, 11);
	dgem_log_end(log, 1, 0);
	job = ask(test, log, 1);
	KUNIT_EXPECT_EQ(test, job.state, DRM_DGEM_JOB_DONE);
	KUNIT_EXPECT_EQ(test, job.bytes, 9);
	KUNIT_EXPECT_EQ(test, job.error, -EIO);

	/* a job that was never run */
	dgem_log_end(log, 2, -ECANCELED);
	job = ask(test, log, 2);
	KUNIT_EXPECT_EQ(test, job.state, DRM_DGEM_JOB_DONE);
	KUNIT_EXPECT_EQ(test, job.bytes, 0);
	KUNIT_EXPECT_EQ(test, job.error, -ECANCELED);
	dgem_log_put(log);
}

static void dgem_log_window_test(struct kunit *test)
{
	atomic64_t bytes = ATOMIC64_INIT(5);
	struct dgem_log *log = dgem_log_new();
	u64 i;

	KUNIT_ASSERT_NOT_NULL(test, log);
	expect_unknown(test, log, 0);
	expect_unknown(test, log, 1);
	expect_unknown(test, log, U64_MAX);
	for (i = 1; i <= DGEM_LOG_JOBS; i++)
		KUNIT_EXPECT_EQ(test, dgem_log_add(log), i);
	KUNIT_EXPECT_EQ(test, ask(test, log, 1).state, DRM_DGEM_JOB_QUEUED);
	expect_unknown(test, log, DGEM_LOG_JOBS + 1);

	dgem_log_add(log);
	expect_unknown(test, log, 1);
	/* what becomes of a forgotten job does not touch the one that has its place */
	dgem_log_run(log, 1, &bytes);
	dgem_log_end(log, 1, -EIO);
	KUNIT_EXPECT_EQ(test, ask(test, log, DGEM_LOG_JOBS + 1).state, DRM_DGEM_JOB_QUEUED);
	KUNIT_EXPECT_EQ(test, ask(test, log, DGEM_LOG_JOBS + 1).error, 0);
	KUNIT_EXPECT_EQ(test, ask(test, log, 2).state, DRM_DGEM_JOB_QUEUED);
	dgem_log_put(log);
}

static struct kunit_case dgem_job_cases[] = {
	KUNIT_CASE(dgem_op_good_test),
	KUNIT_CASE(dgem_op_codes_test),
	KUNIT_CASE(dgem_op_bad_test),
	KUNIT_CASE(dgem_pattern_spread_test),
	KUNIT_CASE(dgem_log_life_test),
	KUNIT_CASE(dgem_log_window_test),
	{}
};

static struct kunit_suite dgem_job_suite = {
	.name = "dgem_job",
	.test_cases = dgem_job_cases,
};

kunit_test_suite(dgem_job_suite);
