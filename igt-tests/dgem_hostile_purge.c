// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <time.h>

#include "igt.h"

#include "dgem_child.h"
#include "dgem_instance.h"
#include "dgem_util.h"

/**
 * TEST: dgem hostile purge
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: robustness
 * Description: A client that purges memory takes it from nobody who has it by a dma-buf.
 *
 * SUBTEST: close
 * Description: A purge that races with the end of the last handle leaves an importer its memory,
 *		and never shows it another client's.
 *
 * SUBTEST: late
 * Description: An importer that comes after such a race has the memory at once, or an error.
 *
 * SUBTEST: orders
 * Description: Of an export and a purge that come at the same time, with a close between them, one
 *		is refused.
 *
 * SUBTEST: regained
 * Description: A handle that was got from the dma-buf, when there was none left, purges nothing.
 */

IGT_TEST_DESCRIPTION("Who purges memory takes it from nobody who has it by a dma-buf.");

#define ONE		"igt-hostile-1"
#define TWO		"igt-hostile-2"
#define SIZE		(2 * DGEM_MIB)
#define PURGERS		3
#define VICTIMS		6
#define SECRET		99
/* Of a driver that has the race one in ten is lost. */
#define ROUNDS		40
#define ENOUGH		(12 * NSEC_PER_SEC)
/* The longest that a copy of a page takes, even when each lock is held by somebody. */
#define COPY_MS		30000

/* What the threads of a round share. Threads do not assert: they leave what they were told. */
struct round {
	/* a file of the exporting instance, one of another client's there, one of the importing */
	int fd, other, importer;
	uint32_t handle, import, page;
	uint64_t wide;
	/* when each begins */
	unsigned int purge_us, close_us, export_us;
	int purged[PURGERS], closed, dmabuf;
	int next_purger;
};

static void sleep_us(unsigned int us)
{
	const struct timespec time = { .tv_nsec = us * 1000 };

	nanosleep(&time, NULL);
}

static int purge(int fd, uint32_t handle, uint32_t flags)
{
	return __dgem_purge(fd, handle, 0, SIZE, flags);
}

static void mark(uint8_t *ptr, uint32_t seed)
{
	for (uint64_t at = 0; at < SIZE; at += DGEM_PAGE)
		dgem_fill(ptr + at, at, 64, seed);
}

/* An object whose pages begin with what tells them from any other. */
static uint32_t create_marked(int fd, uint32_t seed)
{
	uint32_t handle;
	uint8_t *ptr;

	igt_assert_eq(__dgem_create_flags(fd, DRM_DGEM_KIND_PAGES, 0, SIZE, &handle), 0);
	ptr = dgem_mmap(fd, handle, SIZE);
	mark(ptr, seed);
	munmap(ptr, SIZE);
	return handle;
}

/* What a holder of the dma-buf sees of it. */
static void check_dmabuf(int dmabuf, uint32_t seed)
{
	uint8_t *ptr = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, dmabuf, 0);

	igt_assert(ptr != MAP_FAILED);
	igt_assert_f(!dgem_touch(ptr, false), "the memory of a living dma-buf is gone\n");
	for (uint64_t at = 0; at < SIZE; at += DGEM_PAGE)
		dgem_check(ptr + at, at, 64, seed);
	munmap(ptr, SIZE);
}

/* The importer's engine reads the first page. */
static int copy_page(void *data)
{
	struct round *round = data;

	return __dgem_run_op(round->importer,
			     dgem_op_copy(round->import, 0, round->page, 0, DGEM_PAGE));
}

/* A process of ours is in the kernel for good: nothing can be closed or removed any more. */
static bool stuck;

/* In a process of its own, which is given up if it does not come back. */
static void check_importer(struct round *round, uint32_t seed)
{
	uint8_t *ptr = dgem_mmap(round->importer, round->page, DGEM_PAGE);
	pid_t pid;
	int err;

	memset(ptr, 0, DGEM_PAGE);
	pid = dgem_child_start(copy_page, round);
	err = dgem_child_wait(pid, COPY_MS);
	stuck = err == -ETIME && dgem_child_kill(pid) == -ETIME;
	igt_assert_f(!stuck, "an importer does not come back, not even by SIGKILL\n");
	igt_assert_f(!err, "an importer cannot use what it has imported: %s\n", strerror(-err));
	igt_assert_f(ptr[0] != dgem_pattern(0, SECRET), "an importer reads another's memory\n");
	dgem_check(ptr, 0, 64, seed);
	munmap(ptr, DGEM_PAGE);
}

