// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * A buffer's life: create and export, map, touch, unmap, CPU access windows, free.
 */
#include <errno.h>
#include <linux/dma-buf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "dgem_drm.h"

#define PAGE	4096

enum way {
	WAY_NODE,
	WAY_DMABUF,
	/* the dma-buf at an address that huge pages can start at, in an area reserved before */
	WAY_ALIGNED,
	WAYS
};

static const char * const way_names[WAYS] = { "node", "dma-buf", "dma-buf-aligned" };

/* A mapping with the area around it that was reserved, if any. */
struct mapping {
	void *data;
	void *area;
	uint64_t area_size;
};

__attribute__((noinline)) void touch(void *data, uint64_t size)
{
	volatile char *page = data, *end = page + size;

	for (; page < end; page += PAGE)
		*page = 1;
}

/*
 * Clear memory as kernels do it on this processor. Page by page it is "rep stosb", which emulated
 * counts an instruction for each byte; larger blocks are written word by word, eight in a loop.
 */
static void clear_bytes(void *data, uint64_t size)
{
#if defined(__x86_64__)
	__asm__ volatile("rep stosb" : "+D"(data), "+c"(size) : "a"(0) : "memory");
#else
	memset(data, 0, size);
#endif
}

static void clear_words(void *data, uint64_t size)
{
	volatile uint64_t *word = data, *end = word + size / sizeof(*word);

	for (; word < end; word += 8) {
		word[0] = 0;
		word[1] = 0;
		word[2] = 0;
		word[3] = 0;
		word[4] = 0;
		word[5] = 0;
		word[6] = 0;
		word[7] = 0;
	}
}

void sync_dmabuf(int dmabuf)
{
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW };

	if (ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &sync))
		die("DMA_BUF_IOCTL_SYNC");
	sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW;
	if (ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &sync))
		die("DMA_BUF_IOCTL_SYNC");
}

void sync_range(int fd, uint32_t handle, uint64_t length)
{
	struct drm_dgem_sync sync = {
		.handle = handle,
		.flags = DRM_DGEM_SYNC_READ | DRM_DGEM_SYNC_WRITE,
		.length = length,
	};

	if (ioctl(fd, DRM_IOCTL_DGEM_SYNC, &sync))
		die("SYNC");
	sync.flags |= DRM_DGEM_SYNC_END;
	if (ioctl(fd, DRM_IOCTL_DGEM_SYNC, &sync))
		die("SYNC");
}

static bool is_aligned(const void *address)
{
	return !((uintptr_t)address & (HUGE - 1));
}

/*
 * Reserve room for the buffer to start on a huge page. Recent kernels align anonymous areas of
 * whole huge pages by themselves; else the area has to be larger.
 */
static void *reserve(struct mapping *mapping, uint64_t size)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

	mapping->area_size = size;
	mapping->area = mmap(NULL, mapping->area_size, PROT_NONE, flags, -1, 0);
	if (mapping->area != MAP_FAILED && !is_aligned(mapping->area)) {
		munmap(mapping->area, mapping->area_size);
		mapping->area_size += HUGE;
		mapping->area = mmap(NULL, mapping->area_size, PROT_NONE, flags, -1, 0);
	}
	if (mapping->area == MAP_FAILED)
		die("mmap");
	return (void *)(uintptr_t)(((uintptr_t)mapping->area + HUGE - 1) & ~(HUGE - 1));
}

static void map(struct mapping *mapping, const struct source *source, const struct buffer *buffer,
		enum way way)
{
	int fd = way == WAY_NODE ? source->fd : buffer->dmabuf, flags = MAP_SHARED;
	uint64_t offset = way == WAY_NODE ? buffer->offset : 0;
	void *where = NULL;

	if (way == WAY_ALIGNED) {
		where = reserve(mapping, buffer->size);
		flags |= MAP_FIXED;
	}
	mapping->data = mmap(where, buffer->size, PROT_READ | PROT_WRITE, flags, fd, offset);
	if (mapping->data == MAP_FAILED)
		die("mmap of %s", source->peer);
	if (way != WAY_ALIGNED) {
		mapping->area = mapping->data;
		mapping->area_size = buffer->size;
	}
}

