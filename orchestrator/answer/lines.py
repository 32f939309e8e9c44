"""The lines of networks that an answer is about: the choice's, and those of other ways."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING

from compound.orchestrator.answer.answer_inputs import AnswerInputs
from compound.orchestrator.answer.choice_line import (
    LineNetwork,
    along_of,
    choice_line,
    coefficients_of,
    family_of,
    law_of_line,
    trained_member,
)
from compound.orchestrator.answer.line_network import LineBuilder, WayBuilder
from compound.orchestrator.answer.training_hours import (
    MeasuredJob,
    measured_jobs,
    scaled_cost,
    usual_job,
)
from compound.orchestrator.scale.family import ways_of
from compound.orchestrator.scale.power_law import fit
from compound.orchestrator.scale.way_networks import WayNetworks
from compound.schemas.answer import TrainingCost
from compound.schemas.architecture import Candidate, Way
from compound.schemas.outcomes.along import WaysCompared
from compound.schemas.plan import PlannedJob
from compound.schemas.power_law import Law, LawPoint

if TYPE_CHECKING:
    from compound.orchestrator.records.documents import Documents


@dataclass(frozen=True)
class Line:
    """The networks of one way of scaling, from the baseline on."""

    way: Way
    entries: tuple[LineNetwork, ...]
    """Those that are planned, by cost."""
    law: Law | None
    """Of its errors."""
    builder: LineBuilder | WayBuilder | None
    """What builds it at any phi."""
    measured: tuple[tuple[float, MeasuredJob], ...]
    """A job of each network that has a time, with the network's cost ratio."""

    def training_of(self, inputs: AnswerInputs, phi: float, network: Candidate) -> TrainingCost:
        """Return what one training of a network by the family's recipe will take."""
        assert self.builder is not None, "a network is built by it"
        request = self.builder.request(network, phi)
        return scaled_cost(request, self.nearest_job(network.ratio), inputs.costs)

    def nearest_job(self, ratio: float) -> MeasuredJob | None:
        """Return the measured job whose network costs about as much; of equals the last."""
        pairs = reversed(self.measured)
        nearest = min(pairs, key=lambda pair: abs(log(pair[0] / ratio)), default=None)
        return nearest[1] if nearest else None


def line_of_choice(inputs: AnswerInputs) -> Line:
    """Return the choice's line."""
    entries = choice_line(inputs.stored)
    return _line(inputs, "choice", entries, law_of_line(inputs.stored), _builder(inputs))


def _builder(inputs: AnswerInputs) -> LineBuilder | None:
    """Return what builds the networks of the choice's line; None without coefficients."""
    return LineBuilder.of(inputs.stored, coefficients_of(inputs.stored), inputs.networks)


def lines_of_ways(inputs: AnswerInputs, ways: Sequence[Way]) -> Iterator[Line]:
    """Yield the lines of other ways that the family was trained along."""
    stored, choice = inputs.stored, _builder(inputs)
    along, planned = along_of(stored), stored.search
    if along is None or planned is None or choice is None or not ways:
        return
    spec, base = stored.record.spec, planned.baseline
    built = ways_of(spec, base, planned.profile, inputs.networks, planned.candidates)
    if built is None:
        return
    for way in ways:
        yield _line_of_way(inputs, along, way, choice, built)


def _line_of_way(
    inputs: AnswerInputs, along: WaysCompared, way: Way, choice: LineBuilder, ways: WayNetworks
) -> Line:
    builder = WayBuilder(way, choice, ways)
    start = [entry for entry in choice_line(inputs.stored) if entry.phi == 0]
    entries = [*start, *_entries(inputs.stored, way)]
    return _line(inputs, way, entries, _law(inputs, along, builder), builder)


def _line(
    inputs: AnswerInputs,
    way: Way,
    entries: Sequence[LineNetwork],
    law: Law | None,
    builder: LineBuilder | WayBuilder | None,
) -> Line:
    jobs = [(e.network.ratio, usual_job(measured_jobs(e, inputs.results))) for e in entries]
    measured = tuple((ratio, job) for ratio, job in jobs if job)
    return Line(way, tuple(entries), law, builder, measured)


def _entries(stored: "Documents", way: Way) -> list[LineNetwork]:
    family = family_of(stored)
    members = [m for m in family.members if m.along == way] if family else []
    entries = [trained_member(member, stored) for member in members]
    return sorted(entries, key=lambda entry: (entry.network.ratio, entry.phi))


def _law(inputs: AnswerInputs, along: WaysCompared, builder: WayBuilder) -> Law | None:
    """Fit a power law to a way's errors; predicted are the phi that the choice's law predicts."""
    points = [p for p in along.points if p.along == builder.way and p.scores]
    trained = [LawPoint(phi=p.phi, ratio=p.ratio, errors=_errors(p.scores)) for p in points]
    if along.baseline:
        trained.insert(0, LawPoint(phi=0, ratio=1, errors=_errors(along.baseline)))
    own = law_of_line(inputs.stored)
    phis = {point.phi for point in trained}
    ahead = [p.phi for p in (own.points if own else ()) if not p.errors and p.phi not in phis]
    built = [(phi, network.ratio) for phi in ahead if (network := builder.network(phi))]
    return fit(trained, built, inputs.level, floor=0.5 / inputs.images)


def _errors(scores: Sequence[float]) -> tuple[float, ...]:
    return tuple(1 - score for score in scores)


def line_jobs(stored: "Documents") -> list[str]:
    """Return the identities of the jobs whose results an answer needs."""
    return list(dict.fromkeys(job.request.job.id for job in _jobs(stored)))


def jobs_of(stored: "Documents", network: Candidate) -> list[str]:
    """Return the identities of the jobs that train a network of a line."""
    jobs = (job for job in _jobs(stored) if job.candidate == network.id)
    return list(dict.fromkeys(job.request.job.id for job in jobs))


def _jobs(stored: "Documents") -> Iterator[PlannedJob]:
    for entry in choice_line(stored):
        yield from entry.jobs
    family = family_of(stored)
    for member in family.members if family else ():
        yield from member.jobs
