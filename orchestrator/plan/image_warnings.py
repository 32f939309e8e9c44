"""Warnings of images: classes that have few, and networks that see them larger than they are."""

from collections.abc import Collection, Iterator

from compound.orchestrator.wording.numbers import counted
from compound.schemas.data import DataInfo

FEW_IMAGES = 20
"""Training images of a class below which a network learns single images, and not the class."""


def image_warnings(data: DataInfo, resolutions: Collection[int]) -> Iterator[str]:
    """Warn of classes with few training images, and of resolutions above the images' own size.

    `resolutions`: pixels on a side, of every network that a study may train.
    """
    yield from _few_images(data)
    yield from _enlarged(data, resolutions)


def _few_images(data: DataInfo) -> Iterator[str]:
    parts = data.ledger.parts if data.ledger else ()
    counts = next((part.class_counts for part in parts if part.part == "train"), ())
    few = [number for number in counts if 0 < number < FEW_IMAGES]
    if few:
        least = min(few)
        yield (
            f"{len(few):,} of {counted(len(counts), 'class', 'classes')} with fewer than "
            f"{FEW_IMAGES} training images, {data.classes[counts.index(least)]} with {least}: "
            "networks learn these images, not the class; add images, or leave such classes out"
        )


def _enlarged(data: DataInfo, resolutions: Collection[int]) -> Iterator[str]:
    larger = sorted(pixels for pixels in set(resolutions) if pixels > data.size)
    if larger:
        yield (
            f"{counted(len(larger), 'resolution')} up to {larger[-1]} pixels, and the images have "
            f"{data.size}: they are enlarged, which costs compute and adds no detail; "
            f"rounding.max_resolution: {data.size} with a baseline.resolution below it avoids that"
        )
