"""`compile: auto`: whether a job is long enough to repay the compiler. A plan settles it for each.

What a job says is part of its identity, so the answer depends on nothing that changes between two
runs of a study: the job itself, its images, the most workers of the spec, and the device that the
plan holds on to.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from compound.jobs.data.progressive_resizing import MOST_COMPILED, sizes
from compound.orchestrator.plan.step_time import Pace
from compound.orchestrator.wording.numbers import counted, duration
from compound.schemas.architecture import Network
from compound.schemas.job import JobRequest
from compound.schemas.machine.device import DeviceProfile
from compound.schemas.recipe import Recipe
from compound.schemas.study import AnySpec

GUESSED = 3.0
"""How many times over compiling has to be repaid where step times are a guess, off by as much."""


def compile_is_auto(spec: AnySpec) -> bool:
    """Whether a spec leaves it to the plan which jobs compile."""
    return "auto" in (spec.first_recipe.compile, spec.train.compile)


@dataclass(frozen=True)
class CompileGain:
    """What compiling takes of one job, and what its steps then take less, in seconds."""

    cost: float
    saved: float
    margin: float
    """How many times over the cost has to be saved."""
    sides: int
    """Of the training images: a program each."""

    @property
    def due(self) -> bool:
        """Whether the job should compile."""
        return self.sides <= MOST_COMPILED and self.saved > self.margin * self.cost


@dataclass(frozen=True)
class CompileChoice:
    """Settles `compile: auto` for the jobs of a spec."""

    profile: DeviceProfile | None
    """Of a search worker's device, or a single variant's; None where no times are known."""
    images: int
    """Training images."""
    workers: int
    """The most that any job of the spec has: with more of them there is less time to save."""

    @classmethod
    def of(cls, spec: AnySpec, images: int, profile: DeviceProfile | None) -> "CompileChoice":
        """Take the workers of a spec."""
        timed = profile if profile and any(profile.seconds.values()) else None
        first, family = spec.first_resources, spec.family_resources
        return cls(timed, images, max(first.most_workers, family.most_workers))

    def settled(self, network: Network, recipe: Recipe) -> Recipe:
        """Return a recipe that says whether to compile, true or false."""
        if recipe.compile != "auto":
            return recipe
        expected = self.gain(network, recipe)
        return recipe.model_copy(update={"compile": expected is not None and expected.due})

    def gain(self, network: Network, recipe: Recipe) -> CompileGain | None:
        """Return what compiling takes and saves; None where no step times are known."""
        profile = self.profile
        if profile is None:
            return None
        batch = min(recipe.batch, self.images)
        micro = math.ceil(batch / (self.workers * recipe.accumulate))
        steps = recipe.epochs * (self.images // batch)
        pace = Pace(profile, network, recipe, micro, recipe.accumulate)
        return CompileGain(
            cost=pace.compile_seconds,
            saved=steps * pace.saving * pace.plain_step,
            margin=GUESSED if profile.source == "guess" else 1.0,
            sides=len(sizes(recipe, network.resolution)),
        )

    def sentence(self, phase: str, choices: Sequence[Sequence[JobRequest]]) -> str:
        """Say how many jobs of a phase compile, of all lists that may be chosen, and why."""
        on = [
            [request for request in jobs if request.job.recipe.compile is True] for jobs in choices
        ]
        least, most = min(map(len, on)), max(map(len, on))
        number = f"{least} to {most}" if least < most else str(most or "none")
        jobs = {
            request.job.id: request
            for requests in (on if most else choices)
            for request in requests
        }
        return f"{number} of {counted(max(map(len, choices)), f'{phase} job')} ({self._why(jobs)})"

    def _why(self, jobs: dict[str, JobRequest]) -> str:
        """Say what compiling takes and saves in the job that it saves most in."""
        pairs = [(request.job.architecture, request.job.recipe) for request in jobs.values()]
        gains = [gain for pair in pairs if (gain := self.gain(*pair))]
        if not gains:
            return "the step times of this device are unknown: --probe measures them"
        best = max(gains, key=lambda gain: gain.saved / gain.cost)
        cost, saved = duration(best.cost), duration(best.saved)
        if best.due:
            return f"compiling takes about {cost} and saves up to {saved} a job"
        if best.sides > MOST_COMPILED:
            return (
                f"images of {counted(best.sides, 'size')} need as many programs, which is too many"
            )
        times = f" (times {best.margin:g}, as times are estimated)" * (best.margin > 1)
        return f"compiling takes about {cost}{times}, and would save {saved} at most"


def decided(
    spec: AnySpec,
    choice: CompileChoice,
    planned: Sequence[JobRequest],
    families: Sequence[Sequence[JobRequest]],
) -> str:
    """Say in a line which jobs compile; nothing where the spec says it itself."""
    parts = []
    if spec.search is None:
        families = [planned]
    elif spec.search.train.compile == "auto":
        parts.append(choice.sentence("search", [planned]))
    if spec.train.compile == "auto" and families:
        parts.append(choice.sentence("family", families))
    return f"compile: {'; '.join(parts)}" if parts else ""
