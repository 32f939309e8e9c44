"""The largest network of the line within limits, or the smallest that reaches an accuracy."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import floor

from compound.orchestrator.answer.advice_errors import (
    none_fits,
    none_predicted,
    none_reaches,
)
from compound.orchestrator.answer.advice_limits import amount_of
from compound.orchestrator.answer.answer import (
    AnswerInputs,
    beyond,
    law_accuracy,
    row_of,
    training_of,
)
from compound.orchestrator.answer.choice_line import choice_line, law_of_line
from compound.orchestrator.answer.doublings import expected_doubling
from compound.orchestrator.scale.power_law import band
from compound.schemas.answer import Answer, AnswerRow, Doubling, Limit, LimitName, Reached
from compound.schemas.architecture import Candidate

STEP = 0.25
"""Of phi between two networks that are considered: some 19 % of cost where a step doubles it."""
HOPELESS = 4.0
"""Times a limit from which on no larger network is looked at: measured hours do not always grow."""
MOST_PHI = 20.0
"""The largest that a spec may have."""

Measure = Callable[[Candidate], float]
"""Seconds that a network takes for one image."""


@dataclass(frozen=True)
class Option:
    """A network that is considered."""

    row: AnswerRow
    network: Candidate


@dataclass(frozen=True)
class Choice:
    """The network to take, and what decides that it is no other."""

    option: Option
    binding: tuple[LimitName, ...] = ()
    neighbour: AnswerRow | None = None
    """The next larger network, which the binding limits leave out; where an accuracy binds the next
    smaller one."""
    latency: float | None = None
    beside: float | None = None
    """The neighbour's latency, where that was measured."""


def choose(
    inputs: AnswerInputs, answer: Answer, limits: Sequence[Limit], measure: Measure
) -> Choice:
    """Return the network for some limits; the tightest decides.

    Quarter steps of phi are considered, and each phi of the answer. Costs grow along the line, so
    the first network that is too large ends it. With an accuracy the smallest network that is
    expected to reach it is choice, where the other limits allow it.

    Raises SpecError: no network fits; what the smallest takes, or the best reaches, is allowed.
    """
    by_name = {limit.name: limit for limit in limits}
    target, latency = by_name.pop("accuracy", None), by_name.pop("latency", None)
    fitting, larger = _fitting(inputs, answer, [*by_name.values()], target)
    if target:
        choice = _smallest(inputs, fitting, target)
        timed = _fast_enough(fitting, choice, latency, measure) if latency else choice
        if timed.option is not choice.option:
            raise none_reaches(target, timed.option.row)
        return timed
    over = _over(larger.row, [*by_name.values()]) if larger else ()
    choice = Choice(fitting[-1], over, larger.row if larger else None)
    return _fast_enough(fitting, choice, latency, measure) if latency else choice


def _fitting(
    inputs: AnswerInputs, answer: Answer, limits: Sequence[Limit], target: Limit | None
) -> tuple[list[Option], Option | None]:
    """Return the networks within limits, and the first beyond them; None at the line's end.

    They end too where one is expected to reach `target`.
    """
    fitting: list[Option] = []
    larger: Option | None = None
    for option in options(inputs, answer):
        if not _over(option.row, limits):
            fitting, larger = [*fitting, option], None
            if target and (amount_of("accuracy", option.row) or 0.0) >= target.value:
                break
            continue
        larger = larger or option
        if _over(option.row, limits, HOPELESS):
            break
    if not fitting and larger:
        raise none_fits(_over(larger.row, limits)[0], larger.row)
    return fitting, larger


def options(inputs: AnswerInputs, answer: Answer) -> Iterator[Option]:
    """Yield the networks of the line, the smallest phi first; each network once."""
    builder = inputs.builder
    assert builder is not None, "a study that has chosen no coefficients is refused before"
    planned = {entry.phi: entry.network for entry in choice_line(inputs.stored)}
    rows, seen = {row.network: row for row in answer.rows if row.network}, set[str]()
    for phi in _phis(answer):
        network = planned.get(phi) or builder.network(phi)
        if network is None and phi > max(planned):
            return
        if network and network.id not in seen:
            seen.add(network.id)
            row = rows.get(network.id) or _untrained(inputs, answer, phi, network)
            yield Option(row, network)


