// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/dma-fence.h>
#include <linux/dma-mapping.h>
#include <linux/dmaengine.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "compat/dgem_compat.h"
#include "dgem_device.h"
#include "dgem_engine.h"
#include "dgem_feed.h"
#include "dgem_fill.h"
#include "dgem_gem.h"
#include "dgem_mem_pages.h"
#include "dgem_range.h"

/**
 * DOC: feeding a channel
 *
 * A job is cut into pieces that are continuous on both sides, and a bounded number of them is with
 * the channel at a time. The feeder prepares more when half of them have come back, from a
 * workqueue, since preparing is not allowed in all the contexts that a channel calls back from. A
 * channel that has no descriptor left is asked again when half of those came back that it had.
 *
 * Pieces come back in order, and a job may have thousands of small ones. So a piece only leaves a
 * note that it is back, unless something depends on it: the piece that the feeder waits for, the
 * last of the job, one now and then to show progress, and any that failed. These take the lock, and
 * count for all that came before them.
 *
 * Some channels call back from within dma_async_issue_pending(), so no lock that the callback takes
 * is held there, and the feeder, which need not be called then, looks at what came back. The job is
 * over when all pieces have been handed out and all have come back; an error ends it when the
 * channel has been terminated. Bytes count up to the piece that failed, and of that one as many as
 * the channel owns to have written.
 *
 * Lock order: feed_lock, then lock. Neither is held over an allocation that may wait.
 */

/* bytes of a piece at most: a slow channel should show progress now and then */
#define DGEM_DMA_PIECE	SZ_1M
/* and after how many bytes of small pieces it does */
#define DGEM_DMA_TELL	SZ_64K

static const struct sg_table *dgem_feed_granule(const void *of, u64 nr)
{
	struct dgem_object *obj = (struct dgem_object *)of;

	return dgem_gem_engine_sgt(obj, to_dgem_device(obj->base.dev)->engine->dev,
				   nr * DGEM_GRANULE);
}

/* where a rectangle of an object is for the device, counted from the start of the first table */
static struct dgem_tables dgem_feed_tables(struct dgem_object *obj, struct dgem_rect *rect)
{
	struct dgem_tables tables = { .of = obj };

	/* this does not change before the job's fence has signalled: PURGE is -EBUSY */
	if (obj->sparse) {
		tables.next = dgem_feed_granule;
		tables.nr = rect->offset / DGEM_GRANULE;
		tables.last = (dgem_rect_end(rect) - 1) / DGEM_GRANULE;
		rect->offset %= DGEM_GRANULE;
	}
	tables.first = dgem_feed_granule(obj, tables.nr);
	return tables;
}

static void dgem_feed_open_op(struct dgem_engine_dma *dma, struct dgem_engine_job *job)
{
	const struct dgem_engine_op *op = dma->op;
	const struct dgem_limits limits = {
		.max_len = min_t(u32, dma->base.max_segment,
				 op->pattern_size ? DGEM_FILL_MAX : DGEM_DMA_PIECE),
		.align = dma->base.copy_align,
		.boundary = dma_get_seg_boundary(dma->base.dev),
	};
	struct dgem_rect dst_rect = op->dst_rect, src_rect;
	struct dgem_tables dst, src;

	dst = dgem_feed_tables(job->refs[op->dst].obj, &dst_rect);
	/* a fill is cut as a copy onto itself; where it reads comes in later */
	src = dst;
	src_rect = dst_rect;
	if (!op->pattern_size) {
		src_rect = op->src_rect;
		src = dgem_feed_tables(job->refs[op->src].obj, &src_rect);
	}
	dgem_pieces_init(&dma->pieces, &src, &src_rect, &dst, &dst_rect, &limits);
}

/* the next piece of the job into the cursor; false if there is none, or an error */
static bool dgem_feed_next(struct dgem_engine_dma *dma, struct dgem_engine_job *job, int *error)
{
	while (!dma->piece.len) {
		if (dgem_pieces_next(&dma->pieces, &dma->piece))
			break;
		if (!dgem_pieces_done(&dma->pieces)) {
			*error = -EIO;
			return false;
		}
		if (dma->op == &job->ops[job->count - 1])
			return false;
		dma->op++;
		dgem_feed_open_op(dma, job);
	}
	return true;
}

static void dgem_feed_complete(struct dgem_engine_dma *dma, struct dgem_engine_job *job, int error)
{
	bool cookie = dma_fence_begin_signalling();

	job->complete(job, error);
	dma_fence_end_signalling(cookie);
}

static struct dgem_dma_slot *dgem_feed_slot(struct dgem_dma_ring *ring, u32 number)
{
	return &ring->slots[number % DGEM_DMA_SLOTS];
}

