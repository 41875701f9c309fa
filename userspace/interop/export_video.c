// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * vivid as the exporter: buffers of its own allocators.
 */
#include <errno.h>
#include <linux/videodev2.h>

#include "interop.h"
#include "video.h"

const char *vivid_bus(uint32_t variant)
{
	return variant == VIVID_VMALLOC ? "platform:vivid-000" : "platform:vivid-001";
}

bool vivid_present(const struct exporter *exporter)
{
	struct video video;
	int ret = video_open(&video, V4L2_BUF_TYPE_VIDEO_CAPTURE, "vivid",
			     vivid_bus(exporter->variant));

	video_close(&video);
	return !ret;
}

/* The dma-buf keeps the buffer when the queue that it was made for is gone. */
int vivid_alloc(const struct exporter *exporter, struct buffer *buffer)
{
	struct video video;
	int ret = video_open(&video, V4L2_BUF_TYPE_VIDEO_CAPTURE, "vivid",
			     vivid_bus(exporter->variant));

	if (!ret)
		ret = video_input(&video, 0);
	if (!ret)
		ret = video_set_format(&video, WIDTH, HEIGHT);
	if (!ret)
		ret = video_request(&video, V4L2_MEMORY_MMAP, 1);
	if (!ret) {
		buffer->dmabuf = video_export(&video, 0);
		ret = buffer->dmabuf < 0 ? buffer->dmabuf : 0;
	}
	video_close(&video);
	return ret;
}
