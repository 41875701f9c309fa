// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <inttypes.h>
#include <linux/dma-buf.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "igt.h"

#include "dgem_bind.h"
#include "dgem_child.h"
#include "dgem_instance.h"
#include "dgem_util.h"

/**
 * TEST: dgem reach
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: buffer sharing
 * Description: What importers of all sorts get of the memory: devices without DMA, of few address
 *		bits, on a bus with addresses of its own, or without coherency.
 *
 * SUBTEST: no-dma-%s
 * Description: A device without DMA attaches, and maps memory for the CPU, but not for itself.
 *
 * SUBTEST: mask-%s
 * Description: A device whose mask ends below the memory is refused; one bit more, and it is not.
 *
 * SUBTEST: offset-all-%s
 * Description: On a bus with an offset that has all memory, a device gets the bus's addresses.
 *
 * SUBTEST: offset-part-%s
 * Description: The same on a bus that has just the object's memory, where swiotlb can be asked.
 *
 * SUBTEST: offset-hole-%s
 * Description: On a bus that has all but the object's memory, a device is refused.
 *
 * SUBTEST: offset-mask-%s
 * Description: Refused is a device that would reach the memory but for the offset of its bus.
 *
 * SUBTEST: offset-banks-%s
 * Description: The same where a bank in the middle of the memory is the last one on the bus.
 *
 * SUBTEST: no-memmap-%s
 * Description: Where the instance's memory has no struct pages, the first job finds the right data.
 *
 * SUBTEST: no-memmap-engine-%s
 * Description: The same with a DMA engine, for which the job has the memory mapped.
 *
 * SUBTEST: no-memmap-hole-%s
 * Description: A bus that does not have such memory is one where it can't even be bounced.
 *
 * arg[1].values: contiguous, coherent, wc, pages, lazy, vmalloc, reserved
 *
 * SUBTEST: order-%s
 * Description: After a window, the instance cleans before an importer's mapping is invalidated.
 *
 * SUBTEST: snoop-%s
 * Description: What an instance that snoops exports is synced for an importer that doesn't.
 *
 * arg[1].values: contiguous, pages, lazy, vmalloc
 */

IGT_TEST_DESCRIPTION("Importers of all sorts get memory that they reach, and what the CPU wrote.");

#define GUEST	"/dev/dma_guest"
#define TRACING	"/sys/kernel/tracing"
#define OURS	TRACING "/instances/igt-dgem-reach"
#define PAGES	19
#define SIZE	(PAGES * DGEM_PAGE)
#define ALL	64

/*
 * Instances of the device tree's: that of a device that snoops, and two with a "no-map" region, one
 * of which has a DMA engine.
 */
#define SNOOPS		"snoops"
#define NO_MAP		"nomap"
#define NO_MAP_ENGINE	"nomap-zdma"

/* What a device of the module dma_guest says of itself */
struct guest {
	char name[64];
	bool coherent;
	char peeked[80];
	/* the addresses of the pages */
	uint64_t pages[PAGES];
	int count;
};

static int guest_open(void)
{
	int guest = open(GUEST, O_RDWR | O_CLOEXEC);

	igt_assert_fd(guest);
	return guest;
}

__attribute__((format(printf, 2, 3)))
static int __tell(int guest, const char *format, ...)
{
	char text[96];
	va_list args;
	int err = 0;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (write(guest, text, strlen(text)) < 0)
		err = -errno;
	errno = 0;
	igt_debug("%s: %d\n", text, err);
	return err;
}

#define tell(guest, ...)	igt_assert_eq(__tell(guest, __VA_ARGS__), 0)

