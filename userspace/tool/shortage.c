// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * Why there is no memory: which quota, which limit, or which pool is short.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

/* A field of /proc/meminfo in bytes; 0 if the kernel has no such field. */
static uint64_t meminfo(const char *field)
{
	FILE *file = fopen("/proc/meminfo", "r");
	size_t length = strlen(field);
	uint64_t bytes = 0;
	char line[128];

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, field, length) && line[length] == ':')
			bytes = strtoull(line + length + 1, NULL, 10) << 10;
	fclose(file);
	return bytes;
}

static bool exceeds(uint64_t used, uint64_t size, uint64_t limit)
{
	return limit && (used > limit || size > limit - used);
}

static void explain_quota(const struct dgem_device_info *device, const struct dgem_stats *stats,
			  uint64_t size)
{
	if (exceeds(stats->file_bytes, size, device->file_quota))
		complain("this client has %" PRIu64 " of the %" PRIu64
			 " bytes that one may have (file_quota)",
			 stats->file_bytes, device->file_quota);
	else if (exceeds(stats->bytes, size, device->quota))
		complain("all clients have %" PRIu64 " of the %" PRIu64
			 " bytes that they may have together (quota)",
			 stats->bytes, device->quota);
	else
		complain("the cgroup of this process is not allowed so much (dmem.max)");
}

static void explain_memory(const struct dgem_device_info *device, const struct dgem_stats *stats,
			   enum dgem_kind kind)
{
	uint64_t cma = meminfo("CmaTotal");

	if (kind == DGEM_KIND_RESERVED)
		complain("the device's pool has %" PRIu64 " of %" PRIu64
			 " bytes left, perhaps in pieces (pool)", stats->pool_free, device->pool);
	else if (cma && (kind == DGEM_KIND_CONTIGUOUS || kind == DGEM_KIND_COHERENT))
		complain("contiguous memory has %" PRIu64 " of %" PRIu64
			 " bytes left, perhaps in pieces (the kernel's parameter cma)",
			 meminfo("CmaFree"), cma);
	else
		complain("the machine has %" PRIu64 " bytes of memory left",
			 meminfo("MemAvailable"));
}

void explain_shortage(struct dgem_device *dev, enum dgem_kind kind, uint64_t size, int error)
{
	struct dgem_device_info device;
	struct dgem_stats stats;

	if (error != -ENOSPC && error != -EOVERFLOW && error != -ENOMEM)
		return;
	if (dgem_device_get_info(dev, &device, sizeof(device)) ||
	    dgem_device_get_stats(dev, &stats, sizeof(stats)))
		return;
	if (error == -ENOSPC)
		explain_quota(&device, &stats, size);
	else if (error == -EOVERFLOW)
		complain("the objects of one client may have %" PRIu64
			 " bytes together, with memory in them or not", device.max_size);
	else
		explain_memory(&device, &stats, kind);
}
