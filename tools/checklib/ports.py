# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""Other processors, other pages, and 32-bit programs on a 64-bit kernel."""

import os
import shlex

from vmlib import board, host
from vmlib.base import TOOLS, TREE, write
from vmlib.kernel import Kernel
from vmlib.processors import PROCESSORS
from vmlib.rootfs import RootFs32
from vmlib.stockboot import STOCK, StockKernel

from . import boots, engines
from .boots import LOAD, NO_DEVICE, NOWHERE, POOL, Boot

# The upstream tests need room for the largest object, see boots.py.
I386 = ["--user", "i386", "--load", "", "--env", "TESTS=igt-tests-i386",
        "--env", "USERSPACE=userspace-i386"]
PROGRAMS = (
    Boot("i386-cpu", [*I386, "--smp", "2", *POOL],
         [f"{LOAD} engine=cpu", f"igt {NO_DEVICE} {NOWHERE}", "library", "unload"], 1800),
    Boot("i386-upstream", [*I386, "--icount", "0", "--smp", "1", "--cma", "124M@0-256M"],
         ["load engine=cpu", "upstream", "unload"], 1800),
)
# Their kernel is the one of make check, where the same tests have every checker on: here it is
# about how it takes the programs' arguments.
FLAVOUR = "plain"
# What a device does on a bus is the same on each, so that is a part of the tests only.
DEVICE = "igt dgem_submit dgem_fill dgem_fence dgem_unplug"
VIRTUAL = ["-icount", "shift=3,sleep=off", "-device", "edu,dma_mask=0xffffffff"]
# Debian's kernels: with a compiler for each, its modules are built in a minute.
KERNEL = "6.12"


class Port:
    """A machine with another processor, by the names of vmlib.processors and vmlib.board."""

    def __init__(self, arch, machine, memory, cma="64M"):
        self.arch, self.machine, self.memory, self.cma = arch, machine, memory, cma

    def kernel(self):
        """(kernel, flavour): Debian's, or ours where there is none."""
        return (KERNEL, STOCK) if PROCESSORS[self.arch].stock else ("newest", "plain")

    def append(self):
        """Words for the kernel's command line."""
        return [f"cma={self.cma}", "edu_dma.dma_bits=32"]

    def machines(self):
        """With the CPU as the engine, and with a device."""
        memory = ["-m", self.memory]
        yield Boot(f"{self.arch}-cpu", memory + ["-smp", "2"],
                   ["load engine=cpu", "igt", "unload"], 3600)
        yield Boot(f"{self.arch}-edu", memory + VIRTUAL, ["load", DEVICE, "unload"], 3600)


class TreePort(Port):
    """A machine for what only a device tree can say: memory without struct pages, and an instance
    that snoops among devices that don't."""

    def append(self):
        """The device tree has the areas of contiguous memory."""
        return engines.TREE_MEMORY

    def machines(self):
        """With the instances of the device tree."""
        yield Boot(f"{self.arch}-tree", ["-m", self.memory, "-smp", "2"],
                   ["load", "igt dgem_reach", "unload"], 1800)


PORTS = (
    Port("arm64", "virt", "1G"),
    TreePort("arm64", "zcu102", "1G"),
    Port("arm64-16k", "virt", "1G"),
    # Contiguous memory comes in blocks of 512 MiB.
    Port("arm64-64k", "virt", "2G", cma="512M"),
    # More than half of it is highmem.
    Port("arm", "virt32", "2G"),
    Port("arm-lpae", "virt32", "2G"),
    Port("riscv64", "riscv", "1G"),
)


class ProgramsRun(engines.Run):
    """A PC whose programs are 32-bit ones."""


class PortRun(engines.BoardRun):
    """A machine with another processor."""

    def __init__(self, port, boot, out):
        super().__init__(boot, out, STOCK)
        self.port = port

    def _board(self, steps):
        name, flavour = self.port.kernel()
        kernel = (StockKernel(name, self.port.arch) if flavour == STOCK else
                  Kernel(name, flavour, self.port.arch)).ensure()
        return board.Board(kernel, TREE, self.port.machine, steps, self.boot.options,
                           self.port.append())


def runs(out, flavour):
    """Every machine; flavour is that of the PCs' kernel."""
    found = [ProgramsRun(boot, out, flavour) for boot in PROGRAMS]
    return found + [PortRun(port, boot, out) for port in PORTS for boot in port.machines()]


CROSS_FILE = """\
[binaries]
c = ['gcc', '-m32', '-idirafter', '/usr/include/x86_64-linux-gnu']
strip = 'strip'
# by its old name, which every meson knows
pkgconfig = 'pkg-config'
[properties]
pkg_config_libdir = '{folder}'
[host_machine]
system = 'linux'
cpu_family = 'x86'
cpu = 'i686'
endian = 'little'
"""
# The packages have no development files, so the library is named; what it needs of a newer C
# library is left to the guest.
LIBDRM = """\
Name: libdrm
Description: of the guest
Version: 2.4.134
Cflags: -I/usr/include/libdrm
Libs: {library} -Wl,--allow-shlib-undefined
"""


def _programs(root):
    """The command that builds programs of 32 bits, against the libraries of a guest."""
    out = f"{TREE}/out/i386"
    os.makedirs(out, exist_ok=True)
    write(f"{out}/cross.ini", CROSS_FILE.format(folder=out))
    write(f"{out}/libdrm.pc", LIBDRM.format(library=f"{root}/usr/lib/i386-linux-gnu/libdrm.so.2"))
    build, source = f"{TREE}/out/build/userspace-i386", f"{TREE}/userspace"
    lines = [["meson", "setup", "--cross-file", f"{out}/cross.ini", build, source],
             ["meson", "compile", "-C", build],
             ["make", "-j2", "-C", f"{TREE}/igt-tests",
              "CC=gcc -m32 -idirafter /usr/include/x86_64-linux-gnu",
              f"LIBIGT={root}/usr/lib/i386-linux-gnu/libigt.so.0",
              f"OUT={TREE}/out/igt-tests-i386"]]
    if os.path.exists(f"{build}/build.ninja"):
        del lines[0]
    return ["sh", "-c", " && ".join(shlex.join(line) for line in lines)]


def build(chosen, flavour):
    """What the chosen machines need, see boots.build()."""
    vm = f"{TOOLS}/vm"
    if any(isinstance(run, ProgramsRun) for run in chosen):
        for verb in ("build", "modules"):
            yield f"{verb} for newest", [vm, verb, "--flavour", flavour], True
        yield "32-bit guest file system", [vm, "rootfs", "--user", "i386"], True
        # Lists of subtests are asked of the 64-bit ones.
        for name, command, needed in boots.build():
            if "kernel" not in name and "modules" not in name:
                yield name, command, needed
        host.require("user", "i386")
        yield "32-bit programs", _programs(RootFs32().ensure().root), True
    for port in dict.fromkeys(run.port for run in chosen if isinstance(run, PortRun)):
        name, flavour = port.kernel()
        words = ["--kernel", name, "--flavour", flavour, "--arch", port.arch]
        if flavour != STOCK:
            yield f"kernel for {port.arch}", [vm, "build", *words], False
        yield f"modules for {port.arch}", [vm, "modules", *words], False
