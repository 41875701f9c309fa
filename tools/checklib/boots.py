# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""What is run where: the virtual machines of a check, and the tests in each."""

import glob
import json
import os
import re
import shlex
import subprocess
import sys
import time

from vmlib.base import TOOLS, TREE, read, write
from vmlib.machine import die_with_parent

from . import listing, results
from .results import FAIL, PASS, Result

DMATEST_ITERATIONS = 100
# The longest that a machine is silent: one program with many subtests, while others are busy.
SILENCE = 900
KERNELS = ("6.12", "newest")


class Boot:
    """One machine: its name, tools/vm's options, the guest's steps, and its time in seconds."""

    def __init__(self, name, options, steps, limit):
        self.name, self.options, self.steps, self.limit = name, options, steps, limit


# With edu, waiting for the device costs nothing: virtual time skips it (--icount), on one CPU. The
# others run in real time on two, which is what the races need. Foreign memory may lie anywhere, so
# imports are tested where the engine reaches everything: in edu32 and with the CPU.
# dumb_buffer@create-clear has two threads that share the largest power of two that can be had:
# without some room above it, one of them finds contiguous memory fragmented.
# Our tests have a pool of reserved memory, within reach of edu's 28 bits and below its CMA.
# Tests that would only skip are left out: foreign memory where the engine's reach is limited,
# windows where it has no device, and what takes an IOMMU, a kernel that can sleep or one that
# bounces whatever devices do. make check-engines has the engines for those that look at what is
# particular to one, its limits and events, which take minutes, and so does direct I/O. What no
# engine has a part in is tested once, in the machine with two processors: of the races, all but
# those for an engine's mappings.
NOWHERE = "-dgem_bounce -dgem_iommu -dgem_suspend"
FAR = "-dgem_import -dgem_interop -dgem_user -@.*-(user|import)(-to-|$)"
NO_DEVICE = "-dgem_io -dgem_io_vma"
PARTICULAR = "-dgem_limits -dgem_trace"
SLOW = "-dgem_direct_io"
# Of dgem_stall, what has an engine map an import.
IMPORTER = "-@dgem_stall@(?!foreign-lock$)"
NO_IMPORTER = "-@dgem_stall@foreign-lock$"
NO_ENGINE = ("-dgem_charge -dgem_configfs -dgem_debugfs -dgem_dumb -dgem_fault -dgem_fdinfo "
             "-dgem_hostile_purge -dgem_mmap -dgem_quota -dgem_reach -dgem_stall -dgem_starve "
             "-dgem_unbind -dgem_vma -@dgem_race@(?!mappings$) -@dgem_mappings@unbind-(?!io$)")
POOL = ["--append", "memmap=16M$0x8000000"]
LOAD = "load pool=16M@0x8000000"
ICOUNT = ["--icount", "3", "--smp", "1", "--edu", "--load", "edu_dma", *POOL]
BOOTS = (
    Boot("edu", ICOUNT,
         ["dmatest", LOAD, "kunit",
          f"igt {FAR} {NOWHERE} {PARTICULAR} {SLOW} {NO_ENGINE}",
          "unload"], 2400),
    Boot("cpu", ["--smp", "2", "--load", "", *POOL],
         [f"{LOAD} engine=cpu", f"igt {NO_DEVICE} {NOWHERE} {PARTICULAR} {NO_IMPORTER}", "library",
          "unload"], 2400),
    Boot("upstream", ["--icount", "0", "--smp", "1", "--load", "", "--cma", "124M@0-256M",
                      "--append", "driver_async_probe=dgem"],
         ["load engine=cpu", "upstream", "lent", "unload"], 1200),
    Boot("edu32", ICOUNT + ["--edu-mask", "0xffffffff", "--append", "edu_dma.dma_bits=32"],
         [LOAD, f"igt dgem_import dgem_interop dgem_stall {IMPORTER}", "library", "unload"], 600),
)


