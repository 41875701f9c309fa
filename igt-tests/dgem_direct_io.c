// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/mount.h>

#include "igt.h"

#include "dgem_bind.h"
#include "dgem_disk.h"
#include "dgem_util.h"

/**
 * TEST: dgem direct io
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: direct I/O
 * Description: Disks and io_uring work on mappings that were made for it, and on no others.
 *
 * SUBTEST: read-%s
 * Description: What is read from a disk into a mapping is there, for the CPU and for the engine.
 *
 * SUBTEST: write-%s
 * Description: What the CPU and the engine wrote is written to a disk.
 *
 * SUBTEST: file-%s
 * Description: The same for reading a file of a file system.
 *
 * SUBTEST: uring-%s
 * Description: io_uring reads and writes a mapping, by its address and as a registered buffer.
 *
 * SUBTEST: fork-%s
 * Description: What a child reads from a disk is in its parent's mapping.
 *
 * SUBTEST: parts-%s
 * Description: What is left of a mapping is read into where it belongs, the rest is EFAULT.
 *
 * SUBTEST: advice-%s
 * Description: Whatever the kernel is told about the memory, its content stays.
 *
 * SUBTEST: threads-%s
 * Description: Touching, dropping and reading pages at the same time shows each what belongs there.
 *
 * SUBTEST: pinned-%s
 * Description: Pages that I/O holds when their object goes are not handed out before it is over,
 *		and are charged to the file until then.
 *
 * SUBTEST: unplug-%s
 * Description: When the device goes, mappings are gone for I/O, too, and held pages are safe.
 *
 * SUBTEST: purge-%s
 * Description: The memory cannot be purged.
 *
 * arg[1].values: direct-pages, direct-vmalloc
 *
 * SUBTEST: refused-%s
 * Description: Mappings of objects that were not made for it are EFAULT, those of dma-bufs, too.
 *
 * arg[1].values: contiguous, coherent, wc, pages, lazy, vmalloc, reserved, import
 */

IGT_TEST_DESCRIPTION("Disks and io_uring work on mappings that were made for it.");

/* A huge page; but where a device copies, less: QEMU's edu takes 0.2 s for each page. */
static uint64_t part;
/* two parts and a bit */
#define PAGES	(2 * part / DGEM_PAGE + 3)
#define SIZE	(PAGES * DGEM_PAGE)

/* Whole, and a piece that begins and ends off a page and crosses from one part to the next. */
static void test_read(int fd, const struct dgem_kind *kind)
{
	const uint64_t odd = part - 3 * DGEM_PAGE + 512, length = 5 * DGEM_PAGE + 1024;
	uint32_t handle = dgem_create(fd, kind, SIZE), copy = dgem_create_contiguous(fd, SIZE);
	struct dgem_disk disk;
	uint8_t *ptr;

	dgem_disk_open(&disk, SIZE, 1);
	ptr = dgem_mmap(fd, handle, SIZE);
	dgem_sync_start(fd, handle, DRM_DGEM_SYNC_WRITE, SIZE);
	dgem_disk_read(&disk, ptr, SIZE, 0);
	dgem_sync_end(fd, handle, DRM_DGEM_SYNC_WRITE, SIZE);
	dgem_check(ptr, 0, SIZE, 1);
	dgem_copy(fd, handle, 0, copy, 0, SIZE);
	dgem_check_object(fd, copy, SIZE, 1);

	dgem_disk_fill(&disk, 2);
	dgem_sync_start(fd, handle, DRM_DGEM_SYNC_WRITE, SIZE);
	dgem_disk_read(&disk, ptr + odd, length, odd);
	dgem_sync_end(fd, handle, DRM_DGEM_SYNC_WRITE, SIZE);
	dgem_copy(fd, handle, 0, copy, 0, SIZE);
	munmap(ptr, SIZE);

	ptr = dgem_mmap(fd, copy, SIZE);
	dgem_sync_start(fd, copy, DRM_DGEM_SYNC_READ, SIZE);
	dgem_check(ptr, 0, odd, 1);
	dgem_check(ptr + odd, odd, length, 2);
	dgem_check(ptr + odd + length, odd + length, SIZE - odd - length, 1);
	dgem_sync_end(fd, copy, DRM_DGEM_SYNC_READ, SIZE);
	munmap(ptr, SIZE);
	dgem_disk_close(&disk);
	gem_close(fd, copy);
	gem_close(fd, handle);
}

