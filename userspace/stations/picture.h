/* SPDX-License-Identifier: MIT */
/*
 * Copyright (C) 2026 The dgem authors
 *
 * Pictures in memory: four bytes a pixel, blue, green, red, padding, which is V4L2's XBGR32 and
 * DRM's XRGB8888.
 */
#ifndef DGEM_PICTURE_H
#define DGEM_PICTURE_H

#include <stdbool.h>
#include <stdint.h>

#define PIXEL_BYTES	4u

/* Where a picture lies in memory. */
struct picture {
	uint64_t offset;
	uint64_t pitch;
	uint32_t width;
	uint32_t height;
};

/* CRC-32 (the one of zlib and PNG) of a picture's pixels, with each padding byte taken as 0. */
uint32_t picture_crc(const uint8_t *memory, const struct picture *picture);

/* True if everything in memory that is not in the picture is zero. */
bool outside_is_zero(const uint8_t *memory, uint64_t size, const struct picture *picture);

#endif /* DGEM_PICTURE_H */
