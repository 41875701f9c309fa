# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""dgem's modules beside Debian's own kernels, as their users have them."""

import os

from vmlib.base import TOOLS
from vmlib.stock import STOCK

from . import boots, ports
from .boots import LOAD, NO_DEVICE, NOWHERE, POOL, Boot

# These kernels have no vkms, no dmatest, no KUnit, no sw_sync, and 6.1 and 6.12 no contiguous
# memory on a PC.
CPU = Boot("cpu", ["--smp", "2", "--load", "", *POOL],
           [f"{LOAD} engine=cpu", f"igt {NO_DEVICE} {NOWHERE}", "library", "unload"], 1800)
# A device that reaches all memory: most of it is not made for edu's 28 bits.
EDU = Boot("edu32", ["--icount", "3", "--smp", "1", "--edu", "--load", "edu_dma", *POOL,
                     "--edu-mask", "0xffffffff", "--append", "edu_dma.dma_bits=32"],
           [LOAD, "igt dgem_submit dgem_fill dgem_fence dgem_sync dgem_prime dgem_unplug",
            "unload"], 1800)
# And 64-bit ARM, which has contiguous memory.
ARM = "arm64-cpu"


class Run(boots.Run):
    """A PC with one of them."""

    def __init__(self, kernel, boot, out):
        super().__init__(kernel, boot, out)
        self.name = f"stock-{self.name}"
        self.out = os.path.join(out, self.name)

    def command(self):
        """As for a check, but for the flavour."""
        command = super().command()
        command[command.index("--flavour") + 1] = "stock"
        return command


def runs(out):
    """Every machine."""
    found = [Run(kernel, boot, out) for kernel in STOCK for boot in (CPU, EDU)]
    return found + [run for run in ports.runs(out, "") if run.name == ARM]


def build(chosen):
    """What the chosen machines need, see boots.build()."""
    vm = f"{TOOLS}/vm"
    for kernel in dict.fromkeys(run.kernel for run in chosen if isinstance(run, Run)):
        yield (f"modules for stock {kernel}",
               [vm, "modules", "--kernel", kernel, "--flavour", "stock"], True)
    yield from ports.build([run for run in chosen if not isinstance(run, Run)], "")
    for name, command, needed in boots.build():
        if "kernel" not in name and "modules" not in name:
            yield name, command, needed
