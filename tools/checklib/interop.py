# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""The machines in which the matrix of exporters and importers is filled, and what they tell."""

import re

from vmlib import png

from . import boots, results
from .results import FAIL, PASS, Result

# With edu, only what dgem itself does with a buffer is new. Where DMA-API debugging complains of a
# driver that is not ours, the cell is tried without it.
DISPLAYS = {"newest": ["--display", "VGA"],
            "6.12": ["--display", "cirrus-vga", "--qemu=-device", "--qemu=secondary-vga"]}
UNCHECKED = ("interop -e heap-system,heap-cma,udmabuf-huge,vivid-contiguous "
             "-i capture-contiguous,output-contiguous")
# On a slow machine vivid asks for a negative time to sleep.
VIVID = ["--allow-warning", "vivid_thread_vid_"]


def machines(kernel):
    """The boots on a kernel."""
    display = DISPLAYS[kernel] + VIVID
    edu = boots.ICOUNT + ["--edu-mask", "0xffffffff", "--append", "edu_dma.dma_bits=32", *display]
    return (
        boots.Boot("cpu", ["--smp", "2", "--load", "", *display],
                   ["load engine=cpu", "interop", "video", "unload"], 1800),
        boots.Boot("edu", edu, ["load", "interop -i dgem,dgem-other", "unload"], 1800),
        boots.Boot("unchecked", ["--smp", "2", "--load", "", "--append", "dma_debug=off", *display],
                   ["load engine=cpu", UNCHECKED, "unload"], 600),
        boots.Boot("churn", ["--smp", "2", "--load", "", "--env", "DGEM_ROUNDS=250"],
                   ["load engine=cpu", "igt dgem_share", "unload"], 3600),
        boots.Boot("video", edu, ["load", "video", "unload"], 1800),
    )


class Cell:
    """One cell: works, refused, untried or wrong; the errno; and what was done, or why not."""

    def __init__(self, state, error, text):
        self.state, self.error, self.text = state, error, text


class Run(boots.Run):
    """A machine, and the cells that it filled."""

    def cells(self):
        """Cells by exporter and importer; dgem's name as an importer has its engine."""
        text = self._file("interop.tap")
        found = re.search(r"^# engine (\S+)", text, re.M)
        engine = {"dmaengine": "edu"}.get(found.group(1), found.group(1)) if found else "none"
        cells = {}
        for line in re.findall(r"^# cell (.*)", text, re.M):
            exporter, importer, state, error, words = line.split("|", 4)
            if importer == "dgem":
                importer = f"dgem, {engine}"
            cells[exporter, importer] = Cell(state, error, words)
        return cells

    def _tap(self, step):
        status = self._file(f"{step}.status").strip()
        verdicts = results.tap(self._file(f"{step}.tap"), int(status) if status else -1)
        for each in verdicts:
            if each.verdict == FAIL:
                each.text += "\n" + self._file(f"{step}.log")[-500:]
        return verdicts

    def _interop(self):
        return self._tap("interop") + self._screenshots()

    def _video(self):
        return self._tap("video")

    def _screenshots(self):
        """What the display showed has the checksum that the guest has told."""
        verdicts = []
        told = re.findall(r"^# screenshot (\S+) (\w+)", self._file("interop.tap"), re.M)
        for name, wanted in told:
            try:
                found = png.crc(f"{self.out}/{name}.png")
            except (OSError, png.PngError) as error:
                found = str(error)
            verdicts.append(Result(f"screenshot {name}", PASS if found == wanted else FAIL,
                                   f"{found}, not {wanted}"))
        return verdicts
