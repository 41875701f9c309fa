// SPDX-License-Identifier: GPL-2.0-only
/*
 * An importer of dma-bufs that is any device
 *
 * Copyright (C) 2026 The dgem authors
 */

/**
 * DOC: A device made of its DMA limits
 *
 * Exporters of dma-bufs decide by an importer's device whether it may have the memory, and how the
 * caches are looked after. What virtual machines have for devices are all alike: they snoop, and
 * their addresses are the CPU's. This module models the others, so that exporters can be tested:
 * devices without DMA, of few address bits, without coherency, and on a bus whose addresses differ
 * from the CPU's ("dma-ranges").
 *
 * Each open file of /dev/dma_guest is such a device, on no bus and without a driver. What is
 * written to the file is one command, whose error is that of write():
 *
 * - "mask BITS", "coherent 0|1" and "range CPU DMA SIZE" describe it, before it attaches. Without
 *   a mask it is a device without DMA, whose &device.dma_mask is NULL. Each range is added to those
 *   that there are, see &struct bus_dma_region;
 * - "attach FD" and "detach" attach it to a dma-buf;
 * - "map DIRECTION" (an &enum dma_data_direction) and "unmap" map the buffer for it;
 * - "vmap" and "vunmap" map it for the CPU, "peek OFFSET" and "poke OFFSET VALUE" read and write
 *   there.
 *
 * Reading tells the device's name, whether it is coherent, the bytes that were peeked, and the
 * segments that the device has got. Nothing ever accesses memory by these addresses. Closing the
 * file undoes everything.
 */

#include <linux/atomic.h>
#include <linux/capability.h>
#include <linux/device.h>
#include <linux/dma-buf.h>
#include <linux/dma-direct.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/fs.h>
#include <linux/iosys-map.h>
#include <linux/kstrtox.h>
#include <linux/minmax.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/scatterlist.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#define DMA_GUEST_RANGES	4
#define DMA_GUEST_ARGS		3
#define DMA_GUEST_PEEK		32

/* Older kernels had a fourth member, see edu_dma_compat.h. */
#ifndef DMA_GUEST_REGION
#define DMA_GUEST_REGION(cpu, dma, bytes)	\
	((struct bus_dma_region){ .cpu_start = (cpu), .dma_start = (dma), .size = (bytes) })
#endif

/**
 * struct dma_guest - a device
 * @dev: the device, never registered; releasing it frees this structure
 * @mask: what its dma_mask points to
 * @limits: its segments, of any length
 * @bits: bits of the mask, or 0 for a device without DMA
 * @ranges: ranges of its bus; the list that @dev points to ends with an empty one
 * @lock: protects all that follows, and the description above until @attach is set
 * @attach: its attachment to a dma-buf, or NULL
 * @sgt: the mapping for the device, or NULL
 * @dir: the direction of @sgt
 * @map: the mapping for the CPU, or empty
 * @peeked: what the last "peek" read
 * @peeked_size: bytes in @peeked
 */
struct dma_guest {
	struct device dev;
	u64 mask;
	struct device_dma_parameters limits;
	unsigned int bits;
	unsigned int ranges;
	/* protects what follows, and until @attach is set the above */
	struct mutex lock;
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;
	enum dma_data_direction dir;
	struct iosys_map map;
	u8 peeked[DMA_GUEST_PEEK];
	size_t peeked_size;
};

/* A command's arguments are numbers. */
struct dma_guest_command {
	const char *name;
	unsigned int args;
	int (*run)(struct dma_guest *guest, const u64 *args);
};

static void dma_guest_free(struct device *dev)
{
	struct dma_guest *guest = container_of(dev, struct dma_guest, dev);

	mutex_destroy(&guest->lock);
	kfree(guest);
}

static int dma_guest_mask(struct dma_guest *guest, const u64 *args)
{
	if (guest->attach)
		return -EBUSY;
	if (!args[0] || args[0] > 64)
		return -EINVAL;
	guest->bits = args[0];
	return 0;
}

/* On some architectures all devices are coherent. */
static int dma_guest_set_coherent(struct dma_guest *guest, const u64 *args)
{
	if (guest->attach)
		return -EBUSY;
#if defined(CONFIG_ARCH_HAS_SYNC_DMA_FOR_DEVICE) || defined(CONFIG_ARCH_HAS_SYNC_DMA_FOR_CPU) || \
	defined(CONFIG_ARCH_HAS_SYNC_DMA_FOR_CPU_ALL)
	dev_assign_dma_coherent(&guest->dev, !!args[0]);
#endif
	return dev_is_dma_coherent(&guest->dev) == !!args[0] ? 0 : -EOPNOTSUPP;
}

