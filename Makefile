# SPDX-License-Identifier: GPL-2.0-only
ifneq ($(KERNELRELEASE),)
# kbuild: make -C KDIR M=<this directory> modules
# In a kernel tree Kconfig decides; beside one, everything is a module.
export CONFIG_DRM_DGEM := m
export CONFIG_EDU_DMA := m
ifneq ($(CONFIG_KUNIT),)
export CONFIG_DRM_DGEM_KUNIT_TEST := m
endif

subdir-ccflags-y += -I$(src)/uapi -I$(srctree)/include/uapi/drm
include $(src)/drivers/gpu/drm/dgem/compat/flags.mk

obj-y += drivers/gpu/drm/dgem/
obj-y += drivers/dma/
else
include tools/make/commands.mk
endif
