// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * dgem copy: file -> object -> engine -> object -> file.
 *
 * Both kinds of copy are one rectangle here: a linear copy has one row.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tool.h"

static const char usage[] =
	"Usage: dgem copy [OPTIONS] IN OUT\n"
	"\n"
	"Read the file IN into an object, let the engine copy from it into a second object, check\n"
	"every byte of that, and write it to the file OUT. \"-\" is standard input or output.\n"
	"\n"
	"  -s, --src-offset BYTES  first byte to copy (0)\n"
	"  -t, --dst-offset BYTES  where it goes (0); the bytes before stay zero\n"
	"  -l, --length BYTES      bytes to copy (up to the end of IN)\n"
	"  -2, --rectangle WxH     copy H rows of W bytes instead\n"
	"  -p, --src-pitch BYTES   from a row of IN to the next (W)\n"
	"  -q, --dst-pitch BYTES   from a row of OUT to the next (W)\n"
	"  -K, --src-kind KIND     memory of the source (contiguous): contiguous, coherent, wc,\n"
	"                          pages, vmalloc, reserved; user: the tool's own\n"
	"  -L, --dst-kind KIND     memory of the destination (contiguous)\n"
	"  -T, --timeout SECONDS   give up waiting for the engine (600)\n"
	"  -d, --device DEVICE     dgem device, by path or name (the first)\n"
	"  -j, --json              report as JSON\n"
	"  -h, --help              print this\n"
	"\n"
	"The report goes to standard error if OUT is \"-\". Engine and bytes are from the device's\n"
	"counters: other clients' jobs count, too.\n"
	"\n"
	"  dgem copy /etc/services -                         all of it\n"
	"  dgem copy --rectangle 5120x720 --dst-pitch 7680 \\\n"
	"      --dst-offset 1383680 frame.raw screen.raw     a picture into a bigger one\n";

struct request {
	const char *device;
	const char *in;
	const char *out;
	uint64_t src_offset;
	uint64_t dst_offset;
	uint64_t length;
	bool has_length;
	uint32_t width;
	uint32_t height;
	uint64_t src_pitch;
	uint64_t dst_pitch;
	enum dgem_kind src_kind;
	enum dgem_kind dst_kind;
	enum dgem_cache src_cache;
	enum dgem_cache dst_cache;
	uint64_t timeout_s;
	bool json;
};

/* Rows of bytes: what both objects have in common. */
struct shape {
	uint64_t width;
	uint32_t height;
	uint64_t src_pitch;
	uint64_t dst_pitch;
	/* Bytes from the first to behind the last one touched */
	uint64_t src_span;
	uint64_t dst_span;
};

/* An object and, if it is made of the tool's own memory, that memory. */
struct memory {
	struct dgem_bo *bo;
	void *own;
};

struct content {
	uint8_t *data;
	uint64_t size;
};

struct result {
	struct dgem_engine_info engine;
	uint64_t bytes_dma;
	uint64_t bytes_cpu;
	uint64_t elapsed_ns;
	uint64_t out_size;
};

static int load(const char *path, struct content *content)
{
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
	size_t room = 0;
	int64_t got;

	if (fd < 0)
		return failed(-errno, "cannot open %s", path);
	do {
		uint8_t *data;

		room = room ? room * 2 : 1u << 20;
		data = realloc(content->data, room);
		if (!data) {
			got = -ENOMEM;
			break;
		}
		content->data = data;
		got = read_all(fd, data + content->size, room - content->size);
		if (got > 0)
			content->size += (uint64_t)got;
	} while (got >= 0 && content->size == room);
	if (fd != STDIN_FILENO)
		close(fd);
	return got < 0 ? failed((int)got, "cannot read %s", path) : STATUS_OK;
}

static int store(const char *path, const uint8_t *data, uint64_t size)
{
	bool named = strcmp(path, "-");
	int fd = STDOUT_FILENO;
	int64_t put;

	if (named)
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		return failed(-errno, "cannot create %s", path);
	put = write_all(fd, data, size);
	if (named && close(fd) && put >= 0)
		put = -errno;
	return put < 0 ? failed((int)put, "cannot write %s", path) : STATUS_OK;
}

/* (rows - 1) * pitch + width, if that is a number. */
static bool span(uint64_t width, uint32_t height, uint64_t pitch, uint64_t *bytes)
{
	return !__builtin_mul_overflow(pitch, (uint64_t)height - 1, bytes) &&
	       !__builtin_add_overflow(*bytes, width, bytes);
}

