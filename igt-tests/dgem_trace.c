// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "igt.h"
#include "igt_syncobj.h"
#include "sw_sync.h"

#include "dgem_bind.h"
#include "dgem_instance.h"
#include "dgem_provider.h"
#include "dgem_table.h"
#include "dgem_util.h"

/**
 * TEST: dgem trace
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: tracepoints
 * Description: What happens to objects and jobs is traced.
 *
 * SUBTEST: objects
 * Description: An object is made, mapped for the engine, and freed, in this order.
 *
 * SUBTEST: jobs
 * Description: A job is queued, run and done; the events name its fence, its bytes and no error.
 *
 * SUBTEST: not-run
 * Description: A job that is never run is done with the error that its fence has.
 *
 * SUBTEST: error
 * Description: A job that the engine fails is done with the error and the bytes until then.
 *
 * SUBTEST: addresses
 * Description: No event tells the engine's addresses.
 */

IGT_TEST_DESCRIPTION("What happens to objects and jobs is traced.");

#define TRACING	"/sys/kernel/tracing"
#define OURS	TRACING "/instances/igt-dgem"
#define SIZE	(37 * DGEM_PAGE)

/* What the lines of one group say, in their order */
struct log {
	char lines[64][256];
	int count;
};

static void start(void)
{
	/* that alone empties it */
	close(open(OURS "/trace", O_WRONLY | O_TRUNC | O_CLOEXEC));
	dgem_write_file(OURS "/events/dgem/enable", "1");
}

/* What was traced of an instance since, each line from the event's name on. */
static void stop(int fd, struct log *log)
{
	char line[512], minor_text[32];
	struct stat st;
	FILE *file;

	dgem_write_file(OURS "/events/dgem/enable", "0");
	igt_assert_eq(fstat(fd, &st), 0);
	snprintf(minor_text, sizeof(minor_text), "minor=%u ", minor(st.st_rdev));
	file = fopen(OURS "/trace", "r");
	igt_assert(file);
	log->count = 0;
	while (fgets(line, sizeof(line), file)) {
		/* whose name comes first may have ours */
		char *event = strstr(line, ": dgem_");

		if (line[0] == '#' || !event || !strstr(event, minor_text))
			continue;
		event += 2;
		igt_assert_lt(log->count, ARRAY_SIZE(log->lines));
		igt_debug("%s", event);
		snprintf(log->lines[log->count++], sizeof(log->lines[0]), "%.255s", event);
	}
	fclose(file);
}

/* The first line from one on that is of an event and has some words; its index. */
static int find(const struct log *log, int from, const char *event, const char *words)
{
	for (int i = from; i < log->count; i++)
		if (!strncmp(log->lines[i], event, strlen(event)) && strstr(log->lines[i], words))
			return i;
	igt_assert_f(false, "no %s with \"%s\" after line %d of %d\n", event, words, from,
		     log->count);
	return -1;
}

/* A number that follows a word of a line. */
static uint64_t number(const struct log *log, int line, const char *word)
{
	const char *at = strstr(log->lines[line], word);

	igt_assert_f(at, "no %s in %s\n", word, log->lines[line]);
	return strtoull(at + strlen(word), NULL, 0);
}

static void wait_freed(int fd, uint64_t objects)
{
	struct drm_dgem_query_stats stats;

	do {
		dgem_sleep_ms(10);
		dgem_query_stats(fd, &stats);
	} while (stats.objects > objects);
}

