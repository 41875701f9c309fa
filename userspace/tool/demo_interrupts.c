// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * The demo's evidence that a device did the work: its interrupts.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "demo.h"
#include "tool.h"

/* The sum of a line's counters: numbers from after the colon to the first other word. */
static int64_t sum_counters(const char *text)
{
	int64_t sum = 0;

	for (;;) {
		char *end;
		unsigned long long count = strtoull(text, &end, 10);

		if (end == text || (*end && !isspace((unsigned char)*end)))
			return sum;
		sum += (int64_t)count;
		text = end;
	}
}

static int64_t interrupts_of_line(unsigned long irq)
{
	FILE *file = fopen("/proc/interrupts", "re");
	int64_t count = -ENODEV;
	char *line = NULL;
	size_t room = 0;

	if (!file)
		return -errno;
	while (getline(&line, &room, file) > 0) {
		char *end;
		unsigned long number = strtoul(line, &end, 10);

		if (end != line && *end == ':' && number == irq) {
			count = sum_counters(end + 1);
			break;
		}
	}
	free(line);
	fclose(file);
	return count;
}

/* Sum over a device's MSI vectors; -ENODEV if it has none in use. */
static int64_t msi_interrupts(const char *name)
{
	const struct dirent *entry;
	int64_t sum = -ENODEV;
	char path[128];
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/msi_irqs", name);
	dir = opendir(path);
	if (!dir)
		return -ENODEV;
	while ((entry = readdir(dir))) {
		int64_t count;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		count = interrupts_of_line(strtoul(entry->d_name, NULL, 10));
		if (count >= 0)
			sum = count + (sum < 0 ? 0 : sum);
	}
	closedir(dir);
	return sum;
}

int64_t device_interrupts(const char *name)
{
	int64_t count = msi_interrupts(name);
	unsigned long irq;
	char path[128];
	FILE *file;
	int found;

	if (count >= 0)
		return count;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/irq", name);
	file = fopen(path, "re");
	if (!file)
		return -ENODEV;
	found = fscanf(file, "%lu", &irq);
	fclose(file);
	return found == 1 && irq ? interrupts_of_line(irq) : -ENODEV;
}
