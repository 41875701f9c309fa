// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "igt.h"
#include "sw_sync.h"

#include "dgem_child.h"
#include "dgem_instance.h"
#include "dgem_util.h"

/**
 * TEST: dgem unbind
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DRM
 * Functionality: hotunplug
 * Description: A device goes at once while another one's client waits for something, or for ever.
 *
 * SUBTEST: page-%s
 * Description: The ioctl waits for a page that nobody brings.
 *
 * arg[1]:
 *
 * @ops: SUBMIT, for its operations
 * @syncs: SUBMIT, for the fences that it is to wait for
 * @ranges: CREATE, for the list of the caller's memory
 * @memory: CREATE, for the memory itself
 *
 * SUBTEST: fence-%s
 * Description: The ioctl, or its job, waits for a fence of a foreign buffer.
 *
 * arg[1]:
 *
 * @submit: SUBMIT
 * @sync: SYNC
 */

IGT_TEST_DESCRIPTION("A device goes at once while another one's client waits.");

#define ONE		"igt-unbind-1"
#define TWO		"igt-unbind-2"
/* A device without clients is gone by then. */
#define UNBIND_MS	15000

static int remove_two(void *data)
{
	return __dgem_instance_remove(TWO);
}

/*
 * Take the second instance away while the first one's client waits: whether that works. If not, the
 * one who waits has to be let go before anybody asserts, or nothing ever ends.
 */
static bool remove_meanwhile(pid_t *pid)
{
	*pid = dgem_child_start(remove_two, NULL);
	return dgem_child_wait(*pid, UNBIND_MS) == 0;
}

static void assert_removed(bool removed, pid_t pid)
{
	if (!removed)
		dgem_child_wait(pid, UNBIND_MS);
	igt_assert_f(removed, "a device cannot go while another's client waits\n");
}

static int make_both(void)
{
	close(dgem_instance_start(TWO));
	return dgem_instance_start(ONE);
}

/* A page of memory that comes when the test says so. */
struct late_page {
	int uffd;
	uint8_t *ptr;
};

static void late_page_init(struct late_page *page)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	page->uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	igt_require_f(page->uffd >= 0, "this kernel has no userfaultfd\n");
	igt_assert_eq(ioctl(page->uffd, UFFDIO_API, &api), 0);
	page->ptr = mmap(NULL, DGEM_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0);
	igt_assert(page->ptr != MAP_FAILED);
	reg.range.start = to_user_pointer(page->ptr);
	reg.range.len = DGEM_PAGE;
	igt_assert_eq(ioctl(page->uffd, UFFDIO_REGISTER, &reg), 0);
}

/* Whether somebody waits for it now. */
static bool late_page_awaited(struct late_page *page)
{
	struct pollfd pollfd = { .fd = page->uffd, .events = POLLIN };

	return poll(&pollfd, 1, 10000) == 1;
}

static void late_page_bring(struct late_page *page, const void *content, size_t size)
{
	uint8_t *from = calloc(1, DGEM_PAGE);
	struct uffdio_copy copy = {
		.dst = to_user_pointer(page->ptr),
		.src = to_user_pointer(from),
		.len = DGEM_PAGE,
	};

	memcpy(from, content, size);
	ioctl(page->uffd, UFFDIO_COPY, &copy);
	free(from);
	errno = 0;
}

static void late_page_fini(struct late_page *page)
{
	munmap(page->ptr, DGEM_PAGE);
	close(page->uffd);
}

/* An ioctl that waits, in a thread: the page has to be in its memory. */
struct waiter {
	int fd;
	unsigned long request;
	void *arg;
	int err;
};

static void *ioctl_thread(void *data)
{
	struct waiter *waiter = data;

	waiter->err = dgem_ioctl(waiter->fd, waiter->request, waiter->arg);
	return NULL;
}

static void test_page(int which)
{
	struct drm_dgem_submit submit;
	struct drm_dgem_create create = { .kind = DRM_DGEM_KIND_USER };
	struct drm_dgem_range range;
	struct drm_dgem_syncobj sync = { };
	struct late_page page;
	struct waiter waiter;
	struct drm_dgem_op op;
	const void *content = "";
	size_t size = 1;
	bool removed, awaited;
	pthread_t thread;
	uint32_t handle;
	pid_t pid;

	late_page_init(&page);
	waiter.fd = make_both();
	handle = dgem_create_contiguous(waiter.fd, DGEM_PAGE);
	op = dgem_op_fill(handle, 0, 64, 0x5a, 1);
	dgem_submit_init(&submit, &op, 1);
	range = (struct drm_dgem_range) { to_user_pointer(page.ptr), DGEM_PAGE };
	create.size = DGEM_PAGE;
	create.source_count = 1;
	create.source_stride = sizeof(range);
	create.source = to_user_pointer(&range);
	waiter.request = which < 2 ? DRM_IOCTL_DGEM_SUBMIT : DRM_IOCTL_DGEM_CREATE;
	waiter.arg = which < 2 ? (void *)&submit : (void *)&create;
	switch (which) {
	case 0:
		submit.ops = to_user_pointer(page.ptr);
		content = &op;
		size = sizeof(op);
		break;
	case 1:
		submit.in_syncs = to_user_pointer(page.ptr);
		submit.in_sync_count = 1;
		/* there is no such thing, which is told when it was read */
		content = &sync;
		size = sizeof(sync);
		break;
	case 2:
		range.addr += DGEM_PAGE;
		create.source = to_user_pointer(page.ptr);
		content = &range;
		size = sizeof(range);
		break;
	}

	igt_assert_eq(pthread_create(&thread, NULL, ioctl_thread, &waiter), 0);
	awaited = late_page_awaited(&page);
	removed = remove_meanwhile(&pid);
	late_page_bring(&page, content, size);
	igt_assert_eq(pthread_join(thread, NULL), 0);
	igt_assert_f(awaited, "the ioctl does not look at its arguments\n");
	assert_removed(removed, pid);
	if (which == 1)
		igt_assert_eq(waiter.err, -ENOENT);
	else if (which != 2)
		igt_assert_eq(waiter.err, 0);
	close(waiter.fd);
	late_page_fini(&page);
	dgem_instance_remove(ONE);
}

