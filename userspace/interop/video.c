// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * dgem_video: frames from a camera (vivid) are copied by dgem's engine into a canvas that vkms
 * shows and writes back, in an order that only explicit fences keep:
 *
 *   frame --sync_file--> job --sync_file--> plane, writeback --sync_file--> the canvas' next job
 *
 * The camera runs in bursts of as many frames as there are buffers, so that none is lost before it
 * gets here, however slow the engine is. Each frame has its number at the start of each of its
 * rows: a picture that is written back must have the right one in all rows, and the frame's
 * checksum. With a device as the engine the CPU copies nothing; the cpu engine copies each byte
 * once, and nothing is copied besides.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/dma-buf.h>
#include <linux/videodev2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <xf86drm.h>

#include "libdrm_dgem.h"
#include "message.h"
#include "picture.h"
#include "video.h"
#include "vkms.h"

#define FRAMES			100u
#define BURST			20u
/* written back and not looked at yet */
#define PICTURES		4u
#define FRAME_WIDTH		320u
#define FRAME_HEIGHT		180u
#define CANVAS_WIDTH		640u
#define CANVAS_HEIGHT		480u
#define CANVAS_PITCH		((uint64_t)CANVAS_WIDTH * PIXEL_BYTES)
#define CANVAS_BYTES		(CANVAS_PITCH * CANVAS_HEIGHT)

/* An engine that takes 0.1 s for each 4 KiB takes a while for a frame. */
#define TIMEOUT_NS		(300ll * 1000000000)
#define TIMEOUT_MS		300000

/* An object, its dma-buf, its mapping, and its framebuffer if it has one. */
struct surface {
	struct dgem_bo *bo;
	int dmabuf;
	uint8_t *ptr;
	struct vkms_fb fb;
	/* sync_file of the picture that is being written back to it, or -1 */
	int fence;
};

struct run {
	struct dgem_device *dev;
	struct vkms *vkms;
	struct video camera;
	struct surface frames[BURST];
	/* one alone, so that each job waits until the picture before it was written back */
	struct surface canvas;
	struct surface written[PICTURES];
	uint32_t in_syncobj;
	uint32_t reuse_syncobj;
	uint32_t out_syncobj;
	uint32_t crcs[FRAMES];
	uint32_t shown;
	uint32_t torn;
	uint32_t differing;
};

static const struct picture place = {
	.offset = (CANVAS_HEIGHT - FRAME_HEIGHT) / 2 * CANVAS_PITCH +
		  (CANVAS_WIDTH - FRAME_WIDTH) / 2 * PIXEL_BYTES,
	.pitch = CANVAS_PITCH,
	.width = FRAME_WIDTH,
	.height = FRAME_HEIGHT,
};

static int make_surface(struct run *run, struct surface *surface, uint64_t size, bool show)
{
	void *ptr;
	int ret = dgem_bo_new(run->dev, size, DGEM_KIND_CONTIGUOUS, DGEM_CACHE_DEFAULT,
			      &surface->bo);

	surface->fence = -1;
	if (ret)
		return failed(ret, "no object of %" PRIu64 " bytes", size), ret;
	surface->dmabuf = dgem_bo_dmabuf(surface->bo, DGEM_READ | DGEM_WRITE);
	if (surface->dmabuf < 0)
		return failed(surface->dmabuf, "no dma-buf"), surface->dmabuf;
	ret = dgem_bo_map(surface->bo, &ptr);
	if (ret)
		return failed(ret, "no mapping"), ret;
	surface->ptr = ptr;
	return show ? vkms_import(run->vkms, surface->dmabuf, (uint32_t)CANVAS_PITCH,
				  &surface->fb) : 0;
}

static void drop_surface(struct run *run, struct surface *surface)
{
	if (run->vkms)
		vkms_drop(run->vkms, &surface->fb);
	if (surface->fence >= 0)
		close(surface->fence);
	if (surface->ptr)
		dgem_bo_unmap(surface->bo);
	if (surface->dmabuf > 0)
		close(surface->dmabuf);
	dgem_bo_del(surface->bo);
}

