/* SPDX-License-Identifier: MIT */
/*
 * Copyright (C) 2026 The dgem authors
 *
 * Results in the Test Anything Protocol.
 *
 * A test is a function; check() and its like return from it at the first thing that is wrong, and
 * skip() if the machine lacks what it needs.
 */
#ifndef DGEM_TAP_H
#define DGEM_TAP_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum tap_result {
	TAP_OK,
	TAP_FAILED,
	TAP_SKIPPED,
};

struct tap_test {
	const char *name;
	enum tap_result (*run)(void);
};

#define check(condition)								\
	do {										\
		if (!(condition)) {							\
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #condition);	\
			return TAP_FAILED;						\
		}									\
	} while (0)

/* A result that is a negative errno or 0. */
#define check_result(call, wanted)							\
	do {										\
		int got_ = (call), wanted_ = (wanted);					\
											\
		if (got_ != wanted_) {							\
			printf("# %s:%d: %s is %d (%s), not %d\n", __FILE__, __LINE__,	\
			       #call, got_, got_ < 0 ? strerror(-got_) : "", wanted_);	\
			return TAP_FAILED;						\
		}									\
	} while (0)

#define check_ok(call)		check_result(call, 0)

#define skip(reason)					\
	do {						\
		printf("# skipped: %s\n", reason);	\
		return TAP_SKIPPED;			\
	} while (0)

/* Run them all; the exit status. */
static inline int tap_run(const struct tap_test *tests, size_t count)
{
	int status = EXIT_SUCCESS;

	printf("TAP version 13\n1..%zu\n", count);
	for (size_t i = 0; i < count; i++) {
		enum tap_result result;

		fflush(stdout);
		result = tests[i].run();
		printf("%s %zu - %s%s\n", result == TAP_FAILED ? "not ok" : "ok", i + 1,
		       tests[i].name, result == TAP_SKIPPED ? " # SKIP" : "");
		if (result == TAP_FAILED)
			status = EXIT_FAILURE;
	}
	return status;
}

#endif /* DGEM_TAP_H */
