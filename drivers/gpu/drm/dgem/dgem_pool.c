// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/shrinker.h>
#include <linux/sizes.h>
#include <linux/workqueue.h>

#include <kunit/visibility.h>

#include "compat/dgem_compat.h"
#include "dgem_pool.h"

/**
 * DOC: pool of zeroed memory
 *
 * What it costs to allocate a large object is to clear it. The pool has blocks of 2 MiB that were
 * cleared before anybody asked, in the background, for objects of the kind "pages" of all
 * instances; what is smaller than a block is cleared when it is allocated, as is everything else.
 *
 * - It is off unless the module's parameter pool_mib gives it a size. Root can change that at any
 *   time.
 * - It is filled when it gets its size and whenever something was asked of it, from memory that is
 *   free: filling it never makes the kernel reclaim, and ends for the time being when nothing is
 *   free. Whoever finds it empty allocates as if it were not there.
 * - The kernel may have it all back at any time, by the shrinker. What it took is not missed before
 *   somebody asks for memory again.
 * - Memory comes from the kernel alone: what an object had is never put into the pool. So nobody
 *   has to tell whether a page is zero, or whether somebody still holds a reference to it.
 * - The memory of the pool is allocated by the kernel for itself. An object made of it counts
 *   against the quotas of dgem, but not against the memory cgroup of the process that made it,
 *   which the rest of its pages are charged to. Where that matters the pool has to stay off.
 */

/* only what is free: no reclaim, neither here nor in the background, and nothing kept in reserve */
#define DGEM_POOL_GFP	(__GFP_ZERO | __GFP_NOWARN | __GFP_NORETRY | __GFP_NOMEMALLOC)

static struct dgem_pool dgem_pool;
static struct shrinker *dgem_pool_shrinker;

/* written under the lock of the module's parameters; NULL while nothing may be filled */
static struct workqueue_struct *dgem_pool_wq;

/**
 * dgem_pool_setup - make an empty pool
 * @pool: the pool
 */
void dgem_pool_setup(struct dgem_pool *pool)
{
	*pool = (struct dgem_pool) {};
	spin_lock_init(&pool->lock);
	INIT_LIST_HEAD(&pool->blocks);
}
EXPORT_SYMBOL_IF_KUNIT(dgem_pool_setup);

/**
 * dgem_pool_fill - add a block to a pool
 * @pool: the pool
 *
 * Return: false if there was none to spare, or the pool has what it shall have.
 */
bool dgem_pool_fill(struct dgem_pool *pool)
{
	struct page *page;
	bool added = false;

	if (READ_ONCE(pool->count) >= READ_ONCE(pool->limit))
		return false;
	page = alloc_pages(DGEM_POOL_GFP, DGEM_POOL_ORDER);
	if (!page)
		return false;

	spin_lock(&pool->lock);
	if (pool->count < pool->limit) {
		list_add_tail(&page->lru, &pool->blocks);
		WRITE_ONCE(pool->count, pool->count + 1);
		added = true;
	}
	spin_unlock(&pool->lock);
	if (!added)
		__free_pages(page, DGEM_POOL_ORDER);
	return added;
}
EXPORT_SYMBOL_IF_KUNIT(dgem_pool_fill);

/**
 * dgem_pool_take - take a block out of a pool
 * @pool: the pool
 * @mask: the highest address that it may have
 *
 * Return: the first of its pages, which are zero and not compound, or NULL.
 */
struct page *dgem_pool_take(struct dgem_pool *pool, u64 mask)
{
	struct page *page, *found = NULL;

	spin_lock(&pool->lock);
	list_for_each_entry(page, &pool->blocks, lru) {
		if (page_to_phys(page) + DGEM_POOL_BLOCK - 1 <= mask) {
			found = page;
			break;
		}
	}
	if (found) {
		list_del(&found->lru);
		WRITE_ONCE(pool->count, pool->count - 1);
		pool->hits++;
	} else if (pool->limit) {
		pool->misses++;
	}
	spin_unlock(&pool->lock);
	return found;
}
EXPORT_SYMBOL_IF_KUNIT(dgem_pool_take);

/**
 * dgem_pool_drop - give blocks of a pool back to the kernel
 * @pool: the pool
 * @blocks: how many, if there are as many
 *
 * Return: how many there were.
 */
unsigned int dgem_pool_drop(struct dgem_pool *pool, unsigned int blocks)
{
	struct page *page, *next;
	unsigned int dropped = 0;
	LIST_HEAD(list);

	spin_lock(&pool->lock);
	while (dropped < blocks && pool->count) {
		list_move(pool->blocks.next, &list);
		WRITE_ONCE(pool->count, pool->count - 1);
		dropped++;
	}
	spin_unlock(&pool->lock);

	list_for_each_entry_safe(page, next, &list, lru)
		__free_pages(page, DGEM_POOL_ORDER);
	return dropped;
}
EXPORT_SYMBOL_IF_KUNIT(dgem_pool_drop);

/**
 * dgem_pool_resize - say how large a pool shall be
 * @pool: the pool
 * @limit: blocks; what there is beyond them goes at once
 */
