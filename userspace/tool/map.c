// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * dgem map: any range of anything that can be mapped.
 *
 * mmap() takes whole pages, so the pages around the range are mapped. Objects are mapped through
 * their dma-buf, because the DRM node maps them from their start only.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool.h"

#define CHUNK	((size_t)64 * 1024)

static const char usage[] =
	"Usage: dgem map SOURCE [--offset BYTES] [--length BYTES] [--fill] [--dump] [--raw]\n"
	"\n"
	"Map a range of bytes and dump it to standard output, or fill it from standard input.\n"
	"Neither end of the range has to be at a page's border.\n"
	"\n"
	"SOURCE is one of\n"
	"  -O, --object KIND:SIZE  a new dgem object: contiguous:1M, coherent:64K, wc:64K\n"
	"  -H, --heap NAME:SIZE    a new dma-buf of /dev/dma_heap/NAME: system:1M\n"
	"  -F, --fd NUMBER         a dma-buf, or anything else that is open as NUMBER already\n"
	"  -f, --file PATH         a file or a device: /dev/mem, a PCI device's resource0\n"
	"\n"
	"  -o, --offset BYTES      first byte of the range (0)\n"
	"  -l, --length BYTES      bytes of the range (up to the end; a device needs this one)\n"
	"  -i, --fill              fill from standard input, until it ends or the range is full\n"
	"  -D, --dump              dump; the default, unless --fill is given. With both the range\n"
	"                          is filled, mapped anew and dumped\n"
	"  -r, --raw               dump the bytes as they are, not as text\n"
	"  -w, --width 1|2|4|8     access and show words of so many bytes (1); what registers need\n"
	"  -u, --uncached          open --file with O_SYNC: no cache for /dev/mem\n"
	"  -d, --device DEVICE     dgem device for --object, by path or name\n"
	"  -h, --help              print this\n"
	"\n"
	"dma-bufs are accessed inside of a CPU access window (DMA_BUF_IOCTL_SYNC).\n"
	"\n"
	"  dgem map --file /etc/hostname\n"
	"  head -c 9000 /dev/urandom | dgem map --heap system:64K --offset 4090 --fill --dump\n"
	"  dgem map --file /sys/bus/pci/devices/0000:00:04.0/resource0 --length 16 --width 4\n";

struct request {
	const char *object;
	const char *heap;
	const char *fd;
	const char *file;
	const char *device;
	uint64_t offset;
	uint64_t length;
	bool has_length;
	bool fill;
	bool dump;
	bool raw;
	bool uncached;
	unsigned int width;
};

/* What is mapped. */
struct source {
	int fd;
	bool close_fd;
	bool dmabuf;
	/* Bytes; UINT64_MAX if nobody knows, as of a device */
	uint64_t size;
	/* Keep a new object alive */
	struct dgem_device *dev;
	struct dgem_bo *bo;
};

/* A mapping of the pages around a range. */
struct window {
	void *base;
	size_t bytes;
	/* First byte of the range */
	volatile uint8_t *data;
};

static void on_sigbus(int signal_number)
{
	static const char text[] =
		"dgem map: SIGBUS: there is no memory behind a part of the range (any more)\n";

	(void)signal_number;
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	_exit(STATUS_FAILED);
}

/* Split NAME:SIZE at its last colon; the name is the caller's to free. */
static bool split_spec(const char *what, const char *spec, char **name, uint64_t *size)
{
	const char *colon = strrchr(spec, ':');

	if (!colon || colon == spec) {
		complain("%s takes NAME:SIZE, like \"%s:64K\"", what, spec);
		return false;
	}
	if (!parse_size(what, colon + 1, size))
		return false;
	*name = strndup(spec, (size_t)(colon - spec));
	if (!*name)
		complain("out of memory");
	return *name;
}

static int source_object(struct source *source, const struct request *request)
{
	enum dgem_cache cache;
	enum dgem_kind kind;
	uint64_t size;
	char *name;
	bool known;
	int ret;

	if (!split_spec("--object", request->object, &name, &size))
		return STATUS_USAGE;
	known = parse_kind(name, &kind, &cache);
	free(name);
	if (!known)
		return STATUS_USAGE;
	if (open_device(request->device, &source->dev))
		return STATUS_FAILED;
	ret = dgem_bo_new(source->dev, size, kind, cache, &source->bo);
	if (ret) {
		failed(ret, "cannot allocate \"%s\"", request->object);
		explain_shortage(source->dev, kind, size, ret);
		return STATUS_FAILED;
	}
	ret = dgem_bo_dmabuf(source->bo, DGEM_READ | DGEM_WRITE);
	if (ret < 0)
		return failed(ret, "cannot export the object");
	source->fd = ret;
	source->close_fd = true;
	return STATUS_OK;
}

