// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "igt.h"

#include "dgem_child.h"
#include "dgem_instance.h"
#include "dgem_util.h"

/**
 * TEST: dgem starve
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: limits
 * Description: Clients that take all they can get take no more than they may, and no other's.
 *
 * SUBTEST: cgroup
 * Description: Memory of every kind that the instance tells of counts in a memory or dmem cgroup,
 *		whether it comes at once or later, through an export or not.
 *
 * SUBTEST: holes
 * Description: What the kernel has to know of purged memory does not grow with each purge.
 *
 * SUBTEST: oom-%s
 * Description: An unprivileged client that takes all it can is told so; an idle process lives on.
 *
 * arg[1]:
 *
 * @contiguous: contiguous cached memory
 * @coherent: coherent memory
 * @wc: write-combined memory
 * @pages: memory in pages
 * @lazy: memory in pages that come when they are needed
 * @vmalloc: single pages
 * @direct-pages: memory in pages, made for direct I/O
 * @direct-vmalloc: single pages, made for direct I/O
 */

IGT_TEST_DESCRIPTION("Clients that take all they can take no more than they may.");

#define ONE		"igt-starve"
#define LIMIT		(16 * DGEM_MIB)
#define CHUNK		(2 * DGEM_MIB)
/* An unprivileged user's */
#define USER		1000

/* What a child that takes memory leaves for the test. */
struct loot {
	uint64_t bytes, count;
	int err;
};

/* Have all of a lazy object come by a job that writes its ends. */
static int bring(int fd, uint32_t handle, uint64_t size)
{
	return __dgem_run_op(fd, dgem_op_fill_ends(handle, size));
}

/* Cgroups: where they are, and one of ours with its limits */
static char cgroups[64], ours[PATH_MAX];

static void require_cgroups(void)
{
	char path[PATH_MAX];

	snprintf(cgroups, sizeof(cgroups), "/sys/fs/cgroup");
	if (access("/sys/fs/cgroup/cgroup.controllers", R_OK)) {
		snprintf(cgroups, sizeof(cgroups), "/tmp/dgem-cgroup-XXXXXX");
		igt_assert(mkdtemp(cgroups));
		if (mount("none", cgroups, "cgroup2", 0, NULL)) {
			rmdir(cgroups);
			igt_skip("there are no cgroups of version 2\n");
		}
	}
	snprintf(path, sizeof(path), "%s/cgroup.subtree_control", cgroups);
	igt_require_f(!__dgem_write(path, "+memory"), "there is no memory cgroup\n");
	errno = 0;
}

static void release_cgroups(void)
{
	if (!strncmp(cgroups, "/tmp/", 5)) {
		umount2(cgroups, MNT_DETACH);
		rmdir(cgroups);
	}
}

static int set_ours(const char *name, const char *value)
{
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", ours, name);
	return __dgem_write(path, value);
}

/* The number in a file of our cgroup's; 0 if there is none */
static uint64_t get_ours(const char *name)
{
	char path[PATH_MAX + 32];
	uint64_t value = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", ours, name);
	file = fopen(path, "r");
	if (file && fscanf(file, "%" SCNu64, &value) != 1)
		value = 0;
	if (file)
		fclose(file);
	return value;
}

/* Of contiguous and of reserved memory there is a limit where the kernel has cgroups for it. */
static bool make_cgroup(const char *device)
{
	char path[PATH_MAX], value[128];
	bool dmem;

	snprintf(path, sizeof(path), "%s/cgroup.subtree_control", cgroups);
	dmem = !__dgem_write(path, "+dmem");
	snprintf(ours, sizeof(ours), "%s/dgem-starve", cgroups);
	rmdir(ours);
	igt_assert_eq(mkdir(ours, 0755), 0);
	snprintf(value, sizeof(value), "%llu", LIMIT);
	igt_assert_eq(set_ours("memory.max", value), 0);
	set_ours("memory.swap.max", "0");
	snprintf(value, sizeof(value), "drm/%s/contiguous %llu", device, LIMIT);
	dmem &= !set_ours("dmem.max", value);
	errno = 0;
	return dmem;
}

