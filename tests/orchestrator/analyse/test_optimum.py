"""The best network that can be built, by the surface, or why none is shown."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compound.orchestrator.analyse.optimum import optimum
from compound.orchestrator.choose.verdict import analyse
from compound.orchestrator.report.sections.optimum_text import surface_text
from compound.schemas.architecture import Candidate, Shares
from compound.schemas.verdict import Optimum, Verdict
from tests.support.shares_studies import PEAK, SIGMA, bowl, lattice, measured, placed, splits
from tests.support.verdict_studies import jobs_of, plan_of, results_of, spec_of

DEGREE = 20
TRIED = placed(lattice(4))
UNTRIED = placed(lattice(DEGREE), first=500)


def optimum_of(truth: np.ndarray, seed: int = 0, noise: float = SIGMA, untried=()) -> Optimum:
    best = optimum(measured(TRIED, truth, np.random.default_rng(seed), noise), untried)
    assert best is not None
    return best


def test_of_a_quadratic_without_noise_the_best_network_is_returned():
    best = optimum_of(bowl(splits(TRIED)), noise=1e-7, untried=UNTRIED)
    assert best.shares.split == pytest.approx(PEAK.tolist())
    assert not best.trained
    assert best.expected == pytest.approx(0.8, abs=1e-5)
    assert best.candidate in {network.id for network in UNTRIED}


def test_only_networks_that_can_be_built_are_looked_at():
    best = optimum_of(bowl(splits(TRIED)), noise=1e-6)
    highest = TRIED[int(bowl(splits(TRIED)).argmax())]
    assert best.trained and best.candidate == highest.id
    assert best.coefficients == highest.coefficients


def test_its_interval_holds_the_truth_about_as_often_as_it_says():
    """The highest of many expectations is too high: the lower end allows for that."""
    above, below = [], []
    for seed in range(60):
        best = optimum_of(bowl(splits(TRIED)), seed, untried=UNTRIED)
        true = bowl(np.array([best.shares.split]))[0]
        above.append(true > best.high)
        below.append(true < best.low)
    assert np.mean(above) <= 0.12 and np.mean(below) <= 0.12


def verdict_on(noise: float, tried=TRIED, untried=(), seeds: int = 3) -> Verdict:
    network = [
        network.model_copy(update={"roles": ("depth",)}) if network.shares.depth == 1 else network
        for network in tried
    ]
    plan = plan_of(network, seeds).model_copy(update={"untried": tuple(untried)})
    rng = np.random.default_rng(0)
    scores = bowl(splits(tried))[:, None] + noise * rng.standard_normal((len(tried), seeds))
    return analyse(spec_of(seeds), plan, results_of(plan, jobs_of(plan), scores.tolist()))


def test_the_optimum_is_said_in_words():
    untried = placed([Shares(depth=0.2, width=0.5, resolution=0.3)], first=700)
    text = surface_text(verdict_on(0.002, untried=untried))
    assert text.startswith(
        "Of all networks that can be built at this cost, a quadratic surface over the shares "
        "expects the most of alpha 8.000, beta 1.000, gamma 1.000 (20 % depth, 50 % width, "
        "30 % resolution; not trained): 80."
    )
    assert "; trained): " in surface_text(verdict_on(0.002))


@pytest.mark.parametrize(
    ("networks", "seeds", "text"),
    [
        (8, 3, "8 networks leave 2 degrees of freedom for a surface of 6 coefficients; 10 or more"),
        (7, 3, "7 networks leave 1 degree of freedom for a surface of 6 coefficients; 10 or more"),
        (5, 3, "5 networks leave 0 degrees of freedom for a surface of 6 coefficients; 10 or more"),
        (12, 1, "the noise between seeds is unknown."),
    ],
)
def test_where_the_design_cannot_bear_an_optimum_the_reason_is_said(networks, seeds, text):
    spread = [TRIED[i] for i in np.random.default_rng(0).permutation(len(TRIED))[:networks]]
    verdict = verdict_on(0.002, spread, UNTRIED, seeds)
    assert verdict.optimum is None and verdict.predictions == ()
    assert verdict.no_optimum == surface_text(verdict)
    assert verdict.no_optimum.startswith(f"No optimum: {text}")


def test_an_optimum_of_an_older_study_is_read_and_not_shown():
    old = {
        "surface": "gaussian process",
        "shares": {"depth": 0.2, "width": 0.5, "resolution": 0.3},
        "expected": 1.054,
        "low": 0.866,
        "high": 1.054,
        "region": [
            {"shares": {"depth": 0, "width": 1, "resolution": 0}, "probability": 0.4},
        ],
        "error": 0.01,
        "heights": [{"shares": {"depth": 0, "width": 1, "resolution": 0}, "expected": 0.8}],
    }
    verdict = verdict_on(0.002)
    older = {**verdict.model_dump(mode="json"), "optimum": old, "no_optimum": ""}
    assert surface_text(Verdict.model_validate(older)) == ""


SCORE = st.one_of(st.sampled_from([0.0, 1.0, 0.1, 0.5]), st.floats(0, 1))


@settings(max_examples=60, deadline=None)
@given(data=st.data(), networks=st.integers(2, 15), seeds=st.integers(1, 5), alike=st.booleans())
def test_no_result_leads_to_an_impossible_number(data, networks, seeds, alike):
    drawn = st.lists(SCORE, min_size=networks * seeds, max_size=networks * seeds)
    scores = [data.draw(SCORE)] * networks * seeds if alike else data.draw(drawn)
    order = data.draw(st.permutations(range(len(TRIED))))
    tried = [_one_axis(TRIED[i]) for i in order[:networks]]
    untried = [TRIED[i] for i in order[networks:]] + UNTRIED[::10]
    plan = plan_of(tried, seeds).model_copy(update={"untried": tuple(untried)})
    table = np.reshape(scores, (networks, seeds)).tolist()
    verdict = analyse(spec_of(seeds), plan, results_of(plan, jobs_of(plan), table))
    shown = [*verdict.predictions, *([verdict.optimum] if verdict.optimum else [])]
    for entry in shown:
        assert 0 <= entry.low < entry.expected < entry.high <= 1
    assert bool(verdict.optimum) != bool(verdict.no_optimum)
    assert verdict.optimum is None or (networks >= 7 and seeds > 1)


def _one_axis(network: Candidate) -> Candidate:
    """Give a corner of the simplex its role."""
    assert network.shares is not None
    named = zip(("depth", "width", "resolution"), network.shares.split, strict=True)
    role = next((axis for axis, part in named if part == 1), "design")
    return network.model_copy(update={"roles": (role,)})
