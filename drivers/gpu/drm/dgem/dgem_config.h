/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 */
#ifndef _DGEM_CONFIG_H_
#define _DGEM_CONFIG_H_

#include <linux/types.h>

/** define DGEM_CONFIG_NAME_LEN - bytes of a name, its closing zero byte counted */
#define DGEM_CONFIG_NAME_LEN	32
/** define DGEM_CONFIG_ENGINE_DMAS - the engine that is the first of the device's own "dmas" */
#define DGEM_CONFIG_ENGINE_DMAS	"dmas"

/**
 * struct dgem_config - what an instance is to be
 *
 * Filled by whoever wants an instance, through the setters, and read when the instance is made.
 * A setter that fails leaves everything as it was.
 */
struct dgem_config {
	/** @name: the instance's name */
	char name[DGEM_CONFIG_NAME_LEN];
	/** @engine: "auto", "cpu", DGEM_CONFIG_ENGINE_DMAS or the name of a dmaengine channel */
	char engine[DGEM_CONFIG_NAME_LEN];
	/** @quota: bytes that all objects together may have, or 0 for no limit */
	u64 quota;
	/** @file_quota: bytes that the objects made by one file may have, or 0 for no limit */
	u64 file_quota;
	/** @pool_start: physical address of the instance's pool */
	u64 pool_start;
	/** @pool_size: bytes of the pool, or 0 if there is none */
	u64 pool_size;
	/** @dma_bits: address bits of the memory to allocate, or 0 for what the engine reaches */
	unsigned int dma_bits;
};

void dgem_config_init(struct dgem_config *cfg);
int dgem_config_set_name(struct dgem_config *cfg, const char *name);
int dgem_config_set_engine(struct dgem_config *cfg, const char *engine);
int dgem_config_set_dma_bits(struct dgem_config *cfg, unsigned int bits);
int dgem_config_set_quota(struct dgem_config *cfg, u64 quota);
int dgem_config_set_file_quota(struct dgem_config *cfg, u64 quota);
int dgem_config_set_pool(struct dgem_config *cfg, const char *text);
int dgem_config_validate(const struct dgem_config *cfg);

#endif
