"""What a first look at data says: how much there is, and what is too little to compare networks."""

from collections.abc import Iterator

from compound.orchestrator.first_spec.image_parts import total
from compound.orchestrator.wording.numbers import counted
from compound.schemas.data import DataInfo
from compound.schemas.errors import DataError

FEWEST, FEW = 60, 10
"""Images below which there is no study, and images of a class below which it says little."""
_NAMED = 3
_USUAL_BAD = 0.01
"""What a spec allows by itself."""


def refuse_too_few(info: DataInfo, where: str) -> None:
    """Raise DataError where no network can be compared with another on so few images."""
    images, classes = total(info), len(info.classes)
    least = max(FEWEST, FEW * classes)
    if images < least:
        average = f"{images / classes:.1f}".removesuffix(".0")
        raise DataError(
            f"{counted(images, 'image')} of {counted(classes, 'class', 'classes')}, {average} of "
            "each: too few to tell two networks apart",
            where=where,
            allowed=f"{FEW} or more images of a class, {FEWEST} or more in all; 100 of each are a "
            "good start",
            next_step="add images, or leave out small classes: move their folders elsewhere",
        )


def few_of_class(info: DataInfo) -> Iterator[str]:
    """Say how many classes have few training images."""
    counts = info.ledger.parts[0].class_counts if info.ledger and info.ledger.parts else ()
    small = [name for name, count in zip(info.classes, counts, strict=False) if count < FEW]
    if small:
        listed = ", ".join(small[:_NAMED]) + (", ..." if len(small) > _NAMED else "")
        yield (
            f"{counted(len(small), 'class', 'classes')} with fewer than {FEW} training images: "
            f"{listed}"
        )


def allowed_bad(info: DataInfo) -> float | None:
    """Return the `max_bad` that these data need, rounded up to a hundredth; None: the usual."""
    bad = len(info.quarantined)
    share = bad / max(1, bad + total(info))
    return None if share <= _USUAL_BAD else min(0.99, (int(100 * share) + 1) / 100)


def mirrors(info: DataInfo) -> bool:
    """Return whether an image and its mirror image are of one class, as far as names tell.

    Digits and letters are not, and neither are classes such as `left` and `right`.
    """
    names = [name.lower() for name in info.classes]
    characters = all(len(name) == 1 or name.isdigit() for name in names)
    sided = any(side in name for name in names for side in ("left", "right"))
    return not (characters or sided)
