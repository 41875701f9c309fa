// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "igt.h"
#include "igt_syncobj.h"
#include "sw_sync.h"

#include "dgem_bind.h"
#include "dgem_instance.h"
#include "dgem_table.h"
#include "dgem_util.h"

/**
 * TEST: dgem life
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: robustness
 * Description: Whatever goes away while jobs run and wait, all fences signal and nothing is lost.
 *
 * SUBTEST: %s
 * Description: A few times in a row.
 *
 * SUBTEST: stress-%s
 * Description: 200 times in a row.
 *
 * arg[1]:
 *
 * @close-file: the file is closed; a mapping and a dma-buf stay valid
 * @kill: the process is killed
 * @kill-busy: the process is killed while the engine works through a long queue of it
 * @unload-provider: the engine's module is asked to unload and refuses; nothing else happens
 * @unbind-engine: the engine's device is unbound
 * @unbind-device: the instance's device is unbound
 * @remove-instance: the instance's directory in configfs is removed
 * @remove-busy: the same, while the engine works through a long queue
 * @race: threads create, close, export and import, handles of each other's too, on an instance that
 *	is removed
 *
 * SUBTEST: unload-mapped
 * Description: The module can't be unloaded while only a mapping is left.
 *
 * SUBTEST: unload-exported
 * Description: The module can't be unloaded while only a dma-buf is left.
 */

IGT_TEST_DESCRIPTION("Whatever goes away while jobs run and wait, nothing is lost.");

#define NAME	"igt-life"
/* What one transfer of the slowest engine takes. */
#define SIZE	4096ull
#define FEW	3
#define MANY	200
/*
 * Jobs that wait. A long queue lasts for longer than a killed process: it is longer with each of
 * the first rounds, and a very long one in every tenth.
 */
#define QUEUE	3
#define LONG_QUEUE	100
#define LONGEST_QUEUE	1000

/* Everything that a client can have when something goes away. */
struct scene {
	int fd;
	uint32_t src, dst;
	uint8_t *ptr;
	int dmabuf;
	struct dgem_gate gate;
	/* the gate was opened already: what waited for it may have been done in time */
	bool busy;
	/* sync files: of the last job that can run, and of the last that waits for the gate */
	int running, waiting;
};

static int queue(struct scene *scene, uint32_t in_sync, int jobs)
{
	struct drm_dgem_op op = dgem_op_copy(scene->src, 0, scene->dst, 0, SIZE);
	uint32_t done = syncobj_create(scene->fd, 0);
	int fence;

	for (int i = 0; i < jobs; i++)
		dgem_submit(scene->fd, &op, 1, DRM_DGEM_SUBMIT_NO_IMPLICIT, in_sync, done);
	fence = syncobj_handle_to_fd(scene->fd, done,
				     DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE);
	igt_assert_fd(fence);
	syncobj_destroy(scene->fd, done);
	return fence;
}

static void __set_scene(struct scene *scene, int fd, uint32_t seed, int jobs)
{
	scene->fd = fd;
	scene->src = dgem_create_filled(fd, &dgem_kinds[0], SIZE, seed);
	scene->dst = dgem_create(fd, &dgem_kinds[0], SIZE);
	scene->ptr = dgem_mmap(fd, scene->src, SIZE);
	dgem_check(scene->ptr, 0, SIZE, seed);
	scene->dmabuf = dgem_export(fd, scene->src);
	scene->running = queue(scene, 0, QUEUE);
	dgem_gate_close(&scene->gate, fd);
	scene->waiting = queue(scene, scene->gate.syncobj, jobs);
	scene->busy = false;
}

static void set_scene(struct scene *scene, int fd, uint32_t seed)
{
	__set_scene(scene, fd, seed, QUEUE);
}

/* The queue is long, and the engine has begun with it. */
static void set_busy_scene(struct scene *scene, int fd, uint32_t seed)
{
	int jobs = seed <= FEW ? seed * LONG_QUEUE : LONG_QUEUE;

	__set_scene(scene, fd, seed, seed % 10 ? jobs : LONGEST_QUEUE);
	dgem_gate_open(&scene->gate);
	scene->busy = true;
}

