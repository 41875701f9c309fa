/* SPDX-License-Identifier: MIT */
/*
 * Copyright (C) 2026 The dgem authors
 *
 * What the dgem tests share. As everywhere in IGT, __foo() returns 0 or a negative errno and foo()
 * asserts that it worked.
 */
#ifndef DGEM_UTIL_H
#define DGEM_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include "dgem_drm.h"
#include "dgem_table.h"

/* It isn't 4 KiB everywhere */
#define DGEM_PAGE	((unsigned long long)sysconf(_SC_PAGESIZE))
#define DGEM_MIB	(1024ull * 1024)

/* Nothing that works takes this long, not even an engine that spends 0.1 s on each transfer. */
#define DGEM_PATIENCE_NS	(120 * NSEC_PER_SEC)

/* Nodes */
int __dgem_open_node(const char *driver, bool render);
int dgem_open(void);
int dgem_open_primary(void);
int dgem_open_other(const char *driver);

/* One function an ioctl */
int dgem_ioctl(int fd, unsigned long request, void *arg);
int __dgem_query(int fd, uint32_t type, void *data, uint32_t *size);
void dgem_query_device(int fd, struct drm_dgem_query_device *device);
uint64_t dgem_granule(int fd);
void dgem_query_engine(int fd, struct drm_dgem_query_engine *engine);
void dgem_query_stats(int fd, struct drm_dgem_query_stats *stats);
int __dgem_create(int fd, struct drm_dgem_create *create);
int __dgem_create_flags(int fd, uint32_t kind, uint32_t flags, uint64_t size, uint32_t *handle);
int __dgem_create_lazy(int fd, uint64_t size, uint32_t *handle);
int __dgem_close(int fd, uint32_t handle);
int __dgem_info(int fd, struct drm_dgem_info *info);
void dgem_info(int fd, uint32_t handle, struct drm_dgem_info *info);
uint64_t dgem_resident(int fd, uint32_t handle);
uint32_t dgem_vmas(int fd, uint32_t handle);
int __dgem_mmap_offset(int fd, struct drm_dgem_mmap *map);
uint64_t dgem_mmap_offset(int fd, uint32_t handle);
void *__dgem_mmap(int fd, uint32_t handle, uint64_t size, int prot, int flags);
void *dgem_mmap(int fd, uint32_t handle, uint64_t size);
int __dgem_sync(int fd, uint32_t handle, uint32_t flags, uint64_t offset, uint64_t length,
		int64_t timeout_ns);
/* Until no job writes it any more; a window for reading its beginning is open then. */
int __dgem_wait_written(int fd, uint32_t handle);
void dgem_sync_start(int fd, uint32_t handle, uint32_t flags, uint64_t size);
void dgem_sync_end(int fd, uint32_t handle, uint32_t flags, uint64_t size);
int __dgem_purge(int fd, uint32_t handle, uint64_t offset, uint64_t length, uint32_t flags);
int __dgem_export(int fd, uint32_t handle, uint32_t flags);
int dgem_export(int fd, uint32_t handle);
int __dgem_import(int fd, int dmabuf, uint32_t *handle);
/* DMA_BUF_SYNC_* */
int __dgem_window(int dmabuf, uint64_t flags);

/* Jobs */
struct drm_dgem_op dgem_op_copy(uint32_t src, uint64_t src_offset, uint32_t dst,
				uint64_t dst_offset, uint64_t width);
struct drm_dgem_op dgem_op_copy_2d(uint32_t src, uint64_t src_offset, uint64_t src_pitch,
				   uint32_t dst, uint64_t dst_offset, uint64_t dst_pitch,
				   uint64_t width, uint32_t height);
struct drm_dgem_op dgem_op_fill(uint32_t dst, uint64_t dst_offset, uint64_t width,
				uint64_t pattern, uint32_t pattern_size);
struct drm_dgem_op dgem_op_fill_ends(uint32_t dst, uint64_t size);
void dgem_submit_init(struct drm_dgem_submit *submit, const struct drm_dgem_op *ops,
		      uint32_t count);
int __dgem_submit(int fd, struct drm_dgem_submit *submit);
int __dgem_submit_op(int fd, struct drm_dgem_op op);
/* Also wait for it, see __dgem_wait_written(). */
int __dgem_run_op(int fd, struct drm_dgem_op op);
void dgem_submit(int fd, const struct drm_dgem_op *ops, uint32_t count, uint32_t flags,
		 uint32_t in_sync, uint32_t out_sync);
int __dgem_job(int fd, struct drm_dgem_job *job);
void dgem_wait(int fd, uint32_t syncobj);
bool dgem_signalled(int fd, uint32_t syncobj);
void dgem_run(int fd, const struct drm_dgem_op *ops, uint32_t count);
int __dgem_copy(int fd, uint32_t src, uint64_t src_offset, uint32_t dst, uint64_t dst_offset,
		uint64_t width);
void dgem_copy(int fd, uint32_t src, uint64_t src_offset, uint32_t dst, uint64_t dst_offset,
	       uint64_t width);

/* A job held back by a fence of the test's own: an in-syncobj that waits for a software fence */
struct dgem_gate {
	int fd;
	int timeline;
	uint32_t syncobj;
};

void dgem_gate_close(struct dgem_gate *gate, int fd);
void dgem_gate_open(struct dgem_gate *gate);
void dgem_gate_fini(struct dgem_gate *gate);

/* Patterns: every byte depends on its offset and on the seed */
uint8_t dgem_pattern(uint64_t offset, uint32_t seed);
void dgem_fill(void *ptr, uint64_t offset, uint64_t length, uint32_t seed);
void dgem_check(const void *ptr, uint64_t offset, uint64_t length, uint32_t seed);
bool dgem_is_zero(const void *ptr, uint64_t length);

/* Faults: the signal that an access raises, or 0 */
int dgem_touch(volatile void *ptr, bool write);

/* What touching the pages of a fresh mapping one after another takes at most */
long dgem_most_faults(int fd, uint32_t handle, const void *ptr, uint64_t pages);

/* Whether a page of an object that is touched alone is mapped alone */
bool dgem_maps_sparsely(int fd, uint32_t handle);

/* The kernel's version: 612 for 6.12 */
int dgem_kernel(void);

/* Whether it has 64 bits, which 32-bit programs may run on as well */
bool dgem_kernel_64(void);
bool dgem_snoops(int fd);

/* The most that a program can map of one object, or a little less: 2 GiB and a bit with 32 bits */
uint64_t dgem_mappable(void);

/* Time */
int64_t dgem_now(void);
void dgem_sleep_ms(unsigned int ms);

/* What a refused call must leave alone */
struct dgem_snapshot {
	uint64_t cma_free;
	uint64_t objects;
	uint64_t bytes;
	uint64_t vmas;
	uint32_t next_handle;
	int fds;
};

void dgem_snapshot(int fd, struct dgem_snapshot *snapshot);
void dgem_assert_unchanged(int fd, const struct dgem_snapshot *before);
uint64_t dgem_meminfo(const char *field);

/* That this file, and all of them, are charged for so many bytes, before long */
void dgem_assert_charged(int fd, uint64_t file, uint64_t all);

#endif /* DGEM_UTIL_H */
