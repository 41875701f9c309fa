/* SPDX-License-Identifier: MIT */
/*
 * Copyright (C) 2026 The dgem authors
 *
 * The matrix: every exporter's buffer in every importer's hands.
 */
#ifndef DGEM_INTEROP_H
#define DGEM_INTEROP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "picture.h"

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

/* All buffers hold one picture of this size, in whole pages. */
#define WIDTH		640u
#define HEIGHT		480u
#define PITCH		(WIDTH * PIXEL_BYTES)
#define SIZE		((uint64_t)PITCH * HEIGHT)

/* How the command line wants it. */
struct settings {
	/* dgem device that imports, and the one that exports; NULL: the first */
	const char *importer;
	const char *exporter;
	/* the command that takes a screenshot */
	const char *screenshot;
};

extern struct settings settings;

/*
 * Buffers: a dma-buf is all that is left of how they were made.
 */
struct buffer {
	int dmabuf;
};

/* Begin or end an access of the CPU: flags of DMA_BUF_IOCTL_SYNC. */
int buffer_window(const struct buffer *buffer, uint64_t flags);
/* Fill by a mapping of the dma-buf; each pixel depends on its place and on the seed. */
int buffer_fill(const struct buffer *buffer, uint32_t seed);
/* Compare so many bytes from offset on with what fill would have written there. */
int buffer_check(const struct buffer *buffer, uint64_t offset, uint64_t length, uint32_t seed);
/* CRC-32 of the whole picture. */
int buffer_crc(const struct buffer *buffer, uint32_t *crc);

void pattern_fill(void *ptr, uint64_t offset, uint64_t length, uint32_t seed);
/* Padding bytes count only if padding is true. */
bool pattern_holds(const void *ptr, uint64_t offset, uint64_t length, uint32_t seed, bool padding);

/*
 * One cell of the matrix, as it comes out.
 */
struct cell {
	/* what was shown to work, for the table */
	char did[96];
	/* what was wrong, if the call was not simply refused */
	char wrong[160];
};

/* Note one more thing that worked. */
void did(struct cell *cell, const char *what);
/* Note what is wrong, and return -EIO. */
int wrong(struct cell *cell, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Exporters. alloc returns 0 or -errno; variant is for the functions' own use.
 */
struct exporter {
	const char *name;
	bool (*present)(const struct exporter *exporter);
	int (*alloc)(const struct exporter *exporter, struct buffer *buffer);
	uint32_t variant;
	uint32_t sub_variant;
	uint32_t flags;
};

bool dgem_kind_present(const struct exporter *exporter);
int dgem_kind_alloc(const struct exporter *exporter, struct buffer *buffer);
bool heap_present(const struct exporter *exporter);
int heap_alloc(const struct exporter *exporter, struct buffer *buffer);
bool udmabuf_present(const struct exporter *exporter);
int udmabuf_alloc(const struct exporter *exporter, struct buffer *buffer);
bool dumb_present(const struct exporter *exporter);
int dumb_alloc(const struct exporter *exporter, struct buffer *buffer);
bool vivid_present(const struct exporter *exporter);
int vivid_alloc(const struct exporter *exporter, struct buffer *buffer);

/* Variants: heaps, drivers with dumb buffers, and vivid's instances by their allocator */
enum {
	HEAP_SYSTEM,
	HEAP_CMA,
	UDMABUF_PLAIN,
	UDMABUF_HUGE,
	DUMB_VGEM,
	DUMB_VKMS,
	DUMB_BOCHS,
	DUMB_CIRRUS,
	VIVID_VMALLOC,
	VIVID_CONTIGUOUS,
};

/* The driver of a DUMB_ variant. */
const char *dumb_driver(uint32_t variant);
/* Where the vivid instance of a variant is, as the driver tells it. */
const char *vivid_bus(uint32_t variant);

/*
 * Importers. use returns 0 if everything works; -errno of the call that refused the buffer; or what
 * wrong() returned. The buffer is filled with the seed.
 */
struct importer {
	const char *name;
	bool (*present)(const struct importer *importer);
	int (*use)(const struct importer *importer, const struct exporter *exporter,
		   const struct buffer *buffer, uint32_t seed, struct cell *cell);
	uint32_t variant;
};

bool dgem_present(const struct importer *importer);
int dgem_use(const struct importer *importer, const struct exporter *exporter,
	     const struct buffer *buffer, uint32_t seed, struct cell *cell);
bool vgem_present(const struct importer *importer);
int vgem_use(const struct importer *importer, const struct exporter *exporter,
	     const struct buffer *buffer, uint32_t seed, struct cell *cell);
bool vkms_present(const struct importer *importer);
int vkms_plane_use(const struct importer *importer, const struct exporter *exporter,
		   const struct buffer *buffer, uint32_t seed, struct cell *cell);
int vkms_writeback_use(const struct importer *importer, const struct exporter *exporter,
		       const struct buffer *buffer, uint32_t seed, struct cell *cell);
bool screen_present(const struct importer *importer);
int screen_use(const struct importer *importer, const struct exporter *exporter,
	       const struct buffer *buffer, uint32_t seed, struct cell *cell);
bool video_present(const struct importer *importer);
int capture_use(const struct importer *importer, const struct exporter *exporter,
		const struct buffer *buffer, uint32_t seed, struct cell *cell);
int output_use(const struct importer *importer, const struct exporter *exporter,
	       const struct buffer *buffer, uint32_t seed, struct cell *cell);

/* The name of an importing dgem's engine: "cpu" or "dmaengine". */
const char *dgem_engine(const struct importer *importer);

/*
 * Refusals that are right, and buffers that cannot be.
 */
struct refusal {
	/* the errno, or 0 where everything has to work */
	int error;
	const char *why;
	/*
	 * it may work all the same: whether the memory is in pieces is up to chance, and the cpu
	 * engine needs no device that reaches it
	 */
	bool chance;
	/* no error is told, but one side sees other data than the other */
	bool garbled;
	/* it is shown, but the host gets no picture of it */
	bool unseen;
	/* why the cell cannot be tried here at all, or NULL */
	const char *untried;
};

struct refusal expected_refusal(const struct exporter *exporter, const struct importer *importer);

#endif /* DGEM_INTEROP_H */
