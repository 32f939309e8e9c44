"""How a search spends its epochs, what the gate checks, and the family that follows it."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo, model_validator
from pydantic.json_schema import SkipJsonSchema

from compound.schemas.architecture import Way
from compound.schemas.base import STORED, MisfitError, Model, no_name_twice


class Rungs(Model):
    """Short, fully annealed schedules for all; the whole schedule for the best part only.

    A rung's schedule is `factor` times as long as that of the rung before, and the last one is
    the whole. Single-axis controls are always promoted. Seeds of the last rung are added until the
    tied set no longer changes, at most the search's.
    """

    kind: Literal["rungs"]
    """Short schedules first, and longer ones for the best."""
    rungs: Annotated[int, Field(ge=2, le=6)] = 2
    """Number of rungs, with the whole schedule as the last."""
    factor: Annotated[int, Field(ge=2, le=64)] = 4
    """Length of a rung's schedule over that of the rung before."""
    keep: Annotated[float, Field(gt=0, lt=1)] = 0.25
    """The fraction of a rung's networks that is promoted, at least two of them."""
    seeds: Annotated[int, Field(ge=1, le=1000)] = 1
    """Trainings of each network on every rung but the last."""


class Asha(Model):
    """Ray's asynchronous successive halving, which studies of older versions have; only read.

    Every job began the whole schedule, and few ended it. These were selected by their own scores.
    """

    kind: Literal["asha"]
    """Asynchronous successive halving."""
    grace: Annotated[int, Field(ge=1, le=100_000)] = 1
    """Epochs before a job might be stopped."""
    factor: Annotated[int, Field(ge=2, le=64)] = 4
    """One in so many was promoted from each rung."""


def _asha_is_only_read(promotion: Rungs | Asha, info: ValidationInfo) -> Rungs | Asha:
    """Refuse ASHA in a spec that is written now; stored ones stay readable."""
    if isinstance(promotion, Asha) and info.context != STORED:
        raise MisfitError(
            ("kind",),
            "`asha` is no longer offered: the jobs that it let finish were selected by the scores "
            "that the verdict compares",
            next_step="write promotion: {kind: rungs, factor: 4, keep: 0.25}, which costs less "
            "than ASHA with fresh seeds and chooses better networks; a study that ran with ASHA is "
            "read by its name: compound report NAME",
        )
    return promotion


Promotion = Annotated[
    Rungs | SkipJsonSchema[Asha],
    Field(discriminator="kind"),
    AfterValidator(_asha_is_only_read),
]


class Gate(Model):
    """Top candidates and controls, trained at a larger scale before the family is."""

    mode: Literal["off", "warn", "stop"] = "off"
    """What follows where the order of the search does not carry over to a larger scale: `warn`, a
    warning; `stop`, no family."""
    scale: Literal["phi", "epochs"] = "phi"
    """What is doubled: phi, or the search's epochs."""
    top: Annotated[int, Field(ge=1, le=100)] = 3
    """So many of the best candidates by mean accuracy, the choice among them; the single axes come
    on top."""
    seeds: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Trainings of each network; null: as many as in the search."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, gate: Any) -> Any:
        """Accept `gate: stop` for `gate: {mode: stop}`."""
        # YAML 1.1 reads a bare `off` as false.
        if gate is False:
            return {"mode": "off"}
        return {"mode": gate} if isinstance(gate, str) else gate


Phi = Annotated[float, Field(ge=-20, le=20)]
"""Negative ones scale down."""


def _with_the_choice(ways: tuple[Way, ...]) -> tuple[Way, ...]:
    if "choice" not in ways:
        raise ValueError(
            "choice is missing, at whose cost all others are trained: [choice, depth, width]"
        )
    return ways


Ways = Annotated[tuple[Way, ...], AfterValidator(no_name_twice), AfterValidator(_with_the_choice)]


class Family(Model):
    """The scaled networks to train once the search has chosen."""

    phi: Annotated[tuple[Phi, ...], Field(max_length=20)] = (1.0, 2.0, 3.0)
    """Scaling steps to train: each multiplies depth by alpha^phi, width by beta^phi and resolution
    by gamma^phi."""
    along: Ways = ("choice",)
    """The ways of scaling that are trained at every phi, the others at the cost that the choice has
    there: the paper's Figures 3 and 8. Two seeds or more give intervals."""
    seeds: Annotated[int, Field(ge=1, le=1000)] = 1
    """Trainings of each network, each from another seed."""
    predict: Annotated[tuple[Phi, ...], Field(max_length=20)] = ()
    """Further phi, not trained, whose errors the power law through the family predicts; the one
    after the largest is always predicted."""
