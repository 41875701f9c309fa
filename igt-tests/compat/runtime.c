// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * What igt.h declares, for machines that Debian has no libigt for: the tests link with this file
 * instead. Selection of subtests, their output and the exit status are libigt's; the rest of it
 * (options of tests, dynamic subtests, hooks) is left out.
 */

#include <fcntl.h>
#include <fnmatch.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>

#include <linux/sync_file.h>

#include "igt.h"
#include "igt_syncobj.h"
#include "sw_sync.h"

#define EXIT_SKIP	77
#define EXIT_INVALID	79
#define EXIT_FAIL	98

#define SW_SYNC		"/sys/kernel/debug/sync/sw_sync"

struct sw_sync_fence {
	uint32_t value;
	char name[32];
	int32_t fence;
};

#define SW_SYNC_CREATE_FENCE	_IOWR('W', 0, struct sw_sync_fence)
#define SW_SYNC_INC		_IOW('W', 1, uint32_t)

enum mode { RUN, LIST, DESCRIBE };

jmp_buf igt_subtest_jmpbuf;

static enum mode mode;
static const char *wanted;
static bool verbose;

/* What a fixture has decided for the subtests that follow: 0, EXIT_SKIP or EXIT_FAIL. */
static int henceforth;
static const char *subtest;
static struct timespec started;
static bool in_fixture;
static unsigned int succeeded, skipped, failed, selected;
static char description[512];

static pid_t children[64];
static int child_count;
static bool in_child;