static void remove_cgroup(void)
{
	for (int i = 0; i < 100 && rmdir(ours); i++)
		dgem_sleep_ms(20);
	igt_assert(access(ours, F_OK));
	errno = 0;
}

/* How memory comes to be there. */
enum way { AT_ONCE, JOB, FAULT, IMPORT, WAYS };

static const char * const ways[WAYS] = { "at once", "by a job", "by a fault", "by an importer" };

struct taker {
	int fd, importer;
	uint32_t kind;
	enum way way;
	struct loot *loot;
};

static int take_lazy(struct taker *taker, uint64_t size)
{
	uint32_t handle, import;
	int dmabuf, err;
	uint8_t *ptr;

	err = __dgem_create_flags(taker->fd, taker->kind, DRM_DGEM_CREATE_LAZY, size, &handle);
	if (err)
		return err;
	if (taker->way == JOB)
		return bring(taker->fd, handle, size);
	dmabuf = __dgem_export(taker->fd, handle, DRM_CLOEXEC | DRM_RDWR);
	if (dmabuf < 0)
		return dmabuf;
	if (taker->way == IMPORT)
		return __dgem_import(taker->importer, dmabuf, &import) ?:
		       bring(taker->importer, import, size);
	ptr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);
	if (ptr == MAP_FAILED)
		return -errno;
	err = dgem_touch(ptr, true) ? -ENOMEM : 0;
	munmap(ptr, size);
	return err;
}

/* As much as it gets, and then it ends, which gives it all back. */
static int take(void *data)
{
	struct taker *taker = data;
	uint32_t handle;

	if (set_ours("cgroup.procs", "0"))
		return -EPERM;
	while (!taker->loot->err && taker->loot->bytes < 4 * LIMIT) {
		if (taker->way == AT_ONCE)
			taker->loot->err = __dgem_create_flags(taker->fd, taker->kind, 0, CHUNK,
							       &handle);
		else
			taker->loot->err = take_lazy(taker, CHUNK);
		if (!taker->loot->err)
			taker->loot->bytes += CHUNK;
	}
	return 0;
}

static void check_taker(struct taker *taker)
{
	int err;

	memset(taker->loot, 0, sizeof(*taker->loot));
	err = dgem_child_run(take, taker, 60000);
	igt_info("kind %u %s: %" PRIu64 " KiB, then %d\n", taker->kind, ways[taker->way],
		 taker->loot->bytes / 1024, taker->loot->err);
	/* Who is at his limit may be killed for it, he and nobody else. */
	igt_assert_f(!err || err == -EINTR, "the child ended with %d\n", err);
	igt_assert_f(taker->loot->bytes <= LIMIT, "memory of kind %u, %s, is not limited\n",
		     taker->kind, ways[taker->way]);
	if (!err)
		igt_assert(taker->loot->err == -ENOMEM || taker->loot->err == -ENOSPC);
	igt_assert_lte_u64(get_ours("memory.peak"), LIMIT + DGEM_MIB);
}

/* Files of their own: what was taken goes with them. */
static void check_kind(int fd, uint32_t kind, enum way way, struct loot *loot)
{
	struct taker taker = { .kind = kind, .way = way, .loot = loot };

	taker.fd = dgem_instance_open(ONE);
	taker.importer = dgem_instance_open(ONE "-2");
	check_taker(&taker);
	close(taker.fd);
	close(taker.importer);
	dgem_assert_charged(fd, 0, 0);
}

static bool is_contiguous(uint32_t kind)
{
	return kind == DRM_DGEM_KIND_CONTIGUOUS || kind == DRM_DGEM_KIND_COHERENT;
}

