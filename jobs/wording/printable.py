"""Text of strangers made fit to be shown: names, paths, values of a spec, texts of errors."""

import unicodedata

_BYTES = range(0xDC80, 0xDD00)
"""How Python keeps bytes that are not UTF-8 (PEP 383)."""


def printable(text: str) -> str:
    r"""Return text with what a terminal or a browser would obey written as Python's repr does.

    Escaped are control characters (a terminal obeys them: colours, title, clipboard), all format
    characters (marks that turn the direction of text, CVE-2021-42574, and invisible ones),
    separators of lines, tabs, and what no font has: `\x1b`, `\u202e`. Newlines stay.
    """
    return "\n".join(map(in_line, text.split("\n")))


def in_line(text: str) -> str:
    r"""Return printable text of one line: a newline is written `\n` too."""
    return text if text.isprintable() else "".join(map(_harmless, text))


def _harmless(char: str) -> str:
    # isprintable() refuses spaces such as U+00A0 too, which do no harm.
    if char.isprintable() or unicodedata.category(char) == "Zs":
        return char
    code = ord(char)
    return f"\\x{code - 0xDC00:02x}" if code in _BYTES else repr(char)[1:-1]
