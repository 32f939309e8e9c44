"""Measures a device: times real steps of about 20 networks, and fits the models to them."""

import logging
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import IO

from compound.jobs.device_model import (
    Kind,
    guess,
    largest_batch,
    memory_features,
    peak_bytes,
    step_features,
    step_seconds,
)
from compound.jobs.networks.amoebanet import amoebanet_d
from compound.jobs.networks.named import NETWORKS
from compound.jobs.networks.scaling import stretch
from compound.jobs.networks.workload import workload
from compound.jobs.parallel.failure import GAVE_UP
from compound.jobs.probe.model_fit import errors_of, memory_model, step_model
from compound.jobs.probe.step_timing import Answer, Case, Measured, Ready
from compound.jobs.runtime.child_processes import child_environment, module_command
from compound.schemas.errors import RunError
from compound.schemas.job import Cause
from compound.schemas.machine.device import DeviceProfile, Precision, ProbePoint, Workload

LOG = logging.getLogger(__name__)

ROUNDS = 3
"""Visits to each case: other load on the machine may slow one of them."""
_FEWEST: dict[Kind, int] = {"cpu": 8, "cuda": 10}
"""Points that a fit needs. With fewer on a GPU, leaving out a family gives too small an error."""
_DOCTOR = "`compound doctor` tries the device and says what it lacks"
_SHARE = 0.85
"""The part of the time that is planned; the rest is a reserve."""

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
_GPU_SHAPES = (
    ("efficientnet-b0", 1.0, 1.0, 224, 128),
    ("resnet-18", 1.0, 1.0, 32, 32),
    ("resnet-50", 1.0, 1.0, 224, 64),
    ("resnet-18", 0.5, 0.25, 32, 64),
    ("mobilenet-v1", 1.0, 1.0, 224, 128),
    ("mobilenet-v2", 1.0, 0.5, 32, 32),
    ("efficientnet-b0", 1.0, 0.5, 64, 8),
    ("amoebanet-d 6, 32", 1.0, 1.0, 224, 64),
    ("resnet-50", 1.0, 0.5, 64, 8),
    ("efficientnet-b4", 1.0, 1.0, 380, 32),
    ("amoebanet-d 3, 16", 1.0, 1.0, 32, 32),
    ("resnet-18", 1.0, 1.0, 224, 256),
    ("mnasnet-b1", 1.0, 0.5, 64, 16),
    ("mobilenet-v2", 1.0, 1.0, 224, 128),
    ("efficientnet-b4", 1.0, 1.0, 64, 8),
    ("resnet-34", 1.0, 0.5, 128, 256),
    ("mnasnet-b1", 1.0, 1.0, 300, 64),
    ("mobilenet-v1", 1.0, 0.5, 96, 256),
    ("efficientnet-b0", 1.0, 1.0, 96, 256),
)
"""The same for a GPU: real sizes with batches that fill it, in turn with small ones, whose steps
are bound by their launches."""
_NETWORKS = {
    **NETWORKS,
    "amoebanet-d 3, 16": amoebanet_d(3, 16),
    "amoebanet-d 6, 32": amoebanet_d(6, 32),
}


def cases(kind: Kind) -> tuple[Case, ...]:
    """Return the cases of a probe: every family, with small and large maps, batches and widths."""
    return tuple(variant(*shape) for shape in (_GPU_SHAPES if kind == "cuda" else _SHAPES))


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
    precision: Precision = "float32",
) -> DeviceProfile:
    """Time networks on the device of this machine for at most `limit` seconds, and fit a profile.

    The time begins when the device is ready, some seconds after the start.

    `on_point` is called with a text for each point. RunError: the device cannot be measured, or too
    few points for a fit were measured in that time.
    """
    chosen = [case.model_copy(update={"precision": precision}) for case in cases(kind)]
    ready, measured = measure_all(chosen, kind, threads, limit, on_point)
    if len(measured) < _FEWEST[kind]:
        raise RunError(
            f"only {len(measured)} networks could be timed in {limit:.0f} s",
            next_step="probe again when less runs on this machine, or give it more time",
        )
    profile = profile_of(kind, threads, ready, measured, precision)
    return profile.model_copy(update={"untimed": len(chosen) - len(measured)})


def measure_all(
    chosen: Sequence[Case],
    kind: Kind,
    threads: int,
    limit: float,
    on_point: Callable[[str], None] = LOG.info,
) -> tuple[Ready, list[tuple[Case, Measured]]]:
    """Time cases in a child process, each several times; keep the fastest time of each.

    A case that does not fit into the device's memory is timed with fewer images, or left out where
    one image does not fit; `on_point` is called with both.
    """
    best, left_out = dict[int, Measured](), set[int]()
    with _worker(kind, threads) as (requests, answers):
        ready = Ready.model_validate_json(_next_line(answers))
        # Not before: on a machine with other load the child's imports alone may take the time.
        end = time.monotonic() + _SHARE * limit
        sized = [_fitting(case, kind, ready) for case in chosen]
        for visit, index, seconds in _visits(len(chosen), end):
            if index in left_out:
                continue
            case = sized[index].model_copy(update={"seconds": seconds})
            requests.write(case.model_dump_json() + "\n")
            requests.flush()
            answer = Answer.model_validate_json(_next_line(answers))
            if answer.measured is None:
                left_out.add(index)
            elif index not in best or answer.images == case.images:
                sized[index] = case.model_copy(update={"images": answer.images})
                best[index] = _better(best.get(index), answer.measured)
            on_point(f"{visit} {_description(sized[index], best.get(index), answer)}")
    return ready, [(sized[index], measured) for index, measured in best.items()]


