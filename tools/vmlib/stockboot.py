# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""Debian's own kernels as a guest boots them, and dgem's modules built beside them."""

import glob
import json
import os
import shutil

from .apt import Apt
from .base import VmError, lock, read, run, say, write
from .modules import Modules, mirror
from .processors import PROCESSORS
from .stock import Stock

# What has to be loaded before the guest's file systems can be mounted, in this order.
EARLY = ("virtio_pci", "virtio_mmio", "virtio_blk", "virtio_console", "overlay", "crc32c_generic",
         "ext4", "9pnet_virtio", "9p", "configfs", "loop")
# What tests load.
PEERS = ("vgem", "udmabuf", "dmatest", "zynqmp_dma")
STOCK = "stock"
# Not all suites have all processors.
FOREIGN_SUITES = ("trixie", "sid")


class StockKernel:
    """One of them, by the name that Stock has for it."""

    flavour = STOCK

    def __init__(self, name="newest", arch="x86_64"):
        self.name, self.arch, self.stock = name, arch, Stock()
        if name not in self.stock.releases:
            raise VmError(f"stock kernels are {', '.join(self.stock.releases)}")
        self.processor = PROCESSORS[arch]
        if not self.processor.stock:
            raise VmError(f"Debian has no kernel for {arch}")
        self.release = self.stock.releases[name].replace("amd64", self.processor.stock)
        self.root = self.stock.builder.root
        self.series = self.release
        self.key = f"stock-{self.release}-{os.path.basename(self.stock.builder.top)}"
        self.build = self.source = f"{self.root}/usr/src/linux-headers-{self.release}"
        self.modules = f"{self.root}/lib/modules/{self.release}"
        self.cross = ([f"ARCH={self.processor.make}", f"CROSS_COMPILE={self.processor.cross}"]
                      if self.processor.cross else [])

    def ensure(self):
        """Fetch and unpack what is not there."""
        self.stock.ensure()
        with lock("builder-kernels"):
            if not os.path.isdir(self.modules):
                self._fetch()
            if not os.path.exists(f"{self.modules}/modules.dep"):
                # What installing the package would have done.
                run(["depmod", "-b", self.root, self.release])
        return self

    def _fetch(self):
        """Another architecture's: its headers go with the scripts of the builder's."""
        apt = Apt(FOREIGN_SUITES, arch=self.processor.debian)
        apt.update()
        for package in (f"linux-headers-{self.release}", f"linux-image-{self.release}"):
            self._unpack(apt, package)
        if self.processor.bits == 32:
            # The 64-bit scripts take device tables of 32-bit modules for longer than they are.
            apt = Apt(FOREIGN_SUITES, arch="i386")
            apt.update()
            series = self.release.removesuffix(f"-{self.processor.stock}")
            self._unpack(apt, f"linux-kbuild-{series}",
                         f"./usr/lib/linux-kbuild-{series}/scripts/mod/modpost.real-lsb-32")
            self._unpack(apt, "libc6", "./usr/lib")

    def _unpack(self, apt, package, *parts):
        """Put a package's files into the builder, or parts of them."""
        version = apt.candidate(package)
        if not version:
            raise VmError(f"no package {package}")
        run(["sh", "-ec", 'deb=$1 root=$2; shift 2; dpkg-deb --fsys-tarfile "$deb" | '
             'tar -x --keep-directory-symlink -C "$root" "$@"', "sh", apt.fetch(package, version),
             self.root, *parts])

    @property
    def image(self):
        """The kernel to boot; the older are in /boot, and not all are compressed."""
        found = (glob.glob(f"{self.root}/boot/vmlinu[xz]-{self.release}") +
                 glob.glob(f"{self.modules}/vmlinu[xz]"))
        if not found:
            raise VmError(f"{self.release} has no image")
        return found[0]


class StockModules(Modules):
    """Those of its modules that a guest needs, and dgem's if asked for."""

    def __init__(self, kernel, tree, own=True):
        super().__init__(kernel, tree, own)
        # The compilers and scripts are in the builder, so the sources have to be, too.
        self.there = f"/work/{self._name}"
        self.copy = f"{kernel.root}{self.there}"

    def _build(self, make_args, keep_going):
        os.makedirs(self.copy, exist_ok=True)
        mirror(self.tree, self.copy)
        say(f"modules: {self.kernel.release}")
        words = ["make", "-j2", "-C", f"/lib/modules/{self.kernel.release}/build",
                 f"M={self.there}", *self.kernel.cross, *(["-k"] if keep_going else []),
                 *make_args, "modules"]
        text = self.kernel.stock.call(" ".join(words))
        write(self.log, text)
        return text

    def built(self):
        """The .ko files of the last build."""
        if not self.own:
            return []
        # Of .ko files before 6.2, of .o files since; absolute or not.
        return [os.path.splitext(os.path.join(self.copy, line.removeprefix(f"{self.there}/")))[0]
                + ".ko" for line in read(f"{self.copy}/modules.order", default="").split()]

    @property
    def early(self):
        """Modules that the guest's first program loads."""
        return [name for name in EARLY if name in _index(self.kernel.modules)]

    def _install(self):
        own = self.built()
        stamp = json.dumps([EARLY, PEERS] + [[path, os.stat(path).st_mtime_ns] for path in own])
        if read(f"{self.root}/stamp", default="") == stamp:
            return
        work = f"{self.root}.partial"
        shutil.rmtree(work, ignore_errors=True)
        target = f"{work}/lib/modules/{self.kernel.release}"
        os.makedirs(f"{target}/extra")
        needs = [name for path in own
                 for name in run(["modinfo", "-F", "depends", path]).strip().split(",")]
        for path in _closure(self.kernel.modules, [*EARLY, *PEERS, *needs]):
            _unpack(f"{self.kernel.modules}/{path}", f"{target}/{path}")
        for path in own:
            shutil.copy2(path, f"{target}/extra")
        for path in glob.glob(f"{self.kernel.modules}/modules.builtin*"):
            shutil.copy2(path, target)
        run(["depmod", "-b", work, self.kernel.release])
        write(f"{work}/stamp", stamp)
        shutil.rmtree(self.root, ignore_errors=True)
        os.rename(work, self.root)


def modules_of(kernel, tree, own=True):
    """The modules for a kernel, of ours or stock."""
    return (StockModules if kernel.flavour == STOCK else Modules)(kernel, tree, own)


def _dependencies(folder):
    """path -> paths that it needs, of every module of a kernel."""
    return {path: needs.split() for path, _, needs in
            (line.partition(":") for line in read(f"{folder}/modules.dep").splitlines())}


def _index(folder):
    """name -> path of every module of a kernel."""
    return {os.path.basename(path).split(".")[0].replace("-", "_"): path
            for path in _dependencies(folder)}


def _closure(folder, names):
    """The paths of modules, and of all that they need; what is built in, or lacking, is left."""
    needs, index = _dependencies(folder), _index(folder)
    found = {index[name.replace("-", "_")] for name in names if name.replace("-", "_") in index}
    return sorted(found.union(*(needs[path] for path in found)))


def _unpack(source, target):
    """A module as programs without a decompressor can load it."""
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if source.endswith(".xz"):
        run(["sh", "-ec", 'xz -dc "$1" >"$2"', "sh", source, target[:-3]])
    else:
        shutil.copy2(source, target)
