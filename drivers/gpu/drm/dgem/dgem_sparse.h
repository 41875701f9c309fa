/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 */
#ifndef _DGEM_SPARSE_H_
#define _DGEM_SPARSE_H_

#include <linux/types.h>

struct dgem_object;
struct sg_table;

int dgem_sparse_populate(struct dgem_object *obj, u64 first, u64 count);
int dgem_sparse_complete(struct dgem_object *obj);
int dgem_sparse_reach(struct dgem_object *obj, u64 offset, u64 length, struct sg_table **table,
		      u64 *start);
void dgem_sparse_put_table(struct sg_table *table);
void dgem_sparse_unmap(struct dgem_object *obj, u64 first, u64 count);
int dgem_sparse_copy(struct dgem_object *obj, u64 offset, void *buf, size_t len, bool write);
int dgem_sparse_purge(struct dgem_object *obj, u64 offset, u64 length, bool force);

#endif
