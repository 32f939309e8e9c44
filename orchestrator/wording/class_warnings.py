"""Warnings of classes that a part of the data has no image of."""

from collections.abc import Iterator, Sequence

from compound.orchestrator.wording.numbers import counted
from compound.schemas.data import DataInfo
from compound.schemas.data_ledger import PARTS, PartName

_NAMED = 5
_ADJECTIVES = {"train": "training", "validation": "validation", "test": "test"}


def class_warnings(info: DataInfo) -> Iterator[str]:
    """Name the classes without an image in a part: accuracies are of the other classes alone.

    They come before all other warnings, since they change what every accuracy means.
    """
    counts = {part.part: part.class_counts for part in info.ledger.parts} if info.ledger else {}
    trained = counts.get("train", ())
    numbers = [number for number, images in enumerate(trained) if images]
    if len(numbers) < len(trained):
        untrained = [number for number, images in enumerate(trained) if not images]
        yield f"{_without(info, untrained, len(trained), 'train')}: no network can learn them"
    for part in PARTS[1:]:
        absent = [number for number in numbers if part in counts and not counts[part][number]]
        if absent:
            rest = counted(len(numbers) - len(absent), "other class", "other classes")
            yield (
                f"{_without(info, absent, len(numbers), part)}: every {part} accuracy is of the "
                f"{rest} alone"
            )


def _without(info: DataInfo, absent: Sequence[int], classes: int, part: PartName) -> str:
    names = ", ".join(info.classes[number] for number in absent[:_NAMED])
    more = f" and {len(absent) - _NAMED:,} more" if len(absent) > _NAMED else ""
    verb = "has" if len(absent) == 1 else "have"
    return (
        f"{len(absent):,} of {counted(classes, 'class', 'classes')} {verb} no "
        f"{_ADJECTIVES[part]} image: {names}{more}"
    )
