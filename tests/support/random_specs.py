"""Specs that are nearly right: those of examples/, with values, keys, lines and letters changed."""

import json
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from ruamel.yaml import YAML

from compound.schemas.study import SPEC

EXAMPLES = Path(__file__).parents[2] / "examples"
TEXTS = (
    *("", " ", "~", "~/x", "$HOME/x", "$NOT_SET", "${", "$$", "~nobody/x", "no", "yes", "on"),
    *("null", "auto", "off", "1e3", "0x10", "1:30", "010", "2024-01-01", "s3://", "s3://b/p"),
    *("s3://AKIAABCDEFGHIJKLMNOP/x", "file:///x", "http://u:secret@h/x", "../../etc", "/dev/null"),
    *(
        "a\nb",
        "tab\there",
        "\x00",
        "\x1b[31mred",
        "\u202edcba",
        "\x7f\x9b",
        "\ufeff",
        "é",
        "日本",
        "😀",
    ),
    *("x" * 5000, "quick", "digits", "efficientnetv2-s", "resnet50", "os:system", "a.b:c", "a:b"),
    *("%YAML", "&a", "*a", "!!int", "<<", "- x", "{", "]", "'", '"', "#", "`", "@", "|", ">"),
)
NUMBERS = (
    *(0, -1, 1, 2, 3, 7, 255, 2**31, 2**32, 2**53, 2**63, 2**64, 10**30, 10**300, -(10**30)),
    *(0.0, -0.0, 0.1, 0.5, 1.0, 1.5, 1e-300, 1e300, float("inf"), float("-inf"), float("nan")),
)
JUNK = (None, True, False, [], {}, [[]], [None], {"a": {}}, [1, "a", None], {"kind": "study"})
LETTERS = "\t\n\r\x00\x07\x1b\x85\u2028\ufeff\u202e:-{}[],#&*!|>'\"%@`~?<=é😀 \\/0x"


@cache
def bases() -> tuple[dict[str, Any], ...]:
    """Return the examples as values."""
    paths = sorted(EXAMPLES.glob("*.yaml"))
    return tuple(YAML(typ="safe", pure=True).load(path.read_text()) for path in paths)


@cache
def texts() -> tuple[str, ...]:
    """Return the examples as they are written."""
    return tuple(path.read_text() for path in sorted(EXAMPLES.glob("*.yaml")))


@cache
def schema_keys() -> tuple[tuple[str, Any], ...]:
    """Return every key of the JSON schema, with what the schema says of it."""
    schema = SPEC.json_schema()
    parts = [schema, *schema["$defs"].values()]
    return tuple(pair for part in parts for pair in part.get("properties", {}).items())


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value inside a value."""
    if path:
        yield path
    pairs = value.items() if isinstance(value, dict) else enumerate(_members(value))
    for key, inner in pairs:
        yield from places(inner, (*path, key))


def _members(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def at(value: Any, path: tuple[Any, ...]) -> Any:
    """Return the value at a path."""
    for key in path:
        value = value[key]
    return value


def junk(random: Random) -> Any:
    """Return a value that fits few keys."""
    kind = random.randrange(6)
    if kind < 2:
        return random.choice(TEXTS)
    if kind < 4:
        return random.choice(NUMBERS)
    return deepcopy(random.choice(JUNK)) if kind == 4 else fitting(random)[1]


def fitting(random: Random) -> tuple[str, Any]:
    """Return a key of the schema, with a value that it may take by its type."""
    key, rule = random.choice(schema_keys())
    options = [rule, *rule.get("anyOf", ())]
    option = random.choice(options)
    if "enum" in option or "const" in option:
        return key, random.choice([*option.get("enum", ()), option.get("const")])
    by_type = {
        "integer": lambda: random.choice([0, 1, 2, 5, 100, option.get("maximum", 9)]),
        "number": lambda: random.choice([0, 0.1, 1, 2.5, option.get("maximum", 9)]),
        "string": lambda: random.choice(TEXTS),
        "boolean": lambda: random.random() < 0.5,
        "array": lambda: [random.choice(NUMBERS) for _ in range(random.randrange(4))],
        "null": lambda: None,
    }
    return key, by_type.get(option.get("type", ""), lambda: fitting(random)[1])()


def change(spec: Any, random: Random) -> None:
    """Change one thing in a spec, in its own place."""
    path = random.choice([*places(spec)] or [()])
    if not path:
        spec["kind"] = junk(random)
        return
    parent, key = at(spec, path[:-1]), path[-1]
    what = random.randrange(7)
    if what == 0:
        del parent[key]
    elif what == 1 and isinstance(parent, dict):
        parent[key[:-1] or "x"] = parent.pop(key)
    elif what == 2 and isinstance(parent, dict):
        new, value = fitting(random)
        parent[new] = deepcopy(value)
    elif what == 3:
        parent[key] = random.choice([[parent[key]], {"x": parent[key]}, str(parent[key])])
    elif what == 4:
        parent[key] = json.loads(json.dumps(at(spec, random.choice([*places(spec)])), default=str))
    else:
        parent[key] = junk(random)


def random_values(seed: int) -> Any:
    """Return an example with up to four things changed."""
    random = Random(seed)
    spec = json.loads(json.dumps(random.choice(bases())))
    for _ in range(random.choice([1, 1, 1, 2, 4])):
        change(spec, random)
    return spec


def random_text(seed: int) -> bytes:
    """Return the text of an example with lines and letters changed, or of changed values."""
    random = Random(seed)
    if random.random() < 0.2:
        return json.dumps(random_values(seed), indent=random.choice([None, 1])).encode()
    text = random.choice(texts())
    for _ in range(random.choice([1, 1, 2, 4])):
        text = _with_other_letters(text, random) if random.random() < 0.5 else _lines(text, random)
    data = text.encode("utf-8", "replace")
    return data if random.random() < 0.9 else data.replace(b"e", bytes([random.randrange(256)]), 3)


def _with_other_letters(text: str, random: Random) -> str:
    start = random.randrange(len(text) + 1)
    gone = random.choice([0, 0, 1, 3, 20])
    new = "".join(random.choice(LETTERS) for _ in range(random.randrange(1, 4)))
    return text[:start] + new + text[start + gone :]


def _lines(text: str, random: Random) -> str:
    lines = text.splitlines() or [""]
    number, what = random.randrange(len(lines)), random.randrange(5)
    if what == 0:
        del lines[number]
    elif what == 1:
        lines.insert(number, random.choice(lines))
    elif what == 2:
        lines[number] = random.choice(["\t", " ", "  ", "   "]) + lines[number]
    elif what == 3:
        lines[number] = lines[number].strip()
    else:
        lines.insert(number, f"{random.choice(TEXTS)}: {random.choice(TEXTS)}")
    return "\n".join(lines)