static int source_heap(struct source *source, const struct request *request)
{
	struct dma_heap_allocation_data args = { .fd_flags = O_RDWR | O_CLOEXEC };
	char *name, *path;
	uint64_t size;
	int fd, ret;

	if (!split_spec("--heap", request->heap, &name, &size))
		return STATUS_USAGE;
	ret = asprintf(&path, "/dev/dma_heap/%s", name);
	free(name);
	if (ret < 0)
		return failed(-ENOMEM, "--heap");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		ret = failed(-errno, "cannot open %s", path);
		free(path);
		return ret;
	}
	free(path);
	args.len = size;
	ret = ioctl(fd, DMA_HEAP_IOCTL_ALLOC, &args) ? -errno : 0;
	close(fd);
	if (ret)
		return failed(ret, "cannot allocate \"%s\"", request->heap);
	source->fd = (int)args.fd;
	source->close_fd = true;
	return STATUS_OK;
}

static int source_file(struct source *source, const struct request *request)
{
	int flags = O_CLOEXEC | (request->fill ? O_RDWR : O_RDONLY);

	if (request->uncached)
		flags |= O_SYNC;
	source->fd = open(request->file, flags);
	if (source->fd < 0)
		return failed(-errno, "cannot open %s", request->file);
	source->close_fd = true;
	return STATUS_OK;
}

static int source_fd(struct source *source, const struct request *request)
{
	uint64_t number;

	if (!parse_size("--fd", request->fd, &number))
		return STATUS_USAGE;
	if (number > INT32_MAX || fcntl((int)number, F_GETFD) < 0)
		return failed(-EBADF, "--fd %s is not open here", request->fd);
	source->fd = (int)number;
	return STATUS_OK;
}

/*
 * The file type does not tell a dma-buf, but the ioctl does: flags that do not exist are refused by
 * a dma-buf, and the ioctl itself by anything else.
 */
static bool is_dmabuf(int fd)
{
	struct dma_buf_sync args = { .flags = UINT64_MAX };

	return ioctl(fd, DMA_BUF_IOCTL_SYNC, &args) && errno == EINVAL;
}

static int source_open(struct source *source, const struct request *request)
{
	struct stat status;
	int ret;
	off_t end;

	*source = (struct source){ .fd = -1 };
	if (request->object)
		ret = source_object(source, request);
	else if (request->heap)
		ret = source_heap(source, request);
	else if (request->fd)
		ret = source_fd(source, request);
	else
		ret = source_file(source, request);
	if (ret)
		return ret;

	if (fstat(source->fd, &status))
		return failed(-errno, "cannot look at the source");
	source->dmabuf = !S_ISCHR(status.st_mode) && !S_ISBLK(status.st_mode) &&
			 is_dmabuf(source->fd);
	if (S_ISREG(status.st_mode) && !source->dmabuf) {
		source->size = (uint64_t)status.st_size;
		return STATUS_OK;
	}
	end = S_ISCHR(status.st_mode) ? 0 : lseek(source->fd, 0, SEEK_END);
	source->size = end > 0 ? (uint64_t)end : UINT64_MAX;
	return STATUS_OK;
}

static void source_close(struct source *source)
{
	if (source->close_fd)
		close(source->fd);
	dgem_bo_del(source->bo);
	dgem_device_del(source->dev);
}

/* Complete and check the range. */
static bool range_ok(struct request *request, const struct source *source)
{
	uint64_t room = source->size - request->offset;

	if (source->size == UINT64_MAX && !request->has_length) {
		complain("the source does not tell its size: say --length");
		return false;
	}
	if (request->offset > source->size) {
		complain("--offset %" PRIu64 " is behind the end at %" PRIu64, request->offset,
			 source->size);
		return false;
	}
	if (!request->has_length)
		request->length = room;
	if (!request->length) {
		complain("the range is empty");
		return false;
	}
	if (request->length > room || request->offset + request->length > INT64_MAX) {
		complain("the range ends behind the end of the source at %" PRIu64, source->size);
		return false;
	}
	if (request->length > SIZE_MAX / 2) {
		complain("the range is too long for this process");
		return false;
	}
	if (request->offset % request->width || request->length % request->width) {
		complain("the range is not made of whole words of %u bytes", request->width);
		return false;
	}
	return true;
}

