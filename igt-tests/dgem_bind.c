// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <limits.h>

#include "igt.h"

#include "dgem_bind.h"
#include "dgem_util.h"

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

/* Bring the default instance back, if it is gone. */
void dgem_bind(void)
{
	if (access(DRIVER NAME, F_OK))
		dgem_write_file(DRIVER "bind", NAME);
}

void dgem_unbind(void)
{
	dgem_write_file(DRIVER "unbind", NAME);
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
