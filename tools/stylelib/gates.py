# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""All gates, and how they are run."""

import traceback

from checklib.results import FAIL, Result
from vmlib import host
from vmlib.base import VmError
from vmlib.kernel import Kernel

from . import binding, build, header, text, userspace

QUICK = (text.checkpatch, text.kernel_doc, text.spelling, text.scripts, text.lines, text.abi,
         header.header)
ALL = QUICK + (build.warnings, build.sparse, build.coccinelle, build.clang,
               userspace.clang_tidy, userspace.cppcheck, binding.bindings)


def run(chosen, say):
    """(name, results) of each gate; what a gate could not do is a failure, and no verdict, too."""
    host.require("style-quick", *(["style"] if any(each not in QUICK for each in chosen) else []))
    kernel = Kernel("newest", "debug").unpacked()
    groups = []
    for gate in chosen:
        say(gate.__doc__.strip().rstrip("."))
        results = []
        try:
            results.extend(gate(kernel))
        except VmError as error:
            results.append(Result(gate.__name__, FAIL, str(error)))
        except Exception:  # whatever it is, the other gates have something to say
            results.append(Result(gate.__name__, FAIL, traceback.format_exc()))
        groups.append((gate.__name__, results or [Result(gate.__name__, FAIL, "no verdict")]))
    return groups
