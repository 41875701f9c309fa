# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""The gate of device-tree bindings: the kernel's dt_binding_check, step by step."""

import os
import re
import shlex
import tempfile

from vmlib.apt import Apt
from vmlib.base import TREE, cache, fresh_directory, lock, run, slug

from . import sources
from .gate import call, fail, head, ok, skip


def _schema_tools():
    """A dtschema that is new enough for a new kernel: trixie's, unpacked."""
    apt = Apt()
    apt.update()
    version = apt.candidate("dt-schema")
    folder = cache("style", f"dt-schema-{slug(version)}")
    with lock("style-dt-schema"):
        if not os.path.isdir(folder):
            deb = apt.fetch("dt-schema", version)
            with fresh_directory(folder) as work:
                run(["dpkg-deb", "-x", deb, work])
    return folder


def bindings(kernel):
    """yamllint, the schema of schemas, and each binding's example against the binding."""
    files = sources.matching(r"^Documentation/devicetree/bindings/.*\.yaml$")
    if not files:
        yield skip("dt-binding", "there is no binding")
        return
    tools = _schema_tools()
    environment = dict(os.environ, PYTHONPATH=f"{tools}/usr/lib/python3/dist-packages",
                       PATH=f"{tools}/usr/bin:{os.environ['PATH']}")
    base = f"{kernel.source}/Documentation/devicetree/bindings"
    for name in files:
        status, text = call(["yamllint", "-f", "parsable", "-c", f"{base}/.yamllint", name])
        what = f"yamllint-{os.path.basename(name)}"
        yield fail(what, head(text)) if status or text.strip() else ok(what)
        yield _binding(name, base, kernel.source, environment)


def _binding(name, base, source, environment):
    what = f"dt-binding-{os.path.basename(name)}"
    with tempfile.TemporaryDirectory() as work:
        schema = os.path.join(work, re.sub("^Documentation/devicetree/bindings/", "", name))
        os.makedirs(os.path.dirname(schema), exist_ok=True)
        # References between bindings are looked up beside them.
        script = "\n".join([
            "set -e",
            f"cp {shlex.quote(f'{TREE}/{name}')} {shlex.quote(schema)}",
            f"dt-doc-validate -u {shlex.quote(base)} {shlex.quote(schema)}",
            f"dt-mk-schema -j -u {shlex.quote(base)} {shlex.quote(base)} {shlex.quote(schema)} "
            f">{work}/schema.json",
            f"dt-extract-example {shlex.quote(schema)} >{work}/example.dts",
            f"cpp -nostdinc -undef -D__DTS__ -x assembler-with-cpp "
            f"-I {shlex.quote(source)}/scripts/dtc/include-prefixes -o {work}/example.tmp "
            f"{work}/example.dts",
            f"dtc -q -I dts -O dtb -o {work}/example.dtb {work}/example.tmp",
            f"dt-validate -s {work}/schema.json {work}/example.dtb",
        ])
        status, text = call(["sh", "-c", script], env=environment)
    return fail(what, head(text)) if status or text.strip() else ok(what)
