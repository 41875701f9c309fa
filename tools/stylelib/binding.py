# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""The gate of device-tree bindings: dt_binding_check, step by step, with Debian's dtschema."""

import os
import shlex
import tempfile

from vmlib.base import TREE

from . import sources
from .gate import call, fail, head, ok, skip


BINDINGS = "Documentation/devicetree/bindings"


def bindings(kernel):
    """yamllint, the schema of schemas, and each binding's example through the compiler."""
    files = sources.matching(r"^Documentation/devicetree/bindings/.*\.yaml$")
    if not files:
        yield skip("dt-binding", "there is no binding")
        return
    base = f"{kernel.source}/Documentation/devicetree/bindings"
    for name in files:
        status, text = call(["yamllint", "-f", "parsable", "-c", f"{base}/.yamllint", name])
        what = f"yamllint-{os.path.basename(name)}"
        yield fail(what, head(text)) if status or text.strip() else ok(what)
        yield _binding(name, kernel.source)
        yield skip(f"dt-example-{os.path.basename(name)}",
                   "dt-validate wants all schemas of the kernel at once, which takes minutes: "
                   f"make dt_binding_check DT_SCHEMA_FILES={os.path.basename(name)}")


def _binding(name, source):
    what = f"dt-binding-{os.path.basename(name)}"
    with tempfile.TemporaryDirectory() as work:
        # The folder above says where a binding is, and has to have the kernel's name for it.
        schema = os.path.join(work, name)
        os.makedirs(os.path.dirname(schema), exist_ok=True)
        # References between bindings are looked up beside them.
        script = "\n".join([
            "set -e",
            f"cp {shlex.quote(f'{TREE}/{name}')} {shlex.quote(schema)}",
            f"cd {work}/Documentation/devicetree/bindings",
            f"dt-doc-validate -u . {shlex.quote(os.path.relpath(name, BINDINGS))}",
            f"dt-extract-example {shlex.quote(schema)} >{work}/example.dts",
            f"cpp -nostdinc -undef -D__DTS__ -x assembler-with-cpp "
            f"-I {shlex.quote(source)}/scripts/dtc/include-prefixes -o {work}/example.tmp "
            f"{work}/example.dts",
            f"dtc -q -I dts -O dtb -o {work}/example.dtb {work}/example.tmp",
        ])
        status, text = call(["sh", "-c", script])
    return fail(what, head(text)) if status or text.strip() else ok(what)