static void expect_signalled(int fence)
{
	igt_assert_eq(sync_fence_wait(fence, DGEM_PATIENCE_NS / NSEC_PER_MSEC), 0);
	igt_assert_neq(sync_fence_status(fence), 0);
}

static void clear_scene(struct scene *scene)
{
	munmap(scene->ptr, SIZE);
	close(scene->dmabuf);
	close(scene->running);
	close(scene->waiting);
	if (scene->fd >= 0)
		close(scene->fd);
}

/* The file's device has gone: what is left of it says so. */
static void expect_orphan(struct scene *scene)
{
	struct drm_dgem_create create = { .size = SIZE };

	igt_assert_eq(__dgem_create(scene->fd, &create), -ENODEV);
	igt_assert_eq(dgem_touch(scene->ptr, true), SIGBUS);
	expect_signalled(scene->running);
	dgem_gate_open(&scene->gate);
	expect_signalled(scene->waiting);
	if (!scene->busy)
		igt_assert_lt(sync_fence_status(scene->waiting), 0);
	/* The gate's syncobj goes with the file. */
	close(scene->gate.timeline);
	clear_scene(scene);
}

/* Nothing has happened to the file: everything is done, and right. */
static void expect_done(struct scene *scene, uint32_t seed)
{
	expect_signalled(scene->running);
	igt_assert_eq(sync_fence_status(scene->running), 1);
	dgem_gate_open(&scene->gate);
	expect_signalled(scene->waiting);
	igt_assert_eq(sync_fence_status(scene->waiting), 1);
	dgem_gate_fini(&scene->gate);
	dgem_check_object(scene->fd, scene->dst, SIZE, seed);
	dgem_check(scene->ptr, 0, SIZE, seed);
	clear_scene(scene);
}

static void *close_file(void *data)
{
	close(*(int *)data);
	return NULL;
}

static void act_close_file(uint32_t seed)
{
	struct scene scene;
	pthread_t thread;

	set_scene(&scene, dgem_open(), seed);
	igt_assert_eq(pthread_create(&thread, NULL, close_file, &scene.fd), 0);
	/* The kernel may make close() wait for jobs: it has to end when the fence does. */
	dgem_sleep_ms(seed % 8);
	close(scene.gate.timeline);
	igt_assert_eq(pthread_join(thread, NULL), 0);
	scene.fd = -1;
	expect_signalled(scene.running);
	expect_signalled(scene.waiting);
	dgem_check(scene.ptr, 0, SIZE, seed);
	clear_scene(&scene);
}

/* Both sync files as one message: they outlive the process that made them. */
static void send_fences(int socket, const struct scene *scene)
{
	char control[CMSG_SPACE(2 * sizeof(int))] = "", byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(2 * sizeof(int));
	memcpy(CMSG_DATA(head), (int []){ scene->running, scene->waiting }, 2 * sizeof(int));
	if (sendmsg(socket, &message, 0) != 1)
		_exit(1);
}

static void receive_fences(int socket, int fences[2])
{
	char control[CMSG_SPACE(2 * sizeof(int))], byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};

	igt_assert_eq(recvmsg(socket, &message, MSG_CMSG_CLOEXEC), 1);
	igt_assert(CMSG_FIRSTHDR(&message));
	memcpy(fences, CMSG_DATA(CMSG_FIRSTHDR(&message)), 2 * sizeof(int));
}

static void kill_under(void (*set)(struct scene *scene, int fd, uint32_t seed), uint32_t seed)
{
	int sockets[2], fences[2], status;
	pid_t pid;

	igt_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
	pid = fork();
	if (!pid) {
		struct scene scene;

		set(&scene, dgem_open(), seed);
		send_fences(sockets[1], &scene);
		pause();
		_exit(0);
	}
	igt_assert(pid > 0);
	close(sockets[1]);
	receive_fences(sockets[0], fences);
	close(sockets[0]);
	igt_assert_eq(kill(pid, SIGKILL), 0);
	igt_assert_eq(waitpid(pid, &status, 0), pid);
	igt_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	for (int i = 0; i < 2; i++) {
		expect_signalled(fences[i]);
		close(fences[i]);
	}
}

static void act_kill(uint32_t seed)
{
	kill_under(set_scene, seed);
}

