# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""What is made of the costs of jobs."""

import unittest

from . import jobs


def _row(op, peer, instructions, count=1, size=64):
    return {"machine": "edu", "op": op, "peer": peer, "count": count, "size": size,
            "instructions": instructions}


class Own(unittest.TestCase):
    """dgem's part is what the bare channel does not cost."""

    def test_job(self):
        """The bare channel's cost is taken off each job."""
        costs = jobs.Costs([_row("job", "dgem", 30000, 10), _row("job", "bare", 8000)], "edu")
        self.assertEqual(costs.own("job", 10), 22000)

    def test_no_channel(self):
        """The CPU is no channel: all of it is dgem's."""
        self.assertEqual(jobs.Costs([_row("job", "dgem", 30000)], "edu").own("job"), 30000)

    def test_missing(self):
        """What was not measured costs nothing known."""
        self.assertIsNone(jobs.Costs([], "edu").own("segment"))

    def test_mib(self):
        """Copies are told per MiB."""
        costs = jobs.Costs([_row("copy", "dgem", 100, size=1 << 18)], "edu")
        self.assertEqual(costs.mib("dgem"), 400)


class Text(unittest.TestCase):
    """The table tells what matters."""

    def test_limits(self):
        """A cost is held against its limit."""
        rows = [_row("job", "dgem", 33000), _row("job", "bare", 8000),
                _row("segment", "dgem", 8151), _row("segment", "bare", 8000)]
        lines = jobs.text(rows).splitlines()
        self.assertTrue(lines[1].endswith("reached"))
        self.assertTrue(lines[2].endswith("not yet"))

    def test_queues(self):
        """Many jobs are held against few, and the files' shares are told."""
        text = jobs.text([_row("job", "dgem", 2000, 10), _row("job", "dgem", 1500, 1000),
                          {"machine": "edu", "op": "share", "jobs": [103, 97]}])
        self.assertIn("1,000 queued jobs cost 75 % of what 10 cost", text)
        self.assertIn("51.5 % and 48.5 %", text)


if __name__ == "__main__":
    unittest.main()
