"""The power law: recovered without noise, possible numbers whatever comes, checked step by step."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compound.orchestrator.scale.doubling import doubling
from compound.orchestrator.scale.power_law import band, fit
from compound.schemas.power_law import Law, LawPoint

FALLING = st.floats(0.02, 0.6)
SCALE = st.floats(0.05, 0.5)
RATIOS = st.lists(st.sampled_from([1, 2, 3, 5, 8, 16, 32, 64]), min_size=2, max_size=6, unique=True)
HALF_AN_IMAGE = 0.5 / 500
ANY_ERROR = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 1.0, 0.5, 0.002, 0.998]))


def exact(scale: float, exponent: float, ratios: list[int], seeds: int = 1) -> list[LawPoint]:
    return [
        LawPoint(phi=phi, ratio=ratio, errors=(scale * ratio**-exponent,) * seeds)
        for phi, ratio in enumerate(ratios)
    ]


def known(law: Law | None) -> Law:
    assert law is not None
    return law


@st.composite
def families(draw: st.DrawFn) -> list[LawPoint]:
    """Two to eight networks with one to five seeds, any errors, any costs, phi that repeat."""
    ratio = st.one_of(st.floats(0.05, 300), st.sampled_from([1.0, 1.0001, 2.0]))
    errors = st.lists(ANY_ERROR, min_size=1, max_size=5)
    return [
        LawPoint(
            phi=draw(st.sampled_from([0, 1, 2, 2.5, 7])), ratio=draw(ratio), errors=draw(errors)
        )
        for _ in range(draw(st.integers(2, 8)))
    ]


def check_possible(point: LawPoint) -> None:
    """Nothing is impossible: strict order, strictly inside of 0 and 1, and as accuracies too."""
    if point.low is not None:
        assert point.expected is not None and point.high is not None
        assert 0 < point.low < point.expected < point.high < 1
        assert 0 < 1 - point.high < 1 - point.expected < 1 - point.low < 1
    if point.expected is not None:
        assert 0 < point.expected < 1
    if point.worst is not None:
        assert 0 < point.worst < 1


@settings(max_examples=100, deadline=None)
@given(points=families(), ahead=st.floats(0.01, 1e4), floor=st.sampled_from([1e-9, HALF_AN_IMAGE]))
def test_no_number_is_impossible_whatever_the_errors(points, ahead, floor):
    law = fit(points, [(9, ahead), (10, 2 * ahead)], 0.9, floor)
    if law is None:
        return
    for point in law.points:
        check_possible(point)
    numbers = [law.scale, law.exponent, *(end for end in (law.low, law.high) if end is not None)]
    assert np.isfinite(numbers).all()
    assert law == Law.model_validate_json(law.model_dump_json())
    assert law.sentence.endswith(".") and "nan" not in law.sentence
    assert not re.search(r"-\d[\d.]* %|1\d\d\.\d+ %", law.sentence.replace("100.0", ""))
    for point in band(points, [0.5, 1.0, 3.0, 1000.0], 0.9, floor):
        check_possible(point)
    doubled = doubling(points, ahead, 0.9, floor)
    assert doubled is None or 0 <= doubled.low <= doubled.value <= doubled.high < 1
    step = law.last_step
    if step and step.low is not None:
        assert -1 <= step.low <= step.gain <= step.high <= 1


@settings(max_examples=60, deadline=None)
@given(scale=SCALE, exponent=FALLING, ratios=RATIOS, seeds=st.integers(1, 3))
def test_a_law_without_noise_is_recovered(scale, exponent, ratios, seeds):
    law = known(fit(exact(scale, exponent, ratios, seeds), [], 0.9))
    assert law.scale == pytest.approx(scale)
    assert law.exponent == pytest.approx(exponent, abs=1e-6)
    if law.low is not None:
        assert law.low == pytest.approx(exponent, abs=0.01) == law.high


@settings(max_examples=60, deadline=None)
@given(scale=SCALE, exponent=FALLING, ratios=RATIOS, further=st.floats(1.01, 50))
def test_a_prediction_reaches_from_the_law_to_no_gain_at_all(scale, exponent, ratios, further):
    points = exact(scale, exponent, ratios)
    ahead = max(ratios) * further
    point = known(fit(points, [(9, ahead)], 0.9)).points[-1]
    if len(ratios) > 2:
        assert point.low == pytest.approx(scale * ahead**-exponent, rel=0.01)
        assert point.high == pytest.approx(scale * max(ratios) ** -exponent, rel=0.01)
        assert point.high >= min(error for one in points for error in one.errors)


@settings(max_examples=30, deadline=None)
@given(data=st.data(), points=families())
def test_the_order_of_the_points_does_not_matter(data, points):
    law = fit(points, [(9, 400.0)], 0.9, HALF_AN_IMAGE)
    assert fit(data.draw(st.permutations(points)), [(9, 400.0)], 0.9, HALF_AN_IMAGE) == law


def test_fewer_than_two_networks_of_different_cost_have_no_law():
    assert fit([], [(1, 2.0)], 0.9) is None
    assert fit([LawPoint(phi=0, ratio=1, errors=(0.3,))], [(1, 2.0)], 0.9) is None
    same = [LawPoint(phi=phi, ratio=2.0, errors=(0.3,)) for phi in (1, 2)]
    assert fit(same, [], 0.9) is None
    almost = [LawPoint(phi=phi, ratio=2 + phi * 1e-6, errors=(0.3 - phi / 50,)) for phi in (1, 2)]
    assert fit(almost, [], 0.9) is None
    untrained = [LawPoint(phi=0, ratio=1, errors=(0.3,)), LawPoint(phi=1, ratio=2)]
    assert fit(untrained, [], 0.9) is None


@pytest.mark.parametrize("seeds", [1, 3])
def test_two_networks_predict_the_next_step_without_an_interval_and_no_further(seeds):
    errors = [tuple(error + 0.01 * seed for seed in range(seeds)) for error in (0.30, 0.25)]
    points = [LawPoint(phi=phi, ratio=2.0**phi, errors=errors[phi]) for phi in (0, 1)]
    law = known(fit(points, [(2, 4.0), (3, 8.0)], 0.9))
    near, far = law.points[2:]
    assert law.low is law.high is near.low is near.high is far.expected is None
    assert 0.19 < near.expected < 0.25


def test_errors_that_do_not_fall_are_not_extrapolated():
    points = exact(0.2, -0.1, [1, 2, 4])
    law = known(fit(points, [(3, 8.0)], 0.9))
    assert law.exponent == pytest.approx(-0.1)
    assert [point.expected for point in law.points] == [None] * 4
    assert band(points, [1.0, 8.0], 0.9) == []


def test_more_seeds_give_a_network_more_weight():
    points = exact(0.3, 0.2, [1, 2, 4])
    off = points[2].model_copy(update={"errors": (0.3,)})
    seeds = [0.8, 1.25] * 10
    often = [
        point.model_copy(update={"errors": tuple(point.errors[0] * one for one in seeds)})
        for point in points[:2]
    ]
    once = known(fit([*points[:2], off], [], 0.9)).exponent
    assert abs(known(fit([*often, off], [], 0.9)).exponent - 0.2) < abs(once - 0.2)


def test_every_step_is_compared_with_what_the_smaller_ones_predict():
    points = [
        LawPoint(phi=phi, ratio=2.0**phi, errors=(0.3 * 2 ** (-0.2 * phi) * factor,))
        for phi, factor in enumerate((1.0, 1.02, 0.99, 1.01))
    ]
    law = known(fit(points, [(4, 16.0)], 0.9))
    assert [point.checked for point in law.points] == [None, None, None, True, None]
    assert law.points[2].expected is not None and law.points[2].low is None
    alone = known(fit(points[:3], [(3, 8.0)], 0.9)).points[-1]
    assert law.points[3].expected == pytest.approx(alone.expected)
    assert (law.points[3].low, law.points[3].high) == pytest.approx((alone.low, alone.high))
    assert law.points[3].low < law.points[3].worst


@pytest.mark.parametrize(("error", "holds"), [(0.10, True), (0.155, True), (0.24, False)])
def test_only_a_network_that_is_worse_than_predicted_is_warned_of(error, holds):
    points = [
        LawPoint(phi=phi, ratio=2.0**phi, errors=(middle * 0.997, middle * 1.003))
        for phi, middle in enumerate((0.30, 0.26, 0.225, 0.195, error))
    ]
    law = known(fit(points, [], 0.9))
    assert law.points[4].checked is holds
    assert ("Phi 4 reached 76.0 %" in law.sentence) is not holds


def test_old_documents_are_checked_by_their_interval():
    point = LawPoint(phi=2, ratio=4, errors=(0.3,), expected=0.2, low=0.15, high=0.25)
    assert point.checked is False
    assert point.model_copy(update={"errors": (0.1,)}).checked is True


def test_levelling_off_is_noticed_and_a_pure_law_is_not():
    def law_of_errors(errors):
        points = [
            LawPoint(phi=phi, ratio=2.0**phi, errors=(0.98 * error, 1.02 * error))
            for phi, error in enumerate(errors)
        ]
        return known(fit(points, [(9, 64.0)], 0.9, HALF_AN_IMAGE))

    flat = law_of_errors((0.4, 0.2, 0.13, 0.11, 0.105))
    pure = law_of_errors((0.4, 0.3, 0.225, 0.169, 0.127))
    assert flat.levels_off and "Gains level off" in flat.sentence
    assert not pure.levels_off and "level off" not in pure.sentence
    assert flat.points[-1].expected > flat.scale * 64**-flat.exponent * 1.2


def test_no_error_at_all_is_half_a_validation_image():
    points = exact(0.01, 0.5, [1, 2])
    perfect = LawPoint(phi=2, ratio=4.0, errors=(0.0,))
    law = known(fit([*points, perfect], [(3, 8.0)], 0.9, floor=0.5 / 1000))
    assert law.exponent == pytest.approx(np.log(0.01 / 0.0005) / np.log(4), rel=0.3)
    assert law.points[-1].expected >= 0.5 / 1000


def test_trained_networks_come_first_and_are_not_predicted_twice():
    points = [*exact(0.3, 0.2, [1, 2, 4]), LawPoint(phi=5, ratio=32.0)]
    law = known(fit(points, [(2, 4.0), (3, 8.0), (5, 32.0)], 0.9))
    assert [(one.phi, bool(one.errors)) for one in law.points] == [
        (0, True),
        (1, True),
        (2, True),
        (3, False),
        (5, False),
    ]
