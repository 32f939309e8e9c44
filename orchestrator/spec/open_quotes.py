"""A quote without its end, which the opening quote of a later text has closed instead."""

from contextlib import suppress
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.tokens import ScalarToken


class OpenQuote(NamedTuple):
    """Where a quote opens, and the line, counted from 0, in which a later quote ends it."""

    mark: Any
    last_line: int


def open_quote(text: str, line: int) -> OpenQuote | None:
    """Return the first of the quoted texts that run on into a line in which an error was noticed.

    None: no quoted text of several lines ends there. The quote that ends such a text may leave the
    next one open, so it is followed back.
    """
    first = None
    for quoted in reversed(_quoted_over_lines(text)):
        if quoted.end_mark.line == line:
            line = quoted.start_mark.line
            first = OpenQuote(quoted.start_mark, quoted.end_mark.line)
    return first


def _quoted_over_lines(text: str) -> list[ScalarToken]:
    """Return the quoted texts of several lines before what cannot be scanned."""
    quoted = []
    with suppress(YAMLError):
        for token in YAML(typ="safe", pure=True).scan(text):
            is_quoted = isinstance(token, ScalarToken) and token.style in ("'", '"')
            if is_quoted and token.end_mark.line > token.start_mark.line:
                quoted.append(token)
    return quoted
