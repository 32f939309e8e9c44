"""AutoAugment's operations, batched, against Pillow's results image by image."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageOps

from compound.jobs.data.augment.augment import Augmenter
from compound.jobs.data.augment.operations import apply_policy
from compound.jobs.data.augment.policies import V0, Op, amount, draw_policy
from compound.jobs.data.augment.random_crop import crop, draw_boxes
from compound.schemas.recipe import Augment

SIDE, COUNT = 24, 20
FILL = (100, 120, 140)
RANGES = {
    Op.POSTERIZE: (1, 8),
    Op.SOLARIZE: (0, 256),
    Op.ROTATE: (-90, 90),
    Op.SHEAR_X: (-0.6, 0.6),
    Op.SHEAR_Y: (-0.6, 0.6),
    Op.TRANSLATE_X: (-0.9, 0.9),
    Op.TRANSLATE_Y: (-0.9, 0.9),
}
ENHANCED = (0.0, 3.0)


def smooth(seed: int, side: int = SIDE, channels: int = 3) -> torch.Tensor:
    """Return images with large even parts, as photographs have."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(COUNT, channels, 6, 6, generator=generator) * 300 - 20
    wide = torch.nn.functional.interpolate(coarse, size=side, mode="bicubic")
    return wide.clamp(0, 255).to(torch.uint8)


def pillow(image: torch.Tensor) -> Image.Image:
    return Image.fromarray(image.permute(1, 2, 0).numpy())


def affine(image: Image.Image, *matrix: float) -> Image.Image:
    nearest = Image.Resampling.NEAREST
    return image.transform(image.size, Image.Transform.AFFINE, matrix, nearest, fillcolor=FILL)


def expected(op: Op, image: Image.Image, strength: float) -> Image.Image:
    """Return what Pillow makes of one image."""
    match op:
        case Op.AUTOCONTRAST | Op.EQUALIZE | Op.INVERT:
            return getattr(ImageOps, op.name.lower())(image)
        case Op.POSTERIZE | Op.SOLARIZE:
            return getattr(ImageOps, op.name.lower())(image, int(strength))
        case Op.ROTATE:
            return image.rotate(strength, Image.Resampling.NEAREST, fillcolor=FILL)
        case Op.SHEAR_X:
            return affine(image, 1, strength, 0, 0, 1, 0)
        case Op.SHEAR_Y:
            return affine(image, 1, 0, 0, strength, 1, 0)
        case Op.TRANSLATE_X:
            return affine(image, 1, 0, strength * SIDE, 0, 1, 0)
        case Op.TRANSLATE_Y:
            return affine(image, 1, 0, 0, 0, 1, strength * SIDE)
        case _:
            return getattr(ImageEnhance, op.name.capitalize())(image).enhance(strength)


def made(images: torch.Tensor, op: Op, strengths: torch.Tensor) -> torch.Tensor:
    codes = torch.full((len(images), 1), int(op))
    fill = torch.tensor(FILL[: images.shape[1]], dtype=torch.uint8)[:, None, None]
    centres = torch.full((len(images), 2), SIDE // 2)
    return apply_policy(images, codes, strengths[:, None], centres, fill)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 1000))
@pytest.mark.parametrize("op", [*range(Op.AUTOCONTRAST, Op.CUTOUT)])
def test_each_operation_is_pillows(op: int, seed: int) -> None:
    """Equal but for pixels whose source lies on the edge of two, by rounding: one in 500."""
    if op == Op.SOLARIZE_ADD:
        pytest.skip("Pillow has no such operation")
    images, (low, high) = smooth(seed), RANGES.get(Op(op), ENHANCED)
    strengths = torch.empty(COUNT).uniform_(low, high)
    if high >= 8 and op != Op.ROTATE:
        strengths = strengths.floor()
    ours = made(images, Op(op), strengths)
    pairs = zip(images, strengths.tolist(), strict=True)
    theirs = [np.asarray(expected(Op(op), pillow(image), strength)) for image, strength in pairs]
    differing = (ours.permute(0, 2, 3, 1).numpy() != np.stack(theirs)).mean()
    assert differing <= (1 / 500 if op >= Op.ROTATE else 0)


