// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include <kunit/test.h>

#include "../compat/dgem_compat.h"
#include "../dgem_config.h"

static void dgem_config_init_test(struct kunit *test)
{
	struct dgem_config cfg;

	memset(&cfg, 0xa5, sizeof(cfg));
	dgem_config_init(&cfg);
	KUNIT_EXPECT_STREQ(test, cfg.name, "dgem");
	KUNIT_EXPECT_STREQ(test, cfg.engine, "auto");
	KUNIT_EXPECT_EQ(test, cfg.dma_bits, 0);
	KUNIT_EXPECT_EQ(test, cfg.quota, 0);
	KUNIT_EXPECT_EQ(test, cfg.file_quota, 0);
	KUNIT_EXPECT_EQ(test, dgem_config_validate(&cfg), 0);
}

struct word_case {
	const char *desc;
	const char *text;
	const char *word;	/* NULL: refused */
};

static const struct word_case word_cases[] = {
	{ "one letter", "a", "a" },
	{ "digit first", "0", "0" },
	{ "channel", "dma0chan0", "dma0chan0" },
	{ "channel of the node", DGEM_CONFIG_ENGINE_DMAS, "dmas" },
	{ "newline", "cpu\n", "cpu" },
	{ "white space around", " \t auto \r\n", "auto" },
	{ "every mark", "a-b_c.d:e", "a-b_c.d:e" },
	{ "31 bytes", "abcdefghijklmnopqrstuvwxyz01234", "abcdefghijklmnopqrstuvwxyz01234" },
	{ "31 bytes and a newline", "abcdefghijklmnopqrstuvwxyz01234\n",
	  "abcdefghijklmnopqrstuvwxyz01234" },
	{ "32 bytes", "abcdefghijklmnopqrstuvwxyz012345", NULL },
	{ "33 bytes", "abcdefghijklmnopqrstuvwxyz0123456", NULL },
	{ "empty", "", NULL },
	{ "only a newline", "\n", NULL },
	{ "blank inside", "a b", NULL },
	{ "newline inside", "a\nb", NULL },
	{ "slash", "a/b", NULL },
	{ "dots", "..", NULL },
	{ "mark first", "-a", NULL },
	{ "control byte", "a\x1b", NULL },
	{ "byte above ASCII", "a\xe9", NULL },
	{ "byte above ASCII first", "\xe9", NULL },
	{ "format", "%s", NULL },
};

KUNIT_ARRAY_PARAM_DESC(word, word_cases, desc);

static void check_word(struct kunit *test, int (*set)(struct dgem_config *cfg, const char *text),
		       struct dgem_config *cfg, char *member)
{
	const struct word_case *c = test->param_value;
	struct dgem_config before;

	dgem_config_init(cfg);
	/* what a longer word leaves behind must not show */
	KUNIT_ASSERT_EQ(test, set(cfg, "former-word-of-30-bytes-and-no"), 0);
	before = *cfg;

	KUNIT_EXPECT_EQ(test, set(cfg, c->text), c->word ? 0 : -EINVAL);
	if (!c->word) {
		KUNIT_EXPECT_MEMEQ(test, cfg, &before, sizeof(before));
		return;
	}

	KUNIT_EXPECT_STREQ(test, member, c->word);
	KUNIT_EXPECT_EQ(test, dgem_config_validate(cfg), 0);
	/* nothing but the word has changed, and it is zero behind its end */
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(member + strlen(c->word), 0,
					     DGEM_CONFIG_NAME_LEN - strlen(c->word)), NULL);
	memcpy(member, (char *)&before + (member - (char *)cfg), DGEM_CONFIG_NAME_LEN);
	KUNIT_EXPECT_MEMEQ(test, cfg, &before, sizeof(before));
}

static void dgem_config_set_name_test(struct kunit *test)
{
	struct dgem_config cfg;

	check_word(test, dgem_config_set_name, &cfg, cfg.name);
}

static void dgem_config_set_engine_test(struct kunit *test)
{
	struct dgem_config cfg;

	check_word(test, dgem_config_set_engine, &cfg, cfg.engine);
}

struct number_case {
	const char *desc;
	u64 value;
	int ret;
};

