// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <linux/dma-buf.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "igt.h"
#include "sw_sync.h"

#include "dgem_child.h"
#include "dgem_instance.h"
#include "dgem_util.h"

/**
 * TEST: dgem stall
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: robustness
 * Description: What one client makes the kernel do keeps no other from its work.
 *
 * SUBTEST: export
 * Description: While a client exports lazy memory over and over, others create, close, touch and
 *		are killed in a fraction of the time that such memory takes to come.
 *
 * SUBTEST: submit
 * Description: The same while it submits jobs on lazy memory and a buffer that another client has
 *		given it; that client's faults, too.
 *
 * SUBTEST: attach
 * Description: The same while another instance imports lazy memory and maps all of it.
 *
 * SUBTEST: foreign-lock
 * Description: The same while another instance submits on lazy memory and a buffer that it has
 *		given away, and an import of that buffer, which the engine has mapped, is closed.
 *
 * SUBTEST: fences
 * Description: The same while a client submits jobs on a buffer that it was given and on one of its
 *		own that has a thousand fences.
 */

IGT_TEST_DESCRIPTION("What one client makes the kernel do keeps no other from its work.");

#define ONE		"igt-stall-1"
#define TWO		"igt-stall-2"
#define CHUNK		(2 * DGEM_MIB)
/* Passes of which one has to stay below the bound: machines stand still for reasons of their own */
#define PASSES		3
#define SAMPLES		25
/* A buffer's fences, and jobs that wait for them */
#define FENCES		1000
#define JOBS		50
/*
 * A bystander's worst, as a part of the time that all of the memory takes; no less than this, and
 * than so many times of what it takes with nobody else there
 */
#define PART		4
#define TIMES		4
#define FLOOR_NS	(200 * (int64_t)NSEC_PER_MSEC)

enum { CREATE, CLOSE, FAULT, KILL, DEEDS };

static const char * const deeds[DEEDS] = { "create", "close", "fault", "kill" };

/* What the processes of a test have in common. */
struct crowd {
	/* bytes that the aggressor has the kernel bring at a time */
	uint64_t size;
	/* how long that takes with nobody else there */
	int64_t whole;
	/* a file of the bystander's, a mapping, and the dma-buf that it has given away */
	int fd, dmabuf;
	uint32_t shared;
	/* files of the aggressor's; with an exporter's lock the importer's are the bystander's */
	int own, importer;
	/* a buffer that the aggressor has given away, and its dma-buf */
	uint32_t given;
	int given_dmabuf;
	/* the FENCES timelines of the fences that it has, or NULL */
	const int *timelines;
	volatile bool *stop;
	int64_t worst[DEEDS], alone[DEEDS];
};

/*
 * Aggressors do not assert, they end with an error. Memory that is short for a moment is none: what
 * was freed comes back by and by.
 */
static int fail(int err)
{
	if (err == -ENOMEM)
		dgem_sleep_ms(20);
	return err == -ENOMEM ? 0 : err;
}

static int export_lazy(struct crowd *crowd)
{
	uint32_t handle;
	int dmabuf, err = __dgem_create_lazy(crowd->own, crowd->size, &handle);

	if (err)
		return fail(err);
	dmabuf = __dgem_export(crowd->own, handle, DRM_CLOEXEC | DRM_RDWR);
	if (dmabuf >= 0)
		close(dmabuf);
	return __dgem_close(crowd->own, handle) ?: fail(dmabuf < 0 ? dmabuf : 0);
}

/* A job on lazy memory, all of which it needs, and on another buffer. */
static int submit_with(struct crowd *crowd, uint32_t buffer)
{
	struct drm_dgem_submit submit;
	struct drm_dgem_op ops[2];
	uint32_t handle;
	int err;

	err = __dgem_create_lazy(crowd->own, crowd->size, &handle);
	if (err)
		return fail(err);
	ops[0] = dgem_op_fill(buffer, DGEM_PAGE, 64, 0x5a, 1);
	ops[1] = dgem_op_fill_ends(handle, crowd->size);
	dgem_submit_init(&submit, ops, ARRAY_SIZE(ops));
	err = __dgem_submit(crowd->own, &submit) ?: __dgem_wait_written(crowd->own, handle);
	return __dgem_close(crowd->own, handle) ?: fail(err);
}

static int submit_lazy(struct crowd *crowd)
{
	uint32_t import;
	int err;

	err = __dgem_import(crowd->own, crowd->dmabuf, &import);
	if (err)
		return err;
	err = submit_with(crowd, import);
	return __dgem_close(crowd->own, import) ?: err;
}

