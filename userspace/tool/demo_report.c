// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * The demo's report.
 */
#include <errno.h>
#include <sys/utsname.h>

#include "demo.h"
#include "tool.h"

static void write_picture(struct json *json, const char *key, const struct picture *picture)
{
	json_open_object(json, key);
	json_u64(json, "offset", picture->offset);
	json_u64(json, "pitch", picture->pitch);
	json_u64(json, "width", picture->width);
	json_u64(json, "height", picture->height);
	json_close(json);
}

static void write_display(struct json *json, const struct demo *demo)
{
	const struct picture *to = &demo->destination;
	const struct screen *screen = &demo->screen;

	json_open_object(json, "display");
	json_string(json, "node", screen->path);
	json_string(json, "driver", screen->driver);
	json_u64(json, "width", screen->width);
	json_u64(json, "height", screen->height);
	json_u64(json, "x", to->offset % to->pitch / PIXEL_BYTES);
	json_u64(json, "y", to->offset / to->pitch);
	json_u64(json, "display_shadow_copy_bytes",
		 (uint64_t)screen->width * PIXEL_BYTES * screen->height);
	json_string(json, "display_shadow_copy_note",
		    "computed: the display driver copies each picture into video memory of its own;"
		    " dgem has no part in that");
	json_close(json);
}

static void write_report(FILE *out, const struct demo *demo)
{
	struct utsname kernel;
	struct json json;

	uname(&kernel);
	json_start(&json, out);
	json_open_object(&json, NULL);
	json_string(&json, "kernel", kernel.release);
	json_string(&json, "machine", kernel.machine);
	json_open_object(&json, "dgem");
	json_string(&json, "node", dgem_device_path(demo->dev));
	json_string(&json, "name", demo->info.name);
	json_close(&json);
	json_open_object(&json, "engine");
	json_string(&json, "type", engine_type_name(demo->engine.type));
	json_string(&json, "channel", demo->engine.name);
	json_string(&json, "device", demo->engine.device);
	json_close(&json);
	json_open_object(&json, "camera");
	json_string(&json, "node", demo->camera.path);
	json_string(&json, "driver", demo->camera.driver);
	json_string(&json, "card", demo->camera.card);
	json_close(&json);
	write_display(&json, demo);
	write_picture(&json, "source", &demo->source);
	write_picture(&json, "destination", &demo->destination);
	json_u64(&json, "bytes_moved_by_device", demo->after.bytes_dma - demo->before.bytes_dma);
	json_u64(&json, "device_interrupts", (uint64_t)demo->interrupts);
	json_u64(&json, "bytes_copied_by_cpu_in_dgem",
		 demo->after.bytes_cpu - demo->before.bytes_cpu);
	json_u64(&json, "copy_guest_ms", demo->copy_ns / 1000000);
	json_crc(&json, "source_crc32", demo->source_crc);
	json_crc(&json, "destination_crc32", demo->destination_crc);
	json_crc(&json, "destination_after_display_crc32", demo->canvas_crc);
	json_bool(&json, "border_untouched", demo->border_clean);
	json_close(&json);
}

int demo_report(const struct demo *demo)
{
	FILE *out = stdout;
	bool bad;

	if (demo->request->report) {
		out = fopen(demo->request->report, "we");
		if (!out)
			return failed(-errno, "cannot create %s", demo->request->report), -EIO;
	}
	write_report(out, demo);
	bad = fflush(out) || ferror(out);
	if (out != stdout && fclose(out))
		bad = true;
	if (bad)
		complain("cannot write the report");
	return bad ? -EIO : 0;
}
