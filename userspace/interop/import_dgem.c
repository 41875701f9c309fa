// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * dgem as the importer: the CPU reads through the node, the engine copies out and in.
 */
#include <errno.h>
#include <string.h>

#include "dgem_drm.h"
#include "interop.h"
#include "libdrm_dgem.h"

/* An engine that takes 0.1 s for each 4 KiB gets there in virtual time. */
#define JOB_TIMEOUT_NS	(300ll * 1000000000)

/* What is copied: the picture's start, its end, and a run across pages that starts in none. */
static const struct {
	uint64_t offset, length;
} ranges[] = {
	{ 0, 3 * 4096 },
	{ SIZE / 2 + 1024, 2 * 4096 + 2048 },
	{ SIZE - 3 * 4096, 3 * 4096 },
};

/* The instances by variant: the one that is tested, and another one beside it. */
static struct dgem_device *device(uint32_t variant)
{
	static struct dgem_device *devices[2];
	struct dgem_device **dev = &devices[variant];

	if (!*dev && dgem_device_open(variant ? "other" : settings.importer, dev))
		*dev = NULL;
	return *dev;
}

bool dgem_present(const struct importer *importer)
{
	return device(importer->variant);
}

const char *dgem_engine(const struct importer *importer)
{
	struct dgem_engine_info info = { 0 };

	if (dgem_device_get_engine(device(importer->variant), &info, sizeof(info)))
		return "unknown";
	return info.type == DGEM_ENGINE_DMA ? "dmaengine" : "cpu";
}

static int look(struct dgem_bo *bo, const void *ptr, uint64_t offset, uint64_t length,
		uint32_t seed)
{
	int ret = dgem_bo_sync_begin(bo, offset, length, DGEM_READ, JOB_TIMEOUT_NS);

	if (ret)
		return ret;
	ret = pattern_holds((const uint8_t *)ptr + offset, offset, length, seed, true) ?
		0 : -EBADMSG;
	if (!ret)
		ret = dgem_bo_sync_end(bo, offset, length, DGEM_READ);
	return ret;
}

/* The node's mapping of the import has what the exporter's has, and writes to it arrive there. */
static int use_mapping(const struct buffer *buffer, struct dgem_bo *bo, uint32_t seed,
		       struct cell *cell)
{
	void *ptr;
	int ret = dgem_bo_map(bo, &ptr);

	if (ret)
		return wrong(cell, "the import cannot be mapped: %s", strerror(-ret));
	ret = look(bo, ptr, 0, SIZE, seed);
	if (!ret)
		ret = dgem_bo_sync_begin(bo, 0, SIZE, DGEM_WRITE, JOB_TIMEOUT_NS);
	if (!ret) {
		pattern_fill(ptr, 0, SIZE, seed + 1);
		ret = dgem_bo_sync_end(bo, 0, SIZE, DGEM_WRITE);
	}
	dgem_bo_unmap(bo);
	if (ret)
		return wrong(cell, "the mapping reads wrong: %s", strerror(-ret));
	ret = buffer_check(buffer, 0, SIZE, seed + 1);
	if (ret)
		return wrong(cell, "writes through the mapping got lost: %s", strerror(-ret));
	did(cell, "mapping");
	return 0;
}

static int run_copy(struct dgem_bo *dst, struct dgem_bo *src)
{
	struct dgem_job *job;
	int ret = dgem_job_new(dgem_bo_device(dst), &job);

	if (ret)
		return ret;
	for (size_t i = 0; !ret && i < ARRAY_SIZE(ranges); i++)
		ret = dgem_job_copy(job, dst, ranges[i].offset, src, ranges[i].offset,
				    ranges[i].length);
	if (!ret)
		ret = dgem_job_run(job, 0, JOB_TIMEOUT_NS);
	dgem_job_del(job);
	return ret;
}

static int copy_out(struct dgem_bo *bo, struct dgem_bo *own, void *ptr, uint32_t seed,
		    struct cell *cell)
{
	int ret = run_copy(own, bo);

	if (ret)
		return ret;
	for (size_t i = 0; !ret && i < ARRAY_SIZE(ranges); i++)
		ret = look(own, ptr, ranges[i].offset, ranges[i].length, seed);
	if (ret)
		return wrong(cell, "the engine read wrong: %s", strerror(-ret));
	did(cell, "DMA read");
	return 0;
}

/* The ranges carry the new seed, all that is between them the old one. */
static int check_ranges(const struct buffer *buffer, uint32_t between, uint32_t within)
{
	uint64_t at = 0;
	int ret = 0;

	for (size_t i = 0; !ret && i < ARRAY_SIZE(ranges); i++) {
		ret = buffer_check(buffer, at, ranges[i].offset - at, between);
		if (!ret)
			ret = buffer_check(buffer, ranges[i].offset, ranges[i].length, within);
		at = ranges[i].offset + ranges[i].length;
	}
	return ret ? ret : buffer_check(buffer, at, SIZE - at, between);
}

static int copy_in(const struct buffer *buffer, struct dgem_bo *bo, struct dgem_bo *own, void *ptr,
		   uint32_t seed, struct cell *cell)
{
	int ret = dgem_bo_sync_begin(own, 0, SIZE, DGEM_WRITE, JOB_TIMEOUT_NS);

	if (!ret) {
		pattern_fill(ptr, 0, SIZE, seed + 1);
		ret = dgem_bo_sync_end(own, 0, SIZE, DGEM_WRITE);
	}
	if (!ret)
		ret = run_copy(bo, own);
	if (!ret)
		ret = check_ranges(buffer, seed, seed + 1);
	if (ret)
		return wrong(cell, "the engine wrote wrong: %s", strerror(-ret));
	did(cell, "DMA write");
	return 0;
}

static int use_engine(const struct buffer *buffer, struct dgem_bo *bo, uint32_t seed,
		      struct cell *cell)
{
	struct dgem_bo *own;
	void *ptr;
	int ret = dgem_bo_new(dgem_bo_device(bo), SIZE, DGEM_KIND_CONTIGUOUS, DGEM_CACHE_DEFAULT,
			      &own);

	if (ret)
		return wrong(cell, "no object of our own: %s", strerror(-ret));
	ret = dgem_bo_map(own, &ptr);
	if (!ret) {
		ret = copy_out(bo, own, ptr, seed, cell);
		if (!ret)
			ret = copy_in(buffer, bo, own, ptr, seed, cell);
		dgem_bo_unmap(own);
	}
	dgem_bo_del(own);
	return ret;
}

int dgem_use(const struct importer *importer, const struct exporter *exporter,
	     const struct buffer *buffer, uint32_t seed, struct cell *cell)
{
	struct dgem_bo *bo;
	struct dgem_bo_info info = { 0 };
	int ret = dgem_bo_from_dmabuf(device(importer->variant), buffer->dmabuf, &bo);

	if (ret)
		return ret;
	if (importer->variant && (dgem_bo_get_info(bo, &info, sizeof(info)) ||
				  info.kind != DGEM_KIND_IMPORT)) {
		dgem_bo_del(bo);
		return wrong(cell, "it is no import");
	}
	/* the engine first: what an exporter or a mask forbids may come up at the first job only */
	ret = use_engine(buffer, bo, seed, cell);
	if (!ret && buffer_fill(buffer, seed + 2))
		ret = wrong(cell, "the buffer cannot be filled any more");
	if (!ret)
		ret = use_mapping(buffer, bo, seed + 2, cell);
	dgem_bo_del(bo);
	return ret;
}
