# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""Tests of how the matrix is filled and its screenshots are judged; python3 -m unittest."""

import unittest
from unittest import mock

from checklib import interop, matrix, results

CRC = "0123abcd"


def machine(text, crc=CRC):
    """A run that left this as its output, and screenshots with this checksum."""
    run = interop.Run("newest", interop.machines("newest")[0], "/nowhere")
    return mock.patch.multiple(run, _file=lambda name: text, _crc=lambda name: crc), run


class Screenshots(unittest.TestCase):
    """What a display showed is the picture, or is not."""

    def _verdict(self, line, crc=CRC):
        patched, run = machine(line + "\n", crc)
        with patched:
            return [each.verdict for each in run._screenshots("interop")]

    def test_same(self):
        """A checksum that is told is wanted."""
        self.assertEqual(self._verdict(f"# screenshot one {CRC}"), [results.PASS])
        self.assertEqual(self._verdict("# screenshot one 76543210"), [results.FAIL])

    def test_not(self):
        """One that must not be is not, but a picture there has to be."""
        self.assertEqual(self._verdict("# screenshot one not 76543210"), [results.PASS])
        self.assertEqual(self._verdict(f"# screenshot one not {CRC}"), [results.FAIL])
        self.assertEqual(self._verdict(f"# screenshot one not {CRC}", "no file"), [results.FAIL])


class Cells(unittest.TestCase):
    """The table of all machines."""

    def _matrix(self, *lines):
        table = matrix.Matrix()
        for line in lines:
            patched, run = machine("# kernel 7.3\n# engine dgem dmaengine\n# cell " + line + "\n")
            with patched:
                table.add(*run.cells())
        return table

    def test_blanks(self):
        """A cell that was not tried is blank, unless another machine has tried it."""
        untried, tried = "a|b|untried||why", "a|b|works||shown"
        self.assertEqual(self._matrix(untried).blanks(), ["a to b"])
        self.assertEqual(self._matrix(untried, tried).blanks(), [])
        self.assertEqual(self._matrix(tried, untried).blanks(), [])
        self.assertEqual(self._matrix("a|b|garbled||why").blanks(), [])

    def test_texts(self):
        """What worked, or a note with the reason, and the engine's name."""
        table = self._matrix("a|dgem|works||DMA read", "b|dgem|refused|EFAULT|pieces",
                             "c|dgem|garbled||heads").table()
        self.assertEqual(table, [["exporter", "dgem, edu"], ["a", "DMA read"], ["b", "EFAULT [1]"],
                                 ["c", "other data [2]"]])


if __name__ == "__main__":
    unittest.main()
