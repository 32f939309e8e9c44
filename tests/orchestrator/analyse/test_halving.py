"""Successive halving as a study sees it: rungs from rows, pruned jobs, and what is refused."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from compound.cluster.driver_results import record_pruned
from compound.cluster.runner import unfinished
from compound.jobs.data.source import inspect
from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.analyse.halving import Scores, halving_rungs, rung_epochs
from compound.orchestrator.prepare import prepare
from compound.orchestrator.records.documents import documents
from compound.orchestrator.spec.load import load
from compound.schemas.architecture import AXES
from compound.schemas.errors import SpecError
from compound.schemas.gate import Correlation
from compound.schemas.job import EpochRow
from compound.schemas.plan import Plan, PlannedJob
from compound.schemas.promotion import Asha
from tests.support.command import compound
from tests.support.small_study import SPEC, carry_out

ASHA = Asha(kind="asha", grace=1, factor=4)
HALVING = ("search.promotion={kind: asha}", "search.design.degree=2", "search.budget.tolerance=0.3")


@pytest.mark.parametrize(
    ("asha", "epochs", "rungs"),
    [
        (ASHA, 12, (1, 4, 12)),
        (ASHA, 16, (1, 4, 16)),
        (Asha(kind="asha", grace=2, factor=2), 9, (2, 4, 8, 9)),
        (Asha(kind="asha", grace=10, factor=10), 1000, (10, 100, 1000)),
        (Asha(kind="asha", grace=5), 5, (5,)),
    ],
)
def test_rungs_are_where_ray_decides(asha: Asha, epochs: int, rungs: tuple[int, ...]) -> None:
    assert rung_epochs(asha, epochs) == rungs


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SPEC.format(store=tmp_path / "runs", epochs=2))
    return path


def planned(spec: Path, *overrides: str) -> Plan:
    file = load(spec, [*HALVING, *overrides])
    plan = prepare(file.spec, inspect(file.spec.data), None).plan
    assert isinstance(plan, Plan)
    return plan


def test_only_mixes_may_be_pruned(spec: Path) -> None:
    plan = planned(spec)
    roles = {entry.id: {"baseline", *AXES} & set(entry.roles) for entry in plan.candidates}
    roles[plan.baseline.id] = {"baseline"}
    assert any(entry.request.prunable for entry in plan.jobs)
    assert all(entry.request.prunable != bool(roles[entry.candidate]) for entry in plan.jobs)
    assert not any(entry.request.prunable for entry in planned(spec, "search.promotion=null").jobs)


def test_a_grace_as_long_as_the_schedule_is_refused(spec: Path) -> None:
    with pytest.raises(SpecError, match=r"promotion\.grace is 2, and the schedule has 2 epochs"):
        load(spec, ["search.promotion={kind: asha, grace: 2}"])


def rows_up_to(job: PlannedJob, scores: Sequence[float]) -> list[EpochRow]:
    made = {"job": job.request.job.id, "attempt": 1, "step": 1, "wall_time": 0.0}
    return [
        EpochRow(epoch=epoch, metrics={"validation_accuracy": score}, **made)
        for epoch, score in enumerate(scores, 1)
    ]


def test_rungs_count_the_prunable_and_correlate_who_came_to_the_end(spec: Path) -> None:
    jobs = planned(spec, "search.seeds=1").jobs
    prunable = [entry for entry in jobs if entry.request.prunable]
    exempt = [entry for entry in jobs if not entry.request.prunable]
    rows = {entry.request.job.id: rows_up_to(entry, [0.3, 0.4, 0.5, 0.6, 0.7]) for entry in exempt}
    rows |= {entry.request.job.id: rows_up_to(entry, [0.2]) for entry in prunable}
    winner = prunable[0]
    rows[winner.request.job.id] = rows_up_to(winner, [0.4, 0.5, 0.6, 0.7, 0.8])
    calls: list[tuple[Scores, Scores, float]] = []

    def correlate(entry: Scores, last: Scores, level: float) -> Correlation:
        calls.append((entry, last, level))
        return Correlation(tau=1, low=0, high=1, level=level, candidates=len(entry))

    first, second, last = halving_rungs(ASHA, 5, jobs, rows, correlate, 0.9)
    assert (first.epochs, first.seeds, first.entered, first.promoted) == (1, 1, len(prunable), 1)
    assert (second.epochs, second.entered, second.promoted) == (4, 1, 1)
    assert (last.epochs, last.entered, last.promoted, last.correlation) == (5, 1, None, None)
    finished = len(exempt) - 1 + 1  # without the baseline, with the winner
    assert first.correlation is not None
    assert first.correlation.candidates == finished
    assert sorted(calls[0][0]) == [[0.3]] * (finished - 1) + [[0.4]]
    assert sorted(calls[0][1]) == [[0.7]] * (finished - 1) + [[0.8]]
    assert len(calls) == 2


def test_a_pruned_job_is_not_trained_again_unless_promotion_is_dropped(spec: Path) -> None:
    pruned = [entry for entry in planned(spec).jobs if entry.request.prunable]
    victim = pruned[0].candidate
    store = ArtifactStore.open(load(spec).spec.store)
    requests = [entry.request for entry in pruned if entry.candidate == victim]
    for request in requests:
        record_pruned(request, store, "not in the best 1 of 4 at epoch 0", unfinished(request))
    log, _ = carry_out(spec, *HALVING)
    _, jobs, pending = log.phases[0]
    assert jobs - pending == len(requests) == 2
    study_documents = documents(store.study("small"))
    assert study_documents is not None and study_documents.verdict is not None
    warnings = " ".join(study_documents.verdict.warnings)
    assert f"2 of {jobs} search jobs were pruned" in warnings
    assert "have no score and are not compared: 1 of them had jobs pruned." in warnings
    assert "have not ended" not in warnings
    status = json.loads(compound("status", str(spec), "--json").stdout)
    assert status["counts"]["pruned"] == 2
    assert {job["epoch"] for job in status["jobs"] if job["status"] == "pruned"} == {0}
    again, _ = carry_out(spec, *HALVING)
    assert again.phases[0][2] == 0
    without, _ = carry_out(spec, *HALVING[1:])
    assert without.phases[0][2] == 2


def test_the_local_runner_refuses_rays_scheduler_before_anything_starts(spec: Path) -> None:
    words = ["run", str(spec), "--runner", "local", "--set", HALVING[0]]
    ran = compound(*words)
    assert ran.returncode == 2
    assert "promotion `asha` needs Ray" in ran.stderr
    assert "allowed: `kind: rungs`" in ran.stderr
    assert "next: compound run" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not (spec.parent / "runs").exists()
