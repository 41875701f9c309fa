# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""The modules by DKMS, for each of Debian's own kernels."""

import os

from checklib.results import FAIL, PASS, Result
from vmlib.base import VmError, run

from . import source

MODULES = ("dgem", "edu_dma")
# DKMS signs where the kernel could; there is no key here, and none is to be made.
SETTINGS = """\
mkdir -p /etc/dkms/framework.conf.d
echo 'sign_file=/nonexistent' >/etc/dkms/framework.conf.d/unsigned.conf
"""


def check(stock, say):
    """Add, build, install and remove for every kernel."""
    results = []
    for name in stock.releases:
        say(f"dkms: {name} ({stock.releases[name]})")
        results += _one(stock, name)
    return results


def _one(stock, name):
    release, version = stock.releases[name], source.version()
    with stock.scratch() as (here, there):
        source.dkms(f"{here}/src/dgem-{version}")
        for folder in ("tree", f"modules/{release}"):
            os.makedirs(f"{here}/{folder}")
        os.symlink(f"/lib/modules/{release}/build", f"{here}/modules/{release}/build")
        options = (f"--dkmstree {there}/tree --sourcetree {there}/src "
                   f"--installtree {there}/modules")
        kernel = f"-k {release} --no-depmod"
        results = []
        for verb, more in (("add", ""), ("build", kernel), ("install", kernel)):
            try:
                stock.call(f"{SETTINGS}dkms {verb} dgem/{version} {options} {more}")
                results.append(Result(f"{verb}-{name}", PASS))
            except VmError as error:
                log = f"{here}/tree/dgem/{version}/build/make.log"
                text = run(["tail", "-n", "30", log]) if os.path.exists(log) else ""
                return results + [Result(f"{verb}-{name}", FAIL, f"{error}\n{text}")]
        results += [_installed(here, release, module, name) for module in MODULES]
        try:
            stock.call(f"dkms remove dgem/{version} {options} --all --no-depmod")
            left = run(["find", f"{here}/modules", "-name", "*.ko*"])
            results.append(Result(f"remove-{name}", FAIL if left else PASS, left))
        except VmError as error:
            results.append(Result(f"remove-{name}", FAIL, str(error)))
    return results


def _installed(here, release, module, name):
    """A module is where DKMS puts it, and made for that kernel."""
    folder = f"{here}/modules/{release}/updates/dkms"
    found = run(["find", folder, "-name", f"{module}.ko*"]).split()
    if len(found) != 1:
        return Result(f"{module}-{name}", FAIL, "not installed")
    magic = run(["modinfo", "-F", "vermagic", found[0]])
    good = magic.split()[:1] == [release]
    return Result(f"{module}-{name}", PASS if good else FAIL, f"made for {magic}")
