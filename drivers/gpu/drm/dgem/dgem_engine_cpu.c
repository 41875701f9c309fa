// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/dma-fence.h>
#include <linux/dma-mapping.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

#include <drm/dgem_drm.h>
#include <drm/drm_drv.h>
#include <drm/drm_gem.h>

#include "compat/dgem_compat.h"
#include "dgem_device.h"
#include "dgem_engine.h"
#include "dgem_gem.h"
#include "dgem_mapping.h"
#include "dgem_mem.h"

/**
 * DOC: the cpu engine
 *
 * For machines without a usable DMA channel a worker copies, from kernel mapping to kernel mapping.
 * The mappings are made before the job is armed: that may allocate. It copies where the scheduler
 * works, between its starting this job and its starting the next: to wake a second worker and the
 * first one again would cost a small job more than its copying. A work of its own it is even so:
 * the scheduler can be stopped while a long job runs.
 *
 * CPU access windows of our own memory are opened and closed around each copy. Those of an import
 * are its exporter's, and opening one waits for the buffer's fences, of which one is about to be
 * this job's own. So they are opened before the job is armed, after the fences that are there have
 * been waited for, and closed by the worker before the fence is signalled, outside of the annotated
 * section. Two limits of that: data that arrives with a fence of another kind (a syncobj to wait
 * for) after the window was opened may be stale where the exporter's device does not snoop; and an
 * exporter that takes the buffer's reservation lock to close a window (i915 and panthor do) must
 * not have somebody wait for the buffer's fences under that lock. DMA engines have neither limit.
 */

/* bytes copied between two looks at whether to stop or to yield */
#define DGEM_CPU_CHUNK	SZ_64K

/**
 * struct dgem_engine_cpu - a worker
 */
struct dgem_engine_cpu {
	/** @base: the engine */
	struct dgem_engine base;
	/** @work: copies @job */
	struct work_struct work;
	/** @job: the running job; written when no work is queued */
	struct dgem_engine_job *job;
	/** @gone: shut down */
	bool gone;
};

/**
 * struct dgem_cpu_side - what an operation reads or writes
 */
struct dgem_cpu_side {
	/** @ref: the object; NULL for where a fill reads */
	struct dgem_engine_ref *ref;
	/** @rect: which part of it */
	struct dgem_rect rect;
};

static struct dgem_engine_cpu *to_dgem_engine_cpu(struct dgem_engine *engine)
{
	return container_of(engine, struct dgem_engine_cpu, base);
}

static int dgem_cpu_stopped(const struct dgem_engine_cpu *cpu, const struct dgem_engine_job *job)
{
	return READ_ONCE(cpu->gone) ? -ENODEV : READ_ONCE(job->stop);
}

static enum dma_data_direction dgem_cpu_dir(const struct dgem_engine_ref *ref)
{
	if (ref->read && ref->write)
		return DMA_BIDIRECTIONAL;
	return ref->write ? DMA_TO_DEVICE : DMA_FROM_DEVICE;
}

static int dgem_cpu_open(struct dgem_engine_ref *ref)
{
	struct dgem_object *obj = ref->obj;
	int ret;

	if (!obj->dmabuf)
		return 0;

	/* somebody else's fence must not keep the instance from being removed */
	do {
		if (drm_dev_is_unplugged(obj->base.dev))
			return -ENODEV;
		ret = dgem_sync_wait(obj, ref->write, HZ / 10);
	} while (ret == -ETIME);
	if (ret)
		return ret;
	ret = dgem_sync(obj, 0, obj->base.size, dgem_cpu_dir(ref), true);
	if (ret)
		return ret;
	ref->open = true;
	return 0;
}

static int dgem_cpu_close(struct dgem_engine_ref *ref)
{
	if (!ref->open)
		return 0;
	ref->open = false;
	return dgem_sync(ref->obj, 0, ref->obj->base.size, dgem_cpu_dir(ref), false);
}

static int dgem_cpu_populate(struct dgem_object *obj, const struct dgem_rect *rect)
{
	return dgem_gem_populate(obj, rect->offset, dgem_rect_end(rect) - rect->offset);
}

