"""Pooled noise and critical values: against scipy, and as properties."""

import numpy as np
import pytest
from hypothesis import strategies as st
from scipy import stats

from compound.orchestrator.statistics.critical_value import many_to_one
from compound.orchestrator.statistics.noise import Noise, pooled, residual

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


@pytest.mark.parametrize(("groups", "df"), [(3, 4), (5, 8), (9, 40)])
def test_critical_value_agrees_with_scipys_multivariate_t(groups, df):
    value = many_to_one(groups, df, 0.9)
    shape = np.full((groups - 1, groups - 1), 0.5) + 0.5 * np.eye(groups - 1)
    together = stats.multivariate_t(shape=shape, df=df, seed=1)
    assert together.cdf([value] * (groups - 1)) == pytest.approx(0.9, abs=2e-3)


def test_critical_value_of_two_groups_is_students():
    assert many_to_one(2, 6, 0.95) == pytest.approx(stats.t.ppf(0.95, 6), abs=2e-3)


def test_critical_value_grows_with_groups_and_level():
    values = [many_to_one(groups, 20, 0.9) for groups in (2, 3, 10, 100, 1000)]
    assert values == sorted(values)
    assert many_to_one(5, 20, 0.95) > many_to_one(5, 20, 0.9)
