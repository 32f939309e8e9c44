"""Noise, critical values and comparisons: against scipy, and as properties."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from compound.orchestrator.statistics.noise import Noise, mean_interval, pooled, residual, total
from compound.orchestrator.statistics.tied_set import Comparison, many_to_one

SCORE = st.floats(0.0, 1.0).map(lambda value: round(value, 4))
TABLE = st.tuples(st.integers(2, 6), st.integers(2, 4)).flatmap(
    lambda shape: st.lists(
        st.lists(SCORE, min_size=shape[1], max_size=shape[1]),
        min_size=shape[0],
        max_size=shape[0],
    )
)


def test_pooled_noise_by_hand():
    noise = pooled([[0.1, 0.3], [0.5, 0.5, 0.8], [0.9]])
    assert noise is not None
    assert noise.df == 3
    assert noise.sd == pytest.approx(((0.02 + 0.06) / 3) ** 0.5)
    assert pooled([[0.1], [0.2], []]) is None


def test_residual_is_what_an_additive_model_leaves():
    candidates, seeds = np.array([0.5, 0.6, 0.8]), np.array([0.0, 0.02, -0.05, 0.01])
    assert residual(candidates[:, None] + seeds).sd == pytest.approx(0, abs=1e-12)
    noise = residual([[0.0, 0.1], [0.1, 0.0]])
    assert noise == Noise(pytest.approx(0.1), 1)


@settings(max_examples=40, deadline=None)
@given(table=TABLE)
def test_total_noise_is_the_pooled_one_on_fewer_degrees_of_freedom(table):
    noise, within = total(table), pooled(table)
    assert within is not None
    assert noise.sd == pytest.approx(within.sd, abs=1e-9)
    assert len(table[0]) - 1 <= noise.df <= within.df


def test_where_luck_is_shared_by_all_only_the_seeds_count():
    seed_effect = np.array([-0.1, 0.0, 0.1])
    assert total((np.linspace(0.3, 0.6, 8)[:, None] + seed_effect).tolist()) == Noise(
        pytest.approx(0.1), 2
    )
    opposed = [[0.1, 0.2], [0.2, 0.1]]
    assert total(opposed).df == 1


@pytest.mark.parametrize(("groups", "df"), [(3, 4), (5, 8), (9, 40)])
def test_critical_value_agrees_with_scipys_multivariate_t(groups, df):
    value = many_to_one([3] * groups, df, 0.9)
    shape = np.full((groups - 1, groups - 1), 0.5) + 0.5 * np.eye(groups - 1)
    together = stats.multivariate_t(shape=shape, df=df, seed=1)
    assert together.cdf([value] * (groups - 1)) == pytest.approx(0.9, abs=2e-3)


def test_critical_value_of_two_groups_is_students():
    assert many_to_one([4, 4], 6, 0.95) == pytest.approx(stats.t.ppf(0.95, 6), abs=2e-3)


def test_critical_value_grows_with_groups_and_level():
    values = [many_to_one([3] * groups, 20, 0.9) for groups in (2, 3, 10, 100, 1000)]
    assert values == sorted(values)
    assert many_to_one([3] * 5, 20, 0.95) > many_to_one([3] * 5, 20, 0.9)


def test_unequal_counts_hold_the_level_whichever_group_is_the_reference():
    counts, rng = np.array([2, 3, 3, 5]), np.random.default_rng(7)
    value = many_to_one(counts.tolist(), 9, 0.9)
    means = rng.normal(size=(40_000, 4)) / np.sqrt(counts)
    deviation = np.sqrt(rng.chisquare(9, size=40_000) / 9)
    for reference in range(4):
        rest = np.arange(4) != reference
        spread = np.sqrt(1 / counts + 1 / counts[reference])
        lead = (means - means[:, [reference]]) / (spread * deviation[:, None])
        assert np.mean(np.max(lead[:, rest], axis=1) <= value) > 0.893


def test_mean_interval_is_the_t_interval_and_stays_an_accuracy():
    half = stats.t.ppf(0.95, 10) * 0.02 / 3**0.5
    inside = mean_interval(0.5, 3, Noise(0.02, 10), 0.9)
    assert (inside.low, inside.high) == pytest.approx((0.5 - half, 0.5 + half))
    assert mean_interval(0.999, 3, Noise(0.02, 10), 0.9).high == 1.0


def test_margin_is_never_below_the_plain_two_sided_interval():
    for groups, seeds in product((2, 3, 4), (2, 3, 5)):
        noise = Noise(0.01, groups * (seeds - 1))
        comparison = Comparison.of([[0.5] * seeds] * groups, noise, 0.9)
        plain = stats.t.ppf(0.95, noise.df) * 0.01 * (2 / seeds) ** 0.5
        assert np.all(comparison.margin(0) >= plain - 1e-12)


@settings(max_examples=40, deadline=None)
@given(table=TABLE, shift=st.floats(-0.5, 0.5))
def test_comparisons_do_not_depend_on_the_level_of_the_scores(table, shift):
    noise = residual(table).at_least(1e-3)
    plain = Comparison.of(table, noise, 0.9)
    shifted = Comparison.of([[score + shift for score in row] for row in table], noise, 0.9)
    assert np.allclose(plain.margin(0), shifted.margin(0))
    gap = plain.means[0] - plain.means[1] - plain.margin(0, [1])
    assert gap == pytest.approx(
        shifted.means[0] - shifted.means[1] - shifted.margin(0, [1]), abs=1e-9
    )


@settings(max_examples=40, deadline=None)
@given(table=TABLE)
def test_tied_set_holds_the_best_and_everything_above_any_member(table):
    comparison = Comparison.of(table, residual(table).at_least(1e-3), 0.9)
    tied = set(comparison.tied())
    assert int(np.argmax(comparison.means)) in tied
    lowest = min(comparison.means[list(tied)])
    assert {i for i, mean in enumerate(comparison.means) if mean >= lowest} <= tied


@settings(max_examples=40, deadline=None)
@given(table=TABLE, data=st.data())
def test_whoever_is_proven_leaves_no_rival_tied(table, data):
    comparison = Comparison.of(table, residual(table).at_least(1e-3), 0.9)
    split = data.draw(st.integers(1, len(table) - 1))
    mixes, rivals = list(range(split)), list(range(split, len(table)))
    proven = comparison.proven(mixes, rivals, 0.05)
    assert set(proven) <= set(mixes)
    if proven:
        assert not set(rivals) & set(comparison.tied())
    stricter = comparison.proven(mixes, rivals, 0.01)
    assert set(stricter) <= set(proven)


def test_proven_errs_at_most_as_often_as_it_says_where_luck_has_most_room():
    rng, false, error = np.random.default_rng(5), 0, 0.05
    truth = np.array([0.0, -0.5, -0.5, *[0.0] * 8])
    noise = Noise(0.01, 20)
    critical = Comparison.of([[0.0] * 3] * len(truth), noise, 0.9).critical
    every = many_to_one([3] * 9, 20, 1 - error)
    for _ in range(4000):
        means = truth + rng.normal(0, 0.01 / 3**0.5, len(truth))
        sd = 0.01 * (rng.chisquare(20) / 20) ** 0.5
        lead = means[3:].max() - means[0]
        false += lead > max(critical, every) * sd * (2 / 3) ** 0.5
    assert 0.5 * error < false / 4000 < 1.2 * error
    table = Comparison(truth + 0.5, np.full(len(truth), 3.0), noise, critical)
    assert table.proven(list(range(3, 11)), [0, 1, 2], error) == []
    assert table.proven(list(range(3, 11)), [1, 2], error) == list(range(3, 11))
