"""Training images that grow: which side in which epoch, and the same pixels whoever makes them."""

import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from compound.jobs.data.augment.random_crop import shrink
from compound.jobs.data.batches import Feeder, Share
from compound.jobs.data.progressive_resizing import check_sizes, size_at, sizes, smaller_sizes
from compound.jobs.data.source import summarise
from compound.jobs.data.stream.streamed_batches import Streamed
from compound.jobs.run_job import Process, run
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.data_cache import DataCache
from compound.jobs.training.optimiser.schedule import begins_alike, steps
from compound.schemas.base import STORED, digest
from compound.schemas.data import SyntheticData
from compound.schemas.errors import PlanError
from compound.schemas.job import DataRef
from compound.schemas.recipe import Augment, Recipe, Resizing
from tests.support.family_networks import ONE_OF_EACH, small
from tests.support.images_on_disk import folder_of
from tests.support.numbered_images import CPU, numbered
from tests.support.small_jobs import small_job

RESIZING = {"start": 0.5, "until": 0.8}


def recipe(epochs: int = 10, **fields) -> Recipe:
    return Recipe.model_validate({"epochs": epochs, "resizing": {**RESIZING, **fields}})


recipes = st.builds(
    lambda epochs, start, until, multiple: recipe(
        epochs, start=start, until=until, multiple=multiple
    ),
    st.integers(1, 60),
    st.floats(0.05, 0.99),
    st.floats(0.01, 1),
    st.none() | st.integers(1, 40),
)


@given(recipes, st.integers(1, 700))
def test_sides_grow_by_the_same_step_to_the_resolution_and_the_last_epoch_has_it(
    given_recipe: Recipe, resolution: int
) -> None:
    resizing, epochs = given_recipe.resizing, range(1, given_recipe.epochs + 1)
    assert resizing is not None
    sides = [size_at(given_recipe, resolution, epoch) for epoch in epochs]
    assert sides == sorted(sides) and sides[-1] == resolution
    assert all(side == resolution for side in sides[round(resizing.until * len(sides)) :])
    smaller = smaller_sizes(resizing, resolution)
    assert {*sides} <= {*smaller, resolution}
    assert all(side % smaller.step == 0 and side < resolution for side in smaller)
    if smaller and resizing.multiple is None:
        assert abs(smaller[0] - resizing.start * resolution) <= smaller.step
        assert len(smaller) <= 12
    counted = sizes(given_recipe, resolution)
    assert counted == {side: sides.count(side) for side in sides}


@given(st.integers(1, 200), st.integers(16, 640))
def test_each_smaller_side_has_its_even_share_of_the_growing_epochs(epochs, resolution) -> None:
    growing, counts = recipe(epochs), sizes(recipe(epochs), resolution)
    below = [counts.get(side, 0) for side in smaller_sizes(growing.resizing, resolution)]
    assert max(below) - min(below) <= 1
    assert sum(below) == min(round(0.8 * epochs), epochs - 1)


@pytest.mark.parametrize(
    ("resolution", "start", "multiple", "expected"),
    [
        (224, 0.6, None, [128, 160, 192]),
        (192, 0.83, 32, [160]),
        (32, 0.6, None, [20, 24, 28]),
        (14, 0.6, None, [8, 10, 12]),
        (600, 0.6, None, [384, 448, 512, 576]),
    ],
)
def test_examples_of_sides(resolution, start, multiple, expected) -> None:
    resizing = Resizing(start=start, multiple=multiple)
    assert [*smaller_sizes(resizing, resolution)] == expected
    assert {b - a for a, b in pairwise(expected)} <= {smaller_sizes(resizing, resolution).step}


def test_without_resizing_nothing_changes_not_even_the_identity() -> None:
    assert sizes(Recipe(epochs=7), 30) == {30: 7}
    former = Recipe.model_validate({}, context=STORED)
    assert digest(former) == "ede0de8074924080"
    assert digest(recipe()) not in (digest(Recipe(epochs=10)), digest(recipe(until=0.7)))
    assert small_job().id != small_job(resizing=RESIZING).id


