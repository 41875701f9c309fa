# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""The virtual machines to measure in, and what comes out of them."""

import json
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

from vmlib import host
from vmlib.base import TOOLS, VmError, run, say
from vmlib.kernel import Kernel

from . import figures

RUNS = 2
WHOLE = 256
# Larger buffers than this take long to clear, and a boot of their own.
SMALL = 16
PROGRAM = "/dgem/out/build/userspace/bench/dgem_bench"

# One processor, one nanosecond an instruction; addresses that are the same in each run.
COMMON = ["--icount", "0", "--smp", "1", "--append", "norandmaps", "--append", "nokaslr",
          "--append", "randomize_kstack_offset=off", "--timeout", "1800"]

# dgem and its peers in one boot.  CMA for two of the largest buffers: blocks that are freed do not
# always leave room for the next at once.
# Reserved memory lies above it, for objects of up to 64 MiB.
ALL = ["--mem", "2G", "--cma", "576M", "--append", "memmap=64M$0x60000000",
       "--append", "dgem.pool=64M@0x60000000", "--load", "dgem,vgem"]

# An engine that sees everything through a bounce buffer; those lie below 4 GiB, not below 256 MiB.
BOUNCE = ["--mem", "2G", "--load", "edu_dma,dgem", "--edu", "--edu-mask", "0xffffffff",
          "--append", "edu_dma.dma_bits=32", "--append", "swiotlb=force"]

# dgem alone with buffers that take too long for all its peers: how costs grow. There is so much
# memory that page tables need not be made room for, which would be the kernel's cost.
GROWTH = ["--mem", "6G", "--cma", "1200M@0-2G", "--load", "dgem"]
GROWTH_SIZES = ["--min", "256", "--max", "1024"]

# Two processors at a time, and in real time: instructions are counted for one.
RATES = ["--smp", "2", "--timeout", "1800", "--load", "dgem"]


def build(tree):
    """The kernel, here where its progress is shown, and the program to run in the guest."""
    Kernel("newest", "plain").ensure()
    say("user space")
    host.require("user")
    build = f"{tree}/out/build/userspace"
    if not os.path.exists(f"{build}/build.ninja"):
        shutil.rmtree(build, ignore_errors=True)
        run(["meson", "setup", build, f"{tree}/userspace"])
    run(["ninja", "-C", build])


def boot(tree, out, machine, arguments):
    """Rows that one boot gave."""
    command = [f"{TOOLS}/vm", "-q", "run", "--tree", tree, "--out", out, *machine, "--",
               PROGRAM, *arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise VmError(f"nothing measured ({done.returncode}), see {out}/dmesg.txt")
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def _sizes(largest):
    """Arguments for the sizes, boot by boot."""
    if not largest:
        return [["--table"]]
    small = ["--max", str(min(largest, SMALL))]
    return [small, ["--min", str(SMALL + 1), "--max", str(largest)]] if largest > SMALL else [small]


def _one_run(tree, out, largest, number):
    """Rows of one run, boot by boot."""
    rows, sizes = [], _sizes(largest)
    for part, arguments in enumerate(sizes):
        say(f"run {number} of {RUNS}: dgem and its peers, {' '.join(arguments)}")
        rows += boot(tree, f"{out}/run{number}{'-large' if part else ''}", COMMON + ALL,
                     arguments)
    say(f"run {number} of {RUNS}: a bounced engine")
    rows += boot(tree, f"{out}/run{number}-bounce", COMMON + BOUNCE, ["--bounce", *sizes[0]])
    if largest >= WHOLE:
        say(f"run {number} of {RUNS}: dgem up to 1 GiB")
        known = {figures.key(row) for row in rows}
        rows += [row for row in boot(tree, f"{out}/run{number}-growth", COMMON + GROWTH,
                                     ["--own", *GROWTH_SIZES])
                 if figures.key(row) not in known]
    return rows


def measure(tree, out, largest):
    """
    Measure everything RUNS times: a list of rows for each, and one of the faults a second. Up to so
    many MiB, or, with 0, at those sizes alone that there are targets for. What counts instructions
    takes no harm from what runs beside it, another run for one.
    """
    build(tree)
    with ThreadPoolExecutor(max_workers=min(RUNS, os.cpu_count() or 1)) as pool:
        runs = list(pool.map(lambda number: _one_run(tree, out, largest, number),
                             range(1, RUNS + 1)))
    say("faults of one and of two processors")
    return runs, boot(tree, f"{out}/rates", RATES, ["--rates"])
