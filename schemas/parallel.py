"""How many workers train one network and by which strategy, and its key in specs and documents."""

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Discriminator, Field, Tag, model_validator

from compound.schemas.base import MisfitError, Model

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
            next_step=f"take `{_OLD_NAME}` out",
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


INTERFACE_PATTERN = r"^[A-Za-z0-9_.:@-]{1,15}$"
Interface = Annotated[str, Field(pattern=INTERFACE_PATTERN)]
Count = Annotated[int, Field(ge=1, le=10_000)]


class WorkerRange(Model):
    """Workers of an elastic job: as many as fit into the cluster, at least `min`."""

    min: Count
    """The fewest workers that a job starts or continues with."""
    max: Count
    """The most workers that a job uses."""

    @model_validator(mode="after")
    def _in_order(self) -> "WorkerRange":
        if self.min > self.max:
            message = f"min is {self.min}, more than max, which is {self.max}"
            raise MisfitError(("min",), message, f"write `min: {self.max}`")
        return self


_NUMBER, _RANGE = "number of workers", "range of workers"
"""Names of the two ways to write `workers` in error messages."""


def _workers(workers: Any) -> str:
    return _RANGE if isinstance(workers, dict | WorkerRange) else _NUMBER


Workers = Annotated[
    Annotated[Count, Tag(_NUMBER)] | Annotated[WorkerRange, Tag(_RANGE)], Discriminator(_workers)
]