/* an import is mapped as a whole, and dma-buf warns if that fails: no more than can be had */
static u64 dgem_cpu_import_max(void)
{
	return min3((u64)SZ_256M, PFN_PHYS((u64)totalram_pages() / 2), (u64)VMALLOC_TOTAL / 4);
}

static int dgem_cpu_prepare(struct dgem_engine *engine, struct dgem_engine_job *job)
{
	u32 i;

	for (i = 0; i < job->count; i++) {
		const struct dgem_engine_op *op = &job->ops[i];
		int ret;

		ret = op->pattern_size ? 0 :
		      dgem_cpu_populate(job->refs[op->src].obj, &op->src_rect);
		if (ret)
			return ret;
		ret = dgem_cpu_populate(job->refs[op->dst].obj, &op->dst_rect);
		if (ret)
			return ret;
	}

	for (i = 0; i < job->ref_count; i++) {
		struct dgem_engine_ref *ref = &job->refs[i];
		struct drm_gem_object *gem = &ref->obj->base;
		int ret;

		/* no mapping needed, and no window to open before */
		if (ref->obj->ops->at)
			continue;
		if (ref->obj->dmabuf && gem->size > dgem_cpu_import_max())
			return -EOPNOTSUPP;
		ret = dma_resv_lock_interruptible(gem->resv, NULL);
		if (ret)
			return ret;
		ret = dgem_gem_vmap(gem, &ref->map);
		dma_resv_unlock(gem->resv);
		if (ret) {
			iosys_map_clear(&ref->map);
			return ret == -EINVAL ? -EOPNOTSUPP : ret;
		}

		ret = dgem_cpu_open(ref);
		if (ret)
			return ret;
	}
	return 0;
}

static void dgem_cpu_unprepare(struct dgem_engine *engine, struct dgem_engine_job *job)
{
	u32 i;

	for (i = 0; i < job->ref_count; i++) {
		struct dgem_engine_ref *ref = &job->refs[i];
		struct drm_gem_object *gem = &ref->obj->base;

		dgem_cpu_close(ref);
		if (iosys_map_is_null(&ref->map))
			continue;
		dma_resv_lock(gem->resv, NULL);
		dgem_gem_vunmap(gem, &ref->map);
		dma_resv_unlock(gem->resv);
	}
}

static bool dgem_cpu_unprepare_locks(const struct dgem_engine_job *job)
{
	u32 i;

	for (i = 0; i < job->ref_count; i++)
		if (!iosys_map_is_null(&job->refs[i].map))
			return true;
	return false;
}

/* not inline: the block is cleared at the start of whatever has it, for each row of a copy */
static noinline void dgem_cpu_copy_iomem(struct iosys_map *dst, struct iosys_map *src, size_t len)
{
	u8 between[64];
	size_t at, n;

	for (at = 0; at < len; at += n) {
		n = min(len - at, sizeof(between));
		iosys_map_memcpy_from(between, src, at, n);
		iosys_map_memcpy_to(dst, at, between, n);
	}
}

static void dgem_cpu_copy(struct iosys_map *dst, struct iosys_map *src, size_t len)
{
	if (!src->is_iomem)
		iosys_map_memcpy_to(dst, 0, src->vaddr, len);
	else if (!dst->is_iomem)
		iosys_map_memcpy_from(dst->vaddr, src, 0, len);
	else
		dgem_cpu_copy_iomem(dst, src, len);
}

/* bytes and pattern are as the operation was checked to be: a whole number of aligned patterns */
static void dgem_cpu_fill(struct iosys_map *dst, const struct dgem_engine_op *op, size_t len)
{
	u64 block[8];
	size_t at, n;

	if (dst->is_iomem) {
		memset64(block, op->pattern, ARRAY_SIZE(block));
		for (at = 0; at < len; at += n) {
			n = min(len - at, sizeof(block));
			iosys_map_memcpy_to(dst, at, block, n);
		}
		return;
	}
	switch (op->pattern_size) {
	case 1:
		memset(dst->vaddr, op->pattern, len);
		break;
	case 2:
		memset16(dst->vaddr, op->pattern, len / 2);
		break;
	case 4:
		memset32(dst->vaddr, op->pattern, len / 4);
		break;
	default:
		memset64(dst->vaddr, op->pattern, len / 8);
	}
}