static const struct number_case bits_cases[] = {
	{ "as the engine", 0, 0 },
	{ "1", 1, -EINVAL },
	{ "23", 23, -EINVAL },
	{ "24", 24, 0 },
	{ "28", 28, 0 },
	{ "32", 32, 0 },
	{ "64", 64, 0 },
	{ "65", 65, -EINVAL },
	{ "2^31", 1U << 31, -EINVAL },
	{ "most", UINT_MAX, -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(bits, bits_cases, desc);

static void dgem_config_set_dma_bits_test(struct kunit *test)
{
	const struct number_case *c = test->param_value;
	struct dgem_config cfg, want;

	dgem_config_init(&cfg);
	KUNIT_ASSERT_EQ(test, dgem_config_set_dma_bits(&cfg, 40), 0);
	want = cfg;
	KUNIT_EXPECT_EQ(test, cfg.dma_bits, 40);

	KUNIT_EXPECT_EQ(test, dgem_config_set_dma_bits(&cfg, c->value), c->ret);
	if (!c->ret)
		want.dma_bits = c->value;
	KUNIT_EXPECT_MEMEQ(test, &cfg, &want, sizeof(want));
	KUNIT_EXPECT_EQ(test, dgem_config_validate(&cfg), 0);

	cfg.dma_bits = c->value;
	KUNIT_EXPECT_EQ(test, dgem_config_validate(&cfg), c->ret);
}

static const struct number_case quota_cases[] = {
	{ "no limit", 0, 0 },
	{ "a byte", 1, -EINVAL },
	{ "a page less one", PAGE_SIZE - 1, -EINVAL },
	{ "a page", PAGE_SIZE, 0 },
	{ "a page and one", PAGE_SIZE + 1, 0 },
	{ "2^32", BIT_ULL(32), 0 },
	{ "2^63", BIT_ULL(63), 0 },
	{ "most", U64_MAX, 0 },
};

KUNIT_ARRAY_PARAM_DESC(quota, quota_cases, desc);

static void check_quota(struct kunit *test, int (*set)(struct dgem_config *cfg, u64 quota),
			struct dgem_config *cfg, u64 *member)
{
	const struct number_case *c = test->param_value;
	struct dgem_config before;

	dgem_config_init(cfg);
	KUNIT_ASSERT_EQ(test, set(cfg, 3 * PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, *member, 3 * PAGE_SIZE);
	before = *cfg;

	KUNIT_EXPECT_EQ(test, set(cfg, c->value), c->ret);
	KUNIT_EXPECT_EQ(test, *member, c->ret ? 3 * PAGE_SIZE : c->value);
	KUNIT_EXPECT_EQ(test, dgem_config_validate(cfg), 0);

	/* and nothing else has changed */
	*member = 3 * PAGE_SIZE;
	KUNIT_EXPECT_MEMEQ(test, cfg, &before, sizeof(before));

	*member = c->value;
	KUNIT_EXPECT_EQ(test, dgem_config_validate(cfg), c->ret);
}

static void dgem_config_set_quota_test(struct kunit *test)
{
	struct dgem_config cfg;

	check_quota(test, dgem_config_set_quota, &cfg, &cfg.quota);
}

static void dgem_config_set_file_quota_test(struct kunit *test)
{
	struct dgem_config cfg;

	check_quota(test, dgem_config_set_file_quota, &cfg, &cfg.file_quota);
}

struct pool_case {
	const char *desc, *text;
	int ret;
	u64 start, size;
};

static const struct pool_case pool_cases[] = {
	{ "hex start", "16M@0x30000000", 0, 0x30000000, SZ_16M },
	{ "white space", " 4096@4096\n", 0, SZ_4K, SZ_4K },
	{ "small units", "64k@1g", 0, SZ_1G, SZ_64K },
	{ "high", "1G@0x100000000", 0, BIT_ULL(32), SZ_1G },
	{ "last page", "4096@0xffffffffffffe000", 0, U64_MAX - SZ_8K + 1, SZ_4K },
	{ "nothing", "", 0, 0, 0 },
	{ "a newline", "\n", 0, 0, 0 },
	{ "no start", "16M", -EINVAL },
	{ "empty start", "16M@", -EINVAL },
	{ "empty size", "@16M", -EINVAL },
	{ "size 0", "0@16M", -EINVAL },
	{ "start 0", "16M@0", -EINVAL },
	{ "size not of pages", "4097@16M", -EINVAL },
	{ "start not of pages", "4096@0x1000800", -EINVAL },
	{ "wraps", "8192@0xffffffffffffe000", -EINVAL },
	{ "size overflows", "0x4000000000G@16M", -EINVAL },
	{ "start overflows", "16M@0x40000000000000G", -EINVAL },
	{ "negative", "-4096@16M", -EINVAL },
	{ "sign", "+4096@16M", -EINVAL },
	{ "unknown unit", "16T@16M", -EINVAL },
	{ "two units", "16MM@16M", -EINVAL },
	{ "unit alone", "M@16M", -EINVAL },
	{ "space inside", "16M @16M", -EINVAL },
	{ "two starts", "16M@16M@16M", -EINVAL },
	{ "long", "000000000000000000000000004096@16M", -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(pool, pool_cases, desc);

static void dgem_config_set_pool_test(struct kunit *test)
{
	const struct pool_case *c = test->param_value;
	struct dgem_config cfg, want;

	dgem_config_init(&cfg);
	KUNIT_EXPECT_EQ(test, cfg.pool_size, 0);
	KUNIT_ASSERT_EQ(test, dgem_config_set_pool(&cfg, "8M@2M"), 0);
	want = cfg;
	KUNIT_EXPECT_EQ(test, dgem_config_set_pool(&cfg, c->text), c->ret);
	if (!c->ret) {
		want.pool_start = c->start;
		want.pool_size = c->size;
	}
	KUNIT_EXPECT_MEMEQ(test, &cfg, &want, sizeof(want));
	KUNIT_EXPECT_EQ(test, dgem_config_validate(&cfg), 0);
}

static void dgem_config_validate_test(struct kunit *test)
{
	struct dgem_config cfg;

	memset(&cfg, 0, sizeof(cfg));
	KUNIT_EXPECT_EQ(test, dgem_config_validate(&cfg), -EINVAL);

	dgem_config_init(&cfg);
	memset(cfg.name, 'a', sizeof(cfg.name));
	KUNIT_EXPECT_EQ(test, dgem_config_validate(&cfg), -EINVAL);
	cfg.name[sizeof(cfg.name) - 1] = 0;
	KUNIT_EXPECT_EQ(test, dgem_config_validate(&cfg), 0);
	/* unlike in a setter, white space is no part of a good word here */
	strscpy(cfg.name, "dgem\n", sizeof(cfg.name));
	KUNIT_EXPECT_EQ(test, dgem_config_validate(&cfg), -EINVAL);

	dgem_config_init(&cfg);
	memset(cfg.engine, 'a', sizeof(cfg.engine));
	KUNIT_EXPECT_EQ(test, dgem_config_validate(&cfg), -EINVAL);
	cfg.engine[0] = 0;
	KUNIT_EXPECT_EQ(test, dgem_config_validate(&cfg), -EINVAL);
	strscpy(cfg.engine, "cpu", sizeof(cfg.engine));
	KUNIT_EXPECT_EQ(test, dgem_config_validate(&cfg), 0);

	dgem_config_init(&cfg);
	cfg.pool_start = PAGE_SIZE;
	KUNIT_EXPECT_EQ(test, dgem_config_validate(&cfg), -EINVAL);
	cfg.pool_size = 1;
	KUNIT_EXPECT_EQ(test, dgem_config_validate(&cfg), -EINVAL);
	cfg.pool_size = -PAGE_SIZE;
	KUNIT_EXPECT_EQ(test, dgem_config_validate(&cfg), -EINVAL);
	cfg.pool_size = PAGE_SIZE;
	KUNIT_EXPECT_EQ(test, dgem_config_validate(&cfg), 0);
}

static struct kunit_case dgem_config_tests[] = {
	KUNIT_CASE(dgem_config_init_test),
	KUNIT_CASE_PARAM(dgem_config_set_name_test, word_gen_params),
	KUNIT_CASE_PARAM(dgem_config_set_engine_test, word_gen_params),
	KUNIT_CASE_PARAM(dgem_config_set_dma_bits_test, bits_gen_params),
	KUNIT_CASE_PARAM(dgem_config_set_quota_test, quota_gen_params),
	KUNIT_CASE_PARAM(dgem_config_set_file_quota_test, quota_gen_params),
	KUNIT_CASE_PARAM(dgem_config_set_pool_test, pool_gen_params),
	KUNIT_CASE(dgem_config_validate_test),
	{}
};

static struct kunit_suite dgem_config_suite = {
	.name = "dgem_config",
	.test_cases = dgem_config_tests,
};

kunit_test_suite(dgem_config_suite);
