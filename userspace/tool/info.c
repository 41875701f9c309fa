// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * dgem info: every dgem device and what it tells of itself.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>

#include "tool.h"

static const char usage[] =
	"Usage: dgem info [--json] [--device DEVICE]\n"
	"\n"
	"List the dgem devices: the node, the engine that moves bytes for jobs, the kinds of\n"
	"memory that can be allocated, and counters of all clients since the device came up.\n"
	"\n"
	"  -d, --device DEVICE   this one only: a path (/dev/dri/renderD128) or an instance's name\n"
	"  -j, --json            print an array of objects\n"
	"  -h, --help            print this\n"
	"\n"
	"An engine of type \"cpu\" means that the machine has no free DMA channel that reaches the\n"
	"memory; jobs work all the same, and \"bytes by CPU\" counts them.\n";

struct report {
	struct dgem_device_info device;
	struct dgem_engine_info engine;
	struct dgem_stats stats;
};

static int ask(struct dgem_device *dev, struct report *report)
{
	int ret = dgem_device_get_info(dev, &report->device, sizeof(report->device));

	if (!ret)
		ret = dgem_device_get_engine(dev, &report->engine, sizeof(report->engine));
	if (!ret)
		ret = dgem_device_get_stats(dev, &report->stats, sizeof(report->stats));
	return ret;
}

static void print_json(struct json *json, const char *path, const struct report *report)
{
	const struct dgem_device_info *device = &report->device;
	const struct dgem_engine_info *engine = &report->engine;
	const struct dgem_stats *stats = &report->stats;

	json_open_object(json, NULL);
	json_string(json, "node", path);
	json_string(json, "name", device->name);
	json_open_array(json, "kinds");
	for (uint32_t kind = 0; kind < 64; kind++)
		if (device->kinds & (UINT64_C(1) << kind))
			json_string(json, NULL, kind_name(kind));
	json_close(json);
	json_u64(json, "max_size", device->max_size);
	json_u64(json, "page_size", device->page_size);
	json_u64(json, "max_ops", device->max_ops);
	json_u64(json, "quota", device->quota);
	json_u64(json, "file_quota", device->file_quota);
	json_u64(json, "pool", device->pool);
	json_u64(json, "granule", device->granule);

	json_open_object(json, "engine");
	json_string(json, "type", engine_type_name(engine->type));
	json_string(json, "name", engine->name);
	json_string(json, "device", engine->device);
	json_u64(json, "dma_mask", engine->dma_mask);
	json_u64(json, "copy_align", engine->copy_align);
	json_u64(json, "max_segment", engine->max_segment);
	json_close(json);

	json_open_object(json, "stats");
	json_u64(json, "objects", stats->objects);
	json_u64(json, "bytes", stats->bytes);
	json_u64(json, "vmas", stats->vmas);
	json_u64(json, "jobs", stats->jobs);
	json_u64(json, "jobs_failed", stats->jobs_failed);
	json_u64(json, "bytes_dma", stats->bytes_dma);
	json_u64(json, "bytes_cpu", stats->bytes_cpu);
	json_u64(json, "file_bytes", stats->file_bytes);
	json_u64(json, "pool_free", stats->pool_free);
	json_close(json);
	json_close(json);
}

static void print_text(const char *path, const struct report *report)
{
	const struct dgem_device_info *device = &report->device;
	const struct dgem_engine_info *engine = &report->engine;
	const struct dgem_stats *stats = &report->stats;

	printf("%s: %s\n", path, device->name);
	printf("  engine    %s (%s)", engine->name, engine_type_name(engine->type));
	if (engine->device[0])
		printf(" of %s", engine->device);
	printf("\n            reaches 0x%" PRIx64 ", alignment %" PRIu32 ", segments of %" PRIu32
	       " bytes\n", engine->dma_mask, engine->copy_align, engine->max_segment);
	printf("  kinds    ");
	for (uint32_t kind = 0; kind < 64; kind++)
		if (device->kinds & (UINT64_C(1) << kind))
			printf(" %s", kind_name(kind));
	printf("\n  limits    objects of %" PRIu64 " bytes in pages of %" PRIu32 ", %" PRIu32
	       " operations a job\n", device->max_size, device->page_size, device->max_ops);
	printf("            memory given back in granules of %" PRIu32 " bytes\n",
	       device->granule);
	if (device->quota)
		printf("            %" PRIu64 " bytes for all objects together\n", device->quota);
	if (device->file_quota)
		printf("            %" PRIu64 " bytes for the objects of one client\n",
		       device->file_quota);
	if (device->pool)
		printf("            %" PRIu64 " bytes of reserved memory, %" PRIu64 " of them free\n",
		       device->pool, stats->pool_free);
	printf("  now       %" PRIu64 " objects, %" PRIu64 " bytes, %" PRIu64 " mappings\n",
	       stats->objects, stats->bytes, stats->vmas);
	printf("  so far    %" PRIu64 " jobs, %" PRIu64 " failed; bytes by DMA %" PRIu64
	       ", bytes by CPU %" PRIu64 "\n",
	       stats->jobs, stats->jobs_failed, stats->bytes_dma, stats->bytes_cpu);
}

static int show(struct dgem_device *dev, struct json *json)
{
	struct report report;
	int ret = ask(dev, &report);

	if (ret)
		return failed(ret, "%s does not answer", dgem_device_path(dev));
	if (json)
		print_json(json, dgem_device_path(dev), &report);
	else
		print_text(dgem_device_path(dev), &report);
	return STATUS_OK;
}

static int show_one(const char *which, struct json *json)
{
	struct dgem_device *dev;
	int status;

	if (open_device(which, &dev))
		return STATUS_FAILED;
	status = show(dev, json);
	dgem_device_del(dev);
	return status;
}

static int show_all(struct json *json)
{
	int status = STATUS_OK;
	unsigned int index;
	int ret = 0;

	for (index = 0; !ret; index++) {
		struct dgem_device *dev;

		ret = dgem_device_open_index(index, &dev);
		if (ret)
			break;
		if (show(dev, json))
			status = STATUS_FAILED;
		dgem_device_del(dev);
	}
	if (index && ret == -ENODEV)
		return status;
	if (ret == -ENODEV)
		complain("there is no dgem device; is the module loaded? (modprobe dgem)");
	else
		failed(ret, "cannot look at every node");
	return STATUS_FAILED;
}

int cmd_info(int argc, char **argv)
{
	static const struct option options[] = {
		{ "device", required_argument, NULL, 'd' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *which = NULL;
	bool as_json = false;
	struct json json;
	int status, c;

	while ((c = getopt_long(argc, argv, "d:jh", options, NULL)) >= 0) {
		switch (c) {
		case 'd':
			which = optarg;
			break;
		case 'j':
			as_json = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return STATUS_OK;
		default:
			return bad_usage();
		}
	}
	if (optind < argc) {
		complain("unexpected \"%s\"", argv[optind]);
		return bad_usage();
	}

	json_start(&json, stdout);
	if (as_json)
		json_open_array(&json, NULL);
	if (which)
		status = show_one(which, as_json ? &json : NULL);
	else
		status = show_all(as_json ? &json : NULL);
	if (as_json)
		json_close(&json);
	return status;
}
