// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * dgem_bench_jobs: what jobs cost the processor, beside the bare channel (the module dma_bare) and
 * a copy by the processor itself, and how two files share the engine.
 *
 * Waiting costs nothing: what counts is the time in which the processor was not idle, which means
 * something with one processor and a clock that counts instructions. A job costs what it takes from
 * the ioctl to the engine, and from the engine's interrupt until it has been freed; what a process
 * spends on waiting for it is measured apart. A line of JSON a figure.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <drm.h>

#include "bench.h"
#include "dgem_drm.h"

#define BARE		"/sys/module/dma_bare/parameters/"
#define NODES		"/dev/dri/renderD%d"
/* jobs that one figure takes at most, and repetitions: a slow engine is still to be done with */
#define TRIES		5
#define MOST		250
#define SMALL		64
/* microseconds in which a job that is over is freed, too */
#define SETTLE		20000
/* rows of a job, each a segment of its own: more than are with the channel at a time */
#define SEGMENTS	600
#define PITCH		256
/* as many of the bare channel's: fewer than dgem's, so that no descriptor is dearer than there */
#define BARE_SEGMENTS	300
/* all the descriptors of a channel of ZynqMP's, which does not have that many */
#define BARE_FEW	32
/* bytes that the bare channel copies at a time */
#define BARE_MOST	(64 * KIB)
/* jobs that two files keep queued, and how many they do together */
#define QUEUED		8
#define SHARED		200
/* bytes of theirs that keep the processor busy enough, as an engine */
#define SHARE_CPU	(64 * KIB)
/* what is copied by the engine, by the bare channel and by the processor */
#define LARGE		(256 * KIB)

struct client {
	int fd;
	uint32_t src, dst;
};

static int busy_file;
static uint64_t asking;

static void call(int fd, unsigned long request, void *arg, const char *what)
{
	if (ioctl(fd, request, arg))
		die("%s", what);
}

/* Nanoseconds in which the processor was not idle. */
static uint64_t busy(void)
{
	char text[32] = "";

	if (pread(busy_file, text, sizeof(text) - 1, 0) <= 0)
		die(BARE "busy");
	return strtoull(text, NULL, 10);
}

static void ask(void)
{
	unsigned int i;

	busy_file = open(BARE "busy", O_RDONLY | O_CLOEXEC);
	if (busy_file < 0)
		die(BARE "busy");
	asking = UINT64_MAX;
	for (i = 0; i < 100; i++) {
		uint64_t start = busy(), taken = busy() - start;

		if (taken < asking)
			asking = taken;
	}
}

static uint64_t since(uint64_t start)
{
	uint64_t taken = busy() - start;

	return taken > asking ? taken - asking : 0;
}

/*
 * Sleep for so many microseconds by a timer of the coarse sort, which the bare channel waits with,
 * too: the kernel keeps the others in a tree, which every interrupt has to get by.
 */
static void doze(uint64_t time)
{
	const struct timeval limit = { .tv_sec = time / 1000000, .tv_usec = time % 1000000 };
	int ends[2];
	char byte;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) ||
	    setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)))
		die("socketpair");
	if (recv(ends[0], &byte, 1, 0) >= 0 || errno != EAGAIN)
		die("recv");
	close(ends[0]);
	close(ends[1]);
}

static uint32_t create(int fd, uint64_t size)
{
	struct drm_dgem_create args = { .size = size, .kind = DRM_DGEM_KIND_CONTIGUOUS };

	call(fd, DRM_IOCTL_DGEM_CREATE, &args, "CREATE");
	return args.handle;
}

static void client_open(struct client *client, uint64_t size)
{
	struct drm_version version;
	char path[32];
	int minor;

	for (minor = 128; minor < 192; minor++) {
		/* what is filled in has no end of its own */
		char name[8] = "";

		snprintf(path, sizeof(path), NODES, minor);
		client->fd = open(path, O_RDWR | O_CLOEXEC);
		if (client->fd < 0)
			continue;
		version = (struct drm_version){ .name = name, .name_len = sizeof(name) - 1 };
		if (!ioctl(client->fd, DRM_IOCTL_VERSION, &version) && !strcmp(name, "dgem"))
			break;
		close(client->fd);
	}
	if (minor == 192)
		die("no dgem");
	client->src = create(client->fd, size);
	client->dst = create(client->fd, size);
}

