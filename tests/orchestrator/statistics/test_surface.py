"""The surface over the shares, and what selection does to an interval."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compound.orchestrator.statistics.noise import Noise
from compound.orchestrator.statistics.scheffe import Scheffe, basis
from compound.schemas.architecture import Shares


def lattice(degree: int) -> list[Shares]:
    return [
        Shares(depth=d / degree, width=w / degree, resolution=(degree - d - w) / degree)
        for d in range(degree + 1)
        for w in range(degree + 1 - d)
    ]


def split(shares: list[Shares]) -> np.ndarray:
    return np.array([entry.split for entry in shares])


@pytest.mark.parametrize(("degree", "columns"), [(4, 6), (3, 6), (2, 3), (1, 1)])
def test_the_surface_is_as_rich_as_the_candidates_allow(degree, columns):
    basis_columns = basis(lattice(degree)).columns
    assert basis_columns.shape[1] == columns
    assert np.allclose(basis_columns.T @ basis_columns, np.eye(columns))


def test_an_idle_axis_takes_its_terms_along_and_unknown_shares_leave_a_constant():
    line = [Shares(depth=i / 9, width=1 - i / 9, resolution=0) for i in range(10)]
    assert basis(line).columns.shape[1] == 3
    assert basis([None, *line]).columns.shape[1] == 1


def test_scores_on_a_quadratic_are_smoothed_onto_it():
    shares = lattice(4)
    truth = 0.8 - np.square(split(shares) - [0.2, 0.5, 0.3]).sum(axis=1)
    rng, noise = np.random.default_rng(1), Noise(0.05, 200)
    counts = np.full(len(truth), 3.0)
    raw, smooth = [], []
    for _ in range(50):
        means = truth + rng.normal(0, 0.05 / 3**0.5, len(truth))
        surface = Scheffe.fit(means, counts, noise, basis(shares))
        raw.append(np.square(means - truth).mean())
        smooth.append(np.square(surface.expected - truth).mean())
    assert np.mean(smooth) < 0.65 * np.mean(raw)


def test_candidates_that_follow_no_surface_keep_their_own_means():
    rng = np.random.default_rng(1)
    means = 0.8 + rng.normal(0, 0.1, 15)
    surface = Scheffe.fit(means, np.full(15, 3.0), Noise(0.005, 30), basis(lattice(4)))
    assert np.allclose(surface.expected, means, atol=0.003)
    assert np.all(surface.retained > 0.95)


@settings(max_examples=40, deadline=None)
@given(
    means=st.lists(st.floats(0, 1), min_size=10, max_size=10),
    shift=st.floats(-1, 1),
    counts=st.lists(st.integers(1, 5), min_size=10, max_size=10),
)
def test_smoothing_commutes_with_a_shift_and_stays_within_the_means(means, shift, counts):
    columns, noise = basis([None] * 10), Noise(0.01, 20)
    measured_means = np.array(means)
    plain = Scheffe.fit(measured_means, np.array(counts, dtype=float), noise, columns)
    shifted = Scheffe.fit(measured_means + shift, np.array(counts, dtype=float), noise, columns)
    assert np.allclose(plain.expected + shift, shifted.expected, atol=1e-6)
    assert (
        measured_means.min() - 1e-9
        <= plain.expected.min()
        <= plain.expected.max()
        <= measured_means.max() + 1e-9
    )


def test_a_kind_that_is_no_polynomial_is_refused():
    quadratic = basis(lattice(4))
    with pytest.raises(ValueError, match="no gaussian process polynomial"):
        replace(quadratic, kind="gaussian process").at(split(lattice(2)))