static void act_kill_busy(uint32_t seed)
{
	kill_under(set_busy_scene, seed);
}

static void find_engine(char driver[PATH_MAX], char device[64])
{
	struct drm_dgem_query_engine engine;
	int fd = dgem_open();

	dgem_query_engine(fd, &engine);
	igt_require_f(engine.type == DRM_DGEM_ENGINE_DMA, "the engine has no device\n");
	igt_require_f(dgem_engine_driver(fd, driver, device), "nothing to unbind it from\n");
	close(fd);
}

static void act_unload_provider(uint32_t seed)
{
	char driver[PATH_MAX], module[PATH_MAX], device[64], path[PATH_MAX + 16];
	struct scene scene;

	find_engine(driver, device);
	snprintf(path, sizeof(path), "%s/module", driver);
	igt_require_f(realpath(path, module), "the engine's driver is no module\n");
	set_scene(&scene, dgem_open(), seed);
	igt_assert_eq(__dgem_unload(strrchr(module, '/') + 1), -EWOULDBLOCK);
	expect_done(&scene, seed);
}

static void act_unbind_engine(uint32_t seed)
{
	char driver[PATH_MAX], device[64];
	struct scene scene;

	find_engine(driver, device);
	set_scene(&scene, dgem_open(), seed);
	igt_assert_eq(__dgem_sysfs_write(driver, "unbind", device), 0);
	expect_orphan(&scene);
	igt_assert_eq(__dgem_sysfs_write(driver, "bind", device), 0);
	dgem_bind();
}

static void act_unbind_device(uint32_t seed)
{
	struct scene scene;

	set_scene(&scene, dgem_open(), seed);
	dgem_unbind();
	expect_orphan(&scene);
	dgem_bind();
}

/* With the engine of the default instance, which has to go first. */
static void make_instance(void)
{
	dgem_require_configfs();
	dgem_unbind();
	dgem_instance_make(NAME);
	dgem_instance_enable(NAME, "auto");
}

static void remove_under(void (*set)(struct scene *scene, int fd, uint32_t seed), uint32_t seed)
{
	struct scene scene;

	make_instance();
	set(&scene, dgem_instance_open(NAME), seed);
	dgem_instance_remove(NAME);
	expect_orphan(&scene);
	dgem_bind();
}

static void act_remove_instance(uint32_t seed)
{
	remove_under(set_scene, seed);
}

static void act_remove_busy(uint32_t seed)
{
	remove_under(set_busy_scene, seed);
}

struct racer {
	pthread_t thread;
	int fd;
	atomic_bool *gone;
};

/* Handles are small numbers: what this closes is as likely the other thread's. */
static void *race(void *data)
{
	struct racer *racer = data;
	struct drm_dgem_create create;
	uint32_t handle, import;
	int dmabuf;

	for (uint32_t i = 0; !*racer->gone; i++) {
		struct drm_gem_close gem_close = { .handle = 1 + i % 7 };
		struct drm_dgem_submit submit;
		struct drm_dgem_op op;

		create = (struct drm_dgem_create){ .size = SIZE };
		handle = __dgem_create(racer->fd, &create) ? 1 + i % 5 : create.handle;
		dmabuf = __dgem_export(racer->fd, handle, DRM_CLOEXEC | DRM_RDWR);
		op = dgem_op_copy(handle, 0, handle, SIZE / 2, 64);
		dgem_submit_init(&submit, &op, 1);
		__dgem_submit(racer->fd, &submit);
		dgem_ioctl(racer->fd, DRM_IOCTL_GEM_CLOSE, &gem_close);
		if (dmabuf < 0)
			continue;
		__dgem_import(racer->fd, dmabuf, &import);
		gem_close.handle = import;
		if (i % 2)
			dgem_ioctl(racer->fd, DRM_IOCTL_GEM_CLOSE, &gem_close);
		close(dmabuf);
	}
	return NULL;
}

