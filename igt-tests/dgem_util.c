// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/dma-buf.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <time.h>

#include "igt.h"
#include "igt_syncobj.h"
#include "sw_sync.h"

#include "dgem_util.h"

/* Nodes are opened by their driver's name: IGT's own table of drivers need not know dgem. */
int __dgem_open_node(const char *driver, bool render)
{
	for (int minor = 0; minor < 64; minor++) {
		struct drm_version version = { };
		char path[32], name[32] = "";
		int fd;

		snprintf(path, sizeof(path), "/dev/dri/%s%d", render ? "renderD" : "card",
			 render ? minor + 128 : minor);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		version.name = name;
		version.name_len = sizeof(name) - 1;
		if (!ioctl(fd, DRM_IOCTL_VERSION, &version) && !strcmp(name, driver))
			return fd;
		close(fd);
	}
	return -ENODEV;
}

static int open_node(const char *driver, bool render)
{
	int fd = __dgem_open_node(driver, render);

	igt_require_f(fd >= 0, "no %s node of the driver %s\n", render ? "render" : "primary",
		      driver);
	return fd;
}

int dgem_open(void)
{
	return open_node("dgem", true);
}

int dgem_open_primary(void)
{
	return open_node("dgem", false);
}

int dgem_open_other(const char *driver)
{
	return open_node(driver, false);
}

int dgem_ioctl(int fd, unsigned long request, void *arg)
{
	int err = 0;

	if (igt_ioctl(fd, request, arg))
		err = -errno;
	errno = 0;
	return err;
}

int __dgem_query(int fd, uint32_t type, void *data, uint32_t *size)
{
	struct drm_dgem_query query = {
		.type = type,
		.size = *size,
		.data = to_user_pointer(data),
	};
	int err = dgem_ioctl(fd, DRM_IOCTL_DGEM_QUERY, &query);

	if (!err)
		*size = query.size;
	return err;
}

static void query(int fd, uint32_t type, void *data, uint32_t size)
{
	igt_assert_eq(__dgem_query(fd, type, data, &size), 0);
}

void dgem_query_device(int fd, struct drm_dgem_query_device *device)
{
	query(fd, DRM_DGEM_QUERY_DEVICE, device, sizeof(*device));
}

/* The bytes in which memory of kinds that allow for it comes and goes */
uint64_t dgem_granule(int fd)
{
	struct drm_dgem_query_device device;

	dgem_query_device(fd, &device);
	igt_assert(device.granule);
	return device.granule;
}

void dgem_query_engine(int fd, struct drm_dgem_query_engine *engine)
{
	query(fd, DRM_DGEM_QUERY_ENGINE, engine, sizeof(*engine));
}

void dgem_query_stats(int fd, struct drm_dgem_query_stats *stats)
{
	query(fd, DRM_DGEM_QUERY_STATS, stats, sizeof(*stats));
}

int __dgem_create(int fd, struct drm_dgem_create *create)
{
	return dgem_ioctl(fd, DRM_IOCTL_DGEM_CREATE, create);
}

int __dgem_create_flags(int fd, uint32_t kind, uint32_t flags, uint64_t size, uint32_t *handle)
{
	struct drm_dgem_create create = { .size = size, .kind = kind, .flags = flags };
	int err = __dgem_create(fd, &create);

	*handle = err ? 0 : create.handle;
	return err;
}

int __dgem_create_lazy(int fd, uint64_t size, uint32_t *handle)
{
	return __dgem_create_flags(fd, DRM_DGEM_KIND_PAGES, DRM_DGEM_CREATE_LAZY, size, handle);
}

int __dgem_close(int fd, uint32_t handle)
{
	struct drm_gem_close close = { .handle = handle };

	return dgem_ioctl(fd, DRM_IOCTL_GEM_CLOSE, &close);
}

int __dgem_info(int fd, struct drm_dgem_info *info)
{
	return dgem_ioctl(fd, DRM_IOCTL_DGEM_INFO, info);
}

