// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/align.h>
#include <linux/dma-mapping.h>
#include <linux/overflow.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <drm/dgem_drm.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_ioctl.h>
#include <drm/drm_utils.h>

#include "compat/dgem_compat.h"
#include "dgem_device.h"
#include "dgem_engine.h"
#include "dgem_gem.h"
#include "dgem_ioctl.h"
#include "dgem_log.h"
#include "dgem_mem.h"
#include "dgem_mem_reserved.h"
#include "dgem_op.h"
#include "dgem_quota.h"
#include "dgem_range.h"
#include "dgem_sparse.h"
#include "dgem_submit.h"
#include "dgem_sync.h"

/**
 * DOC: ioctls
 *
 * Each refuses what it does not know, makes sure that the instance stays for the time being, and
 * calls the file that knows how. What user space sees is documented in the uAPI header.
 */

/* the longest answer that a client may make room for */
#define DGEM_MAX_ANSWER	4096

/*
 * DRM copies an answer out when all is done, and can't undo what was done if that fails. So a byte
 * of each page is written before, with what it is: a job is short, and fault_in_safe_writeable(),
 * which goes the way of a fault, would take a tenth of it.
 */
static bool dgem_answer_fits(unsigned int cmd, unsigned long arg)
{
	unsigned long size = cmd & IOC_OUT ? _IOC_SIZE(cmd) : 0, at;
	char byte;

	for (at = arg; at - arg < size; at = ALIGN(at + 1, PAGE_SIZE)) {
		char __user *page = (char __user *)at;

		if (get_user(byte, page) || put_user(byte, page))
			return false;
	}
	return true;
}

/**
 * dgem_ioctl - any ioctl, DRM's own too, &file_operations.unlocked_ioctl
 * @file: the DRM file
 * @cmd: the ioctl
 * @arg: user pointer to its argument
 *
 * Return: 0 or an error; -EFAULT, with nothing done, if the answer has nowhere to go.
 */
long dgem_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return dgem_answer_fits(cmd, arg) ? drm_ioctl(file, cmd, arg) : -EFAULT;
}

#ifdef CONFIG_COMPAT
/**
 * dgem_compat_ioctl - the same for a 32-bit caller, &file_operations.compat_ioctl
 * @file: the DRM file
 * @cmd: the ioctl
 * @arg: user pointer to its argument
 *
 * Return: as dgem_ioctl().
 */
long dgem_compat_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return dgem_answer_fits(cmd, arg) ? drm_compat_ioctl(file, cmd, arg) : -EFAULT;
}
#endif

/**
 * union dgem_answer - room for any answer to a QUERY
 */
union dgem_answer {
	/** @device: DRM_DGEM_QUERY_DEVICE */
	struct drm_dgem_query_device device;
	/** @engine: DRM_DGEM_QUERY_ENGINE */
	struct drm_dgem_query_engine engine;
	/** @stats: DRM_DGEM_QUERY_STATS */
	struct drm_dgem_query_stats stats;
};

static u32 dgem_query_device(struct dgem_device *ddev, struct drm_dgem_query_device *answer)
{
	answer->kinds = dgem_gem_kinds(ddev);
	answer->max_size = dgem_gem_max_size();
	answer->page_size = PAGE_SIZE;
	answer->max_ops = DGEM_MAX_OPS;
	answer->quota = ddev->config.quota;
	answer->file_quota = ddev->config.file_quota;
	answer->pool = dgem_reserved_size(ddev);
	strscpy(answer->name, ddev->config.name, sizeof(answer->name));
	return sizeof(*answer);
}

static u32 dgem_query_engine(struct dgem_device *ddev, struct drm_dgem_query_engine *answer)
{
	struct dgem_engine *engine = ddev->engine;

	answer->type = engine->ops->type;
	answer->copy_align = engine->copy_align;
	answer->dma_mask = dma_get_mask(engine->dev);
	answer->max_segment = engine->max_segment;
	answer->ops = dgem_op_codes();
	strscpy(answer->name, engine->name, sizeof(answer->name));
	if (engine->provider)
		strscpy(answer->device, dev_name(engine->provider), sizeof(answer->device));
	return sizeof(*answer);
}

