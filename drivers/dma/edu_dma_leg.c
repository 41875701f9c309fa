// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA engine of QEMU's "edu" PCI device: registers, legs and interrupts
 *
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/bits.h>
#include <linux/cleanup.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/iopoll.h>
#include <linux/minmax.h>
#include <linux/pci.h>
#include <linux/sizes.h>

#include "edu_dma.h"

/* Registers below 0x80 take accesses of 4 bytes, those from there on of 4 or 8 bytes. */
#define EDU_IDENT			0x00
#define   EDU_IDENT_MASK		0x0000ffff
#define   EDU_IDENT_EDU			0x000000ed
#define EDU_IRQ_STATUS			0x24
#define   EDU_IRQ_DMA			BIT(8)
#define EDU_IRQ_ACK			0x64
#define EDU_DMA_SRC			0x80
#define EDU_DMA_DST			0x88
#define EDU_DMA_COUNT			0x90
#define EDU_DMA_CMD			0x98
#define   EDU_DMA_START			BIT(0)	/* reads as one until the leg is over */
#define   EDU_DMA_OUT			BIT(1)	/* from the device to memory */
#define   EDU_DMA_IRQ			BIT(2)	/* raise EDU_IRQ_DMA at the end */

/* Where the device's own buffer is, as its DMA engine counts. */
#define EDU_BUFFER			0x40000
#define EDU_BUFFER_SIZE			SZ_4K

/*
 * Older QEMUs take a transfer that ends with the last byte of the buffer for one beyond it and
 * stop the machine, so that byte is never used.
 */
#define EDU_DMA_CHUNK			(EDU_BUFFER_SIZE - 1)

/**
 * edu_dma_chunk() - how much the next two legs of a descriptor move
 * @desc: a descriptor that is not done
 *
 * Return: bytes, at most one less than the device's buffer has.
 */
u32 edu_dma_chunk(const struct edu_dma_desc *desc)
{
	return min_t(u32, desc->len - desc->done, EDU_DMA_CHUNK);
}

static bool edu_dma_running(struct edu_dma *edu)
{
	/* A device that is no more reads as all ones: its leg never ends. */
	return readl(edu->regs + EDU_DMA_CMD) & EDU_DMA_START;
}

/* Starts the leg that the active descriptor needs next. */
static void edu_dma_start_leg(struct edu_dma *edu)
{
	struct edu_dma_desc *desc = edu->active;
	u64 src, dst;
	u32 cmd;

	lockdep_assert_held(&edu->lock);

	if (desc->inside) {
		src = EDU_BUFFER;
		dst = desc->dst + desc->done;
		cmd = EDU_DMA_START | EDU_DMA_OUT | EDU_DMA_IRQ;
	} else {
		src = desc->src + desc->done;
		dst = EDU_BUFFER;
		cmd = EDU_DMA_START | EDU_DMA_IRQ;
	}

	/*
	 * Where writeq() is two writes, the device takes the low one for the whole address and
	 * ignores the high one; the DMA mask is limited to match.
	 */
	writeq(src, edu->regs + EDU_DMA_SRC);
	writeq(dst, edu->regs + EDU_DMA_DST);
	writel(edu_dma_chunk(desc), edu->regs + EDU_DMA_COUNT);
	writel(cmd, edu->regs + EDU_DMA_CMD);
	edu->busy = true;
}

/**
 * edu_dma_kick() - start a leg if there is work and nothing is in its way
 * @edu: the device; caller holds its lock
 *
 * An orphan that has ended is not in the way, whether or not its interrupt has been seen.
 */
void edu_dma_kick(struct edu_dma *edu)
{
	lockdep_assert_held(&edu->lock);

	if (edu->state != EDU_DMA_UP)
		return;

	if (edu->busy) {
		if (edu->active || edu_dma_running(edu))
			return;
		edu->busy = false;
	}

	if (!edu->active) {
		edu->active = list_first_entry_or_null(&edu->issued, struct edu_dma_desc, node);
		if (!edu->active)
			return;
		list_del_init(&edu->active->node);
	}

	edu_dma_start_leg(edu);
}

/* Books the leg that has just ended; true after the last one of the active descriptor. */
static bool edu_dma_book_leg(struct edu_dma *edu)
{
	struct edu_dma_desc *desc = edu->active;
	u32 chunk = edu_dma_chunk(desc);

	lockdep_assert_held(&edu->lock);

	if (desc->inside) {
		edu->stats.legs_out++;
		edu->stats.bytes_out += chunk;
		desc->done += chunk;
	} else {
		edu->stats.legs_in++;
		edu->stats.bytes_in += chunk;
	}
	desc->inside = !desc->inside;

	return desc->done == desc->len;
}

/* What becomes of the leg that has just ended: the device knows no errors, tests ask for some. */
static enum dmaengine_tx_result edu_dma_verdict(struct edu_dma *edu)
{
	bool failed = !atomic_dec_if_positive(&edu->fail_leg);
	bool aborted = !atomic_dec_if_positive(&edu->abort_leg);

