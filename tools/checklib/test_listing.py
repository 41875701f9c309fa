# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""Tests of the choice of tests."""

import unittest
from unittest import mock

from . import listing


class TestListing(unittest.TestCase):
    """What the words of a step choose."""

    def of(self, step, **programs):
        """The step's list where just these programs exist, with their subtests."""
        def subtests(path):
            name = path.rsplit("/", 1)[1]
            return [f"igt@{name}@{each}" for each in programs[name]]

        names = ["TESTLIST", *programs, "END TESTLIST"]
        files = {"test-list.txt": names, "upstream.txt": list(programs),
                 "lent.txt": ["igt@two@(good|fine)", "igt@two@other", "igt@one@b"],
                 "blocklist.txt": ["^igt@one@bad$", "^igt@.*@stress-.*$"]}
        with mock.patch.object(listing, "RootFs"), \
                mock.patch.object(listing, "subtests", subtests), \
                mock.patch.object(listing, "_lines", lambda path: files[path.rsplit("/", 1)[1]]):
            return (listing.of_step(step) or "").split()

    def test_all(self):
        """All but those that are blocked, and those left out."""
        tests = {"one": ["good", "bad"], "two": ["good", "stress-good"]}
        self.assertEqual(self.of("igt", **tests), ["igt@one@good", "igt@two@good"])
        self.assertEqual(self.of("igt -one", **tests), ["igt@two@good"])
        self.assertEqual(self.of("igt one", **tests), ["igt@one@good"])
        self.assertEqual(self.of("igt -@.*od$ -one", one=["goods"], two=["good", "goods"]),
                         ["igt@two@goods"])
        self.assertEqual(self.of("igt two one -@two@(?!good$)", one=["a"], two=["good", "goods"]),
                         ["igt@two@good", "igt@one@a"])
        self.assertEqual(self.of("upstream", **tests), ["igt@one@good", "igt@two@good"])

    def test_stress(self):
        """Only what lasts long."""
        tests = {"one": ["stress-a", "stress-b", "stress-c"], "two": ["good", "stress-good"]}
        self.assertEqual(self.of("stress two", **tests), ["igt@two@stress-good"])
        self.assertEqual(self.of("stress one@stress-a one@stress-c", **tests),
                         ["igt@one@stress-a", "igt@one@stress-c"])

    def test_lent(self):
        """What a list names in full, once."""
        self.assertEqual(self.of("lent", one=["b", "bad"], two=["goods", "good", "fine"]),
                         ["igt@two@good", "igt@two@fine", "igt@one@b"])

    def test_others(self):
        """Steps without such a list."""
        self.assertEqual(self.of("load igt", one=["good"]), [])


if __name__ == "__main__":
    unittest.main()
