# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""What the operations shall cost, and how far that is."""

from collections import namedtuple

from .figures import MIB

REACHED, NOT_YET, NOT_THERE = "reached", "not yet", "not there"

Line = namedtuple("Line", "text peer limit cost verdict")
# So many percent of what a row of a peer costs, and something on top.
Share = namedtuple("Share", "row percent more", defaults=(0,))

# A target: what it says, the row (op, kind, way, size) of dgem, the most it may cost.  A limit that
# is a row of a peer (op, peer, kind, way, size) is what that peer costs in the same boot, or a
# Share of that.
WAYS = (("node", "GEM node"), ("dma-buf-aligned", "dma-buf, aligned"))
CMA = ("heap-cma", "cma", "dma-buf")
SPARSE = (("one", "one page"), ("apart", "a page in each 2 MiB"),
          ("random", "every 64th page at random"), ("backwards", "all pages backwards"))
LARGE = 256 * MIB


def _mapping():
    for way, name in WAYS:
        yield f"mmap + touch, contiguous, {name}", ("mmap+touch", "contiguous", way), 40000
    yield ("mmap + touch, contiguous, dma-buf, any address",
           ("mmap+touch", "contiguous", "dma-buf"),
           ("mmap+touch", "heap-system", "pages", "dma-buf"))
    yield "mmap + touch, pages", ("mmap+touch", "pages", "node"), 50000
    for way, name in WAYS:
        yield f"mmap + touch, coherent, {name}", ("mmap+touch", "coherent", way), 230000
    for way, name in WAYS:
        yield f"munmap, contiguous, {name}", ("munmap", "contiguous", way), 10000
    yield "munmap, pages", ("munmap", "pages", "node"), 10000
    for way in ("node", "dma-buf"):
        yield (f"fault of one 4 KiB page, {way}", ("fault", "contiguous", way, 4096),
               ("fault", *CMA, 4096))


def _allocation():
    yield ("create + export, contiguous", ("create+export", "contiguous", "dma-buf"),
           ("create+export", *CMA))
    yield "import of a CMA heap's buffer, first", ("import", "heap-cma", "dma-buf"), 20000
    yield "import of a CMA heap's buffer, again", ("import-again", "heap-cma", "dma-buf"), 4000


def _sparse():
    for op, name in SPARSE:
        yield (f"{name}: touch + munmap, contiguous, dma-buf, any address",
               (f"sparse-{op}", "contiguous", "dma-buf"), Share((f"sparse-{op}", *CMA), 115))
    yield ("all pages in sequence: mmap + touch, likewise",
           ("mmap+touch", "contiguous", "dma-buf"), 260000)


def _windows():
    yield ("SYNC start + end, 256 MiB, pages, dma-buf", ("sync", "pages", "dma-buf", LARGE),
           Share(("sync", "heap-system", "pages", "dma-buf", LARGE), 115, 200))
    # A call of DRM's has its price, whatever it is about: no peer has such a pair of calls.
    yield ("SYNC start + end, 256 MiB, pages, GEM node, against a page of it",
           ("sync", "pages", "node", LARGE),
           Share(("sync-page", "dgem", "pages", "node", LARGE), 102))


def _all():
    return [*_mapping(), *_sparse(), *_allocation(), *_windows()]


def _limit(figures, limit):
    """The most that something may cost as a number, or None."""
    if isinstance(limit, Share):
        cost = figures.cost(*limit.row)
        return None if cost is None else cost * limit.percent // 100 + limit.more
    return figures.cost(*limit) if isinstance(limit, tuple) else limit


def _verdict(cost, limit):
    if cost is None or limit is None:
        return NOT_THERE
    return REACHED if cost <= limit else NOT_YET


def lines(figures):
    """Every target as a Line."""
    found = []
    for text, row, limit in _all():
        cost = figures.cost(row[0], "dgem", *row[1:])
        limit = _limit(figures, limit)
        size = row[3] if len(row) > 3 else 16 * MIB
        found.append(Line(text, figures.best_peer(row[0], size, _unlike(row[0])), limit, cost,
                          _verdict(cost, limit)))
    return found + [_ranged_sync(figures)]


def rows(figures):
    """The rows of dgem that stand in the table, as far as they were measured."""
    asked = dict.fromkeys(row for _, row, _ in _all())
    found = [figures.row(row[0], "dgem", *row[1:]) for row in asked]
    found += [figures.row(op, "dgem", "contiguous, bounced", "node")
              for op in ("sync", "sync-page")]
    return [row for row in found if row]


def _unlike(op):
    """Peers whose figure means something else: vgem allocates nothing yet at create."""
    return ("vgem",) if op == "create+export" else ()


def _ranged_sync(figures):
    """SYNC of one page against SYNC of the whole object."""
    whole = figures.cost("sync", "dgem", "contiguous, bounced", "node")
    page = figures.cost("sync-page", "dgem", "contiguous, bounced", "node")
    limit = whole // 50 if whole else None
    return Line("SYNC of one page, bounced engine (2 % of the whole)", None, limit, page,
                _verdict(page, limit))


def growth(figures, start=2 * MIB, slack=1.02):
    """
    Sentences: which costs a page rise with the size, from start up. What is smaller than a page
    table shows has one table, and what is as large, at any address, has two.
    """
    found = []
    for op in ("mmap+touch", "munmap", "create+export", "import", "import-again"):
        for peer, kind, way in figures.lines(op):
            if peer != "dgem":
                continue
            line = [point for point in figures.line(op, peer, kind, way) if point[0] >= start]
            rises = [f"{small[0] // MIB} to {large[0] // MIB} MiB: "
                     f"{small[1] * 4096 / small[0]:.1f} to {large[1] * 4096 / large[0]:.1f}"
                     for small, large in zip(line, line[1:])
                     if large[1] / large[0] > slack * small[1] / small[0]]
            if rises:
                found.append(f"{op}, {kind}, {way}: {'; '.join(rises)}")
    return found
