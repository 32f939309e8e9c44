"""Order and augmentation belong to the global batch, whoever trains on which part of it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from compound.jobs.data.augment.augment import Augmenter, Draws
from compound.jobs.data.batches import Feeder, Finisher, Share, order
from compound.schemas.recipe import Augment
from tests.support.numbered_images import CPU, numbered


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([(1, 1), (1, 2), (2, 1), (2, 2), (4, 1), (1, 4)]),
    st.integers(0, 2**32 - 1),
    st.integers(1, 100),
)
def test_workers_and_accumulation_see_one_global_batch(cut, seed, epoch):
    world, accumulate = cut
    feeder = Feeder(numbered(), Augment(cutout=0.4), CPU)
    whole = list(feeder.training(seed, epoch, Share.of(16, 16, 0, 1)))
    shares = [Share.of(16, 16 // (world * accumulate), rank, world) for rank in range(world)]
    ranks = [list(feeder.training(seed, epoch, share)) for share in shares]
    for step, (images, labels, *_) in enumerate(whole):
        pieces = [
            ranks[rank][step * accumulate + micro]
            for rank in range(world)
            for micro in range(accumulate)
        ]
        assert torch.equal(torch.cat([piece[0] for piece in pieces]), images)
        assert torch.equal(torch.cat([piece[1] for piece in pieces]), labels)


def test_every_image_once_an_epoch_and_a_short_rest_left_out():
    feeder = Feeder(numbered(50), Augment(), CPU)
    batches = list(feeder.training(0, 1, Share.of(16, 16, 0, 1)))
    labels = torch.cat([batch.labels for batch in batches])
    assert len(batches) == 3 and len(labels.unique()) == 48


@given(st.integers(0, 4), st.sampled_from([(1, 1), (2, 2), (4, 1)]))
def test_an_epoch_may_begin_at_any_step(first, cut):
    world, accumulate = cut
    feeder = Feeder(numbered(50), Augment(), CPU)
    share = Share.of(16, 16 // (world * accumulate), world - 1, world)
    whole = list(feeder.training(3, 2, share))
    rest = list(feeder.training(3, 2, share, first_step=first))
    assert len(rest) == max(0, len(whole) - first * accumulate)
    for one, other in zip(rest, whole[first * accumulate :], strict=True):
        assert torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])


def test_epochs_and_seeds_differ():
    assert not torch.equal(order(0, 1, 50), order(0, 2, 50))
    assert not torch.equal(order(0, 1, 50), order(1, 1, 50))
    assert torch.equal(order(3, 7, 50), order(3, 7, 50))


@given(st.integers(1, 9), st.integers(1, 40), st.integers(1, 20))
def test_validation_is_shared_out_exactly(world, held_out, size):
    feeder = Feeder(numbered(4, held_out), Augment(), CPU)
    parts = [batch for rank in range(world) for batch in feeder.validation(rank, world, size)]
    seen = torch.cat([batch.labels for batch in parts])
    assert sorted(seen.tolist()) == list(range(4, 4 + held_out))
    assert all(len(images) == len(labels) <= size for images, labels, *_ in parts)


def test_images_are_normalised():
    images = numbered()
    feeder = Feeder(images, Augment(pad=0, flip=False), CPU)
    batches = list(feeder.training(0, 1, Share.of(48, 48, 0, 1)))
    floats, labels, *_ = batches[0]
    assert floats.is_contiguous()
    plain = images.train[labels].double()
    expected = (plain - images.mean[:, None, None]) / images.deviation[:, None, None]
    assert (floats - expected).abs().max() < 1e-5
    assert floats.mean((0, 2, 3)).abs().max() < 1e-5


def test_a_gpu_gets_its_batches_channels_last():
    device = torch.device("meta")
    pixels = torch.zeros(4, 3, 8, 8, dtype=torch.uint8, device=device)
    augmenter = Augmenter(Augment(mixup=0.2), torch.zeros(3), 8)
    finisher = Finisher(augmenter, torch.zeros(3), torch.ones(3), device)
    images, labels, *_ = finisher.plain(pixels, torch.zeros(4, dtype=torch.int64, device=device))
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert images.device == labels.device == device


@settings(deadline=None)
@given(st.integers(2, 9), st.floats(0, 1), st.booleans(), st.floats(0, 1), st.integers(0, 99))
def test_augmentation_against_one_image_at_a_time(side, pad, flip, cutout, seed):
    images = torch.randint(0, 256, (12, 3, side, side), dtype=torch.uint8)
    mean = torch.tensor([10.0, 20.0, 30.0])
    augmenter = Augmenter(Augment(pad=pad, flip=flip, cutout=cutout), mean, side)
    draws = augmenter.draw(seed, 1, 12)
    changed = augmenter.apply(images, draws)
    margin, cut = min(round(pad * side), side - 1), round(cutout * side)
    for index in range(12):
        mine = (draws.rows[index], draws.columns[index], draws.cut_y[index], draws.cut_x[index])
        expected = one_by_one(images[index].numpy(), margin, cut, *(int(draw) for draw in mine))
        assert np.array_equal(changed[index].numpy(), expected)


def one_by_one(image, margin, cut, row, column, cut_y, cut_x):
    side = image.shape[-1]
    padded = np.pad(image, ((0, 0), (margin, margin), (margin, margin)), mode="reflect")
    mirrored, column = divmod(column, 2 * margin + 1)
    window = padded[:, row : row + side, column : column + side]
    window = window[:, :, ::-1].copy() if mirrored else window.copy()
    top, left = cut_y - cut // 2, cut_x - cut // 2
    for channel, fill in enumerate((10, 20, 30)):
        window[channel, max(top, 0) : max(top + cut, 0), max(left, 0) : max(left + cut, 0)] = fill
    return window


def test_draws_cover_all_shifts_and_mirror_half():
    augmenter = Augmenter(Augment(pad=0.125, flip=True), torch.zeros(1), 16)
    draws = augmenter.draw(0, 1, 4000)
    assert draws.rows.unique().tolist() == list(range(5))
    assert draws.columns.unique().tolist() == list(range(10))
    assert (draws.columns >= 5).double().mean() == pytest.approx(0.5, abs=0.03)
    assert isinstance(draws.of(torch.tensor([3])), Draws)