static int attach_lazy(struct crowd *crowd)
{
	uint32_t handle, import = 0;
	int dmabuf, err;

	err = __dgem_create_lazy(crowd->own, crowd->size, &handle);
	if (err)
		return fail(err);
	dmabuf = __dgem_export(crowd->own, handle, DRM_CLOEXEC | DRM_RDWR);
	err = dmabuf < 0 ? dmabuf : __dgem_import(crowd->importer, dmabuf, &import);
	if (!err) {
		err = __dgem_run_op(crowd->importer, dgem_op_fill(import, 0, 64, 0x5a, 1));
		/* 32 bits have no room for it where the CPU has to map it */
		if (sizeof(long) == 4 && err == -EOPNOTSUPP)
			err = 0;
		__dgem_close(crowd->importer, import);
	}
	if (dmabuf >= 0)
		close(dmabuf);
	return __dgem_close(crowd->own, handle) ?: fail(err);
}

/*
 * A job waits for all the fences of its buffers: who compares each with each takes long, with a
 * buffer locked that others need. The jobs are queued until the fences signal, so there are few.
 */
static int submit_fences(struct crowd *crowd)
{
	static int jobs;
	struct drm_dgem_submit submit;
	struct drm_dgem_op ops[2];
	uint32_t import;
	int err;

	if (jobs++ >= JOBS) {
		dgem_sleep_ms(5);
		return 0;
	}
	err = __dgem_import(crowd->own, crowd->dmabuf, &import);
	if (err)
		return err;
	ops[0] = dgem_op_fill(import, DGEM_PAGE, 64, 0x5a, 1);
	ops[1] = dgem_op_fill(crowd->given, 0, 64, 0x5a, 1);
	dgem_submit_init(&submit, ops, ARRAY_SIZE(ops));
	err = __dgem_submit(crowd->own, &submit);
	return __dgem_close(crowd->own, import) ?: fail(err);
}

/* Another thread closes the import while a job of the exporter's is submitted. */
struct closer {
	int fd;
	uint32_t handle;
};

static void *close_thread(void *data)
{
	struct closer *closer = data;

	dgem_sleep_ms(20);
	__dgem_close(closer->fd, closer->handle);
	return NULL;
}

/*
 * What the engine has mapped is unmapped under the buffer's reservation lock. A driver that brings
 * lazy memory under the locks of all of a job's objects has the exporter keep that lock for long.
 */
static int close_import(struct crowd *crowd)
{
	struct closer closer = { .fd = crowd->importer };
	pthread_t thread;
	int err;

	err = __dgem_import(crowd->importer, crowd->given_dmabuf, &closer.handle);
	if (err)
		return err;
	err = __dgem_run_op(closer.fd, dgem_op_fill(closer.handle, 0, 64, 0x5a, 1));
	if (err)
		return err;
	if (pthread_create(&thread, NULL, close_thread, &closer))
		return -EAGAIN;
	err = submit_with(crowd, crowd->given);
	pthread_join(thread, NULL);
	return err;
}

/* A third process, which does nothing but touch what the bystander has given away. */
static int touch_shared(void *data)
{
	struct crowd *crowd = data;

	for (;;) {
		volatile uint8_t *ptr = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_SHARED,
					     crowd->dmabuf, 0);

		if (ptr == MAP_FAILED)
			return -errno;
		ptr[0]++;
		munmap((void *)ptr, CHUNK);
		dgem_sleep_ms(1);
	}
	return 0;
}

static void took(struct crowd *crowd, int deed, int64_t start)
{
	const int64_t time = dgem_now() - start;

	if (time > crowd->worst[deed])
		crowd->worst[deed] = time;
}

/* Each deed of the bystander's once. */
static void stand_by(struct crowd *crowd)
{
	uint32_t handle;
	uint8_t *ptr;
	int64_t start;
	int status;
	pid_t pid;

	pid = dgem_child_start(touch_shared, crowd);
	dgem_sleep_ms(5);

	start = dgem_now();
	handle = dgem_create_contiguous(crowd->fd, DGEM_PAGE);
	took(crowd, CREATE, start);
	dgem_sleep_ms(1);
	start = dgem_now();
	gem_close(crowd->fd, handle);
	took(crowd, CLOSE, start);

	ptr = dgem_mmap(crowd->fd, crowd->shared, CHUNK);
	start = dgem_now();
	*(volatile uint8_t *)(ptr + DGEM_PAGE) = 1;
	took(crowd, FAULT, start);
	munmap(ptr, CHUNK);

	start = dgem_now();
	kill(pid, SIGKILL);
	igt_assert_eq(waitpid(pid, &status, 0), pid);
	took(crowd, KILL, start);
	igt_assert(WIFSIGNALED(status));
}