/* One line of what is read */
static void parse(struct guest *is, const char *line)
{
	uint64_t address, length;
	int coherent;

	sscanf(line, "device %63s", is->name);
	sscanf(line, "peeked %79s", is->peeked);
	if (sscanf(line, "coherent %d", &coherent) == 1)
		is->coherent = coherent;
	if (sscanf(line, "segment %" SCNx64 " %" SCNx64, &address, &length) != 2)
		return;
	igt_assert_eq_u64(length % DGEM_PAGE, 0);
	for (; length; length -= DGEM_PAGE, address += DGEM_PAGE) {
		igt_assert_lt(is->count, PAGES);
		is->pages[is->count++] = address;
	}
}

static void ask(int guest, struct guest *is)
{
	char line[256];
	FILE *file = fdopen(dup(guest), "r");

	igt_assert(file);
	rewind(file);
	memset(is, 0, sizeof(*is));
	while (fgets(line, sizeof(line), file))
		parse(is, line);
	fclose(file);
	errno = 0;
}

/* A device of that many address bits, on a bus that is the CPU's. */
static int __attach(int guest, int bits, int dmabuf)
{
	int err;

	if (bits)
		tell(guest, "mask %d", bits);
	err = __tell(guest, "attach %d", dmabuf);
	if (err == -EIO)
		close(guest);
	igt_require_f(err != -EIO, "the kernel has no memory for devices of %d bits\n", bits);
	return err;
}

/* From the first byte of the lowest page to the last one of the highest */
static void extent(const struct guest *is, uint64_t *first, uint64_t *last)
{
	*first = UINT64_MAX;
	*last = 0;
	for (int i = 0; i < PAGES; i++) {
		if (is->pages[i] < *first)
			*first = is->pages[i];
		if (is->pages[i] + DGEM_PAGE - 1 > *last)
			*last = is->pages[i] + DGEM_PAGE - 1;
	}
}

/* All of the machine's memory, and this object's; and what is added to it on a bus */
struct bus {
	uint64_t start, end, delta;
};

static void machine_memory(struct bus *bus, uint64_t first, uint64_t last)
{
	FILE *file = fopen("/proc/iomem", "r");
	uint64_t start, end;
	char line[256];

	igt_assert(file);
	bus->start = first;
	bus->end = last + 1;
	while (fgets(line, sizeof(line), file)) {
		if (!strstr(line, "System RAM") ||
		    sscanf(line, "%" SCNx64 "-%" SCNx64, &start, &end) != 2)
			continue;
		bus->start = start < bus->start ? start : bus->start;
		bus->end = end + 1 > bus->end ? end + 1 : bus->end;
	}
	fclose(file);
	bus->start &= ~(DGEM_PAGE - 1);
	/* an address on the bus may have 32 bits only */
	bus->delta = bus->start >= 512 * DGEM_MIB ? -256 * DGEM_MIB : 256 * DGEM_MIB;
}

static void add_range(int guest, uint64_t start, uint64_t end, uint64_t delta)
{
	if (start < end)
		tell(guest, "range %#" PRIx64 " %#" PRIx64 " %#" PRIx64, start, start + delta,
		     end - start);
}

static bool has_swiotlb(void)
{
	FILE *file = fopen("/sys/kernel/debug/swiotlb/io_tlb_nslabs", "r");
	unsigned long slots = 0;

	if (!file) {
		errno = 0;
		return false;
	}
	igt_assert_eq(fscanf(file, "%lu", &slots), 1);
	fclose(file);
	return slots;
}

/* The end of what swiotlb copies into, as the kernel told when it started; 0 if it did not */
static uint64_t swiotlb_end(void)
{
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	uint64_t end = 0;
	char line[8192];
	ssize_t length;

	igt_assert_fd(log);
	while (!end && ((length = read(log, line, sizeof(line) - 1)) > 0 || errno == EPIPE)) {
		const char *at;

		if (length < 0)
			continue;
		line[length] = '\0';
		at = strstr(line, "software IO TLB: mapped [mem 0x");
		if (at)
			sscanf(at, "software IO TLB: mapped [mem %*x-%" SCNx64, &end);
	}
	close(log);
	errno = 0;
	return end;
}

