"""Data sets of encoded images: what is common to Parquet files and folders."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from compound.jobs.data.dataset import (
    Dataset,
    Indices,
    Labels,
    Pixels,
    check_labels,
    check_memory,
    check_splits,
    fingerprint,
    fits,
)
from compound.jobs.data.decode import BadImage, Form, common_form, decode, guarded
from compound.jobs.data.subset import limited, split
from compound.schemas.data import DataInfo, DataSpec, ImageFolderData, ParquetData
from compound.schemas.errors import DataError

EncodedData = ParquetData | ImageFolderData
SAMPLES = 16
"""Images whose headers decide the channels and the size."""

_RESIZING = "resizing 2"
"""Part of the identity where images are resized; raised when that comes to make other pixels."""


class Listing(Protocol):
    """The images of one place, listed with their labels but not yet decoded."""

    @property
    def labels(self) -> Labels:
        """The label of every image, int64 (N,)."""
        ...

    def images(self, indices: Indices) -> Iterator[tuple[str, bytes]]:
        """Yield name and encoded bytes of the images at ascending indices."""
        ...


@dataclass(frozen=True)
class Catalogue:
    """What a source lists before a pixel is decoded."""

    classes: tuple[str, ...]
    train: Listing
    validation: Listing | None
    """None: validation is split off from `train`."""
    content: str
    """A hash over everything listed."""


@dataclass(frozen=True)
class Part:
    """The images of one split: where they are listed, and which."""

    listing: Listing
    indices: Indices

    @property
    def labels(self) -> Labels:
        """The labels of the chosen images, int64 (N,)."""
        return self.listing.labels[self.indices]


@dataclass(frozen=True)
class Choice:
    """The images that a spec asks for, and what they look like once they are decoded."""

    spec: EncodedData
    train: Part
    validation: Part
    form: Form
    info: DataInfo
    streamed: bool
    """Whether they are decoded as training needs them, instead of kept in memory."""

    def check_bad(self, bad: tuple[str, ...]) -> None:
        """Raise DataError when more images cannot be decoded than `max_bad` allows."""
        _check_bad(bad, self.info.train + self.info.validation, self.spec)


def summarise(spec: EncodedData, catalogue: Catalogue) -> DataInfo:
    """Tell what there is from labels and a few headers; broken images still count."""
    return choose(spec, catalogue).info


def inspect(choice: Choice) -> DataInfo:
    """Decode every chosen image and keep none. DataError: as for `decoded`."""
    bad = [*_broken(choice.train, choice.form), *_broken(choice.validation, choice.form)]
    choice.check_bad(tuple(bad))
    return choice.info.model_copy(update={"quarantined": tuple(bad)})


def decoded(choice: Choice) -> Dataset:
    """Decode every chosen image. DataError: too many are bad, or what is left is unfit."""
    train, train_kept, train_bad = _decoded(choice.train, choice.form)
    held, held_kept, held_bad = _decoded(choice.validation, choice.form)
    bad = (*train_bad, *held_bad)
    choice.check_bad(bad)
    train_labels = choice.train.labels[train_kept]
    held_labels = choice.validation.labels[held_kept]
    check_splits(train_labels, held_labels, choice.info.classes, choice.spec.path)
    counts = {"train": len(train), "validation": len(held), "quarantined": bad}
    info = choice.info.model_copy(update=counts)
    return Dataset(train, train_labels, held, held_labels, info)


def choose(spec: EncodedData, catalogue: Catalogue) -> Choice:
    """Return the images that a spec asks for. DataError: there is nothing to learn from them, or
    they do not fit into memory and have to.
    """
    train, validation = _parts(spec, catalogue)
    check_splits(train.labels, validation.labels, catalogue.classes, spec.path)
    form = _form(train, spec)
    images = len(train.indices) + len(validation.indices)
    streamed = streams(spec, images, form.channels, form.size)
    if not streamed:
        check_memory(images, form.channels, form.size, spec.path)
    content = catalogue.content if form.exact else f"{catalogue.content} {_RESIZING}"
    ignored = ("validation",) if catalogue.validation else ()
    info = DataInfo(
        fingerprint=fingerprint(spec, content, ignored),
        classes=catalogue.classes,
        in_channels=form.channels,
        size=form.size,
        train=len(train.indices),
        validation=len(validation.indices),
    )
    return Choice(spec, train, validation, form, info, streamed)


def streams(spec: DataSpec, images: int, channels: int, size: int) -> bool:
    """Whether so many images are decoded as training needs them, on a machine like this one."""
    if not isinstance(spec, EncodedData):
        return False
    return spec.memory == "never" or (spec.memory == "auto" and not fits(images, channels, size))


def _parts(spec: EncodedData, catalogue: Catalogue) -> tuple[Part, Part]:
    train, validation = catalogue.train, catalogue.validation or catalogue.train
    classes, seed = len(catalogue.classes), spec.split_seed
    check_labels(train.labels, classes, spec.path)
    check_labels(validation.labels, classes, getattr(spec, "validation_path", None) or spec.path)
    if catalogue.validation:
        kept, held = np.arange(len(train.labels)), np.arange(len(validation.labels))
    else:
        kept, held = split(train.labels, spec.validation, seed)
    return (
        Part(train, kept[limited(train.labels[kept], spec.limit, seed)]),
        Part(validation, held[limited(validation.labels[held], spec.validation_limit, seed)]),
    )


def _form(train: Part, spec: EncodedData) -> Form:
    largest = spec.size if isinstance(spec, ImageFolderData) else None
    with guarded():
        for start in range(0, len(train.indices), SAMPLES):
            few = train.listing.images(train.indices[start : start + SAMPLES])
            form = common_form((data for _, data in few), largest)
            if form is not None:
                return form
    raise DataError(
        f"none of the {len(train.indices):,} training images can be decoded",
        where=spec.path,
        allowed="PNG, JPEG, WebP or BMP",
    )


def _decoded(part: Part, form: Form) -> tuple[Pixels, Indices, tuple[str, ...]]:
    """Return the pixels, which of the part's images they are, and what was left out."""
    pixels = np.empty((len(part.indices), form.channels, form.size, form.size), dtype=np.uint8)
    kept: list[int] = []
    bad: list[str] = []
    with guarded():
        for place, (name, data) in enumerate(part.listing.images(part.indices)):
            try:
                pixels[len(kept)] = decode(data, form)
                kept.append(place)
            except BadImage as error:
                bad.append(f"{name}: {error}")
    return pixels[: len(kept)], np.array(kept, dtype=np.int64), tuple(bad)


def _broken(part: Part, form: Form) -> Iterator[str]:
    """Yield name and reason of every image that cannot be decoded."""
    with guarded():
        for name, data in part.listing.images(part.indices):
            try:
                decode(data, form)
            except BadImage as error:
                yield f"{name}: {error}"


def _check_bad(bad: tuple[str, ...], total: int, spec: EncodedData) -> None:
    if len(bad) > spec.max_bad * total:
        raise DataError(
            f"{len(bad):,} of {total:,} images cannot be decoded: {'; '.join(bad[:5])}"
            + (f"; and {len(bad) - 5:,} more" if len(bad) > 5 else ""),
            where=spec.path,
            allowed=f"{spec.max_bad:.2%} (`max_bad`)",
            next_step="mend or remove them, or raise `max_bad` to train without them",
        )
