# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""Kernels for the virtual machine: Debian's source, our configuration, one build each."""

import json
import os
import re
import shutil
import subprocess

from . import host
from .apt import ALL_SUITES, SUITES, Apt
from .base import TOOLS, VmError, cache, digest, fresh_directory, lock, read, run, say, slug, write
from .processors import PROCESSORS

FLAVOURS = ("plain", "debug")
# Their images, and the fragments that they have besides.
IMAGES = {"x86_64": "arch/x86/boot/bzImage", "arm64": "arch/arm64/boot/Image",
          "arm64-64k": "arch/arm64/boot/Image"}
ARCHES = tuple(IMAGES)
FRAGMENTS = {"x86_64": (), "arm64": ("arm64",), "arm64-64k": ("arm64", "arm64-64k")}
KERNELS = ("newest", "6.12")
# Sources that only the oldest release has.
OLDEST = ("6.1",)
LAST_SUPPORTED = (7, 3)
HIDDEN = "Kconfig.dgem"


def options_of(text):
    """NAME -> (value, remark) of a fragment; a remark says why it may be missing."""
    found = {}
    for line in text.splitlines():
        match = re.match(r"CONFIG_(\w+)=(\S+|\"[^\"]*\")\s*(?:#\s*(.*))?$", line)
        if match:
            found[match.group(1)] = (match.group(2), match.group(3))
    return found


class Kernel:
    """One kernel in one flavour: where it is, and how it comes to be."""

    def __init__(self, name="newest", flavour="plain", arch="x86_64"):
        if arch not in ARCHES:
            raise VmError(f"for {arch} there are only Debian's own kernels (--flavour stock)")
        self.name, self.flavour, self.arch = name, flavour, arch
        self.package, self.version = resolve(name)
        self.series = self.package.rsplit("-", 1)[1]
        self.options = {}
        for fragment in ("base", self.series, flavour, *FRAGMENTS[arch], f"{arch}-{flavour}"):
            self.options.update(options_of(read(f"{TOOLS}/kernel/{fragment}.config", default="")))
        self.wanted = "".join(f"CONFIG_{name}={value}\n"
                              for name, (value, _) in sorted(self.options.items()))
        self.hidden = read(f"{TOOLS}/kernel/hidden.Kconfig")
        processor = PROCESSORS[arch]
        foreign = bool(processor.cross)
        host.require("build", *([processor.make] if foreign else []))
        # What every make for this kernel is told, the modules' too.
        self.cross = [f"ARCH={processor.make}",
                      f"CROSS_COMPILE={processor.cross}"] if foreign else []
        key = digest(self.version, self.wanted, self.hidden, compiler(processor.cross))
        self.key = f"{slug(self.version)}-{arch + '-' if foreign else ''}{flavour}-{key}"
        self.source = cache("source", f"linux-{slug(self.version)}")
        self.build = cache("kernel", self.key, "build")
        self.modules = cache("kernel", self.key, "modules")
        self.image = os.path.join(self.build, IMAGES[arch])
        self._stamp = cache("kernel", self.key, "complete")

    @property
    def release(self):
        """What `uname -r` says in it."""
        return read(f"{self.build}/include/config/kernel.release").strip()

    def ensure(self):
        """Build whatever is not there yet."""
        if os.path.exists(self._stamp):
            return self
        with lock(f"kernel-{self.key}"):
            if not os.path.exists(self._stamp):
                self._unpack()
                self._configure()
                self._compile()
                write(self._stamp, self.release + "\n")
        return self

    def unpacked(self):
        """Only the source, for its scripts."""
        if not os.path.isdir(self.source):
            self._unpack()
        return self

    def _unpack(self):
        with lock(f"source-{slug(self.version)}"):
            if not os.path.isdir(self.source):
                deb = Apt(_suites(self.name)).fetch(self.package, self.version)
                say(f"kernel: unpacking {self.package} {self.version}")
                with fresh_directory(self.source) as work:
                    run(["sh", "-ec", 'dpkg-deb --fsys-tarfile "$1" | '
                         'tar -xO --wildcards "./usr/src/*.tar.xz" | '
                         'tar -xJ --strip-components=1', "sh", deb], cwd=work)
            write(f"{self.source}/{HIDDEN}", self.hidden)
            top = read(f"{self.source}/Kconfig")
            if HIDDEN not in top:
                write(f"{self.source}/Kconfig", f'{top}\nsource "{HIDDEN}"\n')

    def make(self, *args, log=None):
        """make of this kernel's build tree."""
        return run(["make", "-C", self.source, f"O={self.build}", f"-j{jobs()}", *self.cross,
                    *args], log=log)

    def _configure(self):
        config = f"{self.build}/.config"
        os.makedirs(self.build, exist_ok=True)
        if read(f"{self.build}/wanted.config", default="") != self.wanted:
            write(f"{self.build}/new.config", self.wanted)
            self.make("-s", "KCONFIG_ALLCONFIG=new.config", "allnoconfig")
            os.rename(f"{self.build}/new.config", f"{self.build}/wanted.config")
        have = {name: value for name, (value, _) in options_of(read(config)).items()}
        lost = [(name, value, remark) for name, (value, remark) in self.options.items()
                if have.get(name, "n") != value]
        for name, value, remark in lost:
            say(f"kernel: CONFIG_{name}={value} did not hold" + (f" ({remark})" if remark else ""))
        if any(not remark for *_, remark in lost):
            os.unlink(f"{self.build}/wanted.config")
            raise VmError("the kernel configuration lacks options that dgem needs (see above)")

    def _compile(self):
        half = os.path.exists(f"{self.build}/init/main.o")
        log = cache("kernel", self.key, "build.log")
        say(f"kernel: {'resuming' if half else 'building'} {self.series} {self.flavour}, "
            f"about 6 minutes on 2 cores (log: {log})")
        self._watch([os.path.basename(self.image), "modules"], log)
        say("kernel: modules")
        shutil.rmtree(self.modules, ignore_errors=True)
        self.make("-s", "modules_install", f"INSTALL_MOD_PATH={self.modules}", "DEPMOD=true")
        for link in ("build", "source"):
            link = f"{self.modules}/lib/modules/{self.release}/{link}"
            if os.path.islink(link):
                os.unlink(link)

    def _watch(self, targets, log):
        """Compile and say from time to time how far it is."""
        args = ["make", "-C", self.source, f"O={self.build}", f"-j{jobs()}", *self.cross,
                *targets]
        with open(log, "wb") as file:
            with subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=file,
                                  stderr=subprocess.STDOUT) as process:
                while True:
                    try:
                        status = process.wait(timeout=30)
                        break
                    except subprocess.TimeoutExpired:
                        say(f"kernel: {read(log).count(chr(10))} files")
                    except BaseException:
                        process.terminate()
                        raise
        if status:
            errors = [line for line in read(log).splitlines()
                      if re.search(r"error|Error|undefined|\*\*\*", line)]
            raise VmError(f"the kernel did not build ({log}):\n" + "\n".join(errors[-20:]))


