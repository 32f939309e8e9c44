"""The network of the highest expected accuracy within limits, or the cheapest that reaches one.

Looked at are the recommended networks, in quarter steps of phi, and every other network that is
trained. Validation images decide: a measurement on them, or what the power law expects on them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from compound.orchestrator.answer.advice_errors import (
    none_fits,
    none_predicted,
    none_reaches,
)
from compound.orchestrator.answer.advice_limits import amount_of
from compound.orchestrator.answer.answer import beyond
from compound.orchestrator.answer.answer_inputs import AnswerInputs
from compound.orchestrator.answer.answer_text import following_phi
from compound.orchestrator.answer.doublings import expected_doubling
from compound.orchestrator.answer.options import STEP, Option, Options
from compound.orchestrator.answer.ranking import ranked
from compound.schemas.answer import Answer, AnswerRow, Doubling, Limit, LimitName, Timing
from compound.schemas.architecture import Candidate

HOPELESS = 4.0
"""Times a limit from which on no larger network is looked at: measured hours do not always grow."""

Measure = Callable[[Candidate], Timing]
"""What times a network for one image."""


@dataclass(frozen=True)
class Choice:
    """The network to take, and what decides that it is no other."""

    option: Option
    binding: tuple[LimitName, ...] = ()
    neighbour: AnswerRow | None = None
    """The next larger network, which the binding limits leave out; where an accuracy binds the next
    smaller one."""
    latency: Timing | None = None
    beside: Timing | None = None
    """The neighbour's latency, where that was measured."""
    passed: AnswerRow | None = None
    """The largest recommended network within the limits, where this one is expected to score as
    much or more."""
    end: str = ""
    """Why the line goes no further, where no limit ends it."""


@dataclass(frozen=True)
class _Within:
    """The networks within all limits, and what leaves out the next larger one of the line."""

    steps: list[list[Option]]
    """Of each phi, the recommended one first."""
    beside_line: list[Option]
    """Trained ones of other ways."""
    binding: tuple[LimitName, ...] = ()
    neighbour: AnswerRow | None = None
    beside: Timing | None = None
    end: str = ""

    @property
    def all(self) -> list[Option]:
        """Every network once."""
        return [*(option for step in self.steps for option in step), *self.beside_line]


def choose(
    inputs: AnswerInputs, answer: Answer, limits: Sequence[Limit], measure: Measure
) -> Choice:
    """Return the network for some limits.

    It is the one that is expected to score most, of equals a trained one, then the smallest. With
    an accuracy it is the cheapest that has reached it, or is expected to.

    Raises SpecError: no network fits; what the smallest takes, or the best reaches, is allowed.
    """
    by_name = {limit.name: limit for limit in limits}
    target, latency = by_name.pop("accuracy", None), by_name.pop("latency", None)
    options, timed = Options.of(inputs, answer), _once(measure)
    within = _within(options, [*by_name.values()], target)
    if target:
        study = inputs.stored.record.spec.name
        return _cheapest(study, within, target, latency, timed)
    if latency is None:
        return _best(options, within)
    return _best(options, _fast_enough(within, latency, timed), latency, timed)


def _once(measure: Measure) -> Measure:
    """Return what measures each network once."""
    times: dict[str, Timing] = {}

    def timed(network: Candidate) -> Timing:
        if network.id not in times:
            times[network.id] = measure(network)
        return times[network.id]

    return timed


def _within(options: Options, limits: Sequence[Limit], target: Limit | None) -> _Within:
    """Return the networks within limits that are counted; SpecError: there is none.

    Costs grow with phi, so the line ends at the first network that is far too large, and where a
    network reaches the accuracy that is asked for.
    """
    steps: list[list[Option]] = []
    larger: Option | None = None
    for step in options.steps():
        fitting = [option for option in step if not _over(option.row, limits)]
        if fitting:
            steps, larger = [*steps, fitting], None
            if any(_reaches(option, target) for option in fitting):
                break
            continue
        larger = larger or step[0]
        if _over(step[0].row, limits, HOPELESS):
            break
    if not steps and larger:
        raise none_fits(_over(larger.row, limits)[0], larger.row)
    beside_line = [option for option in options.trained if not _over(option.row, limits)]
    if larger is None:
        return _Within(steps, beside_line, end=options.end(steps[-1][0].row.phi))
    return _Within(steps, beside_line, _over(larger.row, limits), larger.row)


