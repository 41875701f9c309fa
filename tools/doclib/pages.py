# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""The kernel pages by the kernel's own Sphinx, and the manual pages by mandoc."""

import glob
import os
import re
import shutil
import tempfile

from checklib.results import FAIL, PASS, SKIP, Result
from intreelib import install, trial
from stylelib import sources
from stylelib.gate import call, head
from vmlib.base import TREE, VmError, cache, run, slug, write

# A folder of nothing but our pages: building all of them takes an hour.
FOLDER = "dgemdocs"
OURS = re.compile(rf"{FOLDER}|drivers/gpu/drm/dgem|drivers/dma/edu|dgem_drm\.h|ABI/\S*dgem|dma-gem")


def html(kernel, out, say):
    """htmldocs; a warning of ours fails. The kernel's source is covered, in our namespace."""
    top = cache("docs", slug(kernel.version), "")
    trial.cover(kernel.source, f"{top}source")
    install.Tree(kernel.source).install()
    _gather(f"{kernel.source}/Documentation")
    say("docs: htmldocs")
    shutil.rmtree(f"{top}build", ignore_errors=True)
    os.makedirs(f"{top}build")
    status, text = call(["make", "-C", kernel.source, f"O={top}build", "htmldocs",
                         f"SPHINXDIRS={FOLDER}"])
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    write(f"{out}/htmldocs.log", text)
    warnings = [line for line in text.splitlines()
                if re.search("warning|error", line, re.I) and OURS.search(line)]
    made = f"{top}build/Documentation/{FOLDER}/output"
    made = next((path for path in (made, f"{top}build/Documentation/output/{FOLDER}",
                                   f"{top}build/Documentation/output")
                 if os.path.exists(f"{path}/index.html")), None)
    if status or warnings or not made:
        yield Result("htmldocs", FAIL, head("\n".join(warnings) or text[-2000:]))
    else:
        yield Result("htmldocs", PASS)
    if made:
        shutil.copytree(made, f"{out}/html")
        for page in _names():
            yield _page(f"{out}/html", page)


def _names():
    return sorted(re.sub(r".*/(\S+)\.rst$", r"\1", name)
                  for name in sources.matching(r"^Documentation/gpu/[^/]+\.rst$"))


def _gather(documentation):
    """Move our pages into a folder with an index of its own."""
    os.makedirs(f"{documentation}/{FOLDER}")
    for name in _names():
        os.rename(f"{documentation}/gpu/{name}.rst", f"{documentation}/{FOLDER}/{name}.rst")
    write(f"{documentation}/{FOLDER}/index.rst",
          "====\ndgem\n====\n\n.. toctree::\n\n" +
          "".join(f"   {name}\n" for name in _names()))


def _page(folder, name):
    """A page is there, with text, and a browser shows it: NAME.png beside it."""
    path = f"{folder}/{name}.html"
    if not os.path.exists(path) or os.path.getsize(path) < 5000:
        return Result(f"page-{name}", FAIL, "missing or empty")
    if not shutil.which("chromium"):
        return Result(f"page-{name}", SKIP, "no browser")
    picture = f"{folder}/{name}.png"
    try:
        run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
             "--window-size=1200,2400", f"--screenshot={picture}", f"file://{path}"], timeout=300)
    except VmError as error:
        return Result(f"page-{name}", FAIL, str(error))
    good = os.path.exists(picture) and os.path.getsize(picture) > 10000
    return Result(f"page-{name}", PASS if good else FAIL, "an empty picture")


def manual(_):
    """mandoc's lint of the manual pages, those that are made from the header, too."""
    with tempfile.TemporaryDirectory() as work:
        run([f"{TREE}/userspace/man/pages.py", f"{TREE}/userspace/lib/libdrm_dgem.h", work])
        pages = glob.glob(f"{TREE}/Documentation/man/*.[0-9]") + glob.glob(f"{work}/*.[0-9]")
        for path in sorted(pages):
            status, text = call(["mandoc", "-T", "lint", "-W", "warning", path])
            name = os.path.basename(path)
            yield Result(f"man-{name}", FAIL if status or text.strip() else PASS, head(text))
