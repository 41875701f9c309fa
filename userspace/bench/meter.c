// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * What was measured.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench.h"

#define MAX_RECORDS	4096
/* page tables */
#define SPREAD		16

struct record {
	const char *op;
	struct subject subject;
	uint64_t taken;
	uint64_t faults;
};

static struct record records[MAX_RECORDS];
static unsigned int record_count;
static uint64_t asking;
static int64_t tick;

void die(const char *format, ...)
{
	int error = errno;
	va_list args;

	fprintf(stderr, "dgem_bench: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, ": %s\n", strerror(error));
	exit(1);
}

void check(int ret, const char *what)
{
	if (ret) {
		errno = -ret;
		die("%s", what);
	}
}

/* Not all kernels have all of these, and not all users may. */
void set_value(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		fprintf(stderr, "dgem_bench: %s: not set\n", path);
	close(fd);
}

void quieten(void)
{
	set_value("/proc/sys/kernel/watchdog", "0");
	set_value("/proc/sys/vm/compaction_proactiveness", "0");
	set_value("/proc/sys/vm/dirty_writeback_centisecs", "0");
	/*
	 * Counts that have changed since they were last gathered are looked at whenever the
	 * processor has nothing to do, until they have been gathered once more: let that be over.
	 */
	set_value("/proc/sys/vm/stat_interval", "1");
	sleep(4);
	set_value("/proc/sys/vm/stat_interval", "100000");
	sleep(2);
}

void meter_start(void)
{
	struct timespec length;
	unsigned int i;

	clock_getres(CLOCK_MONOTONIC_COARSE, &length);
	tick = length.tv_nsec;

	/* have the memory now rather than in the middle of something */
	memset(records, 0, sizeof(records));

	asking = UINT64_MAX;
	for (i = 0; i < 100; i++) {
		uint64_t start = now();
		uint64_t taken = now() - start;

		if (taken < asking)
			asking = taken;
	}
}

static int64_t coarse_time(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
	return time.tv_sec * 1000000000ll + time.tv_nsec;
}

/*
 * Page tables take pages from a list of the processor's that big allocations empty. Fill it, so
 * that what is measured finds one there: mapping the zero page takes page tables, nothing else.
 */
static void fill_page_lists(void)
{
	char *data = mmap(NULL, SPREAD * HUGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned int i;

	if (data == MAP_FAILED)
		die("mmap");
	for (i = 0; i < SPREAD; i++)
		(void)*(volatile char *)(data + i * HUGE);
	munmap(data, SPREAD * HUGE);
}

void spin_to_tick(void)
{
	int64_t last = coarse_time();

	while (coarse_time() == last)
		;
}

void wait_for_tick(void)
{
	/* wake up before a tick, with room for the way back here; a few ticks on, RCU is done */
	const int64_t early = 100000;
	int64_t next = coarse_time() + 5 * tick - early;
	struct timespec until = { next / 1000000000, next % 1000000000 };

	fill_page_lists();
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
	spin_to_tick();
}

uint64_t fault_count(void)
{
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage))
		die("getrusage");
	return usage.ru_minflt + usage.ru_majflt;
}

static bool same(const struct record *record, const char *op, const struct subject *subject)
{
	return !strcmp(record->op, op) && record->subject.size == subject->size &&
	       !strcmp(record->subject.peer, subject->peer) &&
	       !strcmp(record->subject.kind, subject->kind) &&
	       !strcmp(record->subject.object, subject->object);
}

void record(const char *op, const struct subject *subject, uint64_t taken, uint64_t faults)
{
	struct record *record;
	unsigned int i;

	taken = taken > asking ? taken - asking : 0;
	for (i = 0; i < record_count && !same(&records[i], op, subject); i++)
		;
	record = &records[i];
	if (i == record_count) {
		if (record_count == MAX_RECORDS) {
			errno = ENOSPC;
			die("too many results");
		}
		record_count++;
		record->op = op;
		record->subject = *subject;
		record->taken = UINT64_MAX;
	}
	if (taken < record->taken) {
		record->taken = taken;
		record->faults = faults;
	}
}

void print_records(void)
{
	unsigned int i;

	for (i = 0; i < record_count; i++) {
		const struct record *record = &records[i];

		printf("{\"op\": \"%s\", \"object\": \"%s\", \"size\": %" PRIu64
		       ", \"kind\": \"%s\", \"peer\": \"%s\", \"instructions\": %" PRIu64
		       ", \"faults\": %" PRIu64 "}\n",
		       record->op, record->subject.object, record->subject.size,
		       record->subject.kind, record->subject.peer, record->taken,
		       record->faults);
	}
}