/**
 * dgem_feed_left - how many pieces are with the channel
 * @dma: the engine; nobody feeds it
 *
 * Return: pieces.
 */
u32 dgem_feed_left(struct dgem_engine_dma *dma)
{
	return READ_ONCE(dma->sent) - READ_ONCE(dma->ring->back);
}

/* so many bytes of the running job have been written by now */
static void dgem_feed_done(struct dgem_engine_dma *dma, u64 done)
{
	lockdep_assert_held(&dma->lock);

	atomic64_add(done - atomic64_read(&dma->job->done), &dma->base.ddev->stats.bytes_dma);
	atomic64_set(&dma->job->done, done);
}

/* if the job is over, take it */
static struct dgem_engine_job *dgem_feed_take(struct dgem_engine_dma *dma)
{
	struct dgem_engine_job *job = dma->job;

	lockdep_assert_held(&dma->lock);

	if (!dma->fed || dma->sent != dma->seen || dma->error)
		return NULL;
	dma->job = NULL;
	return job;
}

/* book the pieces of the running job below a number; what comes after an error does not count */
static void dgem_feed_book(struct dgem_engine_dma *dma, u32 next)
{
	lockdep_assert_held(&dma->lock);

	/* somebody else may have been faster */
	if ((s32)(next - dma->seen) <= 0)
		return;
	if (!dma->error)
		dgem_feed_done(dma, dgem_feed_slot(dma->ring, next - 1)->end);
	dma->seen = next;
}

/* and this one failed */
static void dgem_feed_fail(struct dgem_engine_dma *dma, u32 number,
			   const struct dmaengine_result *result)
{
	const struct dgem_dma_slot *slot = dgem_feed_slot(dma->ring, number);

	lockdep_assert_held(&dma->lock);

	dgem_feed_book(dma, number);
	WRITE_ONCE(dma->ring->back, number + 1);
	dma->seen = number + 1;
	if (dma->error)
		return;
	dma->error = -EIO;
	/* many channels leave it at zero, which can't be true */
	if (result->residue && result->residue <= slot->end - atomic64_read(&dma->job->done))
		dgem_feed_done(dma, slot->end - result->residue);
}

/* do what a piece was waited for that has come back, or failed */
static void dgem_feed_look(struct dgem_dma_ring *ring, u32 number,
			   const struct dmaengine_result *failed)
{
	struct dgem_engine_dma *dma = ring->dma;
	struct dgem_engine_job *job;
	unsigned long flags;
	bool feed;

	spin_lock_irqsave(&dma->lock, flags);
	if (!dma->job || ring != dma->ring) {
		/* aborted in the meantime */
		spin_unlock_irqrestore(&dma->lock, flags);
		return;
	}
	if (failed)
		dgem_feed_fail(dma, number, failed);
	else
		dgem_feed_book(dma, number + 1);
	job = dgem_feed_take(dma);
	feed = !dma->feeding &&
	       (dma->error || (!dma->fed && dma->sent - dma->seen <= dma->low));
	dma->feeding |= feed;
	spin_unlock_irqrestore(&dma->lock, flags);

	if (job)
		dgem_feed_complete(dma, job, 0);
	else if (feed)
		mod_delayed_work(dma->wq, &dma->feed, 0);
}

static void dgem_feed_callback(void *param, const struct dmaengine_result *result)
{
	struct dgem_dma_slot *slot = param;
	struct dgem_dma_ring *ring = slot->ring;
	u32 number = slot->number;

	if (result && result->result != DMA_TRANS_NOERROR) {
		dgem_feed_look(ring, number, result);
		return;
	}
	/* either this sees that it is to call, or dgem_feed_wait() sees that it is back */
	smp_store_mb(ring->back, number + 1);
	if (READ_ONCE(slot->call))
		dgem_feed_look(ring, number, NULL);
}

/*
 * Have the piece call with which the job is over or, as long as it is not fed, so few are left that
 * the feeder has something to do.
 */
static void dgem_feed_wait(struct dgem_engine_dma *dma)
{
	lockdep_assert_held(&dma->lock);

	dgem_feed_book(dma, READ_ONCE(dma->ring->back));
	dma->low = dma->fed ? 0 : (dma->sent - dma->seen) / 2;
	if (dma->sent == dma->seen)
		return;
	WRITE_ONCE(dgem_feed_slot(dma->ring, dma->sent - dma->low - 1)->call, true);
	/* pairs with that of dgem_feed_callback() */
	smp_mb();
	dgem_feed_book(dma, READ_ONCE(dma->ring->back));
}

