"""Advice in words: the network, why it is this one, and what was measured."""

from collections.abc import Iterator, Sequence

from compound.orchestrator.answer.advice_limits import amount_of, written
from compound.orchestrator.answer.advise import Choice
from compound.orchestrator.answer.answer_text import (
    FAR,
    amount_text,
    beside_choice,
    beyond_text,
    details,
    multiple_text,
    network_text,
    place_text,
    sentences,
)
from compound.orchestrator.wording.numbers import percent
from compound.schemas.answer import Answer, AnswerRow, Doubling, Limit, LimitName


def sentence(
    answer: Answer, choice: Choice, beyond: Doubling | None, following: float | None = None
) -> str:
    """Return the network with its cost and accuracy, and what a doubling beyond it brings.

    `following`: the phi of the next trained network of its way.
    """
    row = choice.option.row
    unknown = "" if row.accuracy else "its accuracy is not known: no power law predicts it"
    far = "its accuracy is a prediction far beyond the data" if is_far(answer, row) else ""
    first, more = network_text(answer, row), details(answer, row)
    after = beyond_text(beyond, following)
    return sentences(first, more, unknown, far, after, beside_choice(answer, row))


def is_far(answer: Answer, row: AnswerRow) -> bool:
    """Whether an accuracy is predicted at many times the cost of the largest trained network."""
    largest = max((r.ratio for r in answer.rows if r.trained), default=row.ratio)
    predicted = row.accuracy is not None and row.accuracy.part == "law"
    return predicted and row.ratio > FAR * largest


def why(limits: Sequence[Limit], choice: Choice) -> str:
    """Say which limit decides, and what the next network of the line would take."""
    row, passed = choice.neighbour, choice.passed
    if choice.binding == ("accuracy",):
        return _why_accurate(limits, choice)
    if passed:
        return _why_passed(choice.option.row, passed)
    if row is None or not choice.binding:
        return f"no limit binds: it is the largest network that is considered; {choice.end}"
    texts = " and ".join(filter(None, (_amount(name, choice) for name in choice.binding)))
    verb = "decides" if len(choice.binding) == 1 else "decide"
    return f"{_limits(limits, choice)} {verb}: {place_text(row)}, the next larger, takes {texts}"


def _why_accurate(limits: Sequence[Limit], choice: Choice) -> str:
    """Say what the network reaches, and what the next smaller one does, on validation images."""
    row, smaller = choice.option.row, choice.neighbour
    reaches = f"{_limits(limits, choice)} decides: it {_scores(row)} on validation images"
    if smaller is None:
        return f"{reaches}, and no network is smaller"
    return f"{reaches}; {place_text(smaller)}, the next smaller, {_scores(smaller)}"


def _why_passed(row: AnswerRow, passed: AnswerRow) -> str:
    """Say that a network scores as much as the largest recommended one within the limits."""
    equal = row.score is None or passed.score is None or percent(row.score) == percent(passed.score)
    more = "is enough" if equal else "scores more"
    line = " of the choice" if passed.phi and passed.way == "choice" != row.way else ""
    return (
        f"{place_text(row)} {more}: it {_scores(row)} on validation images, and "
        f"{place_text(passed)}{line}, {multiple_text(passed.ratio)}, the largest recommended "
        f"network within the limits, {_scores(passed)}"
    )


def _scores(row: AnswerRow) -> str:
    """Return what a network scored on validation images, or is expected to."""
    if row.score is None:
        return "has an unknown accuracy"
    return f"{'scored' if row.trained else 'is expected to score'} {percent(row.score)}"


def _limits(limits: Sequence[Limit], choice: Choice) -> str:
    named = [limit for limit in limits if limit.name in choice.binding]
    unit = _unit(choice.option.row)
    texts = " and ".join(written(limit.name, limit.value, unit) for limit in named)
    return f"the limit of {texts}" if len(named) == 1 else f"the limits of {texts}"


def _amount(name: LimitName, choice: Choice) -> str:
    """Return what the neighbour takes."""
    row, beside = choice.neighbour, choice.beside
    amount = amount_of(name, row, beside.median if beside else None) if row else None
    return "" if row is None or amount is None else written(name, amount, _unit(row))


def _unit(row: AnswerRow) -> str:
    return row.training.unit if row.training else "GPU-hours"


def notes(answer: Answer, choice: Choice, limits: Sequence[Limit]) -> Iterator[str]:
    """Yield what was measured where, and what was guessed."""
    training, names = choice.option.row.training, {limit.name for limit in limits}
    if training and training.unit == "CPU-hours" and "gpu_hours" in names:
        yield f"hours are CPU-hours: the study's jobs have no GPU ({training.device})"
    elif training and training.device:
        yield f"hours are of {training.device}"
    if training and training.basis == "scaled":
        yield "hours are scaled from measured trainings of this study"
    if training and training.basis == "forecast":
        yield "hours are a forecast without any measured job, and may be wrong by a factor of three"
    yield from _slower(answer, choice.option.row)
    yield from _timed(choice)
    if "accuracy" in names and len(names) > 1:
        yield "with --accuracy the cheapest network that reaches it is taken, within the others"
    yield from _beyond_worth(answer, choice.option.row)


def _slower(answer: Answer, row: AnswerRow) -> Iterator[str]:
    """Name the smaller networks of the line whose measured training took longer."""
    hours = row.training.hours if row.training else float("inf")
    for r in answer.rows:
        cost = r.training if r.way == row.way and 0 < r.ratio < row.ratio else None
        if cost and cost.basis == "measured" and cost.hours > hours:
            yield (
                f"{place_text(r)} costs less and took {amount_text(cost.hours)} {cost.unit}, more "
                f"than the {amount_text(hours)} of this one: measured on a busy machine, so hours "
                "are uncertain by that much"
            )


UNSTEADY = 1.25
"""Times the first quartile of a latency from which on the third one is named as unsteady."""


def _timed(choice: Choice) -> Iterator[str]:
    """Say what was timed, and whether it can be trusted."""
    time = choice.latency
    if time is None:
        return
    low, middle, high = (f"{1000 * value:.3g}" for value in (time.low, time.median, time.high))
    yield (
        f"latency: {middle} ms, the median measured on this machine, of one image with one thread "
        f"in float32; half of the passes took {low} to {high} ms"
    )
    beside = [choice.beside] if choice.beside else []
    if any(t.high > UNSTEADY * t.low for t in (time, *beside)):
        yield (
            "the latency is unsteady, so other work may share the machine, and a second try may "
            "advise another network: measure on an idle machine"
        )


def _beyond_worth(answer: Answer, row: AnswerRow) -> Iterator[str]:
    """Say which smaller network is as good, as far as the study can tell."""
    best = answer.row
    same = [r for r in answer.rows if best and r.trained and r.way == best.way]
    larger = [r for r in same if best and r.ratio > best.ratio]
    if best and larger and row.ratio > best.ratio:
        yield (
            f"{place_text(best)} is the largest network that is shown to be worth its cost: what "
            "larger ones bring, this study cannot tell from noise"
        )
