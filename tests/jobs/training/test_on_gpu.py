"""Training on a GPU. Every test runs on a CPU too, where it shows that the test itself is sound."""

import gc
import io
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from compound.jobs.store.artifacts import ArtifactStore
from compound.schemas.architecture import Architecture
from compound.schemas.job import TrainJob
from compound.schemas.stages import Stage, Stem
from tests.support.back_ends import LONG
from tests.support.gpu_session import graphs_compared as graphs
from tests.support.gpu_session.host_waits import waits_of
from tests.support.gpu_session.recorder import Recorder
from tests.support.gpu_session.subjects import HEAVY, Bench, job_of, steps_of, trained, trainer_of
from tests.support.small_network import SMALL
from tests.support.taped_graphs import Tape

KINDS = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
COMPILED = KINDS if LONG else KINDS[1:]
"""On a CPU a test of the compiler does the same with two networks in every run."""
RECIPES: dict[str, dict[str, Any]] = {
    "modern": {},
    "paper": {"recipe": "paper"},
    "heavy": HEAVY,
    "adamw": {"optimizer": "adamw", "learning_rate": 1e-3, "weight_decay": 0.05},
    "parts": {"accumulate": 2, "norm_batch": 8, "ema": 0.99, "clip_norm": 1.0},
}
CLOSE = 2**20
"""Bytes by which what is allocated may differ from what was before."""


@pytest.fixture
def bench(kind: str) -> Iterator[Bench]:
    """The device of a kind; on a GPU convolutions are as exact as on a CPU."""
    if kind == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield Bench.of(kind)
    torch.backends.cudnn.allow_tf32 = before


def job(seed: int = 0, **recipe: Any) -> TrainJob:
    return job_of(SMALL, 64, seed, **{"epochs": 2, "batch": 32} | recipe)


