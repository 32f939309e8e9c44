"""Why no network can be advised, with what is allowed."""

from math import ceil, floor, log10

from compound.orchestrator.answer.advice_limits import amount_of, option_of, written
from compound.orchestrator.answer.answer_text import place_text
from compound.orchestrator.answer.so_far import Work
from compound.orchestrator.wording.numbers import percent
from compound.schemas.answer import AnswerRow, Limit, LimitName
from compound.schemas.errors import SpecError


def none_fits(name: LimitName, smallest: AnswerRow, latency: float | None = None) -> SpecError:
    """Return the error for a limit that the smallest network of the line exceeds."""
    unit = smallest.training.unit if smallest.training else "GPU-hours"
    amount = amount_of(name, smallest, latency)
    least = written(name, _raised(amount), unit) if amount else "no such limit"
    return SpecError(
        "no network of the study's line is within the limit",
        where=option_of(name),
        allowed=f"{least} or more, which {place_text(smallest)} takes",
    )


def none_reaches(target: Limit, best: AnswerRow) -> SpecError:
    """Return the error for an accuracy that no network within the limits is expected to reach."""
    assert best.accuracy is not None
    reaches = "reaches" if best.trained else "is expected to reach"
    return SpecError(
        f"no network within the limits is expected to reach {written('accuracy', target.value)}",
        where=option_of("accuracy"),
        allowed=f"{percent(floor(1000 * best.accuracy.value) / 1000)} or less, which "
        f"{place_text(best)} {reaches}; only a power law predicts networks that are not trained",
    )


def none_predicted(study: str) -> SpecError:
    """Return the error for an accuracy where none is measured or predicted."""
    return SpecError(
        f"study {study} has no accuracy of any network on its line yet",
        where=option_of("accuracy"),
        allowed="the other limits, which are about cost alone",
    )


def nothing_chosen(study: str, work: Work, following: str) -> SpecError:
    """Return the error for a study that has no coefficients; `following` may bring it some."""
    done = f": {work.text}" if work.text else ", since no network of its search has a score"
    return SpecError(
        f"study {study} has chosen nothing to scale by{done}", where=study, next_step=following
    )


def none_learned(study: str, chance: str, following: str) -> SpecError:
    """Return the error for a study whose networks guess; `following` says what to change."""
    return SpecError(f"study {study} has no advice: {chance}", where=study, next_step=following)


def _raised(amount: float) -> float:
    """Return an amount rounded up to two digits: what is allowed, when typed, is enough."""
    unit = 10.0 ** (floor(log10(amount)) - 1)
    return ceil(amount / unit - 1e-9) * unit
