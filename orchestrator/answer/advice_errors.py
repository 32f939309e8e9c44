"""Why no network can be advised, with what is allowed."""

from collections.abc import Sequence
from math import ceil, floor, log10

from compound.orchestrator.answer.advice_limits import amount_of, option_of, written
from compound.orchestrator.answer.answer_text import place_text
from compound.orchestrator.answer.so_far import Work
from compound.orchestrator.wording.numbers import percent
from compound.schemas.answer import Answer, AnswerRow, Limit, LimitName
from compound.schemas.errors import SpecError


def none_fits(name: LimitName, smallest: AnswerRow, latency: float | None = None) -> SpecError:
    """Return the error for a limit that the smallest network of the line exceeds."""
    unit = smallest.training.unit if smallest.training else "GPU-hours"
    amount = amount_of(name, smallest, latency)
    least = _least(name, amount, unit) if amount else "no such limit"
    return SpecError(
        "no network of the study's line is within the limit",
        where=option_of(name),
        allowed=f"{least} or more, which {place_text(smallest)} takes",
    )


def none_reaches(target: Limit, best: AnswerRow) -> SpecError:
    """Return the error for an accuracy that no network within the limits is expected to reach."""
    assert best.score is not None
    reaches = "reaches" if best.trained else "is expected to reach"
    return SpecError(
        f"no network within the limits is expected to reach {written('accuracy', target.value)}",
        where=option_of("accuracy"),
        allowed=f"{percent(floor(1000 * best.score) / 1000)} or less, which {place_text(best)} "
        f"{reaches} on validation images; only a power law predicts networks that are not trained",
    )


def none_predicted(study: str) -> SpecError:
    """Return the error for an accuracy where none is measured or predicted."""
    return SpecError(
        f"study {study} has no accuracy of any network on its line yet",
        where=option_of("accuracy"),
        allowed="the other limits, which are about cost alone",
    )


def require_device(limits: Sequence[Limit], answer: Answer) -> None:
    """SpecError where CPU-hours are limited and the study trains on GPUs.

    Hours without a GPU are CPU-hours; advice says so where GPU-hours are asked for.
    """
    units = [row.training.unit for row in answer.rows if row.training]
    if "GPU-hours" in units[-1:] and any(limit.name == "cpu_hours" for limit in limits):
        raise SpecError(
            "the study's jobs train on GPUs, and its hours are GPU-hours",
            where=option_of("cpu_hours"),
            allowed=f"{option_of('gpu_hours')}",
        )


def nothing_chosen(study: str, work: Work, following: str) -> SpecError:
    """Return the error for a study that has no coefficients; `following` may bring it some."""
    done = f": {work.text}" if work.text else ", since no network of its search has a score"
    return SpecError(
        f"study {study} has chosen nothing to scale by{done}", where=study, next_step=following
    )


def _least(name: LimitName, amount: float, unit: str) -> str:
    """Write the smallest limit that is enough: a count as it is, all else with two digits."""
    if name in ("params", "macs"):
        return f"{round(amount):,} {'params' if name == 'params' else 'MACs'}"
    return written(name, _raised(amount), unit)


def none_learned(study: str, chance: str, following: str) -> SpecError:
    """Return the error for a study whose networks guess; `following` says what to change."""
    return SpecError(f"study {study} has no advice: {chance}", where=study, next_step=following)


def _raised(amount: float) -> float:
    """Return an amount rounded up to two digits: what is allowed, when typed, is enough."""
    unit = 10.0 ** (floor(log10(amount)) - 1)
    return ceil(amount / unit - 1e-9) * unit
