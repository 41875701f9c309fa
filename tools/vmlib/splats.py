# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""Finds what a kernel complained about in its log."""

import re

# A line that starts a complaint.
HEADS = re.compile("|".join((
    r"\bWARNING: ", r"\bBUG: ", r"kernel BUG at", r"\bOops\b", r"general protection fault",
    r"Kernel panic", r"KASAN: ", r"UBSAN: ", r"KCSAN: ", r"ODEBUG: ",
    r"DMA-API: .*(driver|device|error|out of memory|exceed|cacheline|mapped|not)",
    r"possible (circular|recursive|irq lock|deadlock)", r"inconsistent lock state",
    r"suspicious RCU usage", r"bad unlock balance", r"held lock freed", r"lock held when returning",
    r"DEBUG_LOCKS_WARN_ON", r"MAX_LOCKDEP", r"BUG_ON\b", r"INFO: (task|rcu|lockdep|trying to)",
    r"rcu: INFO:", r"soft lockup", r"hard LOCKUP", r"workqueue lockup",
    r"sleeping function called", r"scheduling while atomic", r"refcount_t: ",
    r"list_(add|del) corruption", r"Bad page state", r"bad page map", r"page allocation failure",
    r"cannot create duplicate filename",
    r"unregister_netdevice", r"[Uu]nregister.*(leak|still|busy|not empty)", r"stack-protector",
    r"Debugfs? .*already (exists|present)", r"slab.*(Poison overwritten|Redzone)",
    r"Objects remaining", r"Memory manager not clean", r"Call Trace:",
)))
# A line that only looks like one.
HARMLESS = re.compile("|".join((
    r"DMA-API: preallocated", r"DMA-API: debugging enabled", r"\.\.\. MAX_LOCKDEP",
)))
# The fault injectors announce each failure that was asked for with a stack.
INJECTED = re.compile(r"FAULT_INJECTION: forcing a failure")
END = re.compile(r"</TASK>|---\[ end trace|={20,}$")
MOST = 200


def scan(log, leaks="", allow=()):
    """What a kernel log and a report of kmemleak complain of: (headline, all its lines) each.

    allow are regular expressions of complaints that the caller provoked; they
    are matched against every line of a complaint.
    """
    allowed = [re.compile(each) for each in allow]
    return [(head, lines) for head, lines in _complaints(log) + _leaks(leaks)
            if not any(each.search(line) for each in allowed for line in lines)]


def _complaints(log):
    found, current, injected = [], None, False
    for line in log.splitlines():
        if INJECTED.search(line):
            injected = True
        elif current is not None:
            current[1].append(line)
            if END.search(line) or len(current[1]) >= MOST:
                current = None
        elif injected and "Call Trace:" in line:
            injected = False
            current = (line, [line])
        elif HEADS.search(line) and not HARMLESS.search(line):
            current = (line, [line])
            found.append(current)
    return found


def _leaks(report):
    """One complaint for each place that leaked, however often it did."""
    places = {}
    for leak in report.split("unreferenced object")[1:]:
        trace = leak.partition("backtrace")[2].splitlines()[1:]
        callers = [line.strip() for line in trace if "alloc" not in line] or ["unknown"]
        places.setdefault(callers[0], []).append(leak.splitlines())
    return [(f"kmemleak: {len(leaks)} unreferenced, allocated at {place}", leaks[0])
            for place, leaks in places.items()]