/* Whether the kernel has warned of something since it was started */
static bool has_warned(void)
{
	FILE *file = fopen("/proc/sys/kernel/tainted", "r");
	unsigned long taint = 0;

	igt_assert(file);
	igt_assert_eq(fscanf(file, "%lu", &taint), 1);
	fclose(file);
	return taint & (1 << 9);
}

/* An object that has been exported, and what is to stay as it was */
struct export {
	int fd, dmabuf;
	/* the instance's device does */
	bool snoops;
	uint32_t handle;
	uint64_t errors;
	bool warned;
};

static void export_make(struct export *export, int fd, const struct dgem_kind *kind)
{
	export->fd = fd;
	export->snoops = dgem_snoops(fd);
	export->errors = dgem_dma_errors();
	export->warned = has_warned();
	export->handle = dgem_create_filled(fd, kind, SIZE, 1);
	export->dmabuf = dgem_export(fd, export->handle);
}

static void export_end(struct export *export)
{
	close(export->dmabuf);
	gem_close(export->fd, export->handle);
	igt_assert_eq_u64(dgem_dma_errors(), export->errors);
	igt_assert_eq(has_warned(), export->warned);
}

/* A device that snoops if the instance's does: any other is not given all kinds. */
static int guest_like(const struct export *export)
{
	int guest = guest_open();

	tell(guest, "coherent %d", export->snoops);
	return guest;
}

/* Where the memory is, as a device sees it that reaches everything. It keeps it mapped. */
static int find_memory(const struct export *export, struct guest *is)
{
	int guest = guest_like(export);

	igt_assert_eq(__attach(guest, ALL, export->dmabuf), 0);
	tell(guest, "map 0");
	ask(guest, is);
	igt_assert_eq(is->count, PAGES);
	return guest;
}

/* Bytes from an offset on, as the kernel mapping shows them */
static void check_peeked(int guest, uint64_t offset, uint32_t seed)
{
	char wanted[80];
	struct guest is;

	tell(guest, "peek %" PRIu64, offset);
	ask(guest, &is);
	for (int i = 0; i < 32; i++)
		sprintf(wanted + 2 * i, "%02x", dgem_pattern(offset + i, seed));
	igt_assert_f(!strcmp(is.peeked, wanted), "%s is not %s\n", is.peeked, wanted);
}

static void test_no_dma(int fd, const struct dgem_kind *kind)
{
	uint8_t value = ~dgem_pattern(100, 1);
	struct export export;
	uint8_t *ptr;
	int guest;

	export_make(&export, fd, kind);
	guest = guest_open();
	igt_assert_eq(__attach(guest, 0, export.dmabuf), 0);
	for (int dir = 0; dir < 3; dir++)
		igt_assert_eq(__tell(guest, "map %d", dir), -EOPNOTSUPP);
	tell(guest, "vmap");
	check_peeked(guest, 0, 1);
	check_peeked(guest, SIZE - 32, 1);
	tell(guest, "poke 100 %d", value);
	tell(guest, "vunmap");
	ptr = dgem_mmap(fd, export.handle, SIZE);
	dgem_sync_start(fd, export.handle, DRM_DGEM_SYNC_READ, SIZE);
	igt_assert_eq(ptr[100], value);
	dgem_sync_end(fd, export.handle, DRM_DGEM_SYNC_READ, SIZE);
	munmap(ptr, SIZE);
	tell(guest, "detach");
	close(guest);
	export_end(&export);
}

