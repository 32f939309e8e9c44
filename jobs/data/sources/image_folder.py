"""A folder of images: a folder for each class, in one for each part or without parts."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from compound.jobs.data.listing.class_folders import class_folders
from compound.jobs.data.listing.file_location import (
    IMAGE_BYTES,
    location_of,
    right_to_read,
)
from compound.jobs.data.listing.folder_entries import reason_of_error
from compound.jobs.data.listing.left_out import LeftOutCounts, as_utf8
from compound.jobs.data.listing.moving_commands import rename_command
from compound.jobs.data.listing.nested_classes import nested_notes
from compound.jobs.data.listing.part_files import PartFiles, list_part
from compound.jobs.data.listing.reading_progress import progress
from compound.jobs.data.sources.catalogue import Catalogue
from compound.jobs.data.sources.class_names import (
    case_twins,
    check_distinct,
    composed,
    matched_note,
)
from compound.jobs.data.sources.file_listing import FileEntries, FileListing
from compound.schemas.data import ImageFolderData
from compound.schemas.errors import DataError


def catalogue(spec: ImageFolderData, patient: bool = True) -> Catalogue:
    """List a folder's images.

    DataError: no such folder, no classes, an unknown class, a class without one readable image, or
    more files that cannot be taken than `max_bad` allows. `patient`: see
    `file_location.location_of`.
    """
    location = location_of(spec.path, patient=patient)
    layout = class_folders(location)
    parts = {part: list_part(location, layout, part) for part in layout.parts}
    spellings = [note for files in parts.values() for note in _matched(files, parts["train"])]
    classes = parts["train"].classes_with_images()
    unused = LeftOutCounts()
    unused.merge(layout.unused)
    if "test" in parts and not _shares_classes(parts["test"], classes, unused):
        del parts["test"]
    content, test_content = hashlib.sha256(), hashlib.sha256()
    listings = {}
    for part, files in parts.items():
        _check_classes(files, classes, parts["train"])
        total = test_content if part == "test" else content
        listings[part] = _listing(files, classes, total)
        files.check(spec.max_bad)
    _check_every_class(listings["train"], classes, parts["train"])
    return Catalogue(
        tuple(map(as_utf8, classes)),
        listings["train"],
        listings.get("validation"),
        content.hexdigest(),
        largest=spec.size,
        test=listings.get("test"),
        test_content=test_content.hexdigest() if "test" in parts else "",
        parts=tuple(files.count() for files in parts.values()),
        unused=unused.entries(),
        notes=(
            *spellings,
            *nested_notes(parts["train"].names, parts["train"].folder),
            *_notes(parts["train"], classes),
        ),
    )


def _matched(files: PartFiles, train: PartFiles) -> Iterator[str]:
    """Give the classes of a part the names that they have in train; tell those that differed.

    DataError: two folders of the part have one name, in other characters.
    """
    filled = [name for name, images in files.names.items() if images]
    check_distinct(filled, files.where, "move the images of one folder into the other")
    # Where a folder without images has the same name, the one with images comes last, and counts.
    by_filling = sorted(train.names, key=lambda name: bool(train.names[name]))
    name_by_form = {composed(name): name for name in by_filling}
    ordered = sorted(files.names, key=lambda name: bool(files.names[name]))
    matches = {name: name_by_form.get(composed(name), name) for name in ordered}
    files.names = {matches[name]: files.names[name] for name in ordered}
    yield from matched_note(((n, matches[n]) for n in filled if n != matches[n]), files.where)


def _shares_classes(test: PartFiles, classes: Sequence[str], unused: LeftOutCounts) -> bool:
    """Return whether a test part has a class of training; count its files where it has none."""
    if not set(test.names).isdisjoint(classes):
        return True
    files = test.count().entries
    if files:
        example = min((min(names) for names in test.names.values() if names), default=test.folder)
        reason = f"of classes that training does not have, in `{as_utf8(test.folder)}`"
        unused.add(reason, example, files)
    return False


def _check_classes(files: PartFiles, classes: Sequence[str], train: PartFiles) -> None:
    """Raise DataError where a part has a class that training does not have."""
    unknown = [
        name
        for name, images in files.names.items()
        if name not in classes and (images or name not in train.names)
    ]
    if unknown:
        raise DataError(
            f"{len(unknown)} classes are not in train: {', '.join(map(as_utf8, unknown[:5]))}",
            where=files.where,
            allowed=f"the {len(classes)} classes of train that have images",
            next_step=_rename(files, case_twins(unknown, classes))
            or "give training images of them, or move these folders out of the data",
        )


def _rename(files: PartFiles, matches: Mapping[str, str]) -> str:
    """Return the next step where a folder differs from a class in case alone; else empty."""
    for name, match in matches.items():
        start = f"{files.folder}/" if files.folder else ""
        renamed = rename_command(files.location, [(start + name, start + match)])
        return f"`{as_utf8(name)}` is `{as_utf8(match)}` in train: {renamed}"
    return ""


def _listing(files: PartFiles, classes: Sequence[str], total: "hashlib._Hash") -> FileListing:
    """Hash every file, and list those that can be read; `total` gets names and contents."""
    entries = FileEntries()
    labelled = ((name, label) for label, cls in enumerate(classes) for name in files.of(cls))
    for name, label in progress(labelled, files.images, f"hashing {files.where}:"):
        try:
            content = files.location.content(name, IMAGE_BYTES)
        except OSError as error:
            files.lose(name, reason_of_error(error))
            continue
        total.update(content)
        # Names of files on Linux are bytes, which need not be valid UTF-8.
        total.update(name.encode("utf-8", "surrogateescape"))
        entries.add(name, label, content)
    return entries.listing(files.location)


def _check_every_class(train: FileListing, classes: Sequence[str], files: PartFiles) -> None:
    """Raise DataError where no image of a class could be read."""
    counts = np.bincount(train.labels, minlength=len(classes))
    lost = [as_utf8(name) for name, count in zip(classes, counts, strict=True) if not count]
    if lost:
        raise DataError(
            f"classes of which no image can be read: {', '.join(lost[:5])}",
            where=files.where,
            next_step=right_to_read(files.where),
        )


def _notes(train: PartFiles, classes: Sequence[str]) -> Iterator[str]:
    empty = [as_utf8(name) for name in train.names if name not in classes]
    if empty:
        listed = ", ".join(f"`{name}`" for name in empty[:5])
        more = " and more" if len(empty) > 5 else ""
        yield f"not a class, because it has no images: {listed}{more}"
    by_lower: dict[str, str] = {}
    for name in classes:
        same = by_lower.setdefault(name.lower(), name)
        if same != name:
            yield f"two classes differ in case alone: `{as_utf8(same)}`, `{as_utf8(name)}`"
