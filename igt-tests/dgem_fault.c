// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "igt.h"

#include "dgem_proc.h"
#include "dgem_util.h"

/**
 * TEST: dgem fault
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: memory mapping
 * Description: Page faults of mappings bring in many pages, and each one where it belongs.
 *
 * SUBTEST: count-%s
 * Description: Touching all pages of a mapping takes far less faults than it has pages, but for
 *		those by which some processors have the kernel mark a page that is written to.
 *
 * SUBTEST: stamps-%s
 * Description: After parts of a large mapping went, moved or were protected, by huge pages and by
 *		single ones, every page left is the one that belongs there.
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
 * @reserved: memory out of the instance's pool
 * @import: memory of the system heap
 *
 * SUBTEST: lone
 * Description: A page that is touched alone is mapped alone, where batches of pages grow (cached
 *		memory on a PC); elsewhere its window comes with it, not more.
 *
 * SUBTEST: sequence
 * Description: Pages touched in sequence come in batches that double: 10 for a whole page table.
 *
 * SUBTEST: threads
 * Description: Threads that touch one mapping at a time all find the pages that belong there.
 *
 * SUBTEST: switch-huge
 * Description: The same while the process has huge pages switched on and off.
 *
 * SUBTEST: huge-off
 * Description: A process that has huge pages switched off gets what others get, so that threads
 *		that fault before and after the switch agree.
 */

IGT_TEST_DESCRIPTION("Page faults bring in many pages, each where it belongs.");

#define HUGE_PAGE	(2 * DGEM_MIB)
/* three huge pages and a bit */
#define PAGES		(3 * HUGE_PAGE / DGEM_PAGE + 5)
#define SIZE		(PAGES * DGEM_PAGE)

/* A figure in KiB from /proc/self/status. */
static uint64_t proc_status(const char *field)
{
	FILE *file = fopen("/proc/self/status", "r");
	unsigned long long kib = 0;
	char line[128];

	igt_assert(file);
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, field, strlen(field)))
			sscanf(line + strlen(field), ": %llu", &kib);
	fclose(file);
	return kib;
}

/* Every page starts with a number of its own. */
static uint32_t stamp(uint64_t page)
{
	return 0xd6e30000 ^ (uint32_t)page;
}

static volatile uint32_t *page_at(uint8_t *ptr, uint64_t page)
{
	return (volatile uint32_t *)(ptr + page * DGEM_PAGE);
}

static void check_stamps(uint8_t *ptr, uint64_t first, uint64_t last)
{
	for (uint64_t page = first; page < last; page++)
		igt_assert_eq_u32(*page_at(ptr, page), stamp(page));
}

static uint32_t create_stamped(int fd, const struct dgem_kind *kind, uint64_t size)
{
	uint32_t handle = dgem_create(fd, kind, size);
	uint8_t *ptr = dgem_mmap(fd, handle, size);

	dgem_sync_start(fd, handle, DRM_DGEM_SYNC_WRITE, size);
	for (uint64_t page = 0; page < size / DGEM_PAGE; page++)
		*page_at(ptr, page) = stamp(page);
	dgem_sync_end(fd, handle, DRM_DGEM_SYNC_WRITE, size);
	munmap(ptr, size);
	return handle;
}

/* Map a part of a file @past bytes behind a place where a huge page can start. */
static uint8_t *map_file_at(int file, uint64_t offset, uint64_t size, uint64_t past)
{
	uint64_t room = size + 2 * HUGE_PAGE;
	uint8_t *area, *at;

	area = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	igt_assert(area != MAP_FAILED);
	at = area + (-(uintptr_t)area & (HUGE_PAGE - 1)) + past;
	igt_assert(mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file,
			offset) == at);
	munmap(area, at - area);
	munmap(at + size, area + room - (at + size));
	return at;
}

static uint8_t *map_at(int dmabuf, uint64_t size, uint64_t past)
{
	return map_file_at(dmabuf, 0, size, past);
}

/* Faults of writing to every page */
static long write_stamps(uint8_t *ptr, uint64_t pages)
{
	long before = dgem_faults();

	for (uint64_t page = 0; page < pages; page++)
		*page_at(ptr, page) = stamp(page);
	return dgem_faults() - before;
}

/* Faults of reading that */
static long read_stamps(uint8_t *ptr, uint64_t pages)
{
	long before = dgem_faults();

	check_stamps(ptr, 0, pages);
	return dgem_faults() - before;
}

