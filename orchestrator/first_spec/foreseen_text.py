"""What a first study takes and what it can show, in lines."""

from collections.abc import Iterator
from dataclasses import dataclass

from compound.orchestrator.first_spec.draft import Draft
from compound.orchestrator.first_spec.resolvable_points import noise, smallest_difference
from compound.orchestrator.wording.numbers import counted, duration, points, short
from compound.schemas.forecast import Forecast
from compound.schemas.plan import Plan

_BUSY = 1.8
"""How many times as long a study takes from which on it is said."""


@dataclass(frozen=True)
class Foreseen:
    """A draft with its plan and forecast."""

    draft: Draft
    plan: Plan
    forecast: Forecast

    @property
    def verdict_seconds(self) -> float:
        """Until the verdict: recipe check and search."""
        return self.forecast.recipe.plus(self.forecast.search).wall_seconds

    @property
    def seconds(self) -> float:
        """Until everything is trained."""
        return self.forecast.most.wall_seconds

    @property
    def difference(self) -> float | None:
        """The smallest difference of accuracy that it can show, as a fraction of 1."""
        spec, networks = self.draft.spec(), len(self.plan.candidates)
        validation = self.draft.size.validation
        return smallest_difference(spec.search.seeds, networks, spec.search.level, validation)

    @property
    def resolved(self) -> str:
        """The same in words."""
        if self.difference is None:
            return "no difference"
        return f"differences of about {points(self.difference)} points"


def foreseen_lines(foreseen: Foreseen, machine: str) -> Iterator[str]:
    """Yield what the study is, what it takes and what it can show."""
    size, cost = foreseen.draft.size, foreseen.plan.baseline.cost
    networks = len(foreseen.plan.candidates)
    yield (
        f"baseline: {short(cost.params)} params, {short(cost.macs)} MACs at "
        f"{size.network.resolution} px; {counted(size.epochs, 'epoch')} on {size.images:,} images "
        f"are {size.steps:,} steps of {size.batch}"
    )
    yield (
        f"search: {counted(networks, 'network')} of twice its cost, {size.seeds} seeds; then phi "
        f"{', '.join(f'{phi:g}' for phi in size.phis)}"
    )
    yield (
        f"time: a verdict after about {about(foreseen.verdict_seconds)}, everything after "
        f"{about(foreseen.seconds)} on {machine}, if nothing else runs there"
    )
    yield (
        f"can show: {foreseen.resolved}, at a noise of {points(noise(size.validation))} points "
        f"(expected of {counted(size.validation, 'validation image')})"
    )


def about(seconds: float) -> str:
    """Write a forecast time; minutes below ten with a decimal."""
    return f"{seconds / 60:.1f} min" if 120 <= seconds < 600 else duration(seconds)


def late_line(seconds: float, minutes: float) -> Iterator[str]:
    """Warn where the smallest study takes longer than what was asked for."""
    if seconds > 60 * minutes:
        yield (
            f"warning: the smallest study that can say anything takes {about(seconds)}, longer "
            f"than the {minutes:g} min that were asked for"
        )


def busy_line(load: float, cpus: int) -> Iterator[str]:
    """Warn where others use this machine: `load` processes want to run, on so many CPUs."""
    times = (load + cpus) / cpus
    if times > _BUSY:
        yield (
            f"warning: other processes use this machine (load {load:.0f} on "
            f"{counted(cpus, 'CPU')}): it may take {times:.0f} times as long now"
        )


def larger_line(larger: Foreseen, command: str) -> str:
    """Say what a larger study would show, and how to have it."""
    size = larger.draft.size
    return (
        f"a larger study: {counted(len(larger.plan.candidates), 'network')}, {size.seeds} seeds, "
        f"{size.network.resolution} px, {size.steps:,} steps: {larger.resolved}; {command}"
    )