def _reaches(option: Option, target: Limit | None) -> bool:
    score = option.row.score
    return target is not None and score is not None and score >= target.value


def _over(row: AnswerRow, limits: Sequence[Limit], times: float = 1.0) -> tuple[LimitName, ...]:
    """Return the limits that a network exceeds so many times."""
    return tuple(limit.name for limit in limits if _exceeds(row, limit, times))


def _exceeds(row: AnswerRow, limit: Limit, times: float) -> bool:
    amount = amount_of(limit.name, row)
    return amount is None or amount > times * limit.value


def _best(
    options: Options, within: _Within, latency: Limit | None = None, timed: Measure | None = None
) -> Choice:
    """Return the network that is expected to score most; `timed` where there is a latency."""
    order = ranked(within.all, options.rows)
    option, time = order[0], None
    if latency and timed:
        fast = (o for o in order if timed(o.network).median <= latency.value)
        option = next(fast, within.steps[0][0])
        time = timed(option.network)
    largest = within.steps[-1][0].row
    return Choice(
        option,
        within.binding,
        within.neighbour,
        time,
        within.beside,
        passed=largest if largest.network != option.row.network else None,
        end=within.end,
    )


def _cheapest(
    study: str, within: _Within, target: Limit, latency: Limit | None, timed: Measure
) -> Choice:
    """Return the cheapest network that reaches an accuracy or is expected to."""
    scored = [option for option in within.all if option.row.score is not None]
    if not scored:
        raise none_predicted(study)
    if latency:
        scored = _timely(scored, target, latency, timed)
    enough = [option for option in scored if _reaches(option, target)]
    if not enough:
        raise none_reaches(target, max(scored, key=lambda option: option.row.score or 0.0).row)
    option = min(enough, key=lambda option: (option.row.ratio, not option.row.trained))
    smaller = [o.row for o in within.all if o.row.ratio < option.row.ratio]
    below = max(smaller, key=lambda row: row.ratio, default=None)
    return Choice(option, ("accuracy",), below, timed(option.network) if latency else None)


def _timely(
    scored: Sequence[Option], target: Limit, latency: Limit, timed: Measure
) -> list[Option]:
    """Return the networks that may be taken within a latency, and the best that miss the target.

    Only those that reach the target are timed. SpecError: the smallest network is too slow.
    """
    smallest = min(scored, key=lambda option: option.row.ratio)
    time = timed(smallest.network)
    if time.median > latency.value:
        raise none_fits("latency", smallest.row, time.median)
    fast = [option for option in scored if not _reaches(option, target)]
    for option in sorted(scored, key=lambda option: option.row.ratio):
        if _reaches(option, target) and timed(option.network).median <= latency.value:
            return [*fast, option]
    return [option for option in fast if timed(option.network).median <= latency.value]


def _fast_enough(within: _Within, limit: Limit, timed: Measure) -> _Within:
    """Return the networks up to the largest within a latency, which grows along the line.

    Each whole phi is measured until one is too slow, then the steps before that: no network is
    built that takes many times the limit. SpecError: the smallest is too slow.
    """
    steps = within.steps
    low, high, last = -1, len(steps), len(steps) - 1
    while high - low > 1:
        ahead = min(low + round(1 / STEP), last)
        position = 0 if low < 0 else ahead if high > last else (low + high) // 2
        fast = timed(steps[position][0].network).median <= limit.value
        low, high = (position, high) if fast else (low, position)
    if low < 0:
        smallest = steps[0][0]
        raise none_fits("latency", smallest.row, timed(smallest.network).median)
    if low == last:
        return within
    larger = steps[high][0]
    beside = timed(larger.network)
    return _Within(steps[:high], within.beside_line, ("latency",), larger.row, beside)


def beyond_choice(
    inputs: AnswerInputs, answer: Answer, row: AnswerRow
) -> tuple[Doubling | None, float | None]:
    """Return what a doubling beyond a network brings, and the phi of the next trained one.

    Each is None where that is not known.
    """
    options = Options.of(inputs, answer)
    law, rows = options.law(row.way), options.rows[row.way]
    if row.trained:
        return beyond(rows, row, law, inputs.images), following_phi(rows, row)
    return expected_doubling(law, row.ratio, inputs.images), None
