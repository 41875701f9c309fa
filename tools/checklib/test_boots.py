# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""A machine that did not come to a good end fails, whatever its result files say."""

import json
import os
import tempfile
import unittest

from checklib import boots
from checklib.results import FAIL, PASS

GOOD = {"state": "exit", "status": 0, "text": "", "warnings": []}


class Machine(unittest.TestCase):
    """Verdicts of a run from the files that it left"""

    def setUp(self):
        self.out = tempfile.TemporaryDirectory()
        self.addCleanup(self.out.cleanup)

    def run_with(self, steps, status, **files):
        """The groups of a run that left these files; underscores stand for dots in their names."""
        run = boots.Run("newest", boots.Boot("test", [], steps, 1), self.out.name)
        os.makedirs(run.out)
        for name, text in files.items():
            with open(f"{run.out}/{name.replace('__', '.')}", "w", encoding="utf-8") as file:
                file.write(text)
        run.status = status
        return dict(run.results())

    def machine(self, status, **files):
        """The verdict of every test of the machine itself."""
        found = self.run_with([], status, **files)["machine"]
        return {result.name: result.verdict for result in found}

    def test_good(self):
        self.assertEqual(self.machine(GOOD, finished="done\n", dmesg__txt="[0.0] Linux\n"),
                         {"finished": PASS, "kernel-log": PASS})

    def test_bad_ends(self):
        for change in ({"state": "timeout", "status": 124}, {"state": "panic", "status": 126},
                       {"state": "died", "status": 125}, {"state": "broken", "status": 125},
                       {"status": 1}):
            with self.subTest(change):
                self.setUp()
                found = self.machine({**GOOD, **change}, finished="done\n", dmesg__txt="x\n")
                self.assertEqual(found["finished"], FAIL)

    def test_did_not_finish(self):
        self.assertEqual(self.machine(GOOD, dmesg__txt="x\n")["finished"], FAIL)

    def test_kernel_complained(self):
        status = {**GOOD, "warnings": ["WARNING: at f"]}
        found = self.machine(status, finished="done\n", dmesg__txt="x\n")
        self.assertEqual(found, {"finished": PASS, "kernel-log": FAIL})

    def test_no_log(self):
        self.assertEqual(self.machine(GOOD, finished="done\n")["kernel-log"], FAIL)
        self.setUp()
        self.assertEqual(self.machine({}, dmesg__txt="x\n")["kernel-log"], FAIL)

    def test_every_group_of_an_empty_run_fails(self):
        for boot in boots.BOOTS:
            with self.subTest(boot.name):
                self.setUp()
                for group, found in self.run_with(boot.steps, {}).items():
                    self.assertTrue(found, group)
                    self.assertEqual({result.verdict for result in found}, {FAIL}, group)

    def test_last_test_is_told(self):
        text = "[IGT] dgem_fence: starting subtest chain\n"
        found = self.run_with([], {**GOOD, "state": "timeout"}, dmesg__txt=text)["machine"]
        self.assertIn("dgem_fence@chain", found[0].text)

    def test_results_are_read(self):
        tests = json.dumps({"tests": {"igt@a@b": {"result": "pass"}}})
        found = self.run_with(["igt"], GOOD, igt__json=tests, igt__expected="igt@a@b\nigt@a@c\n")
        self.assertEqual([result.verdict for result in found["igt"]], [PASS, FAIL])


if __name__ == "__main__":
    unittest.main()