def jobs():
    """How many compilers may run at once."""
    return len(os.sched_getaffinity(0))


def compiler(prefix=""):
    """The compiler's identity: objects of two compilers are not mixed."""
    return run([f"{prefix}gcc", "--version"]).splitlines()[0]


def _suites(name):
    return ALL_SUITES if name in OLDEST else SUITES


def resolve(name, refresh=False):
    """(package, version) of a kernel by its name; kept until refreshed.

    The choice is remembered, so that a suite that moves on does not cost a
    build in the middle of somebody's work; `tools/vm update` renews it.
    """
    note = cache("resolved", f"{slug(name)}.json")
    if not refresh and os.path.exists(note):
        return tuple(json.loads(read(note)))
    apt = Apt(_suites(name))
    apt.update(force=refresh)
    series = {package.rsplit("-", 1)[1] for package in apt.names("linux-source-")
              if re.fullmatch(r"linux-source-\d+\.\d+", package)}
    order = {each: tuple(int(part) for part in each.split(".")) for each in series}
    chosen = max(series, key=order.get) if name == "newest" and series else name
    version = apt.candidate(f"linux-source-{chosen}") if chosen in series else None
    if not version:
        raise VmError(f"no kernel {name!r}: the suites have {', '.join(sorted(series))}")
    if order[chosen] > LAST_SUPPORTED:
        say(f"kernel: warning: {chosen} is newer than "
            f"{'.'.join(map(str, LAST_SUPPORTED))}, the last one that dgem is known to build on")
    found = (f"linux-source-{chosen}", version)
    write(note, json.dumps(found) + "\n")
    return found