void dgem_info(int fd, uint32_t handle, struct drm_dgem_info *info)
{
	memset(info, 0, sizeof(*info));
	info->handle = handle;
	igt_assert_eq(__dgem_info(fd, info), 0);
}

uint64_t dgem_resident(int fd, uint32_t handle)
{
	struct drm_dgem_info info;

	dgem_info(fd, handle, &info);
	return info.resident;
}

uint32_t dgem_vmas(int fd, uint32_t handle)
{
	struct drm_dgem_info info;

	dgem_info(fd, handle, &info);
	return info.vmas;
}

int __dgem_mmap_offset(int fd, struct drm_dgem_mmap *map)
{
	return dgem_ioctl(fd, DRM_IOCTL_DGEM_MMAP, map);
}

uint64_t dgem_mmap_offset(int fd, uint32_t handle)
{
	struct drm_dgem_mmap map = { .handle = handle };

	igt_assert_eq(__dgem_mmap_offset(fd, &map), 0);
	return map.offset;
}

void *__dgem_mmap(int fd, uint32_t handle, uint64_t size, int prot, int flags)
{
	return mmap(NULL, size, prot, flags, fd, dgem_mmap_offset(fd, handle));
}

void *dgem_mmap(int fd, uint32_t handle, uint64_t size)
{
	void *ptr = __dgem_mmap(fd, handle, size, PROT_READ | PROT_WRITE, MAP_SHARED);

	igt_assert(ptr != MAP_FAILED);
	return ptr;
}

int __dgem_sync(int fd, uint32_t handle, uint32_t flags, uint64_t offset, uint64_t length,
		int64_t timeout_ns)
{
	struct drm_dgem_sync sync = {
		.handle = handle,
		.flags = flags,
		.offset = offset,
		.length = length,
		.timeout_ns = timeout_ns,
	};

	return dgem_ioctl(fd, DRM_IOCTL_DGEM_SYNC, &sync);
}

int __dgem_wait_written(int fd, uint32_t handle)
{
	return __dgem_sync(fd, handle, DRM_DGEM_SYNC_READ, 0, 64, dgem_now() + DGEM_PATIENCE_NS);
}

void dgem_sync_start(int fd, uint32_t handle, uint32_t flags, uint64_t size)
{
	igt_assert_eq(__dgem_sync(fd, handle, flags, 0, size, dgem_now() + DGEM_PATIENCE_NS), 0);
}

void dgem_sync_end(int fd, uint32_t handle, uint32_t flags, uint64_t size)
{
	igt_assert_eq(__dgem_sync(fd, handle, flags | DRM_DGEM_SYNC_END, 0, size, 0), 0);
}

int __dgem_purge(int fd, uint32_t handle, uint64_t offset, uint64_t length, uint32_t flags)
{
	struct drm_dgem_purge purge = {
		.handle = handle,
		.flags = flags,
		.offset = offset,
		.length = length,
	};

	return dgem_ioctl(fd, DRM_IOCTL_DGEM_PURGE, &purge);
}

/* Returns the dma-buf's file descriptor or a negative errno. */
int __dgem_export(int fd, uint32_t handle, uint32_t flags)
{
	struct drm_prime_handle prime = { .handle = handle, .flags = flags, .fd = -1 };
	int err = dgem_ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime);

	return err ?: prime.fd;
}

int dgem_export(int fd, uint32_t handle)
{
	int dmabuf = __dgem_export(fd, handle, DRM_CLOEXEC | DRM_RDWR);

	igt_assert_fd(dmabuf);
	return dmabuf;
}

int __dgem_import(int fd, int dmabuf, uint32_t *handle)
{
	struct drm_prime_handle prime = { .fd = dmabuf };
	int err = dgem_ioctl(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime);

	*handle = err ? 0 : prime.handle;
	return err;
}

int __dgem_window(int dmabuf, uint64_t flags)
{
	struct dma_buf_sync sync = { .flags = flags };

	return dgem_ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &sync);
}

