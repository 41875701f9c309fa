# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""Gates of user space: clang-tidy and cppcheck."""

import os
import re

from vmlib.base import TREE, cache, lock

from . import sources
from .gate import call, complaints, fail, head, ok, program

INCLUDES = ("-I/usr/include/libdrm", "-Iuapi/drm", "-Iuserspace/lib", "-Iuserspace/stations",
            "-Iigt-tests", "-Iigt-tests/compat")
DEFINES = ("-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64")
# Left out: matters of taste, the C11 annex K functions, which no C library of ours has, and what
# guesses wrongly about functions of other files.
CHECKS = ("bugprone-*", "clang-analyzer-*", "misc-redundant-expression", "misc-misplaced-const",
          "-bugprone-easily-swappable-parameters", "-bugprone-reserved-identifier",
          "-bugprone-narrowing-conversions", "-bugprone-multi-level-implicit-pointer-conversion",
          "-bugprone-assignment-in-if-condition", "-bugprone-macro-parentheses",
          "-bugprone-implicit-widening-of-multiplication-result", "-bugprone-branch-clone",
          "-bugprone-switch-missing-default-case",
          "-bugprone-suspicious-string-compare", "-clang-analyzer-core.CallAndMessage",
          "-clang-analyzer-optin.core.EnumCastOutOfRange",
          "-clang-analyzer-unix.StdCLibraryFunctions",
          "-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling",
          "-clang-analyzer-security.insecureAPI.strcpy")


def clang_tidy(_):
    """clang-tidy of the library, the tool and the tests."""
    tool = program("clang-tidy-N", "clang-tidy")
    files = [name for name in sources.user_code() if name.endswith(".c")]
    status, text = call([tool, "--quiet", f"--checks=-*,{','.join(CHECKS)}", *files, "--",
                         "-std=gnu11", *DEFINES, *INCLUDES])
    found = list(dict.fromkeys(complaints(text, r"(warning|error):"))) + \
        ([] if status == 0 else [text[-500:]])
    found = [line.replace(f"{TREE}/", "") for line in found]
    yield fail("clang-tidy", head("\n".join(found))) if found else ok("clang-tidy")


def cppcheck(_):
    """cppcheck of user space."""
    work = cache("style", "cppcheck", "")
    with lock("style-cppcheck"):
        os.makedirs(work, exist_ok=True)
        status, text = call(["cppcheck", "-q", "--enable=warning,performance,portability",
                             "--inline-suppr", "--std=c11", "--error-exitcode=1", "--template=gcc",
                             "--suppress=missingIncludeSystem", f"--cppcheck-build-dir={work}",
                             *DEFINES, *[each for each in INCLUDES if not re.match("-I/", each)],
                             *[name for name in sources.user_code() if name.endswith(".c")]])
    yield fail("cppcheck", head(text)) if status or text.strip() else ok("cppcheck")
