"""The recorded table of a naive grid: its repeats can be left out, and the winner is the same."""

from pathlib import Path

import pytest

from compound.cluster.local_runner import LocalRunner
from compound.jobs.data.source import summarise
from compound.jobs.networks.exact_cost import count
from compound.jobs.networks.scaling import scale
from compound.orchestrator.design.points import points
from compound.orchestrator.plan.search_jobs import plan_study
from compound.orchestrator.spec.load import load
from compound.schemas.architecture import Coefficients
from compound.schemas.plan import Plan
from compound.schemas.study import StudySpec
from tests.support.recorded_grid import FEWER, naive, read, realised

SPEC = Path(__file__).parents[3] / "benchmarks" / "tables" / "dedupe.yaml"


def recorded(*overrides: str) -> tuple[StudySpec, Plan]:
    """Plan the study that the table was recorded from."""
    spec = load(SPEC, overrides).spec
    assert isinstance(spec, StudySpec)
    return spec, plan_study(spec, summarise(spec.data))


def test_the_table_holds_every_triple_of_the_grid_with_its_network() -> None:
    spec, plan = recorded()
    base, rows = plan.baseline.architecture, read()
    triples = [Coefficients(alpha=row.alpha, beta=row.beta, gamma=row.gamma) for row in rows]
    assert triples == points(spec.search.design, 2.0)
    for row, triple in zip(rows, triples, strict=True):
        network = scale(base, triple, 1.0, spec.rounding)
        cost = count(network)
        assert (row.network, row.params, row.macs) == (network.id, cost.params, cost.macs)
        assert len(row.scores) == spec.search.seeds
    assert {row.network for row in rows} == {candidate.id for candidate in plan.candidates}


def test_the_realised_grid_finds_the_naive_grid_s_winner_with_fewer_trainings() -> None:
    rows = read()
    (trainings, winner), (fewer, best) = naive(rows), realised(rows)
    assert winner == best
    assert (trainings, fewer) == (324, 114)
    assert trainings >= FEWER * fewer


def test_training_a_triple_again_repeats_its_numbers(tmp_path: Path) -> None:
    """Why one training stands for all triples of a network: the same job, the same numbers."""
    _, plan = recorded("train.epochs=1", "data.limit=400")
    merged = max(plan.candidates, key=lambda candidate: len(candidate.triples))
    assert len(merged.triples) > 1
    request = next(job.request for job in plan.jobs if job.candidate == merged.id)
    first, again = (
        LocalRunner().run([request], str(tmp_path / name), lambda event: None)[0].metrics
        for name in ("first", "again")
    )
    timed = {"seconds", "images_per_second", "data_wait"}
    assert first.keys() == again.keys()
    assert all(first[name] == pytest.approx(again[name], abs=0) for name in first.keys() - timed)
