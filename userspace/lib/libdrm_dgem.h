/* SPDX-License-Identifier: MIT */
/*
 * Copyright (C) 2026 The dgem authors
 *
 * libdrm_dgem: memory made for device DMA, and jobs that a DMA engine runs on it.
 *
 * What holds for every function:
 *
 * - A function that returns int returns 0, or a value its comment names, on success and a negative
 *   errno number on failure. Output parameters are written on success only. Besides what a comment
 *   names, -ENOMEM is possible wherever something is made, and -ENODEV once the device is gone.
 * - Sizes, offsets, lengths and pitches are bytes. Times are nanoseconds counted from the call;
 *   DGEM_WAIT_FOREVER has no end, 0 asks without waiting.
 * - Devices, buffer objects and jobs are counted. The function that returns one gives the caller a
 *   reference, _ref() adds one, _del() drops one and does nothing for NULL. A buffer object and a
 *   job hold their device; a job holds its buffer objects.
 * - Every function can be called from any thread at any time, but for a job: it is built and
 *   submitted by one thread at a time.
 * - File descriptors that a function returns are the caller's to close and are close-on-exec. File
 *   descriptors that a function takes stay the caller's.
 */
#ifndef LIBDRM_DGEM_H
#define LIBDRM_DGEM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#if defined(__cplusplus)
extern "C" {
#endif

/** struct dgem_device - one open dgem node, with the table of its buffer objects */
struct dgem_device;
/** struct dgem_bo - a buffer object: memory that devices and the CPU share */
struct dgem_bo;
/** struct dgem_job - a list of operations for the engine, with what it waits for and signals */
struct dgem_job;

/** DGEM_WAIT_FOREVER - a time-out that never comes */
#define DGEM_WAIT_FOREVER	((int64_t)-1)

/** DGEM_READ - the CPU, or the holder of a dma-buf, reads */
#define DGEM_READ		0x1u
/** DGEM_WRITE - the CPU, or the holder of a dma-buf, writes */
#define DGEM_WRITE		0x2u

/** enum dgem_kind - where the memory of a buffer object comes from */
enum dgem_kind {
	/** Physically contiguous, cached. One DMA segment. CPU accesses need dgem_bo_sync_*() */
	DGEM_KIND_CONTIGUOUS = 0,
	/** CPU and devices see the same without synchronisation */
	DGEM_KIND_COHERENT = 1,
	/** Another driver's dma-buf: dgem_bo_from_dmabuf() makes these, dgem_bo_new() does not */
	DGEM_KIND_IMPORT = 2,
	/** Cached, in the largest blocks that are free. CPU accesses need dgem_bo_sync_*() */
	DGEM_KIND_PAGES = 4,
	/** Cached, in single pages. CPU accesses need dgem_bo_sync_*() */
	DGEM_KIND_VMALLOC = 5,
	/** Out of the pool that was set aside for the device */
	DGEM_KIND_RESERVED = 6,
	/** Registers or memory of a device; not by dgem_bo_new() */
	DGEM_KIND_IO = 7,
	/** The caller's own memory: dgem_bo_new_user() makes these, dgem_bo_new() does not */
	DGEM_KIND_USER = 8,
};

/**
 * DGEM_CREATE_LAZY - of DGEM_KIND_PAGES: memory comes granule by granule when it is touched or a
 * job works on it, and counts against quotas from then on. A touch that finds no memory, or no
 * quota for it, raises SIGBUS; memory that came before a job was refused stays. Exporting the
 * object brings all of it.
 */
#define DGEM_CREATE_LAZY	0x2
/**
 * DGEM_CREATE_DIRECT_IO - of DGEM_KIND_PAGES and _VMALLOC: mappings take direct I/O; no export, no
 * purge, no other flag. Pages that such I/O still has after the object is gone count against quotas
 * until they come back.
 */
#define DGEM_CREATE_DIRECT_IO	0x4

/** enum dgem_cache - how the CPU caches the memory of a buffer object */
enum dgem_cache {
	/** What suits the kind; for dgem_bo_new() only */
	DGEM_CACHE_DEFAULT = 0,
	/** Ordinary write-back memory */
	DGEM_CACHE_CACHED = 1,
	/** Write-combined: writes are gathered, reads are slow */
	DGEM_CACHE_WC = 2,
	/** Not cached at all */
	DGEM_CACHE_UNCACHED = 3,
	/** As the exporter of an imported dma-buf likes; told by dgem_bo_get_info() only */
	DGEM_CACHE_EXPORTER = 4,
};

/** enum dgem_engine_type - who moves the bytes of a job */
enum dgem_engine_type {
	/** A kernel worker */
	DGEM_ENGINE_CPU = 0,
	/** A channel of the kernel's dmaengine framework */
	DGEM_ENGINE_DMA = 1,
};

/** struct dgem_device_info - what dgem_device_get_info() tells */
struct dgem_device_info {
	/** Bit (1 << kind) for each enum dgem_kind that dgem_bo_new() takes on this device */
	uint64_t kinds;
	/**
	 * The largest size that dgem_bo_new() considers, and what all objects of one open device
	 * that can be mapped may have together, whether there is memory in them or not
	 */
	uint64_t max_size;
	/** Sizes of buffer objects are multiples of this */
	uint32_t page_size;
	/** The most operations in one job */
	uint32_t max_ops;
	/** Name of the instance, terminated */
	char name[32];
	/** Bytes that all objects together may have, or 0 for no limit */
	uint64_t quota;
	/** Bytes that the objects made through one open device may have, or 0 for no limit */
	uint64_t file_quota;
	/** Bytes of the instance's pool of reserved memory, or 0 if it has none */
	uint64_t pool;
	/** Bytes, a power of two, in which dgem_bo_purge() takes memory away */
	uint32_t granule;
	/** Zero */
	uint32_t pad;
};

/** struct dgem_engine_info - what dgem_device_get_engine() tells */
struct dgem_engine_info {
	/** One of enum dgem_engine_type */
	uint32_t type;
	/** Offsets, lengths and pitches of operations are multiples of this power of two */
	uint32_t copy_align;
	/** The highest bus address that the engine reaches, as a mask of ones */
	uint64_t dma_mask;
	/** The longest DMA segment of one descriptor */
	uint32_t max_segment;
	/** Zero */
	uint32_t pad;
	/** Name of the channel, or "cpu", terminated */
	char name[32];
	/** Name of the device that moves the bytes, terminated; empty for the CPU */
	char device[32];
	/** Bits of the operations that the engine takes, as the kernel numbers them */
	uint64_t ops;
};

/** struct dgem_stats - what dgem_device_get_stats() tells: the device's figures, of all clients */
struct dgem_stats {
	/** Objects that exist now, imports too */
	uint64_t objects;
	/** Bytes allocated for them */
	uint64_t bytes;
	/** User mappings that exist now */
	uint64_t vmas;
	/** Jobs accepted so far */
	uint64_t jobs;
	/** Jobs that ended with an error so far */
	uint64_t jobs_failed;
	/** Bytes that the DMA engine has moved so far */
	uint64_t bytes_dma;
	/** Bytes that the CPU has copied in the driver's name so far */
	uint64_t bytes_cpu;
	/** Bytes allocated for objects that were made through this open device */
	uint64_t file_bytes;
	/** Bytes of the pool that no object has, not all of them in one piece */
	uint64_t pool_free;
};

/** DGEM_CAP_MMAP - dgem_bo_map() works on the object */
#define DGEM_CAP_MMAP		0x1u
/** DGEM_CAP_EXPORT - dgem_bo_dmabuf() works on the object */
#define DGEM_CAP_EXPORT		0x2u
/** DGEM_CAP_WRITE - the object can be written */
#define DGEM_CAP_WRITE		0x4u

/** struct dgem_bo_info - what dgem_bo_get_info() tells */
struct dgem_bo_info {
	/** Bytes of memory */
	uint64_t size;
	/** One of enum dgem_kind */
	uint32_t kind;
	/** DGEM_CAP_* */
	uint32_t caps;
	/** What dgem_bo_new() was asked for, one of enum dgem_cache */
	uint32_t cache_asked;
	/** What user mappings have, one of enum dgem_cache */
	uint32_t cache_granted;
	/** DMA segments that the engine sees; 0 while the engine has not mapped the object yet */
	uint32_t segments;
	/** User mappings of the object in all processes */
	uint32_t vmas;
	/** Bytes of memory that the object has now */
	uint64_t resident;
	/** DGEM_CREATE_*, as dgem_bo_new_flags() was asked for */
	uint32_t flags;
	/** Zero */
	uint32_t pad;
};

/*
 * Devices
 */

/**
 * dgem_device_open() - open a dgem node and wrap it
 * @which: a path if it has a slash ("/dev/dri/renderD128"); else the name of an instance, as
 *	dgem_device_get_info() tells it; NULL for the first dgem node that there is
 * @dev: the device, with one reference; its file is closed with the last one
 *
 * Return: 0; -ENODEV if there is no such node, or it is another driver's; -EACCES if the node, or
 * the only candidates, cannot be opened by this user; other errors of open().
 */
int dgem_device_open(const char *which, struct dgem_device **dev);

/**
 * dgem_device_open_index() - open the nth dgem node of the machine
 * @index: 0 for the first, in the order of the node's numbers
 * @dev: as for dgem_device_open()
 *
 * Return: 0; -ENODEV if there are not that many; -EACCES if nodes that could be it cannot be
 * opened by this user.
 */
int dgem_device_open_index(unsigned int index, struct dgem_device **dev);

/**
 * dgem_device_new() - wrap a dgem node that is open already
 * @fd: the node; it stays the caller's and has to stay open as long as the device is in use
 * @dev: the device, with one reference
 *
 * Handles belong to the open file: wrap it once only, or two devices close each other's handles.
 *
 * Return: 0; -ENODEV if @fd is no dgem node; -EBADF.
 */
int dgem_device_new(int fd, struct dgem_device **dev);

/** dgem_device_ref() - add a reference and return @dev */
struct dgem_device *dgem_device_ref(struct dgem_device *dev);

/** dgem_device_del() - drop a reference; the last one ends the device */
void dgem_device_del(struct dgem_device *dev);

/** dgem_device_fd() - the open file, for libdrm's own functions; it stays the device's */
int dgem_device_fd(const struct dgem_device *dev);

/** dgem_device_path() - path of the node; the string lives as long as the device */
const char *dgem_device_path(const struct dgem_device *dev);

/**
 * dgem_device_get_info() - ask for the device's properties
 * @dev: the device
 * @info: the answer
 * @size: sizeof(*info); what this version of driver and library does not know is cleared
 *
 * Return: 0; an error of the ioctl.
 */
int dgem_device_get_info(struct dgem_device *dev, struct dgem_device_info *info, size_t size);

/**
 * dgem_device_get_engine() - ask who moves the bytes
 * @dev: the device
 * @info: the answer
 * @size: sizeof(*info); what this version of driver and library does not know is cleared
 *
 * Return: 0; an error of the ioctl.
 */
int dgem_device_get_engine(struct dgem_device *dev, struct dgem_engine_info *info, size_t size);

/**
 * dgem_device_get_stats() - ask for the device's counters
 * @dev: the device
 * @stats: the answer
 * @size: sizeof(*stats); what this version of driver and library does not know is cleared
 *
 * Return: 0; an error of the ioctl.
 */
int dgem_device_get_stats(struct dgem_device *dev, struct dgem_stats *stats, size_t size);

/**
 * dgem_syncobj_wait() - wait for a syncobj's fence and tell how it ended
 * @dev: the device that has the syncobj (made by drmSyncobjCreate() on dgem_device_fd())
 * @handle: the syncobj
 * @point: the point of a timeline, or 0 for a binary syncobj
 * @timeout_ns: how long to wait
 *
 * Timelines do not keep errors: wait for a binary syncobj to learn how a job ended.
 *
 * Return: 0 when the fence has signalled, if binary: without error; -ETIME; -EINVAL if it has no
 * fence; -ENOENT for an unknown handle; else the error that the job ended with (-ECANCELED,
 * -ETIMEDOUT, -EIO ...).
 */
int dgem_syncobj_wait(struct dgem_device *dev, uint32_t handle, uint64_t point,
		      int64_t timeout_ns);

/*
 * Buffer objects
 */

/**
 * dgem_bo_new() - allocate memory; it is zero
 * @dev: the device
 * @size: bytes wanted; dgem_bo_size() tells what was given, a multiple of the page size
 * @kind: one of those that dgem_device_get_info() tells, but neither IO nor USER
 * @cache: DEFAULT, or what the kind can have
 * @bo: the object, with one reference
 *
 * Return: 0; -EINVAL for a size of 0 or above the device's max_size, a kind that cannot be
 * allocated, a cache mode that the kind cannot have; -EOPNOTSUPP for a kind that this device does
 * not have; -ENOSPC for more than a quota allows, the device's, the file's or that of the caller's
 * dmem cgroup; -EOVERFLOW if the file's objects would have more than max_size bytes together;
 * -ENOMEM.
 */
int dgem_bo_new(struct dgem_device *dev, uint64_t size, enum dgem_kind kind,
		enum dgem_cache cache, struct dgem_bo **bo);

/**
 * dgem_bo_new_user() - make an object of the caller's own memory
 * @dev: the device
 * @iov: ranges, which the object consists of one after the other; addresses and lengths are
 *	multiples of the page size
 * @count: how many, 1024 at most
 * @access: what jobs may do with the memory: DGEM_READ, with DGEM_WRITE if they may write
 * @bo: the object, with one reference; it can be neither mapped nor exported
 *
 * The pages are pinned until the object is gone and no job uses it any more; the ranges themselves
 * may be unmapped before. CPU accesses need dgem_bo_sync_*().
 *
 * Return: 0; -EINVAL for ranges that are not of whole pages, or too many; -EFAULT for memory that
 * is not there, may not be accessed like that or that the kernel does not lend (device memory,
 * writable shared mappings of files on a disk); -ENOMEM for more than RLIMIT_MEMLOCK allows;
 * -EOPNOTSUPP if the engine does not reach all of the machine's memory.
 */
int dgem_bo_new_user(struct dgem_device *dev, const struct iovec *iov, unsigned int count,
		     uint32_t access, struct dgem_bo **bo);

/**
 * dgem_bo_new_flags() - dgem_bo_new() with a choice
 * @dev: the device
 * @size: bytes, rounded up to pages
 * @kind: where the memory comes from
 * @cache: how the CPU caches it
 * @flags: DGEM_CREATE_*
 * @bo: the object, with one reference
 *
 * Return: as dgem_bo_new(); -EINVAL too for a flag that the kind does not know.
 */
int dgem_bo_new_flags(struct dgem_device *dev, uint64_t size, enum dgem_kind kind,
		      enum dgem_cache cache, uint32_t flags, struct dgem_bo **bo);

/**
 * dgem_bo_from_dmabuf() - import a dma-buf
 * @dev: the device
 * @fd: the dma-buf; it stays the caller's and may be closed afterwards
 * @bo: the object, with one reference: the same pointer each time for the same memory, also for
 *	dma-bufs that this device has exported
 *
 * A read-only dma-buf makes an object without DGEM_CAP_WRITE, also if it is dgem's own. Whether the
 * engine reaches the memory shows when a job is to work on it: see dgem_job_submit().
 *
 * Return: 0; -EBADF or -EINVAL if @fd is no dma-buf; what the exporter answers.
 */
int dgem_bo_from_dmabuf(struct dgem_device *dev, int fd, struct dgem_bo **bo);

/**
 * dgem_bo_ref() - add a reference
 * @bo: the object
 *
 * Return: @bo.
 */
struct dgem_bo *dgem_bo_ref(struct dgem_bo *bo);

/**
 * dgem_bo_del() - drop a reference
 * @bo: the object, or NULL
 *
 * The last one removes the mapping and closes the handle. The memory itself lives on while a job, a
 * dma-buf or another process uses it.
 */
void dgem_bo_del(struct dgem_bo *bo);

/** dgem_bo_device() - the device of the object, without a reference for the caller */
struct dgem_device *dgem_bo_device(const struct dgem_bo *bo);

/** dgem_bo_handle() - the GEM handle; it stays the object's */
uint32_t dgem_bo_handle(const struct dgem_bo *bo);

/** dgem_bo_size() - bytes of memory */
uint64_t dgem_bo_size(const struct dgem_bo *bo);

/**
 * dgem_bo_get_info() - ask what the object is
 * @bo: the object
 * @info: the answer
 * @size: sizeof(*info); what this version does not know is cleared
 *
 * Return: 0; an error of the ioctl.
 */
int dgem_bo_get_info(struct dgem_bo *bo, struct dgem_bo_info *info, size_t size);

/**
 * dgem_bo_dmabuf() - export the object as a dma-buf
 * @bo: the object
 * @access: DGEM_READ, with DGEM_WRITE if holders may write. The first export of an object decides
 *	for good.
 *
 * Return: a new file descriptor, the caller's to close; -EINVAL for another @access; -EOPNOTSUPP
 * for an object that cannot be exported; -ENXIO for one with a part that was purged; -EMFILE.
 */
int dgem_bo_dmabuf(struct dgem_bo *bo, uint32_t access);

/**
 * dgem_dmabuf_map() - map a range of a dma-buf, of dgem's or any other, where huge pages fit
 * @fd: the dma-buf
 * @offset: first byte, a multiple of the page size
 * @length: bytes, not zero
 * @access: DGEM_READ, DGEM_WRITE or both
 * @ptr: the first byte of the mapping, the caller's to munmap()
 *
 * mmap() gives a dma-buf any address that is free. Here the address is chosen so that whatever
 * starts on a huge page in the dma-buf does so in memory, too; what comes of it is up to the
 * exporter: dgem maps huge pages then, which takes less time and memory by far. dgem_bo_map() needs
 * none of this, for the driver chooses the address.
 *
 * Return: 0; -EINVAL for a bad @access, @offset or @length; errors of mmap().
 */
int dgem_dmabuf_map(int fd, uint64_t offset, uint64_t length, uint32_t access, void **ptr);

/**
 * dgem_bo_map() - map the whole object into the process
 * @bo: the object
 * @ptr: its first byte, dgem_bo_size() bytes long; read-only for an object without DGEM_CAP_WRITE
 *
 * The first call makes the mapping and the others return the same address. The mapping goes with
 * as many calls of dgem_bo_unmap(), or with the object.
 *
 * Return: 0; -EOPNOTSUPP for an object that cannot be mapped; -EOVERFLOW for an import, if the
 * file's objects would have more than the device's max_size bytes together; errors of mmap().
 */
int dgem_bo_map(struct dgem_bo *bo, void **ptr);

/**
 * dgem_bo_unmap() - take back one dgem_bo_map()
 * @bo: the object
 *
 * Return: 0; -EINVAL if the object is not mapped.
 */
int dgem_bo_unmap(struct dgem_bo *bo);

/** dgem_bo_purge(): take memory away from mappings too */
#define DGEM_PURGE_FORCE	0x1

/**
 * dgem_bo_purge() - give a part of the memory back, for good
 * @bo: the object, of the kind DGEM_KIND_PAGES
 * @offset: first byte, a multiple of the device's granule
 * @length: bytes, a multiple of it too, or all up to the end of the object
 * @flags: 0 or DGEM_PURGE_FORCE
 *
 * Touching the range raises SIGBUS from then on; jobs that work on it, and exports of the object,
 * are refused with -ENXIO. The rest stays as it is.
 *
 * Return: 0; -EINVAL for a bad range or flag; -EOPNOTSUPP for another kind; -EBUSY for an object
 * that is mapped (without DGEM_PURGE_FORCE), exported (as long as anybody holds the dma-buf),
 * mapped by the kernel or for an importer's device, or used by a job.
 */
int dgem_bo_purge(struct dgem_bo *bo, uint64_t offset, uint64_t length, uint32_t flags);

/**
 * dgem_bo_sync_begin() - open a window in which the CPU accesses a range
 * @bo: the object
 * @offset: first byte
 * @length: bytes, not 0
 * @access: DGEM_READ, DGEM_WRITE or both
 * @timeout_ns: how long to wait for jobs that are in the way: those that write the object, and for
 *	DGEM_WRITE those that read it too
 *
 * What devices wrote before is visible to the CPU afterwards. Only the range is worked on, but for
 * an import, whose exporter knows whole buffers only.
 *
 * Return: 0; -EINVAL for a bad range or access; -EACCES for DGEM_WRITE without DGEM_CAP_WRITE;
 * -ETIME.
 */
int dgem_bo_sync_begin(struct dgem_bo *bo, uint64_t offset, uint64_t length, uint32_t access,
		       int64_t timeout_ns);

/**
 * dgem_bo_sync_end() - close the window: what the CPU wrote is visible to devices afterwards
 * @bo: the object
 * @offset: as given to dgem_bo_sync_begin()
 * @length: likewise
 * @access: likewise
 *
 * Return: 0; -EINVAL for a bad range or access; -EACCES.
 */
int dgem_bo_sync_end(struct dgem_bo *bo, uint64_t offset, uint64_t length, uint32_t access);

/*
 * Jobs
 */

/**
 * dgem_job_new() - make an empty job
 * @dev: the device whose engine is going to run it
 * @job: the job, with one reference
 *
 * Return: 0; -ENOMEM.
 */
int dgem_job_new(struct dgem_device *dev, struct dgem_job **job);

/** dgem_job_ref() - add a reference and return @job */
struct dgem_job *dgem_job_ref(struct dgem_job *job);

/** dgem_job_del() - drop a reference; jobs that were submitted run on without it */
void dgem_job_del(struct dgem_job *job);

/**
 * dgem_job_copy() - add: copy @length bytes
 * @job: the job
 * @dst: object written; the job takes a reference of its own, as for @src
 * @dst_offset: first byte written
 * @src: object read, of the same device as the job; may be @dst if the ranges do not overlap
 * @src_offset: first byte read
 * @length: bytes, not 0
 *
 * Operations run in the order in which they were added. Ranges are checked by dgem_job_submit().
 *
 * Return: 0; -EINVAL for an object of another device; -ENOMEM.
 */
int dgem_job_copy(struct dgem_job *job, struct dgem_bo *dst, uint64_t dst_offset,
		  struct dgem_bo *src, uint64_t src_offset, uint64_t length);

/**
 * dgem_job_copy_2d() - add: copy a rectangle of @height rows of @width bytes
 * @job: the job
 * @dst: object written
 * @dst_offset: first byte of the first row written
 * @dst_pitch: bytes from one row written to the next, at least @width
 * @src: object read
 * @src_offset: first byte of the first row read
 * @src_pitch: bytes from one row read to the next, at least @width
 * @width: bytes a row, not 0
 * @height: rows, not 0
 *
 * Return: as dgem_job_copy().
 */
int dgem_job_copy_2d(struct dgem_job *job, struct dgem_bo *dst, uint64_t dst_offset,
		     uint64_t dst_pitch, struct dgem_bo *src, uint64_t src_offset,
		     uint64_t src_pitch, uint64_t width, uint32_t height);

/**
 * dgem_job_fill() - add: write a pattern over and over
 * @job: the job
 * @dst: object written; the job takes a reference of its own
 * @dst_offset: first byte written, a multiple of @pattern_size
 * @length: bytes, not 0, a multiple of @pattern_size
 * @pattern: what is written, as the CPU stores an integer of @pattern_size bytes
 * @pattern_size: 1, 2, 4 or 8
 *
 * Return: 0; -EINVAL for an object of another device; -ENOMEM.
 */
int dgem_job_fill(struct dgem_job *job, struct dgem_bo *dst, uint64_t dst_offset, uint64_t length,
		  uint64_t pattern, uint32_t pattern_size);

/**
 * dgem_job_fill_2d() - add: fill a rectangle of @height rows of @width bytes with a pattern
 * @job: the job
 * @dst: object written; the job takes a reference of its own
 * @dst_offset: first byte of the first row
 * @dst_pitch: bytes from one row to the next, at least @width
 * @width: bytes of a row, not 0; like @dst_offset and @dst_pitch a multiple of @pattern_size
 * @height: rows, not 0; each starts with a whole pattern
 * @pattern: as for dgem_job_fill()
 * @pattern_size: likewise
 *
 * Return: 0; -EINVAL for an object of another device; -ENOMEM.
 */
int dgem_job_fill_2d(struct dgem_job *job, struct dgem_bo *dst, uint64_t dst_offset,
		     uint64_t dst_pitch, uint64_t width, uint32_t height, uint64_t pattern,
		     uint32_t pattern_size);

/**
 * dgem_job_wait_syncobj() - add: do not start before a syncobj has signalled
 * @job: the job
 * @handle: the syncobj; it stays the caller's and has to have a fence when the job is submitted
 * @point: the point of a timeline, or 0 for a binary syncobj
 *
 * Return: 0; -ENOMEM.
 */
int dgem_job_wait_syncobj(struct dgem_job *job, uint32_t handle, uint64_t point);

/**
 * dgem_job_signal_syncobj() - add: signal a syncobj when the job has ended
 * @job: the job
 * @handle: the syncobj; it stays the caller's
 * @point: the point of a timeline, or 0 for a binary syncobj
 *
 * Return: 0; -ENOMEM.
 */
int dgem_job_signal_syncobj(struct dgem_job *job, uint32_t handle, uint64_t point);

/**
 * dgem_job_wait_sync_file() - add: do not start before a sync_file has signalled
 * @job: the job
 * @fd: the sync_file; it stays the caller's and has to be open when the job is submitted
 *
 * Return: 0; -ENOMEM.
 */
int dgem_job_wait_sync_file(struct dgem_job *job, int fd);

/**
 * DGEM_SUBMIT_NO_IMPLICIT - neither wait for the objects' own fences nor leave one for others:
 * only the job's syncobjs order it
 */
#define DGEM_SUBMIT_NO_IMPLICIT	0x1u
/**
 * DGEM_SUBMIT_HIGH - go before all jobs that wait without this flag; for DRM masters and holders of
 * CAP_SYS_NICE
 */
#define DGEM_SUBMIT_HIGH	0x2u

/**
 * dgem_job_submit() - give the job to the engine and return at once
 * @job: the job; it stays as it is and may be submitted again
 * @flags: DGEM_SUBMIT_*
 *
 * Return: 0; -EINVAL for a job without operations or with too many, a bad range, pitch, alignment,
 * pattern or overlap, a syncobj to wait for without a fence, or a sync_file that is none; -ENOENT
 * for an unknown syncobj; -EACCES for writing a read-only object, or for DGEM_SUBMIT_HIGH;
 * -EOPNOTSUPP for memory that the engine cannot reach; -EBUSY if it would work on a bounced copy of
 * an object that an importer has mapped; -ENXIO for a range that was purged; -ENOSPC for more
 * memory of a lazy object than a quota allows.
 */
int dgem_job_submit(struct dgem_job *job, uint32_t flags);

/**
 * dgem_job_submit_sync_file() - the same, and make a sync_file of the job's end
 * @job: the job
 * @flags: DGEM_SUBMIT_*
 *
 * Return: a new file descriptor, the caller's to close: poll() tells when the job has ended;
 * -EMFILE; what dgem_job_submit() returns.
 */
int dgem_job_submit_sync_file(struct dgem_job *job, uint32_t flags);

/** enum dgem_job_state - where a job is */
enum dgem_job_state {
	/** It waits for its dependencies, or for its turn */
	DGEM_JOB_QUEUED = 0,
	/** The engine is at it */
	DGEM_JOB_RUNNING = 1,
	/** It is over, well or not */
	DGEM_JOB_DONE = 2,
};

/** struct dgem_job_status - what dgem_job_get_status() tells */
struct dgem_job_status {
	/** Bytes known to be written, counted in the order of the operations */
	uint64_t bytes;
	/** One of enum dgem_job_state */
	uint32_t state;
	/** 0, or the negative errno number that the job ended with */
	int32_t error;
};

/**
 * dgem_job_get_status() - ask how far the job has got since it was submitted the last time
 * @job: the job
 * @status: the answer
 *
 * Return: 0; -ENOENT if it was not submitted yet, or more than 256 jobs of this device ago.
 */
int dgem_job_get_status(struct dgem_job *job, struct dgem_job_status *status);

/**
 * dgem_job_run() - submit the job and wait until it has ended
 * @job: the job
 * @flags: as for dgem_job_submit()
 * @timeout_ns: how long to wait. The job goes on after -ETIME.
 *
 * Return: 0; what dgem_job_submit() and dgem_syncobj_wait() return.
 */
int dgem_job_run(struct dgem_job *job, uint32_t flags, int64_t timeout_ns);

#if defined(__cplusplus)
}
#endif

#endif /* LIBDRM_DGEM_H */
