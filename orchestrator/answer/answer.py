"""From a study's documents and results to its answer: a row for each network, and the pick.

Validation accuracies decide, test accuracies report: no test image has a part in the pick.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import log
from typing import TYPE_CHECKING

from compound.jobs.models.scaled import Networks
from compound.orchestrator.answer import answer_text
from compound.orchestrator.answer.choice_line import (
    LineNetwork,
    choice_line,
    coefficients_of,
    law_of_line,
)
from compound.orchestrator.answer.doublings import expected_doubling, measured_doubling
from compound.orchestrator.answer.line_network import LineBuilder
from compound.orchestrator.answer.row_accuracy import (
    covers_images,
    scores_of,
    search_noise,
    tested,
    validation,
    with_images,
    worth_of_choice,
)
from compound.orchestrator.answer.training_hours import (
    MeasuredJob,
    measured_cost,
    measured_jobs,
    scaled_cost,
)
from compound.orchestrator.forecast.job_cost import CostModel
from compound.schemas.answer import Answer, AnswerRow, Doubling, Reached, TrainingCost
from compound.schemas.architecture import Candidate, Coefficients
from compound.schemas.job import JobResult
from compound.schemas.power_law import Law, LawPoint

if TYPE_CHECKING:
    from compound.orchestrator.records.documents import Documents

LEVEL = 0.9
"""Of intervals where there is no search, whose spec says it; the same as its default."""


@dataclass(frozen=True)
class AnswerInputs:
    """What an answer is made from."""

    stored: "Documents"
    results: Mapping[str, JobResult]
    """Of the jobs of the line, by their identity."""
    costs: CostModel
    networks: Networks = field(default_factory=Networks)
    """What scales the baseline; code of a user only where that is allowed."""

    @property
    def level(self) -> float:
        """The level of all intervals."""
        search = self.stored.record.spec.search
        return search.level if search else LEVEL

    @property
    def images(self) -> int:
        """Validation images."""
        return self.costs.data.validation

    @property
    def one_recipe(self) -> bool:
        """Whether search and family train by the same recipe."""
        spec = self.stored.record.spec
        return spec.search is None or spec.search.train == spec.train

    @property
    def builder(self) -> LineBuilder | None:
        """What builds the networks of the line; None without coefficients."""
        coefficients = coefficients_of(self.stored)
        return LineBuilder.of(self.stored, coefficients, self.networks)


def answer_of(inputs: AnswerInputs) -> Answer:
    """Return the answer of a study as far as it is. Pure; also works where no job has ended."""
    stored, search = inputs.stored, inputs.stored.record.spec.search
    law = law_of_line(stored)
    rows = with_doublings([*planned_rows(inputs), *predicted_rows(inputs)], law, inputs.images)
    chosen = pick(rows)
    answer = Answer(
        cost=search.budget.cost if search else "macs",
        level=inputs.level,
        coefficients=coefficients_of(stored),
        rows=tuple(rows),
        phi=chosen.phi if chosen else None,
        beyond=beyond(rows, chosen, law, inputs.images),
        sentence="",
        scaling=answer_text.scaling(
            stored.verdict, stored.along, search.budget.multiple if search else 1
        ),
        notes=tuple(answer_text.notes(rows, stored)),
    )
    return answer.model_copy(update={"sentence": answer_text.sentence(answer, stored)})


def planned_rows(inputs: AnswerInputs) -> list[AnswerRow]:
    """Return a row for the baseline, the choice, and each member of the family on its line."""
    entries = choice_line(inputs.stored)
    measured = measured_line(inputs)
    return [_planned_row(inputs, entry, measured) for entry in entries]


def measured_line(inputs: AnswerInputs) -> list[tuple[float, MeasuredJob]]:
    """Return the jobs of the line that have a time, with their networks' cost ratios."""
    entries = choice_line(inputs.stored)
    return [
        (entry.network.ratio, job)
        for entry in entries
        for job in measured_jobs(entry, inputs.results)
    ]


def _planned_row(
    inputs: AnswerInputs, entry: LineNetwork, measured: Sequence[tuple[float, MeasuredJob]]
) -> AnswerRow:
    mean = _validation(inputs, entry)
    reached = tested(entry, inputs.stored.test)
    if reached is None and mean:
        whole = entry.phi == 1 and entry.standing and covers_images(inputs.stored.verdict)
        reached = mean if whole else with_images(mean, inputs.images, inputs.level)
    reached = reached or _predicted_at(entry.phi, law_of_line(inputs.stored))
    by_search = any(job.phase == "search" for job in entry.jobs)
    row = row_of(entry.phi, entry.network, coefficients_of(inputs.stored))
    return row.model_copy(
        update={
            "recipe": "search" if by_search and not inputs.one_recipe else "family",
            "training": _training(inputs, entry, measured),
            "accuracy": reached,
            "validation": mean,
        }
    )


def _predicted_at(phi: float, law: Law | None) -> Reached | None:
    """Return what the law predicts of a planned network that has no score."""
    points = [point for point in law.points if point.phi == phi and not point.errors] if law else []
    return law_accuracy(points[0]) if points else None


def row_of(phi: float, network: Candidate, coefficients: Coefficients | None) -> AnswerRow:
    """Return a row that knows the network alone."""
    triple = coefficients or Coefficients()
    return AnswerRow(
        phi=phi,
        network=network.id,
        depth=triple.alpha**phi,
        width=triple.beta**phi,
        resolution=network.architecture.resolution,
        params=network.cost.params,
        macs=network.cost.macs,
        ratio=network.ratio,
    )


