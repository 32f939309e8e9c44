"""How many images decide, test and train: fractions of a data set that has only one part."""

from typing import NamedTuple

from compound.schemas.data import DataInfo, IdxData, ImageFolderData, ParquetData

OwnData = IdxData | ImageFolderData | ParquetData
"""Images of a user's own, in files."""

_VALIDATION = ((500, 0.3), (2_000, 0.25), (10_000, 0.2))
"""Up to so many images, the fraction that is for validation: few images need a larger part, since
the doubt about an accuracy falls with the root of their number."""
_OF_MANY = 0.1
_SPLIT_OFF = "split off"
"""How the place of a part begins that is a share of another."""
_TEST, _ENOUGH_FOR_TEST = 0.1, 5_000
"""A tenth of fewer images would hold a test accuracy to no better than 4 points."""


class Fractions(NamedTuple):
    """What is held out of all images; None: that part is there already, or left out."""

    validation: float | None
    test: float | None


def fractions(images: int, *, own_validation: bool, own_test: bool) -> Fractions:
    """Return the fractions of so many images in all parts that validation and test should take."""
    validation = next((part for most, part in _VALIDATION if images <= most), _OF_MANY)
    test = _TEST if images >= _ENOUGH_FOR_TEST and not own_test else None
    return Fractions(None if own_validation else validation, test)


def total(info: DataInfo) -> int:
    """Return the images of all parts."""
    return info.train + info.validation + info.test


def with_fractions(data: OwnData, info: DataInfo) -> OwnData:
    """Return data that hold out a fitting part of themselves where they have no such part."""
    parts = info.ledger.parts if info.ledger else ()
    own = {part.part for part in parts if not part.where.startswith(_SPLIT_OFF)}
    held_out = fractions(total(info), own_validation="validation" in own, own_test="test" in own)
    update: dict[str, float | None] = {"test": held_out.test}
    if held_out.validation is not None:
        update["validation"] = held_out.validation
    return data.model_copy(update=update)
