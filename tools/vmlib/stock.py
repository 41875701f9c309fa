# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""Debian's own kernels: which there are, and a place to build modules for them."""

import contextlib
import json
import os
import re
import tempfile

from .apt import ALL_SUITES, Apt
from .base import VmError, cache, read, run, write
from .rootfs import Builder

STOCK = ("6.1", "6.12", "newest")
# The compilers of kernels for other processors; those for this machine's come with its headers.
COMPILERS = ("gcc-14-aarch64-linux-gnu", "gcc-14-arm-linux-gnueabihf", "gcc-14-riscv64-linux-gnu")


def releases(refresh=False):
    """name -> what `uname -r` says, of every stock kernel; kept until refreshed."""
    note = cache("resolved", "stock.json")
    known = json.loads(read(note, default="{}"))
    if refresh or set(known) != set(STOCK):
        apt = Apt(ALL_SUITES)
        apt.update(force=refresh)
        found = [name[len("linux-headers-"):] for name in apt.names("linux-headers-")
                 if re.fullmatch(r"linux-headers-[0-9.]+[-+~0-9a-z]*-amd64", name)
                 and not re.search(r"-(rt|cloud)-|rc", name) and apt.candidate(name)
                 and apt.candidate(name.replace("headers", "image"))]
        known = {name: _newest(found, name) for name in STOCK}
        write(note, json.dumps(known) + "\n")
    return known


def _newest(found, name):
    """The newest release of a series, or of all; a kernel of a released suite before one of sid."""
    mine = [each for each in found if name == "newest" or re.match(re.escape(name) + r"\.\d", each)]
    if not mine:
        raise VmError(f"no stock kernel {name!r} among {', '.join(sorted(found))}")
    return max(mine, key=lambda each: [int(part) for part in re.findall(r"\d+", each)])


class Stock:
    """All stock kernels, unpacked in one system with their headers and compilers."""

    def __init__(self, refresh=False):
        self.releases = releases(refresh)
        packages = [f"linux-{what}-{release}" for release in self.releases.values()
                    for what in ("headers", "image")]
        self.builder = Builder(packages + list(COMPILERS), refresh)

    def ensure(self):
        """Fetch and unpack what is not there."""
        self.builder.ensure()
        return self

    @contextlib.contextmanager
    def scratch(self):
        """(path here, path in the system) of a directory of its own that goes in the end."""
        top = f"{self.builder.root}/scratch"
        os.makedirs(top, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=top) as work:
            yield work, "/scratch/" + os.path.basename(work)

    def call(self, command, **kwargs):
        """Run a shell command in the system; returns its output."""
        script = ('mount --rbind /dev "$1/dev" && mount -t proc proc "$1/proc" && '
                  'exec chroot "$1" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root '
                  'LANG=C.UTF-8 /bin/bash -ec "$2"')
        own = ["--map-root-user", "--pid", "--fork"] if os.geteuid() else []
        return run(["unshare", "--mount", *own, "sh", "-ec", script, "sh", self.builder.root,
                    command], **kwargs)