/* Without swiotlb, too, where nothing can be bounced and the DMA API would warn. */
static void test_mask(int fd, const struct dgem_kind *kind)
{
	uint64_t first, last;
	struct export export;
	struct guest is, same;
	int all, guest, bits;

	export_make(&export, fd, kind);
	all = find_memory(&export, &is);
	extent(&is, &first, &last);
	bits = 63 - __builtin_clzll(last);
	guest = guest_like(&export);
	igt_assert_eq(__attach(guest, bits + 1, export.dmabuf), 0);
	tell(guest, "map 0");
	ask(guest, &same);
	igt_assert(!memcmp(same.pages, is.pages, sizeof(is.pages)));
	close(guest);
	guest = guest_like(&export);
	igt_assert_eq(__attach(guest, bits, export.dmabuf), 0);
	for (int dir = 0; dir < 3; dir++)
		igt_assert_eq(__tell(guest, "map %d", dir), -EBUSY);
	close(guest);
	close(all);
	export_end(&export);
}

/* What a device on a bus of its own gets: each page is where the bus has it. */
static int map_on_bus(int guest, int dmabuf, const struct guest *is, uint64_t delta)
{
	struct guest seen;
	int err;

	igt_assert_eq(__attach(guest, ALL, dmabuf), 0);
	err = __tell(guest, "map 0");
	if (err)
		return err;
	ask(guest, &seen);
	igt_assert_eq(seen.count, PAGES);
	for (int i = 0; i < PAGES; i++)
		igt_assert_eq_u64(seen.pages[i], is->pages[i] + delta);
	return 0;
}

static void test_offset(int fd, const struct dgem_kind *kind, bool whole)
{
	uint64_t first, last;
	struct export export;
	struct guest is;
	struct bus bus;
	int all, guest, err;

	export_make(&export, fd, kind);
	all = find_memory(&export, &is);
	extent(&is, &first, &last);
	machine_memory(&bus, first, last);
	guest = guest_like(&export);
	if (whole)
		add_range(guest, bus.start, bus.end, bus.delta);
	else
		add_range(guest, first, last + 1, bus.delta);
	err = map_on_bus(guest, export.dmabuf, &is, bus.delta);
	/* memory without struct pages may be refused on such a bus, but must not be elsewhere */
	if (err && kind->kind == DRM_DGEM_KIND_RESERVED)
		igt_assert_eq(err, -EBUSY);
	/* nobody can be asked without swiotlb */
	else if (err && !whole && !has_swiotlb())
		igt_assert_eq(err, -EBUSY);
	else
		igt_assert_eq(err, 0);
	close(guest);
	close(all);
	export_end(&export);
}

static void test_offset_all(int fd, const struct dgem_kind *kind)
{
	test_offset(fd, kind, true);
}

static void test_offset_part(int fd, const struct dgem_kind *kind)
{
	test_offset(fd, kind, false);
}

/* swiotlb's memory, which is on the bus, would be what the device gets. */
static void test_offset_hole(int fd, const struct dgem_kind *kind)
{
	uint64_t first, last;
	struct export export;
	struct guest is;
	struct bus bus;
	int all, guest;

	export_make(&export, fd, kind);
	all = find_memory(&export, &is);
	extent(&is, &first, &last);
	machine_memory(&bus, first, last);
	guest = guest_like(&export);
	add_range(guest, bus.start, first, bus.delta);
	add_range(guest, last + 1, bus.end, bus.delta);
	igt_assert_eq(__attach(guest, ALL, export.dmabuf), 0);
	for (int dir = 0; dir < 3; dir++)
		igt_assert_eq(__tell(guest, "map %d", dir), -EBUSY);
	close(guest);
	close(all);
	export_end(&export);
}

