# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""The guest's file system: packages of Debian sid, unpacked into an ext2 image."""

import json
import os

from . import host
from .apt import Apt
from .base import cache, digest, fresh_directory, lock, read, run, say, write

PACKAGES = (
    "base-files", "bash", "busybox-static", "coreutils", "grep", "sed", "mawk", "findutils", "diffutils",
    "kmod", "procps", "strace", "util-linux", "igt-gpu-tools", "igt-gpu-tools-tests",
    "libdrm-tests", "v4l-utils",
)
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


class RootFs:
    """The image to boot from (.image) and the same files to link against (.root)."""

    def __init__(self, refresh=False):
        note = cache("resolved", "rootfs.json")
        host.require("rootfs")
        if refresh or not os.path.exists(note):
            apt = Apt()
            apt.update(force=refresh)
            write(note, json.dumps(apt.closure(PACKAGES), indent=0) + "\n")
        self.debs = json.loads(read(note))
        if not refresh and not self._covers():
            self.__init__(refresh=True)
            return
        self.top = cache("rootfs", digest(RECIPE, *self.debs))
        self.root = os.path.join(self.top, "root")
        self.image = os.path.join(self.top, "image")

    def _covers(self):
        """Whether the noted choice has every package we ask for now."""
        have = {name.split("_")[0] for name in self.debs}
        return all(package in have for package in PACKAGES)

    def ensure(self):
        """Make the image if it is not there."""
        if os.path.isdir(self.top):
            return self
        with lock("rootfs"):
            if not os.path.isdir(self.top):
                folder = self._fetch()
                with fresh_directory(self.top) as work:
                    self._make_root(f"{work}/root", folder)
                    self._make_image(f"{work}/root", f"{work}/image")
        return self

    def _fetch(self):
        apt = Apt()
        apt.update()
        say(f"rootfs: fetching {len(self.debs)} packages of sid")
        folder = apt.fetch_closure(PACKAGES)
        if not all(os.path.exists(f"{folder}/{name}") for name in self.debs):
            # The suite moved on since the choice was noted: take what it has now.
            self.__init__(refresh=True)
            folder = apt.fetch_closure(PACKAGES)
        return folder

    def _make_root(self, root, folder):
        say("rootfs: unpacking")
        os.makedirs(f"{root}/usr")
        for name in ("bin", "sbin", "lib", "lib64"):
            os.makedirs(f"{root}/usr/{name}")
            os.symlink(f"usr/{name}", f"{root}/{name}")
        for name in self.debs:
            run(["dpkg-deb", "-x", f"{folder}/{name}", root])
        for name in ("dev", "proc", "sys", "tmp", "run", "root", "out", "dgem", "mnt", "dev/shm"):
            os.makedirs(f"{root}/{name}", exist_ok=True)
        for name, text in ACCOUNTS.items():
            write(f"{root}/{name}", text)
        for name, target in LINKS.items():
            if not os.path.lexists(f"{root}/{name}"):
                os.symlink(target, f"{root}/{name}")

    @staticmethod
    def _make_image(root, image):
        say("rootfs: image")
        size = int(run(["du", "-sk", "--apparent-size", root]).split()[0])
        files = sum(len(names) + len(folders) for _, folders, names in os.walk(root))
        run(["mke2fs", "-q", "-t", "ext2", "-b", "4096", "-m", "0", "-N", files + 1000,
             "-E", "root_owner=0:0", "-d", root, image, f"{(size + files * 4) * 11 // 10 + 16384}k"],
            env=dict(os.environ, PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"))
