"""What ten thousand jobs cost the driver: plan, status and verdict, and a study's run a job.

    python -m benchmarks.scale [--rounds 5] [--runs 3] [--folder FOLDER]

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
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from compound.cluster.runner import OnEvent, Take, in_order
from compound.orchestrator.study import Study
from compound.schemas.job import JobRequest, JobResult, TrainJob
from compound.schemas.plan import Plan
from tests.support.many_jobs import ROOT, Scene
from tests.support.simulated_studies import MEMORY, Silent, Simulated

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
    called = [sys.executable, "-m", "compound", *words]
    subprocess.run(called, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    return Took(time.perf_counter() - wall, _children() - cpu)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def accuracy(job: TrainJob) -> float:
    """Make up a score that depends on the job alone."""
    return 0.5 + int(job.id[:6], 16) / 2**24 / 50


class TimedRunner:
    """A simulated runner, and what its writing took: the workers' part, not the driver's."""

    def __init__(self) -> None:
        self._simulated = Simulated(accuracy)
        self.took = Took(0.0, 0.0)

    def run(
        self, requests: Sequence[JobRequest], store: str, on_event: OnEvent, take: Take = in_order
    ) -> list[JobResult]:
        """Write the results."""
        results: list[JobResult] = []
        run = self._simulated.run
        self.took = timed(lambda: results.extend(run(requests, store, on_event)))
        return results

    def request_stop(self) -> None:
        """Stop nothing: everything has ended."""

    @property
    def stopping(self) -> bool:
        """Return False: it ends by itself."""
        return False


def ran(scene: Scene, plan: Plan) -> tuple[Took, Took]:
    """Run a study from nothing; return what a job of it took in all, and of it the driver."""
    shutil.rmtree(scene.spec.store, ignore_errors=True)
    runner = TimedRunner()
    study = Study(scene.spec, "", scene.store, runner, Silent())
    took, jobs = timed(lambda: study.run(plan)), len(plan.jobs)
    own = Took(took.wall - runner.took.wall, took.cpu - runner.took.cpu)
    return Took(took.wall / jobs, took.cpu / jobs), Took(own.wall / jobs, own.cpu / jobs)


def alternated(rounds: int, scenes: Sequence[Scene]) -> list[list[tuple[Took, Took]]]:
    """Run both studies in turns; return what each run took, by study."""
    plans = [scene.prepared() for scene in scenes]
    times_of: list[list[tuple[Took, Took]]] = [[] for _ in scenes]
    for _ in range(rounds):
        for index, scene in enumerate(scenes):
            times_of[index].append(ran(scene, plans[index]))
    return times_of


def show(name: str, times: Sequence[Took], unit: str = "s", scale: float = 1.0) -> None:
    """Print a median with its extremes, of the wall and of the processor."""
    walls, cpus = ([scale * getattr(t, clock) for t in times] for clock in ("wall", "cpu"))
    cells = (
        f"{statistics.median(v):9.2f} {f'{min(v):.2f} to {max(v):.2f}':>16}" for v in (walls, cpus)
    )
    print(f"{name:34}{'  '.join(cells)}  {unit}", flush=True)


def show_ratio(name: str, small: Sequence[Took], large: Sequence[Took]) -> None:
    """Print the ratio of the large study's medians to the small one's."""
    medians = [
        statistics.median(getattr(t, clock) for t in side)
        for clock in ("wall", "cpu")
        for side in (large, small)
    ]
    wall, cpu = medians[0] / medians[1], medians[2] / medians[3]
    print(f"{name:34}{wall:9.2f} {'':16}  {cpu:9.2f} {'':16}  x, goal 1.2 at most", flush=True)


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folder", help="where the stores lie; by default in memory, if possible")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(
        dir=options.folder or (MEMORY if MEMORY.is_dir() else None)
    ) as folder:
        measure(Scene.of(SMALL, folder), Scene.of(LARGE, folder), options.rounds, options.runs)


def measure(small: Scene, large: Scene, rounds: int, runs: int) -> None:
    """Time the runs first, which leave the stores that the commands read."""
    head = f"{'median':>9} {'least to most':>16}"
    print(f"{'':34}{head}  {head}")
    print(f"{'':34}{'wall':>9} {'':16}  {'processor':>9}")
    small_times, large_times = alternated(runs, (small, large))
    for name, part in (("a job", 0), ("a job, the driver alone", 1)):
        sides = [[took[part] for took in side] for side in (small_times, large_times)]
        for size, times in zip(("small", "large"), sides, strict=True):
            show(f"{name}, {size}", times, "ms", 1000)
        show_ratio(f"{name}, large / small", *sides)
    inside = {"plan": large.prepared, "status": large.status, "verdict": large.verdict}
    for name, work in inside.items():
        show(f"{name}, in process", [timed(work) for _ in range(rounds)])
    for name in ("plan", "status", "report"):
        show(f"compound {name}", [command(*large.words(name)) for _ in range(rounds)])


if __name__ == "__main__":
    main()
