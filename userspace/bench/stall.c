// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * How long a client waits at worst, in each of its calls, while another one does what takes long.
 *
 * The bystander is a real-time process with a file and objects of its own. Nothing delays it but
 * locks that the aggressor holds, and sections of the kernel in which that cannot be preempted. It
 * sleeps before each call, for a time that has no pattern, so that the call comes at any point of
 * the aggressor's loop. A line of JSON tells the worst of each call, beside nobody ("none") and
 * beside each aggressor. The clock has to count nanoseconds: it does where it counts instructions.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "dgem_drm.h"
#include "libdrm_dgem.h"

#define PAGE		4096
/* what the bystander does, unless it takes too many nanoseconds, and an aggressor at least */
#define ROUNDS		300
#define TIME_MAX	5000000000ull
#define LOOPS		2
/* nanoseconds of a sleep */
#define SLEEP_MIN	50000
#define SLEEP_SPREAD	1000000
/* sizes that the aggressors work on, and the objects of the one that has many */
#define LAZY_SIZE	(400 * MIB)
#define PURGE_SIZE	(128 * MIB)
#define MAP_SIZE	(256 * MIB)
#define MANY		100000

enum call {
	CALL_CREATE,
	CALL_CLOSE,
	CALL_FAULT,
	CALL_KILL,
	/* not a call: how late the sleep before one ends */
	CALL_WAKE,
	CALLS
};

static const char * const call_names[CALLS] = { "create", "close", "fault", "kill", "wake" };

/* What the processes share. */
struct meeting {
	/* loops of the aggressor that are over */
	atomic_uint loops;
	/* the process that is to be killed has all that it needs */
	atomic_bool ready;
};

struct client {
	struct dgem_device *dev;
	/* the bystander's object, which the aggressor has as an import */
	struct dgem_bo *given;
};

struct bystander {
	struct client client;
	struct meeting *meeting;
	int dmabuf;
	uint64_t worst[CALLS];
};

/*
 * Aggressors
 */

static struct dgem_bo *new_lazy(const struct client *client, uint64_t size)
{
	struct dgem_bo *bo;

	check(dgem_bo_new_flags(client->dev, size, DGEM_KIND_PAGES, DGEM_CACHE_DEFAULT,
				DGEM_CREATE_LAZY, &bo), "lazy object");
	return bo;
}

static void lazy_export(const struct client *client)
{
	struct dgem_bo *bo = new_lazy(client, LAZY_SIZE);
	int dmabuf = dgem_bo_dmabuf(bo, DGEM_READ | DGEM_WRITE);

	if (dmabuf < 0)
		check(dmabuf, "export");
	close(dmabuf);
	dgem_bo_del(bo);
}

/* Both ends are filled, so that all of the object comes; and a page of the bystander's. */
static void lazy_submit(const struct client *client)
{
	struct dgem_bo *bo = new_lazy(client, LAZY_SIZE);
	struct dgem_job *job;

	check(dgem_job_new(client->dev, &job), "job");
	check(dgem_job_fill_2d(job, bo, 0, LAZY_SIZE - PAGE, PAGE, 2, 1, 4), "fill");
	check(dgem_job_fill(job, client->given, 0, PAGE, 1, 4), "fill of an import");
	check(dgem_job_run(job, 0, DGEM_WAIT_FOREVER), "run");
	dgem_job_del(job);
	dgem_bo_del(bo);
}

static void purge_by(const struct client *client, uint64_t step)
{
	struct dgem_bo *bo = new_lazy(client, PURGE_SIZE);
	uint64_t offset;
	void *data;

	check(dgem_bo_map(bo, &data), "map");
	for (offset = 0; offset < PURGE_SIZE; offset += HUGE)
		((volatile char *)data)[offset] = 1;
	check(dgem_bo_unmap(bo), "unmap");
	for (offset = 0; offset < PURGE_SIZE; offset += step)
		check(dgem_bo_purge(bo, offset, step, 0), "purge");
	dgem_bo_del(bo);
}

static void purge(const struct client *client)
{
	purge_by(client, HUGE);
	purge_by(client, PURGE_SIZE);
}

