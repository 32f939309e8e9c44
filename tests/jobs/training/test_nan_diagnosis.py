"""A job that diverges says in which step, and which layer lost its numbers first."""

from pathlib import Path

import pytest
import torch

from compound.jobs.parallel.failure import Diverged
from compound.jobs.run_job import Process, run
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.data_cache import DataCache
from compound.jobs.training.nan_diagnosis import diagnose
from compound.schemas.data import SyntheticData
from compound.schemas.job import JobResult, TrainJob
from tests.support.overflowing_networks import Overflow, trainer
from tests.support.small_jobs import small_job


@pytest.mark.parametrize(("call", "epoch", "step"), [(2, 1, 1), (4, 2, 3), (6, 2, 5)])
def test_step_and_layer_are_found(call: int, epoch: int, step: int) -> None:
    job = small_job(survival=0.8)
    with pytest.raises(
        Diverged, match=f"train_loss is nan in epoch {epoch}, first in step {step + 1}$"
    ) as lost:
        failing = trainer(job, call)
        for number in (1, 2):
            failing.epoch(number)
    assert lost.value.step == step
    found = str(diagnose(trainer(job, call), 0, 0, lost.value))
    name = next(n for n, m in trainer(job, call).module.named_modules() if isinstance(m, Overflow))
    assert found.endswith(f"; {name} is the first that produces such values")


def ended(job: TrainJob, store: ArtifactStore, continues: str | None = None) -> JobResult:
    rows = run(job, store, Process.single(), DataCache(), continues=continues)
    while True:
        try:
            next(rows)
        except StopIteration as end:
            return end.value


def test_a_rate_far_too_high_is_traced_after_resuming(tmp_path: Path) -> None:
    """Two epochs go well; then weights grow so fast that they overflow within the next."""
    store = ArtifactStore.open(str(tmp_path))
    data = SyntheticData(
        source="synthetic", images=2048, validation_images=8, num_classes=4, size=8
    )
    calm = small_job(data, epochs=2, batch=64)
    assert ended(calm, store).status == "done"
    given = {"learning_rate": 100, "clip_norm": None, "warmup_epochs": 0, "weight_decay": 1}
    result = ended(small_job(data, epochs=6, batch=64, **given), store, continues=calm.id)
    assert result.cause.kind == "diverged"
    assert "first in step" in result.cause.message
    assert result.epochs > 1 and "is the first that produces such values" in result.cause.message
    assert torch.isfinite(next(iter(store.checkpoint(calm.id).model().values()))).all()
