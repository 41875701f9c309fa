# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""What becomes of the figures of two runs."""

import unittest

from . import figures, table, targets


def _row(op, instructions, size=16 << 20, **more):
    return {"op": op, "object": "node", "size": size, "kind": "contiguous", "peer": "dgem",
            "instructions": instructions, "faults": 0, **more}


class Merge(unittest.TestCase):
    """Two runs become one list."""

    def test_same(self):
        """What repeats has nothing to tell."""
        merged = figures.merge([_row("mmap", 5)], [_row("mmap", 5)])
        self.assertEqual(merged, [_row("mmap", 5)])

    def test_differing(self):
        """What does not repeat keeps all its figures, the least of them first."""
        merged = figures.merge([_row("mmap", 7)], [_row("mmap", 5)])
        self.assertEqual(merged, [_row("mmap", 5, runs=[7, 5])])

    def test_missing(self):
        """A figure that one run lacks does not count as repeated."""
        self.assertEqual(figures.merge([_row("mmap", 7)], [])[0]["runs"], [7])


class Text(unittest.TestCase):
    """The table tells what matters."""

    def test_all_same(self):
        """All figures repeat."""
        self.assertIn("All 1 figures are the same", table.text([_row("mmap+touch", 30000)]))

    def test_differing(self):
        """A figure of the first table that does not repeat is named."""
        text = table.text([_row("mmap+touch", 30000, runs=[30000, 30001])])
        self.assertIn("0 of 1 figures of the first table", text)
        self.assertIn("30,000, 30,001", text)

    def test_limit(self):
        """A cost is held against its limit."""
        self.assertIn("reached", table.text([_row("mmap+touch", 40000)]))
        self.assertNotIn("  reached", table.text([_row("mmap+touch", 40001)]))

    def test_share(self):
        """A limit may be a part of what a peer costs, and something on top."""
        peer = {"peer": "heap-system", "kind": "pages", "object": "dma-buf"}
        for cost, verdict in ((1350, "reached"), (1351, "not yet")):
            rows = [_row("sync", cost, 256 << 20, kind="pages", object="dma-buf"),
                    {**_row("sync", 1000, 256 << 20), **peer}]
            line = next(line for line in targets.lines(figures.Figures(rows))
                        if line.text == "SYNC start + end, 256 MiB, pages, dma-buf")
            self.assertEqual((line.limit, line.verdict), (1350, verdict))

    def test_rates(self):
        """Faults of two processors are told as a ratio."""
        rates = [{"op": "faults", "object": "dma-buf", "size": 4096, "kind": "contiguous",
                  "peer": "dgem", "processors": n, "per_second": n * 1000} for n in (1, 2)]
        self.assertIn("2.00 times", table.text([_row("mmap", 5)] + rates))


if __name__ == "__main__":
    unittest.main()
