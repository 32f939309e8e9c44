"""How often a job is tried again, as a spec limits it."""

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from compound.schemas.base import Model

Errors = Annotated[int, Field(ge=0, le=100)]


class RetryLimits(Model):
    """Retries of one job, counted apart for each kind of cause."""

    error: Errors = 1
    """How often a job that raised an error is tried again; one that diverged is not."""
    lost_worker: Annotated[int, Field(ge=0, le=100)] = 3
    """How often a job continues after its workers died, hung or were cut off."""
    preemption: Annotated[int, Field(ge=0, le=10_000)] = 100
    """How often a job continues after its hosts were taken away with notice."""


_NUMBER, _LIMITS = "retries", "limits of retries"
"""What errors call the two ways to write `retries`."""


def _written_as(value: Any) -> str:
    return _LIMITS if isinstance(value, dict | RetryLimits) else _NUMBER


Retries = Annotated[
    Annotated[Errors, Tag(_NUMBER)] | Annotated[RetryLimits, Tag(_LIMITS)],
    Discriminator(_written_as),
]
"""A number limits `error` alone, and stays a number in JSON."""