/* How long it takes to bring all of the memory, with nobody else there. */
static int64_t time_whole(int fd, uint64_t size)
{
	int64_t start, time;
	uint32_t handle;
	uint8_t *ptr;

	igt_assert_eq(__dgem_create_lazy(fd, size, &handle), 0);
	ptr = dgem_mmap(fd, handle, size);
	start = dgem_now();
	for (uint64_t at = 0; at < size; at += CHUNK)
		igt_assert_eq(dgem_touch(ptr + at, true), 0);
	time = dgem_now() - start;
	munmap(ptr, size);
	gem_close(fd, handle);
	return time;
}

struct aggressor {
	struct crowd *crowd;
	int (*act)(struct crowd *crowd);
};

static int aggress(void *data)
{
	struct aggressor *aggressor = data;
	int err = 0;

	while (!err && !*aggressor->crowd->stop) {
		err = aggressor->act(aggressor->crowd);
		/* what is quick is not done all the time: that would be another test */
		dgem_sleep_ms(1);
	}
	return err;
}

static int64_t bound(const struct crowd *crowd, int deed)
{
	int64_t most = crowd->whole / PART;

	if (most < TIMES * crowd->alone[deed])
		most = TIMES * crowd->alone[deed];
	return most < FLOOR_NS ? FLOOR_NS : most;
}

static bool pass(struct crowd *crowd, int (*act)(struct crowd *crowd))
{
	struct aggressor aggressor = { crowd, act };
	bool good = true;
	int samples = 0;
	int64_t end;
	pid_t pid;

	memset(crowd->worst, 0, sizeof(crowd->worst));
	*crowd->stop = false;
	pid = dgem_child_start(aggress, &aggressor);
	end = dgem_now() + 3 * crowd->whole + NSEC_PER_SEC;
	while (good && samples < SAMPLES && (samples < 5 || dgem_now() < end)) {
		stand_by(crowd);
		for (int i = 0; i < DEEDS; i++)
			good &= crowd->worst[i] <= bound(crowd, i);
		samples++;
	}
	*crowd->stop = true;
	igt_assert_eq(dgem_child_wait(pid, 60000), 0);
	for (int i = 0; i < DEEDS; i++)
		igt_info("the worst of %d: %s %.1f ms, of %.1f\n", samples, deeds[i],
			 crowd->worst[i] / 1e6, bound(crowd, i) / 1e6);
	return good;
}

/* The aggressor's memory is all that can be spared: who takes a lock for it takes it for long. */
static void run_crowd(struct crowd *crowd, int (*act)(struct crowd *crowd))
{
	int passes = 0;

	crowd->size = dgem_spare_memory(256 * DGEM_MIB);
	crowd->stop = dgem_share(DGEM_PAGE);
	igt_assert_eq(__dgem_create_lazy(crowd->fd, CHUNK, &crowd->shared), 0);
	crowd->dmabuf = dgem_export(crowd->fd, crowd->shared);
	crowd->whole = time_whole(crowd->own, crowd->size);
	for (int i = 0; i < 5; i++)
		stand_by(crowd);
	memcpy(crowd->alone, crowd->worst, sizeof(crowd->alone));
	while (!pass(crowd, act))
		igt_assert_f(++passes < PASSES, "a bystander is kept waiting, again and again\n");

	for (int i = 0; crowd->timelines && i < FENCES; i++)
		close(crowd->timelines[i]);
	close(crowd->dmabuf);
	dgem_unshare((void *)crowd->stop, DGEM_PAGE);
	close(crowd->fd);
	close(crowd->own);
	close(crowd->importer);
}

static void run_instances(int (*act)(struct crowd *crowd))
{
	struct crowd crowd = { };

	crowd.fd = dgem_instance_start(ONE);
	crowd.own = dgem_instance_open(ONE);
	crowd.importer = dgem_instance_start(TWO);
	run_crowd(&crowd, act);
	dgem_instance_remove(ONE);
	dgem_instance_remove(TWO);
}

static void test_export(int unused)
{
	run_instances(export_lazy);
}

