/* SPDX-License-Identifier: MIT */
/*
 * Copyright (C) 2026 The dgem authors
 *
 * The instances that a machine has by itself, bound and unbound, and what the default one is told.
 */
#ifndef DGEM_BIND_H
#define DGEM_BIND_H

#include <stdbool.h>
#include <stdint.h>

#define DGEM_PARAMETERS	"/sys/module/dgem/parameters/"

void dgem_write_file(const char *path, const char *text);
/* if it is not there yet, and can be */
void dgem_mount_tracefs(void);
bool dgem_can_unbind(void);
int __dgem_bind(void);
void dgem_bind(void);
void dgem_unbind(void);
bool dgem_engine_driver(int fd, char *driver, char *device);
bool dgem_behind_iommu(int fd);

#endif /* DGEM_BIND_H */