/* On a bus that has the object's memory above what 32 bits reach: 32 bits of the CPU's reach it. */
static void test_above(int fd, const struct dgem_kind *kind, bool banks)
{
	uint64_t first, last, above = 1ull << 32;
	struct export export;
	struct guest is;
	struct bus bus;
	int all, guest;
	bool asked;

	export_make(&export, fd, kind);
	all = find_memory(&export, &is);
	extent(&is, &first, &last);
	/* it is asked where there is swiotlb, which the device has to reach then */
	if (banks)
		asked = has_swiotlb();
	else
		asked = !has_swiotlb() || (swiotlb_end() && swiotlb_end() < first);
	if (last >= above || !dgem_kernel_64() || !asked) {
		close(all);
		export_end(&export);
		igt_require_f(last < above, "this memory is above 32 bits itself\n");
		igt_require_f(dgem_kernel_64(), "a bus may have no addresses above 32 bits\n");
		igt_require_f(asked, "the DMA API would warn instead of answering\n");
	}
	machine_memory(&bus, first, last);
	guest = guest_like(&export);
	if (banks) {
		add_range(guest, bus.start, first, 0);
		add_range(guest, first, last + 1, above);
		add_range(guest, last + 1, bus.end, 0);
	} else {
		add_range(guest, bus.start, bus.end, above - first);
	}
	igt_assert_eq(__attach(guest, 32, export.dmabuf), 0);
	for (int dir = 0; dir < 3; dir++)
		igt_assert_eq(__tell(guest, "map %d", dir), -EBUSY);
	close(guest);
	close(all);
	export_end(&export);
}

static void test_offset_mask(int fd, const struct dgem_kind *kind)
{
	test_above(fd, kind, false);
}

/* Where the memory with the highest address on the bus is not that with the CPU's highest. */
static void test_offset_banks(int fd, const struct dgem_kind *kind)
{
	test_above(fd, kind, true);
}

/* What the DMA API did, in its order */
struct event {
	char name[40], device[64];
	bool skips;
};

struct log {
	struct event events[512];
	int count;
};

static void require_trace(void)
{
	dgem_mount_tracefs();
	rmdir(OURS);
	igt_require_f(!mkdir(OURS, 0700), "no tracefs\n");
	igt_require_f(!access(OURS "/events/dma/enable", W_OK),
		      "the DMA API has no trace events\n");
	errno = 0;
}

static void trace_start(void)
{
	close(open(OURS "/trace", O_WRONLY | O_TRUNC | O_CLOEXEC));
	dgem_write_file(OURS "/events/dma/enable", "1");
}

static void trace_stop(struct log *log)
{
	char *line = NULL;
	size_t size = 0;
	FILE *file;

	dgem_write_file(OURS "/events/dma/enable", "0");
	file = fopen(OURS "/trace", "r");
	igt_assert(file);
	log->count = 0;
	while (getline(&line, &size, file) > 0) {
		struct event *event = &log->events[log->count];
		char *at = strstr(line, ": dma_");

		if (line[0] == '#' || !at ||
		    sscanf(at + 2, "%39[^:]: %63s", event->name, event->device) != 2)
			continue;
		event->skips = strstr(at, "SKIP_CPU_SYNC");
		igt_debug("%.200s\n", at + 2);
		igt_assert_lt(++log->count, ARRAY_SIZE(log->events));
	}
	free(line);
	fclose(file);
	errno = 0;
}

/* The first event of a device's from one on whose name ends so, or -1 */
static int find(const struct log *log, int from, const char *device, const char *name)
{
	for (int i = from; i < log->count; i++) {
		const struct event *event = &log->events[i];

		if (!strcmp(event->device, device) && strlen(event->name) >= strlen(name) &&
		    !strcmp(event->name + strlen(event->name) - strlen(name), name))
			return i;
	}
	return -1;
}

static int window(int dmabuf, uint64_t flags)
{
	struct dma_buf_sync sync = { .flags = flags };

	return ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &sync) ? -errno : 0;
}

/* Open or close one, of a file's or of the dma-buf's. */
static void pass(const struct export *export, bool by_dmabuf, uint32_t flags)
{
	/* DRM_DGEM_SYNC_* have the same values as DMA_BUF_SYNC_* */
	if (by_dmabuf)
		igt_assert_eq(window(export->dmabuf, flags), 0);
	else
		igt_assert_eq(__dgem_sync(export->fd, export->handle, flags, 0, SIZE,
					  dgem_now() + DGEM_PATIENCE_NS), 0);
}

