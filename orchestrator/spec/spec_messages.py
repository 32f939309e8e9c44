"""What pydantic found in a spec, in words: the value, and what is allowed."""

import re
from datetime import date
from math import isfinite
from typing import Any, get_args

from pydantic_core import ErrorDetails

from compound.jobs.wording.printable import in_line
from compound.orchestrator.spec.key_homes import other_home
from compound.orchestrator.spec.other_names import own_name
from compound.orchestrator.spec.schema_paths import along, keys_of, models_in, variants
from compound.orchestrator.spec.value_unions import forms, in_words, literals, patterns_of
from compound.orchestrator.spec.yaml_source import Key
from compound.orchestrator.wording.numbers import closest, counted
from compound.schemas.baseline import NetworkName
from compound.schemas.store_uri import masked
from compound.schemas.study import NAME_PATTERN

_LONGEST = 60
_ONLY_READ = ("asha",)
"""Choices that only stored specs of older versions have."""
_YAML_1_1 = {"yes", "no", "on", "off", "y", "n"}
"""What YAML 1.1 takes for true or false."""
_FORMS = {
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), "a whole number"),
    **dict.fromkeys(("float_parsing", "float_type"), "a number"),
    **dict.fromkeys(("bool_parsing", "bool_type"), "true or false"),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "keys with values"),
    **dict.fromkeys(("tuple_type", "list_type"), "a list"),
    "string_type": "a text",
}
"""What pydantic's names for errors of a type ask for."""
_SIZES = {
    **dict.fromkeys(("greater_than", "greater_than_equal"), "too small"),
    **dict.fromkeys(("less_than", "less_than_equal", "int_parsing_size"), "too large"),
}
_LENGTHS = {"too_short": "too few", "missing": "too few", "too_long": "too many"}


def chooser(details: ErrorDetails) -> str:
    """Return the name of the key, or of the function after it, that chooses a union's member."""
    key = str(details.get("ctx", {}).get("discriminator", "")).strip("'")
    return key.removesuffix("()").lstrip("_")


def message_of(details: ErrorDetails) -> str:
    """Return what is wrong with a value or a key."""
    if details["type"] == "extra_forbidden":
        name = in_line(label(keys_of(details["loc"])))
        return f"unknown key '{name}'{_near(name, details)}"
    if details["type"] == "missing" and not lacks_items(details):
        return f"'{in_line(label(keys_of(details['loc'])))}' is missing"
    return _of_choice(details) or _of_value(details)


def _near(name: str, details: ErrorDetails) -> str:
    own, near = own_name(name, siblings(details)), closest(name, siblings(details))
    if own and f"'{own[0]}'" not in near:
        return f", which is called '{own[0]}' here"
    return "" if other_home(details["loc"]) else near


def _of_choice(details: ErrorDetails) -> str:
    """Return what is wrong with a word that chooses; "" for a value of any other kind."""
    kind, context, value = details["type"], details.get("ctx", {}), details["input"]
    last = in_line(label(keys_of(details["loc"])))
    if kind == "union_tag_not_found":
        return f"{last}: {context['discriminator']} is missing".replace("'", "")
    if kind == "union_tag_invalid":
        return f"no such {chooser(details)}: '{readable(context['tag'])}'" + closest(
            context["tag"], tags(details)
        )
    if is_unknown_network(details):
        return f"no network is called '{readable(value)}'{closest(value, get_args(NetworkName))}"
    words = literals(annotation_of(details))
    if words and isinstance(value, str) and (kind == "literal_error" or is_form(details)):
        return f"no such {last}: '{readable(value)}'{closest(value, words)}"
    return ""


def _of_value(details: ErrorDetails) -> str:
    """Return what is wrong with a value that is no choice."""
    kind, value, keys = details["type"], details["input"], keys_of(details["loc"])
    last = in_line(label(keys))
    if lacks_items(details):
        last = in_line(label(keys[:-1]))
    if is_form(details):
        return f"{last}: {_of_no_form(value, annotation_of(details))}"
    if kind in _FORMS:
        return f"{last}: {_as_yaml(value)}, not {_FORMS[kind]}"
    if kind in _LENGTHS:
        return f"{last}: {counted(len(value), 'item')}, {_LENGTHS[kind]}"
    if kind in _SIZES:
        return f"{last}: {_number(value)} is {_SIZES[kind]}"
    if kind in ("finite_number", "literal_error"):
        return f"{last}: {_of_no_form(value, annotation_of(details))}"
    if kind == "string_pattern_mismatch":
        return (
            f"{last}: '{readable(value)}' {_of_pattern(value, patterns_of(annotation_of(details)))}"
        )
    if kind == "string_too_short":
        return f"{last}: an empty text"
    message = details["msg"].removeprefix("Value error, ")
    return f"{last}: {message[0].lower()}{message[1:]}"