static bool make_shape(const struct request *request, uint64_t in_size, struct shape *shape)
{
	uint64_t room;

	if (request->src_offset >= in_size) {
		complain("--src-offset %" PRIu64 " is outside of %s with %" PRIu64 " bytes",
			 request->src_offset, request->in, in_size);
		return false;
	}
	room = in_size - request->src_offset;
	shape->height = request->height ? request->height : 1;
	if (request->height)
		shape->width = request->width;
	else
		shape->width = request->has_length ? request->length : room;
	shape->src_pitch = request->src_pitch ? request->src_pitch : shape->width;
	shape->dst_pitch = request->dst_pitch ? request->dst_pitch : shape->width;
	if (!shape->width) {
		complain("there is nothing to copy");
		return false;
	}
	if (shape->src_pitch < shape->width || shape->dst_pitch < shape->width) {
		complain("a pitch is at least the width of a row, %" PRIu64 " bytes", shape->width);
		return false;
	}
	if (!span(shape->width, shape->height, shape->src_pitch, &shape->src_span) ||
	    !span(shape->width, shape->height, shape->dst_pitch, &shape->dst_span) ||
	    request->dst_offset > INT64_MAX - shape->dst_span) {
		complain("the range is too long");
		return false;
	}
	if (shape->src_span > room) {
		complain("%s ends before the range does: it needs %" PRIu64 " bytes", request->in,
			 request->src_offset + shape->src_span);
		return false;
	}
	return true;
}

