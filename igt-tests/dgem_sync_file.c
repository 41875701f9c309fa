// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "igt.h"
#include "igt_syncobj.h"
#include "sw_sync.h"

#include "dgem_util.h"

/**
 * TEST: dgem sync file
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: synchronization
 * Description: Jobs take and give sync_files, and can be waited for in every way there is.
 *
 * SUBTEST: in
 * Description: A job does not start before the sync_files that it waits for.
 *
 * SUBTEST: out
 * Description: A job gives sync_files that signal when it is done, close-on-exec.
 *
 * SUBTEST: mixed
 * Description: Syncobjs, timelines and sync_files go together in one job.
 *
 * SUBTEST: chain
 * Description: The sync_file of one file's job holds back another file's.
 *
 * SUBTEST: wait-poll-sync-file
 * Description: poll() on a sync_file waits for the job.
 *
 * SUBTEST: wait-poll-dma-buf
 * Description: poll() on a dma-buf waits for the jobs that use it.
 *
 * SUBTEST: wait-eventfd
 * Description: A syncobj's eventfd tells that the job is done.
 *
 * SUBTEST: wait-sync
 * Description: SYNC waits for the job until its time-out, to the time asked for.
 *
 * SUBTEST: bad-in
 * Description: What is no sync_file is refused, and nothing changes.
 *
 * SUBTEST: bad-point
 * Description: A sync_file has no point.
 *
 * SUBTEST: bad-argument
 * Description: When the descriptor cannot be told, none is left behind.
 *
 * SUBTEST: bad-later-element
 * Description: When a later element is bad, the descriptors of earlier ones are taken back.
 *
 * SUBTEST: no-descriptors
 * Description: Without room for a descriptor: EMFILE, and nothing is left behind.
 *
 * SUBTEST: close-race
 * Description: A descriptor that is closed as soon as its number is known does no harm.
 */

IGT_TEST_DESCRIPTION("Jobs take and give sync_files, and can be waited for in every way.");

#define SIZE	(2 * DGEM_PAGE)
/* Long enough for a job to do harm if nothing held it back: an edu transfer takes 0.1 s. */
#define HARM_MS	500

#ifndef DRM_IOCTL_SYNCOBJ_EVENTFD
struct drm_syncobj_eventfd {
	__u32 handle;
	__u32 flags;
	__u64 point;
	__s32 fd;
	__u32 pad;
};

#define DRM_IOCTL_SYNCOBJ_EVENTFD	DRM_IOWR(0xCF, struct drm_syncobj_eventfd)
#endif

/* Two objects, and a copy between them that a test can hold back */
struct scene {
	int fd;
	uint32_t src, dst;
	struct drm_dgem_op op;
	int timeline;
};

static void scene_init(struct scene *scene, int fd)
{
	igt_require_sw_sync();
	scene->fd = fd;
	scene->src = dgem_create_filled(fd, &dgem_kinds[1], SIZE, 1);
	scene->dst = dgem_create_filled(fd, &dgem_kinds[1], SIZE, 2);
	scene->op = dgem_op_copy(scene->src, 0, scene->dst, 0, SIZE);
	scene->timeline = sw_sync_timeline_create();
}

static void scene_fini(struct scene *scene)
{
	close(scene->timeline);
	gem_close(scene->fd, scene->src);
	gem_close(scene->fd, scene->dst);
}

static int fence_at(struct scene *scene, uint32_t seqno)
{
	int fence = sw_sync_timeline_create_fence(scene->timeline, seqno);

	igt_assert_fd(fence);
	return fence;
}

/* The destination without SYNC, which would wait for the very job that is watched. */
static void expect_seed(struct scene *scene, uint32_t seed)
{
	void *ptr = dgem_mmap(scene->fd, scene->dst, SIZE);

	dgem_check(ptr, 0, SIZE, seed);
	munmap(ptr, SIZE);
}

static int __submit(struct scene *scene, struct drm_dgem_syncobj *in, uint32_t ins,
		    struct drm_dgem_syncobj *out, uint32_t outs)
{
	struct drm_dgem_submit submit;

	dgem_submit_init(&submit, &scene->op, 1);
	submit.in_syncs = to_user_pointer(in);
	submit.in_sync_count = ins;
	submit.out_syncs = to_user_pointer(out);
	submit.out_sync_count = outs;
	return __dgem_submit(scene->fd, &submit);
}

