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
#include "dgem_mapping.h"
#include "dgem_mem.h"
#include "dgem_mem_pages.h"
#include "dgem_mem_reserved.h"
#include "dgem_op.h"
#include "dgem_quota.h"
#include "dgem_range.h"
#include "dgem_submit.h"

/**
 * DOC: ioctls
 *
 * Each refuses what it does not know, and calls the file that knows how. DRM has seen to it that
 * the instance is there; whoever touches the engine's device makes sure that it stays meanwhile.
 * What user space sees is documented in the uAPI header.
 */

/* the longest answer that a client may make room for */
#define DGEM_MAX_ANSWER	4096

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
	answer->max_size = DGEM_FILE_SPACE;
	answer->page_size = PAGE_SIZE;
	answer->max_ops = DGEM_MAX_OPS;
	answer->quota = ddev->config.quota;
	answer->file_quota = ddev->config.file_quota;
	answer->pool = dgem_reserved_size(ddev);
	answer->granule = DGEM_GRANULE;
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
	int ret;

	obj = dgem_gem_create(to_dgem_device(drm), dfile->account, args);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	args->size = obj->base.size;
	ret = drm_gem_handle_create(file, &obj->base, &args->handle);
	drm_gem_object_put(&obj->base);
	return ret;
}

/**
 * dgem_dumb_create - DRM_IOCTL_MODE_CREATE_DUMB, &drm_driver.dumb_create
 * @file: the caller
 * @drm: the instance
 * @args: width, height and bits a pixel, whose product DRM has checked
 *
 * Return: 0, -EINVAL, or as for a contiguous object, see &struct drm_dgem_create.
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

/* the offset of an object, which has one from now on */
static int dgem_map_offset(struct drm_file *file, struct drm_gem_object *gem, u64 *offset)
{
	struct dgem_file *dfile = file->driver_priv;
	struct dgem_object *obj = to_dgem_object(gem);
	int ret;

	if (!(dgem_gem_caps(obj) & DRM_DGEM_CAP_MMAP))
		return -EOPNOTSUPP;
	ret = dgem_quota_take_offset(obj, dfile->account);
	if (!ret)
		*offset = drm_vma_node_offset_addr(&gem->vma_node);
	return ret;
}

/**
 * dgem_dumb_map_offset - DRM_IOCTL_MODE_MAP_DUMB, &drm_driver.dumb_map_offset
 * @file: the caller
 * @drm: the instance
 * @handle: the object
 * @offset: set to what mmap() wants
 *
 * DRM's helper knows imports by an attachment, which ours don't always have, and takes offsets on
 * nobody's account.
 *
 * Return: 0, -ENOENT, or -EINVAL for an import, as with all drivers.
 */
int dgem_dumb_map_offset(struct drm_file *file, struct drm_device *drm, u32 handle, u64 *offset)
{
	struct drm_gem_object *gem = drm_gem_object_lookup(file, handle);
	int ret;

	if (!gem)
		return -ENOENT;
	ret = to_dgem_object(gem)->dmabuf ? -EINVAL : dgem_map_offset(file, gem, offset);
	drm_gem_object_put(gem);
	return ret;
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

	if (args->flags || args->pad)
		return -EINVAL;
	gem = drm_gem_object_lookup(file, args->handle);
	if (!gem)
		return -ENOENT;

	obj = to_dgem_object(gem);
	args->size = gem->size;
	args->kind = obj->ops->kind;
	args->caps = dgem_gem_caps(obj);
	args->cache_asked = obj->cache_asked;
	args->cache_granted = obj->cache_granted;
	args->segments = READ_ONCE(obj->segments);
	args->vmas = atomic_read(&obj->vmas);
	args->resident = atomic64_read(&obj->charged);
	args->create_flags = obj->flags;
	args->pad2 = 0;

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
	int ret;

	if (args->flags)
		return -EINVAL;
	gem = drm_gem_object_lookup(file, args->handle);
	if (!gem)
		return -ENOENT;
	ret = dgem_map_offset(file, gem, &args->offset);
	drm_gem_object_put(gem);
	return ret;
}

static int dgem_sync_range(struct dgem_object *obj, const struct drm_dgem_sync *args)
{
	bool read = args->flags & DRM_DGEM_SYNC_READ, write = args->flags & DRM_DGEM_SYNC_WRITE;
	bool begin = !(args->flags & DRM_DGEM_SYNC_END);
	enum dma_data_direction dir;
	int ret;

	ret = dgem_range_check(args->offset, args->length, obj->base.size);
	if (ret)
		return ret;
	if (write && obj->readonly)
		return -EACCES;

	/* neither this nor an exporter's own waiting keeps any device from being removed */
	if (begin) {
		ret = dgem_sync_wait(obj, write, 0);
		if (ret == -ETIME)
			ret = dgem_sync_wait(obj, write,
					     drm_timeout_abs_to_jiffies(args->timeout_ns));
		if (ret)
			return ret;
	}

	if (drm_dev_is_unplugged(obj->base.dev))
		return -ENODEV;
	dir = read && write ? DMA_BIDIRECTIONAL : write ? DMA_TO_DEVICE : DMA_FROM_DEVICE;
	return dgem_sync(obj, args->offset, args->length, dir, begin);
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
	return dgem_submit(to_dgem_device(drm), file, data);
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
	int ret;

	if ((args->flags & ~DRM_DGEM_PURGE_FORCE) || args->offset % DGEM_GRANULE)
		return -EINVAL;
	gem = drm_gem_object_lookup(file, args->handle);
	if (!gem)
		return -ENOENT;

	ret = dgem_range_check(args->offset, args->length, gem->size);
	if (!ret && args->length % DGEM_GRANULE && args->offset + args->length != gem->size)
		ret = -EINVAL;
	if (!ret)
		ret = dgem_gem_purge(to_dgem_object(gem), args->offset, args->length,
				     args->flags & DRM_DGEM_PURGE_FORCE);
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
