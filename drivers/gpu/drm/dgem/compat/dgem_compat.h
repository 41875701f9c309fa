/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 *
 * What older kernels lack or spell differently. The driver is written for the newest kernel; this
 * header, and this alone, knows of others.
 */
#ifndef _DGEM_COMPAT_H_
#define _DGEM_COMPAT_H_

#include <linux/module.h>
#include <linux/slab.h>
#include <linux/version.h>

#include <drm/drm_gem.h>
#include <drm/gpu_scheduler.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
#include "dgem_compat_6_1.h"
#endif

/* 7.0: typed allocation */
#ifndef kzalloc_obj
#define DGEM_FIRST(gfp, ...)	gfp
#define kzalloc_obj(p, ...)	kzalloc(sizeof(p), DGEM_FIRST(__VA_ARGS__ __VA_OPT__(,) GFP_KERNEL))
#define kmalloc_obj(p, ...)	kmalloc(sizeof(p), DGEM_FIRST(__VA_ARGS__ __VA_OPT__(,) GFP_KERNEL))
#define kvzalloc_obj(p, gfp)	kvzalloc(sizeof(p), gfp)
#endif

/* 6.13: name spaces are strings */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#undef MODULE_IMPORT_NS
#define MODULE_IMPORT_NS(ns)	MODULE_INFO(import_ns, ns)
#endif

/* 6.14: no more dates; before, a driver without one provokes a warning */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
#define DGEM_DRIVER_DATE	.date = "20261121",
#else
#define DGEM_DRIVER_DATE
#endif

/* 6.5: files tell what memory they have, and their driver how much of it */
/* 6.6: PRIME works without being asked for */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
#define DGEM_FDINFO(member)
#define DGEM_PRIME_HANDLES	.prime_fd_to_handle = drm_gem_prime_fd_to_handle, \
				.gem_prime_mmap = drm_gem_prime_mmap,
#else
#define DGEM_FDINFO(member)	member,
#define DGEM_PRIME_HANDLES
#endif

/*
 * 6.15: folios can be mapped without VM_MIXEDMAP. Before, the kernel maps pages that a fault
 * returns one by one, and a folio of a huge page's size as a huge page where it takes the place for
 * the right one: it goes by the file's offsets, which say nothing about our memory. So there are
 * none of that size.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
#include <linux/mm.h>

static inline void dgem_folio_limit(bool folios, unsigned int *order)
{
	if (folios)
		*order = min_t(unsigned int, *order, PMD_SHIFT - PAGE_SHIFT - 1);
}

static inline vm_fault_t vmf_insert_page_mkwrite(struct vm_fault *vmf, struct page *page,
						 bool write)
{
	return VM_FAULT_FALLBACK;
}

static inline vm_fault_t vmf_insert_folio_pmd(struct vm_fault *vmf, struct folio *folio,
					      bool write)
{
	return VM_FAULT_FALLBACK;
}
#else
static inline void dgem_folio_limit(bool folios, unsigned int *order)
{
}
#endif

/* 6.15, and stable kernels that took it over, see flags.mk: drm_sched_init() takes a structure */
#ifndef DGEM_HAS_SCHED_INIT_ARGS
struct drm_sched_init_args {
	const struct drm_sched_backend_ops *ops;
	struct workqueue_struct *submit_wq; /* before 6.7 there is a thread instead */
	u32 num_rqs;
	u32 credit_limit;
	long timeout;
	const char *name;
	struct device *dev;
};

static inline int dgem_compat_sched_init(struct drm_gpu_scheduler *sched,
					 const struct drm_sched_init_args *args)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	return drm_sched_init(sched, args->ops, args->credit_limit, 0, args->timeout, NULL, NULL,
			      args->name, args->dev);
#else
	return drm_sched_init(sched, args->ops, args->submit_wq, args->num_rqs,
			      args->credit_limit, 0, args->timeout, NULL, NULL, args->name,
			      args->dev);
#endif
}

#define drm_sched_init(sched, args)	dgem_compat_sched_init(sched, args)
#endif

/* see flags.mk */
#ifdef DGEM_HAS_SIGNAL_ON_ANY
#include <linux/dma-fence-array.h>
#define dma_fence_array_create(count, fences, context, seqno) \
	dma_fence_array_create(count, fences, context, seqno, false)
