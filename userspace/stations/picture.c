// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */
#include <string.h>

#include "picture.h"

/* Reflected polynomial of CRC-32. */
#define CRC32_POLYNOMIAL	0xedb88320u

static void make_crc_table(uint32_t table[256])
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t value = i;

		for (int bit = 0; bit < 8; bit++)
			value = value & 1 ? value >> 1 ^ CRC32_POLYNOMIAL : value >> 1;
		table[i] = value;
	}
}

uint32_t picture_crc(const uint8_t *memory, const struct picture *picture)
{
	uint32_t table[256];
	uint32_t crc = UINT32_MAX;

	make_crc_table(table);
	for (uint32_t y = 0; y < picture->height; y++) {
		const uint8_t *row = memory + picture->offset + y * picture->pitch;

		for (uint32_t i = 0; i < picture->width * PIXEL_BYTES; i++) {
			uint8_t byte = i % PIXEL_BYTES == 3 ? 0 : row[i];

			crc = table[(crc ^ byte) & 0xff] ^ crc >> 8;
		}
	}
	return ~crc;
}

static bool all_zero(const uint8_t *bytes, uint64_t count)
{
	return !count || (!bytes[0] && !memcmp(bytes, bytes + 1, count - 1));
}

bool outside_is_zero(const uint8_t *memory, uint64_t size, const struct picture *picture)
{
	uint64_t done = 0;

	for (uint32_t y = 0; y < picture->height; y++) {
		uint64_t row = picture->offset + y * picture->pitch;

		if (!all_zero(memory + done, row - done))
			return false;
		done = row + (uint64_t)picture->width * PIXEL_BYTES;
	}
	return all_zero(memory + done, size - done);
}