def test_solarize_add_and_cutout() -> None:
    images = smooth(3)
    brighter = made(images, Op.SOLARIZE_ADD, torch.full((COUNT,), 100.0)).int()
    dark = images < 128
    assert torch.equal(brighter[dark], (images[dark].int() + 100).clamp(max=255))
    assert torch.equal(brighter[~dark], images[~dark].int())
    cut = made(images, Op.CUTOUT, torch.full((COUNT,), 0.25))
    inner = slice(SIDE // 4, 3 * SIDE // 4)
    fill = torch.tensor(FILL, dtype=torch.uint8)[:, None, None]
    assert (cut[:, :, inner, inner] == fill).all()
    cut[:, :, inner, inner] = images[:, :, inner, inner]
    assert torch.equal(cut, images)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 5), st.integers(1, 9))
def test_any_number_of_channels_and_any_side_work(seed: int, channels: int, side: int) -> None:
    images = smooth(seed, side, channels)
    augment = Augment(policy="randaugment", layers=4, magnitude=28, cutout=0.3, crop="resized")
    augmenter = Augmenter(augment, torch.full((channels,), 90.0), side)
    changed = augmenter.apply(images, augmenter.draw(seed, 1, COUNT))
    assert changed.shape == images.shape and changed.dtype == torch.uint8


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["autoaugment", "randaugment"]),
    st.sampled_from(["shift", "resized"]),
    st.permutations(range(COUNT)),
)
def test_an_image_changes_alike_in_whatever_company(seed, policy, framing, positions) -> None:
    larger = smooth(1, SIDE + 4 if framing == "resized" else SIDE)
    augmenter = Augmenter(Augment(policy=policy, crop=framing), torch.full((3,), 90.0), SIDE)
    draws, indices = augmenter.draw(seed, 2, COUNT), torch.tensor(positions)
    whole = augmenter.apply(larger, draws)
    parts = [augmenter.apply(larger[part], draws.of(part)) for part in indices.split(7)]
    assert torch.equal(torch.cat(parts), whole[indices])


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.integers(5, 40))
def test_crops_are_pillows(seed: int, resolution: int) -> None:
    """Within two levels, seldom more than none: both round after each of the two directions."""
    generator = torch.Generator().manual_seed(seed)
    images, boxes = smooth(seed, 30), draw_boxes(Augment(), COUNT, generator)
    mirrored = torch.rand(COUNT, generator=generator) < 0.5
    ours = crop(images, boxes, mirrored, resolution)
    differences = []
    for index, (top, left, height, width) in enumerate((boxes.double() * 30).tolist()):
        box = (left, top, min(left + width, 30), min(top + height, 30))
        size = (resolution, resolution)
        theirs = pillow(images[index]).resize(size, Image.Resampling.BICUBIC, box=box)
        theirs = ImageOps.mirror(theirs) if mirrored[index] else theirs
        own = ours[index].permute(1, 2, 0).numpy().astype(int)
        differences.append(np.abs(np.asarray(theirs) - own))
    assert max(d.max() for d in differences) <= 2
    assert np.mean(differences) < 0.03


def test_boxes_keep_to_area_and_aspect_and_lie_inside() -> None:
    boxes = draw_boxes(Augment(), 5000, torch.Generator().manual_seed(0))
    top, left, height, width = boxes.unbind(1)
    area, aspect = height * width, width / height
    assert 0.079 < area.min() < 0.1 and 0.9 < area.max() <= 1
    assert aspect.min() > 0.74 and aspect.max() < 1.34
    assert (top >= 0).all() and (left + width <= 1 + 1e-6).all()
    assert boxes[:, :2].min() >= 0 and (top + height).max() <= 1 + 1e-6