void dgem_pool_resize(struct dgem_pool *pool, unsigned int limit)
{
	unsigned int count;

	spin_lock(&pool->lock);
	WRITE_ONCE(pool->limit, limit);
	count = pool->count;
	spin_unlock(&pool->lock);
	if (count > limit)
		dgem_pool_drop(pool, count - limit);
}
EXPORT_SYMBOL_IF_KUNIT(dgem_pool_resize);

static void dgem_pool_work(struct work_struct *work)
{
	while (dgem_pool_fill(&dgem_pool))
		cond_resched();
}

static DECLARE_WORK(dgem_pool_filler, dgem_pool_work);

/**
 * dgem_pool_get - take a block out of the pool, and have it filled again
 * @mask: the highest address that it may have
 *
 * Return: as dgem_pool_take().
 */
struct page *dgem_pool_get(u64 mask)
{
	struct page *page;

	if (!READ_ONCE(dgem_pool.limit))
		return NULL;
	page = dgem_pool_take(&dgem_pool, mask);
	/* instances, which alone call this, are gone before the queue is */
	queue_work(dgem_pool_wq, &dgem_pool_filler);
	return page;
}

/**
 * dgem_pool_read - look at the pool
 * @state: where to put a copy, without its lock and its blocks
 */
void dgem_pool_read(struct dgem_pool *state)
{
	spin_lock(&dgem_pool.lock);
	state->count = dgem_pool.count;
	state->limit = dgem_pool.limit;
	state->hits = dgem_pool.hits;
	state->misses = dgem_pool.misses;
	state->shrunk = dgem_pool.shrunk;
	spin_unlock(&dgem_pool.lock);
}

static unsigned long dgem_pool_count_objects(struct shrinker *shrinker, struct shrink_control *sc)
{
	return (unsigned long)READ_ONCE(dgem_pool.count) << DGEM_POOL_ORDER ?: SHRINK_EMPTY;
}

static unsigned long dgem_pool_scan_objects(struct shrinker *shrinker, struct shrink_control *sc)
{
	unsigned long wanted = DIV_ROUND_UP(sc->nr_to_scan, 1UL << DGEM_POOL_ORDER);
	unsigned int dropped = dgem_pool_drop(&dgem_pool, min_t(unsigned long, wanted, UINT_MAX));

	spin_lock(&dgem_pool.lock);
	dgem_pool.shrunk += dropped;
	spin_unlock(&dgem_pool.lock);
	sc->nr_scanned = (unsigned long)dropped << DGEM_POOL_ORDER;
	return dropped ? sc->nr_scanned : SHRINK_STOP;
}

static unsigned int dgem_pool_mib;

static void dgem_pool_apply(void)
{
	dgem_pool_resize(&dgem_pool, (u64)dgem_pool_mib * SZ_1M / DGEM_POOL_BLOCK);
	queue_work(dgem_pool_wq, &dgem_pool_filler);
}

/* called under the lock of the module's parameters */
static int dgem_pool_set(const char *text, const struct kernel_param *kp)
{
	unsigned int mib;
	int ret;

	ret = kstrtouint(text, 0, &mib);
	if (ret)
		return ret;
	if (mib > totalram_pages() >> (20 - PAGE_SHIFT) >> 1)
		return -EINVAL;
	dgem_pool_mib = mib;
	/* the command line comes before the module does */
	if (dgem_pool_wq)
		dgem_pool_apply();
	return 0;
}

static const struct kernel_param_ops dgem_pool_param_ops = {
	.set = dgem_pool_set,
	.get = param_get_uint,
};

module_param_cb(pool_mib, &dgem_pool_param_ops, &dgem_pool_mib, 0644);
MODULE_PARM_DESC(pool_mib, "MiB of memory that is cleared before it is asked for (default 0)");

/**
 * dgem_pool_module_init - start to fill the pool
 *
 * Return: 0 or -ENOMEM.
 */
int dgem_pool_module_init(void)
{
	struct workqueue_struct *wq;

	dgem_pool_setup(&dgem_pool);
	wq = alloc_workqueue("dgem-pool", WQ_UNBOUND, 1);
	if (!wq)
		return -ENOMEM;
	dgem_pool_shrinker = shrinker_alloc(0, "dgem-pool");
	if (!dgem_pool_shrinker) {
		destroy_workqueue(wq);
		return -ENOMEM;
	}
	dgem_pool_shrinker->count_objects = dgem_pool_count_objects;
	dgem_pool_shrinker->scan_objects = dgem_pool_scan_objects;
	dgem_pool_shrinker->seeks = DEFAULT_SEEKS;
	dgem_pool_shrinker->batch = 1L << DGEM_POOL_ORDER;
	shrinker_register(dgem_pool_shrinker);

	kernel_param_lock(THIS_MODULE);
	dgem_pool_wq = wq;
	dgem_pool_apply();
	kernel_param_unlock(THIS_MODULE);
	return 0;
}

/**
 * dgem_pool_module_exit - give the pool back; there is no instance any more
 */
void dgem_pool_module_exit(void)
{
	struct workqueue_struct *wq = dgem_pool_wq;

	/* somebody may write the parameter to the last moment */
	kernel_param_lock(THIS_MODULE);
	dgem_pool_wq = NULL;
	kernel_param_unlock(THIS_MODULE);
	dgem_pool_resize(&dgem_pool, 0);
	destroy_workqueue(wq);
	shrinker_free(dgem_pool_shrinker);
}
