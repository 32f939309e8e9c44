"""The white of grey images of more than 8 bits: one value for a whole data set."""

from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from compound.jobs.data.pixels.eight_bits import (
    HIGH_BYTE,
    declared_white,
    step_for,
    step_to,
    values_of,
    white_of,
)
from compound.schemas.data import ImageFolderData, ParquetData
from compound.schemas.errors import DataError

_DEEPEST = 2.0**32
_FEWEST = 8
"""Images below which none is an outlier."""
_FEW, FAR = 0.01, 16
"""Outliers: at most this share of the images, whose white is so many times the others'."""
DEEP = "grey images of more than 8 bits"


@dataclass
class GreyRange:
    """The values of images of more than 8 bits, as one after the other is added."""

    brightest: list[float] = field(default_factory=list)
    """Of every image: its largest value, or the white that the file declares."""
    floating: int = 0
    """Images of floating point."""
    negative: int = 0
    """Images with values below 0."""
    missing: int = 0
    """Images with values that are no finite number."""
    largest: float = -np.inf
    name: str = ""
    """Of the image with the largest value."""

    def add(self, name: str, image: Image.Image) -> None:
        """Add an opened image of mode I, I;16 or F. BadImage: it cannot be decoded."""
        values = values_of(image)
        brightest = float(declared_white(image) or values.max())
        if brightest > self.largest:
            self.largest, self.name = brightest, name
        self.brightest.append(brightest)
        self.floating += values.dtype.kind == "f"
        self.negative += bool(values.min() < 0)
        self.missing += not np.isfinite(np.asarray(image)).all()

    @property
    def median(self) -> float:
        """The largest value of the image in the middle; 0: there is no image."""
        return float(np.median(self.brightest)) if self.brightest else 0.0

    def above(self, white: float) -> int:
        """Return how many images have values above white."""
        return int((np.asarray(self.brightest) > white).sum())


def step_of(greys: GreyRange, spec: ParquetData | ImageFolderData) -> float:
    """Return the values that become one level of 255: by `white`, else by the brightest image.

    DataError: the images have no common white.
    """
    if spec.white != "auto":
        return step_to(spec.white)
    if not greys.brightest:
        return HIGH_BYTE
    _check_kinds(greys, spec.path)
    _check_depth(greys, spec.path)
    _check_outliers(greys, spec.path)
    return step_for(greys.largest, greys.floating > 0)


def stated(value: float) -> str:
    """Return a number as a spec takes it."""
    return f"{value:.10g}"


def _check_kinds(greys: GreyRange, where: str) -> None:
    images = len(greys.brightest)
    if 0 < greys.floating < images:
        raise _no_common_white(
            f"{greys.floating:,} of {images:,} {DEEP} are of floating point, and the others of "
            f"whole numbers; the largest value, {greys.largest:,.10g}, is in {greys.name}",
            where,
            "convert them to one type",
        )


def _check_depth(greys: GreyRange, where: str) -> None:
    if greys.largest >= _DEEPEST:
        raise _no_common_white(
            f"{DEEP} have values up to {greys.largest:,.10g}, in {greys.name}, which no usual "
            "number of bits holds",
            where,
            "look for a number that stands for missing values",
        )


def _check_outliers(greys: GreyRange, where: str) -> None:
    """Refuse a white that a few images set, and that makes all others nearly black."""
    values = np.sort(np.asarray(greys.brightest))
    few = max(1, int(len(values) * _FEW))
    floating = greys.floating > 0
    rest = step_for(float(values[-1 - few]) if len(values) > few else 0, floating)
    if len(values) < _FEWEST or step_for(float(values[-1]), floating) < FAR * rest:
        return
    white = white_of(rest)
    raise _no_common_white(
        f"{greys.above(white):,} of {len(values):,} {DEEP} have values up to {values[-1]:,.10g}, "
        f"the largest in {greys.name}, and the others none above {white:,.10g}: they would be "
        "nearly black",
        where,
        f"`white: {stated(white)}` cuts the few",
    )


def _no_common_white(text: str, where: str, remedy: str) -> DataError:
    return DataError(
        text,
        where=where,
        allowed="values that one white fits",
        next_step=f"set `white` of `data` to the value that is white, or {remedy}",
    )