static u32 dgem_query_stats(struct dgem_device *ddev, struct dgem_file *dfile,
			    struct drm_dgem_query_stats *answer)
{
	answer->objects = atomic64_read(&ddev->stats.objects);
	answer->bytes = atomic64_read(&ddev->stats.bytes);
	answer->vmas = atomic64_read(&ddev->stats.vmas);
	answer->jobs = atomic64_read(&ddev->stats.jobs);
	answer->jobs_failed = atomic64_read(&ddev->stats.jobs_failed);
	answer->bytes_dma = atomic64_read(&ddev->stats.bytes_dma);
	answer->bytes_cpu = atomic64_read(&ddev->stats.bytes_cpu);
	answer->pool_free = dgem_reserved_available(ddev);
	answer->file_bytes = atomic64_read(&dfile->account->bytes);
	return sizeof(*answer);
}

static int dgem_answer(struct dgem_device *ddev, struct dgem_file *dfile, u32 type,
		       union dgem_answer *answer)
{
	switch (type) {
	case DRM_DGEM_QUERY_DEVICE:
		return dgem_query_device(ddev, &answer->device);
	case DRM_DGEM_QUERY_ENGINE:
		return dgem_query_engine(ddev, &answer->engine);
	case DRM_DGEM_QUERY_STATS:
		return dgem_query_stats(ddev, dfile, &answer->stats);
	default:
		return -EINVAL;
	}
}

/**
 * dgem_ioctl_query - DRM_IOCTL_DGEM_QUERY
 * @drm: the instance
 * @data: &struct drm_dgem_query
 * @file: the caller
 *
 * Return: 0 or an error, see the uAPI header.
 */
int dgem_ioctl_query(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_dgem_query *args = data;
	void __user *to = u64_to_user_ptr(args->data);
	union dgem_answer answer = {};
	int idx, size;
	u32 given;

	if (args->pad || (args->data && args->size > DGEM_MAX_ANSWER))
		return -EINVAL;
	if (!drm_dev_enter(drm, &idx))
		return -ENODEV;
	size = dgem_answer(to_dgem_device(drm), file->driver_priv, args->type, &answer);
	drm_dev_exit(idx);
	if (size < 0)
		return size;

	if (args->data) {
		given = min_t(u32, args->size, size);
		if (copy_to_user(to, &answer, given) ||
		    clear_user(to + given, args->size - given))
			return -EFAULT;
	}
	args->size = size;
	return 0;
}

/**
 * dgem_ioctl_create - DRM_IOCTL_DGEM_CREATE
 * @drm: the instance
 * @data: &struct drm_dgem_create
 * @file: the caller
 *
 * Return: 0 or an error, see the uAPI header.
 */
int dgem_ioctl_create(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_dgem_create *args = data;
	struct dgem_file *dfile = file->driver_priv;
	struct dgem_object *obj;
	int idx, ret;

	if (!drm_dev_enter(drm, &idx))
		return -ENODEV;

	obj = dgem_gem_create(to_dgem_device(drm), dfile->account, args);
	if (IS_ERR(obj)) {
		ret = PTR_ERR(obj);
		goto out_exit;
	}
	args->size = obj->base.size;
	ret = drm_gem_handle_create(file, &obj->base, &args->handle);
	drm_gem_object_put(&obj->base);

out_exit:
	drm_dev_exit(idx);
	return ret;
}

/**
 * dgem_dumb_create - DRM_IOCTL_MODE_CREATE_DUMB, &drm_driver.dumb_create
 * @file: the caller
 * @drm: the instance
 * @args: width, height and bits a pixel, whose product DRM has checked
 *
 * Return: 0, -EINVAL or -ENOMEM.
 */
int dgem_dumb_create(struct drm_file *file, struct drm_device *drm,
		     struct drm_mode_create_dumb *args)
{
	struct drm_dgem_create create = { .kind = DRM_DGEM_KIND_CONTIGUOUS };
	int ret;

