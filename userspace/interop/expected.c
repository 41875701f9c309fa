// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * Refusals that are right, and their reasons.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "interop.h"

#define PIECES										\
	"the importer (vivid with its dma-contig allocator) wants one DMA segment; the buffer "	\
	"is in pieces"

#define WINDOW	"a device's window is not exported: others may not reach it, and expect memory"
#define LENT	"memory of the caller's own is not exported: it was lent to dgem alone"

#define VERSION(major, minor)	((major) * 1000 + (minor))

/* bochs' buffers lay in video memory. */
#define VRAM		VERSION(6, 13)
#define VRAM_EXPORTER	"this kernel's bochs has its buffers in video memory that no device reaches"
#define VRAM_IMPORTER	"this kernel's bochs shows video memory only and imports nothing"

/* Earlier udmabufs took the first page of a huge one for each of its pages. */
#define HEADS		VERSION(6, 16)
#define HEADS_ONLY									\
	"this kernel's udmabuf gives the CPU the first page of each huge one for all of its pages"

/* DRM's shmem helpers mapped each import for the importer's device, which no device reads. */
#define MAPPED		VERSION(6, 17)

/*
 * These exporters give every importer segments of any length, which it is theirs to limit: the DMA
 * API's debugging complains if the importer's device takes less. Pages of DRM's shmem helpers are
 * one segment where they happen to lie in a row.
 */
#define LONG_SEGMENTS									\
	"the exporter's segments may be longer than the importer's device takes, of which "	\
	"DMA-API debugging complains"

/* An exporter or importer, on kernels before this one only, or 0. */
struct party {
	const char *name;
	int before;
};

static const struct party long_segments[] = {
	{ "heap-system" },
	{ "heap-cma" },
	{ "vivid-contiguous" },
	{ "vgem", MAPPED },
	{ "vkms", MAPPED },
	{ "cirrus", MAPPED },
};

/* The importers that map buffers for such devices. */
static const struct party short_segments[] = {
	{ "capture-contiguous" },
	{ "output-contiguous" },
	{ "vgem", MAPPED },
	{ "vkms-plane", MAPPED },
	{ "vkms-writeback", MAPPED },
	{ "cirrus", MAPPED },
};

static const struct {
	const char *exporter;
	const char *importer;
	struct refusal refusal;
	/* kernels before this one only, or 0 */
	int before;
} refusals[] = {
	{ "dgem-io", "*", { .error = EOPNOTSUPP, .why = WINDOW } },
	{ "dgem-user", "*", { .error = EOPNOTSUPP, .why = LENT } },
	/* of QEMU's second display, which this is, screendump has a black picture */
	{ "bochs-drm", "bochs-drm", { .unseen = true }, VRAM },
	{ "bochs-drm", "capture-vmalloc", { 0 }, VRAM },
	{ "bochs-drm", "output-vmalloc", { 0 }, VRAM },
	{ "bochs-drm", "dgem", { .error = ENOSYS, .why = VRAM_EXPORTER, .chance = true }, VRAM },
	{ "bochs-drm", "dgem-other", { .error = ENOSYS, .why = VRAM_EXPORTER, .chance = true },
	  VRAM },
	{ "bochs-drm", "*", { .error = ENOSYS, .why = VRAM_EXPORTER }, VRAM },
	{ "*", "bochs-drm", { .error = EINVAL, .why = VRAM_IMPORTER }, VRAM },
	{ "udmabuf-huge", "dgem", { .garbled = true, .why = HEADS_ONLY }, HEADS },
	{ "udmabuf-huge", "dgem-other", { .garbled = true, .why = HEADS_ONLY }, HEADS },
	{ "udmabuf-huge", "vkms-plane", { .garbled = true, .why = HEADS_ONLY }, HEADS },
	{ "udmabuf-huge", "vkms-writeback", { .garbled = true, .why = HEADS_ONLY }, HEADS },
	{ "udmabuf-huge", "cirrus", { .garbled = true, .why = HEADS_ONLY }, HEADS },
	{ "udmabuf-huge", "capture-vmalloc", { .garbled = true, .why = HEADS_ONLY }, HEADS },
	{ "udmabuf-huge", "output-vmalloc", { .garbled = true, .why = HEADS_ONLY }, HEADS },
	{ "heap-system", "capture-contiguous", { .error = EFAULT, .why = PIECES, .chance = true } },
	{ "heap-system", "output-contiguous", { .error = EFAULT, .why = PIECES, .chance = true } },
	{ "dgem-pages", "capture-contiguous", { .error = EFAULT, .why = PIECES, .chance = true } },
	{ "dgem-pages", "output-contiguous", { .error = EFAULT, .why = PIECES, .chance = true } },
	{ "dgem-lazy", "capture-contiguous", { .error = EFAULT, .why = PIECES, .chance = true } },
	{ "dgem-lazy", "output-contiguous", { .error = EFAULT, .why = PIECES, .chance = true } },
	{ "dgem-vmalloc", "capture-contiguous", { .error = EFAULT, .why = PIECES } },
	{ "dgem-vmalloc", "output-contiguous", { .error = EFAULT, .why = PIECES } },
	{ "udmabuf", "capture-contiguous", { .error = EFAULT, .why = PIECES } },
	{ "udmabuf", "output-contiguous", { .error = EFAULT, .why = PIECES } },
	{ "udmabuf-huge", "capture-contiguous", { .error = EFAULT, .why = PIECES } },
	{ "udmabuf-huge", "output-contiguous", { .error = EFAULT, .why = PIECES } },
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

static int kernel_version(void)
{
	struct utsname name;
	int major = 0, minor = 0;

	uname(&name);
	sscanf(name.release, "%d.%d", &major, &minor);
	return VERSION(major, minor);
}

static bool is_before(int version)
{
	return !version || kernel_version() < version;
}

static bool matches(const char *pattern, const char *name)
{
	return !strcmp(pattern, "*") || !strcmp(pattern, name);
}

static bool is_among(const char *name, const struct party *parties, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(name, parties[i].name) && is_before(parties[i].before))
			return true;
	return false;
}

static bool complained_of(const struct exporter *exporter, const struct importer *importer)
{
	return is_among(exporter->name, long_segments, ARRAY_SIZE(long_segments)) &&
	       is_among(importer->name, short_segments, ARRAY_SIZE(short_segments)) &&
	       dma_debugging();
}

/* A device's engine does not see what the CPU is given. */
static bool by_device(const struct importer *importer)
{
	return importer->present == dgem_present && strcmp(dgem_engine(importer), "cpu");
}

struct refusal expected_refusal(const struct exporter *exporter, const struct importer *importer)
{
	if (complained_of(exporter, importer))
		return (struct refusal){ .untried = LONG_SEGMENTS };
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
		if (matches(refusals[i].exporter, exporter->name) &&
		    matches(refusals[i].importer, importer->name) &&
		    is_before(refusals[i].before) &&
		    !(refusals[i].refusal.garbled && by_device(importer)))
			return refusals[i].refusal;
	return (struct refusal){ 0 };
}
