// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA engine of QEMU's "edu" PCI device: the dmaengine channel
 *
 * Copyright (C) 2026 The dgem authors
 */

/**
 * DOC: How a device with one small buffer copies memory
 *
 * The edu device moves up to a page between system memory and a buffer of its own, one transfer
 * at a time, and raises an interrupt at the end of it. A memcpy descriptor is therefore cut into
 * chunks, and each chunk takes two legs: *in* (memory to device) and *out* (device to memory). The
 * hard interrupt handler only acknowledges; its thread finds out what has ended, starts the next
 * leg and calls back the consumer of a descriptor whose last byte is in memory.
 *
 * A leg cannot be stopped. terminate_all() gives the descriptors back at once and leaves a running
 * leg behind as an orphan; device_synchronize() waits for it. A job that is issued meanwhile
 * starts when the orphan has ended. An interrupt is only a hint to look: whether a leg is over is
 * read from the device, never concluded from the number of interrupts, so that one that comes late
 * or not at all cannot be taken for the end of another leg.
 *
 * The device reports neither bus errors nor a leg that hangs, and there is no watchdog here: a
 * lost interrupt shows as a transfer that does not complete, and it is the consumer who decides
 * how long that is too long. Terminating then makes the channel usable again.
 *
 * Tests make things go wrong by writing to files in debugfs, edu_dma/<PCI address>: lose_irq takes
 * the number of interrupts to lose, fail_leg and abort_leg the number of the leg to fail, counted
 * from one. The descriptor then ends with the error that a real channel would report, the bytes of
 * that leg count as not moved, and later descriptors go on. The file stats beside them tells
 * interrupts, legs and bytes. Module parameters give the channel the limits of others: max_segment,
 * boundary and copy_align; a descriptor that does not keep to them is refused.
 *
 * The channel is private (DMA_PRIVATE): at a tenth of a second a leg nobody wants async_tx to
 * pick it up for general offload.
 *
 * Cookies and descriptor lists are kept here rather than by drivers/dma/virt-dma.h, because that
 * header and drivers/dma/dmaengine.h are private to the kernel tree: a module built beside an
 * installed kernel has only include/linux/dmaengine.h. A device with one channel, whose bottom
 * half is a thread already, needs little of them, and one code path serves both kinds of build.
 */

#include <linux/align.h>
#include <linux/bits.h>
#include <linux/bottom_half.h>
#include <linux/cleanup.h>
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/iopoll.h>
#include <linux/limits.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "edu_dma.h"

static struct edu_dma *to_edu_dma(struct dma_chan *chan)
{
	return container_of(chan, struct edu_dma, chan);
}

static struct edu_dma_desc *to_edu_dma_desc(struct dma_async_tx_descriptor *tx)
{
	return container_of(tx, struct edu_dma_desc, tx);
}

static dma_cookie_t edu_dma_tx_submit(struct dma_async_tx_descriptor *tx)
{
	struct edu_dma_desc *desc = to_edu_dma_desc(tx);
	struct dma_chan *chan = tx->chan;
	struct edu_dma *edu = to_edu_dma(chan);
	dma_cookie_t cookie = -ENODEV;

	scoped_guard(spinlock_irqsave, &edu->lock) {
		if (edu->state != EDU_DMA_GONE) {
			cookie = chan->cookie == INT_MAX ? DMA_MIN_COOKIE : chan->cookie + 1;
			chan->cookie = cookie;
			tx->cookie = cookie;
			list_move_tail(&desc->node, &edu->submitted);
		}
	}

	return cookie;
}

static bool edu_dma_crosses(const struct edu_dma *edu, dma_addr_t addr, size_t len)
{
	return (addr & edu->boundary) + (u64)len - 1 > edu->boundary;
}

/* Whether a consumer has kept to what it was told of the channel. */
static bool edu_dma_takes(const struct edu_dma *edu, dma_addr_t dst, dma_addr_t src, size_t len)
{
	u64 align = BIT(edu->dma.copy_align);

	/* A residue has 32 bits. */
	if (!len || len > U32_MAX)
		return false;

	if (len > edu->max_segment || !IS_ALIGNED(dst | src | len, align) ||
	    edu_dma_crosses(edu, dst, len) || edu_dma_crosses(edu, src, len)) {
		dev_err_ratelimited(edu->dma.dev, "%zu bytes from %pad to %pad exceed its limits\n",
				    len, &src, &dst);
		return false;
	}

	return true;
}

static struct dma_async_tx_descriptor *
edu_dma_prep_memcpy(struct dma_chan *chan, dma_addr_t dst, dma_addr_t src, size_t len,
		    unsigned long flags)
{
	struct edu_dma *edu = to_edu_dma(chan);
	struct edu_dma_desc *desc;

	if (!edu_dma_takes(edu, dst, src, len))
		return NULL;

	desc = kzalloc_obj(*desc, GFP_NOWAIT);
	if (!desc)
		return NULL;

	dma_async_tx_descriptor_init(&desc->tx, chan);
	desc->tx.cookie = -EBUSY;
	desc->tx.flags = flags;
	desc->tx.tx_submit = edu_dma_tx_submit;
	desc->src = src;
	desc->dst = dst;
	desc->len = len;

	scoped_guard(spinlock_irqsave, &edu->lock) {
		if (edu->state != EDU_DMA_GONE) {
			list_add_tail(&desc->node, &edu->prepared);
			return &desc->tx;
		}
	}

	kfree(desc);
	return NULL;
}

