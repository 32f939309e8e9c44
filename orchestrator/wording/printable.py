"""Text of strangers made fit for a terminal: names, paths, values of a spec, texts of errors."""

import re

# C0 without tab and newline, DEL, C1 (a terminal obeys them: colours, title, clipboard), marks that
# turn the direction of text (CVE-2021-42574), line separators, and bytes that are not UTF-8, which
# Python keeps as lone surrogates (PEP 383).
_UNFIT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_BYTES = range(0xDC80, 0xDD00)
"""How Python keeps bytes that are not UTF-8."""


def printable(text: str) -> str:
    r"""Return text with what a terminal would obey written as Python does: `\x1b`, `\u202e`."""
    return _UNFIT.sub(_escaped, text)


def in_line(text: str) -> str:
    r"""Return printable text of one line: newlines and tabs are written `\n` and `\t` too."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code in _BYTES:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
