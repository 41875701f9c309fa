# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""The engines and the ways they are connected: machines on which the same tests are run."""

import os
import re
import time

from vmlib import board, splats
from vmlib.base import TOOLS, TREE, read
from vmlib.kernel import Kernel

from . import boots, results
from .boots import Boot
from .results import FAIL, PASS, SKIP, Result

# edu's slots: the same line, were it not for MSI.
SLOTS = ["--qemu=-device", "--qemu=edu,addr=0x8", "--qemu=-device", "--qemu=edu,addr=0xc"]
VIRTUAL = ["--icount", "3", "--smp", "1", "--load", "edu_dma", *boots.POOL]
LOAD = boots.LOAD
# Beyond the engine's reach there are 1 GiB of memory, and the contiguous sort.
HIGH = ["--mem", "3G", "--cma", "64M@4G-5G"]

# The same on each engine: all that one does, and its end.
JOBS = ("dgem_query dgem_submit dgem_submit_bad dgem_fill dgem_job dgem_fence dgem_sync "
        "dgem_sync_file dgem_prime_fence dgem_priority dgem_timeout dgem_abandon dgem_unplug "
        "dgem_life dgem_limits dgem_trace dgem_io")
# Where addresses are another thing than in the machines of a check.
MEMORY = ("dgem_create dgem_kinds dgem_lazy dgem_prime dgem_purge dgem_share dgem_import "
          "dgem_interop dgem_user")
# What depends on how an engine sees memory.
DATA = "dgem_query dgem_submit dgem_fill dgem_sync dgem_limits"
# What depends on interrupts.
INTERRUPTS = "dgem_submit dgem_fill dgem_fence dgem_job dgem_timeout dgem_unplug"
# 200 times, in the machine with two processors; on edu, what takes a device that can be unbound.
RACES = "close-file kill kill-busy unbind-device race"
LIVES = "unload-provider unbind-engine remove-instance remove-busy"


def stress(names):
    """The step of these long subtests of dgem_life."""
    return " ".join(["stress", *(f"dgem_life@stress-{name}" for name in names.split())])


class Row(Boot):
    """A machine of the table: what is in the columns beside its name."""

    def __init__(self, name, engine, addressing, options, steps, limit):
        super().__init__(name, options, steps, limit)
        self.engine, self.addressing = engine, addressing