static int dma_guest_range(struct dma_guest *guest, const u64 *args)
{
	struct bus_dma_region *regions = (void *)guest->dev.dma_range_map, *region;

	if (guest->attach)
		return -EBUSY;
	if (guest->ranges == DMA_GUEST_RANGES)
		return -ENOSPC;
	if (!args[2] || args[0] + args[2] - 1 < args[0] || args[1] + args[2] - 1 < args[1])
		return -EINVAL;
	if ((phys_addr_t)args[0] != args[0] || (dma_addr_t)args[1] != args[1])
		return -ERANGE;
	if (!regions) {
		/* the driver core frees it with the device */
		regions = kcalloc(DMA_GUEST_RANGES + 1, sizeof(*regions), GFP_KERNEL);
		if (!regions)
			return -ENOMEM;
		guest->dev.dma_range_map = regions;
	}
	region = &regions[guest->ranges++];
	*region = DMA_GUEST_REGION(args[0], args[1], args[2]);
	return 0;
}

/* The mask comes last: only then the DMA API looks at the device. */
static int dma_guest_set_mask(struct dma_guest *guest)
{
	struct device *dev = &guest->dev;

	dev->dma_mask = guest->bits ? &guest->mask : NULL;
	return guest->bits ? dma_set_mask_and_coherent(dev, DMA_BIT_MASK(guest->bits)) : 0;
}

static int dma_guest_attach(struct dma_guest *guest, const u64 *args)
{
	struct dma_buf_attachment *attach;
	struct dma_buf *dmabuf;
	int ret;

	if (guest->attach)
		return -EBUSY;
	if (args[0] > INT_MAX)
		return -EBADF;
	ret = dma_guest_set_mask(guest);
	if (ret)
		return ret;
	dmabuf = dma_buf_get(args[0]);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	attach = dma_buf_attach(dmabuf, &guest->dev);
	if (IS_ERR(attach)) {
		dma_buf_put(dmabuf);
		return PTR_ERR(attach);
	}
	guest->attach = attach;
	return 0;
}

static int dma_guest_map(struct dma_guest *guest, const u64 *args)
{
	struct sg_table *sgt;

	if (!guest->attach || args[0] > DMA_FROM_DEVICE)
		return -EINVAL;
	if (guest->sgt)
		return -EBUSY;
	sgt = dma_buf_map_attachment_unlocked(guest->attach, args[0]);
	if (IS_ERR(sgt))
		return PTR_ERR(sgt);
	guest->sgt = sgt;
	guest->dir = args[0];
	return 0;
}

static int dma_guest_unmap(struct dma_guest *guest, const u64 *args)
{
	if (!guest->sgt)
		return -EINVAL;
	dma_buf_unmap_attachment_unlocked(guest->attach, guest->sgt, guest->dir);
	guest->sgt = NULL;
	return 0;
}

static int dma_guest_vmap(struct dma_guest *guest, const u64 *args)
{
	if (!guest->attach)
		return -EINVAL;
	if (!iosys_map_is_null(&guest->map))
		return -EBUSY;
	return dma_buf_vmap_unlocked(guest->attach->dmabuf, &guest->map);
}

static int dma_guest_vunmap(struct dma_guest *guest, const u64 *args)
{
	if (iosys_map_is_null(&guest->map))
		return -EINVAL;
	dma_buf_vunmap_unlocked(guest->attach->dmabuf, &guest->map);
	iosys_map_clear(&guest->map);
	return 0;
}

static int dma_guest_peek(struct dma_guest *guest, const u64 *args)
{
	size_t size;

	if (iosys_map_is_null(&guest->map) || args[0] >= guest->attach->dmabuf->size)
		return -EINVAL;
	size = min_t(u64, sizeof(guest->peeked), guest->attach->dmabuf->size - args[0]);
	iosys_map_memcpy_from(guest->peeked, &guest->map, args[0], size);
	guest->peeked_size = size;
	return 0;
}

static int dma_guest_poke(struct dma_guest *guest, const u64 *args)
{
	u8 value = args[1];

	if (iosys_map_is_null(&guest->map) || args[0] >= guest->attach->dmabuf->size ||
	    args[1] > U8_MAX)
		return -EINVAL;
	iosys_map_memcpy_to(&guest->map, args[0], &value, sizeof(value));
	return 0;
}

static int dma_guest_detach(struct dma_guest *guest, const u64 *args)
{
	struct dma_buf *dmabuf;

	if (!guest->attach)
		return -EINVAL;
	if (guest->sgt || !iosys_map_is_null(&guest->map))
		return -EBUSY;
	dmabuf = guest->attach->dmabuf;
	dma_buf_detach(dmabuf, guest->attach);
	dma_buf_put(dmabuf);
	guest->attach = NULL;
	return 0;
}

