"""Predictions of untried networks, and which to train next."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compound.orchestrator.analyse.optimum import optimum
from compound.orchestrator.analyse.prediction import improvements, next_points, predict
from compound.orchestrator.analyse.scores import FITS, compare
from compound.orchestrator.statistics.noise import Noise
from compound.orchestrator.statistics.surface import Posterior
from compound.schemas.architecture import Shares
from compound.schemas.study import Search
from tests.support.shares_studies import bowl, lattice, measured, placed, splits

TRIED = placed(lattice(4))
TRAINED = {network.shares.split for network in TRIED if network.shares}
UNTRIED = placed([network for network in lattice(7) if network.split not in TRAINED], first=500)


def scored(seed: int = 0, noise: float = 0.01, surface="quadratic", deviation: float = 0.0):
    rng = np.random.default_rng(seed)
    truth = bowl(splits(TRIED)) + deviation * rng.standard_normal(len(TRIED))
    return measured(TRIED, truth, rng, surface, noise)


def test_a_quadratic_without_noise_is_predicted_exactly():
    predictions = predict(scored(noise=1e-7), UNTRIED, 0.9)
    by_id = {prediction.id: prediction for prediction in UNTRIED}
    assert len(predictions) == len(UNTRIED)
    for prediction in predictions:
        truth = bowl(splits([by_id[prediction.candidate]]))[0]
        assert prediction.expected == pytest.approx(truth, abs=1e-5)
        assert prediction.low <= prediction.expected <= prediction.high < prediction.low + 1e-3


@pytest.mark.parametrize(("surface", "studies"), [("quadratic", 40), ("gaussian process", 7)])
@pytest.mark.parametrize("deviation", [0.0, 0.005])
def test_intervals_hold_the_truth_about_as_often_as_they_say(surface, studies, deviation):
    inside = []
    for seed in range(studies):
        rng = np.random.default_rng(1000 + seed)
        truths = bowl(splits(UNTRIED)) + deviation * rng.standard_normal(len(UNTRIED))
        truth = dict(zip((prediction.id for prediction in UNTRIED), truths, strict=True))
        predictions = predict(scored(seed, surface=surface, deviation=deviation), UNTRIED, 0.9)
        inside += [
            prediction.low <= truth[prediction.candidate] <= prediction.high
            for prediction in predictions
        ]
    assert 0.83 <= np.mean(inside) <= 0.99


def test_the_largest_improvement_comes_first_and_wider_levels_are_wider():
    narrow, wide = (predict(scored(), UNTRIED, level) for level in (0.8, 0.95))
    gains = [prediction.improvement for prediction in narrow]
    assert gains == sorted(gains, reverse=True)
    assert all(gain >= 0 for gain in gains)
    assert all(w.low < n.low < n.high < w.high for n, w in zip(narrow, wide, strict=True))


@settings(max_examples=60, deadline=None)
@given(
    expected=st.lists(st.floats(0, 1), min_size=1, max_size=6),
    noisy=st.floats(0, 10),
    strayed=st.floats(1e-6, 10),
    df=st.integers(1, 60),
)
def test_an_expected_improvement_is_at_least_the_lead_and_never_negative(
    expected, noisy, strayed, df
):
    surface, size = scored().surface, len(expected)
    posterior = Posterior(np.array(expected), np.full(size, noisy), np.full(size, strayed))
    gains = improvements(surface, Noise(0.01, df), posterior)
    assert np.all(gains >= 0)
    assert np.all(gains >= posterior.expected - surface.expected.max() - 1e-9)


def test_an_improvement_is_what_simulation_expects():
    surface, noise = scored().surface, Noise(0.01, 28)
    belief = Posterior(surface.expected.max() + np.array([-0.01, 0.0, 0.01]), *np.full((2, 3), 0.5))
    rng = np.random.default_rng(0)
    df = 1 / (0.25 / 28 + 0.25 / surface.residual_df)
    truth = belief.expected + 0.01 * rng.standard_t(df, (400_000, 3))
    simulated = np.maximum(truth - surface.expected.max(), 0).mean(axis=0)
    assert improvements(surface, noise, belief) == pytest.approx(simulated, rel=0.02)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), count=st.integers(0, 8))
def test_next_points_are_distinct_and_untried(seed, count):
    ids = [network.id for network in next_points(scored(seed), UNTRIED, count)]
    assert len(set(ids)) == len(ids) == count
    assert not set(ids) & {network.id for network in TRIED}


def test_next_points_do_not_crowd_around_one_place():
    rim = [network for network in TRIED if network.shares and max(network.shares.split) >= 0.7]
    rng = np.random.default_rng(3)
    chosen = next_points(measured(rim, bowl(splits(rim)), rng), UNTRIED, 3)
    points = splits(chosen)
    apart = np.linalg.norm(points[:, None] - points, axis=-1)[np.triu_indices(3, 1)]
    assert apart.min() > 0.1


def test_where_nothing_tells_networks_apart_the_loneliest_is_next():
    few = placed([Shares(depth=1, width=0, resolution=0), Shares(depth=0, width=1, resolution=0)])
    flat = measured(few, np.array([0.8, 0.8]), np.random.default_rng(0))
    assert flat.surface is not None and flat.surface.kind == "constant"
    (loneliest,) = next_points(flat, UNTRIED, 1)
    assert loneliest.shares is not None and loneliest.shares.resolution > 0.8


def test_next_points_end_with_the_untried():
    assert len(next_points(scored(), UNTRIED[:2], 5)) == 2
    assert next_points(scored(), [], 5) == ()


def test_nothing_is_predicted_without_noise_or_shares():
    one_seed = [replace(entry, scores={0: entry.mean}) for entry in scored().candidates]
    nothing = compare(one_seed, 0.9, 30_000)
    assert predict(nothing, UNTRIED, 0.9) == next_points(nothing, UNTRIED, 3) == ()
    bare = [entry.model_copy(update={"shares": None}) for entry in UNTRIED]
    assert predict(scored(), bare, 0.9) == ()


def test_an_axis_that_no_candidate_scales_is_not_predicted():
    line = placed([Shares(depth=i / 9, width=1 - i / 9, resolution=0) for i in range(10)])
    rng = np.random.default_rng(0)
    along = measured(line, bowl(splits(line)), rng)
    predictions = predict(along, UNTRIED, 0.9)
    on_line = {
        network.id for network in UNTRIED if network.shares and network.shares.resolution < 0.05
    }
    assert on_line and {network.candidate for network in predictions} == on_line


def test_every_surface_that_a_spec_may_request_has_a_fit():
    assert set(FITS) == set(get_args(Search.model_fields["surface"].annotation))


@settings(max_examples=25, deadline=None)
@given(
    top=st.floats(0.0, 1.0),
    slope=st.floats(-2, 2),
    noise=st.floats(1e-6, 0.05),
    surface=st.sampled_from(["quadratic", "gaussian process"]),
    seed=st.integers(0, 99),
)
def test_predicted_accuracies_stay_between_0_and_1(top, slope, noise, surface, seed):
    """A steep surface leaves the scale between networks that were trained, and beyond them."""
    truth = np.clip(top + slope * (splits(TRIED)[:, 0] - 0.5) ** 2, 0, 1)
    found = measured(TRIED, truth, np.random.default_rng(seed), surface, noise)
    for prediction in predict(found, UNTRIED, 0.9):
        assert 0 <= prediction.low <= prediction.expected <= prediction.high <= 1
        assert 0 <= prediction.improvement <= 1
    if peak := optimum(found, UNTRIED):
        assert 0 <= peak.low <= peak.expected <= peak.high <= 1
        assert all(0 <= value.expected <= 1 for value in peak.heights)
