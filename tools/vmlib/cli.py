# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""The command line of tools/vm."""

import argparse
import os
import shutil
import signal
import sys
import time

from . import base, host
from .base import TREE, VmError, cache, say
from .kernel import FLAVOURS, KERNELS, Kernel, resolve
from .machine import BROKEN, WARNED, Machine
from .processors import PROCESSORS
from .rootfs import RootFs, RootFs32
from .stockboot import STOCK, StockKernel, modules_of

INTRODUCTION = """\
Boots a small virtual machine (QEMU, no KVM needed) with dgem in it.

  tools/vm shell --edu                       a prompt; dgem and a DMA engine are there
  tools/vm run -- dmesg                      one command; its status is the tool's
  tools/vm run --flavour debug -- modprobe dgem_test
                                             under KASAN, lockdep, DMA-API checks, kmemleak
  tools/vm run --icount 3 --edu -- CMD       virtual time: waiting costs nothing
  tools/vm run --display VGA --screenshot a.png -- CMD
  tools/vm modules                           only build the modules
  tools/vm path build                        a kernel tree: make -C "$(tools/vm path build)" M=…

What is needed is fetched and built at the first use, and kept in
${XDG_CACHE_HOME:-~/.cache}/dgem: a kernel takes about 6 minutes on 2 cores.
"""
GUEST = """\
in the guest:
  /dgem            this tree, read-only     /dgem/out   what user-space builds left there
  /out             written files land in the directory of --out
  /dev/vdb         an empty scratch disk of 256 MiB, gone afterwards
  screenshot NAME  blocks until /out/NAME.png shows the display (with --display); of several the
                   one whose QEMU id follows the name
  modprobe M       dgem, edu_dma, dgem_test, vgem, vkms, bochs, cirrus_qemu, vivid, dmatest

files of a run, in --out (default: out/vm/TIME-PID, latest one: out/vm/latest):
  dmesg.txt        the kernel's log     kmemleak.txt   leaked memory (debug flavour)
  status.json      {"state": exit|timeout|panic|died|broken, "status", "warnings", …}

exit status: the command's, or
  123  --fail-on-warning, and the kernel complained     124  timeout
  125  no machine, no kernel, no modules, or it died    126  kernel panic
"""
PATHS = ("build", "source", "image", "modules", "rootfs", "cache")
KEPT_RUNS = 20


