"""What to write instead of what pydantic found in a spec: an edit, as it can be typed."""

import shlex
from datetime import date
from typing import get_args

from pydantic_core import ErrorDetails

from compound.jobs.wording.printable import in_line
from compound.orchestrator.spec.key_homes import other_home
from compound.orchestrator.spec.nearest_value import in_yaml, nearest
from compound.orchestrator.spec.other_names import own_name
from compound.orchestrator.spec.schema_paths import along, keys_of, models_in, variants
from compound.orchestrator.spec.spec_messages import (
    annotation_of,
    chooser,
    is_unknown_network,
    label,
    lacks_items,
    readable,
    siblings,
    tags,
)
from compound.orchestrator.spec.yaml_source import Key
from compound.orchestrator.wording.commands import command, commented
from compound.orchestrator.wording.numbers import nearest_words
from compound.schemas.base import MisfitError
from compound.schemas.baseline import NetworkName
from compound.schemas.recipe import Recipe

_OWN_NETWORK = (
    "list the networks with `compound models`; one of your own is `stages`, or a function: "
    "baseline: {factory: 'my_network:build', resolution: 32} (docs/how-to/own-network.md)"
)
_CHOOSE = commented(command("schema", markdown=True), "what each of these means")
_EXAMPLES = {
    "kind": "study",
    "name": "my-study",
    "data": "{source: digits}",
    "baseline": "{name: efficientnet-b0}",
    "source": "digits",
    "path": "photos",
    "factory": "my_network:build",
    "resolution": "32",
    "stages": "[{channels: 16}, {channels: 32, stride: 2}]",
    "channels": "16",
    "min": "1",
    "max": "2",
    "triples": "[{alpha: 1.2, beta: 1.1, gamma: 1.15}]",
}
"""A value for every key that a spec must have."""


def way_out(details: ErrorDetails, setting: str = "") -> str:
    """Return what to write, `setting`: the dotted key where `--set` has the value.

    "" where only people can know it.
    """
    kind, keys = details["type"], keys_of(details["loc"])
    rule = details.get("ctx", {}).get("error")
    if isinstance(rule, MisfitError):
        return rule.next_step
    if kind == "extra_forbidden":
        return other_home(details["loc"]) or _key(details, setting)
    if kind in ("missing", "union_tag_not_found") and not lacks_items(details):
        return _addition(details)
    if is_unknown_network(details):
        near = nearest_words(str(details["input"]), get_args(NetworkName))
        return "; ".join([*([_written("name", near[0], "")] if near else []), _OWN_NETWORK])
    keys = keys[:-1] if lacks_items(details) else keys
    return _value(details, keys, setting)


def _key(details: ErrorDetails, setting: str) -> str:
    """Return how an unknown key is corrected."""
    name = str(details["loc"][-1])
    near = [*own_name(name, siblings(details)), *nearest_words(name, siblings(details))]
    if not near:
        return f"take `{in_line(name)}` out"
    if setting:
        parent, dot, _ = setting.rpartition(".")
        value = details["input"]
        typed = in_yaml(readable(value) if isinstance(value, str | dict) else value)
        return _written("", typed, f"{parent}{dot}{near[0]}")
    return f"write `{near[0]}` for `{in_line(name)}`"


def _addition(details: ErrorDetails) -> str:
    """Return the key to add, with an example of a value."""
    if details["type"] == "missing":
        key = str(keys_of(details["loc"])[-1])
        return f"add `{key}: {_EXAMPLES[key]}`" if key in _EXAMPLES else ""
    members = variants(annotation_of(details))
    return f"add `{chooser(details)}: {next(iter(members))}`" if members else ""


def _value(details: ErrorDetails, keys: tuple[Key, ...], setting: str) -> str:
    """Return the nearest value that is right, or that the key may be left out."""
    key, value = label(keys), details["input"]
    if details["type"] == "union_tag_invalid":
        near = nearest_words(str(details["ctx"]["tag"]), tags(details))
        return _written(chooser(details), near[0], setting) if near else _CHOOSE
    is_text = details["type"] == "string_type" and isinstance(value, bool | int | float | date)
    if is_text:
        return "put the value in quotes"
    if key in ("data", "baseline") and not isinstance(value, dict):
        return _written(key, _whole_source(key, value), setting)
    candidate = None if lacks_items(details) else nearest(value, annotation_of(details), str(key))
    if candidate is not None:
        return _written(key, in_yaml(candidate), setting)
    return _left_out(details, keys)


def _whole_source(key: str, value: object) -> str:
    """Return the mapping that stands for a bare word: a path for data, a name for a network."""
    if not isinstance(value, str) or not value:
        return _EXAMPLES[key]
    word = in_yaml(readable(value))
    if key == "data":
        return (
            f"{{source: {word}}}" if word == "digits" else f"{{source: image_folder, path: {word}}}"
        )
    return f"{{name: {word}}}"


def _written(key: str, value: str, setting: str) -> str:
    if setting:
        return f"type --set {shlex.quote(f'{setting}={value}')}"
    return f"write `{key}: {value}`"


def _left_out(details: ErrorDetails, keys: tuple[Key, ...]) -> str:
    """Say that a key has a default, and which, unless it hangs on other keys."""
    if not keys:
        return ""
    if isinstance(keys[-1], int):
        return f"take it out of `{keys[-2]}`"
    key = str(keys[-1])
    owners = [m for m in models_in(along(_above(details["loc"]))[1]) if key in m.model_fields]
    if not owners or owners[0].model_fields[key].is_required():
        return ""
    default = owners[0].model_fields[key].default
    is_plain = isinstance(default, int | float | str | tuple) and not issubclass(owners[0], Recipe)
    return f"take `{key}` out for its default" + (f", `{in_yaml(default)}`" if is_plain else "")


def _above(loc: tuple[Key, ...]) -> tuple[Key, ...]:
    """Return the location of what has the last key of a location, and of its missing item."""
    keys = [key for key in keys_of(loc) if isinstance(key, str)]
    while loc and [key for key in keys_of(loc) if isinstance(key, str)] == keys:
        loc = loc[:-1]
    return loc
