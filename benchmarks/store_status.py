"""What the status of a large study takes: the part `status` of benchmarks/store.py."""

import contextlib
import io
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.scale import accuracy
from compound.jobs.data.source import summarise
from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.cli.study.status import status
from compound.orchestrator.prepare import prepare
from compound.orchestrator.spec.load import load
from compound.orchestrator.study import Study
from compound.schemas.plan import Plan
from compound.schemas.study import StudySpec
from tests.support.many_jobs import ROOT, SPEC
from tests.support.simulated_studies import Silent, Simulated

NAME, EPOCHS = "large", 100


def study(folder: Path, grid: str) -> int:
    """Carry out a simulated study of a hundred epochs a job; return its number of jobs."""
    sets = [f"name={NAME}", f"store={folder}", f"train.epochs={EPOCHS}"]
    sets += [f"search.design.step={grid}"] if grid else []
    spec = load(SPEC, sets).spec
    assert isinstance(spec, StudySpec)
    store = ArtifactStore.open(spec.store)
    plan = prepare(spec, summarise(spec.data), store).plan
    assert isinstance(plan, Plan)
    Study(spec, "", store, Simulated(accuracy, logged=True), Silent()).run(plan)
    return len(plan.jobs)


_LAUNCHED = """
import resource, subprocess, sys, time
began = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
took, used = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
print(took, used.ru_utime + used.ru_stime, used.ru_maxrss / 1000)
"""
"""A child's most memory counts from that of its parent, which is to be small."""


def command(folder: Path) -> tuple[float, float, float]:
    """Return a command's seconds of the wall and of the processor, and its most megabytes."""
    words = [sys.executable, "-m", "compound", "status", NAME, "--store", str(folder)]
    launched = [sys.executable, "-S", "-c", _LAUNCHED, *words]
    ran = subprocess.run(launched, cwd=ROOT, check=True, capture_output=True, text=True)
    wall, cpu, memory = map(float, ran.stdout.split())
    return wall, cpu, memory


def seconds(work: Callable[[], object]) -> float:
    """Time some work of this process."""
    began = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        work()
    return time.perf_counter() - began


def measure(
    folder: Path,
    rounds: int,
    grid: str,
    show: Callable[[Mapping[str, Sequence[float]], str, str], None],
    judge: Callable[..., None],
) -> None:
    """Print what the status, and opening the store, take."""
    store = folder / "study"
    print(f"status of a study of {study(store, grid):,} jobs of {EPOCHS} epochs", flush=True)
    figures: dict[str, list[float]] = {}

    def add(**values: float) -> None:
        for name, value in values.items():
            figures.setdefault(name.replace("_", " "), []).append(value)

    for _ in range(rounds):
        wall, cpu, memory = command(store)
        add(command=wall, its_processor_time=cpu, megabytes=memory)
        add(once_imported=seconds(lambda: status(NAME, str(store), as_json=False)))
        add(open_with_index=seconds(lambda: _opened(store)))
    for name, values in figures.items():
        show({name: values}, "MB" if name == "megabytes" else "s", ".3f")
    judge("status", median(figures["command"]), 1, "s", most=True)
    judge("open with index", median(figures["open with index"]), 1, "s", most=True)
    judge("memory", median(figures["megabytes"]), 500, "MB", most=True)


def _opened(store: Path) -> Any:
    return ArtifactStore.open(str(store), create=False).knowing(NAME)