static int set_up(struct run *run)
{
	int fd, ret = dgem_device_open(NULL, &run->dev);

	if (ret)
		return failed(ret, "no dgem"), ret;
	fd = dgem_device_fd(run->dev);
	if (drmSyncobjCreate(fd, 0, &run->in_syncobj) ||
	    drmSyncobjCreate(fd, 0, &run->reuse_syncobj) ||
	    drmSyncobjCreate(fd, 0, &run->out_syncobj))
		return failed(-errno, "no syncobjs"), -EIO;
	ret = vkms_open(CANVAS_WIDTH, CANVAS_HEIGHT, &run->vkms);
	if (!ret)
		ret = video_open(&run->camera, V4L2_BUF_TYPE_VIDEO_CAPTURE, "vivid",
				 "platform:vivid-001");
	if (!ret)
		ret = video_input(&run->camera, 0);
	if (!ret)
		ret = video_set_format(&run->camera, FRAME_WIDTH, FRAME_HEIGHT);
	if (!ret)
		ret = video_request(&run->camera, V4L2_MEMORY_DMABUF, BURST);
	if (!ret && run->camera.buffers != BURST) {
		complain("the camera takes %u buffers", run->camera.buffers);
		ret = -ENOBUFS;
	}
	for (size_t i = 0; !ret && i < BURST; i++)
		ret = make_surface(run, &run->frames[i], run->camera.frame_bytes, false);
	if (!ret)
		ret = make_surface(run, &run->canvas, CANVAS_BYTES, true);
	for (size_t i = 0; !ret && i < PICTURES; i++)
		ret = make_surface(run, &run->written[i], CANVAS_BYTES, true);
	return ret;
}

static void tear_down(struct run *run)
{
	video_close(&run->camera);
	for (size_t i = 0; i < BURST; i++)
		drop_surface(run, &run->frames[i]);
	drop_surface(run, &run->canvas);
	for (size_t i = 0; i < PICTURES; i++)
		drop_surface(run, &run->written[i]);
	vkms_close(run->vkms);
	dgem_device_del(run->dev);
}

static struct picture frame_picture(const struct run *run)
{
	return (struct picture){
		.pitch = run->camera.pitch,
		.width = FRAME_WIDTH,
		.height = FRAME_HEIGHT,
	};
}

/* Write the number into each row, and note the frame's checksum. */
static int number_frame(struct run *run, struct surface *frame, uint32_t number)
{
	struct picture picture = frame_picture(run);
	int ret = dgem_bo_sync_begin(frame->bo, 0, run->camera.frame_bytes,
				     DGEM_READ | DGEM_WRITE, TIMEOUT_NS);

	if (ret)
		return failed(ret, "a frame cannot be looked at"), ret;
	for (uint32_t y = 0; y < FRAME_HEIGHT; y++)
		memcpy(frame->ptr + y * picture.pitch, &number, 3);
	run->crcs[number] = picture_crc(frame->ptr, &picture);
	ret = dgem_bo_sync_end(frame->bo, 0, run->camera.frame_bytes, DGEM_READ | DGEM_WRITE);
	if (ret)
		failed(ret, "a frame cannot be given back");
	return ret;
}

/* A sync_file becomes the fence of a syncobj. */
static int import_fence(struct run *run, uint32_t syncobj, int fence)
{
	if (!drmSyncobjImportSyncFile(dgem_device_fd(run->dev), syncobj, fence))
		return 0;
	return failed(-errno, "a fence cannot be imported"), -EIO;
}

static int frame_fence(struct run *run, const struct surface *frame)
{
	struct dma_buf_export_sync_file args = { .flags = DMA_BUF_SYNC_READ, .fd = -1 };
	int ret;

	if (ioctl(frame->dmabuf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &args))
		return failed(-errno, "a frame has no fence"), -EIO;
	ret = import_fence(run, run->in_syncobj, args.fd);
	close(args.fd);
	return ret;
}

/* The job: waits for the frame, and for the picture that the canvas had before. */
static int submit_copy(struct run *run, const struct surface *frame, const struct surface *canvas,
		       int last_use)
{
	struct dgem_job *job;
	int ret = frame_fence(run, frame);

	if (!ret && last_use >= 0)
		ret = import_fence(run, run->reuse_syncobj, last_use);
	if (!ret)
		ret = dgem_job_new(run->dev, &job);
	if (ret)
		return ret;
	ret = dgem_job_copy_2d(job, canvas->bo, place.offset, place.pitch, frame->bo, 0,
			       run->camera.pitch, FRAME_WIDTH * PIXEL_BYTES, FRAME_HEIGHT);
	if (!ret)
		ret = dgem_job_wait_syncobj(job, run->in_syncobj, 0);
	if (!ret && last_use >= 0)
		ret = dgem_job_wait_syncobj(job, run->reuse_syncobj, 0);
	if (!ret)
		ret = dgem_job_signal_syncobj(job, run->out_syncobj, 0);
	if (!ret)
		ret = dgem_job_submit(job, DGEM_SUBMIT_NO_IMPLICIT);
	dgem_job_del(job);
	if (ret)
		failed(ret, "the engine takes no job");
	return ret;
}

/* Show the canvas when the job is done, and have it written back; nobody waits for the job. */
static int show(struct run *run, const struct surface *canvas, struct surface *written)
{
	int done, ret;

	if (drmSyncobjExportSyncFile(dgem_device_fd(run->dev), run->out_syncobj, &done))
		return failed(-errno, "the job has no fence"), -EIO;
	ret = vkms_write(run->vkms, &canvas->fb, &written->fb, done, &written->fence);
	close(done);
	return ret;
}

