// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/dma-resv.h>

#include "dgem_gem.h"
#include "dgem_mapping.h"
#include "dgem_mem.h"
#include "dgem_sync.h"

/**
 * DOC: CPU access windows
 *
 * A window is opened (begin) and closed (end) over a range of an object. Opening makes what devices
 * wrote visible to the CPU: first for the memory itself, then for each DMA mapping of it. Closing a
 * window in which the CPU wrote goes the other way; one in which it only read has nothing to hand
 * back, and must not: a bounced mapping would be overwritten with older data.
 *
 * Neither waits for fences: dgem_sync_wait() does, before a window is opened. Unless the
 * kind says otherwise (&dgem_mem_ops.sync_waits) both may run where a fence has yet to be
 * signalled: they take no lock but &dgem_object.maps_lock.
 */

/**
 * dgem_sync_wait - wait for an object's fences
 * @obj: the object
 * @write: wait for readers too
 * @timeout: jiffies; 0 asks only
 *
 * Return: 0, -ETIME, or -ERESTARTSYS.
 */
int dgem_sync_wait(struct dgem_object *obj, bool write, unsigned long timeout)
{
	long ret = dma_resv_wait_timeout(obj->base.resv, dma_resv_usage_rw(write), true, timeout);

	if (ret < 0)
		return ret;
	return ret ? 0 : -ETIME;
}

static void dgem_sync_maps(struct dgem_object *obj, u64 offset, u64 length, bool for_cpu)
{
	struct dgem_mapping *map;

	mutex_lock(&obj->maps_lock);
	list_for_each_entry(map, &obj->maps, node)
		dgem_mapping_sync(map, offset, length, for_cpu);
	mutex_unlock(&obj->maps_lock);
}

/**
 * dgem_sync_begin - open a CPU access window
 * @obj: the object
 * @offset: first byte of the range
 * @length: bytes; the caller has checked the range
 * @dir: DMA_FROM_DEVICE if the CPU is going to read, DMA_TO_DEVICE to write, or both
 *
 * Return: 0, or what the exporter of an import said.
 */
int dgem_sync_begin(struct dgem_object *obj, u64 offset, u64 length, enum dma_data_direction dir)
{
	if (obj->ops->begin) {
		int ret = obj->ops->begin(obj, offset, length, dir);

		if (ret)
			return ret;
	}
	dgem_sync_maps(obj, offset, length, true);
	return 0;
}

/**
 * dgem_sync_end - close a CPU access window
 * @obj: the object
 * @offset: first byte of the range
 * @length: bytes; the caller has checked the range
 * @dir: as it was opened
 *
 * Return: 0, or what the exporter of an import said.
 */
int dgem_sync_end(struct dgem_object *obj, u64 offset, u64 length, enum dma_data_direction dir)
{
	if (dir != DMA_FROM_DEVICE)
		dgem_sync_maps(obj, offset, length, false);
	if (obj->ops->end)
		return obj->ops->end(obj, offset, length, dir);
	return 0;
}
