# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""The sources as packages see them: the project's files and nothing that was built."""

import os
import re
import shutil

from stylelib import sources
from vmlib.base import TOOLS, TREE, read, write


def version():
    """The project's version."""
    return re.search(r"version : '([^']+)'", read(f"{TREE}/userspace/meson.build")).group(1)


def export(folder, pattern=""):
    """Copy the files whose path matches a pattern."""
    for name in sources.matching(pattern):
        os.makedirs(os.path.dirname(f"{folder}/{name}"), exist_ok=True)
        shutil.copy2(f"{TREE}/{name}", f"{folder}/{name}")


def dkms(folder):
    """What goes to /usr/src/dgem-VERSION."""
    export(folder, r"^(Kconfig|Makefile|drivers/|uapi/)")
    write(f"{folder}/dkms.conf", read(f"{TOOLS}/debian/dgem-dkms.dkms")
          .replace("#MODULE_VERSION#", version()))
