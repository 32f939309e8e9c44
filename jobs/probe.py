"""Measuring a device: a handful of networks, timed by real steps, and the models that fit them."""

import logging
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO

import numpy as np
from scipy import optimize

from jobs.device import Kind, combine, memory_features, peak_bytes, step_features, step_seconds
from jobs.models.amoebanet import amoebanet_d
from jobs.models.zoo import NETWORKS
from jobs.scaling import stretch
from jobs.timing import Case, Measured, Ready
from jobs.workload import workload
from schemas.device import DeviceProfile, ProbePoint, Workload
from schemas.errors import RunError

LOG = logging.getLogger(__name__)

ROUNDS = 3
"""Visits to each case: the machine may do other things for a while."""
_GPU_IMAGES = 8
"""How many times larger batches are on a GPU, which small ones leave idle."""
_FEWEST = 8
"""Points that a fit needs."""
_SHARE = 0.85
"""The part of the time that is planned for; the rest is for what takes longer."""

_SHAPES = (
    ("efficientnet-b0", 1.0, 0.5, 64, 16),
    ("resnet-18", 1.0, 1.0, 32, 8),
    ("mobilenet-v1", 1.0, 0.25, 128, 8),
    ("amoebanet-d 6, 32", 1.0, 1.0, 96, 4),
    ("mobilenet-v2", 1.0, 1.0, 32, 16),
    ("resnet-34", 0.5, 0.5, 128, 4),
    ("mnasnet-b1", 1.0, 0.5, 128, 8),
    ("resnet-50", 1.0, 0.25, 96, 8),
    ("efficientnet-b0", 0.5, 0.25, 32, 32),
    ("mobilenet-v1", 1.0, 1.0, 64, 8),
    ("amoebanet-d 3, 16", 1.0, 1.0, 64, 16),
    ("resnet-18", 1.0, 0.25, 64, 32),
    ("mobilenet-v2", 1.0, 0.5, 96, 16),
    ("efficientnet-b0", 1.0, 1.0, 96, 4),
)
"""Networks by name, multipliers of depth and width, resolution, and images.

They alternate: where the time is over early, the points so far span every feature.
"""
_NETWORKS = {
    **NETWORKS,
    "amoebanet-d 3, 16": amoebanet_d(3, 16),
    "amoebanet-d 6, 32": amoebanet_d(6, 32),
}


def cases(kind: Kind) -> tuple[Case, ...]:
    """Return what a probe times: every family, with small and large maps, batches and widths."""
    scale = _GPU_IMAGES if kind == "cuda" else 1
    return tuple(variant(name, d, w, side, scale * b) for name, d, w, side, b in _SHAPES)


def variant(name: str, depth: float, width: float, resolution: int, images: int) -> Case:
    """Return a named network, scaled, for 100 classes; AmoebaNet-D may be smaller than named."""
    network = stretch(_NETWORKS[name], depth, width, resolution)
    network = network.model_copy(update={"num_classes": 100})
    return Case(name=name, network=network, images=images)


def probe(
    kind: Kind,
    threads: int = 1,
    limit: float = 60,
    on_point: Callable[[str], None] = LOG.info,
) -> DeviceProfile:
    """Time networks on the device of this machine for at most `limit` seconds, and fit a profile.

    `on_point` is told of each point as it is measured. RunError: the device cannot be measured,
    or so few points were in that time that nothing can be fitted.
    """
    ready, measured = measure_all(cases(kind), kind, threads, limit, on_point)
    if len(measured) < _FEWEST:
        raise RunError(
            f"only {len(measured)} networks could be timed in {limit:.0f} s",
            next_step="probe again when less runs on this machine, or give it more time",
        )
    return profile_of(kind, threads, ready, measured)


def measure_all(
    chosen: Sequence[Case],
    kind: Kind,
    threads: int,
    limit: float,
    on_point: Callable[[str], None] = LOG.info,
) -> tuple[Ready, list[tuple[Case, Measured]]]:
    """Time cases in a process of their own, each several times over; keep the fastest of each."""
    end = time.monotonic() + _SHARE * limit
    best: dict[int, Measured] = {}
    with _worker(kind, threads) as (ask, answers):
        ready = Ready.model_validate_json(_answer(answers))
        visits = [index for _ in range(ROUNDS) for index in range(len(chosen))]
        for visit, index in enumerate(visits):
            left = end - time.monotonic()
            if left <= 0:
                break
            case = chosen[index].model_copy(update={"seconds": left / (len(visits) - visit)})
            ask.write(case.model_dump_json() + "\n")
            ask.flush()
            found = Measured.model_validate_json(_answer(answers))
            best[index] = _better(best.get(index), found)
            on_point(f"{visit + 1}/{len(visits)} {_told(case, best[index])}")
    return ready, [(chosen[index], measured) for index, measured in best.items()]


