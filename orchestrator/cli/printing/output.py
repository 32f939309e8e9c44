"""How commands print: data to stdout as JSON or as tables, words beside it to stderr.

On a terminal everything fits its width; elsewhere lines and tables have the width that they need.
"""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from compound.jobs.wording.plain_streams import obeying, write_styled
from compound.jobs.wording.printable import in_line
from compound.orchestrator.cli.printing.command_line import as_typed, typed_program
from compound.orchestrator.cli.printing.tables import Column, Layout, laid_out
from compound.orchestrator.cli.printing.widths import wrapped
from compound.schemas.errors import after_check, end_with

_USUAL, _LEAST = 80, 20
"""Columns of a terminal that does not say how many it has, and the fewest that are served."""


def print_json(value: Any, *, indent: int | None = 2) -> None:
    """Print JSON, all of it in ASCII; indent None keeps it on one line."""
    sys.stdout.write(json.dumps(value, indent=indent, allow_nan=False) + "\n")
    sys.stdout.flush()


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    keep: Sequence[str] = (),
) -> None:
    """Print a table; on a terminal only the columns that fit, with what was left out.

    A title that begins with a newline has an empty line above it. `columns`: headings with their
    signs, see `Column`; `keep`: the headings that matter most, see `laid_out`.
    """
    if title.startswith("\n"):
        say()
    lines = [[*map(in_line, row)] for row in rows]
    values = zip(*lines, strict=True) if lines else [()] * len(columns)
    table = [Column(in_line(name), tuple(cell)) for name, cell in zip(columns, values, strict=True)]
    width = terminal_width(sys.stdout)
    layout = laid_out(table, width, keep)
    _print_bold(wrapped(in_line(title.removeprefix("\n")), width) if title.strip() else [])
    _print_bold(layout.heading())
    sys.stdout.write("".join(f"{line}\n" for line in layout.rows()))
    if layout.left_out:
        say(_left_out(layout))
    sys.stdout.flush()


def _left_out(layout: Layout) -> str:
    names, them = ", ".join(layout.left_out), "them" if layout.left_out[1:] else "it"
    return f"left out: {names} (a terminal of {layout.needed} columns has {them}, and --json)"


def _print_bold(lines: Iterable[str]) -> None:
    begin, end = ("\x1b[1m", "\x1b[0m") if is_styled(sys.stdout) else ("", "")
    write_styled(sys.stdout, "".join(f"{begin}{line}{end}\n" for line in lines))


def is_styled(stream: TextIO) -> bool:
    """Whether a stream is a terminal that may be sent styles (no-color.org)."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return is_terminal(stream) and not plain


def is_terminal(stream: TextIO) -> bool:
    """Whether a stream ends in a terminal. Only what prints here may use its controls."""
    return obeying(stream).isatty()


def terminal_width(stream: TextIO) -> int | None:
    """Return how many columns the terminal of a stream has; None: it is no terminal.

    COLUMNS counts before what the terminal says, as for other programs.
    """
    if not is_terminal(stream):
        return None
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return max(_LEAST, int(columns))
    return max(_LEAST, os.get_terminal_size(obeying(stream).fileno()).columns or _USUAL)


def say(*lines: str) -> None:
    r"""Print lines of the answer. In each of them a newline is shown as `\n`: a name has no say in
    where a line ends."""
    _print_lines(sys.stdout, lines)


def note(*lines: str) -> None:
    r"""Print lines beside the answer, to stderr; a newline in one of them is shown as `\n`."""
    _print_lines(sys.stderr, lines)


def fitting(error: str, stream: TextIO) -> str:
    """Return an error in lines that fit a stream; its excerpt of a file stays as it is."""
    width, (head, *rest) = terminal_width(stream), error.split("\n")
    parts = (wrapped(x, width) if x.startswith(("  allowed: ", "  next: ")) else [x] for x in rest)
    return "\n".join([*wrapped(head, width), *(line for part in parts for line in part)])


def end_after(lost: Iterable[str]) -> None:
    """Warn of what is missing, and end with code 1 where anything is."""
    texts = [*lost]
    note_lost(texts)
    end_with(after_check(sound=not texts))


def note_lost(lost: Iterable[str]) -> None:
    """Warn of what is missing, to stderr."""
    for text in lost:
        note(f"warning: {text}")


def _print_lines(stream: TextIO, lines: Sequence[str]) -> None:
    program, width = typed_program(sys.argv[0]), terminal_width(stream)
    texts = [in_line(as_typed(line, program)) for line in lines or ("",)]
    stream.write("".join(f"{part}\n" for text in texts for part in wrapped(text, width)))
    stream.flush()