class Run:
    """A boot on a kernel, and what became of it."""

    silence = SILENCE

    def __init__(self, kernel, boot, out):
        self.kernel, self.boot = kernel, boot
        self.name = f"{kernel}-{boot.name}"
        self.out = os.path.join(out, self.name)
        self.progress = "waits for a processor"
        self.status = {}
        self._process, self._heard = None, 0.0

    def command(self):
        """The tools/vm command that runs it; useful to repeat it by hand."""
        return [f"{TOOLS}/vm", "run", "--kernel", self.kernel, "--flavour", "debug",
                "--out", self.out, "--timeout", str(self.boot.limit), *self.boot.options,
                "--", "bash", "/dgem/tools/guest/check", *self.boot.steps]

    def start(self):
        """Run it to its end, noting what it is doing."""
        os.makedirs(self.out, exist_ok=True)
        for step in self.boot.steps:
            tests = listing.of_step(step)
            if tests:
                write(f"{self.out}/{step.split()[0]}.list", tests)
        self.progress = "boots"
        with open(f"{self.out}/log.txt", "w", encoding="utf-8") as log:
            log.write(shlex.join(self.command()) + "\n")
            log.flush()
            with subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=log, text=True, errors="replace",
                                  preexec_fn=die_with_parent) as process:
                self._process, self._heard = process, time.monotonic()
                for line in process.stdout:
                    self._heard = time.monotonic()
                    log.write(line)
                    found = re.search(r"^step (.*)|\[(\d+/\d+)\] (\w+)", line)
                    if found:
                        self.progress = found.group(1) or f"{found.group(3)} ({found.group(2)})"
        self.recall()

    def recall(self):
        """Take note of how the machine ended."""
        self.status = json.loads(read(f"{self.out}/status.json", default="{}"))
        self.progress = self.status.get("state", "was stopped")

    def busy(self):
        """Whether its machine is running."""
        return self._process is not None and self._process.poll() is None

    def watch(self):
        """Stop a machine that said nothing for so long that it must hang."""
        if self.busy() and time.monotonic() - self._heard > self.silence:
            self._process.terminate()

    def _file(self, name):
        return read(f"{self.out}/{name}", default="")

    def results(self):
        """All verdicts of the run, as (group, results) pairs."""
        found = [("machine", self._machine())]
        for step in self.boot.steps:
            words = step.split()
            found.append((words[0], getattr(self, "_" + words[0])()))
        # A group without a verdict is a hole in the net.
        for group, verdicts in found:
            if not verdicts:
                verdicts.append(Result("nothing", FAIL, "no test was run"))
        return found

    def _machine(self):
        """The machine itself: that it came to its end, and without a complaint of the kernel."""
        state = self.status.get("state", "did not run, or was stopped")
        status = self.status.get("status")
        verdicts = []
        if state == "exit" and status == 0 and self._file("finished"):
            verdicts.append(Result("finished", PASS))
        else:
            where = results.last_test(self._file("dmesg.txt"))
            last = "\n".join(self._file("log.txt").splitlines()[-5:])
            verdicts.append(Result("finished", FAIL, f"{state} ({status}): "
                                   f"{self.status.get('text', '')}; last test: {where}\n{last}"))
        if "warnings" not in self.status or not self._file("dmesg.txt"):
            verdicts.append(Result("kernel-log", FAIL, "there is none"))
        elif self.status["warnings"]:
            verdicts.append(Result("kernel-log", FAIL, "\n".join(self.status["warnings"][:20])))
        else:
            verdicts.append(Result("kernel-log", PASS))
        return verdicts

    def _exit_status(self, step):
        status = self._file(f"{step}.status").strip()
        return [Result("status", PASS if status == "0" else FAIL,
                       f"status {status or 'unknown'}\n{self._file(f'{step}.log')[-500:]}")]

    def _load(self):
        return self._exit_status("load")

    def _unload(self):
        return self._exit_status("unload")

    def _kunit(self):
        verdicts = []
        for path in sorted(glob.glob(f"{self.out}/kunit.*.ktap")):
            verdicts += results.tap(read(path))
        return verdicts

    def _dmatest(self):
        return results.dmatest(self._file("dmatest.log"), DMATEST_ITERATIONS)

    def _library(self):
        status = self._file("library.status").strip()
        verdicts = results.tap(self._file("library.tap"), int(status) if status else -1)
        for each in verdicts:
            if each.verdict == FAIL:
                each.text += "\n" + self._file("library.log")[-500:]
        return verdicts

    def _igt(self):
        return results.igt(self._file("igt.json"), self._file("igt.expected"))

    def _stress(self):
        return results.igt(self._file("stress.json"), self._file("stress.expected"))

    def _upstream(self):
        return results.igt(self._file("upstream.json"), self._file("upstream.expected"))

    def _lent(self):
        """Tests of sharing, and that each program did have dgem's memory."""
        expected = self._file("lent.expected")
        lent = set(re.findall(r"^dgem_lend: [1-9]\d* bytes to (\S+)$", self._file("lent.buffers"),
                              re.M))
        names = dict.fromkeys(re.findall(r"^igt@([^@\s]+)", expected, re.M))
        return results.igt(self._file("lent.json"), expected) + [
            Result(f"memory-of-dgem-{name}", PASS if name in lent else FAIL, "was lent none")
            for name in names]


def own_tests():
    """The judge's own tests; they run before it judges."""
    modules = ["benchlib.test_figures", "benchlib.test_jobs", "benchlib.test_stall",
               "checklib.test_boots",
               "checklib.test_engines", "checklib.test_interop", "checklib.test_listing",
               "checklib.test_results", "vmlib.test_splats"]
    done = subprocess.run([sys.executable, "-B", "-m", "unittest", *modules], cwd=TOOLS, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return [Result("unittest", PASS if done.returncode == 0 else FAIL, done.stdout[-2000:])]


def build(kernels=KERNELS, flavour="debug"):
    """What the machines need, one thing at a time, since each takes all processors: its name, its
    command, and whether there is no point in booting without it."""
    vm = f"{TOOLS}/vm"
    for kernel in kernels:
        yield f"kernel {kernel}", [vm, "build", "--kernel", kernel, "--flavour", flavour], True
    for kernel in kernels:
        yield (f"modules for {kernel}",
               [vm, "modules", "--kernel", kernel, "--flavour", flavour], True)
    yield "guest file system", [vm, "rootfs"], True
    yield "user space", ["make", "-C", TREE, "userspace"], False
    script = (f"root=$({shlex.quote(vm)} -q path rootfs) && "
              f"make -j2 -C {shlex.quote(TREE)}/igt-tests "
              'LIBIGT="$(echo "$root"/usr/lib/*/libigt.so.0)"')
    yield "IGT tests", ["sh", "-c", script], True
