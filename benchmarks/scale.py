"""What ten thousand jobs cost the driver: plan, status and verdict, and a study's run a job.

    python benchmarks/scale.py [--rounds 5] [--folder /dev/shm]

Training is simulated: a runner that does nothing but write results into a real store, so that what
is left is the driver's own work. A large study (benchmarks/tables/scale.yaml, 10,100 jobs of 2,524
networks) and a small one (the same with a coarser grid) take turns, small, large, small, large.

Commands are timed as a user types them, from the start of the process to its end, and once more
inside a process that has imported everything. Times are of the wall, with the processor's own
beside them: on a machine that does other things too only the latter says much.

Goals: each of plan, status and verdict below 5 s at 10,000 jobs; the run's cost a job at 10,000 at
most 1.2 times that at 100.
"""

import argparse
import contextlib
import io
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.simulated import Silent, SimulatedRunner
from cluster.runner import OnEvent
from jobs.data.source import summarise
from jobs.store.artifacts import ArtifactStore
from orchestrator.analyse import METRIC, analyse
from orchestrator.commands.studies import status
from orchestrator.prepare import prepare
from orchestrator.spec import load
from orchestrator.study import Study
from schemas.job import JobRequest, JobResult
from schemas.study import StudySpec

ROOT = Path(__file__).parent.parent
SPEC = ROOT / "benchmarks" / "tables" / "scale.yaml"
SMALL = ("name=small", "search.design.step=0.1")
LARGE = ("name=large",)


@dataclass(frozen=True)
class Took:
    """Seconds of the wall, and of this process or of the one that it started."""

    wall: float
    cpu: float


def timed(work: Callable[[], object]) -> Took:
    """Time some work of this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Took(time.perf_counter() - wall, time.process_time() - cpu)


def command(*words: str) -> Took:
    """Time a command as a user types it."""
    wall, cpu = time.perf_counter(), _children()
    called = [sys.executable, "-m", "orchestrator", *words]
    subprocess.run(called, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    return Took(time.perf_counter() - wall, _children() - cpu)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def accuracy(request: JobRequest) -> Mapping[str, float]:
    """Make up a score that depends on the job alone."""
    return {METRIC: 0.5 + int(request.job.id[:6], 16) / 2**24 / 50}


class TimedRunner:
    """A simulated runner, and the time that its writing takes: workers' work, not the driver's."""

    def __init__(self) -> None:
        self._runner = SimulatedRunner(accuracy)
        self.took = Took(0.0, 0.0)

    def run(self, requests: Sequence[JobRequest], store: str, on_event: OnEvent) -> list[JobResult]:
        """Write the results."""
        results: list[JobResult] = []
        self.took = timed(lambda: results.extend(self._runner.run(requests, store, on_event)))
        return results

    def request_stop(self) -> None:
        """Nothing to do."""


@dataclass(frozen=True)
class Scene:
    """One study in a store of its own."""

    spec: StudySpec
    overrides: tuple[str, ...]
    store: str

    @classmethod
    def of(cls, overrides: tuple[str, ...], folder: str) -> "Scene":
        """Read the spec with its store in a folder."""
        store = f"{folder}/{overrides[0]}"
        every = (*overrides, f"store={store}")
        spec = load(SPEC, every).spec
        assert isinstance(spec, StudySpec)
        return cls(spec, every, store)

    def plan(self) -> None:
        """Plan as `compound plan` does, without printing."""
        store = ArtifactStore.open(self.store)
        prepare(self.spec, summarise(self.spec.data), store)

    def status(self) -> None:
        """Print where every job stands, into nothing."""
        with contextlib.redirect_stdout(io.StringIO()):
            status(self.spec.name, self.store, as_json=False)

    def verdict(self) -> None:
        """Read all results and judge them."""
        store = ArtifactStore.open(self.store)
        plan = prepare_plan(self.spec, store)
        analyse(self.spec, plan, store.results([job.request.job.id for job in plan.jobs]))

    def words(self) -> list[str]:
        """Return the overrides as the command line has them."""
        return [word for one in self.overrides for word in ("--set", one)]
