# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""What a check tells: progress while it runs, the verdicts at its end."""

import sys
import time

from .results import FAIL, PASS, SKIP

_start = time.monotonic()


def say(text):
    """A line of progress, with the time since the start."""
    seconds = int(time.monotonic() - _start)
    print(f"check: {seconds // 60:2d}:{seconds % 60:02d}  {text}", flush=True)


def count(results, verdict):
    """How many have this verdict."""
    return sum(result.verdict == verdict for result in results)


def summary(groups):
    """Print the skipped and the failed tests and the last line; returns the exit status.

    groups are (name, results) pairs.
    """
    every = [(group, result) for group, results in groups for result in results]
    skipped = [each for each in every if each[1].verdict == SKIP]
    failed = [each for each in every if each[1].verdict == FAIL]

    print("\nTests by group:")
    for group, results in groups:
        print(f"  {group:24s} {count(results, PASS):4d} passed {count(results, FAIL):4d} failed "
              f"{count(results, SKIP):4d} skipped")
    _list("Skipped", skipped)
    _list("Failed", failed)
    passed = sum(count(results, PASS) for _, results in groups)
    print(f"\n{passed} passed, {len(failed)} failed, {len(skipped)} skipped")
    sys.stdout.flush()
    return 1 if failed or not passed or any(not results for _, results in groups) else 0


def _list(title, entries):
    """Entries that say the same in several groups are told once."""
    if not entries:
        return
    print(f"\n{title}:")
    told = {}
    for group, result in entries:
        told.setdefault((result.name, result.text), []).append(group)
    for (name, text), groups in told.items():
        first, *rest = text.splitlines() or [""]
        print(f"  {name} [{', '.join(groups)}]: {first}")
        for line in rest:
            print(f"      {line}")
