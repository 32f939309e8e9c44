"""Text in so many columns of a terminal: words wrap, names are shortened, numbers stay whole."""

import re
from collections.abc import Iterable, Iterator

ELLIPSIS = "…"
_NUMERIC = "0123456789.,%"
_WORD = r"""(?:'[^']*'|"[^"]*"|\\.|[^\s'"])+"""
_WORDS = re.compile(rf"--{_WORD} (?!-){_WORD}|{_WORD}")
"""A word of a command, or an option with its value; spaces in quotes are inside a word."""
_PHRASE = re.compile(r"\d\S* (?:%|[kMG]|s|min|h|px|[MG]i?B)(?!\w)\S*|\S+")
"""A word of prose: a number and its unit stay together."""
_COMMAND = re.compile(r"(\s*(?:next: )?)((?:\S*/)?compound [a-z].*)")
_INDENT = "    "


def cells(text: str) -> int:
    """Return how many columns of a terminal a text takes: Chinese letters take two each."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # most texts need not wait for it

    return cell_len(text)


def padded(text: str, width: int, *, right: bool) -> str:
    """Return a text with spaces up to a width."""
    spaces = " " * (width - cells(text))
    return spaces + text if right else text + spaces


def filled(words: Iterable[str], width: int, first: str = "", rest: str = "") -> list[str]:
    """Return lines of whole words; one that is wider than a line has a line of its own.

    `first` and `rest`: how the first line begins, and those after it.
    """
    lines, line, empty = [], first, True
    for word in words:
        if not empty and cells(line) + 1 + cells(word) > width:
            lines.append(line)
            line, empty = rest, True
        line, empty = line + ("" if empty else " ") + word, False
    return [*lines, line]


def wrapped(line: str, width: int | None) -> list[str]:
    r"""Return a line of prose, or of a command, in lines that fit; None: it is left as it is.

    A command goes on after `\`, so that it can be copied with its line breaks; words stay whole.
    """
    if width is None or cells(line) <= width:
        return [line]
    if command := _COMMAND.fullmatch(line):
        return list(_continued(command[1], command[2], width))
    indent = line[: len(line) - len(line.lstrip())]
    return filled(_PHRASE.findall(line), width, indent, indent)


def _continued(lead: str, typed: str, width: int) -> Iterator[str]:
    command, _, comment = typed.partition("    # ")
    room = width - 2 - len(_INDENT)
    parts = (_parted(word, room) for word in _WORDS.findall(command))
    lines = filled((word for part in parts for word in part), width - 2, lead, _INDENT)
    yield from (f"{line} \\" for line in lines[:-1])
    yield lines[-1]
    if comment:
        yield from filled(comment.split(), width, f"{_INDENT}# ", f"{_INDENT}# ")


def _parted(word: str, room: int) -> list[str]:
    """Return an option and its value apart where they do not fit into a line together."""
    return word.split(" ", 1) if word.startswith("--") and cells(word) > room else [word]


def shortened(text: str, width: int) -> str:
    """Return a name with its middle left out, so that it fits; no number in it is cut."""
    if cells(text) <= width:
        return text
    for length in range(width - 1, 0, -1):
        head, tail = text[: length - length // 2], text[len(text) - length // 2 :]
        head = head.rstrip(_NUMERIC) if _cut(text, len(head)) else head
        tail = tail.lstrip(_NUMERIC) if _cut(text, len(text) - len(tail)) else tail
        if cells(head + tail) < width:
            return f"{head}{ELLIPSIS}{tail}"
    return ELLIPSIS


def _cut(text: str, position: int) -> bool:
    """Whether a number stands on both sides of a position."""
    return 0 < position < len(text) and {*text[position - 1 : position + 1]} <= {*_NUMERIC}
