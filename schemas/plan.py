"""What a study will train: the plan that is written before the first job."""

from operator import not_
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from compound.schemas.architecture import Candidate, Coefficients, Way
from compound.schemas.base import Model
from compound.schemas.data import DataInfo
from compound.schemas.job import JobRequest
from compound.schemas.machine.device import DeviceProfile

MOST_UNTRIED = 300


class Dropped(Model):
    """A point of the design that became no candidate, and why."""

    coefficients: Coefficients
    reason: str
    ratio: float | None = None
    """The nearest cost ratio that it could have had."""


class PlannedJob(Model):
    """One job of a plan: search candidate x seed, or family member x seed."""

    phase: Literal["recipe", "screening", "search", "gate", "family"]
    """`recipe` trains the baseline at several learning rates. `screening` has a shorter schedule
    than the search's and decides on promotion only."""
    candidate: str
    phi: float
    request: JobRequest


class Plan(Model):
    """The search of a study, complete; the family follows from its verdict."""

    kind: ClassVar[str] = "study"
    """The `kind` of spec that it comes from."""
    study: str
    data: DataInfo
    baseline: Candidate
    candidates: tuple[Candidate, ...]
    """Every distinct network of the search with the controls, without the baseline."""
    dropped: tuple[Dropped, ...]
    points: int
    """Points of the design before realisation."""
    jobs: tuple[PlannedJob, ...]
    rate_jobs: tuple[PlannedJob, ...] = ()
    """The recipe check's, which come first; some may be jobs of the search too."""
    warnings: tuple[str, ...] = ()
    profile: DeviceProfile | None = None
    """The device that decided the budget and `compile: auto`; None where the budget binds an exact
    count and no recipe says `auto`."""
    untried: tuple[Candidate, ...] = ()
    """Other networks that the budget admits, of which rounds may add some: at most MOST_UNTRIED,
    evenly chosen."""

    @property
    def search(self) -> "Plan":
        """The plan of the search: all of this."""
        return self

    @property
    def variant(self) -> None:
        """None: it is no single variant."""

    @property
    def family(self) -> None:
        """None: the family follows from the verdict."""

    @property
    def trained(self) -> tuple[Candidate, ...]:
        """The networks that the jobs train, without the baseline."""
        return self.candidates

    @property
    def planned(self) -> tuple[PlannedJob, ...]:
        """The jobs of the search, then those of the recipe check."""
        return (*self.jobs, *self.rate_jobs)

    @property
    def first_phase(self) -> str:
        """The name of the search's first phase."""
        return self.jobs[0].phase

    def extended(self, rounds: "Rounds") -> "Plan":
        """Return the plan with everything that rounds have added."""
        added = [candidate for step in rounds.rounds for candidate in step.candidates]
        added_ids = {candidate.id for candidate in added}
        return self.model_copy(
            update={
                "candidates": (*self.candidates, *added),
                "jobs": (*self.jobs, *(job for step in rounds.rounds for job in step.jobs)),
                "untried": tuple(c for c in self.untried if c.id not in added_ids),
            }
        )


class Round(Model):
    """What a search decided to train next, from the results so far."""

    kind: Literal["points", "promotion", "seeds"]
    """New networks; the whole or a longer schedule for the best part; more seeds for the tied."""
    reason: str
    """What was decided and why, in a sentence."""
    candidates: tuple[Candidate, ...] = ()
    """Networks that were not in the plan before."""
    jobs: tuple[PlannedJob, ...]


class Rounds(Model):
    """All rounds of a search in their order; rounds.json of a study."""

    rounds: tuple[Round, ...] = ()

    def plus(self, following: Round) -> "Rounds":
        """Return these with one more."""
        return Rounds(rounds=(*self.rounds, following))


class Member(Model):
    """One scaled network of the family, and its jobs."""

    phi: float
    network: Candidate
    """Its ratio is the realised cost over the baseline's; `nominal` is what phi promises."""
    nominal: float
    along: Way = "choice"
    """The other ways have the cost that the choice has at this phi."""
    jobs: tuple[PlannedJob, ...]


class LeftOut(Model):
    """A way of scaling that has no network at the choice's cost at a phi, and why."""

    along: Way
    phi: float
    reason: str
    """With the nearest cost that it could have had."""


class FamilyPlan(Model):
    """What is trained once the coefficients are fixed."""

    study: str
    coefficients: Coefficients
    members: tuple[Member, ...]
    warnings: tuple[str, ...] = ()
    notes: Annotated[tuple[str, ...], Field(exclude_if=not_)] = ()
    """What was decided and is no reason for doubt, a sentence each."""
    left_out: Annotated[tuple[LeftOut, ...], Field(exclude_if=not_)] = ()
    baseline: Annotated[Member | None, Field(exclude_if=not_)] = None
    """The baseline by the family's recipe, trained beside several ways: all start there, and its
    scores correct for the cost that rounding leaves uneven."""

    @property
    def trained(self) -> tuple[Member, ...]:
        """All networks with their jobs, the baseline first."""
        return (self.baseline, *self.members) if self.baseline else self.members

    @property
    def line(self) -> tuple[Member, ...]:
        """The members on the choice's line: what power law, answer and headline are about."""
        return tuple(member for member in self.members if member.along == "choice")

    @property
    def jobs(self) -> tuple[PlannedJob, ...]:
        """All jobs, the smallest phi first; one that several ways share is there once."""
        jobs = (job for member in self.trained for job in member.jobs)
        return tuple({job.request.job.id: job for job in reversed(list(jobs))}.values())[::-1]


class Variant(Model):
    """One scaled network of a `kind: train`, and the baseline that it is compared with."""

    kind: ClassVar[str] = "train"
    """The `kind` of spec that it comes from."""
    study: str
    data: DataInfo
    baseline: Candidate
    family: FamilyPlan
    profile: DeviceProfile | None = None
    """The device that decided `compile: auto`; None where the recipe says true or false."""

    @property
    def search(self) -> None:
        """None: nothing is searched."""

    @property
    def variant(self) -> "Variant":
        """The plan of the one network: all of this."""
        return self

    @property
    def trained(self) -> tuple[Candidate, ...]:
        """The networks that the jobs train, without the baseline."""
        return tuple(member.network for member in self.family.members)

    @property
    def first_phase(self) -> str:
        """The name of the first jobs' phase."""
        return "train"

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know before running it."""
        return self.family.warnings

    @property
    def jobs(self) -> tuple[PlannedJob, ...]:
        """The jobs of its one network, a seed each."""
        return self.family.jobs

    @property
    def planned(self) -> tuple[PlannedJob, ...]:
        """All jobs that are planned: those of its one network."""
        return self.jobs


AnyPlan = Plan | Variant
"""Every sort of plan, one for each kind of spec."""
