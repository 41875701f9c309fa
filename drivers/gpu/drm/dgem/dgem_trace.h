/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM dgem

#if !defined(_DGEM_TRACE_H_) || defined(TRACE_HEADER_MULTI_READ)
#define _DGEM_TRACE_H_

#include <linux/scatterlist.h>
#include <linux/tracepoint.h>

#include <drm/dgem_drm.h>
#include <drm/drm_file.h>

#include "dgem_device.h"
#include "dgem_gem.h"
#include "dgem_job.h"
#include "dgem_mapping.h"
#include "dgem_mem.h"

TRACE_DEFINE_ENUM(DRM_DGEM_KIND_CONTIGUOUS);
TRACE_DEFINE_ENUM(DRM_DGEM_KIND_COHERENT);
TRACE_DEFINE_ENUM(DRM_DGEM_KIND_IMPORT);
TRACE_DEFINE_ENUM(DRM_DGEM_KIND_PAGES);
TRACE_DEFINE_ENUM(DRM_DGEM_KIND_VMALLOC);
TRACE_DEFINE_ENUM(DRM_DGEM_KIND_RESERVED);
TRACE_DEFINE_ENUM(DRM_DGEM_KIND_IO);
TRACE_DEFINE_ENUM(DRM_DGEM_KIND_USER);
TRACE_DEFINE_ENUM(DGEM_MAPPING_OWN);
TRACE_DEFINE_ENUM(DGEM_MAPPING_IMPORTER);
TRACE_DEFINE_ENUM(DGEM_MAPPING_ENGINE);

/* instances are told apart by the number of their render node */
DECLARE_EVENT_CLASS(dgem_object,
		    TP_PROTO(const struct dgem_object *obj),
		    TP_ARGS(obj),
		    TP_STRUCT__entry(__field(const void *, obj)
				     __field(u64, size)
				     __field(int, minor)
				     __field(u32, kind)),
		    TP_fast_assign(__entry->obj = obj;
				   __entry->size = obj->base.size;
				   __entry->minor = obj->base.dev->render->index;
				   __entry->kind = obj->ops->kind;),
		    TP_printk("minor=%d obj=%p kind=%s size=%llu",
			      __entry->minor, __entry->obj,
			      __print_symbolic(__entry->kind,
					       { DRM_DGEM_KIND_CONTIGUOUS, "contiguous" },
					       { DRM_DGEM_KIND_COHERENT, "coherent" },
					       { DRM_DGEM_KIND_IMPORT, "import" },
					       { DRM_DGEM_KIND_PAGES, "pages" },
					       { DRM_DGEM_KIND_VMALLOC, "vmalloc" },
					       { DRM_DGEM_KIND_RESERVED, "reserved" },
					       { DRM_DGEM_KIND_IO, "io" },
					       { DRM_DGEM_KIND_USER, "user" }),
			      __entry->size)
);

/* an object has its memory, and is about to get a handle */
DEFINE_EVENT(dgem_object, dgem_object_create,
	     TP_PROTO(const struct dgem_object *obj),
	     TP_ARGS(obj)
);

/* the last reference to an object is gone */
DEFINE_EVENT(dgem_object, dgem_object_free,
	     TP_PROTO(const struct dgem_object *obj),
	     TP_ARGS(obj)
);

/* memory of an object was mapped for a device: the engine, an importer, the instance itself */
TRACE_EVENT(dgem_object_map,
	    TP_PROTO(const struct dgem_object *obj, const struct dgem_mapping *map),
	    TP_ARGS(obj, map),
	    TP_STRUCT__entry(__field(const void *, obj)
			     __field(u64, offset)
			     __field(u64, length)
			     __field(int, minor)
			     __field(u32, segments)),
	    TP_fast_assign(__entry->obj = obj;
			   __entry->offset = map->offset;
			   __entry->length = map->length;
			   __entry->minor = obj->base.dev->render->index;
			   __entry->segments = map->sgt->nents;),
	    TP_printk("minor=%d obj=%p offset=%llu length=%llu segments=%u",
		      __entry->minor, __entry->obj, __entry->offset,
		      __entry->length, __entry->segments)
);

