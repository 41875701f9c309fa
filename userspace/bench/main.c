// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * dgem_bench [--bounce] [--max MIB]: see bench.h.
 */
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "bench.h"

/* Repetitions; of what is large and cleared by an emulated processor, fewer. */
static unsigned int times_for(uint64_t size)
{
	if (size > 16 * MIB)
		return 3;
	return size > MIB ? 5 : 10;
}

/* Nothing of ours is scheduled away or faulted in: a real-time process, locked into memory. */
static void settle(void)
{
	struct sched_param param = { .sched_priority = 1 };

	if (sched_setscheduler(0, SCHED_FIFO, &param))
		die("sched_setscheduler");
	if (mlockall(MCL_CURRENT))
		die("mlockall");
}

static void measure_all(const uint64_t *sizes, unsigned int count)
{
	const struct source *cma;
	unsigned int i, j;

	for (i = 0; i < source_count; i++) {
		if (!sources[i].open(&sources[i])) {
			fprintf(stderr, "dgem_bench: no %s (%s) here\n", sources[i].peer,
				sources[i].kind);
			sources[i].fd = -1;
		}
	}
	cma = find_source("heap-cma");
	for (i = 0; i < count; i++) {
		unsigned int times = times_for(sizes[i]);

		for (j = 0; j < source_count; j++)
			if (sources[j].fd >= 0)
				measure_maps(&sources[j], sizes[i], times);
		if (cma)
			measure_imports(cma, sizes[i], times);
		measure_baseline(sizes[i], times);
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "bounce", no_argument, NULL, 'b' },
		{ "max", required_argument, NULL, 'm' },
		{ },
	};
	static const uint64_t all[] = {
		4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 2 * MIB, 4 * MIB, 16 * MIB, 64 * MIB,
		256 * MIB,
	};
	uint64_t max = 256 * MIB;
	unsigned int count = 0, i;
	bool bounce = false;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'b') {
			bounce = true;
		} else if (option == 'm') {
			max = strtoull(optarg, NULL, 0) * MIB;
		} else {
			fprintf(stderr, "usage: dgem_bench [--bounce] [--max MIB]\n");
			return 2;
		}
	}
	while (count < ARRAY_SIZE(all) && all[count] <= max)
		count++;

	settle();
	meter_start();
	if (bounce)
		for (i = 0; i < count; i++)
			measure_bounces(all[i], times_for(all[i]));
	else
		measure_all(all, count);
	print_records();
	return 0;
}