static void test_submit(int unused)
{
	run_instances(submit_lazy);
}

static void test_attach(int unused)
{
	run_instances(attach_lazy);
}

/* The bystander and the import are of the instance that has the engine, the exporter is another. */
static void test_foreign_lock(int fd)
{
	struct drm_dgem_query_engine engine;
	struct crowd crowd = { };

	dgem_query_engine(fd, &engine);
	igt_require_f(engine.type == DRM_DGEM_ENGINE_DMA, "the CPU maps nothing for an engine\n");
	igt_require_f(dgem_works_on_imports(fd), "the engine does not reach all memory\n");
	crowd.fd = dgem_open();
	crowd.own = dgem_instance_start(ONE);
	crowd.importer = dgem_open();
	crowd.given = dgem_create_contiguous(crowd.own, CHUNK);
	crowd.given_dmabuf = dgem_export(crowd.own, crowd.given);
	run_crowd(&crowd, close_import);
	close(crowd.given_dmabuf);
	dgem_instance_remove(ONE);
}

static void add_fences(int dmabuf, const int *timelines)
{
	for (int i = 0; i < FENCES; i++) {
		struct dma_buf_import_sync_file arg = { .flags = DMA_BUF_SYNC_READ };

		arg.fd = sw_sync_timeline_create_fence(timelines[i], 1);
		igt_require_f(!ioctl(dmabuf, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &arg),
			      "this kernel puts no fences into dma-bufs\n");
		close(arg.fd);
	}
}

/* More than a job may have to wait for */
static void check_most(int fd, const int *timelines)
{
	struct drm_dgem_submit submit;
	struct drm_dgem_op ops[5];
	uint32_t handles[5];

	for (int i = 0; i < ARRAY_SIZE(ops); i++) {
		int dmabuf;

		handles[i] = dgem_create_contiguous(fd, DGEM_PAGE);
		dmabuf = dgem_export(fd, handles[i]);
		add_fences(dmabuf, timelines);
		close(dmabuf);
		ops[i] = dgem_op_fill(handles[i], 0, 64, 0x5a, 1);
	}
	dgem_submit_init(&submit, ops, ARRAY_SIZE(ops));
	igt_assert_eq(__dgem_submit(fd, &submit), -ENOSPC);
	dgem_submit_init(&submit, ops, ARRAY_SIZE(ops) - 1);
	igt_assert_eq(__dgem_submit(fd, &submit), 0);
	for (int i = 0; i < ARRAY_SIZE(ops); i++)
		gem_close(fd, handles[i]);
}

static void test_fences(int fd)
{
	struct rlimit files = { FENCES + 256, FENCES + 256 }, old;
	struct crowd crowd = { };
	int *timelines;

	igt_require_sw_sync();
	igt_assert_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	igt_assert_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
	crowd.fd = dgem_instance_start(ONE);
	crowd.own = dgem_instance_open(ONE);
	crowd.importer = dgem_instance_open(ONE);
	crowd.given = dgem_create_contiguous(crowd.own, CHUNK);
	crowd.given_dmabuf = dgem_export(crowd.own, crowd.given);
	timelines = calloc(FENCES, sizeof(*timelines));
	igt_assert(timelines);
	for (int i = 0; i < FENCES; i++)
		timelines[i] = sw_sync_timeline_create();
	check_most(crowd.own, timelines);
	add_fences(crowd.given_dmabuf, timelines);
	crowd.timelines = timelines;
	run_crowd(&crowd, submit_fences);
	free(timelines);
	close(crowd.given_dmabuf);
	dgem_instance_remove(ONE);
	igt_assert_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
}

static const struct dgem_test tests[] = {
	{ "export", "Others' worst while a client exports lazy memory.", test_export },
	{ "submit", "Others' worst while a client submits on lazy memory.", test_submit },
	{ "attach", "Others' worst while an instance maps another's memory.", test_attach },
	{ "fences", "Others' worst while a client submits on a buffer with many fences.",
	  test_fences },
	{ "foreign-lock", "Others' worst while an exporter keeps its lock.", test_foreign_lock },
};

int igt_main()
{
	int fd = -1;

	igt_fixture() {
		dgem_require_configfs();
		fd = dgem_open();
	}

	dgem_subtests(fd, tests, ARRAY_SIZE(tests));

	igt_fixture() {
		close(fd);
		/* what a failed subtest has left */
		__dgem_instance_remove(ONE);
		__dgem_instance_remove(TWO);
		errno = 0;
	}
}
