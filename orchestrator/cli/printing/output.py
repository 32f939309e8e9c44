"""How commands print: data to stdout as JSON or as tables, words beside it to stderr."""

import json
import sys
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Any, TextIO

from compound.jobs.wording.plain_streams import obeying, write_styled
from compound.jobs.wording.printable import in_line
from compound.orchestrator.cli.printing.command_line import as_typed, typed_program

_MANY = 500
"""Rows from which on a table is printed without wrapping and colours."""
_WIDE = 150
"""Columns where stdout is no terminal: pipes and logs should not lose cells."""


def print_json(value: Any, *, indent: int | None = 2) -> None:
    """Print JSON, all of it in ASCII; indent None keeps it on one line."""
    sys.stdout.write(json.dumps(value, indent=indent, allow_nan=False) + "\n")
    sys.stdout.flush()


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; columns that start with `>` are numbers, set to the right.

    A title that begins with a newline has an empty line above it.
    """
    if title.startswith("\n"):
        say()
    heads, cells = [in_line(column) for column in columns], [[*map(in_line, row)] for row in rows]
    if len(cells) > _MANY:
        _print_long(in_line(title.removeprefix("\n")), heads, cells)
    else:
        _print_styled(in_line(title.removeprefix("\n")), heads, cells)
    sys.stdout.flush()


def _print_styled(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console  # what prints thousands of rows need not wait for it
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in columns:
        right = column.startswith(">")
        table.add_column(column.removeprefix(">"), justify="right" if right else "left")
    for row in rows:
        table.add_row(*row)
    terminal = is_terminal(sys.stdout)
    styled = StringIO()
    console = Console(
        # Not stdout itself: where that is a closed pipe, rich ends the process with code 1.
        file=styled,
        force_terminal=terminal or None,
        width=None if terminal else _WIDE,
        highlight=False,
        # `[bold]` and `:dog:` in a name are no signs for rich.
        markup=False,
        emoji=False,
    )
    console.print(table)
    write_styled(sys.stdout, styled.getvalue())


def _print_long(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Set a table of thousands of rows without rich, which takes a millisecond for each."""
    lines = [[column.removeprefix(">") for column in columns], *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    signs = [">" if column.startswith(">") else "<" for column in columns]
    form = "  ".join(f"{{:{sign}{width}}}" for sign, width in zip(signs, widths, strict=True))
    text = "\n".join(form.format(*line).rstrip() for line in lines)
    sys.stdout.write(f"{title}\n{text}\n")


def is_terminal(stream: TextIO) -> bool:
    """Whether a stream ends in a terminal. Only what prints here may use its controls."""
    return obeying(stream).isatty()


def say(*lines: str) -> None:
    r"""Print lines of the answer. In each of them a newline is shown as `\n`: a name has no say in
    where a line ends."""
    _print_lines(sys.stdout, lines)


def note(*lines: str) -> None:
    r"""Print lines beside the answer, to stderr; a newline in one of them is shown as `\n`."""
    _print_lines(sys.stderr, lines)


def _print_lines(stream: TextIO, lines: Sequence[str]) -> None:
    program = typed_program(sys.argv[0])
    stream.write("".join(f"{in_line(as_typed(line, program))}\n" for line in lines or ("",)))
    stream.flush()
