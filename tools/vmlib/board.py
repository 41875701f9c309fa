# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""Machines with nothing but memory and a console: all is in the initramfs, and results are printed.

One of them has neither virtio nor a disk, and one goes to sleep, which file systems of the host's
do not survive; so none of them is given any: a static busybox, dgem's modules and the tests, linked
with their own runtime, are all there is (see guest/board).
"""

import glob
import os
import selectors
import subprocess
import time
from collections import namedtuple

from . import host
from .apt import Apt
from .archive import Archive
from .base import TOOLS, VmError, cache, lock, run, say, work_directory
from .machine import DEBUG, die_with_parent
from .processors import PROCESSORS
from .rootfs import RootFs
from .stockboot import FOREIGN_SUITES, modules_of

# The processor, the console, QEMU's words for the machine and the kernel's.
Sort = namedtuple("Sort", "arch console machine append")
# With a dirty bit that the processor sets: tests count faults. QEMU's signing of pointers is slow.
VIRT = ["-cpu", "max,pauth=off", "-M"]
MACHINES = {
    "virt": Sort("arm64", "ttyAMA0", VIRT + ["virt,gic-version=3"], []),
    "virt-smmu": Sort("arm64", "ttyAMA0", VIRT + ["virt,gic-version=3,iommu=smmuv3"], []),
    "zcu102": Sort("arm64", "ttyPS0", ["-M", "xlnx-zcu102"], []),
    # PCI within reach of a processor without LPAE
    "virt32": Sort("arm", "ttyAMA0", ["-cpu", "cortex-a15", "-M", "virt,highmem=off"], []),
    "riscv": Sort("riscv64", "ttyS0", ["-M", "virt"], []),
    "q35-sleep": Sort("x86_64", "ttyS0", ["-cpu", "max,la57=off", "-M", "q35"],
                      ["tsc=reliable", "no_timer_check"]),
}


def busybox(arch):
    """A static busybox of Debian's."""
    if arch == "x86_64":
        return f"{RootFs().ensure().root}/bin/busybox"
    debian = PROCESSORS[arch].debian
    path = cache("busybox", debian)
    with lock(f"busybox-{debian}"):
        if not os.path.exists(path):
            apt = Apt(FOREIGN_SUITES, debian)
            apt.update()
            deb = apt.fetch("busybox-static", apt.candidate("busybox-static"))
            with work_directory() as work:
                run(["dpkg-deb", "-x", deb, work])
                found = glob.glob(f"{work}/**/bin/busybox", recursive=True)
                if not found:
                    raise VmError("busybox-static has no busybox")
                os.rename(found[0], path)
    return path


def build_tests(tree, arch):
    """The IGT tests with their own runtime; the directory they are in."""
    processor = PROCESSORS[arch]
    host.require(*([processor.make] if processor.cross else []), "user")
    out = f"{tree}/out/igt-tests-{processor.make}"
    with lock(f"igt-tests-{processor.make}"):
        run(["make", "-j2", "-C", f"{tree}/igt-tests", "LIBIGT=none", f"CC={processor.cross}gcc",
             f"OUT={out}"], log=f"{out}.log")
    return out


def build_bench(tree, arch):
    """What measures jobs, by itself; the directory it is in."""
    processor = PROCESSORS[arch]
    host.require(*([processor.make] if processor.cross else []), "user")
    out, source = f"{tree}/out/bench-{processor.make}", f"{tree}/userspace/bench"
    drm = run(["pkg-config", "--cflags", "libdrm"]).split()
    os.makedirs(out, exist_ok=True)
    run([f"{processor.cross}gcc", "-std=gnu11", "-O2", "-static", "-D_GNU_SOURCE", *drm,
         f"-I{tree}/uapi/drm", f"{source}/jobs.c", f"{source}/meter.c",
         "-o", f"{out}/dgem_bench_jobs"])
    return out


class Board:
    """A machine about to be started; steps are those of guest/board."""

    def __init__(self, kernel, tree, name, steps, options=(), append=()):
        processor = PROCESSORS[kernel.arch]
        host.require(f"run-{processor.make}" if processor.cross else "run")
        self.kernel, self.tree, self.name, self.steps = kernel, tree, name, steps
        self.options, self.append = list(options), list(append)

    def _initramfs(self, path, tests):
        modules = modules_of(self.kernel, self.tree)
        modules.ensure()
        with open(path, "wb") as file:
            archive = Archive(file)
            archive.copy("init", f"{TOOLS}/guest/board")
            archive.copy("bin/busybox", busybox(self.kernel.arch))
            for each in sorted(glob.glob(f"{tests}/dgem_*") + glob.glob(f"{tests}/*.txt")):
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
        dtc = f"{self.kernel.build}/scripts/dtc/dtc"
        # Headers alone are without it.
        run([dtc if os.path.exists(dtc) else "dtc", "-q", "-O", "dtb", "-o", blob, source])
        return ["-dtb", blob]

    def run(self, tests, log, timeout, hear=lambda line: None):
        """Boot, hear every line of the console, and leave them in a file; whether it came to its
        end."""
        sort = MACHINES[self.name]
        busybox(self.kernel.arch)
        with work_directory() as work:
            self._initramfs(f"{work}/initramfs", tests)
            words = [f"console={sort.console}", "loglevel=4", "panic=-1", "oops=panic",
                     "rdinit=/init", "no_hash_pointers", "log_buf_len=4M",
                     "rcupdate.rcu_cpu_stall_timeout=120", *sort.append, *self.append,
                     *(DEBUG if self.kernel.flavour == "debug" else []),
                     "steps=" + ",".join(self.steps)]
            args = [f"qemu-system-{PROCESSORS[self.kernel.arch].qemu}", *sort.machine,
                    "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
                    "-serial", "stdio", "-kernel", self.kernel.image,
                    "-initrd", f"{work}/initramfs", "-append", " ".join(words),
                    *self._device_tree(work), *self.options]
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
