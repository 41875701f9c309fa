/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 */
#ifndef _DGEM_DEVICE_H_
#define _DGEM_DEVICE_H_

#include <linux/atomic.h>
#include <linux/container_of.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/wait.h>

#include <drm/drm_device.h>
#include <drm/gpu_scheduler.h>

#include "dgem_config.h"
#include "dgem_quota.h"

struct device;
struct dgem_engine;
struct dgem_log;
struct dgem_reserved;
struct dmem_cgroup_region;
struct drm_driver;
struct drm_gem_object_funcs;

/**
 * struct dgem_stats - counters of an instance, see &struct drm_dgem_query_stats
 */
struct dgem_stats {
	/** @objects: objects alive */
	atomic64_t objects;
	/** @bytes: bytes allocated for them */
	atomic64_t bytes;
	/** @vmas: user mappings alive */
	atomic64_t vmas;
	/** @jobs: jobs accepted */
	atomic64_t jobs;
	/** @jobs_failed: jobs that ended with an error */
	atomic64_t jobs_failed;
	/** @bytes_dma: bytes moved by a DMA engine */
	atomic64_t bytes_dma;
	/** @bytes_cpu: bytes copied by the CPU */
	atomic64_t bytes_cpu;
};

/**
 * struct dgem_device - an instance
 */
struct dgem_device {
	/** @drm: the DRM device */
	struct drm_device drm;
	/** @config: what was asked for; fixed once the instance is registered */
	struct dgem_config config;
	/** @gem_funcs: object functions, handed down to the objects as they are made */
	const struct drm_gem_object_funcs *gem_funcs;

	/** @dma_dev: the device that memory is for, as long as @drm lives */
	struct device *dma_dev;

	/**
	 * @engine: who moves the bytes. Set before registration; its channel goes away with
	 * dgem_device_remove(), the structure itself with the last reference to @drm.
	 */
	struct dgem_engine *engine;
	/** @sched: queue in front of @engine; as long as @drm lives, for entities use it */
	struct drm_gpu_scheduler sched;

	/** @asleep: the system sleeps, or is about to: no job makes progress, nor times out */
	bool asleep;

	/**
	 * @objects_lock: protects @objects, and is held as an object gets its mmap offset.
	 * Nothing is allocated under it, and no lock waited for but that of the offsets
	 */
	struct mutex objects_lock;
	/** @objects: &dgem_object.node of all objects */
	struct list_head objects;
	/** @objects_gone: an object has left @objects */
	wait_queue_head_t objects_gone;

	/** @files_lock: protects @files and &dgem_file.dead; outer to everything of drm_sched */
	struct mutex files_lock;
	/** @files: &dgem_file.node of all open files */
	struct list_head files;

	/** @reserved: the instance's pool, or NULL */
	struct dgem_reserved *reserved;
	/** @regions: registered with the dmem cgroup, or NULL */
	struct dmem_cgroup_region *regions[DGEM_REGIONS];

	/** @stats: counters */
	struct dgem_stats stats;
};

/**
 * enum dgem_prio - who goes first
 */
enum dgem_prio {
	/** @DGEM_PRIO_NORMAL: everybody */
	DGEM_PRIO_NORMAL,
	/** @DGEM_PRIO_HIGH: before all others; a privilege */
	DGEM_PRIO_HIGH,
	/** @DGEM_PRIO_COUNT: how many there are */
	DGEM_PRIO_COUNT,
};

/**
 * struct dgem_file - an open file of an instance
 */
struct dgem_file {
	/** @entities: the file's jobs, for each &enum dgem_prio */
	struct drm_sched_entity entities[DGEM_PRIO_COUNT];
	/** @log: what became of the jobs */
	struct dgem_log *log;
	/** @submit_lock: keeps the order of arming and queueing jobs the same; inside dma_resv */
	struct mutex submit_lock;
	/** @account: what the file's objects are charged to */
	struct dgem_account *account;
	/** @node: in &dgem_device.files */
	struct list_head node;
	/** @dead: @entities are torn down already; under &dgem_device.files_lock */
	bool dead;
};

static inline struct dgem_device *to_dgem_device(struct drm_device *drm)
{
	return container_of(drm, struct dgem_device, drm);
}

/* what the memory of an object of the instance was allocated for, and is synced for */
static inline struct device *dgem_dma_dev(struct drm_device *drm)
{
	return to_dgem_device(drm)->dma_dev;
}

struct dgem_device *dgem_device_create(struct device *dev, const struct drm_driver *driver,
				       const struct drm_gem_object_funcs *gem_funcs,
				       const struct dgem_config *config);
void dgem_device_remove(struct dgem_device *ddev);
int dgem_device_suspend(struct dgem_device *ddev);
void dgem_device_resume(struct dgem_device *ddev);

#endif
