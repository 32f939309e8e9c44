"""The models of time and memory: pure arithmetic on workloads and coefficients."""

import pytest
from families import MIXED
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.device import (
    corrected,
    describe,
    evaluation_seconds,
    guess,
    largest_batch,
    peak_bytes,
    step_seconds,
    worker_memory,
)
from jobs.models.zoo import NETWORKS
from jobs.training.process import Process
from jobs.workload import workload
from schemas.device import DeviceProfile

CPU = guess("cpu")
B0 = workload(NETWORKS["efficientnet-b0"])


def test_a_device_is_called_the_same_by_all_who_ask() -> None:
    assert describe("cpu", 1).startswith("cpu ") and describe("cpu", 1).endswith(", 1 thread")
    assert describe("cpu", 2).endswith(", 2 threads")
    assert Process.single(threads=2).name == describe("cpu", 2)
    assert describe("cuda").startswith("cuda ")


def test_a_guess_is_right_within_a_factor_of_ten() -> None:
    """A step of B0 on 8 images of 224 pixels takes a core of a server about 1 s and 0.9 GB."""
    assert 0.1 < step_seconds(CPU, B0, 8) < 10
    assert 0.1e9 < peak_bytes(CPU, B0, 8) < 9e9
    assert step_seconds(guess("cuda"), B0, 128) < step_seconds(CPU, B0, 128) / 10


@settings(max_examples=30)
@given(MIXED, st.integers(1, 64), st.integers(1, 8))
def test_more_work_takes_more(network, images: int, accumulate: int) -> None:
    work = workload(network)
    step = step_seconds(CPU, work, images, accumulate)
    assert step_seconds(CPU, work, images + 1, accumulate) > step
    assert step_seconds(CPU, work, images, accumulate + 1) > step
    assert 0 < evaluation_seconds(CPU, work, images) < step_seconds(CPU, work, images)
    plain = peak_bytes(CPU, work, images)
    assert plain < peak_bytes(CPU, work, images + 1)
    assert plain < peak_bytes(CPU, work, images, averaged=True)
    assert plain < peak_bytes(CPU, work, images, slots=2)
    assert plain < peak_bytes(CPU, work, images, shared=True)


@settings(max_examples=30)
@given(MIXED, st.integers(0, 10**10), st.booleans())
def test_the_largest_batch_is_the_last_one_that_fits(network, room: int, averaged: bool) -> None:
    work = workload(network)
    images = largest_batch(CPU, work, room, averaged=averaged)
    slack = images + 1  # each image is counted to the byte, rounded
    assert images == 0 or peak_bytes(CPU, work, images, averaged=averaged) <= room + slack
    assert peak_bytes(CPU, work, images + 1, averaged=averaged) > room - slack


def test_workers_share_the_memory_of_their_machine() -> None:
    assert 0 < worker_memory(1) <= worker_memory(64)


def test_measured_jobs_correct_the_time_and_nothing_else() -> None:
    first = corrected(CPU, [(3.0, 2.0), (1.0, 1.0), (40.0, 10.0)])
    assert (first.correction, first.measured_jobs) == (1.5, 3)
    assert step_seconds(first, B0, 8) == pytest.approx(1.5 * step_seconds(CPU, B0, 8))
    assert evaluation_seconds(first, B0, 8) == pytest.approx(1.5 * evaluation_seconds(CPU, B0, 8))
    assert peak_bytes(first, B0, 8) == peak_bytes(CPU, B0, 8)
    assert corrected(first, [(1.0, 2.0)]).correction == 0.75
    assert corrected(CPU, []) == CPU


def test_profiles_of_before_the_correction_can_be_read() -> None:
    old = CPU.model_dump(exclude={"correction", "measured_jobs", "forward"})
    assert DeviceProfile.model_validate(old) == CPU
