# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""What is made of the waits of a client."""

import unittest

from . import stall


def _row(aggressor, op, instructions):
    return {"aggressor": aggressor, "op": op, "instructions": instructions}


class Lines(unittest.TestCase):
    """Each call beside each aggressor is held against the client alone."""

    def verdicts(self, *worst, granule=True):
        """Of calls that take 10 alone, beside a granule of 1000."""
        rows = [_row("none", "close", 10), *([_row("none", "granule", 1000)] if granule else [])]
        return [line[-1] for line in
                stall.lines(rows + [_row(f"purge{n}", "close", each)
                                    for n, each in enumerate(worst)])]

    def test_limit(self):
        """Four times as long, and a granule, are the most."""
        self.assertEqual(self.verdicts(1040, 1041), ["reached", "not yet"])

    def test_missing(self):
        """Nothing is judged without a granule's cost, or without the client alone."""
        self.assertEqual(self.verdicts(5, granule=False), ["not there"])
        self.assertEqual(stall.lines([_row("purge", "kill", 5)])[0][-1], "not there")


class Text(unittest.TestCase):
    """The table tells who was waited for."""

    def test_line(self):
        """The worst, alone and at most stand in a line."""
        text = stall.text([_row("none", "granule", 2000), _row("none", "kill", 100),
                           _row("purge", "kill", 3000)])
        self.assertRegex(text, r"purge: kill +3,000 +100 +2,400 +not yet")
        self.assertIn("0 of 1 reached.", text)


if __name__ == "__main__":
    unittest.main()
