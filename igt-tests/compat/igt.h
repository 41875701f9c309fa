/* SPDX-License-Identifier: MIT */
/*
 * Copyright (C) 2026 The dgem authors
 *
 * The part of IGT's programming interface that the dgem tests use, for builds outside of an IGT
 * tree. It declares what libigt.so.0 of IGT 2.5 exports and spells the control-flow macros the way
 * IGT's current tree does (igt_main(), igt_fixture(), igt_subtest_group()), so that the tests
 * themselves need no conditional. Inside an IGT tree this directory is not on the include path.
 */
#ifndef DGEM_COMPAT_IGT_H
#define DGEM_COMPAT_IGT_H

#include <errno.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "drm.h"

#ifndef IGT_LOG_DOMAIN
#define IGT_LOG_DOMAIN NULL
#endif

#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define NSEC_PER_MSEC		1000000ull
#define NSEC_PER_SEC		1000000000ull
#define READ_ONCE(x)		(*(volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, v)	(*(volatile typeof(x) *)&(x) = (v))

#define igt_paste2(a, b)	a ## b
#define igt_paste(a, b)		igt_paste2(a, b)
#define igt_unique(name)	igt_paste(igt_paste(igt_compat_, name), __LINE__)

/* Test life cycle. */
struct option;
typedef int (*igt_opt_handler_t)(int opt, int opt_index, void *data);

extern const char *__igt_test_description __attribute__((weak));
extern jmp_buf igt_subtest_jmpbuf;

#define IGT_TEST_DESCRIPTION(text) const char *__igt_test_description = text

int igt_subtest_init_parse_opts(int *argc, char **argv, const char *short_opts,
				const struct option *long_opts, const char *help,
				igt_opt_handler_t handler, void *data);