static void client_close(const struct client *client)
{
	struct drm_gem_close src = { .handle = client->src }, dst = { .handle = client->dst };

	call(client->fd, DRM_IOCTL_GEM_CLOSE, &src, "GEM_CLOSE");
	call(client->fd, DRM_IOCTL_GEM_CLOSE, &dst, "GEM_CLOSE");
	close(client->fd);
}

/* So many rows of so many bytes. */
static struct drm_dgem_op rows(const struct client *client, uint64_t width, uint32_t height)
{
	return (struct drm_dgem_op) {
		.op = DRM_DGEM_OP_COPY_2D,
		.src = client->src,
		.dst = client->dst,
		.width = width,
		.height = height,
		.src_pitch = height > 1 ? PITCH : width,
		.dst_pitch = height > 1 ? PITCH : width,
	};
}

/* A job without dependencies; sets what is wanted of a sync_file and the job's number. */
static void submit(const struct client *client, const struct drm_dgem_op *op, int *fence,
		   uint64_t *job)
{
	struct drm_dgem_syncobj out = { .flags = DRM_DGEM_SYNCOBJ_SYNC_FILE };
	struct drm_dgem_submit args = {
		.flags = DRM_DGEM_SUBMIT_NO_IMPLICIT,
		.ops = (uintptr_t)op,
		.op_count = 1,
		.op_stride = sizeof(*op),
		.out_syncs = (uintptr_t)&out,
		.out_sync_count = !!fence,
		.sync_stride = sizeof(out),
	};

	call(client->fd, DRM_IOCTL_DGEM_SUBMIT, &args, "SUBMIT");
	if (fence)
		*fence = out.handle;
	if (job)
		*job = args.job;
}

static void wait_for(int fence)
{
	struct pollfd poll_fd = { .fd = fence, .events = POLLIN };

	if (poll(&poll_fd, 1, -1) != 1)
		die("poll");
	close(fence);
}

/* What going to sleep costs, and coming back. */
static uint64_t sleeping(void)
{
	uint64_t best = UINT64_MAX, start, taken;
	unsigned int i;

	for (i = 0; i < TRIES; i++) {
		wait_for_tick();
		start = busy();
		doze(SETTLE);
		taken = since(start);
		if (taken < best)
			best = taken;
	}
	return best;
}

/* Microseconds that a job takes. */
static uint64_t duration(const struct client *client, const struct drm_dgem_op *op)
{
	uint64_t start = now();
	int fence;

	submit(client, op, &fence, NULL);
	wait_for(fence);
	return (now() - start) / 1000 + 1;
}

static void check_done(const struct client *client, uint64_t number)
{
	struct drm_dgem_job job = { .job = number };

	call(client->fd, DRM_IOCTL_DGEM_JOB, &job, "JOB");
	if (job.state != DRM_DGEM_JOB_DONE || job.error) {
		errno = job.error ? -job.error : ETIME;
		die("job %llu", (unsigned long long)number);
	}
}

/*
 * What so many jobs cost, each, that are queued at once, from the first ioctl until the last has
 * been freed. Nobody waits for them: the process sleeps until they must be over. What else the
 * kernel does meanwhile is the same with the bare channel, which takes as long, and whose first
 * batch warms up as well.
 */
static uint64_t jobs(const struct client *client, const struct drm_dgem_op *op, unsigned int count)
{
	uint64_t time = count * duration(client, op) + SETTLE;
	uint64_t best = UINT64_MAX, nothing = sleeping(), start, taken, last = 0;
	unsigned int i, j;

	for (i = 0; i < TRIES && (i < 2 || i * count * op->height <= MOST); i++) {
		wait_for_tick();
		start = busy();
		for (j = 0; j < count; j++)
			submit(client, op, NULL, &last);
		doze(time);
		taken = since(start);
		check_done(client, last);
		if (taken < best)
			best = taken;
	}
	return best > nothing ? (best - nothing) / count : 0;
}