static const struct dma_guest_command dma_guest_commands[] = {
	{ "mask", 1, dma_guest_mask },
	{ "coherent", 1, dma_guest_set_coherent },
	{ "range", 3, dma_guest_range },
	{ "attach", 1, dma_guest_attach },
	{ "map", 1, dma_guest_map },
	{ "unmap", 0, dma_guest_unmap },
	{ "vmap", 0, dma_guest_vmap },
	{ "vunmap", 0, dma_guest_vunmap },
	{ "peek", 1, dma_guest_peek },
	{ "poke", 2, dma_guest_poke },
	{ "detach", 0, dma_guest_detach },
};

static int dma_guest_run(struct dma_guest *guest, char *text)
{
	const char *name = strsep(&text, " ");
	u64 args[DMA_GUEST_ARGS] = {};
	unsigned int i, count;
	int ret;

	for (count = 0; text && count < DMA_GUEST_ARGS; count++) {
		ret = kstrtou64(strsep(&text, " "), 0, &args[count]);
		if (ret)
			return ret;
	}
	for (i = 0; i < ARRAY_SIZE(dma_guest_commands); i++) {
		if (strcmp(name, dma_guest_commands[i].name))
			continue;
		if (text || count != dma_guest_commands[i].args)
			return -EINVAL;
		mutex_lock(&guest->lock);
		ret = dma_guest_commands[i].run(guest, args);
		mutex_unlock(&guest->lock);
		return ret;
	}
	return -EINVAL;
}

static ssize_t dma_guest_write(struct file *file, const char __user *data, size_t size, loff_t *pos)
{
	struct seq_file *seq = file->private_data;
	char text[96];
	int ret;

	if (size >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, data, size))
		return -EFAULT;
	text[size] = '\0';
	ret = dma_guest_run(seq->private, strim(text));
	return ret ?: size;
}

static int dma_guest_show(struct seq_file *seq, void *data)
{
	struct dma_guest *guest = seq->private;
	struct scatterlist *sg;
	int i;

	mutex_lock(&guest->lock);
	seq_printf(seq, "device %s\ncoherent %d\n", dev_name(&guest->dev),
		   dev_is_dma_coherent(&guest->dev));
	if (guest->peeked_size)
		seq_printf(seq, "peeked %*phN\n", (int)guest->peeked_size, guest->peeked);
	if (guest->sgt) {
		for_each_sgtable_dma_sg(guest->sgt, sg, i)
			seq_printf(seq, "segment %#llx %#x\n", (u64)sg_dma_address(sg),
				   sg_dma_len(sg));
	}
	mutex_unlock(&guest->lock);
	return 0;
}

static int dma_guest_open(struct inode *inode, struct file *file)
{
	static atomic_t number = ATOMIC_INIT(0);
	struct dma_guest *guest;
	struct device *dev;
	int ret;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	guest = kzalloc_obj(*guest, GFP_KERNEL);
	if (!guest)
		return -ENOMEM;
	mutex_init(&guest->lock);
	dev = &guest->dev;
	device_initialize(dev);
	dev->release = dma_guest_free;
	dev->dma_parms = &guest->limits;
	dma_set_max_seg_size(dev, UINT_MAX);
	ret = dev_set_name(dev, "dma_guest.%u", (u32)atomic_inc_return(&number));
	/* misc_open() has left its device there */
	file->private_data = NULL;
	if (!ret)
		ret = single_open(file, dma_guest_show, guest);
	if (ret)
		put_device(dev);
	return ret;
}

static int dma_guest_release(struct inode *inode, struct file *file)
{
	struct seq_file *seq = file->private_data;
	struct dma_guest *guest = seq->private;

	mutex_lock(&guest->lock);
	dma_guest_unmap(guest, NULL);
	dma_guest_vunmap(guest, NULL);
	dma_guest_detach(guest, NULL);
	mutex_unlock(&guest->lock);
	put_device(&guest->dev);
	return single_release(inode, file);
}

static const struct file_operations dma_guest_fops = {
	.owner = THIS_MODULE,
	.open = dma_guest_open,
	.release = dma_guest_release,
	.read = seq_read,
	.write = dma_guest_write,
	.llseek = seq_lseek,
};

static struct miscdevice dma_guest_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "dma_guest",
	.fops = &dma_guest_fops,
	.mode = 0600,
};
module_misc_device(dma_guest_misc);

MODULE_DESCRIPTION("An importer of dma-bufs that is any device");
MODULE_AUTHOR("The dgem authors");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
