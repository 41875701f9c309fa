// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * dgem demo: a camera, a DMA engine and a screen share dgem's buffers.
 *
 *   camera --dma-buf--> frame --engine, COPY_2D--> canvas --dma-buf--> screen
 *
 * The frame and the canvas are contiguous objects. What orders the stations is fences only: one out
 * of the frame's dma-buf that the job waits for, and one that the job signals.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/dma-buf.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <xf86drm.h>

#include "demo.h"
#include "tool.h"

static const char usage[] =
	"Usage: dgem demo [OPTIONS]\n"
	"\n"
	"A V4L2 camera captures a frame into a dgem buffer, the DMA engine copies it into the\n"
	"middle of a second one, and a KMS driver shows that: no byte is copied by the CPU in\n"
	"dgem's name. Ends with 0 only if the frame and what arrived have one checksum.\n"
	"\n"
	"  -o, --report FILE        write the report, as JSON (standard output)\n"
	"  -s, --screenshot CMD     run a shell command while the picture is on the screen\n"
	"  -H, --hold SECONDS       keep it on the screen for a while\n"
	"  -m, --mode WxH           mode of the screen (the largest up to 1920x1080)\n"
	"  -f, --frame WxH          size of the frame (1280x720)\n"
	"  -c, --camera PATH        V4L2 node (the first of the driver vivid)\n"
	"  -k, --card PATH          KMS node (the first of the driver bochs-drm)\n"
	"  -T, --timeout SECONDS    give up when the engine makes no progress for so long (60)\n"
	"  -d, --device DEVICE      dgem device, by path or name (the first)\n"
	"  -h, --help               print this\n";

