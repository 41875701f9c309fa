# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""How long a client waits at worst while another one does what takes long.

Rows: {aggressor, op, instructions, loops}, the last being how often the aggressor did what it does.
The aggressor "none" is the client alone; what a granule of memory costs stands there, too.
"""

from vmlib.base import say

from . import guest, table
from .targets import NOT_THERE, NOT_YET, REACHED

ALONE, GRANULE = "none", "granule"
# How many times what it takes alone a call may take, beyond a granule.
TIMES = 4
MACHINE = [*guest.COMMON, "--mem", "2G", "--cma", "576M", "--load", "dgem"]


def measure(tree, out):
    """Rows of one boot, with the CPU as the engine."""
    guest.build(tree)
    say("stalls")
    return guest.boot(tree, f"{out}/stall", MACHINE, ["--stall"])


def lines(rows):
    """(aggressor, op, worst, alone, limit, verdict) of all calls beside all aggressors."""
    costs = {(row["aggressor"], row["op"]): row["instructions"] for row in rows}
    granule = costs.get((ALONE, GRANULE))
    found = []
    for (aggressor, op), worst in costs.items():
        if aggressor == ALONE:
            continue
        alone = costs.get((ALONE, op))
        limit = None if None in (alone, granule) else TIMES * alone + granule
        verdict = NOT_THERE if limit is None else REACHED if worst <= limit else NOT_YET
        found.append((aggressor, op, worst, alone, limit, verdict))
    return found


def text(rows):
    """All of it."""
    found = lines(rows)
    body = [(f"{aggressor}: {op}", *map(table.number, numbers), verdict)
            for aggressor, op, *numbers, verdict in found]
    reached = sum(line[-1] == REACHED for line in found)
    return "\n".join([*table.grid(("a client beside", "worst", "alone", "at most", ""), body),
                      f"{reached} of {len(found)} reached."])
