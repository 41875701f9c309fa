// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/sync_file.h>
#include <poll.h>
#include <sys/ioctl.h>

#include "igt.h"
#include "igt_syncobj.h"
#include "sw_sync.h"

#include "dgem_util.h"

/**
 * TEST: dgem priority
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: scheduling
 * Description: Files get their share of the engine, and only the privileged get more.
 *
 * SUBTEST: fair
 * Description: Two files that each keep eight equal jobs queued each get half of the engine.
 *
 * SUBTEST: high-first
 * Description: A job of high priority overtakes those that were queued before it.
 *
 * SUBTEST: high-order
 * Description: Implicit fences hold between the priorities of a file.
 *
 * SUBTEST: high-denied
 * Description: Without privileges high priority is EACCES, and nothing changes.
 *
 * SUBTEST: high-master
 * Description: A DRM master may have high priority without other privileges.
 */

IGT_TEST_DESCRIPTION("Files get their share of the engine; only the privileged get more.");

#define SIZE	(16 * DGEM_PAGE)
#define QUEUED	8
#define NOBODY	65534

/* A file with objects of its own, and the sync_files of the jobs that it has queued */
struct client {
	int fd;
	struct drm_dgem_op op;
	int fences[QUEUED];
	unsigned int done;
};

static uint64_t width(int fd)
{
	struct drm_dgem_query_engine engine;

	/* for the CPU enough to do that the queues do not run dry */
	dgem_query_engine(fd, &engine);
	return engine.type == DRM_DGEM_ENGINE_DMA ? 64 : SIZE;
}

static int __submit(int fd, const struct drm_dgem_op *op, uint32_t flags, uint32_t behind,
		    int *fence)
{
	struct drm_dgem_syncobj in = { .handle = behind };
	struct drm_dgem_syncobj out = { .flags = DRM_DGEM_SYNCOBJ_SYNC_FILE };
	struct drm_dgem_submit args;
	int err;

	dgem_submit_init(&args, op, 1);
	args.flags = flags;
	args.in_syncs = to_user_pointer(&in);
	args.in_sync_count = behind != 0;
	args.out_syncs = to_user_pointer(&out);
	args.out_sync_count = 1;
	err = __dgem_submit(fd, &args);
	*fence = err ? -1 : (int)out.handle;
	return err;
}

static int submit(int fd, const struct drm_dgem_op *op, uint32_t flags, uint32_t behind)
{
	int fence;

	igt_assert_eq(__submit(fd, op, flags, behind, &fence), 0);
	return fence;
}

static void client_init(struct client *client)
{
	uint32_t src, dst;

	client->fd = dgem_open();
	client->done = 0;
	src = dgem_create_contiguous(client->fd, SIZE);
	dst = dgem_create_contiguous(client->fd, SIZE);
	client->op = dgem_op_copy(src, 0, dst, 0, width(client->fd));
}

static void finish(int fence)
{
	igt_assert_eq(sync_fence_wait(fence, DGEM_PATIENCE_NS / NSEC_PER_MSEC), 0);
	igt_assert_eq(sync_fence_status(fence), 1);
	close(fence);
}

static void test_fair(int fd)
{
	const unsigned int total = 96;
	struct client clients[2];
	struct pollfd polls[2 * QUEUED];

	for (int i = 0; i < 2; i++)
		client_init(&clients[i]);
	for (int n = 0; n < QUEUED; n++)
		for (int i = 0; i < 2; i++)
			clients[i].fences[n] = submit(clients[i].fd, &clients[i].op, 0, 0);

	while (clients[0].done + clients[1].done < total) {
		for (int i = 0; i < 2 * QUEUED; i++) {
			polls[i].fd = clients[i % 2].fences[i / 2];
			polls[i].events = POLLIN;
		}
		igt_assert_lt(0, poll(polls, ARRAY_SIZE(polls),
				      DGEM_PATIENCE_NS / NSEC_PER_MSEC));
		/* each job that is over is replaced at once */
		for (int i = 0; i < 2 * QUEUED; i++) {
			struct client *client = &clients[i % 2];

			if (!polls[i].revents)
				continue;
			finish(polls[i].fd);
			client->done++;
			client->fences[i / 2] = submit(client->fd, &client->op, 0, 0);
		}
	}
	igt_info("%u and %u jobs\n", clients[0].done, clients[1].done);
	for (int i = 0; i < 2; i++) {
		unsigned int share = 100 * clients[i].done /
				     (clients[0].done + clients[1].done);

		igt_assert_lte(45, share);
		igt_assert_lte(share, 55);
		for (int n = 0; n < QUEUED; n++)
			finish(clients[i].fences[n]);
		close(clients[i].fd);
	}
}

/* When a fence signalled. */
static uint64_t timestamp(int fence)
{
	struct sync_fence_info fences[1] = { };
	struct sync_file_info info = {
		.num_fences = 1,
		.sync_fence_info = to_user_pointer(fences),
	};

	do_ioctl(fence, SYNC_IOC_FILE_INFO, &info);
	igt_assert_eq(info.num_fences, 1);
	igt_assert_eq(fences[0].status, 1);
	return fences[0].timestamp_ns;
}

