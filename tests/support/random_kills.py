"""Short family jobs whose processes are killed at random.

A driver trains two-worker jobs on a Ray, in a process of its own. In every job a victim is
drawn, and the epoch after which it is killed with -9: a DDP worker, the trial actor that holds the
group of workers, or the driver, which is then started again. Afterwards every job must be done and
have each epoch exactly once, and the first ones the very numbers of a run without kills.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ray.util.state import list_actors

from compound.cluster.local_runner import LocalRunner
from compound.cluster.ray_session import connect
from compound.cluster.trials.ray_runner import RayRunner
from compound.jobs.data.source import summarise
from compound.jobs.store.artifacts import ArtifactStore
from compound.schemas.architecture import Architecture
from compound.schemas.data import SyntheticData
from compound.schemas.job import DataRef, Event, JobRequest, JobResult, Resources, TrainJob
from compound.schemas.recipe import Recipe
from compound.schemas.stages import Stage, Stem

EPOCHS = 8
VICTIMS = {"RayTrainWorker": 0.7, "GroupTrial": 0.15, "driver": 0.15}
"""How often each kind of process is drawn."""

_TIMED = {"images_per_second", "seconds", "data_wait"}
_LIMIT_S = 180.0
"""Seconds without a word from the driver after which the run has failed."""


@dataclass
class Outcome:
    """What the kills did."""

    killed: Counter[str] = field(default_factory=Counter)
    attempts: list[int] = field(default_factory=list)
    repeated: int = 0
    """Epochs that were trained more than once."""
    wrong: list[str] = field(default_factory=list)
    """What must not be, in words."""
    seconds: float = 0.0


def request(seed: int) -> JobRequest:
    """Return a short two-worker job: eight epochs of about 0.3 s."""
    data = SyntheticData(source="synthetic", images=1024, validation_images=32, size=8)
    network = Architecture(
        resolution=8,
        num_classes=4,
        stem=Stem(channels=8),
        stages=(Stage(channels=8, expand=2),),
        head=16,
    )
    job = TrainJob(
        architecture=network,
        recipe=Recipe(epochs=EPOCHS, batch=32),
        data=DataRef(spec=data, fingerprint=summarise(data).fingerprint),
        seed=seed,
    )
    return JobRequest(job=job, resources=Resources(workers=2, gpus=0), label=f"job {seed}")


def kill_at_random(folder: Path, kills: int, seed: int, address: str) -> Outcome:
    """Train a job for each kill on the Ray at `address`, to which this process is connected."""
    started, draw = time.monotonic(), random.Random(seed)
    requests = [request(number) for number in range(kills)]
    (folder / "jobs.jsonl").write_text("\n".join(request.model_dump_json() for request in requests))
    outcome, announced = Outcome(), Counter[tuple[str, int]]()
    doomed = {
        request.job.id: (
            draw.randint(1, EPOCHS - 1),
            draw.choices([*VICTIMS], [*VICTIMS.values()])[0],
        )
        for request in requests
    }
    while doomed:
        driver = _driver(folder, address)
        for event in _events(driver, outcome):
            if event.row is None:
                continue
            announced[event.job, event.row.epoch] += 1
            epoch, victim = doomed.get(event.job, (0, ""))
            if event.row.epoch == epoch:
                del doomed[event.job]
                outcome.killed[victim] += 1
                _kill(victim, driver, address)
        if outcome.wrong or driver.wait() == 0:
            break
    if not outcome.wrong and driver.returncode:
        list(_events(_driver(folder, address), outcome))
    outcome.repeated = sum(times - 1 for times in announced.values())
    _check(requests, str(folder / "store"), outcome)
    outcome.seconds = time.monotonic() - started
    return outcome


def drive(folder: Path, address: str) -> int:
    """Be the driver: train what is not done, tell events as lines of JSON."""
    lines = (folder / "jobs.jsonl").read_text().splitlines()
    requests = [JobRequest.model_validate_json(line) for line in lines]

    def tell(event: Event) -> None:
        sys.stdout.write(event.model_dump_json() + "\n")
        sys.stdout.flush()

    with connect(address) as session:
        results = RayRunner(session).run(requests, str(folder / "store"), tell)
    return 0 if all(result.status == "done" for result in results) else 1


def _driver(folder: Path, address: str) -> "subprocess.Popen[str]":
    words = [
        sys.executable,
        "-m",
        "tests.support.random_kills",
        "--drive",
        address,
        "--folder",
        str(folder),
    ]
    with (folder / "stderr").open("a") as errors:
        return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=errors, text=True)


def _events(driver: "subprocess.Popen[str]", outcome: Outcome) -> Iterator[Event]:
    """Yield what a driver tells until it ends; end it where it falls silent."""
    assert driver.stdout is not None
    quiet = _Alarm(driver)
    for line in driver.stdout:
        quiet.heard()
        if line.startswith("{"):
            yield Event.model_validate_json(line)
    quiet.off()
    if quiet.rang:
        outcome.wrong.append(f"nothing happened for {_LIMIT_S:g} s")
    driver.wait()


class _Alarm:
    """Kills a driver that has said nothing for too long."""

    def __init__(self, driver: "subprocess.Popen[str]") -> None:
        self.rang = False
        self._driver = driver
        self._timer = self._set()

    def _set(self) -> threading.Timer:
        timer = threading.Timer(_LIMIT_S, self._ring)
        timer.daemon = True
        timer.start()
        return timer

    def heard(self) -> None:
        """Wait anew."""
        self.off()
        self._timer = self._set()

    def off(self) -> None:
        """Wait no longer."""
        self._timer.cancel()

    def _ring(self) -> None:
        self.rang = True
        self._driver.kill()


def _kill(victim: str, driver: "subprocess.Popen[str]", address: str) -> None:
    if victim == "driver":
        driver.kill()
        return
    filters = [("class_name", "=", victim), ("state", "=", "ALIVE")]
    actors = list_actors(address=address, filters=filters)
    if actors:
        os.kill(random.Random(len(actors)).choice(actors).pid, signal.SIGKILL)


def _check(requests: list[JobRequest], uri: str, outcome: Outcome) -> None:
    store = ArtifactStore.open(uri)
    for request in requests:
        result: JobResult | None = store.result(request.job.id)
        if result is None or result.status != "done" or result.epochs != EPOCHS:
            outcome.wrong.append(f"{request.label} ended as {result}")
            continue
        outcome.attempts.append(result.attempt)
        epochs = [row.epoch for row in store.rows(request.job.id)]
        if epochs != list(range(1, EPOCHS + 1)):
            outcome.wrong.append(f"{request.label} has the epochs {epochs}")
    _compare(requests[:3], store, outcome)


def _compare(requests: list[JobRequest], store: ArtifactStore, outcome: Outcome) -> None:
    """Train the first jobs again in peace; their numbers must be the same."""
    with tempfile.TemporaryDirectory() as folder:
        LocalRunner().run(requests, folder, lambda event: None)
        peace = ArtifactStore.open(folder)
        for request in requests:
            if _numbers(peace, request) != _numbers(store, request):
                outcome.wrong.append(f"{request.label} has other numbers than without kills")


def _numbers(store: ArtifactStore, request: JobRequest) -> list[dict[str, float]]:
    rows = store.rows(request.job.id)
    return [{k: v for k, v in row.metrics.items() if k not in _TIMED} for row in rows]


if __name__ == "__main__":
    sys.exit(drive(Path(sys.argv[1]), sys.argv[2]))
