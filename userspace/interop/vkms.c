// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */
#include <errno.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <drm_fourcc.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "message.h"
#include "vkms.h"

/* Pictures a second. */
#define REFRESH_HZ	5u

struct vkms {
	int fd;
	uint32_t width;
	uint32_t height;
	uint32_t crtc;
	uint32_t plane;
	uint32_t output;
	uint32_t writeback;
	uint32_t mode_blob;
	/* older drivers do not clone their output to the writeback connector */
	bool alone;
	bool lit;
};

static uint32_t property(int fd, uint32_t object, uint32_t type, const char *name, uint64_t *value)
{
	drmModeObjectProperties *all = drmModeObjectGetProperties(fd, object, type);
	uint32_t found = 0;

	for (uint32_t i = 0; all && i < all->count_props && !found; i++) {
		drmModePropertyRes *each = drmModeGetProperty(fd, all->props[i]);

		if (each && !strcmp(each->name, name)) {
			found = each->prop_id;
			if (value)
				*value = all->prop_values[i];
		}
		drmModeFreeProperty(each);
	}
	drmModeFreeObjectProperties(all);
	return found;
}

/*
 * The picture's mode, slowed down. vkms composes at each of its vertical blanks, and a commit shows
 * it a writeback before the writeback's pixel_write is set: at 60 Hz a blank falls in between on a
 * machine that is busy enough, and vkms warns (compose_active_planes(), Linux 6.12 and 7.3 alike).
 */
static int find_mode(struct vkms *vkms, const drmModeConnector *connector)
{
	for (int i = 0; i < connector->count_modes; i++) {
		drmModeModeInfo mode = connector->modes[i];

		if (mode.hdisplay != vkms->width || mode.vdisplay != vkms->height)
			continue;
		mode.vrefresh = REFRESH_HZ;
		mode.clock = (uint32_t)mode.htotal * mode.vtotal * REFRESH_HZ / 1000;
		return drmModeCreatePropertyBlob(vkms->fd, &mode, sizeof(mode), &vkms->mode_blob);
	}
	return -ENOENT;
}

static int find_connectors(struct vkms *vkms, const drmModeRes *resources)
{
	for (int i = 0; i < resources->count_connectors; i++) {
		drmModeConnector *connector = drmModeGetConnector(vkms->fd,
								  resources->connectors[i]);

		if (!connector)
			continue;
		if (connector->connector_type == DRM_MODE_CONNECTOR_WRITEBACK)
			vkms->writeback = connector->connector_id;
		else if (connector->connection == DRM_MODE_CONNECTED && !vkms->output &&
			 !find_mode(vkms, connector))
			vkms->output = connector->connector_id;
		drmModeFreeConnector(connector);
	}
	return vkms->writeback && vkms->output ? 0 : -ENODEV;
}

static int find_plane(struct vkms *vkms)
{
	drmModePlaneRes *planes = drmModeGetPlaneResources(vkms->fd);

	for (uint32_t i = 0; planes && i < planes->count_planes && !vkms->plane; i++) {
		uint64_t type;

		if (property(vkms->fd, planes->planes[i], DRM_MODE_OBJECT_PLANE, "type", &type) &&
		    type == DRM_PLANE_TYPE_PRIMARY)
			vkms->plane = planes->planes[i];
	}
	drmModeFreePlaneResources(planes);
	return vkms->plane ? 0 : -ENODEV;
}

static int look_around(struct vkms *vkms)
{
	drmModeRes *resources;
	int ret;

	if (drmSetClientCap(vkms->fd, DRM_CLIENT_CAP_ATOMIC, 1) ||
	    drmSetClientCap(vkms->fd, DRM_CLIENT_CAP_WRITEBACK_CONNECTORS, 1))
		return -errno;
	resources = drmModeGetResources(vkms->fd);
	if (!resources)
		return -errno;
	vkms->crtc = resources->count_crtcs ? resources->crtcs[0] : 0;
	ret = vkms->crtc ? find_connectors(vkms, resources) : -ENODEV;
	drmModeFreeResources(resources);
	return ret ? ret : find_plane(vkms);
}

int vkms_open(uint32_t width, uint32_t height, struct vkms **out)
{
	struct vkms *vkms = calloc(1, sizeof(*vkms));
	int ret;

	if (!vkms)
		return -ENOMEM;
	vkms->width = width;
	vkms->height = height;
	vkms->fd = drmOpenWithType("vkms", NULL, DRM_NODE_PRIMARY);
	ret = vkms->fd < 0 ? -ENODEV : look_around(vkms);
	if (ret) {
		failed(ret, "no vkms with a writeback connector and %ux%u", width, height);
		vkms_close(vkms);
		return ret;
	}
	*out = vkms;
	return 0;
}

int vkms_import(struct vkms *vkms, int dmabuf, uint32_t pitch, struct vkms_fb *fb)
{
	uint32_t handles[4] = { 0 }, pitches[4] = { pitch }, offsets[4] = { 0 };
	int ret;

	*fb = (struct vkms_fb){ 0 };
	if (drmPrimeFDToHandle(vkms->fd, dmabuf, &fb->handle)) {
		ret = -errno;
		failed(ret, "vkms does not import the dma-buf");
		return ret;
	}
	handles[0] = fb->handle;
	ret = drmModeAddFB2(vkms->fd, vkms->width, vkms->height, DRM_FORMAT_XRGB8888, handles,
			    pitches, offsets, &fb->fb, 0);
	if (ret) {
		failed(ret, "vkms makes no framebuffer of the dma-buf");
		vkms_drop(vkms, fb);
	}
	return ret;
}

