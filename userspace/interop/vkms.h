/* SPDX-License-Identifier: MIT */
/*
 * Copyright (C) 2026 The dgem authors
 *
 * vkms as a machine that turns a framebuffer into another one: what its plane shows, its writeback
 * connector writes. The functions print what goes wrong and return 0 or -errno.
 */
#ifndef DGEM_INTEROP_VKMS_H
#define DGEM_INTEROP_VKMS_H

#include <stdint.h>

/* A framebuffer on an imported dma-buf. */
struct vkms_fb {
	uint32_t handle;
	uint32_t fb;
};

struct vkms;

int vkms_open(uint32_t width, uint32_t height, struct vkms **vkms);
void vkms_close(struct vkms *vkms);

int vkms_import(struct vkms *vkms, int dmabuf, uint32_t pitch, struct vkms_fb *fb);
void vkms_drop(struct vkms *vkms, struct vkms_fb *fb);

/*
 * Show one framebuffer and write it to the other. in_fence is a sync_file to be waited for, or -1;
 * out_fence gets one that signals when the picture has been written. The caller closes both.
 */
int vkms_write(struct vkms *vkms, const struct vkms_fb *from, const struct vkms_fb *to,
	       int in_fence, int *out_fence);

/* Wait until a sync_file has signalled: 0 or -errno, which is what the fence says if it failed. */
int fence_wait(int fence, int timeout_ms);

#endif /* DGEM_INTEROP_VKMS_H */
