# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""The same as a patch series, in the order in which people want to read it."""

import os
import re
import shutil
import subprocess
import tempfile

from vmlib.base import VmError, read

from . import content

AUTHOR = "The dgem authors"
ADDRESS = "dri-devel@lists.freedesktop.org"
DRIVER, PROVIDER = content.DRIVER, content.PROVIDER

# Subject, body, our files (a pattern) and the tree's own files that change. A file goes with the
# first step that wants it. The driver is first built in the step that makes it complete.
STEPS = (
    ("drm/dgem: add the uAPI header", """\
The ioctls of a render driver for buffers that devices share: make an object
of some kind of memory, map it, open a window for the CPU, and submit copies
that a DMA engine carries out, ordered by syncobjs and implicit fences.""",
     r"^include/uapi/", ()),
    ("drm/dgem: manage objects in memory of several kinds", """\
Each kind of memory is one file behind an ops table, so that no kind is
special-cased outside of its own.""",
     rf"^{DRIVER}/dgem_mem", ()),
    ("drm/dgem: share objects by dma-buf", """\
Exports have ops of dgem's own: tables are split at the importer's segment
size, and an importer that would bounce is refused. An import is one more kind
of memory.""",
     rf"^{DRIVER}/dgem_prime", ()),
    ("drm/dgem: run jobs", """\
drm_sched runs copies on a dmaengine channel, or on the CPU where there is
none. Nothing is allocated between arming a job and signalling its fence.""",
     rf"^{DRIVER}/dgem_(submit|sched|engine|job)", ()),
    ("drm/dgem: add the DMA GEM driver", """\
Instances, objects, mappings into user space and for devices, windows for the
CPU, quota, and debugfs. Now that all parts are there, the driver can be built.""",
     rf"^{DRIVER}/(?!tests/)", ("drivers/gpu/drm/Kconfig", "drivers/gpu/drm/Makefile")),
    ("dmaengine: edu: add a provider for QEMU's edu device", """\
A memcpy channel with an address mask, interrupts and a buffer of 4 KiB on the
device: hardware that everybody has, to test dmaengine's consumers against.""",
     rf"^{PROVIDER}/", ("drivers/dma/Kconfig", "drivers/dma/Makefile")),
    ("Documentation: gpu: describe dgem", """\
The text is in the sources; the pages put it in order.""",
     r"^Documentation/", ("Documentation/gpu/drivers.rst", "MAINTAINERS")),
    ("drm/dgem: add KUnit tests", """\
Of what needs no device: overflow checks, the splitting of copies, the
validation of configurations.""",
     rf"^{DRIVER}/", ()),
)
COVER = "drm/dgem: a render driver for buffers that devices share"
BLURB = """\
vgem is virtual GEM: pages that no device ever touches. dgem is its real
counterpart. It allocates contiguous, coherent and other memory as GEM objects,
maps it into user space, exports it as dma-buf, imports other drivers' dma-bufs,
and moves data between all of them with real DMA engines, asynchronously, with
dma_fence, syncobj and sync_file.

Patches 1 to 5 are the driver, which is built from patch 5 on. Patch 6 adds a
dmaengine provider for a device that QEMU has, so that everything can be tried
without hardware. Patches 7 and 8 are documentation and KUnit tests; user space
(a library in the manner of libdrm, a tool) and IGT tests are kept beside the
kernel."""


def _git(work, *args):
    environment = dict(os.environ, GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_NOSYSTEM="1",
                       GIT_AUTHOR_NAME=AUTHOR, GIT_AUTHOR_EMAIL=ADDRESS,
                       GIT_COMMITTER_NAME=AUTHOR, GIT_COMMITTER_EMAIL=ADDRESS)
    done = subprocess.run(["git", *args], cwd=work, env=environment, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise VmError(f"git {args[0]}: {done.stdout}")
    return done.stdout


def _write(work, name, text):
    os.makedirs(os.path.dirname(f"{work}/{name}") or work, exist_ok=True)
    with open(f"{work}/{name}", "w", encoding="utf-8") as file:
        file.write(text)


def _steps(ours):
    """(subject, body, {path: text}, hooked files) of each step."""
    left, last = dict(ours), len(STEPS) - 1
    for number, (subject, body, pattern, hooked) in enumerate(STEPS):
        mine = {name: text for name, text in left.items() if re.match(pattern, name)}
        for name in mine:
            del left[name]
        if number < last:
            mine = {name: content.without_tests(name, text) for name, text in mine.items()}
        else:
            mine.update({name: ours[name] for name in (f"{DRIVER}/Kconfig", f"{DRIVER}/Makefile")})
        yield subject, body, mine, hooked
    if left:
        raise VmError(f"no patch has {', '.join(sorted(left))}")


def write(tree, folder):
    """Write the patches for a tree (without dgem) into a directory; their names."""
    version = content.version_of(tree)
    hooks = list(content.hooks())
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    with tempfile.TemporaryDirectory() as work:
        for name in {hook.path for hook in hooks}:
            _write(work, name, read(f"{tree}/{name}"))
        _git(work, "init", "-q", "-b", "main")
        _git(work, "add", "-A")
        _git(work, "commit", "-q", "-m", "The tree")
        for subject, body, mine, hooked in _steps(content.files(version)):
            for name, text in mine.items():
                _write(work, name, text)
            for hook in hooks:
                if hook.path in hooked:
                    text = hook.insert(read(f"{work}/{hook.path}"))
                    if text is None:
                        raise VmError(f"{hook.path}: no place for {hook.lines.strip()!r}")
                    _write(work, hook.path, text)
            _git(work, "add", "-A")
            _git(work, "commit", "-q", "-s", "-m", subject, "-m", body)
        count = len(STEPS)
        _git(work, "format-patch", "-q", f"-{count}", "--cover-letter", "-M",
             "-o", os.path.abspath(folder))
    names = sorted(os.listdir(folder))
    cover = f"{folder}/{names[0]}"
    text = read(cover).replace("*** SUBJECT HERE ***", COVER).replace("*** BLURB HERE ***", BLURB)
    _write(folder, names[0], text)
    return names
