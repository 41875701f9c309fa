# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""Plots of cost against size, one for each operation, a line for each peer."""

import re
import subprocess

from vmlib import host
from vmlib.base import VmError

from .figures import Figures

TITLES = {
    "create+export": "create and export",
    "mmap+touch": "mmap and first touch of every page",
    "munmap": "munmap after the touch",
    "sync": "opening and closing a CPU access window",
    "sync-page": "the same for one page",
    "import": "import of a CMA heap's buffer, first",
    "import-again": "import of a CMA heap's buffer, again",
    "free": "closing the last reference",
}
# Distinct to most eyes; dgem's lines are the first.
COLOURS = {"dgem": ("#0072b2", "#56b4e9", "#003a5c", "#009e73", "#7f7fff", "#00c0c0", "#4b0082",
                    "#66c2a5", "#1f3a93", "#a0a0ff"),
           "heap-system": ("#d55e00", "#f0a070"), "heap-cma": ("#e69f00", "#f0d080"),
           "udmabuf": ("#808080", "#c0c0c0"), "vgem": ("#cc79a7", "#e8b8d0", "#80305f")}
TERMINALS = {"svg": "svg size 900,600 dynamic font 'sans,13' background 'white'",
             "png": "pngcairo size 900,600 font 'sans,11'"}


def install():
    """Have gnuplot on this machine, or be told what to install."""
    host.NEEDS.setdefault("plots", {"gnuplot": "gnuplot-nox"})
    host.require("plots")


def _lines(figures, op):
    """What is drawn: of dgem's other kinds than the first, one way each."""
    drawn = []
    for peer, kind, way in figures.lines(op):
        if peer == "dgem" and kind != "contiguous" and (peer, kind) in [one[:2] for one in drawn]:
            continue
        drawn.append((peer, kind, way))
    return drawn


def _script(figures, op, out):
    """gnuplot's commands for one operation."""
    name = re.sub(r"\W+", "-", op)
    data, plots, used = [], [], {}
    for peer, kind, way in _lines(figures, op):
        points = figures.line(op, peer, kind, way)
        number = used[peer] = used.get(peer, -1) + 1
        colours = COLOURS[peer]
        data.append(f"$D{len(plots)} << EOD\n"
                    + "".join(f"{size} {cost}\n" for size, cost in points) + "EOD\n")
        plots.append(f"$D{len(plots)} using 1:2 with linespoints lw 2 pt {5 + 2 * (number % 4)} "
                     f"ps 0.7 lc rgb '{colours[number % len(colours)]}' "
                     f"title \"{peer} {kind}, {way}\" noenhanced")
    lines = data + [
        f"set title \"{TITLES[op]}\"", "set logscale x 2", "set logscale y 10",
        "set xlabel 'size'", "set ylabel 'instructions'", "set key below maxcols 2",
        "set xtics ('4 KiB' 2**12, '64 KiB' 2**16, '1 MiB' 2**20, '16 MiB' 2**24, '256 MiB' 2**28)",
        "set format y '10^{%L}'", "set grid",
    ]
    for suffix, terminal in TERMINALS.items():
        lines += [f"set terminal {terminal}", f"set output \"{out}/{name}.{suffix}\"",
                  "plot " + ", ".join(plots)]
    return "\n".join(lines) + "\nset output\n"


def draw(rows, out):
    """SVG and PNG files of every operation with a title above."""
    figures = Figures(rows)
    for op in TITLES:
        if not figures.lines(op):
            continue
        done = subprocess.run(["gnuplot", "-"], input=_script(figures, op, out).encode(),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if done.returncode:
            raise VmError(f"gnuplot, {op}: {done.stdout.decode(errors='replace').strip()}")