/* Tell what is going on, at once: it is a long way to the end. */
static void step(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void step(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("dgem demo: ", stderr);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int look_around(struct demo *demo)
{
	const struct demo_request *request = demo->request;
	int ret;

	ret = open_device(request->device, &demo->dev);
	if (ret)
		return ret;
	ret = dgem_device_get_info(demo->dev, &demo->info, sizeof(demo->info));
	if (!ret)
		ret = dgem_device_get_engine(demo->dev, &demo->engine, sizeof(demo->engine));
	if (ret) {
		failed(ret, "the device does not answer");
		return ret;
	}
	step("dgem    %s, engine %s (%s) %s", dgem_device_path(demo->dev), demo->engine.name,
	     engine_type_name(demo->engine.type), demo->engine.device);

	ret = screen_open(&demo->screen, "bochs-drm", request->card, request->frame_width,
			  request->frame_height, request->mode_width, request->mode_height);
	if (ret)
		return ret;
	step("screen  %s (%s), %ux%u", demo->screen.path, demo->screen.driver, demo->screen.width,
	     demo->screen.height);

	ret = video_open(&demo->camera, V4L2_BUF_TYPE_VIDEO_CAPTURE, "vivid", request->camera);
	if (!ret)
		ret = video_set_format(&demo->camera, request->frame_width, request->frame_height);
	if (ret)
		return ret;
	step("camera  %s (%s), %ux%u, %u bytes a frame", demo->camera.path, demo->camera.driver,
	     demo->camera.width, demo->camera.height, demo->camera.frame_bytes);
	return 0;
}

static int allocate(struct demo *demo, uint64_t size, struct dgem_bo **bo)
{
	int ret = dgem_bo_new(demo->dev, size, DGEM_KIND_CONTIGUOUS, DGEM_CACHE_DEFAULT, bo);

	if (ret) {
		failed(ret, "cannot allocate %" PRIu64 " contiguous bytes", size);
		explain_shortage(demo->dev, DGEM_KIND_CONTIGUOUS, size, ret);
	}
	return ret;
}

/* Capture a frame into one of as many objects as the camera wants to have queued. */
static int capture(struct demo *demo)
{
	struct video *camera = &demo->camera;
	struct video_frame frame;
	int ret = video_request(camera, V4L2_MEMORY_DMABUF, 2);

	if (!ret && camera->buffers > CAMERA_MAX_BUFFERS) {
		complain("%s wants %u buffers", camera->path, camera->buffers);
		ret = -ENOBUFS;
	}
	for (uint32_t i = 0; !ret && i < camera->buffers; i++) {
		ret = allocate(demo, camera->frame_bytes, &demo->frames[i]);
		if (ret)
			return ret;
		ret = dgem_bo_dmabuf(demo->frames[i], DGEM_READ | DGEM_WRITE);
		if (ret < 0) {
			failed(ret, "cannot export the frame");
			return ret;
		}
		demo->frame_fds[i] = ret;
		ret = video_queue(camera, i, demo->frame_fds[i]);
	}
	if (!ret)
		ret = video_start(camera);
	if (!ret)
		ret = video_dequeue(camera, &frame);
	if (!ret)
		ret = video_stop(camera);
	if (ret)
		return ret;
	demo->frame_index = frame.index;
	demo->source = (struct picture){
		.pitch = camera->pitch,
		.width = camera->width,
		.height = camera->height,
	};
	step("captured a frame into buffer %u of %u", demo->frame_index, camera->buffers);
	return 0;
}

static int checksum(struct dgem_bo *bo, const struct picture *picture, uint32_t *crc,
		    bool *border_clean)
{
	uint64_t size = dgem_bo_size(bo);
	void *data;
	int ret;

	ret = dgem_bo_map(bo, &data);
	if (!ret) {
		ret = dgem_bo_sync_begin(bo, 0, size, DGEM_READ, 0);
		if (!ret) {
			*crc = picture_crc(data, picture);
			if (border_clean)
				*border_clean = outside_is_zero(data, size, picture);
			ret = dgem_bo_sync_end(bo, 0, size, DGEM_READ);
		}
		dgem_bo_unmap(bo);
	}
	if (ret)
		failed(ret, "cannot read an object through its mapping");
	return ret;
}

/* The fence of those who write the dma-buf becomes the fence of a new syncobj. */
static int import_fence(struct demo *demo, int dmabuf)
{
	struct dma_buf_export_sync_file args = { .flags = DMA_BUF_SYNC_READ, .fd = -1 };
	int fd = dgem_device_fd(demo->dev);
	int ret;

	if (ioctl(dmabuf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &args)) {
		ret = -errno;
		failed(ret, "cannot get the frame's fence");
		return ret;
	}
	ret = drmSyncobjImportSyncFile(fd, demo->in_syncobj, args.fd) ? -errno : 0;
	close(args.fd);
	if (ret)
		failed(ret, "cannot import the frame's fence");
	return ret;
}

/* Wait for the job, with a line at every tenth of its bytes. */
static int wait_for_job(struct demo *demo, uint64_t bytes)
{
	uint64_t last = demo->before.bytes_dma + demo->before.bytes_cpu;
	uint64_t start = last, last_change = now_ns();
	unsigned int tenths = 0;
	int ret;

	while ((ret = dgem_syncobj_wait(demo->dev, demo->out_syncobj, 0, 1000000000)) == -ETIME) {
		struct dgem_stats stats;
		uint64_t moved;

		ret = dgem_device_get_stats(demo->dev, &stats, sizeof(stats));
		if (ret)
			break;
		moved = stats.bytes_dma + stats.bytes_cpu;
		if (moved != last)
			last_change = now_ns();
		else if (now_ns() - last_change > demo->request->timeout_s * 1000000000u)
			return -ETIME;
		last = moved;
		if ((moved - start) * 10 / bytes > tenths) {
			tenths = (unsigned int)((moved - start) * 10 / bytes);
			step("engine: %u %% of %" PRIu64 " bytes", tenths * 10, bytes);
		}
	}
	return ret;
}

static int count_interrupts(const struct demo *demo, int64_t *count)
{
	*count = 0;
	if (demo->engine.type != DGEM_ENGINE_DMA)
		return 0;
	*count = device_interrupts(demo->engine.device);
	if (*count >= 0)
		return 0;
	complain("cannot find the interrupts of \"%s\"", demo->engine.device);
	return (int)*count;
}

static int submit(struct demo *demo, struct dgem_job *job)
{
	const struct picture *from = &demo->source, *to = &demo->destination;
	struct dgem_bo *frame = demo->frames[demo->frame_index];
	int ret;

	ret = dgem_job_copy_2d(job, demo->canvas, to->offset, to->pitch, frame, from->offset,
			       from->pitch, (uint64_t)from->width * PIXEL_BYTES,
			       from->height);
	if (!ret)
		ret = dgem_job_wait_syncobj(job, demo->in_syncobj, 0);
	if (!ret)
		ret = dgem_job_signal_syncobj(job, demo->out_syncobj, 0);
	if (!ret)
		ret = dgem_job_submit(job, 0);
	return ret;
}

/* The canvas, and the place in its middle where the frame goes. */
static int make_canvas(struct demo *demo)
{
	const struct screen *screen = &demo->screen;
	uint64_t pitch = (uint64_t)screen->width * PIXEL_BYTES;
	uint32_t x = (screen->width - demo->source.width) / 2;
	uint32_t y = (screen->height - demo->source.height) / 2;

	demo->destination = (struct picture){
		.offset = y * pitch + (uint64_t)x * PIXEL_BYTES,
		.pitch = pitch,
		.width = demo->source.width,
		.height = demo->source.height,
	};
	return allocate(demo, pitch * screen->height, &demo->canvas);
}

static int copy(struct demo *demo)
{
	uint64_t bytes = (uint64_t)demo->source.width * PIXEL_BYTES * demo->source.height;
	int fd = dgem_device_fd(demo->dev);
	int64_t interrupts_before;
	struct dgem_job *job;
	uint64_t start;
	int ret;

	if (drmSyncobjCreate(fd, 0, &demo->in_syncobj) ||
	    drmSyncobjCreate(fd, 0, &demo->out_syncobj)) {
		ret = -errno;
		failed(ret, "cannot make syncobjs");
		return ret;
	}
	ret = import_fence(demo, demo->frame_fds[demo->frame_index]);
	if (!ret)
		ret = count_interrupts(demo, &interrupts_before);
	if (ret)
		return ret;
	ret = dgem_device_get_stats(demo->dev, &demo->before, sizeof(demo->before));
	if (!ret)
		ret = dgem_job_new(demo->dev, &job);
	if (ret) {
		failed(ret, "cannot make a job");
		return ret;
	}
	start = now_ns();
	ret = submit(demo, job);
	if (!ret)
		ret = wait_for_job(demo, bytes);
	demo->copy_ns = now_ns() - start;
	dgem_job_del(job);
	if (!ret)
		ret = dgem_device_get_stats(demo->dev, &demo->after, sizeof(demo->after));
	if (ret) {
		failed(ret, "the engine did not copy the frame");
		return ret;
	}
	ret = count_interrupts(demo, &demo->interrupts);
	if (ret)
		return ret;
	demo->interrupts -= interrupts_before;
	step("the engine moved %" PRIu64 " bytes with %" PRId64 " interrupts, the CPU %" PRIu64,
	     demo->after.bytes_dma - demo->before.bytes_dma, demo->interrupts,
	     demo->after.bytes_cpu - demo->before.bytes_cpu);
	return 0;
}

static int take_screenshot(const char *command)
{
	int status;

	step("screenshot: %s", command);
	status = system(command); /* NOLINT(cert-env33-c): the user's own command */
	if (status == -1)
		return failed(-errno, "cannot run \"%s\"", command), -EIO;
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		complain("\"%s\" failed", command);
		return -EIO;
	}
	return 0;
}

static int show(struct demo *demo)
{
	const struct demo_request *request = demo->request;
	int fd = dgem_bo_dmabuf(demo->canvas, DGEM_READ | DGEM_WRITE);
	int ret;

	if (fd < 0) {
		failed(fd, "cannot export the canvas");
		return fd;
	}
	ret = screen_show(&demo->screen, fd, (uint32_t)demo->destination.pitch);
	close(fd);
	if (ret)
		return ret;
	step("%s shows the canvas", demo->screen.path);
	if (request->screenshot)
		ret = take_screenshot(request->screenshot);
	if (!ret && request->hold_s) {
		step("holding it for %" PRIu64 " s", request->hold_s);
		sleep((unsigned int)request->hold_s);
	}
	return ret;
}

static int judge(const struct demo *demo)
{
	int ret = 0;

	if (demo->source_crc != demo->destination_crc ||
	    demo->source_crc != demo->canvas_crc) {
		complain("checksums differ: frame %08x, canvas %08x, after display %08x",
			 demo->source_crc, demo->destination_crc, demo->canvas_crc);
		ret = -EIO;
	}
	if (!demo->border_clean) {
		complain("something was written around the frame");
		ret = -EIO;
	}
	if (!ret)
		step("frame and canvas have one checksum: %08x", demo->source_crc);
	return ret;
}

static int run_stations(struct demo *demo)
{
	int ret = look_around(demo);

	if (!ret)
		ret = capture(demo);
	if (!ret)
		ret = checksum(demo->frames[demo->frame_index], &demo->source, &demo->source_crc,
			       NULL);
	if (!ret)
		ret = make_canvas(demo);
	if (!ret)
		ret = copy(demo);
	if (!ret)
		ret = checksum(demo->canvas, &demo->destination, &demo->destination_crc, NULL);
	if (!ret)
		ret = show(demo);
	if (!ret)
		ret = checksum(demo->canvas, &demo->destination, &demo->canvas_crc,
			       &demo->border_clean);
	if (!ret)
		ret = demo_report(demo);
	if (!ret)
		ret = judge(demo);
	return ret;
}

static void clean_up(struct demo *demo)
{
	screen_close(&demo->screen);
	video_close(&demo->camera);
	for (uint32_t i = 0; i < CAMERA_MAX_BUFFERS; i++) {
		if (demo->frame_fds[i] >= 0)
			close(demo->frame_fds[i]);
		dgem_bo_del(demo->frames[i]);
	}
	dgem_bo_del(demo->canvas);
	if (demo->in_syncobj)
		drmSyncobjDestroy(dgem_device_fd(demo->dev), demo->in_syncobj);
	if (demo->out_syncobj)
		drmSyncobjDestroy(dgem_device_fd(demo->dev), demo->out_syncobj);
	dgem_device_del(demo->dev);
}

static bool take_seconds(const char *what, uint64_t *value)
{
	if (!parse_size(what, optarg, value))
		return false;
	if (*value <= 86400)
		return true;
	complain("%s is at most a day", what);
	return false;
}

static bool take_option(struct demo_request *request, int c)
{
	switch (c) {
	case 'o':
		request->report = optarg;
		return true;
	case 's':
		request->screenshot = optarg;
		return true;
	case 'H':
		return take_seconds("--hold", &request->hold_s);
	case 'm':
		return parse_pair("--mode", optarg, &request->mode_width, &request->mode_height);
	case 'f':
		return parse_pair("--frame", optarg, &request->frame_width, &request->frame_height);
	case 'c':
		request->camera = optarg;
		return true;
	case 'k':
		request->card = optarg;
		return true;
	case 'T':
		return take_seconds("--timeout", &request->timeout_s);
	case 'd':
		request->device = optarg;
		return true;
	default:
		return false;
	}
}

int cmd_demo(int argc, char **argv)
{
	static const struct option options[] = {
		{ "report", required_argument, NULL, 'o' },
		{ "screenshot", required_argument, NULL, 's' },
		{ "hold", required_argument, NULL, 'H' },
		{ "mode", required_argument, NULL, 'm' },
		{ "frame", required_argument, NULL, 'f' },
		{ "camera", required_argument, NULL, 'c' },
		{ "card", required_argument, NULL, 'k' },
		{ "timeout", required_argument, NULL, 'T' },
		{ "device", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct demo_request request = { .frame_width = 1280, .frame_height = 720, .timeout_s = 60 };
	struct demo demo = { .request = &request, .camera.fd = -1, .screen.fd = -1 };
	int c, ret;

	while ((c = getopt_long(argc, argv, "o:s:H:m:f:c:k:T:d:h", options, NULL)) >= 0) {
		if (c == 'h') {
			fputs(usage, stdout);
			return STATUS_OK;
		}
		if (!take_option(&request, c))
			return bad_usage();
	}
	if (optind < argc) {
		complain("unexpected \"%s\"", argv[optind]);
		return bad_usage();
	}
	for (uint32_t i = 0; i < CAMERA_MAX_BUFFERS; i++)
		demo.frame_fds[i] = -1;
	ret = run_stations(&demo);
	clean_up(&demo);
	return ret ? STATUS_FAILED : STATUS_OK;
}
