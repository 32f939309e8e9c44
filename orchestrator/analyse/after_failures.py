"""What to type after jobs have failed: only what can change how they end."""

from collections.abc import Iterator, Sequence

from compound.orchestrator.analyse.failed_jobs import Group
from compound.orchestrator.plan.rate_jobs import rate_key, usual_rate
from compound.orchestrator.wording.commands import commented, with_settings
from compound.schemas.outcomes.recipe_check import RecipeCheck
from compound.schemas.recipe import Recipe, rate_of
from compound.schemas.study import AnySpec

LOWER = 10.0
"""By what a learning rate is divided where the usual one, or a lower one, diverges."""
_FIRST = {"data": "once the data are those that were planned, "}
_TRAINS = "trains the failed jobs again"


def after_failures(
    groups: Sequence[Group],
    spec: AnySpec,
    typed: str,
    retry: str,
    check: RecipeCheck | None = None,
) -> list[str]:
    """Return the commands that help, each with what it does; nothing where no job has failed.

    A job that diverged ends so again, so its learning rate is lowered instead of a retry. `typed`
    ran the study, `retry` trains failed jobs again, `check`: at which rates the baseline trained.
    """
    return list(_after_failures(groups, spec, typed, retry, check))


def _after_failures(
    groups: Sequence[Group], spec: AnySpec, typed: str, retry: str, check: RecipeCheck | None
) -> Iterator[str]:
    diverged = [group for group in groups if group.kind == "diverged" and _counts(group)]
    if diverged:
        family = all({*group.phases} <= {"family"} for group in diverged)
        recipe = spec.train if family else spec.first_recipe
        key = "train.learning_rate" if family else rate_key(spec)
        setting = f"{key}={_lower(recipe, check):g}"
        lowered = with_settings(typed, [setting])
        yield commented(lowered, f"lowers {key} (now {rate_of(recipe):g})")
    repeatable = [group for group in groups if group.kind != "diverged"]
    if repeatable:
        first = next((_FIRST[group.kind] for group in repeatable if group.kind in _FIRST), "")
        yield commented(retry, f"{first}{_TRAINS}")


def _counts(group: Group) -> bool:
    """Whether jobs beside the recipe check have failed: there a divergence is an answer."""
    return {*group.phases} != {"recipe"}


def _lower(recipe: Recipe, check: RecipeCheck | None) -> float:
    """Return the best lower rate that the baseline trained at, else one that may train it."""
    rate = rate_of(recipe)
    lower = [score for score in check.rates if score.rate < rate] if check else []
    trained = {score.rate: score.mean for score in lower if score.mean is not None}
    if trained:
        return max(trained, key=lambda key: trained[key])
    return min(rate / LOWER, usual_rate(recipe))
