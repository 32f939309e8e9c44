"""The networks that a design leaves out: what a plan keeps of them."""

import numpy as np

import compound.orchestrator.design.candidates as module
from compound.orchestrator.design.candidates import Designed, design
from compound.orchestrator.design.controls import TWIN
from compound.orchestrator.design.network_space import Space
from compound.orchestrator.plan.search_jobs import plan_study
from compound.schemas.architecture import Architecture
from compound.schemas.design import Budget, Design, LatticeDesign, StarDesign
from compound.schemas.plan import MOST_UNTRIED, Round, Rounds
from tests.support.simulated_verdicts import DATA, spec_of

BASELINE = Architecture.model_validate(
    {
        "resolution": 64,
        "stages": [
            {"kernel": 3, "stride": 2, "expand": 4, "repeats": 3, "channels": 32},
            {"kernel": 5, "stride": 2, "expand": 4, "repeats": 4, "channels": 64},
            {"kernel": 3, "stride": 2, "expand": 4, "repeats": 5, "channels": 96},
        ],
        "head": 256,
    }
)
STAR = StarDesign(kind="star", levels=1)


def designed(plan: Design = STAR, tolerance: float = 0.1) -> Designed:
    return design(Space(BASELINE, Budget(tolerance=tolerance)), plan)


def splits(networks) -> np.ndarray:
    return np.array([one.shares.split for one in networks])


def test_the_rest_of_the_admitted_networks_is_untried():
    found = designed()
    tried = {one.id for one in found.candidates}
    untried = {one.id for one in found.untried}
    assert untried and not tried & untried
    assert len(untried) == len(found.untried) <= MOST_UNTRIED
    for one in found.untried:
        assert one.roles == one.triples == ()
        assert abs(one.ratio - 2) <= 0.2 + 1e-9
        assert one.cost.macs > 0 and one.shares is not None


def test_untried_networks_fill_the_gaps_and_are_nobodys_twins():
    found = designed()
    everyone = splits([*found.candidates, *found.untried])
    for place in range(len(found.candidates), len(everyone)):
        apart = np.linalg.norm(everyone[:place] - everyone[place], axis=1)
        assert apart.min() >= TWIN
    gaps = [
        np.linalg.norm(everyone[:place] - everyone[place], axis=1).min()
        for place in range(len(found.candidates), len(everyone))
    ]
    assert gaps == sorted(gaps, reverse=True)


def test_a_finer_design_leaves_fewer():
    assert len(designed(LatticeDesign(kind="lattice", degree=8)).untried) < len(designed().untried)


def test_at_most_so_many_are_kept(monkeypatch):
    monkeypatch.setattr(module, "MOST_UNTRIED", 3)
    few = designed()
    assert len(few.untried) == 3


def test_a_round_takes_what_it_adds_out_of_the_untried():
    plan = plan_study(spec_of("benchmarks/tables/verdict.yaml", 2), DATA)
    assert plan.untried
    taken = Round(kind="points", reason="x", candidates=plan.untried[:2], jobs=())
    extended = plan.extended(Rounds(rounds=(taken,)))
    assert extended.untried == plan.untried[2:]
    assert extended.candidates[-2:] == plan.untried[:2]
