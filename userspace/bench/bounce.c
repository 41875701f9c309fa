// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * CPU access windows of an object that the engine sees through a bounce buffer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"
#include "libdrm_dgem.h"

/* One job: the engine's mapping of the object stays from then on. */
static void use(struct dgem_device *dev, struct dgem_bo *bo)
{
	struct dgem_job *job;

	check(dgem_job_new(dev, &job), "job");
	check(dgem_job_copy(job, bo, 64, bo, 0, 64), "copy");
	check(dgem_job_run(job, 0, DGEM_WAIT_FOREVER), "run");
	dgem_job_del(job);
}

void measure_bounces(uint64_t size, unsigned int times)
{
	struct subject subject = { "dgem", "contiguous, bounced", "node", size };
	struct dgem_engine_info engine;
	struct dgem_device *dev;
	struct dgem_bo *bo;
	uint64_t start;
	int fd, dmabuf;

	check(dgem_device_open(NULL, &dev), "dgem");
	check(dgem_device_get_engine(dev, &engine, sizeof(engine)), "engine");
	if (engine.type != DGEM_ENGINE_DMA) {
		fprintf(stderr, "dgem_bench: bounces need a DMA engine\n");
		exit(1);
	}
	fd = dgem_device_fd(dev);
	check(dgem_bo_new(dev, size, DGEM_KIND_CONTIGUOUS, DGEM_CACHE_DEFAULT, &bo), "object");
	dmabuf = dgem_bo_dmabuf(bo, DGEM_READ | DGEM_WRITE);
	if (dmabuf < 0)
		check(dmabuf, "export");
	use(dev, bo);

	while (times--) {
		subject.object = "dma-buf";
		start = begin();
		sync_dmabuf(dmabuf);
		record("sync", &subject, now() - start, 0);

		subject.object = "node";
		start = begin();
		sync_range(fd, dgem_bo_handle(bo), size);
		record("sync", &subject, now() - start, 0);

		start = begin();
		sync_range(fd, dgem_bo_handle(bo), 4096);
		record("sync-page", &subject, now() - start, 0);
	}

	close(dmabuf);
	dgem_bo_del(bo);
	dgem_device_del(dev);
}
