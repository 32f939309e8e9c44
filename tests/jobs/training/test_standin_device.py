"""Whole jobs on a device of their own: nothing mixed, nothing waited for, the CPU's numbers.

The device is a stand-in on the CPU (standin_device.py), so this finds what a GPU would refuse or
wait for, and tells nothing about its kernels.
"""

from pathlib import Path

import pytest
import torch
from torch import nn

from compound.jobs.data.batches import Feeder, Share
from compound.jobs.gpu.device_transfer import picked, sent
from compound.jobs.models.build import build
from compound.jobs.models.weight_file import evaluated
from compound.jobs.models.weights import exported
from compound.jobs.networks.named import NETWORKS
from compound.jobs.parallel.failure import Diverged
from compound.jobs.probe.step_timing import Case, measure
from compound.jobs.run_job import Process
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.data_cache import DataCache
from compound.jobs.training.loop.batch_norm import GhostNorm
from compound.jobs.training.nan_diagnosis import diagnose
from compound.schemas.architecture import Architecture
from compound.schemas.job import TrainJob
from tests.support.overflowing_networks import Overflow, trainer
from tests.support.small_jobs import small_job
from tests.support.standin_device import NAME, Standin
from tests.support.standin_runs import SMALL, Run, network_job, streamed_job, trained

READS = 2
"""Reads of an epoch: its sums in training, and in evaluation. A job that averages its weights
also reads once, when it begins, whether all statistics are finite."""


PREDICTIONS = 1
"""Reads of a job that ends: what it has predicted of the validation images."""


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def store(folder: Path) -> ArtifactStore:
    return ArtifactStore.open(str(folder / "store"))


def check(found: Run) -> None:
    """The job is done, mixed no devices, and held the host up twice an epoch."""
    assert found.result.status == "done", found.result.cause
    tally = found.tally
    assert not tally.mixed
    assert tally.waits_in("training", "evaluation") == 0, tally.waits
    reads = [n for (kind, _), n in tally.waits.items() if kind != "to the device"]
    averages = found.job.recipe.ema > 0
    assert sum(reads) == READS * len(found.rows) + PREDICTIONS + averages


def compare(job: TrainJob, folder: Path, rel: float = 1e-5) -> Run:
    """Train on both devices; return how it went on the stand-in."""
    found = trained(job, store(folder / "device"))
    check(found)
    plain = trained(job, store(folder / "host"), "cpu")
    for ours, theirs in zip(found.metrics, plain.metrics, strict=True):
        assert ours == pytest.approx(theirs, rel=rel)
    return found


def test_the_device_refuses_what_a_gpu_refuses_and_goes_with_its_context() -> None:
    with Standin():
        numbers = torch.zeros(3, device=NAME)
        with pytest.raises(RuntimeError, match="at least two devices"):
            numbers + torch.ones(3)
        with pytest.raises(RuntimeError, match="at least two devices"):
            torch.cat([numbers, torch.ones(3)])
        assert (numbers + torch.tensor(1.0)).tolist() == [1, 1, 1]
    with pytest.raises(NotImplementedError):
        torch.zeros(3, device=NAME)


@pytest.mark.parametrize(
    ("act", "waits"),
    [
        (lambda x: x.sum().item(), 1),
        (lambda x: x.tolist(), 1),
        (lambda x: bool(x.sum() > 0), 1),
        (lambda x: x.nonzero(), 1),
        (lambda x: x[x > 0], 1),
        (lambda x: x[torch.tensor([0, 2])], 1),
        (lambda x: torch.tensor([1.0], device=NAME), 1),
        (lambda x: torch.ones(3).to(NAME), 1),
        (lambda x: torch.ones(3).to(NAME, non_blocking=True), 1),
        (lambda x: torch.ones(3).copy_(x, non_blocking=True), 1),
        (lambda x: torch.ones(3).pin_memory().to(NAME, non_blocking=True), 0),
        (lambda x: torch.ones(3, pin_memory=True)[1:].copy_(x[1:], non_blocking=True), 0),
        (lambda x: torch.ones(6).pin_memory()[::2].to(NAME, non_blocking=True), 1),
        (lambda x: torch.ones(3).pin_memory().to(NAME, torch.float64, non_blocking=True), 1),
        (lambda x: torch.ones(2, 3).pin_memory().T.to(NAME, non_blocking=True), 0),
        (lambda x: torch.ones(6, pin_memory=True)[::2].copy_(x, non_blocking=True), 1),
        (lambda x: torch.ones(3).double().pin_memory().copy_(x, non_blocking=True), 1),
        (lambda x: torch.where(x > 0, x, 0.0)[1:] * 2, 0),
    ],
)
def test_what_holds_the_host_up_is_counted(act, waits: int) -> None:
    with Standin() as standin:
        numbers = torch.ones(3, device=NAME)
        standin.restart()
        act(numbers)
        assert standin.tally.waits.total() == waits


