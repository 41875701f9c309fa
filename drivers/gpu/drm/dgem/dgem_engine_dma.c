// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/dma-fence.h>
#include <linux/dma-mapping.h>
#include <linux/dmaengine.h>
#include <linux/iopoll.h>
#include <linux/property.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include <drm/dgem_drm.h>
#include <drm/drm_gem.h>
#include <drm/drm_print.h>

#include "compat/dgem_compat.h"
#include "dgem_device.h"
#include "dgem_engine.h"
#include "dgem_gem.h"
#include "dgem_range.h"
#include "dgem_sparse.h"

/**
 * DOC: the dmaengine engine
 *
 * Any channel that can DMA_MEMCPY moves the bytes; it is held exclusively. A job is cut into pieces
 * that are continuous on both sides, and a bounded number of them is with the channel at a time.
 * The feeder prepares more when half of them have come back, from a workqueue, since preparing is
 * not allowed in all the contexts that a channel calls back from. A channel that has no descriptor
 * left is asked again when one came back.
 *
 * Some channels call back from within dma_async_issue_pending(), so no lock that the callback takes
 * is held there. The job is over when all pieces have been handed out and all have come back; an
 * error ends it when the channel has been terminated.
 *
 * Lock order: feed_lock, then lock. Neither is held over an allocation that may wait.
 */

/* pieces with the channel at a time: half of the smallest ring known, 32 of a ZynqMP channel */
#define DGEM_DMA_SLOTS	16
/* bytes of a piece at most: a slow channel should show progress now and then */
#define DGEM_DMA_PIECE	SZ_1M
/* before the system sleeps: how often to look whether the channel is idle, and for how long */
#define DGEM_DMA_POLL_US	1000
#define DGEM_DMA_HALT_US	(10 * USEC_PER_SEC)

struct dgem_engine_dma;

/**
 * struct dgem_dma_slot - a piece that is with the channel
 */
struct dgem_dma_slot {
	/** @dma: the engine */
	struct dgem_engine_dma *dma;
	/** @cookie: the channel's name for it */
	dma_cookie_t cookie;
	/** @len: bytes */
	u32 len;
	/** @bank: which of the two rings it is in */
	u32 bank;
};

/**
 * struct dgem_engine_dma - a dmaengine channel
 */
struct dgem_engine_dma {
	/** @base: the engine */
	struct dgem_engine base;
	/** @chan: the channel, NULL after shutdown; under @feed_lock */
	struct dma_chan *chan;
	/** @wq: runs @feed */
	struct workqueue_struct *wq;
	/** @feed: hands out more pieces, or ends a job that failed */
	struct delayed_work feed;
	/** @feed_lock: one feeds or stops at a time; protects the cursor */
	struct mutex feed_lock;
	/** @op: cursor: the operation that @pieces are of */
	u32 op;
	/** @pieces: cursor: what is left of it */
	struct dgem_pieces pieces;
	/** @piece: cursor: a piece to hand out next, if its length is not zero */
	struct dgem_piece piece;

	/** @lock: protects what follows */
	spinlock_t lock;
	/** @job: the running job */
	struct dgem_engine_job *job;
	/**
	 * @slots: two rings of pieces. An abort changes over to the other one: there are channels
	 * that call back for a piece when they have been terminated already.
	 */
	struct dgem_dma_slot slots[2][DGEM_DMA_SLOTS];
	/** @bank: the ring in use */
	u32 bank;
	/** @head: the slot that comes back next */
	u32 head;
	/** @in_flight: pieces with the channel */
	u32 in_flight;
	/** @fed: all pieces have been handed out */
	bool fed;
	/** @error: what went wrong, or 0 */
	int error;
};

static struct dgem_engine_dma *to_dgem_engine_dma(struct dgem_engine *engine)
{
	return container_of(engine, struct dgem_engine_dma, base);
}

static int dgem_dma_prepare(struct dgem_engine *engine, struct dgem_engine_job *job)
{
	u32 i;

	for (i = 0; i < job->ref_count; i++) {
		int ret = dgem_gem_attach_engine(job->refs[i].obj);

		if (ret)
			return ret;
	}
	return 0;
}

