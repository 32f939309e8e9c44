"""What pydantic found in a spec, in words: the value, what is allowed, and the way out."""

from datetime import date
from math import isfinite
from typing import Any, get_args

from pydantic_core import ErrorDetails

from compound.jobs.wording.printable import in_line
from compound.orchestrator.spec.key_homes import other_home
from compound.orchestrator.spec.schema_paths import along, keys_of, models_in
from compound.orchestrator.spec.value_unions import forms, in_words, literals
from compound.orchestrator.spec.yaml_source import Key
from compound.orchestrator.wording.numbers import closest
from compound.schemas.base import MisfitError
from compound.schemas.baseline import NetworkName
from compound.schemas.store_uri import masked

_LONGEST = 60
_ONLY_READ = ", 'asha'"
"""A choice that only stored specs of older versions have."""
_YAML_1_1 = {"yes", "no", "on", "off", "y", "n"}
"""What YAML 1.1 takes for true or false."""
_OWN_NETWORK = (
    "list the networks with `compound models`; one of your own is `stages`, or a function: "
    "baseline: {factory: 'my_network:build', resolution: 32} (docs/how-to/own-network.md)"
)


def chooser(details: ErrorDetails) -> str:
    """Return the name of the key, or of the function after it, that chooses a union's member."""
    key = str(details.get("ctx", {}).get("discriminator", "")).strip("'")
    return key.removesuffix("()").lstrip("_")


def message_of(details: ErrorDetails) -> str:
    """Return what is wrong with a value or a key."""
    last, kind, context = in_line(label(details["loc"])), details["type"], details.get("ctx", {})
    value = details["input"]
    if union := _forms(details):
        return _of_no_form(details, union)
    if kind == "extra_forbidden":
        near = "" if other_home(details["loc"]) else closest(last, _siblings(details))
        return f"unknown key '{last}'{near}"
    if kind == "missing":
        return f"'{last}' is missing"
    if kind == "union_tag_not_found":
        return f"{last}: {context['discriminator']} is missing".replace("'", "")
    if kind == "union_tag_invalid":
        tag, choices = context["tag"], str(context["expected_tags"]).replace("'", "").split(", ")
        return f"no such {chooser(details)}: '{_readable(tag)}'{closest(tag, choices)}"
    if _unknown_network(details):
        return f"no network is called '{_readable(value)}'{closest(value, get_args(NetworkName))}"
    if kind == "literal_error" and isinstance(value, str):
        return f"no such {last}: '{_readable(value)}'{closest(value, _choices(context))}"
    if kind in _FORMS and isinstance(value, str | bool | int | float | date | None):
        return f"{last}: {_as_yaml(value)}, not {_FORMS[kind]}"
    message = details["msg"].removeprefix("Value error, ")
    return f"{last}: {message[0].lower()}{message[1:]}"


def _forms(details: ErrorDetails) -> Any:
    """Return the annotation of a value that may have several forms; None for any other."""
    _, annotation = along(details["loc"])
    return annotation if forms(annotation) else None


def _of_no_form(details: ErrorDetails, union: Any) -> str:
    """Say which value has none of the forms that are allowed."""
    (*_, last), value = keys_of(details["loc"]), details["input"]
    if isinstance(value, str):
        return f"no such {last}: '{_readable(value)}'{closest(value, literals(union))}"
    if isinstance(value, bool):
        return f"{last}: {str(value).lower()} is not allowed"
    if isinstance(value, int):
        return f"{last}: {_readable(value)} is not allowed"
    if isinstance(value, float):
        return f"{last}: {value:g} is {'not allowed' if isfinite(value) else 'no finite number'}"
    return f"{last}: that is neither {in_words(union).replace(', or ', ' nor ')}"


def _readable(text: object) -> str:
    return in_line(masked(str(text)))[:_LONGEST]


def _as_yaml(value: str | bool | float | date | None) -> str:
    """Say what YAML 1.2 takes a value for."""
    if isinstance(value, str):
        return f"'{_readable(value)}' is a text" + (
            " in YAML 1.2" if value.lower() in _YAML_1_1 else ""
        )
    if value is None:
        return "an empty value, `~` or `null` is nothing"
    if isinstance(value, bool):
        return f"{str(value).lower()} is true or false"
    return f"{_readable(value)} is a {'date' if isinstance(value, date) else 'number'}"


def way_out(details: ErrorDetails) -> str:
    """Return what to do about a finding, where that is more than what is allowed."""
    kind = details["type"]
    if kind == "extra_forbidden":
        return other_home(details["loc"])
    if _unknown_network(details):
        return _OWN_NETWORK
    misfit = details.get("ctx", {}).get("error")
    if isinstance(misfit, MisfitError):
        return misfit.next_step
    if kind == "string_type" and not isinstance(details["input"], dict | list):
        return "put the value in quotes"
    return ""


def _unknown_network(details: ErrorDetails) -> bool:
    """Whether that is the name of a network that is not built in, as a key or bare."""
    loc, value = details["loc"], details["input"]
    named = loc[-2:] == ("named", "name") and details["type"] == "literal_error"
    bare = loc[-1:] == ("baseline",) and value not in get_args(NetworkName)
    return isinstance(value, str) and (named or bare)


def _choices(context: dict[str, Any]) -> list[str]:
    """Return the values that a literal allows, out of pydantic's sentence about them."""
    return [text.strip("'") for text in str(context["expected"]).replace(" or ", ", ").split(", ")]


def label(loc: tuple[Key, ...]) -> str:
    """Name the last step of a location, an index together with its list."""
    if not loc:
        return "the spec"
    return f"{loc[-2]}[{loc[-1]}]" if isinstance(loc[-1], int) and len(loc) > 1 else str(loc[-1])


_FORMS = {
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), "a whole number"),
    **dict.fromkeys(("float_parsing", "float_type"), "a number"),
    **dict.fromkeys(("bool_parsing", "bool_type"), "true or false"),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "keys with values"),
    "string_type": "a text",
}
"""What pydantic's names for errors of a type ask for."""


def allowed(details: ErrorDetails) -> str:
    """Return what may stand where a finding is."""
    if details["type"] in ("extra_forbidden", "missing"):
        return ", ".join(_siblings(details))
    if union := _forms(details):
        return in_words(union)
    context, form = details.get("ctx", {}), _FORMS.get(details["type"], "")
    tags = str(context.get("expected_tags", "")).replace(_ONLY_READ, "")
    return str(tags or context.get("expected") or form)


def _siblings(details: ErrorDetails) -> list[str]:
    """Return the keys that the model at an error's place knows."""
    _, annotation = along(details["loc"][:-1])
    return [name for model in [*models_in(annotation)][:1] for name in model.model_fields]