void vkms_drop(struct vkms *vkms, struct vkms_fb *fb)
{
	if (fb->fb)
		drmModeRmFB(vkms->fd, fb->fb);
	if (fb->handle)
		drmCloseBufferHandle(vkms->fd, fb->handle);
	*fb = (struct vkms_fb){ 0 };
}

/* One property of a commit; the first that is not there is noted. */
struct commit {
	struct vkms *vkms;
	drmModeAtomicReq *request;
	int ret;
};

static void set(struct commit *commit, uint32_t object, uint32_t type, const char *name,
		uint64_t value)
{
	uint32_t id = property(commit->vkms->fd, object, type, name, NULL);

	if (!id || drmModeAtomicAddProperty(commit->request, object, id, value) < 0) {
		complain("vkms has no property %s", name);
		commit->ret = -ENOENT;
	}
}

static void set_plane(struct commit *commit, uint32_t fb, int in_fence)
{
	const struct vkms *vkms = commit->vkms;
	const struct {
		const char *name;
		uint64_t value;
	} values[] = {
		{ "FB_ID", fb }, { "CRTC_ID", vkms->crtc },
		{ "SRC_X", 0 }, { "SRC_Y", 0 },
		{ "SRC_W", (uint64_t)vkms->width << 16 },
		{ "SRC_H", (uint64_t)vkms->height << 16 },
		{ "CRTC_X", 0 }, { "CRTC_Y", 0 },
		{ "CRTC_W", vkms->width }, { "CRTC_H", vkms->height },
	};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		set(commit, vkms->plane, DRM_MODE_OBJECT_PLANE, values[i].name, values[i].value);
	if (in_fence >= 0)
		set(commit, vkms->plane, DRM_MODE_OBJECT_PLANE, "IN_FENCE_FD",
		    (uint64_t)in_fence);
}

static int commit_write(struct vkms *vkms, const struct vkms_fb *from, const struct vkms_fb *to,
			int in_fence, int32_t *out_fence)
{
	struct commit commit = { .vkms = vkms, .request = drmModeAtomicAlloc() };

	if (!commit.request)
		return -ENOMEM;
	set_plane(&commit, from->fb, in_fence);
	set(&commit, vkms->crtc, DRM_MODE_OBJECT_CRTC, "MODE_ID", vkms->mode_blob);
	set(&commit, vkms->crtc, DRM_MODE_OBJECT_CRTC, "ACTIVE", 1);
	set(&commit, vkms->output, DRM_MODE_OBJECT_CONNECTOR, "CRTC_ID",
	    vkms->alone ? 0 : vkms->crtc);
	set(&commit, vkms->writeback, DRM_MODE_OBJECT_CONNECTOR, "CRTC_ID", vkms->crtc);
	set(&commit, vkms->writeback, DRM_MODE_OBJECT_CONNECTOR, "WRITEBACK_FB_ID", to->fb);
	set(&commit, vkms->writeback, DRM_MODE_OBJECT_CONNECTOR, "WRITEBACK_OUT_FENCE_PTR",
	    (uintptr_t)out_fence);
	if (!commit.ret && drmModeAtomicCommit(vkms->fd, commit.request,
					       DRM_MODE_ATOMIC_ALLOW_MODESET, NULL))
		commit.ret = -errno;
	drmModeAtomicFree(commit.request);
	return commit.ret;
}

int vkms_write(struct vkms *vkms, const struct vkms_fb *from, const struct vkms_fb *to,
	       int in_fence, int *out_fence)
{
	int32_t fence = -1;
	int ret = commit_write(vkms, from, to, in_fence, &fence);

	if (ret == -EINVAL && !vkms->lit && !vkms->alone) {
		vkms->alone = true;
		ret = commit_write(vkms, from, to, in_fence, &fence);
	}
	if (ret)
		failed(ret, "vkms does not show the framebuffer");
	vkms->lit = vkms->lit || !ret;
	*out_fence = fence;
	return ret;
}

int fence_wait(int fence, int timeout_ms)
{
	struct sync_file_info info = { 0 };
	struct pollfd wait = { .fd = fence, .events = POLLIN };
	int ready;

	do {
		ready = poll(&wait, 1, timeout_ms);
	} while (ready < 0 && errno == EINTR);
	if (ready < 0)
		return -errno;
	if (!ready)
		return -ETIME;
	if (ioctl(fence, SYNC_IOC_FILE_INFO, &info))
		return -errno;
	return info.status < 0 ? info.status : 0;
}

static void darken(struct vkms *vkms)
{
	struct commit commit = { .vkms = vkms, .request = drmModeAtomicAlloc() };

	if (!commit.request)
		return;
	set(&commit, vkms->plane, DRM_MODE_OBJECT_PLANE, "FB_ID", 0);
	set(&commit, vkms->plane, DRM_MODE_OBJECT_PLANE, "CRTC_ID", 0);
	set(&commit, vkms->output, DRM_MODE_OBJECT_CONNECTOR, "CRTC_ID", 0);
	set(&commit, vkms->writeback, DRM_MODE_OBJECT_CONNECTOR, "CRTC_ID", 0);
	set(&commit, vkms->crtc, DRM_MODE_OBJECT_CRTC, "ACTIVE", 0);
	set(&commit, vkms->crtc, DRM_MODE_OBJECT_CRTC, "MODE_ID", 0);
	if (drmModeAtomicCommit(vkms->fd, commit.request, DRM_MODE_ATOMIC_ALLOW_MODESET, NULL))
		failed(-errno, "vkms does not switch off");
	drmModeAtomicFree(commit.request);
}

void vkms_close(struct vkms *vkms)
{
	if (!vkms)
		return;
	if (vkms->lit)
		darken(vkms);
	if (vkms->fd >= 0)
		close(vkms->fd);
	free(vkms);
}
