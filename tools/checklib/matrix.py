# SPDX-License-Identifier: MIT
# Copyright (C) 2026 The dgem authors
"""The matrix of exporters and importers as a table."""

import textwrap

BEGIN = ".. begin of what tools/check-interop writes"
END = ".. end of what tools/check-interop writes"


class Matrix:
    """The cells of all machines with one kernel, which its release names."""

    def __init__(self):
        self.kernel, self.cells, self.rows, self.columns, self.notes = "", {}, [], [], []

    def add(self, kernel, cells):
        """Take a machine's cells; one that was tried counts more than one that was not."""
        self.kernel = kernel or self.kernel
        for key, cell in cells.items():
            if key not in self.cells or self.cells[key].state == "untried":
                self.cells[key] = cell
            for name, names in zip(key, (self.rows, self.columns)):
                if name not in names:
                    names.append(name)
        for names in self.rows, self.columns:
            names.sort(key=lambda name: not name.startswith("dgem"))

    def blanks(self):
        """Names of cells that nobody filled, or only with why it was not tried."""
        return [f"{row} to {column}" for row in self.rows for column in self.columns
                if (row, column) not in self.cells or self.cells[row, column].state == "untried"]

    def _note(self, text):
        if text not in self.notes:
            self.notes.append(text)
        return self.notes.index(text) + 1

    def _text(self, row, column):
        cell = self.cells.get((row, column))
        if not cell:
            return "blank"
        if cell.state == "works":
            return cell.text
        if cell.state == "refused":
            return f"{cell.error} [{self._note(cell.text)}]"
        if cell.state == "garbled":
            return f"other data [{self._note(cell.text)}]"
        return f"{cell.state} [{self._note(cell.text)}]"

    def table(self):
        """Rows of texts, the names included."""
        return [["exporter", *self.columns]] + [
            [row, *(self._text(row, column) for column in self.columns)] for row in self.rows]

    def markdown(self):
        """As Markdown."""
        head, *body = self.table()
        lines = [f"## Linux {self.kernel}", ""]
        lines += ["| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *body]]
        lines += [""] + [f"{number}. {text}" for number, text in enumerate(self.notes, 1)]
        return "\n".join(lines) + "\n"

    def restructured(self):
        """As reStructuredText: importers down the page, which is not wide enough for them."""
        head, *body = self.table()
        title = f"Linux {self.kernel}"
        lines = [title, "-" * len(title), ""]
        for number, column in enumerate(head[1:], 1):
            lines += [f"Into {column}:", ""]
            groups = {}
            for row in body:
                groups.setdefault(row[number], []).append(row[0])
            for text, names in groups.items():
                lines += textwrap.wrap(f"- {text}: {', '.join(names)}", 100,
                                       subsequent_indent="  ", break_on_hyphens=False)
            lines.append("")
        for number, text in enumerate(self.notes, 1):
            lines += textwrap.wrap(f"[{number}] {text}", 100) + [""]
        return "\n".join(lines)


def update(path, text):
    """Put the text between the marks of a document."""
    with open(path, encoding="utf-8") as file:
        old = file.read()
    head, _, rest = old.partition(BEGIN + "\n")
    _, mark, tail = rest.partition(END + "\n")
    if not mark:
        raise ValueError(f"{path} has no place for the matrix")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{head}{BEGIN}\n\n{text}\n{END}\n{tail}")