static void test_cgroup(int unused)
{
	const uint64_t left_out = 1ull << DRM_DGEM_KIND_IMPORT | 1ull << DRM_DGEM_KIND_RESERVED |
				  1ull << DRM_DGEM_KIND_IO | 1ull << DRM_DGEM_KIND_USER;
	struct drm_dgem_query_device device;
	struct loot *loot;
	char name[64];
	bool dmem;
	int fd;

	dgem_require_configfs();
	require_cgroups();
	/* who is at his limit may be told so in this way, too */
	igt_emit_ignore_dmesg_regex("[Mm]emory cgroup out of memory|invoked oom-killer|oom-kill:");
	fd = dgem_instance_start(ONE);
	close(dgem_instance_start(ONE "-2"));
	dgem_device_name(fd, name, sizeof(name));
	dgem_query_device(fd, &device);
	dmem = make_cgroup(name);
	igt_info("there is %s dmem cgroup for %s\n", dmem ? "a" : "no", name);
	loot = dgem_share(sizeof(*loot));
	for (uint32_t kind = 0; kind < 64; kind++) {
		if (!(device.kinds & ~left_out & (1ull << kind)) || (is_contiguous(kind) && !dmem))
			continue;
		check_kind(fd, kind, AT_ONCE, loot);
	}
	for (enum way way = JOB; way < WAYS; way++)
		check_kind(fd, DRM_DGEM_KIND_PAGES, way, loot);
	dgem_unshare(loot, sizeof(*loot));
	close(fd);
	dgem_instance_remove(ONE);
	dgem_instance_remove(ONE "-2");
	remove_cgroup();
	release_cgroups();
}

static uint64_t slab(void)
{
	return dgem_meminfo("SUnreclaim") + dgem_meminfo("VmallocUsed");
}

#define HOLES	60000

static void test_holes(int fd)
{
	struct drm_dgem_purge purge = { };
	struct drm_dgem_query_device device;
	uint64_t before, now, granule, size;
	uint32_t handle;

	dgem_query_device(fd, &device);
	granule = device.granule ?: DGEM_PAGE;
	size = device.max_size / 2 < 2 * HOLES * granule ? device.max_size / 2
							 : 2 * HOLES * granule;
	igt_assert_eq(__dgem_create_lazy(fd, size, &handle), 0);
	before = slab();
	purge.handle = handle;
	purge.length = granule;
	for (purge.offset = 0; purge.offset + granule <= size; purge.offset += 2 * granule)
		do_ioctl(fd, DRM_IOCTL_DGEM_PURGE, &purge);
	now = slab();
	gem_close(fd, handle);
	igt_info("%" PRId64 " KiB for %" PRIu64 " holes\n", (int64_t)(now - before) / 1024,
		 size / granule / 2);
	igt_assert_lte_u64(now, before + DGEM_MIB);
}

/*
 * Everybody's memory but this much is taken before, so that little is left to be fought for. A part
 * of it is idle, and the largest process that the kernel might end.
 */
#define LEFT		(64 * DGEM_MIB)
#define IDLE		(150 * DGEM_MIB)
#define TAKE_NS		(12 * NSEC_PER_SEC)

struct ballast {
	uint64_t size;
	const char *score;
	volatile bool *ready;
};

