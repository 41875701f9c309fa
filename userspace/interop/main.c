// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * dgem_interop: fills the matrix, one test a cell, in the Test Anything Protocol. Beside it a line
 *   # cell EXPORTER|IMPORTER|STATE|ERRNO|what was done, or why not
 * tells what the table is made of. STATE is works, refused, garbled, untried or wrong.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "dgem_drm.h"
#include "interop.h"
#include "message.h"

struct settings settings;

static const struct exporter exporters[] = {
	{ "dgem-contiguous", dgem_kind_present, dgem_kind_alloc, DRM_DGEM_KIND_CONTIGUOUS },
	{ "dgem-coherent", dgem_kind_present, dgem_kind_alloc, DRM_DGEM_KIND_COHERENT },
	{ "dgem-wc", dgem_kind_present, dgem_kind_alloc, DRM_DGEM_KIND_COHERENT,
	  DRM_DGEM_CACHE_WC },
	{ "dgem-pages", dgem_kind_present, dgem_kind_alloc, DRM_DGEM_KIND_PAGES },
	{ "dgem-lazy", dgem_kind_present, dgem_kind_alloc, DRM_DGEM_KIND_PAGES,
	  .flags = DRM_DGEM_CREATE_LAZY },
	{ "dgem-vmalloc", dgem_kind_present, dgem_kind_alloc, DRM_DGEM_KIND_VMALLOC },
	{ "dgem-reserved", dgem_kind_present, dgem_kind_alloc, DRM_DGEM_KIND_RESERVED },
	{ "dgem-io", dgem_kind_present, dgem_kind_alloc, DRM_DGEM_KIND_IO },
	{ "dgem-user", dgem_kind_present, dgem_kind_alloc, DRM_DGEM_KIND_USER },
	{ "heap-system", heap_present, heap_alloc, HEAP_SYSTEM },
	{ "heap-cma", heap_present, heap_alloc, HEAP_CMA },
	{ "udmabuf", udmabuf_present, udmabuf_alloc, UDMABUF_PLAIN },
	{ "udmabuf-huge", udmabuf_present, udmabuf_alloc, UDMABUF_HUGE },
	{ "vgem", dumb_present, dumb_alloc, DUMB_VGEM },
	{ "vkms", dumb_present, dumb_alloc, DUMB_VKMS },
	{ "bochs-drm", dumb_present, dumb_alloc, DUMB_BOCHS },
	{ "cirrus", dumb_present, dumb_alloc, DUMB_CIRRUS },
	{ "vivid-vmalloc", vivid_present, vivid_alloc, VIVID_VMALLOC },
	{ "vivid-contiguous", vivid_present, vivid_alloc, VIVID_CONTIGUOUS },
};

static const struct importer importers[] = {
	{ "dgem", dgem_present, dgem_use },
	{ "dgem-other", dgem_present, dgem_use, 1 },
	{ "vgem", vgem_present, vgem_use },
	{ "vkms-plane", vkms_present, vkms_plane_use },
	{ "vkms-writeback", vkms_present, vkms_writeback_use },
	{ "bochs-drm", screen_present, screen_use, DUMB_BOCHS },
	{ "cirrus", screen_present, screen_use, DUMB_CIRRUS },
	{ "capture-vmalloc", video_present, capture_use, VIVID_VMALLOC },
	{ "capture-contiguous", video_present, capture_use, VIVID_CONTIGUOUS },
	{ "output-vmalloc", video_present, output_use, VIVID_VMALLOC },
	{ "output-contiguous", video_present, output_use, VIVID_CONTIGUOUS },
};

/* Rows and columns that are there, or were named. */
struct matrix {
	const struct exporter *rows[ARRAY_SIZE(exporters)];
	const struct importer *columns[ARRAY_SIZE(importers)];
	size_t row_count;
	size_t column_count;
	unsigned int done;
	unsigned int failures;
};

/* No list names everything. */
static bool listed(const char *list, const char *name)
{
	size_t length = strlen(name);

	if (!list)
		return true;
	for (const char *at = list; (at = strstr(at, name)); at += length)
		if ((at == list || at[-1] == ',') && (!at[length] || at[length] == ','))
			return true;
	return false;
}

static void look_around(struct matrix *matrix, const char *rows, const char *columns)
{
	for (size_t i = 0; i < ARRAY_SIZE(exporters); i++)
		if (listed(rows, exporters[i].name) && exporters[i].present(&exporters[i]))
			matrix->rows[matrix->row_count++] = &exporters[i];
	for (size_t i = 0; i < ARRAY_SIZE(importers); i++)
		if (listed(columns, importers[i].name) && importers[i].present(&importers[i]))
			matrix->columns[matrix->column_count++] = &importers[i];
}

