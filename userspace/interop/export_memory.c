// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * Exporters that are no device's: the dma-heaps, and udmabuf's pages of a memfd.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <linux/memfd.h>
#include <linux/udmabuf.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "interop.h"

#define HUGE_PAGE	(2ull << 20)

/* What a udmabuf is made of. */
#define RUN		(10 * 4096ull)
#define RUNS		(SIZE / RUN)

/* The CMA heap's name has changed over time: it is the one that is no system heap. */
static int open_heap(uint32_t variant)
{
	char path[300] = "/dev/dma_heap/system";
	const struct dirent *entry;
	DIR *dir;

	if (variant == HEAP_CMA) {
		dir = opendir("/dev/dma_heap");
		if (!dir)
			return -errno;
		*path = '\0';
		while ((entry = readdir(dir)))
			if (*entry->d_name != '.' && strncmp(entry->d_name, "system", 6))
				snprintf(path, sizeof(path), "/dev/dma_heap/%s", entry->d_name);
		closedir(dir);
	}
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

bool heap_present(const struct exporter *exporter)
{
	int fd = open_heap(exporter->variant);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int heap_alloc(const struct exporter *exporter, struct buffer *buffer)
{
	struct dma_heap_allocation_data data = { .len = SIZE, .fd_flags = O_RDWR | O_CLOEXEC };
	int heap = open_heap(exporter->variant);
	int ret;

	if (heap < 0)
		return heap;
	ret = ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data) ? -errno : 0;
	close(heap);
	buffer->dmabuf = (int)data.fd;
	return ret;
}

static int make_memfd(uint32_t variant, uint64_t size)
{
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd, ret;

	if (variant == UDMABUF_HUGE)
		flags |= MFD_HUGETLB | MFD_HUGE_2MB;
	fd = memfd_create("interop", flags);
	if (fd < 0)
		return -errno;
	/* fallocate() tells of huge pages that are missing, where ftruncate() does not */
	if (!ftruncate(fd, (off_t)size) && !fallocate(fd, 0, 0, (off_t)size) &&
	    !fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

static uint64_t memfd_size(uint32_t variant)
{
	return variant == UDMABUF_HUGE ? HUGE_PAGE : SIZE;
}

bool udmabuf_present(const struct exporter *exporter)
{
	int fd;

	if (access("/dev/udmabuf", R_OK | W_OK))
		return false;
	fd = make_memfd(exporter->variant, memfd_size(exporter->variant));
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/*
 * The pages are taken from the end on, in small runs: pages that lie in a row become a segment that
 * is longer than udmabuf's own device takes, of which DMA-API debugging complains.
 */
static int create_udmabuf(int device, int memfd)
{
	struct {
		struct udmabuf_create_list head;
		struct udmabuf_create_item items[RUNS];
	} list = { .head = { .flags = UDMABUF_FLAGS_CLOEXEC, .count = RUNS } };

	for (uint64_t i = 0; i < RUNS; i++) {
		list.items[i].memfd = (uint32_t)memfd;
		list.items[i].offset = (RUNS - 1 - i) * RUN;
		list.items[i].size = RUN;
	}
	return ioctl(device, UDMABUF_CREATE_LIST, &list);
}

int udmabuf_alloc(const struct exporter *exporter, struct buffer *buffer)
{
	int memfd = make_memfd(exporter->variant, memfd_size(exporter->variant));
	int device, ret;

	if (memfd < 0)
		return memfd;
	device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	buffer->dmabuf = device < 0 ? -1 : create_udmabuf(device, memfd);
	ret = buffer->dmabuf < 0 ? -errno : 0;
	if (device >= 0)
		close(device);
	close(memfd);
	return ret;
}
