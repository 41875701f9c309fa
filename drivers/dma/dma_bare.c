// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a memcpy channel costs by itself
 *
 * Copyright (C) 2026 The dgem authors
 */

/**
 * DOC: A client that does nothing but copy
 *
 * What a driver adds to the cost of a DMA channel is known only against what the channel costs
 * without it. This module prepares a batch of copies, submits and issues them, waits for the last
 * callback, and does so again, all on one channel and with nothing around it. The time in which the
 * CPU was not idle meanwhile is the cost. Writing "SEGMENTS ROUNDS BYTES" to the parameter run does
 * ROUNDS batches of SEGMENTS copies of BYTES each; reading it tells the nanoseconds of a batch.
 *
 * It means something on a machine with one processor that does nothing else, and is exact where the
 * clock counts instructions, as in QEMU with -icount shift=0: what this module was made for. The
 * parameter busy tells the nanoseconds in which that processor was not idle, counted from anywhere,
 * so that others can measure in the same way.
 *
 * The kernel's own accounts of idle time are in part a matter of ticks. So the idle loop is asked,
 * by its trace event. A hard interrupt handler that ends the idle time is still a part of it; what
 * it wakes is not.
 */

#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/dma-mapping.h>
#include <linux/dmaengine.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/timekeeping.h>
#include <linux/tracepoint.h>

#include <trace/events/power.h>

#define DMA_BARE_BUFFER	SZ_64K
#define DMA_BARE_TIMEOUT	(600 * HZ)

/**
 * struct dma_bare - a batch on its way
 * @chan: the channel
 * @left: copies that have not come back
 * @done: all of them have
 * @failed: some of them with an error
 */
struct dma_bare {
	struct dma_chan *chan;
	atomic_t left;
	struct completion done;
	bool failed;
};

/* Nanoseconds of a batch; the module's lock of parameters is held where it is used. */
static u64 dma_bare_taken;
/* Nanoseconds of waiting, up to the last time; and when that began or ended. */
static u64 dma_bare_idle;
static u64 dma_bare_since;

static char *channel;
module_param(channel, charp, 0644);
MODULE_PARM_DESC(channel, "channel to use, such as dma1chan0 (default: any that is free)");

static void dma_bare_callback(void *param, const struct dmaengine_result *result)
{
	struct dma_bare *bare = param;

	if (result && result->result != DMA_TRANS_NOERROR)
		bare->failed = true;
	if (atomic_dec_and_test(&bare->left))
		complete(&bare->done);
}

static int dma_bare_batch(struct dma_bare *bare, dma_addr_t dst, dma_addr_t src, u32 segments,
			  u32 bytes)
{
	struct dma_async_tx_descriptor *tx;
	u32 i;

	reinit_completion(&bare->done);
	atomic_set(&bare->left, segments);
	for (i = 0; i < segments; i++) {
		tx = dmaengine_prep_dma_memcpy(bare->chan, dst, src, bytes,
					       DMA_PREP_INTERRUPT | DMA_CTRL_ACK);
		if (!tx)
			return -ENOSPC;
		tx->callback_result = dma_bare_callback;
		tx->callback_param = bare;
		if (dma_submit_error(dmaengine_submit(tx)))
			return -EIO;
	}
	dma_async_issue_pending(bare->chan);
	if (!wait_for_completion_timeout(&bare->done, DMA_BARE_TIMEOUT))
		return -ETIMEDOUT;
	return bare->failed ? -EIO : 0;
}

/* Nanoseconds in which the CPU was not idle. */
static u64 dma_bare_busy(void)
{
	return ktime_get_mono_fast_ns() - READ_ONCE(dma_bare_idle);
}

/* The idle loop begins to wait, or has waited; called with interrupts off. */
static void dma_bare_idle_event(void *data, unsigned int state, unsigned int cpu)
{
	u64 now = ktime_get_mono_fast_ns();

	if (state == PWR_EVENT_EXIT)
		WRITE_ONCE(dma_bare_idle, dma_bare_idle + now - dma_bare_since);
	dma_bare_since = now;
}

