"""McNemar's test: the textbook's numbers with one seed, every sign flipped with several."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from compound.orchestrator.statistics.mcnemar import mid_p


def only(first: int, second: int, both: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Return one seed each: images that only the first, only the second, or both get right."""
    left = np.array([[True] * first + [False] * second + [True] * both])
    right = np.array([[False] * first + [True] * second + [True] * both])
    return left, right


@settings(max_examples=50, deadline=None)
@given(first=st.integers(0, 40), second=st.integers(0, 40))
def test_with_one_seed_it_is_the_binomials_mid_p(first: int, second: int) -> None:
    if not first + second:
        assert mid_p(*only(0, 0)) == 1
        return
    exact = stats.binomtest(first, first + second).pvalue
    seen = stats.binom.pmf(first, first + second, 0.5)
    expected = 1 - seen / 2 if first == second else exact - seen
    assert mid_p(*only(first, second)) == pytest.approx(expected, abs=1e-12)


def test_the_published_example() -> None:
    """Bentur et al. 2009, as in Fagerland et al. 2013, table 1: 1 and 7 discordant pairs."""
    assert mid_p(*only(1, 7)) == pytest.approx(0.0391, abs=1e-4)


def test_over_seeds_it_counts_all_signs() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.random((2, 3, 9)) < np.array([0.8, 0.5])[:, None, None]
    differences = first.sum(axis=0) - second.sum(axis=0).astype(int)
    seen = abs(differences.sum())
    sums = np.array([abs((np.array(s) * differences).sum()) for s in product((-1, 1), repeat=9)])
    assert mid_p(first, second) == pytest.approx(np.mean(sums > seen) + np.mean(sums == seen) / 2)
    assert mid_p(first, second) == mid_p(second, first)


def test_equal_networks_are_told_apart_as_often_as_it_says() -> None:
    rng, rejected = np.random.default_rng(1), 0
    for _ in range(400):
        hard = rng.random(100)
        rejected += mid_p(*(rng.random((2, 3, 100)) < hard)) < 0.1
    assert rejected / 400 == pytest.approx(0.1, abs=0.04)


def test_many_images_take_no_time_to_speak_of() -> None:
    rng = np.random.default_rng(2)
    first, second = rng.random((2, 10, 50_000)) < 0.8
    assert 0 <= mid_p(first, second) <= 1
    assert mid_p(first, second & (rng.random((10, 50_000)) < 0.9)) < 1e-9
