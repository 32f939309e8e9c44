"""Every key of a spec as Markdown, made from the JSON Schema: type, default and meaning."""

import json
from collections.abc import Iterator, Mapping

from compound.orchestrator.spec.described_schema import Schema
from compound.orchestrator.wording.commands import command

_HEAD = f"""\
# Every key of a spec

`{command("schema", markdown=True)}` prints this page. A spec is YAML with `kind: study`
or `kind: train`. A key without a default here has keys of its own, with theirs.
More: [what a job is](../explanation/studies.md), [recipes](recipes.md), [sources of
images](../how-to/images.md).
"""
_KINDS = {"study": "StudySpec", "train": "TrainSpec"}
_ENDS = {
    "minimum": "from ",
    "exclusiveMinimum": "above ",
    "maximum": "to ",
    "exclusiveMaximum": "below ",
}
"""Of ranges, in the order in which they are read."""


def key_reference(schema: Schema) -> str:
    """Return the page. Each model has a section, at the first key that it belongs to."""
    definitions: Mapping[str, Schema] = schema["$defs"]
    sections = dict(_sections(definitions))
    return "\n".join([_HEAD, *(_section(definitions[name], sections) for name in sections)])


def _sections(definitions: Mapping[str, Schema]) -> Iterator[tuple[str, str]]:
    """Yield the models in the order of their keys, each with its heading."""
    waiting = [(name, f"kind: {kind}") for kind, name in _KINDS.items()]
    seen: set[str] = set()
    while waiting:
        name, heading = waiting.pop(0)
        if name in seen:
            continue
        seen.add(name)
        yield name, heading
        waiting = [*_below(definitions, name, heading), *waiting]


def _below(definitions: Mapping[str, Schema], name: str, heading: str) -> Iterator[tuple[str, str]]:
    """Yield the models of a model's keys, with the key's path and what tells them apart."""
    path = "" if heading.startswith("kind:") else heading.split(",")[0] + "."
    for key, entry in definitions[name]["properties"].items():
        models = [*_models(entry)]
        for model in models:
            mark = _mark(definitions[model]) if len(models) > 1 else ""
            yield model, f"{path}{key}{mark}"


def _mark(definition: Schema) -> str:
    """Return the key whose value names a member of a union: `, source: digits`."""
    for key, entry in definition["properties"].items():
        if "const" in entry:
            return f", {key}: {entry['const']}"
    return f", with {', '.join(definition.get('required', ())[:1])}"


def _models(entry: Schema) -> Iterator[str]:
    """Yield the models that a key's value may be of."""
    if "$ref" in entry:
        yield _name(entry)
    items = [entry["items"]] if "items" in entry else []
    for part in (*entry.get("anyOf", ()), *entry.get("oneOf", ()), *items):
        yield from _models(part)


def _name(reference: Schema) -> str:
    name: str = reference["$ref"].rpartition("/")[2]
    return name


def _section(definition: Schema, sections: Mapping[str, str]) -> str:
    heading = sections[definition["title"]]
    about = definition.get("description", "").split("\n\n")[0]
    rows = [
        _row(key, entry, sections, required=key in definition.get("required", ()))
        for key, entry in definition["properties"].items()
        if not entry.get("deprecated")
    ]
    table = ["| key | value | default | meaning |", "|---|---|---|---|", *rows]
    return "\n".join([f"## {heading}", "", " ".join(about.split()), "", *table, ""])


def _row(key: str, entry: Schema, sections: Mapping[str, str], *, required: bool) -> str:
    default = "required" if required else _default(entry)
    cells = [f"`{key}`", _value(entry, sections), default, entry["description"]]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(entry: Schema) -> str:
    """Return the default as YAML; nothing where each key has its own."""
    default = entry.get("default")
    if isinstance(default, dict):
        return f"`{{kind: {default['kind']}}}`" if "kind" in default else ""
    return f"`{_yaml(default)}`" if "default" in entry else ""


def _yaml(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value).replace('"', "")


def _value(entry: Schema, sections: Mapping[str, str]) -> str:
    """Return what a key takes: a link to a section, words, or a number with its range."""
    if "$ref" in entry:
        heading = sections[_name(entry)]
        return f"[{heading}](#{_anchor(heading)})"
    parts = entry.get("anyOf") or entry.get("oneOf")
    if parts:
        return " or ".join(_value(part, sections) for part in parts)
    if "enum" in entry or "const" in entry:
        return ", ".join(f"`{_yaml(v)}`" for v in entry.get("enum", [entry.get("const")]))
    if "prefixItems" in entry:
        return f"list of {len(entry['prefixItems'])}: {_value(entry['prefixItems'][0], sections)}"
    if entry.get("type") == "array":
        return f"list of {_value(entry['items'], sections)}"
    return _plain(entry)


def _plain(entry: Schema) -> str:
    ends = [f"{word}{entry[key]:,}" for key, word in _ENDS.items() if key in entry]
    return " ".join([entry["type"], *ends])


def _anchor(heading: str) -> str:
    """Return the anchor that Markdown viewers give a heading."""
    return "".join(c for c in heading.lower() if c.isalnum() or c in " -_").replace(" ", "-")
