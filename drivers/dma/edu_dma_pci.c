// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA engine of QEMU's "edu" PCI device: binding, power, debugfs
 *
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/cleanup.h>
#include <linux/debugfs.h>
#include <linux/dma-mapping.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "edu_dma.h"

#define PCI_VENDOR_ID_QEMU	0x1234
#define PCI_DEVICE_ID_QEMU_EDU	0x11e8

static unsigned int dma_bits = 28;
module_param(dma_bits, uint, 0444);
MODULE_PARM_DESC(dma_bits, "Address bits that the device's dma_mask property leaves (default 28)");

/* The device itself has none of these limits; consumers are tested with them. */
static unsigned int max_segment;
module_param(max_segment, uint, 0444);
MODULE_PARM_DESC(max_segment, "Bytes of the longest descriptor, a multiple of the page size (default 0: no limit)");

static unsigned int boundary;
module_param(boundary, uint, 0444);
MODULE_PARM_DESC(boundary, "No descriptor crosses a multiple of this power of two, a page or more (default 0: no limit)");

static unsigned int copy_align = 1;
module_param(copy_align, uint, 0444);
MODULE_PARM_DESC(copy_align, "Addresses and lengths are multiples of this power of two, 256 at most (default 1)");

static struct dentry *edu_dma_debugfs;

static int edu_dma_stats_show(struct seq_file *m, void *unused)
{
	struct edu_dma *edu = m->private;
	struct edu_dma_stats stats;

	scoped_guard(spinlock_irqsave, &edu->lock)
		stats = edu->stats;

	seq_printf(m, "interrupts: %llu\n", stats.irqs);
	seq_printf(m, "lost: %llu\n", stats.lost);
	seq_printf(m, "failed: %llu\n", stats.failed);
	seq_printf(m, "legs-in: %llu\n", stats.legs_in);
	seq_printf(m, "legs-out: %llu\n", stats.legs_out);
	seq_printf(m, "bytes-in: %llu\n", stats.bytes_in);
	seq_printf(m, "bytes-out: %llu\n", stats.bytes_out);

	return 0;
}
DEFINE_SHOW_ATTRIBUTE(edu_dma_stats);

static void edu_dma_debugfs_create(struct edu_dma *edu)
{
	edu->debugfs = debugfs_create_dir(pci_name(edu->pdev), edu_dma_debugfs);
	debugfs_create_file("stats", 0444, edu->debugfs, edu, &edu_dma_stats_fops);
	debugfs_create_atomic_t("lose_irq", 0600, edu->debugfs, &edu->lose_irq);
	debugfs_create_atomic_t("fail_leg", 0600, edu->debugfs, &edu->fail_leg);
	debugfs_create_atomic_t("abort_leg", 0600, edu->debugfs, &edu->abort_leg);
}

static int edu_dma_set_limits(struct edu_dma *edu)
{
	struct device *dev = &edu->pdev->dev;

	if (!IS_ALIGNED(max_segment, PAGE_SIZE))
		return dev_err_probe(dev, -EINVAL, "max_segment=%u is out of range\n", max_segment);
	if (boundary && (boundary < PAGE_SIZE || !is_power_of_2(boundary)))
		return dev_err_probe(dev, -EINVAL, "boundary=%u is out of range\n", boundary);
	if (!is_power_of_2(copy_align) || copy_align > BIT(DMAENGINE_ALIGN_256_BYTES))
		return dev_err_probe(dev, -EINVAL, "copy_align=%u is out of range\n", copy_align);

	edu->max_segment = max_segment ?: U32_MAX;
	dma_set_max_seg_size(dev, edu->max_segment);
	edu->boundary = boundary ? boundary - 1 : U64_MAX;
	if (boundary)
		dma_set_seg_boundary(dev, edu->boundary);
	edu->dma.copy_align = ilog2(copy_align);

	return 0;
}

static int edu_dma_setup(struct edu_dma *edu)
{
	/* The device cannot be given an address in two writes. */
	unsigned int bits = IS_ENABLED(CONFIG_64BIT) ? dma_bits : min(dma_bits, 32U);
	struct pci_dev *pdev = edu->pdev;
	struct device *dev = &pdev->dev;
	int ret;

	if (bits < PAGE_SHIFT || bits > 64)
		return dev_err_probe(dev, -EINVAL, "dma_bits=%u is out of range\n", dma_bits);

	ret = pcim_enable_device(pdev);
	if (ret)
		return dev_err_probe(dev, ret, "cannot be enabled\n");

	edu->regs = devm_ioremap_resource(dev, &pdev->resource[0]);
	if (IS_ERR(edu->regs))
		return PTR_ERR(edu->regs);

	ret = edu_dma_claim(edu);
	if (ret)
		return dev_err_probe(dev, ret, "not an edu device, or a stuck one\n");

	ret = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(bits));
	if (ret)
		return dev_err_probe(dev, ret, "no memory within %u address bits\n", bits);
	ret = edu_dma_set_limits(edu);
	if (ret)
		return ret;

	pci_set_master(pdev);
	ret = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_ALL_TYPES);
	if (ret < 0)
		return dev_err_probe(dev, ret, "no interrupt\n");

	return 0;
}