void igt_exit(void) __attribute__((noreturn));
void igt_success(void);
bool __igt_fixture(void);
void __igt_fixture_complete(void);
bool __igt_run_subtest(const char *name, const char *file, const int line);
void __igt_subtest_group_save(int *result, int *description);
void __igt_subtest_group_restore(int result, int description);
void igt_describe_f(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The caller writes "int igt_main()", so the expansion starts with the name of a function. */
#define igt_main()								\
	main(int argc, char **argv);						\
	static void igt_compat_body(void);					\
	int main(int argc, char **argv)						\
	{									\
		igt_subtest_init_parse_opts(&argc, argv, NULL, NULL, NULL, NULL, NULL); \
		igt_compat_body();						\
		igt_exit();							\
	}									\
	static void igt_compat_body(void)

/*
 * The block runs if libigt says so; a long jump (igt_skip(), a failed assertion, igt_success())
 * leaves it through the sigsetjmp() in the condition.
 */
#define igt_fixture()								\
	for (volatile bool igt_unique(done) = false;				\
	     !igt_unique(done) && __igt_fixture() &&				\
	     sigsetjmp(igt_subtest_jmpbuf, 1) == 0;				\
	     igt_unique(done) = true, __igt_fixture_complete())

#define igt_subtest(name)							\
	for (; __igt_run_subtest(name, __FILE__, __LINE__) &&			\
	       sigsetjmp(igt_subtest_jmpbuf, 1) == 0;				\
	     igt_success())

#define igt_subtest_f(...)							\
	for (char igt_unique(name)[256] = "";					\
	     snprintf(igt_unique(name), sizeof(igt_unique(name)), __VA_ARGS__) > 0 && \
	     __igt_run_subtest(igt_unique(name), __FILE__, __LINE__) &&		\
	     sigsetjmp(igt_subtest_jmpbuf, 1) == 0;				\
	     igt_success())

#define igt_subtest_group()							\
	for (int igt_unique(done) = 0, igt_unique(result) = 0, igt_unique(text) = 0; \
	     !igt_unique(done) &&						\
	     (__igt_subtest_group_save(&igt_unique(result), &igt_unique(text)), true); \
	     igt_unique(done) = 1,						\
	     __igt_subtest_group_restore(igt_unique(result), igt_unique(text)))

#define igt_describe(text)	igt_describe_f("%s", text)

/* Children. */
bool __igt_fork(void);
void igt_waitchildren(void);
void igt_drop_root(void);

#define igt_fork(child, count)							\
	for (int child = 0; child < (count); child++)				\
		for (; __igt_fork(); exit(0))

/* Verdicts. */
void __igt_fail_assert(const char *domain, const char *file, const int line, const char *func,
		       const char *assertion, const char *format, ...)
	__attribute__((noreturn, format(printf, 6, 7)));
void __igt_skip_check(const char *file, const int line, const char *func, const char *check,
		      const char *format, ...)
	__attribute__((noreturn, format(printf, 5, 6)));
void igt_skip(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#define igt_assert(expr)							\
	do {									\
		if (!(expr))							\
			__igt_fail_assert(IGT_LOG_DOMAIN, __FILE__, __LINE__,	\
					  __func__, #expr, NULL);		\
	} while (0)

#define igt_assert_f(expr, ...)							\
	do {									\
		if (!(expr))							\
			__igt_fail_assert(IGT_LOG_DOMAIN, __FILE__, __LINE__,	\
					  __func__, #expr, __VA_ARGS__);	\
	} while (0)

#define igt_compat_cmp(type, print, a, cmp, ncmp, b)				\
	do {									\
		type igt_compat_a = (a), igt_compat_b = (b);			\
										\
		igt_assert_f(igt_compat_a cmp igt_compat_b,			\
			     "%s " #ncmp " %s: " print " " #ncmp " " print "\n", \
			     #a, #b, igt_compat_a, igt_compat_b);		\
	} while (0)

#define igt_assert_eq(a, b)	igt_compat_cmp(int, "%d", a, ==, !=, b)
#define igt_assert_neq(a, b)	igt_compat_cmp(int, "%d", a, !=, ==, b)
#define igt_assert_lt(a, b)	igt_compat_cmp(int, "%d", a, <, >=, b)
#define igt_assert_lte(a, b)	igt_compat_cmp(int, "%d", a, <=, >, b)
#define igt_assert_eq_u32(a, b)	igt_compat_cmp(unsigned int, "%#x", a, ==, !=, b)
#define igt_assert_neq_u32(a, b) igt_compat_cmp(unsigned int, "%#x", a, !=, ==, b)
#define igt_assert_eq_u64(a, b)	igt_compat_cmp(unsigned long long, "%#llx", a, ==, !=, b)
#define igt_assert_eq_s64(a, b)	igt_compat_cmp(long long, "%lld", a, ==, !=, b)
#define igt_assert_lte_u64(a, b) igt_compat_cmp(unsigned long long, "%#llx", a, <=, >, b)
#define igt_assert_fd(fd)	igt_assert_f((fd) >= 0, "file descriptor " #fd " is bad\n")

#define igt_require(expr)							\
	do {									\
		if (!(expr))							\
			__igt_skip_check(__FILE__, __LINE__, __func__, #expr, NULL); \
	} while (0)

#define igt_require_f(expr, ...)						\
	do {									\
		if (!(expr))							\
			__igt_skip_check(__FILE__, __LINE__, __func__, #expr, __VA_ARGS__); \
	} while (0)

/* Log. */
enum igt_log_level {
	IGT_LOG_DEBUG,
	IGT_LOG_INFO,
	IGT_LOG_WARN,
};

void igt_log(const char *domain, enum igt_log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define igt_debug(...)		igt_log(IGT_LOG_DOMAIN, IGT_LOG_DEBUG, __VA_ARGS__)
#define igt_info(...)		igt_log(IGT_LOG_DOMAIN, IGT_LOG_INFO, __VA_ARGS__)
#define igt_warn(...)		igt_log(IGT_LOG_DOMAIN, IGT_LOG_WARN, __VA_ARGS__)

/* Lines of the kernel's log that a test provokes: the runner leaves them out of its verdict. */
void igt_emit_ignore_dmesg_regex(const char *ignore_dmesg_regex);

/* ioctls. */
extern __thread int (*igt_ioctl)(int fd, unsigned long request, void *arg);

#define do_ioctl(fd, request, arg)						\
	do {									\
		igt_assert_eq(igt_ioctl(fd, request, arg), 0);			\
		errno = 0;							\
	} while (0)

#define do_ioctl_err(fd, request, arg, error)					\
	do {									\
		igt_assert_eq(igt_ioctl(fd, request, arg), -1);			\
		igt_assert_eq(errno, error);					\
		errno = 0;							\
	} while (0)

void gem_close(int fd, uint32_t handle);
int prime_handle_to_fd(int fd, uint32_t handle);
int prime_handle_to_fd_for_mmap(int fd, uint32_t handle);
uint32_t prime_fd_to_handle(int fd, int dmabuf);

static inline uint64_t to_user_pointer(const void *ptr)
{
	return (uintptr_t)ptr;
}

#endif /* DGEM_COMPAT_IGT_H */
