// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/errno.h>
#include <linux/slab.h>

#include <drm/dgem_drm.h>
#include <kunit/visibility.h>

#include "compat/dgem_compat.h"
#include "dgem_log.h"

/**
 * DOC: what became of a job
 *
 * A fence tells that a job is over and, in one number, that it failed; how far it got is more than
 * that. So each file keeps a short log of its latest jobs, of fixed size: the oldest make room. An
 * entry is final before the job's fence signals.
 */

/**
 * dgem_log_new - an empty log
 *
 * Return: the log with one reference, or NULL.
 */
struct dgem_log *dgem_log_new(void)
{
	struct dgem_log *log;

	log = kvzalloc_obj(*log, GFP_KERNEL_ACCOUNT);
	if (!log)
		return NULL;
	kref_init(&log->refs);
	spin_lock_init(&log->lock);
	return log;
}
EXPORT_SYMBOL_IF_KUNIT(dgem_log_new);

/**
 * dgem_log_get - take another reference
 * @log: the log
 *
 * Return: @log.
 */
struct dgem_log *dgem_log_get(struct dgem_log *log)
{
	kref_get(&log->refs);
	return log;
}

static void dgem_log_free(struct kref *refs)
{
	kvfree(container_of(refs, struct dgem_log, refs));
}

/**
 * dgem_log_put - drop a reference; may sleep
 * @log: the log, or NULL
 */
void dgem_log_put(struct dgem_log *log)
{
	if (log)
		kref_put(&log->refs, dgem_log_free);
}
EXPORT_SYMBOL_IF_KUNIT(dgem_log_put);

/* the entry of a job, or NULL if it is none of the latest */
static struct dgem_log_entry *dgem_log_find(struct dgem_log *log, u64 job)
{
	lockdep_assert_held(&log->lock);

	if (!job || job > log->last || log->last - job >= DGEM_LOG_JOBS)
		return NULL;
	return &log->entries[job % DGEM_LOG_JOBS];
}

/**
 * dgem_log_add - a job has been queued
 * @log: the log
 *
 * Return: the job's number.
 */
u64 dgem_log_add(struct dgem_log *log)
{
	unsigned long flags;
	u64 job;

	spin_lock_irqsave(&log->lock, flags);
	job = ++log->last;
	log->entries[job % DGEM_LOG_JOBS] = (struct dgem_log_entry){
		.state = DRM_DGEM_JOB_QUEUED,
	};
	spin_unlock_irqrestore(&log->lock, flags);
	return job;
}
EXPORT_SYMBOL_IF_KUNIT(dgem_log_add);

/**
 * dgem_log_run - the engine starts a job
 * @log: the log
 * @job: the job's number
 * @bytes: counter of the bytes that the engine has written; stays until dgem_log_end()
 */
void dgem_log_run(struct dgem_log *log, u64 job, const atomic64_t *bytes)
{
	struct dgem_log_entry *entry;
	unsigned long flags;

	spin_lock_irqsave(&log->lock, flags);
	entry = dgem_log_find(log, job);
	if (entry) {
		entry->state = DRM_DGEM_JOB_RUNNING;
		entry->bytes = bytes;
	}
	spin_unlock_irqrestore(&log->lock, flags);
}
EXPORT_SYMBOL_IF_KUNIT(dgem_log_run);

/**
 * dgem_log_end - a job is over; the second time nothing happens
 * @log: the log
 * @job: the job's number
 * @error: how it ended, 0 or a negative error number
 */
void dgem_log_end(struct dgem_log *log, u64 job, int error)
{
	struct dgem_log_entry *entry;
	unsigned long flags;

	spin_lock_irqsave(&log->lock, flags);
	entry = dgem_log_find(log, job);
	if (entry && entry->state != DRM_DGEM_JOB_DONE) {
		if (entry->bytes)
			entry->done = atomic64_read(entry->bytes);
		entry->bytes = NULL;
		entry->state = DRM_DGEM_JOB_DONE;
		entry->error = error;
	}
	spin_unlock_irqrestore(&log->lock, flags);
}
EXPORT_SYMBOL_IF_KUNIT(dgem_log_end);

/**
 * dgem_log_read - tell what became of a job
 * @log: the log
 * @answer: the job's number, and room for the answer
 *
 * Return: 0, or -ENOENT for a number that was not given yet, or is forgotten.
 */
int dgem_log_read(struct dgem_log *log, struct drm_dgem_job *answer)
{
	struct dgem_log_entry *entry;
	unsigned long flags;

	spin_lock_irqsave(&log->lock, flags);
	entry = dgem_log_find(log, answer->job);
	if (entry) {
		answer->bytes = entry->bytes ? atomic64_read(entry->bytes) : entry->done;
		answer->state = entry->state;
		answer->error = entry->error;
	}
	spin_unlock_irqrestore(&log->lock, flags);
	return entry ? 0 : -ENOENT;
}
EXPORT_SYMBOL_IF_KUNIT(dgem_log_read);
