"""Which learning rate the baseline trains best at, and whether the spec's is as good."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log2, sqrt

from scipy import special

from compound.orchestrator.statistics.log_odds import log_odds
from compound.orchestrator.wording.numbers import percent, points
from compound.schemas.job import JobResult
from compound.schemas.metrics import ACCURACY
from compound.schemas.outcomes.recipe_check import RateScore, RecipeCheck
from compound.schemas.plan import Plan, PlannedJob
from compound.schemas.recipe import rate_of
from compound.schemas.study import StudySpec

FALSE_WARNINGS = 0.05
"""Of studies whose rate is as good as the others."""


def check_recipe(spec: StudySpec, plan: Plan, results: Mapping[str, JobResult]) -> RecipeCheck:
    """Compare the rates that the baseline was trained at, on log odds, where the noise is even.

    With `learning_rate: auto` the best is taken; of rates that are within a standard error of it
    the one nearest to the usual. Otherwise the spec's stays, and a warning says where another is
    better by more than the noise: a t test with Bonferroni's correction for the number of rates.
    """
    rates = tuple(_rates(spec, plan.rate_jobs, results))
    compared = _compared(rates, plan.data.validation)
    automatic = spec.search.train.learning_rate == "auto"
    chosen = compared.nearest_best() if automatic else 1.0
    return RecipeCheck(
        jobs=tuple(planned.request.job.id for planned in plan.rate_jobs),
        rates=rates,
        noise=compared.noise_of_best(),
        noise_of="images" if compared.of_images else "seeds",
        multiple=chosen,
        sentence=_sentence(rates, chosen, compared),
        warning="" if automatic else _warning(rates, compared),
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


@dataclass(frozen=True)
class _Compared:
    """The means of the rates that trained all their seeds, on log odds, by their multiple."""

    means: Mapping[float, float]
    deviation: float
    """Between two seeds at one rate, on log odds."""
    freedom: int
    """Degrees of freedom of the deviation; 0: each rate has one seed, which shows no noise."""
    seeds: int
    of_images: bool
    """Whether the deviation is what so many validation images leave open, not that of seeds."""

    @property
    def best(self) -> float:
        """The multiple with the highest mean."""
        return max(self.means, key=lambda multiple: self.means[multiple])

    def nearest_best(self) -> float:
        """Return the best; of those within a standard error of it the nearest to 1."""
        if not self.means:
            return 1.0
        least = self.means[self.best] - self.deviation / sqrt(self.seeds)
        near = [multiple for multiple, mean in self.means.items() if mean >= least]
        return min(near, key=lambda multiple: (abs(log2(multiple)), -self.means[multiple]))

    def noise_of_best(self) -> float | None:
        """Return the deviation as a part of 1, at the best rate's accuracy; None without any."""
        if not self.means:
            return None
        mean = float(special.expit(self.means[self.best]))
        return self.deviation * mean * (1 - mean)

    def better(self) -> bool:
        """Whether the best is better than the spec's own by more than the noise."""
        part = 1 - FALSE_WARNINGS / max(1, len(self.means) - 1)
        value = special.stdtrit(self.freedom, part) if self.freedom else special.ndtri(part)
        least = float(value) * self.deviation * sqrt(2 / self.seeds)
        return self.means[self.best] - self.means[1.0] > least


def _compared(rates: Sequence[RateScore], images: int) -> _Compared:
    """Pool the noise over the rates; it is at least what so many validation images leave open."""
    odds = {r.multiple: log_odds(r.scores, images) for r in rates if r.mean is not None}
    several = [values for values in odds.values() if len(values) > 1]
    freedom = sum(len(values) - 1 for values in several)
    squares = sum((len(values) - 1) * float(values.var(ddof=1)) for values in several)
    means = {multiple: float(values.mean()) for multiple, values in odds.items()}
    best = float(special.expit(max(means.values(), default=0.0)))
    least = 1 / (images * max(best * (1 - best), 0.5 / images))
    pooled = squares / freedom if freedom else 0.0
    seeds = max(map(len, odds.values()), default=1)
    return _Compared(means, sqrt(max(pooled, least)), freedom, seeds, pooled <= least)


def _warning(rates: Sequence[RateScore], compared: _Compared) -> str:
    if not compared.means:
        return ""
    own, best = (_of_multiple(rates, multiple) for multiple in (1.0, compared.best))
    remedy = f"set train.learning_rate to {best.rate:g}, or to auto"
    if own.mean is None or best.mean is None:
        return f"the baseline did not train to its end at the spec's learning rate: {remedy}"
    if not compared.better():
        return ""
    return (
        f"at {best.multiple:g}x the learning rate the baseline gains "
        f"{points(best.mean - own.mean)} points ({percent(own.mean)} to {percent(best.mean)}): "
        f"{remedy}"
    )


def _noise(compared: _Compared) -> str:
    """Say how uncertain an accuracy is, and what makes it so."""
    size = f"+- {points(compared.noise_of_best() or 0.0)} points"
    if not compared.of_images:
        return f"{size} between seeds"
    of_images = f"{size} from the number of validation images alone"
    return f"{of_images}: one seed shows no noise" if not compared.freedom else of_images


def _of_multiple(rates: Sequence[RateScore], multiple: float) -> RateScore:
    return next(score for score in rates if score.multiple == multiple)


def _sentence(rates: Sequence[RateScore], chosen: float, compared: _Compared) -> str:
    if not compared.means:
        return "recipe check: the baseline trained to its end at none of the learning rates"
    listed = ", ".join(
        f"{score.rate:g}: {'failed' if score.mean is None else percent(score.mean)}"
        for score in rates
    )
    ends = (rates[0].multiple, rates[-1].multiple)
    at_end = ", the last that was tried" if chosen in ends else ""
    return (
        f"recipe check: the baseline by learning rate, {listed} ({_noise(compared)}); "
        f"trained at {_of_multiple(rates, chosen).rate:g}{at_end}"
    )
