# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""What goes into a kernel tree: our files, and lines in files that it has."""

import re

from stylelib import sources
from vmlib.base import TREE, read

# The kernel whose API the sources are written for; older ones need the compatibility headers.
NATIVE = (7, 3)
KNOWN = ((6, 1), (6, 12), NATIVE)
DRIVER, PROVIDER = "drivers/gpu/drm/dgem", "drivers/dma/edu"
PLACES = (
    (r"^drivers/dma/", f"{PROVIDER}/"),
    (r"^drivers/gpu/drm/dgem/", f"{DRIVER}/"),
    (r"^uapi/drm/", "include/uapi/drm/"),
    (r"^(Documentation/(gpu|ABI|devicetree)/)", r"\1"),
)
# Nothing in the newest kernel, see compat/dgem_compat.h.
NOTHING = re.compile(r'^(#include "(\.\./)?compat/dgem_compat\.h"'
                     r"|\tDGEM_(DRIVER_DATE|PRIME_HANDLES)"
                     r"|\tdgem_(sched_(keep|forget)|folio_limit)\(.*\);)\n", re.M)
# Only spelled out there.
MEMBER = re.compile(r"^(\t)DGEM_FDINFO\((.*)\)\n", re.M)


def version_of(tree):
    """(6, 12) and such of a kernel tree, or None."""
    text = read(f"{tree}/Makefile", default="")
    found = [re.search(rf"^{name} = (\d+)$", text, re.M) for name in ("VERSION", "PATCHLEVEL")]
    return tuple(int(each.group(1)) for each in found) if all(found) else None


def files(version):
    """path in the kernel tree -> text, of every file of ours."""
    result = {}
    for name in sources.every():
        for pattern, place in PLACES:
            if re.match(pattern, name):
                path = re.sub(pattern, place, name)
                if "compat" not in path or version < NATIVE:
                    result[path] = _fit(path, read(f"{TREE}/{name}"), version)
                break
    return result


def _fit(path, text, version):
    """A file as it is in a tree of this version."""
    if version >= NATIVE and path.endswith((".c", ".h")):
        text = MEMBER.sub(r"\1\2,\n", NOTHING.sub("", text))
    if path == f"{PROVIDER}/Makefile":
        text = re.sub(r"^ifneq \(\$\(KBUILD_EXTMOD\),\)\n.*?^endif\n\n?", "", text,
                      flags=re.M | re.S)
        if version < NATIVE:
            text += f"ccflags-y += -include $(srctree)/{PROVIDER}/edu_dma_compat.h\n"
    if path == f"{DRIVER}/Makefile" and version < NATIVE:
        text += f"include $(srctree)/{DRIVER}/compat/flags.mk\n"
    return text


def without_tests(path, text):
    """Kconfig and Makefile of the driver as they are before it has tests."""
    if path == f"{DRIVER}/Kconfig":
        return re.sub(r"\nconfig DRM_DGEM_KUNIT_TEST\n.*", "", text, flags=re.S)
    if path == f"{DRIVER}/Makefile":
        return text.replace("obj-y += tests/\n", "")
    return text


def _pages():
    """Our entries of the drivers' table of contents."""
    return "".join(f"   {name}\n" for name in sorted(
        re.sub(r".*/(\S+)\.rst$", r"\1", name)
        for name in sources.matching(r"^Documentation/gpu/[^/]+\.rst$")))


def _maintainers():
    """title -> section of MAINTAINERS, with the places of a kernel tree."""
    text = read(f"{TREE}/MAINTAINERS").replace("drivers/dma/edu_dma*", f"{PROVIDER}/")
    return {section.split("\n", 1)[0]: section.strip("\n") + "\n\n"
            for section in re.split(r"\n\n+", text) if section.strip()}


class Hook:
    """Lines that go before the first line of a file that matches."""

    def __init__(self, path, lines, before):
        self.path, self.lines = path, lines
        self.before = re.compile(before, re.M)

    def insert(self, text):
        """The file's text with the lines, or None where they have no place."""
        if self.lines in text:
            return text
        found = self.before.search(text)
        return text[:found.start()] + self.lines + text[found.start():] if found else None

    def remove(self, text):
        """The file's text without them."""
        return text.replace(self.lines, "", 1)


def hooks():
    """What is inserted into files of the tree."""
    yield Hook("drivers/gpu/drm/Kconfig", f'source "{DRIVER}/Kconfig"\n',
               r'^source "drivers/gpu/drm/etnaviv/')
    yield Hook("drivers/gpu/drm/Makefile", "obj-$(CONFIG_DRM_DGEM) += dgem/\n",
               r"^obj-\$\(CONFIG_DRM_ETNAVIV\)")
    yield Hook("drivers/dma/Kconfig", f'source "{PROVIDER}/Kconfig"\n\n',
               r'^source "drivers/dma/hsu/')
    yield Hook("drivers/dma/Makefile", "obj-$(CONFIG_EDU_DMA) += edu/\n",
               r"^obj-\$\(CONFIG_EP93XX_DMA\)|^obj-\$\(CONFIG_FSL_DMA\)")
    yield Hook("Documentation/gpu/drivers.rst", _pages(), r"^   i915$")
    for title, section in sorted(_maintainers().items()):
        yield Section("MAINTAINERS", title, section)


class Section(Hook):
    """A section of MAINTAINERS, in the order of titles."""

    def __init__(self, path, title, section):
        super().__init__(path, section, "$^")
        self.title = title

    def insert(self, text):
        if self.lines in text:
            return text
        start = text.find("Maintainers List\n")
        for found in re.finditer(r"^(?!\w:\t)(\S[^\n]*)\n[A-Z]:\t", text[max(start, 0):], re.M):
            if found.group(1) > self.title:
                at = max(start, 0) + found.start()
                return text[:at] + self.lines + text[at:]
        return None