/* A job behind a fence of the timeline; returns its sync_file. */
static int submit_held(struct scene *scene, uint32_t seqno)
{
	struct drm_dgem_syncobj in = { .flags = DRM_DGEM_SYNCOBJ_SYNC_FILE };
	struct drm_dgem_syncobj out = { .flags = DRM_DGEM_SYNCOBJ_SYNC_FILE };

	in.handle = fence_at(scene, seqno);
	igt_assert_eq(__submit(scene, &in, 1, &out, 1), 0);
	close(in.handle);
	return out.handle;
}

static void finish(int fence)
{
	igt_assert_eq(sync_fence_wait(fence, DGEM_PATIENCE_NS / NSEC_PER_MSEC), 0);
	igt_assert_eq(sync_fence_status(fence), 1);
	close(fence);
}

static void test_in(int fd)
{
	struct drm_dgem_syncobj in[3] = { }, out = { .flags = DRM_DGEM_SYNCOBJ_SYNC_FILE };
	struct scene scene;

	scene_init(&scene, fd);
	for (int i = 0; i < ARRAY_SIZE(in); i++) {
		in[i].handle = fence_at(&scene, i + 1);
		in[i].flags = DRM_DGEM_SYNCOBJ_SYNC_FILE;
	}
	igt_assert_eq(__submit(&scene, in, ARRAY_SIZE(in), &out, 1), 0);
	for (int i = 0; i < ARRAY_SIZE(in); i++) {
		close(in[i].handle);
		dgem_sleep_ms(HARM_MS);
		igt_assert_eq(sync_fence_status(out.handle), 0);
		expect_seed(&scene, 2);
		sw_sync_timeline_inc(scene.timeline, 1);
	}
	finish(out.handle);
	expect_seed(&scene, 1);
	scene_fini(&scene);
}

static void test_out(int fd)
{
	struct drm_dgem_syncobj out[4] = { };
	struct scene scene;

	scene_init(&scene, fd);
	for (int i = 0; i < ARRAY_SIZE(out); i++)
		out[i].flags = DRM_DGEM_SYNCOBJ_SYNC_FILE;
	igt_assert_eq(__submit(&scene, NULL, 0, out, ARRAY_SIZE(out)), 0);
	for (int i = 0; i < ARRAY_SIZE(out); i++) {
		igt_assert_eq(fcntl(out[i].handle, F_GETFD), FD_CLOEXEC);
		for (int j = 0; j < i; j++)
			igt_assert_neq(out[j].handle, out[i].handle);
	}
	for (int i = 0; i < ARRAY_SIZE(out); i++)
		finish(out[i].handle);
	expect_seed(&scene, 1);
	scene_fini(&scene);
}

static void test_mixed(int fd)
{
	struct drm_dgem_syncobj in[3] = { }, out[3] = { };
	uint64_t point = 5;
	struct scene scene;

	scene_init(&scene, fd);
	in[0].handle = syncobj_create(fd, DRM_SYNCOBJ_CREATE_SIGNALED);
	in[1].handle = fence_at(&scene, 1);
	in[1].flags = DRM_DGEM_SYNCOBJ_SYNC_FILE;
	in[2].handle = syncobj_create(fd, 0);
	in[2].point = point;
	syncobj_timeline_signal(fd, &in[2].handle, &point, 1);
	out[0].flags = DRM_DGEM_SYNCOBJ_SYNC_FILE;
	out[1].handle = syncobj_create(fd, 0);
	out[2].handle = syncobj_create(fd, 0);
	out[2].point = point;

	igt_assert_eq(__submit(&scene, in, ARRAY_SIZE(in), out, ARRAY_SIZE(out)), 0);
	igt_assert(!dgem_signalled(fd, out[1].handle));
	sw_sync_timeline_inc(scene.timeline, 1);
	finish(out[0].handle);
	dgem_wait(fd, out[1].handle);
	igt_assert(syncobj_timeline_wait(fd, &out[2].handle, &point, 1,
					 dgem_now() + DGEM_PATIENCE_NS, 0, NULL));
	expect_seed(&scene, 1);
	close(in[1].handle);
	syncobj_destroy(fd, in[0].handle);
	syncobj_destroy(fd, in[2].handle);
	syncobj_destroy(fd, out[1].handle);
	syncobj_destroy(fd, out[2].handle);
	scene_fini(&scene);
}

