// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * vivid as the importer: it captures a test picture into the buffer, or puts the buffer out, by a
 * virtual cable from its HDMI output to its own HDMI input.
 */
#include <errno.h>
#include <linux/videodev2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "interop.h"
#include "video.h"

/* Inputs, as the module's parameters have them. */
#define CAMERA		0
#define HDMI		1

/* Frames until the cable's picture is there: the first ones may have been under way before. */
#define CABLE_FRAMES	60

/* How often the cable is plugged in, and how long that takes to show. */
#define CABLE_TRIES	10
#define CABLE_US	100000

bool video_present(const struct importer *importer)
{
	struct video video;
	int ret = video_open(&video, V4L2_BUF_TYPE_VIDEO_CAPTURE, "vivid",
			     vivid_bus(importer->variant));

	video_close(&video);
	return !ret;
}

static int open_input(const struct importer *importer, int input, struct video *video)
{
	int ret = video_open(video, V4L2_BUF_TYPE_VIDEO_CAPTURE, "vivid",
			     vivid_bus(importer->variant));

	if (!ret)
		ret = video_input(video, input);
	if (!ret && input == HDMI)
		ret = video_vga_timings(video);
	if (!ret)
		ret = video_set_format(video, WIDTH, HEIGHT);
	/* no clock and no counter in the picture: it is the same each time */
	if (!ret)
		ret = video_control(video, "OSD Text Mode", 0, "None");
	return ret;
}

static uint32_t checksum(const void *ptr)
{
	struct picture picture = { .pitch = PITCH, .width = WIDTH, .height = HEIGHT };

	return picture_crc(ptr, &picture);
}

/* Frames in the driver's own buffers until one has this checksum, or the first's one. */
static int capture(struct video *video, int frames, const uint32_t *wanted, uint32_t *crc)
{
	struct video_frame frame;
	void *ptrs[4] = { 0 };
	int ret = video_request(video, V4L2_MEMORY_MMAP, 2);

	if (!ret && video->buffers > ARRAY_SIZE(ptrs))
		ret = -ENOBUFS;
	for (uint32_t i = 0; !ret && i < video->buffers; i++) {
		ret = video_map(video, i, &ptrs[i]);
		if (!ret)
			ret = video_queue(video, i, -1);
	}
	if (!ret)
		ret = video_start(video);
	while (!ret) {
		ret = video_dequeue(video, &frame);
		if (ret)
			break;
		*crc = checksum(ptrs[frame.index]);
		if (!--frames || (wanted && *wanted == *crc))
			break;
		ret = video_queue(video, frame.index, -1);
	}
	video_stop(video);
	for (uint32_t i = 0; i < ARRAY_SIZE(ptrs); i++)
		if (ptrs[i])
			munmap(ptrs[i], video->frame_bytes);
	return ret;
}

/* What the camera shows: the test picture. */
static int reference(const struct importer *importer, uint32_t *crc)
{
	struct video video;
	int ret = open_input(importer, CAMERA, &video);

	if (!ret)
		ret = capture(&video, 1, NULL, crc);
	video_close(&video);
	return ret;
}

int capture_use(const struct importer *importer, const struct exporter *exporter,
		const struct buffer *buffer, uint32_t seed, struct cell *cell)
{
	struct video_frame frame;
	struct video video;
	uint32_t wanted, crc;
	int ret;

	if (reference(importer, &wanted) || open_input(importer, CAMERA, &video) ||
	    video_request(&video, V4L2_MEMORY_DMABUF, 1))
		return wrong(cell, "vivid does not capture");
	ret = video_queue(&video, 0, buffer->dmabuf);
	if (!ret && (video_start(&video) || video_dequeue(&video, &frame) || video_stop(&video)))
		ret = wrong(cell, "no frame was captured");
	video_close(&video);
	if (ret)
		return ret;
	if (buffer_crc(buffer, &crc))
		return wrong(cell, "the buffer cannot be read");
	if (crc != wanted)
		return wrong(cell, "the frame is %08x, not %08x", crc, wanted);
	did(cell, "captured");
	return 0;
}

/*
 * A moment after the control was set vivid updates its menus of free outputs. If that comes before
 * the control has its new value, vivid takes the output for another input's, and unplugs the cable
 * (update_hdmi_ctrls_work_handler(), Linux 6.12 and 7.3 alike).
 */
static int plug_cable(const struct importer *importer, struct video *input)
{
	unsigned int instance = importer->variant == VIVID_VMALLOC ? 0 : 1;
	char control[64], output[32];
	int ret = 0;

	snprintf(control, sizeof(control), "HDMI %03u-0 Is Connected To", instance);
	snprintf(output, sizeof(output), "Output HDMI %03u-0", instance);
	for (int i = 0; !ret && i < CABLE_TRIES; i++) {
		ret = video_control(input, control, 0, output);
		usleep(CABLE_US);
		if (!ret)
			ret = video_control_is(input, control, output);
	}
	return ret > 0 ? 0 : ret ? ret : -EAGAIN;
}

static int open_output(const struct importer *importer, struct video *video)
{
	int ret = video_open(video, V4L2_BUF_TYPE_VIDEO_OUTPUT, "vivid",
			     vivid_bus(importer->variant));

	if (!ret)
		ret = video_vga_timings(video);
	if (!ret)
		ret = video_set_format(video, WIDTH, HEIGHT);
	if (!ret)
		ret = video_request(video, V4L2_MEMORY_DMABUF, 1);
	return ret;
}

int output_use(const struct importer *importer, const struct exporter *exporter,
	       const struct buffer *buffer, uint32_t seed, struct cell *cell)
{
	struct video input = { .fd = -1 }, output;
	uint32_t wanted, crc = 0;
	int ret;

	if (buffer_crc(buffer, &wanted))
		return wrong(cell, "the buffer cannot be read");
	if (open_output(importer, &output))
		return wrong(cell, "vivid puts nothing out");
	ret = video_queue(&output, 0, buffer->dmabuf);
	if (!ret && (open_input(importer, HDMI, &input) || plug_cable(importer, &input) ||
		     video_start(&output) || capture(&input, CABLE_FRAMES, &wanted, &crc)))
		ret = wrong(cell, "nothing comes out of the cable");
	if (!ret && crc != wanted)
		ret = wrong(cell, "the picture is %08x, not %08x", crc, wanted);
	video_close(&input);
	video_close(&output);
	if (!ret)
		did(cell, "put out");
	return ret;
}
