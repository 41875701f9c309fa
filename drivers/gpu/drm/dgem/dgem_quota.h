/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 */
#ifndef _DGEM_QUOTA_H_
#define _DGEM_QUOTA_H_

#include <linux/atomic.h>
#include <linux/kref.h>
#include <linux/types.h>

#include <drm/drm_vma_manager.h>

struct dgem_device;
struct dgem_object;

/**
 * define DGEM_FILE_SPACE - bytes of mmap offsets that the objects of one file may take together
 *
 * No object is larger: a multiple of the page size, that size_t can hold.
 * A lazy object takes offsets without taking memory. See dgem_device_create() for what the device
 * has of them for all of its clients: 65,536 times as much, or with 32 bits four times.
 */
#define DGEM_FILE_SPACE	(IS_ENABLED(CONFIG_64BIT) ? 64ULL << 30 : \
			 ((u64)DRM_FILE_PAGE_OFFSET_SIZE << PAGE_SHIFT) / 4)

/**
 * enum dgem_region - memory that the dmem cgroup limits
 */
enum dgem_region {
	/** @DGEM_REGION_NONE: not its matter */
	DGEM_REGION_NONE,
	/** @DGEM_REGION_CONTIGUOUS: contiguous and coherent memory */
	DGEM_REGION_CONTIGUOUS,
	/** @DGEM_REGION_RESERVED: the instance's pool */
	DGEM_REGION_RESERVED,
	/** @DGEM_REGIONS: how many there are */
	DGEM_REGIONS,
};

/**
 * struct dgem_account - what an open file has made
 *
 * Objects outlive the file that made them; their account stays with them.
 */
struct dgem_account {
	/** @refs: the file, and each object charged to it */
	struct kref refs;
	/** @bytes: bytes of memory charged */
	atomic64_t bytes;
	/** @limit: the most that @bytes may be, or 0 for no limit */
	u64 limit;
	/** @space: bytes of mmap offsets taken */
	atomic64_t space;
};

struct dgem_account *dgem_account_new(u64 limit);
struct dgem_account *dgem_account_get(struct dgem_account *account);
void dgem_account_put(struct dgem_account *account);
int dgem_quota_charge(struct dgem_object *obj, u64 bytes);
void dgem_quota_uncharge(struct dgem_object *obj, u64 bytes);
bool dgem_memory_begin(u64 bytes);
void dgem_memory_end(u64 bytes);
int dgem_quota_take_offset(struct dgem_object *obj, struct dgem_account *account);
void dgem_quota_release(struct dgem_object *obj);
int dgem_quota_add_region(struct dgem_device *ddev, enum dgem_region which, const char *name,
			  u64 size);

#endif
