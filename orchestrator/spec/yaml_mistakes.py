"""What is wrong with YAML text, blamed on the line that has to change."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StringMark
from ruamel.yaml.events import AliasEvent, DocumentStartEvent, Event, ScalarEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from compound.orchestrator.spec.open_quotes import open_quote

MAX_DEPTH = 40
MAX_NODES = 10_000
_DIGITS = 250
"""A whole number of more digits, in any base, may not fit into a float, and Python refuses
to read more than 4,300; no key of a spec needs this many."""
_WHOLE = re.compile(r"[-+]?(0x[0-9a-fA-F_]+|0[ob][0-7_]+|[0-9_]+)")
_TEXT = "tag:yaml.org,2002:str"
_OCTAL = re.compile(r"[-+]?0[0-9_]+")


class Mistake(NamedTuple):
    """What is wrong, and the parser's mark of the place; None: nowhere in particular."""

    text: str
    mark: Any = None


def syntax_mistake(error: MarkedYAMLError, text: str) -> Mistake:
    """Return what a parser could not read.

    It notices a quote, a bracket or a key without its end only lines later: its `context_mark` is
    where that begins.
    """
    problem, begun = str(error.problem or error).strip(), error.context_mark
    context, noticed = str(error.context or ""), error.problem_mark or error.context_mark
    if "quoted scalar" in context and begun:
        return _run_on(text, begun) or Mistake("this quote is never closed: close it", begun)
    if noticed and (run_on := _run_on(text, noticed)):
        return run_on
    if "could not find expected ':'" in problem and begun:
        return Mistake("a key without a colon: write `key: value`", begun)
    if "parsing a flow" in context and begun and noticed and begun.line != noticed.line:
        return _comment(text, begun, noticed) or Mistake(
            "this bracket is never closed, or a comma is missing", begun
        )
    if "expected <block end>" in problem and begun and noticed:
        return _indentation(problem, begun, noticed, text)
    if "mapping values are not allowed" in problem and noticed:
        return _second_colon(problem, noticed, text)
    return Mistake(_with_advice(problem), noticed)


def _comment(text: str, begun: Any, noticed: Any) -> Mistake | None:
    """Blame a comment as JavaScript and JSON5 have it."""
    lines = text.splitlines()
    for number in range(begun.line, min(noticed.line + 1, len(lines))):
        column = f" {lines[number]}".find(" //")
        if column >= 0:
            text = "`//` begins no comment in YAML: write `#`"
            return Mistake(text, StringMark("", 0, number, column, None, 0))
    return None


def _run_on(text: str, mark: Any) -> Mistake | None:
    quote = open_quote(text, mark.line)
    if quote is None:
        return None
    return Mistake(
        f"this quote is not closed in its line: the next quote, in line {quote.last_line + 1}, "
        "ends its text",
        quote.mark,
    )


_ADVICE = (
    ("'\\t' that cannot start", "a tab cannot indent a line: indent with spaces, not with tabs"),
    ("that cannot start any token", "a value cannot begin with {}: put the value in quotes"),
)


def _with_advice(problem: str) -> str:
    """Return a parser's sentence in plain words, where there are some."""
    character = (re.findall("'.'", problem) or [""])[0]
    plain = (advice.format(character) for words, advice in _ADVICE if words in problem)
    return next(plain, problem)


def _indentation(problem: str, begun: Any, noticed: Any, text: str) -> Mistake:
    """Blame the line that is indented unlike the rest: by an odd number of spaces, if one is."""
    odd = begun.column % 2 and not noticed.column % 2
    wrong, right = (begun, noticed) if odd else (noticed, begun)
    if wrong.column == right.column:
        return Mistake(problem, noticed)
    return Mistake(
        f"this line is indented by {wrong.column} spaces, and line {right.line + 1}, beside which "
        f"it stands, by {right.column}: indent both alike",
        wrong,
    )


def _second_colon(problem: str, mark: Any, text: str) -> Mistake:
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    if ": " in line[: mark.column]:
        return Mistake("a second colon in this line: put a value with a colon in quotes", mark)
    above = next((n for n in range(mark.line - 1, -1, -1) if lines[n].strip()), None)
    if above is None:
        return Mistake(problem, mark)
    own, before = _indent(line), _indent(lines[above])
    return Mistake(
        f"a key where none can be: this line is indented by {own} spaces, and line {above + 1} by "
        f"{before}: one of them is wrong, or a quote is missing",
        mark,
    )


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def unreadable_character(error: ReaderError, text: str) -> Mistake:
    """Return which character no YAML text may have."""
    before = text[: error.position]
    line, column = before.count("\n"), len(before) - (before.rfind("\n") + 1)
    code = ord(error.character) if isinstance(error.character, str) else int(error.character)
    name = "NUL character: is this a text file?" if code == 0 else f"character U+{code:04X}"
    return Mistake(
        f"not YAML: a text has no {name}", StringMark("", error.position, line, column, None, 0)
    )