def profile_of(
    kind: Kind, threads: int, ready: Ready, measured: Sequence[tuple[Case, Measured]]
) -> DeviceProfile:
    """Fit a profile to measured points; its errors are those of points left out of the fit."""
    seconds, time_error = _fit(
        [step_features(workload(case.network), case.images) for case, _ in measured],
        [found.seconds for _, found in measured],
    )
    held, memory_error = _fit(
        [memory_features(workload(case.network), case.images) for case, _ in measured],
        [float(found.bytes) for _, found in measured],
    )
    profile = DeviceProfile(
        device=ready.device,
        kind=kind,
        threads=threads,
        memory=ready.memory,
        source="probe",
        seconds=seconds,
        bytes=held,
        time_error=time_error,
        memory_error=memory_error,
        forward=statistics.median(found.evaluation / found.seconds for _, found in measured),
    )
    points = tuple(point(profile, case, found) for case, found in measured)
    return profile.model_copy(update={"points": points})


def point(profile: DeviceProfile, case: Case, measured: Measured) -> ProbePoint:
    """Set what was measured beside what a profile says."""
    work: Workload = workload(case.network)
    return ProbePoint(
        network=case.name,
        resolution=case.network.resolution,
        images=case.images,
        seconds=measured.seconds,
        predicted_seconds=step_seconds(profile, work, case.images),
        bytes=measured.bytes,
        predicted_bytes=peak_bytes(profile, work, case.images),
    )


def _fit(
    features: Sequence[dict[str, float]], values: Sequence[float]
) -> tuple[dict[str, float], float]:
    """Return coefficients, none negative, and the median error of points left out in turn."""
    errors = []
    for left_out, value in enumerate(values):
        others = [i for i in range(len(values)) if i != left_out]
        found = _coefficients([features[i] for i in others], [values[i] for i in others])
        errors.append(abs(combine(found, features[left_out]) / value - 1))
    return _coefficients(features, values), statistics.median(errors)


def _coefficients(
    features: Sequence[dict[str, float]], values: Sequence[float]
) -> dict[str, float]:
    """Solve for coefficients >= 0 that make the relative errors' squares least."""
    names = list(features[0])
    rows = np.array([[row[name] for name in names] for row in features])
    relative = rows / np.array(values)[:, None]
    scale = relative.max(axis=0)
    scale[scale == 0] = 1.0
    solution, _ = optimize.nnls(relative / scale, np.ones(len(values)))
    return {name: float(value) for name, value in zip(names, solution / scale, strict=True)}


def _better(before: Measured | None, now: Measured) -> Measured:
    """Keep the fastest times of two visits, and the larger memory: heaps grow over steps."""
    if before is None:
        return now
    return Measured(
        seconds=min(before.seconds, now.seconds),
        evaluation=min(before.evaluation, now.evaluation),
        bytes=max(before.bytes, now.bytes),
        spread=min(before.spread, now.spread),
    )


def _told(case: Case, found: Measured) -> str:
    return (
        f"{case.name} at {case.network.resolution} px, {case.images} images: "
        f"{found.seconds * 1e3:.1f} ms, {found.bytes / 1e6:.0f} MB"
    )


@contextmanager
def _worker(kind: Kind, threads: int) -> Iterator[tuple[IO[str], IO[str]]]:
    """Start the process that measures; end it with the context."""
    command = [sys.executable, "-m", "jobs.timing", kind, str(threads)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdin and process.stdout
        try:
            yield process.stdin, process.stdout
        finally:
            process.kill()


def _answer(answers: IO[str]) -> str:
    """Read one line. RunError: the process has ended; what it said is on stderr already."""
    line = answers.readline()
    if not line:
        raise RunError("the process that measures the device has ended before its answer")
    return line
