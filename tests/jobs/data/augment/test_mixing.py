"""Mixup and cutmix, and the loss of images that stand for two labels."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from compound.jobs.data.augment.mixing import Batch, draw_shares, mix
from compound.jobs.data.batches import Feeder, Share
from compound.jobs.training.loop.loss import loss_of
from compound.schemas.recipe import Augment
from tests.support.numbered_images import CPU, numbered


def drawn(augment: Augment, count: int = 16, side: int = 8, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(count, 3, side, side, generator=generator)
    centres = torch.randint(side, (count, 2), generator=generator)
    return images, torch.arange(count), *draw_shares(augment, count, seed), centres


def test_mixup_blends_neighbours_by_their_share() -> None:
    images, labels, share, boxed, centres = drawn(Augment(mixup=0.4))
    batch = mix(images, labels, share, boxed, centres)
    assert not boxed.any()
    assert batch.mixed_labels.tolist() == [index ^ 1 for index in range(16)]
    for index in range(16):
        own = batch.share[index]
        blend = own * images[index] + (1 - own) * images[index ^ 1]
        assert torch.allclose(batch.images[index], blend, atol=1e-6)
    assert batch.images.is_contiguous()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 9))
def test_cutmix_shares_count_the_pixels(seed: int, side: int, count: int) -> None:
    images, labels, share, boxed, centres = drawn(Augment(cutmix=1.0), count, side, seed)
    batch = mix(images, labels, share, boxed, centres)
    for index in range(count):
        partner = index ^ 1 if index ^ 1 < count else index
        own = (batch.images[index] == images[index]).all(0)
        pasted = (batch.images[index] == images[partner]).all(0)
        assert (own | pasted).all()
        if partner != index:
            assert own.double().mean() == pytest.approx(batch.share[index].item(), abs=1e-6)
        else:
            assert own.all() and batch.share[index] == 1


def test_the_shares_follow_beta_and_both_kinds_take_half() -> None:
    share, boxed = draw_shares(Augment(mixup=0.2, cutmix=1.0), 20_000, 0)
    assert boxed.double().mean() == pytest.approx(0.5, abs=0.02)
    assert share[boxed].var() == pytest.approx(1 / 12, abs=0.005)
    assert share[~boxed].var() == pytest.approx(0.25 / 1.4, abs=0.005)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from([(1, 2), (2, 1), (2, 2), (4, 1)]), st.integers(0, 1000))
def test_workers_and_accumulation_mix_alike(cut: tuple[int, int], seed: int) -> None:
    world, accumulate = cut
    augment = Augment(mixup=0.3, cutmix=1.0, policy="autoaugment", crop="resized")
    feeder = Feeder(numbered(), augment, CPU)
    whole = list(feeder.training(seed, 1, Share.of(16, 16, 0, 1)))
    shares = [Share.of(16, 16 // (world * accumulate), rank, world) for rank in range(world)]
    ranks = [list(feeder.training(seed, 1, share)) for share in shares]
    for step, batch in enumerate(whole):
        first = step * accumulate
        pieces = [piece for rank in ranks for piece in rank[first : first + accumulate]]
        for name, value in batch._asdict().items():
            if value is None:
                assert all(getattr(piece, name) is None for piece in pieces)
                continue
            assert torch.equal(torch.cat([getattr(piece, name) for piece in pieces]), value)


@given(st.integers(0, 1000), st.floats(0, 0.5))
def test_the_loss_of_a_mixed_batch_is_that_of_its_soft_targets(seed, smoothing) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(7, 5, generator=generator)
    first, second = torch.randint(5, (2, 7), generator=generator)
    share = torch.rand(7, generator=generator)
    hot = functional.one_hot(first, 5) * share[:, None] + functional.one_hot(second, 5) * (
        1 - share[:, None]
    )
    soft = hot * (1 - smoothing) + smoothing / 5
    expected = functional.cross_entropy(logits, soft)
    batch = Batch(torch.zeros(7), first, second, share)
    assert loss_of(logits, batch, smoothing) == pytest.approx(expected.item(), rel=1e-5)
    plain = functional.cross_entropy(logits, first, label_smoothing=smoothing)
    assert torch.equal(loss_of(logits, Batch(torch.zeros(7), first), smoothing), plain)
