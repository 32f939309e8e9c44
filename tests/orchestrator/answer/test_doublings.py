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


@pytest.mark.parametrize("ratio", [2.0, 2.05, 2.39])
def test_networks_of_about_one_cost_have_a_difference_and_no_doubling(ratio):
    doubling = measured_doubling(reached(0.8), reached(0.9), (2.0, ratio), 5000)
    assert doubling is not None and doubling.plain and doubling.gain == pytest.approx(0.1)
    further = measured_doubling(reached(0.8), reached(0.9), (2.0, 2.5), 5000)
    assert further is not None and not further.plain and further.gain > 0.1


@pytest.mark.parametrize("value", [0.0, 1.0, 0.8])
@pytest.mark.parametrize("ratio", [1.1, 1.8, 3.5])
def test_equal_scores_are_neither_worse_nor_worth_it(value, ratio):
    """The worth of a choice is computed on log odds, so it is half an image from 0 and 1."""
    half = 0.5 / 80
    worth = min(max(value, half), 1 - half)
    smaller = Reached(value=value, low=value * 0.9, high=value, part="validation", seeds=3)
    larger = Reached(value=worth, low=worth * 0.99, high=worth, part="validation", seeds=3)
    for pair in ((smaller, larger), (larger, smaller)):
        doubling = measured_doubling(*pair, (1.0, ratio), 80)
        assert doubling is not None and doubling.worth is False and doubling.gain == 0
        assert doubling.low is not None and doubling.high is not None
        assert doubling.low <= 0 <= doubling.high


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
    start = min(max(smaller.value, 0.5 / images), 1 - 0.5 / images)
    assert 0 <= start + doubling.gain <= 1
    if 1.2 <= ratio < 2:
        assert start + doubling.low >= 0 and start + doubling.high <= 1


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
