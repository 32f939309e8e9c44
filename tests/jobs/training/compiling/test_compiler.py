"""Compiling in a process that trains one job after another: never silently left out."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

import compound.jobs.training.compiling.compiler as compiler
from compound.jobs.run_job import Process, run
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.compiling.compiler import check_compiler, programs
from compound.jobs.training.data_cache import DataCache
from compound.jobs.training.loop.trainer import Trainer
from compound.schemas.errors import PlanError
from compound.schemas.job import JobResult, TrainJob
from compound.schemas.recipe import Recipe
from compound.schemas.stages import Stage
from tests.support.back_ends import sizes
from tests.support.small_jobs import small_job

Graphs = list[nn.Module]


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Graphs]:
    """Trace as torch.compile does, and run each graph as it is; yields the graphs."""
    seen: Graphs = []
    real = torch.compile

    def backend(graph: nn.Module, inputs: object) -> Callable[..., object]:
        seen.append(graph)
        return graph.forward

    def compiled(model: object, **options: object) -> object:
        return real(model, backend=backend, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(torch, "compile", compiled)
    yield seen
    torch.compiler.reset()


def trained(job: TrainJob, store: ArtifactStore, process: Process | None = None) -> JobResult:
    epochs = run(job, store, process or Process.single(), DataCache())
    while True:
        try:
            next(epochs)
        except StopIteration as end:
            return end.value


def tiny(head: int = 8, **recipe: object) -> TrainJob:
    """Return a job that compiles a network of three layers, the last of so many channels."""
    job = small_job(compile=True, **{"epochs": 1, "batch": 50, **recipe})
    stages = (Stage(channels=4, stride=2, expand=1, se=0),)
    network = job.architecture.model_copy(update={"stages": stages, "head": head})
    return job.model_copy(update={"architecture": network})


def twenty() -> list[TrainJob]:
    return [tiny(head) for head in range(8, 28)]


@sizes("networks", commit=10, full=20)
def test_many_networks_in_one_process_are_all_compiled(
    tmp_path: Path, graphs: Graphs, networks: int
) -> None:
    """More than dynamo keeps programs of one function, which are 8 (torch 2.13)."""
    store = ArtifactStore.open(str(tmp_path))
    for count, job in enumerate(twenty()[:networks], start=1):
        result = trained(job, store)
        assert result.status == "done" and result.notes == (), result.cause
        assert len(graphs) == count


@pytest.mark.slow
@sizes("count", commit=2, full=20)
def test_networks_are_compiled_by_inductor_one_after_another(tmp_path: Path, count: int) -> None:
    """Inductor takes seconds for each; `full` is more than dynamo keeps, as in the test above."""
    from torch._dynamo.utils import counters

    store, before = ArtifactStore.open(str(tmp_path)), counters["stats"]["unique_graphs"]
    jobs = twenty()[:count]
    for job in jobs:
        result = trained(job, store)
        assert result.status == "done" and result.notes == (), result.cause
    assert counters["stats"]["unique_graphs"] - before == len(jobs)


def test_sides_and_micro_batches_have_a_program_each(tmp_path: Path, graphs: Graphs) -> None:
    store = ArtifactStore.open(str(tmp_path))
    resizing = {"start": 0.5, "until": 0.9, "multiple": 1}
    assert trained(tiny(epochs=6, resizing=resizing), store).status == "done"
    assert len(graphs) == 5  # 4, 5, 6, 7 and 8 pixels
    many = tiny(batch=50, accumulate=10)
    assert trained(many, store).status == "done"
    assert len(graphs) == 5 + 10
    assert programs(many, Process.single(), 1) >= 10
    assert programs(many, Process.single(), 5) >= 50


def test_a_job_that_takes_more_programs_than_foreseen_fails(
    tmp_path: Path, graphs: Graphs, monkeypatch
) -> None:
    monkeypatch.setattr(compiler, "programs", lambda *_: 4 - compiler._SPARE)
    job = tiny(accumulate=5)
    result = trained(job, ArtifactStore.open(str(tmp_path)))
    assert result.status == "failed"
    assert "torch.compile gave up on this network" in result.cause.message
    assert "next: set `compile: false`" in result.cause.message


def test_a_network_that_torch_leaves_alone_is_told(tmp_path: Path, graphs: Graphs, monkeypatch):
    """Its update is compiled all the same, which must not count for the network."""
    built = Trainer._laid_out

    def marked(self: Trainer) -> object:
        self.module.forward = torch.compiler.disable(self.module.forward)
        return built(self)

    monkeypatch.setattr(Trainer, "_laid_out", marked)
    job = tiny(recipe="paper")
    store = ArtifactStore.open(str(tmp_path))
    result = trained(job, store)
    assert result.status == "done" and len(graphs) == 2
    assert result.notes == (
        "compile: true, but torch compiled nothing of this network: it ran uncompiled",
    )
    assert store.result(job.id).notes == result.notes


def test_a_network_in_parts_is_told(tmp_path: Path, graphs: Graphs, monkeypatch) -> None:
    def broken(images: torch.Tensor) -> None:
        torch._dynamo.graph_break()

    built = Trainer._laid_out

    def hooked(self: Trainer) -> object:
        self.module.stem.register_forward_hook(lambda module, given, output: broken(output))
        return built(self)

    monkeypatch.setattr(Trainer, "_laid_out", hooked)
    result = trained(tiny(), ArtifactStore.open(str(tmp_path)))
    assert result.status == "done"
    (note,) = result.notes
    assert note.startswith("compile: true, but torch compiled this network in parts")
    assert "graph_break" in note


@pytest.mark.parametrize("name", ["TORCH_COMPILE_DISABLE", "TORCHDYNAMO_DISABLE"])
def test_an_environment_that_forbids_compiling_is_refused(name: str, tmp_path, monkeypatch) -> None:
    program = tmp_path / "mine"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("CXX", str(program))
    cpu = torch.device("cpu")
    check_compiler(Recipe(), cpu, {name: "1"})
    check_compiler(Recipe(compile=True), cpu, {name: "0"})
    with pytest.raises(PlanError, match=f"{name}=1") as caught:
        check_compiler(Recipe(compile=True), cpu, {name: "1"})
    assert caught.value.where == "train.compile" and caught.value.next_step


@pytest.mark.parametrize("threads", [1, 3])
def test_inductor_compiles_with_the_workers_cpus(
    tmp_path: Path, graphs: Graphs, monkeypatch, threads: int
) -> None:
    import torch._inductor.config as inductor

    seen: list[int] = []
    forward = Trainer.connect

    def connect(self: Trainer) -> None:
        seen.append(inductor.compile_threads)
        forward(self)

    monkeypatch.delenv("TORCHINDUCTOR_COMPILE_THREADS", raising=False)
    monkeypatch.setattr(Trainer, "connect", connect)
    before = inductor.compile_threads
    job, store = tiny(), ArtifactStore.open(str(tmp_path))
    assert trained(job, store, Process.single(threads)).status == "done"
    assert seen == [threads] and inductor.compile_threads == before
