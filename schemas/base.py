"""The base of every noun: strict on the way in, frozen afterwards, hashed by content."""

import hashlib
import json

from pydantic import BaseModel, ConfigDict

SCIENCE_VERSION = 1
"""Part of every identity. Raised whenever a default or the meaning of a field changes."""


class Model(BaseModel):
    """A frozen record that refuses unknown keys and numbers that are not finite."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True
    )


def digest(model: BaseModel) -> str:
    """Return 16 hex digits that identify a record's content.

    Values equal to their defaults are left out, so a new option with a neutral default keeps
    the identity of everything recorded before it existed.
    """
    content = model.model_dump(mode="json", exclude_defaults=True)
    text = json.dumps([SCIENCE_VERSION, content], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
