/* SPDX-License-Identifier: MIT */
/*
 * Copyright (C) 2026 The dgem authors
 *
 * What the kernel tells of a process and its mappings.
 */
#ifndef DGEM_PROC_H
#define DGEM_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct dgem_kind;

/* Page faults of this process so far */
long dgem_faults(void);

/* Those of the first write to a page that was only read so far, which depend on the processor */
long dgem_write_faults(void);

/* /proc/self/maps has a shared mapping there, of this size, offset and beginning of a name. */
void dgem_assert_mapped(const void *ptr, uint64_t size, uint64_t offset, const char *name);

/* The number of a "Name: N kB" line that smaps has for the mapping at this address; or -1 */
int64_t dgem_smaps_kib(const void *ptr, const char *name);

/* Whether smaps shows a two-letter flag for it */
bool dgem_has_vma_flag(const void *ptr, const char *flag);

/*
 * Whether a debugger can read and write a kind's mappings, such as the one at this address. If not
 * it is told EIO.
 */
bool dgem_debuggable(const struct dgem_kind *kind, const void *ptr);

/* A core dump of this process, as a child of it leaves it, for the caller to close */
FILE *dgem_dump_core(void);

/* The bytes that a dump has of the mapping at this address; -1 if it does not know of it */
int64_t dgem_dumped_bytes(FILE *core, const void *ptr);

#endif /* DGEM_PROC_H */
