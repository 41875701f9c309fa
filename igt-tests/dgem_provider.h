/* SPDX-License-Identifier: MIT */
/*
 * Copyright (C) 2026 The dgem authors
 *
 * The provider for QEMU's edu: it goes wrong on request, and has the limits that it is loaded with.
 */
#ifndef DGEM_PROVIDER_H
#define DGEM_PROVIDER_H

#include <stdint.h>

/* A transfer of edu's moves so much at most, and takes a leg in and a leg out. */
#define DGEM_EDU_CHUNK	4095

/* What a descriptor may be at most; 0: anything */
struct dgem_provider_limits {
	uint64_t max_segment, boundary;
};

/*
 * Have a number of interrupts lost ("lose_irq"), or a leg failed ("fail_leg") or aborted
 * ("abort_leg"), 1 being the next. Asked for none it tells whether there is such a provider at all,
 * which has to come first: a test that skips leaves behind what it has made.
 */
void dgem_provoke(int fd, const char *what, unsigned int number);

/* Skips where the engine is another one. */
void dgem_provider_limits(int fd, struct dgem_provider_limits *limits);

#endif /* DGEM_PROVIDER_H */
