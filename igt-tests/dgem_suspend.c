// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <sys/mman.h>

#include "igt.h"
#include "igt_syncobj.h"
#include "sw_sync.h"

#include "dgem_instance.h"
#include "dgem_table.h"
#include "dgem_util.h"

/**
 * TEST: dgem suspend
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: suspend-resume
 * Description: The system sleeps with jobs queued and running, and wakes up.
 *
 * SUBTEST: %s
 * Description: A few times in a row.
 *
 * arg[1]:
 *
 * @idle: nothing runs; mappings, exports and memory stay, and jobs work afterwards
 * @jobs: jobs run and wait; all end without an error, with the right data
 * @instance: the same on an instance of configfs that came later
 *
 * SUBTEST: stress-jobs
 * Description: With jobs, 200 times in a row.
 */

IGT_TEST_DESCRIPTION("The system sleeps with jobs queued and running.");

#define NAME	"igt-suspend"
#define POWER	"/sys/power"
#define SLEEPS	POWER "/suspend_stats/success"
#define RTC	"/sys/class/rtc/rtc0"
/* Two transfers of the slowest engine each way: a sleep has to wait for them. */
#define SIZE	DGEM_PAGE
#define JOBS	4
#define FEW	2
#define MANY	200

static bool contains(const char *path, const char *word)
{
	char line[512];
	bool found = false;
	FILE *file = fopen(path, "r");

	while (file && !found && fgets(line, sizeof(line), file))
		found = strstr(line, word);
	if (file)
		fclose(file);
	return found;
}

static unsigned long read_number(const char *path)
{
	FILE *file = fopen(path, "r");
	unsigned long number = 0;

	igt_assert(file);
	igt_assert_eq(fscanf(file, "%lu", &number), 1);
	fclose(file);
	return number;
}

/*
 * Asleep until the clock's alarm. An alarm that goes off before the system is asleep would never
 * wake it, but is a wakeup event that ends the attempt: -EBUSY from the state, -EINVAL from the
 * count.
 */
static int sleep_until_alarm(unsigned int seconds)
{
	char count[32], alarm[16];
	int err;

	/* an alarm that was not reached is in the way of the next */
	igt_assert_eq(__dgem_sysfs_write(RTC, "wakealarm", "0"), 0);
	snprintf(count, sizeof(count), "%lu", read_number(POWER "/wakeup_count"));
	snprintf(alarm, sizeof(alarm), "+%u", seconds);
	igt_assert_eq(__dgem_sysfs_write(RTC, "wakealarm", alarm), 0);
	err = __dgem_sysfs_write(POWER, "wakeup_count", count);
	return err ?: __dgem_sysfs_write(POWER, "state", "mem");
}

/* Jobs have to come to a halt first, which may take longer than the shortest of naps. */
static int nap(void)
{
	int err = -EBUSY;

	for (unsigned int seconds = 2; (err == -EBUSY || err == -EINVAL) && seconds <= 64;
	     seconds *= 2)
		err = sleep_until_alarm(seconds);
	return err;
}

/* Where there is no clock, the kernel tests itself: devices sleep, and a second later they wake. */
static int test_devices(void)
{
	igt_assert_eq(__dgem_sysfs_write(POWER, "pm_test", "devices"), 0);
	igt_assert_eq(__dgem_sysfs_write("/sys/module/suspend/parameters", "pm_test_delay", "1"),
		      0);
	return __dgem_sysfs_write(POWER, "state", "mem");
}

static void sleep_and_wake(void)
{
	unsigned long before = read_number(SLEEPS);

	igt_assert_eq(access(RTC "/wakealarm", W_OK) ? test_devices() : nap(), 0);
	igt_assert_lt(before, read_number(SLEEPS));
}

