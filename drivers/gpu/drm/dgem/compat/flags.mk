# SPDX-License-Identifier: GPL-2.0-only
# Flags for kernels older than the one that the driver is written for.

dgem-compat := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))

# headers that they lack
subdir-ccflags-y += -idirafter $(dgem-compat)/include

# Stable kernels take changes over at some point of their own, and no preprocessor can tell whether
# there is a structure: 6.15, and Debian's 6.12.117.
dgem-sched-init-args := $(shell grep -qs '^struct drm_sched_init_args' \
				$(srctree)/include/drm/gpu_scheduler.h && echo y)
subdir-ccflags-$(dgem-sched-init-args) += -DDGEM_HAS_SCHED_INIT_ARGS

# An array of fences may be signalled by any of them, which nobody has asked for; and stable kernels
# may take over that it no longer may.
dgem-signal-on-any := $(shell grep -qs 'bool signal_on_any' \
			      $(srctree)/include/linux/dma-fence-array.h && echo y)
subdir-ccflags-$(dgem-signal-on-any) += -DDGEM_HAS_SIGNAL_ON_ANY
