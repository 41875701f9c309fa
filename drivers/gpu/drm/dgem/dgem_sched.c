// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/dma-fence.h>
#include <linux/kref.h>
#include <linux/moduleparam.h>
#include <linux/overflow.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/drm_print.h>

#include "compat/dgem_compat.h"
#include "dgem_device.h"
#include "dgem_gem.h"
#include "dgem_job.h"
#include "dgem_log.h"
#include "dgem_mem.h"
#include "dgem_trace.h"

/**
 * DOC: scheduling
 *
 * Jobs go through drm_sched to an engine that runs one at a time. The engine's completion signals
 * the job's fence. A job times out when it made no progress for a whole period, however long it
 * takes: the engine is stopped, which signals its fence with -ETIMEDOUT, and the next job starts
 * afresh. An engine runs one job and forgets it when it is stopped, so the scheduler itself need
 * not be stopped and started, which would replace the error: to it, nothing hangs.
 *
 * Nothing between arming a job and signalling its fence allocates: the fence is part of the job,
 * and objects are mapped before. Freeing is another matter: dropping an import takes the
 * reservation lock of a foreign buffer, whose holder may be waiting for one of our later jobs,
 * which the scheduler would run on the very worker that frees. So may what the cpu engine has of an
 * object. Such jobs are freed by a workqueue of their own, and so are those with which an object or
 * the instance goes. With most jobs nothing goes but what they have themselves, and to wake another
 * worker for that would cost more than all of it.
 *
 * A file's entities are torn down with the scheduler's workers stopped: the one that takes a job
 * off a queue puts the entity back among those that have more of them, without looking whether it
 * has been killed meanwhile, and would find it there after it was freed.
 *
 * The scheduler lives as long as the DRM device, since the entities of open files refer to it. When
 * an instance is removed its entities are torn down, which takes the jobs that still wait off the
 * queue, and the running job ends with -ENODEV.
 */

static unsigned int dgem_timeout_ms = 10000;
module_param_named(timeout_ms, dgem_timeout_ms, uint, 0444);
MODULE_PARM_DESC(timeout_ms, "a job that stands still for so long has failed (default 10000)");

static struct workqueue_struct *dgem_reap_wq;
/* jobs of all instances: a job may outlive its file and its instance, but not the module */
static atomic_t dgem_jobs = ATOMIC_INIT(0);

static const enum drm_sched_priority dgem_prios[DGEM_PRIO_COUNT] = {
	[DGEM_PRIO_NORMAL] = DRM_SCHED_PRIORITY_NORMAL,
	[DGEM_PRIO_HIGH] = DRM_SCHED_PRIORITY_HIGH,
};

static const char *dgem_fence_driver_name(struct dma_fence *fence)
{
	return "dgem";
}

static const char *dgem_fence_timeline_name(struct dma_fence *fence)
{
	return "dgem-engine";
}

static const struct dma_fence_ops dgem_fence_ops = {
	.get_driver_name = dgem_fence_driver_name,
	.get_timeline_name = dgem_fence_timeline_name,
};

static void dgem_job_complete(struct dgem_engine_job *work, int error)
{
	struct dgem_job *job = container_of(work, struct dgem_job, work);
	struct dma_fence *fence = dma_fence_get(&job->fence->base);

	if (error)
		dma_fence_set_error(fence, error);
	dgem_log_end(job->log, job->number, error);
	trace_dgem_job_done(job, error);
	/* the job may be freed at any time from here on */
	dma_fence_signal(fence);
	dma_fence_put(fence);
}

/**
 * dgem_job_new - an empty job
 * @ddev: the instance
 * @log: log of who submits
 * @ops: operations it has room for
 * @refs: objects it has room for
 *
 * Return: the job with a reference for dgem_job_put(), or -ENOMEM.
 */
struct dgem_job *dgem_job_new(struct dgem_device *ddev, struct dgem_log *log, u32 ops, u32 refs)
{
	struct dgem_job *job;
	size_t size;

	size = size_add(struct_size(job, work_ops, ops),
			array_size(refs, sizeof(*job->work.refs)));
	job = kvzalloc(size, DGEM_GFP);
	if (!job)
		return ERR_PTR(-ENOMEM);
	/* others keep it for longer than the job */
	job->fence = kzalloc_obj(*job->fence, DGEM_GFP);
	if (!job->fence) {
		kvfree(job);
		return ERR_PTR(-ENOMEM);
	}

	job->work.ops = job->work_ops;
	job->work.refs = (void *)&job->work_ops[ops];
	kref_init(&job->refs);
	spin_lock_init(&job->fence->lock);
	job->work.complete = dgem_job_complete;
	job->log = dgem_log_get(log);
	job->ddev = ddev;
	drm_dev_get(&ddev->drm);
	atomic_inc(&dgem_jobs);
	return job;
}

/* what the job has of its own */
static void dgem_job_free(struct dgem_job *job)
{
	if (job->running)
		dma_fence_put(&job->fence->base);
	else
		kfree(job->fence);
	dgem_log_put(job->log);
	kvfree(job);
}

