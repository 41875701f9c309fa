/* SPDX-License-Identifier: MIT */
/*
 * Copyright (C) 2026 The dgem authors
 *
 * What does direct I/O: a disk, and io_uring. As everywhere in IGT, foo() asserts that it worked,
 * but for what a request of io_uring itself says.
 */
#ifndef DGEM_DISK_H
#define DGEM_DISK_H

#include <linux/io_uring.h>
#include <stddef.h>
#include <stdint.h>

/* A disk: a loop device, opened for direct I/O, and the file in memory that has its content. */
struct dgem_disk {
	int dev;
	int file;
	uint64_t size;
};

/* A ring of io_uring, for one request at a time. */
struct dgem_ring {
	int fd;
	struct io_uring_params params;
	uint8_t *sq, *cq;
	size_t sq_size, cq_size, sqes_size;
	struct io_uring_sqe *sqes;
};

void dgem_disk_fill(struct dgem_disk *disk, uint32_t seed);
void dgem_disk_check(struct dgem_disk *disk, uint64_t length, uint32_t seed);
void dgem_disk_open(struct dgem_disk *disk, uint64_t size, uint32_t seed);
void dgem_disk_close(struct dgem_disk *disk);
void dgem_disk_read(struct dgem_disk *disk, void *ptr, uint64_t length, uint64_t offset);
void dgem_disk_write(struct dgem_disk *disk, void *ptr, uint64_t length, uint64_t offset);
void dgem_disk_read_err(struct dgem_disk *disk, void *ptr, uint64_t length, int err);
void dgem_ring_open(struct dgem_ring *ring);
void dgem_ring_close(struct dgem_ring *ring);
int dgem_ring_io(struct dgem_ring *ring, int op, int file, void *ptr, uint32_t length,
		 uint64_t offset);
int __dgem_ring_register(struct dgem_ring *ring, void *ptr, size_t length);
void dgem_ring_register(struct dgem_ring *ring, void *ptr, size_t length);
void dgem_ring_unregister(struct dgem_ring *ring);

#endif /* DGEM_DISK_H */
