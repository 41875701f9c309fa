/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 */
#ifndef _DGEM_HOLES_H_
#define _DGEM_HOLES_H_

#include <linux/maple_tree.h>
#include <linux/types.h>

/**
 * struct dgem_holes - which pages of an object were given back for good
 *
 * Changed by one at a time; may be read meanwhile.
 */
struct dgem_holes {
	/** @tree: an entry for every range of pages that is gone */
	struct maple_tree tree;
};

void dgem_holes_init(struct dgem_holes *holes);
void dgem_holes_fini(struct dgem_holes *holes);
int dgem_holes_punch(struct dgem_holes *holes, u64 first, u64 count);
bool dgem_holes_find(struct dgem_holes *holes, u64 first, u64 count, u64 *hole, u64 *pages);

#endif
