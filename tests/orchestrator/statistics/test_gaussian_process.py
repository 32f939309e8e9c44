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
from compound.orchestrator.statistics.gaussian_process import GaussianProcess
from compound.orchestrator.statistics.noise import Noise
from tests.support.shares_studies import bowl, lattice, measured, placed, splits
from tests.support.verdict_studies import candidate, jobs_of, plan_of, results_of, spec_of

TRIED = placed(lattice(4))
UNTRIED = placed(lattice(5), first=500)


def process(seed: int = 0, noise: float = 0.01) -> GaussianProcess:
    rng = np.random.default_rng(seed)
    points = splits(TRIED)
    means = bowl(points) + noise / 3**0.5 * rng.standard_normal(len(points))
    counts = rng.integers(2, 5, len(points)).astype(float)
    return GaussianProcess.fit(means, counts, Noise(noise, 28), points)


def test_both_surfaces_agree_where_the_truth_is_smooth():
    fields = [
        measured(TRIED, bowl(splits(TRIED)), np.random.default_rng(0), kind, noise=0.002)
        for kind in ("quadratic", "gaussian process")
    ]
    first, second = ({p.candidate: p for p in predict(f, UNTRIED, 0.9)} for f in fields)
    for name in first:
        assert first[name].expected == pytest.approx(second[name].expected, abs=0.003)
    peaks = [optimum(f) for f in fields]
    assert [p.surface for p in peaks] == ["quadratic", "gaussian process"]
    assert np.allclose(peaks[0].shares.split, peaks[1].shares.split, atol=0.11)


def test_it_is_scikit_learns_regressor():
    fitted, points = process(), splits(UNTRIED)
    kernel = fitted.kernel + WhiteKernel(fitted.lack_of_fit)
    reference = GaussianProcessRegressor(kernel, alpha=fitted.mean_variances, optimizer=None)
    level = fitted.means.mean()
    reference.fit(fitted.splits, fitted.means - level)
    expected, deviation = reference.predict(points, return_std=True)
    posterior = fitted.posterior(points)
    assert posterior.expected == pytest.approx(expected + level, abs=1e-6)
    assert posterior.variance == pytest.approx(np.square(deviation), rel=1e-3)


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 100), shift=st.floats(-0.5, 0.5))
def test_smoothing_commutes_with_a_shift_and_takes_many_studies_at_once(seed, shift):
    fitted = process(seed)
    shifted = fitted.smooth(fitted.means + shift)
    assert np.allclose(fitted.expected + shift, shifted, atol=1e-9)
    many = fitted.smooth(np.stack([fitted.means, fitted.means + shift]))
    assert np.allclose(many, [fitted.expected, shifted])


def test_it_follows_a_ridge_that_no_quadratic_does():
    points = splits(placed(lattice(7)))
    ridge = 0.8 - 0.1 * np.abs(points - [0.2, 0.5, 0.3]).sum(axis=1)
    kinds = ("quadratic", "gaussian process")
    rng = np.random.default_rng
    errors = [optimum(measured(placed(lattice(7)), ridge, rng(0), k, 0.001)).error for k in kinds]
    assert errors[1] < 0.8 * errors[0]


def test_leaving_one_out_by_hand():
    fitted = process()
    rest = np.arange(len(TRIED)) != 4
    level = fitted.means.mean()
    kernel = fitted.kernel + WhiteKernel(fitted.lack_of_fit)
    reference = GaussianProcessRegressor(kernel, alpha=fitted.mean_variances[rest], optimizer=None)
    reference.fit(fitted.splits[rest], fitted.means[rest] - level)
    predicted = reference.predict(fitted.splits[[4]])[0] + level
    assert fitted.errors()[4] == pytest.approx(fitted.means[4] - predicted, abs=1e-6)


def test_a_point_believed_in_is_less_uncertain():
    fitted, point = process(), splits(UNTRIED)[[7]]
    before = fitted.posterior(point)
    after = fitted.conditioned_on(point[0], float(before.expected[0])).posterior(point)
    assert after.expected == pytest.approx(before.expected, abs=1e-6)
    assert after.variance[0] < before.variance[0]


def test_next_points_are_distinct():
    rng = np.random.default_rng(2)
    scored = measured(TRIED, bowl(splits(TRIED)), rng, "gaussian process")
    ids = [network.id for network in next_points(scored, UNTRIED, 4)]
    assert len(set(ids)) == 4


@pytest.mark.parametrize("spread", [0.0, 0.01])
def test_a_study_that_asks_for_it_gets_it(spread):
    network = [candidate(i, role) for i, role in enumerate(("depth", "width", "resolution"))]
    network += [candidate(3 + i) for i in range(12)]
    at_shares = [*placed(lattice(1)), *placed([s for s in lattice(4) if max(s.split) < 1])]
    network = [
        network_.model_copy(update={"shares": placed_at.shares})
        for network_, placed_at in zip(network, at_shares, strict=True)
    ]
    plan, spec = plan_of(network), spec_of()
    scores = [[0.8 - spread, 0.8, 0.8 + spread]] * len(network)
    search = spec.search.model_copy(update={"surface": "gaussian process"})
    spec = spec.model_copy(update={"search": search})
    verdict = analyse(spec, plan, results_of(plan, jobs_of(plan), scores))
    assert verdict.optimum is not None and verdict.optimum.surface == "gaussian process"
    assert verdict.outcome == "no gain"


def test_too_few_candidates_for_a_process_have_no_optimum():
    few = placed(lattice(1))
    scored = measured(few, bowl(splits(few)), np.random.default_rng(0), "gaussian process")
    assert scored.surface is not None and scored.surface.kind == "constant"
    assert optimum(scored) is None
