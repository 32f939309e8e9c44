"""What more cost brings: a further doubling, and the last step that was trained."""

import pytest

from compound.orchestrator.scale.doubling import doubling, last_step
from compound.schemas.power_law import LawPoint

HALF_AN_IMAGE = 0.5 / 5000
RATIOS = (1, 2, 4, 8)


def family(errors: tuple[float, ...], spread: float = 0.01, seeds: int = 2) -> list[LawPoint]:
    factors = (1 - spread, 1 + spread, 1.0)[:seeds] if seeds > 1 else (1.0,)
    return [
        LawPoint(phi=phi, ratio=ratio, errors=tuple(error * factor for factor in factors))
        for phi, (ratio, error) in enumerate(zip(RATIOS, errors, strict=False))
    ]


def test_a_doubling_brings_between_nothing_and_what_the_law_says():
    points = family((0.32, 0.28, 0.245, 0.2144))
    pure = 0.2144 * (1 - 0.875)
    gain = doubling(points, 8, 0.9, HALF_AN_IMAGE)
    assert gain is not None
    assert gain.low == 0 < gain.value < pure < gain.high < 2 * pure


def test_less_is_expected_of_each_further_doubling_and_where_gains_level_off():
    pure = family((0.32, 0.28, 0.245, 0.2144))
    bent = family((0.32, 0.25, 0.225, 0.2144))
    expected = [doubling(pure, ratio, 0.9, HALF_AN_IMAGE).value for ratio in (8, 16, 32)]
    assert expected == sorted(expected, reverse=True)
    assert doubling(bent, 8, 0.9, HALF_AN_IMAGE).value < expected[0]


@pytest.mark.parametrize("errors", [(0.3, 0.25), (0.2, 0.21, 0.22), (0.3,), ()])
def test_two_networks_and_errors_that_rise_say_nothing_of_a_doubling(errors):
    assert doubling(family(errors), 8, 0.9, HALF_AN_IMAGE) is None


def test_the_last_step_is_measured_between_the_two_largest_networks():
    step = last_step(family((0.32, 0.28, 0.245, 0.2144))[::-1], 0.9, HALF_AN_IMAGE)
    assert step is not None
    assert step.phis == (2, 3) and step.ratios == (4, 8)
    assert step.gain == pytest.approx(0.245 - 0.2144)
    assert 0 < step.low < step.gain < step.high


def test_noisier_seeds_widen_the_last_step_and_one_seed_each_takes_the_lines_noise():
    quiet, loud = (
        last_step(family((0.32, 0.28, 0.245, 0.2144), spread), 0.9, HALF_AN_IMAGE)
        for spread in (0.01, 0.05)
    )
    assert loud.low < quiet.low and loud.high > quiet.high
    single = last_step(family((0.32, 0.28, 0.25, 0.2144), seeds=1), 0.9, HALF_AN_IMAGE)
    assert single.low < single.gain < single.high


def test_two_networks_with_a_seed_each_have_a_last_step_without_interval():
    step = last_step(family((0.32, 0.28), seeds=1), 0.9, HALF_AN_IMAGE)
    assert step.gain == pytest.approx(0.04) and step.low is step.high is None
    assert last_step(family((0.32,)), 0.9, HALF_AN_IMAGE) is None
