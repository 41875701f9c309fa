// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/cgroup_dmem.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmstat.h>

#include <drm/drm_drv.h>
#include <drm/drm_print.h>

#include "compat/dgem_compat.h"
#include "dgem_device.h"
#include "dgem_gem.h"
#include "dgem_mem.h"
#include "dgem_quota.h"

/**
 * DOC: quotas
 *
 * Memory that is allocated for an object is charged three times: to the instance, to the file that
 * made the object, and, where the kernel has it and the memory is contiguous, to the dmem cgroup of
 * the process that made it. A charge that one of them does not allow for is undone in all of them
 * (-ENOSPC).
 *
 * A charge follows the memory, not the handle: it is made before memory is allocated, for a lazy
 * object granule by granule, and stays until the memory is given back, be it held by a dma-buf, a
 * mapping, a job or a pipe, even if the file is gone by then.
 *
 * Memory that existed before the object (imports, device windows) is not charged; user memory
 * counts against RLIMIT_MEMLOCK. Whatever comes from the page allocator is accounted to the memory
 * cgroup as it is allocated (DGEM_GFP), and so is what the driver needs for itself: objects,
 * tables, jobs.
 *
 * Without any limit the machine's own memory is one: see dgem_memory_begin().
 *
 * Offsets for mmap() are a resource of the device, too, of which each file has a share
 * (DGEM_FILE_SPACE): a lazy object takes them without taking memory (-EOVERFLOW).
 */

/**
 * dgem_account_new - an account for a file
 * @limit: the most bytes that may be charged, or 0 for no limit
 *
 * Return: the account with one reference, for dgem_account_put(), or NULL.
 */
struct dgem_account *dgem_account_new(u64 limit)
{
	struct dgem_account *account;

	account = kzalloc_obj(*account, DGEM_GFP);
	if (!account)
		return NULL;
	kref_init(&account->refs);
	account->limit = limit;
	return account;
}

/**
 * dgem_account_get - one more reference
 * @account: the account
 *
 * Return: @account.
 */
struct dgem_account *dgem_account_get(struct dgem_account *account)
{
	kref_get(&account->refs);
	return account;
}

static void dgem_account_free(struct kref *refs)
{
	kfree(container_of(refs, struct dgem_account, refs));
}

/**
 * dgem_account_put - one reference less
 * @account: the account
 */
void dgem_account_put(struct dgem_account *account)
{
	kref_put(&account->refs, dgem_account_free);
}

/* Adding first and looking later would refuse others what fits. */
static int dgem_quota_add(atomic64_t *bytes, u64 by, u64 limit)
{
	s64 old = atomic64_read(bytes);

	do {
		if (limit && (old > limit || by > limit - old))
			return -ENOSPC;
	} while (!atomic64_try_cmpxchg(bytes, &old, old + by));
	return 0;
}

/* Kinds of contiguous memory are charged once, as a whole: there is one cgroup to remember. */
static int dgem_quota_charge_cgroup(struct dgem_object *obj, u64 bytes)
{
	struct dgem_device *ddev = to_dgem_device(obj->base.dev);
	struct dmem_cgroup_region *region = ddev->regions[obj->ops->region];
	int ret;

	if (!region)
		return 0;
	ret = dmem_cgroup_try_charge(region, bytes, &obj->cgroup, NULL);
	return ret == -EAGAIN ? -ENOSPC : ret;
}

/**
 * dgem_quota_charge - charge memory that is going to be allocated for an object
 * @obj: the object; whoever calls sees to it that charges and uncharges of one object follow one
 *	another. Kinds with a &dgem_mem_ops.region are charged once
 * @bytes: how much
 *
 * Return: 0; -ENOSPC if a limit of the instance, of the file or of a cgroup does not allow for it,
 * or -ENOMEM, with nothing charged.
 */
int dgem_quota_charge(struct dgem_object *obj, u64 bytes)
{
	struct dgem_device *ddev = to_dgem_device(obj->base.dev);
	struct dgem_account *account = obj->account;
	int ret;

	ret = dgem_quota_add(&ddev->stats.bytes, bytes, ddev->config.quota);
	if (ret) {
		drm_dbg(&ddev->drm, "%llu bytes are too many for the instance\n", bytes);
		return ret;
	}
	if (account) {
		ret = dgem_quota_add(&account->bytes, bytes, account->limit);
		if (ret) {
			drm_dbg(&ddev->drm, "%llu bytes are too many for the file\n", bytes);
			goto err_device;
		}
	}
	ret = dgem_quota_charge_cgroup(obj, bytes);
	if (ret) {
		drm_dbg(&ddev->drm, "%llu bytes are too many for the cgroup: %d\n", bytes, ret);
		goto err_account;
	}
	atomic64_add(bytes, &obj->charged);
	return 0;

err_account:
	if (account)
		atomic64_sub(bytes, &account->bytes);
err_device:
	atomic64_sub(bytes, &ddev->stats.bytes);
	return ret;
}

