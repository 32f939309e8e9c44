"""Micro-batches in parts on Ray: a solo trial, and a gang of which one rank runs out of memory."""

from pathlib import Path

import pytest

from compound.cluster.ray_session import Session
from compound.cluster.trials.placement_groups import reserved
from compound.cluster.trials.ray_runner import RayRunner
from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.records.history import History
from compound.orchestrator.run.phase import PhaseRunner
from tests.support.failing_networks import hungry_request
from tests.support.phases import IMAGES, Log, planned

pytestmark = [pytest.mark.ray, pytest.mark.slow]


def test_a_job_out_of_memory_is_tried_again_in_smaller_micro_batches(
    ray_session: Session, store: str, tmp_path: Path
) -> None:
    ledger, log = ArtifactStore.open(store), Log()
    solo = hungry_request(tmp_path, "hungry_solo", 16)
    gang = hungry_request(tmp_path, "hungry_gang", 8, workers=2, seed=1)
    runner = RayRunner(ray_session, imports=(str(tmp_path),))
    history = History(ledger, "small")
    crew = PhaseRunner(
        ledger, runner, log, images=IMAGES, history=history, index=ledger.study("small").index
    )
    assert crew.train("search", [planned(solo), planned(gang)]) == "done"
    assert sorted(log.again) == [
        "out of memory: trying micro-batches of 16 instead of 32",
        "out of memory: trying micro-batches of 8 instead of 16",
    ]
    results = ledger.results([solo.job.id, gang.job.id])
    assert [(result.status, result.splits, result.world_size) for result in results.values()] == [
        ("done", 2, 1),
        ("done", 2, 2),
    ]


def test_a_rank_out_of_memory_is_no_lost_worker(
    ray_session: Session, store: str, tmp_path: Path
) -> None:
    request = hungry_request(tmp_path, "hungry_rank", 8, workers=2, ranks=(1,))
    runner = RayRunner(ray_session, imports=(str(tmp_path),))
    (result,) = runner.run([request], store, lambda event: None)
    assert result.cause is not None
    assert result.cause.kind == "out of memory", result.cause.message
    assert reserved() == set(), "no group of workers is started for a job that has ended"