/* The client's operation so many times in one job, which the engine is busy with for a while. */
static int occupy(const struct client *client, uint32_t count)
{
	struct drm_dgem_syncobj out = { .flags = DRM_DGEM_SYNCOBJ_SYNC_FILE };
	struct drm_dgem_op *ops = calloc(count, sizeof(*ops));
	struct drm_dgem_submit args;

	igt_assert(ops);
	for (uint32_t i = 0; i < count; i++)
		ops[i] = client->op;
	dgem_submit_init(&args, ops, count);
	args.out_syncs = to_user_pointer(&out);
	args.out_sync_count = 1;
	igt_assert_eq(__dgem_submit(client->fd, &args), 0);
	free(ops);
	return out.handle;
}

/* Queue behind a job of so many operations; false if the engine was done with it too early. */
static bool overtake(const struct client *normal, const struct client *high, uint32_t count)
{
	int busy = occupy(normal, count), fences[QUEUED], first;
	uint64_t when, before = 0;
	bool queued;

	for (int n = 0; n < QUEUED; n++)
		fences[n] = submit(normal->fd, &normal->op, 0, 0);
	first = submit(high->fd, &high->op, DRM_DGEM_SUBMIT_HIGH, 0);
	queued = !sync_fence_status(busy);
	igt_assert_eq(sync_fence_wait(first, DGEM_PATIENCE_NS / NSEC_PER_MSEC), 0);
	when = timestamp(first);
	close(first);
	finish(busy);
	for (int n = 0; n < QUEUED; n++) {
		igt_assert_eq(sync_fence_wait(fences[n], DGEM_PATIENCE_NS / NSEC_PER_MSEC), 0);
		/* the engine may take the next job just before it tells that one is over */
		if (n)
			igt_assert(!queued || when <= timestamp(fences[n]));
		igt_assert_lte_u64(before, timestamp(fences[n]));
		before = timestamp(fences[n]);
		close(fences[n]);
	}
	return queued;
}

static void test_high_first(int fd)
{
	struct drm_dgem_query_device device;
	struct client normal, high;
	uint32_t count = 1;

	dgem_query_device(fd, &device);
	client_init(&normal);
	client_init(&high);
	while (!overtake(&normal, &high, count)) {
		count *= 2;
		igt_assert_lte(count, device.max_ops);
	}
	igt_info("behind a job of %u operations\n", count);
	close(normal.fd);
	close(high.fd);
}

static void test_high_order(int fd)
{
	uint32_t a = dgem_create_filled(fd, &dgem_kinds[1], DGEM_PAGE, 1);
	uint32_t b = dgem_create_filled(fd, &dgem_kinds[1], DGEM_PAGE, 2);
	uint32_t c = dgem_create_filled(fd, &dgem_kinds[1], DGEM_PAGE, 3);
	struct drm_dgem_op op = dgem_op_copy(a, 0, b, 0, DGEM_PAGE);
	struct dgem_gate gate;
	int first, second;

	dgem_gate_close(&gate, fd);
	first = submit(fd, &op, 0, gate.syncobj);
	op = dgem_op_copy(b, 0, c, 0, DGEM_PAGE);
	second = submit(fd, &op, DRM_DGEM_SUBMIT_HIGH, 0);
	dgem_sleep_ms(500);
	igt_assert_eq(sync_fence_status(second), 0);
	dgem_gate_open(&gate);
	finish(second);
	finish(first);
	dgem_check_object(fd, c, DGEM_PAGE, 1);
	dgem_gate_fini(&gate);
	gem_close(fd, a);
	gem_close(fd, b);
	gem_close(fd, c);
}

static void test_high_denied(int fd)
{
	igt_fork(child, 1) {
		struct client client;
		int fence;

		client_init(&client);
		finish(submit(client.fd, &client.op, DRM_DGEM_SUBMIT_HIGH, 0));
		igt_assert_eq(setresuid(NOBODY, NOBODY, NOBODY), 0);
		igt_assert_eq(__submit(client.fd, &client.op, DRM_DGEM_SUBMIT_HIGH, 0, &fence),
			      -EACCES);
		finish(submit(client.fd, &client.op, 0, 0));
	}
	igt_waitchildren();
}

static void test_high_master(int fd)
{
	igt_fork(child, 1) {
		struct client client;
		int fence;

		client.fd = dgem_open_primary();
		client.op = dgem_op_copy(dgem_create_contiguous(client.fd, SIZE), 0,
					 dgem_create_contiguous(client.fd, SIZE), 0, 64);
		do_ioctl(client.fd, DRM_IOCTL_SET_MASTER, NULL);
		igt_assert_eq(setresuid(NOBODY, NOBODY, NOBODY), 0);
		finish(submit(client.fd, &client.op, DRM_DGEM_SUBMIT_HIGH, 0));
		do_ioctl(client.fd, DRM_IOCTL_DROP_MASTER, NULL);
		igt_assert_eq(__submit(client.fd, &client.op, DRM_DGEM_SUBMIT_HIGH, 0, &fence),
			      -EACCES);
	}
	igt_waitchildren();
}

static const struct dgem_test tests[] = {
	{ "fair", "Two files each get half of the engine.", test_fair },
	{ "high-first", "High priority overtakes.", test_high_first },
	{ "high-order", "Fences hold between priorities.", test_high_order },
	{ "high-denied", "High priority is a privilege.", test_high_denied },
	{ "high-master", "A DRM master may have it.", test_high_master },
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