def _visits(cases: int, end: float) -> Iterator[tuple[str, int, float]]:
    """Yield the number of the visit, the index of a case, and its seconds, until time is over."""
    visits = [index for _ in range(ROUNDS) for index in range(cases)]
    for visit, index in enumerate(visits):
        remaining = end - time.monotonic()
        if remaining <= 0:
            return
        yield f"{visit + 1}/{len(visits)}", index, remaining / (len(visits) - visit)


def _fitting(case: Case, kind: Kind, ready: Ready) -> Case:
    """Return a case with as many images as probably fit into a GPU's memory."""
    if kind == "cpu":
        return case
    rough = guess(kind, precision=case.precision)
    images = largest_batch(rough, workload(case.network), round(_SHARE * ready.free))
    return case.model_copy(update={"images": max(1, min(case.images, images))})


def profile_of(
    kind: Kind,
    threads: int,
    ready: Ready,
    measured: Sequence[tuple[Case, Measured]],
    precision: Precision = "float32",
) -> DeviceProfile:
    """Fit a profile to measured points; its errors are those of points left out of the fit.

    On a GPU a whole family is left out at a time, since real networks differ from the probed ones.
    On a CPU, with fewer points and more features, single points are left out.
    """
    works = [(workload(case.network), case.images) for case, _ in measured]
    groups = [
        case.network.family if kind == "cuda" else str(i) for i, (case, _) in enumerate(measured)
    ]
    memories = [memory_features(*work, kind=kind) for work in works]
    peaks = [float(result.bytes) for _, result in measured]
    steps = [step_features(*work) for work in works]
    seconds = [result.seconds for _, result in measured]
    time_of = partial(step_model, kind, precision)
    time, memory = time_of(steps, seconds), memory_model(memories, peaks)
    time_errors = errors_of(groups, steps, seconds, time_of)
    profile = DeviceProfile(
        device=ready.device,
        kind=kind,
        threads=threads,
        memory=ready.memory,
        source="probe",
        seconds=time.device,
        launch=time.launch,
        bytes=memory.device,
        precision=precision,
        guessed=time.guessed,
        time_error=time_errors.median,
        worst_time_error=time_errors.worst,
        memory_error=errors_of(groups, memories, peaks, memory_model).median,
        forward=statistics.median(result.evaluation / result.seconds for _, result in measured),
    )
    points = tuple(point(profile, case, result) for case, result in measured)
    return profile.model_copy(update={"points": points})


def point(profile: DeviceProfile, case: Case, measured: Measured) -> ProbePoint:
    """Return a measured point with the prediction of a profile."""
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


def _better(before: Measured | None, now: Measured) -> Measured:
    """Return the fastest times of two visits and the larger memory, since heaps grow over steps."""
    if before is None:
        return now
    return Measured(
        seconds=min(before.seconds, now.seconds),
        evaluation=min(before.evaluation, now.evaluation),
        bytes=max(before.bytes, now.bytes),
        spread=min(before.spread, now.spread),
    )


def _description(case: Case, best: Measured | None, answer: Answer) -> str:
    named = f"{case.name} at {case.network.resolution} px, {case.images} images"
    if best is None or answer.measured is None:
        return f"{named}: left out, {answer.failure}"
    less = f" ({answer.failure})" if answer.failure else ""
    return f"{named}: {best.seconds * 1e3:.1f} ms, {best.bytes / 1e6:.0f} MB{less}"


@contextmanager
def _worker(kind: Kind, threads: int) -> Iterator[tuple[IO[str], IO[str]]]:
    """Start the child that measures; end it with the context."""
    command = module_command("compound.jobs.probe.step_timing", kind, str(threads))
    # OpenMP reads the variable when its library is loaded, so the child has it from its start.
    environment = child_environment(OMP_NUM_THREADS=str(threads))
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdin and process.stdout
        try:
            yield process.stdin, process.stdout
        finally:
            # The child has nothing to save, and may still be in a long measurement.
            process.kill()


def _next_line(answers: IO[str]) -> str:
    """Read one line. RunError: the child has failed, or was ended, as for lack of memory."""
    line = answers.readline()
    if line.startswith(GAVE_UP):
        cause = Cause.model_validate_json(line.removeprefix(GAVE_UP))
        LOG.debug(cause.traceback)
        raise RunError(
            f"the device cannot be measured: {cause.kind}: {cause.message}", next_step=_DOCTOR
        )
    if not line:
        raise RunError(
            "the process that measures the device has ended before its answer, without a cause: "
            "the system ends processes so when its memory is used up",
            next_step=f"free memory and probe again; {_DOCTOR}",
        )
    return line
