// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * Mappings of dma-bufs. The kernel picks an address that suits huge pages for a DRM node, since the
 * driver is asked, but not for a dma-buf, whose file has no say in it. So it is done here: reserve
 * more than is wanted, map over the part that fits, give back the rest.
 */
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dgem_priv.h"

/* where the kernel does not tell */
#define HUGE_DEFAULT	(2ul << 20)

static size_t huge_page;

static void read_huge_page(void)
{
	FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", "re");
	unsigned long bytes = 0;

	if (file) {
		if (fscanf(file, "%lu", &bytes) != 1)
			bytes = 0;
		fclose(file);
	}
	huge_page = bytes && !(bytes & (bytes - 1)) ? bytes : HUGE_DEFAULT;
}

/* Map where address and offset have the same place within a huge page. */
static void *map_aligned(int fd, off_t offset, size_t length, int prot)
{
	const size_t spare = huge_page;
	uintptr_t area, start;
	void *ptr;

	ptr = mmap(NULL, length + spare, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		   -1, 0);
	if (ptr == MAP_FAILED)
		return ptr;
	area = (uintptr_t)ptr;
	start = area + (((uintptr_t)offset - area) & (huge_page - 1));
	if (mmap((void *)start, length, prot, MAP_SHARED | MAP_FIXED, fd, offset) == MAP_FAILED) {
		int error = errno;

		munmap(ptr, length + spare);
		errno = error;
		return MAP_FAILED;
	}
	if (start > area)
		munmap(ptr, start - area);
	if (start + length < area + length + spare)
		munmap((void *)(start + length), area + spare - start);
	return (void *)start;
}

DGEM_PUBLIC int dgem_dmabuf_map(int fd, uint64_t offset, uint64_t length, uint32_t access,
				void **ptr)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	int prot = 0;
	void *data;

	if (!access || access & ~(DGEM_READ | DGEM_WRITE) || !length || offset % page)
		return -EINVAL;
	if (access & DGEM_READ)
		prot |= PROT_READ;
	if (access & DGEM_WRITE)
		prot |= PROT_WRITE;

	pthread_once(&once, read_huge_page);
	if (length > SIZE_MAX / 2 || offset > INT64_MAX)
		return -ENOMEM;
	/* the kernel maps whole pages: so that what is given back starts on one */
	length = (length + page - 1) & ~(page - 1);
	if (length < huge_page)
		data = mmap(NULL, length, prot, MAP_SHARED, fd, (off_t)offset);
	else
		data = map_aligned(fd, (off_t)offset, length, prot);
	if (data == MAP_FAILED)
		return -errno;
	*ptr = data;
	return 0;
}
