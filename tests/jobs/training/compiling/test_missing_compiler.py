"""Compiling where the host has no compiler: told before the first step."""

from pathlib import Path

import pytest
import torch

from compound.jobs.gpu.compilers import compilers
from compound.jobs.run_job import Process, run
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.compiling.compiler import check_compiler
from compound.jobs.training.data_cache import DataCache
from compound.schemas.errors import PlanError
from compound.schemas.recipe import Recipe
from tests.support.small_jobs import small_job

CPU, GPU = torch.device("cpu"), torch.device("cuda")


def test_a_job_that_cannot_compile_says_what_to_install(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    store, job = ArtifactStore.open(str(tmp_path)), small_job(compile=True)
    epochs = run(job, store, Process.single(), DataCache())
    with pytest.raises(StopIteration) as ended:
        next(epochs)
    result = ended.value.value
    assert result.status == "failed" and result.epochs == 0
    message = result.cause.message
    assert "torch.compile needs g++" in message and "`compile: false`" in message


@pytest.mark.parametrize("device", [CPU, GPU])
def test_only_what_compiles_needs_a_compiler(device: torch.device, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("CC", "CXX"):
        monkeypatch.delenv(name, raising=False)
    check_compiler(Recipe(), device)
    with pytest.raises(PlanError, match=r"train\.compile"):
        check_compiler(Recipe(compile=True), device)
    mine = tmp_path / "mine"
    mine.write_text("#!/bin/sh\n")
    mine.chmod(0o755)
    monkeypatch.setenv("CXX" if device == CPU else "CC", str(mine))
    assert compilers(device.type) == (str(mine),)
    check_compiler(Recipe(compile=True), device)