static void dgem_cpu_window(const struct dgem_cpu_side *side, bool begin,
			    enum dma_data_direction dir)
{
	u64 length = dgem_rect_end(&side->rect) - side->rect.offset;

	if (!side->ref || side->ref->obj->dmabuf)
		return;
	dgem_sync(side->ref->obj, side->rect.offset, length, dir, begin);
}

static noinline void dgem_cpu_look_up(struct dgem_engine_ref *ref, u64 page)
{
	u64 run;

	ref->run_vaddr = ref->obj->ops->at(ref->obj, page, &run);
	ref->run_start = page << PAGE_SHIFT;
	ref->run_end = (page + run) << PAGE_SHIFT;
}

/*
 * Where a byte is, and how many of the @len bytes from there on are in the same place, which is
 * mostly where the row before was. Memory stays there as long as a job works on it.
 */
static inline size_t dgem_cpu_find(struct dgem_engine_ref *ref, u64 at, size_t len,
				   struct iosys_map *map)
{
	if (!ref->obj->ops->at) {
		*map = IOSYS_MAP_INIT_OFFSET(&ref->map, at);
		return len;
	}
	if (at < ref->run_start || at >= ref->run_end)
		dgem_cpu_look_up(ref, at >> PAGE_SHIFT);
	iosys_map_set_vaddr(map, ref->run_vaddr + (at - ref->run_start));
	return min_t(u64, len, ref->run_end - at);
}

static void dgem_cpu_row(struct dgem_engine_cpu *cpu, struct dgem_engine_job *job,
			 const struct dgem_engine_op *op, const struct dgem_cpu_side *src,
			 const struct dgem_cpu_side *dst, u32 row)
{
	u64 src_at = src->rect.offset + row * src->rect.pitch;
	u64 dst_at = dst->rect.offset + row * dst->rect.pitch;
	u64 width = dst->rect.width;

	while (width && !dgem_cpu_stopped(cpu, job)) {
		size_t len = min_t(u64, width, DGEM_CPU_CHUNK);
		struct iosys_map to, from;

		len = dgem_cpu_find(dst->ref, dst_at, len, &to);
		if (op->pattern_size) {
			dgem_cpu_fill(&to, op, len);
		} else {
			len = dgem_cpu_find(src->ref, src_at, len, &from);
			dgem_cpu_copy(&to, &from, len);
		}
		atomic64_add(len, &job->done);
		src_at += len;
		dst_at += len;
		width -= len;
		cond_resched();
	}
}

static void dgem_cpu_op(struct dgem_engine_cpu *cpu, struct dgem_engine_job *job,
			const struct dgem_engine_op *op)
{
	struct dgem_cpu_side src = { op->pattern_size ? NULL : &job->refs[op->src], op->src_rect };
	struct dgem_cpu_side dst = { &job->refs[op->dst], op->dst_rect };
	u32 row;

	dgem_rects_collapse(&src.rect, &dst.rect);

	/* the destination is read as well: what shares a cache line with it must stay */
	dgem_cpu_window(&src, true, DMA_FROM_DEVICE);
	dgem_cpu_window(&dst, true, DMA_BIDIRECTIONAL);
	for (row = 0; row < dst.rect.height; row++)
		dgem_cpu_row(cpu, job, op, &src, &dst, row);
	dgem_cpu_window(&dst, false, DMA_BIDIRECTIONAL);
	dgem_cpu_window(&src, false, DMA_FROM_DEVICE);
}