static int sit(void *data)
{
	struct ballast *ballast = data;
	uint8_t *ptr;

	if (__dgem_write("/proc/self/oom_score_adj", ballast->score))
		return -EPERM;
	ptr = mmap(NULL, ballast->size, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (ptr == MAP_FAILED)
		return -ENOMEM;
	*ballast->ready = true;
	for (;;)
		pause();
	return 0;
}

static pid_t sit_down(uint64_t size, const char *score, volatile bool *ready)
{
	struct ballast ballast = { size, score, ready };
	pid_t pid;

	*ready = false;
	pid = dgem_child_start(sit, &ballast);
	for (int i = 0; i < 12000 && !*ready; i++)
		dgem_sleep_ms(10);
	igt_assert(*ready);
	return pid;
}

struct hoarder {
	int fd;
	const struct dgem_kind *kind;
	uint64_t size;
	struct loot *loot;
};

static int hoard(void *data)
{
	struct hoarder *hoarder = data;
	const struct dgem_kind *kind = hoarder->kind;
	const int64_t end = dgem_now() + TAKE_NS;
	int err = 0;

	if (setgid(USER) || setuid(USER))
		return -EPERM;
	while (!err && dgem_now() < end) {
		struct drm_dgem_create create = {
			.size = hoarder->size,
			.kind = kind->kind,
			.cache = kind->cache,
			.flags = kind->flags,
		};

		err = __dgem_create(hoarder->fd, &create);
		if (!err && kind->flags & DRM_DGEM_CREATE_LAZY)
			err = bring(hoarder->fd, create.handle, hoarder->size);
		if (!err)
			hoarder->loot->count++;
	}
	hoarder->loot->err = err;
	return 0;
}

/* All is there until the client is told that there is no more, and goes with it. */
static void check_hoarder(const struct dgem_kind *kind, uint64_t size, struct loot *loot)
{
	struct hoarder hoarder = { .kind = kind, .size = size, .loot = loot };
	pid_t pid;
	int err;

	memset(loot, 0, sizeof(*loot));
	hoarder.fd = dgem_open();
	pid = dgem_child_start(hoard, &hoarder);
	close(hoarder.fd);
	err = dgem_child_wait(pid, 120000);
	if (err == -ETIME)
		dgem_child_kill(pid);
	igt_info("%" PRIu64 " of %" PRIu64 " KiB, then %d\n", loot->count, size / 1024, loot->err);
	igt_assert_f(!err, "the client ended with %d\n", err);
	igt_assert(!loot->err || loot->err == -ENOMEM || loot->err == -ENOSPC);
}

static pid_t idle, rest;

static void stand_up(void)
{
	pid_t *const pids[] = { &idle, &rest };

	for (int i = 0; i < ARRAY_SIZE(pids); i++) {
		if (*pids[i])
			dgem_child_kill(*pids[i]);
		*pids[i] = 0;
	}
}

static void test_oom(int fd, const struct dgem_kind *kind)
{
	static const uint64_t sizes[] = { 0, 4 * DGEM_MIB };
	uint64_t available, kills;
	volatile bool *ready;
	struct loot *loot;

	stand_up();
	kills = dgem_vmstat("oom_kill");
	available = dgem_meminfo("MemAvailable");
	igt_require_f(available > IDLE + 2 * LEFT, "too little memory is available\n");
	igt_require_f(available < 4096 * DGEM_MIB, "too much memory is available to take all\n");
	loot = dgem_share(sizeof(*loot));
	ready = dgem_share(DGEM_PAGE);
	idle = sit_down(IDLE, "0", ready);
	/* not CMA's: a process gets that last, and not all of it */
	available = dgem_meminfo("MemAvailable") - dgem_meminfo("CmaFree");
	if (available > LEFT + 16 * DGEM_MIB)
		rest = sit_down(available - LEFT, "-1000", ready);

	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		/* a job each for every page is more than a slow machine's time */
		if (!sizes[i] && kind->flags & DRM_DGEM_CREATE_LAZY)
			continue;
		check_hoarder(kind, sizes[i] ?: DGEM_PAGE, loot);
		igt_assert_eq(dgem_child_wait(idle, 0), -ETIME);
		igt_assert_eq_u64(dgem_vmstat("oom_kill"), kills);
	}
	stand_up();
	dgem_unshare((void *)ready, DGEM_PAGE);
	dgem_unshare(loot, sizeof(*loot));
}

static const struct dgem_test tests[] = {
	{ "cgroup", "Memory of every kind counts in a cgroup.", test_cgroup },
	{ "holes", "What is known of holes does not grow.", test_holes },
};

/* Memory out of a pool of its own is not the machine's. */
static bool is_everybodys(const struct dgem_kind *kind)
{
	return kind->kind != DRM_DGEM_KIND_RESERVED;
}

static const struct dgem_kind_test kind_tests[] = {
	{ "oom", "Who takes all memory is told so; others live on.", test_oom,
	  .fits = is_everybodys },
};

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = dgem_open();

	dgem_subtests(fd, tests, ARRAY_SIZE(tests));
	dgem_kind_subtests(fd, kind_tests, ARRAY_SIZE(kind_tests), DRM_DGEM_CAP_MMAP);

	igt_fixture() {
		close(fd);
		stand_up();
		/* what a failed subtest has left */
		__dgem_instance_remove(ONE);
		__dgem_instance_remove(ONE "-2");
		errno = 0;
	}
}