/* the engine sees an object as a whole, or what the operation needs of a sparse one */
static int dgem_dma_reach_rect(struct dgem_object *obj, struct dgem_rect *rect,
			       struct sg_table **table)
{
	u64 start;
	int ret;

	if (!obj->sparse)
		return dgem_gem_map_engine(obj);
	ret = dgem_sparse_reach(obj, rect->offset, dgem_rect_end(rect) - rect->offset, table,
				&start);
	if (!ret)
		rect->offset -= start;
	return ret;
}

static int dgem_dma_reach(struct dgem_engine *engine, struct dgem_engine_job *job)
{
	u32 i;

	for (i = 0; i < job->count; i++) {
		struct dgem_engine_op *op = &job->ops[i];
		int ret;

		ret = dgem_dma_reach_rect(job->refs[op->src].obj, &op->src_rect, &op->src_table);
		if (ret)
			return ret;
		ret = dgem_dma_reach_rect(job->refs[op->dst].obj, &op->dst_rect, &op->dst_table);
		if (ret)
			return ret;
	}
	return 0;
}

static void dgem_dma_unprepare(struct dgem_engine *engine, struct dgem_engine_job *job)
{
	u32 i;

	/* objects stay mapped */
	for (i = 0; i < job->count; i++) {
		dgem_sparse_put_table(job->ops[i].src_table);
		dgem_sparse_put_table(job->ops[i].dst_table);
	}
}

static const struct sg_table *dgem_dma_table(const struct dgem_engine_job *job, u32 ref,
					     const struct sg_table *table)
{
	return table ?: dgem_gem_engine_sgt(job->refs[ref].obj);
}

static void dgem_dma_open_op(struct dgem_engine_dma *dma, struct dgem_engine_job *job)
{
	const struct dgem_engine_op *op = &job->ops[dma->op];
	const struct dgem_limits limits = {
		.max_len = min_t(u32, dma->base.max_segment, DGEM_DMA_PIECE),
		.align = dma->base.copy_align,
		.boundary = dma_get_seg_boundary(dma->base.dev),
	};

	dgem_pieces_init(&dma->pieces,
			 dgem_dma_table(job, op->src, op->src_table), &op->src_rect,
			 dgem_dma_table(job, op->dst, op->dst_table), &op->dst_rect, &limits);
}

/* the next piece of the job into the cursor; false if there is none, or an error */
static bool dgem_dma_next(struct dgem_engine_dma *dma, struct dgem_engine_job *job, int *error)
{
	while (!dma->piece.len) {
		if (dgem_pieces_next(&dma->pieces, &dma->piece))
			break;
		if (!dgem_pieces_done(&dma->pieces)) {
			*error = -EIO;
			return false;
		}
		if (++dma->op >= job->count)
			return false;
		dgem_dma_open_op(dma, job);
	}
	return true;
}

static void dgem_dma_complete(struct dgem_engine_dma *dma, struct dgem_engine_job *job, int error)
{
	bool cookie = dma_fence_begin_signalling();

	job->complete(job, error);
	dma_fence_end_signalling(cookie);
}

/* if the job is over, take it */
static struct dgem_engine_job *dgem_dma_take(struct dgem_engine_dma *dma)
{
	struct dgem_engine_job *job = dma->job;

	lockdep_assert_held(&dma->lock);

	if (!dma->fed || dma->in_flight || dma->error)
		return NULL;
	dma->job = NULL;
	return job;
}

static void dgem_dma_callback(void *param, const struct dmaengine_result *result)
{
	struct dgem_dma_slot *slot = param;
	struct dgem_engine_dma *dma = slot->dma;
	struct dgem_engine_job *job;
	unsigned long flags;
	bool feed;

	spin_lock_irqsave(&dma->lock, flags);
	if (!dma->job || slot->bank != dma->bank) {
		/* aborted in the meantime */
		spin_unlock_irqrestore(&dma->lock, flags);
		return;
	}
	if (result && result->result != DMA_TRANS_NOERROR) {
		dma->error = -EIO;
	} else {
		atomic64_add(slot->len, &dma->job->done);
		atomic64_add(slot->len, &dma->base.ddev->stats.bytes_dma);
	}
	dma->head = (dma->head + 1) % DGEM_DMA_SLOTS;
	dma->in_flight--;
	job = dgem_dma_take(dma);
	feed = dma->error || (!dma->fed && dma->in_flight <= DGEM_DMA_SLOTS / 2);
	spin_unlock_irqrestore(&dma->lock, flags);

	if (job)
		dgem_dma_complete(dma, job, 0);
	else if (feed)
		mod_delayed_work(dma->wq, &dma->feed, 0);
}

