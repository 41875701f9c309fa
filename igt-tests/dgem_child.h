/* SPDX-License-Identifier: MIT */
/*
 * Copyright (C) 2026 The dgem authors
 *
 * Processes and threads that a test cannot trust to end, or that others may end, and what the
 * kernel tells of the whole machine. A child does not assert: its body returns 0 or a negative
 * errno.
 */
#ifndef DGEM_CHILD_H
#define DGEM_CHILD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Start a process that runs a function and ends. */
pid_t dgem_child_start(int (*body)(void *data), void *data);

/*
 * Wait for its end: what its body returned, -EINTR if a signal ended it, or -ETIME if it is running
 * yet.
 */
int dgem_child_wait(pid_t pid, unsigned int timeout_ms);

/* The same after SIGKILL: -ETIME if it does not even die of that. */
int dgem_child_kill(pid_t pid);

/* Start, wait, and kill what takes too long: what dgem_child_wait() said. */
int dgem_child_run(int (*body)(void *data), void *data, unsigned int timeout_ms);

/* Cleared memory that children started later share with the test */
void *dgem_share(size_t size);
void dgem_unshare(void *ptr, size_t size);

/* A line of /proc/vmstat; 0 if the kernel has no such line */
uint64_t dgem_vmstat(const char *name);

/* Write to a file: 0 or a negative errno. */
int __dgem_write(const char *path, const char *text);

/* The bytes of memory that a test may use of what is available, at most as much as it likes */
uint64_t dgem_spare_memory(uint64_t most);

/* Complaints of DMA-API debugging so far; 0 if the kernel does not debug the DMA API */
uint64_t dgem_dma_errors(void);

#endif /* DGEM_CHILD_H */
