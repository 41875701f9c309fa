# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""Puts it in, brings it up to date, takes it out again."""

import json
import os
import shutil
import subprocess

from vmlib.base import VmError, digest, read

from . import content

# What was put in, to tell it from what somebody changed; goes with the rest.
STAMP = f"{content.DRIVER}/.intree.json"


class Tree:
    """A kernel tree."""

    def __init__(self, path):
        self.path = os.path.abspath(path)
        self.version = content.version_of(self.path)
        if self.version not in content.KNOWN:
            known = ", ".join(".".join(map(str, each)) for each in content.KNOWN)
            what = ".".join(map(str, self.version)) if self.version else "no kernel tree"
            raise VmError(f"{path}: {what}, and dgem knows the trees of {known}")
        self.stamp = json.loads(read(f"{self.path}/{STAMP}", default="{}"))

    def _at(self, name):
        return f"{self.path}/{name}"

    def _in_the_way(self, names):
        """Those of our files that are there and not as we left them."""
        return [name for name in names if os.path.lexists(self._at(name)) and
                self.stamp.get(name) != digest(read(self._at(name), default=""))]

    def _touched_by_others(self):
        """Files that get lines of ours, and that git says have local changes."""
        if self.stamp or not os.path.exists(self._at(".git")):
            return []
        names = sorted({hook.path for hook in content.hooks()})
        done = subprocess.run(["git", "status", "--porcelain", "--", *names], cwd=self.path,
                              stdout=subprocess.PIPE, text=True, check=True)
        return [line[3:] for line in done.stdout.splitlines()]

    def _refuse(self, names):
        if names:
            raise VmError(f"{self.path}: local changes are in the way: {', '.join(sorted(names))}")

    def install(self):
        """Put everything in, or bring it up to date; nothing is changed unless all can be."""
        ours = content.files(self.version)
        self._refuse(self._in_the_way({*ours, *self.stamp}) + self._touched_by_others())
        changed = self._hooked()
        for name in set(self.stamp) - set(ours):
            os.unlink(self._at(name))
        for name, text in {**ours, **changed}.items():
            if read(self._at(name), default="\0") != text:
                os.makedirs(os.path.dirname(self._at(name)), exist_ok=True)
                _write(self._at(name), text)
        stamp = {name: digest(text) for name, text in ours.items()}
        _write(self._at(STAMP), json.dumps(stamp, indent=0, sort_keys=True) + "\n")
        return len(ours), len(changed)

    def _hooked(self):
        """path -> text of the tree's own files with our lines."""
        texts = {}
        for hook in content.hooks():
            text = texts.get(hook.path) or read(self._at(hook.path), default="")
            # Sections may have changed since they were put in.
            text = hook.insert(_without(hook, text))
            if text is None:
                raise VmError(f"{self.path}/{hook.path}: no place for {hook.lines.strip()!r}")
            texts[hook.path] = text
        return texts

    def revert(self):
        """Take everything out."""
        if not self.stamp:
            raise VmError(f"{self.path}: dgem was not put in here")
        self._refuse(self._in_the_way(self.stamp))
        for hook in content.hooks():
            text = read(self._at(hook.path))
            _write(self._at(hook.path), hook.remove(text))
        for name in [*self.stamp, STAMP]:
            os.unlink(self._at(name))
        for folder in (content.DRIVER, content.PROVIDER):
            # What a build left beside the sources.
            shutil.rmtree(self._at(folder), ignore_errors=True)
        for name in self.stamp:
            _prune(self.path, os.path.dirname(name))


def _without(hook, text):
    return hook.remove(text)


def _write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def _prune(top, folder):
    """Remove directories that have become empty."""
    while folder and os.path.isdir(f"{top}/{folder}") and not os.listdir(f"{top}/{folder}"):
        os.rmdir(f"{top}/{folder}")
        folder = os.path.dirname(folder)
