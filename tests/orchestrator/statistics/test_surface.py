"""The quadratic surface over the shares."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compound.orchestrator.statistics.surface import SPARE, Surface, coefficients
from tests.support.shares_studies import PEAK, lattice

LATTICE = np.array([shares.split for shares in lattice(4)])
OTHERS = np.array([shares.split for shares in lattice(7)])
LINE = np.array([(i / 9, 1 - i / 9, 0.0) for i in range(10)])


def bowl(shares: np.ndarray) -> np.ndarray:
    return 1.5 - 4 * np.square(shares - PEAK).sum(axis=1)


def fitted(
    means: np.ndarray, shares: np.ndarray = LATTICE, variances: np.ndarray | float = 0.01
) -> Surface:
    surface = Surface.fit(shares, means, np.broadcast_to(variances, len(means)), 60.0)
    assert surface is not None
    return surface


def test_a_quadratic_is_predicted_exactly():
    surface = fitted(bowl(LATTICE))
    assert surface.lack_of_fit == 0
    assert surface.predicted(OTHERS).means == pytest.approx(bowl(OTHERS))
    assert surface.expected.means == pytest.approx(bowl(LATTICE))


def test_precise_candidates_count_more():
    noisy = bowl(LATTICE)
    noisy[3] += 2
    variances = np.full(len(LATTICE), 0.0001)
    variances[3] = 4.0
    exact = fitted(noisy, variances=variances).predicted(OTHERS).means
    assert exact == pytest.approx(bowl(OTHERS), abs=0.01)
    assert np.abs(fitted(noisy).predicted(OTHERS).means - bowl(OTHERS)).max() > 0.1


@pytest.mark.parametrize(("shares", "needed"), [(LATTICE, 6), (LINE, 3), (LATTICE[:1], 1)])
def test_a_quadratic_needs_a_coefficient_for_each_axis_and_pair(shares, needed):
    assert coefficients(shares) == needed


@pytest.mark.parametrize(("shares", "needed"), [(LATTICE, 10), (LINE, 7)])
def test_with_fewer_than_four_candidates_to_spare_there_is_no_surface(shares, needed):
    spread = shares[np.random.default_rng(0).permutation(len(shares))]
    for number in range(len(shares) + 1):
        surface = Surface.fit(spread[:number], bowl(spread[:number]), np.ones(number), 60.0)
        assert (surface is not None) == (number >= needed)
    assert SPARE == 4


def test_axes_that_are_scaled_a_little_only_need_their_coefficients_too():
    little = np.random.default_rng(0).dirichlet([1, 1, 400], 12)
    assert (little[:, :2] < 0.05).all()
    for number in range(1, 13):
        surface = Surface.fit(little[:number], np.zeros(number), np.ones(number), 60.0)
        assert surface is None or surface.columns.shape[1] + SPARE <= number
    assert surface is not None and coefficients(little) == 6


def test_shares_beyond_the_span_of_the_candidates_are_not_covered():
    surface = fitted(bowl(LINE), LINE)
    covered = surface.covers(OTHERS)
    assert covered.tolist() == (OTHERS[:, 2] == 0).tolist()
    assert surface.predicted(OTHERS[covered]).means == pytest.approx(bowl(OTHERS[covered]))
    assert fitted(bowl(LATTICE)).covers(OTHERS).all()


def test_lack_of_fit_is_found_widens_and_leaves_measured_means_alone():
    rng = np.random.default_rng(1)
    rough = bowl(LATTICE) + rng.normal(0, 1, len(LATTICE))
    smooth, surface = fitted(bowl(LATTICE)), fitted(rough)
    assert 0.3 < surface.lack_of_fit < 3
    assert np.abs(surface.expected.means - rough).max() < 0.1
    assert (surface.predicted(OTHERS).variances > smooth.predicted(OTHERS).variances + 0.3).all()
    assert (surface.predicted(OTHERS).df < 12).all()


def test_noise_is_smoothed_away():
    rng = np.random.default_rng(1)
    raw, smooth = [], []
    for _ in range(50):
        means = bowl(LATTICE) + rng.normal(0, 0.1, len(LATTICE))
        raw.append(np.square(means - bowl(LATTICE)).mean())
        smooth.append(np.square(fitted(means).expected.means - bowl(LATTICE)).mean())
    assert np.mean(smooth) < 0.65 * np.mean(raw)


def test_lack_of_fit_has_the_size_that_it_was_drawn_with():
    rng = np.random.default_rng(0)
    sizes = [
        fitted(bowl(LATTICE) + rng.normal(0, (0.01 + 0.04) ** 0.5, len(LATTICE))).lack_of_fit
        for _ in range(200)
    ]
    assert np.mean(sizes) == pytest.approx(0.04, rel=0.2)


@settings(max_examples=60, deadline=None)
@given(
    means=st.lists(st.floats(-12, 12), min_size=15, max_size=15),
    variances=st.lists(st.floats(1e-9, 10), min_size=15, max_size=15),
    shift=st.floats(-5, 5),
)
def test_any_means_give_finite_intervals_that_move_with_them(means, variances, shift):
    surface = fitted(np.array(means), variances=np.array(variances))
    moved = fitted(np.array(means) + shift, variances=np.array(variances))
    for expected, other in (
        (surface.predicted(OTHERS), moved.predicted(OTHERS)),
        (surface.expected, moved.expected),
    ):
        low, high = expected.ends(0.9)
        assert np.isfinite([low, high]).all()
        assert (low < expected.means).all() and (expected.means < high).all()
        assert other.means == pytest.approx(expected.means + shift, abs=1e-3)
    wide = surface.predicted(OTHERS).ends(0.9, 1.0)
    assert (wide[0] < surface.predicted(OTHERS).ends(0.9)[0]).all()