/* A lost write can't be seen where caches are not modelled, but the order of what is done can. */
static void test_order(int fd, const struct dgem_kind *kind)
{
	struct export export;
	struct guest is;
	char own[64];
	int guest;

	igt_require_f(!dgem_snoops(fd), "the instance snoops, so nothing is cleaned\n");
	require_trace();
	dgem_device_name(fd, own, sizeof(own));
	export_make(&export, fd, kind);
	guest = guest_open();
	tell(guest, "coherent 0");
	igt_assert_eq(__attach(guest, ALL, export.dmabuf), 0);
	tell(guest, "map 2");
	ask(guest, &is);
	for (int by_dmabuf = 0; by_dmabuf < 2; by_dmabuf++) {
		struct log log;
		int theirs, ours;

		pass(&export, by_dmabuf, DRM_DGEM_SYNC_WRITE);
		trace_start();
		pass(&export, by_dmabuf, DRM_DGEM_SYNC_WRITE | DRM_DGEM_SYNC_END);
		trace_stop(&log);
		ours = find(&log, 0, own, "_for_device");
		igt_assert_f(ours >= 0, "nothing was cleaned\n");
		theirs = find(&log, 0, is.name, "_for_device");
		igt_assert_f(theirs < 0 || find(&log, theirs, own, "_for_device") < 0,
			     "an importer's was invalidated before the instance had cleaned\n");
	}
	close(guest);
	export_end(&export);
}

/* An instance by its name; the caller closes it. */
static int __open_named(const char *name)
{
	for (int minor = 0; minor < 64; minor++) {
		struct drm_version version = { };
		struct drm_dgem_query_device device = { };
		uint32_t size = sizeof(device);
		char path[32], driver[32] = "";
		int fd;

		snprintf(path, sizeof(path), "/dev/dri/renderD%d", minor + 128);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		version.name = driver;
		version.name_len = sizeof(driver) - 1;
		if (!ioctl(fd, DRM_IOCTL_VERSION, &version) && !strcmp(driver, "dgem") &&
		    !__dgem_query(fd, DRM_DGEM_QUERY_DEVICE, &device, &size) &&
		    !strcmp((char *)device.name, name)) {
			errno = 0;
			return fd;
		}
		close(fd);
	}
	errno = 0;
	return -ENODEV;
}

static int open_named(const char *name)
{
	int fd = __open_named(name);

	igt_require_f(fd >= 0, "the machine has no instance %s\n", name);
	return fd;
}

static void test_snoop(int fd, const struct dgem_kind *kind)
{
	struct export export;
	struct guest is;
	struct log log;
	int guest, map, sync;

	igt_assert(dgem_snoops(fd));
	require_trace();
	export_make(&export, fd, kind);
	guest = guest_open();
	tell(guest, "coherent 0");
	igt_assert_eq(__attach(guest, ALL, export.dmabuf), 0);
	trace_start();
	tell(guest, "map 0");
	trace_stop(&log);
	ask(guest, &is);
	map = find(&log, 0, is.name, "dma_map_sg");
	igt_assert_f(map >= 0, "there is no event of the mapping\n");
	sync = find(&log, map, is.name, "_for_device");
	igt_assert_f(!log.events[map].skips || sync >= 0, "the importer was given stale memory\n");
	for (int by_dmabuf = 0; by_dmabuf < 2; by_dmabuf++) {
		trace_start();
		pass(&export, by_dmabuf, DRM_DGEM_SYNC_READ | DRM_DGEM_SYNC_WRITE);
		trace_stop(&log);
		igt_assert_f(find(&log, 0, is.name, "_for_cpu") >= 0,
			     "a window shows what was cached\n");
		trace_start();
		pass(&export, by_dmabuf, DRM_DGEM_SYNC_READ | DRM_DGEM_SYNC_WRITE |
					 DRM_DGEM_SYNC_END);
		trace_stop(&log);
		igt_assert_f(find(&log, 0, is.name, "_for_device") >= 0,
			     "what was written stays in the cache\n");
	}
	close(guest);
	export_end(&export);
}

