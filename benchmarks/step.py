"""Training speed of a two-worker DDP job on Ray against `torchrun -m jobs` on the same job.

    python benchmarks/step.py [--rounds 5] [--epochs 5] [--images 2048]

One gang stays up for the whole run; after each of its jobs the same job runs under torchrun while
the gang waits, so the sides alternate. A round's figure is the median images per second over the
epochs after the first, as the job itself logs it.
"""

import argparse
import statistics
import tempfile

from cluster.local import LocalRunner
from cluster.session import connect
from cluster.tune import RayRunner
from jobs.data.source import summarise
from jobs.store.artifacts import ArtifactStore
from schemas.architecture import Architecture, Stage, Stem
from schemas.data import SyntheticData
from schemas.job import DataRef, Event, JobRequest, Resources, TrainJob
from schemas.recipe import Recipe

NETWORK = Architecture(
    resolution=32,
    num_classes=4,
    stem=Stem(channels=16),
    stages=(
        Stage(channels=16, expand=1),
        Stage(channels=24, expand=4, stride=2, repeats=2),
        Stage(channels=40, expand=4, stride=2, repeats=2),
    ),
    head=128,
)


def requests(rounds: int, epochs: int, images: int) -> list[JobRequest]:
    """Make the same job with other seeds."""
    spec = SyntheticData(source="synthetic", images=images, validation_images=64, size=32)
    data = DataRef(spec=spec, fingerprint=summarise(spec).fingerprint)
    recipe = Recipe(epochs=epochs, batch=128)
    resources = Resources(workers=2, cpus=1, gpus=0)
    jobs = [TrainJob(architecture=NETWORK, recipe=recipe, data=data, seed=s) for s in range(rounds)]
    return [JobRequest(job=job, resources=resources, label=f"round {job.seed + 1}") for job in jobs]


def speed(store: str, job: str) -> float:
    """Return a job's median images per second, its first epoch left out."""
    rows = ArtifactStore.open(store).rows(job)
    return statistics.median(row.metrics["images_per_second"] for row in rows[1:])


def run(rounds: list[JobRequest]) -> list[tuple[float, float]]:
    """Return images per second on Ray and under torchrun, round by round."""
    by_job = {request.job.id: request for request in rounds}
    speeds: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as on_ray, tempfile.TemporaryDirectory() as alone:

        def on_event(event: Event) -> None:
            if event.result is None:
                return
            LocalRunner().run([by_job[event.job]], alone, lambda told: None)
            speeds.append((speed(on_ray, event.job), speed(alone, event.job)))
            print(f"{event.label}: Ray {speeds[-1][0]:.0f}, torchrun {speeds[-1][1]:.0f} images/s")

        with connect(cpus=2) as session:
            RayRunner(session).run(rounds, on_ray, on_event)
    return speeds


def main() -> None:
    """Run the rounds and print the ratio with its spread."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("rounds", 5), ("epochs", 5), ("images", 2048)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    speeds = run(requests(options.rounds, options.epochs, options.images))
    ratios = sorted(ray / torchrun for ray, torchrun in speeds)
    for name, side in zip(("Ray", "torchrun"), zip(*speeds, strict=True), strict=True):
        print(
            f"{name:10}{statistics.median(side):8.0f} images/s ({min(side):.0f} to {max(side):.0f})"
        )
    spread = f"{ratios[0]:.3f} to {ratios[-1]:.3f}"
    print(f"ratio {statistics.median(ratios):.3f} (rounds: {spread}; goal 0.98)")


if __name__ == "__main__":
    main()