PCS = (
    Row("q35-cpu", "cpu", "-", ["--smp", "2", "--load", "", *boots.POOL],
        [f"{LOAD} engine=cpu", f"igt {JOBS}", stress(RACES), "unload"], 3600),
    Row("q35-msi", "edu, MSI", "28 bits, CMA below 256 MiB", VIRTUAL + ["--edu"],
        ["channels", "irqs", LOAD, f"igt {JOBS} dgem_direct_io", stress(LIVES), "unload"], 3600),
    Row("q35-iommu", "edu, MSI", "intel-iommu", VIRTUAL + ["--edu", "--iommu"],
        ["channels", LOAD, f"igt dgem_iommu {JOBS} {MEMORY}", "unload"], 3600),
    Row("q35-intx", "2 x edu, one INTx", "28 bits", VIRTUAL + ["--append", "pci=nomsi"] + SLOTS,
        ["channels", "irqs", LOAD, f"igt {INTERRUPTS}", "unload"], 1800),
    Row("q35-narrow", "edu, MSI", "8 KiB segments, 16 KiB boundary, 8 bytes' alignment",
        VIRTUAL + ["--edu", "--append", "edu_dma.max_segment=8192", "--append",
                   "edu_dma.boundary=16384", "--append", "edu_dma.copy_align=8"],
        ["channels", LOAD, f"igt {DATA} dgem_submit_bad", "unload"], 1800),
    Row("q35-bounced", "edu, MSI", "32 bits, memory beyond",
        VIRTUAL + HIGH + ["--edu", "--edu-mask", "0xffffffff", "--append", "edu_dma.dma_bits=32"],
        ["channels", "load default_instance=N", "wide", f"igt {DATA}", "unload"], 1800),
    Row("q35-masks", "edu, MSI", "64 bits; 24, 28, 32 and 64 by configfs",
        VIRTUAL + HIGH + ["--edu", "--edu-mask", "0xffffffffffffffff", "--append",
                          "edu_dma.dma_bits=64"],
        ["channels", LOAD, f"igt {DATA} dgem_configfs", "unload"], 1800),
    Row("q35-moving", "2 x edu, MSI", "28 bits; interrupts change CPUs",
        ["--smp", "2", "--edu", "2", "--load", "edu_dma", *boots.POOL],
        # two processors, and an engine to map objects for
        ["moving", "channels", LOAD,
         "igt dgem_fill dgem_fence dgem_job dgem_race -@dgem_race@(?!mappings$)", "unload",
         "moved"], 1800),
)
BOARDS = (
    Row("q35-sleep", "edu, MSI", "32 bits; goes to sleep",
        ["-m", "1G", "-smp", "2", "-device", "edu,dma_mask=0xffffffff"],
        ["dmatest", "load", "igt dgem_suspend", "stress dgem_suspend", "unload"], 2400),
    Row("virt", "edu", "32 bits", ["-m", "1G", "-icount", "shift=3,sleep=off",
                                   "-device", "edu,dma_mask=0xffffffff"],
        ["dmatest", "load", f"igt {JOBS}", "unload"], 3600),
    Row("virt-smmu", "edu", "28 bits, SMMUv3", ["-m", "1G", "-icount", "shift=3,sleep=off",
                                                "-device", "edu"],
        ["dmatest", "load", f"igt dgem_iommu {JOBS} {MEMORY}", "unload"], 3600),
    Row("zcu102", "3 x ZDMA", "44 bits, not coherent; device-tree instance",
        ["-m", "1G", "-smp", "2"],
        ["dmatest", "load", f"igt {JOBS} {MEMORY} dgem_reach", "unload"], 3600),
)
NEAR_CMA = ["edu_dma.dma_bits=32", "cma=64M"]
# The rest of a board's memory is what its device tree has for memory without struct pages.
TREE_MEMORY = ["mem=896M"]
APPEND = {"q35-sleep": NEAR_CMA, "virt": NEAR_CMA, "virt-smmu": ["cma=64M"], "zcu102": TREE_MEMORY}


def build(rows, flavour):
    """What the chosen machines need, see boots.build()."""
    yield from boots.build(["newest"], flavour)
    arches = {board.MACHINES[row.name].arch for row in rows if row in BOARDS}
    for arch in sorted(arches - {"x86_64"}):
        for verb in ("build", "modules"):
            yield (f"{verb} for {arch}",
                   [f"{TOOLS}/vm", verb, "--flavour", flavour, "--arch", arch], False)


class Run(boots.Run):
    """A PC."""

    # 200 rounds are one subtest.
    silence = 1200

    def __init__(self, row, out, flavour):
        super().__init__("newest", row, out)
        self.name, self.out, self.flavour = row.name, os.path.join(out, row.name), flavour

    def command(self):
        """As for a check, but for the flavour."""
        command = super().command()
        command[command.index("--flavour") + 1] = self.flavour
        return command

    def _wide(self):
        return self._exit_status("wide")

    def _channels(self):
        return results.dmatest(self._file("dmatest.log"), boots.DMATEST_ITERATIONS)

    def _irqs(self):
        """That the interrupt is of the sort that the machine is to have."""
        lines = [line for line in self._file("interrupts.txt").splitlines() if "edu_dma-" in line]
        intx = "pci=nomsi" in self.boot.options
        if intx:
            good = len(lines) == 1 and lines[0].count("edu_dma-") == 2 and "MSI" not in lines[0]
        else:
            good = bool(lines) and all("MSI" in line and "," not in line for line in lines)
        return [Result("shared-line" if intx else "msi", PASS if good else FAIL, "\n".join(lines))]

    def _moving(self):
        return self._exit_status("moving")

    def _moved(self):
        """That both CPUs were interrupted by each device."""
        verdicts = []
        for line in self._file("moved.txt").splitlines():
            counts = [int(word) for word in re.findall(r"\s(\d+)(?=\s)", line)][:2]
            good = len(counts) == 2 and min(counts) * 10 >= sum(counts) > 0
            verdicts.append(Result("both-cpus", PASS if good else FAIL, line))
        return verdicts


