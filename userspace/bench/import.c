// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * Imports of another driver's buffer: by dgem and by vgem.
 */
#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <xf86drm.h>

#include "bench.h"

static uint32_t import(const struct source *importer, int dmabuf)
{
	struct drm_prime_handle prime = { .fd = dmabuf };

	if (ioctl(importer->fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime))
		die("import by %s", importer->peer);
	return prime.handle;
}

static void measure_importer(const struct source *importer, const struct source *exporter,
			     const struct buffer *buffer)
{
	struct subject subject = { importer->peer, exporter->peer, "dma-buf", buffer->size };
	struct drm_gem_close gone = { 0 };
	uint64_t start;

	start = begin();
	gone.handle = import(importer, buffer->dmabuf);
	record("import", &subject, now() - start, 0);

	start = begin();
	if (import(importer, buffer->dmabuf) != gone.handle)
		die("two handles for one buffer");
	record("import-again", &subject, now() - start, 0);

	start = begin();
	if (ioctl(importer->fd, DRM_IOCTL_GEM_CLOSE, &gone))
		die("GEM_CLOSE of an import");
	record("import-close", &subject, now() - start, 0);
}

void measure_imports(const struct source *exporter, uint64_t size, unsigned int times)
{
	static const char * const importers[] = { "dgem", "vgem" };
	struct buffer buffer = { .size = size };
	unsigned int i, j;
	int ret = exporter->create(exporter, &buffer);

	if (ret == -ENOMEM)
		return;
	if (ret) {
		errno = -ret;
		die("create of %s", exporter->peer);
	}
	for (i = 0; i < ARRAY_SIZE(importers); i++) {
		const struct source *importer = find_source(importers[i]);

		for (j = 0; importer && j < times; j++)
			measure_importer(importer, exporter, &buffer);
	}
	destroy_buffer(exporter, &buffer);
}