def parser():
    """Of the command line."""
    plain = argparse.RawDescriptionHelpFormatter
    top = argparse.ArgumentParser(prog="tools/vm", description=INTRODUCTION,
                                  formatter_class=plain)
    top.add_argument("-q", "--quiet", action="store_true", help="no progress on stderr")
    commands = top.add_subparsers(dest="verb", required=True, metavar="COMMAND")

    kernel = argparse.ArgumentParser(add_help=False)
    kernel.add_argument("--kernel", default="newest", metavar="NAME",
                        help=f"{', '.join(KERNELS)}, or another series that Debian has (newest)")
    kernel.add_argument("--flavour", choices=(*FLAVOURS, STOCK), default="plain",
                        help="debug has every checker on and is several times slower; stock is "
                             "Debian's own, also of 6.1 (plain)")
    kernel.add_argument("--arch", choices=PROCESSORS, default="x86_64",
                        help="processor; stock kernels are there for all of them (x86_64)")
    tree = argparse.ArgumentParser(add_help=False)
    tree.add_argument("--tree", default=TREE, metavar="DIR",
                      help="work on another copy of the project (this one)")

    user = argparse.ArgumentParser(add_help=False)
    user.add_argument("--user", choices=("amd64", "i386"), default="amd64",
                      help="what the guest's programs are made for (amd64)")

    guest = argparse.ArgumentParser(add_help=False)
    group = guest.add_argument_group("machine")
    group.add_argument("--smp", type=int, default=2, metavar="N", help="processors (2)")
    group.add_argument("--mem", default="1G", metavar="SIZE", help="memory (1G)")
    group.add_argument("--icount", type=int, metavar="SHIFT",
                       help="virtual time of 2^SHIFT ns an instruction, idle time skipped; with "
                            "--smp 1 two runs count the same")
    group.add_argument("--edu", type=int, nargs="?", const=1, default=0, metavar="N",
                       help="edu DMA devices (0; without a number 1)")
    group.add_argument("--edu-mask", type=lambda text: int(text, 0), metavar="MASK",
                       help="their DMA mask (28 bits)")
    group.add_argument("--iommu", action="store_true", help="an Intel IOMMU, switched on")
    group.add_argument("--display", nargs="?", const="VGA", metavar="DEVICE",
                       help="a display: VGA (bochs), cirrus-vga, virtio-vga")
    group.add_argument("--screenshot", metavar="FILE",
                       help="take a picture of it when the command is done (PNG)")
    group.add_argument("--cma", default="64M@0-256M", metavar="SIZE@RANGE",
                       help="contiguous memory (64M@0-256M: below edu's mask)")
    group.add_argument("--append", action="append", default=[], metavar="ARG",
                       help="one more kernel argument")
    group.add_argument("--qemu", action="append", default=[], metavar="ARG",
                       help="one more QEMU argument (--qemu=-device --qemu=…)")
    group = guest.add_argument_group("guest")
    group.add_argument("--no-modules", action="store_true", help="without dgem's own modules")
    group.add_argument("--load", metavar="LIST", type=lambda text: text.split(","),
                       help="modules loaded first, or an empty list (edu_dma,dgem)")
    group.add_argument("--env", action="append", default=[], metavar="NAME=VALUE",
                       help="an environment variable of the command")
    group.add_argument("--leaks", action=argparse.BooleanOptionalAction,
                       help="scan with kmemleak at the end, about 10 s (debug: yes)")
    group = guest.add_argument_group("result")
    group.add_argument("--out", metavar="DIR", help="where files of the run go")
    group.add_argument("--timeout", type=float, metavar="SECONDS", help="(run: 600, shell: none)")
    group.add_argument("--fail-on-warning", action="store_true",
                       help="status 123 if the kernel complained about anything")
    group.add_argument("--allow-warning", action="append", default=[], metavar="REGEX",
                       help="a complaint with such a line is none")
    group.add_argument("-v", "--verbose", action="store_true", help="show QEMU's command line")

    def command(name, function, text, *parents, epilog=None):
        sub = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".",
                                  parents=parents, epilog=epilog, formatter_class=plain)
        sub.set_defaults(function=function)
        return sub

    command("shell", _guest, "boot and give a prompt (Ctrl-A X ends the machine)",
            kernel, tree, user, guest, epilog=GUEST).set_defaults(command=None)
    sub = command("run", _guest, "boot, run one command, power off", kernel, tree, user,
                  guest, epilog=GUEST)
    sub.usage = "tools/vm run [OPTION]... -- COMMAND [ARGUMENT]..."
    sub.add_argument("command", nargs="+", metavar="COMMAND", help="the command and its arguments")
    command("build", _build, "build a kernel (resumes where it was interrupted)", kernel)
    sub = command("modules", _modules, "build dgem's modules", kernel, tree)
    sub.add_argument("-k", "--keep-going", action="store_true", help="show every file's errors")
    sub.usage = "tools/vm modules [OPTION]... [-- MAKE-ARGUMENT...]"
    sub.add_argument("make", nargs="*", metavar="MAKE-ARGUMENT", help="such as W=1 or C=1")
    command("rootfs", _rootfs, "make the guest's file system", user)
    sub = command("path", _path, "print where something is (made first if need be)", kernel, tree)
    sub.add_argument("what", choices=PATHS)
    sub = command("host", _host, "install what the machine itself needs")
    sub.add_argument("purposes", nargs="*", default=list(host.NEEDS), metavar="PURPOSE",
                     help=f"of: {', '.join(host.NEEDS)} (all)")
    command("update", _update, "look for newer kernels and packages")
    sub = command("clean", _clean, "delete what is cached")
    sub.add_argument("what", nargs="*", default=["modules"], metavar="WHAT",
                     help="modules, kernel, source, rootfs, rootfs-i386, builder, debs, apt or all "
                          "(modules)")
    return top


