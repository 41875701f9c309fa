/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 */
#ifndef _DGEM_POOL_H_
#define _DGEM_POOL_H_

#include <linux/list.h>
#include <linux/mm.h>
#include <linux/spinlock.h>
#include <linux/types.h>

/** define DGEM_POOL_ORDER - pages of a block of the pool, as a power of two: 2 MiB if it can be */
#define DGEM_POOL_ORDER		min_t(unsigned int, 21 - PAGE_SHIFT, MAX_PAGE_ORDER)
/** define DGEM_POOL_BLOCK - as many bytes */
#define DGEM_POOL_BLOCK		(PAGE_SIZE << DGEM_POOL_ORDER)

/**
 * struct dgem_pool - blocks of zeroed memory that nobody has yet
 */
struct dgem_pool {
	/** @lock: protects all of it; nothing is allocated or freed under it */
	spinlock_t lock;
	/** @blocks: first pages, by &page.lru */
	struct list_head blocks;
	/** @count: number of @blocks */
	unsigned int count;
	/** @limit: as many as there shall be */
	unsigned int limit;
	/** @hits: blocks that were taken */
	u64 hits;
	/** @misses: blocks that were asked for and not there, while there were to be some */
	u64 misses;
	/** @shrunk: blocks that the kernel wanted back */
	u64 shrunk;
};

void dgem_pool_setup(struct dgem_pool *pool);
bool dgem_pool_fill(struct dgem_pool *pool);
struct page *dgem_pool_take(struct dgem_pool *pool, u64 mask);
unsigned int dgem_pool_drop(struct dgem_pool *pool, unsigned int blocks);
void dgem_pool_resize(struct dgem_pool *pool, unsigned int limit);

struct page *dgem_pool_get(u64 mask);
void dgem_pool_read(struct dgem_pool *state);
int dgem_pool_module_init(void);
void dgem_pool_module_exit(void);

#endif