def losses(store: Path, of: TrainJob) -> list[float]:
    return [row.metrics["train_loss"] for row in ArtifactStore.open(str(store)).rows(of.id)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", RECIPES)
def test_losses_are_those_of_a_cpu(bench: Bench, name: str, tmp_path: Path) -> None:
    wanted = job(**RECIPES[name])
    assert trained(wanted, Bench.of("cpu"), str(tmp_path / "cpu")).status == "done"
    result = trained(wanted, bench, str(tmp_path / "device"))
    assert result.status == "done", result.cause
    cpu, device = losses(tmp_path / "cpu", wanted), losses(tmp_path / "device", wanted)
    assert device[0] == pytest.approx(cpu[0], rel=1e-3)
    assert device[1] == pytest.approx(cpu[1], rel=2e-2)  # rounding grows with every step


@pytest.mark.parametrize("kind", KINDS)
def test_bfloat16_trains_to_nearly_the_same(bench: Bench, tmp_path: Path) -> None:
    whole, half = job(), job(precision="bfloat16")
    for one in (whole, half):
        assert trained(one, bench, str(tmp_path)).status == "done"
    assert losses(tmp_path, half)[0] == pytest.approx(losses(tmp_path, whole)[0], rel=2e-2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", RECIPES)
def test_no_step_makes_the_host_wait(bench: Bench, name: str) -> None:
    step = steps_of(
        trainer_of(job_of(SMALL, 512, epochs=9, batch=32, **RECIPES[name]), bench.process)
    )
    for _ in range(3):
        step()
    assert waits_of(bench, step, 5) == {}
    if bench.cuda:
        torch.cuda.set_sync_debug_mode("error")
    try:
        step()
    finally:
        if bench.cuda:
            torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("kind", KINDS)
def test_jobs_leave_no_memory_behind(bench: Bench, tmp_path: Path) -> None:
    assert trained(job(), bench, str(tmp_path)).status == "done"  # what is kept for good is made
    gc.collect()
    before = bench.allocated()
    for seed in range(1, 6):
        assert trained(job(seed), bench, str(tmp_path)).status == "done"
        gc.collect()
        assert abs(bench.allocated() - before) <= CLOSE


@pytest.mark.parametrize("kind", KINDS)
def test_graphs_give_the_numbers_of_plain_steps(bench: Bench) -> None:
    outcome = graphs.compared(bench, None if bench.cuda else Tape())  # a CPU's operations, recorded
    assert outcome.steps >= 12
    assert (outcome.reason, outcome.replayed) == ("", outcome.steps - 4)
    assert outcome.losses <= graphs.NEAR and outcome.weights <= graphs.NEAR


@pytest.mark.parametrize(
    ("losses", "replayed", "told", "wrong"),
    [
        (0.0, 12, "", set()),
        (0.1, 12, "", {"graphs: losses apart"}),
        (0.0, 0, "it cannot", {"graphs: of 16 passes by graphs", "graphs: told"}),
    ],
)
def test_a_session_judges_graphs(
    monkeypatch: pytest.MonkeyPatch, losses: float, replayed: int, told: str, wrong: set[str]
) -> None:
    outcome = graphs.Outcome(losses, 0.0, 0.0, 16, replayed, told)
    monkeypatch.setattr(graphs, "compared", lambda bench: outcome)
    stream = io.StringIO()
    graphs.tell(Bench.of("cuda"), Recorder(stream))
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert {line["name"] for line in lines if line["ok"] is False} == wrong


@pytest.mark.parametrize("kind", COMPILED)
def test_the_last_network_of_many_is_compiled_like_the_first(bench: Bench, tmp_path: Path) -> None:
    from torch._dynamo.utils import counters

    for number in range(bench.pick(10, 2)):
        stages = tuple(Stage(channels=8 * (1 + number % 2)) for _ in range(1 + number // 2))
        shape = Architecture(resolution=16, stem=Stem(channels=8), stages=stages, head=16)
        before = counters["stats"]["unique_graphs"]
        wanted = job_of(shape, 64, epochs=1, batch=32, compile=True)
        assert trained(wanted, bench, str(tmp_path)).status == "done"
        assert counters["stats"]["unique_graphs"] > before, f"network {number + 1} ran as it is"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["modern", "paper"])
def test_a_job_goes_on_from_inside_an_epoch(bench: Bench, name: str, tmp_path: Path) -> None:
    wanted = job(checkpoint_steps=1, **RECIPES[name])
    stop = iter([False, False, True])
    left = trained(wanted, bench, str(tmp_path / "left"), stopping=lambda: next(stop, True))
    assert left.status == "stopped"
    assert trained(wanted, bench, str(tmp_path / "left")).status == "done"
    assert trained(wanted, bench, str(tmp_path / "whole")).status == "done"
    found, whole = losses(tmp_path / "left", wanted), losses(tmp_path / "whole", wanted)
    assert len(found) == 2
    assert found == pytest.approx(whole, rel=1e-3 if bench.cuda else 0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_without_memory_fails_as_such_and_the_next_one_trains(
    bench: Bench, tmp_path: Path
) -> None:
    side, images = bench.pick((128, 512), (16, 32))
    large = SMALL.model_copy(update={"resolution": side})
    hungry = job_of(large, images, epochs=1, batch=images)
    if bench.cuda:
        room = torch.cuda.get_device_properties(bench.device).total_memory
        torch.cuda.set_per_process_memory_fraction(2**30 / room, bench.device)
    try:
        result = trained(hungry, bench, str(tmp_path))
    finally:
        if bench.cuda:
            torch.cuda.set_per_process_memory_fraction(1.0, bench.device)
    if bench.cuda:
        assert result.cause is not None and result.cause.kind == "out of memory"
    assert trained(job(), bench, str(tmp_path)).status == "done"


@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_context_ends_no_later_job_of_another_process(
    bench: Bench, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "benchmarks.gpu.broken", bench.kind]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=200)
    first = json.loads(ran.stdout.splitlines()[0])
    assert first["status"] == "failed"
    assert first["text"]
    result = trained(job(), bench, str(tmp_path))
    assert result.status == "done"
    assert math.isfinite(result.metrics["train_loss"])
