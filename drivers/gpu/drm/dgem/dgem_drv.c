// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/module.h>
#include <linux/slab.h>

#include <drm/dgem_drm.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_ioctl.h>

#include "compat/dgem_compat.h"
#include "dgem_configfs.h"
#include "dgem_device.h"
#include "dgem_gem.h"
#include "dgem_ioctl.h"
#include "dgem_job.h"
#include "dgem_mem.h"
#include "dgem_mmap.h"
#include "dgem_platform.h"
#include "dgem_prime.h"
#include "dgem_quota.h"

/**
 * DOC: overview
 *
 * dgem allocates memory for device DMA as GEM objects, maps it into user space, exports it as
 * dma-buf, imports other drivers' dma-bufs, and moves data between all of them with a DMA engine,
 * asynchronously and with fences. vgem is its counterpart without a device.
 *
 * A file of the driver is one concern, and calls only what stands below it, from top to bottom::
 *
 *   dgem_drv        module, DRM driver, functions put together
 *   dgem_ioctl      refuse, enter, call, exit
 *   dgem_configfs   instances from configfs
 *   dgem_platform   devices of instances: the default one, those of the device tree
 *   dgem_device     an instance from a configuration
 *   dgem_submit*    a job from user space
 *   dgem_op         an operation from user space
 *   dgem_sched      drm_sched backend
 *   dgem_log        what became of a file's jobs
 *   dgem_engine_*   who moves the bytes
 *   dgem_feed       a job in pieces for a DMA channel
 *   dgem_fill       patterns for it to copy
 *   dgem_prime      dma-buf export and import
 *   dgem_mmap       user mappings
 *   dgem_gem        objects: their life, who keeps their memory, who reaches it
 *   dgem_mapping    DMA mappings of an object, CPU access windows
 *   dgem_quota      what objects are charged to
 *   dgem_mem_*      one kind of memory each
 *   dgem_range      overflow checks, rectangles, segments
 *   dgem_config     a validated configuration
 */

static int dgem_open(struct drm_device *drm, struct drm_file *file)
{
	struct dgem_device *ddev = to_dgem_device(drm);
	struct dgem_file *dfile;
	int idx, ret = -ENOMEM;

	if (!drm_dev_enter(drm, &idx))
		return -ENODEV;
	dfile = kzalloc_obj(*dfile, DGEM_GFP);
	if (!dfile)
		goto out_exit;
	dfile->account = dgem_account_new(ddev->config.file_quota);
	if (!dfile->account)
		goto err_file;
	ret = dgem_sched_open(ddev, dfile);
	if (ret)
		goto err_account;
	file->driver_priv = dfile;
	goto out_exit;

err_account:
	dgem_account_put(dfile->account);
err_file:
	kfree(dfile);
out_exit:
	drm_dev_exit(idx);
	return ret;
}

static void dgem_postclose(struct drm_device *drm, struct drm_file *file)
{
	struct dgem_file *dfile = file->driver_priv;

	dgem_sched_close(to_dgem_device(drm), dfile);
	dgem_account_put(dfile->account);
	kfree(dfile);
}

static const struct drm_gem_object_funcs dgem_gem_funcs = {
	.free = dgem_gem_free,
	.export = dgem_prime_export,
	.vmap = dgem_gem_vmap,
	.vunmap = dgem_gem_vunmap,
	.mmap = dgem_mmap,
	DGEM_FDINFO(.status = dgem_gem_status)
	DGEM_FDINFO(.rss = dgem_gem_rss)
	.vm_ops = &dgem_vm_ops,
};

static const struct drm_ioctl_desc dgem_ioctls[] = {
	DRM_IOCTL_DEF_DRV(DGEM_QUERY, dgem_ioctl_query, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(DGEM_CREATE, dgem_ioctl_create, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(DGEM_INFO, dgem_ioctl_info, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(DGEM_MMAP, dgem_ioctl_mmap, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(DGEM_SYNC, dgem_ioctl_sync, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(DGEM_SUBMIT, dgem_ioctl_submit, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(DGEM_PURGE, dgem_ioctl_purge, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(DGEM_JOB, dgem_ioctl_job, DRM_RENDER_ALLOW),
};

/* DRM_GEM_FOPS would have a get_unmapped_area for shmem objects */
static const struct file_operations dgem_fops = {
	.owner = THIS_MODULE,
	.open = drm_open,
	.release = drm_release,
	.unlocked_ioctl = drm_ioctl,
	.compat_ioctl = drm_compat_ioctl,
	.poll = drm_poll,
	.read = drm_read,
	.llseek = noop_llseek,
	.mmap = drm_gem_mmap,
	.get_unmapped_area = dgem_get_unmapped_area,
	.show_fdinfo = drm_show_fdinfo,
	.fop_flags = FOP_UNSIGNED_OFFSET,
};

/*
 * Interface history:
 *
 * 1.0 - QUERY, CREATE, INFO, MMAP, SYNC, SUBMIT (COPY, COPY_2D), PURGE
 * 1.1 - SUBMIT: FILL, FILL_2D, sync_files, HIGH, numbers of jobs; JOB
 * 1.2 - CREATE: DIRECT_IO
 * 2.0 - CREATE: NONCONTIGUOUS and PREFAULT are gone, -EOVERFLOW is new; PURGE by granules, QUERY
 *       tells their size; a read-only dma-buf is an import for other files of the instance; SUBMIT
 *       refuses imports that the engine can't reach
 */
static const struct drm_driver dgem_driver = {
	.driver_features = DRIVER_GEM | DRIVER_RENDER | DRIVER_SYNCOBJ | DRIVER_SYNCOBJ_TIMELINE,
	.open = dgem_open,
	.postclose = dgem_postclose,
	.prime_handle_to_fd = dgem_prime_handle_to_fd,
	.gem_prime_import = dgem_prime_import,
	.dumb_create = dgem_dumb_create,
	.dumb_map_offset = dgem_dumb_map_offset,
	DGEM_FDINFO(.show_fdinfo = drm_show_memory_stats)
	.ioctls = dgem_ioctls,
	.num_ioctls = ARRAY_SIZE(dgem_ioctls),
	.fops = &dgem_fops,
	.name = "dgem",
	.desc = "DMA GEM",
	.major = 2,
	.minor = 0,
	DGEM_DRIVER_DATE
	DGEM_PRIME_HANDLES
};

static int __init dgem_init(void)
{
	int ret;

	if (drm_firmware_drivers_only())
		return -ENODEV;

	ret = dgem_gem_module_init();
	if (ret)
		return ret;
	ret = dgem_sched_module_init();
	if (ret)
		goto err_gem;
	ret = dgem_platform_init(&dgem_driver, &dgem_gem_funcs);
	if (ret)
		goto err_sched;
	ret = dgem_configfs_init();
	if (ret)
		goto err_platform;
	return 0;

err_platform:
	dgem_platform_exit();
err_sched:
	dgem_sched_module_exit();
err_gem:
	dgem_gem_module_exit();
	return ret;
}

static void __exit dgem_exit(void)
{
	dgem_configfs_exit();
	dgem_platform_exit();
	dgem_sched_module_exit();
	dgem_gem_module_exit();
}

module_init(dgem_init);
module_exit(dgem_exit);

MODULE_AUTHOR("The dgem authors");
MODULE_DESCRIPTION("DMA GEM driver: device memory, dma-buf, and a DMA engine");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
MODULE_SOFTDEP("pre: edu_dma");
