// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/mod_devicetable.h>
#include <linux/moduleparam.h>
#include <linux/platform_device.h>
#include <linux/pm.h>
#include <linux/property.h>

#include "compat/dgem_compat.h"
#include "dgem_config.h"
#include "dgem_device.h"
#include "dgem_platform.h"

/**
 * DOC: devices of instances
 *
 * An instance stands on a platform device: such a device has a driver to bind and unbind (which
 * takes the instance away and back, as hot-unplug would), and exists on every kernel. Its
 * configuration comes with the device:
 *
 * - the default instance, which loading the module brings up, is what the module's parameters say.
 *   It takes any channel that can copy memory, or does without one; the parameter "engine" decides
 *   otherwise, and default_instance=n leaves it out. The other parameters can be written, and the
 *   next binding heeds them;
 * - an instance of configfs is what its directory says;
 * - a node of the device tree, compatible with "dma-gem", names a channel ("dmas"), memory of its
 *   own ("memory-region") and the instance ("label").
 */

#define DGEM_PLATFORM_NAME	"dgem"

static char *dgem_engine_param = "auto";
module_param_named(engine, dgem_engine_param, charp, 0444);
MODULE_PARM_DESC(engine,
		 "who moves the bytes: auto, cpu, or a dmaengine channel such as dma0chan0");

static unsigned long long dgem_quota_param;
module_param_named(quota, dgem_quota_param, ullong, 0644);
MODULE_PARM_DESC(quota, "bytes that all objects together may have (default 0: no limit)");

static unsigned long long dgem_file_quota_param;
module_param_named(file_quota, dgem_file_quota_param, ullong, 0644);
MODULE_PARM_DESC(file_quota, "bytes that objects made by one file may have (default 0: no limit)");

static char *dgem_pool_param = "";
module_param_named(pool, dgem_pool_param, charp, 0644);
MODULE_PARM_DESC(pool,
		 "reserved memory that is not System RAM: size@start, such as 16M@0x30000000");

static bool dgem_default_param = true;
module_param_named(default_instance, dgem_default_param, bool, 0444);
MODULE_PARM_DESC(default_instance, "bring up an instance with the module (default Y)");

/**
 * struct dgem_platform_data - platform data of a device that dgem_platform_add() made
 */
struct dgem_platform_data {
	/** @config: what the instance is to be; the default one asks the module's parameters */
	struct dgem_config config;
	/** @error: what the last probe returned, since registering a device does not tell */
	int error;
};

static const struct drm_driver *dgem_platform_drm_driver;
static const struct drm_gem_object_funcs *dgem_platform_gem_funcs;
static struct platform_device *dgem_platform_device;

static int dgem_platform_set_pool(struct dgem_config *config)
{
	int ret;

	kernel_param_lock(THIS_MODULE);
	ret = dgem_config_set_pool(config, dgem_pool_param);
	if (ret)
		pr_err("dgem: no pool can be \"%s\"\n", dgem_pool_param);
	kernel_param_unlock(THIS_MODULE);
	return ret;
}

static int dgem_platform_from_params(struct dgem_config *config)
{
	int ret;

	dgem_config_init(config);
	ret = dgem_config_set_engine(config, dgem_engine_param);
	if (ret) {
		pr_err("dgem: no engine can be called \"%s\"\n", dgem_engine_param);
		return ret;
	}

	ret = dgem_config_set_quota(config, dgem_quota_param);
	if (ret) {
		pr_err("dgem: no quota can be %llu bytes\n", dgem_quota_param);
		return ret;
	}

	ret = dgem_config_set_file_quota(config, dgem_file_quota_param);
	if (ret)
		pr_err("dgem: no file's quota can be %llu bytes\n", dgem_file_quota_param);
	return ret ?: dgem_platform_set_pool(config);
}

static int dgem_platform_from_node(struct device *dev, struct dgem_config *config)
{
	const char *engine = device_property_present(dev, "dmas") ? DGEM_CONFIG_ENGINE_DMAS : "cpu";
	const char *label;
	int ret;

	dgem_config_init(config);
	ret = dgem_config_set_engine(config, engine);
	if (ret)
		return ret;

	if (device_property_read_string(dev, "label", &label))
		return 0;
	ret = dgem_config_set_name(config, label);
	if (ret)
		dev_err(dev, "no instance can be called \"%s\"\n", label);
	return ret;
}

