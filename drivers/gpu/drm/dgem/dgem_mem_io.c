// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/capability.h>
#include <linux/io.h>
#include <linux/iosys-map.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/security.h>
#include <linux/slab.h>

#include <drm/dgem_drm.h>
#include <drm/drm_drv.h>

#include "compat/dgem_compat.h"
#include "dgem_device.h"
#include "dgem_engine.h"
#include "dgem_gem.h"
#include "dgem_mem.h"
#include "dgem_range.h"

/**
 * DOC: device windows
 *
 * A part of a memory BAR of the engine's PCI device, as an object: user space maps registers or
 * on-device memory, uncached (write-combined where asked for and the BAR is prefetchable: the
 * kernel's own mapping of the window is what reserves the type), and the engine copies from and to
 * it. Whoever may touch a device's registers may do anything to the machine, so it takes
 * CAP_SYS_RAWIO, and a kernel that is locked down refuses, as it does where sysfs offers BARs.
 *
 * A BAR is in one object at a time: two could map it with different cache modes. The device's own
 * driver goes on using it; who maps registers has to know what that means. When the device goes,
 * the instance went before: mappings are zapped, and raise SIGBUS.
 *
 * Such objects can't be exported. What a BAR is to a third device is a question of bridges between
 * the two, and importers expect memory.
 */

/**
 * struct dgem_io - a window of a BAR, &dgem_object.mem
 */
struct dgem_io {
	/** @obj: the object */
	struct dgem_object *obj;
	/** @pdev: the device, with a reference */
	struct pci_dev *pdev;
	/** @bar: which of its BARs */
	u32 bar;
	/** @regs: the window, mapped by the kernel */
	void __iomem *regs;
	/** @node: in dgem_io_windows */
	struct list_head node;
};

/* protects dgem_io_windows */
static DEFINE_MUTEX(dgem_io_lock);
static LIST_HEAD(dgem_io_windows);

/* An object of an instance that is gone can't touch its BAR any more. */
static int dgem_io_claim(struct dgem_io *io)
{
	struct dgem_io *other;
	int ret = 0;

	mutex_lock(&dgem_io_lock);
	list_for_each_entry(other, &dgem_io_windows, node) {
		if (other->pdev == io->pdev && other->bar == io->bar &&
		    !drm_dev_is_unplugged(other->obj->base.dev))
			ret = -EBUSY;
	}
	if (!ret)
		list_add(&io->node, &dgem_io_windows);
	mutex_unlock(&dgem_io_lock);
	return ret;
}

static void dgem_io_release(struct dgem_io *io)
{
	mutex_lock(&dgem_io_lock);
	list_del(&io->node);
	mutex_unlock(&dgem_io_lock);
}

static struct pci_dev *dgem_io_device(struct dgem_device *ddev)
{
	struct device *provider = ddev->engine->provider;

	return provider && dev_is_pci(provider) ? to_pci_dev(provider) : NULL;
}

static bool dgem_io_offered(struct dgem_device *ddev)
{
	return dgem_io_device(ddev);
}

static int dgem_io_check(struct pci_dev *pdev, u64 size, const struct drm_dgem_create *args)
{
	if (args->source_count || args->source_stride || args->window >= PCI_STD_NUM_BARS)
		return -EINVAL;
	if (!pci_resource_len(pdev, args->window))
		return -ENODEV;
	if (!(pci_resource_flags(pdev, args->window) & IORESOURCE_MEM))
		return -EOPNOTSUPP;
	/* a page that is not the BAR's alone would show another's registers */
	if (!PAGE_ALIGNED(args->source) || !PAGE_ALIGNED(pci_resource_start(pdev, args->window)))
		return -EINVAL;
	return dgem_range_check(args->source, size, pci_resource_len(pdev, args->window));
}

static int dgem_io_take(struct dgem_object *obj, const struct drm_dgem_create *args)
{
	struct pci_dev *pdev = dgem_io_device(to_dgem_device(obj->base.dev));
	struct dgem_io *io;
	int ret;

	ret = dgem_io_check(pdev, obj->base.size, args);
	if (ret)
		return ret;

	io = kzalloc_obj(*io, DGEM_GFP);
	if (!io)
		return -ENOMEM;
	io->obj = obj;
	io->pdev = pdev;
	io->bar = args->window;
	ret = dgem_io_claim(io);
	if (ret)
		goto err_free;
	pci_dev_get(pdev);

	obj->mem = io;
	obj->coherent = true;
	obj->resource = true;
	obj->phys = pci_resource_start(pdev, args->window) + args->source;
	obj->cache_granted = DRM_DGEM_CACHE_UNCACHED;
	/* registers that mind the order of writes are not prefetchable */
	if (args->cache == DRM_DGEM_CACHE_WC &&
	    (pci_resource_flags(pdev, args->window) & IORESOURCE_PREFETCH))
		obj->cache_granted = DRM_DGEM_CACHE_WC;

	io->regs = obj->cache_granted == DRM_DGEM_CACHE_WC ?
		   ioremap_wc(obj->phys, obj->base.size) : ioremap(obj->phys, obj->base.size);
	if (io->regs)
		return 0;
	ret = -ENOMEM;
	dgem_io_release(io);
	pci_dev_put(pdev);
err_free:
	kfree(io);
	return ret;
}

/* the BAR is the engine's device's, which may be about to go */
static int dgem_io_alloc(struct dgem_object *obj, const struct drm_dgem_create *args)
{
	int idx, ret;

	if (!capable(CAP_SYS_RAWIO))
		return -EPERM;
	ret = security_locked_down(LOCKDOWN_PCI_ACCESS);
	if (ret)
		return ret;
	if (!drm_dev_enter(obj->base.dev, &idx))
		return -ENODEV;
	ret = dgem_io_take(obj, args);
	drm_dev_exit(idx);
	return ret;
}

static void dgem_io_free(struct dgem_object *obj)
{
	struct dgem_io *io = obj->mem;

	iounmap(io->regs);
	dgem_io_release(io);
	pci_dev_put(io->pdev);
	kfree(io);
}

static int dgem_io_vmap(struct dgem_object *obj, struct iosys_map *map)
{
	struct dgem_io *io = obj->mem;

	iosys_map_set_vaddr_iomem(map, io->regs);
	return 0;
}

/** dgem_mem_io - registers or memory of the engine's device */
const struct dgem_mem_ops dgem_mem_io = {
	.name = "io",
	.kind = DRM_DGEM_KIND_IO,
	.caps = DRM_DGEM_CAP_MMAP,
	.caches = BIT(DRM_DGEM_CACHE_DEFAULT) | BIT(DRM_DGEM_CACHE_UNCACHED) |
		  BIT(DRM_DGEM_CACHE_WC),
	.takes_source = true,
	.offered = dgem_io_offered,
	.alloc = dgem_io_alloc,
	.free = dgem_io_free,
	.pfn = dgem_mem_phys_pfn,
	.vmap = dgem_io_vmap,
};
