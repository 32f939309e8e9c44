"""Errors averaged over unknown floors."""

import numpy as np
import pytest

from compound.orchestrator.scale.leveling import leveling

RATIOS = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]


def curve(floor: float, exponent: float) -> np.ndarray:
    return floor + (0.4 - floor) * np.array(RATIOS) ** -exponent


def test_a_pure_law_is_nearly_followed():
    found = leveling(RATIOS, curve(0.0, 0.3), np.ones(6))
    assert found.probabilities.sum() == pytest.approx(1)
    assert found.at(4.0) == pytest.approx(0.4 * 4**-0.3, rel=0.01)
    assert found.at(256.0) == pytest.approx(0.4 * 256**-0.3, rel=0.12)


def test_a_plain_floor_is_seen():
    found = leveling(RATIOS, curve(0.1, 1.0), np.ones(6))
    assert found.at(1000.0) > 0.075
    assert found.probabilities[:, 0].sum() < 0.2


def test_errors_fall_with_cost_whatever_was_measured():
    found = leveling(RATIOS, np.array([0.1, 0.5, 0.2, 0.9, 0.3, 0.4]), np.ones(6))
    errors = [found.at(ratio) for ratio in np.geomspace(1e-3, 1e6, 40)]
    assert errors == sorted(errors, reverse=True)
    assert all(0 < error <= 1 for error in errors)