/* hand the piece in the cursor to the channel; false if it has no room */
static bool dgem_dma_issue(struct dgem_engine_dma *dma)
{
	struct dma_async_tx_descriptor *tx;
	struct dgem_dma_slot *slot;
	unsigned long flags;

	tx = dmaengine_prep_dma_memcpy(dma->chan, dma->piece.dst, dma->piece.src, dma->piece.len,
				       DMA_PREP_INTERRUPT | DMA_CTRL_ACK);
	if (!tx)
		return false;

	spin_lock_irqsave(&dma->lock, flags);
	slot = &dma->slots[dma->bank][(dma->head + dma->in_flight++) % DGEM_DMA_SLOTS];
	slot->len = dma->piece.len;
	spin_unlock_irqrestore(&dma->lock, flags);
	dma->piece.len = 0;

	tx->callback_result = dgem_dma_callback;
	tx->callback_param = slot;
	slot->cookie = dmaengine_submit(tx);
	if (dma_submit_error(slot->cookie)) {
		spin_lock_irqsave(&dma->lock, flags);
		dma->in_flight--;
		dma->error = -EIO;
		spin_unlock_irqrestore(&dma->lock, flags);
	}
	return true;
}

/* end the running job, if any: afterwards the channel is idle and calls back no more */
static void dgem_dma_abort(struct dgem_engine_dma *dma, int error)
{
	struct dgem_engine_job *job;
	unsigned long flags;

	lockdep_assert_held(&dma->feed_lock);

	dmaengine_terminate_sync(dma->chan);

	spin_lock_irqsave(&dma->lock, flags);
	job = dma->job;
	dma->job = NULL;
	dma->in_flight = 0;
	dma->bank = !dma->bank;
	spin_unlock_irqrestore(&dma->lock, flags);

	if (job)
		dgem_dma_complete(dma, job, error);
}

static void dgem_dma_feed(struct dgem_engine_dma *dma)
{
	struct dgem_engine_job *job, *over = NULL;
	bool room = true, more;
	unsigned long flags;
	int error;

	lockdep_assert_held(&dma->feed_lock);

	if (READ_ONCE(dma->base.ddev->asleep))
		return;

	spin_lock_irqsave(&dma->lock, flags);
	job = dma->job;
	error = dma->error;
	more = !dma->fed;
	spin_unlock_irqrestore(&dma->lock, flags);

	/* a job that is not fed stays: only the feeder makes it complete */
	while (job && !error && more) {
		if (READ_ONCE(dma->in_flight) >= DGEM_DMA_SLOTS)
			break;
		more = dgem_dma_next(dma, job, &error);
		if (!more)
			break;
		room = dgem_dma_issue(dma);
		if (!room)
			break;
		error = READ_ONCE(dma->error);
	}
	if (!job)
		return;

	if (!error && !more) {
		spin_lock_irqsave(&dma->lock, flags);
		if (!dma->fed) {
			dma->fed = true;
			over = dgem_dma_take(dma);
		}
		spin_unlock_irqrestore(&dma->lock, flags);
	}
	if (over) {
		dgem_dma_complete(dma, over, 0);
		return;
	}

	dma_async_issue_pending(dma->chan);

	if (!error)
		error = READ_ONCE(dma->error);
	if (error)
		dgem_dma_abort(dma, error);
	else if (!room && !READ_ONCE(dma->in_flight))
		/* nothing will come back to wake us: somebody else has the descriptors */
		queue_delayed_work(dma->wq, &dma->feed, 1);
}

static void dgem_dma_feed_work(struct work_struct *work)
{
	struct dgem_engine_dma *dma = container_of(to_delayed_work(work), struct dgem_engine_dma,
						   feed);
	bool cookie = dma_fence_begin_signalling();

	mutex_lock(&dma->feed_lock);
	if (dma->chan)
		dgem_dma_feed(dma);
	mutex_unlock(&dma->feed_lock);
	dma_fence_end_signalling(cookie);
}