static int dma_bare_measure(struct dma_bare *bare, dma_addr_t dst, dma_addr_t src, u32 segments,
			    u32 rounds, u32 bytes)
{
	u64 start = 0;
	u32 i;
	int ret;

	/* The first one warms up. */
	for (i = 0; i <= rounds; i++) {
		ret = dma_bare_batch(bare, dst, src, segments, bytes);
		if (ret)
			break;
		if (!i)
			start = dma_bare_busy();
	}
	if (ret)
		dmaengine_terminate_sync(bare->chan);
	else
		dma_bare_taken = div_u64(dma_bare_busy() - start, rounds);
	return ret;
}

static bool dma_bare_filter(struct dma_chan *chan, void *name)
{
	const char *wanted = name;

	return !wanted || !*wanted || !strcmp(dma_chan_name(chan), wanted);
}

static int dma_bare_run(u32 segments, u32 rounds, u32 bytes)
{
	struct dma_bare bare = {};
	struct device *dev;
	dma_cap_mask_t mask;
	dma_addr_t addr;
	void *buffer;
	int ret;

	dma_cap_zero(mask);
	dma_cap_set(DMA_MEMCPY, mask);
	bare.chan = dma_request_channel(mask, dma_bare_filter, channel);
	if (!bare.chan)
		return -ENODEV;
	init_completion(&bare.done);

	dev = dmaengine_get_dma_device(bare.chan);
	buffer = dma_alloc_coherent(dev, 2 * DMA_BARE_BUFFER, &addr, GFP_KERNEL);
	if (buffer) {
		ret = dma_bare_measure(&bare, addr + DMA_BARE_BUFFER, addr, segments, rounds,
				       bytes);
		dma_free_coherent(dev, 2 * DMA_BARE_BUFFER, buffer, addr);
	} else {
		ret = -ENOMEM;
	}
	dma_release_channel(bare.chan);
	return ret;
}

static int dma_bare_set_run(const char *text, const struct kernel_param *kp)
{
	u32 segments, rounds, bytes;

	/* Parameters on the command line come before there is a module. */
	if (THIS_MODULE->state != MODULE_STATE_LIVE)
		return -EINVAL;
	if (sscanf(text, "%u %u %u", &segments, &rounds, &bytes) != 3)
		return -EINVAL;
	if (!segments || !rounds || !bytes || bytes > DMA_BARE_BUFFER)
		return -EINVAL;
	return dma_bare_run(segments, rounds, bytes);
}

static int dma_bare_get_run(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%llu\n", dma_bare_taken);
}

static const struct kernel_param_ops dma_bare_run_ops = {
	.set = dma_bare_set_run,
	.get = dma_bare_get_run,
};
module_param_cb(run, &dma_bare_run_ops, NULL, 0600);
MODULE_PARM_DESC(run, "SEGMENTS ROUNDS BYTES to measure; reads as nanoseconds of a batch");

static int dma_bare_get_busy(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%llu\n", dma_bare_busy());
}

static const struct kernel_param_ops dma_bare_busy_ops = {
	.get = dma_bare_get_busy,
};
module_param_cb(busy, &dma_bare_busy_ops, NULL, 0444);
MODULE_PARM_DESC(busy, "nanoseconds in which the processor was not idle");

static int __init dma_bare_init(void)
{
	if (num_online_cpus() != 1)
		pr_notice("dma_bare: with more than one processor the figures mean nothing\n");
	dma_bare_since = ktime_get_mono_fast_ns();
	return register_trace_cpu_idle(dma_bare_idle_event, NULL);
}
module_init(dma_bare_init);

static void __exit dma_bare_exit(void)
{
	unregister_trace_cpu_idle(dma_bare_idle_event, NULL);
	tracepoint_synchronize_unregister();
}
module_exit(dma_bare_exit);

MODULE_DESCRIPTION("What a memcpy channel costs by itself");
MODULE_AUTHOR("The dgem authors");
MODULE_LICENSE("GPL");
