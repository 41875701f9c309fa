# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""The processors that kernels are made for, as everybody calls them."""


class Processor:
    """What make, its compiler, QEMU, Debian and Debian's kernels call it, and its bits."""

    def __init__(self, make, cross, qemu, debian, stock, bits=64):
        self.bits = bits
        self.make, self.cross, self.qemu = make, cross, qemu
        self.debian, self.stock = debian, stock


PROCESSORS = {
    "x86_64": Processor("x86", "", "x86_64", "amd64", "amd64"),
    "arm64": Processor("arm64", "aarch64-linux-gnu-", "aarch64", "arm64", "arm64"),
    # with pages of 16 KiB, and of 64 KiB, for which Debian has no kernel
    "arm64-16k": Processor("arm64", "aarch64-linux-gnu-", "aarch64", "arm64", "arm64-16k"),
    "arm64-64k": Processor("arm64", "aarch64-linux-gnu-", "aarch64", "arm64", None),
    "arm": Processor("arm", "arm-linux-gnueabihf-", "arm", "armhf", "armmp", 32),
    "arm-lpae": Processor("arm", "arm-linux-gnueabihf-", "arm", "armhf", "armmp-lpae", 32),
    "riscv64": Processor("riscv", "riscv64-linux-gnu-", "riscv64", "riscv64", "riscv64"),
}