/* Have what is mapped next not start on a huge page by chance. */
static void spoil_alignment(const struct buffer *buffer)
{
	unsigned int tries;
	void *probe;

	for (tries = 0; tries < 2 && buffer->size >= HUGE; tries++) {
		probe = mmap(NULL, buffer->size, PROT_READ, MAP_SHARED, buffer->dmabuf, 0);
		if (probe == MAP_FAILED)
			die("mmap");
		munmap(probe, buffer->size);
		if (!is_aligned(probe))
			return;
		/* this page stays */
		if (mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
			die("mmap");
	}
}

static void measure_way(const struct source *source, const struct buffer *buffer, enum way way)
{
	struct subject subject = {
		source->peer, source->kind, way_names[way], buffer->size,
	};
	struct mapping mapping;
	uint64_t before, faults, start, mapped, touched, again;

	wait_for_tick();
	before = fault_count();
	start = now();
	map(&mapping, source, buffer, way);
	mapped = now();
	touch(mapping.data, buffer->size);
	touched = now();
	faults = fault_count() - before;

	again = now();
	touch(mapping.data, buffer->size);
	again = now() - again;

	record("mmap", &subject, mapped - start, 0);
	record("touch", &subject, touched - mapped, faults);
	record("mmap+touch", &subject, touched - start, faults);
	record("touch-again", &subject, again, 0);
	if (buffer->size == PAGE && touched - mapped > again)
		record("fault", &subject, touched - mapped - again, faults);

	start = begin();
	if (munmap(mapping.area, mapping.area_size))
		die("munmap");
	record("munmap", &subject, now() - start, 0);
}

/* Patterns in which a client touches some pages of a buffer, or all of them. */
enum pattern {
	PATTERN_ONE,
	PATTERN_APART,
	PATTERN_RANDOM,
	PATTERN_FORWARDS,
	PATTERN_BACKWARDS,
	PATTERNS
};

static const char * const pattern_names[PATTERNS] = {
	"sparse-one", "sparse-apart", "sparse-random", "sparse-forwards", "sparse-backwards",
};

/* Write the pages of a pattern, in their order, out of @count; return how many. */
static unsigned int list_pages(enum pattern pattern, uint32_t *pages, unsigned int count)
{
	const unsigned int apart = pattern == PATTERN_APART ? HUGE / PAGE : 64;
	unsigned int i, last = 0;

	switch (pattern) {
	case PATTERN_ONE:
		pages[0] = count / 2;
		return 1;
	case PATTERN_APART:
		for (i = 0; i < count / apart; i++)
			pages[i] = i * apart;
		return i;
	case PATTERN_RANDOM:
		/* these factors yield each number once before one repeats, modulo a power of two */
		for (i = 0; i < count / apart; i++) {
			last = (last * 5 + 3) % (count / apart);
			pages[i] = last * apart;
		}
		return i;
	default:
		for (i = 0; i < count; i++)
			pages[i] = pattern == PATTERN_FORWARDS ? i : count - 1 - i;
		return i;
	}
}

static __attribute__((noinline)) void touch_pages(void *data, const uint32_t *pages,
						  unsigned int count)
{
	volatile char *bytes = data;
	unsigned int i;

	for (i = 0; i < count; i++)
		bytes[(uint64_t)pages[i] * PAGE] = 1;
}

static void measure_pattern(const struct source *source, const struct buffer *buffer,
			    enum pattern pattern, const uint32_t *pages, unsigned int count)
{
	struct subject subject = { source->peer, source->kind, "dma-buf", buffer->size };
	struct mapping mapping = { 0 };
	uint64_t before, faults, start, taken;

	wait_for_tick();
	map(&mapping, source, buffer, WAY_DMABUF);
	before = fault_count();
	start = now();
	touch_pages(mapping.data, pages, count);
	taken = now() - start;
	faults = fault_count() - before;

	start = begin();
	if (munmap(mapping.area, mapping.area_size))
		die("munmap");
	record(pattern_names[pattern], &subject, taken + now() - start, faults);
}

void measure_sparse(const struct source *source, uint64_t size, unsigned int times)
{
	uint32_t *pages = calloc(size / PAGE, sizeof(*pages));
	struct buffer buffer = { .size = size };
	enum pattern pattern;

	if (!pages)
		die("pages");
	if (source->create(source, &buffer)) {
		free(pages);
		return;
	}
	spoil_alignment(&buffer);
	while (times--) {
		for (pattern = PATTERN_ONE; pattern < PATTERNS; pattern++)
			measure_pattern(source, &buffer, pattern, pages,
					list_pages(pattern, pages, size / PAGE));
	}
	destroy_buffer(source, &buffer);
	free(pages);
}

static void measure_syncs(const struct source *source, const struct buffer *buffer)
{
	struct subject subject = { source->peer, source->kind, "dma-buf", buffer->size };
	uint64_t start;

	start = begin();
	sync_dmabuf(buffer->dmabuf);
	record("sync", &subject, now() - start, 0);

	if (strcmp(source->peer, "dgem"))
		return;
	subject.object = "node";
	start = begin();
	sync_range(source->fd, buffer->handle, buffer->size);
	record("sync", &subject, now() - start, 0);

	start = begin();
	sync_range(source->fd, buffer->handle, PAGE);
	record("sync-page", &subject, now() - start, 0);
}

void measure_windows(const struct source *source, uint64_t size, unsigned int times)
{
	struct buffer buffer = { .size = size };

	if (source->create(source, &buffer))
		return;
	while (times--)
		measure_syncs(source, &buffer);
	destroy_buffer(source, &buffer);
}

/* False if there is no memory for it. */
static bool create(const struct source *source, struct buffer *buffer)
{
	struct subject subject = { source->peer, source->kind, "dma-buf", buffer->size };
	struct buffer other = { .size = 2 * PAGE };
	bool drained = false;
	uint64_t start, taken;
	int ret;

	wait_for_tick();
	/*
	 * CMA begins with giving back the free pages that the processor has at hand. What that
	 * takes depends on which ones they are, and so on all that was ever done before: have
	 * another buffer take them.
	 */
	if (source->cma && buffer->size > PAGE) {
		drained = !source->create(source, &other);
		spin_to_tick();
	}
	start = now();
	ret = source->create(source, buffer);
	taken = now() - start;
	if (drained)
		destroy_buffer(source, &other);
	if (ret == -ENOMEM)
		return false;
	if (ret) {
		errno = -ret;
		die("create of %s", source->peer);
	}
	record("create+export", &subject, taken, 0);
	if (source->locate)
		source->locate(source, buffer);
	return true;
}

static void destroy(const struct source *source, struct buffer *buffer)
{
	struct subject subject = { source->peer, source->kind, "dma-buf", buffer->size };
	uint64_t start = begin();

	destroy_buffer(source, buffer);
	record("free", &subject, now() - start, 0);
}

void measure_maps(const struct source *source, uint64_t size, unsigned int times)
{
	struct buffer buffer = { .size = size };
	enum way way;

	while (times--) {
		if (!create(source, &buffer))
			return;
		measure_syncs(source, &buffer);
		for (way = WAY_NODE; way < WAYS; way++) {
			if (way == WAY_NODE && !source->gem)
				continue;
			if (way == WAY_ALIGNED && size < HUGE)
				continue;
			if (way == WAY_DMABUF && !source->lazy)
				spoil_alignment(&buffer);
			measure_way(source, &buffer, way);
			if (source->lazy) {
				destroy(source, &buffer);
				if (!create(source, &buffer))
					return;
			}
		}
		destroy(source, &buffer);
	}
}

void measure_baseline(uint64_t size, unsigned int times)
{
	struct subject subject = { "none", "memory", "anonymous", size };
	void *data = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	uint64_t start;

	if (data == MAP_FAILED)
		die("mmap");
	while (times--) {
		subject.kind = "bytes";
		start = begin();
		clear_bytes(data, size);
		record("zero", &subject, now() - start, 0);

		subject.kind = "words";
		start = begin();
		clear_words(data, size);
		record("zero", &subject, now() - start, 0);

		subject.kind = "memory";
		start = begin();
		touch(data, size);
		record("touch-again", &subject, now() - start, 0);
	}
	munmap(data, size);
}
