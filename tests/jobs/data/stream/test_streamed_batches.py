"""Streamed batches are those of data in memory, for every world size and from every step."""

from pathlib import Path

import pytest
import torch

from compound.jobs.data.batches import Share
from compound.jobs.data.source import inspect, summarise
from compound.jobs.data.sources.dataset import fits
from compound.jobs.data.stream.streamed_batches import Streamed
from compound.jobs.run_job import Process, run
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.data_cache import DataCache
from compound.schemas.data import ImageFolderData, ParquetData
from compound.schemas.job import DataRef
from compound.schemas.recipe import Augment, Recipe
from tests.support.forked import run_forked
from tests.support.images_on_disk import folder_of, parquet_of
from tests.support.small_jobs import small_job
from tests.support.streamed_sources import in_memory, same, source_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> ImageFolderData:
    return folder_of(tmp_path_factory.mktemp("folder"))


@pytest.fixture(scope="module")
def parquet(tmp_path_factory) -> ParquetData:
    return parquet_of(tmp_path_factory.mktemp("parquet"))


@pytest.fixture(scope="module")
def streamed(folder) -> Streamed:
    return source_of(folder)


@pytest.fixture(scope="module")
def rows(parquet) -> Streamed:
    return source_of(parquet.model_copy(update={"buffer": 32}))


def test_a_folder_gives_the_batches_of_data_in_memory(folder, streamed):
    memory, share = in_memory(folder), Share.of(8, 4, 0, 1)
    assert isinstance(streamed, Streamed) and not isinstance(memory, Streamed)
    assert (streamed.images, streamed.held_out) == (memory.images, memory.held_out) == (40, 12)
    assert (streamed.channels, streamed.highest_label) == (3, 1)
    for epoch in (1, 2):
        assert same(streamed.training(7, epoch, share), memory.training(7, epoch, share))
        assert same(streamed.validation(0, 1, 5), memory.validation(0, 1, 5))


def test_another_resolution_gives_the_pixels_of_data_in_memory(folder):
    share, memory = Share.of(8, 8, 0, 1), in_memory(folder, 12)
    streamed = source_of(folder, 12)
    assert same(streamed.training(7, 1, share), memory.training(7, 1, share))


@pytest.mark.parametrize("name", ["paper", "modern"])
def test_what_a_recipe_asks_of_images_is_the_same_streamed(folder, name):
    policy = "autoaugment" if name == "paper" else "randaugment"
    augment = Augment(crop="resized", policy=policy, mixup=0.2, cutmix=1.0)
    recipe, share = Recipe(recipe=name, augment=augment), Share.of(8, 4, 0, 1)
    streamed, memory = source_of(folder, 14, recipe), in_memory(folder, 14, recipe)
    assert same(streamed.training(7, 1, share), memory.training(7, 1, share))
    assert same(streamed.validation(0, 1, 5), memory.validation(0, 1, 5))


def test_parquet_within_the_buffer_gives_the_batches_of_data_in_memory(parquet):
    share, memory, streamed = Share.of(8, 4, 0, 1), in_memory(parquet), source_of(parquet)
    assert isinstance(streamed, Streamed)
    assert same(streamed.training(7, 1, share), memory.training(7, 1, share))
    assert same(streamed.validation(0, 1, 5), memory.validation(0, 1, 5))