	if (aborted)
		return DMA_TRANS_ABORTED;
	if (failed)
		return edu->active->inside ? DMA_TRANS_WRITE_FAILED : DMA_TRANS_READ_FAILED;
	return DMA_TRANS_NOERROR;
}

/*
 * Does what the end of a leg of the active descriptor asks for. Returns the descriptor if that is
 * its end, too: after the last leg, or the first that failed, whose bytes do not count.
 */
static struct edu_dma_desc *edu_dma_end_leg(struct edu_dma *edu, enum dmaengine_tx_result *result)
{
	struct edu_dma_desc *desc = edu->active;

	lockdep_assert_held(&edu->lock);

	*result = edu_dma_verdict(edu);
	if (*result != DMA_TRANS_NOERROR) {
		edu->stats.failed++;
		edu->failed = desc->tx.cookie;
	} else if (!edu_dma_book_leg(edu)) {
		return NULL;
	}

	edu->active = NULL;
	edu->chan.completed_cookie = desc->tx.cookie;
	edu->calling = true;

	return desc;
}

/**
 * edu_dma_look() - if a leg has ended, do what follows from it
 * @edu: the device, not gone
 *
 * Starts the next leg, and calls the consumer back when a descriptor is complete. That is at most
 * one, so callbacks stay in order as long as one thread at a time is in here: the interrupt's, or
 * after that has been freed the unbinding one.
 */
void edu_dma_look(struct edu_dma *edu)
{
	enum dmaengine_tx_result result = DMA_TRANS_NOERROR;
	struct edu_dma_desc *desc = NULL;

	scoped_guard(spinlock_irqsave, &edu->lock) {
		if (!edu->busy || edu_dma_running(edu))
			return;

		edu->busy = false;
		if (edu->active)
			desc = edu_dma_end_leg(edu, &result);
		/* The next job runs while this one's consumer is being told. */
		edu_dma_kick(edu);
	}

	if (!desc)
		return;

	edu_dma_give_back(desc, result);
	edu_dma_called(edu);
}

/**
 * edu_dma_claim() - make sure that this is an edu device, idle and with its interrupt silent
 * @edu: the device; its interrupt has not been requested
 *
 * Return: 0, -ENODEV if it is something else, or -ETIMEDOUT if whatever drove it before has left a
 * transfer behind that does not end.
 */
int edu_dma_claim(struct edu_dma *edu)
{
	int ret;

	if ((readl(edu->regs + EDU_IDENT) & EDU_IDENT_MASK) != EDU_IDENT_EDU)
		return -ENODEV;

	ret = edu_dma_drain(edu);
	if (ret)
		return ret;

	writel(readl(edu->regs + EDU_IRQ_STATUS), edu->regs + EDU_IRQ_ACK);

	return 0;
}

/**
 * edu_dma_drain() - wait until no leg runs
 * @edu: the device, in a state in which no further leg is started
 *
 * A device that has been pulled out counts as idle.
 *
 * Return: 0 or -ETIMEDOUT.
 */
int edu_dma_drain(struct edu_dma *edu)
{
	u32 cmd;

	return readl_poll_timeout(edu->regs + EDU_DMA_CMD, cmd,
				  !(cmd & EDU_DMA_START) || PCI_POSSIBLE_ERROR(cmd),
				  EDU_DMA_POLL_US, EDU_DMA_TIMEOUT_US);
}

/**
 * edu_dma_irq() - top half: acknowledge, count, and wake the thread
 * @irq: number of the interrupt, which may be shared
 * @data: the &struct edu_dma
 *
 * Return: IRQ_NONE if the device has raised nothing.
 */
irqreturn_t edu_dma_irq(int irq, void *data)
{
	struct edu_dma *edu = data;
	u32 status = readl(edu->regs + EDU_IRQ_STATUS);
	bool lost;

	if (!status || PCI_POSSIBLE_ERROR(status))
		return IRQ_NONE;

	/* All of it: a shared line that one forgotten bit keeps asserted would never rest. */
	writel(status, edu->regs + EDU_IRQ_ACK);
	if (!(status & EDU_IRQ_DMA))
		return IRQ_HANDLED;

	lost = atomic_dec_if_positive(&edu->lose_irq) >= 0;
	scoped_guard(spinlock, &edu->lock) {
		edu->stats.irqs++;
		edu->stats.lost += lost;
	}

	return lost ? IRQ_HANDLED : IRQ_WAKE_THREAD;
}

/**
 * edu_dma_irq_thread() - bottom half
 * @irq: number of the interrupt
 * @data: the &struct edu_dma
 *
 * Return: IRQ_HANDLED.
 */
irqreturn_t edu_dma_irq_thread(int irq, void *data)
{
	edu_dma_look(data);

	return IRQ_HANDLED;
}
