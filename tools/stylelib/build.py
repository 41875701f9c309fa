# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""Gates that compile the modules: with more warnings, by other compilers, under static analysis."""

import os
import re
import shutil

from vmlib.base import TREE, VmError, cache, lock, read, run, slug, write
from vmlib.kernel import KERNELS, Kernel, jobs
from vmlib.modules import mirror

from .gate import call, complaints, fail, head, ok, program, skip

# The last sparse that gives up on what newer kernels' headers say.
OLD_SPARSE = (0, 6, 4)


def _copy(kernel, variant):
    """A copy of the sources for one way of building them; products of the last time stay."""
    copy = cache("style", f"{slug(kernel.version)}-{variant}", "source")
    os.makedirs(copy, exist_ok=True)
    mirror(TREE, copy)
    return copy


def _make(build, copy, *args):
    """(status, output) of a module build, paths relative to the tree."""
    status, text = call(["make", "-C", build, f"M={copy}", f"-j{jobs()}", "-k", *args, "modules"],
                        cwd=copy)
    return status, text.replace(f"{copy}/", "")


def warnings(_):
    """make W=1 on both kernels; a warning ends it."""
    for name in KERNELS:
        kernel = Kernel(name, "debug").ensure()
        with lock(f"style-{name}-w1"):
            status, text = _make(kernel.build, _copy(kernel, "w1"), "W=1", "KCFLAGS=-Werror")
        found = complaints(text, r":\d+: (warning|error):|\*\*\*")
        yield (fail(f"W=1-{name}", head("\n".join(found) or text[-2000:])) if status or found
               else ok(f"W=1-{name}"))


def sparse(_):
    """sparse, with endianness and locking checks."""
    status, text = call(["sparse", "--version"])
    version = tuple(int(each) for each in re.findall(r"\d+", text)[:3])
    for name in KERNELS:
        kernel = Kernel(name, "debug").ensure()
        what = f"sparse-{name}"
        with lock(f"style-{name}-sparse"):
            copy = _copy(kernel, "sparse")
            status, text = _make(kernel.build, copy, "C=2", "CF=-D__CHECK_ENDIAN__")
        found = complaints(text, r":\d+: (warning|error):")
        ours = [line for line in found if re.match(r"(drivers|uapi)/", line)]
        theirs = [line for line in found if line not in ours]
        if theirs and version <= OLD_SPARSE:
            yield skip(what, f"sparse {'.'.join(map(str, version))} cannot read this kernel's "
                             f"headers: {theirs[0][-160:]}")
        elif status or ours:
            yield fail(what, head("\n".join(ours) or text[-2000:]))
        else:
            yield ok(what)


def coccinelle(kernel):
    """The kernel's own semantic patches, on our files."""
    scripts = sorted(os.path.join(folder, name)
                     for folder, _, names in os.walk(f"{kernel.source}/scripts/coccinelle")
                     for name in names if name.endswith(".cocci"))
    copy = _copy(kernel, "cocci")
    found, broken, unfit = [], [], []
    for path in scripts:
        text = read(path)
        if "virtual report" not in text:
            continue
        options = re.search(r"^// Options:\s*(.*)$", text, re.M)
        status, said = call(["spatch", "-D", "report", "--very-quiet", "--no-show-diff",
                             "--cocci-file", path, *(options.group(1).split() if options else []),
                             "-I", f"{kernel.source}/include", "--dir", f"{copy}/drivers"],
                            cwd=copy)
        ours = [line for line in said.splitlines() if re.match(r"\S+\.[ch]:\d+", line)]
        found += [line.replace(f"{copy}/", "") for line in ours]
        if "No OCaml compiler" in said:
            unfit.append(os.path.basename(path))
        elif status:
            broken.append(f"{os.path.basename(path)}: {said.strip().splitlines()[-1:]}")
    if found or broken:
        yield fail("coccicheck", head("\n".join(found + broken)))
    else:
        yield ok("coccicheck")
    if unfit:
        yield skip("coccicheck-ocaml", f"no OCaml compiler for {', '.join(unfit)}")


def _llvm():
    """(LLVM= value, version) of the newest clang that comes with its linker."""
    name = program("clang-N") or program("clang")
    if not name:
        raise VmError("there is no clang")
    suffix = name[len("clang"):]
    _, text = call([name, "--version"])
    version = re.search(r"(\d+)\.(\d+)\.(\d+)", text).groups()
    return suffix or "1", tuple(int(each) for each in version)


def clang(_):
    """The modules by clang (LLVM=1), W=1 too."""
    llvm, version = _llvm()
    for name in KERNELS:
        kernel = Kernel(name, "debug").ensure()
        what = f"clang-{name}"
        _, least = call([f"{kernel.source}/scripts/min-tool-version.sh", "llvm"],
                        env=dict(os.environ, SRCARCH="x86", ARCH="x86"))
        if version < tuple(int(each) for each in least.strip().split(".")):
            yield skip(what, f"this kernel needs LLVM {least.strip()}, here is "
                             f"{'.'.join(map(str, version))}")
            continue
        with lock(f"style-{name}-clang"):
            build = _prepare(kernel, llvm)
            # No kernel was linked, so modpost knows no symbols: objects are what counts.
            status, text = _make(build, _copy(kernel, "clang"), f"LLVM={llvm}", "W=1",
                                 "KCFLAGS=-Werror", "KBUILD_MODPOST_WARN=1")
        found = [line for line in complaints(text, r"(warning|error):|\*\*\*")
                 if not re.search(r"undefined!$|Module.symvers|modpost: ", line)]
        yield fail(what, head("\n".join(found) or text[-2000:])) if status or found else ok(what)


def _prepare(kernel, llvm):
    """A build tree of the kernel for clang: configured and ready for modules, nothing built."""
    build = cache("style", f"{slug(kernel.key)}-llvm{llvm}")
    config = read(f"{kernel.build}/.config")
    if read(f"{build}/from.config", default="") != config:
        shutil.rmtree(build, ignore_errors=True)
        os.makedirs(build)
        write(f"{build}/.config", config)
        make = ["make", "-s", "-C", kernel.source, f"O={build}", f"LLVM={llvm}", f"-j{jobs()}"]
        run(make + ["olddefconfig"])
        run(make + ["modules_prepare"])
        write(f"{build}/from.config", config)
    return build