/* memory is handed over to the CPU or back, for each owner of a mapping that needs it */
TRACE_EVENT(dgem_object_sync,
	    TP_PROTO(const struct dgem_object *obj, u32 owner, bool for_cpu),
	    TP_ARGS(obj, owner, for_cpu),
	    TP_STRUCT__entry(__field(const void *, obj)
			     __field(int, minor)
			     __field(u32, owner)
			     __field(bool, for_cpu)),
	    TP_fast_assign(__entry->obj = obj;
			   __entry->minor = obj->base.dev->render->index;
			   __entry->owner = owner;
			   __entry->for_cpu = for_cpu;),
	    TP_printk("minor=%d obj=%p owner=%s to=%s",
		      __entry->minor, __entry->obj,
		      __print_symbolic(__entry->owner,
				       { DGEM_MAPPING_OWN, "own" },
				       { DGEM_MAPPING_IMPORTER, "importer" },
				       { DGEM_MAPPING_ENGINE, "engine" }),
		      __entry->for_cpu ? "cpu" : "device")
);

/*
 * A job is told by the context and number of its fence, by which the events of the scheduler and of
 * fences have it, too.
 */
TRACE_EVENT(dgem_job_queue,
	    TP_PROTO(const struct dgem_job *job),
	    TP_ARGS(job),
	    TP_STRUCT__entry(__field(u64, context)
			     __field(u64, seqno)
			     __field(u64, number)
			     __field(int, minor)
			     __field(u32, ops)
			     __field(u32, objects)),
	    TP_fast_assign(__entry->context = job->base.s_fence->finished.context;
			   __entry->seqno = job->base.s_fence->finished.seqno;
			   __entry->number = job->number;
			   __entry->minor = job->ddev->drm.render->index;
			   __entry->ops = job->work.count;
			   __entry->objects = job->work.ref_count;),
	    TP_printk("minor=%d fence=%llu:%llu job=%llu ops=%u objects=%u",
		      __entry->minor, __entry->context, __entry->seqno,
		      __entry->number, __entry->ops, __entry->objects)
);

/* the engine gets a job */
TRACE_EVENT(dgem_job_run,
	    TP_PROTO(const struct dgem_job *job),
	    TP_ARGS(job),
	    TP_STRUCT__entry(__field(u64, context)
			     __field(u64, seqno)
			     __field(int, minor)),
	    TP_fast_assign(__entry->context = job->base.s_fence->finished.context;
			   __entry->seqno = job->base.s_fence->finished.seqno;
			   __entry->minor = job->ddev->drm.render->index;),
	    TP_printk("minor=%d fence=%llu:%llu",
		      __entry->minor, __entry->context, __entry->seqno)
);

/* a job is over, run or not: its fence is about to signal, or has done so without being run */
TRACE_EVENT(dgem_job_done,
	    TP_PROTO(const struct dgem_job *job, int error),
	    TP_ARGS(job, error),
	    TP_STRUCT__entry(__field(u64, context)
			     __field(u64, seqno)
			     __field(u64, bytes)
			     __field(int, minor)
			     __field(int, error)),
	    TP_fast_assign(__entry->context = job->base.s_fence->finished.context;
			   __entry->seqno = job->base.s_fence->finished.seqno;
			   __entry->bytes = atomic64_read(&job->work.done);
			   __entry->minor = job->ddev->drm.render->index;
			   __entry->error = error;),
	    TP_printk("minor=%d fence=%llu:%llu bytes=%llu error=%d",
		      __entry->minor, __entry->context, __entry->seqno,
		      __entry->bytes, __entry->error)
);

#endif

/* found by the Makefile's -I, in a kernel tree as well as beside one */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE dgem_trace
#include <trace/define_trace.h>
