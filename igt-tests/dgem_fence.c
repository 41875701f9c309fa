// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <pthread.h>
#include <sys/mman.h>

#include "igt.h"
#include "igt_syncobj.h"
#include "sw_sync.h"

#include "dgem_util.h"

/**
 * TEST: dgem fence
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: synchronization
 * Description: Jobs wait for what they were told to wait for, and tell when they are done.
 *
 * SUBTEST: out-binary
 * Description: A binary syncobj is signalled when the copy is done, not before.
 *
 * SUBTEST: out-timeline
 * Description: Points of a timeline are signalled by the jobs that promised them.
 *
 * SUBTEST: out-many
 * Description: One job signals several syncobjs.
 *
 * SUBTEST: in-binary
 * Description: A job does not start before its in-fence has signalled.
 *
 * SUBTEST: in-timeline
 * Description: A job waits for a point of a timeline.
 *
 * SUBTEST: in-many
 * Description: A job waits for all of its in-fences.
 *
 * SUBTEST: in-error
 * Description: An in-fence that fails does not stall the job that waits for it.
 *
 * SUBTEST: chain
 * Description: A chain of jobs tied by syncobjs runs in its order.
 *
 * SUBTEST: implicit-read-after-write
 * Description: A reader waits for the writer of its source, without being told.
 *
 * SUBTEST: implicit-write-after-read
 * Description: A writer waits for the readers of its destination, without being told.
 *
 * SUBTEST: implicit-readers
 * Description: Readers of one object do not wait for each other.
 *
 * SUBTEST: no-implicit
 * Description: With NO_IMPLICIT a job neither waits for other jobs nor makes them wait.
 */

IGT_TEST_DESCRIPTION("Jobs wait for what they were told to, and tell when they are done.");

#define SIZE	(2 * DGEM_PAGE)

/* Long enough for a job to do harm if nothing held it back: an edu transfer takes 0.1 s. */
#define HARM_MS	500

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

static uint32_t share(int from, uint32_t handle, int to)
{
	int dmabuf = dgem_export(from, handle);
	uint32_t shared;

	igt_assert_eq(__dgem_import(to, dmabuf, &shared), 0);
	close(dmabuf);
	return shared;
}

static void test_out_binary(int fd)
{
	uint32_t src = filled(fd, 1), dst = filled(fd, 2), done = syncobj_create(fd, 0);
	struct drm_dgem_op op = dgem_op_copy(src, 0, dst, 0, SIZE);

	dgem_submit(fd, &op, 1, 0, 0, done);
	dgem_wait(fd, done);
	expect_object(fd, dst, 1);
	/* It may be used again, and is unsignalled meanwhile. */
	for (int i = 0; i < 2; i++) {
		struct dgem_gate gate;

		dgem_gate_close(&gate, fd);
		dgem_submit(fd, &op, 1, 0, gate.syncobj, done);
		igt_assert(!dgem_signalled(fd, done));
		dgem_gate_open(&gate);
		dgem_wait(fd, done);
		dgem_gate_fini(&gate);
	}
	syncobj_destroy(fd, done);
	gem_close(fd, src);
	gem_close(fd, dst);
}

static void test_out_timeline(int fd)
{
	uint32_t src = filled(fd, 1), dst = filled(fd, 2), line = syncobj_create(fd, 0);
	struct drm_dgem_syncobj out = { .handle = line };
	struct drm_dgem_op op = dgem_op_copy(src, 0, dst, 0, 512);
	struct drm_dgem_submit submit;
	uint64_t point;

	for (point = 3; point <= 9; point += 3) {
		dgem_submit_init(&submit, &op, 1);
		out.point = point;
		submit.out_syncs = to_user_pointer(&out);
		submit.out_sync_count = 1;
		igt_assert_eq(__dgem_submit(fd, &submit), 0);
	}
	for (point = 3; point <= 9; point += 3) {
		uint64_t reached = 0;

		igt_assert(syncobj_timeline_wait(fd, &line, &point, 1,
						 dgem_now() + DGEM_PATIENCE_NS, 0, NULL));
		syncobj_timeline_query(fd, &line, &reached, 1);
		igt_assert_lte_u64(point, reached);
	}
	syncobj_destroy(fd, line);
	gem_close(fd, src);
	gem_close(fd, dst);
}

