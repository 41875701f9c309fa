# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""Tests of splats: what kernels said when a module misbehaved on purpose, and when none did."""

import unittest

from .splats import scan

TRACE = """\
[   14.6] Call Trace:
[   14.6]  <TASK>
[   14.6]  do_one_initcall+0xdc/0x4d0
[   14.6]  </TASK>
"""
BAD = {
    "warning": "[   14.5] WARNING: at hello_init+0x204/0x1000 [hello], CPU#0: insmod/70\n" + TRACE,
    "lockdep": "[   13.9] ======================================================\n"
               "[   13.9] WARNING: possible circular locking dependency detected\n"
               "[   13.9] ------------------------------------------------------\n" + TRACE,
    "kasan": "[   20.5] ==================================================================\n"
             "[   20.5] BUG: KASAN: slab-out-of-bounds in hello_init+0x475/0x1000\n" + TRACE,
    "dma": "[   21.6] DMA-API:  hello: device driver tries to free DMA memory it has not allocated "
           "[device address=0x0000000001234000] [size=64 bytes]\n" + TRACE,
    "ubsan": "[   31.5] UBSAN: shift-out-of-bounds in hello.c:19:18\n" + TRACE,
    "atomic": "[   32.1] BUG: scheduling while atomic: insmod/80/0x00000002\n" + TRACE,
    "oops": "[   32.7] Oops: general protection fault, kernel NULL pointer dereference 0x8: 0000\n",
    "hung": "[  122.1] INFO: task dgem:70 blocked for more than 60 seconds.\n" + TRACE,
    "refcount": "[   12.1] refcount_t: underflow; use-after-free.\n",
    "panic": "[    0.9] Kernel panic - not syncing: VFS: Unable to mount root fs\n",
    "trace": TRACE,
}
GOOD = """\
[    0.0] Command line: page_table_check=on panic=-1
[    0.1] Lock dependency validator: Copyright (c) 2006 Red Hat, Inc., Ingo Molnar
[    0.1] ... MAX_LOCKDEP_SUBCLASSES:  8
[    1.2] DMA-API: preallocated 65536 debug entries
[    1.2] DMA-API: debugging enabled by kernel config
[   12.0] hello: loading out-of-tree module taints kernel.
[   13.4] FAULT_INJECTION: forcing a failure.
[   13.4] name failslab, interval 1, probability 100, space 0, times 19
[   13.4] CPU: 0 UID: 0 PID: 68 Comm: bash Not tainted 7.3.4-dgem-debug #2 PREEMPT
""" + TRACE
LEAK = """\
unreferenced object 0xffff888008fd8700 (size 128):
  comm "insmod", pid 68, jiffies 4294894279
  hex dump (first 32 bytes):
    00 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b  .kkkkkkkkkkkkkkk
  backtrace (crc 3bb5293d):
    kmemleak_alloc+0x4c/0x90
    __kmalloc_cache_noprof+0x34e/0x5f0
    hello_init+0x24b/0x1000 [hello]
"""


class Splats(unittest.TestCase):
    """One case for each promise of scan()."""

    def test_bad(self):
        """Each complaint is found, once, among harmless lines."""
        for name, text in BAD.items():
            with self.subTest(name):
                self.assertEqual(len(scan(GOOD + text + GOOD)), 1)

    def test_all(self):
        """Several complaints stay several."""
        self.assertEqual(len(scan("".join(BAD[name] for name in ("warning", "kasan", "dma")))), 3)

    def test_good(self):
        """Ordinary lines and injected failures are none."""
        self.assertEqual(scan(GOOD), [])

    def test_allowed(self):
        """A provoked complaint is let through, by any of its lines, another one is not."""
        self.assertEqual(scan(BAD["kasan"], allow=["do_one_initcall"]), [])
        self.assertEqual(len(scan(BAD["kasan"], allow=["somewhere_else"])), 1)

    def test_leaks(self):
        """Leaks count once for each place, and can be allowed."""
        found = scan("", LEAK + LEAK)
        self.assertEqual([head for head, _ in found],
                         ["kmemleak: 2 unreferenced, allocated at hello_init+0x24b/0x1000 [hello]"])
        self.assertEqual(scan("", LEAK, ["hello_init"]), [])


if __name__ == "__main__":
    unittest.main()
