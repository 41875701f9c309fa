// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * The demo's camera: V4L2 capture of one frame into somebody else's dma-bufs.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "demo.h"
#include "tool.h"

/* How long a camera may take for a frame. */
#define FRAME_TIMEOUT_MS	30000

static int video_ioctl(int fd, unsigned long request, void *arg)
{
	int ret;

	do {
		ret = ioctl(fd, request, arg);
	} while (ret && errno == EINTR);
	return ret ? -errno : 0;
}

/* Open the node if it captures pictures into one plane; driver may be NULL for any. */
static int try_node(struct camera *camera, const char *path, const char *driver)
{
	struct v4l2_capability caps = { 0 };
	int ret;

	camera->fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (camera->fd < 0)
		return -errno;
	ret = video_ioctl(camera->fd, VIDIOC_QUERYCAP, &caps);
	if (!ret && ((driver && strcmp((const char *)caps.driver, driver)) ||
		     !(caps.device_caps & V4L2_CAP_VIDEO_CAPTURE) ||
		     !(caps.device_caps & V4L2_CAP_STREAMING)))
		ret = -ENODEV;
	if (ret) {
		close(camera->fd);
		camera->fd = -1;
		return ret;
	}
	snprintf(camera->path, sizeof(camera->path), "%s", path);
	snprintf(camera->driver, sizeof(camera->driver), "%s", (const char *)caps.driver);
	snprintf(camera->card, sizeof(camera->card), "%s", (const char *)caps.card);
	return 0;
}

int camera_open(struct camera *camera, const char *driver, const char *path)
{
	int ret = -ENODEV;

	*camera = (struct camera){ .fd = -1 };
	if (path) {
		ret = try_node(camera, path, NULL);
		if (ret)
			failed(ret, "%s is no camera that can be used", path);
		return ret;
	}
	for (unsigned int i = 0; ret && i < 64; i++) {
		char node[32];

		snprintf(node, sizeof(node), "/dev/video%u", i);
		ret = try_node(camera, node, driver);
	}
	if (ret)
		complain("no /dev/video* captures for \"%s\" (modprobe %s allocators=1)", driver,
			 driver);
	return ret;
}

int camera_set_format(struct camera *camera, uint32_t width, uint32_t height)
{
	struct v4l2_format format = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE };
	struct v4l2_pix_format *pix = &format.fmt.pix;
	int ret;

	pix->width = width;
	pix->height = height;
	pix->pixelformat = V4L2_PIX_FMT_XBGR32;
	pix->field = V4L2_FIELD_NONE;
	ret = video_ioctl(camera->fd, VIDIOC_S_FMT, &format);
	if (!ret)
		ret = video_ioctl(camera->fd, VIDIOC_G_FMT, &format);
	if (ret)
		return failed(ret, "%s takes no format", camera->path), ret;
	if (pix->pixelformat != V4L2_PIX_FMT_XBGR32 || pix->width != width ||
	    pix->height != height || pix->bytesperline < width * DEMO_PIXEL_BYTES ||
	    pix->sizeimage / pix->bytesperline < height) {
		complain("%s cannot capture %ux%u in XBGR32: it offers %ux%u in %.4s", camera->path,
			 width, height, pix->width, pix->height, (const char *)&pix->pixelformat);
		return -EINVAL;
	}
	camera->width = pix->width;
	camera->height = pix->height;
	camera->pitch = pix->bytesperline;
	camera->frame_bytes = pix->sizeimage;
	return 0;
}

int camera_start(struct camera *camera)
{
	struct v4l2_requestbuffers request = {
		.count = 2,
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_DMABUF,
	};
	int ret = video_ioctl(camera->fd, VIDIOC_REQBUFS, &request);

	if (!ret && (!request.count || request.count > CAMERA_MAX_BUFFERS))
		ret = -ENOBUFS;
	if (ret)
		return failed(ret, "%s does not capture into dma-bufs", camera->path), ret;
	camera->buffers = request.count;
	return 0;
}

int camera_queue(struct camera *camera, uint32_t index, int dmabuf)
{
	struct v4l2_buffer buffer = {
		.index = index,
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_DMABUF,
		.m.fd = dmabuf,
		.length = camera->frame_bytes,
	};
	int ret = video_ioctl(camera->fd, VIDIOC_QBUF, &buffer);

	if (ret)
		failed(ret, "%s refuses the dma-buf", camera->path);
	return ret;
}

int camera_capture(struct camera *camera)
{
	struct v4l2_buffer buffer = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_DMABUF,
	};
	struct pollfd wait = { .fd = camera->fd, .events = POLLIN };
	int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
	int ready, ret;

	ret = video_ioctl(camera->fd, VIDIOC_STREAMON, &type);
	if (ret)
		return failed(ret, "%s does not start", camera->path), ret;
	do {
		ready = poll(&wait, 1, FRAME_TIMEOUT_MS);
	} while (ready < 0 && errno == EINTR);
	if (ready < 0)
		ret = -errno;
	else if (!ready)
		ret = -ETIME;
	else
		ret = video_ioctl(camera->fd, VIDIOC_DQBUF, &buffer);
	if (!ret && buffer.flags & V4L2_BUF_FLAG_ERROR)
		ret = -EIO;
	if (ret)
		failed(ret, "no frame from %s", camera->path);
	video_ioctl(camera->fd, VIDIOC_STREAMOFF, &type);
	return ret ? ret : (int)buffer.index;
}

void camera_close(struct camera *camera)
{
	if (camera->fd >= 0)
		close(camera->fd);
	camera->fd = -1;
}
