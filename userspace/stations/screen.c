// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <drm_fourcc.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "message.h"
#include "screen.h"

/* The largest mode that is taken unasked. */
#define BEST_WIDTH	1920u
#define BEST_HEIGHT	1080u

static bool has_driver(int fd, const char *driver, char *name, size_t size)
{
	drmVersionPtr version = drmGetVersion(fd);
	bool right = version && (!driver || !strcmp(version->name, driver));

	if (right)
		snprintf(name, size, "%s", version->name);
	drmFreeVersion(version);
	return right;
}

static int open_card(struct screen *screen, const char *driver, const char *path)
{
	for (unsigned int i = 0; i < 64; i++) {
		if (path)
			snprintf(screen->path, sizeof(screen->path), "%s", path);
		else
			snprintf(screen->path, sizeof(screen->path), "/dev/dri/card%u", i);
		screen->fd = open(screen->path, O_RDWR | O_CLOEXEC);
		if (screen->fd >= 0) {
			if (has_driver(screen->fd, path ? NULL : driver, screen->driver,
				       sizeof(screen->driver)))
				return 0;
			close(screen->fd);
			screen->fd = -1;
		}
		if (path)
			break;
	}
	if (path)
		complain("cannot open the card %s", path);
	else
		complain("no /dev/dri/card* is of the driver \"%s\" (qemu: -vga std)", driver);
	return -ENODEV;
}

static bool larger_than_picture(const drmModeModeInfo *mode, uint32_t width, uint32_t height)
{
	return mode->hdisplay > width && mode->vdisplay > height;
}

/* Of the modes larger than the picture: the wanted size, else the most pixels up to the best. */
static const drmModeModeInfo *choose_mode(const drmModeConnector *connector,
					  uint32_t picture_width, uint32_t picture_height,
					  uint32_t want_width, uint32_t want_height)
{
	const drmModeModeInfo *best = NULL;

	for (int i = 0; i < connector->count_modes; i++) {
		const drmModeModeInfo *mode = &connector->modes[i];

		if (!larger_than_picture(mode, picture_width, picture_height))
			continue;
		if (want_width) {
			if (mode->hdisplay == want_width && mode->vdisplay == want_height)
				return mode;
			continue;
		}
		if (mode->hdisplay > BEST_WIDTH || mode->vdisplay > BEST_HEIGHT)
			continue;
		if (!best || mode->hdisplay * mode->vdisplay > best->hdisplay * best->vdisplay)
			best = mode;
	}
	return best;
}

/* A CRTC that can drive the connector, or 0. */
static uint32_t find_crtc(int fd, const drmModeRes *resources, const drmModeConnector *connector)
{
	uint32_t possible = 0;

	for (int i = 0; i < connector->count_encoders; i++) {
		drmModeEncoder *encoder = drmModeGetEncoder(fd, connector->encoders[i]);

		if (!encoder)
			continue;
		possible |= encoder->possible_crtcs;
		drmModeFreeEncoder(encoder);
	}
	for (int i = 0; i < resources->count_crtcs && i < 32; i++)
		if (possible & (1u << i))
			return resources->crtcs[i];
	return 0;
}

static bool take_connector(struct screen *screen, const drmModeRes *resources,
			   const drmModeConnector *connector, const drmModeModeInfo *mode)
{
	drmModeModeInfo *copy;

	screen->crtc = find_crtc(screen->fd, resources, connector);
	copy = malloc(sizeof(*copy));
	if (!screen->crtc || !copy) {
		free(copy);
		return false;
	}
	*copy = *mode;
	screen->mode = copy;
	screen->connector = connector->connector_id;
	screen->width = mode->hdisplay;
	screen->height = mode->vdisplay;
	snprintf(screen->mode_name, sizeof(screen->mode_name), "%s", mode->name);
	return true;
}

int screen_open(struct screen *screen, const char *driver, const char *path,
		uint32_t picture_width, uint32_t picture_height, uint32_t want_width,
		uint32_t want_height)
{
	drmModeRes *resources;
	int ret;

	*screen = (struct screen){ .fd = -1 };
	ret = open_card(screen, driver, path);
	if (ret)
		return ret;
	resources = drmModeGetResources(screen->fd);
	if (!resources) {
		ret = -errno;
		failed(ret, "%s shows nothing", screen->path);
		return ret;
	}
	for (int i = 0; !screen->mode && i < resources->count_connectors; i++) {
		drmModeConnector *connector = drmModeGetConnector(screen->fd,
								  resources->connectors[i]);
		const drmModeModeInfo *mode = NULL;

		if (connector && connector->connection == DRM_MODE_CONNECTED)
			mode = choose_mode(connector, picture_width, picture_height, want_width,
					   want_height);
		if (mode)
			take_connector(screen, resources, connector, mode);
		drmModeFreeConnector(connector);
	}
	drmModeFreeResources(resources);
	if (screen->mode)
		return 0;
	complain("%s has no connected screen with a fitting mode larger than %ux%u", screen->path,
		 picture_width, picture_height);
	return -ENODEV;
}

int screen_show(struct screen *screen, int dmabuf, uint32_t pitch)
{
	uint32_t handles[4] = { 0 }, pitches[4] = { pitch }, offsets[4] = { 0 };
	int ret;

	if (drmPrimeFDToHandle(screen->fd, dmabuf, &screen->handle)) {
		ret = -errno;
		failed(ret, "%s (%s) does not import the dma-buf", screen->path, screen->driver);
		return ret;
	}
	handles[0] = screen->handle;
	ret = drmModeAddFB2(screen->fd, screen->width, screen->height, DRM_FORMAT_XRGB8888, handles,
			    pitches, offsets, &screen->fb, 0);
	if (ret) {
		failed(ret, "%s makes no framebuffer of the dma-buf", screen->path);
		return ret;
	}
	ret = drmModeSetCrtc(screen->fd, screen->crtc, screen->fb, 0, 0, &screen->connector, 1,
			     screen->mode);
	if (ret)
		failed(ret, "%s does not show the framebuffer", screen->path);
	return ret;
}

void screen_clear(struct screen *screen)
{
	if (screen->fb)
		drmModeRmFB(screen->fd, screen->fb);
	if (screen->handle)
		drmCloseBufferHandle(screen->fd, screen->handle);
	screen->fb = 0;
	screen->handle = 0;
}

void screen_close(struct screen *screen)
{
	screen_clear(screen);
	free(screen->mode);
	screen->mode = NULL;
	if (screen->fd >= 0)
		close(screen->fd);
	screen->fd = -1;
}