/*
 * DRM has one lock for all names of objects of a device. A driver that allocates within it has this
 * keep it for as long as that takes.
 */
static void *hold_names(void *data)
{
	struct round *round = data;
	uint32_t handle;
	int dmabuf;

	if (__dgem_create_lazy(round->other, round->wide, &handle))
		return NULL;
	dmabuf = __dgem_export(round->other, handle, DRM_CLOEXEC | DRM_RDWR);
	__dgem_close(round->other, handle);
	if (dmabuf >= 0)
		close(dmabuf);
	return NULL;
}

static void *purge_thread(void *data)
{
	struct round *round = data;
	int number = __atomic_fetch_add(&round->next_purger, 1, __ATOMIC_RELAXED), err;

	sleep_us(round->purge_us + 50 * number);
	/* as long as there is a handle, as one guesses who does not know it */
	do {
		err = purge(round->fd, round->handle, DRM_DGEM_PURGE_FORCE);
	} while (err == -EBUSY && !__atomic_load_n(&round->closed, __ATOMIC_RELAXED));
	round->purged[number] = err;
	return NULL;
}

static void *close_thread(void *data)
{
	struct round *round = data;

	sleep_us(round->close_us);
	__dgem_close(round->fd, round->handle);
	__atomic_store_n(&round->closed, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void *export_thread(void *data)
{
	struct round *round = data;

	sleep_us(round->export_us);
	round->dmabuf = __dgem_export(round->fd, round->handle, DRM_CLOEXEC | DRM_RDWR);
	if (round->dmabuf >= 0)
		__dgem_import(round->importer, round->dmabuf, &round->import);
	return NULL;
}

/* Run them together, every other time with the lock of names held. */
static void run(struct round *round, bool hold, bool export)
{
	pthread_t holder, threads[PURGERS + 2];
	int count = 0;

	round->closed = 0;
	round->next_purger = 0;
	if (hold) {
		igt_assert_eq(pthread_create(&holder, NULL, hold_names, round), 0);
		dgem_sleep_ms(20);
	}
	for (int i = 0; i < PURGERS; i++)
		igt_assert_eq(pthread_create(&threads[count++], NULL, purge_thread, round), 0);
	igt_assert_eq(pthread_create(&threads[count++], NULL, close_thread, round), 0);
	if (export)
		igt_assert_eq(pthread_create(&threads[count++], NULL, export_thread, round), 0);
	while (count)
		igt_assert_eq(pthread_join(threads[--count], NULL), 0);
	if (hold)
		igt_assert_eq(pthread_join(holder, NULL), 0);
}

static bool was_purged(const struct round *round)
{
	bool purged = false;

	for (int i = 0; i < PURGERS; i++) {
		int err = round->purged[i];

		igt_assert_f(!err || err == -EBUSY || err == -ENOENT, "a purge is told %d\n", err);
		purged |= !err;
	}
	return purged;
}

/* Another client, who takes what memory has become free. */
static void take_freed(int fd, uint32_t handles[VICTIMS])
{
	for (int i = 0; i < VICTIMS; i++)
		handles[i] = create_marked(fd, SECRET);
}

static void close_all(int fd, const uint32_t handles[VICTIMS])
{
	for (int i = 0; i < VICTIMS; i++)
		gem_close(fd, handles[i]);
}

/* An importer that comes now comes first: nobody has brought it anything. */
static void check_round(struct round *round, uint32_t seed)
{
	const bool purged = was_purged(round), late = !round->import;
	uint32_t victims[VICTIMS];

	if (purged)
		take_freed(round->other, victims);
	if (late)
		igt_assert_eq(__dgem_import(round->importer, round->dmabuf, &round->import), 0);
	else
		check_dmabuf(round->dmabuf, seed);
	check_importer(round, seed);
	if (late)
		check_dmabuf(round->dmabuf, seed);
	if (purged)
		close_all(round->other, victims);
	igt_assert_f(!purged, "the memory of a living dma-buf was purged\n");
}

static void round_init(struct round *round)
{
	igt_require_f(!stuck, "the machine is not what it was\n");
	memset(round, 0, sizeof(*round));
	round->fd = dgem_instance_start(ONE);
	round->other = dgem_instance_open(ONE);
	round->importer = dgem_instance_start(TWO);
	round->wide = dgem_spare_memory(200 * DGEM_MIB);
	round->page = dgem_create_contiguous(round->importer, DGEM_PAGE);
}

static void round_fini(struct round *round)
{
	close(round->fd);
	close(round->other);
	close(round->importer);
	dgem_instance_remove(ONE);
	dgem_instance_remove(TWO);
}

/* The importer comes before, or only when all is over. */
static void race_close(bool late)
{
	const int64_t end = dgem_now() + ENOUGH;
	struct round round;

	round_init(&round);
	for (int i = 0; i < ROUNDS && (i < 4 || dgem_now() < end); i++) {
		round.handle = create_marked(round.fd, i);
		round.dmabuf = dgem_export(round.fd, round.handle);
		round.import = 0;
		if (!late) {
			igt_assert_eq(__dgem_import(round.importer, round.dmabuf, &round.import),
				      0);
			check_importer(&round, i);
		}
		round.purge_us = 200;
		round.close_us = 200 + i * 37 % 500;
		run(&round, i & 1, false);
		check_round(&round, i);
		gem_close(round.importer, round.import);
		close(round.dmabuf);
	}
	round_fini(&round);
}

static void test_close(int unused)
{
	race_close(false);
}

static void test_late(int unused)
{
	race_close(true);
}

static void test_orders(int unused)
{
	static const uint8_t orders[][3] = {
		{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
	};
	static const unsigned int steps_us[] = { 0, 30, 150, 1000 };
	const int64_t end = dgem_now() + ENOUGH;
	int exports = 0, purges = 0;
	struct round round;

	round_init(&round);
	for (int i = 0; i < 2 * ROUNDS && (i < 12 || dgem_now() < end); i++) {
		const uint8_t *order = orders[i % ARRAY_SIZE(orders)];
		unsigned int step = steps_us[i / ARRAY_SIZE(orders) % ARRAY_SIZE(steps_us)];

		round.handle = create_marked(round.fd, i);
		round.import = 0;
		round.purge_us = 100 + order[0] * step;
		round.close_us = 100 + order[1] * step;
		round.export_us = 100 + order[2] * step;
		run(&round, i % 4 == 3, true);
		if (round.dmabuf >= 0) {
			igt_assert_neq_u32(round.import, 0);
			check_round(&round, i);
			gem_close(round.importer, round.import);
			close(round.dmabuf);
			exports++;
		} else if (was_purged(&round)) {
			igt_assert(round.dmabuf == -ENXIO || round.dmabuf == -ENOENT);
			purges++;
		} else {
			igt_assert_eq(round.dmabuf, -ENOENT);
		}
	}
	igt_info("%d exports, %d purges\n", exports, purges);
	round_fini(&round);
}

static void test_regained(int unused)
{
	static const uint32_t flags[] = { 0, DRM_DGEM_PURGE_FORCE };
	uint32_t handle, again;
	struct round round;
	int dmabuf;

	round_init(&round);
	handle = create_marked(round.fd, 1);
	dmabuf = dgem_export(round.fd, handle);
	gem_close(round.fd, handle);
	for (int i = 0; i < ARRAY_SIZE(flags); i++) {
		int fd = i ? round.other : round.fd;

		igt_assert_eq(__dgem_import(fd, dmabuf, &again), 0);
		igt_assert_eq(purge(fd, again, flags[i]), -EBUSY);
		check_dmabuf(dmabuf, 1);
		gem_close(fd, again);
	}
	/* a dma-buf that a file of another instance alone has */
	igt_assert_eq(__dgem_import(round.importer, dmabuf, &round.import), 0);
	igt_assert_eq(__dgem_import(round.fd, dmabuf, &again), 0);
	close(dmabuf);
	igt_assert_eq(purge(round.fd, again, DRM_DGEM_PURGE_FORCE), -EBUSY);
	check_importer(&round, 1);
	gem_close(round.fd, again);
	check_importer(&round, 1);
	gem_close(round.importer, round.import);
	round_fini(&round);
}

static const struct dgem_test tests[] = {
	{ "close", "A purge that races with a close leaves importers their memory.", test_close },
	{ "late", "An importer that comes after the race has the memory, or an error.", test_late },
	{ "orders", "Of an export and a purge at the same time one is refused.", test_orders },
	{ "regained", "A handle got from the dma-buf purges nothing.", test_regained },
};

int igt_main()
{
	int fd = -1;

	igt_fixture() {
		dgem_require_configfs();
		fd = dgem_open();
	}

	dgem_subtests(fd, tests, ARRAY_SIZE(tests));

	igt_fixture() {
		close(fd);
		/* what a failed subtest has left */
		if (!stuck) {
			__dgem_instance_remove(ONE);
			__dgem_instance_remove(TWO);
		}
	}
}
