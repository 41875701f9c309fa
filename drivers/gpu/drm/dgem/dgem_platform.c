// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/dma-mapping.h>
#include <linux/moduleparam.h>
#include <linux/platform_device.h>

#include "compat/dgem_compat.h"
#include "dgem_config.h"
#include "dgem_device.h"
#include "dgem_platform.h"

/**
 * DOC: the default instance
 *
 * Loading the module brings up one instance, on a platform device of its own: such a device has a
 * DMA mask and DMA parameters, a driver to bind and unbind (which takes the instance away and back,
 * as hot-unplug would), and exists on every kernel. It takes any channel that can copy memory, or
 * does without one; the parameter "engine" decides otherwise.
 */

#define DGEM_PLATFORM_NAME	"dgem"

static char *dgem_engine_param = "auto";
module_param_named(engine, dgem_engine_param, charp, 0444);
MODULE_PARM_DESC(engine, "who moves the bytes: auto, cpu, or a dmaengine channel such as dma0chan0");

static unsigned long long dgem_quota_param;
module_param_named(quota, dgem_quota_param, ullong, 0444);
MODULE_PARM_DESC(quota, "bytes that all objects together may have (default 0: no limit)");

static unsigned long long dgem_file_quota_param;
module_param_named(file_quota, dgem_file_quota_param, ullong, 0444);
MODULE_PARM_DESC(file_quota, "bytes that objects made by one file may have (default 0: no limit)");

static const struct drm_driver *dgem_platform_drm_driver;
static const struct drm_gem_object_funcs *dgem_platform_gem_funcs;
static struct platform_device *dgem_platform_device;

static int dgem_platform_probe(struct platform_device *pdev)
{
	struct dgem_device *ddev;
	struct dgem_config config;
	int ret;

	dgem_config_init(&config);
	ret = dgem_config_set_engine(&config, dgem_engine_param);
	if (ret)
		return dev_err_probe(&pdev->dev, ret, "no engine can be called \"%s\"\n",
				     dgem_engine_param);

	ret = dgem_config_set_quota(&config, dgem_quota_param);
	if (ret)
		return dev_err_probe(&pdev->dev, ret, "no quota can be %llu bytes\n",
				     dgem_quota_param);

	ret = dgem_config_set_file_quota(&config, dgem_file_quota_param);
	if (ret)
		return dev_err_probe(&pdev->dev, ret, "no file's quota can be %llu bytes\n",
				     dgem_file_quota_param);

	/* objects of any size are one segment for the instance's own device */
	dma_set_max_seg_size(&pdev->dev, UINT_MAX);
	ddev = dgem_device_create(&pdev->dev, dgem_platform_drm_driver, dgem_platform_gem_funcs,
				  &config);
	if (IS_ERR(ddev))
		return dev_err_probe(&pdev->dev, PTR_ERR(ddev), "no instance with engine \"%s\"\n",
				     config.engine);
	platform_set_drvdata(pdev, ddev);
	return 0;
}

static void dgem_platform_remove(struct platform_device *pdev)
{
	dgem_device_remove(platform_get_drvdata(pdev));
}

static struct platform_driver dgem_platform_driver = {
	.driver = {
		.name = DGEM_PLATFORM_NAME,
	},
	.probe = dgem_platform_probe,
	.remove = dgem_platform_remove,
	.shutdown = dgem_platform_remove,
};

/**
 * dgem_platform_init - bring up the default instance
 * @driver: the DRM driver
 * @gem_funcs: object functions
 *
 * Return: 0 or an error.
 */
int dgem_platform_init(const struct drm_driver *driver,
		       const struct drm_gem_object_funcs *gem_funcs)
{
	int ret;

	dgem_platform_drm_driver = driver;
	dgem_platform_gem_funcs = gem_funcs;

	ret = platform_driver_register(&dgem_platform_driver);
	if (ret)
		return ret;

	dgem_platform_device = platform_device_register_simple(DGEM_PLATFORM_NAME,
							       PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(dgem_platform_device)) {
		platform_driver_unregister(&dgem_platform_driver);
		return PTR_ERR(dgem_platform_device);
	}
	if (!platform_get_drvdata(dgem_platform_device)) {
		/* somebody who asked for an engine that isn't there should hear of it */
		dgem_platform_exit();
		return -ENODEV;
	}
	return 0;
}

/**
 * dgem_platform_exit - undo dgem_platform_init()
 */
void dgem_platform_exit(void)
{
	platform_device_unregister(dgem_platform_device);
	platform_driver_unregister(&dgem_platform_driver);
}
