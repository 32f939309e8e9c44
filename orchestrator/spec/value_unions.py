"""Values of several forms, such as a number or `auto`: what is allowed, in words.

pydantic has a finding for each form that a value does not have, at a place that ends with the
form's name: `learning_rate.constrained-float`. They are a single mistake.
"""

from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types as bounds
from pydantic import BaseModel
from pydantic.fields import FieldInfo

_NAMES = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
_LEAST = ((bounds.Gt, "gt", "above"), (bounds.Ge, "ge", "from"))
_MOST = ((bounds.Lt, "lt", "below"), (bounds.Le, "le", "up to"))


def forms(annotation: Any) -> tuple[Any, ...]:
    """Return the forms of a value, none of them keys with values; nothing where it has one form."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) not in (Union, UnionType):
        return ()
    members = tuple(form for form in get_args(annotation) if form is not NoneType)
    return members if len(members) > 1 and not any(map(_has_keys, members)) else ()


def _has_keys(annotation: Any) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return True
    return any(map(_has_keys, get_args(annotation)))


def in_words(annotation: Any) -> str:
    """Return what is allowed: `a number above 0 up to 100, or auto`; "" for what has no words."""
    choices = forms(annotation)
    if choices:
        ordered = sorted(choices, key=_is_literal)
        return ", or ".join(filter(None, map(in_words, ordered)))
    if _is_literal(annotation):
        return " or ".join(map(str, get_args(annotation)))
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        return " ".join(filter(None, (in_words(inner), *_limits(metadata))))
    return _NAMES.get(annotation, "")


def _is_literal(annotation: Any) -> bool:
    origin: Any = get_origin(annotation)
    return origin is Literal


def _limits(metadata: list[Any]) -> Iterator[str]:
    """Yield the ends of a number's range, the lower first."""
    flat = [part for entry in metadata for part in _parts(entry)]
    for ends in (_LEAST, _MOST):
        for kind, name, word in ends:
            yield from (f"{word} {getattr(e, name):,}" for e in flat if isinstance(e, kind))


def _parts(entry: Any) -> list[Any]:
    return entry.metadata if isinstance(entry, FieldInfo) else [entry]


def literals(annotation: Any) -> list[str]:
    """Return the words that are allowed beside other forms."""
    return [str(v) for f in forms(annotation) if _is_literal(f) for v in get_args(f)]
