"""Training speed of a two-worker DDP job on Ray against `torchrun -m jobs` on the same job.

    python -m benchmarks.step [--rounds 5] [--epochs 14] [--images 1024]

The sides take turns, and Ray is up during its own turn only. A round's figure is a high quantile
of the images per second that the job logs each epoch, the first two left out: whatever else runs
on the machine slows single epochs down and speeds none up. Ray starts its workers with niceness
15, torchrun its ranks with 0: on a machine that does other things too that would measure the
scheduler, so Ray is told 0 here. Ray's dashboard and agents take a share of a small machine even
when nothing runs: `--beside` leaves Ray up during torchrun's turn, which compares the steps alone.
"""

import argparse
import os
import statistics
import tempfile

from compound.cluster.local_runner import LocalRunner
from compound.cluster.ray_session import connect
from compound.cluster.trials.ray_runner import RayRunner
from compound.jobs.data.source import summarise
from compound.jobs.store.artifacts import ArtifactStore
from compound.schemas.data import SyntheticData
from compound.schemas.job import DataRef, JobRequest, Resources, TrainJob
from compound.schemas.recipe import Recipe
from tests.support.small_network import SMALL

NETWORK = SMALL.model_copy(update={"num_classes": 4})


def requests(rounds: int, epochs: int, images: int) -> list[JobRequest]:
    """Make the same job with other seeds."""
    spec = SyntheticData(source="synthetic", images=images, validation_images=64, size=32)
    data = DataRef(spec=spec, fingerprint=summarise(spec).fingerprint)
    recipe = Recipe(epochs=epochs, batch=128)
    resources = Resources(workers=2, cpus=1, gpus=0)
    jobs = [TrainJob(architecture=NETWORK, recipe=recipe, data=data, seed=s) for s in range(rounds)]
    return [JobRequest(job=job, resources=resources, label=f"round {job.seed + 1}") for job in jobs]


def speed(store: str, job: str) -> float:
    """Return the images per second that nine in ten of a job's epochs stay below."""
    rows = ArtifactStore.open(store).rows(job)
    speeds = sorted(row.metrics["images_per_second"] for row in rows[2:])
    return speeds[round(0.9 * (len(speeds) - 1))]


def measure(request: JobRequest, beside: bool) -> tuple[float, float]:
    """Return images per second on Ray and under torchrun; `beside`: with Ray still up, idle."""
    with tempfile.TemporaryDirectory() as on_ray, tempfile.TemporaryDirectory() as alone:
        with connect(cpus=2) as session:
            RayRunner(session).run([request], on_ray, lambda event: None)
            if beside:
                LocalRunner().run([request], alone, lambda event: None)
        if not beside:
            LocalRunner().run([request], alone, lambda event: None)
        pair = (speed(on_ray, request.job.id), speed(alone, request.job.id))
    print(f"{request.label}: Ray {pair[0]:.0f}, torchrun {pair[1]:.0f} images/s", flush=True)
    return pair


def main() -> None:
    """Run the rounds and print the ratio with its spread."""
    os.environ.setdefault("RAY_worker_niceness", "0")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("rounds", 5), ("epochs", 14), ("images", 1024)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--beside", action="store_true", help="leave Ray up during torchrun's turn")
    options = parser.parse_args()
    rounds = requests(options.rounds, options.epochs, options.images)
    speeds = [measure(request, options.beside) for request in rounds]
    ratios = sorted(ray / torchrun for ray, torchrun in speeds)
    for name, side in zip(("Ray", "torchrun"), zip(*speeds, strict=True), strict=True):
        print(
            f"{name:10}{statistics.median(side):8.0f} images/s ({min(side):.0f} to {max(side):.0f})"
        )
    spread = f"{ratios[0]:.3f} to {ratios[-1]:.3f}"
    print(f"ratio {statistics.median(ratios):.3f} (rounds: {spread}; goal 0.98)")


if __name__ == "__main__":
    main()