@pytest.mark.parametrize("kind", ["streamed", "rows"])
@pytest.mark.parametrize(("world", "accumulate"), [(2, 1), (2, 2), (4, 1), (1, 4)])
def test_workers_and_accumulation_see_one_global_batch(kind, world, accumulate, request):
    source = request.getfixturevalue(kind)
    whole = list(source.training(3, 1, Share.of(8, 8, 0, 1)))
    shares = [Share.of(8, 8 // (world * accumulate), rank, world) for rank in range(world)]
    ranks = [list(source.training(3, 1, share)) for share in shares]
    for step, batch in enumerate(whole):
        own = slice(step * accumulate, (step + 1) * accumulate)
        pieces = [piece for rank in ranks for piece in rank[own]]
        assert torch.equal(torch.cat([piece[0] for piece in pieces]), batch[0])
        assert torch.equal(torch.cat([piece[1] for piece in pieces]), batch[1])


@pytest.mark.parametrize("kind", ["streamed", "rows"])
def test_an_epoch_may_begin_at_any_step(kind, request):
    source, share = request.getfixturevalue(kind), Share.of(8, 4, 0, 1)
    whole = list(source.training(3, 1, share))
    for first in (0, 2, len(whole) // 2):
        assert same(source.training(3, 1, share, first), whole[2 * first :])


@pytest.mark.parametrize("world", [1, 2, 3, 5])
@pytest.mark.parametrize("kind", ["streamed", "rows"])
def test_validation_takes_every_image_once(kind, world, request):
    source = request.getfixturevalue(kind)
    whole = torch.cat([batch.images for batch in source.validation(0, 1, 100)])
    parts = [batch.images for rank in range(world) for batch in source.validation(rank, world, 3)]
    assert torch.equal(torch.cat(parts), whole) and len(whole) == source.held_out


def test_an_iterator_left_alone_is_ended_by_the_next_one(streamed):
    share = Share.of(4, 4, 0, 1)
    begun = streamed.training(1, 1, share)
    first = next(begun)[0].clone()
    assert same(streamed.validation(0, 1, 4), streamed.validation(0, 1, 4))
    assert torch.equal(next(streamed.training(1, 1, share))[0], first)


def test_what_does_not_fit_is_streamed_without_being_asked(tmp_path, folder, monkeypatch):
    monkeypatch.setattr("compound.jobs.data.sources.dataset._memory", lambda: 52 * 3 * 16 * 16)
    assert not fits(52, 3, 16)
    spec = folder.model_copy(update={"memory": "auto"})
    assert isinstance(source_of(spec), Streamed)
    assert inspect(spec).train == 40
    assert summarise(spec) == summarise(folder)


def test_a_job_gives_the_same_numbers_streamed_and_in_memory(tmp_path, folder):
    losses = []
    for memory in ("never", "always"):
        spec = folder.model_copy(update={"memory": memory})
        data = DataRef(spec=spec, fingerprint=summarise(spec).fingerprint)
        job = small_job(epochs=2, batch=8).model_copy(update={"data": data})
        network = job.architecture.model_copy(update={"in_channels": 3, "num_classes": 2})
        job = job.model_copy(update={"architecture": network})
        store = ArtifactStore.open(str(tmp_path / memory))
        rows = list(run(job, store, Process.single(), DataCache()))
        losses.append([(row.metrics["train_loss"], row.metrics["validation_loss"]) for row in rows])
        assert store.result(job.id).status == "done"
    assert losses[0] == losses[1] and len(losses[0]) == 2


BOUNDED = """
import re, sys, torch
from pathlib import Path
from compound.jobs.data.batches import Share
from compound.jobs.training.data_cache import DataCache
from compound.jobs.data.source import summarise
from compound.schemas.data import ImageFolderData
from compound.schemas.job import DataRef
from compound.schemas.recipe import Recipe

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) >> 10

spec = ImageFolderData(source="image_folder", path=sys.argv[1], memory="never", decoders=1)
data = DataRef(spec=spec, fingerprint=summarise(spec).fingerprint)
source = DataCache().source(data, 256, Recipe(), torch.device("cpu"), 1)
share = Share.of(4, 4, 0, 1)
next(source.training(0, 1, share))
before, seen = peak(), 0
for batch in source.training(0, 2, share):
    seen += len(batch.labels)
print(seen, peak() - before)
"""


def test_memory_stays_bounded(tmp_path):
    folder_of(tmp_path, train=480, held=8, side=256)
    ran = run_forked("-c", BOUNDED, str(tmp_path))
    seen, grown = (int(word) for word in ran.stdout.split())
    decoded = 480 * 3 * 256 * 256 >> 20
    assert seen == 480 and grown < 30 < decoded, f"{grown} MiB for {decoded} MiB of pixels"
    assert Path(tmp_path, "train").exists()
