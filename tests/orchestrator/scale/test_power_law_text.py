"""The power law in words: each outcome has its sentence, and none contradicts another."""

import pytest

from compound.orchestrator.scale.power_law import fit
from compound.orchestrator.scale.power_law_text import between
from compound.schemas.power_law import Law, LawPoint

HALF_AN_IMAGE = 0.5 / 500


def law(
    *errors: tuple[float, ...],
    ratios: tuple[float, ...] = (1, 2, 4, 8),
    ahead: tuple[tuple[float, float], ...] = ((4, 16.0),),
) -> Law:
    pairs = zip(ratios, errors, strict=False)
    points = [LawPoint(phi=phi, ratio=ratio, errors=one) for phi, (ratio, one) in enumerate(pairs)]
    fitted = fit(points, ahead, 0.9, HALF_AN_IMAGE)
    assert fitted is not None
    return fitted


def test_a_law_that_holds():
    errors = [(0.34 * 2 ** (-0.2 * phi),) for phi in range(4)]
    assert law(*errors).sentence == (
        "Errors fall as cost^-0.20 (90 % interval -0.29 to -0.11): phi 4, at 16x the baseline's "
        "cost, should reach 80.3 % (74.7 to 83.7 %). The low end allows for no gain at all beyond "
        "phi 3. Phi 3 at 8x brought 3.3 points over phi 2 at 4x (0.5 to 5.9)."
    )


def test_a_last_step_without_gain_is_said_beside_the_prediction():
    errors = ((0.345, 0.35), (0.05, 0.055), (0.036, 0.036), (0.036, 0.036))
    sentence = law(*errors, ratios=(1, 1.9, 2.92, 4.96)).sentence
    assert "Phi 3 at 4.96x brought 0.00 points over phi 2 at 2.92x" in sentence
    assert "no gain shown." in sentence


@pytest.mark.parametrize(
    ("last", "words"),
    [(0.20, "brought 5.0 points"), (0.251, "no gain shown."), (0.30, "a loss.")],
)
def test_what_the_last_step_brought(last, words):
    errors = ((0.30, 0.302), (0.25, 0.252), (last, last + 0.002))
    assert words in law(*errors, ratios=(1, 2, 4)).sentence


def test_two_networks_say_that_they_give_no_interval():
    sentence = law((0.34,), (0.29,), ahead=((2, 4.0), (3, 8.0))).sentence
    assert sentence == (
        "Errors fall as cost^-0.23 between two networks, which give no interval: phi 2, at 4x the "
        "baseline's cost, should reach 75.4 %, a guess without interval; phi 3, at 8x the "
        "baseline's cost, is too far from two networks to be predicted. Phi 1 at 2x brought 5.0 "
        "points over phi 0 at 1x; two networks with one seed each give no interval."
    )


def test_errors_that_rise_predict_nothing():
    sentence = law((0.2, 0.202), (0.21, 0.212), (0.25, 0.252)).sentence
    assert sentence.startswith("Over all trained networks errors do not fall: they change as cost^")
    assert ", so nothing is predicted. Phi 2 at 4x brought -4.0 points" in sentence
    assert "should reach" not in sentence and "low end" not in sentence


def test_an_exponent_that_may_be_nought_says_so():
    assert "which includes 0): phi" in law((0.30,), (0.25,), (0.28,), (0.24,)).sentence


def test_ends_that_one_decimal_cannot_tell_from_the_middle_have_more():
    wide = LawPoint(phi=1, ratio=2, expected=0.2, low=0.15, high=0.25)
    assert between(wide) == "80.0 % (75.0 to 85.0 %)"
    narrow = wide.model_copy(update={"low": 0.1999, "high": 0.2001})
    assert between(narrow) == "80.00 % (79.99 to 80.01 %)"
    assert between(LawPoint(phi=1, ratio=2, expected=0.2)) == "80.0 %"
