"""The data ledger in words: what was found, taken and left out."""

from collections.abc import Iterator

from compound.orchestrator.wording.class_warnings import class_warnings
from compound.orchestrator.wording.commands import command
from compound.orchestrator.wording.numbers import counted
from compound.schemas.data import DataInfo
from compound.schemas.data_ledger import DataLedger, Duplicates, PartLedger

_LISTED = 4
"""Reasons that a line names; the rest is counted."""
_NAMED = 5
"""Images left out that a run names."""
MADE = "made"
"""How the place of images that are made from a seed begins."""


def ledger_lines(info: DataInfo) -> list[str]:
    """Return the short form: a line for each part, and one for whatever needs a look."""
    if info.ledger is None:
        return []
    ledger = info.ledger
    return [
        *(part_line(part) for part in ledger.parts),
        *_beside(ledger),
        *class_lines(info),
        *duplicate_lines(ledger),
        *(f"note: {note}" for note in ledger.notes),
    ]


def part_line(part: PartLedger) -> str:
    """Say what became of a part: `train: 22 found in photos, 20 taken; left out: 2 hidden`."""
    where = part.where if part.where.startswith(("split off", MADE)) else f"found in {part.where}"
    line = f"{part.part}: {part.found:,} {where}, {part.taken:,} taken"
    if not part.left_out:
        return line
    reasons = [f"{entry.count:,} {entry.reason}" for entry in part.left_out[:_LISTED]]
    rest = sum(entry.count for entry in part.left_out[_LISTED:])
    reasons += [f"{rest:,} for other reasons (compound data names them)"] if rest else []
    return f"{line}; left out: {', '.join(reasons)}"


def _beside(ledger: DataLedger) -> Iterator[str]:
    if ledger.unused:
        parts = [
            f"{entry.count:,} {entry.reason} ({', '.join(entry.examples)})"
            for entry in ledger.unused[:_LISTED]
        ]
        rest = sum(entry.count for entry in ledger.unused[_LISTED:])
        yield f"not used: {', '.join([*parts, *([f'{rest:,} more'] if rest else [])])}"


def class_lines(info: DataInfo) -> Iterator[str]:
    """Name the smallest and the largest class of training."""
    counts = info.ledger.parts[0].class_counts if info.ledger and info.ledger.parts else ()
    if not counts:
        return
    smallest = min(range(len(counts)), key=counts.__getitem__)
    largest = max(range(len(counts)), key=counts.__getitem__)
    if counts[smallest] == counts[largest]:
        yield f"classes: {len(counts):,}, each with {counted(counts[largest], 'training image')}"
        return
    yield (
        f"classes: {len(counts):,}; smallest {info.classes[smallest]} with {counts[smallest]:,}, "
        f"largest {info.classes[largest]} with {counted(counts[largest], 'training image')}"
    )


def duplicate_lines(ledger: DataLedger) -> Iterator[str]:
    """Say which images are there twice, or that nobody has looked yet."""
    if not ledger.compared and not _is_made(ledger):
        yield (
            "duplicates: not looked for yet: these images are compared when they are read, by "
            f"{command('data', ('SPEC',))} or {command('run', ('SPEC',))}"
        )
    for entry in ledger.duplicates:
        yield f"duplicates: {_duplicate(entry, ledger)}: {', '.join(entry.examples)}"


def _is_made(ledger: DataLedger) -> bool:
    """Return whether the images are made from a seed: there is nothing to compare."""
    return all(part.where.startswith(MADE) for part in ledger.parts)


def _duplicate(entry: Duplicates, ledger: DataLedger) -> str:
    first, second = entry.parts
    if first == second:
        return f"{counted(entry.images, 'duplicate image')} in the {first} part"
    total = next((part.taken for part in ledger.parts if part.part == second), 0)
    return f"{entry.images:,} of {counted(total, f'{second} image')} are also in the {first} part"


def appearance_lines(ledger: DataLedger) -> Iterator[str]:
    """Say how the images look that were looked at, from their headers."""
    looks = ledger.appearance
    if looks is None:
        return
    of_all = "all " if looks.sampled == looks.listed else f"{looks.sampled:,} of "
    yield f"looked at: {of_all}{counted(looks.listed, 'image')}"
    for name, tallies in (("sizes", looks.sizes), ("modes", looks.modes)):
        parts = [f"{tally.count:,} x {tally.value}" for tally in tallies[:_LISTED]]
        rest = sum(tally.count for tally in tallies[_LISTED:])
        yield f"{name}: {', '.join([*parts, *([f'{rest:,} others'] if rest else [])])}"
    yield (
        f"with an orientation tag: {looks.oriented:,}; transparent: {looks.transparent:,}; "
        f"more than 8 bits: {looks.deep:,}"
    )


def data_lines(info: DataInfo) -> Iterator[str]:
    """Yield what a run says of its data as it begins, with the first images that are left out."""
    yield from (f"warning: {text}" for text in class_warnings(info))
    yield from (f"data: {line}" for line in ledger_lines(info))
    yield from (f"left out: {line}" for line in info.quarantined[:_NAMED])
    if len(info.quarantined) > _NAMED:
        yield f"left out: {len(info.quarantined)} images in all; the report names them"