static int window_open(struct window *window, const struct source *source,
		       const struct request *request, int prot)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t start = request->offset & ~(page - 1);

	window->bytes = request->offset + request->length - start;
	if (source->dmabuf) {
		uint32_t access = (prot & PROT_READ ? DGEM_READ : 0) |
				  (prot & PROT_WRITE ? DGEM_WRITE : 0);
		int ret = dgem_dmabuf_map(source->fd, start, window->bytes, access, &window->base);

		if (ret)
			return ret;
	} else {
		window->base = mmap(NULL, window->bytes, prot, MAP_SHARED, source->fd,
				    (off_t)start);
		if (window->base == MAP_FAILED)
			return errno ? -errno : -EIO;
	}
	window->data = (volatile uint8_t *)window->base + (request->offset - start);
	return 0;
}

/* Begin or end the CPU's access; what is not a dma-buf does without. */
static int access_window(const struct source *source, uint64_t flags)
{
	struct dma_buf_sync args = { .flags = flags };
	int ret;

	if (!source->dmabuf)
		return 0;
	do {
		ret = ioctl(source->fd, DMA_BUF_IOCTL_SYNC, &args);
	} while (ret && (errno == EINTR || errno == EAGAIN));
	return ret ? -errno : 0;
}

/*
 * Copies with accesses of the width that was asked for, never wider: the compiler and memcpy() may
 * choose what registers do not stand.
 */
static void copy_words(volatile void *dst, const volatile void *src, size_t bytes,
		       unsigned int width)
{
	for (size_t i = 0; i < bytes; i += width) {
		volatile uint8_t *to = (volatile uint8_t *)dst + i;
		const volatile uint8_t *from = (const volatile uint8_t *)src + i;

		switch (width) {
		case 8:
			*(volatile uint64_t *)to = *(const volatile uint64_t *)from;
			break;
		case 4:
			*(volatile uint32_t *)to = *(const volatile uint32_t *)from;
			break;
		case 2:
			*(volatile uint16_t *)to = *(const volatile uint16_t *)from;
			break;
		default:
			*to = *from;
		}
	}
}

static void print_word(const uint8_t *bytes, unsigned int width)
{
	uint64_t wide;
	uint32_t word;
	uint16_t half;

	switch (width) {
	case 8:
		memcpy(&wide, bytes, sizeof(wide));
		printf(" %016" PRIx64, wide);
		break;
	case 4:
		memcpy(&word, bytes, sizeof(word));
		printf(" %08" PRIx32, word);
		break;
	case 2:
		memcpy(&half, bytes, sizeof(half));
		printf(" %04" PRIx16, half);
		break;
	default:
		printf(" %02x", bytes[0]);
	}
}

/* Lines of sixteen bytes: offset in the source, words, characters. */
static void print_lines(uint64_t offset, const uint8_t *bytes, size_t count, unsigned int width)
{
	for (size_t line = 0; line < count; line += 16) {
		size_t here = count - line < 16 ? count - line : 16;

		printf("%08" PRIx64 " ", offset + line);
		for (size_t i = 0; i < here; i += width)
			print_word(bytes + line + i, width);
		for (size_t i = here; i < 16; i += width)
			printf("%*s", 1 + 2 * (int)width, "");
		printf("  |");
		for (size_t i = 0; i < here; i++) {
			uint8_t c = bytes[line + i];

			putchar(c >= 0x20 && c < 0x7f ? c : '.');
		}
		printf("|\n");
	}
}

static int dump_window(const struct window *window, const struct request *request)
{
	static uint64_t buffer[CHUNK / sizeof(uint64_t)];

	for (uint64_t done = 0; done < request->length;) {
		size_t now = request->length - done < CHUNK ? request->length - done : CHUNK;

		copy_words(buffer, window->data + done, now, request->width);
		if (request->raw)
			fwrite(buffer, 1, now, stdout);
		else
			print_lines(request->offset + done, (uint8_t *)buffer, now, request->width);
		if (ferror(stdout))
			return failed(-errno, "cannot write to standard output");
		done += now;
	}
	return STATUS_OK;
}

