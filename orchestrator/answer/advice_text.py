"""Advice in words: the network, why it is this one, what was measured, and what to type next."""

import shlex
from collections.abc import Iterator, Sequence

from compound.orchestrator.answer.advice_limits import amount_of, written
from compound.orchestrator.answer.advise import Choice
from compound.orchestrator.answer.answer_text import (
    FAR,
    beyond_text,
    following_phi,
    network_text,
)
from compound.orchestrator.wording.commands import command
from compound.schemas.answer import Answer, AnswerRow, Doubling, Limit, LimitName
from compound.schemas.study import AnySpec


def sentence(answer: Answer, choice: Choice, beyond: Doubling | None) -> str:
    """Return the network with its cost and accuracy, and what a doubling beyond it brings."""
    row = choice.option.row
    following = following_phi(answer, row) if row.trained else None
    unknown = "" if row.accuracy else "its accuracy is not known: no power law predicts it"
    far = "a prediction far beyond the data" if is_far(answer, row) else ""
    parts = (network_text(answer, row), unknown, far, beyond_text(beyond, following))
    return f"{'; '.join(filter(None, parts))}."


def is_far(answer: Answer, row: AnswerRow) -> bool:
    """Whether a network that is not trained costs many times what the largest trained one does."""
    largest = max((r.ratio for r in answer.rows if r.trained), default=row.ratio)
    return not row.trained and row.ratio > FAR * largest


def why(limits: Sequence[Limit], choice: Choice) -> str:
    """Say which limit decides, and what the next network of the line would take."""
    row = choice.neighbour
    if row is None and choice.binding == ("accuracy",):
        return "the smallest network of the line reaches the accuracy"
    if row is None or not choice.binding:
        return "no limit binds: it is the largest network of the line that can be built here"
    if choice.binding == ("accuracy",):
        reaches = _amount("accuracy", choice) or "an unknown accuracy"
        return f"{_limits(limits, choice)} decides: phi {row.phi:g}, the next smaller, {reaches}"
    names = [name for name in choice.binding if name != "accuracy"]
    texts = " and ".join(filter(None, (_amount(name, choice) for name in names)))
    verb = "decides" if len(names) == 1 else "decide"
    return f"{_limits(limits, choice)} {verb}: phi {row.phi:g}, the next larger, takes {texts}"


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
    if choice.option.row.trained:
        yield from answer.notes


def _beyond_worth(answer: Answer, row: AnswerRow) -> Iterator[str]:
    """Say which smaller network is as good, as far as the study can tell."""
    best = answer.row
    larger = [r for r in answer.rows if best and r.trained and r.ratio > best.ratio]
    if best and larger and row.ratio > best.ratio:
        yield (
            f"phi {best.phi:g} is the largest network that is shown to be worth its cost: what "
            "larger ones bring, this study cannot tell from noise"
        )


def training_command(spec: AnySpec, typed: str, phi: float) -> str:
    """Return the command that trains the network at phi; `typed`: what the study was run with.

    A study trains it beside its family; one scaled variant becomes a variant of another name.
    """
    if spec.search:
        phis = sorted({*spec.phis, phi})
        return _with_settings(typed, [f"family.phi=[{', '.join(f'{p:g}' for p in phis)}]"])
    suffix = f"{phi:g}".replace(".", "-").replace("--", "-m")
    settings = [f"phi={phi:g}", f"name={spec.name[:48]}-phi{suffix}"]
    return _with_settings(typed, settings)


def _with_settings(typed: str, settings: Sequence[str]) -> str:
    """Return a typed `compound run` with settings, in place of earlier ones of the same keys."""
    words = shlex.split(typed) if typed and "--plan" not in typed else []
    if words[:2] != ["compound", "run"]:
        return command("run", ("SPEC",), settings)
    keys = {setting.partition("=")[0] for setting in settings}
    for position in range(len(words) - 2, 1, -1):
        if words[position] == "--set" and words[position + 1].partition("=")[0].strip() in keys:
            del words[position : position + 2]
    added = [word for setting in settings for word in ("--set", setting)]
    return " ".join(map(shlex.quote, [*words, *added]))
