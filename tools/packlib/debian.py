# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""Debian packages: built, looked through by lintian, and complete."""

import glob
import re
import shutil

from checklib.results import FAIL, PASS, Result
from vmlib.base import TOOLS, VmError, run

from . import source

# What has to be in each package, as patterns of paths.
WANTED = {
    "dgem-dkms": (r"usr/src/dgem-[0-9.]+/dkms\.conf", r"usr/src/dgem-[0-9.]+/Makefile",
                  r"usr/src/dgem-[0-9.]+/drivers/gpu/drm/dgem/dgem_drv\.c",
                  r"usr/src/dgem-[0-9.]+/uapi/drm/dgem_drm\.h"),
    "libdrm-dgem1": (r"usr/lib/[^/]+/libdrm_dgem\.so\.1",),
    "libdrm-dgem-dev": (r"usr/include/libdrm/dgem_drm\.h", r"usr/include/libdrm/libdrm_dgem\.h",
                        r"usr/lib/[^/]+/libdrm_dgem\.so", r"usr/lib/[^/]+/pkgconfig/\S+\.pc",
                        r"usr/share/man/man3/libdrm_dgem\.3\.gz",
                        r"usr/share/man/man3/dgem_bo_new\.3\.gz"),
    "dgem-tools": (r"usr/bin/dgem",),
}


def check(out, say):
    """Build the packages in a copy of the tree; they stay in the directory out."""
    say("debian: building packages")
    shutil.rmtree(out, ignore_errors=True)
    tree = f"{out}/dgem-{source.version()}"
    source.export(tree)
    shutil.copytree(f"{TOOLS}/debian", f"{tree}/debian")
    try:
        run(["dpkg-buildpackage", "-us", "-uc", "-b"], cwd=tree, log=f"{out}/build.log")
    except VmError as error:
        return [Result("dpkg-buildpackage", FAIL, str(error))]
    shutil.rmtree(tree)
    results = [Result("dpkg-buildpackage", PASS)]
    results += [_contents(out, package, paths) for package, paths in WANTED.items()]
    say("debian: lintian")
    results.append(_lintian(out))
    return results


def _contents(out, package, paths):
    found = glob.glob(f"{out}/{package}_*.deb")
    if len(found) != 1:
        return Result(package, FAIL, "not built")
    have = [line.split()[5].removeprefix("./")
            for line in run(["dpkg-deb", "--contents", found[0]]).splitlines()]
    lacking = [path for path in paths if not any(re.fullmatch(path, each) for each in have)]
    return Result(package, FAIL if lacking else PASS, f"lacks {', '.join(lacking)}")


def _lintian(out):
    try:
        text = run(["lintian", "--allow-root", "--fail-on", "error",
                    *glob.glob(f"{out}/*.changes")])
    except VmError as error:
        return Result("lintian", FAIL, str(error))
    with open(f"{out}/lintian.log", "w", encoding="utf-8") as file:
        file.write(text)
    return Result("lintian", PASS)
