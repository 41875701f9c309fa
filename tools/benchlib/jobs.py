# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""What jobs cost the processor, engine by engine, and what of it is dgem's own."""

import json
import os
import subprocess

from vmlib import board
from vmlib.base import TOOLS, VmError, read, say
from vmlib.kernel import Kernel

from . import guest

PROGRAM = "/dgem/out/build/userspace/bench/dgem_bench_jobs"
# Of dgem alone, beyond what the bare channel costs: a job of one segment, and each further segment.
JOB, SEGMENT = 25000, 150
# How many queued jobs a job may cost the same as.
FEW, MANY = 10, 1000

# One processor, one nanosecond an instruction. Of two edu devices dgem takes one, and the bare
# channel is the other one's. Nothing times out: many segments take edu longer than a job may
# stand still, and looking whether it does costs something.
COMMON = ["--icount", "0", "--smp", "1", "--append", "norandmaps", "--append", "nokaslr",
          "--append", "randomize_kstack_offset=off", "--append", "dgem.timeout_ms=600000",
          "--timeout", "900"]
MACHINES = {
    "edu": ["--edu", "2", "--load", "edu_dma,dgem,dma_bare"],
    "cpu": ["--load", "dgem,dma_bare"],
}
# The same of a board: QEMU's words, and the kernel's. Of its channels dgem takes two. SRCU would
# wait for a processor that is in the device tree, but not there.
BOARDS = {
    "zcu102": (["-m", "1G", "-smp", "1", "-icount", "shift=0,sleep=off"],
               ["nr_cpus=1", "norandmaps", "nokaslr", "randomize_kstack_offset=off"]),
}
BOARD_STEPS = ["load:timeout_ms=600000", "bench"]
ROW = "board: row "


def _boot(tree, out, machine):
    command = [f"{TOOLS}/vm", "-q", "run", "--tree", tree, "--out", out, *COMMON,
               *MACHINES[machine], "--", PROGRAM]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise VmError(f"no jobs measured ({done.returncode}), see {out}/dmesg.txt")
    return done.stdout.decode().splitlines()


def _boot_board(tree, out, machine):
    """A machine that has nothing but a console."""
    kernel = Kernel("newest", "plain", board.MACHINES[machine].arch).ensure()
    os.makedirs(out, exist_ok=True)
    done = board.Board(kernel, tree, machine, BOARD_STEPS, *BOARDS[machine]).run(
        board.build_bench(tree, kernel.arch), f"{out}/console.txt", 900)
    rows = [line.removeprefix(ROW) for line in read(f"{out}/console.txt").splitlines()
            if line.startswith(ROW)]
    if not done or not rows:
        raise VmError(f"no jobs measured, see {out}/console.txt")
    return rows


def measure(tree, out):
    """Rows of every machine, each with the name of its machine."""
    guest.build(tree)
    found = []
    for machine in (*MACHINES, *BOARDS):
        say(f"jobs: {machine}")
        boot = _boot_board if machine in BOARDS else _boot
        lines = boot(tree, f"{out}/jobs-{machine}", machine)
        found += [{"machine": machine, **json.loads(line)} for line in lines]
    return found


class Costs:
    """The rows of one machine."""

    def __init__(self, rows, machine):
        self.rows = [row for row in rows if row["machine"] == machine]
        self.engine = next((row["name"] for row in self.rows if row["op"] == "engine"), "none")
        self.share = next((row["jobs"] for row in self.rows if row["op"] == "share"), None)

    def cost(self, op, peer, count=1):
        """Instructions, or None."""
        return next((row["instructions"] for row in self.rows if row["op"] == op
                     and row["peer"] == peer and row["count"] == count), None)

    def bare(self, op):
        """What it costs without dgem: the channel's part, or the processor's own copying."""
        return self.cost(op, "bare") or self.cost(op, "cpu")

    def own(self, op, count=1, without=None):
        """What of it is dgem's; a channel that costs more without dgem costs nothing with it."""
        cost = self.cost(op, "dgem", count)
        return None if cost is None else max(0, cost - (self.bare(without or op) or 0))

    def mib(self, peer):
        """Instructions of a copy of 1 MiB, or None."""
        row = next((row for row in self.rows if row["op"] == "copy" and row["peer"] == peer), None)
        return row and row["instructions"] * (1 << 20) // row["size"]


def _number(value):
    return "-" if value is None else f"{value:,}"


def _verdict(value, limit):
    if value is None:
        return "not there"
    return "reached" if value <= limit else "not yet"


def _lines(costs):
    for count in sorted({row["count"] for row in costs.rows if row["op"] == "job"
                         and row["peer"] == "dgem"}):
        own = costs.own("job", count)
        yield (f"a job, {count} queued", costs.cost("job", "dgem", count),
               costs.bare("job"), own, JOB, _verdict(own, JOB))
    own = costs.own("segment")
    yield ("a further segment", costs.cost("segment", "dgem"), costs.bare("segment"), own,
           SEGMENT, _verdict(own, SEGMENT))
    yield ("a job with a sync_file", costs.cost("job-told", "dgem"), costs.bare("job"),
           costs.own("job-told", 1, "job"), None, "")
    yield "copy of 1 MiB", costs.mib("dgem"), costs.mib("bare"), None, None, ""
    yield "the same by the processor", costs.mib("cpu"), None, None, None, ""


def text(rows):
    """All of it."""
    parts = []
    for machine in dict.fromkeys(row["machine"] for row in rows):
        costs = Costs(rows, machine)
        lines = [f"{'instructions, ' + costs.engine:28}{'dgem':>12}{'bare':>12}{'own':>10}"
                 f"{'at most':>10}"]
        for name, *numbers, verdict in _lines(costs):
            widths = (12, 12, 10, 10)
            cells = "".join(f"{_number(each):>{width}}" for each, width in zip(numbers, widths))
            lines.append(f"{name:28}{cells}  {verdict}".rstrip())
        few, many = (costs.cost("job", "dgem", count) for count in (FEW, MANY))
        if few and many:
            lines.append(f"{MANY:,} queued jobs cost {100 * many / few:.0f} % of what {FEW} cost, "
                         "each.")
        if costs.share:
            whole = sum(costs.share)
            lines.append("Of two files' jobs " + " and ".join(
                f"{100 * each / whole:.1f} %" for each in costs.share) + " were done.")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)
