"""A probe of GPUs: what it says of real sizes, on devices made of arithmetic."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest

from compound.jobs.device_model import combine, guess, step_features, step_seconds
from compound.jobs.networks.workload import workload
from compound.jobs.probe.model_fit import larger_of
from compound.jobs.probe.probe import cases, profile_of, variant
from compound.jobs.probe.step_timing import Case, Ready
from compound.schemas.machine.device import DeviceProfile
from tests.support.back_ends import LONG
from tests.support.simulated_gpu import GPUS, traced

READY = Ready(device="cuda imagined", memory=2**36)
PROBED = cases("cuda")
REAL = (
    ("efficientnet-b0", 1.0, 1.0, 224, 256),
    ("efficientnet-b4", 1.0, 1.0, 380, 64),
    ("resnet-50", 1.0, 1.0, 224, 256),
)
OTHERS = (
    ("efficientnet-b2", 1.0, 1.0, 260, 96),
    ("resnet-152", 1.0, 1.0, 224, 64),
    ("efficientnet-b0", 0.5, 0.25, 32, 128),
    ("mobilenet-v2", 1.0, 0.35, 48, 64),
    ("resnet-18", 0.5, 0.25, 32, 256),
    ("amoebanet-d 6, 32", 1.0, 0.5, 64, 64),
    ("mnasnet-a1", 1.0, 1.0, 96, 64),
)
"""Of no shape that is probed: larger ones, and networks as a search on small images has them."""
NETWORKS_COUNTED = (
    "efficientnet-b0",
    "efficientnet-b4",
    "resnet-18",
    "resnet-50",
    "mobilenet-v1",
    "mobilenet-v2",
    "mnasnet-a1",
    "mnasnet-b1",
    "amoebanet-d 3, 16",
    "amoebanet-d 6, 32",
)
SEEDS = range(5 if LONG else 2)


@cache
def probed(gpu: str, seed: int, points: int = len(PROBED)) -> DeviceProfile:
    rng = np.random.default_rng(seed)
    measured = [(case, GPUS[gpu].measured(case, rng)) for case in PROBED[:points]]
    return profile_of("cuda", 1, READY, measured)


def ratios(gpu: str, profile: DeviceProfile, shapes: Sequence[tuple[object, ...]]) -> list[float]:
    """Return predicted over true."""
    held_out = [variant(*shape) for shape in shapes]  # type: ignore[arg-type]
    return [
        step_seconds(profile, workload(case.network), case.images) / GPUS[gpu].step(case)
        for case in held_out
    ]


@pytest.mark.parametrize("gpu", GPUS)
def test_steps_of_real_sizes_are_told_within_a_quarter(gpu: str) -> None:
    by_seed = [ratios(gpu, probed(gpu, seed), REAL) for seed in SEEDS]
    assert all(0.8 <= ratio <= 1.25 for values in by_seed for ratio in values), by_seed


def test_nineteen_of_twenty_other_networks_are_told_within_a_quarter() -> None:
    every = [r for gpu in GPUS for seed in SEEDS for r in ratios(gpu, probed(gpu, seed), OTHERS)]
    assert np.mean([0.8 <= ratio <= 1.25 for ratio in every]) >= 0.95


def test_the_error_that_is_told_covers_networks_that_were_not_probed() -> None:
    covered = [
        abs(ratio - 1) <= (profile.worst_time_error or 0)
        for gpu in GPUS
        for seed in SEEDS
        for profile in [probed(gpu, seed)]
        for ratio in ratios(gpu, profile, REAL + OTHERS)
    ]
    assert np.mean(covered) >= 0.9
    assert all(probed(g, s).time_error < probed(g, s).worst_time_error for g in GPUS for s in SEEDS)


@pytest.mark.parametrize("gpu", GPUS)
def test_both_parts_are_shown_where_the_time_is_over_early(gpu: str) -> None:
    early = probed(gpu, 0, points=10)
    assert early.guessed == ()
    assert all(0.7 <= ratio <= 1.4 for ratio in ratios(gpu, early, REAL))


@pytest.mark.parametrize("gpu", GPUS)
def test_probed_networks_span_what_bounds_a_step(gpu: str) -> None:
    """Launches take all of the time of some, and a part of it of as many."""
    parts = [
        GPUS[gpu].launch * len(traced(case.network, case.images)) / GPUS[gpu].step(case)
        for case in PROBED
    ]
    assert sum(part > 0.9 for part in parts) >= 4
    assert sum(part < 0.7 for part in parts) >= 5


def fitted(chosen: list[Case], seconds: list[float]):
    features = [step_features(workload(case.network), case.images) for case in chosen]
    return larger_of(features, seconds, guess("cuda")), features


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_costs_that_nothing_showed_are_guessed_and_never_zero(noise: float) -> None:
    """Steps that launches bound, all of them: the device's time is at most as much."""
    rng = np.random.default_rng(0)
    small = [case for case in PROBED if case.network.resolution <= 64]
    seconds = [
        (1e-3 + 8e-5 * workload(case.network).layers) * float(rng.lognormal(0, noise))
        for case in small
    ]
    model, features = fitted(small, seconds)
    assert model.guessed == ("device",)
    assert all(value > 0 for value in model.device.values())
    pairs = zip(features, seconds, strict=True)
    assert all(combine(model.device, row) <= 1.0001 * value for row, value in pairs)
    assert model.launch["layer"] == pytest.approx(8e-5, rel=0.1)


def test_a_device_that_follows_the_model_is_found() -> None:
    truth = guess("cuda", precision="tf32")
    seconds = [step_seconds(truth, workload(case.network), case.images) for case in PROBED]
    model, features = fitted(list(PROBED), seconds)
    assert model.guessed == ()
    assert [model.at(row) for row in features] == pytest.approx(seconds, rel=1e-3)
    assert model.device == pytest.approx(truth.seconds, rel=0.02)


@pytest.mark.parametrize("name", NETWORKS_COUNTED)
def test_operations_of_a_step_are_in_proportion_to_layers(name: str) -> None:
    """Which is why launches are counted by the layer: 10 to 13, whatever the family."""
    case = variant(name, 1.0, 1.0, 64, 2)
    a_layer = len(traced(case.network, case.images)) / workload(case.network).layers
    assert a_layer == pytest.approx(11, rel=0.2)