def annotation_of(details: ErrorDetails) -> Any:
    """Return the annotation of the value at an error's place."""
    return along(details["loc"])[1]


def is_form(details: ErrorDetails) -> bool:
    """Whether a value may have several forms, and has none of them."""
    return bool(forms(annotation_of(details)))


def lacks_items(details: ErrorDetails) -> bool:
    """Whether a list of a fixed length is too short."""
    return details["type"] == "missing" and isinstance(details["loc"][-1], int)


def _of_no_form(value: Any, annotation: Any) -> str:
    """Say that a value has none of the forms that are allowed."""
    if isinstance(value, bool):
        return f"{str(value).lower()} is not allowed"
    if isinstance(value, int | float):
        is_finite = isinstance(value, int) or isfinite(value)
        return f"{_number(value)} is {'not allowed' if is_finite else 'no finite number'}"
    if isinstance(value, str):
        return f"'{readable(value)}' is not allowed"
    return f"{_as_yaml(value)}, not {in_words(annotation)}"


def _of_pattern(text: str, patterns: list[str]) -> str:
    """Say what a text of a fixed form has that is not allowed."""
    strange = "".join(dict.fromkeys(c for c in text if not re.match("[a-z0-9_-]", c)))
    if NAME_PATTERN not in patterns or not strange:
        return "is not allowed"
    return f"has {', '.join(map(ascii, strange[:3]))}, which a name may not have"


def _number(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) else readable(value)


def readable(text: object) -> str:
    """Return a value of a spec fit for a message: short, in a line, without secrets."""
    return in_line(masked(str(text)))[:_LONGEST]


def _as_yaml(value: Any) -> str:
    """Say what YAML 1.2 takes a value for."""
    match value:
        case str():
            form = " in YAML 1.2" if value.lower() in _YAML_1_1 else ""
            return f"'{readable(value)}' is a text{form}"
        case None:
            return "an empty value, `~` or `null` is nothing"
        case bool():
            return f"that is {str(value).lower()}"
        case list() | tuple():
            return f"that is a list of {counted(len(value), 'item')}"
        case dict():
            return "that is keys with values"
    return f"{readable(value)} is a {'date' if isinstance(value, date) else 'number'}"


def is_unknown_network(details: ErrorDetails) -> bool:
    """Whether that is the name of a network that is not built in, as a key or bare."""
    loc, value = details["loc"], details["input"]
    named = loc[-2:] == ("named", "name") and details["type"] == "literal_error"
    bare = loc[-1:] == ("baseline",) and value not in get_args(NetworkName)
    return isinstance(value, str) and (named or bare)


def label(keys: tuple[Key, ...]) -> str:
    """Name the last of some keys, an index together with its list."""
    if not keys:
        return "the spec"
    return (
        f"{keys[-2]}[{keys[-1]}]" if isinstance(keys[-1], int) and len(keys) > 1 else str(keys[-1])
    )


def allowed(details: ErrorDetails) -> str:
    """Return what may stand where a finding is."""
    if details["type"] in ("extra_forbidden", "missing") and not lacks_items(details):
        return ", ".join(siblings(details))
    if details["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return ", ".join(tags(details))
    if details["type"] in ("value_error", "assertion_error"):
        return ""
    if variants(annotation_of(details)):
        return "keys with values"
    loc = details["loc"][:-1] if lacks_items(details) else details["loc"]
    return in_words(along(loc)[1])


def tags(details: ErrorDetails) -> list[str]:
    """Return the words that choose a member of a tagged union, without those of old specs."""
    return [tag for tag in variants(annotation_of(details)) if tag not in _ONLY_READ]


def siblings(details: ErrorDetails) -> list[str]:
    """Return the keys that the model at an error's place knows."""
    _, annotation = along(details["loc"][:-1])
    return [name for model in [*models_in(annotation)][:1] for name in model.model_fields]
