// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * libdrm_dgem against a device: mappings of dma-bufs.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
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
		if (fscanf(file, "%zu", &bytes) != 1)
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

	check_ok(bo_new(size, &bo));
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

enum tap_result test_bad_dmabuf_map(void)
{
	const uint64_t page = page_size();
	unsigned int before;
	struct dgem_bo *bo;
	void *data;
	int fd;

	check_ok(bo_new(SIZE, &bo));
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
