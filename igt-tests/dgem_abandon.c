// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "igt.h"
#include "igt_syncobj.h"
#include "sw_sync.h"

#include "dgem_util.h"

/**
 * TEST: dgem abandon
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: robustness
 * Description: Jobs whose handles, file or process go away end well and leave nothing behind.
 *
 * SUBTEST: objects-stay
 * Description: The objects of a queued job live until it is done, handles or not.
 *
 * SUBTEST: close-file-running
 * Description: Closing the file in the middle of its jobs leaves nothing behind.
 *
 * SUBTEST: close-file-waiting
 * Description: Closing the file while its jobs wait for a fence leaves nothing behind.
 *
 * SUBTEST: kill-running
 * Description: A process killed in the middle of its jobs leaves nothing behind.
 *
 * SUBTEST: kill-waiting
 * Description: A process killed while its jobs wait for a fence leaves nothing behind.
 */

IGT_TEST_DESCRIPTION("Jobs whose handles, file or process go away end well.");

#define SIZE	(2 * DGEM_PAGE)

static void expect_object(int fd, uint32_t handle, uint32_t seed)
{
	void *ptr = dgem_mmap(fd, handle, SIZE);

	/* No SYNC: it would wait for the very jobs that are watched. */
	dgem_check(ptr, 0, SIZE, seed);
	munmap(ptr, SIZE);
}

static uint32_t filled(int fd, uint32_t seed)
{
	return dgem_create_filled(fd, &dgem_kinds[1], SIZE, seed);
}

static void test_objects_stay(int fd)
{
	for (int i = 0; i < 2; i++) {
		uint32_t flags = i ? DRM_DGEM_SUBMIT_NO_IMPLICIT : 0;
		uint32_t src = filled(fd, 1), dst = filled(fd, 2), done = syncobj_create(fd, 0);
		struct drm_dgem_op op = dgem_op_copy(src, 0, dst, 0, SIZE);
		uint8_t *ptr = dgem_mmap(fd, dst, SIZE);
		struct dgem_gate gate;
		uint32_t decoy[4];

		dgem_gate_close(&gate, fd);
		dgem_submit(fd, &op, 1, flags, gate.syncobj, done);
		gem_close(fd, src);
		gem_close(fd, dst);
		/* If the source were gone, its memory would be among these. */
		for (int j = 0; j < ARRAY_SIZE(decoy); j++)
			decoy[j] = filled(fd, 5 + j);
		dgem_gate_open(&gate);
		dgem_wait(fd, done);
		dgem_check(ptr, 0, SIZE, 1);
		munmap(ptr, SIZE);
		for (int j = 0; j < ARRAY_SIZE(decoy); j++) {
			expect_object(fd, decoy[j], 5 + j);
			gem_close(fd, decoy[j]);
		}
		dgem_gate_fini(&gate);
		syncobj_destroy(fd, done);
	}
}

/* Queue several jobs on a file of their own, the first behind a gate if there is one. */
static void queue_jobs(int fd, struct dgem_gate *gate)
{
	uint32_t src = filled(fd, 1), dst = filled(fd, 2);
	struct drm_dgem_op op = dgem_op_copy(src, 0, dst, 0, SIZE);

	for (int i = 0; i < 4; i++)
		dgem_submit(fd, &op, 1, i ? DRM_DGEM_SUBMIT_NO_IMPLICIT : 0,
			    gate ? gate->syncobj : 0, 0);
}

static void *close_file(void *data)
{
	close(*(int *)data);
	return NULL;
}

static void abandon(int fd, bool waiting, bool kill_it)
{
	pthread_t thread;
	int pipes[2], status, other;
	struct dgem_gate gate;
	char byte = 0;
	pid_t pid;

	if (!kill_it) {
		other = dgem_open();
		if (waiting)
			dgem_gate_close(&gate, other);
		queue_jobs(other, waiting ? &gate : NULL);
		/* The kernel may make close() wait for jobs: it must end when the fence does. */
		igt_assert_eq(pthread_create(&thread, NULL, close_file, &other), 0);
		if (waiting) {
			dgem_sleep_ms(200);
			close(gate.timeline);
		}
		igt_assert_eq(pthread_join(thread, NULL), 0);
		return;
	}
	if (waiting)
		igt_require_sw_sync();
	igt_assert_eq(pipe(pipes), 0);
	pid = fork();
	if (!pid) {
		other = dgem_open();
		if (waiting)
			dgem_gate_close(&gate, other);
		queue_jobs(other, waiting ? &gate : NULL);
		if (write(pipes[1], &byte, 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	igt_assert(pid > 0);
	close(pipes[1]);
	igt_assert_eq(read(pipes[0], &byte, 1), 1);
	close(pipes[0]);
	igt_assert_eq(kill(pid, SIGKILL), 0);
	igt_assert_eq(waitpid(pid, &status, 0), pid);
	igt_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void test_abandon(int fd, bool waiting, bool kill_it)
{
	struct dgem_snapshot before;
	uint32_t src, dst;

	dgem_snapshot(fd, &before);
	abandon(fd, waiting, kill_it);
	/* Others are not disturbed. */
	src = filled(fd, 3);
	dst = filled(fd, 4);
	dgem_copy(fd, src, 0, dst, 0, SIZE);
	expect_object(fd, dst, 3);
	gem_close(fd, src);
	gem_close(fd, dst);
	dgem_assert_unchanged(fd, &before);
}

static void test_close_running(int fd)
{
	test_abandon(fd, false, false);
}

static void test_close_waiting(int fd)
{
	test_abandon(fd, true, false);
}

static void test_kill_running(int fd)
{
	test_abandon(fd, false, true);
}

static void test_kill_waiting(int fd)
{
	test_abandon(fd, true, true);
}

static const struct dgem_test tests[] = {
	{ "objects-stay", "The objects of a queued job live until it is done.", test_objects_stay },
	{ "close-file-running", "Closing a file with running jobs is safe.", test_close_running },
	{ "close-file-waiting", "Closing a file with waiting jobs is safe.", test_close_waiting },
	{ "kill-running", "Killing a process with running jobs is safe.", test_kill_running },
	{ "kill-waiting", "Killing a process with waiting jobs is safe.", test_kill_waiting },
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
