# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""Turns what a run left behind into verdicts.

What is missing, cut short or not understood is a failure: a verdict is only "pass" if a result file
says so in full.
"""

import json
import re

PASS, FAIL, SKIP = "pass", "fail", "skip"


class Result:
    """One test's verdict; text tells why it failed or skipped."""

    def __init__(self, name, verdict, text=""):
        self.name, self.verdict, self.text = name, verdict, text.strip()

    def __repr__(self):
        return f"{self.name}: {self.verdict} {self.text}".strip()


def _skip_reason(test):
    """What an IGT test said before it skipped."""
    text = (test.get("out") or "") + "\n" + (test.get("err") or "")
    found = re.search(r"Test requirement not met[^\n]*\n(?:\([^\n]*\n)?Test requirement: ([^\n]*)"
                      r"(?:\n(?!Subtest|Last errno)([^\n]+))?", text)
    if found:
        return (found.group(2) or found.group(1)).strip()
    found = re.search(r"SKIP[^\n]*", text)
    return found.group(0) if found else "no reason given"


def _failure(test):
    """The lines of a failed IGT test that matter."""
    text = (test.get("err") or "") + "\n" + (test.get("out") or "")
    lines = [re.sub(r"^.*CRITICAL: ", "", line) for line in text.splitlines()
             if "CRITICAL" in line or "Received signal" in line]
    lines = list(dict.fromkeys(lines))[:6] or text.strip().splitlines()[-8:]
    lines += (test.get("dmesg-warnings") or "").splitlines()[:20]
    return "\n".join(lines)


# Lines of the kernel's log that tell of the host being busy, not of anything that a test did.
HOST = re.compile(r"hrtimer: interrupt took \d+ ns")


def _host_only(test):
    """Whether a test passed, and all that the kernel warned of meanwhile is the host's doing."""
    lines = (test.get("dmesg-warnings") or "").strip().splitlines()
    return (test.get("result") == "dmesg-warn" and bool(lines)
            and all(HOST.search(line) for line in lines))


def igt(text, expected):
    """Verdicts of an igt_runner's results.json, which has to cover every test expected."""
    names = re.findall(r"^igt@\S+$", expected or "", re.M)
    if not names:
        return [Result("runner", FAIL, "igt_runner listed no tests")]
    try:
        tests = json.loads(text)["tests"]
        assert isinstance(tests, dict)
    except (AssertionError, KeyError, TypeError, ValueError):
        return [Result("runner", FAIL, "igt_runner left no results")]
    results = []
    for name, test in tests.items():
        result = test.get("result", "nothing")
        if result == "pass" or _host_only(test):
            results.append(Result(name, PASS))
        elif result == "skip":
            results.append(Result(name, SKIP, _skip_reason(test)))
        else:
            results.append(Result(name, FAIL, f"{result}\n{_failure(test)}"))
    results += [Result(name, FAIL, "was not run") for name in names
                if name not in tests and not any(each.startswith(name + "@") for each in tests)]
    return results


_POINT = re.compile(r"^(\s*)(not )?ok\b\s*(\d+)?\s*(?:- )?([^#\n]*?)\s*(?:#\s*(\S.*))?$")
_PLAN = re.compile(r"^(\s*)1\.\.(\d+)\b(?:\s*#\s*(.*))?")


def tap(text, status=0):
    """Verdicts of TAP or nested KTAP: of its leaves, and of every plan that was not kept."""
    results, plans, counts, leaves, said, planned = [], {}, {}, {}, [], False
    for line in (text or "").splitlines():
        if line.lstrip().startswith("Bail out!"):
            results.append(Result("bail-out", FAIL, line.strip()))
        plan, point = _PLAN.match(line), _POINT.match(line)
        if plan:
            depth = len(plan.group(1))
            plans[depth], counts[depth] = int(plan.group(2)), counts.get(depth, 0)
            planned = planned or depth == 0
            if plan.group(2) == "0":
                results.append(Result("plan", SKIP, plan.group(3) or "no tests planned"))
        elif point:
            depth, name = len(point.group(1)), point.group(4) or f"test {point.group(3)}"
            inner = [each for each in leaves if each > depth]
            below = [leaf for each in inner for leaf in leaves.pop(each)]
            results += _unkept(name, plans, counts, depth)
            counts[depth] = counts.get(depth, 0) + 1
            verdict = _verdict(point)
            if below:
                for leaf in below:
                    leaf.name = f"{name}.{leaf.name}"
                if verdict == FAIL and all(leaf.verdict != FAIL for leaf in below):
                    below.append(Result(name, FAIL, "failed as a whole\n" + "\n".join(said[-10:])))
            else:
                below = [Result(name, verdict, _reason(point, verdict, said))]
            leaves.setdefault(depth, []).extend(below)
            said = []
        elif line.strip():
            said.append(line.strip())
    for depth in sorted(leaves):
        results += leaves[depth]
    results += _unkept("end", plans, counts, -1)
    if not planned:
        results.append(Result("tap", FAIL, "no plan, so nobody knows what is missing"))
    if status:
        results.append(Result("exit-status", FAIL, f"the test program ended with {status}"))
    return results


def _unkept(name, plans, counts, depth):
    """The plans deeper than depth end here: those that promised another number of tests."""
    found = []
    for each in [each for each in plans if each > depth]:
        if plans[each] != counts.get(each, 0):
            found.append(Result(f"{name}.plan", FAIL,
                                f"{counts.get(each, 0)} of {plans[each]} tests were run"))
        del plans[each]
    for each in [each for each in counts if each > depth and each not in plans and each != 0]:
        del counts[each]
    return found


def _verdict(point):
    directive = (point.group(5) or "").upper()
    if directive.startswith("SKIP"):
        return SKIP
    return FAIL if point.group(2) else PASS


def _reason(point, verdict, said):
    if verdict == SKIP:
        return re.sub(r"(?i)^skip\S*\s*", "", point.group(5)) or "no reason given"
    return "\n".join(said[-10:]) if verdict == FAIL else ""


def dmatest(text, iterations):
    """Verdicts of the kernel's dmatest: one a thread, from its summaries."""
    found = re.findall(r"dmatest: (\S+): summary (\d+) tests, (\d+) failures", text or "")
    if not found:
        return [Result("dmatest", FAIL, f"no summary\n{(text or '')[-800:]}")]
    return [Result(thread, PASS if int(ran) == iterations and failed == "0" else FAIL,
                   f"{ran} tests, {failed} failures") for thread, ran, failed in found]


def last_test(dmesg):
    """What IGT was doing when the machine's log ends."""
    found = re.findall(r"\[IGT\] (\S+): starting subtest (\S+)", dmesg or "")
    return "@".join(found[-1]) if found else "no test yet"


def judge_skips(group, results, rules):
    """Skips that no rule allows become failures; rules are pairs of a pattern and a reason."""
    for result in results:
        if result.verdict != SKIP:
            continue
        where = f"{group}/{result.name}"
        reasons = [reason for pattern, reason in rules
                   if re.search(pattern, where) or re.search(pattern, f"{where}: {result.text}",
                                                             re.S)]
        if reasons:
            result.text = f"{reasons[0]} ({result.text})"
        else:
            result.verdict, result.text = FAIL, f"skipped, which nobody expected: {result.text}"


def rules(text):
    """Pairs of a pattern and a reason from a file of such lines."""
    found = []
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            pattern, _, reason = line.partition("\t")
            found.append((pattern.strip(), reason.strip()))
    return found
