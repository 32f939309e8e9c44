"""The largest network within limits, or the smallest that reaches an accuracy.

Looked at are the recommended networks, in quarter steps of phi, and every other network that is
trained. A measurement beats a forecast: a network that is not trained is advised only where no
trained one within the limits has scored as much as is expected of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from compound.orchestrator.answer.advice_errors import (
    none_fits,
    none_predicted,
    none_reaches,
)
from compound.orchestrator.answer.advice_limits import amount_of
from compound.orchestrator.answer.answer import beyond
from compound.orchestrator.answer.answer_inputs import AnswerInputs
from compound.orchestrator.answer.doublings import expected_doubling
from compound.orchestrator.answer.options import STEP, Option, Options
from compound.schemas.answer import Answer, AnswerRow, Doubling, Limit, LimitName
from compound.schemas.architecture import Candidate

HOPELESS = 4.0
"""Times a limit from which on no larger network is looked at: measured hours do not always grow."""

Reaches = Callable[[Option], bool]
"""Whether a network reaches the accuracy that is asked for, or is expected to."""
Measure = Callable[[Candidate], float]
"""Seconds that a network takes for one image."""


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
    instead: AnswerRow | None = None
    """The recommended network whose place this one takes, since it is trained and scored more."""


def choose(
    inputs: AnswerInputs, answer: Answer, limits: Sequence[Limit], measure: Measure
) -> Choice:
    """Return the network for some limits; the tightest decides.

    Costs grow with phi, so the first network that is too large ends the search. With an accuracy
    the smallest network that reaches it, or is expected to, is chosen, where the other limits
    allow it.

    Raises SpecError: no network fits; what the smallest takes, or the best reaches, is allowed.
    """
    by_name = {limit.name: limit for limit in limits}
    target, latency = by_name.pop("accuracy", None), by_name.pop("latency", None)
    counted, options = [*by_name.values()], Options.of(inputs, answer)
    reaches = _reaching(options, target) if target else None
    fitting, larger = _fitting(options, counted, reaches)
    trained = [option for option in options.trained if not _over(option.row, counted)]
    if target and reaches:
        enough = _timed([option for option in trained if reaches(option)], latency, measure)
        choice = _smallest(inputs, fitting, target, reaches, [option for option, _ in enough])
        return _fast_and_accurate(fitting, choice, enough, target, latency, measure)
    over = _over(larger.row, counted) if larger else ()
    choice = Choice(fitting[-1], over, larger.row if larger else None)
    choice = _fast_enough(fitting, choice, latency, measure) if latency else choice
    rivals = [option for option in trained if _rivals(option, choice.option)]
    return _best_measured(choice, _timed(rivals, latency, measure))


def _timed(
    options: Sequence[Option], latency: Limit | None, measure: Measure
) -> list[tuple[Option, float | None]]:
    """Return the options within a latency, with theirs; None where it was not asked for."""
    if latency is None:
        return [(option, None) for option in options]
    times = [(option, measure(option.network)) for option in options]
    return [(option, seconds) for option, seconds in times if seconds <= latency.value]


def _reaching(options: Options, target: Limit) -> Reaches:
    """Return what says whether a network reaches an accuracy.

    A forecast is of validation images, a measurement of test images where they were read. So a
    forecast counts only above the validation accuracy of trained networks that miss the target.
    """
    rows = [row for line in options.rows.values() for row in line if row.trained]
    missed = [row for row in rows if (amount_of("accuracy", row) or 0.0) < target.value]
    most = max((row.validation.value for row in missed if row.validation), default=0.0)

    def reaches(option: Option) -> bool:
        amount = amount_of("accuracy", option.row) or 0.0
        return amount >= target.value and (option.row.trained or amount > most)

    return reaches


def _fast_and_accurate(
    fitting: Sequence[Option],
    choice: Choice,
    enough: Sequence[tuple[Option, float | None]],
    target: Limit,
    latency: Limit | None,
    measure: Measure,
) -> Choice:
    """Return the cheapest network that reaches an accuracy within a latency, if there is one.

    `enough`: the trained networks that do both, with their latencies. SpecError: none does.
    """
    seconds = next((time for option, time in enough if option is choice.option), None)
    if latency is None or seconds is not None:
        return replace(choice, latency=seconds)
    timed = _fast_enough(fitting, choice, latency, measure)
    if timed.option is choice.option:
        return timed
    if not enough:
        raise none_reaches(target, timed.option.row)
    option, seconds = min(enough, key=lambda pair: pair[0].row.ratio)
    return Choice(option, ("accuracy",), latency=seconds, instead=choice.option.row)


def _fitting(
    options: Options, limits: Sequence[Limit], reaches: Reaches | None
) -> tuple[list[Option], Option | None]:
    """Return a network within limits at each phi, and the first beyond them; None at the end.

    They end too where one reaches the accuracy that is asked for.
    """
    fitting: list[Option] = []
    larger: Option | None = None
    for step in options.steps():
        within = [option for option in step if not _over(option.row, limits)]
        reaching = [option for option in within if reaches and reaches(option)]
        if within:
            best = min(reaching, key=lambda option: option.row.ratio, default=within[0])
            fitting, larger = [*fitting, best], None
            if reaching:
                break
            continue
        larger = larger or step[0]
        if _over(step[0].row, limits, HOPELESS):
            break
    if not fitting and larger:
        raise none_fits(_over(larger.row, limits)[0], larger.row)
    return fitting, larger


def _rivals(trained: Option, choice: Option) -> bool:
    """Whether a trained network has scored as much as is expected of one that is not trained."""
    scored, expected = trained.row.validation, choice.row.accuracy
    if choice.row.trained or scored is None or expected is None:
        return False
    return scored.value >= expected.value


def _best_measured(choice: Choice, rivals: Sequence[tuple[Option, float | None]]) -> Choice:
    """Return the best of the trained networks that rival a forecast; else the choice as it is."""
    if not rivals:
        return choice
    scores = [(pair[0].row.validation.value, pair) for pair in rivals if pair[0].row.validation]
    option, seconds = max(scores, key=lambda scored: scored[0])[1]
    return replace(choice, option=option, latency=seconds, instead=choice.option.row)


def _over(row: AnswerRow, limits: Sequence[Limit], times: float = 1.0) -> tuple[LimitName, ...]:
    """Return the limits that a network exceeds so many times."""
    return tuple(limit.name for limit in limits if _exceeds(row, limit, times))


def _exceeds(row: AnswerRow, limit: Limit, times: float) -> bool:
    amount = amount_of(limit.name, row)
    return amount is None or amount > times * limit.value


def _smallest(
    inputs: AnswerInputs,
    fitting: Sequence[Option],
    target: Limit,
    reaches: Reaches,
    trained: Sequence[Option],
) -> Choice:
    """Return the cheapest network that reaches an accuracy or is expected to.

    Of `fitting` it is the last, if any; `trained` are those of other ways.
    """
    reached = [option for option in (*fitting, *trained) if option.row.accuracy]
    if not reached:
        raise none_predicted(inputs.stored.record.spec.name)
    enough = [option for option in (*fitting[-1:], *trained) if reaches(option)]
    if not enough:
        raise none_reaches(target, _best_below(reached, target).row)
    cheapest = min(enough, key=lambda option: option.row.ratio)
    last = cheapest is fitting[-1]
    smaller = fitting[-2].row if last and len(fitting) > 1 else None
    return Choice(cheapest, ("accuracy",), smaller, instead=None if last else fitting[-1].row)


def _best_below(options: Sequence[Option], target: Limit) -> Option:
    """Return the network that comes nearest to an accuracy from below; else the best."""
    amounts = [(amount_of("accuracy", option.row) or 0.0, option) for option in options]
    below = [pair for pair in amounts if pair[0] < target.value]
    return max(below or amounts, key=lambda pair: pair[0])[1]


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
    law = Options.of(inputs, answer).law(row.way)
    if row.trained:
        return beyond(answer.rows, row, law, inputs.images)
    return expected_doubling(law, row.ratio, inputs.images)
