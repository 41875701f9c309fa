# SPDX-License-Identifier: GPL-2.0-only
ifneq ($(KERNELRELEASE),)
# kbuild: make -C KDIR M=<this directory> modules
obj-y += drivers/gpu/drm/dgem/
obj-y += drivers/dma/
else
include tools/make/commands.mk
endif
