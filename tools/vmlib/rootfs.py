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
    "gstreamer1.0-tools", "libgstreamer-plugins-base1.0-0", "libgudev-1.0-0",
)
# Files of packages that would bring hundreds of others along: GStreamer's camera and display.
PARTS = {
    "gstreamer1.0-plugins-good": ("*/libgstvideo4linux2.so",),
    "gstreamer1.0-plugins-bad": ("*/libgstkms.so",),
}
BUILDER = ("base-files", "bash", "busybox-static", "coreutils", "dkms", "dpkg", "findutils",
           "mawk", "grep", "gzip", "hostname", "kmod", "libelf1t64", "make", "mount", "ncurses-bin",
           "patch", "perl-base", "procps", "sed", "tar", "util-linux", "xz-utils")
# Raised when what make_root() does changes: part of the image's key.
RECIPE = "2"
# What nobody reads in a guest is a third of the files.
LEFT_OUT = ("doc", "iso-codes", "locale", "man", "xml/iso-codes")

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


def _package(deb):
    """The package that a .deb is of, by its file name."""
    return deb.split("_")[0]


class Root:
    """A system's files (.root), of some packages and all they need, and of parts of others."""

    NAME = ""
    SUITES = SUITES
    ARCH = "amd64"

    def __init__(self, packages, refresh=False, parts=None):
        self.packages, self.parts = packages, parts or {}
        note = cache("resolved", f"{self.NAME}.json")
        debs = json.loads(read(note, default="[]"))
        have = {_package(name) for name in debs}
        if refresh or not have.issuperset([*packages, *self.parts]):
            self._choose(refresh)
        else:
            self._settle(debs)

    def _choose(self, refresh):
        """Note the packages to use from now on; see kernel.resolve()."""
        apt = Apt(self.SUITES, self.ARCH)
        apt.update(force=refresh)
        debs = apt.closure(self.packages) + apt.alone(self.parts)
        write(cache("resolved", f"{self.NAME}.json"), json.dumps(debs, indent=0) + "\n")
        self._settle(debs)

    def _settle(self, debs):
        self.debs = debs
        files = [name for names in self.parts.values() for name in names]
        self.top = cache(self.NAME, digest(RECIPE, *debs, *files))
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
                folder = Apt(self.SUITES, self.ARCH).fetch_closure(self.packages, self.parts)
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
        leave = [f"--exclude=./usr/share/{name}" for name in LEFT_OUT]
        for name in self.debs:
            wanted = self.parts.get(_package(name), ())
            # Older packages have files in /lib, which is a link here and has to stay one.
            run(["sh", "-ec", 'deb=$1; shift; dpkg-deb --fsys-tarfile "$deb" | '
                 'tar -x --keep-directory-symlink "$@"', "sh", f"{folder}/{name}", "-C", root,
                 *leave, *(["--wildcards", *wanted] if wanted else [])])
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
        super().__init__(PACKAGES, refresh, PARTS)

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


class RootFs32(RootFs):
    """The same for 32-bit programs, of packages for them."""

    NAME = "rootfs-i386"
    # Backports are made for other processors.
    SUITES = ("trixie", "sid")
    ARCH = "i386"


class Builder(Root):
    """Where modules are built against Debian's header packages, by the compilers they ask for."""

    NAME = "builder"
    SUITES = ALL_SUITES

    def __init__(self, headers, refresh=False):
        super().__init__(BUILDER + tuple(sorted(headers)), refresh)
