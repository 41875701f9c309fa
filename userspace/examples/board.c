// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * What people do who program a device by hand: take a buffer, learn its DMA address, fill it, and
 * hand a part of it to the device and back. Documentation/gpu/dgem-u-dma-buf.rst talks about it.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libdrm_dgem.h>

#define SIZE	((uint64_t)1 << 20)
#define SECOND	((int64_t)1000000000)

static void must(const char *what, int ret)
{
	if (!ret)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(-ret));
	exit(EXIT_FAILURE);
}

/* Print the files that list objects and their DMA addresses, of all instances. */
static void show_addresses(void)
{
	static const char top[] = "/sys/kernel/debug/dri";
	DIR *folder = opendir(top);
	char path[512], line[256];
	struct dirent *entry;

	if (!folder) {
		must(top, -errno);
		return;
	}
	while ((entry = readdir(folder))) {
		FILE *file;

		/* nodes by their numbers show the same as the devices, by their names */
		if (entry->d_name[0] == '.' || strspn(entry->d_name, "0123456789"))
			continue;
		snprintf(path, sizeof(path), "%s/%s/dgem_objects", top, entry->d_name);
		file = fopen(path, "r");
		if (!file)
			continue;
		while (fgets(line, sizeof(line), file))
			fputs(line, stdout);
		fclose(file);
	}
	closedir(folder);
}

/* The engine has to be told of an object before it has addresses there: a first job does it. */
static void copy_part(struct dgem_device *dev, struct dgem_bo *dst, struct dgem_bo *src)
{
	struct dgem_job *job;

	must("job", dgem_job_new(dev, &job));
	must("copy", dgem_job_copy(job, dst, 4096, src, 4096, 8192));
	must("submit", dgem_job_submit(job, 0));
	dgem_job_del(job);
}

int main(void)
{
	struct dgem_device *dev;
	struct dgem_bo *bo, *from;
	uint8_t *bytes;
	void *ptr;

	must("open", dgem_device_open(NULL, &dev));
	must("new", dgem_bo_new(dev, SIZE, DGEM_KIND_COHERENT, DGEM_CACHE_DEFAULT, &bo));
	must("new", dgem_bo_new(dev, SIZE, DGEM_KIND_CONTIGUOUS, DGEM_CACHE_DEFAULT, &from));
	must("map", dgem_bo_map(from, &ptr));
	bytes = ptr;

	/* a window for the CPU over the part that it is going to write, then it is the device's */
	must("begin", dgem_bo_sync_begin(from, 4096, 8192, DGEM_WRITE, SECOND));
	memset(bytes + 4096, 0x5a, 8192);
	must("end", dgem_bo_sync_end(from, 4096, 8192, DGEM_WRITE));
	dgem_bo_unmap(from);

	copy_part(dev, bo, from);
	show_addresses();

	/* waits for the job */
	must("map", dgem_bo_map(bo, &ptr));
	bytes = ptr;
	must("begin", dgem_bo_sync_begin(bo, 4096, 8192, DGEM_READ, 60 * SECOND));
	printf("first byte of the part: %#x\n", bytes[4096]);
	must("end", dgem_bo_sync_end(bo, 4096, 8192, DGEM_READ));

	dgem_bo_unmap(bo);
	dgem_bo_del(bo);
	dgem_bo_del(from);
	dgem_device_del(dev);
	return EXIT_SUCCESS;
}
