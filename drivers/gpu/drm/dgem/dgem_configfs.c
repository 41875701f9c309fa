// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/configfs.h>
#include <linux/kstrtox.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "compat/dgem_compat.h"
#include "dgem_config.h"
#include "dgem_configfs.h"
#include "dgem_platform.h"

/**
 * DOC: instances from configfs
 *
 * A directory in configfs' "dgem" is an instance; its name is the directory's::
 *
 *   mkdir /sys/kernel/config/dgem/camera
 *   cd /sys/kernel/config/dgem/camera
 *   echo 32 > dma_bits
 *   echo dma1chan0 > engine
 *   echo 1 > enabled
 *   cat device        # dgem.0.auto: /sys/bus/platform/devices/dgem.0.auto/drm has the nodes
 *   rmdir /sys/kernel/config/dgem/camera
 *
 * A value is checked as it is written, and fixed while the instance is enabled. Whether there is
 * such an engine, and memory within such a mask, shows when it gets enabled: what the driver says
 * then is what the write of "enabled" returns. Disabling an instance and removing its directory are
 * possible at any time, and like unplugging a device for those who use it.
 *
 * The device may also be unbound from its driver, or lose its engine's device and be unbound by
 * that: it stays enabled then, and comes back when it is bound, or disabled and enabled again. As
 * long as there is a directory the module can't be unloaded.
 */

/**
 * struct dgem_configfs_instance - a directory
 */
struct dgem_configfs_instance {
	/** @item: the directory */
	struct config_item item;
	/** @lock: protects what follows; held while the instance comes and goes */
	struct mutex lock;
	/** @config: what the instance is to be; fixed while there is a @pdev */
	struct dgem_config config;
	/** @pdev: the instance's device, or NULL while it is disabled */
	struct platform_device *pdev;
};

static struct dgem_configfs_instance *to_dgem_configfs_instance(struct config_item *item)
{
	return container_of(item, struct dgem_configfs_instance, item);
}

/* a bad value is that first, whether or not the configuration is in use */
static ssize_t dgem_configfs_set(struct config_item *item, const char *page, size_t count,
				 int (*set)(struct dgem_config *config, const char *text))
{
	struct dgem_configfs_instance *inst = to_dgem_configfs_instance(item);
	struct dgem_config config;
	int ret;

	mutex_lock(&inst->lock);
	config = inst->config;
	ret = set(&config, page);
	if (!ret && inst->pdev)
		ret = -EBUSY;
	if (!ret)
		inst->config = config;
	mutex_unlock(&inst->lock);
	return ret ?: count;
}

static ssize_t dgem_configfs_engine_show(struct config_item *item, char *page)
{
	struct dgem_configfs_instance *inst = to_dgem_configfs_instance(item);
	ssize_t len;

	mutex_lock(&inst->lock);
	len = sysfs_emit(page, "%s\n", inst->config.engine);
	mutex_unlock(&inst->lock);
	return len;
}

static ssize_t dgem_configfs_engine_store(struct config_item *item, const char *page, size_t count)
{
	return dgem_configfs_set(item, page, count, dgem_config_set_engine);
}

static ssize_t dgem_configfs_dma_bits_show(struct config_item *item, char *page)
{
	struct dgem_configfs_instance *inst = to_dgem_configfs_instance(item);

	return sysfs_emit(page, "%u\n", READ_ONCE(inst->config.dma_bits));
}

static int dgem_configfs_set_dma_bits(struct dgem_config *config, const char *text)
{
	unsigned int bits;

	return kstrtouint(text, 0, &bits) ?: dgem_config_set_dma_bits(config, bits);
}

static ssize_t dgem_configfs_dma_bits_store(struct config_item *item, const char *page,
					    size_t count)
{
	return dgem_configfs_set(item, page, count, dgem_configfs_set_dma_bits);
}

static ssize_t dgem_configfs_quota_show(struct config_item *item, char *page)
{
	struct dgem_configfs_instance *inst = to_dgem_configfs_instance(item);

	return sysfs_emit(page, "%llu\n", READ_ONCE(inst->config.quota));
}

static int dgem_configfs_set_quota(struct dgem_config *config, const char *text)
{
	u64 quota;

	return kstrtou64(text, 0, &quota) ?: dgem_config_set_quota(config, quota);
}

static ssize_t dgem_configfs_quota_store(struct config_item *item, const char *page, size_t count)
{
	return dgem_configfs_set(item, page, count, dgem_configfs_set_quota);
}

static ssize_t dgem_configfs_file_quota_show(struct config_item *item, char *page)
{
	struct dgem_configfs_instance *inst = to_dgem_configfs_instance(item);

	return sysfs_emit(page, "%llu\n", READ_ONCE(inst->config.file_quota));
}

static int dgem_configfs_set_file_quota(struct dgem_config *config, const char *text)
{
	u64 quota;

	return kstrtou64(text, 0, &quota) ?: dgem_config_set_file_quota(config, quota);
}

static ssize_t dgem_configfs_file_quota_store(struct config_item *item, const char *page,
					      size_t count)
{
	return dgem_configfs_set(item, page, count, dgem_configfs_set_file_quota);
}

static ssize_t dgem_configfs_pool_show(struct config_item *item, char *page)
{
	struct dgem_configfs_instance *inst = to_dgem_configfs_instance(item);
	ssize_t len = 0;

	mutex_lock(&inst->lock);
	if (inst->config.pool_size)
		len = sysfs_emit(page, "%llu@%#llx\n", inst->config.pool_size,
				 inst->config.pool_start);
	mutex_unlock(&inst->lock);
	return len;
}

