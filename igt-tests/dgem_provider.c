// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>

#include "igt.h"

#include "dgem_instance.h"
#include "dgem_provider.h"
#include "dgem_util.h"

#define PARAMETERS	"/sys/module/edu_dma/parameters/"

/* The provider's directory for the engine's device. */
static void find_device(int fd, char *path, size_t size)
{
	struct drm_dgem_query_engine engine;

	dgem_query_engine(fd, &engine);
	igt_require_f(engine.type == DRM_DGEM_ENGINE_DMA, "no device that could go wrong\n");
	snprintf(path, size, "/sys/kernel/debug/edu_dma/%.63s", engine.device);
	igt_require_f(!access(path, F_OK), "the engine cannot be made to fail\n");
}

void dgem_provoke(int fd, const char *what, unsigned int number)
{
	char path[128], text[16];

	find_device(fd, path, sizeof(path));
	snprintf(text, sizeof(text), "%u", number);
	igt_assert_eq(__dgem_sysfs_write(path, what, text), 0);
}

static uint64_t parameter(const char *name)
{
	char path[128], text[32] = "";
	ssize_t length;
	int file;

	snprintf(path, sizeof(path), PARAMETERS "%s", name);
	file = open(path, O_RDONLY | O_CLOEXEC);
	igt_assert_fd(file);
	length = read(file, text, sizeof(text) - 1);
	igt_assert_lt(0, length);
	close(file);
	return strtoull(text, NULL, 0);
}

void dgem_provider_limits(int fd, struct dgem_provider_limits *limits)
{
	char path[128];

	find_device(fd, path, sizeof(path));
	limits->max_segment = parameter("max_segment");
	limits->boundary = parameter("boundary");
}