static void test_out_many(int fd)
{
	uint32_t src = filled(fd, 1), dst = filled(fd, 2);
	struct drm_dgem_op op = dgem_op_copy(src, 0, dst, 0, 512);
	struct drm_dgem_syncobj out[16] = { };
	struct drm_dgem_submit submit;

	for (int i = 0; i < ARRAY_SIZE(out); i++) {
		out[i].handle = syncobj_create(fd, 0);
		out[i].point = i & 1 ? i : 0;
	}
	dgem_submit_init(&submit, &op, 1);
	submit.out_syncs = to_user_pointer(out);
	submit.out_sync_count = ARRAY_SIZE(out);
	igt_assert_eq(__dgem_submit(fd, &submit), 0);
	for (int i = 0; i < ARRAY_SIZE(out); i++) {
		uint64_t point = out[i].point;

		igt_assert(syncobj_timeline_wait(fd, &out[i].handle, &point, 1,
						 dgem_now() + DGEM_PATIENCE_NS, 0, NULL));
		syncobj_destroy(fd, out[i].handle);
	}
	gem_close(fd, src);
	gem_close(fd, dst);
}

/* A job behind a closed gate has no effect; once the gate opens, it has. */
static void held_back(int fd, struct drm_dgem_syncobj *in, uint32_t count, struct dgem_gate *gates)
{
	uint32_t src = filled(fd, 1), dst = filled(fd, 2);
	struct drm_dgem_op op = dgem_op_copy(src, 0, dst, 0, SIZE);
	struct drm_dgem_syncobj out = { .handle = syncobj_create(fd, 0) };
	struct drm_dgem_submit submit;

	dgem_submit_init(&submit, &op, 1);
	submit.in_syncs = to_user_pointer(in);
	submit.in_sync_count = count;
	submit.out_syncs = to_user_pointer(&out);
	submit.out_sync_count = 1;
	igt_assert_eq(__dgem_submit(fd, &submit), 0);
	for (uint32_t i = 0; i < count; i++) {
		dgem_sleep_ms(HARM_MS);
		igt_assert(!dgem_signalled(fd, out.handle));
		expect_object(fd, dst, 2);
		dgem_gate_open(&gates[i]);
	}
	dgem_wait(fd, out.handle);
	expect_object(fd, dst, 1);
	syncobj_destroy(fd, out.handle);
	gem_close(fd, src);
	gem_close(fd, dst);
}

static void test_in_binary(int fd)
{
	struct drm_dgem_syncobj in = { };
	struct dgem_gate gate;

	dgem_gate_close(&gate, fd);
	in.handle = gate.syncobj;
	held_back(fd, &in, 1, &gate);
	dgem_gate_fini(&gate);
}

static void test_in_timeline(int fd)
{
	struct drm_dgem_syncobj in = { .handle = syncobj_create(fd, 0), .point = 7 };
	struct dgem_gate gate;

	dgem_gate_close(&gate, fd);
	syncobj_binary_to_timeline(fd, in.handle, in.point, gate.syncobj);
	held_back(fd, &in, 1, &gate);
	dgem_gate_fini(&gate);
	syncobj_destroy(fd, in.handle);
}

static void test_in_many(int fd)
{
	struct drm_dgem_syncobj in[3] = { };
	struct dgem_gate gates[3];

	for (int i = 0; i < ARRAY_SIZE(in); i++) {
		dgem_gate_close(&gates[i], fd);
		in[i].handle = gates[i].syncobj;
	}
	held_back(fd, in, ARRAY_SIZE(in), gates);
	for (int i = 0; i < ARRAY_SIZE(in); i++)
		dgem_gate_fini(&gates[i]);
}

static void test_in_error(int fd)
{
	uint32_t src = filled(fd, 1), dst = filled(fd, 2), done = syncobj_create(fd, 0);
	struct drm_dgem_op op = dgem_op_copy(src, 0, dst, 0, SIZE);
	struct dgem_gate gate;

	dgem_gate_close(&gate, fd);
	dgem_submit(fd, &op, 1, 0, gate.syncobj, done);
	/* A software timeline that goes away ends its fences with an error. */
	close(gate.timeline);
	igt_assert(syncobj_wait(fd, &done, 1, dgem_now() + DGEM_PATIENCE_NS, 0, NULL));
	syncobj_destroy(fd, gate.syncobj);
	syncobj_destroy(fd, done);
	/* The engine goes on. */
	dgem_copy(fd, src, 0, dst, 0, SIZE);
	expect_object(fd, dst, 1);
	gem_close(fd, src);
	gem_close(fd, dst);
}