def unneeded(event: Event, depth: int, documents: int, number: int) -> str:
    """Return, or "", what a spec never needs, and is refused before anything is built from it."""
    if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
        return "anchors and aliases are not supported: write the value out"
    tag = getattr(event, "tag", None)
    if tag:
        return f"tags are not supported: {tag}"
    if documents > 1:
        return "one document a file: a second one starts here"
    if depth > MAX_DEPTH:
        return f"nested more than {MAX_DEPTH} deep"
    if number > MAX_NODES:
        return f"more than {MAX_NODES:,} values"
    return _directive(event) or _digits(event)


def mark_of(event: Event, text: str) -> Any:
    """Return the place to blame for an event: of a directive its own line, not that of `---`."""
    lines = text.splitlines()[: event.start_mark.line]
    numbers = [number for number, line in enumerate(lines) if line.startswith("%")]
    if isinstance(event, DocumentStartEvent) and numbers and _directive(event):
        return StringMark("", 0, numbers[0], 0, None, 0)
    return event.start_mark


def _directive(event: Event) -> str:
    if not isinstance(event, DocumentStartEvent):
        return ""
    version = event.version
    if version is not None and tuple(version) != (1, 2):
        written = ".".join(map(str, version))
        return f"%YAML {written}: a spec is YAML 1.2, in which `yes`, `on` and 1:30 are texts"
    return "%TAG: tags are not supported" if event.tags else ""


def _digits(event: Event) -> str:
    if not isinstance(event, ScalarEvent) or event.style or len(event.value) <= _DIGITS:
        return ""
    digits = sum(character.isalnum() for character in event.value)
    is_number = digits > _DIGITS and _WHOLE.fullmatch(event.value)
    return f"too large: a number of {digits:,} digits" if is_number else ""


def mistakes(root: Node | None) -> Iterator[Mistake]:
    """Yield what a parsed document has that is read otherwise elsewhere, or that no spec has."""
    for node in _nodes(root):
        if isinstance(node, MappingNode):
            yield from _of_keys(node)
        elif isinstance(node, ScalarNode):
            yield from _of_number(node)


def _nodes(root: Node | None) -> Iterator[Node]:
    """Yield every value of a document, in its order."""
    waiting = [root] if root else []
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, MappingNode):
            waiting += [value for _, value in reversed(node.value)]
        elif isinstance(node, SequenceNode):
            waiting += reversed(node.value)


def impossible_value(root: Node | None, error: ValueError) -> Mistake:
    """Return which value has the form of a type, and is none: `2024-13-45` has that of a date."""
    yaml = YAML(typ="safe", pure=True)
    for node in _nodes(root):
        if not isinstance(node, ScalarNode) or node.tag == _TEXT:
            continue
        try:
            yaml.load(node.value)
        except ValueError as own:
            form = "date" if str(node.tag).endswith(":timestamp") else "number"
            return Mistake(
                f"{node.value} has the form of a {form}, and is none: {own}; '{node.value}' in "
                "quotes is a text",
                node.start_mark,
            )
    return Mistake(f"not YAML: {error}")


def _of_keys(node: MappingNode) -> Iterator[Mistake]:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        if isinstance(key, ScalarNode) and key.value == "<<":
            yield Mistake("merge keys are not supported: write the keys out", key.start_mark)
        elif not isinstance(key, ScalarNode) or key.tag != _TEXT:
            yield _of_key(key)
        elif key.value in lines:
            first = lines[key.value] + 1
            text = f"duplicate key '{key.value}': it stands in line {first} already; take one out"
            yield Mistake(text, key.start_mark)
        else:
            lines[key.value] = key.start_mark.line


def _of_key(key: Node) -> Mistake:
    """Blame a key that is no text; `{{ name }}` is a place in a template for a value."""
    if isinstance(key, MappingNode):
        return Mistake("a template that was never filled in: write the value", key.start_mark)
    return Mistake("a key is a text: put it in quotes", key.start_mark)


def _of_number(node: ScalarNode) -> Iterator[Mistake]:
    """YAML 1.1, and much that reads it, takes a leading zero for octal; YAML 1.2 does not."""
    if node.style or node.tag == _TEXT or not _OCTAL.fullmatch(node.value):
        return
    digits = node.value.lstrip("+-0_").replace("_", "") or "0"
    octal = f", or 0o{digits} for octal" if set(digits) <= {*"01234567"} else ""
    text = f"{node.value} has a leading zero, which some read as octal: write {digits}{octal}"
    yield Mistake(f"{text}; '{node.value}' in quotes is a text", node.start_mark)
