"""The accuracy of a network of the line, and its interval.

Means and intervals are computed on log odds, as the verdict's. A network's variance between seeds
is its own, moderated by the search's (Smyth 2004, section 4): a family has mostly one seed each,
which shows no noise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, variance

import numpy as np
from scipy import special

from compound.orchestrator.answer.choice_line import LineNetwork
from compound.orchestrator.answer.doublings import ROUNDING
from compound.orchestrator.statistics.log_odds import accuracy, log_odds, rounding_variance
from compound.orchestrator.statistics.moderated_variance import MOST_PRIOR
from compound.schemas.answer import Reached
from compound.schemas.final_evaluation import FinalTest, NetworkScore
from compound.schemas.job import JobResult
from compound.schemas.metrics import ACCURACY
from compound.schemas.verdict import Standing, Verdict


@dataclass(frozen=True)
class SeedNoise:
    """The variance of one score on log odds, and the degrees of freedom of its estimate."""

    variance: float
    df: float


def search_noise(verdict: Verdict | None, images: int) -> SeedNoise | None:
    """Return the noise of the search's contenders; None where no candidate has two scores."""
    if verdict is None or verdict.noise is None:
        return None
    chosen = next((s for s in verdict.standings if s.candidate == verdict.chosen), None)
    df = sum(max(len(standing.scores) - 1, 0) for standing in verdict.standings)
    if chosen is None or chosen.mean is None or not df:
        return None
    # The verdict's noise is in accuracy; the derivative of log odds is 1 / (p (1 - p)).
    slope = max(chosen.mean * (1 - chosen.mean), 0.5 / images)
    return SeedNoise((verdict.noise / slope) ** 2, min(float(df), MOST_PRIOR))


def scores_of(entry: LineNetwork, results: Mapping[str, JobResult]) -> list[float]:
    """Return the validation accuracies of its jobs that are done; collapsed runs are left out."""
    if entry.standing:
        return list(entry.standing.scores)
    if entry.scores:
        return list(entry.scores)
    ended = [results.get(job.request.job.id) for job in entry.jobs]
    done = [result for result in ended if result and result.status == "done"]
    return [result.metrics[ACCURACY] for result in done if ACCURACY in result.metrics]


def validation(
    scores: Sequence[float], noise: SeedNoise | None, images: int, level: float
) -> Reached | None:
    """Return the mean of scores with the interval of the noise between seeds; None without any."""
    if not scores:
        return None
    mean, odds = fmean(scores), log_odds(scores, images)
    own = _moderated(odds.tolist(), noise, images)
    if own is None:
        return Reached(value=mean, part="validation", seeds=len(scores))
    half = _times(own.df, level) * (own.variance / len(scores)) ** 0.5
    middle = float(log_odds(mean, images))
    low, high = accuracy([middle - half, middle + half]).tolist()
    return Reached(
        value=mean,
        low=min(low, mean),
        high=max(high, mean),
        part="validation",
        seeds=len(scores),
    )


def _moderated(odds: Sequence[float], noise: SeedNoise | None, images: int) -> SeedNoise | None:
    """Return the variance of a network's scores, with what the search's lend to it."""
    df = len(odds) - 1
    own = variance(odds) if df else 0.0
    lent = noise or SeedNoise(0.0, 0.0)
    freedom = df + lent.df
    if not freedom:
        return None
    pooled = (df * own + lent.df * lent.variance) / freedom
    least = float(rounding_variance(np.array([fmean(odds)]), images)[0])
    return SeedNoise(max(pooled, least), freedom)


def _times(df: float, level: float) -> float:
    return float(special.stdtrit(df, (1 + level) / 2))


def worth_of_choice(
    verdict: Verdict | None, standing: Standing | None, images: int
) -> Reached | None:
    """Return the accuracy to expect of the choice: its mean is too high, since it was chosen."""
    if verdict is None or standing is None or standing.candidate != verdict.chosen:
        return None
    worth = verdict.worth
    if worth is None or not standing.scores:
        return None
    # Worth is computed on log odds, which leave half an image to 0 and 1.
    mean, half = fmean(standing.scores), 0.5 / images
    edge = abs(min(max(mean, half), 1 - half) - worth.value) < ROUNDING
    value = mean if edge else worth.value
    ends = {"low": min(worth.low, value), "high": max(worth.high, value)}
    return Reached(value=value, **ends, part="validation", seeds=len(standing.scores))


def covers_images(verdict: Verdict | None) -> bool:
    """Whether the intervals of a verdict allow for other images already."""
    doubt = verdict.images if verdict else None
    return doubt is not None and doubt.error is not None


def with_images(reached: Reached, images: int, level: float) -> Reached:
    """Return an accuracy with what the choice of so many images adds to its interval.

    Both parts are independent, so half-widths on log odds add as squares.
    """
    if reached.low is None or reached.high is None:
        return reached
    value = min(max(reached.value, 0.5 / images), 1 - 0.5 / images)
    sd = (images * value * (1 - value)) ** -0.5
    part = float(special.ndtri((1 + level) / 2)) * sd
    low, middle, high = log_odds([reached.low, reached.value, reached.high], images).tolist()
    ends = [middle - np.hypot(middle - low, part), middle + np.hypot(high - middle, part)]
    lower, upper = accuracy(ends).tolist()
    update = {"low": min(lower, reached.value), "high": max(upper, reached.value)}
    return reached.model_copy(update=update)


def tested(entry: LineNetwork, final: FinalTest | None) -> Reached | None:
    """Return the test accuracy of a network; None where it was not read, or is of other images."""
    if final is None or final.outdated:
        return None
    jobs = {job.request.job.id for job in entry.jobs}
    scores = [score for score in final.networks if _is_of(score, entry, jobs)]
    best = max(scores, key=lambda score: len(score.seeds), default=None)
    if best is None or best.accuracy is None:
        return None
    seeds = len(best.seeds)
    return Reached(value=best.accuracy, low=best.low, high=best.high, part="test", seeds=seeds)


def _is_of(score: NetworkScore, entry: LineNetwork, jobs: set[str]) -> bool:
    same = score.network == entry.network.id and score.accuracy is not None
    return same and all(seed.job in jobs for seed in score.seeds)
