# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""The programs and headers that the machine itself must have."""

import glob
import os
import platform
import shutil

from .base import VmError, lock, run, say

# What has to be there, by command or by file, and the Debian package it is in.
NEEDS = {
    "build": {
        "gcc": "gcc", "make": "make", "flex": "flex", "bison": "bison", "bc": "bc",
        "xz": "xz-utils", "cpio": "cpio", "depmod": "kmod", "perl": "perl", "python3": "python3",
        "/usr/include/libelf.h": "libelf-dev", "/usr/include/openssl/bio.h": "libssl-dev",
        "/usr/include/stdio.h": "libc6-dev",
    },
    "arm64": {
        "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu",
        "/usr/aarch64-linux-gnu/include/stdio.h": "libc6-dev-arm64-cross",
    },
    "arm": {
        "arm-linux-gnueabihf-gcc": "gcc-arm-linux-gnueabihf",
        "/usr/arm-linux-gnueabihf/include/stdio.h": "libc6-dev-armhf-cross",
    },
    "riscv": {
        "riscv64-linux-gnu-gcc": "gcc-riscv64-linux-gnu",
        "/usr/riscv64-linux-gnu/include/stdio.h": "libc6-dev-riscv64-cross",
    },
    "i386": {
        "/usr/lib/gcc/x86_64-linux-gnu/*/32/libgcc.a": "gcc-{gcc}-multilib",
        "/usr/include/libdrm/drm.h": "libdrm-dev",
    },
    "run": {"qemu-system-x86_64": "qemu-system-x86"},
    "run-arm64": {"qemu-system-aarch64": "qemu-system-arm"},
    "run-arm": {"qemu-system-arm": "qemu-system-arm"},
    "run-riscv": {
        "qemu-system-riscv64": "qemu-system-misc",
        "/usr/share/qemu/opensbi-riscv64-generic-fw_dynamic.bin": "opensbi",
    },
    "rootfs": {"mke2fs": "e2fsprogs"},
    "user": {
        "gcc": "gcc", "meson": "meson", "ninja": "ninja-build", "pkg-config": "pkg-config",
        "/usr/include/libdrm/drm.h": "libdrm-dev",
    },
    "style-quick": {
        "perl": "perl", "codespell": "codespell", "shellcheck": "shellcheck",
        "pyflakes3": "pyflakes3", "g++": "g++", "/usr/include/libdrm/drm.h": "libdrm-dev",
        "/usr/lib/gcc/x86_64-linux-gnu/*/32/libgcc.a": "gcc-{gcc}-multilib",
        "/usr/lib/gcc/x86_64-linux-gnu/*/32/libstdc++.a": "g++-{gcc}-multilib",
    },
    "docs": {
        "sphinx-build": "python3-sphinx", "mandoc": "mandoc", "chromium": "chromium",
        "/usr/lib/python3/dist-packages/yaml": "python3-yaml",
        "/usr/share/fonts/truetype/dejavu": "fonts-dejavu-core",
    },
    "packages": {
        "dpkg-buildpackage": "dpkg-dev", "dh": "debhelper", "dh_dkms": "dh-dkms",
        "lintian": "lintian", "meson": "meson", "modinfo": "kmod", "pkg-config": "pkg-config",
        "/usr/include/libdrm/drm.h": "libdrm-dev",
    },
    "style": {
        "sparse": "sparse", "spatch": "coccinelle", "cppcheck": "cppcheck",
        "clang-19": "clang-19", "ld.lld-19": "lld-19", "llvm-ar-19": "llvm-19",
        "clang-tidy-19": "clang-tidy-19", "yamllint": "yamllint", "dtc": "device-tree-compiler",
        "dt-validate": "dt-schema",
    },
}


def _present(what):
    if what.startswith("/"):
        return glob.glob(what)
    return shutil.which(what)


def _named(package):
    """The package's name; without the compiler's number it would keep out cross compilers."""
    if "{gcc}" not in package:
        return package
    return package.format(gcc=run(["gcc", "-dumpversion"]).strip().split(".")[0])


def require(*purposes):
    """Install what is missing for the purposes, or say what to install."""
    if platform.machine() != "x86_64" or not os.path.exists("/etc/debian_version"):
        raise VmError("this needs Debian on a 64-bit PC (its packages and its compiler)")
    wanted = {what: package for purpose in purposes for what, package in NEEDS[purpose].items()}
    missing = sorted({_named(package) for what, package in wanted.items() if not _present(what)})
    if not missing:
        return
    if os.geteuid() != 0:
        raise VmError("missing on this machine; as root: apt-get install " + " ".join(missing))
    with lock("host-packages"):
        say("host: installing " + " ".join(missing))
        apt = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=120"]
        environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        run(apt + ["update"], env=environment)
        run(apt + ["--no-install-recommends", "install", *missing], env=environment)