/* where the piece in the cursor reads, of a fill: pieces in a row have blocks of their own */
static dma_addr_t dgem_feed_pattern(struct dgem_engine_dma *dma)
{
	u64 pattern = dma->op->pattern, phase;

	/* a row is a whole number of patterns: where the next one begins will do for its end */
	phase = dgem_pieces_column(&dma->pieces) - dma->piece.len;
	return dgem_fill_block(dma->fill, dma->tail % DGEM_DMA_BLOCKS, pattern) +
	       phase % sizeof(pattern);
}

/* submit the piece in the cursor: 0, -EAGAIN if the channel has no descriptor, or -EIO */
static int dgem_feed_submit(struct dgem_engine_dma *dma, dma_addr_t src)
{
	unsigned long prep = DMA_PREP_INTERRUPT | DMA_CTRL_ACK;
	struct dgem_dma_slot *slot = dgem_feed_slot(dma->ring, dma->tail);
	struct dma_async_tx_descriptor *tx;

	/* later operations may read what this one wrote */
	if (dgem_pieces_done(&dma->pieces))
		prep |= DMA_PREP_FENCE;
	tx = dmaengine_prep_dma_memcpy(dma->chan, dma->piece.dst, src, dma->piece.len, prep);
	if (!tx)
		return -EAGAIN;

	dma->queued += dma->piece.len;
	slot->end = dma->queued;
	slot->number = dma->tail;
	slot->call = dma->queued - dma->told >= DGEM_DMA_TELL;
	if (slot->call)
		dma->told = dma->queued;
	tx->callback_result = dgem_feed_callback;
	tx->callback_param = slot;
	slot->cookie = dmaengine_submit(tx);
	if (dma_submit_error(slot->cookie))
		return -EIO;

	dma->piece.len = 0;
	dma->tail++;
	return 0;
}

/**
 * dgem_feed_partial - count what came back, and ask the channel for the piece that comes next
 * @dma: the engine with its channel; its @feed_lock is held
 * @cookie: set to the piece's cookie, or to 0 if there is none
 * @error: set to -EIO if the piece failed
 *
 * Return: the bytes of the piece that have been written.
 */
u32 dgem_feed_partial(struct dgem_engine_dma *dma, dma_cookie_t *cookie, int *error)
{
	const struct dgem_dma_slot *slot;
	struct dma_tx_state state = {};
	enum dma_status status;
	unsigned long flags;
	u32 len = 0;

	lockdep_assert_held(&dma->feed_lock);

	*cookie = 0;
	spin_lock_irqsave(&dma->lock, flags);
	if (dma->job && !dma->error) {
		dgem_feed_book(dma, READ_ONCE(dma->ring->back));
		if (dma->sent != dma->seen) {
			slot = dgem_feed_slot(dma->ring, dma->seen);
			*cookie = slot->cookie;
			len = slot->end - atomic64_read(&dma->job->done);
		}
	}
	spin_unlock_irqrestore(&dma->lock, flags);
	if (!len)
		return 0;

	status = dmaengine_tx_status(dma->chan, *cookie, &state);
	if (status == DMA_ERROR)
		*error = -EIO;
	if (status != DMA_IN_PROGRESS || !state.residue || state.residue > len)
		return 0;
	return len - state.residue;
}

/**
 * dgem_feed_abort - end the running job, if any
 * @dma: the engine with its channel; its @feed_lock is held
 * @error: what the job ends with; a time-out gives way to an error that the channel knows of
 *
 * Afterwards the channel is idle and calls back no more.
 */
void dgem_feed_abort(struct dgem_engine_dma *dma, int error)
{
	struct dgem_engine_job *job;
	dma_cookie_t cookie;
	unsigned long flags;
	int known = 0;
	u32 partial;

	lockdep_assert_held(&dma->feed_lock);

	partial = dgem_feed_partial(dma, &cookie, &known);
	if (known && error == -ETIMEDOUT)
		error = known;
	dmaengine_terminate_sync(dma->chan);

	spin_lock_irqsave(&dma->lock, flags);
	job = dma->job;
	if (job) {
		dgem_feed_book(dma, READ_ONCE(dma->ring->back));
		/* unless that piece came back, or is behind one that failed */
		if (!dma->error && dma->sent != dma->seen &&
		    dgem_feed_slot(dma->ring, dma->seen)->cookie == cookie)
			dgem_feed_done(dma, atomic64_read(&job->done) + partial);
	}
	dma->job = NULL;
	dma->ring = &dma->rings[dma->ring == &dma->rings[0]];
	WRITE_ONCE(dma->ring->back, dma->tail);
	dma->sent = dma->tail;
	dma->seen = dma->tail;
	spin_unlock_irqrestore(&dma->lock, flags);

	if (job)
		dgem_feed_complete(dma, job, error);
}

/* what is to be fed now; NULL if there is nothing to do, until something comes back, or an error */
static struct dgem_engine_job *dgem_feed_job(struct dgem_engine_dma *dma, bool called, int *error)
{
	struct dgem_engine_job *job = NULL;
	unsigned long flags;

