# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""The machines in which the matrix of exporters and importers is filled, and what they tell."""

import re

from vmlib import png

from . import boots, results
from .results import FAIL, PASS, Result

# On 6.12 bochs imports nothing but its own: there is a second display, which does. Their ids are
# what dgem_interop calls them when it wants a screenshot.
DISPLAYS = {"newest": ("bochs-drm", ["--display", "VGA,id=bochs-drm"]),
            "6.12": ("cirrus", ["--display", "cirrus-vga,id=cirrus", "--qemu=-device",
                                "--qemu=secondary-vga,id=bochs-drm"])}
# On a slow machine vivid asks for a negative time to sleep.
VIVID = ["--allow-warning", "vivid_thread_vid_"]
# DRM's helper looks at a commit's new state after hw_done, from when on the next one may free it:
# seen with page flips on 7.3's bochs and 6.12's cirrus, with dgem in neither's way.
FREED_STATE = ["--allow-warning", r"KASAN: .* in drm_atomic_helper_wait_for_vblanks"]
OWN = ("dgem-contiguous,dgem-coherent,dgem-wc,dgem-pages,dgem-lazy,dgem-vmalloc,dgem-reserved,"
       "dgem-user")
OTHERS = "heap-system,heap-cma,udmabuf,udmabuf-huge,vgem,vkms,bochs-drm,cirrus"
VIDEO = "vivid-vmalloc,vivid-contiguous"
# Where DMA-API debugging complains of a driver that is not ours, or may do so, the cell is tried
# without it: exporters, and importers.
UNCHECKED = {
    "newest": ("heap-system,heap-cma,vivid-contiguous", "capture-contiguous,output-contiguous"),
    "6.12": ("heap-system,heap-cma,vivid-contiguous,vgem,vkms,cirrus",
             "capture-contiguous,output-contiguous,vgem,vkms-plane,vkms-writeback,cirrus"),
}


def machines(kernel):
    """The boots on a kernel: parts of the matrix, so that none takes long, and what else is said of
    sharing. With edu, only what dgem itself does with a buffer is new.

    Cameras and displays have a virtual time and one processor: in real time they lose frames where
    the host is busy. 6.12's vkms hangs now and then if there are two: it waits for the end of its
    timer's handler with a lock held that the handler takes.
    """
    screen, display = DISPLAYS[kernel]
    display = display + VIVID
    cpu = ["--icount", "0", "--smp", "1", "--load", "", *boots.POOL, *display]
    edu = boots.ICOUNT + ["--edu-mask", "0xffffffff", "--append", "edu_dma.dma_bits=32", *display]
    load = f"{boots.LOAD} engine=cpu"
    unchecked = "interop -e {} -i {}".format(*UNCHECKED[kernel])
    return (
        boots.Boot("own", cpu, [load, f"interop -e {OWN}", "video", "unload"], 1800),
        boots.Boot("others", cpu, [load, f"interop -e {OTHERS},{VIDEO}", "unload"], 1800),
        boots.Boot("edu", edu + ["--edu", "2"],
                   [boots.LOAD, "interop -i dgem,dgem-other", "unload"], 1800),
        boots.Boot("unchecked", [*cpu, "--append", "dma_debug=off"], [load, unchecked, "unload"],
                   1200),
        boots.Boot("churn", ["--smp", "2", "--load", "", *boots.POOL,
                             "--env", "DGEM_ROUNDS=250"],
                   [load, "igt dgem_share", "unload"], 3600),
        # What is bounced is neither coherent nor another driver's, and here none is set aside.
        boots.Boot("bounce", boots.ICOUNT + ["--edu", "2", "--edu-mask", "0xffffffff",
                                             "--append", "edu_dma.dma_bits=32",
                                             "--append", "swiotlb=force"],
                   ["load", "igt dgem_bounce dgem_sync -@windows-(coherent|wc|reserved|import)$",
                    "unload"], 1200),
        # An instance without a device has no windows: the other one imports what this one has.
        boots.Boot("video", edu, [boots.LOAD, "interop -e dgem-io -d other", "video", "unload"],
                   1800),
        # Programs that wait for the host more than for anything else.
        boots.Boot("clients",
                   ["--smp", "2", "--load", "", *boots.POOL, *display, *FREED_STATE],
                   [load, f"clients {screen}", "unload"], 2400),
    )


class Cell:
    """One cell: works, refused, garbled, untried or wrong; the errno; what was done, or why not."""

    def __init__(self, state, error, text):
        self.state, self.error, self.text = state, error, text


class Run(boots.Run):
    """A machine, and the cells that it filled."""

    # dgem_share's churn is one subtest, of some minutes
    silence = 900

    def cells(self):
        """The kernel's release, and cells by exporter and importer; dgem's name as an importer has
        its engine."""
        text = self._file("interop.tap")
        kernel = re.search(r"^# kernel (\S+)", text, re.M)
        engines = dict(re.findall(r"^# engine (\S+) (\S+)", text, re.M))
        cells = {}
        for line in re.findall(r"^# cell (.*)", text, re.M):
            exporter, importer, state, error, words = line.split("|", 4)
            if importer in engines:
                importer += ", " + engines[importer].replace("dmaengine", "edu")
            cells[exporter, importer] = Cell(state, error, words)
        return kernel.group(1) if kernel else "", cells

    def _tap(self, step):
        status = self._file(f"{step}.status").strip()
        verdicts = results.tap(self._file(f"{step}.tap"), int(status) if status else -1)
        for each in verdicts:
            if each.verdict == FAIL:
                each.text += "\n" + self._file(f"{step}.log")[-500:]
        return verdicts

    def _interop(self):
        return self._tap("interop") + self._screenshots("interop")

    def _video(self):
        return self._tap("video")

    def _clients(self):
        return self._tap("clients") + self._screenshots("clients")

    def _crc(self, name):
        try:
            return png.crc(f"{self.out}/{name}.png")
        except (OSError, png.PngError) as error:
            return str(error)

    def _screenshots(self, step):
        """What the display showed has the checksum that the guest has told, or has not; or it is
        the same, or something else, as what it showed some other time."""
        verdicts = []
        text = self._file(f"{step}.tap")
        for name, other, told in re.findall(r"^# screenshot (\S+) (not )?(\w+)", text, re.M):
            found = self._crc(name)
            right = re.fullmatch(r"\w{8}", found) and (found == told) != bool(other)
            verdicts.append(Result(f"screenshot {name}", PASS if right else FAIL,
                                   f"{found}, expected: {other}{told}"))
        for word, one, two in re.findall(r"^# (same|other) (\S+) (\S+)", text, re.M):
            found = self._crc(one), self._crc(two)
            right = re.fullmatch(r"\w{8}", found[0]) and (found[0] == found[1]) == (word == "same")
            verdicts.append(Result(f"screenshot {one}, {word} as {two}", PASS if right else FAIL,
                                   f"{found[0]}, {found[1]}"))
        return verdicts