int igt_subtest_init_parse_opts(int *argc, char **argv, const char *short_opts,
				const struct option *long_opts, const char *help,
				igt_opt_handler_t handler, void *data)
{
	static const struct option options[] = {
		{ "list-subtests", no_argument, NULL, 'l' },
		{ "run-subtest", required_argument, NULL, 'r' },
		{ "describe", no_argument, NULL, 'd' },
		{ "debug", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	int opt;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((opt = getopt_long(*argc, argv, "h", options, NULL)) != -1) {
		if (opt == 'l') {
			mode = LIST;
		} else if (opt == 'd') {
			mode = DESCRIBE;
		} else if (opt == 'r') {
			wanted = optarg;
		} else if (opt == 'v') {
			verbose = true;
		} else {
			printf("%s [--list-subtests|--describe|--run-subtest PATTERN|--debug]\n",
			       argv[0]);
			exit(opt == 'h' ? 0 : EXIT_INVALID);
		}
	}
	return 0;
}

void igt_exit(void)
{
	if (mode != RUN)
		exit(0);
	if (!selected) {
		fprintf(stderr, "no subtest is called %s\n", wanted ?: "anything");
		exit(EXIT_INVALID);
	}
	if (failed)
		exit(EXIT_FAIL);
	exit(succeeded ? 0 : EXIT_SKIP);
}

bool __igt_fixture(void)
{
	if (mode != RUN || henceforth)
		return false;
	in_fixture = true;
	return true;
}

void __igt_fixture_complete(void)
{
	in_fixture = false;
}

void __igt_subtest_group_save(int *result, int *text)
{
	*result = henceforth;
	*text = 0;
}

void __igt_subtest_group_restore(int result, int text)
{
	henceforth = result;
}

void igt_describe_f(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(description, sizeof(description), format, args);
	va_end(args);
}

static void conclude(const char *verdict)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	printf("Subtest %s: %s (%.3fs)\n", subtest, verdict,
	       now.tv_sec - started.tv_sec + (now.tv_nsec - started.tv_nsec) / 1e9);
	subtest = NULL;
}

bool __igt_run_subtest(const char *name, const char *file, const int line)
{
	if (wanted && fnmatch(wanted, name, 0))
		return false;
	if (mode != RUN) {
		printf(mode == LIST ? "%s\n" : "SUB %s: %s\n", name, description);
		return false;
	}
	selected++;
	if (henceforth) {
		printf("Subtest %s: %s\n", name, henceforth == EXIT_SKIP ? "SKIP" : "FAIL");
		if (henceforth == EXIT_SKIP)
			skipped++;
		else
			failed++;
		return false;
	}
	/* Names may be in a buffer of a loop's, which lives as long as the subtest. */
	subtest = name;
	clock_gettime(CLOCK_MONOTONIC, &started);
	printf("Starting subtest: %s\n", name);
	return true;
}

void igt_success(void)
{
	succeeded++;
	conclude("SUCCESS");
	siglongjmp(igt_subtest_jmpbuf, 1);
}

static void kill_children(void)
{
	for (int i = 0; i < child_count; i++) {
		kill(children[i], SIGKILL);
		waitpid(children[i], NULL, 0);
	}
	child_count = 0;
}

static void leave(int status)
{
	if (in_child)
		_exit(status);
	kill_children();
	if (subtest) {
		if (status == EXIT_SKIP)
			skipped++;
		else
			failed++;
		conclude(status == EXIT_SKIP ? "SKIP" : "FAIL");
	} else if (in_fixture) {
		henceforth = status;
		in_fixture = false;
	} else {
		exit(status);
	}
	siglongjmp(igt_subtest_jmpbuf, 1);
}

static void say(FILE *out, const char *format, va_list args)
{
	char text[1024];
	size_t length;

	if (!format)
		return;
	vsnprintf(text, sizeof(text), format, args);
	length = strlen(text);
	fprintf(out, "%s%s", text, length && text[length - 1] == '\n' ? "" : "\n");
}

void __igt_fail_assert(const char *domain, const char *file, const int line, const char *func,
		       const char *assertion, const char *format, ...)
{
	int error = errno;
	va_list args;

	printf("CRITICAL: Test assertion failure function %s, file %s:%i:\n", func, file, line);
	printf("CRITICAL: Failed assertion: %s\n", assertion);
	if (error)
		printf("CRITICAL: Last errno: %i, %s\n", error, strerror(error));
	va_start(args, format);
	say(stdout, format, args);
	va_end(args);
	leave(EXIT_FAIL);
	abort();
}

void __igt_skip_check(const char *file, const int line, const char *func, const char *check,
		      const char *format, ...)
{
	va_list args;

	printf("Test requirement not met in function %s, file %s:%i:\n", func, file, line);
	printf("Test requirement: %s\n", check);
	va_start(args, format);
	say(stdout, format, args);
	va_end(args);
	leave(EXIT_SKIP);
	abort();
}

/* Whoever judges the log here looks for warnings and worse, not for errors of drivers. */
void igt_emit_ignore_dmesg_regex(const char *ignore_dmesg_regex)
{
}

void igt_skip(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(stdout, format, args);
	va_end(args);
	leave(EXIT_SKIP);
	abort();
}

void igt_log(const char *domain, enum igt_log_level level, const char *format, ...)
{
	va_list args;

	if (level == IGT_LOG_DEBUG && !verbose)
		return;
	va_start(args, format);
	vfprintf(level == IGT_LOG_WARN ? stderr : stdout, format, args);
	va_end(args);
}

bool __igt_fork(void)
{
	pid_t pid;

	igt_assert(child_count < ARRAY_SIZE(children));
	fflush(NULL);
	pid = fork();
	igt_assert(pid >= 0);
	if (pid) {
		children[child_count++] = pid;
		return false;
	}
	in_child = true;
	child_count = 0;
	return true;
}

void igt_waitchildren(void)
{
	int worst = 0;

	for (int i = 0; i < child_count; i++) {
		int status;

		if (waitpid(children[i], &status, 0) != children[i] || status)
			worst = status ?: -1;
	}
	child_count = 0;
	igt_assert_f(!worst, "a child ended with status %#x\n", worst);
}

void igt_drop_root(void)
{
	igt_assert_eq(setgid(2), 0);
	igt_assert_eq(setuid(2), 0);
}

static int restarted_ioctl(int fd, unsigned long request, void *arg)
{
	int ret;

	do {
		ret = ioctl(fd, request, arg);
	} while (ret == -1 && (errno == EINTR || errno == EAGAIN));
	return ret;
}

__thread int (*igt_ioctl)(int fd, unsigned long request, void *arg) = restarted_ioctl;

void gem_close(int fd, uint32_t handle)
{
	struct drm_gem_close close = { .handle = handle };

	do_ioctl(fd, DRM_IOCTL_GEM_CLOSE, &close);
}

static int to_fd(int fd, uint32_t handle, uint32_t flags)
{
	struct drm_prime_handle prime = { .handle = handle, .flags = flags, .fd = -1 };

	do_ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime);
	return prime.fd;
}

int prime_handle_to_fd(int fd, uint32_t handle)
{
	return to_fd(fd, handle, DRM_CLOEXEC);
}

int prime_handle_to_fd_for_mmap(int fd, uint32_t handle)
{
	return to_fd(fd, handle, DRM_CLOEXEC | DRM_RDWR);
}

uint32_t prime_fd_to_handle(int fd, int dmabuf)
{
	struct drm_prime_handle prime = { .fd = dmabuf };

	do_ioctl(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime);
	return prime.handle;
}

uint32_t syncobj_create(int fd, uint32_t flags)
{
	struct drm_syncobj_create create = { .flags = flags };

	do_ioctl(fd, DRM_IOCTL_SYNCOBJ_CREATE, &create);
	return create.handle;
}

