"""How probably the best was promoted: against studies from the model, and where it is certain."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compound.orchestrator.statistics.promoted_best import Floats, Screening, best_promoted

NOISE, SHORT_NOISE, SEEDS, MIXES, AXES = 1.0, 0.8, 4, 16, 3


def study(seed: int, spread: float, slope: float, stray: float) -> tuple[Screening, Floats]:
    """Draw a study, and the true accuracies after its whole schedule."""
    rng = np.random.default_rng(seed)
    true_short = spread * rng.standard_normal(MIXES + AXES)
    truth = slope * true_short + stray * rng.standard_normal(MIXES + AXES)
    short = true_short + SHORT_NOISE * rng.standard_normal(MIXES + AXES)
    competed = np.arange(MIXES + AXES) < MIXES
    least = np.sort(short[competed])[-3]
    scores = truth + NOISE / SEEDS**0.5 * rng.standard_normal(MIXES + AXES)
    whole = np.where(~competed | (short >= least), scores, np.nan)
    variances = np.full(MIXES + AXES, NOISE**2 / SEEDS)
    errors = np.full(MIXES + AXES, SHORT_NOISE**2)
    return Screening(short, errors, 30, competed, whole, variances, NOISE), truth


@pytest.mark.parametrize(("spread", "slope", "stray"), [(1.5, 0.5, 0.2), (3, 1, 0.3), (1, 1, 0.1)])
def test_the_stated_rate_is_that_of_studies(spread: float, slope: float, stray: float) -> None:
    stated, true = [], []
    for seed in range(150):
        screening, truth = study(seed, spread, slope, stray)
        best = truth[screening.promoted].max()
        true.append(best >= truth.max() - NOISE / 2)
        stated.append(best_promoted(screening, NOISE / 2))
    assert np.mean(stated) == pytest.approx(np.mean(true), abs=0.06)


def test_where_all_were_promoted_so_was_the_best() -> None:
    screening, truth = study(1, 2.0, 1.0, 0.2)
    assert best_promoted(replace(screening, whole=truth)) == 1.0


def test_a_candidate_far_ahead_was_promoted_or_left_behind() -> None:
    screening, _ = study(2, 1.0, 1.0, 0.1)
    ahead, behind = screening.short.copy(), screening.short.copy()
    ahead[np.flatnonzero(screening.promoted)[0]] += 30
    behind[np.flatnonzero(~screening.promoted)[0]] += 30
    whole = np.where(screening.promoted, ahead, np.nan)
    assert best_promoted(replace(screening, short=ahead, whole=whole)) > 0.99
    whole = np.where(screening.promoted, behind, np.nan)
    assert best_promoted(replace(screening, short=behind, whole=whole)) < 0.2


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    spread=st.floats(0, 100),
    close=st.floats(0, 5),
    scale=st.floats(1e-3, 1e3),
)
def test_a_rate_is_a_probability_whatever_the_unit(
    seed: int, spread: float, close: float, scale: float
) -> None:
    screening, _ = study(seed, spread, 0.5, 0.2)
    rate = best_promoted(screening, close)
    assert 0 <= best_promoted(screening) <= rate <= 1
    other = replace(
        screening,
        short=screening.short * scale,
        short_variances=screening.short_variances * scale**2,
        whole=screening.whole * scale,
        whole_variances=screening.whole_variances * scale**2,
        noise=screening.noise * scale,
    )
    assert best_promoted(other, close * scale) == pytest.approx(rate, abs=0.02)
