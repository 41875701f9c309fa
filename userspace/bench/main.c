// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * dgem_bench [--bounce | --rates | --stall | --own] [--table | --min MIB | --max MIB]: see bench.h.
 */
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

/* sizes of the buffer that is touched here and there, and of one whose windows have a target */
#define SPARSE	(16 * MIB)
#define LARGE	(256 * MIB)

/* Repetitions; of what is large and cleared by an emulated processor, fewer. */
static unsigned int times_for(uint64_t size)
{
	if (size > 16 * MIB)
		return 2;
	return size > MIB ? 9 : 12;
}

/*
 * Nothing of ours is scheduled away or faulted in: a real-time process, locked into memory, that
 * may take all the time there is.
 */
static void settle(void)
{
	struct sched_param param = { .sched_priority = 1 };

	quieten();
	set_value("/proc/sys/kernel/sched_rt_runtime_us", "-1");
	if (sched_setscheduler(0, SCHED_FIFO, &param))
		die("sched_setscheduler");
	if (mlockall(MCL_CURRENT))
		die("mlockall");
}

/*
 * Where memory is free, and in how many pieces, is a matter of what was done before, and the time
 * that the host took to do its part of it. Start from a clean sheet: no file's page is cached, and
 * each source has had, and given back, the largest buffers.
 */
static void warm_up(uint64_t size)
{
	unsigned int rounds = size > 16 * MIB ? 1 : 2, i, j;

	set_value("/proc/sys/vm/drop_caches", "3");
	set_value("/proc/sys/vm/compact_memory", "1");
	for (j = 0; j < rounds; j++) {
		for (i = 0; i < source_count; i++) {
			struct buffer buffer = { .size = size };

			if (sources[i].fd >= 0 && !sources[i].create(&sources[i], &buffer))
				destroy_buffer(&sources[i], &buffer);
		}
	}
}

static void open_sources(bool own)
{
	unsigned int i;

	for (i = 0; i < source_count; i++) {
		if (own && strcmp(sources[i].peer, "dgem")) {
			sources[i].fd = -1;
		} else if (!sources[i].open(&sources[i])) {
			fprintf(stderr, "dgem_bench: no %s (%s) here\n", sources[i].peer,
				sources[i].kind);
			sources[i].fd = -1;
		}
	}
}

static void measure_all(const uint64_t *sizes, unsigned int count)
{
	const struct source *cma = find_source("heap-cma");
	unsigned int i, j;

	if (count)
		warm_up(sizes[count - 1]);
	for (i = 0; i < count; i++) {
		unsigned int times = times_for(sizes[i]);

		for (j = 0; j < source_count; j++)
			if (sources[j].fd >= 0)
				measure_maps(&sources[j], sizes[i], times);
		for (j = 0; sizes[i] == SPARSE && j < source_count; j++)
			if (sources[j].fd >= 0 && !sources[j].lazy)
				measure_sparse(&sources[j], sizes[i], times);
		if (cma)
			measure_imports(cma, sizes[i], times);
		measure_baseline(sizes[i], times);
	}
}

/* A size that the table has a target for, although most of what is done with it takes too long. */
static void measure_large_windows(void)
{
	unsigned int i;

	for (i = 0; i < source_count; i++)
		if (sources[i].fd >= 0 && !strcmp(sources[i].kind, "pages"))
			measure_windows(&sources[i], LARGE, times_for(LARGE));
}

static void measure_all_rates(void)
{
	static const char * const peers[] = { "dgem", "heap-cma" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(peers); i++)
		if (find_source(peers[i]))
			measure_rates(find_source(peers[i]));
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "bounce", no_argument, NULL, 'b' },
		{ "rates", no_argument, NULL, 'r' },
		{ "stall", no_argument, NULL, 's' },
		{ "own", no_argument, NULL, 'o' },
		{ "table", no_argument, NULL, 't' },
		{ "min", required_argument, NULL, 'n' },
		{ "max", required_argument, NULL, 'm' },
		{ },
	};
	static const uint64_t all[] = {
		4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 2 * MIB, 4 * MIB, 16 * MIB, 64 * MIB,
		256 * MIB, 1024 * MIB,
	};
	uint64_t min = 0, max = 256 * MIB, sizes[ARRAY_SIZE(all)];
	bool bounce = false, rates = false, stall = false, own = false, table = false;
	unsigned int count = 0, i;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'b') {
			bounce = true;
		} else if (option == 'r') {
			rates = true;
		} else if (option == 's') {
			stall = true;
		} else if (option == 'o') {
			own = true;
		} else if (option == 't') {
			table = true;
		} else if (option == 'n') {
			min = strtoull(optarg, NULL, 0) * MIB;
		} else if (option == 'm') {
			max = strtoull(optarg, NULL, 0) * MIB;
		} else {
			fprintf(stderr, "usage: dgem_bench [--bounce | --rates | --stall | --own] "
				"[--table | --min MIB | --max MIB]\n");
			return 2;
		}
	}
	for (i = 0; i < ARRAY_SIZE(all); i++)
		if (table ? all[i] == 4 * KIB || all[i] == 16 * MIB
			  : all[i] >= min && all[i] <= max)
			sizes[count++] = all[i];

	settle();
	meter_start();
	if (bounce) {
		for (i = 0; i < count; i++)
			measure_bounces(sizes[i], times_for(sizes[i]));
	} else if (stall) {
		measure_stalls();
	} else {
		open_sources(own);
		if (rates)
			measure_all_rates();
		else
			measure_all(sizes, count);
		if (table && !rates)
			measure_large_windows();
	}
	print_records();
	return 0;
}
