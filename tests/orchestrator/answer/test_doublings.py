"""What a doubling brings: arithmetic where it is plain, and never an impossible number."""

from math import log2

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compound.orchestrator.answer.doublings import expected_doubling, measured_doubling
from compound.orchestrator.scale.power_law import fit
from compound.schemas.answer import Reached
from compound.schemas.power_law import LawPoint

ACCURACY = st.floats(0, 1)


def reached(value: float, below: float = 0.01, above: float = 0.01) -> Reached:
    return Reached(value=value, low=value - below, high=value + above, part="validation", seeds=3)


def test_two_doublings_bring_half_of_the_difference_each():
    doubling = measured_doubling(reached(0.8), reached(0.86), (1.0, 4.0), 5000)
    assert doubling is not None and doubling.worth is True
    assert doubling.gain == pytest.approx(0.03)
    half_width = 0.5 * (2 * 0.01**2) ** 0.5
    assert (doubling.low, doubling.high) == pytest.approx((0.03 - half_width, 0.03 + half_width))


def test_uneven_sides_go_to_the_ends_that_they_move():
    doubling = measured_doubling(
        reached(0.8, below=0.03, above=0.01),
        reached(0.82, below=0.02, above=0.04),
        (1.0, 2.0),
        5000,
    )
    assert doubling is not None and doubling.worth is False
    assert doubling.low == pytest.approx(0.02 - (0.02**2 + 0.01**2) ** 0.5)
    assert doubling.high == pytest.approx(0.02 + (0.04**2 + 0.03**2) ** 0.5)


def test_networks_of_one_cost_have_no_doubling_between_them():
    assert measured_doubling(reached(0.8), reached(0.9), (2.0, 2.0), 5000) is None


def test_without_an_interval_it_is_not_known_whether_it_is_worth_it():
    bare = Reached(value=0.8, part="validation", seeds=1)
    doubling = measured_doubling(bare, reached(0.9), (1.0, 3.0), 5000)
    assert doubling is not None and doubling.worth is None and doubling.low is None


@settings(max_examples=200, deadline=None)
@given(
    values=st.lists(ACCURACY, min_size=6, max_size=6),
    ratio=st.floats(1.001, 64),
    images=st.integers(20, 10_000),
)
def test_no_gain_leads_below_0_or_above_100_percent(values, ratio, images):
    low, middle, high = sorted(values[:3])
    smaller = Reached(value=middle, low=low, high=high, part="validation", seeds=2)
    low, middle, high = sorted(values[3:])
    larger = Reached(value=middle, low=low, high=high, part="validation", seeds=2)
    doubling = measured_doubling(smaller, larger, (1.0, ratio), images)
    assert doubling is not None and doubling.low is not None and doubling.high is not None
    assert doubling.low <= doubling.gain <= doubling.high
    assert 0 <= smaller.value + doubling.gain <= 1
    if ratio < 2:
        assert smaller.value + doubling.low >= 0 and smaller.value + doubling.high <= 1


def test_a_part_of_a_doubling_joins_a_whole_one():
    part, whole = (
        measured_doubling(reached(0.8), reached(0.86), (1.0, ratio), 5000) for ratio in (1.9999, 2)
    )
    assert part is not None and whole is not None
    assert part.gain == pytest.approx(whole.gain, abs=1e-4)


def test_a_law_brings_less_than_the_fall_of_its_error():
    errors = {1.0: (0.4, 0.41), 2.0: (0.3, 0.29), 4.0: (0.21, 0.22), 8.0: (0.16, 0.155)}
    points = [LawPoint(phi=log2(r), ratio=r, errors=e) for r, e in errors.items()]
    law = fit(points, [], 0.9, floor=1e-4)
    doubling = expected_doubling(law, 8.0, 5000)
    assert doubling is not None and doubling.high is not None
    assert 0.01 < doubling.gain < 0.05 and doubling.gain < doubling.high
    assert doubling.low == 0.0, "errors may level off beyond the largest network"
    assert doubling.worth is None, "a prediction decides nothing"


def test_no_law_expects_nothing():
    rising = [LawPoint(phi=log2(r), ratio=r, errors=(0.1 * r,)) for r in (1.0, 2.0, 4.0)]
    assert expected_doubling(None, 2.0, 500) is None
    assert expected_doubling(fit(rising, [], 0.9, floor=1e-4), 4.0, 500) is None
    assert expected_doubling(fit(rising[:2], [], 0.9, floor=1e-4), 2.0, 500) is None
