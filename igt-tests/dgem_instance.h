/* SPDX-License-Identifier: MIT */
/*
 * Copyright (C) 2026 The dgem authors
 *
 * Instances that tests make and take away: by configfs, and by binding and unbinding drivers. As
 * everywhere in IGT, __foo() returns 0 or a negative errno and foo() asserts that it worked.
 */
#ifndef DGEM_INSTANCE_H
#define DGEM_INSTANCE_H

#include <stddef.h>
#include <stdint.h>

#define DGEM_CONFIGFS	"/sys/kernel/config/dgem"

/* Skips where there is no configfs, or no right to write there. */
void dgem_require_configfs(void);

/* Directories; a leftover of that name goes first. */
int __dgem_instance_make(const char *name);
void dgem_instance_make(const char *name);
int __dgem_instance_remove(const char *name);
void dgem_instance_remove(const char *name);

/* Attributes */
int __dgem_instance_set(const char *name, const char *attr, const char *value);
void dgem_instance_set(const char *name, const char *attr, const char *value);
int __dgem_instance_get(const char *name, const char *attr, char *value, size_t size);
void dgem_instance_expect(const char *name, const char *attr, const char *value);

/* An enabled instance with an engine, or the cpu engine for NULL; its render node */
void dgem_instance_enable(const char *name, const char *engine);
int dgem_instance_open(const char *name);
/* A new one with the cpu engine: all three at once */
int dgem_instance_start(const char *name);
int __dgem_open_device(const char *device);

/* sysfs: 0 or a negative errno */
int __dgem_sysfs_write(const char *dir, const char *file, const char *value);

/* Where a file of the instance's is in debugfs; skips if it isn't. */
void dgem_debugfs_path(int fd, const char *name, char *path, size_t size);

/* From debugfs: what the engine sees of all objects of a kind, segment by segment */
void dgem_dma_segments(int fd, const char *kind,
		       void (*look)(uint64_t start, uint64_t length, void *data), void *data);

/* The same in bytes, and the highest address of them */
uint64_t dgem_dma_bytes(int fd, const char *kind, uint64_t *highest);

/* The name of the instance's own device, for which memory is allocated */
void dgem_device_name(int fd, char *name, size_t size);

/*
 * DMA mappings and allocations that this device and the engine's have, of all there are; -1 if the
 * kernel does not debug the DMA API
 */
int dgem_dma_mappings(int fd);

/* That there are so many, before long: a job lets go of its objects some time after its fence. */
void dgem_assert_dma_mappings(int fd, int wanted);

/* Try to unload a module without waiting. */
int __dgem_unload(const char *module);

#endif /* DGEM_INSTANCE_H */