static ssize_t dgem_configfs_pool_store(struct config_item *item, const char *page, size_t count)
{
	return dgem_configfs_set(item, page, count, dgem_config_set_pool);
}

static ssize_t dgem_configfs_device_show(struct config_item *item, char *page)
{
	struct dgem_configfs_instance *inst = to_dgem_configfs_instance(item);
	ssize_t len = -ENODEV;

	mutex_lock(&inst->lock);
	if (inst->pdev)
		len = sysfs_emit(page, "%s\n", dev_name(&inst->pdev->dev));
	mutex_unlock(&inst->lock);
	return len;
}

static ssize_t dgem_configfs_enabled_show(struct config_item *item, char *page)
{
	struct dgem_configfs_instance *inst = to_dgem_configfs_instance(item);

	return sysfs_emit(page, "%d\n", !!READ_ONCE(inst->pdev));
}

static int dgem_configfs_enable(struct dgem_configfs_instance *inst)
{
	struct platform_device *pdev;

	lockdep_assert_held(&inst->lock);

	if (inst->pdev)
		return 0;
	pdev = dgem_platform_add(&inst->config);
	if (IS_ERR(pdev))
		return PTR_ERR(pdev);
	WRITE_ONCE(inst->pdev, pdev);
	return 0;
}

static void dgem_configfs_disable(struct dgem_configfs_instance *inst)
{
	lockdep_assert_held(&inst->lock);

	if (inst->pdev)
		dgem_platform_del(inst->pdev);
	WRITE_ONCE(inst->pdev, NULL);
}

static ssize_t dgem_configfs_enabled_store(struct config_item *item, const char *page, size_t count)
{
	struct dgem_configfs_instance *inst = to_dgem_configfs_instance(item);
	bool enabled;
	int ret;

	ret = kstrtobool(page, &enabled);
	if (ret)
		return ret;

	mutex_lock(&inst->lock);
	if (enabled)
		ret = dgem_configfs_enable(inst);
	else
		dgem_configfs_disable(inst);
	mutex_unlock(&inst->lock);
	return ret ?: count;
}

CONFIGFS_ATTR(dgem_configfs_, engine);
CONFIGFS_ATTR(dgem_configfs_, dma_bits);
CONFIGFS_ATTR(dgem_configfs_, quota);
CONFIGFS_ATTR(dgem_configfs_, file_quota);
CONFIGFS_ATTR(dgem_configfs_, pool);
CONFIGFS_ATTR_RO(dgem_configfs_, device);
CONFIGFS_ATTR(dgem_configfs_, enabled);

static struct configfs_attribute *dgem_configfs_attrs[] = {
	&dgem_configfs_attr_engine,
	&dgem_configfs_attr_dma_bits,
	&dgem_configfs_attr_quota,
	&dgem_configfs_attr_file_quota,
	&dgem_configfs_attr_pool,
	&dgem_configfs_attr_device,
	&dgem_configfs_attr_enabled,
	NULL,
};

static void dgem_configfs_release(struct config_item *item)
{
	struct dgem_configfs_instance *inst = to_dgem_configfs_instance(item);

	mutex_destroy(&inst->lock);
	kfree(inst);
}

static struct configfs_item_operations dgem_configfs_item_ops = {
	.release = dgem_configfs_release,
};

static const struct config_item_type dgem_configfs_item_type = {
	.ct_item_ops = &dgem_configfs_item_ops,
	.ct_attrs = dgem_configfs_attrs,
	.ct_owner = THIS_MODULE,
};

static struct config_item *dgem_configfs_make(struct config_group *group, const char *name)
{
	struct dgem_configfs_instance *inst;
	int ret;

	inst = kzalloc_obj(*inst);
	if (!inst)
		return ERR_PTR(-ENOMEM);

	dgem_config_init(&inst->config);
	ret = dgem_config_set_name(&inst->config, name);
	/* unlike a value that echo writes, a directory's name has no white space to leave out */
	if (!ret && strcmp(inst->config.name, name))
		ret = -EINVAL;
	if (ret) {
		kfree(inst);
		return ERR_PTR(ret);
	}
	mutex_init(&inst->lock);
	config_item_init_type_name(&inst->item, name, &dgem_configfs_item_type);
	return &inst->item;
}

/* the directory is gone, and no attribute is being written any more */
static void dgem_configfs_drop(struct config_group *group, struct config_item *item)
{
	struct dgem_configfs_instance *inst = to_dgem_configfs_instance(item);

	mutex_lock(&inst->lock);
	dgem_configfs_disable(inst);
	mutex_unlock(&inst->lock);
	config_item_put(item);
}

static struct configfs_group_operations dgem_configfs_group_ops = {
	.make_item = dgem_configfs_make,
	.drop_item = dgem_configfs_drop,
};

static const struct config_item_type dgem_configfs_group_type = {
	.ct_group_ops = &dgem_configfs_group_ops,
	.ct_owner = THIS_MODULE,
};

static struct configfs_subsystem dgem_configfs_subsys = {
	.su_group = {
		.cg_item = {
			.ci_namebuf = "dgem",
			.ci_type = &dgem_configfs_group_type,
		},
	},
	.su_mutex = __MUTEX_INITIALIZER(dgem_configfs_subsys.su_mutex),
};

/**
 * dgem_configfs_init - offer instances to configfs
 *
 * Return: 0 or an error.
 */
int dgem_configfs_init(void)
{
	config_group_init(&dgem_configfs_subsys.su_group);
	return configfs_register_subsystem(&dgem_configfs_subsys);
}

/**
 * dgem_configfs_exit - undo dgem_configfs_init()
 *
 * No directory is left: each holds the module.
 */
void dgem_configfs_exit(void)
{
	configfs_unregister_subsystem(&dgem_configfs_subsys);
}
