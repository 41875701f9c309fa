# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""Rows of figures: {op, object, size, kind, peer, instructions, faults}.

What is measured in time has {processors, per_second} in place of the last two.
"""

MIB = 1 << 20
KEY = ("op", "object", "size", "kind", "peer")


def key(row):
    """What a row is about."""
    return tuple(row[name] for name in KEY)


def merge(first, *others):
    """One list of all runs: the least of each figure, and all of them where they differ."""
    rows = []
    tables = [{key(row): row for row in run} for run in (first, *others)]
    for row in first:
        seen = [table[key(row)] for table in tables if key(row) in table]
        best = dict(min(seen, key=lambda each: each["instructions"]))
        counts = [each["instructions"] for each in seen]
        if len(set(counts)) > 1 or len(seen) < len(tables):
            best["runs"] = counts
        rows.append(best)
    return rows


class Figures:
    """The rows, to be asked for by what they are about."""

    def __init__(self, rows):
        self.rows = [row for row in rows if "instructions" in row]
        self.rates = [row for row in rows if "per_second" in row]
        self._table = {key(row): row for row in self.rows}

    def row(self, op, peer, kind, way, size=16 * MIB):
        """One row, or None."""
        return self._table.get((op, way, size, kind, peer))

    def cost(self, op, peer, kind, way, size=16 * MIB):
        """Its instructions, or None."""
        row = self.row(op, peer, kind, way, size)
        return row["instructions"] if row else None

    def line(self, op, peer, kind, way):
        """(size, instructions) of an operation, by size."""
        return sorted((row["size"], row["instructions"]) for row in self.rows
                      if (row["op"], row["peer"], row["kind"], row["object"])
                      == (op, peer, kind, way))

    def lines(self, op):
        """The (peer, kind, way) that an operation was measured for, in their order."""
        return list(dict.fromkeys((row["peer"], row["kind"], row["object"]) for row in self.rows
                                  if row["op"] == op))

    def best_peer(self, op, size=16 * MIB, but=()):
        """(instructions, peer) of the cheapest one that is not dgem."""
        found = [(row["instructions"], row["peer"]) for row in self.rows
                 if row["op"] == op and row["size"] == size
                 and row["peer"] not in ("dgem", "none", *but)]
        return min(found, default=None)