static void dgem_job_gone(void)
{
	if (atomic_dec_and_test(&dgem_jobs))
		wake_up_var(&dgem_jobs);
}

static void dgem_job_destroy(struct kref *refs)
{
	struct dgem_job *job = container_of(refs, struct dgem_job, refs);
	struct dgem_device *ddev = job->ddev;
	u32 i;

	if (ddev->engine->ops->unprepare)
		ddev->engine->ops->unprepare(ddev->engine, &job->work);
	for (i = 0; i < job->work.ref_count; i++)
		drm_gem_object_put(&job->work.refs[i].obj->base);
	dgem_job_free(job);
	drm_dev_put(&ddev->drm);
	dgem_job_gone();
}

/* drop a reference that is not the last: that takes no lock, and ends nothing */
static bool dgem_put_not_last(struct kref *refs)
{
	return refcount_dec_not_one(&refs->refcount);
}

/*
 * dgem_job_put() where no lock may be taken. False if it can't be done here; what was done already
 * of it is not done again by dgem_job_put().
 */
static bool dgem_job_put_here(struct dgem_job *job)
{
	const struct dgem_engine_ops *ops = job->ddev->engine->ops;
	struct dgem_engine_job *work = &job->work;
	struct dgem_device *ddev = job->ddev;

	if (dgem_put_not_last(&job->refs))
		return true;
	/* jobs that were taken off a queue are freed by a worker that nobody waits for */
	if (!job->running || (ops->unprepare_locks && ops->unprepare_locks(work)))
		return false;
	while (work->ref_count &&
	       dgem_put_not_last(&work->refs[work->ref_count - 1].obj->base.refcount))
		work->ref_count--;
	if (work->ref_count || !dgem_put_not_last(&ddev->drm.ref))
		return false;

	/* who drops the last reference to the instance waits for the scheduler's worker: us */
	if (ops->unprepare)
		ops->unprepare(ddev->engine, work);
	dgem_job_free(job);
	dgem_job_gone();
	return true;
}

/**
 * dgem_job_put - drop a reference to a job, with the last one all that it holds
 * @job: the job; no reservation lock is held
 */
void dgem_job_put(struct dgem_job *job)
{
	kref_put(&job->refs, dgem_job_destroy);
}

static void dgem_job_reap(struct work_struct *reap)
{
	dgem_job_put(container_of(reap, struct dgem_job, reap));
}

static struct dma_fence *dgem_sched_run(struct drm_sched_job *sched_job)
{
	struct dgem_job *job = to_dgem_job(sched_job);
	struct dgem_engine *engine = job->ddev->engine;
	struct dma_fence *fence = &job->fence->base;
	int error = sched_job->s_fence->finished.error;
	bool cookie;

	if (error) {
		dgem_log_end(job->log, job->number, error);
		return NULL;
	}

	cookie = dma_fence_begin_signalling();
	/* a context of its own: the engine's order is the scheduler's business */
	dma_fence_init(fence, &dgem_fence_ops, &job->fence->lock, dma_fence_context_alloc(1), 1);
	job->running = true;
	dma_fence_get(fence);
	dgem_log_run(job->log, job->number, &job->work.done);
	trace_dgem_job_run(job);
	engine->ops->run(engine, &job->work);
	dma_fence_end_signalling(cookie);
	return fence;
}

static enum drm_gpu_sched_stat dgem_sched_timedout(struct drm_sched_job *sched_job)
{
	struct dgem_job *job = to_dgem_job(sched_job);
	struct dgem_device *ddev = job->ddev;
	struct dgem_engine *engine = ddev->engine;
	u64 progress = engine->ops->progress(engine, &job->work);

	if (progress == job->seen && !READ_ONCE(ddev->asleep)) {
		dev_notice_ratelimited(ddev->drm.dev, "%s: no progress after %llu bytes, job given up\n",
				       engine->name, progress);
		engine->ops->stop(engine, &job->work, -ETIMEDOUT);
	}
	job->seen = progress;
	dgem_sched_keep(&ddev->sched, sched_job);
	return DRM_GPU_SCHED_STAT_NO_HANG;
}

static void dgem_sched_free(struct drm_sched_job *sched_job)
{
	struct dgem_job *job = to_dgem_job(sched_job);
	int error = sched_job->s_fence->finished.error;

	if (error)
		atomic64_inc(&job->ddev->stats.jobs_failed);
	/* the queue was torn down, or what the job waited for has failed */
	if (!job->running)
		trace_dgem_job_done(job, error);
	dgem_sched_forget(sched_job);
	drm_sched_job_cleanup(sched_job);
	if (!dgem_job_put_here(job)) {
		INIT_WORK(&job->reap, dgem_job_reap);
		queue_work(dgem_reap_wq, &job->reap);
	}
}

static const struct drm_sched_backend_ops dgem_sched_ops = {
	.run_job = dgem_sched_run,
	.timedout_job = dgem_sched_timedout,
	.free_job = dgem_sched_free,
};

static void dgem_sched_fini_entities(struct dgem_file *file, int count)
{
	while (count--)
		drm_sched_entity_fini(&file->entities[count]);
}

