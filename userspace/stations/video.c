// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/v4l2-dv-timings.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "message.h"
#include "picture.h"
#include "video.h"

/* How long a driver may take for a frame. */
#define FRAME_TIMEOUT_MS	30000

static int video_ioctl(int fd, unsigned long request, void *arg)
{
	int ret;

	do {
		ret = ioctl(fd, request, arg);
	} while (ret && errno == EINTR);
	return ret ? -errno : 0;
}

static bool streams(const struct v4l2_capability *caps, uint32_t type)
{
	uint32_t wanted = V4L2_CAP_STREAMING;

	wanted |= type == V4L2_BUF_TYPE_VIDEO_OUTPUT ? V4L2_CAP_VIDEO_OUTPUT :
						       V4L2_CAP_VIDEO_CAPTURE;
	return (caps->device_caps & wanted) == wanted;
}

/* Open the node if it is right; driver and bus may be NULL for any. */
static int try_node(struct video *video, const char *path, const char *driver, const char *bus)
{
	struct v4l2_capability caps = { 0 };
	int ret;

	video->fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (video->fd < 0)
		return -errno;
	ret = video_ioctl(video->fd, VIDIOC_QUERYCAP, &caps);
	if (!ret && ((driver && strcmp((const char *)caps.driver, driver)) ||
		     (bus && strcmp((const char *)caps.bus_info, bus)) ||
		     !streams(&caps, video->type)))
		ret = -ENODEV;
	if (ret) {
		close(video->fd);
		video->fd = -1;
		return ret;
	}
	snprintf(video->path, sizeof(video->path), "%s", path);
	snprintf(video->driver, sizeof(video->driver), "%s", (const char *)caps.driver);
	snprintf(video->card, sizeof(video->card), "%s", (const char *)caps.card);
	return 0;
}

int video_open(struct video *video, uint32_t type, const char *driver, const char *where)
{
	int ret = -ENODEV;

	*video = (struct video){ .fd = -1, .type = type };
	if (where && *where == '/') {
		ret = try_node(video, where, NULL, NULL);
		if (ret)
			failed(ret, "%s is no video node that can be used", where);
		return ret;
	}
	for (unsigned int i = 0; ret && i < 64; i++) {
		char node[32];

		snprintf(node, sizeof(node), "/dev/video%u", i);
		ret = try_node(video, node, driver, where);
	}
	if (ret)
		complain("no /dev/video* is of the driver \"%s\"%s%s (modprobe %s allocators=1)",
			 driver, where ? " at " : "", where ? where : "", driver);
	return ret;
}

int video_set_format(struct video *video, uint32_t width, uint32_t height)
{
	struct v4l2_format format = { .type = video->type };
	struct v4l2_pix_format *pix = &format.fmt.pix;
	int ret;

	pix->width = width;
	pix->height = height;
	pix->pixelformat = V4L2_PIX_FMT_XBGR32;
	pix->field = V4L2_FIELD_NONE;
	ret = video_ioctl(video->fd, VIDIOC_S_FMT, &format);
	if (!ret)
		ret = video_ioctl(video->fd, VIDIOC_G_FMT, &format);
	if (ret)
		return failed(ret, "%s takes no format", video->path), ret;
	if (pix->pixelformat != V4L2_PIX_FMT_XBGR32 || pix->width != width ||
	    pix->height != height || pix->bytesperline < width * PIXEL_BYTES ||
	    pix->sizeimage / pix->bytesperline < height) {
		complain("%s does not do %ux%u in XBGR32: it offers %ux%u in %.4s", video->path,
			 width, height, pix->width, pix->height, (const char *)&pix->pixelformat);
		return -EINVAL;
	}
	video->width = pix->width;
	video->height = pix->height;
	video->pitch = pix->bytesperline;
	video->frame_bytes = pix->sizeimage;
	return 0;
}

int video_input(struct video *video, int index)
{
	int ret = video_ioctl(video->fd, VIDIOC_S_INPUT, &index);

	if (ret)
		failed(ret, "%s has no input %d", video->path, index);
	return ret;
}

int video_vga_timings(struct video *video)
{
	struct v4l2_dv_timings timings = V4L2_DV_BT_DMT_640X480P60;
	int ret = video_ioctl(video->fd, VIDIOC_S_DV_TIMINGS, &timings);

	if (ret)
		failed(ret, "%s has no 640x480 at 60 Hz", video->path);
	return ret;
}

int video_request(struct video *video, uint32_t memory, uint32_t count)
{
	struct v4l2_requestbuffers request = {
		.count = count,
		.type = video->type,
		.memory = memory,
	};
	int ret = video_ioctl(video->fd, VIDIOC_REQBUFS, &request);

	if (!ret && count && !request.count)
		ret = -ENOBUFS;
	if (ret)
		return failed(ret, "%s takes no buffers of that memory", video->path), ret;
	video->memory = memory;
	video->buffers = request.count;
	return 0;
}

int video_export(struct video *video, uint32_t index)
{
	struct v4l2_exportbuffer args = {
		.type = video->type,
		.index = index,
		.flags = O_CLOEXEC | O_RDWR,
	};
	int ret = video_ioctl(video->fd, VIDIOC_EXPBUF, &args);

	if (ret)
		return failed(ret, "%s does not export its buffer", video->path), ret;
	return args.fd;
}