@pytest.mark.parametrize(("recipe", "most"), [("modern", 1000), ("paper", 1200)])
def test_a_step_of_b0_launches_no_more_than_it_may(recipe: str, most: int, tmp_path: Path) -> None:
    job = network_job("efficientnet-b0", recipe=recipe, images=16, norm_momentum=0.1)
    assert compare(job, tmp_path, rel=1e-3).operations <= most


@pytest.mark.parametrize("name", SMALL)
def test_recipes_have_the_numbers_of_the_cpu(name: str, tmp_path: Path) -> None:
    compare(small_job(**{"epochs": 2, **SMALL[name]}), tmp_path)


def test_halved_numbers_are_those_of_the_cpu_to_their_precision(tmp_path: Path) -> None:
    compare(small_job(epochs=2, precision="bfloat16"), tmp_path, rel=0.05)


@pytest.mark.parametrize("recipe", [{}, SMALL["mixing, growing, ghost norm"]], ids=["plain", "all"])
def test_streamed_images_do_not_hold_training_up(recipe, tmp_path: Path, caplog) -> None:
    compare(streamed_job(tmp_path / "images", **recipe), tmp_path)
    assert caplog.text.count("1 process(es) decode images for a GPU") == 1


def small(network: Architecture) -> Architecture:
    """Return a network of the same blocks, few and narrow."""
    stages = tuple(
        stage.model_copy(update={"repeats": 1, "channels": max(8, stage.channels // 64 * 8)})
        for stage in network.stages
    )
    return network.model_copy(update={"stages": stages, "resolution": 32, "num_classes": 10})


@pytest.mark.parametrize("name", NETWORKS)
def test_every_named_network_trains(name: str, tmp_path: Path) -> None:
    job = network_job("efficientnet-b0", images=8)
    job = job.model_copy(update={"architecture": small(NETWORKS[name])})
    compare(job, tmp_path, rel=1e-3)


def test_a_job_goes_on_from_inside_an_epoch(tmp_path: Path) -> None:
    job, kept = small_job(checkpoint_steps=1, ema=0.9), store(tmp_path)
    steps = iter(range(5))
    first = trained(job, kept, stopping=lambda: next(steps) == 4)
    assert first.result.status == "stopped" and first.tally.waits_in("training") == 0
    second = trained(job, kept)
    check(second)
    whole = trained(job, store(tmp_path / "host"), "cpu")
    assert len(first.rows) == 1 and len(second.rows) == 2
    for ours, theirs in zip(first.metrics + second.metrics, whole.metrics, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-5)


def test_weights_of_the_device_are_exported_as_those_of_the_cpu(tmp_path: Path) -> None:
    job, kept = small_job(ema=0.9), store(tmp_path)
    check(trained(job, kept))
    tensors = exported(evaluated(kept.checkpoint(job.id).model()), job.architecture, "compound")
    network = build(job.architecture)
    network.load_state_dict(tensors)
    other = store(tmp_path / "host")
    trained(job, other, "cpu")
    for name, tensor in evaluated(other.checkpoint(job.id).model()).items():
        torch.testing.assert_close(network.state_dict()[name], tensor)


def test_where_numbers_were_lost_is_found_on_the_device() -> None:
    job = small_job(survival=0.8)
    with Standin() as standin:
        with pytest.raises(Diverged) as lost:
            trainer(job, 2, NAME).epoch(1)
        assert standin.tally.waits_in("training", "evaluation") == 0
        again = trainer(job, 2, NAME)
        found = str(diagnose(again, 0, 0, lost.value))
        assert not standin.tally.mixed
    name = next(n for n, m in again.module.named_modules() if isinstance(m, Overflow))
    assert found.endswith(f"; {name} is the first that produces such values")


def test_steps_that_are_timed_do_not_wait() -> None:
    network = small(NETWORKS["efficientnet-b0"])
    with Standin() as standin:
        measure(Case(name="", network=network, images=8, seconds=0), Process.single(1, NAME))
        assert not standin.tally.mixed
        assert standin.tally.waits_in("training", "evaluation") == 0


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_images_too_many_for_the_device_come_from_the_host(world_size: int, monkeypatch) -> None:
    job = small_job()
    images = DataCache().at(job.data, 8)
    monkeypatch.setattr(
        "compound.jobs.data.batches._storage_device", lambda images, device: torch.device("cpu")
    )
    plain = Feeder(images, job.recipe.augment, torch.device("cpu"))
    rank = world_size - 1
    share = Share.of(32, 32, rank, world_size)
    with Standin() as standin:
        feeder = Feeder(images, job.recipe.augment, torch.device(NAME))
        standin.restart()
        ours = [*feeder.training(0, 1, share), *feeder.validation(rank, world_size, 16)]
        assert standin.tally.waits.total() == 0
    theirs = [*plain.training(0, 1, share), *plain.validation(rank, world_size, 16)]
    for batch, expected in zip(ours, theirs, strict=True):
        assert torch.equal(batch.images.host, expected.images)
        assert torch.equal(batch.labels.host, expected.labels)


@pytest.mark.parametrize(("central", "world_size"), [(0.8, 1), (0.8, 2), (1.0, 2), (1.0, 3)])
def test_no_rank_waits_for_streamed_images(central: float, world_size: int, tmp_path: Path) -> None:
    job = streamed_job(tmp_path / "images", central=central, augment={"policy": "randaugment"})
    rank, cache = world_size - 1, DataCache()
    share = Share.of(16, 8, rank, world_size)
    with Standin() as standin:
        source = cache.source(job.data, 12, job.recipe, torch.device(NAME), 1)
        batches = source.training(0, 1, share)
        next(batches)
        standin.restart()
        count = len([*batches, *source.validation(rank, world_size, 4)])
        assert count > 1 and standin.tally.waits.total() == 0, standin.tally.waits


def test_tensors_are_sent_as_they_are() -> None:
    numbers = torch.arange(12).view(4, 3)
    assert sent(numbers, torch.device("cpu")) is numbers
    with Standin() as standin:
        for apart in (numbers[::2], numbers[:, 1:], numbers.T[::2]):
            assert sent(apart, torch.device(NAME)).host.tolist() == apart.tolist()
        rows = picked(numbers, torch.tensor([2, 0]), torch.device(NAME))
        assert rows.host.tolist() == [[6, 7, 8], [0, 1, 2]]
        assert standin.tally.waits.total() == 0


def test_ghosts_at_once_are_those_one_after_another() -> None:
    """On a device as many operations for any number of groups."""
    torch.manual_seed(0)
    images, counts, norms = torch.randn(24, 3, 4, 5), [], []
    plain = GhostNorm(nn.BatchNorm2d(3, momentum=0.3), 2)
    nn.init.uniform_(plain.weight), nn.init.normal_(plain.bias)
    wide = images.clone().requires_grad_()
    expected = plain(wide)
    expected.square().sum().backward()
    for size in (2, 4):
        with Standin() as standin:
            norm = GhostNorm(nn.BatchNorm2d(3, momentum=0.3), size)
            norm.weight.data.copy_(plain.weight), norm.bias.data.copy_(plain.bias)
            norm.to(NAME)
            leaf = images.to(NAME).requires_grad_()
            standin.restart()
            out = norm(leaf)
            out.square().sum().backward()
            counts.append(standin.tally.operations.total())
            norms.append((out.host, leaf.grad.host, norm.weight.grad.host, norm.running_var.host))
    assert counts[0] == counts[1]
    theirs = (expected, wide.grad, plain.weight.grad, plain.running_var)
    for ours, tensor in zip(norms[0], theirs, strict=True):
        torch.testing.assert_close(ours, tensor, atol=1e-5, rtol=1e-4)