static void test_chain(int fd)
{
	struct drm_dgem_syncobj in = { .flags = DRM_DGEM_SYNCOBJ_SYNC_FILE };
	struct drm_dgem_syncobj out = { .flags = DRM_DGEM_SYNCOBJ_SYNC_FILE };
	struct scene first, second;
	int other = dgem_open();

	scene_init(&first, fd);
	scene_init(&second, other);
	in.handle = submit_held(&first, 1);
	igt_assert_eq(__submit(&second, &in, 1, &out, 1), 0);
	dgem_sleep_ms(HARM_MS);
	expect_seed(&second, 2);
	sw_sync_timeline_inc(first.timeline, 1);
	finish(out.handle);
	finish(in.handle);
	expect_seed(&first, 1);
	expect_seed(&second, 1);
	scene_fini(&first);
	scene_fini(&second);
	close(other);
}

static int poll_one(int fd, short events, int timeout_ms)
{
	struct pollfd poller = { .fd = fd, .events = events };
	int ret = poll(&poller, 1, timeout_ms);

	igt_assert_lte(0, ret);
	igt_assert_eq(ret ? poller.revents : 0, ret ? events : 0);
	return ret;
}

static void test_wait_poll_sync_file(int fd)
{
	struct scene scene;
	int fence;

	scene_init(&scene, fd);
	fence = submit_held(&scene, 1);
	igt_assert_eq(poll_one(fence, POLLIN, 0), 0);
	igt_assert_eq(poll_one(fence, POLLIN, HARM_MS), 0);
	sw_sync_timeline_inc(scene.timeline, 1);
	igt_assert_eq(poll_one(fence, POLLIN, DGEM_PATIENCE_NS / NSEC_PER_MSEC), 1);
	expect_seed(&scene, 1);
	finish(fence);
	scene_fini(&scene);
}

static void test_wait_poll_dmabuf(int fd)
{
	int fence, src, dst;
	struct scene scene;

	scene_init(&scene, fd);
	src = dgem_export(fd, scene.src);
	dst = dgem_export(fd, scene.dst);
	igt_assert_eq(poll_one(dst, POLLIN, 0), 1);
	fence = submit_held(&scene, 1);
	/* Reading waits for writers, writing for readers, too. */
	igt_assert_eq(poll_one(src, POLLIN, 0), 1);
	igt_assert_eq(poll_one(src, POLLOUT, 0), 0);
	igt_assert_eq(poll_one(dst, POLLIN, 0), 0);
	igt_assert_eq(poll_one(dst, POLLOUT, HARM_MS), 0);
	sw_sync_timeline_inc(scene.timeline, 1);
	igt_assert_eq(poll_one(dst, POLLIN, DGEM_PATIENCE_NS / NSEC_PER_MSEC), 1);
	expect_seed(&scene, 1);
	igt_assert_eq(poll_one(dst, POLLOUT, DGEM_PATIENCE_NS / NSEC_PER_MSEC), 1);
	igt_assert_eq(poll_one(src, POLLOUT, DGEM_PATIENCE_NS / NSEC_PER_MSEC), 1);
	finish(fence);
	close(src);
	close(dst);
	scene_fini(&scene);
}

static void test_wait_eventfd(int fd)
{
	struct drm_syncobj_eventfd args = { };
	struct drm_dgem_syncobj in = { .flags = DRM_DGEM_SYNCOBJ_SYNC_FILE }, out = { };
	struct scene scene;
	uint64_t count;

	scene_init(&scene, fd);
	in.handle = fence_at(&scene, 1);
	out.handle = syncobj_create(fd, 0);
	igt_assert_eq(__submit(&scene, &in, 1, &out, 1), 0);
	close(in.handle);
	args.handle = out.handle;
	args.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	igt_assert_fd(args.fd);
	do_ioctl(fd, DRM_IOCTL_SYNCOBJ_EVENTFD, &args);
	igt_assert_eq(poll_one(args.fd, POLLIN, HARM_MS), 0);
	sw_sync_timeline_inc(scene.timeline, 1);
	igt_assert_eq(poll_one(args.fd, POLLIN, DGEM_PATIENCE_NS / NSEC_PER_MSEC), 1);
	igt_assert_eq(read(args.fd, &count, sizeof(count)), sizeof(count));
	igt_assert_eq_u64(count, 1);
	expect_seed(&scene, 1);
	close(args.fd);
	syncobj_destroy(fd, out.handle);
	scene_fini(&scene);
}