static int dgem_platform_create(struct platform_device *pdev)
{
	struct dgem_platform_data *data = dev_get_platdata(&pdev->dev);
	struct device *dev = &pdev->dev;
	struct dgem_device *ddev;
	struct dgem_config config;
	int ret;

	if (data && pdev->id == PLATFORM_DEVID_NONE) {
		ret = dgem_platform_from_params(&config);
		if (ret)
			return ret;
	} else if (data) {
		config = data->config;
	} else {
		ret = dgem_platform_from_node(dev, &config);
		if (ret)
			return ret;
	}

	ddev = dgem_device_create(dev, dgem_platform_drm_driver, dgem_platform_gem_funcs, &config);
	if (IS_ERR(ddev)) {
		/* no more than a notice: an engine that isn't there may be the user's mistake */
		if (PTR_ERR(ddev) != -EPROBE_DEFER)
			dev_notice(dev, "no instance %s with engine \"%s\": %pe\n", config.name,
				   config.engine, ddev);
		return PTR_ERR(ddev);
	}
	platform_set_drvdata(pdev, ddev);
	return 0;
}

static int dgem_platform_probe(struct platform_device *pdev)
{
	struct dgem_platform_data *data = dev_get_platdata(&pdev->dev);
	int ret = dgem_platform_create(pdev);

	if (data)
		data->error = ret;
	return ret;
}

static void dgem_platform_remove(struct platform_device *pdev)
{
	dgem_device_remove(platform_get_drvdata(pdev));
}

static int dgem_platform_suspend(struct device *dev)
{
	return dgem_device_suspend(dev_get_drvdata(dev));
}

static int dgem_platform_resume(struct device *dev)
{
	dgem_device_resume(dev_get_drvdata(dev));
	return 0;
}

static DEFINE_SIMPLE_DEV_PM_OPS(dgem_platform_pm, dgem_platform_suspend, dgem_platform_resume);

static const struct of_device_id dgem_platform_of_match[] = {
	{ .compatible = "dma-gem" },
	{ }
};
MODULE_DEVICE_TABLE(of, dgem_platform_of_match);

static struct platform_driver dgem_platform_driver = {
	.driver = {
		.name = DGEM_PLATFORM_NAME,
		.of_match_table = dgem_platform_of_match,
		.pm = pm_sleep_ptr(&dgem_platform_pm),
		/* whoever registers a device wants to know what became of it */
		.probe_type = PROBE_FORCE_SYNCHRONOUS,
	},
	.probe = dgem_platform_probe,
	.remove = dgem_platform_remove,
	.shutdown = dgem_platform_remove,
};

static struct platform_device *dgem_platform_register(const struct dgem_config *config, int id)
{
	struct dgem_platform_data data = { .error = -ENODEV };
	struct platform_device_info info = {
		.name = DGEM_PLATFORM_NAME,
		.id = id,
		.data = &data,
		.size_data = sizeof(data),
	};
	struct platform_device *pdev;
	int error;

	if (config)
		data.config = *config;
	pdev = platform_device_register_full(&info);
	if (IS_ERR(pdev))
		return pdev;

	error = ((struct dgem_platform_data *)dev_get_platdata(&pdev->dev))->error;
	if (error) {
		/* somebody who asked for an engine that isn't there should hear of it */
		platform_device_unregister(pdev);
		return ERR_PTR(error);
	}
	return pdev;
}

/**
 * dgem_platform_add - one more instance, on a device of its own
 * @config: what is wanted
 *
 * The device may be unbound and bound again like any other; it keeps its configuration.
 *
 * Return: the device, for dgem_platform_del(), or an error pointer with what
 * dgem_device_create() said.
 */
struct platform_device *dgem_platform_add(const struct dgem_config *config)
{
	return dgem_platform_register(config, PLATFORM_DEVID_AUTO);
}

/**
 * dgem_platform_del - undo dgem_platform_add(), whatever is going on
 * @pdev: the device
 */
void dgem_platform_del(struct platform_device *pdev)
{
	platform_device_unregister(pdev);
}

/**
 * dgem_platform_init - bring up the default instance and those of the device tree
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
	if (ret || !dgem_default_param)
		return ret;

	dgem_platform_device = dgem_platform_register(NULL, PLATFORM_DEVID_NONE);
	if (IS_ERR(dgem_platform_device)) {
		platform_driver_unregister(&dgem_platform_driver);
		return PTR_ERR(dgem_platform_device);
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
