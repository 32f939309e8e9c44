"""Predictions of untried networks, and which to train next."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compound.orchestrator.analyse.prediction import next_points, predict
from compound.orchestrator.analyse.scores import ScoredCandidates, compare
from compound.schemas.architecture import Shares
from tests.support.shares_studies import PEAK, bowl, lattice, measured, placed, splits
from tests.support.surface_studies import GRID, Simulation

TRIED = placed(lattice(4))
TRAINED = {network.shares.split for network in TRIED if network.shares}
UNTRIED = placed([network for network in lattice(7) if network.split not in TRAINED], first=500)


def scored(seed: int = 0, noise: float = 0.01) -> ScoredCandidates:
    return measured(TRIED, bowl(splits(TRIED)), np.random.default_rng(seed), noise)


def test_a_quadratic_without_noise_is_predicted_exactly():
    predictions = predict(scored(noise=1e-7), UNTRIED)
    by_id = {network.id: network for network in UNTRIED}
    assert len(predictions) == len(UNTRIED)
    for prediction in predictions:
        truth = bowl(splits([by_id[prediction.candidate]]))[0]
        assert prediction.expected == pytest.approx(truth, abs=1e-5)
        assert prediction.low < prediction.expected < prediction.high < prediction.low + 1e-3


@pytest.mark.parametrize("truth", ["bowl 6", "rough"])
def test_intervals_hold_the_truth_about_as_often_as_they_say(truth):
    """`python -m benchmarks.surface` has the figures."""
    simulation = Simulation.of(GRID, 3)
    tried, held = list(range(simulation.tried)), []
    for seed in range(15):
        study = simulation.study(truth, seed)
        true = dict(zip((n.id for n in simulation.networks), study.true, strict=True))
        predictions = predict(study.scored(tried), study.untried(tried))
        held += [p.low <= true[p.candidate] <= p.high for p in predictions]
    assert 0.8 <= np.mean(held) <= 0.98


def test_the_best_comes_first_and_wider_levels_are_wider():
    narrow, wide = (predict(replace(scored(), level=level), UNTRIED) for level in (0.8, 0.95))
    means = [prediction.expected for prediction in narrow]
    assert means == sorted(means, reverse=True)
    assert all(w.low < n.low < n.high < w.high for n, w in zip(narrow, wide, strict=True))


def test_what_seeds_share_widens_predictions_and_moves_none():
    plain = scored()
    assert plain.estimates is not None
    shared = replace(plain, estimates=replace(plain.estimates, seed_variance=0.01))
    for before, after in zip(predict(plain, UNTRIED), predict(shared, UNTRIED), strict=True):
        assert after.low < before.low < before.expected == after.expected < before.high < after.high


def test_next_are_the_best_predicted_each_once():
    ids = [network.id for network in next_points(scored(), UNTRIED, 5)]
    assert ids == [prediction.candidate for prediction in predict(scored(), UNTRIED)][:5]
    (first,) = next_points(scored(noise=1e-4), placed(lattice(20), first=700), 1)
    assert first.shares is not None
    assert first.shares.split == pytest.approx(PEAK.tolist())


def test_where_no_interval_reaches_the_best_mean_nothing_is_next():
    corner = placed([Shares(depth=0.98, width=0.02, resolution=0)], first=700)
    assert predict(scored(noise=1e-4), corner) != ()
    assert next_points(scored(noise=1e-4), corner, 3) == ()


def test_without_a_surface_the_farthest_are_next():
    few = placed([Shares(depth=1, width=0, resolution=0), Shares(depth=0, width=1, resolution=0)])
    flat = measured(few, np.array([0.8, 0.8]), np.random.default_rng(0))
    assert flat.surface is None and predict(flat, UNTRIED) == ()
    farthest, second = next_points(flat, UNTRIED, 2)
    assert farthest.shares is not None and farthest.shares.resolution > 0.8
    assert second.shares is not None and max(second.shares.split) < 0.6


def test_next_points_end_with_the_untried():
    assert len(next_points(scored(), UNTRIED[:2], 5)) <= 2
    assert next_points(scored(), [], 5) == ()


def test_nothing_is_predicted_without_noise_or_shares():
    one_seed = [replace(entry, scores={0: entry.mean}) for entry in scored().candidates]
    nothing = compare(one_seed, 0.9, 30_000)
    assert predict(nothing, UNTRIED) == next_points(nothing, UNTRIED, 3) == ()
    bare = [entry.model_copy(update={"shares": None}) for entry in UNTRIED]
    assert predict(scored(), bare) == ()


def test_an_axis_that_no_candidate_scales_is_not_predicted():
    line = placed([Shares(depth=i / 9, width=1 - i / 9, resolution=0) for i in range(10)])
    along = measured(line, bowl(splits(line)), np.random.default_rng(0))
    on_line = {
        network.id for network in UNTRIED if network.shares and network.shares.resolution < 0.05
    }
    assert on_line and {p.candidate for p in predict(along, UNTRIED)} == on_line


@settings(max_examples=25, deadline=None)
@given(
    top=st.floats(0.0, 1.0),
    slope=st.floats(-2, 2),
    noise=st.floats(1e-6, 0.05),
    seed=st.integers(0, 99),
)
def test_predicted_accuracies_stay_between_0_and_1(top, slope, noise, seed):
    truth = np.clip(top + slope * (splits(TRIED)[:, 0] - 0.5) ** 2, 0, 1)
    for prediction in predict(measured(TRIED, truth, np.random.default_rng(seed), noise), UNTRIED):
        assert 0 <= prediction.low < prediction.expected < prediction.high <= 1
