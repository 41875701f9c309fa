#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""Manual pages of a library's functions, one each, from the comments in its header.

  pages.py HEADER              names of the pages, one a line
  pages.py HEADER DIRECTORY    write them
"""

import os
import re
import sys

# A comment and the declaration that follows it.
FUNCTION = re.compile(r"/\*\*\n? ?\*? ?(dgem_\w+)\(\) - (.*?)\*/\n"
                      r"((?:const |struct )?\w+ \*?)(\w+)\(([^;]*)\);", re.S)
PAGE = """\
.\\" SPDX-License-Identifier: MIT
.\\" Copyright (C) 2026 The dgem authors
.Dd November 21, 2026
.Dt {title} 3
.Os
.Sh NAME
.Nm {name}
.Nd {purpose}
.Sh LIBRARY
libdrm_dgem (libdrm_dgem, -ldrm_dgem)
.Sh SYNOPSIS
.In libdrm_dgem.h
.Ft {result}
.Fn {name} {arguments}
"""


def words(text):
    """Text on one line, with what is special in a manual page made plain and names marked up."""
    text = " ".join(text.split()).replace("\\", "\\e")
    text = re.sub(r"@(\w+)", r"\\fI\1\\fP", text)
    text = re.sub(r"\b(dgem_\w+\(\))", r"\\fB\1\\fP", text)
    # numbers and errors are negative, not hyphenated
    return re.sub(r"(^|[\s(])-(?=\w)", r"\1\\-", text)


def lines(text):
    """A sentence on each line, none of which can be taken for a request."""
    return "\n".join(("\\&" if each[:1] in ".'" else "") + each
                     for each in re.split(r"(?<=[\w)]\.) (?=[A-Z])", words(text)))


def sections(comment):
    """(purpose, {parameter: text}, paragraphs, what is returned) of a comment."""
    text = re.sub(r"^ ?\* ?", "", comment.strip(), flags=re.M)
    head, *rest = re.split(r"\n(?=@\w+:|\n)", text)
    parameters, paragraphs, returned = {}, [], ""
    for part in rest:
        found = re.match(r"@(\w+):(.*)", part, re.S)
        if found:
            parameters[found.group(1)] = found.group(2)
        elif part.strip().startswith("Return:"):
            returned = part.strip().removeprefix("Return:")
        elif part.strip():
            paragraphs.append(part)
    return head, parameters, paragraphs, returned


def page(name, comment, result, arguments, others):
    """The text of a page."""
    purpose, parameters, paragraphs, returned = sections(comment)
    quoted = " ".join(f'"{" ".join(each.split())}"' for each in arguments.split(","))
    text = PAGE.format(title=name.upper(), name=name, purpose=words(purpose),
                       result=f'"{result.strip()}"', arguments=quoted)
    if parameters or paragraphs:
        text += ".Sh DESCRIPTION\n"
    for paragraph in paragraphs:
        text += lines(paragraph) + "\n.Pp\n"
    text = text.removesuffix(".Pp\n")
    if parameters:
        text += ".Bl -tag -width Ds\n"
        for each, about in parameters.items():
            text += f".It Fa {each}\n{lines(about)}\n"
        text += ".El\n"
    if returned:
        text += f".Sh RETURN VALUES\n{lines(returned)}\n"
    text += ".Sh SEE ALSO\n"
    named = [each for each in sorted(others)
             if re.search(rf"\b{each}\(\)", comment) and each != name]
    for each in named:
        text += f".Xr {each} 3 ,\n"
    return text + ".Xr libdrm_dgem 3\n"


def main():
    """The program."""
    with open(sys.argv[1], encoding="utf-8") as file:
        header = file.read()
    found = FUNCTION.findall(header)
    declared = re.findall(r"^\w[\w *]*\b\*?(dgem_\w+)\(", header, re.M)
    names = [name for name, *_ in found]
    if sorted(names) != sorted(declared) or any(each[0] != each[3] for each in found):
        sys.exit(f"comments and declarations differ: {set(names) ^ set(declared)}")
    if len(sys.argv) == 2:
        print("\n".join(f"{name}.3" for name in names))
        return
    for name, comment, result, _, arguments in found:
        with open(os.path.join(sys.argv[2], f"{name}.3"), "w", encoding="utf-8") as file:
            file.write(page(name, comment, result, arguments, names))


if __name__ == "__main__":
    main()
