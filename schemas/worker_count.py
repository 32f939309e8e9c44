"""How many workers a job has: a number, or a range for an elastic job."""

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, model_validator

from compound.schemas.base import MisfitError, Model

Count = Annotated[int, Field(ge=1, le=10_000)]


class WorkerRange(Model):
    """Workers of an elastic job: as many as fit into the cluster, at least `min`."""

    min: Count
    max: Count

    @model_validator(mode="after")
    def _in_order(self) -> "WorkerRange":
        if self.min > self.max:
            raise MisfitError(("min",), f"min is {self.min}, more than max, which is {self.max}")
        return self


_NUMBER, _RANGE = "number of workers", "range of workers"
"""Names of the two ways to write `workers` in error messages."""


def _workers(workers: Any) -> str:
    return _RANGE if isinstance(workers, dict | WorkerRange) else _NUMBER


Workers = Annotated[
    Annotated[Count, Tag(_NUMBER)] | Annotated[WorkerRange, Tag(_RANGE)], Discriminator(_workers)
]
