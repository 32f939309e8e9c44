"""Random kills over short family jobs; `python -m benchmarks.kills` does fifty."""

import os
from pathlib import Path

import pytest
import ray

from compound.cluster.ray_session import Session
from tests.support.random_kills import kill_at_random

pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not os.environ.get("COMPOUND_FAULTS"), reason="takes minutes: `make test-faults` runs it"
    ),
]


def test_jobs_outlive_random_kills_with_every_epoch_once(
    ray_session: Session, tmp_path: Path
) -> None:
    address = ray.get_runtime_context().gcs_address
    outcome = kill_at_random(tmp_path, kills=2, seed=2, address=address)
    assert outcome.wrong == []
    assert outcome.killed.total() == 2
    assert set(outcome.killed) == {"RayTrainWorker", "driver"}
    assert max(outcome.attempts) <= 3
