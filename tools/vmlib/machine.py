# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""One virtual machine: its QEMU command line, its ports, its end.

The guest has three ports beside its serial console (the kernel's log):
dgem-stdout and dgem-stderr carry the command's output, and dgem-control the
words that guest and host exchange, one line each:
  started           the guest is up, its modules are loaded
  broken TEXT       it could not come up
  screenshot NAME [DEVICE]
                    take a picture now, of the first display or of the one with this QEMU id;
                    answered by "ok" or by what went wrong
  exit STATUS       the command ended
"""

import contextlib
import ctypes
import json
import os
import re
import selectors
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time

from . import host, splats
from .archive import Archive
from .base import TOOLS, VmError, read, say, work_directory, write
from .stockboot import STOCK

TIMEOUT, WARNED, PANIC, BROKEN = 124, 123, 126, 125
SCRATCH_SIZE = 256 << 20
# Poisoned slabs keep no stale pointers, in which kmemleak would see references.
DEBUG = ["slab_debug=P", "kasan_multi_shot", "watchdog_thresh=60", "page_table_check=on"]
# What a run leaves in its output directory, beside what the command writes there.
RESULTS = ("dmesg.txt", "kmemleak.txt", "status.json", "final.png")


class Outcome:
    """How a run ended."""

    def __init__(self):
        self.state, self.status, self.seconds = "died", BROKEN, 0.0
        self.text, self.splats = "", []

    def save(self, path):
        """Leave it for programs to read."""
        write(path, json.dumps({
            "state": self.state, "status": self.status, "seconds": round(self.seconds, 1),
            "text": self.text, "warnings": [head for head, _ in self.splats],
        }, indent=1) + "\n")


class Machine:
    """A guest about to be booted; options is the parsed command line (see cli.py)."""

    def __init__(self, options, kernel, modules, rootfs, out):
        host.require("run")
        self.options, self.kernel, self.modules = options, kernel, modules
        self.rootfs, self.out = rootfs, out
        self.shell = options.command is None
        self.outcome = Outcome()
        self._pending = b""
        self._ports = {}
        self._process = None

    def run(self):
        """Boot, wait for the end, and judge it."""
        begin = time.monotonic()
        for name in RESULTS:
            if os.path.exists(f"{self.out}/{name}"):
                os.unlink(f"{self.out}/{name}")
        with work_directory() as work:
            self._initramfs(f"{work}/initramfs")
            with open(f"{work}/scratch", "wb") as file:
                file.truncate(SCRATCH_SIZE)
            try:
                self._start(work)
                self._attend(begin)
            finally:
                self._stop()
                self._collect(work)
        self.outcome.seconds = time.monotonic() - begin
        self.outcome.save(f"{self.out}/status.json")
        return self.outcome

    def _initramfs(self, path):
        options = self.options
        size = shutil.get_terminal_size()
        settings = {
            "MODE": "shell" if self.shell else "run",
            "LOAD": " ".join(options.load),
            "LEAKS": "yes" if options.leaks else "",
            "SCREENSHOT": "final" if options.screenshot else "",
            "ROWS": size.lines, "COLUMNS": size.columns,
        }
        exports = {"TERM": os.environ.get("TERM", "dumb")} if self.shell else {}
        exports.update(each.split("=", 1) for each in options.env)
        with open(path, "wb") as file:
            archive = Archive(file)
            for name in ("dev", "proc", "disk", "top", "new"):
                archive.folder(name)
            archive.copy("init", f"{TOOLS}/guest/init")
            for name in ("fstab", "main", "screenshot"):
                archive.copy(f"guest/{name}", f"{TOOLS}/guest/{name}")
            archive.copy("bin/busybox", f"{self.rootfs.root}/bin/busybox")
            archive.data("guest/settings",
                         _assignments(settings) + _assignments(exports, "export "))
            command = shlex.join(options.command or [])
            archive.data("guest/command", f"exec {command}\n".encode())
            early = "".join(f"{each}\n" for each in self.modules.early)
            archive.data("guest/early", early.encode())
            with self.modules.locked():
                archive.tree("lib/modules", f"{self.modules.root}/lib/modules")
            archive.close()

    def _arguments(self, work, ports):
        options = self.options
        args = ["qemu-system-x86_64", "-M", "q35", "-cpu", "max,la57=off", "-m", options.mem,
                "-smp", str(options.smp), "-nodefaults", "-no-user-config", "-no-reboot",
                "-display", "none", "-kernel", self.kernel.image, "-initrd", f"{work}/initramfs",
                "-append", self._kernel_arguments()]
        if options.icount is None:
            # Debian's kernels change their code by way of breakpoints, and QEMU's processors that
            # run side by side meet one that is gone now and then (7.2: "Oops: int3").
            thread = "single" if self.kernel.flavour == STOCK else "multi"
            args += ["-accel", f"tcg,thread={thread}"]
        else:
            args += ["-accel", "tcg,thread=single", "-icount", f"shift={options.icount},sleep=off",
                     "-rtc", "base=2026-01-01,clock=vm", "-seed", "1"]
        args += ["-chardev", f"file,id=log,path={work}/log", "-serial", "chardev:log",
                 "-device", "virtio-serial-pci"]
        for name, fd in ports.items():
            args += ["-chardev", f"socket,id={name},fd={fd}"]
            if name == "qmp":
                args += ["-mon", "chardev=qmp,mode=control"]
            else:
                args += ["-device", f"virtserialport,chardev={name},name=dgem-{name}"]
        if self.shell:
            args += ["-chardev", "stdio,id=terminal,mux=on,signal=off",
                     "-device", "virtconsole,chardev=terminal"]
        for name, path, extra in (("disk", self.rootfs.image, ",readonly=on"),
                                  ("scratch", f"{work}/scratch", ",cache=unsafe")):
            args += ["-drive", f"id={name},if=none,format=raw,file={path}{extra}",
                     "-device", f"virtio-blk-pci,drive={name}"]
        for tag, path, extra in (("tree", self.options.tree, ",readonly=on"),
                                 ("out", self.out, "")):
            args += ["-fsdev", f"local,id={tag},path={_comma(path)},security_model=none,"
                               f"multidevs=remap{extra}",
                     "-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"]
        if options.iommu:
            args += ["-device", "intel-iommu,intremap=off"]
        if options.display:
            args += ["-device", options.display]
        mask = f",dma_mask={options.edu_mask:#x}" if options.edu_mask else ""
        for _ in range(options.edu):
            args += ["-device", f"edu{mask}"]
        return args + options.qemu

    def _kernel_arguments(self):
        options = self.options
        # An oops is the end: what the dead task held would only keep the rest waiting. Clocks are
        # not compared, nor the timer interrupt waited for: a busy host would delay them too long.
        args = ["console=ttyS0", "ignore_loglevel", "panic=-1", "oops=panic", "no_hash_pointers",
                "rdinit=/init", "log_buf_len=4M", "rcupdate.rcu_cpu_stall_timeout=120",
                "tsc=reliable", "no_timer_check", f"cma={options.cma}"]
        if self.kernel.flavour == "debug":
            args += DEBUG
        if options.icount is not None:
            # While the host reads from its disk a guest that waits for that has nothing else to do,
            # so minutes of virtual time are skipped. A day of them is a real hang.
            args += ["sysctl.kernel.hung_task_timeout_secs=86400"]
        if options.iommu:
            args += ["intel_iommu=on"]
        return " ".join(args + options.append)

    def _start(self, work):
        ends = {}
        for name in ("control", "stdout", "stderr", "qmp"):
            self._ports[name], ends[name] = socket.socketpair()
        arguments = self._arguments(work, {name: end.fileno() for name, end in ends.items()})
        if self.options.verbose:
            say("qemu: " + shlex.join(arguments))
        with open(f"{work}/qemu", "wb") as errors:
            self._process = subprocess.Popen(
                arguments, stdin=None if self.shell else subprocess.DEVNULL,
                stdout=None if self.shell else errors, stderr=errors,
                pass_fds=[end.fileno() for end in ends.values()], preexec_fn=die_with_parent,
                start_new_session=not self.shell)
        for end in ends.values():
            end.close()

    def _attend(self, begin):
        """Serve the ports until the machine is gone or its time is over."""
        limit = self.options.timeout
        waiting = selectors.DefaultSelector()
        for name in ("control", "stdout", "stderr"):
            waiting.register(self._ports[name], selectors.EVENT_READ, name)
        while waiting.get_map():
            left = limit - (time.monotonic() - begin) if limit else None
            if left is not None and left <= 0:
                self.outcome.state, self.outcome.status = "timeout", TIMEOUT
                self.outcome.text = f"no end after {limit:g} s"
                return
            for key, _ in waiting.select(left):
                try:
                    data = key.fileobj.recv(65536)
                except ConnectionResetError:
                    data = b""
                if not data:
                    waiting.unregister(key.fileobj)
                elif key.data == "control":
                    self._listen(data)
                else:
                    stream = sys.stdout.buffer if key.data == "stdout" else sys.stderr.buffer
                    stream.write(data)
                    stream.flush()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=30)

    def _listen(self, data):
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            word, _, rest = line.decode(errors="replace").partition(" ")
            if word == "screenshot":
                self._ports["control"].sendall(self._screenshot(rest).encode() + b"\n")
            elif word == "exit":
                self.outcome.state, self.outcome.status = "exit", int(rest)
            elif word == "broken":
                self.outcome.state, self.outcome.text = "broken", rest

    def _screenshot(self, words):
        name, _, device = words.partition(" ")
        if not self.options.display:
            return "the machine has no display (--display)"
        if "/" in name:
            return "not a name"
        path = f"{self.out}/{name}.png"
        try:
            self._qmp("screendump", filename=path, format="png",
                      **({"device": device} if device else {}))
        except (OSError, VmError) as error:
            return f"screendump failed: {error}"
        return "ok"

    def _qmp(self, command, **arguments):
        """One QMP command, waited for."""
        port = self._ports["qmp"]
        port.settimeout(20)
        for request in ({"execute": "qmp_capabilities"},
                        {"execute": command, "arguments": arguments}):
            port.sendall(json.dumps(request).encode() + b"\n")
            answer = self._qmp_answer(port)
            if "error" in answer and request["execute"] == command:
                raise VmError(answer["error"]["desc"])

    @staticmethod
    def _qmp_answer(port):
        text = b""
        while True:
            data = port.recv(65536)
            if not data:
                raise VmError("QEMU is gone")
            text += data
            for line in text.split(b"\n")[:-1]:
                answer = json.loads(line)
                if "return" in answer or "error" in answer:
                    return answer

    def _stop(self):
        if self._process and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        for port in self._ports.values():
            port.close()

    def _collect(self, work):
        """Keep the kernel's log and see from it how the machine ended."""
        log = re.sub(r"\r|\x1b\[[0-9;?]*[A-Za-z]", "", read(f"{work}/log", default=""))
        write(f"{self.out}/dmesg.txt", log)
        outcome = self.outcome
        outcome.splats = splats.scan(log, read(f"{self.out}/kmemleak.txt", default=""),
                                     self.options.allow_warning)
        panic = re.search(r"Kernel panic - not syncing.*", log)
        if panic:
            outcome.state, outcome.status, outcome.text = "panic", PANIC, panic.group(0)
        elif outcome.state == "died":
            outcome.text = (read(f"{work}/qemu", default="").strip() or
                            "the machine went off by itself")
        if self.options.screenshot and os.path.exists(f"{self.out}/final.png"):
            shutil.move(f"{self.out}/final.png", self.options.screenshot)


def die_with_parent():
    """In the child: have the kernel kill QEMU if this program is killed."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _assignments(values, prefix=""):
    """Shell assignments of a dictionary."""
    return "".join(f"{prefix}{name}={shlex.quote(str(value))}\n"
                   for name, value in values.items()).encode()


def _comma(path):
    """A path as QEMU wants it inside of an option."""
    return path.replace(",", ",,")
