"""The right value that is nearest to a wrong one: what people meant, or the end of the range.

Candidates are made freely, and pydantic itself decides which of them the key takes.
"""

import json
import re
import warnings
from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter, ValidationError

from compound.orchestrator.spec.value_unions import bounded, is_fraction, literals, patterns_of
from compound.orchestrator.wording.numbers import nearest_words
from compound.schemas.study import NAME_PATTERN

_WITH_UNIT = re.compile(r"([-+]?\d[\d,_]*(?:\.\d+)?(?:e[-+]?\d+)?)\s*(%|[a-z]*)\b.*|(.*)%", re.I)
_TIMES = {"%": 0.01, "k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9}
_CLOCK = re.compile(r"(?:(\d+(?:\.\d+)?)\s*(?:h|hours?|:)\s*)?(?:(\d+)\s*(?:m|min|minutes)?)?")
_BOOLEANS = {"yes": True, "on": True, "y": True, "no": False, "off": False, "n": False}
_PLAIN = re.compile(r"[A-Za-z][\w./-]*|s3://[\w./-]+")
_MOST = 1e18


def nearest(value: Any, annotation: Any, key: str) -> Any:
    """Return the nearest value that a key takes; None where none is near."""
    with warnings.catch_warnings():
        # pydantic warns that other names of a key have no effect on its value alone.
        warnings.simplefilter("ignore")
        adapter = TypeAdapter(annotation)
    for candidate in _candidates(value, annotation, key):
        try:
            accepted = adapter.validate_python(candidate)
        except ValidationError:
            continue
        if isinstance(accepted, bool) is isinstance(candidate, bool):
            return candidate
    return None


def _candidates(value: Any, annotation: Any, key: str) -> Iterator[Any]:
    match value:
        case bool():
            return
        case str():
            yield from _of_text(value.strip(), annotation, key)
        case int() | float() if abs(value) < _MOST:
            yield from _of_number(value, annotation)
            yield [value]
        case [single]:
            yield single
            yield from _candidates(single, annotation, key)


def _of_text(text: str, annotation: Any, key: str) -> Iterator[Any]:
    """Yield what a text may stand for: a choice, a number with a unit, an address, a list."""
    word = text.lower()
    yield from nearest_words(word, literals(annotation))
    if word in _BOOLEANS:
        yield _BOOLEANS[word]
    if NAME_PATTERN in patterns_of(annotation):
        yield re.sub(r"[^a-z0-9_]+", "-", word).strip("-_")[:63].strip("-_")
    if re.match(r"s3[an]?:/", word):
        yield re.sub(r"^\w+:/+", "s3://", text)
    numbers = [*(_hours(text) if key.endswith("_hours") else ()), *_numbers(text)]
    yield from numbers
    for number in numbers:
        yield from _of_number(number, annotation)
    if not patterns_of(annotation):
        yield [_read(part) for part in re.split(r"[,\s]+", text.strip("[]() ")) if part]


def _numbers(text: str) -> Iterator[float]:
    """Yield the number that a text begins with, as its unit says, and without it."""
    match = _WITH_UNIT.fullmatch(text)
    number = _read(re.sub("[,_]", "", match[1] or match[3])) if match else ""
    if match and not isinstance(number, str):
        unit = "%" if match[3] else match[2].lower()
        yield _whole(number * _TIMES.get(unit, 1))
        yield number


def _hours(text: str) -> Iterator[float]:
    """Yield the hours of `2h30`, `1:30` or `90 min`."""
    match = _CLOCK.fullmatch(text.lower())
    if match and any(match.groups()):
        yield _whole(float(match[1] or 0) + float(match[2] or 0) / 60)


def _of_number(number: float, annotation: Any) -> Iterator[float]:
    """Yield what a number may stand for, the same without its minus, and the end of the range."""
    if abs(number) < _MOST:
        yield from _rounded(number, annotation)
    if -_MOST < number < 0:
        yield -number
        yield from _rounded(-number, annotation)
    if number == number:
        yield from bounded(number, annotation)


def _rounded(number: float, annotation: Any) -> Iterator[float]:
    """Yield a fraction for percents, and whole numbers. Nobody means 1.2 % by 1.2."""
    if 2 <= number <= 100 and is_fraction(annotation):
        yield number / 100
    yield from (int(number), round(number))


def _read(text: str) -> Any:
    try:
        return _whole(float(text))
    except ValueError:
        return text


def _whole(number: float) -> float:
    if abs(number) >= _MOST or number != number:
        return number
    rounded = round(number, 9)
    return int(rounded) if rounded == int(rounded) else rounded


def in_yaml(value: Any) -> str:
    """Write a value as a spec has it."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(in_yaml, value))}]"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _BOOLEANS:
        return value
    return json.dumps(value)
