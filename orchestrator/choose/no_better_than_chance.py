"""What a search says where no network has learned more than guessing knows."""

from collections.abc import Sequence

from compound.orchestrator.analyse.chance import Chance
from compound.orchestrator.analyse.scores import CandidateScores
from compound.orchestrator.plan.rate_jobs import rate_key, usual_rate
from compound.orchestrator.wording.names import triple
from compound.orchestrator.wording.numbers import percent
from compound.schemas.data import DataInfo
from compound.schemas.recipe import rate_of
from compound.schemas.study import StudySpec
from compound.schemas.verdict import Verdict

FEW = 4.0
"""Times the usual learning rate within which a rate is not called too high or too low."""


def unless_guessed(
    verdict: Verdict, spec: StudySpec, data: DataInfo, entries: Sequence[CandidateScores]
) -> Verdict:
    """Return a verdict; that there is none where no entry, the baseline's among them, is better
    than chance."""
    means, chance = [entry.mean for entry in entries if entry.scores], Chance.of(data)
    if verdict.chosen is None or not chance.explains(means, verdict.level):
        return verdict
    return _without_choice(verdict, spec, chance, means)


def _without_choice(
    verdict: Verdict, spec: StudySpec, chance: Chance, means: Sequence[float]
) -> Verdict:
    """Return the verdict that there is none, with what to change as its first warning.

    The candidate that the family is scaled by stays: a longer recipe may learn, and a study goes to
    its end as it was planned.
    """
    assert verdict.coefficients
    warning = _warning(spec, chance, means)
    text = f"{chance.text[0].upper()}{chance.text[1:]}"
    return verdict.model_copy(
        update={
            "chance": chance.text,
            "gain": None,
            "outcome": "no verdict",
            "sentence": f"No verdict on compound scaling: {chance.text}.",
            "reason": "No choice is recommended. Where the study goes on, it scales by "
            f"{triple(verdict.coefficients)}, which is as good as any other.",
            "beside": "",
            "warnings": (warning, *verdict.warnings),
            "optimum": None,
            "no_optimum": f"{text}.",
            "predictions": (),
        }
    )


def _warning(spec: StudySpec, chance: Chance, means: Sequence[float]) -> str:
    best = f"the best reaches {percent(max(means))}, guessing {chance.written}"
    if chance.is_above(means, spec.search.level):
        return (
            f"No network is better than chance: {best}. They are below chance, so the labels of "
            "training and validation do not agree: check the labels."
        )
    return f"No network is better than chance: {best}. {remedy(spec)}."


def remedy(spec: StudySpec) -> str:
    """Say what may make networks learn."""
    recipe, key = spec.search.train, rate_key(spec)
    rate, usual = rate_of(recipe), usual_rate(recipe)
    verb = "Lower" if rate > FEW * usual else "Raise" if rate < usual / FEW else "Change"
    return f"{verb} {key} (now {rate:g}; {usual:g} is usual), train longer, or check the labels"


def rate_setting(spec: StudySpec) -> str:
    """Return the setting of the usual learning rate, where the spec's is far from it; else ""."""
    rate, usual = rate_of(spec.search.train), usual_rate(spec.search.train)
    return "" if usual / FEW <= rate <= FEW * usual else f"{rate_key(spec)}={usual:g}"