class BoardRun(Run):
    """A machine with a console alone, which says what came of the steps."""

    def start(self):
        """Run it to its end, noting what it is doing."""
        os.makedirs(self.out, exist_ok=True)
        self.progress, begin = "boots", time.monotonic()
        machine = self._board([step.replace(" ", ":") for step in self.boot.steps])
        ended = machine.run(board.build_tests(TREE, machine.kernel.arch),
                            f"{self.out}/console.txt", self.boot.limit, self._listen)
        self.status = {"state": "exit" if ended else "died", "seconds": time.monotonic() - begin}
        self.progress = self.status["state"]

    def _board(self, steps):
        arch = board.MACHINES[self.name].arch
        kernel = Kernel("newest", self.flavour, arch).ensure()
        return board.Board(kernel, TREE, self.name, steps, self.boot.options, APPEND[self.name])

    def _listen(self, line):
        found = re.match(r"board: (?:step|start) (.*)", line)
        if found:
            self.progress = found.group(1)

    def busy(self):
        return bool(self.progress) and not self.status and self.progress[0] != "w"

    def watch(self):
        """Its time is limited as a whole."""

    def results(self):
        """All verdicts of the run, as (group, results) pairs."""
        groups = board_results(read(f"{self.out}/console.txt", default=""), self.boot.steps)
        if "text" in self.status:
            groups[0][1].append(Result("started", FAIL, self.status["text"]))
        return groups


def board_results(text, steps):
    """The verdicts in what a board said on its console."""
    groups, said, group = {"machine": []}, [], "machine"
    for line in text.splitlines():
        word, _, rest = line.removeprefix("board: ").partition(" ")
        if not line.startswith("board: "):
            continue
        if word == "step":
            group = rest.split(":")[0]
            groups.setdefault(group, [])
        elif word == "said":
            said.append(rest)
        elif word == "dmatest:":
            groups[group] += results.dmatest(line, boots.DMATEST_ITERATIONS)
        elif word == "result":
            name, verdict, *_ = rest.split() + ["", ""]
            verdict = {"pass": PASS, "skip": SKIP}.get(verdict, FAIL)
            groups[group].append(Result(name, verdict, "\n".join(said[-8:])))
            said = []
    started = re.findall(r"^board: start (\S+)$", text, re.M)
    judged = set(re.findall(r"^board: result (\S+)", text, re.M))
    groups["machine"].append(Result("finished", PASS if "\nboard: off" in text else FAIL,
                                    f"last test: {started[-1] if started else 'none'}\n"
                                    + "\n".join(text.splitlines()[-8:])))
    leaks = "\n".join(re.findall(r"^board: leak (.*)", text, re.M))
    complaints = splats.scan(text, leaks)
    groups["machine"].append(Result("kernel-log", FAIL if complaints else PASS,
                                    "\n".join(head for head, _ in complaints[:20])))
    for name in started:
        if name not in judged:
            groups["machine"].append(Result(name, FAIL, "did not end"))
    for step in steps:
        found = groups.setdefault(step.split()[0], [])
        if not found:
            found.append(Result("nothing", FAIL, "no test was run"))
    return list(groups.items())


def table(rows, groups):
    """The table of machines with their results, as lines."""
    lines = [("machine", "engine", "addressing", "dmatest", "igt", "other")]
    for row in rows:
        columns = {"dmatest": [], "igt": [], "other": []}
        for name, verdicts in groups:
            machine, _, step = name.partition("/")
            if machine == row.name:
                column = {"channels": "dmatest", "dmatest": "dmatest", "igt": "igt",
                          "stress": "igt"}.get(step, "other")
                columns[column] += verdicts
        lines.append((row.name, row.engine, row.addressing, *map(_count, columns.values())))
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
            for line in lines]


def _count(verdicts):
    counts = [sum(each.verdict == verdict for each in verdicts) for verdict in (PASS, FAIL, SKIP)]
    return f"{counts[0]} passed, {counts[1]} failed, {counts[2]} skipped" if verdicts else "-"