static void test_objects(int fd)
{
	struct drm_dgem_query_engine engine;
	struct drm_dgem_query_stats stats;
	char words[64], object[64];
	uint32_t src, dst;
	struct log log;
	int line;

	dgem_query_engine(fd, &engine);
	dgem_query_stats(fd, &stats);
	start();
	src = dgem_create_contiguous(fd, SIZE);
	dst = dgem_create_contiguous(fd, 2 * SIZE);
	dgem_copy(fd, src, 0, dst, 0, 256);
	gem_close(fd, src);
	gem_close(fd, dst);
	wait_freed(fd, stats.objects);
	stop(fd, &log);

	for (int i = 1; i <= 2; i++) {
		snprintf(words, sizeof(words), "kind=contiguous size=%llu\n", i * SIZE);
		line = find(&log, 0, "dgem_object_create: ", words);
		igt_assert_eq(sscanf(strstr(log.lines[line], "obj="), "%63s", object), 1);
		strcat(object, " ");
		if (engine.type == DRM_DGEM_ENGINE_DMA) {
			line = find(&log, line, "dgem_object_map: ", object);
			igt_assert_eq_u64(number(&log, line, "offset="), 0);
			igt_assert_eq_u64(number(&log, line, "length="), i * SIZE);
			igt_assert_lte_u64(1, number(&log, line, "segments="));
		}
		line = find(&log, line, "dgem_object_free: ", object);
		igt_assert(strstr(log.lines[line], words));
	}
}

/* From the queue to the end of a job, of whatever number; its last line. */
static int follow(const struct log *log, int line, uint64_t job, bool runs)
{
	char words[64], fence[64];

	snprintf(words, sizeof(words), " job=%" PRIu64 " ", job);
	line = find(log, line, "dgem_job_queue: ", words);
	igt_assert_eq(sscanf(strstr(log->lines[line], "fence="), "%63s", fence), 1);
	if (runs)
		line = find(log, line, "dgem_job_run: ", fence);
	strcat(fence, " ");
	return find(log, line, "dgem_job_done: ", fence);
}

static void test_jobs(int fd)
{
	uint32_t src = dgem_create_contiguous(fd, SIZE), dst = dgem_create_contiguous(fd, SIZE);
	struct drm_dgem_op ops[] = {
		dgem_op_copy(src, 0, dst, 0, 256),
		dgem_op_copy_2d(src, 0, 1024, dst, 0, 512, 64, 3),
	};
	uint32_t done = syncobj_create(fd, 0);
	struct drm_dgem_syncobj out = { .handle = done };
	struct drm_dgem_submit submit;
	struct log log;
	int line;

	start();
	dgem_submit_init(&submit, ops, ARRAY_SIZE(ops));
	submit.out_syncs = to_user_pointer(&out);
	submit.out_sync_count = 1;
	igt_assert_eq(__dgem_submit(fd, &submit), 0);
	dgem_wait(fd, done);
	stop(fd, &log);

	line = find(&log, 0, "dgem_job_queue: ", " ops=2 objects=2\n");
	line = follow(&log, line, submit.job, true);
	igt_assert_eq_u64(number(&log, line, "bytes="), 256 + 3 * 64);
	igt_assert_eq_u64(number(&log, line, "error="), 0);
	syncobj_destroy(fd, done);
	gem_close(fd, src);
	gem_close(fd, dst);
}

/* The default instance is taken away under a job that waits. */
static void test_not_run(int fd)
{
	struct drm_dgem_syncobj in = { }, out = { .flags = DRM_DGEM_SYNCOBJ_SYNC_FILE };
	struct drm_dgem_submit submit;
	struct dgem_gate gate;
	struct drm_dgem_op op;
	struct log log;
	int other, line;

	igt_require_f(dgem_can_unbind(), "the device cannot be unbound\n");
	other = dgem_open();
	op = dgem_op_copy(dgem_create_contiguous(other, SIZE), 0,
			  dgem_create_contiguous(other, SIZE), 0, 256);
	dgem_gate_close(&gate, other);
	in.handle = gate.syncobj;
	start();
	dgem_submit_init(&submit, &op, 1);
	submit.in_syncs = to_user_pointer(&in);
	submit.in_sync_count = 1;
	submit.out_syncs = to_user_pointer(&out);
	submit.out_sync_count = 1;
	igt_assert_eq(__dgem_submit(other, &submit), 0);
	dgem_unbind();
	dgem_gate_open(&gate);
	sync_fence_wait(out.handle, DGEM_PATIENCE_NS / NSEC_PER_MSEC);
	/* the fence was first */
	dgem_sleep_ms(200);
	stop(other, &log);
	line = follow(&log, 0, submit.job, false);
	igt_assert_eq_u64(number(&log, line, "bytes="), 0);
	igt_assert_eq((int)strtol(strstr(log.lines[line], "error=") + 6, NULL, 0),
		      sync_fence_status(out.handle));
	close(out.handle);
	close(gate.timeline);
	close(other);
	dgem_bind();
}