void syncobj_destroy(int fd, uint32_t handle)
{
	struct drm_syncobj_destroy destroy = { .handle = handle };

	do_ioctl(fd, DRM_IOCTL_SYNCOBJ_DESTROY, &destroy);
}

int syncobj_handle_to_fd(int fd, uint32_t handle, uint32_t flags)
{
	struct drm_syncobj_handle args = { .handle = handle, .flags = flags, .fd = -1 };

	do_ioctl(fd, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &args);
	return args.fd;
}

void syncobj_import_sync_file(int fd, uint32_t handle, int sync_file)
{
	struct drm_syncobj_handle args = {
		.handle = handle,
		.flags = DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE,
		.fd = sync_file,
	};

	do_ioctl(fd, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &args);
}

static bool waited(int ret)
{
	int error = ret ? errno : 0;

	errno = 0;
	igt_assert(!error || error == ETIME);
	return !error;
}

bool syncobj_wait(int fd, uint32_t *handles, uint32_t count, uint64_t abs_timeout_nsec,
		  uint32_t flags, uint32_t *first_signaled)
{
	struct drm_syncobj_wait wait = {
		.handles = to_user_pointer(handles),
		.timeout_nsec = abs_timeout_nsec,
		.count_handles = count,
		.flags = flags,
	};
	bool done = waited(igt_ioctl(fd, DRM_IOCTL_SYNCOBJ_WAIT, &wait));

	if (done && first_signaled)
		*first_signaled = wait.first_signaled;
	return done;
}

bool syncobj_timeline_wait(int fd, uint32_t *handles, uint64_t *points, unsigned int count,
			   int64_t timeout_nsec, unsigned int flags, uint32_t *first_signaled)
{
	struct drm_syncobj_timeline_wait wait = {
		.handles = to_user_pointer(handles),
		.points = to_user_pointer(points),
		.timeout_nsec = timeout_nsec,
		.count_handles = count,
		.flags = flags,
	};
	bool done = waited(igt_ioctl(fd, DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &wait));

	if (done && first_signaled)
		*first_signaled = wait.first_signaled;
	return done;
}

static void timeline_array(int fd, unsigned long request, uint32_t *handles, uint64_t *points,
			   uint32_t count)
{
	struct drm_syncobj_timeline_array array = {
		.handles = to_user_pointer(handles),
		.points = to_user_pointer(points),
		.count_handles = count,
	};

	do_ioctl(fd, request, &array);
}

void syncobj_timeline_query(int fd, uint32_t *handles, uint64_t *points, uint32_t count)
{
	timeline_array(fd, DRM_IOCTL_SYNCOBJ_QUERY, handles, points, count);
}

void syncobj_timeline_signal(int fd, uint32_t *handles, uint64_t *points, uint32_t count)
{
	timeline_array(fd, DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, handles, points, count);
}

void syncobj_binary_to_timeline(int fd, uint32_t timeline, uint64_t point, uint32_t binary)
{
	struct drm_syncobj_transfer transfer = {
		.src_handle = binary,
		.dst_handle = timeline,
		.dst_point = point,
	};

	do_ioctl(fd, DRM_IOCTL_SYNCOBJ_TRANSFER, &transfer);
}

void igt_require_sw_sync(void)
{
	igt_require_f(!access(SW_SYNC, R_OK | W_OK), "no software fences\n");
}

int sw_sync_timeline_create(void)
{
	int timeline = open(SW_SYNC, O_RDWR | O_CLOEXEC);

	igt_assert_fd(timeline);
	return timeline;
}

int sw_sync_timeline_create_fence(int timeline, uint32_t seqno)
{
	struct sw_sync_fence fence = { .value = seqno, .name = "dgem", .fence = -1 };

	do_ioctl(timeline, SW_SYNC_CREATE_FENCE, &fence);
	return fence.fence;
}

void sw_sync_timeline_inc(int timeline, uint32_t count)
{
	do_ioctl(timeline, SW_SYNC_INC, &count);
}

/* Returns 0, or a negative errno: -ETIME. */
int sync_fence_wait(int fence, int timeout_ms)
{
	struct pollfd wait = { .fd = fence, .events = POLLIN };
	int ret;

	do {
		ret = poll(&wait, 1, timeout_ms);
	} while (ret < 0 && (errno == EINTR || errno == EAGAIN));
	if (ret < 0)
		return -errno;
	if (!ret)
		return -ETIME;
	return wait.revents & (POLLERR | POLLNVAL) ? -EINVAL : 0;
}

/* Returns 1 for signalled, 0 for not yet, or a negative error. */
int sync_fence_status(int fence)
{
	struct sync_file_info info = { };

	do_ioctl(fence, SYNC_IOC_FILE_INFO, &info);
	return info.status;
}