static void dgem_cpu_work(struct work_struct *work)
{
	struct dgem_engine_cpu *cpu = container_of(work, struct dgem_engine_cpu, work);
	struct dgem_engine_job *job = cpu->job;
	int error, ret;
	bool cookie;
	u32 i;

	cookie = dma_fence_begin_signalling();
	for (i = 0; i < job->count && !dgem_cpu_stopped(cpu, job); i++)
		dgem_cpu_op(cpu, job, &job->ops[i]);
	atomic64_add(atomic64_read(&job->done), &cpu->base.ddev->stats.bytes_cpu);
	dma_fence_end_signalling(cookie);

	error = dgem_cpu_stopped(cpu, job);
	for (i = 0; i < job->ref_count; i++) {
		ret = dgem_cpu_close(&job->refs[i]);
		if (ret && !error)
			error = ret;
	}

	cookie = dma_fence_begin_signalling();
	WRITE_ONCE(cpu->job, NULL);
	job->complete(job, error);
	dma_fence_end_signalling(cookie);
}

static void dgem_cpu_run(struct dgem_engine *engine, struct dgem_engine_job *job)
{
	struct dgem_engine_cpu *cpu = to_dgem_engine_cpu(engine);

	if (READ_ONCE(cpu->gone)) {
		job->complete(job, -ENODEV);
		return;
	}
	/* the worker of the job before may be on its way out still: queue_work() takes care */
	WRITE_ONCE(cpu->job, job);
	queue_work(engine->wq, &cpu->work);
}

static u64 dgem_cpu_progress(struct dgem_engine *engine, struct dgem_engine_job *job)
{
	return atomic64_read(&job->done);
}

static void dgem_cpu_stop(struct dgem_engine *engine, struct dgem_engine_job *job, int error)
{
	struct dgem_engine_cpu *cpu = to_dgem_engine_cpu(engine);

	WRITE_ONCE(job->stop, error);
	if (READ_ONCE(cpu->job) == job)
		flush_work(&cpu->work);
}

static void dgem_cpu_shutdown(struct dgem_engine *engine)
{
	struct dgem_engine_cpu *cpu = to_dgem_engine_cpu(engine);

	WRITE_ONCE(cpu->gone, true);
	flush_work(&cpu->work);
}

static void dgem_cpu_free(struct dgem_engine *engine)
{
	struct dgem_engine_cpu *cpu = to_dgem_engine_cpu(engine);

	destroy_workqueue(engine->wq);
	put_device(engine->dev);
	kfree(cpu);
}

static const struct dgem_engine_ops dgem_engine_cpu_ops = {
	.type = DRM_DGEM_ENGINE_CPU,
	.prepare = dgem_cpu_prepare,
	.unprepare = dgem_cpu_unprepare,
	.unprepare_locks = dgem_cpu_unprepare_locks,
	.run = dgem_cpu_run,
	.progress = dgem_cpu_progress,
	.stop = dgem_cpu_stop,
	.shutdown = dgem_cpu_shutdown,
	.free = dgem_cpu_free,
};

/**
 * dgem_engine_cpu_create - the engine that is always there
 * @ddev: the instance
 *
 * Return: the engine or -ENOMEM.
 */
struct dgem_engine *dgem_engine_cpu_create(struct dgem_device *ddev)
{
	struct dgem_engine_cpu *cpu;

	cpu = kzalloc_obj(*cpu);
	if (!cpu)
		return ERR_PTR(-ENOMEM);

	/*
	 * A job ends before the devices whose memory it may copy go to sleep, and those of others
	 * may need its end to get memory.
	 */
	cpu->base.wq = alloc_ordered_workqueue("dgem-cpu", WQ_MEM_RECLAIM | WQ_FREEZABLE);
	if (!cpu->base.wq) {
		kfree(cpu);
		return ERR_PTR(-ENOMEM);
	}
	INIT_WORK(&cpu->work, dgem_cpu_work);

	cpu->base.ops = &dgem_engine_cpu_ops;
	cpu->base.ddev = ddev;
	cpu->base.dev = get_device(ddev->dma_dev);
	cpu->base.name = "cpu";
	cpu->base.copy_align = 1;
	cpu->base.max_segment = U32_MAX;
	return &cpu->base;
}