static int try_cell(const struct exporter *exporter, const struct importer *importer,
		    uint32_t seed, const struct refusal *refusal, struct cell *cell)
{
	struct buffer buffer;
	int ret = exporter->alloc(exporter, &buffer);

	if (ret && ret == -refusal->error)
		return ret;
	if (ret)
		return wrong(cell, "no buffer: %s", strerror(-ret));
	ret = buffer_fill(&buffer, seed);
	if (ret)
		ret = wrong(cell, "the buffer cannot be filled: %s", strerror(-ret));
	else
		ret = importer->use(importer, exporter, &buffer, seed, cell);
	close(buffer.dmabuf);
	return ret;
}

static void tell(struct matrix *matrix, const char *row, const char *column, bool ok,
		 const char *directive)
{
	printf("%s %u - %s to %s%s\n", ok ? "ok" : "not ok", ++matrix->done, row, column,
	       directive);
	matrix->failures += !ok;
	fflush(stdout);
}

static void do_cell(struct matrix *matrix, const struct exporter *exporter,
		    const struct importer *importer)
{
	struct refusal refusal = expected_refusal(exporter, importer);
	struct cell cell = { 0 };
	const char *row = exporter->name, *column = importer->name;
	int ret;

	if (refusal.untried) {
		printf("# cell %s|%s|untried||%s\n", row, column, refusal.untried);
		tell(matrix, row, column, true, " # SKIP not to be tried here");
		return;
	}
	ret = try_cell(exporter, importer, 16 * matrix->done + 1, &refusal, &cell);
	if (refusal.garbled) {
		printf("# cell %s|%s|%s||%s\n", row, column, *cell.wrong ? "garbled" : "wrong",
		       *cell.wrong ? refusal.why : "other data expected");
		tell(matrix, row, column, *cell.wrong, "");
		return;
	}
	if (*cell.wrong)
		printf("# cell %s|%s|wrong||%s\n", row, column, cell.wrong);
	else if (ret && ret == -refusal.error)
		printf("# cell %s|%s|refused|%s|%s\n", row, column, strerrorname_np(-ret),
		       refusal.why);
	else if (ret)
		printf("# cell %s|%s|wrong|%s|refused\n", row, column, strerrorname_np(-ret));
	else if (refusal.error && !refusal.chance)
		printf("# cell %s|%s|wrong||%s expected\n", row, column,
		       strerrorname_np(refusal.error));
	else
		printf("# cell %s|%s|works||%s\n", row, column, cell.did);
	tell(matrix, row, column,
	     !*cell.wrong && (ret == -refusal.error || (!ret && refusal.chance)), "");
}

static int run(const char *rows, const char *columns)
{
	struct matrix matrix = { 0 };
	struct utsname name;

	look_around(&matrix, rows, columns);
	printf("TAP version 13\n1..%zu\n", matrix.row_count * matrix.column_count);
	uname(&name);
	printf("# kernel %s\n", name.release);
	for (size_t i = 0; i < matrix.column_count; i++)
		if (matrix.columns[i]->present == dgem_present)
			printf("# engine %s %s\n", matrix.columns[i]->name,
			       dgem_engine(matrix.columns[i]));
	for (size_t i = 0; i < matrix.row_count; i++)
		for (size_t j = 0; j < matrix.column_count; j++)
			do_cell(&matrix, matrix.rows[i], matrix.columns[j]);
	return matrix.failures || !matrix.done ? EXIT_FAILURE : EXIT_SUCCESS;
}

static const char usage[] =
	"Usage: dgem_interop [OPTIONS]\n"
	"\n"
	"Tries each exporter's buffer with each importer, and tells how it went as TAP.\n"
	"\n"
	"  -e, --exporters LIST     only these, with commas between them\n"
	"  -i, --importers LIST     only these\n"
	"  -d, --device DEVICE      dgem device that imports (the first)\n"
	"  -x, --exporting DEVICE   dgem device that exports (the first)\n"
	"  -s, --screenshot CMD     command that takes a picture: it gets a name, and its display's\n"
	"  -h, --help               print this\n";

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "exporters", required_argument, NULL, 'e' },
		{ "importers", required_argument, NULL, 'i' },
		{ "device", required_argument, NULL, 'd' },
		{ "exporting", required_argument, NULL, 'x' },
		{ "screenshot", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *rows = NULL, *columns = NULL;
	int c;

	set_message_prefix("dgem_interop", NULL);
	while ((c = getopt_long(argc, argv, "e:i:d:x:s:h", options, NULL)) >= 0) {
		switch (c) {
		case 'e':
			rows = optarg;
			break;
		case 'i':
			columns = optarg;
			break;
		case 'd':
			settings.importer = optarg;
			break;
		case 'x':
			settings.exporter = optarg;
			break;
		case 's':
			settings.screenshot = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return EXIT_SUCCESS;
		default:
			return 2;
		}
	}
	return run(rows, columns);
}
