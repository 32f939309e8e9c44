"""YAML text to plain values, with the place of every key. Untrusted: everything is bounded.

Anchors, tags and several documents are refused: a spec has no use for them, and they are how a
small file grows without end or names code.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, Event
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from compound.schemas.errors import SpecError
from compound.schemas.store_uri import masked

MAX_BYTES = 200_000
MAX_DEPTH = 40
MAX_NODES = 10_000

Key = str | int


class Position(NamedTuple):
    """Where something stands: `file:line:col`, and the source line with a caret."""

    where: str
    excerpt: str = ""


@dataclass(frozen=True)
class Source:
    """A spec as it was written: where from, its text, its values, and its syntax tree."""

    name: str
    text: str
    values: Any = None
    root: Node | None = None

    def locate(self, path: Sequence[Key], *, key: bool = False) -> Position:
        """Return the place of a value, or of its key.

        Steps that are no keys of the document, such as the tags of a union, are skipped.
        """
        node, name = self.root, self.root
        for step in path:
            child = _child(node, step)
            name, node = child if child else (name, node)
        node = name if key else node
        return self.position(node.start_mark) if node else Position(self.name)

    def position(self, mark: Any) -> Position:
        """Return the place of a parser's mark, lines and columns counted from 1."""
        lines = self.text.splitlines()
        text = lines[mark.line] if mark.line < len(lines) else ""
        start = max(0, mark.column - 60)
        excerpt = text[start : start + 100].replace("\t", " ")
        where = f"{self.name}:{mark.line + 1}:{mark.column + 1}"
        return Position(where, f"  | {masked(excerpt)}\n  | {' ' * (mark.column - start)}^")


def _child(node: Node | None, step: Key) -> tuple[Node, Node] | None:
    if isinstance(node, MappingNode):
        return next(((k, v) for k, v in node.value if k.value == str(step)), None)
    if isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None


def read(path: Path) -> Source:
    """Read a YAML file. SpecError: missing, too large, not UTF-8, or not plain YAML."""
    name = str(path)
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise SpecError(
                f"{size:,} bytes is too large for a spec",
                where=name,
                allowed=f"at most {MAX_BYTES:,} bytes",
            )
        return parse(path.read_bytes().decode("utf-8-sig"), name)
    except OSError as error:
        raise SpecError(
            f"cannot read the spec: {error.strerror}",
            where=name,
            next_step="compound init quickstart.yaml",
        ) from None
    except UnicodeDecodeError as error:
        raise SpecError(
            "not UTF-8 text",
            where=f"{name}: byte {error.start}",
            allowed="a YAML file saved as UTF-8",
        ) from None


def parse(text: str, name: str) -> Source:
    """Parse YAML text; `name` is what errors call it."""
    source = Source(name, text)
    try:
        _check_events(source)
        # pure: the C parser (ruamel.yaml.clib) is optional, and its errors have other texts.
        yaml = YAML(typ="safe", pure=True)
        return Source(name, text, yaml.load(text), YAML(typ="safe", pure=True).compose(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = source.position(mark) if mark else Position(name)
        raise SpecError(_first_line(error), **position._asdict()) from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise SpecError(f"not YAML: {_first_line(error)}", where=name) from None


def _first_line(error: Exception) -> str:
    text = getattr(error, "problem", None) or str(error)
    return str(text).strip().splitlines()[0][:200]


def _check_events(source: Source) -> None:
    """Walk the event stream, which needs no recursion, and refuse what a spec never needs."""
    depth = documents = 0
    # ruamel's loader recurses once a level, and would fail on deep nesting with a RecursionError.
    for number, event in enumerate(YAML(typ="safe", pure=True).parse(source.text)):
        kind = type(event).__name__
        depth += kind.endswith("StartEvent") - kind.endswith("EndEvent")
        documents += kind == "DocumentStartEvent"
        problem = _problem(event, depth, documents, number)
        if problem:
            raise SpecError(problem, **source.position(event.start_mark)._asdict())


def _problem(event: Event, depth: int, documents: int, number: int) -> str:
    if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
        return "anchors and aliases are not supported: write the value out"
    tag = getattr(event, "tag", None)
    if tag:
        return f"tags are not supported: {tag}"
    if documents > 1:
        return "one document a file: a second one starts here"
    if depth > MAX_DEPTH:
        return f"nested more than {MAX_DEPTH} deep"
    return f"more than {MAX_NODES:,} values" if number > MAX_NODES else ""