static void edu_dma_issue_pending(struct dma_chan *chan)
{
	struct edu_dma *edu = to_edu_dma(chan);

	scoped_guard(spinlock_irqsave, &edu->lock) {
		list_splice_tail_init(&edu->submitted, &edu->issued);
		edu_dma_kick(edu);
	}
}

/* Finds a descriptor between its submission and its completion. */
static struct edu_dma_desc *edu_dma_find(struct edu_dma *edu, dma_cookie_t cookie)
{
	struct edu_dma_desc *desc;

	lockdep_assert_held(&edu->lock);

	if (edu->active && edu->active->tx.cookie == cookie)
		return edu->active;

	list_for_each_entry(desc, &edu->issued, node)
		if (desc->tx.cookie == cookie)
			return desc;

	list_for_each_entry(desc, &edu->submitted, node)
		if (desc->tx.cookie == cookie)
			return desc;

	return NULL;
}

static enum dma_status edu_dma_tx_status(struct dma_chan *chan, dma_cookie_t cookie,
					 struct dma_tx_state *txstate)
{
	struct edu_dma *edu = to_edu_dma(chan);
	struct dma_tx_state state = {};
	struct edu_dma_desc *desc;
	enum dma_status status;

	scoped_guard(spinlock_irqsave, &edu->lock) {
		state.last = chan->completed_cookie;
		state.used = chan->cookie;
		status = dma_async_is_complete(cookie, state.last, state.used);
		if (status == DMA_COMPLETE) {
			if (cookie == edu->failed)
				status = DMA_ERROR;
			break;
		}

		desc = edu_dma_find(edu, cookie);
		if (desc) {
			state.residue = desc->len - desc->done;
			state.in_flight_bytes = desc->inside ? edu_dma_chunk(desc) : 0;
		} else {
			/* It was terminated, or the device is gone. */
			status = DMA_ERROR;
		}
	}

	if (txstate)
		*txstate = state;

	return status;
}

/**
 * edu_dma_give_back() - end a submitted descriptor's life with a word to its consumer
 * @desc: a descriptor that is in no list any more
 * @result: what became of it
 *
 * Callers hold no lock and have set &edu_dma.calling.
 */
void edu_dma_give_back(struct edu_dma_desc *desc, enum dmaengine_tx_result result)
{
	struct dma_async_tx_descriptor *tx = &desc->tx;
	struct dmaengine_result res = {
		.result = result,
		.residue = desc->len - desc->done,
	};

	/* Consumers expect to be called from a tasklet. */
	local_bh_disable();
	dma_descriptor_unmap(tx);
	if (tx->callback_result)
		tx->callback_result(tx->callback_param, &res);
	else if (tx->callback)
		tx->callback(tx->callback_param);
	local_bh_enable();

	kfree(desc);
}

/**
 * edu_dma_called() - the consumers whose descriptors were given back have returned
 * @edu: the device
 */
void edu_dma_called(struct edu_dma *edu)
{
	scoped_guard(spinlock_irqsave, &edu->lock)
		edu->calling = false;
	wake_up_all(&edu->called);
}

/* Moves to @list, in their order, all descriptors on their way. A leg becomes an orphan. */
static void edu_dma_take_pending(struct edu_dma *edu, struct list_head *list)
{
	lockdep_assert_held(&edu->lock);

	if (edu->active) {
		list_add_tail(&edu->active->node, list);
		edu->active = NULL;
	}
	list_splice_tail_init(&edu->issued, list);
	list_splice_tail_init(&edu->submitted, list);
}

/**
 * edu_dma_abort() - the device is gone: tell the consumers
 * @edu: the device, without leg or interrupt
 *
 * What was queued is called back as aborted, what is still to come will be refused.
 */
void edu_dma_abort(struct edu_dma *edu)
{
	struct edu_dma_desc *desc, *next;
	LIST_HEAD(list);

	scoped_guard(spinlock_irqsave, &edu->lock) {
		edu->state = EDU_DMA_GONE;
		edu_dma_take_pending(edu, &list);
		edu->calling = true;
	}

	list_for_each_entry_safe(desc, next, &list, node)
		edu_dma_give_back(desc, DMA_TRANS_ABORTED);
	edu_dma_called(edu);
}

