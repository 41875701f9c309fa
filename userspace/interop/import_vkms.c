// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * vkms as the importer: it shows the buffer on a plane, or writes what it shows into it.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "interop.h"
#include "vkms.h"

#define COMMIT_TIMEOUT_MS	20000

/* vkms' own buffers are the other side of what it does with the one that is tested. */
static const struct exporter own_buffer = { .variant = DUMB_VKMS };

bool vkms_present(const struct importer *importer)
{
	return dumb_present(&own_buffer);
}

static int write_back(struct vkms *vkms, const struct vkms_fb *from, const struct vkms_fb *to)
{
	int fence = -1;
	int ret = vkms_write(vkms, from, to, -1, &fence);

	if (!ret)
		ret = fence_wait(fence, COMMIT_TIMEOUT_MS);
	if (fence >= 0)
		close(fence);
	return ret;
}

/* One buffer's picture into the other, the tested one imported first. */
static int transfer(const struct buffer *tested, const struct buffer *from,
		    const struct buffer *to)
{
	struct vkms_fb fb, other = { 0 };
	struct vkms *vkms;
	int ret = vkms_open(WIDTH, HEIGHT, &vkms);

	if (ret)
		return ret;
	ret = vkms_import(vkms, tested->dmabuf, PITCH, &fb);
	if (!ret)
		ret = vkms_import(vkms, tested == from ? to->dmabuf : from->dmabuf, PITCH, &other);
	if (!ret)
		ret = tested == from ? write_back(vkms, &fb, &other) :
				       write_back(vkms, &other, &fb);
	vkms_drop(vkms, &other);
	vkms_drop(vkms, &fb);
	vkms_close(vkms);
	return ret;
}

int vkms_plane_use(const struct importer *importer, const struct exporter *exporter,
		   const struct buffer *buffer, uint32_t seed, struct cell *cell)
{
	uint32_t crc, crc_back;
	struct buffer back;
	int ret = dumb_alloc(&own_buffer, &back);

	if (ret)
		return wrong(cell, "vkms has no buffer for its writeback");
	ret = transfer(buffer, buffer, &back);
	if (!ret && (buffer_crc(buffer, &crc) || buffer_crc(&back, &crc_back) || crc != crc_back))
		ret = wrong(cell, "what was written back is another picture");
	close(back.dmabuf);
	if (!ret)
		did(cell, "shown");
	return ret;
}

int vkms_writeback_use(const struct importer *importer, const struct exporter *exporter,
		       const struct buffer *buffer, uint32_t seed, struct cell *cell)
{
	uint32_t crc, crc_shown;
	struct buffer shown;
	int ret = dumb_alloc(&own_buffer, &shown);

	if (ret)
		return wrong(cell, "vkms has no buffer to show");
	ret = buffer_fill(&shown, seed + 1);
	if (ret)
		ret = wrong(cell, "the buffer to show cannot be filled");
	else
		ret = transfer(buffer, &shown, buffer);
	if (!ret && (buffer_crc(buffer, &crc) || buffer_crc(&shown, &crc_shown) ||
		     crc != crc_shown))
		ret = wrong(cell, "what was written back is another picture");
	close(shown.dmabuf);
	if (!ret)
		did(cell, "written back");
	return ret;
}
