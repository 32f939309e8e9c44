"""Short jobs per second: warm actors and gangs against Ray's fresh trials and nested trainers.

    python -m benchmarks.trials [--rounds 2] [--jobs 24] [--fresh 8] [--ddp 10] [--nested 3]

Both sides train the same jobs with the same loop (jobs/run_job.py) into a store, on the same
local Ray of two CPUs, in turns. A rate counts from the end of the first jobs, one for each place
in the cluster: what is needed once, to connect and to start the first actors, is printed apart.
"""

import argparse
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import ray
from ray import train, tune
from ray.train.torch import TorchTrainer, get_device
from ray.tune.integration.ray_train import TuneReportCallback

from compound.cluster.ray_session import connect
from compound.cluster.trials.ray_runner import RayRunner
from compound.jobs.data.source import summarise
from compound.jobs.run_job import Process, run
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.data_cache import DataCache
from compound.schemas.architecture import Architecture
from compound.schemas.data import SyntheticData
from compound.schemas.job import DataRef, Event, JobRequest, Resources, TrainJob
from compound.schemas.recipe import Recipe
from compound.schemas.stages import Stage, Stem

CPUS = 2
DATA = SyntheticData(source="synthetic", images=128, validation_images=32, size=8)
NETWORK = Architecture(
    resolution=8,
    num_classes=4,
    stem=Stem(channels=8),
    stages=(Stage(channels=8, expand=2),),
    head=16,
)


@dataclass(frozen=True)
class Measured:
    """One side of one round: seconds until the first jobs ended, and between later ends."""

    startup: float
    gaps: tuple[float, ...]

    @property
    def rate(self) -> float:
        """Jobs per second once it runs."""
        return len(self.gaps) / sum(self.gaps)


def requests(count: int, workers: int) -> list[JobRequest]:
    """Make jobs that differ by their seed only."""
    data = DataRef(spec=DATA, fingerprint=summarise(DATA).fingerprint)
    recipe = Recipe(epochs=3, batch=32)
    resources = Resources(workers=workers, cpus=1, gpus=0)
    jobs = [TrainJob(architecture=NETWORK, recipe=recipe, data=data, seed=s) for s in range(count)]
    return [JobRequest(job=job, resources=resources, label=f"seed {job.seed}") for job in jobs]


def measured(begun: float, ends: Sequence[float], slots: int) -> Measured:
    """Leave the first jobs out, one for each place."""
    later = list(ends[slots - 1 :])
    gaps = [after - before for before, after in pairwise(later)]
    return Measured(later[0] - begun, tuple(gaps))