struct drm_dgem_op dgem_op_copy(uint32_t src, uint64_t src_offset, uint32_t dst,
				uint64_t dst_offset, uint64_t width)
{
	return (struct drm_dgem_op) {
		.op = DRM_DGEM_OP_COPY,
		.src = src,
		.dst = dst,
		.src_offset = src_offset,
		.dst_offset = dst_offset,
		.width = width,
	};
}

struct drm_dgem_op dgem_op_copy_2d(uint32_t src, uint64_t src_offset, uint64_t src_pitch,
				   uint32_t dst, uint64_t dst_offset, uint64_t dst_pitch,
				   uint64_t width, uint32_t height)
{
	return (struct drm_dgem_op) {
		.op = DRM_DGEM_OP_COPY_2D,
		.src = src,
		.dst = dst,
		.src_offset = src_offset,
		.dst_offset = dst_offset,
		.width = width,
		.height = height,
		.src_pitch = src_pitch,
		.dst_pitch = dst_pitch,
	};
}

struct drm_dgem_op dgem_op_fill(uint32_t dst, uint64_t dst_offset, uint64_t width,
				uint64_t pattern, uint32_t pattern_size)
{
	return (struct drm_dgem_op) {
		.op = DRM_DGEM_OP_FILL,
		.dst = dst,
		.dst_offset = dst_offset,
		.width = width,
		.pattern = pattern,
		.pattern_size = pattern_size,
	};
}

/* Bytes at both ends: all of a lazy object comes, but there is little to do for the engine. */
struct drm_dgem_op dgem_op_fill_ends(uint32_t dst, uint64_t size)
{
	return (struct drm_dgem_op) {
		.op = DRM_DGEM_OP_FILL_2D,
		.dst = dst,
		.width = 64,
		.height = 2,
		.dst_pitch = size - 64,
		.pattern = 0x5a,
		.pattern_size = 1,
	};
}

void dgem_submit_init(struct drm_dgem_submit *submit, const struct drm_dgem_op *ops,
		      uint32_t count)
{
	memset(submit, 0, sizeof(*submit));
	submit->ops = to_user_pointer(ops);
	submit->op_count = count;
	submit->op_stride = sizeof(*ops);
	submit->sync_stride = sizeof(struct drm_dgem_syncobj);
}

int __dgem_submit(int fd, struct drm_dgem_submit *submit)
{
	return dgem_ioctl(fd, DRM_IOCTL_DGEM_SUBMIT, submit);
}

int __dgem_submit_op(int fd, struct drm_dgem_op op)
{
	struct drm_dgem_submit submit;

	dgem_submit_init(&submit, &op, 1);
	return __dgem_submit(fd, &submit);
}

int __dgem_run_op(int fd, struct drm_dgem_op op)
{
	return __dgem_submit_op(fd, op) ?: __dgem_wait_written(fd, op.dst);
}

int __dgem_job(int fd, struct drm_dgem_job *job)
{
	return dgem_ioctl(fd, DRM_IOCTL_DGEM_JOB, job);
}

/* Queue a job between two binary syncobjs, either of which may be 0: none. */
void dgem_submit(int fd, const struct drm_dgem_op *ops, uint32_t count, uint32_t flags,
		 uint32_t in_sync, uint32_t out_sync)
{
	struct drm_dgem_syncobj in = { .handle = in_sync }, out = { .handle = out_sync };
	struct drm_dgem_submit submit;

	dgem_submit_init(&submit, ops, count);
	submit.flags = flags;
	if (in_sync) {
		submit.in_syncs = to_user_pointer(&in);
		submit.in_sync_count = 1;
	}
	if (out_sync) {
		submit.out_syncs = to_user_pointer(&out);
		submit.out_sync_count = 1;
	}
	igt_assert_eq(__dgem_submit(fd, &submit), 0);
}

/* Wait for a job's out-syncobj; its fence must not carry an error. */
void dgem_wait(int fd, uint32_t syncobj)
{
	int fence;

	igt_assert_f(syncobj_wait(fd, &syncobj, 1, dgem_now() + DGEM_PATIENCE_NS, 0, NULL),
		     "the job does not end\n");
	fence = syncobj_handle_to_fd(fd, syncobj, DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE);
	igt_assert_eq(sync_fence_status(fence), 1);
	close(fence);
}