def _phis(answer: Answer) -> list[float]:
    """Return each phi of the answer, and quarter steps from its smallest on."""
    named = {row.phi for row in answer.rows}
    first = floor(min(named, default=0.0) / STEP)
    steps = {number * STEP for number in range(first, round(MOST_PHI / STEP) + 1)}
    return sorted(named | steps)


def _untrained(inputs: AnswerInputs, answer: Answer, phi: float, network: Candidate) -> AnswerRow:
    builder = inputs.builder
    assert builder is not None
    row = row_of(phi, network, builder.coefficients)
    training = training_of(inputs, builder, phi, network)
    accuracy = _no_more_than_larger(law_at(inputs, network.ratio), network.ratio, answer.rows)
    return row.model_copy(update={"training": training, "accuracy": accuracy})


def law_at(inputs: AnswerInputs, ratio: float) -> Reached | None:
    """Return the accuracy that the power law expects at a cost; None without a law."""
    law = law_of_line(inputs.stored)
    trained = [point for point in law.points if point.errors] if law else []
    points = band(trained, [ratio], inputs.level, floor=0.5 / inputs.images)
    return law_accuracy(points[0]) if points else None


def _no_more_than_larger(
    expected: Reached | None, ratio: float, rows: Sequence[AnswerRow]
) -> Reached | None:
    """Return what is expected, at most the best that larger networks have reached."""
    larger = [row.validation.value for row in rows if row.validation and row.ratio >= ratio]
    if expected is None or not larger or expected.value <= max(larger):
        return expected
    value = max(larger)
    low = None if expected.low is None else min(expected.low, value)
    return expected.model_copy(update={"value": value, "low": low})


def _over(row: AnswerRow, limits: Sequence[Limit], times: float = 1.0) -> tuple[LimitName, ...]:
    """Return the limits that a network exceeds so many times."""
    return tuple(limit.name for limit in limits if _exceeds(row, limit, times))


def _exceeds(row: AnswerRow, limit: Limit, times: float) -> bool:
    amount = amount_of(limit.name, row)
    return amount is None or amount > times * limit.value


def _smallest(inputs: AnswerInputs, fitting: Sequence[Option], target: Limit) -> Choice:
    """Return the first network that is expected to reach an accuracy; it is the last, if any."""
    reached = [option for option in fitting if option.row.accuracy]
    if not reached:
        raise none_predicted(inputs.stored.record.spec.name)
    last = fitting[-1]
    if (amount_of("accuracy", last.row) or 0.0) < target.value:
        best = max(reached, key=lambda option: amount_of("accuracy", option.row) or 0.0)
        raise none_reaches(target, best.row)
    smaller = fitting[-2].row if len(fitting) > 1 else None
    return Choice(last, ("accuracy",), smaller)


def _fast_enough(
    fitting: Sequence[Option], choice: Choice, limit: Limit, measure: Measure
) -> Choice:
    """Return the largest network within a latency, which grows along the line.

    Each whole phi is measured until one is too slow, then the steps before that: no network is
    built that takes many times the limit. SpecError: the smallest is too slow.
    """
    times: dict[int, float] = {}
    low, high, last = -1, len(fitting), len(fitting) - 1
    while high - low > 1:
        ahead = min(low + round(1 / STEP), last)
        position = 0 if low < 0 else ahead if high > last else (low + high) // 2
        times[position] = measure(fitting[position].network)
        low, high = (position, high) if times[position] <= limit.value else (low, position)
    if low < 0:
        raise none_fits("latency", fitting[0].row, times[0])
    if low == last:
        return Choice(choice.option, choice.binding, choice.neighbour, times[low])
    return Choice(fitting[low], ("latency",), fitting[high].row, times[low], times[high])


def beyond_choice(inputs: AnswerInputs, answer: Answer, row: AnswerRow) -> Doubling | None:
    """Return what a doubling beyond a network brings; None where that is not known."""
    law = law_of_line(inputs.stored)
    if row.trained:
        return beyond(answer.rows, row, law, inputs.images)
    return expected_doubling(law, row.ratio, inputs.images)
