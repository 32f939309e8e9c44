"""`true` and `false` where a number belongs: Python, and so pydantic, takes them for 1 and 0."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

Keys = tuple[str | int, ...]


def booleans_as_numbers(values: Any, checked: Any, keys: Keys = ()) -> Iterator[Keys]:
    """Yield the keys of every boolean of a spec that was taken for a number.

    `values` are those written, `checked` is what they became. What was rearranged on the way has no
    value of its own in the result, and is passed over.
    """
    if isinstance(values, bool):
        if isinstance(checked, int | float) and not isinstance(checked, bool):
            yield keys
    elif isinstance(values, dict):
        for key, value in values.items():
            yield from booleans_as_numbers(value, _field(checked, key), (*keys, key))
    elif isinstance(values, list) and isinstance(checked, tuple | list):
        for index, (value, member) in enumerate(zip(values, checked, strict=False)):
            yield from booleans_as_numbers(value, member, (*keys, index))


def _field(checked: Any, key: Any) -> Any:
    has_field = isinstance(checked, BaseModel) and key in type(checked).model_fields
    return getattr(checked, key) if has_field else None
