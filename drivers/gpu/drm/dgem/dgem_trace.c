// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

/**
 * DOC: trace events
 *
 * The events of the group "dgem" follow an object and a job from end to end: dgem_object_create,
 * dgem_object_map, dgem_object_sync and dgem_object_free; dgem_job_queue, dgem_job_run and
 * dgem_job_done. A job has the context and number of its fence in them, by which the scheduler's
 * events and those of dma_fence tell what it waits for and who waits for it::
 *
 *	cd /sys/kernel/tracing
 *	echo 1 > events/dgem/enable
 *	echo 1 > events/dma_fence/enable
 *	cat trace_pipe
 *
 * Addresses are none of what is told: objects are hashed pointers.
 */

#define CREATE_TRACE_POINTS
#include "dgem_trace.h"