static int new_user(struct dgem_device *dev, uint64_t size, struct memory *memory)
{
	struct iovec range = { .iov_len = size };
	struct dgem_device_info info;
	int ret;

	ret = dgem_device_get_info(dev, &info, sizeof(info));
	if (ret)
		return ret;
	range.iov_len += -size & (info.page_size - 1);
	range.iov_base = mmap(NULL, range.iov_len, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (range.iov_base == MAP_FAILED)
		return -errno;
	ret = dgem_bo_new_user(dev, &range, 1, DGEM_READ | DGEM_WRITE, &memory->bo);
	if (ret)
		munmap(range.iov_base, range.iov_len);
	else
		memory->own = range.iov_base;
	return ret;
}

static int new_memory(struct dgem_device *dev, uint64_t size, enum dgem_kind kind,
		      enum dgem_cache cache, struct memory *memory)
{
	if (kind == DGEM_KIND_USER)
		return new_user(dev, size, memory);
	return dgem_bo_new(dev, size, kind, cache, &memory->bo);
}

static void del_memory(struct memory *memory)
{
	if (memory->own)
		munmap(memory->own, dgem_bo_size(memory->bo));
	dgem_bo_del(memory->bo);
}

/* A CPU access window over all of an object, which gets a mapping if it has none. */
static int open_memory(struct memory *memory, uint32_t access, uint8_t **data)
{
	void *ptr = memory->own;
	int ret;

	if (!ptr) {
		ret = dgem_bo_map(memory->bo, &ptr);
		if (ret)
			return ret;
	}
	ret = dgem_bo_sync_begin(memory->bo, 0, dgem_bo_size(memory->bo), access,
				 DGEM_WAIT_FOREVER);
	if (!ret)
		*data = ptr;
	else if (!memory->own)
		dgem_bo_unmap(memory->bo);
	return ret;
}

static int close_memory(struct memory *memory, uint32_t access)
{
	int ret = dgem_bo_sync_end(memory->bo, 0, dgem_bo_size(memory->bo), access);

	if (!memory->own)
		dgem_bo_unmap(memory->bo);
	return ret;
}

static int fill_source(struct memory *src, const struct content *content)
{
	uint8_t *data;
	int ret;

	ret = open_memory(src, DGEM_WRITE, &data);
	if (ret)
		return failed(ret, "cannot access the source object");
	memcpy(data, content->data, content->size);
	ret = close_memory(src, DGEM_WRITE);
	return ret ? failed(ret, "cannot end the access to the source object") : STATUS_OK;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int run_job(struct dgem_device *dev, struct dgem_bo *dst, struct dgem_bo *src,
		   const struct request *request, const struct shape *shape,
		   struct result *result)
{
	struct dgem_stats before, after;
	struct dgem_job *job;
	uint64_t start;
	int ret;

	ret = dgem_job_new(dev, &job);
	if (ret)
		return failed(ret, "cannot make a job");
	if (request->height)
		ret = dgem_job_copy_2d(job, dst, request->dst_offset, shape->dst_pitch, src,
				       request->src_offset, shape->src_pitch, shape->width,
				       shape->height);
	else
		ret = dgem_job_copy(job, dst, request->dst_offset, src, request->src_offset,
				    shape->width);
	if (!ret)
		ret = dgem_device_get_stats(dev, &before, sizeof(before));
	start = now_ns();
	if (!ret)
		ret = dgem_job_run(job, 0, (int64_t)request->timeout_s * 1000000000);
	result->elapsed_ns = now_ns() - start;
	if (!ret)
		ret = dgem_device_get_stats(dev, &after, sizeof(after));
	dgem_job_del(job);
	if (ret == -EINVAL && result->engine.copy_align > 1)
		complain("mind that this engine wants multiples of %" PRIu32 " bytes",
			 result->engine.copy_align);
	if (ret)
		return failed(ret, "the job failed");
	result->bytes_dma = after.bytes_dma - before.bytes_dma;
	result->bytes_cpu = after.bytes_cpu - before.bytes_cpu;
	return STATUS_OK;
}

/* What the destination has to be, made without the engine; the caller frees it. */
static uint8_t *expected(const struct request *request, const struct shape *shape,
			 const struct content *content, uint64_t size)
{
	uint8_t *image = calloc(1, size);

	if (!image)
		return NULL;
	for (uint64_t row = 0; row < shape->height; row++)
		memcpy(image + request->dst_offset + row * shape->dst_pitch,
		       content->data + request->src_offset + row * shape->src_pitch, shape->width);
	return image;
}

static int verify(struct memory *dst, const struct request *request, const struct shape *shape,
		  const struct content *content, uint64_t out_size)
{
	uint64_t size = dgem_bo_size(dst->bo);
	uint8_t *image = expected(request, shape, content, size);
	uint64_t wrong = 0;
	uint8_t *data;
	int status = STATUS_OK;
	int ret;

	if (!image)
		return failed(-ENOMEM, "cannot check the result");
	ret = open_memory(dst, DGEM_READ, &data);
	if (ret) {
		free(image);
		return failed(ret, "cannot access the destination object");
	}
	while (wrong < size && data[wrong] == image[wrong])
		wrong++;
	if (wrong < size) {
		complain("byte %" PRIu64 " of the destination is 0x%02x and has to be 0x%02x",
			 wrong, data[wrong], image[wrong]);
		status = STATUS_FAILED;
	}
	if (!status)
		status = store(request->out, data, out_size);
	ret = close_memory(dst, DGEM_READ);
	if (ret && !status)
		status = failed(ret, "cannot end the access to the destination object");
	free(image);
	return status;
}

static void print_report(const struct request *request, const struct shape *shape,
			 const struct result *result)
{
	FILE *out = strcmp(request->out, "-") ? stdout : stderr;
	const struct dgem_engine_info *engine = &result->engine;
	uint64_t bytes = shape->width * shape->height;
	struct json json;

	if (!request->json) {
		fprintf(out, "copied %" PRIu64 " bytes in %" PRIu32 " row%s, all verified\n", bytes,
			shape->height, shape->height == 1 ? "" : "s");
		fprintf(out, "engine %s (%s)%s%s, %.3f s\n", engine->name,
			engine_type_name(engine->type), engine->device[0] ? " of " : "",
			engine->device, (double)result->elapsed_ns / 1e9);
		fprintf(out, "moved %" PRIu64 " bytes by DMA, %" PRIu64 " by CPU\n",
			result->bytes_dma, result->bytes_cpu);
		return;
	}
	json_start(&json, out);
	json_open_object(&json, NULL);
	json_u64(&json, "bytes", bytes);
	json_u64(&json, "rows", shape->height);
	json_bool(&json, "verified", true);
	json_string(&json, "engine", engine->name);
	json_string(&json, "engine_type", engine_type_name(engine->type));
	json_string(&json, "engine_device", engine->device);
	json_u64(&json, "bytes_dma", result->bytes_dma);
	json_u64(&json, "bytes_cpu", result->bytes_cpu);
	json_u64(&json, "elapsed_ns", result->elapsed_ns);
	json_u64(&json, "out_size", result->out_size);
	json_close(&json);
}

static int copy(struct dgem_device *dev, const struct request *request,
		const struct content *content)
{
	struct memory src = { 0 }, dst = { 0 };
	struct result result = { 0 };
	struct shape shape;
	int status, ret;

	if (!make_shape(request, content->size, &shape))
		return STATUS_USAGE;
	result.out_size = request->dst_offset + shape.dst_span;
	ret = dgem_device_get_engine(dev, &result.engine, sizeof(result.engine));
	if (ret)
		return failed(ret, "the device does not answer");
	ret = new_memory(dev, content->size, request->src_kind, request->src_cache, &src);
	if (!ret)
		ret = new_memory(dev, result.out_size, request->dst_kind, request->dst_cache,
				 &dst);
	if (ret) {
		status = failed(ret, "cannot allocate objects of %" PRIu64 " and %" PRIu64
				" bytes", content->size, result.out_size);
		explain_shortage(dev, src.bo ? request->dst_kind : request->src_kind,
				 src.bo ? result.out_size : content->size, ret);
		del_memory(&src);
		return status;
	}
	status = fill_source(&src, content);
	if (!status)
		status = run_job(dev, dst.bo, src.bo, request, &shape, &result);
	if (!status)
		status = verify(&dst, request, &shape, content, result.out_size);
	if (!status)
		print_report(request, &shape, &result);
	del_memory(&dst);
	del_memory(&src);
	return status;
}

static int run(const struct request *request)
{
	struct content content = { 0 };
	struct dgem_device *dev;
	int status;

	if (open_device(request->device, &dev))
		return STATUS_FAILED;
	status = load(request->in, &content);
	if (!status)
		status = copy(dev, request, &content);
	free(content.data);
	dgem_device_del(dev);
	return status;
}

static bool take_option(struct request *request, int c)
{
	switch (c) {
	case 's':
		return parse_size("--src-offset", optarg, &request->src_offset);
	case 't':
		return parse_size("--dst-offset", optarg, &request->dst_offset);
	case 'l':
		request->has_length = true;
		return parse_size("--length", optarg, &request->length);
	case '2':
		return parse_pair("--rectangle", optarg, &request->width, &request->height);
	case 'p':
		return parse_size("--src-pitch", optarg, &request->src_pitch);
	case 'q':
		return parse_size("--dst-pitch", optarg, &request->dst_pitch);
	case 'K':
		return parse_kind(optarg, &request->src_kind, &request->src_cache);
	case 'L':
		return parse_kind(optarg, &request->dst_kind, &request->dst_cache);
	case 'T':
		if (!parse_size("--timeout", optarg, &request->timeout_s))
			return false;
		if (request->timeout_s <= 1000000)
			return true;
		complain("--timeout is at most 1000000 seconds");
		return false;
	case 'd':
		request->device = optarg;
		return true;
	case 'j':
		request->json = true;
		return true;
	default:
		return false;
	}
}

int cmd_copy(int argc, char **argv)
{
	static const struct option options[] = {
		{ "src-offset", required_argument, NULL, 's' },
		{ "dst-offset", required_argument, NULL, 't' },
		{ "length", required_argument, NULL, 'l' },
		{ "rectangle", required_argument, NULL, '2' },
		{ "src-pitch", required_argument, NULL, 'p' },
		{ "dst-pitch", required_argument, NULL, 'q' },
		{ "src-kind", required_argument, NULL, 'K' },
		{ "dst-kind", required_argument, NULL, 'L' },
		{ "timeout", required_argument, NULL, 'T' },
		{ "device", required_argument, NULL, 'd' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct request request = { .timeout_s = 600 };
	int c;

	while ((c = getopt_long(argc, argv, "s:t:l:2:p:q:K:L:T:d:jh", options, NULL)) >= 0) {
		if (c == 'h') {
			fputs(usage, stdout);
			return STATUS_OK;
		}
		if (!take_option(&request, c))
			return bad_usage();
	}
	if (argc - optind != 2) {
		complain("name two files: IN and OUT");
		return bad_usage();
	}
	if (request.height && request.has_length) {
		complain("--length is for linear copies, --rectangle has its own");
		return bad_usage();
	}
	if (!request.height && (request.src_pitch || request.dst_pitch)) {
		complain("pitches belong to --rectangle");
		return bad_usage();
	}
	request.in = argv[optind];
	request.out = argv[optind + 1];
	return run(&request);
}
