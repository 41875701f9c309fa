# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""Which subtests a step of a machine runs: the guest's own programs, asked on this machine.

An emulated machine takes minutes to start each test once more just to ask it, and igt_runner
asks twice: for the list, and before it runs it.
"""

import functools
import re
import subprocess

from vmlib.base import TOOLS, TREE, VmError, read
from vmlib.rootfs import RootFs

OURS = f"{TREE}/out/igt-tests"
THEIRS = "usr/libexec/igt-gpu-tools"
# What a test without subtests answers when it is asked for them.
NO_SUBTESTS = 79


def _lines(path):
    """What a list has, without its comments."""
    return [line.split("#")[0].strip() for line in read(path).splitlines()
            if line.split("#")[0].strip()]


def ours(arguments):
    """Names of our tests as the step's arguments choose them, see tools/guest/check."""
    if arguments and not arguments[0].startswith("-"):
        return list(dict.fromkeys(each.split("@")[0] for each in arguments
                                  if not each.startswith("-@")))
    left_out = {each[1:] for each in arguments}
    return [name for name in _lines(f"{TREE}/igt-tests/test-list.txt")
            if "TESTLIST" not in name and name not in left_out]


def theirs(names):
    """Programs of IGT's own, by their names."""
    root = RootFs().root
    return [f"{root}/{THEIRS}/{each}" for each in names]


@functools.cache
def subtests(program):
    """A program's subtests as igt_runner names them."""
    root = RootFs().root
    done = subprocess.run([f"{root}/lib64/ld-linux-x86-64.so.2", "--library-path",
                           f"{root}/usr/lib/x86_64-linux-gnu", program, "--list-subtests"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)
    name = program.rsplit("/", 1)[1]
    if done.returncode == NO_SUBTESTS:
        return (f"igt@{name}",)
    if done.returncode:
        raise VmError(f"{name} --list-subtests ended with {done.returncode}:\n{done.stderr}")
    return tuple(f"igt@{name}@{each}" for each in done.stdout.split())


def of_step(step):
    """
    The list of a step that runs IGT tests, as text; None for other steps. "-@PATTERN" leaves out
    those of our subtests that are called so.
    """
    name, *arguments = step.split()
    wanted = [re.compile(each) for each in _lines(f"{TOOLS}/checklib/lent.txt")]
    if name == "upstream":
        programs = theirs(_lines(f"{TOOLS}/checklib/upstream.txt"))
    elif name == "lent":
        programs = theirs(dict.fromkeys(each.pattern.split("@")[1] for each in wanted))
    elif name in ("igt", "stress"):
        programs = [f"{OURS}/{each}" for each in ours(arguments)]
    else:
        return None
    found = [each for program in programs for each in subtests(program)]
    if name == "stress":
        found = [each for each in found if "@stress-" in each]
        found = [each for each in found
                 if each.split("@")[1] in arguments or each.split("@", 1)[1] in arguments]
    elif name == "lent":
        found = [each for each in found if any(want.fullmatch(each) for want in wanted)]
    else:
        blocked = [re.compile(each) for each in _lines(f"{TOOLS}/checklib/blocklist.txt")]
        blocked += [re.compile(each[1:]) for each in arguments if each.startswith("-@")]
        found = [each for each in found if not any(block.search(each) for block in blocked)]
    return "".join(f"{each}\n" for each in found)
