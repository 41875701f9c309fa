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
from vmlib import cli, host, splats
from vmlib.base import TREE, VmError, cache, read, run
from vmlib.kernel import Kernel, jobs
from vmlib.machine import Machine
from vmlib.processors import PROCESSORS
from vmlib.rootfs import RootFs

from . import content, install, series

OPTIONS = ("DRM_DGEM", "EDU_DMA", "DRM_DGEM_KUNIT_TEST")
# Our folders, and where the tree mentions them once they can be built.
FOLDERS = ((content.DRIVER, "drivers/gpu/drm/Makefile", "CONFIG_DRM_DGEM"),
           (content.PROVIDER, "drivers/dma/Makefile", "CONFIG_EDU_DMA"))
# Processors: the kernel's own configuration for them, and what is different.
CONFIGS = {
    "x86_64": ("x86_64_defconfig", {}),
    "arm64": ("defconfig", {}),
    "arm64-64k": ("defconfig", {"ARM64_4K_PAGES": "n", "ARM64_64K_PAGES": "y"}),
    "arm": ("multi_v7_defconfig", {"HIGHMEM": "y"}),
    "arm-lpae": ("multi_v7_defconfig", {"HIGHMEM": "y", "ARM_LPAE": "y"}),
    "riscv64": ("defconfig", {}),
}


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


def _warnings(text):
    """What a compiler said of our files."""
    return [line for line in text.splitlines()
            if "warning:" in line and ("dgem" in line or content.PROVIDER in line)]


def _complain(lines):
    """These should not be there."""
    if lines:
        raise VmError("\n".join(lines))


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
        self.kernel = self._prepared(Kernel(name, flavour))
        self.top = cache("intree", self.kernel.key, "")
        self.out = f"{TREE}/out/intree/{name}"
        shutil.rmtree(self.out, ignore_errors=True)
        os.makedirs(self.out)

    @staticmethod
    def _prepared(kernel):
        return kernel.ensure()

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
        cover(self.kernel.build, f"{self.top}build")
        if not self._enter():
            return self.results
        for value in ("m", "y"):
            if self._judge(f"build={value}", self._build, value):
                self._boot(value)
        for arch in CONFIGS:
            if PROCESSORS[arch].cross:
                self._judge(f"build-for-{arch}", self._build_for, arch)
        return self.results

    def _enter(self):
        """Put dgem into the tree, for good."""
        cover(self.kernel.source, f"{self.top}source")
        return (self._judge("install-and-revert", self._install) and
                self._judge("series-applies", self._apply))

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
        self._configure(self.kernel.build, self.kernel.make, dict.fromkeys(OPTIONS, "m"))
        self.kernel.make("-s", "prepare", *(f"{folder}/" for folder in folders))

    def _configure(self, build, make, options):
        """Change a configuration; the options that did not take their values."""
        arguments = [word for name, value in options.items()
                     for word in ("--set-val", name, value)]
        run([f"{self.kernel.source}/scripts/config", "--file", f"{build}/.config", *arguments])
        make("-s", "olddefconfig")
        have = read(f"{build}/.config")
        return [f"{name}={value}" for name, value in options.items()
                if value != "n" and f"CONFIG_{name}={value}\n" not in have]

    def _build_for(self, arch):
        """Our folders for a processor; make check-ports and check-kernels boot those."""
        config, more = CONFIGS[arch]
        processor, build = PROCESSORS[arch], f"{self.top}{arch}"
        host.require("build", *([processor.make] if processor.cross else []))
        shutil.rmtree(build, ignore_errors=True)
        os.makedirs(build)

        def make(*args):
            return run(["make", "-C", self.kernel.source, f"O={build}", f"-j{jobs()}",
                        f"ARCH={processor.make}", f"CROSS_COMPILE={processor.cross}", *args])

        make("-s", config)
        _complain(self._configure(build, make,
                                  {"KUNIT": "m", **more, **dict.fromkeys(OPTIONS, "m")}))
        text = make("prepare", *(f"{folder}/" for folder, *_ in FOLDERS))
        _complain(_warnings(text))
        shutil.rmtree(build)

    def _build(self, value):
        _complain(self._configure(self.kernel.build, self.kernel.make,
                                  dict.fromkeys(OPTIONS, value)))
        _complain(_warnings(self.kernel.make("bzImage", "modules")))
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


class SourceTrial(Trial):
    """A kernel that is not booted: dgem is put in, and built as the kernel configures itself."""

    @staticmethod
    def _prepared(kernel):
        return kernel.unpacked()

    def run(self):
        """Everything; the verdicts."""
        if self._enter():
            self._judge("build-for-x86_64", self._build_for, "x86_64")
        return self.results

    def _build_patch(self):
        """There is no build tree."""
