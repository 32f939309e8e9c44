"""A probe of this machine's CPU or GPU, against networks that it did not see: medians <= 15 %.

    python -m benchmarks.probe [--kind cuda] [--threads 1] [--limit 60] [--measure 150]

Prints what the probe fitted, then step time and peak memory of other networks, predicted and
measured. Each is visited several times and its fastest step counts, less the time that the
process waited for a core; a run on a machine that does other things too says so, and is better
repeated.
"""

import argparse
import os
import statistics
import time

from compound.jobs.device_model import Kind
from compound.jobs.probe.probe import measure_all, point, probe, variant
from compound.schemas.machine.device import DeviceProfile, Precision, ProbePoint

HELD_OUT = (
    ("resnet-18", 1.0, 0.5, 64, 16),
    ("resnet-18", 1.0, 0.25, 128, 16),
    ("resnet-50", 1.0, 0.25, 64, 16),
    ("resnet-50", 1.0, 0.5, 96, 4),
    ("mobilenet-v1", 1.0, 0.5, 96, 16),
    ("mobilenet-v2", 1.0, 0.5, 160, 8),
    ("mobilenet-v2", 1.0, 1.0, 64, 16),
    ("mnasnet-a1", 1.0, 0.5, 96, 16),
    ("mnasnet-b1", 1.0, 1.0, 64, 16),
    ("efficientnet-b0", 1.0, 1.0, 64, 8),
    ("efficientnet-b0", 1.0, 0.5, 160, 4),
    ("amoebanet-d 3, 16", 2.0, 1.5, 64, 16),
)
HELD_OUT_GPU = (
    ("efficientnet-b0", 1.0, 1.0, 224, 256),
    ("efficientnet-b4", 1.0, 1.0, 380, 64),
    ("resnet-50", 1.0, 1.0, 224, 256),
    ("resnet-18", 0.5, 0.25, 32, 256),
    ("mobilenet-v2", 1.0, 0.35, 48, 64),
    ("mnasnet-a1", 1.0, 1.0, 96, 64),
)
"""Of a GPU, each should lie between 0.8 and 1.25 of what was measured."""
DISTURBED = 1.25
"""The median step over the fastest, above which other work has been in the way."""


def table(points: list[ProbePoint]) -> None:
    """Print points as predicted and measured, and the medians of their errors."""
    print(f"{'network':18}{'px':>4}{'batch':>6}{'ms':>9}{'predicted':>11}{'error':>8}", end="")
    print(f"{'MB':>8}{'predicted':>11}{'error':>8}")
    for p in points:
        time_error, memory_error = errors(p)
        print(f"{p.network:18}{p.resolution:4}{p.images:6}{p.seconds * 1e3:9.1f}", end="")
        print(f"{p.predicted_seconds * 1e3:11.1f}{time_error:+8.0%}{p.bytes / 1e6:8.0f}", end="")
        print(f"{p.predicted_bytes / 1e6:11.0f}{memory_error:+8.0%}")
    both = zip(*(errors(p) for p in points), strict=True)
    medians = [statistics.median(abs(error) for error in column) for column in both]
    print(f"median error: step time {medians[0]:.1%}, peak memory {medians[1]:.1%} (goal 15 %)")


def errors(p: ProbePoint) -> tuple[float, float]:
    """Return the relative errors of time and memory."""
    return p.predicted_seconds / p.seconds - 1, p.predicted_bytes / p.bytes - 1


def probed(kind: Kind, threads: int, limit: float, precision: Precision) -> DeviceProfile:
    """Probe, and print what came out."""
    started = time.perf_counter()
    profile = probe(kind, threads, limit, lambda line: None, precision)
    print(f"{profile.device}: probed in {time.perf_counter() - started:.0f} s")
    for name in ("launch", "seconds", "bytes"):
        model = getattr(profile, name)
        print(f"{name}: " + ", ".join(f"{key} {value:.3g}" for key, value in model.items()))
    print("the probe's own points:")
    table(list(profile.points))
    times = f"step time {profile.time_error:.1%}, {profile.worst_time_error:.1%} at worst"
    print(f"each predicted without itself: {times}, peak memory {profile.memory_error:.1%}")
    print(f"guessed: {', '.join(profile.guessed) or 'nothing'}; not timed: {profile.untimed}\n")
    return profile


def main() -> None:
    """Probe, measure the held-out networks, and print both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("threads", 1), ("limit", 60), ("measure", 150)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--kind", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--precision", default="float32")
    options = parser.parse_args()
    kind, precision = options.kind, options.precision
    profile = probed(kind, options.threads, options.limit, precision)
    shapes = HELD_OUT if kind == "cpu" else HELD_OUT_GPU
    cases = [variant(*shape).model_copy(update={"precision": precision}) for shape in shapes]
    _, timed = measure_all(cases, kind, options.threads, options.measure, lambda line: None)
    print("held out:")
    table([point(profile, case, measured) for case, measured in timed])
    spread = statistics.median(measured.spread for _, measured in timed)
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    print(f"the median step over the fastest: {spread:.2f}; load {load:.1f} on {cores} cores")
    if spread > DISTURBED or load > cores:
        print("other work was in the way: run this again on a quiet machine")


if __name__ == "__main__":
    main()