bool dgem_signalled(int fd, uint32_t syncobj)
{
	return syncobj_wait(fd, &syncobj, 1, 0, 0, NULL);
}

void dgem_run(int fd, const struct drm_dgem_op *ops, uint32_t count)
{
	uint32_t done = syncobj_create(fd, 0);

	dgem_submit(fd, ops, count, 0, 0, done);
	dgem_wait(fd, done);
	syncobj_destroy(fd, done);
}

/* Queue it; nobody waits for its end. */
int __dgem_copy(int fd, uint32_t src, uint64_t src_offset, uint32_t dst, uint64_t dst_offset,
		uint64_t width)
{
	return __dgem_submit_op(fd, dgem_op_copy(src, src_offset, dst, dst_offset, width));
}

void dgem_copy(int fd, uint32_t src, uint64_t src_offset, uint32_t dst, uint64_t dst_offset,
	       uint64_t width)
{
	struct drm_dgem_op op = dgem_op_copy(src, src_offset, dst, dst_offset, width);

	dgem_run(fd, &op, 1);
}

void dgem_gate_close(struct dgem_gate *gate, int fd)
{
	int fence;

	igt_require_sw_sync();
	gate->fd = fd;
	gate->timeline = sw_sync_timeline_create();
	fence = sw_sync_timeline_create_fence(gate->timeline, 1);
	gate->syncobj = syncobj_create(fd, 0);
	syncobj_import_sync_file(fd, gate->syncobj, fence);
	close(fence);
}

void dgem_gate_open(struct dgem_gate *gate)
{
	sw_sync_timeline_inc(gate->timeline, 1);
}

void dgem_gate_fini(struct dgem_gate *gate)
{
	syncobj_destroy(gate->fd, gate->syncobj);
	close(gate->timeline);
}

/* Neighbouring bytes, pages and seeds all differ, and no byte is zero. */
uint8_t dgem_pattern(uint64_t offset, uint32_t seed)
{
	return 1 + (offset + (offset >> 12) * 7 + (offset >> 20) * 13 + seed * 31) % 255;
}

void dgem_fill(void *ptr, uint64_t offset, uint64_t length, uint32_t seed)
{
	uint8_t *bytes = ptr;

	for (uint64_t i = 0; i < length; i++)
		bytes[i] = dgem_pattern(offset + i, seed);
}

void dgem_check(const void *ptr, uint64_t offset, uint64_t length, uint32_t seed)
{
	const uint8_t *bytes = ptr;

	for (uint64_t i = 0; i < length; i++)
		igt_assert_f(bytes[i] == dgem_pattern(offset + i, seed),
			     "byte %#" PRIx64 " is %#x, not %#x\n", offset + i, bytes[i],
			     dgem_pattern(offset + i, seed));
}

bool dgem_is_zero(const void *ptr, uint64_t length)
{
	const uint64_t *words = ptr;

	igt_assert_eq_u64(length % sizeof(*words), 0);
	for (uint64_t i = 0; i < length / sizeof(*words); i++) {
		if (words[i])
			return false;
	}
	return true;
}

static sigjmp_buf touch_env;

static void touch_handler(int sig)
{
	siglongjmp(touch_env, sig);
}

int dgem_touch(volatile void *ptr, bool write)
{
	struct sigaction action = { .sa_handler = touch_handler }, segv, bus;
	volatile uint8_t *byte = ptr;
	int sig;

	sigaction(SIGSEGV, &action, &segv);
	sigaction(SIGBUS, &action, &bus);
	sig = sigsetjmp(touch_env, 1);
	if (!sig) {
		uint8_t value = *byte;

		if (write)
			*byte = value;
	}
	sigaction(SIGSEGV, &segv, NULL);
	sigaction(SIGBUS, &bus, NULL);
	return sig;
}