/* What was written back is that frame, in all of its rows. */
static int judge(struct run *run, struct surface *written, uint32_t number)
{
	uint32_t rows = 0;
	int ret = fence_wait(written->fence, TIMEOUT_MS);

	if (written->fence >= 0)
		close(written->fence);
	written->fence = -1;
	if (!ret)
		ret = dgem_bo_sync_begin(written->bo, 0, CANVAS_BYTES, DGEM_READ, TIMEOUT_NS);
	if (ret)
		return failed(ret, "frame %u was not written back", number), ret;
	for (uint32_t y = 0; y < FRAME_HEIGHT; y++) {
		uint32_t pixel;

		memcpy(&pixel, written->ptr + place.offset + y * place.pitch, sizeof(pixel));
		rows += (pixel & 0xffffff) == number;
	}
	run->shown += rows > 0;
	run->torn += rows > 0 && rows < FRAME_HEIGHT;
	run->differing += picture_crc(written->ptr, &place) != run->crcs[number];
	return dgem_bo_sync_end(written->bo, 0, CANVAS_BYTES, DGEM_READ);
}

static int pass_on(struct run *run, uint32_t i, uint32_t first)
{
	struct surface *written = &run->written[i % PICTURES];
	int last_use = i ? run->written[(i - 1) % PICTURES].fence : -1;
	struct video_frame got;
	int ret = video_dequeue(&run->camera, &got);

	if (ret)
		return ret;
	if (got.sequence != i) {
		complain("the camera's frame %u is missing: %u came", i, got.sequence);
		return -EIO;
	}
	if (i >= PICTURES)
		ret = judge(run, written, first + i - PICTURES);
	if (!ret)
		ret = number_frame(run, &run->frames[got.index], first + i);
	if (!ret)
		ret = submit_copy(run, &run->frames[got.index], &run->canvas, last_use);
	/* vkms never signals a writeback's fence if the next commit overtakes it. */
	if (!ret && i)
		ret = fence_wait(last_use, TIMEOUT_MS);
	return ret ? ret : show(run, &run->canvas, written);
}

static int burst(struct run *run, uint32_t first)
{
	int ret = 0;

	for (uint32_t i = 0; !ret && i < BURST; i++)
		ret = video_queue(&run->camera, i, run->frames[i].dmabuf);
	if (!ret)
		ret = video_start(&run->camera);
	for (uint32_t i = 0; !ret && i < BURST; i++)
		ret = pass_on(run, i, first);
	for (uint32_t i = BURST - PICTURES; !ret && i < BURST; i++)
		ret = judge(run, &run->written[i % PICTURES], first + i);
	return ret ? ret : video_stop(&run->camera);
}

static void tell(unsigned int number, bool ok, const char *what)
{
	printf("%s %u - %s\n", ok ? "ok" : "not ok", number, what);
}

int main(void)
{
	struct run run = { .camera.fd = -1 };
	struct dgem_engine_info engine = { 0 };
	struct dgem_stats before = { 0 }, after = { 0 };
	uint64_t bytes = (uint64_t)FRAMES * FRAME_WIDTH * FRAME_HEIGHT * PIXEL_BYTES;
	bool dma, counted;
	int ret;

	set_message_prefix("dgem_video", NULL);
	printf("TAP version 13\n1..4\n");
	ret = set_up(&run);
	if (!ret)
		ret = dgem_device_get_engine(run.dev, &engine, sizeof(engine));
	if (!ret)
		ret = dgem_device_get_stats(run.dev, &before, sizeof(before));
	for (uint32_t first = 0; !ret && first < FRAMES; first += BURST) {
		ret = burst(&run, first);
		printf("# %u frames\n", first + BURST);
		fflush(stdout);
	}
	if (!ret)
		ret = dgem_device_get_stats(run.dev, &after, sizeof(after));
	tear_down(&run);

	after.bytes_dma -= before.bytes_dma;
	after.bytes_cpu -= before.bytes_cpu;
	dma = engine.type == DGEM_ENGINE_DMA;
	counted = after.bytes_dma == (dma ? bytes : 0) && after.bytes_cpu == (dma ? 0 : bytes);
	printf("# %u frames shown, %u torn, %u differ; bytes by the engine %" PRIu64
	       ", by the CPU %" PRIu64 "\n", run.shown, run.torn, run.differing, after.bytes_dma,
	       after.bytes_cpu);
	tell(1, !ret && run.shown == FRAMES, "no frame lost");
	tell(2, !ret && !run.torn, "no frame torn");
	tell(3, !ret && !run.differing, "every picture is its frame");
	tell(4, !ret && counted, dma ? "no byte copied by the CPU" :
				       "no byte copied but once, by the CPU as the engine");
	return ret || run.shown != FRAMES || run.torn || run.differing || !counted;
}