/* What still waits in @file is dropped; the caller has stopped the scheduler's workers. */
static void dgem_sched_kill(struct dgem_device *ddev, struct dgem_file *file)
{
	lockdep_assert_held(&ddev->files_lock);

	if (!file->dead)
		dgem_sched_fini_entities(file, DGEM_PRIO_COUNT);
	file->dead = true;
}

/**
 * dgem_sched_open - let a file have jobs
 * @ddev: the instance
 * @file: the file, zeroed
 *
 * Return: 0 or an error, with which nothing is left in the file.
 */
int dgem_sched_open(struct dgem_device *ddev, struct dgem_file *file)
{
	struct drm_gpu_scheduler *sched = &ddev->sched;
	int i, ret;

	file->log = dgem_log_new();
	if (!file->log)
		return -ENOMEM;
	for (i = 0; i < DGEM_PRIO_COUNT; i++) {
		ret = drm_sched_entity_init(&file->entities[i], dgem_prios[i], &sched, 1, NULL);
		if (ret)
			goto err_entities;
	}
	mutex_init(&file->submit_lock);

	mutex_lock(&ddev->files_lock);
	list_add_tail(&file->node, &ddev->files);
	mutex_unlock(&ddev->files_lock);
	return 0;

err_entities:
	dgem_sched_fini_entities(file, i);
	dgem_log_put(file->log);
	return ret;
}

/**
 * dgem_sched_close - a file ends, with it its jobs
 * @ddev: the instance, removed or not
 * @file: the file
 *
 * Waits for jobs that are queued, as long as drm_sched finds right for a process that exits, and
 * not at all for one that is killed. What still waits then is dropped.
 */
void dgem_sched_close(struct dgem_device *ddev, struct dgem_file *file)
{
	bool killed = (current->flags & PF_EXITING) && current->exit_code == SIGKILL;
	int i;

	/* an entity that is dead already is idle; flushing kills in a killed process */
	for (i = 0; i < DGEM_PRIO_COUNT && !killed; i++)
		drm_sched_entity_flush(&file->entities[i], MAX_WAIT_SCHED_ENTITY_Q_EMPTY);

	mutex_lock(&ddev->files_lock);
	drm_sched_wqueue_stop(&ddev->sched);
	list_del(&file->node);
	dgem_sched_kill(ddev, file);
	drm_sched_wqueue_start(&ddev->sched);
	mutex_unlock(&ddev->files_lock);

	mutex_destroy(&file->submit_lock);
	dgem_log_put(file->log);
}

/**
 * dgem_sched_init - set up the queue in front of the engine
 * @ddev: the instance, with its engine
 *
 * Return: 0 or an error.
 */
int dgem_sched_init(struct dgem_device *ddev)
{
	const struct drm_sched_init_args args = {
		.ops = &dgem_sched_ops,
		.submit_wq = ddev->engine->wq,
		.num_rqs = DRM_SCHED_PRIORITY_COUNT,
		.credit_limit = 1,
		.timeout = msecs_to_jiffies(max(dgem_timeout_ms, 1U)),
		.name = "dgem",
		.dev = ddev->drm.dev,
	};

	return drm_sched_init(&ddev->sched, &args);
}

/**
 * dgem_sched_fini - undo dgem_sched_init(); no file and no job is left
 * @ddev: the instance
 */
void dgem_sched_fini(struct dgem_device *ddev)
{
	/* the last job's reaper may be faster than the worker that freed it */
	drm_sched_wqueue_stop(&ddev->sched);
	/* and others may be looking at a fence's names, which are in here */
	synchronize_rcu();
	drm_sched_fini(&ddev->sched);
}

/**
 * dgem_sched_shutdown - stop all jobs, for good
 * @ddev: the instance, unplugged
 *
 * The jobs' fences are signalled with an error, those of waiting jobs as soon as the fences that
 * they wait for are. No job touches the engine afterwards.
 */
void dgem_sched_shutdown(struct dgem_device *ddev)
{
	struct dgem_file *file;

	mutex_lock(&ddev->files_lock);
	drm_sched_wqueue_stop(&ddev->sched);
	list_for_each_entry(file, &ddev->files, node)
		dgem_sched_kill(ddev, file);
	ddev->engine->ops->shutdown(ddev->engine);
	drm_sched_wqueue_start(&ddev->sched);
	mutex_unlock(&ddev->files_lock);
}

/**
 * dgem_sched_module_init - what all instances share
 *
 * Return: 0 or -ENOMEM.
 */
int dgem_sched_module_init(void)
{
	dgem_reap_wq = alloc_workqueue("dgem-reap", WQ_UNBOUND, 0);
	return dgem_reap_wq ? 0 : -ENOMEM;
}

/**
 * dgem_sched_module_exit - undo dgem_sched_module_init(); the instances have been removed
 *
 * Waits for the jobs that are still on their way out.
 */
void dgem_sched_module_exit(void)
{
	wait_var_event(&dgem_jobs, !atomic_read(&dgem_jobs));
	destroy_workqueue(dgem_reap_wq);
}
