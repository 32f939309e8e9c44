"""Sentences about what was decided for the pixels of a data set, with the number of images."""

from collections import Counter
from collections.abc import Callable, Iterator

from compound.jobs.data.pixels.decode import Form
from compound.jobs.data.pixels.eight_bits import white_of
from compound.jobs.data.pixels.image_header import Header
from compound.jobs.data.pixels.white_point import FAR, GreyRange
from compound.schemas.data import ImageFolderData, ParquetData

EncodedSpec = ParquetData | ImageFolderData


def form_notes(
    spec: EncodedSpec, headers: Counter[Header], form: Form, images: str
) -> Iterator[str]:
    """Say what happens to images of some kinds. `images`: what was looked at, as `images`."""
    of_all = f"of {headers.total():,} {images}"
    transparent = _count(headers, lambda header: header.transparent)
    oriented = _count(headers, lambda header: header.oriented)
    grey = _count(headers, lambda header: header.grey)
    if oriented:
        yield f"{oriented:,} {of_all} have an orientation tag: they are turned upright"
    if transparent:
        yield f"{transparent:,} {of_all} are transparent: they are put on {spec.background} \
(`background`)"
    framed = _count(headers, lambda header: header.correction == "framed")
    if framed:
        yield f"{framed:,} {of_all} are GIF smaller than their canvas: the rest is transparent"
    if form.channels == 3 and grey:
        yield f"{grey:,} {of_all} are grey: they get 3 equal channels"
    if form.channels == 1 and grey < headers.total():
        yield f"{headers.total() - grey:,} {of_all} are stored with colour: 1 channel makes \
them grey"
    yield from _depth_notes(headers, form, of_all)


def range_notes(greys: GreyRange, form: Form) -> Iterator[str]:
    """Say which values of images of more than 8 bits are cut off, or hardly seen."""
    white = white_of(form.step)
    of_all = f"of {len(greys.brightest):,} images of more than 8 bits have values"
    above = greys.above(white)
    if above:
        yield f"{above:,} {of_all} above {white:,.10g} (`white`): these are white"
    if greys.negative:
        yield f"{greys.negative:,} {of_all} below 0: these are black"
    if greys.missing:
        yield f"{greys.missing:,} {of_all} that are no finite number: these are black"
    if greys.brightest and greys.median * FAR < white:
        yield (
            f"half of {len(greys.brightest):,} images of more than 8 bits have no value above "
            f"{greys.median:,.10g}: they are nearly black (`white`)"
        )


def _count(headers: Counter[Header], has: Callable[[Header], bool]) -> int:
    return sum(count for header, count in headers.items() if has(header))


def _depth_notes(headers: Counter[Header], form: Form, of_all: str) -> Iterator[str]:
    raw = _count(headers, lambda header: header.raw)
    inverted = _count(headers, lambda header: header.correction == "inverted")
    clipped = _count(headers, lambda header: header.deep and not header.raw)
    if raw and form.step < 1:
        white = white_of(form.step)
        yield f"{raw:,} {of_all} are grey fractions: 0 is black, {white:,.10g} is white"
    elif raw:
        yield (
            f"{raw:,} {of_all} are grey of more than 8 bits: 0 is black, "
            f"{white_of(form.step):,.10g} and more is white"
        )
    if inverted:
        yield f"{inverted:,} {of_all} are TIFF of more than 8 bits whose 0 is white: inverted"
    if clipped:
        yield f"{clipped:,} {of_all} have 16 bits a channel: their high 8 bits are used"
