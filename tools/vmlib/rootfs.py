# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""Systems of Debian's packages, unpacked: the guest's, an ext2 image, and one to build in."""

import json
import os

from . import host
from .apt import ALL_SUITES, SUITES, Apt
from .base import cache, digest, fresh_directory, lock, read, run, say, write

PACKAGES = (
    "base-files", "bash", "busybox-static", "coreutils", "diffutils", "findutils", "grep", "mawk",
    "sed",
    "kmod", "mount", "pciutils", "procps", "strace", "util-linux",
    "igt-gpu-tools", "igt-gpu-tools-tests", "libdrm-tests", "v4l-utils",
)
BUILDER = ("base-files", "bash", "busybox-static", "coreutils", "dkms", "dpkg", "findutils",
           "mawk", "grep", "gzip", "hostname", "kmod", "libelf1t64", "make", "mount", "ncurses-bin",
           "patch", "perl-base", "procps", "sed", "tar", "util-linux", "xz-utils")
# Raised when what make_root() does changes: part of the image's key.
RECIPE = "1"

ACCOUNTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\n"
                  "user:x:1000:1000:user:/tmp:/bin/bash\n"
                  "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "etc/group": "root:x:0:\ntty:x:5:\nvideo:x:44:\nrender:x:104:\nuser:x:1000:\n"
                 "nogroup:x:65534:\n",
    "etc/hostname": "dgem\n",
    "etc/hosts": "127.0.0.1 localhost\n",
}
# What the packages' own scripts would have linked, had they been installed.
LINKS = {"bin/sh": "bash", "usr/bin/awk": "mawk"}


class Root:
    """A system's files (.root), of some packages and all they need."""

    NAME = ""
    SUITES = SUITES

    def __init__(self, packages, refresh=False):
        self.packages = packages
        note = cache("resolved", f"{self.NAME}.json")
        debs = json.loads(read(note, default="[]"))
        have = {name.split("_")[0] for name in debs}
        if refresh or not have.issuperset(packages):
            self._choose(refresh)
        else:
            self._settle(debs)

    def _choose(self, refresh):
        """Note the packages to use from now on; see kernel.resolve()."""
        apt = Apt(self.SUITES)
        apt.update(force=refresh)
        debs = apt.closure(self.packages)
        write(cache("resolved", f"{self.NAME}.json"), json.dumps(debs, indent=0) + "\n")
        self._settle(debs)

    def _settle(self, debs):
        self.debs = debs
        self.top = cache(self.NAME, digest(RECIPE, *debs))
        self.root = os.path.join(self.top, "root")

    def ensure(self):
        """Make it if it is not there."""
        if os.path.isdir(self.top):
            return self
        with lock(self.NAME):
            if not os.path.isdir(self.top):
                # Versions that were noted earlier may have left the mirror since.
                self._choose(refresh=False)
            if not os.path.isdir(self.top):
                say(f"{self.NAME}: fetching {len(self.debs)} packages")
                folder = Apt(self.SUITES).fetch_closure(self.packages)
                with fresh_directory(self.top) as work:
                    self._make_root(f"{work}/root", folder)
                    self._finish(work)
        return self

    def _make_root(self, root, folder):
        say(f"{self.NAME}: unpacking")
        os.makedirs(f"{root}/usr")
        for name in ("bin", "sbin", "lib", "lib64"):
            os.makedirs(f"{root}/usr/{name}")
            os.symlink(f"usr/{name}", f"{root}/{name}")
        for name in self.debs:
            # Older packages have files in /lib, which is a link here and has to stay one.
            run(["sh", "-ec", 'dpkg-deb --fsys-tarfile "$1" | '
                 'tar -x --keep-directory-symlink -C "$2"', "sh", f"{folder}/{name}", root])
        for name in ("dev", "proc", "sys", "tmp", "run", "root", "out", "dgem", "mnt", "dev/shm"):
            os.makedirs(f"{root}/{name}", exist_ok=True)
        for name, text in ACCOUNTS.items():
            write(f"{root}/{name}", text)
        for name, target in LINKS.items():
            if not os.path.lexists(f"{root}/{name}"):
                os.symlink(target, f"{root}/{name}")

    def _finish(self, work):
        """What else is made of the root in the directory work."""


class RootFs(Root):
    """The guest's: the image to boot from (.image) and the same files to link against (.root)."""

    NAME = "rootfs"

    def __init__(self, refresh=False):
        host.require("rootfs")
        super().__init__(PACKAGES, refresh)

    @property
    def image(self):
        """The file system's image."""
        return os.path.join(self.top, "image")

    def _finish(self, work):
        self._make_image(f"{work}/root", f"{work}/image")

    @staticmethod
    def _make_image(root, image):
        say("rootfs: image")
        size = int(run(["du", "-sk", "--apparent-size", root]).split()[0])
        files = sum(len(names) + len(folders) for _, folders, names in os.walk(root))
        room = f"{(size + files * 4) * 11 // 10 + 16384}k"
        run(["mke2fs", "-q", "-t", "ext2", "-b", "4096", "-m", "0", "-N", files + 1000,
             "-E", "root_owner=0:0", "-d", root, image, room])


class Builder(Root):
    """Where modules are built against Debian's header packages, by the compilers they ask for."""

    NAME = "builder"
    SUITES = ALL_SUITES

    def __init__(self, headers, refresh=False):
        super().__init__(BUILDER + tuple(sorted(headers)), refresh)
