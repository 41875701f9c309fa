# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""What every gate does: run a program on files, and judge what it says."""

import os
import re
import shutil
import subprocess

from checklib.results import FAIL, PASS, SKIP, Result
from vmlib.base import TREE


def call(args, **kwargs):
    """(status, output) of a command run in the tree."""
    kwargs.setdefault("cwd", TREE)
    done = subprocess.run([str(arg) for arg in args], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **kwargs)
    return done.returncode, done.stdout.decode(errors="replace")


def silent(name, args, **kwargs):
    """The verdict of a program that has to end well and say nothing."""
    status, text = call(args, **kwargs)
    if status or text.strip():
        return Result(name, FAIL, f"status {status}\n{head(text)}")
    return Result(name, PASS)


def head(text, lines=40):
    """The first lines of a text, and how many more there are."""
    every = text.strip().splitlines()
    more = [f"… {len(every) - lines} more lines"] if len(every) > lines else []
    return "\n".join(every[:lines] + more)


def complaints(text, pattern=r"(warning|error|note):"):
    """The lines of a log that complain about something."""
    return [line for line in text.splitlines() if re.search(pattern, line)]


def program(*names):
    """The first of these programs that there is; numbered ones by a pattern such as clang-N."""
    for name in names:
        if name.endswith("-N"):
            found = sorted((int(each.rsplit("-", 1)[1]) for folder in os.get_exec_path()
                            if os.path.isdir(folder) for each in os.listdir(folder)
                            if re.fullmatch(re.escape(name[:-1]) + r"\d+", each)), reverse=True)
            if found:
                return f"{name[:-1]}{found[0]}"
        elif shutil.which(name):
            return name
    return None


def skip(name, why):
    """A gate that cannot be passed or failed here, and why."""
    return Result(name, SKIP, why)


def fail(name, why):
    """A gate that was not passed."""
    return Result(name, FAIL, why)


def ok(name):
    """A gate that was passed."""
    return Result(name, PASS)
