"""Which learning rate the baseline trains best at, and whether the spec's is as good."""

from collections.abc import Iterator, Mapping, Sequence
from math import log2, sqrt
from statistics import variance

from scipy import special

from compound.orchestrator.wording.numbers import percent, points
from compound.schemas.job import JobResult
from compound.schemas.metrics import ACCURACY
from compound.schemas.plan import Plan, PlannedJob
from compound.schemas.recipe import rate_of
from compound.schemas.study import StudySpec
from compound.schemas.verdict import RateScore, RecipeCheck

FALSE_WARNINGS = 0.05
"""Of studies whose rate is as good as the others."""


def check_recipe(spec: StudySpec, plan: Plan, results: Mapping[str, JobResult]) -> RecipeCheck:
    """Compare the rates that the baseline was trained at.

    With `learning_rate: auto` the best is taken; of rates that are within a standard error of it
    the one nearest to the usual. Otherwise the spec's stays, and a warning says where another is
    better by more than the noise: a t test with Bonferroni's correction for the number of rates.
    """
    rates = tuple(_rates(spec, plan.rate_jobs, results))
    noise, freedom = _noise(rates, plan.data.validation, 1 / len(plan.data.classes))
    automatic = spec.search.train.learning_rate == "auto"
    chosen = _chosen(rates, noise) if automatic else 1.0
    return RecipeCheck(
        jobs=tuple(planned.request.job.id for planned in plan.rate_jobs),
        rates=rates,
        noise=noise,
        multiple=chosen,
        sentence=_sentence(rates, chosen, noise),
        warning="" if automatic else _warning(rates, noise, freedom),
    )


def _rates(
    spec: StudySpec, jobs: Sequence[PlannedJob], results: Mapping[str, JobResult]
) -> Iterator[RateScore]:
    own = rate_of(spec.search.train)
    by_rate: dict[float, list[JobResult | None]] = {}
    for planned in jobs:
        trained = planned.request.job
        by_rate.setdefault(rate_of(trained.recipe), []).append(results.get(trained.id))
    for rate, ended in sorted(by_rate.items()):
        done = [result for result in ended if result and result.status == "done"]
        scores = tuple(result.metrics[ACCURACY] for result in done if ACCURACY in result.metrics)
        failed = len(ended) - len(scores)
        yield RateScore(multiple=rate / own, rate=rate, scores=scores, failed=failed)


def _noise(rates: Sequence[RateScore], images: int, chance: float) -> tuple[float, int]:
    """Return the deviation between seeds, pooled over the rates, and its degrees of freedom.

    Rates at which a seed has learned less than half of what the best has are left out: they are
    unstable. The deviation is at least what so many validation images leave open.
    """
    best = max((rate.mean for rate in rates if rate.mean is not None), default=0.0)
    stable = [rate.scores for rate in rates if min(rate.scores, default=0) > (chance + best) / 2]
    freedom = sum(len(scores) - 1 for scores in stable)
    squares = sum((len(scores) - 1) * variance(scores) for scores in stable if len(scores) > 1)
    pooled = squares / freedom if freedom else 0.0
    return sqrt(max(pooled, best * (1 - best) / images)), freedom


def _means(rates: Sequence[RateScore]) -> dict[float, float]:
    """Return the mean accuracy by multiple, of the rates that trained all their seeds."""
    return {rate.multiple: rate.mean for rate in rates if rate.mean is not None}


def _seeds(rates: Sequence[RateScore]) -> int:
    return max((len(rate.scores) for rate in rates), default=1)


def _chosen(rates: Sequence[RateScore], noise: float) -> float:
    """Return the best multiple; of those within a standard error of it the nearest to 1."""
    means = _means(rates)
    if not means:
        return 1.0
    least = max(means.values()) - noise / sqrt(_seeds(rates))
    near = [multiple for multiple, mean in means.items() if mean >= least]
    return min(near, key=lambda multiple: (abs(log2(multiple)), -means[multiple]))


def _warning(rates: Sequence[RateScore], noise: float, freedom: int) -> str:
    means = _means(rates)
    own = means.get(1.0)
    if not means:
        return ""
    best = max(means, key=lambda multiple: means[multiple])
    rate = next(score.rate for score in rates if score.multiple == best)
    remedy = f"set train.learning_rate to {rate:g}, or to auto"
    if own is None:
        return f"the baseline did not train to its end at the spec's learning rate: {remedy}"
    part = 1 - FALSE_WARNINGS / max(1, len(means) - 1)
    value = special.stdtrit(freedom, part) if freedom else special.ndtri(part)
    if means[best] - own <= value * noise * sqrt(2 / _seeds(rates)):
        return ""
    return (
        f"at {best:g}x the learning rate the baseline gains {points(means[best] - own)} points "
        f"({percent(own)} to {percent(means[best])}): {remedy}"
    )


def _sentence(rates: Sequence[RateScore], chosen: float, noise: float) -> str:
    if not _means(rates):
        return "recipe check: the baseline trained to its end at none of the learning rates"
    listed = ", ".join(
        f"{score.rate:g}: {'failed' if score.mean is None else percent(score.mean)}"
        for score in rates
    )
    rate = next((score.rate for score in rates if score.multiple == chosen), 0.0)
    ends = (rates[0].multiple, rates[-1].multiple)
    at_end = ", the last that was tried" if chosen in ends else ""
    return (
        f"recipe check: the baseline by learning rate, {listed} (+- {points(noise)} points between "
        f"seeds); trained at {rate:g}{at_end}"
    )