	spin_lock_irqsave(&dma->lock, flags);
	*error = dma->job ? dma->error : 0;
	if (dma->job && !dma->error && !dma->fed &&
	    (called || dma->sent - dma->seen <= dma->low))
		job = dma->job;
	dma->feeding = job || *error;
	spin_unlock_irqrestore(&dma->lock, flags);
	return job;
}

/*
 * Hand out as many pieces as there is room for. What was submitted comes back when it has been
 * issued, so it is counted as a whole, just before that; a channel that issues many by itself makes
 * the count wrap until then, when nobody acts on it: the feeder is at work, the job not fed.
 * Returns -EAGAIN if there is no descriptor, and nothing left that could come back and free one.
 */
static int dgem_feed_batch(struct dgem_engine_dma *dma, struct dgem_engine_job *job)
{
	u32 before = dma->tail, seen = READ_ONCE(dma->seen), full = seen + dma->depth;
	struct dgem_engine_job *over;
	unsigned long flags;
	bool fed = false;
	int error = 0;

	while (dma->tail != full && !error) {
		dma_addr_t src;

		if (!dgem_feed_next(dma, job, &error)) {
			fed = !error;
			break;
		}
		src = dma->piece.src;
		if (dma->op->pattern_size) {
			/* else it could be a block that some piece still reads */
			if (dma->tail - seen >= DGEM_DMA_BLOCKS)
				break;
			src = dgem_feed_pattern(dma);
		}
		error = dgem_feed_submit(dma, src);
	}

	spin_lock_irqsave(&dma->lock, flags);
	WRITE_ONCE(dma->sent, dma->tail);
	dma->fed = fed;
	dgem_feed_wait(dma);
	over = dgem_feed_take(dma);
	if (error == -EAGAIN && dma->sent != dma->seen)
		error = 0;
	spin_unlock_irqrestore(&dma->lock, flags);

	/* a job that is fed may be gone from here on */
	if (over)
		dgem_feed_complete(dma, over, 0);
	else if (dma->tail != before)
		dma_async_issue_pending(dma->chan);
	return error;
}

static void dgem_feed_more(struct dgem_engine_dma *dma)
{
	struct dgem_engine_job *job;
	bool called = true;
	int error;

	lockdep_assert_held(&dma->feed_lock);

	if (READ_ONCE(dma->base.ddev->asleep))
		return;

	/* a job that is not fed stays: only the feeder makes it complete */
	while ((job = dgem_feed_job(dma, called, &error))) {
		error = dgem_feed_batch(dma, job);
		if (error)
			break;
		called = false;
	}
	if (error == -EAGAIN)
		/* somebody else has the descriptors, and will not tell us */
		queue_delayed_work(dma->wq, &dma->feed, 1);
	else if (error)
		dgem_feed_abort(dma, error);
}

static void dgem_feed_work(struct work_struct *work)
{
	struct dgem_engine_dma *dma = container_of(to_delayed_work(work), struct dgem_engine_dma,
						   feed);
	bool cookie = dma_fence_begin_signalling();

	mutex_lock(&dma->feed_lock);
	if (dma->chan)
		dgem_feed_more(dma);
	mutex_unlock(&dma->feed_lock);
	dma_fence_end_signalling(cookie);
}

/**
 * dgem_feed_start - run a job
 * @dma: the engine, idle; its @feed_lock is held
 * @job: the job
 */
void dgem_feed_start(struct dgem_engine_dma *dma, struct dgem_engine_job *job)
{
	lockdep_assert_held(&dma->feed_lock);

	spin_lock_irq(&dma->lock);
	dma->job = job;
	dma->fed = false;
	dma->feeding = true;
	dma->error = 0;
	spin_unlock_irq(&dma->lock);

	dma->op = job->ops;
	dma->queued = 0;
	dma->told = 0;
	dma->piece.len = 0;
	dgem_feed_open_op(dma, job);
	dgem_feed_more(dma);
}

/**
 * dgem_feed_init - prepare an engine for its jobs
 * @dma: the engine, zeroed
 */
void dgem_feed_init(struct dgem_engine_dma *dma)
{
	int i, j;

	mutex_init(&dma->feed_lock);
	spin_lock_init(&dma->lock);
	INIT_DELAYED_WORK(&dma->feed, dgem_feed_work);
	for (i = 0; i < ARRAY_SIZE(dma->rings); i++) {
		dma->rings[i].dma = dma;
		for (j = 0; j < DGEM_DMA_SLOTS; j++)
			dma->rings[i].slots[j].ring = &dma->rings[i];
	}
	dma->ring = &dma->rings[0];
}
