"""Means and noises of candidates: collapsed runs, moderated variances, seeds as blocks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from compound.orchestrator.statistics.collapsed_runs import collapsed
from compound.orchestrator.statistics.estimates import estimate
from compound.orchestrator.statistics.held_out_seed import held_out_mean, worth
from compound.orchestrator.statistics.log_odds import accuracy, log_odds
from compound.orchestrator.statistics.moderated_variance import inverse_trigamma, moderated

IMAGES = 10_000


@settings(max_examples=50, deadline=None)
@given(value=st.floats(0, 1), images=st.integers(2, 100_000))
def test_log_odds_are_finite_and_come_back(value: float, images: int) -> None:
    back = float(accuracy(log_odds(value, images)))
    assert 0 < back < 1
    assert back == pytest.approx(min(max(value, 0.5 / images), 1 - 0.5 / images), abs=1e-9)


@pytest.mark.parametrize(
    ("scores", "seeds"),
    [
        ({0: 0.9, 1: 0.91, 2: 0.1}, (2,)),
        ({0: 0.9, 1: 0.12, 2: 0.1}, (1, 2)),
        ({0: 0.1, 1: 0.1, 2: 0.1}, ()),
        ({0: 0.9, 1: 0.7, 2: 0.5}, ()),
        ({0: 0.2, 1: 0.1}, (1,)),
        ({0: 0.9}, ()),
        ({}, ()),
    ],
)
def test_a_run_near_chance_beside_one_that_learned_has_collapsed(scores, seeds) -> None:
    assert collapsed(scores, classes=10) == seeds


@pytest.mark.parametrize("x", [1e-3, 0.3, 1.0, 7.0, 1e4])
def test_trigamma_is_inverted(x: float) -> None:
    assert inverse_trigamma(float(special.polygamma(1, x))) == pytest.approx(x, rel=1e-6)


def test_even_noises_are_pooled_and_uneven_ones_keep_their_own() -> None:
    rng = np.random.default_rng(0)
    df, means = np.full(200, 4.0), np.zeros(200)
    even = moderated(rng.chisquare(4, 200) / 4, df, means)
    assert even.variances.std() < 0.5 * (rng.chisquare(4, 200) / 4).std()
    assert np.all(even.df > 6)
    spread = np.exp(rng.normal(0, 3, 200))
    uneven = moderated(spread * rng.chisquare(4, 200) / 4, df, means)
    assert np.corrcoef(np.log(uneven.variances), np.log(spread))[0, 1] > 0.85
    assert np.all(uneven.df < 5)


def test_noise_that_grows_as_means_fall_is_followed() -> None:
    rng = np.random.default_rng(1)
    means = np.linspace(0, 2, 100)
    truth = np.exp(2 - 2 * means)
    fitted = moderated(truth * rng.chisquare(2, 100) / 2, np.full(100, 2.0), means).variances
    assert np.abs(np.log(fitted / truth)).mean() < 0.5


def test_what_a_seed_adds_to_all_is_in_no_difference_but_in_every_mean() -> None:
    rng = np.random.default_rng(2)
    seeds = rng.normal(0, 1, 5)
    scores = np.linspace(0, 1, 8)[:, None] + seeds + rng.normal(0, 0.05, (8, 5))
    result = estimate(scores, IMAGES)
    assert result is not None
    assert np.sqrt(result.variances).max() < 0.15
    assert result.seed_variance == pytest.approx(seeds.var(ddof=1) / 5, rel=0.1)
    assert result.means - result.means[0] == pytest.approx(np.linspace(0, 1, 8), abs=0.1)


def test_gaps_leave_every_candidate_a_noise() -> None:
    scores = np.random.default_rng(3).normal(0, 0.1, (6, 3))
    scores[0, 1:] = np.nan
    scores[1, 2] = np.nan
    result = estimate(scores, IMAGES)
    assert result is not None
    assert result.counts.tolist() == [1, 2, 3, 3, 3, 3]
    assert np.all(result.variances > 0) and np.all(np.isfinite(result.df))
    assert estimate(scores[:, :1], IMAGES) is None


def test_scores_without_any_spread_have_the_noise_of_rounding() -> None:
    result = estimate(log_odds([[0.9] * 3] * 4, 100), 100)
    assert result is not None
    slope = 0.9 * 0.1
    assert 1 <= float(np.sqrt(result.variances[0])) * slope * 100 * 12**0.5 <= 2


def test_intervals_of_means_hold_the_truth_candidate_by_candidate() -> None:
    """Noise grows fivefold as accuracy falls; 300 studies of 8 candidates and 3 seeds."""
    rng, truth = np.random.default_rng(4), np.linspace(0.6, 0.8, 8)
    sds = 0.01 * 5 ** ((0.8 - truth) / 0.2)
    held = np.zeros(8)
    for _ in range(300):
        scores = truth[:, None] + rng.normal(0, sds[:, None], (8, 3)) + rng.normal(0, 0.005, 3)
        result = estimate(log_odds(scores, IMAGES), IMAGES)
        assert result is not None
        half = special.stdtrit(result.df, 0.95)
        half *= np.sqrt(result.mean_variances + result.seed_variance)
        low, high = accuracy(result.means - half), accuracy(result.means + half)
        held += (low <= truth) & (truth <= high)
    assert np.all(held / 300 >= 0.83) and 0.86 <= held.mean() / 300 <= 0.95


def test_the_best_of_equals_is_worth_what_all_are_worth() -> None:
    rng, errors, below, above = np.random.default_rng(5), [], 0, 0
    for _ in range(300):
        scores = rng.normal(0, 1, (8, 3))
        result = estimate(scores, IMAGES)
        assert result is not None
        chosen = int(result.means.argmax())
        held_out = held_out_mean(scores, np.zeros(8), np.arange(8))
        expected = worth(result, chosen, held_out, 8, 0.9)
        errors.append(expected.value)
        below, above = below + (expected.low > 0), above + (expected.high < 0)
    assert abs(float(np.mean(errors))) < 0.2, "the highest mean alone is 0.8 too high"
    assert below / 300 <= 0.08 and above / 300 <= 0.08