static void test_idle(int fd, uint32_t seed)
{
	uint32_t src = dgem_create_filled(fd, &dgem_kinds[0], SIZE, seed);
	uint32_t dst = dgem_create(fd, &dgem_kinds[1], SIZE);
	uint8_t *ptr = dgem_mmap(fd, src, SIZE);
	int dmabuf = dgem_export(fd, src);

	/* So that it is mapped for the engine, which must still hold afterwards. */
	dgem_copy(fd, src, 0, dst, 0, SIZE / 2);
	sleep_and_wake();
	dgem_check(ptr, 0, SIZE, seed);
	dgem_copy(fd, src, 0, dst, 0, SIZE);
	dgem_check_object(fd, dst, SIZE, seed);
	munmap(ptr, SIZE);
	close(dmabuf);
	gem_close(fd, src);
	gem_close(fd, dst);
}

static void test_jobs(int fd, uint32_t seed)
{
	uint32_t src[JOBS], dst[JOBS], done[JOBS];
	struct dgem_gate gate;

	dgem_gate_close(&gate, fd);
	for (int i = 0; i < JOBS; i++) {
		src[i] = dgem_create_filled(fd, &dgem_kinds[0], SIZE, seed + i);
		dst[i] = dgem_create(fd, &dgem_kinds[0], SIZE);
		done[i] = syncobj_create(fd, 0);
	}
	/* The last one waits until the system is awake again. */
	for (int i = 0; i < JOBS; i++) {
		struct drm_dgem_op op = dgem_op_copy(src[i], 0, dst[i], 0, SIZE);

		dgem_submit(fd, &op, 1, 0, i == JOBS - 1 ? gate.syncobj : 0, done[i]);
	}
	sleep_and_wake();
	dgem_gate_open(&gate);
	for (int i = 0; i < JOBS; i++) {
		dgem_wait(fd, done[i]);
		dgem_check_object(fd, dst[i], SIZE, seed + i);
		syncobj_destroy(fd, done[i]);
		gem_close(fd, src[i]);
		gem_close(fd, dst[i]);
	}
	dgem_gate_fini(&gate);
}

static void test_instance(int fd, uint32_t seed)
{
	int instance;

	dgem_require_configfs();
	dgem_instance_make(NAME);
	dgem_instance_enable(NAME, NULL);
	instance = dgem_instance_open(NAME);
	test_jobs(instance, seed);
	close(instance);
	dgem_instance_remove(NAME);
}

static const struct {
	const char *name, *describe;
	void (*test)(int fd, uint32_t seed);
} tests[] = {
	{ "idle", "Memory, mappings and exports survive a sleep.", test_idle },
	{ "jobs", "Jobs end well after a sleep.", test_jobs },
	{ "instance", "Jobs of another instance end well after a sleep.", test_instance },
};

static void run(int fd, void (*test)(int fd, uint32_t seed), int rounds)
{
	struct dgem_snapshot before;

	dgem_snapshot(fd, &before);
	for (int i = 1; i <= rounds; i++)
		test(fd, i);
	dgem_assert_unchanged(fd, &before);
}

int igt_main()
{
	int fd = -1;

	igt_fixture() {
		fd = dgem_open();
		igt_require_sw_sync();
		igt_require_f(contains(POWER "/state", "mem"), "the system can't sleep\n");
		igt_require_f(!access(RTC "/wakealarm", W_OK) ||
			      !access(POWER "/pm_test", W_OK), "nothing to wake up by\n");
		/* Their server knows nothing of the sleep, their channel loses what it was told. */
		igt_require_f(!contains("/proc/mounts", " 9p "), "9p does not survive a sleep\n");
	}

	for (int i = 0; i < ARRAY_SIZE(tests); i++) {
		igt_describe(tests[i].describe);
		igt_subtest(tests[i].name)
			run(fd, tests[i].test, FEW);
	}
	igt_describe("However often: jobs end well after a sleep.");
	igt_subtest("stress-jobs")
		run(fd, test_jobs, MANY);

	igt_fixture() {
		__dgem_instance_remove(NAME);
		close(fd);
	}
}
