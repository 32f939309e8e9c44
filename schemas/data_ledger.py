"""The data ledger: for each part of a data set, found = taken + left out, by reason."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from compound.schemas.base import Model

Number = Annotated[int, Field(ge=0)]
PartName = Literal["train", "validation", "test"]
PARTS: tuple[PartName, ...] = ("train", "validation", "test")


class LeftOut(Model):
    """Files or rows that are left out for one reason."""

    reason: str
    """A few words, the same for all of them: `not an image (.txt)`, `no permission`."""
    count: Number
    examples: tuple[str, ...] = ()
    """Names of the first few, as the source names them."""


class PartLedger(Model):
    """What was found in one part, and what became of it."""

    part: PartName
    where: str
    """Folder, files or the part that it was split from."""
    found: Number
    """Files or rows, before anything was left out."""
    left_out: tuple[LeftOut, ...] = ()
    taken: Number
    class_counts: tuple[Number, ...] = ()
    """Taken images of every class, in the order of the classes."""

    @model_validator(mode="after")
    def _adds_up(self) -> "PartLedger":
        left_out = sum(entry.count for entry in self.left_out)
        if self.found != self.taken + left_out:
            raise ValueError(
                f"{self.part}: {self.found} found, but {self.taken} taken and {left_out} left out"
            )
        return self


class Tally(Model):
    """How many images have one property."""

    value: str
    count: Number


class Appearance(Model):
    """Properties of images, from their headers."""

    sampled: Number
    """Images that were looked at. Where all were decoded: all that are taken, of all parts; else an
    even sample of those of training and validation."""
    listed: Number
    """Images that were there to look at."""
    sizes: tuple[Tally, ...] = ()
    """Width x height, most frequent first."""
    modes: tuple[Tally, ...] = ()
    """Colour modes as Pillow names them: RGB, L, P, CMYK, I;16."""
    oriented: Number = 0
    """Images whose EXIF orientation turns or mirrors them."""
    transparent: Number = 0
    """Images with an alpha channel or a transparent palette entry."""
    deep: Number = 0
    """Images of more than 8 bits a channel."""


class Duplicates(Model):
    """Images of the same content in two parts, or twice in one."""

    parts: tuple[PartName, PartName]
    images: Number
    examples: tuple[str, ...] = ()


class DataLedger(Model):
    """Everything that a source found, taken or left out."""

    parts: tuple[PartLedger, ...] = ()
    unused: tuple[LeftOut, ...] = ()
    """Files beside the parts, such as a split that the spec does not use."""
    appearance: Appearance | None = None
    duplicates: tuple[Duplicates, ...] = ()
    """Empty where there are none; see `compared` for how many images were hashed."""
    compared: Number = 0
    notes: tuple[str, ...] = ()
    """What was guessed or mapped: a class order, gaps in label ids, a background colour."""