def test_the_whole_image_is_a_crop_too() -> None:
    images = smooth(5)
    whole = torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(COUNT, 4)
    flips = torch.arange(COUNT) % 2 == 0
    assert torch.equal(crop(images, whole, ~flips, SIDE)[::2], images[::2])
    assert torch.equal(crop(images, whole, flips, SIDE)[::2], images[::2].flip(3))


def test_autoaugment_takes_every_sub_policy_with_its_probability() -> None:
    generator = torch.Generator().manual_seed(0)
    codes, amounts = draw_policy(Augment(policy="autoaugment"), 50_000, generator)
    share = (codes == Op.EQUALIZE).double().mean(0)
    for layer in (0, 1):
        chances = [pair[layer][1] for pair in V0 if pair[layer][0] == Op.EQUALIZE]
        assert share[layer] == pytest.approx(sum(chances) / 25, abs=0.01)
    turned = amounts[(codes == Op.ROTATE) & (amounts != 0)]
    assert (turned > 0).double().mean() == pytest.approx(0.5, abs=0.02)
    assert turned.abs().max() == pytest.approx(27.0)


def test_randaugment_makes_every_drawn_operation() -> None:
    generator = torch.Generator().manual_seed(0)
    augment = Augment(policy="randaugment", layers=3, magnitude=17)
    codes, amounts = draw_policy(augment, 20_000, generator)
    for layer in codes.T:
        counts = torch.bincount(layer.long(), minlength=17) / len(layer)
        assert counts[Op.IDENTITY] == 0
        assert (counts[1:] - 1 / 16).abs().max() < 0.007
    assert amounts[codes == Op.COLOR].unique().tolist() == pytest.approx([0.1 + 1.8 * 1.7])


def test_levels_mean_what_the_published_code_says() -> None:
    assert amount(Op.POSTERIZE, 6) == 2 and amount(Op.SOLARIZE, 8) == 204
    assert amount(Op.SOLARIZE_ADD, 3) == 33 and amount(Op.ROTATE, 9) == 27
    assert amount(Op.COLOR, 0) == pytest.approx(0.1)
    assert amount(Op.SHEAR_Y, 4) == pytest.approx(0.12)
    assert len(V0) == 25


def test_switching_one_change_on_leaves_the_other_draws() -> None:
    plain = Augmenter(Augment(), torch.zeros(1), 16).draw(3, 2, 50)
    more = Augment(policy="randaugment", mixup=0.2, cutmix=1.0)
    full = Augmenter(more, torch.zeros(1), 16).draw(3, 2, 50)
    assert torch.equal(plain.rows, full.rows) and torch.equal(plain.columns, full.columns)
    policy = Augmenter(Augment(policy="randaugment"), torch.zeros(1), 16).draw(3, 2, 50)
    assert torch.equal(policy.codes, full.codes) and torch.equal(policy.amounts, full.amounts)


def test_randaugment_of_revision_0_draws_as_it_did() -> None:
    """The draws of a store from before every operation was made, as they were recorded then."""
    augment = Augment(policy="randaugment", layers=2, magnitude=9)
    old, new = (
        draw_policy(augment, 4_000, torch.Generator().manual_seed(5), revision)
        for revision in (0, 1)
    )
    made = [float((codes > 0).float().mean()) for codes, _ in (old, new)]
    assert made[0] == pytest.approx(0.5, abs=0.02) and made[1] == 1.0
    first = draw_policy(augment, 6, torch.Generator().manual_seed(5), 0)[0]
    assert first.tolist() == [[0, 15], [16, 0], [7, 7], [1, 10], [9, 0], [0, 0]]


def test_a_source_draws_by_the_revision_of_its_job() -> None:
    augment = Augment(policy="randaugment")
    means = torch.full((3,), 90.0)
    draws = {
        (side, revision): Augmenter(augment, means, SIDE, revision).at(side).draw(1, 1, 30)
        for side in (SIDE, SIDE // 2)
        for revision in (0, 1)
    }
    assert all(
        bool((drawn.codes == 0).any()) == (revision == 0) for (_, revision), drawn in draws.items()
    )
