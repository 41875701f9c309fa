/* SPDX-License-Identifier: MIT */
/*
 * Copyright (C) 2026 The dgem authors
 *
 * The library test's files: what they share.
 */
#ifndef DGEM_LIBRARY_TEST_H
#define DGEM_LIBRARY_TEST_H

#include "libdrm_dgem.h"
#include "tap.h"

/* The device under test */
extern struct dgem_device *device;

/* Objects of all clients of the device */
uint64_t objects_alive(void);
/* A contiguous object */
int bo_new(uint64_t size, struct dgem_bo **bo);

/* library_job.c */
enum tap_result test_job(void);
enum tap_result test_fill(void);
enum tap_result test_job_references(void);
enum tap_result test_bad_job(void);
enum tap_result test_syncobj(void);
enum tap_result test_order(void);
enum tap_result test_fence_error(void);

/* library_map.c */
enum tap_result test_dmabuf_map(void);
enum tap_result test_bad_dmabuf_map(void);
enum tap_result test_flags(void);
enum tap_result test_bad_flags(void);

#endif /* DGEM_LIBRARY_TEST_H */