static void test_wait_sync(int fd)
{
	const int64_t ms = NSEC_PER_MSEC;
	struct scene scene;
	int64_t begin, took;
	int fence;

	scene_init(&scene, fd);
	fence = submit_held(&scene, 1);
	igt_assert_eq(__dgem_sync(fd, scene.dst, DRM_DGEM_SYNC_READ, 0, SIZE, 0), -ETIME);
	begin = dgem_now();
	igt_assert_eq(__dgem_sync(fd, scene.dst, DRM_DGEM_SYNC_READ, 0, SIZE, begin + 300 * ms),
		      -ETIME);
	took = dgem_now() - begin;
	igt_assert_f(took >= 300 * ms, "SYNC gave up after %lld ms\n", (long long)(took / ms));
	/* The source is only read. */
	igt_assert_eq(__dgem_sync(fd, scene.src, DRM_DGEM_SYNC_READ, 0, SIZE, 0), 0);
	igt_assert_eq(__dgem_sync(fd, scene.src, DRM_DGEM_SYNC_WRITE, 0, SIZE, 0), -ETIME);
	sw_sync_timeline_inc(scene.timeline, 1);
	igt_assert_eq(__dgem_sync(fd, scene.dst, DRM_DGEM_SYNC_READ, 0, SIZE,
				  dgem_now() + DGEM_PATIENCE_NS), 0);
	expect_seed(&scene, 1);
	dgem_sync_end(fd, scene.dst, DRM_DGEM_SYNC_READ, SIZE);
	dgem_sync_end(fd, scene.src, DRM_DGEM_SYNC_READ, SIZE);
	finish(fence);
	scene_fini(&scene);
}

static void test_bad_in(int fd)
{
	const uint32_t bad[] = { -1, -2, 0x7fffffff, 0xdead, fd, dup(0) };
	struct scene scene;

	scene_init(&scene, fd);
	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct drm_dgem_syncobj in = {
			.handle = bad[i],
			.flags = DRM_DGEM_SYNCOBJ_SYNC_FILE,
		};

		igt_assert_eq(__submit(&scene, &in, 1, NULL, 0), -EINVAL);
		igt_assert_eq_u32(in.handle, bad[i]);
	}
	close(bad[ARRAY_SIZE(bad) - 1]);
	expect_seed(&scene, 2);
	scene_fini(&scene);
}

static void test_bad_point(int fd)
{
	struct drm_dgem_syncobj sync = { .flags = DRM_DGEM_SYNCOBJ_SYNC_FILE, .point = 1 };
	struct scene scene;

	scene_init(&scene, fd);
	igt_assert_eq(__submit(&scene, NULL, 0, &sync, 1), -EINVAL);
	sync.handle = fence_at(&scene, 1);
	igt_assert_eq(__submit(&scene, &sync, 1, NULL, 0), -EINVAL);
	close(sync.handle);
	scene_fini(&scene);
}

