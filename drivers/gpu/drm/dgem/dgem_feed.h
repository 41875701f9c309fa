/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 */
#ifndef _DGEM_FEED_H_
#define _DGEM_FEED_H_

#include <linux/dmaengine.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "dgem_engine.h"
#include "dgem_range.h"

struct dgem_engine_dma;
struct dgem_fill;

/* pieces with the channel at a time; one that has fewer descriptors says so */
#define DGEM_DMA_SLOTS	512
/* pieces of fills among them, each with a block of its own to copy */
#define DGEM_DMA_BLOCKS	16

struct dgem_dma_ring;

/**
 * struct dgem_dma_slot - a piece that is with the channel
 */
struct dgem_dma_slot {
	/** @ring: what it is in */
	struct dgem_dma_ring *ring;
	/** @end: bytes of the job that have been written when it has come back */
	u64 end;
	/** @cookie: the channel's name for it */
	dma_cookie_t cookie;
	/** @number: of the piece among all that the engine has had */
	u32 number;
	/** @call: somebody waits for it to come back */
	bool call;
};

/**
 * struct dgem_dma_ring - pieces in the order in which they come back
 */
struct dgem_dma_ring {
	/** @dma: the engine */
	struct dgem_engine_dma *dma;
	/** @back: number of the piece that comes back next; callbacks write it, one at a time */
	u32 back;
	/** @slots: the pieces, each at its number modulo the number of slots */
	struct dgem_dma_slot slots[DGEM_DMA_SLOTS];
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
	const struct dgem_engine_op *op;
	/** @pieces: cursor: what is left of it */
	struct dgem_pieces pieces;
	/** @piece: cursor: a piece to hand out next, if its length is not zero */
	struct dgem_piece piece;
	/** @tail: cursor: number that it gets */
	u32 tail;
	/** @queued: cursor: bytes of the job up to there */
	u64 queued;
	/** @told: cursor: as many at the last piece that has to call */
	u64 told;
	/** @depth: pieces that the channel may have at a time */
	u32 depth;
	/** @fill: blocks to copy for fills */
	struct dgem_fill *fill;

	/** @lock: protects what follows */
	spinlock_t lock;
	/** @job: the running job */
	struct dgem_engine_job *job;
	/**
	 * @rings: of which one is in use. An abort changes over to the other one: there are
	 * channels that call back for a piece when they have been terminated already.
	 */
	struct dgem_dma_ring rings[2];
	/** @ring: the one in use */
	struct dgem_dma_ring *ring;
	/** @sent: number of the first piece that the channel has not got yet */
	u32 sent;
	/** @seen: number of the first piece that is not known to have come back */
	u32 seen;
	/** @low: the feeder is called when so few of them are left */
	u32 low;
	/** @fed: all pieces have been handed out */
	bool fed;
	/** @feeding: the feeder is at work, or called: it will look at what comes back */
	bool feeding;
	/** @error: what went wrong, or 0 */
	int error;
};

void dgem_feed_init(struct dgem_engine_dma *dma);
void dgem_feed_start(struct dgem_engine_dma *dma, struct dgem_engine_job *job);
u32 dgem_feed_left(struct dgem_engine_dma *dma);
u32 dgem_feed_partial(struct dgem_engine_dma *dma, dma_cookie_t *cookie, int *error);
void dgem_feed_abort(struct dgem_engine_dma *dma, int error);

#endif