	if (check_mul_overflow(args->width, DIV_ROUND_UP(args->bpp, 8), &args->pitch))
		return -EINVAL;
	create.size = mul_u32_u32(args->pitch, args->height);
	ret = dgem_ioctl_create(drm, &create, file);
	if (ret)
		return ret;
	args->size = create.size;
	args->handle = create.handle;
	return 0;
}

/**
 * dgem_dumb_map_offset - DRM_IOCTL_MODE_MAP_DUMB, &drm_driver.dumb_map_offset
 * @file: the caller
 * @drm: the instance
 * @handle: the object
 * @offset: set to what mmap() wants
 *
 * DRM knows imports by an attachment, which ours don't always have.
 *
 * Return: 0, -ENOENT, or -EINVAL for an import, as with all drivers.
 */
int dgem_dumb_map_offset(struct drm_file *file, struct drm_device *drm, u32 handle, u64 *offset)
{
	struct drm_gem_object *gem = drm_gem_object_lookup(file, handle);
	bool import;

	if (!gem)
		return -ENOENT;
	import = to_dgem_object(gem)->dmabuf;
	drm_gem_object_put(gem);
	return import ? -EINVAL : drm_gem_dumb_map_offset(file, drm, handle, offset);
}

static u32 dgem_segments(struct dgem_object *obj)
{
	struct sg_table *sgt;
	u32 segments;

	/* the engine's mapping comes with the first job and may go with the engine */
	dma_resv_lock(obj->base.resv, NULL);
	sgt = dgem_gem_engine_sgt(obj);
	segments = sgt ? sgt->nents : obj->extent_segments;
	dma_resv_unlock(obj->base.resv);
	return segments;
}

/**
 * dgem_ioctl_info - DRM_IOCTL_DGEM_INFO
 * @drm: the instance
 * @data: &struct drm_dgem_info
 * @file: the caller
 *
 * Return: 0 or an error, see the uAPI header.
 */
int dgem_ioctl_info(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_dgem_info *args = data;
	struct drm_gem_object *gem;
	struct dgem_object *obj;
	int idx;

	if (args->flags || args->pad)
		return -EINVAL;
	gem = drm_gem_object_lookup(file, args->handle);
	if (!gem)
		return -ENOENT;
	if (!drm_dev_enter(drm, &idx)) {
		drm_gem_object_put(gem);
		return -ENODEV;
	}

	obj = to_dgem_object(gem);
	args->size = gem->size;
	args->kind = obj->ops->kind;
	args->caps = dgem_gem_caps(obj);
	args->cache_asked = obj->cache_asked;
	args->cache_granted = obj->cache_granted;
	args->segments = dgem_segments(obj);
	args->vmas = atomic_read(&obj->vmas);
	args->resident = dgem_quota_charged(obj);
	args->create_flags = obj->flags;
	args->pad2 = 0;

	drm_dev_exit(idx);
	drm_gem_object_put(gem);
	return 0;
}

/**
 * dgem_ioctl_mmap - DRM_IOCTL_DGEM_MMAP
 * @drm: the instance
 * @data: &struct drm_dgem_mmap
 * @file: the caller
 *
 * Return: 0 or an error, see the uAPI header.
 */
int dgem_ioctl_mmap(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_dgem_mmap *args = data;
	struct drm_gem_object *gem;
	int ret = 0;

	if (args->flags)
		return -EINVAL;
	gem = drm_gem_object_lookup(file, args->handle);
	if (!gem)
		return -ENOENT;

	if (dgem_gem_caps(to_dgem_object(gem)) & DRM_DGEM_CAP_MMAP)
		args->offset = drm_vma_node_offset_addr(&gem->vma_node);
	else
		ret = -EOPNOTSUPP;

	drm_gem_object_put(gem);
	return ret;
}

