// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * Buffers as the CPU sees them: through the dma-buf.
 */
#include <errno.h>
#include <linux/dma-buf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "interop.h"

int buffer_window(const struct buffer *buffer, uint64_t flags)
{
	struct dma_buf_sync sync = { .flags = flags };
	int ret;

	do {
		ret = ioctl(buffer->dmabuf, DMA_BUF_IOCTL_SYNC, &sync);
	} while (ret && (errno == EINTR || errno == EAGAIN));
	return ret ? -errno : 0;
}

/* The pixel in this place: no two places, and no two seeds, look alike for long. */
static uint32_t pixel(uint64_t index, uint32_t seed)
{
	uint32_t value = ((uint32_t)index + 1) * 2654435761u ^ seed * 2246822519u;

	return (value ^ value >> 15) & 0xffffff;
}

void pattern_fill(void *ptr, uint64_t offset, uint64_t length, uint32_t seed)
{
	uint32_t *pixels = ptr;

	for (uint64_t i = 0; i < length / PIXEL_BYTES; i++)
		pixels[i] = pixel(offset / PIXEL_BYTES + i, seed);
}

bool pattern_holds(const void *ptr, uint64_t offset, uint64_t length, uint32_t seed, bool padding)
{
	const uint32_t *pixels = ptr;
	uint32_t mask = padding ? UINT32_MAX : 0xffffff;

	for (uint64_t i = 0; i < length / PIXEL_BYTES; i++)
		if ((pixels[i] & mask) != pixel(offset / PIXEL_BYTES + i, seed))
			return false;
	return true;
}

/* The CPU's view, with a window open for the time of a call. */
static int with_view(const struct buffer *buffer, bool write,
		     int (*look)(uint8_t *ptr, void *data), void *data)
{
	uint64_t flags = write ? DMA_BUF_SYNC_RW : DMA_BUF_SYNC_READ;
	uint8_t *ptr;
	int ret, end;

	ptr = mmap(NULL, SIZE, write ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED,
		   buffer->dmabuf, 0);
	if (ptr == MAP_FAILED)
		return -errno;
	ret = buffer_window(buffer, flags | DMA_BUF_SYNC_START);
	if (!ret) {
		ret = look(ptr, data);
		end = buffer_window(buffer, flags | DMA_BUF_SYNC_END);
		ret = ret ? ret : end;
	}
	munmap(ptr, SIZE);
	return ret;
}

struct range {
	uint64_t offset;
	uint64_t length;
	uint32_t seed;
};

static int fill(uint8_t *ptr, void *data)
{
	const struct range *range = data;

	pattern_fill(ptr + range->offset, range->offset, range->length, range->seed);
	return 0;
}

static int compare(uint8_t *ptr, void *data)
{
	const struct range *range = data;

	return pattern_holds(ptr + range->offset, range->offset, range->length, range->seed,
			     true) ? 0 : -EBADMSG;
}

static int sum(uint8_t *ptr, void *data)
{
	struct picture picture = { .pitch = PITCH, .width = WIDTH, .height = HEIGHT };

	*(uint32_t *)data = picture_crc(ptr, &picture);
	return 0;
}

int buffer_fill(const struct buffer *buffer, uint32_t seed)
{
	struct range range = { .length = SIZE, .seed = seed };

	return with_view(buffer, true, fill, &range);
}

int buffer_check(const struct buffer *buffer, uint64_t offset, uint64_t length, uint32_t seed)
{
	struct range range = { .offset = offset, .length = length, .seed = seed };

	return with_view(buffer, false, compare, &range);
}

int buffer_crc(const struct buffer *buffer, uint32_t *crc)
{
	return with_view(buffer, false, sum, crc);
}

void did(struct cell *cell, const char *what)
{
	size_t used = strlen(cell->did);

	snprintf(cell->did + used, sizeof(cell->did) - used, "%s%s", used ? ", " : "", what);
}

int wrong(struct cell *cell, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(cell->wrong, sizeof(cell->wrong), format, args);
	va_end(args);
	return -EIO;
}