/* What the test itself faults in, it faults in now. */
static void warm_up(void)
{
	uint8_t *own = mmap(NULL, DGEM_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);

	igt_assert(own != MAP_FAILED);
	write_stamps(own, 1);
	read_stamps(own, 1);
	munmap(own, DGEM_PAGE);
}

static void test_count(int fd, const struct dgem_kind *kind)
{
	const uint64_t size = DGEM_MIB, pages = size / DGEM_PAGE;
	const long marks = pages * dgem_write_faults();
	uint32_t handle = dgem_create(fd, kind, size);
	uint8_t *ptr = dgem_mmap(fd, handle, size);
	long some = dgem_most_faults(fd, handle, ptr, pages), faults;

	warm_up();
	faults = write_stamps(ptr, pages);
	igt_info("%ld faults for %d pages, of which %ld mark them\n", faults, (int)pages, marks);
	igt_assert_lte(faults, some + marks);
	igt_assert_eq(read_stamps(ptr, pages), 0);
	munmap(ptr, size);

	/* A fault for reading brings what may be written, but for the mark. */
	ptr = dgem_mmap(fd, handle, size);
	some = dgem_most_faults(fd, handle, ptr, pages);
	igt_assert_lte(read_stamps(ptr, pages), some);
	igt_assert_lte(write_stamps(ptr, pages), marks);
	igt_assert_eq(write_stamps(ptr, pages), 0);
	munmap(ptr, size);
	gem_close(fd, handle);
}

/* Touching a page takes just one fault, whatever was touched before. */
static void assert_one_fault(uint8_t *ptr, uint64_t page)
{
	long before = dgem_faults();

	igt_assert_eq_u32(*page_at(ptr, page), stamp(page));
	igt_assert_eq(dgem_faults() - before, 1);
}

/*
 * No object is large enough for a huge page. Where batches do not grow, the neighbours of a page
 * come with it: no more faults than for a window each.
 */
static void test_lone(int fd)
{
	static const uint64_t lone[] = { 21, 40, 63, 0, 50, 10, 30 };
	const uint64_t pages = 64, size = pages * DGEM_PAGE;
	const struct dgem_kind *kind;

	warm_up();
	for_each_dgem_kind_here(fd, kind, DRM_DGEM_CAP_MMAP) {
		uint32_t handle = create_stamped(fd, kind, size);
		uint8_t *ptr = dgem_mmap(fd, handle, size);

		dgem_sync_start(fd, handle, DRM_DGEM_SYNC_READ, size);
		igt_debug("%s\n", kind->name);
		assert_one_fault(ptr, lone[0]);
		if (dgem_maps_sparsely(fd, handle)) {
			for (int i = 1; i < ARRAY_SIZE(lone); i++)
				assert_one_fault(ptr, lone[i]);
		} else {
			igt_assert_lte(read_stamps(ptr, pages),
				       dgem_most_faults(fd, handle, ptr, pages));
		}
		igt_assert_lte(read_stamps(ptr, pages),
			       dgem_most_faults(fd, handle, ptr, pages));
		igt_assert_eq(read_stamps(ptr, pages), 0);
		dgem_sync_end(fd, handle, DRM_DGEM_SYNC_READ, size);
		munmap(ptr, size);
		gem_close(fd, handle);
	}
}

/* As many pages as a page table has, where no huge page fits: the address is off by a page. */
static void test_sequence(int fd)
{
	const uint64_t pages = HUGE_PAGE / DGEM_PAGE, size = HUGE_PAGE;
	const struct dgem_kind *kind;

	warm_up();
	for_each_dgem_kind_here(fd, kind, DRM_DGEM_CAP_EXPORT) {
		uint32_t handle = create_stamped(fd, kind, size);
		int dmabuf = dgem_export(fd, handle);
		uint8_t *ptr = map_file_at(dmabuf, 0, size, DGEM_PAGE);
		long faults;

		dgem_sync_start(fd, handle, DRM_DGEM_SYNC_READ, size);
		faults = read_stamps(ptr, pages);
		igt_info("%s: %ld faults\n", kind->name, faults);
		igt_assert_lte(faults, dgem_most_faults(fd, handle, ptr, pages));
		/* from a single page on */
		if (dgem_maps_sparsely(fd, handle))
			igt_assert_lte(4, faults);
		igt_assert_eq(read_stamps(ptr, pages), 0);
		dgem_sync_end(fd, handle, DRM_DGEM_SYNC_READ, size);
		munmap(ptr, size);
		close(dmabuf);
		gem_close(fd, handle);
	}
}

