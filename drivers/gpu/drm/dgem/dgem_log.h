/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 */
#ifndef _DGEM_LOG_H_
#define _DGEM_LOG_H_

#include <linux/atomic.h>
#include <linux/kref.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct drm_dgem_job;

/* jobs that a file remembers; the uAPI promises so many */
#define DGEM_LOG_JOBS	256

/**
 * struct dgem_log_entry - what is known of a job
 */
struct dgem_log_entry {
	/** @bytes: counts the job's bytes while it runs, else NULL */
	const atomic64_t *bytes;
	/** @done: bytes in the end */
	u64 done;
	/** @state: &enum drm_dgem_job_state */
	u32 state;
	/** @error: how it ended */
	int error;
};

/**
 * struct dgem_log - the last jobs of a file
 */
struct dgem_log {
	/** @refs: the file and each of its jobs, which may outlive it, have one */
	struct kref refs;
	/** @lock: protects what follows; taken where fences are signalled */
	spinlock_t lock;
	/** @last: number of the latest job */
	u64 last;
	/** @entries: of job n, the one at n modulo their number */
	struct dgem_log_entry entries[DGEM_LOG_JOBS];
};

struct dgem_log *dgem_log_new(void);
struct dgem_log *dgem_log_get(struct dgem_log *log);
void dgem_log_put(struct dgem_log *log);
u64 dgem_log_add(struct dgem_log *log);
void dgem_log_run(struct dgem_log *log, u64 job, const atomic64_t *bytes);
void dgem_log_end(struct dgem_log *log, u64 job, int error);
int dgem_log_read(struct dgem_log *log, struct drm_dgem_job *answer);

#endif