static void test_error(int fd)
{
	struct drm_dgem_syncobj out = { .flags = DRM_DGEM_SYNCOBJ_SYNC_FILE };
	struct drm_dgem_submit submit;
	struct drm_dgem_op op;
	uint32_t src, dst;
	struct log log;
	int line;

	dgem_provoke(fd, "fail_leg", 0);
	src = dgem_create_contiguous(fd, SIZE);
	dst = dgem_create_contiguous(fd, SIZE);
	op = dgem_op_copy_2d(src, 0, 1024, dst, 0, 1024, 64, 5);
	start();
	dgem_provoke(fd, "fail_leg", 2 * 3 + 1);
	dgem_submit_init(&submit, &op, 1);
	submit.out_syncs = to_user_pointer(&out);
	submit.out_sync_count = 1;
	igt_assert_eq(__dgem_submit(fd, &submit), 0);
	sync_fence_wait(out.handle, DGEM_PATIENCE_NS / NSEC_PER_MSEC);
	igt_assert_eq(sync_fence_status(out.handle), -EIO);
	close(out.handle);
	stop(fd, &log);
	line = follow(&log, 0, submit.job, true);
	igt_assert_eq_u64(number(&log, line, "bytes="), 3 * 64);
	igt_assert(strstr(log.lines[line], "error=-5\n"));
	gem_close(fd, src);
	gem_close(fd, dst);
}

struct range {
	uint64_t start, end;
};

static void keep_first(uint64_t start, uint64_t length, void *data)
{
	struct range *range = data;

	if (!range->end)
		*range = (struct range){ start, start + length };
}

/* Pointers to objects are hashed, unless the kernel is told not to; these are not told at all. */
static void test_addresses(int fd)
{
	uint32_t src = dgem_create_contiguous(fd, SIZE), dst = dgem_create_contiguous(fd, SIZE);
	struct range seen = { };
	char text[32];
	struct log log;

	start();
	dgem_copy(fd, src, 0, dst, 0, 256);
	dgem_dma_segments(fd, "contiguous", keep_first, &seen);
	gem_close(fd, src);
	gem_close(fd, dst);
	stop(fd, &log);
	igt_assert_lt(2, log.count);
	snprintf(text, sizeof(text), "%" PRIx64, seen.start);
	for (int i = 0; i < log.count; i++)
		igt_assert_f(!seen.end || !strstr(log.lines[i], text), "%s", log.lines[i]);
}

static const struct dgem_test tests[] = {
	{ "objects", "Objects are made, mapped and freed.", test_objects },
	{ "jobs", "Jobs are queued, run and done.", test_jobs },
	{ "error", "A job's error and its bytes are told.", test_error },
	{ "addresses", "The engine's addresses are not told.", test_addresses },
};

int igt_main()
{
	int fd = -1;

	igt_fixture() {
		fd = dgem_open();
		dgem_mount_tracefs();
		rmdir(OURS);
		igt_require_f(!mkdir(OURS, 0700), "no tracefs\n");
		igt_require_f(!access(OURS "/events/dgem/enable", W_OK), "no events of dgem's\n");
		errno = 0;
	}

	dgem_subtests(fd, tests, ARRAY_SIZE(tests));

	igt_describe("A job that is never run is done with an error.");
	igt_subtest("not-run") {
		close(fd);
		fd = -1;
		test_not_run(fd);
	}

	igt_fixture() {
		if (fd >= 0)
			close(fd);
		rmdir(OURS);
		dgem_bind();
	}
}
