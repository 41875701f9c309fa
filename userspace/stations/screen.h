/* SPDX-License-Identifier: MIT */
/*
 * Copyright (C) 2026 The dgem authors
 *
 * A screen: a dma-buf shown by a KMS driver. The functions print what goes wrong and return 0 or
 * -errno.
 */
#ifndef DGEM_SCREEN_H
#define DGEM_SCREEN_H

#include <stdint.h>

struct screen {
	int fd;
	char path[64];
	char driver[32];
	uint32_t connector;
	uint32_t crtc;
	uint32_t width;
	uint32_t height;
	char mode_name[32];
	/* drmModeModeInfo, which other files need not know */
	void *mode;
	uint32_t fb;
	uint32_t handle;
};

/*
 * Open a card that has a connected screen with a mode that is larger than a picture of this size:
 * the card of this driver, or the one at path if that is not NULL. Of the modes, take the one of
 * the wanted size (unless that is 0x0), else the largest up to 1920x1080.
 */
int screen_open(struct screen *screen, const char *driver, const char *path,
		uint32_t picture_width, uint32_t picture_height, uint32_t want_width,
		uint32_t want_height);
/* Import the dma-buf, make it a framebuffer and show it. */
int screen_show(struct screen *screen, int dmabuf, uint32_t pitch);
/* Take the picture back from the screen, the card stays open. */
void screen_clear(struct screen *screen);
/* The same, and close the card. */
void screen_close(struct screen *screen);

#endif /* DGEM_SCREEN_H */
