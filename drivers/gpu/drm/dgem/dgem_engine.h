/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 */
#ifndef _DGEM_ENGINE_H_
#define _DGEM_ENGINE_H_

#include <linux/atomic.h>
#include <linux/iosys-map.h>
#include <linux/types.h>

#include "dgem_mapping.h"
#include "dgem_range.h"

struct device;
struct dgem_device;
struct dgem_engine;
struct dgem_object;
struct sg_table;
struct workqueue_struct;

/**
 * struct dgem_engine_ref - an object that a job works on
 */
struct dgem_engine_ref {
	/** @obj: the object, with a reference */
	struct dgem_object *obj;
	/** @handle: the handle by which the job was given it */
	u32 handle;
	/** @read: some operation reads it */
	bool read;
	/** @write: some operation writes it */
	bool write;
	/** @pinned: dgem_gem_pin() keeps its memory until the job is armed */
	bool pinned;
	/** @open: a CPU access window is open (cpu engine) */
	bool open;
	/** @map: kernel mapping (cpu engine) */
	struct iosys_map map;
	/** @run_start: first of the bytes that @run_vaddr leads to (cpu engine) */
	u64 run_start;
	/** @run_end: where they end; 0 as long as nothing was looked up */
	u64 run_end;
	/** @run_vaddr: address of what has addresses of its own, as last looked up */
	void *run_vaddr;
};

/**
 * struct dgem_engine_op - one copy or fill, checked against its objects
 */
struct dgem_engine_op {
	/** @src: index of the object read in &dgem_engine_job.refs; of a copy */
	u32 src;
	/** @dst: index of the object written */
	u32 dst;
	/** @src_rect: what is read, as wide and high as @dst_rect; of a fill the same as that */
	struct dgem_rect src_rect;
	/** @dst_rect: what is written */
	struct dgem_rect dst_rect;
	/** @pattern: what a fill writes, repeated to eight bytes */
	u64 pattern;
	/** @pattern_size: bytes of the pattern as it was given; 0 for a copy */
	u32 pattern_size;
};

/**
 * struct dgem_engine_job - work for an engine: copies and fills, in order
 *
 * An engine gets objects and offsets rather than scatterlists: of an import the CPU has no pages,
 * and the DMA engine no kernel mapping.
 */
struct dgem_engine_job {
	/** @ops: the copies and fills */
	struct dgem_engine_op *ops;
	/** @count: number of @ops, not zero */
	u32 count;
	/** @ref_count: number of @refs */
	u32 ref_count;
	/** @refs: the objects */
	struct dgem_engine_ref *refs;
	/** @done: bytes written so far, counted by the engine */
	atomic64_t done;
	/** @stop: why to end early, or 0 (cpu engine) */
	int stop;
	/**
	 * @complete: the job is over: called once for each &dgem_engine_ops.run, from any context,
	 * with 0 or an error. The job may be gone when it returns.
	 */
	void (*complete)(struct dgem_engine_job *job, int error);
};

/**
 * struct dgem_engine_ops - what moves bytes
 */
struct dgem_engine_ops {
	/** @type: &enum drm_dgem_engine_type */
	u32 type;
	/**
	 * @prepare: make the job's objects reachable, one after the other. They are pinned until
	 * the job is armed. May sleep, allocate and wait for the objects' fences; no lock is held.
	 * Undone by @unprepare, after an error too
	 */
	int (*prepare)(struct dgem_engine *engine, struct dgem_engine_job *job);
	/**
	 * @unprepare: undo @prepare, the job is over or was never run; may sleep. Optional: objects
	 * stay mapped for a DMA engine
	 */
	void (*unprepare)(struct dgem_engine *engine, struct dgem_engine_job *job);
	/**
	 * @unprepare_locks: will @unprepare take reservation locks for this job? If not it does
	 * without the objects as well. Optional: it never does
	 */
	bool (*unprepare_locks)(const struct dgem_engine_job *job);
	/**
	 * @run: start a job; none other is running. Called within the annotation that its fence
	 * depends on it (dma_fence_begin_signalling()): allocates nothing that could wait for
	 * memory. An engine that was shut down completes the job with -ENODEV.
	 */
	void (*run)(struct dgem_engine *engine, struct dgem_engine_job *job);
	/** @progress: bytes written so far of the job that is running; never goes back */
	u64 (*progress)(struct dgem_engine *engine, struct dgem_engine_job *job);
	/**
	 * @stop: end a job that was run, if it is not over yet, and complete it with @error. The
	 * caller makes sure that the job stays; others may start at any time.
	 */
	void (*stop)(struct dgem_engine *engine, struct dgem_engine_job *job, int error);
	/**
	 * @suspend: bring the engine to a halt, &dgem_device.asleep set: what is with the device
	 * comes back, and nothing follows, run or not. Returns 0, or -EBUSY if that takes too long.
	 * Optional.
	 */
	int (*suspend)(struct dgem_engine *engine);
	/** @resume: go on, &dgem_device.asleep cleared; after a failed @suspend, too. Optional */
	void (*resume)(struct dgem_engine *engine);
	/** @shutdown: end the running job with -ENODEV, for good, and give the device back */
	void (*shutdown)(struct dgem_engine *engine);
	/** @free: free the engine after @shutdown */
	void (*free)(struct dgem_engine *engine);
};

/**
 * struct dgem_engine - an engine of an instance
 */
struct dgem_engine {
	/** @ops: what it can do */
	const struct dgem_engine_ops *ops;
	/** @ddev: its instance */
	struct dgem_device *ddev;
	/**
	 * @dev: device for which objects are mapped, with a reference; the instance's own for the
	 * cpu engine
	 */
	struct device *dev;
	/** @provider: device whose driver the engine depends on, with a reference, or NULL */
	struct device *provider;
	/** @reach: what memory @dev reaches; DGEM_REACH_ALL for the cpu engine */
	enum dgem_reach reach;
	/** @wq: ordered, the scheduler works here, too; NULL: it has a workqueue of its own */
	struct workqueue_struct *wq;
	/** @name: the channel's name, or "cpu" */
	const char *name;
	/** @copy_align: addresses and lengths are multiples of this many bytes, a power of two */
	u32 copy_align;
	/** @max_segment: bytes of the longest segment */
	u32 max_segment;
};

struct dgem_engine *dgem_engine_cpu_create(struct dgem_device *ddev);
struct dgem_engine *dgem_engine_dma_create(struct dgem_device *ddev, const char *channel);

#endif
