# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""64-bit ARM machines: everything is in the initramfs, and results come by the serial console.

One of them has neither virtio nor a disk, so none of them is given any: a static busybox, dgem's
modules and the tests, linked with their own runtime, are all there is (see guest/board).
"""

import glob
import os
import selectors
import subprocess
import time

from . import host
from .apt import Apt
from .archive import Archive
from .base import TOOLS, VmError, cache, lock, run, say, work_directory
from .machine import die_with_parent
from .modules import Modules

# QEMU's machine, its console, and what else it takes.
MACHINES = {
    "virt": ("virt,gic-version=3", "ttyAMA0", ["-cpu", "cortex-a53"]),
    "virt-smmu": ("virt,gic-version=3,iommu=smmuv3", "ttyAMA0", ["-cpu", "cortex-a53"]),
    "zcu102": ("xlnx-zcu102", "ttyPS0", []),
}
TESTS = "igt-tests-arm64"


def busybox():
    """A static busybox for 64-bit ARM, of Debian's."""
    path = cache("arm64", "busybox")
    with lock("arm64"):
        if not os.path.exists(path):
            apt = Apt(arch="arm64")
            apt.update()
            deb = apt.fetch("busybox-static", apt.candidate("busybox-static"))
            with work_directory() as work:
                run(["dpkg-deb", "-x", deb, work])
                found = glob.glob(f"{work}/**/bin/busybox", recursive=True)
                if not found:
                    raise VmError("busybox-static has no busybox")
                os.rename(found[0], path)
    return path


def build_tests(tree):
    """The IGT tests with their own runtime; the directory they are in."""
    host.require("arm64", "user")
    out = f"{tree}/out/{TESTS}"
    run(["make", "-j2", "-C", f"{tree}/igt-tests", "LIBIGT=none", "CC=aarch64-linux-gnu-gcc",
         f"OUT={out}"], log=f"{tree}/out/{TESTS}.log")
    return out


class Board:
    """A machine about to be started; steps are those of guest/board."""

    def __init__(self, kernel, tree, name, steps, options=(), append=()):
        host.require("run-arm64")
        self.kernel, self.tree, self.name, self.steps = kernel, tree, name, steps
        self.options, self.append = list(options), list(append)

    def _initramfs(self, path, tests):
        modules = Modules(self.kernel, self.tree)
        modules.ensure()
        with open(path, "wb") as file:
            archive = Archive(file)
            archive.copy("init", f"{TOOLS}/guest/board")
            archive.copy("bin/busybox", busybox())
            for each in sorted(glob.glob(f"{tests}/dgem_*")) + [f"{tests}/test-list.txt"]:
                if not each.endswith(".o"):
                    archive.copy(f"tests/{os.path.basename(each)}", each)
            with modules.locked():
                archive.tree("lib/modules", f"{modules.root}/lib/modules")
            archive.close()

    def _device_tree(self, work):
        source = f"{TOOLS}/kernel/{self.name}.dts"
        if not os.path.exists(source):
            return []
        blob = f"{work}/machine.dtb"
        run([f"{self.kernel.build}/scripts/dtc/dtc", "-q", "-O", "dtb", "-o", blob, source])
        return ["-dtb", blob]

    def run(self, tests, log, timeout, hear=lambda line: None):
        """Boot, hear every line of the console, and leave them in a file; whether it came to its
        end."""
        machine, console, more = MACHINES[self.name]
        busybox()
        with work_directory() as work:
            self._initramfs(f"{work}/initramfs", tests)
            words = [f"console={console}", "loglevel=4", "panic=-1", "oops=panic", "rdinit=/init",
                     "no_hash_pointers", "log_buf_len=4M", *self.append,
                     "steps=" + ",".join(self.steps)]
            args = ["qemu-system-aarch64", "-M", machine, *more, "-nodefaults", "-no-user-config",
                    "-no-reboot", "-display", "none", "-kernel", self.kernel.image,
                    "-initrd", f"{work}/initramfs", "-serial", "stdio",
                    "-append", " ".join(words), *self._device_tree(work), *self.options]
            say(f"board: {self.name}: {', '.join(self.steps)}")
            with open(log, "w", encoding="utf-8") as file:
                return _attend(args, file, timeout, hear)


def _attend(args, file, timeout, hear):
    """Run QEMU until it is off, or its time is over."""
    end, rest, finished = time.monotonic() + timeout, b"", False
    with subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, preexec_fn=die_with_parent) as process:
        waiting = selectors.DefaultSelector()
        waiting.register(process.stdout, selectors.EVENT_READ)
        while True:
            if not waiting.select(max(0, end - time.monotonic())):
                file.write(f"\nno end after {timeout} s\n")
                process.kill()
                return False
            data = os.read(process.stdout.fileno(), 65536)
            if not data:
                return finished
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                text = line.decode(errors="replace").replace("\r", "")
                file.write(text + "\n")
                file.flush()
                finished = finished or text == "board: off"
                hear(text)
