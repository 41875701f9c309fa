// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "igt.h"

#include "dgem_instance.h"
#include "dgem_util.h"

#define DEVICES	"/sys/bus/platform/devices"
#define DEBUGFS	"/sys/kernel/debug/dri"
#define DMA_API	"/sys/kernel/debug/dma-api/"

void dgem_require_configfs(void)
{
	igt_require_f(!access(DGEM_CONFIGFS, W_OK), "no instances by configfs\n");
}

static void instance_path(char path[PATH_MAX], const char *name, const char *attr)
{
	snprintf(path, PATH_MAX, "%s/%s/%s", DGEM_CONFIGFS, name, attr);
}

int __dgem_instance_make(const char *name)
{
	char path[PATH_MAX];

	instance_path(path, name, "");
	return mkdir(path, 0755) ? -errno : 0;
}

int __dgem_instance_remove(const char *name)
{
	char path[PATH_MAX];

	instance_path(path, name, "");
	return rmdir(path) ? -errno : 0;
}

void dgem_instance_make(const char *name)
{
	int err = __dgem_instance_remove(name);

	igt_assert(!err || err == -ENOENT);
	igt_assert_eq(__dgem_instance_make(name), 0);
}

void dgem_instance_remove(const char *name)
{
	igt_assert_eq(__dgem_instance_remove(name), 0);
}

int __dgem_sysfs_write(const char *dir, const char *file, const char *value)
{
	char path[PATH_MAX];
	ssize_t length;
	int fd, err = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	length = write(fd, value, strlen(value));
	if (length < 0)
		err = -errno;
	else if (length != strlen(value))
		err = -EIO;
	close(fd);
	return err;
}

int __dgem_instance_set(const char *name, const char *attr, const char *value)
{
	char path[PATH_MAX];

	instance_path(path, name, "");
	return __dgem_sysfs_write(path, attr, value);
}

void dgem_instance_set(const char *name, const char *attr, const char *value)
{
	int err = __dgem_instance_set(name, attr, value);

	igt_assert_f(!err, "%s of %s can't be %s: %s\n", attr, name, value, strerror(-err));
}

/* An attribute without its newline. */
int __dgem_instance_get(const char *name, const char *attr, char *value, size_t size)
{
	char path[PATH_MAX];
	ssize_t length;
	int fd, err = 0;

	instance_path(path, name, attr);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	length = read(fd, value, size - 1);
	if (length < 0)
		err = -errno;
	close(fd);
	value[err ? 0 : length] = 0;
	value[strcspn(value, "\n")] = 0;
	return err;
}

void dgem_instance_expect(const char *name, const char *attr, const char *value)
{
	char is[128];

	igt_assert_eq(__dgem_instance_get(name, attr, is, sizeof(is)), 0);
	igt_assert_f(!strcmp(is, value), "%s of %s is %s, not %s\n", attr, name, is, value);
}

void dgem_instance_enable(const char *name, const char *engine)
{
	dgem_instance_set(name, "engine", engine ?: "cpu");
	dgem_instance_set(name, "enabled", "1");
}

/* The render node of a platform device. */
int __dgem_open_device(const char *device)
{
	char path[PATH_MAX];
	struct dirent *entry;
	int fd = -ENODEV;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/%s/drm", DEVICES, device);
	dir = opendir(path);
	if (!dir)
		return -ENODEV;
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, "renderD", 7))
			continue;
		snprintf(path, sizeof(path), "/dev/dri/%s", entry->d_name);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			fd = -errno;
		break;
	}
	closedir(dir);
	return fd;
}

int dgem_instance_open(const char *name)
{
	char device[128];
	int fd;

	igt_assert_eq(__dgem_instance_get(name, "device", device, sizeof(device)), 0);
	fd = __dgem_open_device(device);
	igt_assert_fd(fd);
	return fd;
}

int dgem_instance_start(const char *name)
{
	dgem_instance_make(name);
	dgem_instance_enable(name, NULL);
	return dgem_instance_open(name);
}

