"""What reading all images shows, and whether the form that a sample decided fits them."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from compound.jobs.data.listing.image_file import opened
from compound.jobs.data.pixels.decode import Form, decode
from compound.jobs.data.pixels.eight_bits import white_of
from compound.jobs.data.pixels.form_notes import form_notes, range_notes
from compound.jobs.data.pixels.image_header import Header, header
from compound.jobs.data.pixels.white_point import DEEP, GreyRange, stated, step_of
from compound.schemas.data import ImageFolderData, ParquetData
from compound.schemas.errors import DataError

_NAMED = 3
_DARK = 16

EncodedSpec = ParquetData | ImageFolderData


@dataclass
class SeenImages:
    """Properties of images, as one after the other is added."""

    form: Form
    """What they are decoded to."""
    headers: Counter[Header] = field(default_factory=Counter)
    greys: GreyRange = field(default_factory=GreyRange)
    coloured: int = 0
    """Images that lose their colour in the decided form."""
    examples: list[str] = field(default_factory=list)
    """Names of the first few of them."""

    dark: int = 0
    """Images of 16 bits a channel whose high 8 bits are next to nothing."""

    def add(self, name: str, data: bytes) -> None:
        """Add an encoded image. BadImage: it cannot be decoded."""
        properties = header(data)
        self.headers[properties] += 1
        if properties.raw:
            with opened(data) as image:
                self.greys.add(name, image)
        elif properties.deep:
            self.dark += int(decode(data, self.form).max()) < _DARK
        if _may_lose_colour(properties, self.form) and _has_colour(data, self.form):
            self.coloured += 1
            self.examples += [name] if len(self.examples) < _NAMED else []

    def notes(self, spec: EncodedSpec) -> Iterator[str]:
        """Say what became of images of some kinds, with their number."""
        yield from form_notes(spec, self.headers, self.form, "images")
        yield from range_notes(self.greys, self.form)
        if self.dark:
            yield (
                f"{self.dark:,} of {self.headers.total():,} images have 16 bits a channel, and "
                "values of 12 bits or fewer: they are nearly black"
            )


def check_form(seen: SeenImages, sampled: int, spec: EncodedSpec) -> None:
    """Raise DataError where a sample of images decided what does not fit all of them."""
    if spec.channels == "auto" and seen.coloured:
        raise _loses_colour(seen, sampled, spec)
    step = step_of(seen.greys, spec)
    if seen.greys.brightest and step != seen.form.step:
        raise _another_white(seen, step, sampled, spec)


def _may_lose_colour(properties: Header, form: Form) -> bool:
    is_tinted = len(set(form.background)) > 1
    has_colour = not properties.grey or (properties.transparent and is_tinted)
    return form.channels == 1 and has_colour


def _has_colour(data: bytes, form: Form) -> bool:
    """Return whether the channels of the decoded image differ: many grey images are stored RGB."""
    pixels = decode(data, replace(form, channels=3))
    return bool(np.any(pixels != pixels[:1]))


def _loses_colour(seen: SeenImages, sampled: int, spec: EncodedSpec) -> DataError:
    return DataError(
        f"{seen.coloured:,} of {seen.headers.total():,} images have colour, and none of the "
        f"{sampled:,} that were sampled: all would be taken as grey ({', '.join(seen.examples)})",
        where=spec.path,
        allowed="`channels: 3`, or `channels: 1` where colour does not matter",
        next_step="set `channels: 3` of `data`",
    )


def _another_white(seen: SeenImages, step: float, sampled: int, spec: EncodedSpec) -> DataError:
    greys, white, wider = seen.greys, white_of(seen.form.step), white_of(step)
    beyond = greys.above(white)
    counts = (
        f"{beyond:,} of {len(greys.brightest):,} {DEEP} have values above"
        if beyond
        else f"{len(greys.brightest):,} {DEEP} have no values near"
    )
    return DataError(
        f"{counts} {white:,.10g}, the white by {sampled:,} sampled images: they go up to "
        f"{greys.largest:,.10g}, in {greys.name}",
        where=spec.path,
        allowed=f"`white: {stated(wider)}`, or `white: {stated(white)}` to keep it",
        next_step=f"set `white: {stated(wider)}` of `data`",
    )
