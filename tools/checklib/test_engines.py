# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""What a board says on its console is judged, and what it does not say, too."""

import unittest

from checklib import engines
from checklib.results import FAIL, PASS, SKIP

GOOD = """\
[    0.000000] Booting Linux
board: step dmatest
board: dmatest: dma0chan0-copy0: summary 100 tests, 0 failures 20.52 iops
board: step load
board: result load pass
board: step igt:dgem_life
board: start igt@dgem_life@kill
board: result igt@dgem_life@kill pass 0
board: start igt@dgem_life@race
board: said no instances by configfs
board: result igt@dgem_life@race skip 77
board: finished
log: [    0.000000] Booting Linux
board: off
"""
STEPS = ["dmatest", "load", "igt dgem_life"]


class Board(unittest.TestCase):
    """Verdicts of a board's console"""

    @staticmethod
    def verdicts(text):
        """NAME -> verdict of everything, by group."""
        return {group: {each.name: each.verdict for each in found}
                for group, found in engines.board_results(text, STEPS)}

    def test_good(self):
        self.assertEqual(self.verdicts(GOOD), {
            "machine": {"finished": PASS, "kernel-log": PASS},
            "dmatest": {"dma0chan0-copy0": PASS}, "load": {"load": PASS},
            "igt": {"igt@dgem_life@kill": PASS, "igt@dgem_life@race": SKIP}})

    def test_crash(self):
        found = self.verdicts(GOOD[:GOOD.index("board: said")] + "[ 9.1] Kernel panic - not\n")
        self.assertEqual(found["machine"], {"finished": FAIL, "kernel-log": FAIL,
                                            "igt@dgem_life@race": FAIL})

    def test_complaint(self):
        found = self.verdicts(GOOD.replace("log: [", "log: [ 5.0] WARNING: CPU: 0\nlog: ["))
        self.assertEqual(found["machine"]["kernel-log"], FAIL)

    def test_leak(self):
        leak = "board: leak unreferenced object 0x1 (size 8):\nboard: leak   backtrace:\n" \
               "board: leak     here+0x1/0x2\n"
        found = self.verdicts(GOOD.replace("log: [", leak + "log: [", 1))
        self.assertEqual(found["machine"]["kernel-log"], FAIL)

    def test_status(self):
        found = self.verdicts(GOOD.replace("kill pass 0", "kill fail 139"))
        self.assertEqual(found["igt"]["igt@dgem_life@kill"], FAIL)

    def test_dmatest(self):
        found = self.verdicts(GOOD.replace("100 tests, 0 failures", "100 tests, 1 failures"))
        self.assertEqual(found["dmatest"], {"dma0chan0-copy0": FAIL})

    def test_nothing(self):
        found = self.verdicts("")
        self.assertEqual(found["machine"]["finished"], FAIL)
        self.assertEqual([found[name]["nothing"] for name in ("dmatest", "load", "igt")],
                         [FAIL] * 3)


if __name__ == "__main__":
    unittest.main()
