"""What a first look at data says: how much there is, and what is too little to compare networks."""

from collections.abc import Iterator
from math import prod

from compound.orchestrator.first_spec.image_parts import total
from compound.orchestrator.wording.numbers import counted
from compound.schemas.data import DataInfo
from compound.schemas.data_ledger import DataLedger
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


def looks(ledger: DataLedger) -> Iterator[str]:
    """Yield a line about the images that were looked at: sizes, modes and what is unusual."""
    seen = ledger.appearance
    if seen is None or not seen.sizes:
        return
    sides = [tuple(map(int, tally.value.split(" x "))) for tally in seen.sizes]
    smallest, largest = min(sides, key=prod), max(sides, key=prod)
    sizes = " to ".join(
        dict.fromkeys(f"{width} x {height}" for width, height in (smallest, largest))
    )
    modes = ", ".join(f"{tally.count:,} {tally.value}" for tally in seen.modes)
    special = {
        "with an orientation tag": seen.oriented,
        "transparent": seen.transparent,
        "of more than 8 bits": seen.deep,
    }
    unusual = "".join(f"; {number:,} {name}" for name, number in special.items() if number)
    of_all = "all" if seen.sampled == seen.listed else f"{seen.sampled:,} of"
    yield f"looked at {of_all} {counted(seen.listed, 'image')}: {sizes} px, {modes}{unusual}"
