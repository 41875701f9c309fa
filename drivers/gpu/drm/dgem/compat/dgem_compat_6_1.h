/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 *
 * What 6.1 lacks or spells differently, included by dgem_compat.h there. Beside this there are the
 * headers in include/, which are found where a kernel has none of their names.
 */
#ifndef _DGEM_COMPAT_6_1_H_
#define _DGEM_COMPAT_6_1_H_

#include <linux/debugfs.h>
#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/seq_file.h>
#include <linux/shrinker.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/drm_managed.h>
#include <drm/gpu_scheduler.h>

/* 6.8: the largest order that there is; it was the smallest that there is not */
#ifndef MAX_PAGE_ORDER
#define MAX_PAGE_ORDER	(MAX_ORDER - 1)
#endif

/* 6.6 */
#ifndef __counted_by
#define __counted_by(member)
#endif

/* 6.3: the flags have keepers */
static inline void vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags |= flags;
}

static inline void vm_flags_clear(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags &= ~flags;
}

/* 6.9; the mm is always the current one, see dgem_compat.h */
static inline unsigned long mm_get_unmapped_area(struct mm_struct *mm, struct file *file,
						 unsigned long addr, unsigned long len,
						 unsigned long pgoff, unsigned long flags)
{
	return mm->get_unmapped_area(file, addr, len, pgoff, flags);
}

/* 6.6: entries of a page table for consecutive page frames */
static inline void set_ptes(struct mm_struct *mm, unsigned long addr, pte_t *ptep, pte_t pte,
			    unsigned int count)
{
	unsigned long pfn = pte_pfn(pte);
	pgprot_t prot = pte_pgprot(pte);
	unsigned int i;

	for (i = 0; i < count; i++)
		set_pte_at(mm, addr + i * PAGE_SIZE, ptep + i, pfn_pte(pfn + i, prot));
}

/* 6.12 has flags for files; the one used was DRM's to set, and no driver's */
#define fop_flags		mmap_supported_flags
#define FOP_UNSIGNED_OFFSET	0

/* 6.5 tells of a file's use of the device; see DGEM_FDINFO, too */
#define drm_show_fdinfo		NULL

enum drm_gem_object_status {
	DRM_GEM_OBJECT_RESIDENT = BIT(0),
};

/* 6.11: remove() returns nothing; what it was called on the way there */
#define remove			remove_new

/* 6.7: shrinkers are allocated. This module has one: it has the name of the module here. */
static inline struct shrinker *shrinker_alloc(unsigned int flags, const char *name)
{
	return kzalloc(sizeof(struct shrinker), GFP_KERNEL);
}

static inline void shrinker_register(struct shrinker *shrinker)
{
	if (register_shrinker(shrinker, KBUILD_MODNAME))
		pr_warn("no shrinker\n");
}

static inline void shrinker_free(struct shrinker *shrinker)
{
	unregister_shrinker(shrinker);
	kfree(shrinker);
}

/* 6.3 */
static inline int drm_sched_job_add_resv_dependencies(struct drm_sched_job *job,
						      struct dma_resv *resv,
						      enum dma_resv_usage usage)
{
	struct dma_resv_iter cursor;
	struct dma_fence *fence;
	int ret;

	dma_resv_assert_held(resv);
	dma_resv_for_each_fence(&cursor, resv, usage, fence) {
		ret = drm_sched_job_add_dependency(job, dma_fence_get(fence));
		if (ret)
			return ret;
	}
	return 0;
}

/* 6.7: jobs have costs; work items replace the thread */
#define drm_sched_job_init(job, entity, credits, owner, client) \
	drm_sched_job_init(job, entity, owner)

static inline void drm_sched_wqueue_stop(struct drm_gpu_scheduler *sched)
{
	kthread_park(sched->thread);
}

static inline void drm_sched_wqueue_start(struct drm_gpu_scheduler *sched)
{
	kthread_unpark(sched->thread);
}

/* 6.3: debugfs files of a device rather than of its nodes, and before it is registered */
struct drm_debugfs_entry {
	struct drm_device *dev;
	int (*show)(struct seq_file *m, void *data);
};

static inline int dgem_compat_debugfs_open(struct inode *inode, struct file *file)
{
	struct drm_debugfs_entry *entry = inode->i_private;

	return single_open(file, entry->show, entry);
}

static inline void dgem_compat_debugfs_remove(void *folder)
{
	debugfs_remove(folder);
}

/* A folder with the device's name beside those of the nodes, as newer kernels have it. */
static inline void drm_debugfs_add_file(struct drm_device *dev, const char *name,
					int (*show)(struct seq_file *m, void *data), void *data)
{
	static const struct file_operations fops = {
		.owner = THIS_MODULE,
		.open = dgem_compat_debugfs_open,
		.read = seq_read,
		.llseek = seq_lseek,
		.release = single_release,
	};
	struct drm_debugfs_entry *entry = drmm_kzalloc(dev, sizeof(*entry), GFP_KERNEL);
	struct dentry *top = debugfs_lookup("dri", NULL), *folder;

	if (!entry || !top)
		return;
	entry->dev = dev;
	entry->show = show;
	folder = debugfs_lookup(dev->unique, top);
	if (!folder) {
		folder = debugfs_create_dir(dev->unique, top);
		/* with the device: its name may be another's before the last file is closed */
		if (devm_add_action_or_reset(dev->dev, dgem_compat_debugfs_remove, folder))
			folder = NULL;
	} else {
		dput(folder);
	}
	if (folder)
		debugfs_create_file(name, 0444, folder, entry, &fops);
	dput(top);
}

/* 6.9, and 6.2: for the KUnit tests, which have KUnit's header */
#define KUNIT_ARRAY_PARAM_DESC(name, array, member)				\
	static void name##_tell(const typeof((array)[0]) *param, char *desc)	\
	{									\
		strscpy(desc, (*param).member, KUNIT_PARAM_DESC_SIZE);	\
	}									\
	KUNIT_ARRAY_PARAM(name, array, name##_tell)

#define KUNIT_EXPECT_MEMEQ(test, left, right, size) \
	KUNIT_EXPECT_EQ(test, memcmp(left, right, size), 0)

#endif
