// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/errno.h>
#include <linux/export.h>
#include <linux/maple_tree.h>
#include <linux/minmax.h>
#include <linux/rcupdate.h>
#include <linux/xarray.h>

#include <kunit/visibility.h>

#include "dgem_holes.h"

/**
 * DOC: holes
 *
 * A page that was purged never comes back, also in an object whose other pages come when they are
 * touched. Holes are kept as ranges, so that one of a terabyte costs no more than one of a page.
 */

/**
 * dgem_holes_init - no holes
 * @holes: the holes
 */
void dgem_holes_init(struct dgem_holes *holes)
{
	mt_init(&holes->tree);
}
EXPORT_SYMBOL_IF_KUNIT(dgem_holes_init);

/**
 * dgem_holes_fini - undo dgem_holes_init()
 * @holes: the holes
 */
void dgem_holes_fini(struct dgem_holes *holes)
{
	mtree_destroy(&holes->tree);
}
EXPORT_SYMBOL_IF_KUNIT(dgem_holes_fini);

/**
 * dgem_holes_punch - add a hole
 * @holes: the holes
 * @first: first page
 * @count: pages, not zero; some may be holes already
 *
 * Return: 0 or -ENOMEM, with nothing changed.
 */
int dgem_holes_punch(struct dgem_holes *holes, u64 first, u64 count)
{
	/* what it holds does not matter, only that there is something */
	return mtree_store_range(&holes->tree, first, first + count - 1, xa_mk_value(1),
				 GFP_KERNEL);
}
EXPORT_SYMBOL_IF_KUNIT(dgem_holes_punch);

/**
 * dgem_holes_find - find the first hole in a range
 * @holes: the holes
 * @first: first page of the range
 * @count: pages, not zero
 * @hole: where to put the first page of the range that is in a hole
 * @pages: where to put how many from there on, within the range, are in that hole at least
 *
 * Return: false, with nothing written, if all pages of the range are there.
 */
bool dgem_holes_find(struct dgem_holes *holes, u64 first, u64 count, u64 *hole, u64 *pages)
{
	MA_STATE(mas, &holes->tree, first, first);
	u64 last = first + count - 1;
	bool found;

	rcu_read_lock();
	found = mas_find(&mas, last);
	if (found) {
		*hole = max_t(u64, mas.index, first);
		*pages = min_t(u64, mas.last, last) - *hole + 1;
	}
	rcu_read_unlock();
	return found;
}
EXPORT_SYMBOL_IF_KUNIT(dgem_holes_find);