static int edu_dma_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct device *dev = &pdev->dev;
	struct edu_dma *edu;
	int ret;

	edu = kzalloc_obj(*edu, GFP_KERNEL);
	if (!edu)
		return -ENOMEM;

	/* The reference is the channel's, which may outlive the binding. */
	edu->dma.dev = get_device(dev);
	edu->pdev = pdev;
	edu_dma_chan_init(edu);
	pci_set_drvdata(pdev, edu);

	ret = edu_dma_setup(edu);
	if (ret)
		goto err_put;

	ret = pci_request_irq(pdev, 0, edu_dma_irq, edu_dma_irq_thread, edu,
			      KBUILD_MODNAME "-%s", pci_name(pdev));
	if (ret) {
		dev_err_probe(dev, ret, "interrupt cannot be requested\n");
		goto err_put;
	}

	ret = edu_dma_register(edu);
	if (ret) {
		dev_err_probe(dev, ret, "cannot be registered\n");
		goto err_free_irq;
	}
	edu_dma_debugfs_create(edu);

	return 0;

err_free_irq:
	pci_free_irq(pdev, 0, edu);
err_put:
	pci_clear_master(pdev);
	put_device(dev);
	kfree(edu);
	return ret;
}

/* Nothing moves any more when this returns, and the consumers know it. */
static void edu_dma_stop(struct edu_dma *edu)
{
	/* The leg that runs ends in the regular way, and nothing follows. */
	scoped_guard(spinlock_irqsave, &edu->lock)
		edu->state = EDU_DMA_ASLEEP;
	if (edu_dma_drain(edu))
		pci_err(edu->pdev, "transfer does not end, cut off from the bus\n");
	pci_clear_master(edu->pdev);

	/* Its interrupt may have gone nowhere. */
	pci_free_irq(edu->pdev, 0, edu);
	edu_dma_look(edu);

	edu_dma_abort(edu);
}

static void edu_dma_remove(struct pci_dev *pdev)
{
	struct edu_dma *edu = pci_get_drvdata(pdev);

	debugfs_remove_recursive(edu->debugfs);
	edu_dma_stop(edu);
	dma_async_device_unregister(&edu->dma);
}

static void edu_dma_shutdown(struct pci_dev *pdev)
{
	edu_dma_stop(pci_get_drvdata(pdev));
}

static void edu_dma_set_up(struct edu_dma *edu)
{
	scoped_guard(spinlock_irqsave, &edu->lock) {
		edu->state = EDU_DMA_UP;
		edu_dma_kick(edu);
	}
}

static int edu_dma_suspend(struct device *dev)
{
	struct edu_dma *edu = dev_get_drvdata(dev);
	int ret;

	scoped_guard(spinlock_irqsave, &edu->lock)
		edu->state = EDU_DMA_ASLEEP;

	ret = edu_dma_drain(edu);
	if (ret) {
		dev_err(dev, "transfer does not end\n");
		edu_dma_set_up(edu);
		return ret;
	}

	/*
	 * The buffer loses its content, and an interrupt may get lost with it: a chunk that is not
	 * known to be in memory is fetched anew.
	 */
	scoped_guard(spinlock_irqsave, &edu->lock) {
		edu->busy = false;
		if (edu->active)
			edu->active->inside = false;
	}

	return 0;
}

static int edu_dma_resume(struct device *dev)
{
	edu_dma_set_up(dev_get_drvdata(dev));

	return 0;
}

/* Late and early: consumers may copy in their own suspend and resume. */
static const struct dev_pm_ops edu_dma_pm_ops = {
	LATE_SYSTEM_SLEEP_PM_OPS(edu_dma_suspend, edu_dma_resume)
};

static const struct pci_device_id edu_dma_ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_QEMU, PCI_DEVICE_ID_QEMU_EDU) },
	{ }
};
MODULE_DEVICE_TABLE(pci, edu_dma_ids);

static struct pci_driver edu_dma_driver = {
	.name = KBUILD_MODNAME,
	.id_table = edu_dma_ids,
	.probe = edu_dma_probe,
	.remove = edu_dma_remove,
	.shutdown = edu_dma_shutdown,
	.driver.pm = pm_sleep_ptr(&edu_dma_pm_ops),
};

static int __init edu_dma_init(void)
{
	int ret;

	edu_dma_debugfs = debugfs_create_dir(KBUILD_MODNAME, NULL);
	ret = pci_register_driver(&edu_dma_driver);
	if (ret)
		debugfs_remove(edu_dma_debugfs);

	return ret;
}
module_init(edu_dma_init);

static void __exit edu_dma_exit(void)
{
	pci_unregister_driver(&edu_dma_driver);
	edu_dma_flush_releases();
	debugfs_remove(edu_dma_debugfs);
}
module_exit(edu_dma_exit);

MODULE_DESCRIPTION("DMA engine of QEMU's edu device");
MODULE_AUTHOR("The dgem authors");
MODULE_LICENSE("GPL");
