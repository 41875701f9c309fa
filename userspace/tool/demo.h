/* SPDX-License-Identifier: MIT */
/*
 * Copyright (C) 2026 The dgem authors
 *
 * The stations of the demo: a camera (V4L2), a screen (KMS), interrupts and checksums.
 *
 * All pictures have four bytes a pixel, in memory blue, green, red, padding: V4L2's XBGR32 and
 * DRM's XRGB8888.
 */
#ifndef DGEM_DEMO_H
#define DGEM_DEMO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "libdrm_dgem.h"

#define DEMO_PIXEL_BYTES	4u

/* Where a picture lies in memory. */
struct picture {
	uint64_t offset;
	uint64_t pitch;
	uint32_t width;
	uint32_t height;
};

/*
 * Camera. The functions print what goes wrong and return 0 or -errno.
 */
#define CAMERA_MAX_BUFFERS	8u

struct camera {
	int fd;
	char path[32];
	char driver[32];
	char card[64];
	uint32_t width;
	uint32_t height;
	uint32_t pitch;
	uint32_t frame_bytes;
	uint32_t buffers;
};

/* Open the node that captures for this driver, or the node at path if that is not NULL. */
int camera_open(struct camera *camera, const char *driver, const char *path);
/* Set the format: pitch and frame_bytes tell the outcome. */
int camera_set_format(struct camera *camera, uint32_t width, uint32_t height);
/* Prepare to capture into dma-bufs: buffers tells how many the driver wants. */
int camera_start(struct camera *camera);
/* Queue a dma-buf, as buffer number index. */
int camera_queue(struct camera *camera, uint32_t index, int dmabuf);
/* Capture one frame, then stop: the number of the buffer that has it, or -errno. */
int camera_capture(struct camera *camera);
void camera_close(struct camera *camera);

/*
 * Screen. The same.
 */
struct screen {
	int fd;
	char path[64];
	char driver[32];
	uint32_t connector;
	uint32_t crtc;
	uint32_t width;
	uint32_t height;
	char mode_name[32];
	/* drmModeModeInfo, which other files need not know */
	void *mode;
	uint32_t fb;
	uint32_t handle;
};

/*
 * Open a card that has a connected screen with a mode that is larger than a picture of this size:
 * the card of this driver, or the one at path if that is not NULL. Of the modes, take the one of
 * the wanted size (unless that is 0x0), else the largest up to 1920x1080.
 */
int screen_open(struct screen *screen, const char *driver, const char *path,
		uint32_t picture_width, uint32_t picture_height, uint32_t want_width,
		uint32_t want_height);
/* Import the dma-buf, make it a framebuffer and show it. */
int screen_show(struct screen *screen, int dmabuf, uint32_t pitch);
/* Take the picture back from the screen and close the card. */
void screen_close(struct screen *screen);

/*
 * Checksums and interrupts
 */

/* CRC-32 (the one of zlib and PNG) of a picture's pixels, with each padding byte taken as 0. */
uint32_t picture_crc(const uint8_t *memory, const struct picture *picture);

/* True if everything in memory that is not in the picture is zero. */
bool outside_is_zero(const uint8_t *memory, uint64_t size, const struct picture *picture);

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
	struct camera camera;
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
