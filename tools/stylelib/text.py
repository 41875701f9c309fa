# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""Gates that read the sources as text: they need no build and take seconds."""

import glob
import os
import re
import tempfile

from vmlib.base import TREE, read

from . import sources
from .gate import call, fail, head, ok, silent, skip

# What checkpatch asks of kernel code that user space cannot do, has no names for, or spells its own
# way (C's own integer types, libdrm's names, IGT's "int igt_main()", strings of several lines). It
# looks for the check of sscanf()'s answer in another place, and ENOSYS is what 6.12 answers.
NOT_FOR_USER_SPACE = ("PREFER_KERNEL_TYPES", "CAMELCASE", "VOLATILE", "ARRAY_SIZE",
                      "PREFER_DEFINED_ATTRIBUTE_MACRO", "EMBEDDED_FUNCTION_NAME",
                      "FUNCTION_WITHOUT_ARGS", "LONG_LINE_STRING", "NAKED_SSCANF", "SPLIT_STRING",
                      "ENOSYS", "CONSTANT_COMPARISON")
# What goes into no kernel tree may stand in for what an old one lacks.
NOT_FOR_COMPAT = ("LINUX_VERSION_CODE", "CONSTANT_COMPARISON", "COMPLEX_MACRO", "SPACING",
                  "MACRO_ARG_UNUSED", "MACRO_WITH_FLOW_CONTROL")
# The control statements of a test framework: loops and blocks with a body of the caller's.
NOT_FOR_FRAMEWORKS = ("MACRO_WITH_FLOW_CONTROL", "MACRO_ARG_REUSE", "COMPLEX_MACRO",
                      "AVOID_EXTERNS", "FUNCTION_ARGUMENTS", "TRAILING_STATEMENTS", "BRACES")
LONGEST_FILE = 900
# But for what others include as one: a public header is most of all its documentation.
PUBLIC = ("uapi/drm/dgem_drm.h", "userspace/lib/libdrm_dgem.h")
# Debian's own, which has its packages' modules, and no caches in the kernel's folders.
PYTHON = ("/usr/bin/python3", "-B")


def _checkpatch(kernel, name, files, ignored=()):
    args = ["perl", f"{kernel.source}/scripts/checkpatch.pl", "--no-tree", "--strict", "--terse",
            "--show-types", "--no-summary", "--max-line-length=100"]
    args += [f"--ignore={','.join(ignored)}"] if ignored else []
    # The cache of CamelCase names goes where checkpatch is started, the paths with it.
    with tempfile.TemporaryDirectory() as work:
        status, text = call([*args, "-f", *[f"{TREE}/{each}" for each in files]], cwd=work)
    # It looks for the CamelCase names of a kernel tree.
    text = re.sub(r"(?m)^(total: 0 errors, 0 warnings, 0 checks|Use of uninitialized value \$root"
                  r"|find: \S+/include).*\n?", "", text)
    text = text.replace(f"{TREE}/", "")
    return fail(name, head(text) or f"status {status}") if status or text.strip() else ok(name)


def checkpatch(kernel):
    """checkpatch --strict: nothing at all for the kernel; user space with C's own types."""
    compat = sources.matching(r"^drivers/.*compat.*\.h$")
    frameworks = sources.matching(r"^(igt-tests/.*|userspace/tests/tap)\.h$")
    yield _checkpatch(kernel, "checkpatch-kernel", sources.kernel())
    yield _checkpatch(kernel, "checkpatch-compat", compat, NOT_FOR_COMPAT)
    yield _checkpatch(kernel, "checkpatch-user",
                      [each for each in sources.user_code() if each not in frameworks],
                      NOT_FOR_USER_SPACE)
    yield _checkpatch(kernel, "checkpatch-frameworks", frameworks,
                      NOT_FOR_USER_SPACE + NOT_FOR_FRAMEWORKS)


def kernel_doc(kernel):
    """kernel-doc -Wall: every function, struct and member documented as it is."""
    files = sources.kernel_code() + sources.matching(r"^userspace/lib/.*\.h$")
    yield silent("kernel-doc", [*PYTHON, f"{kernel.source}/scripts/kernel-doc", "-none", "-Wall",
                                *files])


def spelling(_):
    """codespell."""
    yield silent("codespell", ["codespell", "--builtin", "clear,rare", "--ignore-words-list",
                               "renderd,nd", *sources.every()])


def scripts(_):
    """shellcheck of shell scripts, pyflakes and a compiler's look at Python."""
    yield silent("shellcheck", ["shellcheck", "--format=gcc", *sources.shell()])
    yield silent("pyflakes", ["pyflakes3", *sources.python()])


def lines(_):
    """Lines of at most 100 columns, no white space at their end, files of a reasonable length."""
    found = []
    for name in sources.matching(r"\.([ch]|py|sh|rst|md|mk)$|^tools/[^/.]*$"):
        text = read(f"{TREE}/{name}").expandtabs(8)
        for number, line in enumerate(text.splitlines(), 1):
            # checkpatch knows better where a long line is better than a torn one.
            if len(line) > 100 and not name.endswith((".c", ".h", ".md")):
                found.append(f"{name}:{number}: {len(line)} columns")
            if line != line.rstrip():
                found.append(f"{name}:{number}: white space at its end")
        if (name.endswith((".c", ".h")) and name not in PUBLIC
                and text.count("\n") >= LONGEST_FILE):
            found.append(f"{name}: {text.count(chr(10))} lines")
        if text and not text.endswith("\n"):
            found.append(f"{name}: no end of the last line")
    yield fail("lines", head("\n".join(found))) if found else ok("lines")


# What the driver shows in a file system, by the call that makes it, and where that is.
SHOWN = ((r"module_param(?:_named)?\((\w+),", "/parameters/"),
         (r"CONFIGFS_ATTR(?:_RO|_WO)?\(\w+, (\w+)\)", "/sys/kernel/config/"),
         (r"debugfs_(?:add|create)_(?:file|u32|u64|bool|atomic_t)\([^\"]*\"(\w+)\"",
          "/sys/kernel/debug/"))


def _described(folder):
    """Every parameter and file is described."""
    what = "".join(read(path) for path in glob.glob(f"{folder}/*/*"))
    what = re.findall(r"^What:\s+(\S+)", what, re.M)
    found = []
    for name in sources.matching(r"^drivers/.*/(dgem|edu)_\w+\.c$"):
        for pattern, place in SHOWN:
            for each in re.findall(pattern, read(f"{TREE}/{name}")):
                if not any(place in path and path.endswith(f"/{each}") for path in what):
                    found.append(f"{name}: {each} is not in Documentation/ABI")
    return fail("abi-complete", "\n".join(found)) if found else ok("abi-complete")


def abi(kernel):
    """The validator of Documentation/ABI, of the kernel's own, and that nothing is missing."""
    folder = f"{TREE}/Documentation/ABI"
    if not os.path.isdir(folder):
        yield skip("abi", "there is no Documentation/ABI")
        return
    with tempfile.TemporaryDirectory() as work:
        # It wants the folders of a whole tree.
        for name in ("stable", "testing", "obsolete", "removed"):
            os.makedirs(f"{work}/{name}")
            for path in glob.glob(f"{folder}/{name}/*"):
                os.symlink(path, f"{work}/{name}/{os.path.basename(path)}")
        yield _described(folder)
        yield silent("abi", [*PYTHON, f"{kernel.source}/tools/docs/get_abi.py", "-D", work,
                             "validate"])
