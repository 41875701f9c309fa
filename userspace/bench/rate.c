// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * Page faults a second of one and of two processors that fault in one object. This one is measured
 * in time: a clock that counts instructions knows one processor at a time.
 */
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define PAGE		4096
#define MAX_CPUS	2
/* mappings of the object for each processor: as many faults */
#define MAPPINGS	30000
#define TRIES		9

struct meeting {
	atomic_uint ready;
	uint64_t taken[MAX_CPUS];
};

static uint64_t nanoseconds(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ull + time.tv_nsec;
}

/* A process of its own, so that nothing but the object is shared. */
static void fault(struct meeting *meeting, unsigned int cpu, unsigned int cpus, int dmabuf)
{
	static volatile char *data[MAPPINGS];
	cpu_set_t set;
	uint64_t start;
	unsigned int i;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
	for (i = 0; i < MAPPINGS; i++) {
		data[i] = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);
		if (data[i] == MAP_FAILED)
			die("mmap");
	}
	meeting->ready++;
	while (meeting->ready < cpus)
		;
	start = nanoseconds();
	for (i = 0; i < MAPPINGS; i++)
		*data[i] = 1;
	meeting->taken[cpu] = nanoseconds() - start;
	_exit(0);
}

/* Faults a second, of all processors together. */
static uint64_t fault_rate(unsigned int cpus, int dmabuf)
{
	struct meeting *meeting = mmap(NULL, sizeof(*meeting), PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t longest = 1;
	unsigned int i;
	int status;

	if (meeting == MAP_FAILED)
		die("mmap");
	for (i = 0; i < cpus; i++) {
		pid_t child = fork();

		if (child < 0)
			die("fork");
		if (!child)
			fault(meeting, i, cpus, dmabuf);
	}
	for (i = 0; i < cpus; i++) {
		if (wait(&status) < 0 || status) {
			errno = ECHILD;
			die("a process that faults");
		}
	}
	for (i = 0; i < cpus; i++)
		if (meeting->taken[i] > longest)
			longest = meeting->taken[i];
	munmap(meeting, sizeof(*meeting));
	return (uint64_t)MAPPINGS * cpus * 1000000000ull / longest;
}

void measure_rates(const struct source *source)
{
	struct buffer buffer = { .size = PAGE };
	uint64_t best[MAX_CPUS + 1] = { 0 }, rate;
	unsigned int cpus, tries;
	int ret = source->create(source, &buffer);

	if (ret) {
		errno = -ret;
		die("create of %s", source->peer);
	}
	for (tries = 0; tries < TRIES; tries++) {
		for (cpus = 1; cpus <= MAX_CPUS; cpus++) {
			rate = fault_rate(cpus, buffer.dmabuf);
			if (rate > best[cpus])
				best[cpus] = rate;
		}
	}
	for (cpus = 1; cpus <= MAX_CPUS; cpus++)
		printf("{\"op\": \"faults\", \"object\": \"dma-buf\", \"size\": %d, "
		       "\"kind\": \"%s\", \"peer\": \"%s\", \"processors\": %u, "
		       "\"per_second\": %" PRIu64 "}\n",
		       PAGE, source->kind, source->peer, cpus, best[cpus]);
	destroy_buffer(source, &buffer);
}
