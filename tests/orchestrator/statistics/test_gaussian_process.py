"""The Gaussian process as the surface of a study."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import WhiteKernel

from compound.orchestrator.analyse.optimum import optimum
from compound.orchestrator.analyse.prediction import next_points, predict
from compound.orchestrator.choose.verdict import analyse
from compound.orchestrator.statistics.comparison import Noise
from compound.orchestrator.statistics.gaussian_process import GaussianProcess
from tests.support.shares_studies import bowl, lattice, measured, placed, splits
from tests.support.verdict_studies import candidate, jobs_of, plan_of, results_of, spec_of

TRIED = placed(lattice(4))
UNTRIED = placed(lattice(5), first=500)


def process(seed: int = 0, noise: float = 0.01) -> GaussianProcess:
    rng = np.random.default_rng(seed)
    places = splits(TRIED)
    means = bowl(places) + noise / 3**0.5 * rng.standard_normal(len(places))
    counts = rng.integers(2, 5, len(places)).astype(float)
    return GaussianProcess.fit(means, counts, Noise(noise, 28), places)


def test_both_surfaces_agree_where_the_truth_is_smooth():
    fields = [
        measured(TRIED, bowl(splits(TRIED)), np.random.default_rng(0), kind, noise=0.002)
        for kind in ("quadratic", "gaussian process")
    ]
    one, other = ({p.candidate: p for p in predict(f, UNTRIED, 0.9)} for f in fields)
    for name in one:
        assert one[name].expected == pytest.approx(other[name].expected, abs=0.003)
    peaks = [optimum(f) for f in fields]
    assert [p.surface for p in peaks] == ["quadratic", "gaussian process"]
    assert np.allclose(peaks[0].shares.split, peaks[1].shares.split, atol=0.11)


def test_it_is_scikit_learns_regressor():
    found, places = process(), splits(UNTRIED)
    kernel = found.kernel + WhiteKernel(found.stray)
    reference = GaussianProcessRegressor(kernel, alpha=found.own, optimizer=None)
    level = found.means.mean()
    reference.fit(found.splits, found.means - level)
    expected, deviation = reference.predict(places, return_std=True)
    belief = found.belief(places)
    assert belief.expected == pytest.approx(expected + level, abs=1e-6)
    assert belief.variance == pytest.approx(np.square(deviation), rel=1e-3)


def test_truths_are_drawn_around_what_is_expected():
    found = process()
    drawn = found.truths(np.random.default_rng(0), 20_000, 0.01)
    assert np.allclose(drawn.mean(axis=0), found.expected, atol=3e-4)
    assert np.all(drawn.std(axis=0) <= 1.02 * 0.01 * np.sqrt(found.own))


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 100), shift=st.floats(-0.5, 0.5))
def test_smoothing_commutes_with_a_shift_and_takes_many_studies_at_once(seed, shift):
    found = process(seed)
    shifted = found.smooth(found.means + shift)
    assert np.allclose(found.expected + shift, shifted, atol=1e-9)
    many = found.smooth(np.stack([found.means, found.means + shift]))
    assert np.allclose(many, [found.expected, shifted])


def test_it_follows_a_ridge_that_no_quadratic_does():
    places = splits(placed(lattice(7)))
    ridge = 0.8 - 0.1 * np.abs(places - [0.2, 0.5, 0.3]).sum(axis=1)
    kinds = ("quadratic", "gaussian process")
    rng = np.random.default_rng
    errors = [optimum(measured(placed(lattice(7)), ridge, rng(0), k, 0.001)).error for k in kinds]
    assert errors[1] < 0.8 * errors[0]


def test_leaving_one_out_by_hand():
    found = process()
    rest = np.arange(len(TRIED)) != 4
    level = found.means.mean()
    kernel = found.kernel + WhiteKernel(found.stray)
    reference = GaussianProcessRegressor(kernel, alpha=found.own[rest], optimizer=None)
    reference.fit(found.splits[rest], found.means[rest] - level)
    predicted = reference.predict(found.splits[[4]])[0] + level
    assert found.errors()[4] == pytest.approx(found.means[4] - predicted, abs=1e-6)


def test_a_point_believed_in_is_less_uncertain():
    found, place = process(), splits(UNTRIED)[[7]]
    before = found.belief(place)
    after = found.believing(place[0], float(before.expected[0])).belief(place)
    assert after.expected == pytest.approx(before.expected, abs=1e-6)
    assert after.variance[0] < before.variance[0]


def test_next_points_are_distinct():
    rng = np.random.default_rng(2)
    field = measured(TRIED, bowl(splits(TRIED)), rng, "gaussian process")
    found = [one.id for one in next_points(field, UNTRIED, 4)]
    assert len(set(found)) == 4


@pytest.mark.parametrize("spread", [0.0, 0.01])
def test_a_study_that_asks_for_it_gets_it(spread):
    network = [candidate(i, role) for i, role in enumerate(("depth", "width", "resolution"))]
    network += [candidate(3 + i) for i in range(12)]
    places = [*placed(lattice(1)), *placed([s for s in lattice(4) if max(s.split) < 1])]
    network = [
        one.model_copy(update={"shares": place.shares})
        for one, place in zip(network, places, strict=True)
    ]
    plan, spec = plan_of(network), spec_of()
    scores = [[0.8 - spread, 0.8, 0.8 + spread]] * len(network)
    asked = spec.search.model_copy(update={"surface": "gaussian process"})
    spec = spec.model_copy(update={"search": asked})
    verdict = analyse(spec, plan, results_of(plan, jobs_of(plan), scores))
    assert verdict.optimum is not None and verdict.optimum.surface == "gaussian process"
    assert verdict.outcome == "no gain"


def test_too_few_candidates_for_a_process_have_no_optimum():
    few = placed(lattice(1))
    field = measured(few, bowl(splits(few)), np.random.default_rng(0), "gaussian process")
    assert field.surface is not None and field.surface.kind == "constant"
    assert optimum(field) is None
