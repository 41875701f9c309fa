// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mount.h>

#include "igt.h"

#include "dgem_bind.h"
#include "dgem_instance.h"
#include "dgem_util.h"

#define DEVICES	"/sys/bus/platform/devices/"
#define DRIVER	"/sys/bus/platform/drivers/dgem/"
#define NAME	"dgem"

void dgem_write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	igt_assert_f(fd >= 0, "%s cannot be opened\n", path);
	igt_assert_f(write(fd, text, strlen(text)) == strlen(text), "%s does not take \"%s\"\n",
		     path, text);
	close(fd);
}

void dgem_mount_tracefs(void)
{
	if (access("/sys/kernel/tracing/events", F_OK))
		mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);
	errno = 0;
}

bool dgem_can_unbind(void)
{
	return !access(DRIVER "unbind", W_OK);
}

/* Bind the default instance, which is not bound: 0 or what its driver said. */
int __dgem_bind(void)
{
	int fd = open(DRIVER "bind", O_WRONLY | O_CLOEXEC), err = 0;

	igt_assert_fd(fd);
	if (write(fd, NAME, strlen(NAME)) < 0)
		err = -errno;
	errno = 0;
	close(fd);
	return err;
}

/* Whether a device is an instance that is there by itself: the default one, or a device tree's. */
static bool is_native(const char *name)
{
	char path[PATH_MAX], alias[256] = "";
	FILE *file;

	/* those of configfs have numbers */
	if (!strncmp(name, NAME ".", strlen(NAME ".")))
		return false;
	snprintf(path, sizeof(path), DEVICES "%s/modalias", name);
	file = fopen(path, "r");
	if (!file)
		return false;
	if (!fgets(alias, sizeof(alias), file))
		alias[0] = '\0';
	fclose(file);
	return !strcmp(alias, "platform:" NAME "\n") || strstr(alias, "Cdma-gem");
}

/* Engines that a device tree names are to be had before the default instance takes any. */
static bool in_device_tree(const char *name)
{
	return strcmp(name, NAME);
}

static bool is_bound(const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), DRIVER "%s", name);
	return !access(path, F_OK);
}

static void set_bound(bool bound, bool device_tree)
{
	DIR *dir = opendir(DEVICES);
	struct dirent *entry;

	igt_assert(dir);
	while ((entry = readdir(dir))) {
		if (!is_native(entry->d_name) || is_bound(entry->d_name) == bound ||
		    in_device_tree(entry->d_name) != device_tree)
			continue;
		/* where an engine has come back, the kernel may be the first */
		igt_assert(!__dgem_sysfs_write(DRIVER, bound ? "bind" : "unbind", entry->d_name) ||
			   is_bound(entry->d_name) == bound);
	}
	closedir(dir);
	errno = 0;
}

/* Bring back the instances that a machine has by itself, as far as they are gone. */
void dgem_bind(void)
{
	set_bound(true, true);
	set_bound(true, false);
}

/* Take them away: there is no node left, unless a test has made more instances. */
void dgem_unbind(void)
{
	set_bound(false, true);
	set_bound(false, false);
	igt_assert_eq(__dgem_open_node("dgem", true), -ENODEV);
	igt_assert_eq(__dgem_open_node("dgem", false), -ENODEV);
}

/* The engine's device and its driver's directory (PATH_MAX), if it has one on a bus we know. */
bool dgem_engine_driver(int fd, char *driver, char *device)
{
	static const char * const buses[] = { "pci", "platform" };
	struct drm_dgem_query_engine engine;
	char path[128];

	dgem_query_engine(fd, &engine);
	memcpy(device, engine.device, sizeof(engine.device));
	for (int i = 0; device[0] && i < ARRAY_SIZE(buses); i++) {
		snprintf(path, sizeof(path), "/sys/bus/%s/devices/%s/driver", buses[i], device);
		if (realpath(path, driver))
			return true;
	}
	return false;
}

/* What the engine sees of memory are not the addresses of that memory then. */
bool dgem_behind_iommu(int fd)
{
	struct drm_dgem_query_engine engine;
	char path[128];

	dgem_query_engine(fd, &engine);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%.31s/iommu_group", engine.device);
	return engine.device[0] && !access(path, F_OK);
}
