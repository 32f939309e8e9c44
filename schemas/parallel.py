"""Strategies to train one network on several workers, and their key in specs and documents."""

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field

from compound.schemas.base import MisfitError

Parallel = Literal["none", "full"]
"""Names of the strategies; jobs/parallel/strategy_table.py has a row for each."""

_OLD_NAME = "sharding"
"""The key's first name, which stored and printed documents keep."""

PARALLEL_KEYS = ("parallel", _OLD_NAME)
"""What a spec may call the key."""

OTHER_NAMES = {"parallel": _OLD_NAME, _OLD_NAME: "parallel"}
"""Of a key that has two names: setting it by the first of a pair takes the second away."""

ParallelKey = Annotated[
    Parallel,
    Field(validation_alias=AliasChoices("parallel", _OLD_NAME), serialization_alias=_OLD_NAME),
]


def refuse_both_names(values: Any) -> Any:
    """Raise ValueError if a mapping has the key under both of its names."""
    if isinstance(values, dict) and {"parallel", _OLD_NAME} <= values.keys():
        raise MisfitError(
            (_OLD_NAME,),
            f"parallel and {_OLD_NAME} are the new and the old name of one key: "
            f"set parallel, and leave {_OLD_NAME} out",
        )
    return values


def add_old_name(schema: dict[str, Any]) -> None:
    """Let editors accept a spec with the old name too, but not with both."""
    properties = schema["properties"]
    properties[_OLD_NAME] = {
        **properties["parallel"],
        "title": "Sharding",
        "description": "The old name of `parallel`.",
        "deprecated": True,
    }
    schema["not"] = {"required": ["parallel", _OLD_NAME]}
