# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""The uAPI header by itself: in C and C++, in 32 and 64 bit, laid out the same everywhere."""

import os
import re
import tempfile

from vmlib.base import TREE, read, write

from . import sources
from .gate import call, fail, head, ok

C_FLAGS = ("-Wall", "-Wextra", "-pedantic", "-Werror", "-Wpadded")
# Other headers may warn; <asm/types.h> has its place from a package that keeps out cross compilers.
INCLUDES = ("-isystem", "/usr/include/libdrm", "-isystem", "/usr/include/x86_64-linux-gnu",
            f"-I{TREE}/uapi/drm", f"-I{TREE}/uapi")
COMPILERS = (("c", "gcc", ("-std=c99",)), ("c11", "gcc", ("-std=c11",)),
             ("c++11", "g++", ("-std=c++11",)), ("c++17", "g++", ("-std=c++17",)))


def structs(text):
    """name -> members, of every structure in a header."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    return {name: re.findall(r"(\w+)\s*(?:\[[^\]]*\])?\s*;", body)
            for name, body in re.findall(r"struct\s+(\w+)\s*\{([^{}]*)\}", text)}


def program(header, text):
    """A C program that prints where every member is and what every constant is."""
    lines = ["#include <stddef.h>", "#include <stdio.h>", f'#include "{header}"',
             "#define SHOW(s, m) printf(#s \".\" #m \" %u %u\\n\", \\",
             "\t(unsigned)offsetof(struct s, m), (unsigned)sizeof(((struct s *)0)->m))",
             "int main(void)", "{"]
    for name, members in structs(text).items():
        lines.append(f'\tprintf("{name} %u %u\\n", (unsigned)sizeof(struct {name}), '
                     f"(unsigned)__alignof__(struct {name}) > 8);")
        lines += [f"\tSHOW({name}, {member});" for member in members]
    for name in re.findall(r"^#define\s+(DRM_\w*IOCTL\w+)\s", text, re.M):
        lines.append(f'\tprintf("{name} %#lx\\n", (unsigned long){name});')
    return "\n".join(lines + ["\treturn 0;", "}", ""])


def header(_):
    """Each uAPI header: compiled alone, and its layout compared between ABIs."""
    for name in sources.matching(r"^uapi/.*\.h$"):
        yield from _one(name)


def _compiler(name, bits):
    return [name, f"-m{bits}", "-x", "c++" if name == "g++" else "c"]


def _one(name):
    base = os.path.basename(name)
    with tempfile.TemporaryDirectory() as work:
        write(f"{work}/alone.c", f'#include "{base}"\n#include "{base}"\n'
                                 "int alone(void);\nint alone(void) { return 0; }\n")
        for language, compiler, flags in COMPILERS:
            for bits in ("32", "64"):
                what = f"{base}-{language}-{bits}"
                status, text = call([*_compiler(compiler, bits), *flags, *C_FLAGS, *INCLUDES,
                                     "-fsyntax-only", f"{work}/alone.c"])
                yield fail(what, head(text)) if status or text.strip() else ok(what)
        yield _layout(name, base, work)


def _layout(name, base, work):
    """Offsets, sizes and ioctl numbers by programs of both ABIs, and by C++."""
    text = read(f"{TREE}/{name}")
    write(f"{work}/layout.c", program(base, text))
    known = {}
    for compiler, bits in (("gcc", "64"), ("gcc", "32"), ("g++", "32")):
        tool = f"{work}/layout-{compiler}-{bits}"
        status, said = call([*_compiler(compiler, bits), *INCLUDES, "-o", tool,
                             f"{work}/layout.c"])
        if status == 0:
            status, said = call([tool])
        if status:
            return fail(f"{base}-layout", head(said))
        known[f"{compiler} -m{bits}"] = said
    first, *others = known.items()
    if first[1].count("\n") < 2 * len(structs(text)):
        return fail(f"{base}-layout", f"structures not understood:\n{head(first[1])}")
    for which, said in others:
        if said != first[1]:
            differ = [f"{a} | {b}" for a, b in zip(first[1].splitlines(), said.splitlines())
                      if a != b]
            return fail(f"{base}-layout", f"{first[0]} | {which}\n" + head("\n".join(differ)))
    return ok(f"{base}-layout")