int video_map(struct video *video, uint32_t index, void **ptr)
{
	struct v4l2_buffer buffer = {
		.index = index,
		.type = video->type,
		.memory = V4L2_MEMORY_MMAP,
	};
	int ret = video_ioctl(video->fd, VIDIOC_QUERYBUF, &buffer);

	if (!ret) {
		*ptr = mmap(NULL, buffer.length, PROT_READ | PROT_WRITE, MAP_SHARED, video->fd,
			    buffer.m.offset);
		ret = *ptr == MAP_FAILED ? -errno : 0;
	}
	if (ret)
		failed(ret, "%s does not map its buffer", video->path);
	return ret;
}

int video_queue(struct video *video, uint32_t index, int dmabuf)
{
	struct v4l2_buffer buffer = {
		.index = index,
		.type = video->type,
		.memory = video->memory,
		.field = V4L2_FIELD_NONE,
		.bytesused = video->frame_bytes,
		.length = video->frame_bytes,
	};
	int ret;

	if (video->memory == V4L2_MEMORY_DMABUF)
		buffer.m.fd = dmabuf;
	ret = video_ioctl(video->fd, VIDIOC_QBUF, &buffer);
	if (ret)
		failed(ret, "%s refuses the buffer", video->path);
	return ret;
}

int video_start(struct video *video)
{
	int type = (int)video->type;
	int ret = video_ioctl(video->fd, VIDIOC_STREAMON, &type);

	if (ret)
		failed(ret, "%s does not start", video->path);
	return ret;
}

int video_stop(struct video *video)
{
	int type = (int)video->type;
	int ret = video_ioctl(video->fd, VIDIOC_STREAMOFF, &type);

	if (ret)
		failed(ret, "%s does not stop", video->path);
	return ret;
}

int video_dequeue(struct video *video, struct video_frame *frame)
{
	struct v4l2_buffer buffer = { .type = video->type, .memory = video->memory };
	struct pollfd wait = {
		.fd = video->fd,
		.events = video->type == V4L2_BUF_TYPE_VIDEO_OUTPUT ? POLLOUT : POLLIN,
	};
	int ready, ret;

	do {
		ready = poll(&wait, 1, FRAME_TIMEOUT_MS);
	} while (ready < 0 && errno == EINTR);
	if (ready < 0)
		ret = -errno;
	else if (!ready)
		ret = -ETIME;
	else
		ret = video_ioctl(video->fd, VIDIOC_DQBUF, &buffer);
	if (!ret && buffer.flags & V4L2_BUF_FLAG_ERROR)
		ret = -EIO;
	if (ret) {
		failed(ret, "no frame from %s", video->path);
		return ret;
	}
	frame->index = buffer.index;
	frame->sequence = buffer.sequence;
	return 0;
}

static bool find_item(int fd, const struct v4l2_queryctrl *control, const char *text,
		      int32_t *value)
{
	for (int32_t i = control->minimum; i <= control->maximum; i++) {
		struct v4l2_querymenu item = { .id = control->id, .index = (uint32_t)i };

		if (video_ioctl(fd, VIDIOC_QUERYMENU, &item))
			continue;
		if (!strcmp((const char *)item.name, text)) {
			*value = i;
			return true;
		}
	}
	return false;
}

static int find_control(struct video *video, const char *name, const char *text,
			struct v4l2_control *control)
{
	struct v4l2_queryctrl query = { .id = V4L2_CTRL_FLAG_NEXT_CTRL };

	while (!video_ioctl(video->fd, VIDIOC_QUERYCTRL, &query)) {
		if (strcmp((const char *)query.name, name)) {
			query.id |= V4L2_CTRL_FLAG_NEXT_CTRL;
			continue;
		}
		control->id = query.id;
		if (text && !find_item(video->fd, &query, text, &control->value)) {
			complain("%s: \"%s\" cannot be \"%s\"", video->path, name, text);
			return -EINVAL;
		}
		return 0;
	}
	complain("%s has no control \"%s\"", video->path, name);
	return -ENOENT;
}

int video_control(struct video *video, const char *name, int32_t value, const char *text)
{
	struct v4l2_control control = { .value = value };
	int ret = find_control(video, name, text, &control);

	if (!ret) {
		ret = video_ioctl(video->fd, VIDIOC_S_CTRL, &control);
		if (ret)
			failed(ret, "%s: cannot set \"%s\"", video->path, name);
	}
	return ret;
}

int video_control_is(struct video *video, const char *name, const char *text)
{
	struct v4l2_control wanted = { 0 }, now;
	int ret = find_control(video, name, text, &wanted);

	if (!ret) {
		now = wanted;
		ret = video_ioctl(video->fd, VIDIOC_G_CTRL, &now);
		if (ret)
			failed(ret, "%s: cannot read \"%s\"", video->path, name);
	}
	return ret ? ret : now.value == wanted.value;
}

void video_close(struct video *video)
{
	if (video->fd >= 0)
		close(video->fd);
	video->fd = -1;
}