static void act_race(uint32_t seed)
{
	struct drm_dgem_create create = { .size = SIZE };
	atomic_bool gone = false;
	struct racer racers[2];
	int fd;

	make_instance();
	fd = dgem_instance_open(NAME);
	for (int i = 0; i < ARRAY_SIZE(racers); i++) {
		racers[i] = (struct racer){ .fd = fd, .gone = &gone };
		igt_assert_eq(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
	}
	dgem_sleep_ms(20 + 13 * seed % 50);
	dgem_instance_remove(NAME);
	igt_assert_eq(__dgem_create(fd, &create), -ENODEV);
	dgem_sleep_ms(seed % 10);
	gone = true;
	for (int i = 0; i < ARRAY_SIZE(racers); i++)
		igt_assert_eq(pthread_join(racers[i].thread, NULL), 0);
	close(fd);
	dgem_bind();
}

static const struct {
	const char *name, *describe;
	void (*act)(uint32_t seed);
} lives[] = {
	{ "close-file", "The file is closed under its jobs.", act_close_file },
	{ "kill", "The process is killed under its jobs.", act_kill },
	{ "kill-busy", "The process is killed in the middle of its jobs.", act_kill_busy },
	{ "unload-provider", "A provider in use is not unloaded.", act_unload_provider },
	{ "unbind-engine", "The engine's device is unbound under jobs.", act_unbind_engine },
	{ "unbind-device", "The instance's device is unbound under jobs.", act_unbind_device },
	{ "remove-instance", "The instance is removed under jobs.", act_remove_instance },
	{ "remove-busy", "The instance is removed in the middle of its jobs.", act_remove_busy },
	{ "race", "The instance is removed under racing threads.", act_race },
};

static void snapshot_settled(struct dgem_snapshot *snapshot)
{
	int fd = dgem_open();

	dgem_snapshot(fd, snapshot);
	close(fd);
}

/* However often, the memory of all of it has to be back in the end, and the jobs work. */
static void live(void (*act)(uint32_t seed), int rounds)
{
	struct dgem_snapshot before;
	uint32_t src, dst;
	int fd;

	snapshot_settled(&before);
	for (int i = 1; i <= rounds; i++)
		act(i);
	fd = dgem_open();
	src = dgem_create_filled(fd, &dgem_kinds[0], SIZE, 99);
	dst = dgem_create(fd, &dgem_kinds[0], SIZE);
	dgem_copy(fd, src, 0, dst, 0, SIZE);
	dgem_check_object(fd, dst, SIZE, 99);
	gem_close(fd, src);
	gem_close(fd, dst);
	/* Of a file as fresh as the first one, on a device that may be a new one. */
	dgem_assert_unchanged(fd, &before);
	close(fd);
}

static void test_unload(bool mapped)
{
	int fd = dgem_open(), dmabuf = -1;
	uint32_t handle = dgem_create_filled(fd, &dgem_kinds[0], SIZE, 1);
	uint8_t *ptr = NULL;

	if (mapped)
		ptr = dgem_mmap(fd, handle, SIZE);
	else
		dmabuf = dgem_export(fd, handle);
	close(fd);
	igt_assert_eq(__dgem_unload("dgem"), -EWOULDBLOCK);
	if (!mapped) {
		ptr = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, dmabuf, 0);
		igt_assert(ptr != MAP_FAILED);
		close(dmabuf);
	}
	dgem_check(ptr, 0, SIZE, 1);
	munmap(ptr, SIZE);
}

int igt_main()
{
	igt_fixture() {
		close(dgem_open());
		igt_require_sw_sync();
		igt_require_f(dgem_can_unbind(), "the device cannot be unbound\n");
	}

	for (int i = 0; i < ARRAY_SIZE(lives); i++) {
		igt_describe(lives[i].describe);
		igt_subtest(lives[i].name)
			live(lives[i].act, FEW);
		igt_describe(lives[i].describe);
		igt_subtest_f("stress-%s", lives[i].name)
			live(lives[i].act, MANY);
	}

	for (int i = 0; i < 2; i++) {
		igt_describe("What is left of a file holds the module.");
		igt_subtest_f("unload-%s", i ? "exported" : "mapped") {
			igt_require_f(!access("/sys/module/dgem/refcnt", F_OK), "no module\n");
			test_unload(!i);
		}
	}

	igt_fixture() {
		__dgem_instance_remove(NAME);
		dgem_bind();
	}
}
