// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * libdrm_dgem against a device: mappings of dma-bufs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "library.h"

#define MIB	(1024ul * 1024)
/* two huge pages of the usual size, and a bit */
#define SIZE	(4 * MIB + 3 * page_size())

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t huge_page(void)
{
	FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", "re");
	size_t bytes = 2 * MIB;

	if (file) {
		if (fscanf(file, "%zu", &bytes) != 1 || !bytes)
			bytes = 2 * MIB;
		fclose(file);
	}
	return bytes;
}

/* Areas of this process' address space */
static unsigned int areas(void)
{
	FILE *file = fopen("/proc/self/maps", "re");
	unsigned int count = 0;
	int c;

	while (file && (c = getc(file)) != EOF)
		count += c == '\n';
	if (file)
		fclose(file);
	return count;
}

/* Every page of the object starts with its number: does the range show it? */
static bool shows(const void *data, uint64_t offset, uint64_t length)
{
	size_t page = page_size();
	uint64_t at;

	for (at = 0; at < length; at += page)
		if (*(const uint32_t *)((const char *)data + at) != (offset + at) / page)
			return false;
	return true;
}

static enum tap_result check_range(int fd, uint64_t offset, uint64_t length)
{
	unsigned int before = areas();
	void *data;

	check_ok(dgem_dmabuf_map(fd, offset, length, DGEM_READ, &data));
	check(areas() <= before + 1);
	check(length < huge_page() || !(((uintptr_t)data - offset) % huge_page()));
	check(shows(data, offset, length));
	check(!munmap(data, length));
	check(areas() == before);
	return TAP_OK;
}

enum tap_result test_dmabuf_map(void)
{
	size_t page = page_size(), size = SIZE, at;
	struct dgem_bo *bo;
	void *data;
	char *ptr;
	int fd;

	if (bo_new(size, &bo) == -ENOMEM)
		skip("not so much contiguous memory");
	fd = dgem_bo_dmabuf(bo, DGEM_READ | DGEM_WRITE);
	check(fd >= 0);

	check_ok(dgem_dmabuf_map(fd, 0, size, DGEM_READ | DGEM_WRITE, &data));
	ptr = data;
	for (at = 0; at < size; at += page)
		*(uint32_t *)(ptr + at) = (uint32_t)(at / page);
	check(!munmap(data, size));

	/* whole, from the middle, odd lengths, a single page, the last one */
	check(check_range(fd, 0, size) == TAP_OK);
	check(check_range(fd, page, size - page) == TAP_OK);
	check(check_range(fd, 5 * page, 2 * MIB) == TAP_OK);
	check(check_range(fd, 2 * MIB, 2 * MIB + 1) == TAP_OK);
	check(check_range(fd, 2 * MIB + page, 1) == TAP_OK);
	check(check_range(fd, size - page, page) == TAP_OK);

	close(fd);
	dgem_bo_del(bo);
	return TAP_OK;
}

/* Whether the kernel lends the pages of an object's mapping to others: 0 or -errno */
static int lend_pages(struct dgem_bo *bo)
{
	struct iovec iov = { .iov_len = page_size() };
	int pipes[2], ret;

	ret = dgem_bo_map(bo, &iov.iov_base);
	if (ret)
		return ret;
	if (pipe(pipes))
		return -errno;
	ret = vmsplice(pipes[1], &iov, 1, SPLICE_F_NONBLOCK) == (ssize_t)iov.iov_len ? 0 : -errno;
	close(pipes[0]);
	close(pipes[1]);
	return dgem_bo_unmap(bo) ?: ret;
}

