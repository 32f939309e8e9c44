"""Networks that ranks divide among themselves: two real gloo processes, against two that do not."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from small_jobs import small_job

from jobs.models.build import build
from jobs.models.weight_file import evaluated
from jobs.models.weights import load_weights
from jobs.store.artifacts import ArtifactStore
from jobs.training.flat import Flat, flatten
from jobs.training.process import Process
from schemas.errors import PlanError
from schemas.job import EpochRow, JobRequest, JobResult, Resources, TrainJob
from schemas.study import Placement

EMA = {"ema": 0.9, "checkpoint_every": 1}
RECIPES: dict[str, dict[str, Any]] = {
    "sgd": {},
    "rmsprop": {"optimizer": "rmsprop", "learning_rate": 0.016, **EMA},
    "adamw": {"optimizer": "adamw", "learning_rate": 0.01, "accumulate": 2, "dropout": 0.2},
    "half": {"precision": "bfloat16", "ema": 0.9, "clip_norm": 0.1},
}


def launch(job: TrainJob, store: Path, workers: int, sharding: str = "full", **given: Any):
    """Train a job with torchrun; return its exit code and what it printed."""
    resources = Resources(workers=workers, gpus=0).model_copy(update={"sharding": sharding})
    file = store.with_suffix(".json")
    file.write_text(JobRequest(job=job, resources=resources, **given).model_dump_json())
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(workers)]
    command = [sys.executable, *(launcher if workers > 1 else []), "-m", "jobs", str(file)]
    return subprocess.run(
        [*command, "--store", str(store)], capture_output=True, text=True, timeout=180
    )


def trained(job: TrainJob, store: Path, workers: int = 2, sharding: str = "full") -> list[EpochRow]:
    """Train a job to its end; return its rows."""
    done = launch(job, store, workers, sharding)
    assert done.returncode == 0, done.stderr[-3000:]
    return ArtifactStore.open(str(store)).rows(job.id)


@pytest.mark.parametrize("name", RECIPES)
def test_two_ranks_that_divide_a_network_train_as_two_that_do_not(
    name: str, tmp_path: Path
) -> None:
    job = small_job(epochs=2, survival=0.8, **RECIPES[name])
    whole = trained(job, tmp_path / "whole", sharding="none")
    apart = trained(job, tmp_path / "apart")
    for one, other in zip(whole, apart, strict=True):
        for metric in ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy"):
            assert other.metrics[metric] == pytest.approx(one.metrics[metric], abs=1e-4)
    mine, theirs = (
        ArtifactStore.open(str(tmp_path / name)).checkpoint(job.id) for name in ("whole", "apart")
    )
    assert mine and theirs and (mine.shards, theirs.shards) == (0, 2)
    expected, found = mine.model(), theirs.model()
    assert found.keys() == expected.keys()
    for tensor, value in found.items():
        torch.testing.assert_close(value, expected[tensor], atol=2e-3, rtol=2e-3)