/* Pages that a fault brings in where batches do not grow */
#define WINDOW		16

/* They grow on PCs. */
static bool batches_grow(void)
{
	struct utsname name;

	igt_assert_eq(uname(&name), 0);
	return strstr(name.machine, "86");
}

bool dgem_maps_sparsely(int fd, uint32_t handle)
{
	struct drm_dgem_info info;

	dgem_info(fd, handle, &info);
	return batches_grow() && info.kind != DRM_DGEM_KIND_IMPORT &&
	       info.cache_granted == DRM_DGEM_CACHE_CACHED &&
	       !(info.create_flags & DRM_DGEM_CREATE_DIRECT_IO);
}

/* No worse than batches that double from one page on, to the end of the table: 10 for 512 pages */
static long most_doubling(const void *ptr, uint64_t pages)
{
	const uint64_t table = DGEM_PAGE / sizeof(uint64_t);
	uint64_t at = (uintptr_t)ptr / DGEM_PAGE, end = at + pages, next;
	long faults = 0;

	for (; at < end; at = next) {
		next = (at / table + 1) * table;
		if (next > end)
			next = end;
		faults++;
		for (uint64_t mapped = 1; mapped < next - at; mapped *= 2)
			faults++;
	}
	return faults;
}

/*
 * In windows it is one more where the first of them begins in the middle. Before 6.15 the kernel
 * put in struct pages one by one. The system's heap maps all when mmap() is called.
 */
long dgem_most_faults(int fd, uint32_t handle, const void *ptr, uint64_t pages)
{
	struct drm_dgem_info info;

	dgem_info(fd, handle, &info);
	if (info.kind == DRM_DGEM_KIND_IMPORT)
		return 0;
	if (info.create_flags & DRM_DGEM_CREATE_DIRECT_IO && dgem_kernel() < 615)
		return pages;
	if (dgem_maps_sparsely(fd, handle))
		return most_doubling(ptr, pages);
	return (pages + WINDOW - 2) / WINDOW + 1;
}

int64_t dgem_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * (int64_t)NSEC_PER_SEC + now.tv_nsec;
}

int dgem_kernel(void)
{
	int major, minor, found;
	struct utsname name;

	igt_assert_eq(uname(&name), 0);
	found = sscanf(name.release, "%d.%d", &major, &minor);
	igt_assert_eq(found, 2);
	return major * 100 + minor;
}

bool dgem_kernel_64(void)
{
	struct utsname name;

	igt_assert_eq(uname(&name), 0);
	/* x86_64, aarch64, riscv64, ppc64, mips64 */
	return sizeof(long) == 8 || strstr(name.machine, "64");
}

/* what CPU and device see alike is cached only if the device snoops */
bool dgem_snoops(int fd)
{
	struct drm_dgem_create create = { .size = DGEM_PAGE, .kind = DRM_DGEM_KIND_COHERENT };
	struct drm_dgem_info info;

	if (__dgem_create(fd, &create))
		return false;
	dgem_info(fd, create.handle, &info);
	gem_close(fd, create.handle);
	return info.cache_granted == DRM_DGEM_CACHE_CACHED;
}

uint64_t dgem_mappable(void)
{
	return sizeof(void *) == 8 ? 1ull << 40 : (1ull << 31) + 4 * DGEM_MIB;
}

void dgem_sleep_ms(unsigned int ms)
{
	struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * NSEC_PER_MSEC };

	while (nanosleep(&left, &left) && errno == EINTR)
		;
}

/* A field of /proc/meminfo in bytes; 0 if the kernel has no such field. */
uint64_t dgem_meminfo(const char *field)
{
	FILE *file = fopen("/proc/meminfo", "r");
	uint64_t kib = 0;
	char line[128];

	igt_assert(file);
	while (fgets(line, sizeof(line), file)) {
		size_t length = strlen(field);

		if (!strncmp(line, field, length) && line[length] == ':')
			kib = strtoull(line + length + 1, NULL, 10);
	}
	fclose(file);
	return kib * 1024;
}

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	igt_assert(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

#define CMA	"/sys/kernel/debug/cma"

static uint64_t read_cma(const char *area, const char *name)
{
	unsigned long long number = 0;
	char path[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), CMA "/%s/%s", area, name);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (fscanf(file, "%llu", &number) != 1)
		number = 0;
	fclose(file);
	return number;
}

