"""Advice in words: the network, why it is this one, what was measured, and what to type next."""

from collections.abc import Iterator, Sequence

from compound.orchestrator.answer.advice_limits import amount_of, written
from compound.orchestrator.answer.advise import Choice
from compound.orchestrator.answer.answer_text import (
    FAR,
    beside_choice,
    beyond_text,
    following_phi,
    multiple_text,
    network_text,
    place_text,
)
from compound.orchestrator.wording.commands import with_settings
from compound.orchestrator.wording.numbers import percent
from compound.schemas.answer import Answer, AnswerRow, Doubling, Limit, LimitName
from compound.schemas.study import AnySpec


def sentence(answer: Answer, choice: Choice, beyond: Doubling | None) -> str:
    """Return the network with its cost and accuracy, and what a doubling beyond it brings."""
    row = choice.option.row
    following = following_phi(answer, row) if row.trained else None
    unknown = "" if row.accuracy else "its accuracy is not known: no power law predicts it"
    far = "a prediction far beyond the data" if is_far(answer, row) else ""
    parts = (network_text(answer, row), unknown, far, beyond_text(beyond, following))
    return f"{'; '.join(filter(None, parts))}.{beside_choice(answer, row)}"


def is_far(answer: Answer, row: AnswerRow) -> bool:
    """Whether a network that is not trained costs many times what the largest trained one does."""
    largest = max((r.ratio for r in answer.rows if r.trained), default=row.ratio)
    return not row.trained and row.ratio > FAR * largest


def why(limits: Sequence[Limit], choice: Choice) -> str:
    """Say which limit decides, and what the next network of the line would take."""
    row = choice.neighbour
    if choice.instead:
        return _why_trained(limits, choice, choice.instead)
    if row is None and choice.binding == ("accuracy",):
        return "the smallest network of the line reaches the accuracy"
    if row is None or not choice.binding:
        return "no limit binds: it is the largest network of the line that can be built here"
    if choice.binding == ("accuracy",):
        reaches = _falls_short(limits, choice)
        return f"{_limits(limits, choice)} decides: {place_text(row)}, the next smaller, {reaches}"
    names = [name for name in choice.binding if name != "accuracy"]
    texts = " and ".join(filter(None, (_amount(name, choice) for name in names)))
    verb = "decides" if len(names) == 1 else "decide"
    return f"{_limits(limits, choice)} {verb}: {place_text(row)}, the next larger, takes {texts}"


def _falls_short(limits: Sequence[Limit], choice: Choice) -> str:
    """Say what the next smaller network reaches, and why that is not enough."""
    row, least = choice.neighbour, [limit.value for limit in limits if limit.name == "accuracy"]
    amount = amount_of("accuracy", row) if row else None
    text = _amount("accuracy", choice) or "an unknown accuracy"
    if amount is None or amount < least[0]:
        return text
    return (
        f"{text} on validation images, and trained networks that scored as much there miss it on "
        "test images"
    )


def _why_trained(limits: Sequence[Limit], choice: Choice, instead: AnswerRow) -> str:
    """Say that a trained network takes the place of a forecast, or of one that costs more."""
    line = " of the choice" if instead.way == "choice" else ""
    replaced = f"{place_text(instead)}{line}, {multiple_text(instead.ratio)}"
    if choice.binding == ("accuracy",):
        return f"{_limits(limits, choice)} decides: it is trained, and costs less than {replaced}"
    scored, expected = choice.option.row.validation, instead.accuracy
    assert scored and expected, "it took the place of a forecast"
    return (
        f"it is trained and scored {percent(scored.value)} on validation images; {replaced}, the "
        "largest recommended network within the limits, is not trained and expected to score "
        f"{percent(expected.value)}"
    )


def _limits(limits: Sequence[Limit], choice: Choice) -> str:
    named = [limit for limit in limits if limit.name in choice.binding]
    unit = _unit(choice.option.row)
    texts = " and ".join(written(limit.name, limit.value, unit) for limit in named)
    return f"the limit of {texts}" if len(named) == 1 else f"the limits of {texts}"


def _amount(name: LimitName, choice: Choice) -> str:
    """Return what the neighbour takes, or is expected to reach."""
    row = choice.neighbour
    amount = amount_of(name, row, choice.beside) if row else None
    if row is None or amount is None:
        return ""
    if name != "accuracy":
        return written(name, amount, _unit(row))
    expected = "reaches" if row.trained else "is expected to reach"
    return f"{expected} {written(name, amount)}"


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
    if choice.latency is not None:
        yield (
            f"latency: {1000 * choice.latency:.3g} ms, the median measured on this machine, of one "
            "image with one thread in float32"
        )
    if "accuracy" in names and len(names) > 1:
        yield "with --accuracy the smallest network that reaches it is taken, within the others"
    yield from _beyond_worth(answer, choice.option.row)


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


def training_command(spec: AnySpec, typed: str, phi: float) -> str:
    """Return the command that trains the network at phi; `typed`: what the study was run with.

    A study trains it beside its family; one scaled variant becomes a variant of another name.
    """
    if spec.search:
        phis = sorted({*spec.phis, phi})
        return with_settings(typed, [f"family.phi=[{', '.join(f'{p:g}' for p in phis)}]"])
    suffix = f"{phi:g}".replace(".", "-").replace("--", "-m")
    settings = [f"phi={phi:g}", f"name={spec.name[:48]}-phi{suffix}"]
    return with_settings(typed, settings)
