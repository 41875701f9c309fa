# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""The figures as text for the terminal."""

from . import targets
from .figures import MIB, Figures

COLUMNS = (("dgem", "contiguous"), ("heap-system", "pages"), ("heap-cma", "cma"),
           ("udmabuf", "memfd"), ("vgem", "shmem"))
OWN = tuple(("dgem", kind) for kind in ("contiguous", "coherent", "pages", "vmalloc", "reserved"))
OPS = (("create+export", "dma-buf"), ("mmap+touch", "node"), ("mmap+touch", "dma-buf"),
       ("mmap+touch", "dma-buf-aligned"), ("munmap", "node"), ("munmap", "dma-buf"),
       ("munmap", "dma-buf-aligned"), ("sync", "node"), ("sync", "dma-buf"), ("sync-page", "node"),
       ("free", "dma-buf"))
MORE_OPS = (("mmap", "node"), ("mmap", "dma-buf"), ("mmap", "dma-buf-aligned"), ("touch", "node"),
            ("touch", "dma-buf"), ("touch", "dma-buf-aligned"))


def number(value):
    """A figure as text."""
    return "-" if value is None else f"{value:,}"


def grid(head, body):
    """Lines with columns as wide as needed, all but the first one to the right."""
    widths = [max(len(line[i]) for line in (head, *body)) for i in range(len(head))]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))

    def one(line):
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]
        return "  ".join(cells).rstrip()

    return [one(head), rule, *map(one, body)]


def _targets(figures):
    body, lines = [], targets.lines(figures)
    for line in lines:
        peer = f"{line.peer[0]:,} {line.peer[1]}" if line.peer else "-"
        body.append((line.text, peer, number(line.limit), number(line.cost), line.verdict))
    reached = sum(line.verdict == targets.REACHED for line in lines)
    return [*grid(("operation (16 MiB)", "best peer, same boot", "at most", "dgem", ""), body),
            f"{reached} of {len(lines)} reached."]


def _peers(figures, columns, ops):
    body = []
    for op, way in ops:
        cells = []
        for peer, kind in columns:
            row = figures.row(op, peer, kind, way)
            faults = f" ({row['faults']})" if row and row["faults"] else ""
            cells.append(number(row and row["instructions"]) + faults)
        body.append((f"{op}, {way}", *cells))
    head = ("instructions (faults), 16 MiB", *(f"{peer} {kind}" for peer, kind in columns))
    return grid(head, body)


def _remarks(figures):
    alone = {kind: figures.cost("zero", "none", kind, "anonymous") for kind in ("bytes", "words")}
    yield ("Touching mapped pages alone: "
           f"{number(figures.cost('touch-again', 'none', 'memory', 'anonymous'))}. "
           f"Clearing 16 MiB alone: {number(alone['bytes'])} page by page (rep stosb counts "
           "each byte: the heaps, udmabuf, vgem, dgem's pages and vmalloc), "
           f"{number(alone['words'])} in words "
           "(dgem's contiguous and coherent memory).")
    for peer, kind, cleared in (("dgem", "contiguous", "words"), ("dgem", "pages", "bytes"),
                                ("heap-cma", "cma", "bytes"), ("heap-system", "pages", "bytes")):
        cost = figures.cost("create+export", peer, kind, "dma-buf")
        if cost and alone[cleared]:
            rest = number(cost - alone[cleared])
            yield f"Create + export without clearing, {peer} {kind}: {rest}."
    rises = targets.growth(figures)
    yield ("Cost per 4 KiB page, from 2 MiB up, never rises by more than 2 %." if not rises else
           "Cost per 4 KiB page rises from 2 MiB up by more than 2 %:\n  " + "\n  ".join(rises))
    yield from _rates(figures)


def _rates(figures):
    """Faults of two processors in one object against those of one."""
    rates = {(row["peer"], row["processors"]): row["per_second"] for row in figures.rates}
    for peer in dict.fromkeys(row["peer"] for row in figures.rates):
        one, two = rates[peer, 1], rates[peer, 2]
        yield (f"Faults a second in one object of {peer}: one processor {number(one)}, two "
               f"{number(two)}, which is {two / one:.2f} times as many.")


def _repeats(figures, rows):
    """Which figures the runs do not agree on."""
    differing = [row for row in rows if "runs" in row]
    if not differing:
        return [f"All {len(rows)} figures are the same in both runs."]
    main = targets.rows(figures)
    shown = sorted(differing, key=_spread, reverse=True)
    lines = [f"{sum('runs' not in row for row in main)} of {len(main)} figures of the first table "
             f"and {len(rows) - len(differing)} of all {len(rows)} are the same in both runs. "
             f"The others differ by {100 * _spread(shown[0]):.2f} % at most:"]
    for row in [row for row in main if "runs" in row] + shown[:10]:
        size = f"{row['size'] // MIB} MiB" if row["size"] >= MIB else f"{row['size'] // 1024} KiB"
        lines.append(f"  {row['op']}, {row['peer']} {row['kind']}, {row['object']}, {size}: "
                     + ", ".join(map(number, row["runs"])))
    if len(shown) > 10:
        lines.append(f"  and {len(shown) - 10} more: \"runs\" in bench.json")
    return lines


def _spread(row):
    return max(row["runs"]) / max(1, min(row["runs"])) - 1


def text(rows, everything=False):
    """All of it."""
    figures = Figures(rows)
    ops = OPS + (MORE_OPS if everything else ())
    parts = [_targets(figures), _peers(figures, COLUMNS, ops), _peers(figures, OWN, ops),
             list(_remarks(figures)), _repeats(figures, figures.rows)]
    return "\n\n".join("\n".join(part) for part in parts)