def _kernel(options):
    """The kernel that was asked for, made if need be."""
    if options.flavour == STOCK:
        return StockKernel(options.kernel, options.arch).ensure()
    return Kernel(options.kernel, options.flavour, options.arch).ensure()


def _guest(options):
    if options.command is not None and options.timeout is None:
        options.timeout = 600.0
    if options.leaks is None:
        options.leaks = options.flavour == "debug" and options.command is not None
    if options.screenshot:
        options.display = options.display or "VGA"
        options.screenshot = os.path.abspath(options.screenshot)
    options.tree = os.path.abspath(options.tree)
    kernel = _kernel(options)
    modules = modules_of(kernel, options.tree, own=not options.no_modules)
    modules.ensure()
    if options.load is None:
        have = {os.path.basename(path)[:-3] for path in modules.built()}
        options.load = [name for name in ("edu_dma", "dgem") if name in have]
    outcome = Machine(options, kernel, modules, _root(options), _out(options)).run()
    return _verdict(options, outcome)


def _out(options):
    """The directory of this run's files; older ones of our own naming go."""
    if options.out:
        os.makedirs(options.out, exist_ok=True)
        return os.path.abspath(options.out)
    top = f"{TREE}/out/vm"
    os.makedirs(top, exist_ok=True)
    for name in sorted(name for name in os.listdir(top) if name[:1].isdigit())[:-KEPT_RUNS]:
        shutil.rmtree(f"{top}/{name}", ignore_errors=True)
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    os.mkdir(f"{top}/{name}")
    os.symlink(name, f"{top}/latest.{os.getpid()}")
    os.replace(f"{top}/latest.{os.getpid()}", f"{top}/latest")
    return f"{top}/{name}"


def _verdict(options, outcome):
    status = outcome.status
    if outcome.state != "exit":
        say(f"{outcome.state}: {outcome.text}")
    for head, lines in outcome.splats:
        say(f"kernel: {head}")
        if options.fail_on_warning:
            print("\n".join(lines), file=sys.stderr)
    if outcome.splats and options.fail_on_warning and status == 0:
        status = WARNED
    return status


def _build(options):
    print(_kernel(options).build)


def _modules(options):
    kernel = _kernel(options)
    modules = modules_of(kernel, os.path.abspath(options.tree))
    print(modules.ensure(options.make, options.keep_going), end="")
    print(modules.folder)


def _root(options):
    return (RootFs32 if options.user == "i386" else RootFs)().ensure()


def _rootfs(options):
    print(_root(options).root)


def _path(options):
    if options.what == "cache":
        print(cache(""))
    elif options.what == "rootfs":
        print(RootFs().ensure().root)
    else:
        kernel = _kernel(options)
        modules = modules_of(kernel, os.path.abspath(options.tree))
        print({"build": kernel.build, "source": kernel.source, "image": kernel.image,
               "modules": modules.folder}[options.what])


def _host(options):
    host.require(*options.purposes)


def _update(_):
    for name in KERNELS:
        print(" ".join(resolve(name, refresh=True)))
    RootFs(refresh=True)


def _clean(options):
    known = ("modules", "kernel", "source", "rootfs", "rootfs-i386", "builder", "debs", "apt",
             "resolved", "work", "locks")
    for name in known if "all" in options.what else options.what:
        if name not in known:
            raise VmError(f"nothing cached is called {name!r}")
        shutil.rmtree(cache(name), ignore_errors=True)


def main():
    """The program; returns its exit status."""
    options = parser().parse_args()
    base.quiet = options.quiet
    # mke2fs and depmod are there, which is not in everybody's PATH.
    os.environ["PATH"] = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return options.function(options) or 0
    except VmError as error:
        print(f"vm: {error}", file=sys.stderr)
        return BROKEN
    except KeyboardInterrupt:
        return 130