static void dgem_dma_run(struct dgem_engine *engine, struct dgem_engine_job *job)
{
	struct dgem_engine_dma *dma = to_dgem_engine_dma(engine);
	bool cookie = dma_fence_begin_signalling();

	mutex_lock(&dma->feed_lock);
	if (dma->chan) {
		spin_lock_irq(&dma->lock);
		dma->job = job;
		dma->head = 0;
		dma->in_flight = 0;
		dma->fed = false;
		dma->error = 0;
		spin_unlock_irq(&dma->lock);

		dma->op = 0;
		dma->piece.len = 0;
		dgem_dma_open_op(dma, job);
		dgem_dma_feed(dma);
	} else {
		dgem_dma_complete(dma, job, -ENODEV);
	}
	mutex_unlock(&dma->feed_lock);
	dma_fence_end_signalling(cookie);
}

static u64 dgem_dma_progress(struct dgem_engine *engine, struct dgem_engine_job *job)
{
	struct dgem_engine_dma *dma = to_dgem_engine_dma(engine);
	struct dma_tx_state state = {};
	dma_cookie_t cookie = 0;
	u64 done;
	u32 len = 0;

	guard(mutex)(&dma->feed_lock);

	spin_lock_irq(&dma->lock);
	done = atomic64_read(&job->done);
	if (dma->job == job && dma->in_flight) {
		cookie = dma->slots[dma->bank][dma->head].cookie;
		len = dma->slots[dma->bank][dma->head].len;
	}
	spin_unlock_irq(&dma->lock);

	if (dma->chan && len &&
	    dmaengine_tx_status(dma->chan, cookie, &state) == DMA_IN_PROGRESS &&
	    state.residue && state.residue <= len)
		done += len - state.residue;
	return done;
}

static void dgem_dma_stop(struct dgem_engine *engine, struct dgem_engine_job *job, int error)
{
	struct dgem_engine_dma *dma = to_dgem_engine_dma(engine);
	bool cookie = dma_fence_begin_signalling();

	mutex_lock(&dma->feed_lock);
	/* it may complete yet, which aborting allows for; no other job can start meanwhile */
	if (dma->chan && READ_ONCE(dma->job) == job)
		dgem_dma_abort(dma, error);
	mutex_unlock(&dma->feed_lock);
	dma_fence_end_signalling(cookie);
}

static int dgem_dma_suspend(struct dgem_engine *engine)
{
	struct dgem_engine_dma *dma = to_dgem_engine_dma(engine);
	u32 left;

	/* whoever feeds now may not have seen that this is over */
	mutex_lock(&dma->feed_lock);
	mutex_unlock(&dma->feed_lock);
	return read_poll_timeout(READ_ONCE, left, !left, DGEM_DMA_POLL_US, DGEM_DMA_HALT_US, false,
				 dma->in_flight) ? -EBUSY : 0;
}

static void dgem_dma_resume(struct dgem_engine *engine)
{
	struct dgem_engine_dma *dma = to_dgem_engine_dma(engine);

	mod_delayed_work(dma->wq, &dma->feed, 0);
}

static void dgem_dma_shutdown(struct dgem_engine *engine)
{
	struct dgem_engine_dma *dma = to_dgem_engine_dma(engine);
	struct dma_chan *chan;
	bool cookie;

	cookie = dma_fence_begin_signalling();
	mutex_lock(&dma->feed_lock);
	chan = dma->chan;
	if (chan)
		dgem_dma_abort(dma, -ENODEV);
	dma->chan = NULL;
	mutex_unlock(&dma->feed_lock);
	dma_fence_end_signalling(cookie);
	if (!chan)
		return;

	cancel_delayed_work_sync(&dma->feed);
	dma_release_channel(chan);
}

static void dgem_dma_free(struct dgem_engine *engine)
{
	struct dgem_engine_dma *dma = to_dgem_engine_dma(engine);

	destroy_workqueue(dma->wq);
	mutex_destroy(&dma->feed_lock);
	kfree(dma->base.name);
	kfree(dma);
}

