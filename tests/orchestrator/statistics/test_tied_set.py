"""Comparisons of candidates with noises of their own: how often they err, and as properties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from compound.orchestrator.statistics.critical_value import many_to_one
from compound.orchestrator.statistics.tied_set import Comparison

MEANS = st.lists(st.floats(-2, 2), min_size=3, max_size=7)


def even(means: list[float], variance: float = 0.01, df: float = 20) -> Comparison:
    size = len(means)
    return Comparison(np.array(means), np.full(size, variance), np.full(size, df), 0.9)


def test_with_one_noise_that_is_known_critical_values_are_dunnetts() -> None:
    comparison = even([0.0] * 6, df=1e6)
    value = comparison.critical(0, [1, 2, 3, 4, 5], 0.9)
    assert value == pytest.approx(many_to_one(6, 1_000_000, 0.9), rel=0.03)


def test_one_difference_has_welchs_degrees_of_freedom() -> None:
    comparison = Comparison(np.zeros(2), np.array([0.04, 0.01]), np.array([4.0, 8.0]), 0.9)
    freedom = 0.05**2 / (0.04**2 / 4 + 0.01**2 / 8)
    assert comparison.critical(0, [1], 0.95) == pytest.approx(stats.t.ppf(0.95, freedom), rel=0.05)


@settings(max_examples=30, deadline=None)
@given(means=MEANS)
def test_the_tied_set_has_the_best_and_all_above_any_member_where_noise_is_even(means) -> None:
    tied = even(means).tied
    assert int(np.argmax(means)) in tied
    lowest = min(means[i] for i in tied)
    assert {i for i, mean in enumerate(means) if mean > lowest} <= set(tied)


@settings(max_examples=30, deadline=None)
@given(means=MEANS, data=st.data())
def test_whoever_is_proven_leaves_no_rival_tied(means, data) -> None:
    split = data.draw(st.integers(1, len(means) - 1))
    mixes, rivals = list(range(split)), list(range(split, len(means)))
    comparison = even(means)
    proven = comparison.proven(mixes, rivals)
    assert set(proven) <= set(mixes)
    if proven:
        assert not set(rivals) & set(comparison.tied)


def test_a_noisy_mix_is_proven_no_more_often_than_the_level_allows() -> None:
    """A mix five times as noisy as the controls, and as good: of 400 studies 5 % may err."""
    rng, false = np.random.default_rng(3), 0
    sds = np.array([1.0, 1.0, 5.0, 1.0])
    for _ in range(400):
        scores = rng.normal(0, sds[:, None], (4, 4))
        variances = scores.var(axis=1, ddof=1) / 4
        comparison = Comparison(scores.mean(axis=1), variances, np.full(4, 3.0), 0.9)
        false += bool(comparison.proven([2, 3], [0, 1]))
    assert false <= 0.08 * 400
