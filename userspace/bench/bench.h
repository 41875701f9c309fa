/* SPDX-License-Identifier: MIT */
/*
 * Copyright (C) 2026 The dgem authors
 *
 * dgem_bench: what operations on buffers cost, for dgem and for its peers in one go.
 *
 * It is meant for a machine whose clock counts instructions (tools/bench boots one), but runs
 * anywhere. Everything is done several times, on fresh buffers, and the cheapest time counts: the
 * others had an interrupt in them, or filled some cache of the kernel's for the first time.
 */
#ifndef DGEM_BENCH_H
#define DGEM_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

#define KIB	1024ull
#define MIB	(1024 * KIB)
/* what a huge page of the smallest sort covers: objects of that size and up are aligned to it */
#define HUGE	(2 * MIB)

/*
 * The clock, and what it has shown
 */

/* Now, in nanoseconds: under icount one for each instruction. */
static inline uint64_t now(void)
{
#if defined(__x86_64__)
	/* the same nanoseconds there, but without a conversion that rounds */
	return __rdtsc();
#else
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC_RAW, &time);
	return time.tv_sec * 1000000000ull + time.tv_nsec;
#endif
}

/* What an operation is done on. */
struct subject {
	/* who made it: "dgem", "heap-system", "heap-cma", "udmabuf", "vgem" */
	const char *peer;
	/* of which memory */
	const char *kind;
	/* by which way: "node", "dma-buf", "dma-buf-aligned" */
	const char *object;
	uint64_t size;
};

/* Return right after a timer interrupt, and let the rest of the machine work before, or do not. */
void wait_for_tick(void);
void spin_to_tick(void);

/*
 * now() for what begins: what does not take long has no interrupt in it, the rest always as many.
 */
static inline uint64_t begin(void)
{
	wait_for_tick();
	return now();
}

/* Set a value of the kernel's, if it has it. */
void set_value(const char *path, const char *text);

/* Have the kernel put off what it does now and then for its own sake. */
void quieten(void);

/* Find out what asking for the time takes; record() takes it off. */
void meter_start(void);

/* Note what an operation took; the least of all calls for the same operation counts. */
void record(const char *op, const struct subject *subject, uint64_t taken, uint64_t faults);

/* Page faults of this process so far. */
uint64_t fault_count(void);

/* Print what was noted, a line of JSON for each operation and subject. */
void print_records(void);

/* End the program with a message and errno's text. */
__attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...);

/* Do so if a function of the library has failed. */
void check(int ret, const char *what);

/*
 * Sources of buffers
 */

/*
 * A buffer: its dma-buf; where the source has GEM, a handle and the offset to map it; a memfd if it
 * takes one.
 */
struct buffer {
	uint64_t size;
	uint64_t offset;
	uint32_t handle;
	int dmabuf;
	int memfd;
};

struct source {
	const char *peer;
	const char *kind;
	/* objects can be mapped through the source's node */
	bool gem;
	/* pages come with the first touch: a buffer is fresh only once */
	bool lazy;
	/* comes out of CMA, if larger than a page */
	bool cma;
	/* tells the variants of one source apart */
	uint32_t variant;
	/* the source's node or device, once it is open */
	int fd;
	/* open the node; false if this machine has no such source */
	bool (*open)(struct source *source);
	/* allocate and export, nothing else; 0 or -errno */
	int (*create)(const struct source *source, struct buffer *buffer);
	/* fill in the offset for mmap() of the node; with .gem only */
	void (*locate)(const struct source *source, struct buffer *buffer);
};

extern struct source sources[];
extern const unsigned int source_count;

/* Close what source->create() has opened. */
void destroy_buffer(const struct source *source, struct buffer *buffer);

/* The source of a name that is open, or NULL. */
const struct source *find_source(const char *peer);

/*
 * Measurements, each with as many repetitions as it is told
 */
void measure_baseline(uint64_t size, unsigned int times);
void measure_maps(const struct source *source, uint64_t size, unsigned int times);
void measure_sparse(const struct source *source, uint64_t size, unsigned int times);
void measure_windows(const struct source *source, uint64_t size, unsigned int times);
void measure_imports(const struct source *exporter, uint64_t size, unsigned int times);
void measure_bounces(uint64_t size, unsigned int times);

/* These print what they find at once. */
void measure_rates(const struct source *source);
void measure_stalls(void);

/* Write into every page; the same few instructions for whoever needs them. */
void touch(void *data, uint64_t size);

/* Opening and closing of a window for the CPU: of the dma-buf, and of a range of a dgem object. */
void sync_dmabuf(int dmabuf);
void sync_range(int fd, uint32_t handle, uint64_t length);

#endif /* DGEM_BENCH_H */
