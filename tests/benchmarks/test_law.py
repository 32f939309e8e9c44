"""The power law's claims on simulated families; `python -m benchmarks.law` has the rest."""

import numpy as np
import pytest

from tests.support.simulated_families import TRUTHS, Family, simulate


def families(truth: str, count: int, studies: int = 120) -> list[Family]:
    rng = np.random.default_rng(11)
    return [simulate(rng, TRUTHS[truth], count, 3, 0.9) for _ in range(studies)]


@pytest.mark.parametrize("truth", ["floor 0 %", "floor 5 %"])
def test_intervals_hold_what_comes_and_warnings_are_rare(truth):
    seen = families(truth, 5)
    for step, least in (("+1", 0.88), ("+3", 0.80)):
        claims = [one.claims[step] for one in seen if step in one.claims]
        assert len(claims) > 0.95 * len(seen)
        assert np.mean([one.true for one in claims]) >= least
        assert np.mean([one.measured for one in claims]) >= least
        assert abs(np.mean([one.miss for one in claims])) < 1
    exponents = [one.claims["exponent"] for one in seen]
    assert np.mean([one.true for one in exponents]) >= 0.86
    assert abs(np.mean([one.miss for one in exponents])) < 1
    assert np.mean([one.warned for one in seen]) <= 0.1


def test_errors_that_level_off_are_warned_of_and_still_covered():
    seen = families("levels off", 6)
    assert np.mean([one.warned for one in seen]) > 0.7
    assert np.mean([one.claims["+3"].true for one in seen]) >= 0.9


def test_errors_that_rise_are_not_predicted():
    assert np.mean(["+1" in one.claims for one in families("rising", 5)]) < 0.05