static const struct dgem_engine_ops dgem_engine_dma_ops = {
	.type = DRM_DGEM_ENGINE_DMA,
	.prepare = dgem_dma_prepare,
	.reach = dgem_dma_reach,
	.unprepare = dgem_dma_unprepare,
	.run = dgem_dma_run,
	.progress = dgem_dma_progress,
	.stop = dgem_dma_stop,
	.suspend = dgem_dma_suspend,
	.resume = dgem_dma_resume,
	.shutdown = dgem_dma_shutdown,
	.free = dgem_dma_free,
};

/* a channel that can't be stopped would write on into memory that a failed job has given back */
static bool dgem_dma_filter(struct dma_chan *chan, void *name)
{
	return chan->device->device_terminate_all &&
	       (!name || !strcmp(dma_chan_name(chan), name));
}

/* the channel that the device's node in the device tree names, see DGEM_CONFIG_ENGINE_DMAS */
static struct dma_chan *dgem_dma_request_of(struct device *dev)
{
	struct dma_chan *chan;

	/* without the property it could be a channel that is yet to come */
	if (!device_property_present(dev, "dmas"))
		return ERR_PTR(-ENODEV);
	chan = dma_request_chan(dev, "copy");
	if (IS_ERR(chan))
		return chan;
	if (!dma_has_cap(DMA_MEMCPY, chan->device->cap_mask) || !dgem_dma_filter(chan, NULL)) {
		dma_release_channel(chan);
		return ERR_PTR(-ENODEV);
	}
	return chan;
}

static struct dma_chan *dgem_dma_request(const char *channel)
{
	struct dma_chan *chan;
	dma_cap_mask_t mask;

	dma_cap_zero(mask);
	dma_cap_set(DMA_MEMCPY, mask);
	chan = dma_request_channel(mask, dgem_dma_filter, (void *)channel);
	return chan ?: ERR_PTR(-ENODEV);
}

/**
 * dgem_engine_dma_create - take a DMA channel
 * @ddev: the instance
 * @channel: the channel's name, DGEM_CONFIG_ENGINE_DMAS, or NULL for any that can copy memory
 *
 * Return: the engine, -ENODEV if there is no such channel or it is in use, -EPROBE_DEFER if it is
 * yet to come, or -ENOMEM.
 */
struct dgem_engine *dgem_engine_dma_create(struct dgem_device *ddev, const char *channel)
{
	struct dgem_engine_dma *dma;
	struct dma_chan *chan;
	int i;

	if (channel && !strcmp(channel, DGEM_CONFIG_ENGINE_DMAS))
		chan = dgem_dma_request_of(ddev->drm.dev);
	else
		chan = dgem_dma_request(channel);
	if (IS_ERR(chan))
		return ERR_CAST(chan);

	dma = kzalloc_obj(*dma);
	if (!dma)
		goto err_release;
	dma->base.name = kstrdup(dma_chan_name(chan), GFP_KERNEL);
	if (!dma->base.name)
		goto err_free;
	dma->wq = alloc_workqueue("dgem-%s", WQ_MEM_RECLAIM | WQ_UNBOUND, 1, dma->base.name);
	if (!dma->wq)
		goto err_name;

	mutex_init(&dma->feed_lock);
	spin_lock_init(&dma->lock);
	INIT_DELAYED_WORK(&dma->feed, dgem_dma_feed_work);
	for (i = 0; i < DGEM_DMA_SLOTS; i++) {
		dma->slots[0][i].dma = dma;
		dma->slots[1][i].dma = dma;
		dma->slots[1][i].bank = 1;
	}

	dma->chan = chan;
	dma->base.ops = &dgem_engine_dma_ops;
	dma->base.ddev = ddev;
	dma->base.dev = dmaengine_get_dma_device(chan);
	dma->base.provider = chan->device->dev;
	dma->base.copy_align = 1U << chan->device->copy_align;
	dma->base.max_segment = dma_get_max_seg_size(dma->base.dev);
	return &dma->base;

err_name:
	kfree(dma->base.name);
err_free:
	kfree(dma);
err_release:
	dma_release_channel(chan);
	return ERR_PTR(-ENOMEM);
}