static uint32_t create(int fd, uint32_t flags)
{
	struct drm_dgem_create args = { .size = PAGE, .kind = DRM_DGEM_KIND_PAGES, .flags = flags };

	if (ioctl(fd, DRM_IOCTL_DGEM_CREATE, &args))
		die("CREATE");
	return args.handle;
}

static int open_again(const struct client *client)
{
	int fd = open(dgem_device_path(client->dev), O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("%s", dgem_device_path(client->dev));
	return fd;
}

static void many(const struct client *client)
{
	int fd = open_again(client);
	unsigned int i;

	for (i = 0; i < MANY; i++)
		create(fd, DRM_DGEM_CREATE_LAZY);
	close(fd);
}

/* At any address, and where huge pages fit; the memory is there. */
static void map_large(const struct client *client)
{
	static struct dgem_bo *bo;
	static int dmabuf;
	void *data;

	if (!bo) {
		check(dgem_bo_new(client->dev, MAP_SIZE, DGEM_KIND_CONTIGUOUS, DGEM_CACHE_DEFAULT,
				  &bo), "large object");
		dmabuf = dgem_bo_dmabuf(bo, DGEM_READ | DGEM_WRITE);
		if (dmabuf < 0)
			check(dmabuf, "export");
	}
	data = mmap(NULL, MAP_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);
	if (data == MAP_FAILED)
		die("mmap");
	touch(data, MAP_SIZE);
	munmap(data, MAP_SIZE);

	check(dgem_bo_map(bo, &data), "map");
	touch(data, MAP_SIZE);
	check(dgem_bo_unmap(bo), "unmap");
}

static const struct aggressor {
	const char *name;
	void (*act)(const struct client *client);
} aggressors[] = {
	{ "none", NULL },
	{ "lazy-export", lazy_export },
	{ "lazy-submit", lazy_submit },
	{ "purge", purge },
	{ "many-objects", many },
	{ "map-large", map_large },
};

static pid_t start_aggressor(const struct aggressor *aggressor, const struct bystander *bystander)
{
	struct sched_param param = { 0 };
	struct client client;
	pid_t child = fork();

	if (child < 0)
		die("fork");
	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (sched_setscheduler(0, SCHED_OTHER, &param))
		die("sched_setscheduler");
	check(dgem_device_open(NULL, &client.dev), "dgem");
	check(dgem_bo_from_dmabuf(client.dev, bystander->dmabuf, &client.given), "import");
	for (;;) {
		aggressor->act(&client);
		bystander->meeting->loops++;
	}
}

/*
 * The bystander
 */

static void note(struct bystander *bystander, enum call call, uint64_t taken)
{
	if (taken > bystander->worst[call])
		bystander->worst[call] = taken;
}

/* Sleep for a while, and begin right afterwards. */
static uint64_t pause_before(struct bystander *bystander)
{
	static uint32_t seed = 1;
	struct timespec length = { 0 };
	uint64_t start, end;

	seed = seed * 1664525 + 1013904223;
	length.tv_nsec = SLEEP_MIN + (seed >> 8) % SLEEP_SPREAD;
	start = now();
	clock_nanosleep(CLOCK_MONOTONIC, 0, &length, NULL);
	end = now();
	/* the kernel's nanoseconds are as long as the clock's, to some parts in a million */
	if (end > start + length.tv_nsec)
		note(bystander, CALL_WAKE, end - start - length.tv_nsec);
	return now();
}

static void create_and_close(struct bystander *bystander)
{
	struct drm_gem_close gone = { 0 };
	int fd = dgem_device_fd(bystander->client.dev);
	uint64_t start = pause_before(bystander);

	gone.handle = create(fd, 0);
	note(bystander, CALL_CREATE, now() - start);

	start = pause_before(bystander);
	if (ioctl(fd, DRM_IOCTL_GEM_CLOSE, &gone))
		die("GEM_CLOSE");
	note(bystander, CALL_CLOSE, now() - start);
}

/* The first touch through a new mapping, of a page whose memory is there. */
static void fault(struct bystander *bystander)
{
	volatile char *data = mmap(NULL, HUGE, PROT_READ | PROT_WRITE, MAP_SHARED,
				   bystander->dmabuf, 0);
	uint64_t start;

	if (data == MAP_FAILED)
		die("mmap");
	start = pause_before(bystander);
	*data = 1;
	note(bystander, CALL_FAULT, now() - start);
	munmap((void *)data, HUGE);
}

/* The end of a third client that does nothing: a file, an object, a mapping. */
static void kill_idle(struct bystander *bystander)
{
	struct client client;
	uint64_t start;
	pid_t child;
	void *data;

	bystander->meeting->ready = false;
	child = fork();
	if (child < 0)
		die("fork");
	if (!child) {
		check(dgem_device_open(NULL, &client.dev), "dgem");
		client.given = new_lazy(&client, PAGE);
		check(dgem_bo_map(client.given, &data), "map");
		*(volatile char *)data = 1;
		bystander->meeting->ready = true;
		for (;;)
			pause();
	}
	/* what the child does until then is of the same priority */
	while (!bystander->meeting->ready)
		usleep(SLEEP_MIN / 1000);
	start = pause_before(bystander);
	kill(child, SIGKILL);
	if (waitpid(child, NULL, 0) != child)
		die("waitpid");
	note(bystander, CALL_KILL, now() - start);
}

/* Both have done enough; what is slow beside the aggressor has shown by then. */
static bool is_over(const struct bystander *bystander, const struct aggressor *aggressor,
		    unsigned int rounds, uint64_t start)
{
	if (aggressor->act && bystander->meeting->loops < LOOPS)
		return false;
	return rounds >= ROUNDS || now() - start > TIME_MAX;
}

static void stand_by(struct bystander *bystander, const struct aggressor *aggressor)
{
	uint64_t start = now();
	pid_t child = 0;
	unsigned int i;

	memset(bystander->worst, 0, sizeof(bystander->worst));
	bystander->meeting->loops = 0;
	if (aggressor->act)
		child = start_aggressor(aggressor, bystander);
	for (i = 0; !is_over(bystander, aggressor, i, start); i++) {
		create_and_close(bystander);
		fault(bystander);
		kill_idle(bystander);
		if (child && waitpid(child, NULL, WNOHANG)) {
			errno = ECHILD;
			die("aggressor %s", aggressor->name);
		}
	}
	if (child) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	for (i = 0; i < CALLS; i++)
		printf("{\"aggressor\": \"%s\", \"op\": \"%s\", \"instructions\": %" PRIu64
		       ", \"loops\": %u}\n", aggressor->name, call_names[i],
		       bystander->worst[i], bystander->meeting->loops);
	fflush(stdout);
}

/* What a granule of memory costs that comes with a touch; the mapping and the object stay. */
static void measure_granule(const struct client *client)
{
	uint64_t best = UINT64_MAX, start, taken;
	unsigned int i;
	void *data;

	for (i = 0; i < 9; i++) {
		check(dgem_bo_map(new_lazy(client, HUGE), &data), "map");
		start = begin();
		*(volatile char *)data = 1;
		taken = now() - start;
		if (taken < best)
			best = taken;
	}
	printf("{\"aggressor\": \"none\", \"op\": \"granule\", \"instructions\": %" PRIu64 "}\n",
	       best);
	fflush(stdout);
}

void measure_stalls(void)
{
	struct bystander bystander = { 0 };
	struct client *client = &bystander.client;
	unsigned int i;
	void *data;

	bystander.meeting = mmap(NULL, sizeof(*bystander.meeting), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (bystander.meeting == MAP_FAILED)
		die("mmap");
	check(dgem_device_open(NULL, &client->dev), "dgem");
	client->given = new_lazy(client, HUGE);
	bystander.dmabuf = dgem_bo_dmabuf(client->given, DGEM_READ | DGEM_WRITE);
	if (bystander.dmabuf < 0)
		check(bystander.dmabuf, "export");
	check(dgem_bo_map(client->given, &data), "map");
	*(volatile char *)data = 1;
	measure_granule(client);
	for (i = 0; i < ARRAY_SIZE(aggressors); i++)
		stand_by(&bystander, &aggressors[i]);
}