enum tap_result test_flags(void)
{
	static const struct {
		enum dgem_kind kind;
		uint32_t flags;
		uint32_t caps;
		int lend;
	} cases[] = {
		{ DGEM_KIND_PAGES, 0, DGEM_CAP_EXPORT, -EFAULT },
		{ DGEM_KIND_PAGES, DGEM_CREATE_LAZY, DGEM_CAP_EXPORT, -EFAULT },
		{ DGEM_KIND_PAGES, DGEM_CREATE_DIRECT_IO, 0, 0 },
		{ DGEM_KIND_VMALLOC, DGEM_CREATE_DIRECT_IO, 0, 0 },
		{ DGEM_KIND_VMALLOC, 0, DGEM_CAP_EXPORT, -EFAULT },
		{ DGEM_KIND_CONTIGUOUS, 0, DGEM_CAP_EXPORT, -EFAULT },
	};
	const uint32_t always = DGEM_CAP_MMAP | DGEM_CAP_WRITE;
	unsigned int i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dgem_bo_info info;
		struct dgem_bo *bo;
		int fd;

		check_ok(dgem_bo_new_flags(device, MIB, cases[i].kind, DGEM_CACHE_DEFAULT,
					   cases[i].flags, &bo));
		check_ok(dgem_bo_get_info(bo, &info, sizeof(info)));
		check(info.flags == cases[i].flags);
		check(info.caps == (always | cases[i].caps));
		check_result(lend_pages(bo), cases[i].lend);
		fd = dgem_bo_dmabuf(bo, DGEM_READ);
		if (cases[i].caps & DGEM_CAP_EXPORT) {
			check(fd >= 0);
			close(fd);
		} else {
			check_result(fd, -EOPNOTSUPP);
			check_result(dgem_bo_purge(bo, 0, MIB, 0), -EOPNOTSUPP);
		}
		dgem_bo_del(bo);
	}
	return TAP_OK;
}

enum tap_result test_bad_flags(void)
{
	static const struct {
		enum dgem_kind kind;
		uint32_t flags;
	} cases[] = {
		{ DGEM_KIND_PAGES, 0x1 },
		{ DGEM_KIND_PAGES, DGEM_CREATE_DIRECT_IO | DGEM_CREATE_LAZY },
		{ DGEM_KIND_VMALLOC, DGEM_CREATE_LAZY },
		{ DGEM_KIND_CONTIGUOUS, DGEM_CREATE_DIRECT_IO },
		{ DGEM_KIND_CONTIGUOUS, 0x80000000 },
	};
	struct dgem_bo *bo;
	unsigned int i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_result(dgem_bo_new_flags(device, SIZE, cases[i].kind, DGEM_CACHE_DEFAULT,
					       cases[i].flags, &bo), -EINVAL);
	return TAP_OK;
}

enum tap_result test_bad_dmabuf_map(void)
{
	const uint64_t page = page_size();
	unsigned int before;
	struct dgem_bo *bo;
	void *data;
	int fd;

	if (bo_new(SIZE, &bo) == -ENOMEM)
		skip("not so much contiguous memory");
	fd = dgem_bo_dmabuf(bo, DGEM_READ);
	check(fd >= 0);
	before = areas();
	check_result(dgem_dmabuf_map(fd, 0, page, 0, &data), -EINVAL);
	check_result(dgem_dmabuf_map(fd, 0, page, 4, &data), -EINVAL);
	check_result(dgem_dmabuf_map(fd, 0, 0, DGEM_READ, &data), -EINVAL);
	check_result(dgem_dmabuf_map(fd, 1, page, DGEM_READ, &data), -EINVAL);
	check_result(dgem_dmabuf_map(fd, 0, SIZE + page, DGEM_READ, &data), -EINVAL);
	check_result(dgem_dmabuf_map(fd, page, SIZE, DGEM_READ, &data), -EINVAL);
	check_result(dgem_dmabuf_map(fd, 0, UINT64_MAX, DGEM_READ, &data), -ENOMEM);
	check_result(dgem_dmabuf_map(fd, -page, page, DGEM_READ, &data), -ENOMEM);
	check_result(dgem_dmabuf_map(-1, 0, SIZE, DGEM_READ, &data), -EBADF);
	/* a dma-buf to read is not written */
	check_result(dgem_dmabuf_map(fd, 0, SIZE, DGEM_READ | DGEM_WRITE, &data), -EACCES);
	check(areas() == before);
	close(fd);
	dgem_bo_del(bo);
	return TAP_OK;
}
