/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 */
#ifndef _DGEM_JOB_H_
#define _DGEM_JOB_H_

#include <linux/container_of.h>
#include <linux/kref.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include <drm/gpu_scheduler.h>

#include "dgem_engine.h"

struct dgem_device;
struct dgem_file;
struct dgem_log;

/**
 * struct dgem_fence - the fence of a job that the engine runs
 */
struct dgem_fence {
	/** @base: the fence; first, since the core frees it */
	struct dma_fence base;
	/** @lock: the fence's lock, which has to live as long as the fence */
	spinlock_t lock;
};

/**
 * struct dgem_job - a job on its way through the scheduler
 */
struct dgem_job {
	/** @base: the scheduler's part */
	struct drm_sched_job base;
	/** @refs: one for who submits, one for the scheduler */
	struct kref refs;
	/** @ddev: the instance, with a reference to its DRM device */
	struct dgem_device *ddev;
	/** @work: what the engine has to do */
	struct dgem_engine_job work;
	/** @fence: signalled by the engine; initialised when the job runs */
	struct dgem_fence *fence;
	/** @running: @fence has been initialised */
	bool running;
	/** @log: the file's log, with a reference */
	struct dgem_log *log;
	/** @number: of the job in @log, once it has been queued */
	u64 number;
	/** @seen: progress at the last time-out, bytes */
	u64 seen;
	/** @reap: frees the job where locks may be taken */
	struct work_struct reap;
	/** @work_ops: &dgem_engine_job.ops, and behind them &dgem_engine_job.refs */
	struct dgem_engine_op work_ops[];
};

static inline struct dgem_job *to_dgem_job(struct drm_sched_job *sched_job)
{
	return container_of(sched_job, struct dgem_job, base);
}

struct dgem_job *dgem_job_new(struct dgem_device *ddev, struct dgem_log *log, u32 ops, u32 refs);
void dgem_job_put(struct dgem_job *job);

int dgem_sched_open(struct dgem_device *ddev, struct dgem_file *file);
void dgem_sched_close(struct dgem_device *ddev, struct dgem_file *file);
int dgem_sched_init(struct dgem_device *ddev);
void dgem_sched_fini(struct dgem_device *ddev);
void dgem_sched_shutdown(struct dgem_device *ddev);
int dgem_sched_module_init(void);
void dgem_sched_module_exit(void);

#endif
