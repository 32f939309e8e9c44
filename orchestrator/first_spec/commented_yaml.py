"""A spec as YAML with a comment on every line: what the key means, or why it has this value."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel
from ruamel.yaml import YAML
from ruamel.yaml.compat import StringIO

from compound.orchestrator.spec.described_schema import key_texts

WIDTH = 100
_COLUMN = 46
"""Where comments begin; longer lines have theirs two spaces behind."""
_OPEN = ("data", "baseline", "baseline.stages", "search", "train", "resources")
"""Keys whose values stand on lines of their own."""
_LEAST = 24
"""Columns that a comment has beside its line; with fewer it stands above."""


class Line(NamedTuple):
    """A line of YAML, and the key that it is about."""

    text: str
    path: str


def commented_yaml(
    values: Mapping[str, Any],
    model: BaseModel,
    comments: Mapping[str, str],
    head: Sequence[str] = (),
    tail: Sequence[str] = (),
) -> str:
    """Return the text of a spec.

    `comments`: by dotted path; a key without one gets the first sentence of what `model`'s class
    says of it. `head`, `tail`: comments above and below.
    """
    lines = [f"# {part}" for text in head for part in textwrap.wrap(text, WIDTH - 2)]
    for line in _lines(values, ""):
        comment = comments.get(line.path)
        lines += _set(line.text, meaning(model, line.path) if comment is None else comment)
    return "\n".join([*lines, *(f"# {text}" for text in tail)]) + "\n"


def meaning(model: BaseModel, path: str) -> str:
    """Return the first sentence that a class says of a key, without its full stop."""
    below: Any = model
    *parents, key = path.split(".")
    for parent in parents:
        below = getattr(below, parent, None)
    if not isinstance(below, BaseModel):
        return ""
    sentence = key_texts(type(below)).get(key, "").partition(". ")[0].removesuffix(".")
    text = " ".join(sentence.replace("`", "").split())
    return text[:1].lower() + text[1:] if text[1:2].islower() or text[:2] == "A " else text


def _lines(values: Mapping[str, Any], parent: str) -> Iterator[Line]:
    indent = "  " * (parent.count(".") + 1 if parent else 0)
    for key, value in values.items():
        path = f"{parent}.{key}" if parent else key
        if path not in _OPEN:
            yield Line(f"{indent}{key}: {_flow(value)}", path)
        elif isinstance(value, Mapping):
            yield Line(f"{indent}{key}:", path)
            yield from _lines(value, path)
        else:
            yield Line(f"{indent}{key}:", path)
            yield from (
                Line(f"{indent}  - {_flow(entry)}", f"{path}.{number}")
                for number, entry in enumerate(value)
            )


def _flow(value: Any) -> str:
    """Write a value on one line; texts are quoted where YAML needs it."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_flow, value))}]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    yaml, stream = YAML(pure=True), StringIO()
    yaml.default_flow_style, yaml.width = True, 2**20
    yaml.dump([value], stream)
    return str(stream.getvalue()).strip()[1:-1]


def _set(text: str, comment: str) -> Iterator[str]:
    """Yield a line with its comment, which goes on below where it is long."""
    if not comment:
        yield text
        return
    column = max(_COLUMN, len(text) + 2)
    if WIDTH - column < _LEAST:
        indent = " " * (len(text) - len(text.lstrip()))
        yield from (f"{indent}# {part}" for part in textwrap.wrap(comment, WIDTH - len(indent) - 2))
        yield text
        return
    first, *rest = textwrap.wrap(comment, WIDTH - column - 2)
    yield f"{text.ljust(column)}# {first}"
    yield from (f"{' ' * column}# {part}" for part in rest)
