/* SPDX-License-Identifier: MIT */
/*
 * Copyright (C) 2026 The dgem authors
 *
 * The demo: a camera (V4L2), an engine (dgem) and a screen (KMS).
 */
#ifndef DGEM_DEMO_H
#define DGEM_DEMO_H

#include <stdbool.h>
#include <stdint.h>

#include "libdrm_dgem.h"
#include "picture.h"
#include "screen.h"
#include "video.h"

#define CAMERA_MAX_BUFFERS	8u

/*
 * Interrupts that a device has raised on all CPUs so far; -ENODEV if it has none that can be told.
 * name: of the PCI device ("0000:00:04.0").
 */
int64_t device_interrupts(const char *name);

/* What the command line asks for. */
struct demo_request {
	const char *device;
	const char *report;
	const char *screenshot;
	const char *camera;
	const char *card;
	uint32_t mode_width;
	uint32_t mode_height;
	uint32_t frame_width;
	uint32_t frame_height;
	uint64_t hold_s;
	uint64_t timeout_s;
};

/* One run. */
struct demo {
	const struct demo_request *request;
	struct dgem_device *dev;
	struct dgem_device_info info;
	struct dgem_engine_info engine;
	struct video camera;
	struct screen screen;
	/* What the camera captures into; one of them gets the frame */
	struct dgem_bo *frames[CAMERA_MAX_BUFFERS];
	int frame_fds[CAMERA_MAX_BUFFERS];
	uint32_t frame_index;
	struct picture source;
	/* What the screen shows */
	struct dgem_bo *canvas;
	struct picture destination;
	uint32_t in_syncobj;
	uint32_t out_syncobj;
	/* Results */
	struct dgem_stats before;
	struct dgem_stats after;
	int64_t interrupts;
	uint64_t copy_ns;
	uint32_t source_crc;
	uint32_t destination_crc;
	uint32_t canvas_crc;
	bool border_clean;
};

/* Write the report where the request says: 0 or -errno, with a message. */
int demo_report(const struct demo *demo);

#endif /* DGEM_DEMO_H */
