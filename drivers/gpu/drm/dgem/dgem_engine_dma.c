// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/dma-fence.h>
#include <linux/dma-mapping.h>
#include <linux/dmaengine.h>
#include <linux/iopoll.h>
#include <linux/property.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include <drm/dgem_drm.h>
#include <drm/drm_gem.h>
#include <drm/drm_print.h>

#include "compat/dgem_compat.h"
#include "dgem_device.h"
#include "dgem_engine.h"
#include "dgem_feed.h"
#include "dgem_fill.h"
#include "dgem_gem.h"
#include "dgem_mapping.h"

/**
 * DOC: the dmaengine engine
 *
 * Any channel that can DMA_MEMCPY moves the bytes; it is held exclusively, for as long as the
 * instance is there. Objects are mapped for the channel's device by the first job that needs them.
 */

/* before the system sleeps: how often to look whether the channel is idle, and for how long */
#define DGEM_DMA_POLL_US	1000
#define DGEM_DMA_HALT_US	(10 * USEC_PER_SEC)

static struct dgem_engine_dma *to_dgem_engine_dma(struct dgem_engine *engine)
{
	return container_of(engine, struct dgem_engine_dma, base);
}

static int dgem_dma_prepare_side(struct dgem_engine *engine, struct dgem_object *obj,
				 const struct dgem_rect *rect)
{
	/* only the exporter knows whether the engine could do without a copy */
	if (obj->foreign && engine->reach != DGEM_REACH_ALL)
		return -EOPNOTSUPP;
	return dgem_gem_reach(obj, engine->dev, engine->copy_align, rect->offset,
			      dgem_rect_end(rect) - rect->offset);
}

static int dgem_dma_prepare(struct dgem_engine *engine, struct dgem_engine_job *job)
{
	u32 i;

	for (i = 0; i < job->count; i++) {
		const struct dgem_engine_op *op = &job->ops[i];
		int ret;

		ret = op->pattern_size ? 0 :
		      dgem_dma_prepare_side(engine, job->refs[op->src].obj, &op->src_rect);
		if (ret)
			return ret;
		ret = dgem_dma_prepare_side(engine, job->refs[op->dst].obj, &op->dst_rect);
		if (ret)
			return ret;
	}
	return 0;
}

static void dgem_dma_run(struct dgem_engine *engine, struct dgem_engine_job *job)
{
	struct dgem_engine_dma *dma = to_dgem_engine_dma(engine);

	mutex_lock(&dma->feed_lock);
	if (dma->chan)
		dgem_feed_start(dma, job);
	else
		job->complete(job, -ENODEV);
	mutex_unlock(&dma->feed_lock);
}

static u64 dgem_dma_progress(struct dgem_engine *engine, struct dgem_engine_job *job)
{
	struct dgem_engine_dma *dma = to_dgem_engine_dma(engine);
	dma_cookie_t cookie;
	u32 partial = 0;
	int error = 0;

	mutex_lock(&dma->feed_lock);
	if (dma->chan && READ_ONCE(dma->job) == job)
		partial = dgem_feed_partial(dma, &cookie, &error);
	mutex_unlock(&dma->feed_lock);
	return atomic64_read(&job->done) + partial;
}

static void dgem_dma_stop(struct dgem_engine *engine, struct dgem_engine_job *job, int error)
{
	struct dgem_engine_dma *dma = to_dgem_engine_dma(engine);
	bool cookie = dma_fence_begin_signalling();

	mutex_lock(&dma->feed_lock);
	/* it may complete yet, which aborting allows for; no other job can start meanwhile */
	if (dma->chan && READ_ONCE(dma->job) == job)
		dgem_feed_abort(dma, error);
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
	return read_poll_timeout(dgem_feed_left, left, !left, DGEM_DMA_POLL_US, DGEM_DMA_HALT_US,
				 false, dma) ? -EBUSY : 0;
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
		dgem_feed_abort(dma, -ENODEV);
	dma->chan = NULL;
	mutex_unlock(&dma->feed_lock);
	dma_fence_end_signalling(cookie);
	if (!chan)
		return;

	cancel_delayed_work_sync(&dma->feed);
	dgem_fill_free(dma->fill);
	dma->fill = NULL;
	dma_release_channel(chan);
}

static void dgem_dma_free(struct dgem_engine *engine)
{
	struct dgem_engine_dma *dma = to_dgem_engine_dma(engine);

	destroy_workqueue(dma->wq);
	mutex_destroy(&dma->feed_lock);
	put_device(dma->base.provider);
	put_device(dma->base.dev);
	kfree(dma->base.name);
	kvfree(dma);
}

static const struct dgem_engine_ops dgem_engine_dma_ops = {
	.type = DRM_DGEM_ENGINE_DMA,
	.prepare = dgem_dma_prepare,
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
 * Return: the engine, -ENODEV if there is no such channel, it is in use, or this machine has no
 * memory within its reach, -EPROBE_DEFER if it is yet to come, or -ENOMEM.
 */
struct dgem_engine *dgem_engine_dma_create(struct dgem_device *ddev, const char *channel)
{
	struct dgem_engine_dma *dma;
	struct dma_chan *chan;
	int ret = -ENOMEM;

	if (channel && !strcmp(channel, DGEM_CONFIG_ENGINE_DMAS))
		chan = dgem_dma_request_of(ddev->drm.dev);
	else
		chan = dgem_dma_request(channel);
	if (IS_ERR(chan))
		return ERR_CAST(chan);

	dma = kvzalloc_obj(*dma, GFP_KERNEL);
	if (!dma)
		goto err_release;
	dma->base.name = kstrdup(dma_chan_name(chan), GFP_KERNEL);
	if (!dma->base.name)
		goto err_free;
	dma->wq = alloc_workqueue("dgem-%s", WQ_MEM_RECLAIM | WQ_UNBOUND, 1, dma->base.name);
	if (!dma->wq)
		goto err_name;

	dma->fill = dgem_fill_new(dmaengine_get_dma_device(chan), DGEM_DMA_BLOCKS);
	if (!dma->fill) {
		ret = -ENODEV;
		goto err_wq;
	}

	dgem_feed_init(dma);
	/* what comes back in any order was done in any order, too */
	dma->depth = dma_has_cap(DMA_COMPLETION_NO_ORDER, chan->device->cap_mask) ?
		     1 : DGEM_DMA_SLOTS;
	dma->chan = chan;
	dma->base.ops = &dgem_engine_dma_ops;
	dma->base.ddev = ddev;
	dma->base.dev = get_device(dmaengine_get_dma_device(chan));
	dma->base.provider = get_device(chan->device->dev);
	dma->base.reach = dgem_dma_reach(dma->base.dev);
	dma->base.copy_align = 1U << chan->device->copy_align;
	dma->base.max_segment = dma_get_max_seg_size(dma->base.dev);
	return &dma->base;

err_wq:
	destroy_workqueue(dma->wq);
err_name:
	kfree(dma->base.name);
err_free:
	kvfree(dma);
err_release:
	dma_release_channel(chan);
	return ERR_PTR(ret);
}
