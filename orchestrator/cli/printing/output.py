"""How commands print: data to stdout as JSON or as tables, words beside it to stderr."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from compound.orchestrator.wording.printable import in_line, printable

_MANY = 500
"""Rows from which on a table is printed without wrapping and colours."""
_WIDE = 150
"""Columns where stdout is no terminal: pipes and logs should not lose cells."""


def print_json(value: Any, *, indent: int | None = 2) -> None:
    """Print JSON; indent None keeps it on one line."""
    sys.stdout.write(json.dumps(value, indent=indent, allow_nan=False) + "\n")
    sys.stdout.flush()


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; columns that start with `>` are numbers, set to the right."""
    cells = [[in_line(cell) for cell in row] for row in rows]
    if len(cells) > _MANY:
        _print_long(title, columns, cells)
        return
    from rich.console import Console  # what prints thousands of rows need not wait for it
    from rich.table import Table

    table = Table(
        title=printable(title), title_justify="left", title_style="bold", box=None, pad_edge=False
    )
    for column in columns:
        right = column.startswith(">")
        table.add_column(column.removeprefix(">"), justify="right" if right else "left")
    for row in cells:
        table.add_row(*row)
    console = Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False, markup=False)
    # Not to stdout itself: where that is a closed pipe, rich ends the process with code 1.
    with console.capture() as printed:
        console.print(table)
    sys.stdout.write(printed.get())
    sys.stdout.flush()


def _print_long(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Set a table of thousands of rows without rich, which takes a millisecond for each."""
    lines = [[column.removeprefix(">") for column in columns], *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    signs = [">" if column.startswith(">") else "<" for column in columns]
    form = "  ".join(f"{{:{sign}{width}}}" for sign, width in zip(signs, widths, strict=True))
    text = "\n".join(form.format(*line).rstrip() for line in lines)
    sys.stdout.write(f"{printable(title)}\n{text}\n")
    sys.stdout.flush()


def say(line: str = "") -> None:
    """Print a line of the answer."""
    sys.stdout.write(printable(line) + "\n")
    sys.stdout.flush()


def note(line: str) -> None:
    """Print a line beside the answer, to stderr."""
    sys.stderr.write(printable(line) + "\n")
    sys.stderr.flush()