static int dgem_sync_range(struct dgem_object *obj, const struct drm_dgem_sync *args)
{
	bool read = args->flags & DRM_DGEM_SYNC_READ, write = args->flags & DRM_DGEM_SYNC_WRITE;
	enum dma_data_direction dir;
	int idx, ret;

	ret = dgem_range_check(args->offset, args->length, obj->base.size);
	if (ret)
		return ret;
	if (write && obj->readonly)
		return -EACCES;

	/* this may take long, and must not keep the instance from being removed */
	if (!(args->flags & DRM_DGEM_SYNC_END)) {
		ret = dgem_sync_wait(obj, write, drm_timeout_abs_to_jiffies(args->timeout_ns));
		if (ret)
			return ret;
	}

	if (!drm_dev_enter(obj->base.dev, &idx))
		return -ENODEV;
	dir = read && write ? DMA_BIDIRECTIONAL : write ? DMA_TO_DEVICE : DMA_FROM_DEVICE;
	if (args->flags & DRM_DGEM_SYNC_END)
		ret = dgem_sync_end(obj, args->offset, args->length, dir);
	else
		ret = dgem_sync_begin(obj, args->offset, args->length, dir);
	drm_dev_exit(idx);
	return ret;
}

/**
 * dgem_ioctl_sync - DRM_IOCTL_DGEM_SYNC
 * @drm: the instance
 * @data: &struct drm_dgem_sync
 * @file: the caller
 *
 * Return: 0 or an error, see the uAPI header.
 */
int dgem_ioctl_sync(struct drm_device *drm, void *data, struct drm_file *file)
{
	const u32 flags = DRM_DGEM_SYNC_READ | DRM_DGEM_SYNC_WRITE | DRM_DGEM_SYNC_END;
	struct drm_dgem_sync *args = data;
	struct drm_gem_object *gem;
	int ret;

	if ((args->flags & ~flags) || !(args->flags & (DRM_DGEM_SYNC_READ | DRM_DGEM_SYNC_WRITE)))
		return -EINVAL;
	gem = drm_gem_object_lookup(file, args->handle);
	if (!gem)
		return -ENOENT;

	ret = dgem_sync_range(to_dgem_object(gem), args);
	drm_gem_object_put(gem);
	return ret;
}

/**
 * dgem_ioctl_submit - DRM_IOCTL_DGEM_SUBMIT
 * @drm: the instance
 * @data: &struct drm_dgem_submit
 * @file: the caller
 *
 * Return: 0 or an error, see the uAPI header.
 */
int dgem_ioctl_submit(struct drm_device *drm, void *data, struct drm_file *file)
{
	int idx, ret;

	if (!drm_dev_enter(drm, &idx))
		return -ENODEV;
	ret = dgem_submit(to_dgem_device(drm), file, data);
	drm_dev_exit(idx);
	return ret;
}

/**
 * dgem_ioctl_purge - DRM_IOCTL_DGEM_PURGE
 * @drm: the instance
 * @data: &struct drm_dgem_purge
 * @file: the caller
 *
 * Return: 0 or an error, see the uAPI header.
 */
int dgem_ioctl_purge(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_dgem_purge *args = data;
	struct drm_gem_object *gem;
	int idx, ret;

	if ((args->flags & ~DRM_DGEM_PURGE_FORCE) || !PAGE_ALIGNED(args->offset | args->length))
		return -EINVAL;
	gem = drm_gem_object_lookup(file, args->handle);
	if (!gem)
		return -ENOENT;

	ret = dgem_range_check(args->offset, args->length, gem->size);
	if (!ret && drm_dev_enter(drm, &idx)) {
		ret = dgem_sparse_purge(to_dgem_object(gem), args->offset, args->length,
					args->flags & DRM_DGEM_PURGE_FORCE);
		drm_dev_exit(idx);
	} else if (!ret) {
		ret = -ENODEV;
	}
	drm_gem_object_put(gem);
	return ret;
}

/**
 * dgem_ioctl_job - DRM_IOCTL_DGEM_JOB
 * @drm: the instance
 * @data: &struct drm_dgem_job
 * @file: the caller
 *
 * Return: 0 or an error, see the uAPI header.
 */
int dgem_ioctl_job(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct dgem_file *dfile = file->driver_priv;
	struct drm_dgem_job *args = data;
	int idx, ret;

	if (args->flags || args->pad)
		return -EINVAL;
	if (!drm_dev_enter(drm, &idx))
		return -ENODEV;
	ret = dgem_log_read(dfile->log, args);
	drm_dev_exit(idx);
	return ret;
}
