"""YAML text to plain values, with the place of every key. Untrusted: everything is bounded.

Anchors, tags and several documents are refused: a spec has no use for them, and they are how a
small file grows without end or names code.
"""

import codecs
import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode
from ruamel.yaml.reader import ReaderError

from compound.jobs.regular_file import read_document
from compound.jobs.wording.os_errors import refused_as
from compound.jobs.wording.printable import in_line
from compound.orchestrator.spec.yaml_mistakes import (
    Mistake,
    impossible_value,
    mark_of,
    mistakes,
    syntax_mistake,
    unneeded,
    unreadable_character,
)
from compound.orchestrator.wording.commands import command
from compound.orchestrator.wording.numbers import nearest_words
from compound.schemas.errors import SpecError
from compound.schemas.store_uri import masked

MAX_BYTES = 200_000
_BREAKS = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""What ends a line for the parser; str.splitlines knows more."""
_LONGEST = 300
_SPECS = 20
"""YAML files that an error names."""

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

    def has(self, path: Sequence[Key]) -> bool:
        """Whether each step is a key of the document, or an index."""
        node = self.root
        for step in path:
            child = _child(node, step)
            if child is None:
                return False
            node = child[1]
        return True

    def position(self, mark: Any) -> Position:
        """Return the place of a parser's mark, lines and columns counted from 1."""
        lines = _BREAKS.split(self.text)
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
    """Read a YAML file. SpecError: missing, no file, too large, not UTF-8, or not plain YAML."""
    try:
        data = read_document(path, MAX_BYTES)
    except OSError as error:
        refused = refused_as(SpecError, "cannot read the spec", path, error)
        if isinstance(error, FileNotFoundError) or path.is_dir():
            refused.allowed, refused.next_step = _specs_near(path)
        raise refused from None
    return parse(_text(data, str(path)), str(path))


def _specs_near(path: Path) -> tuple[str, str]:
    """Return the YAML files where a spec was looked for, and the command on the most similar."""
    folder = path if path.is_dir() else path.parent
    specs = sorted(p for kind in ("*.yaml", "*.yml") for p in folder.glob(kind))
    names = {str(p): p for p in specs[:_SPECS]}
    if not names:
        return "a YAML file", "compound init quickstart.yaml"
    near = [n for n in names if names[n].stem == path.stem] + nearest_words(str(path), names)
    return ", ".join(map(in_line, names)), command("validate", ((near or [*names])[0],))


def _text(data: bytes, name: str) -> str:
    file = shlex.quote(os.path.basename(name))
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise SpecError(
            "not UTF-8 text, but UTF-16",
            where=name,
            allowed="a YAML file saved as UTF-8",
            next_step=f"iconv -f UTF-16 -t UTF-8 {file} > utf8-{file}",
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SpecError(
            f"not UTF-8 text: byte {data[error.start]:#04x} in line {line}",
            where=f"{name}:{line}",
            allowed="a YAML file saved as UTF-8",
            next_step=f"iconv -f ISO-8859-1 -t UTF-8 {file} > utf8-{file}",
        ) from None


def parse(text: str, name: str) -> Source:
    """Parse YAML text; `name` is what errors call it."""
    source = Source(name, text)
    try:
        _check_events(source)
        # pure: the C parser (ruamel.yaml.clib) is optional, and its errors have other texts.
        root = YAML(typ="safe", pure=True).compose(text)
        for mistake in mistakes(root):
            raise _error(source, mistake)
        return Source(name, text, _values(source, root), root)
    except MarkedYAMLError as error:
        raise _error(source, syntax_mistake(error, text)) from None
    except ReaderError as error:
        raise _error(source, unreadable_character(error, text)) from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise SpecError(f"not YAML: {_first_line(error)}", where=name) from None


def _values(source: Source, root: Node | None) -> Any:
    """Return the values of a document. SpecError: one cannot be built."""
    try:
        return YAML(typ="safe", pure=True).load(source.text)
    # A date that no calendar has is a ValueError of Python's.
    except ValueError as error:
        raise _error(source, impossible_value(root, error)) from None


def _error(source: Source, mistake: Mistake) -> SpecError:
    position = source.position(mistake.mark) if mistake.mark else Position(source.name)
    return SpecError(in_line(mistake.text[:_LONGEST]), **position._asdict())


def _first_line(error: Exception) -> str:
    return in_line((str(error).strip().splitlines() or [type(error).__name__])[0][:_LONGEST])


def _check_events(source: Source) -> None:
    """Walk the event stream, which needs no recursion, and refuse what a spec never needs."""
    depth = documents = 0
    # ruamel's loader recurses once a level, and would fail on deep nesting with a RecursionError.
    for number, event in enumerate(YAML(typ="safe", pure=True).parse(source.text)):
        kind = type(event).__name__
        depth += kind.endswith("StartEvent") - kind.endswith("EndEvent")
        documents += kind == "DocumentStartEvent"
        problem = unneeded(event, depth, documents, number)
        if problem:
            raise _error(source, Mistake(problem, mark_of(event, source.text)))