/* What one costs together with the sync_file by which a process waits for it. */
static uint64_t job_told(const struct client *client, const struct drm_dgem_op *op)
{
	uint64_t best = UINT64_MAX, nothing = sleeping(), start, taken;
	unsigned int i;
	int fence;

	for (i = 0; i < TRIES; i++) {
		wait_for_tick();
		start = busy();
		submit(client, op, &fence, NULL);
		wait_for(fence);
		doze(SETTLE);
		taken = since(start);
		if (taken < best)
			best = taken;
	}
	return best > nothing ? best - nothing : 0;
}

/* What a batch costs the bare channel; 0 if there is none, or it has no room for that many. */
static uint64_t bare(unsigned int segments, unsigned int rounds, uint64_t bytes)
{
	int file = open(BARE "run", O_RDWR | O_CLOEXEC);
	char text[64];
	ssize_t length;

	if (file < 0)
		die(BARE "run");
	length = snprintf(text, sizeof(text), "%u %u %" PRIu64, segments, rounds, bytes);
	if (write(file, text, length) != length) {
		if (errno != ENODEV && errno != ENOSPC)
			die("%s of " BARE "run", text);
		close(file);
		return 0;
	}
	length = pread(file, text, sizeof(text) - 1, 0);
	if (length <= 0)
		die(BARE "run");
	text[length] = 0;
	close(file);
	return strtoull(text, NULL, 10);
}

static void print(const char *op, const char *peer, unsigned int count, unsigned int segments,
		  uint64_t bytes, uint64_t taken)
{
	printf("{\"op\": \"%s\", \"peer\": \"%s\", \"count\": %u, \"segments\": %u, \"size\": %"
	       PRIu64 ", \"instructions\": %" PRIu64 "}\n", op, peer, count, segments, bytes,
	       taken);
}

static void measure_queues(const struct client *client)
{
	static const unsigned int counts[] = { 1, 10, 100, 1000 };
	struct drm_dgem_op op = rows(client, SMALL, 1);
	unsigned int i;
	uint64_t alone;

	for (i = 0; i < ARRAY_SIZE(counts); i++)
		print("job", "dgem", counts[i], 1, SMALL, jobs(client, &op, counts[i]));
	print("job-told", "dgem", 1, 1, SMALL, job_told(client, &op));
	alone = bare(1, MOST, SMALL);
	if (alone)
		print("job", "bare", 1, 1, SMALL, alone);
}

static void measure_segments(const struct client *client)
{
	struct drm_dgem_op op = rows(client, SMALL, 1);
	uint64_t one = jobs(client, &op, 1), alone = bare(1, 100, SMALL), batch;

	op = rows(client, SMALL, SEGMENTS + 1);
	print("segment", "dgem", 1, SEGMENTS, SMALL, (jobs(client, &op, 1) - one) / SEGMENTS);
	if (!alone)
		return;
	batch = bare(BARE_SEGMENTS + 1, 2, SMALL);
	if (batch)
		print("segment", "bare", 1, BARE_SEGMENTS, SMALL, (batch - alone) / BARE_SEGMENTS);
	else
		/* many segments are many batches then, for whoever uses the channel */
		print("segment", "bare", 1, BARE_FEW, SMALL, bare(BARE_FEW, 20, SMALL) / BARE_FEW);
}

static void *map(const struct client *client, uint32_t handle)
{
	struct drm_dgem_mmap args = { .handle = handle };
	void *data;

	call(client->fd, DRM_IOCTL_DGEM_MMAP, &args, "MMAP");
	data = mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_SHARED, client->fd, args.offset);
	if (data == MAP_FAILED)
		die("mmap");
	memset(data, 1, LARGE);
	return data;
}

