// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/ctype.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/kstrtox.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include <kunit/visibility.h>

#include "dgem_config.h"

/**
 * DOC: configuration
 *
 * An instance is made from one plain object. Module parameters, configfs and the device tree all
 * fill it through the same setters, so that a value is good or bad wherever it comes from, and
 * nothing that makes an instance has to doubt what it reads.
 */

/* The ISA's 24 bits are the least that an allocator has a zone for. */
#define DGEM_CONFIG_DMA_BITS_MIN	24
#define DGEM_CONFIG_DMA_BITS_MAX	64

/* Words end up in file names and reports. Bytes above ASCII count as letters in ctype.h. */
static bool dgem_config_word_ok(const char *word, size_t len)
{
	size_t i;

	if (!len || len >= DGEM_CONFIG_NAME_LEN || !isascii(word[0]) || !isalnum(word[0]))
		return false;

	for (i = 1; i < len; i++) {
		if (!isascii(word[i]) || (!isalnum(word[i]) && !strchr("-_.:", word[i])))
			return false;
	}

	return true;
}

static int dgem_config_set_word(char dst[DGEM_CONFIG_NAME_LEN], const char *text)
{
	size_t len;

	text = skip_spaces(text);
	len = strlen(text);
	while (len && isspace(text[len - 1]))
		len--;

	if (!dgem_config_word_ok(text, len))
		return -EINVAL;

	memcpy(dst, text, len);
	memset(dst + len, 0, DGEM_CONFIG_NAME_LEN - len);
	return 0;
}

static bool dgem_config_dma_bits_ok(unsigned int bits)
{
	return !bits || (bits >= DGEM_CONFIG_DMA_BITS_MIN && bits <= DGEM_CONFIG_DMA_BITS_MAX);
}

static bool dgem_config_quota_ok(u64 quota)
{
	return !quota || quota >= PAGE_SIZE;
}

static bool dgem_config_pool_ok(u64 start, u64 size)
{
	u64 end;

	if (!size)
		return !start;
	return start && PAGE_ALIGNED(start) && PAGE_ALIGNED(size) &&
	       !check_add_overflow(start, size, &end);
}

/* digits in any base that C knows, and perhaps one of K, M and G */
static int dgem_config_bytes(const char *text, size_t len, u64 *value)
{
	static const char units[] = "kmg";
	char digits[24], *unit = NULL;
	u64 number;

	if (!len || len >= sizeof(digits) || !isdigit(text[0]))
		return -EINVAL;
	memcpy(digits, text, len);
	digits[len] = 0;
	unit = strchr(units, tolower(digits[len - 1]));
	if (unit)
		digits[len - 1] = 0;
	if (kstrtou64(digits, 0, &number) ||
	    check_mul_overflow(number, unit ? SZ_1K << 10 * (unit - units) : 1ULL, value))
		return -EINVAL;
	return 0;
}

/**
 * dgem_config_init - fill a configuration with what the default instance has
 * @cfg: the configuration
 */
void dgem_config_init(struct dgem_config *cfg)
{
	*cfg = (struct dgem_config) {
		.name = "dgem",
		.engine = "auto",
	};
}
EXPORT_SYMBOL_IF_KUNIT(dgem_config_init);

/**
 * dgem_config_set_name - name the instance
 * @cfg: the configuration
 * @name: the name; white space around it is left out
 *
 * Return: 0, or -EINVAL unless the name has 1 to 31 letters, digits and "-_.:" and starts with a
 * letter or digit.
 */
int dgem_config_set_name(struct dgem_config *cfg, const char *name)
{
	return dgem_config_set_word(cfg->name, name);
}
EXPORT_SYMBOL_IF_KUNIT(dgem_config_set_name);

/**
 * dgem_config_set_engine - choose who moves the bytes
 * @cfg: the configuration
 * @engine: "auto", "cpu", "dmas" for the channel that the device's firmware node names, or a
 *	dmaengine channel; white space around it is left out. Whether there is such a channel shows
 *	when the instance is made
 *
 * Return: 0, or -EINVAL for what dgem_config_set_name() would not take either.
 */
int dgem_config_set_engine(struct dgem_config *cfg, const char *engine)
{
	return dgem_config_set_word(cfg->engine, engine);
}
EXPORT_SYMBOL_IF_KUNIT(dgem_config_set_engine);

/**
 * dgem_config_set_dma_bits - limit the addresses of the memory to allocate
 * @cfg: the configuration
 * @bits: 24 to 64, or 0 for what the engine reaches
 *
 * Return: 0 or -EINVAL.
 */
int dgem_config_set_dma_bits(struct dgem_config *cfg, unsigned int bits)
{
	if (!dgem_config_dma_bits_ok(bits))
		return -EINVAL;

	cfg->dma_bits = bits;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(dgem_config_set_dma_bits);

/**
 * dgem_config_set_quota - limit the memory of all objects together
 * @cfg: the configuration
 * @quota: bytes, or 0 for no limit
 *
 * Return: 0, or -EINVAL for less than a page, which would hold no object.
 */
int dgem_config_set_quota(struct dgem_config *cfg, u64 quota)
{
	if (!dgem_config_quota_ok(quota))
		return -EINVAL;

	cfg->quota = quota;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(dgem_config_set_quota);

/**
 * dgem_config_set_file_quota - limit the memory of the objects that one file makes
 * @cfg: the configuration
 * @quota: bytes, or 0 for no limit
 *
 * Return: 0, or -EINVAL for less than a page.
 */
int dgem_config_set_file_quota(struct dgem_config *cfg, u64 quota)
{
	if (!dgem_config_quota_ok(quota))
		return -EINVAL;

	cfg->file_quota = quota;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(dgem_config_set_file_quota);

/**
 * dgem_config_set_pool - name the memory that is set aside for the instance
 * @cfg: the configuration
 * @text: "size@start", where both may end in K, M or G ("16M@0x30000000"), or nothing for no pool;
 *	white space around it is left out. Whether there is such memory shows when the instance is
 *	made
 *
 * Return: 0, or -EINVAL unless both are whole pages and not zero.
 */
int dgem_config_set_pool(struct dgem_config *cfg, const char *text)
{
	const char *at;
	u64 start, size;
	size_t len;

	text = skip_spaces(text);
	len = strlen(text);
	while (len && isspace(text[len - 1]))
		len--;
	if (!len) {
		cfg->pool_start = 0;
		cfg->pool_size = 0;
		return 0;
	}

	at = memchr(text, '@', len);
	if (!at || dgem_config_bytes(text, at - text, &size) ||
	    dgem_config_bytes(at + 1, text + len - at - 1, &start) || !size ||
	    !dgem_config_pool_ok(start, size))
		return -EINVAL;

	cfg->pool_start = start;
	cfg->pool_size = size;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(dgem_config_set_pool);

/**
 * dgem_config_validate - tell whether an instance can be made from a configuration
 * @cfg: the configuration, however it was filled
 *
 * Return: 0, or -EINVAL if a setter would have refused one of the values.
 */
int dgem_config_validate(const struct dgem_config *cfg)
{
	if (!dgem_config_word_ok(cfg->name, strnlen(cfg->name, sizeof(cfg->name))) ||
	    !dgem_config_word_ok(cfg->engine, strnlen(cfg->engine, sizeof(cfg->engine))) ||
	    !dgem_config_dma_bits_ok(cfg->dma_bits) || !dgem_config_quota_ok(cfg->quota) ||
	    !dgem_config_quota_ok(cfg->file_quota) ||
	    !dgem_config_pool_ok(cfg->pool_start, cfg->pool_size))
		return -EINVAL;

	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(dgem_config_validate);
