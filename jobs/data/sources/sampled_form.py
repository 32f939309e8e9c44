"""The form of a data set's decoded images, decided from an even sample of them."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from PIL import ImageColor

from compound.jobs.data.listing.image_file import BadImage, guarded, opened
from compound.jobs.data.pixels.decode import Form
from compound.jobs.data.pixels.eight_bits import HIGH_BYTE
from compound.jobs.data.pixels.form_notes import form_notes
from compound.jobs.data.pixels.image_header import PLAIN_FORMATS, Header, appearance, header
from compound.jobs.data.pixels.seen_images import SeenImages
from compound.jobs.data.pixels.white_point import GreyRange, step_of
from compound.jobs.data.sources.dataset import Indices
from compound.schemas.data import ImageFolderData, ParquetData
from compound.schemas.data_ledger import Appearance

SAMPLES, HELD_OUT_SAMPLES = 192, 64
"""Training and validation images whose headers are read, evenly over those that are chosen."""
_FIRST = 16
_DEEP_SAMPLES = 32
"""Images of more than 8 bits that are decoded to find the brightest value."""
_RESIZING = "resizing 2"
"""Part of the fingerprint where images are resized: changed when resizing makes other pixels."""

EncodedSpec = ParquetData | ImageFolderData


class Readable(NamedTuple):
    """The chosen images of a split."""

    read: Callable[[Indices], Iterator[tuple[str, bytes]]]
    """Yields name and encoded bytes of the images at ascending indices."""
    indices: Indices


class _Image(NamedTuple):
    """A sampled image, and where it is."""

    part: Readable
    number: int
    header: Header


@dataclass(frozen=True)
class Sample:
    """What a sample of the chosen images showed."""

    form: Form
    marks: tuple[str, ...]
    """Parts of the fingerprint: which rules, other than the first version's, made the pixels."""
    pixels: int
    """The version of the rules that made the pixels; see `DataInfo.pixels`."""
    appearance: Appearance
    notes: tuple[str, ...]
    """Sentences about what was decided."""


def sampled_form(
    spec: EncodedSpec, parts: Sequence[Readable], largest: int | None
) -> Sample | None:
    """Decide the form from an even sample of training and validation images.

    `parts`: training first. None: no image of the training part can be read. DataError: grey
    images of more than 8 bits have no common white.

    Colour if one image has any; the most frequent shorter side, at most `largest`.
    """
    train = parts[0]
    with guarded():
        first = _first_readable(train, PLAIN_FORMATS)
        sample = [
            image
            for part, count in zip(parts, (SAMPLES, HELD_OUT_SAMPLES), strict=False)
            for image in _sampled(part, evenly(part.indices, count))
        ] or _first_readable(train)
        if not sample:
            return None
        headers = [image.header for image in sample]
        step = step_of(_ranges(sample) if spec.white == "auto" else GreyRange(), spec)
        form = replace(_decided(spec, headers, largest), step=step)
    before = _common([image.header for image in first], largest) if first else None
    version = _version(headers, form, before)
    marks = [] if (before or form).exact else [_RESIZING]
    if version > 1:
        marks.append(f"pixels {version}: {form.channels} {form.size} {form.step:g}")
    listed = sum(len(part.indices) for part in parts)
    counts = Counter(headers)
    notes = [*form_notes(spec, counts, form, "sampled images")]
    if len(headers) < listed:
        notes.append(_sampled_note(len(headers), listed, form))
    return Sample(form, tuple(marks), version, appearance(counts, listed), tuple(notes))


def of_all_images(sample: Sample, spec: EncodedSpec, seen: SeenImages) -> Sample:
    """Return a sample whose notes and appearance are those of all images of all parts."""
    looks = appearance(seen.headers, seen.headers.total())
    return replace(sample, appearance=looks, notes=tuple(seen.notes(spec)))


def _sampled_note(sampled: int, listed: int, form: Form) -> str:
    return (
        f"{sampled:,} of {listed:,} images were sampled, which decides {form.channels} channel"
        f"{'s' if form.channels > 1 else ''} and {form.size} pixels: `compound data` and "
        "`compound run` look at all"
    )


def unreadable(parts: Sequence[Readable]) -> list[str]:
    """Return the sampled images whose header cannot be read, by name, with the reason."""
    bad = []
    with guarded():
        for part, count in zip(parts, (SAMPLES, HELD_OUT_SAMPLES), strict=False):
            for name, data in part.read(evenly(part.indices, count)):
                try:
                    header(data)
                except BadImage as error:
                    bad.append(f"{name}: {error}")
    return bad


def evenly(indices: Indices, count: int) -> Indices:
    """Return at most `count` of the indices, evenly spaced, the first and the last among them."""
    if count >= len(indices):
        return indices
    return indices[np.linspace(0, len(indices) - 1, count).round().astype(np.int64)]


def _sampled(part: Readable, indices: Indices) -> list[_Image]:
    """Read the headers of a few images of a part, without those that are broken."""
    images = []
    for index, (_, data) in zip(indices, part.read(indices), strict=True):
        try:
            images.append(_Image(part, int(index), header(data)))
        except BadImage:
            continue
    return images


def _first_readable(part: Readable, formats: Sequence[str] | None = None) -> list[_Image]:
    """Return the first images of a part that can be read, as the first version sampled it.

    `formats`: only images of these, and they are not looked for behind the first 1,024 images.
    """
    end = _FIRST * 64 if formats else len(part.indices)
    for start in range(0, min(end, len(part.indices)), _FIRST):
        few = _sampled(part, part.indices[start : start + _FIRST])
        readable = [image for image in few if not formats or image.header.format in formats]
        if readable:
            return readable
    return []


def _decided(spec: EncodedSpec, headers: Sequence[Header], largest: int | None) -> Form:
    form = replace(_common(headers, largest), background=ImageColor.getrgb(spec.background)[:3])
    if len(set(form.background)) > 1 and any(header.transparent for header in headers):
        form = replace(form, channels=3)
    return form if spec.channels == "auto" else replace(form, channels=spec.channels)


def _common(headers: Sequence[Header], largest: int | None) -> Form:
    sizes = [(header.width, header.height) for header in headers]
    sides = [min(size) for size in sizes]
    side = max(sides, key=lambda value: (sides.count(value), value))
    side = min(side, largest) if largest else side
    grey = all(header.grey for header in headers)
    return Form(1 if grey else 3, side, exact=set(sizes) == {(side, side)})


def _ranges(sample: Sequence[_Image]) -> GreyRange:
    """Return the values of a few of the grey images of more than 8 bits."""
    deep = [image for image in sample if image.header.raw]
    greys = GreyRange()
    for number in evenly(np.arange(len(deep)), _DEEP_SAMPLES):
        _add(greys, deep[number])
    return greys


def _add(greys: GreyRange, image: _Image) -> None:
    """Decode a deep image again; nothing is added where it is broken behind its header."""
    ((name, data),) = image.part.read(np.array([image.number]))
    try:
        with opened(data) as picture:
            greys.add(name, picture)
    except BadImage:
        return


def _version(headers: Sequence[Header], form: Form, first: Form | None) -> int:
    if any(header.correction for header in headers):
        return 3
    return 2 if _is_changed(headers, form, first) else 1


def _is_changed(headers: Sequence[Header], form: Form, first: Form | None) -> bool:
    """Return whether the first version would have made other pixels of these images."""
    decided = (form.channels, form.size, form.step)
    if first is None or decided != (first.channels, first.size, HIGH_BYTE):
        return True
    return any(
        header.oriented or header.transparent or header.format not in PLAIN_FORMATS
        for header in headers
    )
