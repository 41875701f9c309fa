# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""dgem's modules for one kernel, built in a copy so that the tree stays clean."""

import json
import os
import re
import shutil

from .base import TREE, VmError, cache, digest, lock, read, run, say, write
from .kernel import jobs

# What the build reads.  Its products stay beside the copy's files between builds.
PARTS = ("Kconfig", "Makefile", "drivers", "uapi")
PRODUCTS = re.compile(r"(\.(o|ko|mod|mod\.c|cmd|gcno|gcda|order|symvers|a|d)|~)$|^\.tmp_")


def _files(tree):
    """Every source file of the tree that the build reads, as relative paths."""
    for part in PARTS:
        if os.path.isfile(f"{tree}/{part}"):
            yield part
        for folder, _, names in os.walk(f"{tree}/{part}"):
            for name in names:
                if not PRODUCTS.search(name):
                    yield os.path.relpath(os.path.join(folder, name), tree)


def mirror(tree, copy):
    """Bring the copy up to date; files keep their times, so make rebuilds little."""
    note = f"{copy}/.copied"
    now = sorted(_files(tree))
    for name in set(json.loads(read(note, default="[]"))) - set(now):
        if os.path.exists(f"{copy}/{name}"):
            os.unlink(f"{copy}/{name}")
    for name in now:
        source, target = f"{tree}/{name}", f"{copy}/{name}"
        have, want = (os.stat(path) if os.path.exists(path) else None for path in (target, source))
        if not have or (have.st_mtime_ns, have.st_size) != (want.st_mtime_ns, want.st_size):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy2(source, target)
    write(note, json.dumps(now))


class Modules:
    """The module directory that a guest gets: the kernel's own, and dgem's if asked for."""

    # What the guest's first program has to load; here that is part of the kernel.
    early = ()

    def __init__(self, kernel, tree=TREE, own=True):
        self.kernel, self.tree, self.own = kernel, tree, own
        which = digest(tree) if own else "none"
        self.copy = cache("modules", f"{kernel.key}-{which}", "source")
        self.root = cache("modules", f"{kernel.key}-{which}", "root")
        self.log = cache("modules", f"{kernel.key}-{which}", "build.log")
        self._name = f"modules-{kernel.key}-{which}"

    @property
    def folder(self):
        """lib/modules/RELEASE of what was built."""
        return f"{self.root}/lib/modules/{self.kernel.release}"

    def locked(self):
        """Held while the modules are built, or read."""
        return lock(self._name)

    def ensure(self, make_args=(), keep_going=False):
        """Build what changed and refresh the module directory; returns make's output."""
        with self.locked():
            text = self._build(make_args, keep_going) if self.own else ""
            self._install()
        return text

    def _build(self, make_args, keep_going):
        os.makedirs(self.copy, exist_ok=True)
        mirror(self.tree, self.copy)
        say(f"modules: {self.kernel.series} {self.kernel.flavour}")
        args = ["make", "-C", self.kernel.build, f"M={self.copy}", f"-j{jobs()}",
                *self.kernel.cross]
        try:
            run(args + (["-k"] if keep_going else []) + [*make_args, "modules"], log=self.log)
        except VmError:
            lines = [line for line in read(self.log).splitlines()
                     if not re.match(r"\s+(CC|LD|AR|MODPOST)\b|make\[?\d*\]?: (Enter|Leav)", line)]
            text = "\n".join(lines[-60:]).replace(f"{self.copy}/", "")
            raise VmError(f"the modules did not build ({self.log}):\n{text}") from None
        return read(self.log)

    def _install(self):
        own = self.built()
        stamp = json.dumps([[path, os.stat(path).st_mtime_ns] for path in own])
        if read(f"{self.root}/stamp", default="") == stamp:
            return
        work = f"{self.root}.partial"
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(self.kernel.modules, work, symlinks=True)
        extra = f"{work}/lib/modules/{self.kernel.release}/extra"
        os.makedirs(extra)
        for path in own:
            shutil.copy2(path, extra)
        run(["depmod", "-b", work, self.kernel.release])
        write(f"{work}/stamp", stamp)
        shutil.rmtree(self.root, ignore_errors=True)
        os.rename(work, self.root)

    def built(self):
        """The .ko files of the last build."""
        if not self.own:
            return []
        # Relative to the copy, but absolute before 6.13.
        return [os.path.join(self.copy, line[:-2] + ".ko")
                for line in read(f"{self.copy}/modules.order", default="").split()]