#endif

/*
 * 6.17: jobs know their client. Stable kernels took that over at some point of their own, so ask
 * the prototype.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0) && \
	LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
typedef int (*dgem_compat_job_init)(struct drm_sched_job *job, struct drm_sched_entity *entity,
				    u32 credits, void *owner);
typedef int (*dgem_compat_job_init_client)(struct drm_sched_job *job,
					   struct drm_sched_entity *entity, u32 credits,
					   void *owner, u64 client);

/* the function if it is of this type, else NULL */
#define DGEM_COMPAT_JOB_INIT(type)							\
	__builtin_choose_expr(__same_type(&drm_sched_job_init, (type)NULL),		\
			      &drm_sched_job_init, (type)NULL)

static inline int dgem_compat_sched_job_init(struct drm_sched_job *job,
					     struct drm_sched_entity *entity, u32 credits,
					     void *owner, u64 client)
{
	dgem_compat_job_init_client init = DGEM_COMPAT_JOB_INIT(dgem_compat_job_init_client);
	dgem_compat_job_init older = DGEM_COMPAT_JOB_INIT(dgem_compat_job_init);

	return init ? init(job, entity, credits, owner, client)
		    : older(job, entity, credits, owner);
}

#define drm_sched_job_init(job, entity, credits, owner, client) \
	dgem_compat_sched_job_init(job, entity, credits, owner, client)
#endif

/* 6.17: page frames are numbers, and a time-out may find that nothing hangs */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#include <linux/pfn_t.h>

#define vmf_insert_pfn_pmd(vmf, pfn, write) \
	vmf_insert_pfn_pmd(vmf, __pfn_to_pfn_t(pfn, PFN_DEV), write)

#define DRM_GPU_SCHED_STAT_NO_HANG	DRM_GPU_SCHED_STAT_NOMINAL

/* gives a job back to the list that the time-out took it from; it may be over by now */
static inline void dgem_sched_keep(struct drm_gpu_scheduler *sched, struct drm_sched_job *job)
{
	spin_lock(&sched->job_list_lock);
	list_add(&job->list, &sched->pending_list);
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	if (dma_fence_is_signaled(&job->s_fence->finished))
		wake_up_interruptible(&sched->wake_up_worker);
#else
	if (dma_fence_is_signaled(&job->s_fence->finished))
		queue_work(sched->submit_wq, &sched->work_free_job);
#endif
	spin_unlock(&sched->job_list_lock);
}
#else
/* DRM_GPU_SCHED_STAT_NO_HANG does it */
static inline void dgem_sched_keep(struct drm_gpu_scheduler *sched, struct drm_sched_job *job)
{
}
#endif

/*
 * 7.3: a signalled fence forgets its operations. Before, whoever keeps the finished fence of a job
 * keeps the engine's, and in the end calls into this module, which may have gone by then. Nobody
 * needs the engine's fence when the job is over.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 3, 0)
static inline void dgem_sched_forget(struct drm_sched_job *job)
{
	struct dma_fence *parent = job->s_fence->parent;

	/* as drm_sched sets it: whoever still reads the old one holds a reference */
	smp_store_release(&job->s_fence->parent, NULL);
	dma_fence_put(parent);
}
#else
static inline void dgem_sched_forget(struct drm_sched_job *job)
{
}
#endif

/* 7.3: cgroup regions are described by a structure. From 6.14 on there are such cgroups at all. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 3, 0)
struct dmem_cgroup_init {
	u64 size;
};

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
#define drmm_cgroup_register_region(drm, name, init)	\
	((void)(init), (struct dmem_cgroup_region *)NULL)
#else
#define drmm_cgroup_register_region(drm, name, init) \
	drmm_cgroup_register_region(drm, name, (init)->size)
#endif
#endif

/* 7.3: an area, not its flags */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 3, 0)
#define vma_is_cow_mapping(vma)	is_cow_mapping((vma)->vm_flags)
#endif

/* 6.19: the address space is the current one */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0)
#define mm_get_unmapped_area(file, addr, len, pgoff, flags) \
	mm_get_unmapped_area(current->mm, file, addr, len, pgoff, flags)
#endif

#endif
