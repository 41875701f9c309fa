/* SPDX-License-Identifier: MIT */
/*
 * Copyright (C) 2026 The dgem authors
 *
 * dgem, the DMA GEM driver: what user space and the kernel agree on.
 */
#ifndef _DGEM_DRM_H_
#define _DGEM_DRM_H_

#include "drm.h"

#if defined(__cplusplus)
extern "C" {
#endif

/**
 * DOC: rules that hold for every ioctl
 *
 * - Structures have one layout on 32 and 64 bit. Pointers travel as &__u64.
 * - Every @pad, every reserved value and every flag not named here must be zero, else -EINVAL.
 * - A handle that this file does not own is -ENOENT; memory that cannot be read or written is
 *   -EFAULT.
 * - A call that fails changes nothing: no handle, fence or mapping stays behind. There are two
 *   exceptions. If the answer itself cannot be written (-EFAULT), what the call made stays, as with
 *   every DRM ioctl, and a handle is the file's to close. Memory of a lazy object that has come
 *   before a SUBMIT, or its export, fails stays with the object.
 * - Offsets and lengths are bytes. A range that is empty, wraps or reaches past the end of its
 *   object is -EINVAL.
 * - After the device is gone every ioctl answers -ENODEV.
 *
 * DOC: what an ioctl answers when there is not enough
 *
 * - -ENOSPC is a quota: of the instance, of the file, or of the caller's dmem cgroup.
 * - -EOVERFLOW is the space of mmap offsets: the file has used up its share of it, which is
 *   &drm_dgem_query_device.max_size bytes for all of its objects that can be mapped, or there is no
 *   such range left on the device.
 * - -ENOMEM is memory, also that of the caller's memory cgroup and RLIMIT_MEMLOCK.
 */

#define DRM_DGEM_QUERY		0x00
#define DRM_DGEM_CREATE		0x01
#define DRM_DGEM_INFO		0x02
#define DRM_DGEM_MMAP		0x03
#define DRM_DGEM_SYNC		0x04
#define DRM_DGEM_SUBMIT		0x05
#define DRM_DGEM_PURGE		0x06
#define DRM_DGEM_JOB		0x07

/**
 * enum drm_dgem_kind - where an object's memory comes from
 */
enum drm_dgem_kind {
	/**
	 * @DRM_DGEM_KIND_CONTIGUOUS: physically contiguous, cached memory (CMA where the kernel has
	 * it). The device sees one segment; the CPU needs SYNC around its accesses. Mapped by page
	 * faults, with huge pages where it can be.
	 */
	DRM_DGEM_KIND_CONTIGUOUS = 0,
	/**
	 * @DRM_DGEM_KIND_COHERENT: memory that CPU and device see alike without SYNC. With
	 * DRM_DGEM_CACHE_WC: write-combined.
	 */
	DRM_DGEM_KIND_COHERENT = 1,
	/**
	 * @DRM_DGEM_KIND_IMPORT: another driver's dma-buf. Told by INFO; CREATE refuses it with
	 * -EINVAL, use DRM_IOCTL_PRIME_FD_TO_HANDLE.
	 */
	DRM_DGEM_KIND_IMPORT = 2,
	/**
	 * @DRM_DGEM_KIND_PAGES: cached memory in blocks of pages, the largest that are free. The
	 * device sees a scatterlist; the CPU needs SYNC around its accesses.
	 */
	DRM_DGEM_KIND_PAGES = 4,
	/**
	 * @DRM_DGEM_KIND_VMALLOC: single pages that are contiguous for the kernel alone, however
	 * many. The device sees a scatterlist; the CPU needs SYNC around its accesses.
	 */
	DRM_DGEM_KIND_VMALLOC = 5,
	/**
	 * @DRM_DGEM_KIND_RESERVED: contiguous memory out of the pool that was set aside for the
	 * instance, if there is one. Cached, or write-combined where a device does not snoop; the
	 * CPU needs SYNC around its accesses
	 */
	DRM_DGEM_KIND_RESERVED = 6,
	/**
	 * @DRM_DGEM_KIND_IO: registers or memory of the engine's PCI device: pages of one of its
	 * BARs, mapped uncached, or write-combined if asked for and the BAR is prefetchable. It
	 * cannot be exported. CREATE needs CAP_SYS_RAWIO and a kernel that is not locked down
	 * (-EPERM); a window that is not within the BAR or does not start on a page is -EINVAL, a
	 * BAR that the device does not have -ENODEV, one of ports -EOPNOTSUPP, one that is in
	 * another object -EBUSY.
	 */
	DRM_DGEM_KIND_IO = 7,
	/**
	 * @DRM_DGEM_KIND_USER: memory of the caller's own, pinned as long as the object lives. It
	 * can be neither mapped nor exported.
	 */
	DRM_DGEM_KIND_USER = 8,
};

/**
 * enum drm_dgem_cache - how the CPU caches an object's memory
 */
enum drm_dgem_cache {
	/**
	 * @DRM_DGEM_CACHE_DEFAULT: what suits the kind; CREATE only, never told by INFO's
	 * @cache_granted
	 */
	DRM_DGEM_CACHE_DEFAULT = 0,
	/** @DRM_DGEM_CACHE_CACHED: ordinary write-back memory */
	DRM_DGEM_CACHE_CACHED = 1,
	/** @DRM_DGEM_CACHE_WC: write-combined: writes are gathered, reads are slow */
	DRM_DGEM_CACHE_WC = 2,
	/**
	 * @DRM_DGEM_CACHE_UNCACHED: no caching (coherent memory for a device that is not cache-
	 * coherent)
	 */
	DRM_DGEM_CACHE_UNCACHED = 3,
	/** @DRM_DGEM_CACHE_EXPORTER: as the exporter of an imported dma-buf likes; INFO only */
	DRM_DGEM_CACHE_EXPORTER = 4,
};

/**
 * enum drm_dgem_query_type - what DRM_IOCTL_DGEM_QUERY can tell
 */
enum drm_dgem_query_type {
	/** @DRM_DGEM_QUERY_DEVICE: &struct drm_dgem_query_device */
	DRM_DGEM_QUERY_DEVICE = 0,
	/** @DRM_DGEM_QUERY_ENGINE: &struct drm_dgem_query_engine */
	DRM_DGEM_QUERY_ENGINE = 1,
	/** @DRM_DGEM_QUERY_STATS: &struct drm_dgem_query_stats */
	DRM_DGEM_QUERY_STATS = 2,
};

/**
 * struct drm_dgem_query - ask the device about itself
 *
 * Answers grow at their end only. The kernel writes as much of the answer as @size bytes hold and
 * clears the rest of them, so that an older kernel leaves a newer client zeroes.
 *
 * Errors: -EINVAL for an unknown @type, a non-zero @pad or a @size that is too large, -EFAULT if
 * @data cannot be written.
 */
struct drm_dgem_query {
	/** @type: in: one of &enum drm_dgem_query_type */
	__u32 type;
	/** @size: in: bytes at @data, 4096 at most; out: bytes of the kernel's whole answer */
	__u32 size;
	/** @data: in: user pointer to the answer, or 0 to ask for @size alone */
	__u64 data;
	/** @pad: must be zero */
	__u64 pad;
};

/**
 * struct drm_dgem_query_device - answer to DRM_DGEM_QUERY_DEVICE
 */
struct drm_dgem_query_device {
	/** @kinds: bit (1 << kind) for every &enum drm_dgem_kind that CREATE takes here */
	__u64 kinds;
	/**
	 * @max_size: the largest object in bytes that CREATE considers, and what all objects of a
	 * file that can be mapped may have together, whether there is memory in them or not. A
	 * larger object is -EINVAL, one that together with others is too much -EOVERFLOW
	 */
	__u64 max_size;
	/** @page_size: object sizes are rounded up to a multiple of this many bytes */
	__u32 page_size;
	/** @max_ops: the most operations that one SUBMIT takes */
	__u32 max_ops;
	/** @name: the instance's name, terminated by a zero byte */
	__u8 name[32];
	/** @quota: bytes that all objects together may have, or 0 for no limit */
	__u64 quota;
	/**
	 * @file_quota: bytes that the objects made by one open file may have, or 0 for no limit.
	 * Objects count as long as anything holds them, even if the file is closed
	 */
	__u64 file_quota;
	/** @pool: bytes of the instance's pool of reserved memory, or 0 if it has none */
	__u64 pool;
	/** @granule: bytes, a power of two, in which PURGE takes memory away */
	__u32 granule;
	/** @pad: zero */
	__u32 pad;
};

/** enum drm_dgem_engine_type - who moves the bytes of a SUBMIT */
enum drm_dgem_engine_type {
	/** @DRM_DGEM_ENGINE_CPU: a kernel worker; the machine has no usable DMA channel */
	DRM_DGEM_ENGINE_CPU = 0,
	/** @DRM_DGEM_ENGINE_DMA: a dmaengine channel */
	DRM_DGEM_ENGINE_DMA = 1,
};

/**
 * struct drm_dgem_query_engine - answer to DRM_DGEM_QUERY_ENGINE
 */
struct drm_dgem_query_engine {
	/** @type: one of &enum drm_dgem_engine_type */
	__u32 type;
	/**
	 * @copy_align: offsets, lengths and pitches of an operation must be multiples of this many
	 * bytes (a power of two)
	 */
	__u32 copy_align;
	/** @dma_mask: the highest address that the engine reaches, as a mask of ones */
	__u64 dma_mask;
	/**
	 * @max_segment: bytes of the longest DMA segment that the engine takes in one descriptor
	 */
	__u32 max_segment;
	/** @pad: zero */
	__u32 pad;
	/** @name: the channel's name ("dma0chan0") or "cpu", terminated by a zero byte */
	__u8 name[32];
	/** @device: the name of the device that moves the bytes, empty for the CPU */
	__u8 device[32];
	/** @ops: bit (1 << op) for every &enum drm_dgem_op_code that SUBMIT takes here */
	__u64 ops;
};

/**
 * struct drm_dgem_query_stats - answer to DRM_DGEM_QUERY_STATS
 *
 * Counters since the instance came up; they only grow, but for @objects, @bytes, @vmas,
 * @file_bytes and @pool_free.
 */
struct drm_dgem_query_stats {
	/** @objects: objects alive, imports too */
	__u64 objects;
	/** @bytes: bytes of memory allocated for the objects alive */
	__u64 bytes;
	/** @vmas: user mappings alive, of nodes and of exported dma-bufs */
	__u64 vmas;
	/** @jobs: jobs accepted by SUBMIT */
	__u64 jobs;
	/** @jobs_failed: jobs whose fence carries an error */
	__u64 jobs_failed;
	/** @bytes_dma: bytes that the DMA engine has moved */
	__u64 bytes_dma;
	/** @bytes_cpu: bytes that the CPU has copied in this driver's name */
	__u64 bytes_cpu;
	/** @file_bytes: bytes of @bytes that count against the asking file's quota */
	__u64 file_bytes;
	/** @pool_free: bytes of the pool that no object has, not all of them in one piece */
	__u64 pool_free;
};

/**
 * DRM_DGEM_CREATE_LAZY - PAGES: memory comes granule by granule, when it is first touched through a
 * mapping or when a SUBMIT works on it; exporting the object brings all of it. Memory counts
 * against quotas when it comes: a page fault that finds no memory, or no quota for it, is a SIGBUS.
 */
#define DRM_DGEM_CREATE_LAZY		0x2

/**
 * DRM_DGEM_CREATE_DIRECT_IO - PAGES, VMALLOC: mappings of the node can be read into, or written
 * from, by direct I/O (O_DIRECT) and io_uring, also with buffers registered there
 *
 * All other mappings, of nodes and of dma-bufs, answer such I/O with -EFAULT. I/O that is under way
 * when the object goes finds its memory; nobody gets that before it is over, and it counts against
 * the quotas until then. SYNC is needed around
 * the I/O as around accesses of the CPU. The object can be neither exported nor purged
 * (-EOPNOTSUPP), and the flag goes with no other one (-EINVAL).
 */
#define DRM_DGEM_CREATE_DIRECT_IO	0x4

/**
 * DRM_DGEM_CREATE_READ_ONLY - USER: the device only reads the memory, which the caller need not be
 * able to write; the object has no DRM_DGEM_CAP_WRITE
 */
#define DRM_DGEM_CREATE_READ_ONLY	0x8

/**
 * struct drm_dgem_range - a range of the caller's memory
 */
struct drm_dgem_range {
	/** @addr: first byte, a multiple of the page size */
	__u64 addr;
	/** @length: bytes, a multiple of the page size, not zero */
	__u64 length;
};

/**
 * struct drm_dgem_create - make an object
 *
 * Memory that the kernel allocates is zero, to the end of its last page.
 *
 * USER pins memory that the caller has, range after range, until the object's last reference is
 * gone, whatever becomes of its mapping meanwhile. The memory counts against RLIMIT_MEMLOCK. The
 * CPU needs SYNC around its accesses, and what was written by the device is kept by files that live
 * in memory (memfd, tmpfs); a writable shared mapping of another file is refused.
 *
 * Errors: -EINVAL for an unknown kind, cache mode or flag, a cache mode or flag that the kind
 * cannot have, a @size of zero or above &drm_dgem_query_device.max_size, a member that the kind
 * does not use and is not zero; -EOPNOTSUPP for a kind that this instance does not have; -ENOSPC
 * (a quota), -EOVERFLOW (mmap offsets), -ENOMEM.
 *
 * USER besides: -EINVAL for no range or more than 1024, one that is empty or not of whole pages,
 * or a @size that is not their sum; -E2BIG for an element longer than this kernel knows, with bytes
 * set there; -EFAULT for a range with a gap, one that may not be written (without
 * DRM_DGEM_CREATE_READ_ONLY), or whose pages the kernel does not lend; -ENOMEM beyond
 * RLIMIT_MEMLOCK; -EINTR when killed meanwhile.
 */
struct drm_dgem_create {
	/**
	 * @size: in: bytes wanted (USER: the sum of the ranges); out: bytes given, a multiple of
	 * the page size
	 */
	__u64 size;
	/** @kind: in: one of &enum drm_dgem_kind */
	__u32 kind;
	/** @cache: in: one of &enum drm_dgem_cache */
	__u32 cache;
	/** @flags: in: DRM_DGEM_CREATE_* */
	__u32 flags;
	/** @handle: out: the object's handle, owned by this file until DRM_IOCTL_GEM_CLOSE */
	__u32 handle;
	/**
	 * @source: in: where memory comes from that exists already, else zero. IO: the first byte
	 * within the BAR. USER: user pointer to @source_count elements of &struct
	 * drm_dgem_range.
	 */
	__u64 source;
	/** @source_count: in: USER: number of ranges, else zero */
	__u32 source_count;
	/**
	 * @source_stride: in: USER: bytes an element, sizeof(struct drm_dgem_range) to 4096, a
	 * multiple of 8; else zero
	 */
	__u32 source_stride;
	/** @window: in: IO: number of the BAR, else zero */
	__u32 window;
	/** @pad: must be zero */
	__u32 pad;
};

/** DRM_DGEM_CAP_MMAP - the object can be mapped into user space */
#define DRM_DGEM_CAP_MMAP	0x1
/** DRM_DGEM_CAP_EXPORT - the object can be exported as a dma-buf */
#define DRM_DGEM_CAP_EXPORT	0x2
/** DRM_DGEM_CAP_WRITE - the object can be written; an import of a read-only dma-buf cannot */
#define DRM_DGEM_CAP_WRITE	0x4

/**
 * struct drm_dgem_info - tell what an object is
 *
 * Errors: -ENOENT for an unknown handle, -EINVAL for a non-zero @flags or @pad.
 */
struct drm_dgem_info {
	/** @handle: in: the object */
	__u32 handle;
	/** @flags: in: must be zero */
	__u32 flags;
	/** @size: out: bytes */
	__u64 size;
	/** @kind: out: one of &enum drm_dgem_kind */
	__u32 kind;
	/** @caps: out: DRM_DGEM_CAP_* */
	__u32 caps;
	/** @cache_asked: out: what CREATE was asked for, one of &enum drm_dgem_cache */
	__u32 cache_asked;
	/** @cache_granted: out: what user mappings have, one of &enum drm_dgem_cache */
	__u32 cache_granted;
	/**
	 * @segments: out: DMA segments that the engine sees; 0 while the engine has not mapped the
	 * object yet
	 */
	__u32 segments;
	/**
	 * @vmas: out: user mappings of the object that are alive, in all processes; those of an
	 * import are its exporter's and not counted here
	 */
	__u32 vmas;
	/** @pad: must be zero */
	__u64 pad;
	/**
	 * @resident: out: bytes of memory that the object has now: less than @size for a lazy or
	 * purged one, 0 if the memory is not ours
	 */
	__u64 resident;
	/** @create_flags: out: DRM_DGEM_CREATE_*, what CREATE was asked for */
	__u32 create_flags;
	/** @pad2: out: zero */
	__u32 pad2;
};

/**
 * struct drm_dgem_mmap - get the offset at which mmap() of the DRM node maps an object
 *
 * The node maps objects from their start: mmap() longer than the object is -EINVAL, and so are
 * private (copy on write) mappings. A part of an object is mapped through its dma-buf.
 *
 * The first call for an import takes a range of mmap offsets for it, on the file's account.
 *
 * Errors: -ENOENT for an unknown handle, -EINVAL for a non-zero @flags, -EOPNOTSUPP for an object
 * that cannot be mapped, -EOVERFLOW for an import, if the file has used up its share of offsets.
 */
struct drm_dgem_mmap {
	/** @handle: in: the object */
	__u32 handle;
	/** @flags: in: must be zero */
	__u32 flags;
	/** @offset: out: offset for mmap() */
	__u64 offset;
};

/** DRM_DGEM_SYNC_READ - the CPU is going to read, or has read */
#define DRM_DGEM_SYNC_READ	0x1
/** DRM_DGEM_SYNC_WRITE - the CPU is going to write, or has written */
#define DRM_DGEM_SYNC_WRITE	0x2
/** DRM_DGEM_SYNC_END - the CPU is done: the opposite of the (default) start */
#define DRM_DGEM_SYNC_END	0x4

/**
 * struct drm_dgem_sync - open or close a window in which the CPU accesses a range
 *
 * The start waits for the jobs and other fences of the object (writers only, for DRM_DGEM_SYNC_READ
 * alone) and makes what devices wrote visible to the CPU; the end makes what the CPU wrote visible
 * to devices. Only the range is worked on, but for an import, whose exporter knows whole buffers
 * only.
 *
 * Errors: -ENOENT, -EINVAL (neither READ nor WRITE, bad range), -ETIME if the fences did not signal
 * in time, -EACCES for WRITE on an object that cannot be written, -ERESTARTSYS when interrupted
 * (restarted by the C library wrappers, the time-out being absolute).
 */
struct drm_dgem_sync {
	/** @handle: in: the object */
	__u32 handle;
	/** @flags: in: DRM_DGEM_SYNC_* */
	__u32 flags;
	/** @offset: in: first byte of the range */
	__u64 offset;
	/** @length: in: bytes of the range */
	__u64 length;
	/**
	 * @timeout_ns: in: absolute CLOCK_MONOTONIC time to wait until; 0 asks without waiting.
	 * Unused with END
	 */
	__s64 timeout_ns;
};

/**
 * enum drm_dgem_op_code - what an operation of a job does
 */
enum drm_dgem_op_code {
	/** @DRM_DGEM_OP_COPY: copy @width bytes; @height, @src_pitch, @dst_pitch are zero */
	DRM_DGEM_OP_COPY = 0,
	/** @DRM_DGEM_OP_COPY_2D: copy @height rows of @width bytes, rows starting a pitch apart */
	DRM_DGEM_OP_COPY_2D = 1,
	/**
	 * @DRM_DGEM_OP_FILL: write @pattern over and over into @width bytes; @height and @dst_pitch
	 * are zero
	 */
	DRM_DGEM_OP_FILL = 2,
	/** @DRM_DGEM_OP_FILL_2D: the same in @height rows of @width bytes, a @dst_pitch apart */
	DRM_DGEM_OP_FILL_2D = 3,
};

/**
 * struct drm_dgem_op - one operation of a job
 *
 * Operations of a job run in order. Source and destination may lie in one object if the spans from
 * their first to their last byte do not overlap (-EINVAL).
 *
 * A fill reads no object: @src, @src_offset and @src_pitch are zero. A copy has no pattern:
 * @pattern and @pattern_size are zero, or left out: the members up to @dst_pitch were the whole
 * structure in the first version, and an element may still end there.
 */
struct drm_dgem_op {
	/** @op: one of &enum drm_dgem_op_code */
	__u32 op;
	/** @flags: must be zero */
	__u32 flags;
	/** @src: handle of the object read */
	__u32 src;
	/** @dst: handle of the object written */
	__u32 dst;
	/** @src_offset: first byte read */
	__u64 src_offset;
	/** @dst_offset: first byte written */
	__u64 dst_offset;
	/** @width: bytes to write, or bytes a row; not zero */
	__u64 width;
	/** @height: rows; not zero for COPY_2D and FILL_2D */
	__u32 height;
	/** @pad: must be zero */
	__u32 pad;
	/** @src_pitch: bytes from a source row to the next, not below @width */
	__u64 src_pitch;
	/** @dst_pitch: bytes from a destination row to the next, not below @width */
	__u64 dst_pitch;
	/**
	 * @pattern: what a fill writes, as the CPU would store an integer of @pattern_size bytes;
	 * the bits above that are zero
	 */
	__u64 pattern;
	/**
	 * @pattern_size: 1, 2, 4 or 8 bytes for a fill, whose @dst_offset, @width and @dst_pitch
	 * are multiples of it
	 */
	__u32 pattern_size;
	/** @pad2: must be zero */
	__u32 pad2;
};

/** DRM_DGEM_OP_SIZE_MIN - bytes of the first version of &struct drm_dgem_op */
#define DRM_DGEM_OP_SIZE_MIN	64

/**
 * DRM_DGEM_SYNCOBJ_SYNC_FILE - the element is a sync_file. To wait for: &drm_dgem_syncobj.handle is
 * its file descriptor. To signal: the kernel makes a new one, close-on-exec, and writes its
 * descriptor to &drm_dgem_syncobj.handle.
 */
#define DRM_DGEM_SYNCOBJ_SYNC_FILE	0x1

/**
 * struct drm_dgem_syncobj - a syncobj, a point of a timeline, or a sync_file, to wait for or to
 * signal
 */
struct drm_dgem_syncobj {
	/** @handle: in: syncobj of this file, or a sync_file; out: the new sync_file */
	__u32 handle;
	/** @flags: in: DRM_DGEM_SYNCOBJ_* */
	__u32 flags;
	/** @point: in: point of a timeline, or 0 for a binary syncobj and a sync_file */
	__u64 point;
};

/**
 * DRM_DGEM_SUBMIT_NO_IMPLICIT - neither wait for the objects' fences nor leave one: only syncobjs
 * count
 */
#define DRM_DGEM_SUBMIT_NO_IMPLICIT	0x1
/**
 * DRM_DGEM_SUBMIT_HIGH - the job goes before all that wait without this flag. For DRM masters and
 * holders of CAP_SYS_NICE (-EACCES)
 */
#define DRM_DGEM_SUBMIT_HIGH		0x2

/**
 * struct drm_dgem_submit - queue a job
 *
 * The job waits for @in_syncs and (by default) for the objects' implicit fences, runs its
 * operations on the engine, and signals @out_syncs. The objects stay alive until then. Everything
 * is checked before anything is queued. DRM_DGEM_SUBMIT_NO_IMPLICIT still leaves a bookkeeping
 * fence, so that memory is not taken away under the job.
 *
 * Jobs of a file with the same priority run in their order, and files take turns. A job that fails
 * signals its fences with -EIO (the engine reported an error) or -ETIMEDOUT (it made no progress);
 * DRM_IOCTL_DGEM_JOB tells how far it got.
 *
 * Errors: -EINVAL (bad count, stride, operation, range, alignment; a syncobj in @in_syncs that has
 * no fence yet; a descriptor there that is no sync_file), -E2BIG (an element longer than this
 * kernel knows, with bytes set there), -ENOENT (an object or syncobj), -EACCES (writing an object
 * that cannot be written; DRM_DGEM_SUBMIT_HIGH), -EOPNOTSUPP (an object that the engine cannot
 * reach; an import that is too large for the CPU to map), -EBUSY (the engine would work on a
 * bounced copy of an object that an importer has mapped), -ENXIO (a range of an object that was
 * purged), -ENOSPC (a quota does not allow for the memory of a lazy object; the objects have more
 * than 4,096 fences to wait for), -EMFILE or -ENFILE (no room for a new sync_file), -EFAULT (its
 * descriptor cannot be written, too), -ENOMEM, -ENODEV, -ERESTARTSYS.
 *
 * An import is attached to the engine and mapped for it by the first job that uses it: what its
 * exporter says against that is an error of that SUBMIT.
 */
struct drm_dgem_submit {
	/**
	 * @ops: in: user pointer to @op_count elements of &struct drm_dgem_op, @op_stride bytes
	 * apart
	 */
	__u64 ops;
	/** @op_count: in: 1 to &drm_dgem_query_device.max_ops */
	__u32 op_count;
	/** @op_stride: in: bytes an element, DRM_DGEM_OP_SIZE_MIN to 4096, a multiple of 8 */
	__u32 op_stride;
	/** @in_syncs: in: user pointer to @in_sync_count elements of &struct drm_dgem_syncobj */
	__u64 in_syncs;
	/** @in_sync_count: in: 0 to 1024 */
	__u32 in_sync_count;
	/** @out_sync_count: in: 0 to 1024 */
	__u32 out_sync_count;
	/** @out_syncs: in: user pointer to @out_sync_count elements of &struct drm_dgem_syncobj */
	__u64 out_syncs;
	/**
	 * @sync_stride: in: bytes an element of both, sizeof(struct drm_dgem_syncobj) to 4096, a
	 * multiple of 8; unused without syncobjs
	 */
	__u32 sync_stride;
	/** @flags: in: DRM_DGEM_SUBMIT_* */
	__u32 flags;
	/** @job: out: the job's number within this file, for DRM_IOCTL_DGEM_JOB; never 0 */
	__u64 job;
};

/** enum drm_dgem_job_state - where a job is */
enum drm_dgem_job_state {
	/** @DRM_DGEM_JOB_QUEUED: it waits for its dependencies, or for its turn */
	DRM_DGEM_JOB_QUEUED = 0,
	/** @DRM_DGEM_JOB_RUNNING: the engine is at it */
	DRM_DGEM_JOB_RUNNING = 1,
	/** @DRM_DGEM_JOB_DONE: it is over, well or not */
	DRM_DGEM_JOB_DONE = 2,
};

/**
 * struct drm_dgem_job - ask how far a job has got
 *
 * A file remembers its last 256 jobs, and answers for a job from the moment that its fence has
 * signalled, if not before.
 *
 * Errors: -ENOENT for a number that SUBMIT did not give to this file, or longer ago than that;
 * -EINVAL for a non-zero @flags or @pad.
 */
struct drm_dgem_job {
	/** @job: in: &drm_dgem_submit.job */
	__u64 job;
	/**
	 * @bytes: out: bytes that the engine is known to have written. The operations' bytes count
	 * in their order, so of a job that failed just so many are there, and perhaps some of those
	 * that follow
	 */
	__u64 bytes;
	/** @state: out: one of &enum drm_dgem_job_state */
	__u32 state;
	/** @error: out: 0, or the negative error number that the job's fence carries */
	__s32 error;
	/** @flags: in: must be zero */
	__u32 flags;
	/** @pad: in: must be zero */
	__u32 pad;
};

/**
 * DRM_DGEM_PURGE_FORCE - take memory away from user mappings too, which see a hole from then on
 */
#define DRM_DGEM_PURGE_FORCE	0x1

/**
 * struct drm_dgem_purge - give a part of an object's memory back, for good
 *
 * Memory goes by granules, see &drm_dgem_query_device.granule; the last one of an object may be
 * shorter. The range becomes a hole: touching it through a mapping raises SIGBUS, a SUBMIT that
 * works on a byte of it is -ENXIO, and so is exporting the object. What is around the hole stays as
 * it is. Granules may be purged again, and before they ever came. For objects of the kind PAGES
 * that are not exported: an export lasts as long as anybody holds the dma-buf, with or without a
 * handle.
 *
 * Errors: -ENOENT, -EINVAL (unknown flag, a range that is empty, reaches past the end, or does not
 * start and end with a granule), -EOPNOTSUPP for an object whose pages have to stay, -EBUSY if the
 * object is mapped into user space (without DRM_DGEM_PURGE_FORCE), exported, mapped by the kernel
 * or for a device, or used by a job that is not over, -ENOMEM, -EINTR when interrupted. Nothing has
 * changed then.
 */
struct drm_dgem_purge {
	/** @handle: in: the object */
	__u32 handle;
	/** @flags: in: DRM_DGEM_PURGE_* */
	__u32 flags;
	/** @offset: in: first byte, a multiple of &drm_dgem_query_device.granule */
	__u64 offset;
	/** @length: in: bytes, a multiple of it too, or all up to the object's end */
	__u64 length;
};

#define DRM_IOCTL_DGEM_QUERY	DRM_IOWR(DRM_COMMAND_BASE + DRM_DGEM_QUERY, struct drm_dgem_query)
#define DRM_IOCTL_DGEM_CREATE	DRM_IOWR(DRM_COMMAND_BASE + DRM_DGEM_CREATE, struct drm_dgem_create)
#define DRM_IOCTL_DGEM_INFO	DRM_IOWR(DRM_COMMAND_BASE + DRM_DGEM_INFO, struct drm_dgem_info)
#define DRM_IOCTL_DGEM_MMAP	DRM_IOWR(DRM_COMMAND_BASE + DRM_DGEM_MMAP, struct drm_dgem_mmap)
#define DRM_IOCTL_DGEM_SYNC	DRM_IOW(DRM_COMMAND_BASE + DRM_DGEM_SYNC, struct drm_dgem_sync)
#define DRM_IOCTL_DGEM_SUBMIT	DRM_IOWR(DRM_COMMAND_BASE + DRM_DGEM_SUBMIT, struct drm_dgem_submit)
#define DRM_IOCTL_DGEM_PURGE	DRM_IOW(DRM_COMMAND_BASE + DRM_DGEM_PURGE, struct drm_dgem_purge)
#define DRM_IOCTL_DGEM_JOB	DRM_IOWR(DRM_COMMAND_BASE + DRM_DGEM_JOB, struct drm_dgem_job)

#if defined(__cplusplus)
}
#endif

#endif /* _DGEM_DRM_H_ */
