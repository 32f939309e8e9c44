"""The optimum of the surface, its region, and how well the surface predicts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compound.orchestrator.analyse.optimum import DEGREE, optimum
from compound.orchestrator.choose.verdict import analyse
from compound.orchestrator.report.optimum_text import surface_text
from compound.schemas.architecture import Shares
from compound.schemas.verdict import Optimum, RegionPoint, Verdict
from tests.support.shares_studies import PEAK, SIGMA, bowl, lattice, measured, placed, splits
from tests.support.verdict_studies import jobs_of, plan_of, results_of, spec_of

TRIED = placed(lattice(4))


def optimum_of(truth: np.ndarray, seed: int = 0, noise: float = SIGMA, kind="quadratic") -> Optimum:
    rng = np.random.default_rng(seed)
    best = optimum(measured(TRIED, truth, rng, kind, noise))
    assert best is not None
    return best


@settings(max_examples=25, deadline=None)
@given(depth=st.integers(0, DEGREE), width=st.integers(0, DEGREE), steep=st.floats(0.05, 0.5))
def test_the_optimum_of_a_quadratic_without_noise_is_found(depth, width, steep):
    depth = min(depth, DEGREE - width)
    peak = np.array([depth, width, DEGREE - depth - width]) / DEGREE
    truth = 0.8 - steep * np.square(splits(TRIED) - peak).sum(axis=1)
    best = optimum_of(truth, noise=1e-7)
    assert best.shares.split == pytest.approx(peak.tolist())
    assert best.expected == pytest.approx(0.8, abs=1e-5)
    assert best.error == pytest.approx(0, abs=1e-5)
    assert [point.shares for point in best.region] == [best.shares]


def test_the_region_holds_the_optimum_about_as_often_as_it_says():
    covered = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        peak = rng.multinomial(DEGREE, rng.dirichlet([1.5] * 3)) / DEGREE
        best = optimum_of(0.8 - 0.06 * np.square(splits(TRIED) - peak).sum(axis=1), seed)
        covered.append(any(np.allclose(point.shares.split, peak) for point in best.region))
    assert 0.85 <= np.mean(covered) <= 0.99


@pytest.mark.parametrize("kind", ["quadratic", "gaussian process"])
def test_a_region_is_likeliest_first_and_adds_up_to_the_level(kind):
    best = optimum_of(bowl(splits(TRIED)), kind=kind)
    chances = [point.probability for point in best.region]
    assert chances == sorted(chances, reverse=True)
    assert 0.9 <= sum(chances) <= 1 + 1e-9
    assert len({point.shares for point in best.region}) == len(best.region)
    assert best.low < best.expected < best.high
    assert best.expected == max(point.expected for point in best.heights)


def test_more_noise_makes_a_larger_region():
    quiet, loud = (optimum_of(bowl(splits(TRIED)), noise=noise) for noise in (0.003, 0.03))
    assert len(quiet.region) < len(loud.region)


def test_only_places_that_networks_surround_are_looked_at():
    wide = [network for network in TRIED if network.shares and network.shares.depth <= 0.5]
    rng = np.random.default_rng(0)
    uphill = 0.7 + 0.1 * splits(wide)[:, 0]
    best = optimum(measured(wide, uphill, rng, noise=0.001))
    assert best is not None
    assert best.shares.depth == pytest.approx(0.5)
    assert max(network.shares.depth for network in best.heights) == pytest.approx(0.5)
    deep = placed([Shares(depth=1, width=0, resolution=0)], first=700)
    farther = optimum(measured(wide, uphill, rng, noise=0.001), deep)
    assert farther is not None and farther.shares.depth == pytest.approx(1)


def test_an_idle_axis_leaves_a_line_of_places():
    line = placed([Shares(depth=i / 9, width=1 - i / 9, resolution=0) for i in range(10)])
    truth = 0.8 - np.square(splits(line)[:, 0] - 0.4)
    best = optimum(measured(line, truth, np.random.default_rng(0), noise=1e-4))
    assert best is not None
    assert best.shares.split == pytest.approx((0.4, 0.6, 0.0))
    assert len(best.heights) == DEGREE + 1


def test_a_constant_has_no_optimum():
    few = placed(lattice(1))
    assert optimum(measured(few, bowl(splits(few)), np.random.default_rng(0))) is None


def test_a_surface_that_does_not_fit_owns_up_to_it():
    smooth = optimum_of(bowl(splits(TRIED)), noise=0.001)
    rough = bowl(splits(TRIED)) + 0.02 * np.random.default_rng(1).standard_normal(len(TRIED))
    assert smooth.error is not None and smooth.error < 0.003
    assert optimum_of(rough, noise=0.001).error > 0.015


def test_the_best_place_may_lie_between_candidates():
    best = optimum_of(bowl(splits(TRIED)), noise=1e-6)
    assert best.shares.split == pytest.approx(PEAK.tolist())
    assert not any(np.allclose(split, PEAK) for split in splits(TRIED))


def verdict_on(noise: float, untried=()) -> Verdict:
    network = [
        network.model_copy(update={"roles": ("depth",)}) if network.shares.depth == 1 else network
        for network in TRIED
    ]
    plan = plan_of(network).model_copy(update={"untried": tuple(untried)})
    rng = np.random.default_rng(0)
    scores = bowl(splits(TRIED))[:, None] + noise * rng.standard_normal((len(TRIED), 3))
    return analyse(spec_of(), plan, results_of(plan, jobs_of(plan), scores.tolist()))


def test_the_surface_is_told_in_words():
    untried = placed([Shares(depth=0.2, width=0.5, resolution=0.3)], first=700)
    text = surface_text(verdict_on(0.002, untried))
    assert text.startswith("The quadratic surface is highest at ")
    assert "% width" in text and "region of this maximum covers" in text
    assert "Its leave-one-out prediction error is 0." in text
    assert "The most promising untried network is alpha 8.000, beta 1.000, gamma 1.000: " in text


def test_where_nothing_is_sure_the_words_say_so():
    verdict = verdict_on(0.002)
    anywhere = tuple(
        RegionPoint(shares=value.shares, probability=0.01) for value in verdict.optimum.heights
    )
    flat = verdict.optimum.model_copy(update={"region": anywhere})
    text = surface_text(verdict.model_copy(update={"optimum": flat}))
    assert "covers 100 % of the map: the position of the optimum is uncertain" in text
    corner = placed([Shares(depth=0.98, width=0.02, resolution=0)], first=700)
    text = surface_text(verdict_on(0.002, corner))
    assert "No untried network is expected to score better." in text


def test_no_surface_needs_no_words():
    assert surface_text(verdict_on(0.002).model_copy(update={"optimum": None})) == ""