/*
 * Bytes of contiguous memory that nobody has allocated as such; 0 where debugfs does not tell.
 * CmaFree counts less: the kernel has files and processes there as well until somebody wants it,
 * and those come and go as they like.
 */
static uint64_t cma_free(void)
{
	DIR *dir = opendir(CMA);
	struct dirent *area;
	uint64_t pages = 0;

	if (!dir)
		return 0;
	while ((area = readdir(dir)))
		if (area->d_name[0] != '.')
			pages += read_cma(area->d_name, "count") - read_cma(area->d_name, "used");
	closedir(dir);
	return pages * DGEM_PAGE;
}

/*
 * Pages that were freed a moment ago wait in per-CPU lists and count as used. A contiguous
 * allocation drains those lists, so one is made first, and given back only when all was counted:
 * its own pages would wait there, too. It also tells the next free handle. Reading stat_refresh
 * folds the per-CPU counters.
 */
static void take_snapshot(int fd, struct dgem_snapshot *snapshot)
{
	struct drm_dgem_query_stats stats;
	char scratch[64];
	int refresh;

	snapshot->next_handle = dgem_create_contiguous(fd, 2 * DGEM_PAGE);
	refresh = open("/proc/sys/vm/stat_refresh", O_RDONLY | O_CLOEXEC);
	if (refresh >= 0) {
		if (read(refresh, scratch, sizeof(scratch)) < 0)
			igt_debug("stat_refresh: %s\n", strerror(errno));
		close(refresh);
	}
	snapshot->cma_free = cma_free();
	gem_close(fd, snapshot->next_handle);
	dgem_query_stats(fd, &stats);
	snapshot->objects = stats.objects;
	snapshot->bytes = stats.bytes;
	snapshot->vmas = stats.vmas;
	snapshot->fds = count_fds();
}

void dgem_snapshot(int fd, struct dgem_snapshot *snapshot)
{
	/* The first settles what earlier calls left in flight. */
	take_snapshot(fd, snapshot);
	take_snapshot(fd, snapshot);
}

/*
 * Handles and file descriptors must be back at once. Memory may be on its way (freed by RCU, in
 * per-CPU lists, or with a job that is still running): wait for it, but not for ever.
 */
void dgem_assert_unchanged(int fd, const struct dgem_snapshot *before)
{
	int64_t end = dgem_now() + 30 * NSEC_PER_SEC;
	struct dgem_snapshot now;

	take_snapshot(fd, &now);
	while ((now.cma_free < before->cma_free || now.objects != before->objects ||
		now.bytes != before->bytes) && dgem_now() < end) {
		dgem_sleep_ms(20);
		take_snapshot(fd, &now);
	}
	igt_assert_eq_u32(now.next_handle, before->next_handle);
	igt_assert_eq(now.fds, before->fds);
	igt_assert_eq_u64(now.objects, before->objects);
	igt_assert_eq_u64(now.bytes, before->bytes);
	igt_assert_eq_u64(now.vmas, before->vmas);
	igt_assert_lte_u64(before->cma_free, now.cma_free);
}

/* Charges end by and by, some time after the last reference. */
void dgem_assert_charged(int fd, uint64_t file, uint64_t all)
{
	int64_t end = dgem_now() + 10 * NSEC_PER_SEC;
	struct drm_dgem_query_stats stats;

	dgem_query_stats(fd, &stats);
	while ((stats.file_bytes != file || stats.bytes != all) && dgem_now() < end) {
		dgem_sleep_ms(50);
		dgem_query_stats(fd, &stats);
	}
	igt_assert_eq_u64(stats.file_bytes, file);
	igt_assert_eq_u64(stats.bytes, all);
}