static void test_write(int fd, const struct dgem_kind *kind)
{
	uint32_t handle = dgem_create_filled(fd, kind, SIZE, 2);
	uint32_t src = dgem_create_filled(fd, &dgem_kinds[0], SIZE, 3);
	struct dgem_disk disk;
	uint8_t *ptr;

	dgem_disk_open(&disk, SIZE, 1);
	ptr = dgem_mmap(fd, handle, SIZE);
	dgem_disk_write(&disk, ptr, SIZE, 0);
	dgem_disk_check(&disk, SIZE, 2);
	dgem_copy(fd, src, 0, handle, 0, SIZE);
	dgem_sync_start(fd, handle, DRM_DGEM_SYNC_READ, SIZE);
	dgem_disk_write(&disk, ptr, SIZE, 0);
	dgem_sync_end(fd, handle, DRM_DGEM_SYNC_READ, SIZE);
	dgem_disk_check(&disk, SIZE, 3);
	munmap(ptr, SIZE);
	dgem_disk_close(&disk);
	gem_close(fd, src);
	gem_close(fd, handle);
}

/* A program in a directory, opened for direct I/O and otherwise; false if there is none. */
static bool open_program(const char *dir, int files[2])
{
	static const char * const names[] = { "usr/bin/bash", "bin/bash", "usr/bin/busybox" };

	for (int i = 0; i < ARRAY_SIZE(names); i++) {
		char path[256];

		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		files[0] = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
		if (files[0] < 0)
			continue;
		files[1] = open(path, O_RDONLY | O_CLOEXEC);
		igt_assert_fd(files[1]);
		return true;
	}
	return false;
}

/* The same on any disk with an ext file system, which may be mounted where nobody sees it. */
static bool open_program_on_disk(int files[2])
{
	FILE *partitions = fopen("/proc/partitions", "r");
	char line[128], name[64], dir[] = "/tmp/dgem-disk-XXXXXX";
	bool found = false;

	igt_assert(mkdtemp(dir));
	while (partitions && !found && fgets(line, sizeof(line), partitions)) {
		char path[80];

		if (sscanf(line, "%*u %*u %*u %63s", name) != 1)
			continue;
		snprintf(path, sizeof(path), "/dev/%s", name);
		if (mount(path, dir, "ext2", MS_RDONLY | MS_SILENT, NULL) &&
		    mount(path, dir, "ext4", MS_RDONLY | MS_SILENT, NULL))
			continue;
		found = open_program(dir, files);
		igt_assert_eq(umount2(dir, MNT_DETACH), 0);
	}
	if (partitions)
		fclose(partitions);
	rmdir(dir);
	errno = 0;
	return found;
}

