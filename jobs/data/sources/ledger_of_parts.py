"""The ledger of a data set: what each part has, what was left out of it, and duplicates."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from compound.jobs.data.listing.left_out import FoundPart, LeftOutCounts
from compound.jobs.data.sources.catalogue import Catalogue, Part
from compound.jobs.data.sources.checked_images import CheckedImages
from compound.jobs.data.sources.dataset import Hashes, Indices, Labels
from compound.jobs.data.sources.duplicate_images import HashedPart, contradictions, duplicates
from compound.schemas.data_ledger import Appearance, DataLedger, PartLedger, PartName

_EMPTY, _OF_NO_BYTES = "0 bytes", "of 0 bytes"
"""The reason of a bad image as decoding says it, and as the ledger does."""
SPLIT_OFF = "held out for the {part} part"


@dataclass(frozen=True)
class LedgerPart:
    """The chosen images of a part, and what is known of them."""

    part: Part
    good: Indices
    """The positions of the images that are not bad, as far as that is known."""
    bad: LeftOutCounts
    hashes: Hashes | None

    @classmethod
    def of(cls, part: Part, images: CheckedImages | None) -> "LedgerPart":
        """Describe a part by what decoding showed, or by its listing alone."""
        bad = LeftOutCounts()
        if images:
            for line in images.bad:
                name, _, reason = line.rpartition(": ")
                empty = reason == _EMPTY
                bad.add(_OF_NO_BYTES if empty else "cannot be decoded", name if empty else line)
            return cls(part, images.good, bad, images.hashes)
        is_empty = np.isin(part.indices, part.listing.empty)
        for index in part.indices[is_empty].tolist():
            bad.add(_OF_NO_BYTES, part.listing.name(index))
        listed = part.listing.hashes
        hashes = None if listed is None else listed[part.indices]
        return cls(part, np.flatnonzero(~is_empty), bad, hashes)

    @property
    def labels(self) -> Labels:
        """Of the images that are taken."""
        return self.part.labels[self.good]

    @property
    def hashed(self) -> HashedPart | None:
        """The images that are taken, with their hashes; None where they were not read.

        An image that is left out is no duplicate: all files of 0 bytes are equal.
        """
        if self.hashes is None:
            return None
        images = replace(self.part, indices=self.part.indices[self.good])
        return HashedPart(images, self.hashes[self.good])


def ledger_of(
    catalogue: Catalogue,
    parts: Mapping[PartName, LedgerPart],
    appearance: Appearance | None = None,
    notes: tuple[str, ...] = (),
) -> DataLedger:
    """Return the ledger of a source's parts; `notes`: what was decided about the pixels."""
    hashed = {name: entry.hashed for name, entry in parts.items() if entry.hashed is not None}
    return DataLedger(
        parts=tuple(_part_ledger(catalogue, parts, name) for name in parts),
        unused=catalogue.unused,
        appearance=appearance,
        duplicates=duplicates(hashed),
        compared=sum(len(images.hashes) for images in hashed.values()),
        notes=(
            *catalogue.notes,
            *notes,
            *_contradiction_notes(hashed),
        ),
    )


def _part_ledger(
    catalogue: Catalogue, parts: Mapping[PartName, LedgerPart], name: PartName
) -> PartLedger:
    """Return the lines of a part: of its own listing, or of a share of the training listing."""
    entry, left_out = parts[name], LeftOutCounts()
    found_part = _own_part(catalogue, name)
    if found_part is None:
        where, count = f"split off from {_found_train(catalogue).where}", entry.part.available
    else:
        where, count = found_part.where, found_part.entries
        left_out.merge(found_part.left_out)
    if name == "train":
        for part, share in parts.items():
            if part != "train" and _own_part(catalogue, part) is None and share.part.available:
                left_out.add(SPLIT_OFF.format(part=part), "", share.part.available)
    key = {"train": "limit", "validation": "validation_limit"}.get(name, "")
    beyond = entry.part.available - len(entry.part.indices)
    if beyond:
        left_out.add(f"beyond `{key}`", "", beyond)
    left_out.merge(entry.bad.entries())
    counts = np.bincount(entry.labels, minlength=len(catalogue.classes))
    return PartLedger(
        part=name,
        where=where,
        found=count,
        left_out=left_out.entries(),
        taken=len(entry.good),
        class_counts=tuple(counts.tolist()),
    )


def _own_part(catalogue: Catalogue, name: PartName) -> FoundPart | None:
    """Return what was found in a part's own listing; None where it is split off."""
    own = {"train": catalogue.train, "validation": catalogue.validation, "test": catalogue.test}
    present = [part for part, listing in own.items() if listing is not None]
    if name not in present:
        return None
    return catalogue.parts[present.index(name)]


def _found_train(catalogue: Catalogue) -> FoundPart:
    return catalogue.parts[0]


def _contradiction_notes(hashed: Mapping[PartName, HashedPart]) -> Iterator[str]:
    count, names = contradictions(hashed)
    if count:
        yield f"{count:,} images have the same content and different labels: {', '.join(names)}"
