// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "igt.h"

#include "dgem_disk.h"
#include "dgem_util.h"

void dgem_disk_fill(struct dgem_disk *disk, uint32_t seed)
{
	uint8_t *ptr = mmap(NULL, disk->size, PROT_READ | PROT_WRITE, MAP_SHARED, disk->file, 0);

	igt_assert(ptr != MAP_FAILED);
	dgem_fill(ptr, 0, disk->size, seed);
	munmap(ptr, disk->size);
}

void dgem_disk_check(struct dgem_disk *disk, uint64_t length, uint32_t seed)
{
	uint8_t *ptr = mmap(NULL, disk->size, PROT_READ, MAP_SHARED, disk->file, 0);

	igt_assert(ptr != MAP_FAILED);
	dgem_check(ptr, 0, length, seed);
	munmap(ptr, disk->size);
}

void dgem_disk_open(struct dgem_disk *disk, uint64_t size, uint32_t seed)
{
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), number, loop;
	struct loop_config config = {
		.block_size = 512,
		.info.lo_flags = LO_FLAGS_AUTOCLEAR,
	};
	char path[32];

	igt_require_f(control >= 0, "this kernel has no loop devices\n");
	/* 6.1 says how large each of them is, until it is told too often */
	igt_emit_ignore_dmesg_regex("set_capacity_and_notify: .* callbacks suppressed");
	disk->file = memfd_create("dgem-disk", MFD_CLOEXEC);
	igt_assert_fd(disk->file);
	disk->size = size;
	igt_assert_eq(ftruncate(disk->file, size), 0);
	dgem_disk_fill(disk, seed);

	number = ioctl(control, LOOP_CTL_GET_FREE);
	igt_assert_lte(0, number);
	snprintf(path, sizeof(path), "/dev/loop%d", number);
	loop = open(path, O_RDWR | O_CLOEXEC);
	igt_assert_fd(loop);
	config.fd = disk->file;
	igt_assert_eq(ioctl(loop, LOOP_CONFIGURE, &config), 0);
	disk->dev = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	igt_assert_fd(disk->dev);
	close(loop);
	close(control);
}

void dgem_disk_close(struct dgem_disk *disk)
{
	close(disk->dev);
	close(disk->file);
}

void dgem_disk_read(struct dgem_disk *disk, void *ptr, uint64_t length, uint64_t offset)
{
	igt_assert_eq_s64(pread(disk->dev, ptr, length, offset), length);
}

void dgem_disk_write(struct dgem_disk *disk, void *ptr, uint64_t length, uint64_t offset)
{
	igt_assert_eq_s64(pwrite(disk->dev, ptr, length, offset), length);
}

void dgem_disk_read_err(struct dgem_disk *disk, void *ptr, uint64_t length, int err)
{
	errno = 0;
	igt_assert_eq_s64(pread(disk->dev, ptr, length, 0), -1);
	igt_assert_eq(errno, err);
}

static void *ring_map(struct dgem_ring *ring, size_t size, off_t offset)
{
	void *ptr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->fd,
			 offset);

	igt_assert(ptr != MAP_FAILED);
	return ptr;
}

void dgem_ring_open(struct dgem_ring *ring)
{
	memset(ring, 0, sizeof(*ring));
	ring->fd = syscall(__NR_io_uring_setup, 4, &ring->params);
	igt_require_f(ring->fd >= 0, "this kernel has no io_uring\n");
	ring->sq_size = ring->params.sq_off.array + ring->params.sq_entries * sizeof(uint32_t);
	ring->cq_size = ring->params.cq_off.cqes +
			ring->params.cq_entries * sizeof(struct io_uring_cqe);
	ring->sqes_size = ring->params.sq_entries * sizeof(struct io_uring_sqe);
	ring->sq = ring_map(ring, ring->sq_size, IORING_OFF_SQ_RING);
	ring->cq = ring_map(ring, ring->cq_size, IORING_OFF_CQ_RING);
	ring->sqes = ring_map(ring, ring->sqes_size, IORING_OFF_SQES);
}

void dgem_ring_close(struct dgem_ring *ring)
{
	munmap(ring->sq, ring->sq_size);
	munmap(ring->cq, ring->cq_size);
	munmap(ring->sqes, ring->sqes_size);
	close(ring->fd);
}

/* What became of a request. */
static int ring_run(struct dgem_ring *ring, const struct io_uring_sqe *request)
{
	uint32_t *tail = (uint32_t *)(ring->sq + ring->params.sq_off.tail);
	uint32_t mask = *(uint32_t *)(ring->sq + ring->params.sq_off.ring_mask);
	uint32_t *array = (uint32_t *)(ring->sq + ring->params.sq_off.array);
	uint32_t *done = (uint32_t *)(ring->cq + ring->params.cq_off.head);
	uint32_t cq_mask = *(uint32_t *)(ring->cq + ring->params.cq_off.ring_mask);
	struct io_uring_cqe *cqes = (struct io_uring_cqe *)(ring->cq + ring->params.cq_off.cqes);
	uint32_t slot = *tail & mask;
	int result;

	ring->sqes[slot] = *request;
	array[slot] = slot;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	igt_assert_eq(syscall(__NR_io_uring_enter, ring->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0),
		      1);
	result = cqes[__atomic_load_n(done, __ATOMIC_ACQUIRE) & cq_mask].res;
	__atomic_store_n(done, *done + 1, __ATOMIC_RELEASE);
	return result;
}

int dgem_ring_io(struct dgem_ring *ring, int op, int file, void *ptr, uint32_t length,
		 uint64_t offset)
{
	const struct io_uring_sqe request = {
		.opcode = op,
		.fd = file,
		.addr = to_user_pointer(ptr),
		.len = length,
		.off = offset,
	};

	return ring_run(ring, &request);
}

int __dgem_ring_register(struct dgem_ring *ring, void *ptr, size_t length)
{
	struct iovec iov = { ptr, length };

	return syscall(__NR_io_uring_register, ring->fd, IORING_REGISTER_BUFFERS, &iov, 1) ?
	       -errno : 0;
}

void dgem_ring_register(struct dgem_ring *ring, void *ptr, size_t length)
{
	int err = __dgem_ring_register(ring, ptr, length);

	igt_require_f(err != -EOPNOTSUPP || dgem_kernel() >= 605,
		      "this kernel's rings take no mappings of files\n");
	igt_assert_eq(err, 0);
}

void dgem_ring_unregister(struct dgem_ring *ring)
{
	igt_assert_eq(syscall(__NR_io_uring_register, ring->fd, IORING_UNREGISTER_BUFFERS, NULL, 0),
		      0);
}
