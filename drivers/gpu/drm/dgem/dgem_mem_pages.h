/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 */
#ifndef _DGEM_MEM_PAGES_H_
#define _DGEM_MEM_PAGES_H_

#include <linux/sizes.h>
#include <linux/types.h>

struct dgem_object;
struct dgem_pages;

/**
 * define DGEM_GRANULE - bytes of a granule, in which memory comes and goes
 *
 * It is what one PMD maps where pages have 4 KiB. The last granule of an object may be shorter.
 */
#define DGEM_GRANULE	SZ_2M

u64 dgem_pages_granule_bytes(const struct dgem_pages *pages, u64 nr);
int dgem_pages_populate(struct dgem_object *obj, u64 nr);
int dgem_pages_punch(struct dgem_pages *pages, u64 first, u64 last);
u64 dgem_pages_purge(struct dgem_pages *pages, u64 first, u64 last);

#endif
