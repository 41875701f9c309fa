// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * dgem purge: give a part of an object's memory back, and see what is left.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "tool.h"

static const char usage[] =
	"Usage: dgem purge [--device DEVICE] [--size SIZE] [--lazy] [--json] OFFSET LENGTH\n"
	"\n"
	"Make an object of the kind \"pages\", write to every page of it, give the range back while\n"
	"the object is mapped, and look at every page again: those of the range raise SIGBUS, and\n"
	"all others must be as they were. Objects live as long as the process that made them, so\n"
	"this tries out what programs do with dgem_bo_purge().\n"
	"\n"
	"  -d, --device DEVICE   a path (/dev/dri/renderD128) or an instance's name\n"
	"  -s, --size SIZE       bytes of the object (8M)\n"
	"  -l, --lazy            write to no page before: memory comes as the pages are looked at\n"
	"  -j, --json            print an object of JSON\n"
	"  -h, --help            print this\n"
	"\n"
	"OFFSET and LENGTH are bytes; K, M and G may follow them. Memory goes by granules, whose\n"
	"size \"dgem info\" tells: OFFSET is a multiple of it, and so is LENGTH, unless the range\n"
	"ends with the object.\n"
	"\n"
	"  dgem purge 2M 4M                  the second and the third of four granules of 2 MiB\n"
	"  dgem purge --size 5M 4M 1M        the last one, which is shorter\n";

struct purge {
	const char *device;
	uint64_t size, offset, length;
	uint32_t flags;
	bool json;
};

struct result {
	uint64_t page, before, after, end;
	/* pages that were there, that raised SIGBUS, and that should not have been like that */
	uint64_t there, gone, wrong;
};

static sigjmp_buf bus;

static void on_bus(int sig)
{
	siglongjmp(bus, sig);
}

/* The value of a page, or false if it raises SIGBUS. */
static bool peek(const volatile uint64_t *page, uint64_t *value)
{
	if (sigsetjmp(bus, 1))
		return false;
	*value = *page;
	return true;
}

static int resident(struct dgem_bo *bo, uint64_t *bytes)
{
	struct dgem_bo_info info;
	int ret = dgem_bo_get_info(bo, &info, sizeof(info));

	*bytes = info.resident;
	return ret;
}

static void look(const struct purge *purge, const uint8_t *ptr, struct result *result)
{
	struct sigaction action = { .sa_handler = on_bus }, old;

	sigaction(SIGBUS, &action, &old);
	for (uint64_t at = 0; at < purge->size; at += result->page) {
		bool hole = at >= purge->offset && at - purge->offset < purge->length;
		uint64_t value = 0, want = purge->flags & DGEM_CREATE_LAZY ? 0 : ~at;

		if (!peek((const uint64_t *)(ptr + at), &value)) {
			result->gone++;
			result->wrong += !hole;
		} else {
			result->there++;
			result->wrong += hole || value != want;
		}
	}
	sigaction(SIGBUS, &old, NULL);
}

/* The kernel would say no more than EINVAL. */
static bool range_ok(const struct purge *purge, uint32_t granule)
{
	if (!purge->length || purge->offset > purge->size ||
	    purge->length > purge->size - purge->offset) {
		complain("the range is empty or ends behind the object's end at %" PRIu64,
			 purge->size);
		return false;
	}
	if (purge->offset % granule ||
	    (purge->length % granule && purge->length != purge->size - purge->offset)) {
		complain("the range does not start and end with a granule of %" PRIu32
			 " bytes, or with the object's end at %" PRIu64, granule, purge->size);
		return false;
	}
	return true;
}

static int try_out(const struct purge *purge, struct dgem_bo *bo, struct result *result)
{
	uint8_t *ptr;
	int ret = dgem_bo_map(bo, (void **)&ptr);

	if (ret)
		return failed(ret, "cannot map the object");
	for (uint64_t at = 0; !purge->flags && at < purge->size; at += result->page)
		*(uint64_t *)(ptr + at) = ~at;

	ret = resident(bo, &result->before);
	if (!ret)
		ret = dgem_bo_purge(bo, purge->offset, purge->length, DGEM_PURGE_FORCE);
	if (ret)
		return failed(ret, "cannot give %" PRIu64 " bytes at %" PRIu64 " back",
			      purge->length, purge->offset);
	ret = resident(bo, &result->after);
	if (!ret) {
		look(purge, ptr, result);
		ret = resident(bo, &result->end);
	}
	return ret ? failed(ret, "the object does not answer") : STATUS_OK;
}

static void report(const struct purge *purge, const struct result *result)
{
	struct json json;

	if (!purge->json) {
		printf("memory: %" PRIu64 " bytes, %" PRIu64 " after the purge, %" PRIu64
		       " now that all pages were read\n", result->before, result->after,
		       result->end);
		printf("pages:  %" PRIu64 " there, %" PRIu64 " gone, %" PRIu64 " wrong\n",
		       result->there, result->gone, result->wrong);
		return;
	}
	json_start(&json, stdout);
	json_open_object(&json, NULL);
	json_u64(&json, "resident_before", result->before);
	json_u64(&json, "resident_after", result->after);
	json_u64(&json, "resident_end", result->end);
	json_u64(&json, "pages_there", result->there);
	json_u64(&json, "pages_gone", result->gone);
	json_u64(&json, "pages_wrong", result->wrong);
	json_close(&json);
}

static int run(struct purge *purge)
{
	struct result result = { 0 };
	struct dgem_device_info info;
	struct dgem_device *dev;
	struct dgem_bo *bo;
	uint32_t granule;
	int ret, status;

	if (open_device(purge->device, &dev))
		return STATUS_FAILED;
	ret = dgem_device_get_info(dev, &info, sizeof(info));
	if (!ret)
		ret = dgem_bo_new_flags(dev, purge->size, DGEM_KIND_PAGES, DGEM_CACHE_DEFAULT,
					purge->flags, &bo);
	if (ret) {
		status = failed(ret, "cannot make an object of %" PRIu64 " bytes", purge->size);
		goto out;
	}
	purge->size = dgem_bo_size(bo);
	result.page = info.page_size;
	/* drivers that tell no granule took any pages */
	granule = info.granule ? info.granule : info.page_size;
	status = range_ok(purge, granule) ? try_out(purge, bo, &result) : STATUS_USAGE;
	if (status == STATUS_OK) {
		report(purge, &result);
		status = result.wrong ? STATUS_FAILED : STATUS_OK;
	}
	dgem_bo_del(bo);
out:
	dgem_device_del(dev);
	return status;
}

int cmd_purge(int argc, char **argv)
{
	static const struct option options[] = {
		{ "device", required_argument, NULL, 'd' },
		{ "size", required_argument, NULL, 's' },
		{ "lazy", no_argument, NULL, 'l' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct purge purge = { .size = 8 << 20 };
	int c;

	while ((c = getopt_long(argc, argv, "d:s:ljh", options, NULL)) >= 0) {
		switch (c) {
		case 'd':
			purge.device = optarg;
			break;
		case 's':
			if (!parse_size("the size", optarg, &purge.size))
				return bad_usage();
			break;
		case 'l':
			purge.flags = DGEM_CREATE_LAZY;
			break;
		case 'j':
			purge.json = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return STATUS_OK;
		default:
			return bad_usage();
		}
	}
	if (argc - optind != 2) {
		complain("tell an offset and a length");
		return bad_usage();
	}
	if (!parse_size("the offset", argv[optind], &purge.offset) ||
	    !parse_size("the length", argv[optind + 1], &purge.length))
		return bad_usage();
	return run(&purge);
}