static int edu_dma_terminate_all(struct dma_chan *chan)
{
	struct edu_dma *edu = to_edu_dma(chan);
	struct edu_dma_desc *desc, *next;
	LIST_HEAD(list);

	scoped_guard(spinlock_irqsave, &edu->lock) {
		edu_dma_take_pending(edu, &list);
		list_splice_tail_init(&edu->prepared, &list);
	}

	list_for_each_entry_safe(desc, next, &list, node) {
		dma_descriptor_unmap(&desc->tx);
		kfree(desc);
	}

	return 0;
}

/* Whether a leg still runs for nobody; one that has ended makes room for the next job. */
static bool edu_dma_orphaned(struct edu_dma *edu)
{
	bool orphaned;

	scoped_guard(spinlock_irqsave, &edu->lock) {
		edu_dma_kick(edu);
		orphaned = edu->state != EDU_DMA_GONE && edu->busy && !edu->active;
	}

	return orphaned;
}

static void edu_dma_synchronize(struct dma_chan *chan)
{
	struct edu_dma *edu = to_edu_dma(chan);
	bool orphaned;

	if (read_poll_timeout(edu_dma_orphaned, orphaned, !orphaned, EDU_DMA_POLL_US,
			      EDU_DMA_TIMEOUT_US, false, edu))
		dev_err(edu->dma.dev, "terminated transfer does not end\n");

	wait_event(edu->called, !READ_ONCE(edu->calling));
}

static void edu_dma_free_chan_resources(struct dma_chan *chan)
{
	edu_dma_terminate_all(chan);
	edu_dma_synchronize(chan);
}

static bool edu_dma_no_channel(struct dma_chan *chan, void *param)
{
	return false;
}

static LLIST_HEAD(edu_dma_released);

static void edu_dma_reap(struct work_struct *work)
{
	struct llist_node *list = llist_del_all(&edu_dma_released);
	struct edu_dma *edu, *next;
	dma_cap_mask_t mask;

	/*
	 * dma_release_channel() goes on looking at the channel after it has dropped the last
	 * reference to its device. It holds dmaengine's list mutex until it is through, and so does
	 * a search: when that returns, the channel has been left alone.
	 */
	dma_cap_zero(mask);
	dma_request_channel(mask, edu_dma_no_channel, NULL);

	llist_for_each_entry_safe(edu, next, list, reap) {
		put_device(&edu->chan.dev->device);
		put_device(edu->dma.dev);
		kfree(edu);
	}
}

static DECLARE_WORK(edu_dma_reap_work, edu_dma_reap);

static void edu_dma_release(struct dma_device *dma)
{
	struct edu_dma *edu = container_of(dma, struct edu_dma, dma);

	llist_add(&edu->reap, &edu_dma_released);
	schedule_work(&edu_dma_reap_work);
}

/**
 * edu_dma_register() - offer the channel to consumers
 * @edu: the device, ready to start legs
 *
 * After this the structure is freed by dma_async_device_unregister(), or, if the channel is held
 * then, by its release.
 *
 * Return: 0 or a negative error, with which the structure remains the caller's.
 */
int edu_dma_register(struct edu_dma *edu)
{
	int ret;

	ret = dma_async_device_register(&edu->dma);
	if (ret)
		return ret;

	/*
	 * Unregistering lets go of the channel's device, but its name and DMA device are looked up
	 * for as long as a consumer holds the channel.
	 */
	get_device(&edu->chan.dev->device);

	return 0;
}

/**
 * edu_dma_flush_releases() - wait until all released devices have been freed
 */
void edu_dma_flush_releases(void)
{
	flush_work(&edu_dma_reap_work);
}

/**
 * edu_dma_chan_init() - prepare the channel for dma_async_device_register()
 * @edu: the device, zeroed
 */
void edu_dma_chan_init(struct edu_dma *edu)
{
	struct dma_device *dma = &edu->dma;

	spin_lock_init(&edu->lock);
	init_waitqueue_head(&edu->called);
	INIT_LIST_HEAD(&edu->prepared);
	INIT_LIST_HEAD(&edu->submitted);
	INIT_LIST_HEAD(&edu->issued);

	dma_cap_set(DMA_MEMCPY, dma->cap_mask);
	dma_cap_set(DMA_PRIVATE, dma->cap_mask);
	dma->directions = BIT(DMA_MEM_TO_MEM);
	/* The burst is a chunk, as much as the device moves in one go. */
	dma->residue_granularity = DMA_RESIDUE_GRANULARITY_BURST;
	dma->device_free_chan_resources = edu_dma_free_chan_resources;
	dma->device_prep_dma_memcpy = edu_dma_prep_memcpy;
	dma->device_issue_pending = edu_dma_issue_pending;
	dma->device_tx_status = edu_dma_tx_status;
	dma->device_terminate_all = edu_dma_terminate_all;
	dma->device_synchronize = edu_dma_synchronize;
	dma->device_release = edu_dma_release;

	INIT_LIST_HEAD(&dma->channels);
	edu->chan.device = dma;
	edu->chan.cookie = DMA_MIN_COOKIE;
	edu->chan.completed_cookie = DMA_MIN_COOKIE;
	list_add_tail(&edu->chan.device_node, &dma->channels);
}
