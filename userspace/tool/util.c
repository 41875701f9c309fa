// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * Messages, arguments and files.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

static const char *command_name = "";

void set_command_name(const char *name)
{
	command_name = name;
	set_message_prefix("dgem", name);
}

int bad_usage(void)
{
	fprintf(stderr, "Try \"dgem %s --help\".\n", command_name);
	return STATUS_USAGE;
}

bool parse_size(const char *what, const char *text, uint64_t *value)
{
	static const char units[] = "KMG";
	unsigned long long number;
	unsigned int shift = 0;
	char *end;

	errno = 0;
	number = strtoull(text, &end, 0);
	if (end == text || *text == '-' || errno)
		goto bad;
	if (*end) {
		const char *unit = strchr(units, *end);

		if (!unit || end[1])
			goto bad;
		shift = 10 * (unsigned int)(unit - units + 1);
	}
	if (number > UINT64_MAX >> shift)
		goto bad;
	*value = (uint64_t)number << shift;
	return true;
bad:
	complain("%s: \"%s\" is not a number of bytes (4096, 0x1000, 64K, 8M)", what, text);
	return false;
}

bool parse_pair(const char *what, const char *text, uint32_t *x, uint32_t *y)
{
	unsigned long first, second = 0;
	char *end;

	first = strtoul(text, &end, 10);
	if (end != text && *end == 'x')
		second = strtoul(end + 1, &end, 10);
	if (*end || !first || !second || first > UINT32_MAX || second > UINT32_MAX) {
		complain("%s: \"%s\" is not a size like 1280x720", what, text);
		return false;
	}
	*x = (uint32_t)first;
	*y = (uint32_t)second;
	return true;
}

static const struct {
	const char *name;
	enum dgem_kind kind;
	enum dgem_cache cache;
	/* dgem_bo_new() or, for the caller's memory, dgem_bo_new_user() makes it */
	bool make;
} kinds[] = {
	{ "contiguous", DGEM_KIND_CONTIGUOUS, DGEM_CACHE_DEFAULT, true },
	{ "coherent", DGEM_KIND_COHERENT, DGEM_CACHE_DEFAULT, true },
	{ "wc", DGEM_KIND_COHERENT, DGEM_CACHE_WC, true },
	{ "pages", DGEM_KIND_PAGES, DGEM_CACHE_DEFAULT, true },
	{ "vmalloc", DGEM_KIND_VMALLOC, DGEM_CACHE_DEFAULT, true },
	{ "reserved", DGEM_KIND_RESERVED, DGEM_CACHE_DEFAULT, true },
	{ "user", DGEM_KIND_USER, DGEM_CACHE_DEFAULT, true },
	{ "import", DGEM_KIND_IMPORT, DGEM_CACHE_DEFAULT, false },
	{ "io", DGEM_KIND_IO, DGEM_CACHE_DEFAULT, false },
};

bool parse_kind(const char *text, enum dgem_kind *kind, enum dgem_cache *cache)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (kinds[i].make && !strcmp(text, kinds[i].name)) {
			*kind = kinds[i].kind;
			*cache = kinds[i].cache;
			return true;
		}
	}
	complain("\"%s\" is not a kind of memory (contiguous, coherent, wc, pages, vmalloc, "
		 "reserved, user)", text);
	return false;
}

const char *kind_name(uint32_t kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if ((uint32_t)kinds[i].kind == kind)
			return kinds[i].name;
	return "unknown";
}

const char *engine_type_name(uint32_t type)
{
	switch (type) {
	case DGEM_ENGINE_CPU:
		return "cpu";
	case DGEM_ENGINE_DMA:
		return "dmaengine";
	default:
		return "unknown";
	}
}

int open_device(const char *which, struct dgem_device **dev)
{
	int ret = dgem_device_open(which, dev);

	if (ret == -ENODEV && which)
		complain("there is no dgem device \"%s\"; \"dgem info\" lists those that there are",
			 which);
	else if (ret == -ENODEV)
		complain("there is no dgem device; is the module loaded? (modprobe dgem)");
	else if (ret == -EACCES)
		complain("not allowed to open the device: join the group of /dev/dri/renderD*");
	else if (ret)
		failed(ret, "cannot open the device");
	return ret;
}

int64_t read_all(int fd, void *data, uint64_t size)
{
	uint64_t done = 0;

	while (done < size) {
		ssize_t n = read(fd, (char *)data + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		done += (uint64_t)n;
	}
	return (int64_t)done;
}

int64_t write_all(int fd, const void *data, uint64_t size)
{
	uint64_t done = 0;

	while (done < size) {
		ssize_t n = write(fd, (const char *)data + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (uint64_t)n;
	}
	return (int64_t)done;
}