static int fill_window(const struct window *window, const struct request *request)
{
	static uint64_t buffer[CHUNK / sizeof(uint64_t)];
	uint64_t done = 0;

	while (done < request->length) {
		size_t now = request->length - done < CHUNK ? request->length - done : CHUNK;
		int64_t got = read_all(STDIN_FILENO, buffer, now);

		if (got < 0)
			return failed((int)got, "cannot read standard input");
		if (got % request->width) {
			complain("standard input does not end with a whole word of %u bytes",
				 request->width);
			return STATUS_FAILED;
		}
		copy_words(window->data + done, buffer, (size_t)got, request->width);
		done += (uint64_t)got;
		if ((size_t)got < now)
			break;
	}
	fprintf(stderr, "dgem map: filled %" PRIu64 " of %" PRIu64 " bytes\n", done,
		request->length);
	return STATUS_OK;
}

/* One pass over the range, with a mapping of its own. */
static int pass(const struct source *source, const struct request *request, bool fill)
{
	uint64_t access = fill ? DMA_BUF_SYNC_WRITE : DMA_BUF_SYNC_READ;
	int prot = fill ? PROT_READ | PROT_WRITE : PROT_READ;
	struct window window = { 0 };
	int status, ret;

	ret = window_open(&window, source, request, prot);
	if (ret)
		return failed(ret, "cannot map the range");
	ret = access_window(source, access | DMA_BUF_SYNC_START);
	if (ret) {
		munmap(window.base, window.bytes);
		return failed(ret, "cannot begin the CPU's access");
	}
	status = fill ? fill_window(&window, request) : dump_window(&window, request);
	ret = access_window(source, access | DMA_BUF_SYNC_END);
	if (ret)
		status = failed(ret, "cannot end the CPU's access");
	munmap(window.base, window.bytes);
	return status;
}

static int run(struct request *request)
{
	struct sigaction action = { .sa_handler = on_sigbus };
	struct source source;
	int status;

	status = source_open(&source, request);
	if (!status && !range_ok(request, &source))
		status = STATUS_USAGE;
	sigaction(SIGBUS, &action, NULL);
	if (!status && request->fill)
		status = pass(&source, request, true);
	if (!status && request->dump)
		status = pass(&source, request, false);
	source_close(&source);
	return status;
}

static bool take_option(struct request *request, int c)
{
	uint64_t width;

	switch (c) {
	case 'O':
		request->object = optarg;
		return true;
	case 'H':
		request->heap = optarg;
		return true;
	case 'F':
		request->fd = optarg;
		return true;
	case 'f':
		request->file = optarg;
		return true;
	case 'd':
		request->device = optarg;
		return true;
	case 'o':
		return parse_size("--offset", optarg, &request->offset);
	case 'l':
		request->has_length = true;
		return parse_size("--length", optarg, &request->length);
	case 'i':
		request->fill = true;
		return true;
	case 'D':
		request->dump = true;
		return true;
	case 'r':
		request->raw = true;
		return true;
	case 'u':
		request->uncached = true;
		return true;
	case 'w':
		if (!parse_size("--width", optarg, &width))
			return false;
		request->width = (unsigned int)width;
		if (width == 1 || width == 2 || width == 4 || width == 8)
			return true;
		complain("--width is 1, 2, 4 or 8");
		return false;
	default:
		return false;
	}
}

int cmd_map(int argc, char **argv)
{
	static const struct option options[] = {
		{ "object", required_argument, NULL, 'O' },
		{ "heap", required_argument, NULL, 'H' },
		{ "fd", required_argument, NULL, 'F' },
		{ "file", required_argument, NULL, 'f' },
		{ "device", required_argument, NULL, 'd' },
		{ "offset", required_argument, NULL, 'o' },
		{ "length", required_argument, NULL, 'l' },
		{ "fill", no_argument, NULL, 'i' },
		{ "dump", no_argument, NULL, 'D' },
		{ "raw", no_argument, NULL, 'r' },
		{ "uncached", no_argument, NULL, 'u' },
		{ "width", required_argument, NULL, 'w' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct request request = { .width = 1 };
	int c;

	while ((c = getopt_long(argc, argv, "O:H:F:f:d:o:l:iDruw:h", options, NULL)) >= 0) {
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
	if (!!request.object + !!request.heap + !!request.fd + !!request.file != 1) {
		complain("name one source: --object, --heap, --fd or --file");
		return bad_usage();
	}
	if (!request.fill)
		request.dump = true;
	return run(&request);
}
