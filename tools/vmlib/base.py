# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""What every part of tools/vm needs: paths, errors, progress, locks, commands."""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

TOOLS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TREE = os.path.dirname(TOOLS)

_start = time.monotonic()
quiet = False


class VmError(Exception):
    """Something the user can act upon; the message says what."""


def say(text):
    """One line of progress, with the time since the start, on stderr."""
    if not quiet:
        print(f"vm: {time.monotonic() - _start:6.1f} s  {text}", file=sys.stderr, flush=True)


def cache(*parts):
    """A path below the cache directory; its parent exists afterwards."""
    top = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    path = os.path.join(top, "dgem", *parts)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return path


def slug(text):
    """text as a file name that make and shells take without quoting."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-")


def digest(*texts):
    """A short content key of the given strings."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


def read(path, default=None):
    """A text file's content, or default where there is no such file."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        if default is None:
            raise
        return default


def write(path, text):
    """Replace a text file in one step, and only where it differs."""
    if read(path, default="\0") == text:
        return
    with open(f"{path}.{os.getpid()}.new", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(file.name, path)


@contextlib.contextmanager
def lock(name):
    """Hold a named lock of the cache; say so when somebody else has it."""
    with open(cache("locks", name), "w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another tools/vm ({name})")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def fresh_directory(path):
    """An empty directory that becomes path when the block ends well."""
    work = path + ".partial"
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    yield work
    os.rename(work, path)


@contextlib.contextmanager
def work_directory():
    """A directory for the caller alone; those that killed processes left go, too."""
    top = os.path.dirname(cache("work", ""))
    for name in os.listdir(top):
        if not os.path.exists(f"/proc/{name.partition('-')[0]}"):
            shutil.rmtree(os.path.join(top, name), ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{os.getpid()}-", dir=top,
                                     ignore_cleanup_errors=True) as mine:
        yield mine


def run(args, log=None, **kwargs):
    """Run a command; on failure raise with the end of what it said.

    With log, its output goes to that file and only its end is shown if it fails.
    """
    args = [str(arg) for arg in args]
    if log:
        with open(log, "wb") as file:
            done = subprocess.run(args, stdin=subprocess.DEVNULL, stdout=file,
                                  stderr=subprocess.STDOUT, check=False, **kwargs)
        text = read(log) if done.returncode else ""
    else:
        done = subprocess.run(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False, **kwargs)
        text = done.stdout.decode(errors="replace")
    if done.returncode:
        tail = "\n".join(text.splitlines()[-25:])
        where = f"\n(all of it: {log})" if log else ""
        raise VmError(f"{' '.join(args[:6])}… failed ({done.returncode}):\n{tail}{where}")
    return text
