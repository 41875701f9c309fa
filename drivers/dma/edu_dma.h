/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DMA engine of QEMU's "edu" PCI device: what its files share
 *
 * Copyright (C) 2026 The dgem authors
 */
#ifndef _EDU_DMA_H_
#define _EDU_DMA_H_

#include <linux/atomic.h>
#include <linux/dmaengine.h>
#include <linux/interrupt.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

struct dentry;
struct pci_dev;

/* A leg takes 100 ms of the machine's time. */
#define EDU_DMA_POLL_US		1000
#define EDU_DMA_TIMEOUT_US	(1000 * 1000)

/**
 * enum edu_dma_state - whether legs may be started
 * @EDU_DMA_UP: yes
 * @EDU_DMA_ASLEEP: no; one that runs may end, and what is queued stays queued
 * @EDU_DMA_GONE: never again, and the registers must not be touched
 */
enum edu_dma_state {
	EDU_DMA_UP,
	EDU_DMA_ASLEEP,
	EDU_DMA_GONE,
};

/**
 * struct edu_dma_desc - one memcpy
 * @tx: the dmaengine's part
 * @node: in one of the lists of &struct edu_dma, unless it is the active one
 * @src: DMA address to read from
 * @dst: DMA address to write to
 * @len: bytes to copy
 * @done: bytes that have reached @dst
 * @inside: the chunk at @done is in the device's buffer, its leg out comes next
 */
struct edu_dma_desc {
	struct dma_async_tx_descriptor tx;
	struct list_head node;
	dma_addr_t src;
	dma_addr_t dst;
	u32 len;
	u32 done;
	bool inside;
};

/**
 * struct edu_dma_stats - what the device has done since it was bound
 * @irqs: interrupts acknowledged
 * @lost: those of them that were dropped on request
 * @failed: descriptors that ended with an error on request
 * @legs_in: legs from memory to the device
 * @legs_out: legs from the device to memory
 * @bytes_in: bytes moved by @legs_in
 * @bytes_out: bytes moved by @legs_out
 *
 * A leg is booked when it has been seen to end; orphans are not.
 */
struct edu_dma_stats {
	u64 irqs;
	u64 lost;
	u64 failed;
	u64 legs_in;
	u64 legs_out;
	u64 bytes_in;
	u64 bytes_out;
};

/**
 * struct edu_dma - an edu device and its channel
 * @dma: registered with dmaengine, whose reference count rules this structure's life
 * @chan: the only channel
 * @pdev: the PCI device
 * @regs: BAR 0
 * @called: woken when @calling drops
 * @lose_irq: how many of the next DMA interrupts to drop, set by debugfs
 * @fail_leg: which of the next legs to take for failed (1: the next one), set by debugfs
 * @abort_leg: which of them to take for aborted
 * @max_segment: bytes of the longest descriptor taken
 * @boundary: mask of ones; no descriptor may cross a multiple of it plus one
 * @debugfs: directory of this device
 * @reap: queues the structure to be freed
 * @lock: protects all below and @chan's cookies; innermost, taken in hard interrupts
 * @state: whether legs may be started
 * @busy: a leg was started and has not been seen to end
 * @calling: a consumer is being called back
 * @active: the descriptor being worked on; if NULL while @busy, the leg is an orphan
 * @prepared: descriptors that their consumer has not submitted yet
 * @submitted: submitted, but not issued
 * @issued: waiting for their turn
 * @failed: cookie of the descriptor that failed last, or 0
 * @stats: shown by debugfs
 */
struct edu_dma {
	struct dma_device dma;
	struct dma_chan chan;
	struct pci_dev *pdev;
	void __iomem *regs;
	wait_queue_head_t called;
	atomic_t lose_irq;
	atomic_t fail_leg;
	atomic_t abort_leg;
	u32 max_segment;
	u64 boundary;
	struct dentry *debugfs;
	struct llist_node reap;

	/* protects what follows */
	spinlock_t lock;
	enum edu_dma_state state;
	bool busy;
	bool calling;
	struct edu_dma_desc *active;
	struct list_head prepared;
	struct list_head submitted;
	struct list_head issued;
	dma_cookie_t failed;
	struct edu_dma_stats stats;
};

/* edu_dma_leg.c */
u32 edu_dma_chunk(const struct edu_dma_desc *desc);
void edu_dma_kick(struct edu_dma *edu);
void edu_dma_look(struct edu_dma *edu);
int edu_dma_claim(struct edu_dma *edu);
int edu_dma_drain(struct edu_dma *edu);
irqreturn_t edu_dma_irq(int irq, void *data);
irqreturn_t edu_dma_irq_thread(int irq, void *data);

/* edu_dma_chan.c */
void edu_dma_chan_init(struct edu_dma *edu);
void edu_dma_give_back(struct edu_dma_desc *desc, enum dmaengine_tx_result result);
void edu_dma_called(struct edu_dma *edu);
void edu_dma_abort(struct edu_dma *edu);
int edu_dma_register(struct edu_dma *edu);
void edu_dma_flush_releases(void);

#endif