@pytest.mark.parametrize(
    "resizing", [{"start": 1.2}, {"start": 0}, {"until": 1.1}, {"until": 0}, {"multiple": 0}]
)
def test_impossible_values_are_refused(resizing: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        recipe(**resizing)


def test_sides_that_cannot_be_are_refused_with_what_would_do() -> None:
    with pytest.raises(PlanError, match="16 of 32 pixels, below the network's total stride") as bad:
        check_sizes(recipe(), 32, 24)
    assert bad.value.where == "train.resizing.start" and "0.75" in bad.value.allowed
    with pytest.raises(PlanError, match="no multiple of 32 pixels is between"):
        check_sizes(recipe(multiple=32, start=0.9), 32, 1)
    check_sizes(recipe(), 32, 16)
    check_sizes(recipe(multiple=1), 200, 16)
    many = recipe(100, multiple=1).model_copy(update={"compile": True})
    with pytest.raises(PlanError, match="takes minutes for each of the "):
        check_sizes(many, 200, 16)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 24), st.integers(1, 3), st.integers(0, 999), st.data())
def test_shrinking_is_antialiased_like_pillows(side, channels, seed, data) -> None:
    small = data.draw(st.integers(1, side))
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(256, (3, channels, side, side), generator=generator).to(torch.uint8)
    ours = shrink(images, small)
    for image, own in zip(images.flatten(0, 1), ours.flatten(0, 1), strict=True):
        pillow = Image.fromarray(image.numpy()).resize((small, small), Image.Resampling.BICUBIC)
        assert np.abs(np.asarray(pillow, int) - own.numpy()).max() <= 1
    alone = torch.cat([shrink(image[None], small) for image in images])
    assert torch.equal(ours, alone)


AUGMENTS = {
    "plain": Augment(pad=0, flip=False),
    "modern": Augment(cutout=0.25),
    "paper": Augment(crop="resized", policy="autoaugment"),
    "mixed": Augment(policy="randaugment", mixup=0.2, cutmix=1.0),
}


