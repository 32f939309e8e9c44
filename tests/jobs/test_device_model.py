"""The models of time and memory: pure arithmetic on workloads and coefficients."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compound.jobs.device_model import (
    bound_of,
    combine,
    corrected,
    describe,
    evaluation_seconds,
    guess,
    largest_batch,
    peak_bytes,
    step_features,
    step_seconds,
    worker_memory,
)
from compound.jobs.networks.named import NETWORKS
from compound.jobs.networks.scaling import at
from compound.jobs.networks.workload import workload
from compound.jobs.parallel.process import Process
from compound.schemas.machine.device import DeviceProfile, Precision
from tests.support.family_networks import MIXED

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


PUBLISHED = (
    ("efficientnet-b0", 224, 128, "tf32", 1078),
    ("efficientnet-b4", 380, 64, "tf32", 157),
    ("resnet-50", 224, 256, "tf32", 938),
    ("efficientnet-b0", 224, 256, "bfloat16", 2489),
    ("efficientnet-b4", 380, 128, "bfloat16", 331),
    ("resnet-50", 224, 256, "bfloat16", 2470),
    ("resnet-50", 224, 408, "bfloat16", 3179),
    ("resnet-50", 224, 400, "bfloat16", 7054),
    ("resnet-18", 176, 256, "bfloat16", 10030),
)
"""Training images a second of one GPU. The first six: A100 80 GB, PyTorch 21.03 (NVIDIA
DeepLearningExamples, PyTorch/Classification/ConvNets, READMEs of efficientnet and resnet50v1.5;
mixed precision there is float16). Then an eighth of 8 A100 and of 8 H100 (MLPerf Training 3.1,
Fujitsu and Dell, MXNet with fused layers), and an A100 with FFCV, 160 to 192 pixels."""


@pytest.mark.parametrize(("name", "side", "images", "precision", "published"), PUBLISHED)
def test_a_guess_of_a_gpu_is_right_within_a_factor_of_two(
    name: str, side: int, images: int, precision: Precision, published: float
) -> None:
    profile = guess("cuda", precision=precision)
    step = step_seconds(profile, workload(at(NETWORKS[name], side)), images)
    assert 0.5 < images / step / published < 2


def test_a_step_on_a_gpu_takes_the_larger_of_launching_and_working() -> None:
    profile = guess("cuda")
    launches = combine(profile.launch, step_features(B0, 1))
    assert step_seconds(profile, B0, 1) == step_seconds(profile, B0, 2) == launches
    assert bound_of(profile, B0, 1) == "launch" and bound_of(profile, B0, 256) == "device"
    work = combine(profile.seconds, step_features(B0, 256))
    assert step_seconds(profile, B0, 256) == work > launches
    assert step_seconds(profile, B0, 1, 3) > 2.5 * launches


def test_jobs_that_launching_bounds_correct_launches_alone() -> None:
    profile = guess("cuda")
    slow_host = corrected(profile, (), [(3.0, 1.0), (2.0, 1.0), (4.0, 1.0)])
    assert (slow_host.correction, slow_host.launch_correction) == (1.0, 3.0)
    assert slow_host.measured_jobs == 3
    assert step_seconds(slow_host, B0, 1) == pytest.approx(3 * step_seconds(profile, B0, 1))
    assert step_seconds(slow_host, B0, 512) == step_seconds(profile, B0, 512)
    slow = corrected(slow_host, [(2.0, 1.0)])
    assert step_seconds(slow, B0, 512) == pytest.approx(2 * step_seconds(profile, B0, 512))


def test_profiles_of_gpus_of_before_can_be_read_and_say_the_same() -> None:
    """They knew one sum, with multiplications of all kinds in one."""
    seconds = {"layer": 1e-4, "mac": 1e-13, "saved": 8e-12, "parameter": 3e-11}
    new = {"launch", "launch_correction", "precision", "guessed", "untimed", "worst_time_error"}
    old = guess("cuda").model_dump(exclude=new) | {"seconds": seconds}
    found = step_seconds(DeviceProfile.model_validate(old), B0, 64)
    counts = {"layer": B0.layers, "mac": 64 * B0.macs, "saved": 64 * B0.saved}
    assert found == combine(seconds, counts | {"parameter": B0.params})


def test_profiles_of_before_the_correction_can_be_read() -> None:
    old = CPU.model_dump(exclude={"correction", "measured_jobs", "forward"})
    assert DeviceProfile.model_validate(old) == CPU
