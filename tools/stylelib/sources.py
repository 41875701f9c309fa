# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""Which files there are: by what they are, so that a new one is checked from its first day."""

import os
import re
import subprocess

from vmlib.base import TREE

# Texts of others, word for word.
FOREIGN = re.compile(r"^(LICENSES/|COPYING$)")


def every():
    """All files of the project, relative to its top: what git would take, or all without git."""
    done = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                          cwd=TREE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    if done.returncode == 0:
        names = done.stdout.decode().split("\0")
    else:
        names = [os.path.relpath(os.path.join(folder, name), TREE)
                 for folder, folders, files in os.walk(TREE)
                 for name in files if not _skip(folders)]
    return sorted(name for name in names
                  if name and not FOREIGN.match(name) and os.path.isfile(f"{TREE}/{name}"))


def _skip(folders):
    for name in ("out", ".git", "__pycache__"):
        if name in folders:
            folders.remove(name)


def _first_line(name):
    with open(f"{TREE}/{name}", "rb") as file:
        return file.readline(200).decode(errors="replace")


def matching(pattern):
    """The files whose path matches a regular expression."""
    return [name for name in every() if re.search(pattern, name)]


def kernel():
    """What goes into a kernel tree, but for the header that stays beside it."""
    return [name for name in matching(r"^(drivers|uapi|Documentation)/") if "compat" not in name]


def kernel_code():
    """C files and headers of the driver, and the uAPI header."""
    return matching(r"^(drivers|uapi)/.*\.[ch]$")


def user_code():
    """C files and headers of user space and of the tests."""
    return matching(r"^(userspace|igt-tests)/.*\.[ch]$")


def shell():
    """Shell scripts, by their name or first line."""
    return [name for name in every() if name.endswith(".sh") or
            re.match(r"^#!.*\b(ba|da)?sh\b|^# shellcheck shell=", _first_line(name))]


def python():
    """Python programs and modules."""
    return [name for name in every()
            if name.endswith(".py") or re.match(r"^#!.*\bpython3?\b", _first_line(name))]