def _validation(inputs: AnswerInputs, entry: LineNetwork) -> Reached | None:
    verdict = inputs.stored.verdict
    noise = search_noise(verdict, inputs.images)
    mean = validation(scores_of(entry, inputs.results), noise, inputs.images, inputs.level)
    return (worth_of_choice(verdict, entry.standing) or mean) if mean else None


def _training(
    inputs: AnswerInputs, entry: LineNetwork, measured: Sequence[tuple[float, MeasuredJob]]
) -> TrainingCost | None:
    cost = measured_cost(measured_jobs(entry, inputs.results), inputs.costs)
    if cost:
        return cost
    if entry.jobs:
        nearest = nearest_job(measured, entry.network.ratio)
        return scaled_cost(entry.jobs[0].request, nearest, inputs.costs)
    builder = inputs.builder
    return training_of(inputs, builder, entry.phi, entry.network) if builder else None


def training_of(
    inputs: AnswerInputs, builder: LineBuilder, phi: float, network: Candidate
) -> TrainingCost:
    """Return what one training of a network by the family's recipe will take."""
    nearest = nearest_job(measured_line(inputs), network.ratio)
    return scaled_cost(builder.request(network, phi), nearest, inputs.costs)


def nearest_job(measured: Sequence[tuple[float, MeasuredJob]], ratio: float) -> MeasuredJob | None:
    """Return the measured job whose network costs about as much; of equals the last planned."""
    nearest = min(reversed(measured), key=lambda pair: abs(log(pair[0] / ratio)), default=None)
    return nearest[1] if nearest else None


def predicted_rows(inputs: AnswerInputs) -> list[AnswerRow]:
    """Return a row for each network that the power law predicts and nobody has trained."""
    law, coefficients = law_of_line(inputs.stored), coefficients_of(inputs.stored)
    if law is None or coefficients is None:
        return []
    planned = {entry.phi for entry in choice_line(inputs.stored)}
    ahead = [point for point in law.points if not point.errors and point.phi not in planned]
    return [_predicted_row(inputs, point, coefficients) for point in ahead]


def _predicted_row(inputs: AnswerInputs, point: LawPoint, triple: Coefficients) -> AnswerRow:
    builder = inputs.builder
    network = builder.network(point.phi) if builder else None
    reached = law_accuracy(point)
    if builder is None or network is None:
        return AnswerRow(
            phi=point.phi,
            network=None,
            depth=triple.alpha**point.phi,
            width=triple.beta**point.phi,
            resolution=None,
            params=None,
            macs=None,
            ratio=point.ratio,
            accuracy=reached,
        )
    training = training_of(inputs, builder, point.phi, network)
    row = row_of(point.phi, network, triple)
    return row.model_copy(update={"training": training, "accuracy": reached})


def law_accuracy(point: LawPoint) -> Reached | None:
    """Return the accuracy that a power law predicts; None where it predicts none."""
    if point.expected is None:
        return None
    low = None if point.high is None else 1 - point.high
    high = None if point.low is None else 1 - point.low
    return Reached(value=1 - point.expected, low=low, high=high, part="law")


def with_doublings(rows: Sequence[AnswerRow], law: Law | None, images: int) -> list[AnswerRow]:
    """Return rows by cost, each with what a doubling before it brought or is expected to."""
    ordered = sorted(rows, key=lambda row: (row.ratio, row.phi))
    return [
        _with_doubling(row, ordered[:number], law, images) for number, row in enumerate(ordered)
    ]


def _with_doubling(
    row: AnswerRow, before: Sequence[AnswerRow], law: Law | None, images: int
) -> AnswerRow:
    comparable = [r for r in before if r.validation and r.recipe == row.recipe]
    doubling: Doubling | None = None
    if row.validation and comparable and comparable[-1].validation:
        ratios = comparable[-1].ratio, row.ratio
        doubling = measured_doubling(comparable[-1].validation, row.validation, ratios, images)
    elif row.accuracy and not row.trained and before and before[-1].ratio < row.ratio:
        doubling = expected_doubling(law, before[-1].ratio, images)
    return row.model_copy(update={"doubling": doubling})


def pick(rows: Sequence[AnswerRow]) -> AnswerRow | None:
    """Return the largest trained network that is worth it; None where none is trained.

    That is one whose doubling is above 0 with all of its interval. Without an interval, as with one
    seed each, it is one whose doubling brought anything, and the sentence says so.
    """
    trained = [row for row in rows if row.trained]
    worth = [row for row in trained[1:] if _may_be_worth_it(row.doubling)]
    return next(reversed(worth or trained[:1]), None)


def _may_be_worth_it(doubling: Doubling | None) -> bool:
    """Whether that is shown, or not known: None is between networks of different recipes."""
    if doubling is None or doubling.worth is not None:
        return doubling is None or doubling.worth is True
    return doubling.gain > 0


def beyond(
    rows: Sequence[AnswerRow], chosen: AnswerRow | None, law: Law | None, images: int
) -> Doubling | None:
    """Return what a doubling beyond a network brings: of the next trained one, else by the law."""
    if chosen is None:
        return None
    trained = [row for row in rows if row.trained]
    following = next((b for a, b in pairwise(trained) if a.phi == chosen.phi), None)
    if following:
        return following.doubling
    return expected_doubling(law, chosen.ratio, images)


def line_jobs(stored: "Documents") -> list[str]:
    """Return the identities of the jobs whose results an answer needs."""
    return list(dict.fromkeys(_line_jobs(stored)))


def _line_jobs(stored: "Documents") -> Iterator[str]:
    for entry in choice_line(stored):
        yield from (job.request.job.id for job in entry.jobs)