/* The instance's directory in debugfs is named after its minor, among others. */
/* Under the number of the node or, with the driver's own files on 6.1, the name of the device. */
void dgem_debugfs_path(int fd, const char *name, char *path, size_t size)
{
	char link[64], device[PATH_MAX];
	struct stat st;

	igt_assert_eq(fstat(fd, &st), 0);
	snprintf(path, size, DEBUGFS "/%u/%s", minor(st.st_rdev), name);
	if (!access(path, R_OK))
		return;
	snprintf(link, sizeof(link), "/sys/dev/char/%u:%u/device", major(st.st_rdev),
		 minor(st.st_rdev));
	if (realpath(link, device))
		snprintf(path, size, DEBUGFS "/%s/%s", strrchr(device, '/') + 1, name);
	igt_require_f(!access(path, R_OK), "there is no %s\n", path);
}

void dgem_dma_segments(int fd, const char *kind,
		       void (*look)(uint64_t start, uint64_t length, void *data), void *data)
{
	char path[PATH_MAX], line[256];
	bool wanted = false;
	FILE *file;

	dgem_debugfs_path(fd, "dgem_objects", path, sizeof(path));
	file = fopen(path, "r");
	igt_assert(file);
	while (fgets(line, sizeof(line), file)) {
		uint64_t offset, start, length;

		if (line[0] != ' ') {
			wanted = !strncmp(line, kind, strlen(kind)) && line[strlen(kind)] == ' ';
			continue;
		}
		if (!wanted || sscanf(line, " %" SCNx64 ": %" SCNx64 " + %" SCNx64, &offset, &start,
				      &length) != 3)
			continue;
		igt_assert(length);
		look(start, length, data);
	}
	fclose(file);
}

struct sum {
	uint64_t bytes, highest;
};

static void add_segment(uint64_t start, uint64_t length, void *data)
{
	struct sum *sum = data;

	if (start + length - 1 > sum->highest)
		sum->highest = start + length - 1;
	sum->bytes += length;
}

uint64_t dgem_dma_bytes(int fd, const char *kind, uint64_t *highest)
{
	struct sum sum = { };

	dgem_dma_segments(fd, kind, add_segment, &sum);
	*highest = sum.highest;
	return sum.bytes;
}

void dgem_device_name(int fd, char *name, size_t size)
{
	char path[64], device[PATH_MAX];
	struct stat st;

	igt_assert_eq(fstat(fd, &st), 0);
	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/device", major(st.st_rdev),
		 minor(st.st_rdev));
	igt_assert(realpath(path, device));
	snprintf(name, size, "%s", strrchr(device, '/') + 1);
}

/* The DMA API's debugging switches itself off if it runs out of memory. */
static bool debugs_dma_api(void)
{
	FILE *file = fopen(DMA_API "disabled", "r");
	bool enabled;

	if (!file)
		return false;
	enabled = fgetc(file) == 'N';
	fclose(file);
	return enabled;
}

int dgem_dma_mappings(int fd)
{
	struct drm_dgem_query_engine engine;
	char own[64], device[64], line[512];
	int count = 0;
	FILE *file;

	if (!debugs_dma_api())
		return -1;
	dgem_device_name(fd, own, sizeof(own));
	dgem_query_engine(fd, &engine);
	file = fopen(DMA_API "dump", "r");
	igt_assert(file);
	while (fgets(line, sizeof(line), file)) {
		/* The driver comes first. Some channels are devices themselves. */
		if (sscanf(line, "%*s %63s", device) == 1)
			count += !strcmp(device, own) || !strcmp(device, (char *)engine.device) ||
				 !strcmp(device, (char *)engine.name);
	}
	fclose(file);
	return count;
}

void dgem_assert_dma_mappings(int fd, int wanted)
{
	int64_t end = dgem_now() + 5 * NSEC_PER_SEC;
	int now = dgem_dma_mappings(fd);

	while (now != wanted && dgem_now() < end) {
		dgem_sleep_ms(100);
		now = dgem_dma_mappings(fd);
	}
	igt_assert_eq(now, wanted);
}

int __dgem_unload(const char *module)
{
	return syscall(SYS_delete_module, module, O_NONBLOCK) ? -errno : 0;
}