static void test_bad_argument(int fd)
{
	struct drm_dgem_syncobj *page = mmap(NULL, 2 * DGEM_PAGE, PROT_READ | PROT_WRITE,
					     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *second = (uint8_t *)page + DGEM_PAGE;
	struct drm_dgem_syncobj *out = (void *)(second - sizeof(*out));
	struct scene scene;

	igt_assert(page != MAP_FAILED);
	scene_init(&scene, fd);
	out[0].flags = DRM_DGEM_SYNCOBJ_SYNC_FILE;
	out[0].handle = 77;
	out[1].flags = DRM_DGEM_SYNCOBJ_SYNC_FILE;
	/* It can be read, but the second one's descriptor cannot be written. */
	igt_assert_eq(mprotect(second, DGEM_PAGE, PROT_READ), 0);
	igt_assert_eq(__submit(&scene, NULL, 0, out, 2), -EFAULT);
	igt_assert_eq_u32(out[0].handle, 77);
	igt_assert_eq_u32(out[1].handle, 0);
	munmap(page, 2 * DGEM_PAGE);
	expect_seed(&scene, 2);
	scene_fini(&scene);
}

static void test_bad_later_element(int fd)
{
	struct drm_dgem_syncobj out[5] = { };
	struct scene scene;

	scene_init(&scene, fd);
	for (int i = 0; i < 4; i++) {
		out[i].flags = DRM_DGEM_SYNCOBJ_SYNC_FILE;
		out[i].handle = 1000 + i;
	}
	out[4].handle = 0xdead;
	igt_assert_eq(__submit(&scene, NULL, 0, out, ARRAY_SIZE(out)), -ENOENT);
	for (int i = 0; i < 4; i++)
		igt_assert_eq_u32(out[i].handle, 1000 + i);
	expect_seed(&scene, 2);
	scene_fini(&scene);
}

static void test_no_descriptors(int fd)
{
	struct drm_dgem_syncobj out[4] = { };
	struct rlimit limit, tight;
	struct scene scene;
	int next;

	scene_init(&scene, fd);
	for (int i = 0; i < ARRAY_SIZE(out); i++)
		out[i].flags = DRM_DGEM_SYNCOBJ_SYNC_FILE;
	next = dup(0);
	close(next);
	igt_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	tight = limit;
	/* room for none, then for some of them */
	for (int room = 0; room < ARRAY_SIZE(out); room++) {
		int err;

		tight.rlim_cur = next + room;
		igt_assert_eq(setrlimit(RLIMIT_NOFILE, &tight), 0);
		err = __submit(&scene, NULL, 0, out, ARRAY_SIZE(out));
		igt_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
		igt_assert_eq(err, -EMFILE);
	}
	expect_seed(&scene, 2);
	scene_fini(&scene);
}

/* Close whatever has the number that SUBMIT writes, as soon as it is there. */
static void *closer(void *data)
{
	struct drm_dgem_syncobj *out = data;
	uint32_t fd;

	while ((fd = READ_ONCE(out->handle)) != UINT32_MAX) {
		if (fd)
			close(fd);
	}
	return NULL;
}

static void test_close_race(int fd)
{
	struct drm_dgem_syncobj out = { .flags = DRM_DGEM_SYNCOBJ_SYNC_FILE };
	struct scene scene;
	pthread_t thread;

	scene_init(&scene, fd);
	scene.op.width = 64;
	igt_assert_eq(pthread_create(&thread, NULL, closer, &out), 0);
	for (int i = 0; i < 50; i++) {
		int fence;

		igt_assert_eq(__submit(&scene, NULL, 0, &out, 1), 0);
		fence = out.handle;
		WRITE_ONCE(out.handle, 0);
		close(fence);
	}
	WRITE_ONCE(out.handle, UINT32_MAX);
	igt_assert_eq(pthread_join(thread, NULL), 0);
	errno = 0;
	dgem_sync_start(fd, scene.dst, DRM_DGEM_SYNC_READ, SIZE);
	dgem_sync_end(fd, scene.dst, DRM_DGEM_SYNC_READ, SIZE);
	scene_fini(&scene);
}

static const struct dgem_test tests[] = {
	{ "in", "A job does not start before its sync_files.", test_in },
	{ "out", "A job gives sync_files that signal at its end.", test_out },
	{ "mixed", "Syncobjs, timelines and sync_files go together.", test_mixed },
	{ "chain", "One file's sync_file holds back another's job.", test_chain },
	{ "wait-poll-sync-file", "poll() on a sync_file waits.", test_wait_poll_sync_file },
	{ "wait-poll-dma-buf", "poll() on a dma-buf waits.", test_wait_poll_dmabuf },
	{ "wait-eventfd", "A syncobj's eventfd tells the end.", test_wait_eventfd },
	{ "wait-sync", "SYNC waits until its time-out.", test_wait_sync },
	{ "bad-in", "What is no sync_file is refused.", test_bad_in },
	{ "bad-point", "A sync_file has no point.", test_bad_point },
	{ "bad-argument", "No descriptor is left behind.", test_bad_argument },
	{ "bad-later-element", "Earlier descriptors are taken back.", test_bad_later_element },
	{ "no-descriptors", "EMFILE, and nothing is left behind.", test_no_descriptors },
	{ "close-race", "Closing a descriptor early does no harm.", test_close_race },
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
