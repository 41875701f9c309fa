/* SPDX-License-Identifier: MIT */
/*
 * Copyright (C) 2026 The dgem authors
 *
 * A V4L2 node with one plane, which fills pictures (capture) or takes them (output). The functions
 * print what goes wrong and return 0 or -errno.
 */
#ifndef DGEM_VIDEO_H
#define DGEM_VIDEO_H

#include <stdbool.h>
#include <stdint.h>

struct video {
	int fd;
	/* V4L2_BUF_TYPE_VIDEO_CAPTURE or _OUTPUT */
	uint32_t type;
	/* V4L2_MEMORY_*, and the buffers that the driver wants */
	uint32_t memory;
	uint32_t buffers;
	char path[32];
	char driver[32];
	char card[64];
	uint32_t width;
	uint32_t height;
	uint32_t pitch;
	uint32_t frame_bytes;
};

/*
 * Open the first node of this type that this driver has, or the node at "where" if that is not
 * NULL: a path, or a bus's name for the device ("platform:vivid-001").
 */
int video_open(struct video *video, uint32_t type, const char *driver, const char *where);
/* Set the format: pitch and frame_bytes tell the outcome. */
int video_set_format(struct video *video, uint32_t width, uint32_t height);
/* Take pictures from this input. */
int video_input(struct video *video, int index);
/* Have HDMI's timings for 640x480 at 60 Hz. */
int video_vga_timings(struct video *video);
/* Prepare for so many buffers of this memory, or drop them all (0): buffers tells the outcome. */
int video_request(struct video *video, uint32_t memory, uint32_t count);
/* A dma-buf of the driver's own buffer, or -errno. */
int video_export(struct video *video, uint32_t index);
/* Map the driver's own buffer. */
int video_map(struct video *video, uint32_t index, void **ptr);
/* Queue a buffer: the driver's own, or this dma-buf. */
int video_queue(struct video *video, uint32_t index, int dmabuf);
int video_start(struct video *video);
int video_stop(struct video *video);

/* What a driver tells of a buffer that it gives back. */
struct video_frame {
	uint32_t index;
	uint32_t sequence;
};

/* Wait for the next buffer that is done. */
int video_dequeue(struct video *video, struct video_frame *frame);
/* Set a control by its name; a menu's item by that item's name, if text is not NULL. */
int video_control(struct video *video, const char *name, int32_t value, const char *text);
/* Whether a menu has that item: 1, 0 or -errno. */
int video_control_is(struct video *video, const char *name, const char *text);
void video_close(struct video *video);

#endif /* DGEM_VIDEO_H */