@pytest.mark.parametrize("name", AUGMENTS)
@pytest.mark.parametrize("world", [1, 2, 4])
def test_every_world_size_and_any_step_see_the_same_small_batches(name: str, world: int) -> None:
    growing = recipe(4, multiple=2)
    feeder = Feeder(numbered(side=12), AUGMENTS[name], CPU, lambda e: size_at(growing, 12, e))
    for epoch, side in ((1, 6), (3, 10), (4, 12)):
        whole = list(feeder.training(3, epoch, Share.of(16, 16, 0, 1)))
        shares = [Share.of(16, 16 // world, rank, world) for rank in range(world)]
        ranks = [list(feeder.training(3, epoch, share)) for share in shares]
        rest = list(feeder.training(3, epoch, Share.of(16, 16, 0, 1), first_step=2))
        assert torch.equal(rest[0].images, whole[2].images)
        for step, batch in enumerate(whole):
            assert batch.images.shape == (16, 2, side, side)
            assert batch.images.is_contiguous()
            pieces = torch.cat([rank[step].images for rank in ranks])
            assert torch.equal(pieces, batch.images)
    assert all(batch.images.shape[-1] == 12 for batch in feeder.validation(0, 1, 8))


def test_a_shrunken_batch_is_the_whole_one_seen_smaller() -> None:
    images = numbered(side=12)
    feeder = Feeder(images, AUGMENTS["plain"], CPU, lambda epoch: 6)
    (batch,) = feeder.training(0, 1, Share.of(48, 48, 0, 1))
    pixels = shrink(images.train, 6)[batch.labels]
    expected = (pixels - images.mean[:, None, None]) / images.deviation[:, None, None]
    assert (batch.images - expected).abs().max() < 1e-5


@pytest.mark.parametrize("name", AUGMENTS)
def test_streamed_images_grow_as_those_in_memory(name: str, tmp_path: Path) -> None:
    spec = folder_of(tmp_path)
    growing = recipe(4).model_copy(update={"augment": AUGMENTS[name]})
    sources = []
    for memory in ("always", "never"):
        stored = spec.model_copy(update={"memory": memory})
        data = DataRef(spec=stored, fingerprint=summarise(stored).fingerprint)
        sources.append(DataCache().source(data, 16, growing, CPU, 1))
    memory, streamed = sources
    assert isinstance(streamed, Streamed)
    for epoch in (1, 2, 4):
        pairs = zip(
            memory.training(5, epoch, Share.of(8, 8, 0, 1)),
            streamed.training(5, epoch, Share.of(8, 8, 0, 1)),
            strict=True,
        )
        for expected, batch in pairs:
            assert batch.images.shape[-1] == size_at(growing, 16, epoch)
            assert torch.equal(expected.images, batch.images)


def finished(job, store: Path, stop_after: int | None = None) -> list[float]:
    """Train, stopping after an epoch where that is asked; return the losses of all epochs."""
    opened = ArtifactStore.open(str(store))
    epochs = run(job, opened, Process.single(), DataCache())
    for row in epochs:
        if row.epoch == stop_after:
            epochs.close()
    return [row.metrics["train_loss"] for row in opened.rows(job.id)]


@pytest.mark.parametrize("stop", [1, 3, 4])
def test_a_job_resumed_at_any_side_ends_with_the_same_weights(stop: int, tmp_path: Path) -> None:
    job = small_job(epochs=5, resizing={"start": 0.5, "until": 0.8, "multiple": 2})
    whole = finished(job, tmp_path / "whole")
    finished(job, tmp_path / "parts", stop)
    assert finished(job, tmp_path / "parts") == whole and len(whole) == 5
    expected, resumed = (
        ArtifactStore.open(str(tmp_path / name)).checkpoint(job.id).model()
        for name in ("whole", "parts")
    )
    assert all(torch.equal(expected[name], resumed[name]) for name in expected)


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_networks_of_every_family_train_while_images_grow(name: str, tmp_path: Path) -> None:
    spec = SyntheticData(source="synthetic", images=8, validation_images=4, size=64, num_classes=4)
    job = small_job(spec, epochs=2, batch=4, resizing={"start": 0.5, "until": 0.5})
    job = job.model_copy(update={"architecture": small(name, classes=4)})
    assert sizes(job.recipe, 64) == {32: 1, 64: 1}
    assert len(finished(job, tmp_path)) == 2


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(
    not os.environ.get("COMPOUND_FAULTS"), reason="compiles for minutes: `make test-faults` runs it"
)
def test_a_compiled_network_grows_as_a_plain_one(tmp_path: Path) -> None:
    growing = {"start": 0.5, "until": 0.7, "multiple": 2}
    plain, compiled = (
        finished(small_job(epochs=3, resizing=growing, compile=on), tmp_path / str(on))
        for on in (False, True)
    )
    assert compiled == pytest.approx(plain, rel=1e-3)


@pytest.mark.parametrize("pixels", [4, 6, 8])
def test_a_network_too_large_for_its_first_side_fails_with_the_reason(pixels, tmp_path) -> None:
    job = small_job(epochs=2, resizing={"start": 0.1, "multiple": 1})
    network = job.architecture.model_copy(update={"resolution": pixels})
    job = job.model_copy(update={"architecture": network})
    epochs = run(job, ArtifactStore.open(str(tmp_path)), Process.single(), DataCache())
    with pytest.raises(StopIteration) as ended:
        next(epochs)
    cause = ended.value.value.cause
    assert cause is not None and "below the network's total stride" in cause.message


def test_a_longer_schedule_does_not_continue_a_shorter_one() -> None:
    plain = Recipe(epochs=20, schedule="exponential", norm_momentum=0.1)
    plan = steps(plain, 1000, 1)
    assert begins_alike(plain, plan, 10)
    growing = plain.model_copy(update={"resizing": Resizing()})
    assert not begins_alike(growing, plan, 10)
