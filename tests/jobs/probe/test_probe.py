"""The probe: exact where the device is, honest about its error, and over in time."""

import io
import subprocess
import sys
from statistics import median

import numpy as np
import pytest

from compound.jobs.device_model import combine, guess, memory_features, step_features
from compound.jobs.networks.workload import workload
from compound.jobs.parallel.process import Process
from compound.jobs.probe.probe import _next_line, cases, measure_all, probe, profile_of, variant
from compound.jobs.probe.step_timing import Answer, Case, Measured, Ready, measure
from compound.schemas.errors import RunError
from tests.support.forked import run_forked

READY = Ready(device="cpu imagined, 1 thread", memory=2**33)
TRUTH = guess("cpu")


def imagined(case: Case, noise: float = 1.0) -> Measured:
    """Measure a case on a device that follows the models exactly, but for the noise."""
    work = workload(case.network)
    seconds = noise * combine(TRUTH.seconds, step_features(work, case.images))
    memory = noise * combine(TRUTH.bytes, memory_features(work, case.images))
    return Measured(seconds=seconds, evaluation=0.25 * seconds, bytes=round(memory), spread=1.0)


def test_a_device_that_follows_the_model_is_found_exactly() -> None:
    profile = profile_of("cpu", 1, READY, [(case, imagined(case)) for case in cases("cpu")])
    assert profile.seconds == pytest.approx(TRUTH.seconds, rel=1e-3)
    assert profile.bytes == pytest.approx(TRUTH.bytes, rel=1e-3)
    assert profile.forward == pytest.approx(0.25)
    assert profile.time_error is not None and profile.time_error < 1e-3
    assert len(profile.points) == len(cases("cpu"))
    assert profile.points[0].predicted_bytes == pytest.approx(profile.points[0].bytes, rel=1e-3)


def test_noise_shows_as_error_and_never_as_a_negative_coefficient() -> None:
    rng = np.random.default_rng(0)
    noisy = [(case, imagined(case, float(rng.lognormal(0, 0.2)))) for case in cases("cpu")]
    profile = profile_of("cpu", 1, READY, noisy)
    assert min(profile.seconds.values()) >= 0 and min(profile.bytes.values()) >= 0
    assert profile.time_error is not None and 0.03 < profile.time_error < 0.6


def test_every_case_is_a_network_or_a_size_of_its_own() -> None:
    assert len({case.network.id for case in cases("cpu")}) == len(cases("cpu"))
    sized = {(case.network.id, case.images) for case in cases("cuda")}
    assert len(sized) == len(cases("cuda"))


def test_what_one_step_takes_is_measured_here() -> None:
    """In a fresh process: in one that has used memory before, a step's part cannot be told."""
    small, large = (
        case.model_copy(update={"images": images, "seconds": 0.2})
        for case in cases("cpu")[8:9]
        for images in (8, 64)
    )
    requests = "".join(f"{case.model_dump_json()}\n" for case in (small, large))
    command = [sys.executable, "-m", "compound.jobs.probe.step_timing", "cpu", "1"]
    answers = subprocess.run(command, input=requests, capture_output=True, text=True, check=True)
    replies = [Answer.model_validate_json(line) for line in answers.stdout.splitlines()[1:]]
    assert [answer.images for answer in replies] == [8, 64]
    first, second = (answer.measured for answer in replies)
    assert first is not None and second is not None
    assert 0 < first.seconds < second.seconds
    assert 0 < first.evaluation < first.seconds
    assert first.bytes < second.bytes
    assert second.bytes > 4 * 64 * workload(large.network).saved / 2


TIMING = """
import io, resource, sys
from compound.jobs.probe import step_timing

requests, megabytes = sys.argv[1:]
pages = int(open("/proc/self/statm").read().split()[0])
room = pages * resource.getpagesize() + int(megabytes) * 10**6
resource.setrlimit(resource.RLIMIT_AS, (room, room))
sys.stdin, sys.argv = io.StringIO(requests), ["timing", "cpu", "1"]
step_timing.main()
"""


def limited(megabytes: int, *requests: Case) -> list[Answer]:
    """Ask a process that can have so much memory beside what torch takes."""
    lines = "".join(f"{case.model_dump_json()}\n" for case in requests)
    ran = run_forked("-c", TIMING, lines, str(megabytes))
    return [Answer.model_validate_json(line) for line in ran.stdout.splitlines()[1:]]


SMALLEST = cases("cpu")[8].model_copy(update={"seconds": 0.1, "images": 8})


def test_a_batch_that_does_not_fit_is_halved_or_left_out_with_its_reason() -> None:
    large = variant("mobilenet-v1", 1.0, 0.25, 64, 512).model_copy(update={"seconds": 0.1})
    never = variant("resnet-18", 1.0, 1.0, 224, 10_000)
    left_out, halved, after = limited(500, never, large, SMALLEST)
    assert left_out.measured is None
    assert left_out.failure == "out of memory with 625 images"
    assert halved.measured is not None and halved.images in (32, 64, 128, 256)
    assert halved.failure == f"out of memory with {2 * halved.images} images"
    assert after.measured is not None and (after.images, after.failure) == (8, "")


def test_steps_between_two_readings_are_steps_all_the_same() -> None:
    """A GPU is read once in several steps."""
    case = SMALLEST.model_copy(update={"images": 64})
    # Another program may hold a core during one of them: the median of several pairs decides.
    pairs = [[measure(case, Process.single(), steps) for steps in (1, 4)] for _ in range(5)]
    assert 0.3 < median(together.seconds / singly.seconds for singly, together in pairs) < 3
    assert 0.3 < median(together.evaluation / singly.evaluation for singly, together in pairs) < 3


def test_cases_are_measured_in_another_process_and_told() -> None:
    lines: list[str] = []
    ready, measured = measure_all(cases("cpu")[8:9], "cpu", 1, 20, lines.append)
    assert ready.device == guess("cpu").device
    assert [case.name for case, _ in measured] == ["efficientnet-b0"]
    assert lines[0].startswith("1/3 efficientnet-b0 at 32 px, 32 images: ")


def test_too_little_time_is_said_at_once() -> None:
    points: list[str] = []
    with pytest.raises(RunError, match="networks could be timed"):
        probe("cpu", limit=1e-3, on_point=points.append)
    assert len(points) <= 1


def test_a_device_that_is_not_there_is_an_error_and_no_wait(capfd) -> None:
    with pytest.raises(RunError, match=r"cannot be measured: error: .*tpu") as caught:
        measure_all([], "tpu", 1, 5)  # type: ignore[arg-type]
    assert caught.value.next_step and "Traceback" not in capfd.readouterr().err


def test_a_process_that_the_system_ends_is_told_as_that() -> None:
    with pytest.raises(RunError, match="without a cause: the system ends processes so"):
        _next_line(io.StringIO(""))


@pytest.mark.parametrize("megabytes", [60, 130, 200, 300])
def test_whatever_memory_lacks_for_is_out_of_memory(megabytes: int) -> None:
    """torch's allocator, oneDNN's code and buffers, Python's own objects."""
    for answer in limited(
        megabytes, *(SMALLEST.model_copy(update={"images": n}) for n in (512, 8))
    ):
        assert answer.measured is not None or answer.failure.startswith("out of memory with ")
