# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""The judge is judged: nothing that went wrong may come out as a pass."""

import json
import unittest

from checklib import results
from checklib.results import FAIL, PASS, SKIP


def verdicts(found):
    """Names and verdicts of results."""
    return [(result.name, result.verdict) for result in found]


def runner(**tests):
    """An igt_runner's results.json; underscores stand for the @ of names."""
    return json.dumps({"tests": {name.replace("__", "@"): test for name, test in tests.items()}})


class Igt(unittest.TestCase):
    """igt_runner's results"""

    def one(self, result, **more):
        """The verdict of a single test."""
        found = results.igt(runner(igt__a__b={"result": result, **more}), "igt@a@b\n")
        self.assertEqual(len(found), 1)
        return found[0]

    def test_pass(self):
        self.assertEqual(self.one("pass").verdict, PASS)

    def test_everything_else_fails(self):
        for result in ("fail", "crash", "timeout", "incomplete", "abort", "notrun", "warn",
                       "dmesg-warn", "dmesg-fail", "nothing", "PASS", ""):
            self.assertEqual(self.one(result).verdict, FAIL, result)

    def test_busy_host(self):
        noise = "<4> [1.0] hrtimer: interrupt took 677864 ns\n"
        self.assertEqual(self.one("dmesg-warn", **{"dmesg-warnings": noise}).verdict, PASS)
        for result, text in (("dmesg-fail", noise), ("dmesg-warn", noise + "<4> [1.1] other\n")):
            self.assertEqual(self.one(result, **{"dmesg-warnings": text}).verdict, FAIL)

    def test_no_result(self):
        found = results.igt(runner(igt__a__b={}), "igt@a@b\n")
        self.assertEqual(verdicts(found), [("igt@a@b", FAIL)])

    def test_skip_tells_why(self):
        out = ("Test requirement not met in function f, file a.c:3:\nTest requirement: x > 1\n"
               "no room\nSubtest b: SKIP (0.0s)\n")
        skip = self.one("skip", out=out)
        self.assertEqual((skip.verdict, skip.text), (SKIP, "no room"))
        skip = self.one("skip", out=out.replace("no room\n", ""))
        self.assertEqual((skip.verdict, skip.text), (SKIP, "x > 1"))

    def test_missing_file(self):
        for text in (None, "", "{", "[]", "{}", '{"tests": []}', '{"tests": null}'):
            self.assertEqual(verdicts(results.igt(text, "igt@a@b\n")), [("runner", FAIL)], text)

    def test_missing_test(self):
        found = results.igt(runner(igt__a__b={"result": "pass"}), "igt@a@b\nigt@a@c\n")
        self.assertEqual(verdicts(found), [("igt@a@b", PASS), ("igt@a@c", FAIL)])

    def test_dynamic_subtests_stand_for_theirs(self):
        found = results.igt(runner(igt__a__b__d={"result": "pass"}), "igt@a@b\n")
        self.assertEqual(verdicts(found), [("igt@a@b@d", PASS)])

    def test_nothing_listed(self):
        self.assertEqual(verdicts(results.igt(runner(), "")), [("runner", FAIL)])
        self.assertEqual(verdicts(results.igt(runner(), None)), [("runner", FAIL)])


class Tap(unittest.TestCase):
    """TAP and KTAP"""

    def check(self, text, *expected, status=0):
        """text gives these names and verdicts."""
        self.assertEqual(verdicts(results.tap(text, status)), list(expected))

    def test_plain(self):
        self.check("TAP version 13\n1..3\nok 1 - a\nnot ok 2 - b\nok 3 - c # SKIP no device\n",
                   ("a", PASS), ("b", FAIL), ("c", SKIP))

    def test_cut_short(self):
        self.check("1..2\nok 1 - a\n", ("a", PASS), ("end.plan", FAIL))

    def test_too_many(self):
        self.check("1..1\nok 1 - a\nok 2 - b\n", ("a", PASS), ("b", PASS), ("end.plan", FAIL))

    def test_plan_at_end(self):
        self.check("ok 1 - a\n1..1\n", ("a", PASS))

    def test_nothing(self):
        self.check("", ("tap", FAIL))
        self.check(None, ("tap", FAIL))

    def test_no_plan(self):
        self.check("ok 1 - a\n", ("a", PASS), ("tap", FAIL))
        self.check("# up\n    1..1\n    ok 1 a\nok 1 s\n", ("s.a", PASS), ("tap", FAIL))
        self.check("1..1\nBail out! no\n", ("bail-out", FAIL), ("end.plan", FAIL))

    def test_status(self):
        self.check("1..1\nok 1 - a\n", ("a", PASS), ("exit-status", FAIL), status=134)

    def test_nested(self):
        self.check("KTAP version 1\n1..1\n    KTAP version 1\n    # Subtest: s\n    1..2\n"
                   "    ok 1 a\n    not ok 2 b\nnot ok 1 s\n", ("s.a", PASS), ("s.b", FAIL))

    def test_nested_cut_short(self):
        self.check("KTAP version 1\n1..1\n    1..3\n    ok 1 a\nok 1 s\n",
                   ("s.plan", FAIL), ("s.a", PASS))

    def test_parent_fails_alone(self):
        self.check("1..1\n    1..1\n    ok 1 a\nnot ok 1 s\n", ("s.a", PASS), ("s", FAIL))

    def test_parameters(self):
        self.check("1..2\n    1..1\n        ok 1 x\n        ok 2 y\n    ok 1 a\nok 1 s\n"
                   "    1..1\n    ok 1 b\nok 2 t\n",
                   ("s.a.x", PASS), ("s.a.y", PASS), ("t.b", PASS))


class Rest(unittest.TestCase):
    """dmatest, skips, the last words"""

    def test_dmatest(self):
        good = "dmatest: dma0chan0-copy0: summary 100 tests, 0 failures 55 iops 399 KB/s (0)\n"
        self.assertEqual(verdicts(results.dmatest(good, 100)), [("dma0chan0-copy0", PASS)])
        for text in (None, "", good.replace(" 0 fail", " 1 fail"), good.replace("100", "99")):
            self.assertEqual(results.dmatest(text, 100)[0].verdict, FAIL, text)

    def test_skips(self):
        found = [results.Result("a", SKIP, "x"), results.Result("b", SKIP),
                 results.Result("c", PASS)]
        results.judge_skips("g", found, results.rules("# no\n\ng/a$\tit may\n"))
        self.assertEqual([result.verdict for result in found], [SKIP, FAIL, PASS])
        self.assertEqual(found[0].text, "it may (x)")

    def test_last_test(self):
        self.assertEqual(results.last_test("[IGT] a: starting subtest b\n"), "a@b")
        self.assertEqual(results.last_test(None), "no test yet")


if __name__ == "__main__":
    unittest.main()
