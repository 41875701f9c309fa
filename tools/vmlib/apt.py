# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""Packages of other Debian suites, without touching the system's own apt.

The mirror and its keyring are those of the machine; lists, cache and sources
are private.  Packages are fetched and unpacked, never installed.
"""

import glob
import os
import re
import tempfile
import time

from .base import VmError, cache, lock, read, run, say, write

SUITES = ("trixie", "trixie-backports", "sid")
# With the oldest release whose kernel is supported.
ALL_SUITES = ("bookworm", *SUITES)
LISTS_GOOD_FOR = 24 * 3600


def _deb822(text):
    """The stanzas of a .sources file as dictionaries."""
    for stanza in re.split(r"\n\s*\n", text):
        lines = [line for line in stanza.splitlines() if not line.startswith("#")]
        fields = re.findall(r"^(\S+):[ \t]*(.*(?:\n[ \t].*)*)", "\n".join(lines), re.M)
        yield {name.lower(): value.strip() for name, value in fields}


def _entries():
    """(uri, suite, components, keyring) of every source of the machine."""
    for path in sorted(glob.glob("/etc/apt/sources.list.d/*.sources")):
        for stanza in _deb822(read(path)):
            if "deb" not in stanza.get("types", "").split() or \
               stanza.get("enabled", "yes").lower() in ("no", "false", "0"):
                continue
            for uri in stanza.get("uris", "").split():
                for suite in stanza.get("suites", "").split():
                    yield (uri, suite, stanza.get("components", "").split(),
                           stanza.get("signed-by", ""))
    for path in ["/etc/apt/sources.list"] + sorted(glob.glob("/etc/apt/sources.list.d/*.list")):
        for line in read(path, default="").splitlines():
            match = re.match(r"deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+(.*)", line)
            if match:
                options, uri, suite, components = match.groups()
                keyring = re.search(r"signed-by=(\S+)", options or "", re.I)
                yield uri, suite, components.split(), keyring.group(1) if keyring else ""


def mirror():
    """(uri, keyring) of the mirror that this machine's Debian comes from."""
    codename = re.search(r"^VERSION_CODENAME=(\S+)", read("/etc/os-release"), re.M)
    ours = codename.group(1) if codename else ""
    for uri, suite, components, keyring in _entries():
        if suite == ours and "main" in components:
            if not keyring.startswith("/"):
                keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
            return uri, keyring
    raise VmError(f"no apt source of Debian {ours or '(unknown release)'} main on this machine")


class Apt:
    """The private configuration: one set of lists over all the suites we use."""

    def __init__(self, suites=SUITES, arch="amd64"):
        self.suites, self.arch = suites, arch
        name = "apt" if suites == SUITES else f"apt-{'-'.join(suites)}"
        self.top = cache(name if arch == "amd64" else f"{name}-{arch}", "")
        for name in ("lists/partial", "archives/partial"):
            os.makedirs(os.path.join(self.top, name), exist_ok=True)
        uri, keyring = mirror()
        write(self.top + "sources.list",
              "".join(f"deb [arch={arch} signed-by={keyring}] {uri} {suite} main\n"
                      for suite in suites))
        write(self.top + "status", "")
        # On top of the machine's own settings: its proxies still count.
        settings = {
            "Dir::State": self.top,
            "Dir::State::lists": self.top + "lists",
            "Dir::State::status": self.top + "status",
            "Dir::Cache": self.top,
            "Dir::Cache::archives": self.top + "archives",
            "Dir::Cache::pkgcache": self.top + "pkgcache.bin",
            "Dir::Cache::srcpkgcache": self.top + "srcpkgcache.bin",
            "Dir::Etc::sourcelist": self.top + "sources.list",
            "Dir::Etc::sourceparts": "-",
            "Dir::Etc::preferences": "-",
            "Dir::Etc::preferencesparts": "-",
            "APT::Architecture": arch,
            "APT::Architectures": arch,
            "APT::Install-Recommends": "false",
            "APT::Sandbox::User": "root",
            "APT::Update::Post-Invoke": "",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
        }
        self.options = [f"-o{name}={value}" for name, value in settings.items()]

    def _run(self, program, *args, **kwargs):
        return run([program, *self.options, *args], **kwargs)

    def update(self, force=False):
        """Fetch the lists unless they are young enough."""
        stamp = self.top + "updated"
        want = read(self.top + "sources.list")
        with lock("apt"):
            age = time.time() - os.path.getmtime(stamp) if os.path.exists(stamp) else None
            if not force and age is not None and age < LISTS_GOOD_FOR and read(stamp) == want:
                return
            say(f"apt: package lists of {', '.join(self.suites)}")
            self._run("apt-get", "-q", "update")
            write(stamp, want)
            os.utime(stamp)

    def names(self, prefix):
        """The package names that start with prefix."""
        return self._run("apt-cache", "pkgnames", prefix).split()

    def candidate(self, package):
        """The version apt would take, or None."""
        match = re.search(r"Candidate: (\S+)", self._run("apt-cache", "policy", package))
        return match.group(1) if match and match.group(1) != "(none)" else None

    def fetch(self, package, version):
        """The .deb of one package, its path."""
        folder = cache("debs", "")
        names = [os.path.join(folder, f"{package}_{version.replace(':', '%3a')}_{arch}.deb")
                 for arch in (self.arch, "all")]
        with lock("debs"):
            if not any(map(os.path.exists, names)):
                say(f"apt: fetching {package} {version}")
                with tempfile.TemporaryDirectory(dir=folder) as work:
                    self._run("apt-get", "-q", "download", f"{package}={version}", cwd=work)
                    for name in os.listdir(work):
                        os.replace(os.path.join(work, name), os.path.join(folder, name))
        return next(filter(os.path.exists, names))

    def closure(self, packages):
        """Every package needed by those given, as sorted .deb file names."""
        # Of an empty archive directory, for apt leaves out what it has already.
        with tempfile.TemporaryDirectory(dir=self.top) as empty:
            text = self._run("apt-get", f"-oDir::Cache::archives={empty}", "-q", "-y",
                             "--print-uris", "install", *packages)
        return _debs(text)

    def alone(self, packages):
        """The packages without what they need, as sorted .deb file names."""
        if not packages:
            return []
        return _debs(self._run("apt-get", "-q", "--print-uris", "download", *packages))

    def fetch_closure(self, packages, alone=()):
        """Download the packages and all they need, and some alone; the folder they are in."""
        folder = self.top + "archives"
        with lock("debs"):
            self._run("apt-get", "-q", "-y", "--download-only", "install", *packages)
            if alone:
                self._run("apt-get", "-q", "download", *alone, cwd=folder)
        return folder


def _debs(text):
    """The .deb file names of what apt-get --print-uris printed."""
    return sorted(re.findall(r"^'\S+' (\S+_\S+\.deb) \d+", text, re.M))
