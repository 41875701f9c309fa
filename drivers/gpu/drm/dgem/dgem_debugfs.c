// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/capability.h>
#include <linux/debugfs.h>
#include <linux/kernel.h>
#include <linux/scatterlist.h>
#include <linux/seq_file.h>
#include <linux/user_namespace.h>

#include <drm/dgem_drm.h>
#include <drm/drm_debugfs.h>

#include "compat/dgem_compat.h"
#include "dgem_debugfs.h"
#include "dgem_device.h"
#include "dgem_gem.h"
#include "dgem_mapping.h"
#include "dgem_mem.h"
#include "dgem_quota.h"

/**
 * DOC: debugfs
 *
 * "dgem_objects" lists the objects and, since people program FPGAs with them, the DMA addresses at
 * which the engine sees them. Addresses are for root alone, even where debugfs was opened to
 * others: without CAP_SYS_RAWIO when it is opened, reading the file is -EPERM.
 */

static const char *dgem_debugfs_cache(u32 cache)
{
	static const char * const names[] = {
		[DRM_DGEM_CACHE_CACHED] = "cached",
		[DRM_DGEM_CACHE_WC] = "wc",
		[DRM_DGEM_CACHE_UNCACHED] = "uncached",
		[DRM_DGEM_CACHE_EXPORTER] = "exporter",
	};

	return cache < ARRAY_SIZE(names) && names[cache] ? names[cache] : "unknown";
}

static void dgem_debugfs_table(struct seq_file *m, const struct sg_table *sgt, u64 at)
{
	struct scatterlist *sg;
	int i;

	for_each_sgtable_dma_sg(sgt, sg, i) {
		dma_addr_t addr = sg_dma_address(sg);

		seq_printf(m, "  %#llx: %pad + %#x\n", at, &addr, sg_dma_len(sg));
		at += sg_dma_len(sg);
	}
}

static void dgem_debugfs_object(struct seq_file *m, struct dgem_object *obj)
{
	struct dgem_mapping *map;
	unsigned long page;

	seq_printf(m, "%s size=%zu charged=%llu cache=%s refs=%u handles=%u ",
		   obj->ops->name, obj->base.size, atomic64_read(&obj->charged),
		   dgem_debugfs_cache(obj->cache_granted), kref_read(&obj->base.refcount),
		   obj->base.handle_count);
	seq_printf(m, "vmas=%d pins=%d exports=%d%s\n", atomic_read(&obj->vmas),
		   atomic_read(&obj->pins), max(atomic_read(&obj->exports), 0),
		   obj->readonly ? " read-only" : "");
	xa_for_each(&obj->engine_maps, page, map)
		dgem_debugfs_table(m, map->sgt, map->offset);
}

static int dgem_debugfs_objects(struct seq_file *m, void *data)
{
	struct drm_debugfs_entry *entry = m->private;
	struct dgem_device *ddev = to_dgem_device(entry->dev);
	struct dgem_object *obj;

	if (!file_ns_capable(m->file, &init_user_ns, CAP_SYS_RAWIO))
		return -EPERM;
	mutex_lock(&ddev->objects_lock);
	list_for_each_entry(obj, &ddev->objects, node) {
		/* jobs map objects under the reservation lock; one that is being used can wait */
		if (!dma_resv_trylock(obj->base.resv)) {
			seq_printf(m, "%s size=%zu busy\n", obj->ops->name, obj->base.size);
			continue;
		}
		dgem_debugfs_object(m, obj);
		dma_resv_unlock(obj->base.resv);
	}
	mutex_unlock(&ddev->objects_lock);
	return 0;
}

/**
 * dgem_debugfs_init - offer the instance's files
 * @ddev: the instance, before it is registered
 */
void dgem_debugfs_init(struct dgem_device *ddev)
{
	drm_debugfs_add_file(&ddev->drm, "dgem_objects", dgem_debugfs_objects, NULL);
}