/* Rows copied by the processor, through mappings. */
static uint64_t by_hand(uint8_t *dst, const uint8_t *src, unsigned int count)
{
	uint64_t best = UINT64_MAX, start, taken;
	unsigned int i, j;

	for (i = 0; i < TRIES; i++) {
		wait_for_tick();
		start = now();
		for (j = 0; j < count; j++)
			memcpy(dst + j * PITCH, src + j * PITCH, SMALL);
		taken = now() - start;
		if (taken < best)
			best = taken;
	}
	return best;
}

/* What the processor does as an engine, without one. */
static void measure_by_hand(const struct client *client)
{
	uint8_t *src = map(client, client->src), *dst = map(client, client->dst);
	uint64_t one = by_hand(dst, src, 1);

	print("job", "cpu", 1, 1, SMALL, one);
	print("segment", "cpu", 1, SEGMENTS, SMALL,
	      (by_hand(dst, src, SEGMENTS + 1) - one) / SEGMENTS);
	munmap(src, LARGE);
	munmap(dst, LARGE);
}

static void measure_copy(const struct client *client)
{
	struct drm_dgem_op op = rows(client, LARGE, 1);
	void *src = map(client, client->src), *dst = map(client, client->dst);
	uint64_t start, alone;

	print("copy", "dgem", 1, 1, LARGE, jobs(client, &op, 1));
	alone = bare(LARGE / BARE_MOST, 1, BARE_MOST);
	if (alone)
		print("copy", "bare", 1, LARGE / BARE_MOST, LARGE, alone);
	wait_for_tick();
	start = busy();
	memcpy(dst, src, LARGE);
	print("copy", "cpu", 1, 1, LARGE, since(start));
	munmap(src, LARGE);
	munmap(dst, LARGE);
}

/* Two files that each keep some jobs queued: how many of those done are the first one's. */
static void measure_share(bool dma)
{
	struct client clients[2];
	struct pollfd polls[2 * QUEUED];
	struct drm_dgem_op ops[2];
	unsigned int done[2] = { 0 }, i;

	for (i = 0; i < 2; i++) {
		client_open(&clients[i], SHARE_CPU);
		ops[i] = rows(&clients[i], dma ? SMALL : SHARE_CPU, 1);
	}
	for (i = 0; i < 2 * QUEUED; i++) {
		polls[i].events = POLLIN;
		submit(&clients[i % 2], &ops[i % 2], &polls[i].fd, NULL);
	}
	while (done[0] + done[1] < SHARED) {
		if (poll(polls, 2 * QUEUED, -1) < 1)
			die("poll");
		for (i = 0; i < 2 * QUEUED; i++) {
			if (!polls[i].revents)
				continue;
			close(polls[i].fd);
			done[i % 2]++;
			submit(&clients[i % 2], &ops[i % 2], &polls[i].fd, NULL);
		}
	}
	for (i = 0; i < 2 * QUEUED; i++)
		wait_for(polls[i].fd);
	printf("{\"op\": \"share\", \"jobs\": [%u, %u]}\n", done[0], done[1]);
	for (i = 0; i < 2; i++)
		client_close(&clients[i]);
}

/* Tell who moves the bytes; whether that is a device. */
static bool print_engine(int fd)
{
	struct drm_dgem_query_engine engine = { 0 };
	struct drm_dgem_query query = {
		.type = DRM_DGEM_QUERY_ENGINE,
		.size = sizeof(engine),
		.data = (uintptr_t)&engine,
	};

	call(fd, DRM_IOCTL_DGEM_QUERY, &query, "QUERY");
	printf("{\"op\": \"engine\", \"name\": \"%.*s\"}\n", (int)sizeof(engine.name),
	       engine.name);
	return engine.type == DRM_DGEM_ENGINE_DMA;
}

int main(void)
{
	struct client client;
	bool dma;

	quieten();
	meter_start();
	ask();
	client_open(&client, LARGE);
	dma = print_engine(client.fd);
	measure_queues(&client);
	measure_segments(&client);
	measure_copy(&client);
	if (!dma)
		measure_by_hand(&client);
	client_close(&client);
	measure_share(dma);
	return 0;
}