/* A foreign buffer with a fence that signals when the test says so. */
static int fenced_buffer(int vgem, int *timeline, uint32_t *handle)
{
	struct drm_mode_create_dumb dumb = { .width = DGEM_PAGE / 4, .height = 1, .bpp = 32 };
	struct dma_buf_import_sync_file arg = { .flags = DMA_BUF_SYNC_WRITE };
	int dmabuf;

	do_ioctl(vgem, DRM_IOCTL_MODE_CREATE_DUMB, &dumb);
	*handle = dumb.handle;
	dmabuf = __dgem_export(vgem, dumb.handle, DRM_CLOEXEC | DRM_RDWR);
	igt_assert_fd(dmabuf);
	*timeline = sw_sync_timeline_create();
	arg.fd = sw_sync_timeline_create_fence(*timeline, 1);
	igt_require_f(!ioctl(dmabuf, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &arg),
		      "this kernel puts no fences into dma-bufs\n");
	close(arg.fd);
	return dmabuf;
}

static void test_fence(int which)
{
	struct drm_dgem_submit submit;
	struct drm_dgem_sync sync = { .flags = DRM_DGEM_SYNC_READ, .length = 64 };
	int vgem, timeline, dmabuf;
	uint32_t theirs, handle, own;
	struct waiter waiter;
	struct drm_dgem_op op;
	pthread_t thread;
	bool removed;
	pid_t pid;

	igt_require_sw_sync();
	vgem = dgem_open_other("vgem");
	dmabuf = fenced_buffer(vgem, &timeline, &theirs);
	waiter.fd = make_both();
	own = dgem_create_contiguous(waiter.fd, DGEM_PAGE);
	igt_assert_eq(__dgem_import(waiter.fd, dmabuf, &handle), 0);
	op = dgem_op_copy(handle, 0, own, 0, 64);
	dgem_submit_init(&submit, &op, 1);
	sync.handle = handle;
	sync.timeout_ns = dgem_now() + DGEM_PATIENCE_NS;
	waiter.request = which ? DRM_IOCTL_DGEM_SYNC : DRM_IOCTL_DGEM_SUBMIT;
	waiter.arg = which ? (void *)&sync : (void *)&submit;

	igt_assert_eq(pthread_create(&thread, NULL, ioctl_thread, &waiter), 0);
	/* it waits by then, or the job does */
	dgem_sleep_ms(300);
	removed = remove_meanwhile(&pid);
	sw_sync_timeline_inc(timeline, 1);
	igt_assert_eq(pthread_join(thread, NULL), 0);
	assert_removed(removed, pid);
	igt_assert_eq(waiter.err, 0);
	if (which)
		igt_assert_eq(__dgem_sync(waiter.fd, handle, DRM_DGEM_SYNC_READ |
					  DRM_DGEM_SYNC_END, 0, 64, 0), 0);
	close(waiter.fd);
	close(dmabuf);
	close(timeline);
	gem_close(vgem, theirs);
	close(vgem);
	dgem_instance_remove(ONE);
}

static const struct {
	const char *name, *describe;
	void (*test)(int which);
	int which;
} tests[] = {
	{ "page-ops", "SUBMIT waits for a page of its operations.", test_page, 0 },
	{ "page-syncs", "SUBMIT waits for a page of its fences.", test_page, 1 },
	{ "page-ranges", "CREATE waits for a page of its list.", test_page, 2 },
	{ "page-memory", "CREATE waits for a page to pin.", test_page, 3 },
	{ "fence-submit", "SUBMIT waits for a foreign fence.", test_fence, 0 },
	{ "fence-sync", "SYNC waits for a foreign fence.", test_fence, 1 },
};

int igt_main()
{
	int fd = -1;

	igt_fixture() {
		dgem_require_configfs();
		fd = dgem_open();
	}

	for (int i = 0; i < ARRAY_SIZE(tests); i++) {
		igt_describe(tests[i].describe);
		igt_subtest(tests[i].name) {
			struct dgem_snapshot before;

			dgem_snapshot(fd, &before);
			tests[i].test(tests[i].which);
			dgem_assert_unchanged(fd, &before);
		}
	}

	igt_fixture() {
		close(fd);
		/* what a failed subtest has left */
		__dgem_instance_remove(ONE);
		__dgem_instance_remove(TWO);
		errno = 0;
	}
}
