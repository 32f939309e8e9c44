"""The base of every noun: strict on the way in, frozen afterwards, hashed by content."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

STORED = {"stored": True}
"""The validation context of stored documents. What they leave out did not exist when they were
written, so it keeps its former value; a spec that leaves it out gets today's."""

SCIENCE_VERSION = 1
"""Part of every identity. Raised whenever a default or the meaning of a field changes."""


class Model(BaseModel):
    """A frozen record that refuses unknown keys and numbers that are not finite."""

    # Without hide_input_in_errors pydantic prints the input, which may contain a password.
    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True
    )


class MisfitError(ValueError):
    """A value that does not fit another one, or its own rule, and the keys that hold them.

    `keys` are dotted, below the model that is validated, the one to blame first. `next_step`: what
    to write instead.
    """

    def __init__(self, keys: tuple[str, ...], message: str, next_step: str) -> None:
        super().__init__(message)
        self.keys, self.next_step = keys, next_step


def no_name_twice(names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a list that names something twice."""
    for number, name in enumerate(names):
        if name in names[:number]:
            raise MisfitError((str(number),), f"{name} is named twice", f"take one `{name}` out")
    return names


class Identified(Model):
    """A record with an `id` of its content, a cached property: studies ask for it many times."""

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy; one with other content has no identity yet."""
        # pydantic copies __dict__ as it is, with the cached id in it.
        copied = super().model_copy(update=update, deep=deep)
        if update:
            copied.__dict__.pop("id", None)
        return copied


def digest(model: BaseModel) -> str:
    """Return 16 hex digits that identify a record's content.

    Values equal to their defaults are left out, so a new option with a neutral default keeps
    the identity of everything recorded before it existed.
    """
    content = model.model_dump(mode="json", exclude_defaults=True)
    text = json.dumps([SCIENCE_VERSION, content], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with the keys of `over`, merged where both have a map."""
    nested = {k: merged(base[k], v) for k, v in over.items() if both_maps(base.get(k), v)}
    return {**base, **over, **nested}


def both_maps(left: Any, right: Any) -> bool:
    """Whether both are maps."""
    return isinstance(left, dict) and isinstance(right, dict)
