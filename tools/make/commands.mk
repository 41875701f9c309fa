# SPDX-License-Identifier: GPL-2.0-only
# What a person calls at the top of the tree; kbuild does not read this.

KDIR	?= /lib/modules/$(shell uname -r)/build
PREFIX	?= /usr/local
O	?= out
VM	:= tools/vm
USER	:= $(O)/build/userspace

.PHONY: all modules userspace check check-style check-intree check-packages check-docs
.PHONY: check-engines check-interop check-kernels check-ports
.PHONY: demo bench install uninstall clean help

all: modules userspace ## modules for KDIR, and the user space

modules: ## kernel modules for KDIR (default: the running kernel)
	@[ -e $(KDIR)/Makefile ] || { echo '$(KDIR): no kernel build tree. Install the' \
		'headers of your kernel, or: make modules KDIR="$$($(VM) path build)"'; exit 1; }
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules

$(USER)/build.ninja:
	$(VM) host user
	meson setup --prefix=$(PREFIX) $(USER) userspace

userspace: $(USER)/build.ninja ## libdrm_dgem, the dgem tool, examples
	meson compile -C $(USER)

check: ## every test, in virtual machines
	tools/check

check-style: ## checkpatch, sparse, clang, kernel-doc and more on all sources
	tools/check-style

check-engines: ## the same tests on every engine and platform there is a machine for
	tools/check-engines

check-interop: ## dgem's buffers in other drivers' hands, and theirs in dgem's
	tools/check-interop

check-kernels: ## the modules beside Debian's own kernels, the oldest one too
	tools/check-kernels

check-ports: ## other processors and pages, and 32-bit programs
	tools/check-ports

check-intree: ## as a part of the kernel: patch series applied, built =m and =y, booted
	tools/check-intree

check-packages: ## DKMS on stock kernels, Debian packages
	tools/check-packages

check-docs: ## kernel pages by the kernel's Sphinx, manual pages
	tools/check-docs

demo: ## a short tour in a virtual machine
	tools/demo

bench: ## what operations cost, beside other drivers
	tools/bench

install: all ## install both (DESTDIR and PREFIX are honoured)
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules_install $(if $(DESTDIR),INSTALL_MOD_PATH=$(DESTDIR))
	meson install -C $(USER) $(if $(DESTDIR),--destdir=$(abspath $(DESTDIR)))

uninstall: ## remove what install put there
	ninja -C $(USER) uninstall
	$(RM) $(foreach ko,dgem dgem_test edu_dma,$(wildcard \
		$(DESTDIR)/lib/modules/*/updates/drivers/gpu/drm/dgem/$(ko).ko* \
		$(DESTDIR)/lib/modules/*/updates/drivers/gpu/drm/dgem/tests/$(ko).ko* \
		$(DESTDIR)/lib/modules/*/updates/drivers/dma/$(ko).ko*))
	$(if $(DESTDIR),,depmod -a)

clean: ## delete what was built here (not the cache: tools/vm clean)
	$(if $(wildcard $(KDIR)),$(MAKE) -C $(KDIR) M=$(CURDIR) clean)
	$(RM) -r $(O)

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /  \1\t/p' tools/make/commands.mk | expand -t 18
	@echo; echo 'A virtual machine to try dgem in, no hardware needed: tools/vm --help'