static void test_chain(int fd)
{
	uint32_t objects[6], links[ARRAY_SIZE(objects)];

	for (int i = 0; i < ARRAY_SIZE(objects); i++) {
		objects[i] = filled(fd, i + 1);
		links[i] = syncobj_create(fd, 0);
	}
	for (int i = 0; i + 1 < ARRAY_SIZE(objects); i++) {
		struct drm_dgem_op op = dgem_op_copy(objects[i], 0, objects[i + 1], 0, SIZE);

		dgem_submit(fd, &op, 1, DRM_DGEM_SUBMIT_NO_IMPLICIT, i ? links[i - 1] : 0,
			    links[i]);
	}
	dgem_wait(fd, links[ARRAY_SIZE(objects) - 2]);
	for (int i = 0; i < ARRAY_SIZE(objects); i++) {
		expect_object(fd, objects[i], 1);
		gem_close(fd, objects[i]);
		syncobj_destroy(fd, links[i]);
	}
}

/*
 * A second client on a thread of its own: an engine may make SUBMIT itself wait for implicit
 * fences, and jobs of one file may be queued behind each other for other reasons.
 */
struct client {
	pthread_t thread;
	int fd;
	uint32_t flags;
	struct drm_dgem_op op;
	int err;
	bool done;
};

static void *client_run(void *data)
{
	struct client *client = data;
	uint32_t done = syncobj_create(client->fd, 0);
	struct drm_dgem_syncobj out = { .handle = done };
	struct drm_dgem_submit submit;

	dgem_submit_init(&submit, &client->op, 1);
	submit.flags = client->flags;
	submit.out_syncs = to_user_pointer(&out);
	submit.out_sync_count = 1;
	client->err = __dgem_submit(client->fd, &submit);
	if (!client->err && !syncobj_wait(client->fd, &done, 1, dgem_now() + DGEM_PATIENCE_NS, 0,
					  NULL))
		client->err = -ETIME;
	syncobj_destroy(client->fd, done);
	WRITE_ONCE(client->done, true);
	return NULL;
}

static void client_start(struct client *client)
{
	client->done = false;
	igt_assert_eq(pthread_create(&client->thread, NULL, client_run, client), 0);
}

static void client_join(struct client *client)
{
	igt_assert_eq(pthread_join(client->thread, NULL), 0);
	igt_assert_eq(client->err, 0);
}

/* Three objects that two files share; the first file has a job from a to b behind a gate. */
struct scene {
	int fd, other;
	uint32_t a, b, c;
	uint32_t other_a, other_b, other_c;
	uint32_t done;
	struct dgem_gate gate;
};

static void scene_init(struct scene *scene, int fd, uint32_t flags)
{
	struct drm_dgem_op op;

	scene->fd = fd;
	scene->other = dgem_open();
	scene->a = filled(fd, 1);
	scene->b = filled(fd, 2);
	scene->c = filled(fd, 3);
	scene->other_a = share(fd, scene->a, scene->other);
	scene->other_b = share(fd, scene->b, scene->other);
	scene->other_c = share(fd, scene->c, scene->other);
	scene->done = syncobj_create(fd, 0);
	dgem_gate_close(&scene->gate, fd);
	op = dgem_op_copy(scene->a, 0, scene->b, 0, SIZE);
	dgem_submit(fd, &op, 1, flags, scene->gate.syncobj, scene->done);
}

static void scene_fini(struct scene *scene)
{
	dgem_gate_fini(&scene->gate);
	syncobj_destroy(scene->fd, scene->done);
	gem_close(scene->fd, scene->a);
	gem_close(scene->fd, scene->b);
	gem_close(scene->fd, scene->c);
	close(scene->other);
}