static void test_file(int fd, const struct dgem_kind *kind)
{
	const uint64_t length = 16 * DGEM_PAGE, at = 3 * DGEM_PAGE;
	uint32_t handle = dgem_create(fd, kind, SIZE), copy = dgem_create_contiguous(fd, SIZE);
	uint8_t *ptr = dgem_mmap(fd, handle, SIZE), *seen, *expect = malloc(length);
	int files[2];

	igt_require_f(open_program_on_disk(files), "no disk with an ext file system is at hand\n");
	igt_assert_eq_s64(pread(files[1], expect, length, 0), length);
	igt_assert(!dgem_is_zero(expect, length));

	dgem_sync_start(fd, handle, DRM_DGEM_SYNC_WRITE, SIZE);
	igt_assert_eq_s64(pread(files[0], ptr + at, length, 0), length);
	dgem_sync_end(fd, handle, DRM_DGEM_SYNC_WRITE, SIZE);
	igt_assert(!memcmp(ptr + at, expect, length));
	igt_assert(dgem_is_zero(ptr, at));
	igt_assert(dgem_is_zero(ptr + at + length, SIZE - at - length));
	dgem_copy(fd, handle, 0, copy, 0, SIZE);
	seen = dgem_mmap(fd, copy, SIZE);
	dgem_sync_start(fd, copy, DRM_DGEM_SYNC_READ, SIZE);
	igt_assert(!memcmp(seen + at, expect, length));
	dgem_sync_end(fd, copy, DRM_DGEM_SYNC_READ, SIZE);

	munmap(seen, SIZE);
	munmap(ptr, SIZE);
	free(expect);
	close(files[0]);
	close(files[1]);
	gem_close(fd, copy);
	gem_close(fd, handle);
}

static void test_uring(int fd, const struct dgem_kind *kind)
{
	uint32_t handle = dgem_create(fd, kind, SIZE), copy = dgem_create_contiguous(fd, SIZE);
	uint8_t *ptr = dgem_mmap(fd, handle, SIZE);
	struct dgem_disk disk;
	struct dgem_ring ring;

	dgem_ring_open(&ring);
	dgem_disk_open(&disk, SIZE, 1);
	dgem_sync_start(fd, handle, DRM_DGEM_SYNC_WRITE, SIZE);
	igt_assert_eq(dgem_ring_io(&ring, IORING_OP_READ, disk.dev, ptr, SIZE, 0), SIZE);
	dgem_sync_end(fd, handle, DRM_DGEM_SYNC_WRITE, SIZE);
	dgem_check(ptr, 0, SIZE, 1);
	dgem_copy(fd, handle, 0, copy, 0, SIZE);
	dgem_check_object(fd, copy, SIZE, 1);

	dgem_ring_register(&ring, ptr, SIZE);
	dgem_disk_fill(&disk, 2);
	dgem_sync_start(fd, handle, DRM_DGEM_SYNC_WRITE, SIZE);
	igt_assert_eq(dgem_ring_io(&ring, IORING_OP_READ_FIXED, disk.dev, ptr, SIZE, 0), SIZE);
	dgem_sync_end(fd, handle, DRM_DGEM_SYNC_WRITE, SIZE);
	dgem_check(ptr, 0, SIZE, 2);
	dgem_copy(fd, handle, 0, copy, 0, SIZE);
	dgem_check_object(fd, copy, SIZE, 2);

	dgem_fill_object(fd, handle, SIZE, 3);
	igt_assert_eq(dgem_ring_io(&ring, IORING_OP_WRITE_FIXED, disk.dev, ptr, SIZE, 0), SIZE);
	dgem_disk_check(&disk, SIZE, 3);
	dgem_ring_unregister(&ring);
	munmap(ptr, SIZE);
	dgem_disk_close(&disk);
	dgem_ring_close(&ring);
	gem_close(fd, copy);
	gem_close(fd, handle);
}

static void test_fork(int fd, const struct dgem_kind *kind)
{
	uint32_t handle = dgem_create(fd, kind, SIZE);
	uint8_t *ptr = dgem_mmap(fd, handle, SIZE);
	struct dgem_disk disk;

	dgem_disk_open(&disk, SIZE, 1);
	igt_assert_eq(dgem_touch(ptr + DGEM_PAGE, true), 0);
	igt_fork(child, 2) {
		uint64_t at = child * part;

		dgem_disk_read(&disk, ptr + at, part, at);
		dgem_check(ptr + at, at, part, 1);
	}
	igt_waitchildren();
	dgem_check(ptr, 0, 2 * part, 1);
	igt_assert(dgem_is_zero(ptr + 2 * part, SIZE - 2 * part));
	munmap(ptr, SIZE);
	dgem_disk_close(&disk);
	gem_close(fd, handle);
}

