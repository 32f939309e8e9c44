"""The global batch is the same, and cut the same way where it can be, at every world size."""

import copy
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from compound.jobs.__main__ import main
from compound.jobs.data.batches import Share
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.loop.batch_norm import Norms, with_norm_batch
from compound.schemas.job import EpochRow, JobRequest, Resources, TrainJob
from tests.support.forked import run_forked
from tests.support.small_jobs import small_job

sizes = st.integers(1, 64)


@given(batch=st.integers(1, 512), micro=sizes, world=sizes)
def test_ranks_share_out_a_batch_evenly_and_completely(batch: int, micro: int, world: int) -> None:
    world = min(world, batch)
    shares = [Share.of(batch, micro, rank, world) for rank in range(world)]
    pieces = [piece for share in shares for piece in share.pieces]
    assert [place for piece in pieces for place in piece] == list(range(batch))
    assert min(map(len, pieces)) >= 1 and max(map(len, pieces)) <= micro
    images = [sum(map(len, share.pieces)) for share in shares]
    assert max(images) - min(images) <= 1


@given(micro=sizes, planned=st.integers(1, 16), fewer=st.integers(1, 16))
def test_fewer_workers_take_the_micro_batches_of_those_that_are_gone(
    micro: int, planned: int, fewer: int
) -> None:
    batch, world = micro * planned * fewer, planned
    pieces = [
        [piece for rank in range(size) for piece in Share.of(batch, micro, rank, size).pieces]
        for size in (world, world * fewer)
    ]
    assert pieces[0] == pieces[1]


@pytest.mark.parametrize("pieces", [1, 2, 5])
def test_running_statistics_weigh_all_micro_batches_alike(pieces: int) -> None:
    module, batches = nn.BatchNorm2d(3, momentum=0.3), torch.randn(2, pieces, 4, 3, 5, 5)
    expected = torch.zeros(3)
    norms = Norms(module, pieces)
    for step in batches:
        for place, batch in enumerate(step, start=1):
            norms.begin(place)
            module(batch)
        expected = 0.7 * expected + 0.3 * step.mean((0, 1, 3, 4))
    torch.testing.assert_close(module.running_mean, expected)


def trained(job: TrainJob, store: Path, world_size: int, planned: int = 4) -> list[EpochRow]:
    """Train a job that some workers were planned for with as many as there are."""
    file = store.with_suffix(".json")
    resources = Resources(workers=planned, gpus=0)
    file.write_text(JobRequest(job=job, resources=resources).model_dump_json())
    words = [str(file), "--store", str(store)]
    if world_size == 1 and not job.recipe.compile:  # compiled programs belong to a process
        assert main(words) == 0
    else:
        run_forked("compound.jobs", *words, ranks=world_size)
    return ArtifactStore.open(str(store)).rows(job.id)


@pytest.mark.slow
def test_two_workers_that_normalise_together_are_one_worker(tmp_path: Path) -> None:
    both = small_job(epochs=2, ema=0.9, norm_batch="global")
    two = trained(both, tmp_path / "two", 2, planned=2)
    one = trained(both, tmp_path / "one", 1, planned=1)
    for name in ("train_loss", "validation_loss", "train_accuracy"):
        assert [r.metrics[name] for r in two] == pytest.approx(
            [r.metrics[name] for r in one], rel=1e-4
        )


def test_groups_within_a_micro_batch_are_micro_batches(tmp_path: Path) -> None:
    grouped = trained(small_job(norm_batch=8), tmp_path / "grouped", 1, planned=1)
    cut = trained(small_job(accumulate=4), tmp_path / "cut", 1, planned=1)
    for one, other in zip(grouped, cut, strict=True):
        for name in ("train_loss", "validation_loss"):
            assert one.metrics[name] == pytest.approx(other.metrics[name], rel=1e-4)


def test_a_ghost_norm_keeps_the_names_and_leaves_evaluation_alone() -> None:
    plain = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    ghost = with_norm_batch(copy.deepcopy(plain), 4)
    assert list(ghost.state_dict()) == list(plain.state_dict())
    x = torch.randn(8, 3, 5, 5)
    for module in (plain, ghost):
        module.eval()
    assert torch.equal(ghost(x), plain(x))
    ghost.train()
    parts = torch.cat(
        [functional.batch_norm(part, None, None, training=True) for part in plain[0](x).split(4)]
    )
    torch.testing.assert_close(ghost(x), parts)


@pytest.mark.slow
def test_another_world_size_gives_the_same_curve(tmp_path: Path) -> None:
    job = small_job(epochs=3, ema=0.9, survival=0.8, dropout=0.2)
    curves = {size: trained(job, tmp_path / f"on-{size}", size) for size in (1, 2, 3, 4)}
    for size in (2, 4):
        for one, other in zip(curves[1], curves[size], strict=True):
            for name in ("train_loss", "validation_loss", "train_accuracy"):
                assert other.metrics[name] == pytest.approx(one.metrics[name], rel=1e-4)
    # Three workers cut a batch of 32 elsewhere, so batch norm sees other groups of images.
    assert curves[3][-1].metrics["train_loss"] == pytest.approx(
        curves[1][-1].metrics["train_loss"], rel=0.1
    )
    assert [row.step for row in curves[3]] == [row.step for row in curves[1]]


@pytest.mark.slow
def test_gradients_in_half_the_bytes_train_alike(tmp_path: Path) -> None:
    exact, halved = (
        trained(small_job(epochs=2, gradients=kind), tmp_path / kind, 2, planned=2)
        for kind in ("float32", "bfloat16")
    )
    losses = [[row.metrics["train_loss"] for row in rows] for rows in (exact, halved)]
    assert losses[0] != losses[1] and losses[0] == pytest.approx(losses[1], rel=1e-2)


@pytest.mark.slow
def test_a_compiled_network_trains_alike(tmp_path: Path) -> None:
    plain, compiled = (
        trained(small_job(epochs=1, compile=on), tmp_path / str(on), 1, planned=1)
        for on in (False, True)
    )
    assert plain[0].metrics["train_loss"] == pytest.approx(
        compiled[0].metrics["train_loss"], rel=1e-3
    )
