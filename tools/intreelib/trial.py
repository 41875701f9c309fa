# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""A kernel with dgem in it: built on top of a cached one, which stays as it is, and booted.

Sources and objects of the cached kernel are covered by overlays in a mount namespace of this
program: the paths are the same, so make builds what changed and nothing else.
"""

import contextlib
import glob
import os
import shutil
import sys
import tempfile

from checklib import results as judge
from checklib.results import FAIL, PASS, Result
from vmlib import cli, splats
from vmlib.base import TREE, VmError, cache, read, run
from vmlib.kernel import Kernel
from vmlib.machine import Machine
from vmlib.rootfs import RootFs

from . import content, install, series

OPTIONS = ("DRM_DGEM", "EDU_DMA", "DRM_DGEM_KUNIT_TEST")
# Our folders, and where the tree mentions them once they can be built.
FOLDERS = ((content.DRIVER, "drivers/gpu/drm/Makefile", "CONFIG_DRM_DGEM"),
           (content.PROVIDER, "drivers/dma/Makefile", "CONFIG_EDU_DMA"))


def own_namespace():
    """Start this program again where its mounts are its own; returns when that is so."""
    if "DGEM_NAMESPACE" in os.environ:
        return
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    os.environ["DGEM_NAMESPACE"] = "1"
    os.execvp("unshare", ["unshare", "--mount", *user, "--", sys.executable, *sys.argv])


def attempt(command):
    """What went wrong when this command was run, or nothing."""
    try:
        run(command)
        return ""
    except VmError as error:
        return str(error)


def cover(path, layers):
    """Lay a fresh writable layer over a directory; what is written goes to LAYERS.upper."""
    for folder in (f"{layers}.upper", f"{layers}.work"):
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
    path = os.path.realpath(path)
    run(["mount", "-t", "overlay", "overlay", "-o",
         f"lowerdir={path},upperdir={layers}.upper,workdir={layers}.work", path])


class Installed:
    """The modules of such a kernel, as a machine wants them."""

    early = ()

    def __init__(self, root):
        self.root = root

    @staticmethod
    def locked():
        """Nobody else knows the place."""
        return contextlib.nullcontext()


class Trial:
    """One kernel."""

    def __init__(self, name, flavour, say):
        self.name, self.say, self.results = name, say, []
        self.kernel = Kernel(name, flavour).ensure()
        self.top = cache("intree", self.kernel.key, "")
        self.out = f"{TREE}/out/intree/{name}"
        shutil.rmtree(self.out, ignore_errors=True)
        os.makedirs(self.out)

    def _judge(self, what, function, *args):
        """A verdict of something that raises where it fails."""
        self.say(f"{self.name}: {what}")
        try:
            function(*args)
            self.results.append(Result(f"{what}-{self.name}", PASS))
            return True
        except VmError as error:
            self.results.append(Result(f"{what}-{self.name}", FAIL, str(error)))
            return False

    def run(self):
        """Everything; the verdicts."""
        cover(self.kernel.source, f"{self.top}source")
        cover(self.kernel.build, f"{self.top}build")
        if not (self._judge("install-and-revert", self._install) and
                self._judge("series-applies", self._apply)):
            return self.results
        for value in ("m", "y"):
            if self._judge(f"build={value}", self._build, value):
                self._boot(value)
        return self.results

    def _listing(self):
        """Every file of the upper layer: what differs from the kernel's own."""
        upper = f"{self.top}source.upper"
        return sorted(os.path.relpath(os.path.join(folder, name), upper)
                      for folder, _, names in os.walk(upper) for name in names)

    def _install(self):
        """Twice in, and out again, as it was."""
        tree = install.Tree(self.kernel.source)
        before = {hook.path: read(f"{tree.path}/{hook.path}") for hook in content.hooks()}
        tree.install()
        first = self._listing()
        install.Tree(self.kernel.source).install()
        if self._listing() != first:
            raise VmError("the second installation changed something")
        install.Tree(self.kernel.source).revert()
        left = [name for name in content.files(tree.version)
                if os.path.exists(f"{tree.path}/{name}")]
        left += [name for name, text in before.items() if read(f"{tree.path}/{name}") != text]
        if left:
            raise VmError(f"left behind: {', '.join(left)}")

    def _apply(self):
        """The series, patch by patch, each of which builds what there is to be built by then."""
        with tempfile.TemporaryDirectory() as work:
            names = series.write(self.kernel.source, f"{work}/series")
            for name in names[1:]:
                run(["patch", "-p1", "-s", "-f", "-i", f"{work}/series/{name}"],
                    cwd=self.kernel.source)
                self._build_patch()
        version = content.version_of(self.kernel.source)
        wrong = [name for name, text in content.files(version).items()
                 if read(f"{self.kernel.source}/{name}", default="") != text]
        if wrong:
            raise VmError(f"not as installed: {', '.join(wrong)}")

    def _build_patch(self):
        """Build our folders that the tree's own Makefiles know."""
        folders = [folder for folder, file, name in FOLDERS
                   if name in read(f"{self.kernel.source}/{file}")]
        self._configure("m")
        self.kernel.make("-s", "prepare", *(f"{folder}/" for folder in folders))

    def _configure(self, value):
        config = f"{self.kernel.build}/.config"
        arguments = [word for name in OPTIONS for word in ("--set-val", name, value)]
        run([f"{self.kernel.source}/scripts/config", "--file", config, *arguments])
        self.kernel.make("-s", "olddefconfig")

    def _build(self, value):
        self._configure(value)
        have = read(f"{self.kernel.build}/.config")
        lacking = [name for name in OPTIONS if f"CONFIG_{name}={value}\n" not in have]
        if lacking:
            raise VmError(f"={value} did not hold for {', '.join(lacking)}")
        text = self.kernel.make("bzImage", "modules")
        warnings = [line for line in text.splitlines() if "warning:" in line and "dgem" in line]
        if warnings:
            raise VmError("\n".join(warnings))
        shutil.rmtree(f"{self.top}modules", ignore_errors=True)
        self.kernel.make("-s", "modules_install", f"INSTALL_MOD_PATH={self.top}modules")

    def _boot(self, value):
        """Load it, if it is a module; KUnit and a few tests of ours."""
        self.say(f"{self.name}: boot={value}")
        out = f"{self.out}/{value}"
        os.makedirs(out)
        steps = ["load engine=cpu"] if value == "m" else []
        options = cli.parser().parse_args(
            ["run", "--kernel", self.name, "--load", "", "--out", out, "--append",
             "dgem.engine=cpu", "--", "bash", "/dgem/tools/guest/check", *steps, "kunit",
             "igt dgem_query dgem_create"])
        options.timeout, options.leaks = 900.0, False
        with open(f"{out}/log.txt", "w", encoding="utf-8") as log, contextlib.redirect_stdout(log):
            outcome = Machine(options, self.kernel, Installed(f"{self.top}modules"),
                              RootFs().ensure(), out).run()
        end = outcome.state == "exit" and outcome.status == 0 and os.path.exists(f"{out}/finished")
        results = [Result("finished", PASS if end else FAIL, f"{outcome.state} {outcome.text}")]
        heads = [head for head, _ in splats.scan(read(f"{out}/dmesg.txt", default=""), "", [])]
        results.append(Result("kernel-log", FAIL if heads else PASS, "\n".join(heads)))
        suites = glob.glob(f"{out}/kunit.*.ktap")
        results += [each for path in sorted(suites) for each in judge.tap(read(path))]
        if not suites:
            results.append(Result("kunit", FAIL, "no results"))
        results += judge.igt(read(f"{out}/igt.json", default=""),
                             read(f"{out}/igt.expected", default=""))
        for each in results:
            each.name = f"={value}-{self.name}.{each.name}"
        self.results += results
