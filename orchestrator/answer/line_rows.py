"""The rows of a line: its trained and planned networks, and those that its power law predicts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from compound.orchestrator.answer.answer_inputs import AnswerInputs
from compound.orchestrator.answer.choice_line import LineNetwork, coefficients_of
from compound.orchestrator.answer.doublings import expected_doubling, measured_doubling
from compound.orchestrator.answer.row_accuracy import (
    covers_images,
    scores_of,
    search_noise,
    tested,
    validation,
    with_images,
    worth_of_choice,
)
from compound.orchestrator.answer.training_hours import measured_cost, measured_jobs, scaled_cost
from compound.schemas.answer import AnswerRow, Doubling, Reached, TrainingCost
from compound.schemas.architecture import Candidate, Way
from compound.schemas.power_law import Law, LawPoint

if TYPE_CHECKING:
    from compound.orchestrator.answer.lines import Line


def rows_of(inputs: AnswerInputs, line: "Line") -> list[AnswerRow]:
    """Return a line's rows by cost, each with what a doubling before it brought."""
    planned = [_planned_row(inputs, line, entry) for entry in line.entries]
    return with_doublings([*planned, *_predicted_rows(inputs, line)], line.law, inputs.images)


def _planned_row(inputs: AnswerInputs, line: "Line", entry: LineNetwork) -> AnswerRow:
    mean = _validation(inputs, entry)
    reached = tested(entry, inputs.stored.test)
    if reached is None and mean:
        whole = entry.phi == 1 and entry.standing and covers_images(inputs.stored.verdict)
        reached = mean if whole else with_images(mean, inputs.images, inputs.level)
    reached = reached or _predicted_at(entry.phi, line.law)
    by_search = any(job.phase == "search" for job in entry.jobs)
    row = row_of(line.way, entry.phi, entry.network)
    return row.model_copy(
        update={
            "recipe": "search" if by_search and not inputs.one_recipe else "family",
            "training": _training(inputs, line, entry),
            "accuracy": reached,
            "validation": mean,
        }
    )


def _predicted_at(phi: float, law: Law | None) -> Reached | None:
    """Return what the law predicts of a planned network that has no score."""
    points = [point for point in law.points if point.phi == phi and not point.errors] if law else []
    return law_accuracy(points[0]) if points else None


def row_of(way: Way, phi: float, network: Candidate) -> AnswerRow:
    """Return a row that knows the network alone."""
    return AnswerRow(
        way="choice" if phi == 0 else way,
        phi=phi,
        network=network.id,
        depth=network.coefficients.alpha,
        width=network.coefficients.beta,
        resolution=network.architecture.resolution,
        params=network.cost.params,
        macs=network.cost.macs,
        ratio=network.ratio,
    )


def _validation(inputs: AnswerInputs, entry: LineNetwork) -> Reached | None:
    verdict = inputs.stored.verdict
    noise = search_noise(verdict, inputs.images)
    mean = validation(scores_of(entry, inputs.results), noise, inputs.images, inputs.level)
    return (worth_of_choice(verdict, entry.standing, inputs.images) or mean) if mean else None


def _training(inputs: AnswerInputs, line: "Line", entry: LineNetwork) -> TrainingCost | None:
    cost = measured_cost(measured_jobs(entry, inputs.results), inputs.costs)
    if cost:
        return cost
    if entry.jobs:
        nearest = line.nearest_job(entry.network.ratio)
        return scaled_cost(entry.jobs[0].request, nearest, inputs.costs)
    return line.training_of(inputs, entry.phi, entry.network) if line.builder else None


def _predicted_rows(inputs: AnswerInputs, line: "Line") -> list[AnswerRow]:
    """Return a row for each network that the power law predicts and nobody has trained."""
    planned = {entry.phi for entry in line.entries}
    points = line.law.points if line.law and line.builder else ()
    ahead = [point for point in points if not point.errors and point.phi not in planned]
    return [_predicted_row(inputs, line, point) for point in ahead]


def _predicted_row(inputs: AnswerInputs, line: "Line", point: LawPoint) -> AnswerRow:
    network = line.builder.network(point.phi) if line.builder else None
    reached = law_accuracy(point)
    if network is None:
        return _unbuilt(inputs, line, point)
    training = line.training_of(inputs, point.phi, network)
    row = row_of(line.way, point.phi, network)
    return row.model_copy(update={"training": training, "accuracy": reached})


def _unbuilt(inputs: AnswerInputs, line: "Line", point: LawPoint) -> AnswerRow:
    """Return the row of a network that the law predicts and that cannot be built here."""
    triple = coefficients_of(inputs.stored)
    assert triple is not None, "without coefficients there is no law"
    return AnswerRow(
        way=line.way,
        phi=point.phi,
        network=None,
        depth=triple.alpha**point.phi,
        width=triple.beta**point.phi,
        resolution=None,
        params=None,
        macs=None,
        ratio=point.ratio,
        accuracy=law_accuracy(point),
    )


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


def brought(smaller: AnswerRow, larger: AnswerRow, images: int) -> Doubling | None:
    """Return what a doubling between two rows brought; None without scores of one recipe."""
    before, after = smaller.validation, larger.validation
    if before is None or after is None or smaller.recipe != larger.recipe:
        return None
    return measured_doubling(before, after, (smaller.ratio, larger.ratio), images)


def _with_doubling(
    row: AnswerRow, before: Sequence[AnswerRow], law: Law | None, images: int
) -> AnswerRow:
    comparable = [r for r in before if r.validation and r.recipe == row.recipe]
    doubling: Doubling | None = None
    if row.validation and comparable:
        best = max(comparable, key=lambda r: r.score or 0.0)
        doubling = brought(best, row, images)
    elif row.accuracy and not row.trained and before and before[-1].ratio < row.ratio:
        doubling = expected_doubling(law, before[-1].ratio, images)
    return row.model_copy(update={"doubling": doubling})
