"""What a study may spend, what it has spent, and the hosts that it is planned for."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from compound.schemas.base import MisfitError, Model

Hours = Annotated[float, Field(gt=0, le=1e9)]
Price = Annotated[float, Field(ge=0, le=1e6)]


class Hosts(Model):
    """The cluster that a plan assumes; by default the machine that plans."""

    nodes: Annotated[int, Field(ge=1, le=100_000)] = 1
    """Number of hosts."""
    cpus: Annotated[int, Field(ge=1, le=4096)] = 1
    """CPU cores of each node."""
    gpus: Annotated[int, Field(ge=0, le=64)] = 0
    """GPUs of each node."""
    memory: Annotated[float, Field(gt=0, le=1e6)] | None = None
    """GiB that one worker may use: a GPU's memory, or its part of the host's. By default what
    the device has. A worker with a fraction of a GPU has that part of its memory."""


class Spending(Model):
    """What a study may take at most, search and family together, and what an hour costs."""

    epochs: Annotated[int, Field(ge=1, le=10**12)] | None = None
    """Passes over the training images, over all jobs."""
    gpu_hours: Hours | None = None
    """Hours of one GPU, over all jobs."""
    cpu_hours: Hours | None = None
    """Hours of one CPU core, over all jobs."""
    money: Annotated[float, Field(gt=0, le=1e12)] | None = None
    """What all jobs may cost, in the currency of the prices."""
    price_per_gpu_hour: Price | None = None
    """What an hour of one GPU costs."""
    price_per_cpu_hour: Price | None = None
    """What an hour of one CPU core costs."""
    at_limit: Literal["refuse", "stop"] = "refuse"
    """`refuse`: a plan that takes more does not start; `stop`: it starts, and ends at the limit
    with the verdict so far. In both cases no job starts beyond the limit."""

    @model_validator(mode="after")
    def _priced(self) -> "Spending":
        if self.money is not None and not self.priced:
            message = "money needs price_per_gpu_hour or price_per_cpu_hour beside it"
            raise MisfitError(("money",), message, "add `price_per_gpu_hour: 2.5`")
        return self

    @property
    def priced(self) -> bool:
        """Whether hours have a price."""
        return self.price_per_gpu_hour is not None or self.price_per_cpu_hour is not None

    def money_for(self, gpu_hours: float, cpu_hours: float) -> float | None:
        """Return what hours cost; None without prices."""
        if not self.priced:
            return None
        return gpu_hours * (self.price_per_gpu_hour or 0) + cpu_hours * (
            self.price_per_cpu_hour or 0
        )


class Spent(Model):
    """What a study has taken so far; spending.json of a study."""

    epochs: int = 0
    """Over all jobs; one that was trained twice counts twice."""
    gpu_hours: float = 0.0
    cpu_hours: float = 0.0
    money: float | None = None

    def plus(self, more: "Spent") -> "Spent":
        """Return the sum of both."""
        return Spent(
            epochs=self.epochs + more.epochs,
            gpu_hours=self.gpu_hours + more.gpu_hours,
            cpu_hours=self.cpu_hours + more.cpu_hours,
            money=sum_money(self.money, more.money),
        )


def sum_money(first: float | None, second: float | None) -> float | None:
    """Add two amounts; an amount without prices is None and adds nothing."""
    return None if first is None and second is None else (first or 0) + (second or 0)
