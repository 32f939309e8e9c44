"""Rank correlation between two conditions: against scipy, as properties, and in simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from compound.orchestrator.statistics.noise import Noise
from compound.orchestrator.statistics.rank_correlation import correlation, tau_b, tau_of_signs

SCORE = st.integers(0, 20).map(lambda value: value / 20)
SIDE = st.lists(st.lists(SCORE, min_size=1, max_size=3), min_size=3, max_size=7)
BOTH = SIDE.flatmap(
    lambda side: st.tuples(
        st.just(side),
        st.lists(st.lists(SCORE, min_size=1, max_size=3), min_size=len(side), max_size=len(side)),
    )
)


def signs(values: np.ndarray) -> np.ndarray:
    first, second = np.triu_indices(len(values), 1)
    return np.sign(values[first] - values[second])


@settings(max_examples=60, deadline=None)
@given(pairs=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=2, max_size=12))
def test_tau_by_signs_is_scipys(pairs):
    first, second = np.array(pairs, dtype=np.float64).T
    expected = stats.kendalltau(first, second).statistic
    tau = float(tau_of_signs(signs(first), signs(second)))
    assert tau == pytest.approx(0.0 if np.isnan(expected) else expected)
    assert tau_b(first, second) == pytest.approx(tau)


@settings(max_examples=30, deadline=None)
@given(both=BOTH, level=st.sampled_from([0.8, 0.9, 0.95]))
def test_interval_holds_the_estimate_and_is_an_interval_of_correlations(both, level):
    result = correlation(*both, level)
    assert result is not None
    assert -1 <= result.low <= result.tau <= result.high <= 1
    assert result.candidates == len(both[0])
    assert result.level == level


@settings(max_examples=20, deadline=None)
@given(both=BOTH, data=st.data())
def test_order_of_the_candidates_does_not_matter(both, data):
    order = data.draw(st.permutations(range(len(both[0]))))
    shuffled = [[side[position] for position in order] for side in both]
    assert correlation(*both, 0.9) == correlation(*shuffled, 0.9)


@settings(max_examples=20, deadline=None)
@given(both=BOTH)
def test_the_higher_the_level_the_wider_the_interval(both):
    narrow, wide = (correlation(*both, level) for level in (0.8, 0.95))
    assert narrow and wide
    assert wide.low <= narrow.low + 1e-12 and narrow.high <= wide.high + 1e-12


def test_fewer_than_three_candidates_with_scores_on_both_sides_have_no_answer():
    assert correlation([], [], 0.9) is None
    assert correlation([[0.1], [0.2]], [[0.1], [0.2]], 0.9) is None
    assert correlation([[0.1], [0.2], [0.3]], [[0.1], [], [0.3]], 0.9) is None


def test_a_candidate_without_a_score_on_one_side_is_left_out():
    scores = [[0.1, 0.11], [0.2, 0.21], [0.3, 0.31], [0.9]]
    result = correlation(scores, [*scores[:3], []], 0.9)
    assert result == correlation(scores[:3], scores[:3], 0.9)


def test_one_score_each_says_nothing_about_the_true_order():
    result = correlation([[0.1], [0.2], [0.3]], [[0.4], [0.5], [0.6]], 0.9)
    assert result is not None
    assert (result.tau, result.low, result.high) == (1.0, -1.0, 1.0)


def test_noise_known_on_one_side_stands_for_the_other():
    single = [[mean] for mean in (0.1, 0.2, 0.3, 0.4)]
    spread = [[mean - 0.002, mean + 0.001] for mean in (0.1, 0.2, 0.3, 0.4)]
    for result in (correlation(single, spread, 0.9), correlation(spread, single, 0.9)):
        assert result is not None
        assert result.tau == 1
        assert result.low > 0.5


def test_noise_may_come_from_the_seeds_of_somebody_else():
    single = [[mean] for mean in (0.1, 0.2, 0.3, 0.4)]
    near, far = (
        correlation(single, single, 0.9, fallback=(Noise(sd, 5), None)) for sd in (0.001, 1)
    )
    assert near and far
    assert near.low == 1 and far.low < 0


def test_clear_orders_are_sure_and_ties_are_not():
    clear = [[mean, mean + 0.001, mean + 0.002] for mean in (0.1, 0.2, 0.3, 0.4)]
    same, turned = correlation(clear, clear, 0.9), correlation(clear, clear[::-1], 0.9)
    assert same and turned
    assert (same.tau, same.low, same.high) == (1, 1, 1)
    assert (turned.tau, turned.low, turned.high) == (-1, -1, -1)
    tied = [[0.5, 0.52, 0.48], [0.51, 0.49, 0.5], [0.5, 0.5, 0.53]]
    vague = correlation(tied, tied[::-1], 0.9)
    assert vague is not None
    assert vague.low < 0 < vague.high


def test_scores_without_any_order_have_no_correlation():
    level = [[0.5, 0.5]] * 4
    result = correlation(level, [[mean, mean] for mean in (0.1, 0.2, 0.3, 0.4)], 0.9)
    assert result is not None
    assert result.tau == 0


def test_a_floor_keeps_scores_that_happen_to_agree_from_being_certain():
    near = [[mean, mean] for mean in (0.500, 0.501, 0.502)]
    sure, careful = correlation(near, near, 0.9), correlation(near, near, 0.9, floor=0.002)
    assert sure and careful
    assert sure.low == 1 and careful.low < 0


def test_thousands_of_candidates_take_a_sample_of_pairs():
    rng = np.random.default_rng(0)
    means = rng.normal(0.5, 0.1, 3000)
    scores = [(mean + rng.normal(0, 0.001, 2)).tolist() for mean in means]
    result = correlation(scores, scores, 0.9)
    assert result is not None
    assert result.tau == 1 and result.low > 0.95


def covered(truth: np.ndarray, second: np.ndarray, noise: float, studies: int) -> float:
    rng = np.random.default_rng(3)
    inside = 0
    true = tau_b(truth, second)
    for _ in range(studies):
        early, late = (m[:, None] + rng.normal(0, noise, (len(m), 3)) for m in (truth, second))
        result = correlation(early.tolist(), late.tolist(), 0.9)
        assert result is not None
        inside += result.low <= true <= result.high
    return inside / studies


@pytest.mark.parametrize("noise", [0.002, 0.01, 0.03])
def test_intervals_hold_the_true_tau_at_least_as_often_as_they_say(noise):
    truth = np.array([0.70, 0.71, 0.72, 0.74, 0.75, 0.77])
    for second in (truth + 0.1, truth[::-1], truth[[1, 0, 2, 5, 4, 3]]):
        assert covered(truth, second, noise, 60) >= 0.85
