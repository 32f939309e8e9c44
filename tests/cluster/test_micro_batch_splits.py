"""Micro-batches in parts on Ray; tests/cluster/worker_group/test_group.py has several workers."""

from pathlib import Path

import pytest

from compound.cluster.ray_session import Session
from compound.cluster.trials.ray_runner import RayRunner
from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.records.history import History
from compound.orchestrator.run.phase import PhaseRunner
from tests.support.failing_networks import hungry_request
from tests.support.phase_log import IMAGES, SMALLER, PhaseLog, planned

pytestmark = [pytest.mark.ray, pytest.mark.slow]


def test_a_job_out_of_memory_is_tried_again_in_smaller_micro_batches(
    ray_session: Session, store: str, tmp_path: Path
) -> None:
    ledger, log = ArtifactStore.open(store), PhaseLog()
    single = hungry_request(tmp_path, "hungry_solo", 16)
    runner = RayRunner(ray_session, imports=(str(tmp_path),))
    history = History(ledger, "small")
    phase_runner = PhaseRunner(
        ledger, runner, log, images=IMAGES, history=history, index=ledger.study("small").done_jobs
    )
    assert phase_runner.train("search", [planned(single)]) == "done"
    assert log.again == [f"{SMALLER} (16 instead of 32)"]
    result = ledger.result(single.job.id)
    assert result is not None
    assert (result.status, result.splits, result.world_size) == ("done", 2, 1)
