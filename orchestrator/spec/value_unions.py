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

from compound.schemas.data import COLOUR_PATTERN
from compound.schemas.factory import FACTORY_PATTERN
from compound.schemas.parallel import INTERFACE_PATTERN
from compound.schemas.study import NAME_PATTERN

_NAMES = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
_PATTERNS = {
    NAME_PATTERN: "up to 63 lower case letters, digits, - and _, the first and the last of them a "
    "letter or a digit",
    COLOUR_PATTERN: "white, black, grey, or #rrggbb in quotes",
    FACTORY_PATTERN: "package.module:function",
    INTERFACE_PATTERN: "the name of a network interface, such as eth0 (`ip link` lists them)",
}
"""Texts of a fixed form, in words."""
_LEAST = ((bounds.Gt, "gt", "above"), (bounds.Ge, "ge", "from"))
_MOST = ((bounds.Lt, "lt", "and below"), (bounds.Le, "le", "up to"))


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
    inner, metadata = _plain(annotation)
    choices = forms(inner)
    if choices:
        ordered = sorted(choices, key=_is_literal)
        return ", or ".join(filter(None, map(in_words, ordered)))
    if _is_literal(inner):
        return _listed(literals(inner))
    if get_origin(inner) is tuple:
        return _list_in_words(get_args(inner), metadata)
    return " ".join(filter(None, (_noun(inner, metadata), *_limits(metadata))))


def _plain(annotation: Any) -> tuple[Any, list[Any]]:
    """Return an annotation without null, and what is said about it."""
    metadata: list[Any] = []
    while True:
        if get_origin(annotation) is Annotated:
            annotation, *more = get_args(annotation)
            metadata += [part for entry in more for part in _parts(entry)]
        elif get_origin(annotation) in (Union, UnionType):
            members = [form for form in get_args(annotation) if form is not NoneType]
            if len(members) != 1:
                return annotation, metadata
            annotation = members[0]
        else:
            return annotation, metadata


def _noun(annotation: Any, metadata: list[Any]) -> str:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"keys with values: {', '.join(annotation.model_fields)}"
    patterns = _patterns(metadata)
    return _PATTERNS.get(patterns[0], "a text") if patterns else _NAMES.get(annotation, "")


def _patterns(metadata: list[Any]) -> list[str]:
    return [entry.pattern for entry in metadata if getattr(entry, "pattern", None)]


def patterns_of(annotation: Any) -> list[str]:
    """Return the pattern of a text that has to have one."""
    return _patterns(_plain(annotation)[1])


def _list_in_words(members: tuple[Any, ...], metadata: list[Any]) -> str:
    most = [f"at most {e.max_length:,}" for e in metadata if isinstance(e, bounds.MaxLen)]
    number = "" if members[-1] is Ellipsis else f" of {len(members)}"
    member = in_words(members[0])
    parts = [f"a list{number}", f"each {member}" if member else "", *most]
    return ", ".join(filter(None, parts))


def _listed(words: list[str]) -> str:
    *rest, last = words
    return f"{', '.join(rest)} or {last}" if rest else last


def _is_literal(annotation: Any) -> bool:
    origin: Any = get_origin(_plain(annotation)[0])
    return origin is Literal


def _limits(metadata: list[Any]) -> Iterator[str]:
    """Yield the ends of a number's range, the lower first."""
    for ends in (_LEAST, _MOST):
        for kind, name, word in ends:
            numbers = [getattr(e, name) for e in metadata if isinstance(e, kind)]
            yield from (f"{word} {int(n) if n == int(n) else n:,}" for n in numbers)


def _parts(entry: Any) -> list[Any]:
    return entry.metadata if isinstance(entry, FieldInfo) else [entry]


def bounded(number: float, annotation: Any) -> Iterator[float]:
    """Yield the end of the range that a number lies beyond, and numbers that may be chosen."""
    inner, _ = _plain(annotation)
    for form in forms(inner) or (annotation,):
        plain, metadata = _plain(form)
        yield from (end for entry in metadata for end in _passed(number, entry))
        if _is_literal(plain):
            numbers = [v for v in get_args(plain) if isinstance(v, int | float)]
            yield from sorted(numbers, key=lambda choice: abs(choice - number))


def _passed(number: float, entry: Any) -> Iterator[float]:
    """Yield the end of a range that a number lies beyond."""
    if isinstance(entry, bounds.Ge):
        least: Any = entry.ge
        yield from (least,) if number < least else ()
    if isinstance(entry, bounds.Le):
        most: Any = entry.le
        yield from (most,) if number > most else ()


def is_fraction(annotation: Any) -> bool:
    """Whether a number may be at most 1, as fractions are."""
    ends = [getattr(entry, "le", getattr(entry, "lt", None)) for entry in _plain(annotation)[1]]
    return any(end == 1 for end in ends)


def literals(annotation: Any) -> list[str]:
    """Return the words that are allowed, alone or beside other forms, as YAML has them."""
    inner, _ = _plain(annotation)
    choices = [_plain(form)[0] for form in forms(inner) or (inner,)]
    return [_word(v) for form in choices if _is_literal(form) for v in get_args(form)]


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
