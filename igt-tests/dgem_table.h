/* SPDX-License-Identifier: MIT */
/*
 * Copyright (C) 2026 The dgem authors
 *
 * The tables that tests are run from: kinds of memory, and subtests.
 */
#ifndef DGEM_TABLE_H
#define DGEM_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "dgem_drm.h"

/* The kind comes out of a pool of its own: the machine does not suffer when it is exhausted. */
#define DGEM_KIND_POOL		0x1
/* Objects are physically contiguous: one segment for an engine that takes long ones. */
#define DGEM_KIND_ONE_SEGMENT	0x2
/* Memory need not be contiguous: objects may be larger than any block that is. */
#define DGEM_KIND_SCATTERED	0x10
/* Accesses of the CPU are made within windows: a device may have the memory bounced. */
#define DGEM_KIND_WINDOWS	0x80

/* Mappings are of struct pages, to which direct I/O takes references. */
#define DGEM_KIND_DIRECT_IO	0x20
/* The CPU caches it: what it has cleared has to be written back before a device looks. */
#define DGEM_KIND_CLEANED	0x40
/*
 * Mappings are an exporter's: no counts of ours. Those of the system's heap are complete from the
 * start, and have no debugger.
 */
#define DGEM_KIND_FOREIGN	0x100

/* What every kind but the borrowed ones can do. */
#define DGEM_CAPS_ALL	(DRM_DGEM_CAP_MMAP | DRM_DGEM_CAP_EXPORT | DRM_DGEM_CAP_WRITE)
/* Beside the DRM_DGEM_CAP_* that a test needs: it is for memory of others as well. */
#define DGEM_AND_FOREIGN	0x80000000

/*
 * A kind of memory as the tests make it, and what they may expect of it. A line of dgem_kinds[] is
 * all that it takes to have a kind tested; what an instance does not offer is skipped.
 */
struct dgem_kind {
	const char *name;
	/* the arguments of CREATE */
	uint32_t kind;
	uint32_t cache;
	uint32_t flags;
	/* DRM_DGEM_CAP_* as INFO tells them; tests that need others leave the kind out */
	uint32_t caps;
	/* DGEM_KIND_* */
	uint32_t traits;
	/* for what CREATE does not make: 0 and a handle, -ENODEV without a maker, or -errno */
	int (*make)(int fd, uint64_t *size, uint32_t *handle);
	/* for kinds that have to be told where memory is: fill in the rest, and what comes after */
	void (*borrow)(struct drm_dgem_create *create);
	void (*give_back)(const struct drm_dgem_create *create);
};

extern const struct dgem_kind dgem_kinds[];

/* All kinds that have these DRM_DGEM_CAP_*, and may be DGEM_AND_FOREIGN: to name subtests after. */
#define for_each_dgem_kind(k, need)					\
	for ((k) = dgem_kinds; (k)->name; (k)++)			\
		if (!dgem_kind_fits(k, need)) { } else

/* The same without those that this instance does not offer: to loop within a subtest. */
#define for_each_dgem_kind_here(fd, k, need)				\
	for_each_dgem_kind(k, need)					\
		if (!dgem_has_kind(fd, k)) { } else

bool dgem_kind_fits(const struct dgem_kind *kind, uint32_t need);
bool dgem_works_on_imports(int fd);
bool dgem_has_kind(int fd, const struct dgem_kind *kind);
void dgem_require_kind(int fd, const struct dgem_kind *kind);

/* Objects of a kind, filled and checked through a mapping or, if it has none, by the engine */
int __dgem_create_kind(int fd, const struct dgem_kind *kind, uint64_t *size, uint32_t *handle);
void dgem_require_room(const struct dgem_kind *kind, int err);
uint32_t dgem_create(int fd, const struct dgem_kind *kind, uint64_t size);
uint32_t dgem_create_contiguous(int fd, uint64_t size);
uint32_t dgem_stage(int fd, uint32_t handle, uint64_t size);
void dgem_fill_object(int fd, uint32_t handle, uint64_t size, uint32_t seed);
uint32_t dgem_create_filled(int fd, const struct dgem_kind *kind, uint64_t size, uint32_t seed);
void dgem_check_object(int fd, uint32_t handle, uint64_t size, uint32_t seed);

/* A subtest; whatever it makes it gives back. */
struct dgem_test {
	const char *name, *describe;
	void (*test)(int fd);
};

/* A subtest of every kind, whose name follows that of the test. */
struct dgem_kind_test {
	const char *name, *describe;
	void (*test)(int fd, const struct dgem_kind *kind);
	/* DGEM_KIND_* that a kind must have for it */
	uint32_t traits;
	/* DGEM_KIND_* that it must not have */
	uint32_t without;
	/* what else a kind has to be like, if anything */
	bool (*fits)(const struct dgem_kind *kind);
};

void dgem_subtests(int fd, const struct dgem_test *tests, int count);
void dgem_kind_subtests(int fd, const struct dgem_kind_test *tests, int count, uint32_t need);

#endif /* DGEM_TABLE_H */