static void take_apart(uint8_t *ptr, int touched)
{
	uint64_t middle = 3 * HUGE_PAGE / DGEM_PAGE / 2 + 1, last = 2 * HUGE_PAGE / DGEM_PAGE + 7;
	uint8_t *moved, *tail;
	uint64_t size;

	if (touched)
		check_stamps(ptr, 0, PAGES);

	/* The head, and a page in the middle of what may be a huge page. */
	munmap(ptr, 3 * DGEM_PAGE);
	igt_assert_eq(dgem_touch(ptr + 2 * DGEM_PAGE, false), SIGSEGV);
	munmap(ptr + middle * DGEM_PAGE, DGEM_PAGE);
	igt_assert_eq(dgem_touch(ptr + middle * DGEM_PAGE, false), SIGSEGV);
	check_stamps(ptr, 3, middle);
	check_stamps(ptr, middle + 1, PAGES);

	/* A page in the middle is read-only for a while. */
	igt_assert_eq(mprotect(ptr + last * DGEM_PAGE, DGEM_PAGE, PROT_READ), 0);
	igt_assert_eq(dgem_touch(ptr + (last - 1) * DGEM_PAGE, true), 0);
	igt_assert_eq(dgem_touch(ptr + last * DGEM_PAGE, true), SIGSEGV);
	igt_assert_eq(dgem_touch(ptr + (last + 1) * DGEM_PAGE, true), 0);
	check_stamps(ptr, middle + 1, PAGES);
	igt_assert_eq(mprotect(ptr + last * DGEM_PAGE, DGEM_PAGE, PROT_READ | PROT_WRITE), 0);
	igt_assert_eq(dgem_touch(ptr + last * DGEM_PAGE, true), 0);

	/* The tail, an area of its own now, goes where its pages stand elsewhere in their table. */
	tail = ptr + (last + 1) * DGEM_PAGE;
	size = ptr + SIZE - tail;
	moved = mmap(NULL, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	igt_assert(moved != MAP_FAILED);
	igt_assert(mremap(tail, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, moved + DGEM_PAGE) ==
		   moved + DGEM_PAGE);
	for (uint64_t page = last + 1; page < PAGES; page++)
		igt_assert_eq_u32(*page_at(moved, page - last), stamp(page));
	check_stamps(ptr, middle + 1, last + 1);
	check_stamps(ptr, 3, middle);
	munmap(moved, SIZE);
	munmap(ptr, SIZE);
}

static void test_stamps(int fd, const struct dgem_kind *kind)
{
	const uint64_t past[] = { 0, 5 * DGEM_PAGE, HUGE_PAGE - DGEM_PAGE };
	const bool export = kind->caps & DRM_DGEM_CAP_EXPORT;
	uint32_t handle = create_stamped(fd, kind, SIZE);
	uint64_t offset = export ? 0 : dgem_mmap_offset(fd, handle);
	int file = export ? dgem_export(fd, handle) : fd;

	dgem_sync_start(fd, handle, DRM_DGEM_SYNC_READ, SIZE);
	for (int touched = 0; touched < 2; touched++) {
		take_apart(dgem_mmap(fd, handle, SIZE), touched);
		for (int i = 0; i < ARRAY_SIZE(past); i++)
			take_apart(map_file_at(file, offset, SIZE, past[i]), touched);
		igt_assert_eq_u32(dgem_vmas(fd, handle), 0);
	}
	dgem_sync_end(fd, handle, DRM_DGEM_SYNC_READ, SIZE);
	if (export)
		close(file);
	gem_close(fd, handle);
}

/* What the threads share. Threads do not assert: they count what must not happen. */
struct crowd {
	uint8_t *_Atomic ptr;
	atomic_int round, done, wrong, stop;
};

#define TOUCHERS	3
#define ROUNDS		21

static void *touch_thread(void *data)
{
	struct crowd *crowd = data;
	int round = 0, wrong = 0;
	uint64_t page = 0;

	while (!crowd->stop) {
		if (crowd->round == round) {
			sched_yield();
			continue;
		}
		round++;
		/* about every eleventh page, another order each time */
		for (int i = 0; i < PAGES / 11; i++) {
			page = (page + 11 + 2 * round) % PAGES;
			wrong += *page_at(crowd->ptr, page) != stamp(page);
		}
		crowd->wrong += wrong;
		crowd->done++;
	}
	return NULL;
}

static void *switch_thread(void *data)
{
	struct crowd *crowd = data;

	for (int on = 0; !crowd->stop; on = !on) {
		prctl(PR_SET_THP_DISABLE, on, 0, 0, 0);
		usleep(200);
	}
	prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
	return NULL;
}

static void crowded(int fd, bool switching)
{
	const struct dgem_kind *kind = &dgem_kinds[0];
	uint32_t handle = create_stamped(fd, kind, SIZE);
	int dmabuf = dgem_export(fd, handle);
	pthread_t threads[TOUCHERS + 1];
	struct crowd crowd = { };

	for (int i = 0; i < TOUCHERS; i++)
		igt_assert_eq(pthread_create(&threads[i], NULL, touch_thread, &crowd), 0);
	if (switching)
		igt_assert_eq(pthread_create(&threads[TOUCHERS], NULL, switch_thread, &crowd), 0);

	dgem_sync_start(fd, handle, DRM_DGEM_SYNC_READ, SIZE);
	for (int round = 0; round < ROUNDS && !crowd.wrong; round++) {
		crowd.done = 0;
		crowd.ptr = map_at(dmabuf, SIZE, round % 3 ? 0 : 9 * DGEM_PAGE);
		crowd.round++;
		while (crowd.done < TOUCHERS)
			usleep(100);
		munmap(crowd.ptr, SIZE);
	}
	dgem_sync_end(fd, handle, DRM_DGEM_SYNC_READ, SIZE);

	crowd.stop = 1;
	for (int i = 0; i < TOUCHERS + switching; i++)
		igt_assert_eq(pthread_join(threads[i], NULL), 0);
	igt_assert_eq(crowd.wrong, 0);
	close(dmabuf);
	gem_close(fd, handle);
}

static void test_threads(int fd)
{
	crowded(fd, false);
}

static void test_switch_huge(int fd)
{
	crowded(fd, true);
}

/* Bytes of page tables that touching a fresh mapping takes. */
static uint64_t table_bytes(int dmabuf)
{
	uint8_t *ptr = map_at(dmabuf, SIZE, 0);
	uint64_t before = proc_status("VmPTE"), after;

	check_stamps(ptr, 0, PAGES);
	after = proc_status("VmPTE");
	munmap(ptr, SIZE);
	return after - before;
}

static void test_huge_off(int fd)
{
	uint32_t handle = create_stamped(fd, &dgem_kinds[0], SIZE);
	int dmabuf = dgem_export(fd, handle);
	uint64_t on, off;

	dgem_sync_start(fd, handle, DRM_DGEM_SYNC_READ, SIZE);
	table_bytes(dmabuf);
	on = table_bytes(dmabuf);
	igt_assert_eq(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0), 0);
	off = table_bytes(dmabuf);
	igt_assert_eq(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0), 0);
	dgem_sync_end(fd, handle, DRM_DGEM_SYNC_READ, SIZE);
	igt_info("page tables: %d KiB, huge pages off: %d KiB\n", (int)on, (int)off);
	igt_assert_eq_u64(on, off);
	close(dmabuf);
	gem_close(fd, handle);
}

static const struct dgem_kind_test kind_tests[] = {
	{ "count", "Touching all pages takes far less faults than there are pages.", test_count },
	{ "stamps", "Every page left of a large mapping is the one that belongs there.",
	  test_stamps },
};

static const struct dgem_test tests[] = {
	{ "lone", "A page that is touched alone is mapped alone.", test_lone },
	{ "sequence", "Pages touched in sequence come in batches that double.", test_sequence },
	{ "threads", "Threads that touch one mapping find the pages that belong there.",
	  test_threads },
	{ "switch-huge", "The same while huge pages are switched on and off.", test_switch_huge },
	{ "huge-off", "Huge pages switched off make no difference.", test_huge_off },
};

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = dgem_open();

	dgem_kind_subtests(fd, kind_tests, ARRAY_SIZE(kind_tests),
			   DRM_DGEM_CAP_MMAP | DGEM_AND_FOREIGN);
	dgem_subtests(fd, tests, ARRAY_SIZE(tests));

	igt_fixture()
		close(fd);
}