/* The second client has to wait for the gate. */
static void scene_waits(struct scene *scene, struct client *client)
{
	client_start(client);
	dgem_sleep_ms(HARM_MS);
	igt_assert(!READ_ONCE(client->done));
	expect_object(scene->fd, scene->b, 2);
	expect_object(scene->fd, scene->c, 3);
	dgem_gate_open(&scene->gate);
	client_join(client);
	dgem_wait(scene->fd, scene->done);
}

/* The second client is done with the gate still closed. */
static void scene_passes(struct scene *scene, struct client *client)
{
	client_start(client);
	client_join(client);
	igt_assert(!dgem_signalled(scene->fd, scene->done));
	expect_object(scene->fd, scene->b, 2);
}

static void test_implicit_read_after_write(int fd)
{
	struct client client = { };
	struct scene scene;

	scene_init(&scene, fd, 0);
	client.fd = scene.other;
	client.op = dgem_op_copy(scene.other_b, 0, scene.other_c, 0, SIZE);
	scene_waits(&scene, &client);
	expect_object(fd, scene.b, 1);
	expect_object(fd, scene.c, 1);
	scene_fini(&scene);
}

static void test_implicit_write_after_read(int fd)
{
	struct client client = { };
	struct scene scene;

	scene_init(&scene, fd, 0);
	client.fd = scene.other;
	client.op = dgem_op_copy(scene.other_c, 0, scene.other_a, 0, SIZE);
	scene_waits(&scene, &client);
	expect_object(fd, scene.a, 3);
	expect_object(fd, scene.b, 1);
	scene_fini(&scene);
}

static void test_implicit_readers(int fd)
{
	struct client client = { };
	struct scene scene;

	scene_init(&scene, fd, 0);
	client.fd = scene.other;
	client.op = dgem_op_copy(scene.other_a, 0, scene.other_c, 0, SIZE);
	scene_passes(&scene, &client);
	expect_object(fd, scene.c, 1);
	dgem_gate_open(&scene.gate);
	dgem_wait(fd, scene.done);
	expect_object(fd, scene.b, 1);
	scene_fini(&scene);
}

static void test_no_implicit(int fd)
{
	struct client client = { };
	struct scene scene;

	/* It does not wait ... */
	scene_init(&scene, fd, 0);
	client.fd = scene.other;
	client.flags = DRM_DGEM_SUBMIT_NO_IMPLICIT;
	client.op = dgem_op_copy(scene.other_b, 0, scene.other_c, 0, SIZE);
	scene_passes(&scene, &client);
	expect_object(fd, scene.c, 2);
	dgem_gate_open(&scene.gate);
	dgem_wait(fd, scene.done);
	scene_fini(&scene);

	/* ... and is not waited for. */
	scene_init(&scene, fd, DRM_DGEM_SUBMIT_NO_IMPLICIT);
	client.fd = scene.other;
	client.flags = 0;
	client.op = dgem_op_copy(scene.other_b, 0, scene.other_c, 0, SIZE);
	scene_passes(&scene, &client);
	expect_object(fd, scene.c, 2);
	dgem_gate_open(&scene.gate);
	dgem_wait(fd, scene.done);
	expect_object(fd, scene.b, 1);
	scene_fini(&scene);
}

static const struct dgem_test tests[] = {
	{ "out-binary", "A syncobj is signalled when the copy is done.", test_out_binary },
	{ "out-timeline", "Points are signalled by their jobs.", test_out_timeline },
	{ "out-many", "One job signals several syncobjs.", test_out_many },
	{ "in-binary", "A job does not start before its in-fence.", test_in_binary },
	{ "in-timeline", "A job waits for a point of a timeline.", test_in_timeline },
	{ "in-many", "A job waits for all of its in-fences.", test_in_many },
	{ "in-error", "An in-fence that fails does not stall the job.", test_in_error },
	{ "chain", "A chain of jobs runs in its order.", test_chain },
	{ "implicit-read-after-write", "A reader waits for the writer of its source.",
	  test_implicit_read_after_write },
	{ "implicit-write-after-read", "A writer waits for readers of its destination.",
	  test_implicit_write_after_read },
	{ "implicit-readers", "Readers do not wait for each other.", test_implicit_readers },
	{ "no-implicit", "NO_IMPLICIT neither waits nor is waited for.", test_no_implicit },
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