def ours(count: int, workers: int) -> Measured:
    """Time jobs under RayRunner."""
    ends: list[float] = []

    def on_event(event: Event) -> None:
        if event.result is not None:
            assert event.result.status == "done", event.result.cause
            ends.append(time.perf_counter())

    with connect(cpus=CPUS) as session, tempfile.TemporaryDirectory() as store:
        begun = time.perf_counter()
        RayRunner(session).run(requests(count, workers), store, on_event)
    return measured(begun, ends, CPUS // workers)


class Ends(tune.Callback):  # type: ignore[misc]
    """Notes when trials end."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """One more has ended."""
        self.times.append(time.perf_counter())


def fresh_trial(config: dict[str, Any]) -> None:
    """A Tune function trainable: one process for one job."""
    request = JobRequest.model_validate_json(config["request"])
    store = ArtifactStore.open(config["store"])
    for row in run(request.job, store, Process.single(), DataCache()):
        tune.report(row.metrics)


def nested_trial(config: dict[str, Any]) -> None:
    """A Tune function trainable with a trainer of its own inside, as Ray documents it."""
    trainer = TorchTrainer(
        nested_worker,
        train_loop_config=config,
        scaling_config=train.ScalingConfig(num_workers=2, resources_per_worker={"CPU": 1}),
        run_config=train.RunConfig(
            name=f"train-trial_id={tune.get_context().get_trial_id()}",
            storage_path=config["folder"],
            callbacks=[TuneReportCallback()],
        ),
    )
    trainer.fit()


def nested_worker(config: dict[str, Any]) -> None:
    """One rank of a nested trainer."""
    request = JobRequest.model_validate_json(config["request"])
    context = train.get_context()
    rank = (context.get_world_rank(), context.get_world_size())
    process = Process(*rank, device=get_device(), threads=1)
    for row in run(request.job, ArtifactStore.open(config["store"]), process, DataCache()):
        train.report(row.metrics)


def theirs(trainable: Callable[[dict[str, Any]], None], count: int, workers: int) -> Measured:
    """Time the same jobs as fresh Tune trials."""
    # No CPU for a driver whose workers take them all; one for a trial that trains by itself.
    bundle = {"CPU": 1} if workers == 1 else {"memory": 2**20}
    ends, slots = Ends(), CPUS // workers
    with connect(cpus=CPUS), tempfile.TemporaryDirectory() as folder:
        texts = [request.model_dump_json() for request in requests(count, workers)]
        begun = time.perf_counter()
        tune.Tuner(
            tune.with_resources(trainable, tune.PlacementGroupFactory([bundle])),
            param_space={
                "request": tune.grid_search(texts),
                "store": f"{folder}/store",
                "folder": f"{folder}/train",
            },
            tune_config=tune.TuneConfig(
                max_concurrent_trials=slots,
                trial_dirname_creator=lambda trial: trial.trial_id,
            ),
            run_config=tune.RunConfig(
                name="fresh", storage_path=f"{folder}/tune", callbacks=[ends], verbose=0
            ),
        ).fit()
        done = ArtifactStore.open(f"{folder}/store").results(
            request.job.id for request in requests(count, workers)
        )
        assert [result.status for result in done.values()] == ["done"] * count
    return measured(begun, ends.times, slots)


def show(title: str, goal: float, warm: list[Measured], cold: list[Measured]) -> None:
    """Print medians over all jobs with their spread, and the ratio of the rates."""
    print(f"\n{title}")
    print(f"{'':24}{'start-up s':>12}{'s a job':>10}{'10 to 90 %':>18}{'jobs/s':>10}")
    for name, rounds in (("compound", warm), ("Ray, a fresh trial", cold)):
        gaps = sorted(gap for round_ in rounds for gap in round_.gaps)
        spread = f"{quantile(gaps, 0.1):.3f} to {quantile(gaps, 0.9):.3f}"
        startup = statistics.median(round_.startup for round_ in rounds)
        rate = statistics.median(round_.rate for round_ in rounds)
        middle = statistics.median(gaps)
        print(f"{name:24}{startup:12.1f}{middle:10.3f}{spread:>18}{rate:10.3f}")
    ratios = [
        our_round.rate / their_round.rate for our_round, their_round in zip(warm, cold, strict=True)
    ]
    listed = ", ".join(f"{ratio:.1f}" for ratio in ratios)
    print(f"ratio of jobs/s: {statistics.median(ratios):.1f} (rounds: {listed}; goal {goal:g})")


def quantile(ordered: Sequence[float], fraction: float) -> float:
    """The value below which this fraction lies, without interpolation."""
    return ordered[round(fraction * (len(ordered) - 1))]


def main() -> None:
    """Run both comparisons in turns."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("rounds", 2), ("jobs", 24), ("fresh", 8), ("ddp", 10), ("nested", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    solo: tuple[list[Measured], list[Measured]] = ([], [])
    pairs: tuple[list[Measured], list[Measured]] = ([], [])
    for _ in range(options.rounds):
        solo[0].append(ours(options.jobs, 1))
        solo[1].append(theirs(fresh_trial, options.fresh, 1))
        pairs[0].append(ours(options.ddp, 2))
        pairs[1].append(theirs(nested_trial, options.nested, 2))
    print(
        f"Ray {ray.__version__}, {CPUS} CPUs of {os.cpu_count()}, {options.rounds} rounds in turns"
    )
    show("Jobs of one worker", 10, *solo)
    show("DDP jobs of two workers", 20, *pairs)


if __name__ == "__main__":
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    main()