static void test_no_memmap(int fd, const struct dgem_kind *kind)
{
	uint32_t own = dgem_create_contiguous(fd, SIZE);
	struct export export;
	struct guest is;
	int guest, err;

	export_make(&export, fd, kind);
	dgem_copy(fd, export.handle, 0, own, 0, SIZE);
	dgem_check_object(fd, own, SIZE, 1);
	dgem_fill_object(fd, own, SIZE, 2);
	dgem_copy(fd, own, 0, export.handle, 0, SIZE);
	dgem_check_object(fd, export.handle, SIZE, 2);
	guest = guest_like(&export);
	igt_assert_eq(__attach(guest, ALL, export.dmabuf), 0);
	err = __tell(guest, "map 0");
	igt_assert_f(!err || err == -EBUSY, "%d\n", err);
	ask(guest, &is);
	igt_assert_eq(is.count, err ? 0 : PAGES);
	tell(guest, "vmap");
	check_peeked(guest, 0, 2);
	check_peeked(guest, SIZE - 32, 2);
	close(guest);
	gem_close(fd, own);
	export_end(&export);
}

static const struct dgem_kind_test tests[] = {
	{ "no-dma", "A device without DMA maps memory for the CPU.", test_no_dma },
	{ "mask", "A device gets memory up to its mask.", test_mask },
	{ "offset-all", "A device gets its bus's addresses.", test_offset_all },
	{ "offset-part", "A device gets its bus's addresses of this memory.", test_offset_part },
	{ "offset-hole", "A device is refused memory that its bus does not have.",
	  test_offset_hole },
	{ "offset-mask", "A device is refused memory that its bus has too far up.",
	  test_offset_mask },
	{ "offset-banks", "The same where banks are in another order on the bus.",
	  test_offset_banks },
	{ "order", "An instance cleans before an importer's mapping is invalidated.", test_order,
	  DGEM_KIND_CLEANED },
};

/* The same for other instances, each with what it is tested for */
static const struct {
	const char *instance;
	struct dgem_kind_test test;
} others[] = {
	{ SNOOPS, { "snoop", "Memory is synced for an importer that does not snoop.", test_snoop,
		    DGEM_KIND_CLEANED } },
	{ NO_MAP, { "no-memmap", "Memory without struct pages has the right data.",
		    test_no_memmap } },
	{ NO_MAP_ENGINE, { "no-memmap-engine", "The same with a DMA engine.", test_no_memmap } },
	{ NO_MAP, { "no-memmap-hole", "What can't be bounced is refused, too.",
		    test_offset_hole } },
};

int igt_main()
{
	int fd = -1;

	igt_fixture() {
		/* where there are more, and perhaps without the engine of the first one */
		fd = __open_named("dgem");
		if (fd < 0)
			fd = dgem_open();
		igt_require_f(!access(GUEST, R_OK | W_OK), "no module dma_guest\n");
	}

	dgem_kind_subtests(fd, tests, ARRAY_SIZE(tests), DRM_DGEM_CAP_EXPORT);

	for (int i = 0; i < ARRAY_SIZE(others); i++) {
		const struct dgem_kind_test *test = &others[i].test;
		const struct dgem_kind *kind;

		for_each_dgem_kind(kind, DRM_DGEM_CAP_EXPORT) {
			if ((kind->traits & test->traits) != test->traits)
				continue;
			igt_describe(test->describe);
			igt_subtest_f("%s-%s", test->name, kind->name) {
				int other = open_named(others[i].instance);
				struct dgem_snapshot before;

				dgem_require_kind(other, kind);
				dgem_snapshot(other, &before);
				test->test(other, kind);
				dgem_assert_unchanged(other, &before);
				close(other);
			}
		}
	}

	igt_fixture() {
		close(fd);
		rmdir(OURS);
		errno = 0;
	}
}
