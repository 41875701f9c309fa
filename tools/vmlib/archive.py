# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""The initramfs: a cpio archive in the "newc" format, written without outside help."""

import os
import stat


class Archive:
    """Collects files and writes them to an open binary file."""

    def __init__(self, file):
        self._file = file
        self._inode = 0
        self._folders = set()

    def _entry(self, name, mode, data=b""):
        self._inode += 1
        path = name.encode() + b"\0"
        fields = (self._inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + path
        self._file.write(head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4))

    def folder(self, name):
        """A directory and those above it, once."""
        if name and name not in self._folders:
            self.folder(os.path.dirname(name))
            self._folders.add(name)
            self._entry(name, stat.S_IFDIR | 0o755)

    def data(self, name, data, mode=0o644):
        """A file from bytes."""
        self.folder(os.path.dirname(name))
        self._entry(name, stat.S_IFREG | mode, data)

    def copy(self, name, path):
        """A file of the host, with its permission bits."""
        with open(path, "rb") as file:
            self.data(name, file.read(), stat.S_IMODE(os.stat(path).st_mode))

    def tree(self, name, path):
        """All regular files below a directory of the host."""
        for folder, _, files in os.walk(path):
            for each in files:
                full = os.path.join(folder, each)
                if os.path.isfile(full):
                    self.copy(os.path.join(name, os.path.relpath(full, path)), full)

    def close(self):
        """End the archive."""
        self._entry("TRAILER!!!", 0)
