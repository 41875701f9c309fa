# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""Builds what machines need, and runs them."""

import concurrent.futures
import subprocess
import threading

from vmlib.base import read

from . import results
from .report import say


def build(things, out):
    """Build things, see boots.build(); a line for each. Returns verdicts, and if machines can be
    run."""
    verdicts = []
    for name, command, needed in things:
        say(f"building: {name}")
        with open(f"{out}/build.txt", "a", encoding="utf-8") as log:
            log.write(f"== {name}\n")
            log.flush()
            status = _follow(command, log)
        if status:
            tail = "\n".join(read(f"{out}/build.txt").splitlines()[-25:])
            verdicts.append(results.Result(name, results.FAIL, f"status {status}\n{tail}"))
            if needed:
                return verdicts, False
            continue
        verdicts.append(results.Result(name, results.PASS))
    return verdicts, True


def _follow(command, log):
    """Run a command; its log gets everything, the screen the progress of tools/vm."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace") as process:
        for line in process.stdout:
            log.write(line)
            if line.startswith("vm: "):
                say("  " + line[4:].split("s", 1)[-1].strip())
    return process.returncode


def boot(runs, jobs):
    """Run all machines, some at a time, and tell every 20 seconds where they are."""
    done = threading.Event()

    def watch():
        while not done.wait(20):
            for run in runs:
                run.watch()
            say("; ".join(f"{run.name}: {run.progress}" for run in runs if run.busy())
                or "no machine is up")

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        waiting = {pool.submit(run.start): run for run in runs}
        for each in concurrent.futures.as_completed(waiting):
            run = waiting[each]
            error = each.exception()
            if error:
                run.status = {"state": "check failed", "text": repr(error)}
            say(f"{run.name}: {run.status.get('state', 'was stopped')} after "
                f"{run.status.get('seconds', 0):.0f} s")
    done.set()
    watcher.join()