static void check_page(const uint8_t *ptr, uint64_t page, uint32_t seed)
{
	dgem_check(ptr, page * DGEM_PAGE, DGEM_PAGE, seed);
}

static void test_parts(int fd, const struct dgem_kind *kind)
{
	/* neither of the first two is a multiple of 11, see below */
	const uint64_t hole = PAGES / 110 * 11 + 1, locked = PAGES / 55 * 11 + 2;
	const uint64_t last = part / DGEM_PAGE + 7;
	uint32_t handle = dgem_create(fd, kind, SIZE);
	uint8_t *moved, *ptr;
	struct dgem_disk disk;

	dgem_disk_open(&disk, SIZE, 1);
	for (int touched = 0; touched < 2; touched++) {
		uint64_t tail = (PAGES - last) * DGEM_PAGE;

		dgem_fill_object(fd, handle, SIZE, 9);
		ptr = dgem_mmap(fd, handle, SIZE);
		if (touched)
			dgem_check(ptr, 0, SIZE, 9);
		moved = mmap(NULL, tail, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		igt_assert(moved != MAP_FAILED);

		munmap(ptr + hole * DGEM_PAGE, DGEM_PAGE);
		igt_assert_eq(mprotect(ptr + locked * DGEM_PAGE, DGEM_PAGE, PROT_READ), 0);
		igt_assert(mremap(ptr + last * DGEM_PAGE, tail, tail, MREMAP_MAYMOVE | MREMAP_FIXED,
				  moved) == moved);

		dgem_disk_read_err(&disk, ptr + hole * DGEM_PAGE, DGEM_PAGE, EFAULT);
		dgem_disk_read_err(&disk, ptr + locked * DGEM_PAGE, DGEM_PAGE, EFAULT);
		dgem_disk_read_err(&disk, ptr + last * DGEM_PAGE, DGEM_PAGE, EFAULT);
		for (uint64_t page = 0; page < PAGES; page += 11) {
			uint8_t *at = page < last ? ptr + page * DGEM_PAGE
						  : moved + (page - last) * DGEM_PAGE;

			dgem_disk_read(&disk, at, DGEM_PAGE, page * DGEM_PAGE);
		}
		munmap(moved, tail);
		munmap(ptr, SIZE);

		ptr = dgem_mmap(fd, handle, SIZE);
		for (uint64_t page = 0; page < PAGES; page++)
			check_page(ptr + page * DGEM_PAGE, page, page % 11 ? 9 : 1);
		munmap(ptr, SIZE);
	}
	dgem_disk_close(&disk);
	gem_close(fd, handle);
}

static void test_advice(int fd, const struct dgem_kind *kind)
{
	/* whatever the kernel answers */
	static const int advice[] = {
		MADV_DONTNEED, MADV_COLD, MADV_PAGEOUT, MADV_FREE, MADV_REMOVE, MADV_HUGEPAGE,
		MADV_NOHUGEPAGE, MADV_POPULATE_READ, MADV_POPULATE_WRITE, MADV_WILLNEED,
		MADV_MERGEABLE, 25 /* MADV_COLLAPSE */,
	};
	uint32_t handle = dgem_create_filled(fd, kind, SIZE, 1);
	uint8_t *ptr = dgem_mmap(fd, handle, SIZE);

	for (int i = 0; i < ARRAY_SIZE(advice); i++) {
		/* a part of a huge page, and whole ones */
		madvise(ptr + 5 * DGEM_PAGE, 9 * DGEM_PAGE, advice[i]);
		dgem_check(ptr, 0, SIZE, 1);
		madvise(ptr, SIZE, advice[i]);
		dgem_check(ptr, 0, SIZE, 1);
	}
	/* it is no memory of the process, which it could drop and get back empty */
	igt_assert_eq(madvise(ptr, SIZE, MADV_DONTNEED), 0);
	dgem_check(ptr, 0, SIZE, 1);
	munmap(ptr, SIZE);
	dgem_check_object(fd, handle, SIZE, 1);
	gem_close(fd, handle);
}

/* Threads do not assert: they count what must not happen. */
struct crowd {
	struct dgem_disk *disk;
	uint8_t *ptr;
	atomic_int wrong, stop;
};

static void *touch_thread(void *data)
{
	struct crowd *crowd = data;

	for (uint64_t page = 0; !crowd->stop; page = (page + 13) % PAGES) {
		uint64_t offset = page * DGEM_PAGE + 512 * (page % 8);

		crowd->wrong += *(volatile uint8_t *)(crowd->ptr + offset) !=
				dgem_pattern(offset, 1);
	}
	return NULL;
}

static void *drop_thread(void *data)
{
	struct crowd *crowd = data;

	for (uint64_t page = 0; !crowd->stop; page = (page + 77) % PAGES) {
		madvise(crowd->ptr, SIZE, MADV_DONTNEED);
		mprotect(crowd->ptr + page * DGEM_PAGE, DGEM_PAGE, PROT_READ);
		sched_yield();
		mprotect(crowd->ptr + page * DGEM_PAGE, DGEM_PAGE, PROT_READ | PROT_WRITE);
	}
	return NULL;
}

#define ROUNDS	10

static void test_threads(int fd, const struct dgem_kind *kind)
{
	void *(* const bodies[])(void *) = { touch_thread, touch_thread, drop_thread };
	uint32_t handle = dgem_create_filled(fd, kind, SIZE, 1);
	pthread_t threads[ARRAY_SIZE(bodies)];
	struct crowd crowd = { };
	struct dgem_disk disk;

	dgem_disk_open(&disk, SIZE, 1);
	crowd.disk = &disk;
	crowd.ptr = dgem_mmap(fd, handle, SIZE);
	for (int i = 0; i < ARRAY_SIZE(threads); i++)
		igt_assert_eq(pthread_create(&threads[i], NULL, bodies[i], &crowd), 0);
	/* what is read is what is there; a page that is read-only for a moment is in the way */
	for (int round = 0; round < ROUNDS; round++) {
		ssize_t ret = pread(disk.dev, crowd.ptr, SIZE, 0);

		if (ret < 0)
			igt_assert_eq(errno, EFAULT);
	}
	crowd.stop = 1;
	for (int i = 0; i < ARRAY_SIZE(threads); i++)
		igt_assert_eq(pthread_join(threads[i], NULL), 0);
	igt_assert_eq(crowd.wrong, 0);
	dgem_check(crowd.ptr, 0, SIZE, 1);
	munmap(crowd.ptr, SIZE);
	dgem_disk_close(&disk);
	gem_close(fd, handle);
}

#define HOARD	6

/* Objects with and without the flag, each with its pattern: a recycled block would be in one. */
static int hoard(int fd, const struct dgem_kind *kind, uint32_t *handles)
{
	int count = 0;

	for (int i = 0; i < HOARD; i++) {
		const struct dgem_kind plain = { .kind = kind->kind };
		uint64_t size = SIZE;

		if (__dgem_create_kind(fd, i % 2 ? &plain : kind, &size, &handles[count]))
			continue;
		dgem_fill_object(fd, handles[count], SIZE, 100 + count);
		count++;
	}
	return count;
}

static void test_pinned(int fd, const struct dgem_kind *kind)
{
	uint32_t handle = dgem_create_filled(fd, kind, SIZE, 3), handles[HOARD];
	struct drm_dgem_query_stats before, now;
	uint8_t *ptr = dgem_mmap(fd, handle, SIZE);
	struct dgem_disk disk;
	struct dgem_ring ring;
	int64_t end;
	int count;

	dgem_ring_open(&ring);
	dgem_disk_open(&disk, SIZE, 1);
	dgem_ring_register(&ring, ptr, SIZE);
	dgem_query_stats(fd, &before);
	munmap(ptr, SIZE);
	gem_close(fd, handle);
	dgem_query_stats(fd, &now);
	igt_assert_eq_u64(now.objects, before.objects - 1);
	/* It is looked at several times a second whether they are back. */
	for (int i = 0; i < 4; i++) {
		igt_assert_eq_u64(now.bytes, before.bytes);
		igt_assert_eq_u64(now.file_bytes, before.file_bytes);
		dgem_sleep_ms(250);
		dgem_query_stats(fd, &now);
	}

	/* The ring has the pages yet: what they hold is still theirs ... */
	count = hoard(fd, kind, handles);
	igt_assert_lte(1, count);
	igt_assert_eq(dgem_ring_io(&ring, IORING_OP_WRITE_FIXED, disk.dev, ptr, SIZE, 0), SIZE);
	dgem_disk_check(&disk, SIZE, 3);
	/* ... and what is read into them is nobody else's. */
	dgem_disk_fill(&disk, 4);
	igt_assert_eq(dgem_ring_io(&ring, IORING_OP_READ_FIXED, disk.dev, ptr, SIZE, 0), SIZE);
	for (int i = 0; i < count; i++) {
		dgem_check_object(fd, handles[i], SIZE, 100 + i);
		gem_close(fd, handles[i]);
	}
	dgem_query_stats(fd, &now);
	igt_assert_lte_u64(before.file_bytes, now.file_bytes);

	dgem_ring_unregister(&ring);
	end = dgem_now() + 10 * NSEC_PER_SEC;
	do {
		dgem_sleep_ms(50);
		dgem_query_stats(fd, &now);
	} while ((now.bytes != before.bytes - SIZE || now.file_bytes != before.file_bytes - SIZE) &&
		 dgem_now() < end);
	igt_assert_eq_u64(now.bytes, before.bytes - SIZE);
	igt_assert_eq_u64(now.file_bytes, before.file_bytes - SIZE);
	dgem_disk_close(&disk);
	dgem_ring_close(&ring);
}

static void test_unplug(int fd, const struct dgem_kind *kind)
{
	struct dgem_disk disk;
	struct dgem_ring ring;
	uint32_t handle;
	uint8_t *ptr;
	int file;

	igt_require_f(dgem_can_unbind(), "the device cannot be unbound\n");
	dgem_ring_open(&ring);
	dgem_disk_open(&disk, SIZE, 1);
	file = dgem_open();
	handle = dgem_create_filled(file, kind, SIZE, 3);
	ptr = dgem_mmap(file, handle, SIZE);
	dgem_check(ptr, 0, SIZE, 3);
	dgem_ring_register(&ring, ptr, SIZE);

	dgem_unbind();
	igt_assert_eq(dgem_touch(ptr, false), SIGBUS);
	igt_assert_eq(dgem_touch(ptr + SIZE - 1, true), SIGBUS);
	dgem_disk_read_err(&disk, ptr, DGEM_PAGE, EFAULT);
	igt_assert_eq(dgem_ring_io(&ring, IORING_OP_WRITE_FIXED, disk.dev, ptr, SIZE, 0), SIZE);
	dgem_disk_check(&disk, SIZE, 3);
	close(file);
	munmap(ptr, SIZE);
	igt_assert_eq(dgem_ring_io(&ring, IORING_OP_READ_FIXED, disk.dev, ptr, SIZE, 0), SIZE);
	dgem_bind();

	dgem_ring_unregister(&ring);
	dgem_disk_close(&disk);
	dgem_ring_close(&ring);
}

static void test_purge(int fd, const struct dgem_kind *kind)
{
	uint32_t handle = dgem_create_filled(fd, kind, SIZE, 1);

	igt_assert_eq(__dgem_purge(fd, handle, 0, SIZE, 0), -EOPNOTSUPP);
	igt_assert_eq(__dgem_purge(fd, handle, 0, SIZE, DRM_DGEM_PURGE_FORCE), -EOPNOTSUPP);
	dgem_check_object(fd, handle, SIZE, 1);
	gem_close(fd, handle);
}

static void refuse(struct dgem_disk *disk, struct dgem_ring *ring, uint8_t *ptr)
{
	for (int touched = 0; touched < 2; touched++) {
		dgem_disk_read_err(disk, ptr, DGEM_PAGE, EFAULT);
		errno = 0;
		igt_assert_eq_s64(pwrite(disk->dev, ptr, DGEM_PAGE, 0), -1);
		igt_assert_eq(errno, EFAULT);
		igt_assert_eq(dgem_ring_io(ring, IORING_OP_READ, disk->dev, ptr, DGEM_PAGE, 0),
			      -EFAULT);
		igt_assert_eq(__dgem_ring_register(ring, ptr, DGEM_PAGE), -EFAULT);
		dgem_check(ptr, 0, 4 * DGEM_PAGE, 2);
	}
	munmap(ptr, 4 * DGEM_PAGE);
}

static void test_refused(int fd, const struct dgem_kind *kind)
{
	uint32_t handle = dgem_create_filled(fd, kind, 4 * DGEM_PAGE, 2);
	int dmabuf = dgem_export(fd, handle);
	struct dgem_disk disk;
	struct dgem_ring ring;
	void *ptr;

	dgem_ring_open(&ring);
	dgem_disk_open(&disk, SIZE, 1);
	refuse(&disk, &ring, dgem_mmap(fd, handle, 4 * DGEM_PAGE));
	ptr = mmap(NULL, 4 * DGEM_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);
	igt_assert(ptr != MAP_FAILED);
	refuse(&disk, &ring, ptr);
	dgem_disk_close(&disk);
	dgem_ring_close(&ring);
	close(dmabuf);
	gem_close(fd, handle);
}

static const struct dgem_kind_test tests[] = {
	{ "read", "The CPU and the engine find what a disk has.", test_read,
	  DGEM_KIND_DIRECT_IO },
	{ "write", "What the CPU and the engine wrote is on the disk.", test_write,
	  DGEM_KIND_DIRECT_IO },
	{ "file", "The same for reading a file.", test_file, DGEM_KIND_DIRECT_IO },
	{ "uring", "io_uring reads and writes a mapping.", test_uring, DGEM_KIND_DIRECT_IO },
	{ "fork", "What a child reads is in its parent's mapping.", test_fork,
	  DGEM_KIND_DIRECT_IO },
	{ "parts", "What is left of a mapping is read into.", test_parts, DGEM_KIND_DIRECT_IO },
	{ "advice", "The content stays.", test_advice, DGEM_KIND_DIRECT_IO },
	{ "threads", "Touching, dropping and reading at the same time.", test_threads,
	  DGEM_KIND_DIRECT_IO },
	{ "pinned", "Pages that I/O holds are not handed out.", test_pinned,
	  DGEM_KIND_DIRECT_IO },
	{ "purge", "The memory cannot be purged.", test_purge, DGEM_KIND_DIRECT_IO },
	{ "refused", "Other mappings are EFAULT.", test_refused, 0, DGEM_KIND_DIRECT_IO },
};

int igt_main()
{
	struct drm_dgem_query_engine engine;
	const struct dgem_kind *kind;
	int fd = -1;

	igt_fixture() {
		fd = dgem_open();
		dgem_query_engine(fd, &engine);
		part = engine.type == DRM_DGEM_ENGINE_DMA ? 16 * DGEM_PAGE : 2 * DGEM_MIB;
	}

	dgem_kind_subtests(fd, tests, ARRAY_SIZE(tests), DRM_DGEM_CAP_MMAP | DGEM_AND_FOREIGN);

	igt_fixture()
		close(fd);

	/* the device that is open would be gone */
	for_each_dgem_kind(kind, DRM_DGEM_CAP_MMAP) {
		if (!(kind->traits & DGEM_KIND_DIRECT_IO))
			continue;
		igt_describe("Held pages are safe when the device goes.");
		igt_subtest_f("unplug-%s", kind->name)
			test_unplug(-1, kind);
	}

	igt_fixture()
		dgem_bind();
}
