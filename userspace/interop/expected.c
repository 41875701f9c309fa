// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * Refusals that are right, and their reasons.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "interop.h"

#define PIECES										\
	"the importer (vivid with its dma-contig allocator) wants one DMA segment; the buffer "	\
	"is in pieces"

/*
 * These exporters give every importer segments of any length, which it is theirs to limit: the DMA
 * API's debugging complains if the importer's device takes less.
 */
#define LONG_SEGMENTS									\
	"the exporter's segments are longer than the importer's device takes, of which DMA-API "	\
	"debugging complains"

static const char * const long_segments[] = {
	"heap-system", "heap-cma", "udmabuf-huge", "vivid-contiguous",
};

static const struct {
	const char *exporter;
	const char *importer;
	struct refusal refusal;
} refusals[] = {
	{ "heap-system", "capture-contiguous", { .error = EFAULT, .why = PIECES, .chance = true } },
	{ "heap-system", "output-contiguous", { .error = EFAULT, .why = PIECES, .chance = true } },
	{ "dgem-pages", "capture-contiguous", { .error = EFAULT, .why = PIECES, .chance = true } },
	{ "dgem-pages", "output-contiguous", { .error = EFAULT, .why = PIECES, .chance = true } },
	{ "dgem-vmalloc", "capture-contiguous", { .error = EFAULT, .why = PIECES } },
	{ "dgem-vmalloc", "output-contiguous", { .error = EFAULT, .why = PIECES } },
	{ "udmabuf", "capture-contiguous", { .error = EFAULT, .why = PIECES } },
	{ "udmabuf", "output-contiguous", { .error = EFAULT, .why = PIECES } },
	{ "vgem", "capture-contiguous", { .error = EFAULT, .why = PIECES } },
	{ "vgem", "output-contiguous", { .error = EFAULT, .why = PIECES } },
	{ "vkms", "capture-contiguous", { .error = EFAULT, .why = PIECES } },
	{ "vkms", "output-contiguous", { .error = EFAULT, .why = PIECES } },
	{ "bochs-drm", "capture-contiguous", { .error = EFAULT, .why = PIECES } },
	{ "bochs-drm", "output-contiguous", { .error = EFAULT, .why = PIECES } },
	{ "cirrus", "capture-contiguous", { .error = EFAULT, .why = PIECES } },
	{ "cirrus", "output-contiguous", { .error = EFAULT, .why = PIECES } },
	{ "vivid-vmalloc", "capture-contiguous", { .error = EFAULT, .why = PIECES } },
	{ "vivid-vmalloc", "output-contiguous", { .error = EFAULT, .why = PIECES } },
};

static bool dma_debugging(void)
{
	FILE *file = fopen("/sys/kernel/debug/dma-api/disabled", "re");
	int state = file ? fgetc(file) : 'Y';

	if (file)
		fclose(file);
	return state == 'N';
}

struct refusal expected_refusal(const struct exporter *exporter, const struct importer *importer)
{
	const char *kind = strchr(importer->name, '-');

	for (size_t i = 0; i < ARRAY_SIZE(long_segments); i++)
		if (!strcmp(exporter->name, long_segments[i]) && kind &&
		    !strcmp(kind, "-contiguous") && dma_debugging())
			return (struct refusal){ .untried = LONG_SEGMENTS };
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
		if (!strcmp(refusals[i].exporter, exporter->name) &&
		    !strcmp(refusals[i].importer, importer->name))
			return refusals[i].refusal;
	return (struct refusal){ 0 };
}