/**
 * dgem_quota_uncharge - give a part of a charge back
 * @obj: the object
 * @bytes: how much, of what dgem_quota_charge() charged; all of it for kinds with a
 *	&dgem_mem_ops.region
 */
void dgem_quota_uncharge(struct dgem_object *obj, u64 bytes)
{
	struct dgem_device *ddev = to_dgem_device(obj->base.dev);

	if (obj->cgroup) {
		dmem_cgroup_uncharge(obj->cgroup, bytes);
		obj->cgroup = NULL;
	}
	if (obj->account)
		atomic64_sub(bytes, &obj->account->bytes);
	atomic64_sub(bytes, &ddev->stats.bytes);
	atomic64_sub(bytes, &obj->charged);
}

/* bytes that are being allocated, by all instances */
static atomic64_t dgem_memory_coming;

/**
 * dgem_memory_begin - ask whether the machine has memory to spare
 * @bytes: what is going to be allocated from the page allocator, granules at most; 0 asks for
 *	something small, and needs no dgem_memory_end()
 *
 * The OOM killer wakes for whoever finds no memory next, and ends others than the one that has it
 * all: what an object has is in nobody's resident set. So the last 32nd of the machine's memory is
 * left alone. Free CMA memory does not count as available: the kernel itself can't use it.
 *
 * Return: true if it has; dgem_memory_end() is due when @bytes have been allocated, or could not
 * be.
 */
bool dgem_memory_begin(u64 bytes)
{
	s64 spare = si_mem_available() - (s64)global_zone_page_state(NR_FREE_CMA_PAGES) -
		    (s64)totalram_pages() / 32;

	return spare > 0 && !dgem_quota_add(&dgem_memory_coming, bytes, (u64)spare << PAGE_SHIFT);
}

/**
 * dgem_memory_end - undo dgem_memory_begin(): it shows in what is available now
 * @bytes: as there
 */
void dgem_memory_end(u64 bytes)
{
	atomic64_sub(bytes, &dgem_memory_coming);
}

/**
 * dgem_quota_take_offset - see to it that an object has an mmap offset
 * @obj: the object
 * @account: who pays, if the object has no account yet
 *
 * Own objects have their offset from the start: their dma-bufs are mapped by it too. An import's
 * mappings are its exporter's, so it gets one when somebody asks.
 *
 * Return: 0 or -EOVERFLOW.
 */
int dgem_quota_take_offset(struct dgem_object *obj, struct dgem_account *account)
{
	struct dgem_device *ddev = to_dgem_device(obj->base.dev);
	int ret = 0;

	mutex_lock(&ddev->objects_lock);
	if (drm_mm_node_allocated(&obj->base.vma_node.vm_node))
		goto out;
	if (!obj->account)
		obj->account = dgem_account_get(account);
	ret = -EOVERFLOW;
	if (dgem_quota_add(&obj->account->space, obj->base.size, DGEM_FILE_SPACE)) {
		drm_dbg(&ddev->drm, "%zu bytes are too many for the file's mmap offsets\n",
			obj->base.size);
		goto out;
	}
	if (!drm_gem_create_mmap_offset(&obj->base))
		ret = 0;
	else
		atomic64_sub(obj->base.size, &obj->account->space);
out:
	mutex_unlock(&ddev->objects_lock);
	return ret;
}

/**
 * dgem_quota_release - give back all charges of an object and its account
 * @obj: the object, its memory freed
 */
void dgem_quota_release(struct dgem_object *obj)
{
	dgem_quota_uncharge(obj, atomic64_read(&obj->charged));
	if (drm_mm_node_allocated(&obj->base.vma_node.vm_node)) {
		/* the offset first, so that whoever is given the space finds one */
		drm_gem_free_mmap_offset(&obj->base);
		atomic64_sub(obj->base.size, &obj->account->space);
	}
	if (obj->account)
		dgem_account_put(obj->account);
	obj->account = NULL;
}

/**
 * dgem_quota_add_region - let cgroups limit a part of the instance's memory
 * @ddev: the instance, before it is registered
 * @which: the part
 * @name: how user space calls it
 * @size: bytes that there are of it, at most; 0 if there is none
 *
 * Return: 0 or an error.
 */
int dgem_quota_add_region(struct dgem_device *ddev, enum dgem_region which, const char *name,
			  u64 size)
{
	const struct dmem_cgroup_init init = { .size = size };
	struct dmem_cgroup_region *region;

	if (!size)
		return 0;
	region = drmm_cgroup_register_region(&ddev->drm, name, &init);
	if (IS_ERR(region))
		return PTR_ERR(region);
	/* none, without such cgroups */
	ddev->regions[which] = region;
	return 0;
}
