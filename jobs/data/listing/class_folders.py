"""How a folder of images is laid out: a folder for each part, or class folders without parts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from compound.jobs.data.listing.file_location import FileLocation
from compound.jobs.data.listing.junk_folders import is_junk
from compound.jobs.data.listing.left_out import LeftOutCounts, as_utf8
from compound.jobs.data.listing.moving_commands import rename_command
from compound.jobs.data.listing.split_names import NAMES, by_part, like_parts, part_of
from compound.jobs.data.listing.wrong_path import no_folder, step_to_classes
from compound.schemas.data_ledger import LeftOut, PartName
from compound.schemas.errors import DataError

SHAPE = "train/CLASS/image.png with val/CLASS/... and test/CLASS/..., or CLASS/image.png"


@dataclass(frozen=True)
class ClassFolders:
    """Where the images of each part are."""

    parts: Mapping[PartName, str]
    """The folder of each part; "" where the class folders lie in the root, without parts."""
    classes: Mapping[PartName, tuple[str, ...]]
    """The class folders in each part, sorted."""
    unused: tuple[LeftOut, ...] = ()
    """Files beside the folders of the parts."""


def class_folders(location: FileLocation) -> ClassFolders:
    """Find the parts and the class folders of a root.

    DataError: no such folder, no training part, two folders for one part, no class folders, parts
    inside of classes, or a link in place of a part that leads nowhere.
    """
    top = location.folders("")
    if top is None:
        raise no_folder(location.where)
    _check_links(location)
    parts = by_part(top, location.where)
    if not parts:
        return _flat(location, top)
    classes = {part: _classes(location, folder) for part, folder in parts.items()}
    _check_train(location, parts, classes)
    unused = LeftOutCounts()
    _count_beside(location, set(parts.values()), unused)
    for part in ("validation", "test"):
        if part in parts and not classes[part]:
            _drop_unlabelled(location, part, parts.pop(part), unused)
    return ClassFolders(parts, {part: classes[part] for part in parts}, unused.entries())


def _check_links(location: FileLocation) -> None:
    """Raise DataError where a part is a link that leads nowhere, as to a disk that is not there."""
    for name in location.files(""):
        part = part_of(name)
        try:
            if part is not None:
                location.opened(name).close()
        except FileNotFoundError:
            raise DataError(
                f"the {part} part is a link that leads nowhere",
                where=as_utf8(location.address(name)),
                next_step="mount the disk that it leads to, or remove the link",
            ) from None
        except OSError:
            continue


def _classes(location: FileLocation, folder: str) -> tuple[str, ...]:
    return tuple(name for name in location.folders(folder) or () if not is_junk(name))


def _flat(location: FileLocation, top: list[str]) -> ClassFolders:
    """Take the folders of the root as classes, where none has the name of a part."""
    classes = tuple(name for name in top if not is_junk(name))
    parts = like_parts(classes)
    if parts:
        raise DataError(
            f"these folders look like parts, not like classes: {_quoted(parts)}",
            where=location.where,
            allowed=SHAPE,
            next_step="if they are classes, move all class folders into a folder `train`; if they "
            f"are parts: {_rename(location, parts)}",
        )
    if len(classes) < 2:
        raise DataError(
            "there is no folder `train`"
            + (
                f", and only one other folder, `{as_utf8(classes[0])}`"
                if classes
                else f", and no class folder beside {counted_files(location)}"
            ),
            where=location.where,
            allowed=SHAPE,
            next_step=step_to_classes(location.where),
        )
    return ClassFolders({"train": ""}, {"train": classes})


def counted_files(location: FileLocation) -> str:
    """Say how many files lie directly in a folder."""
    number = len([*location.files("")])
    return f"{number:,} file{'' if number == 1 else 's'}" if number else "no file: it is empty"


def _quoted(names: Iterable[str]) -> str:
    return ", ".join([f"`{as_utf8(name)}`" for name in names][:5])


def _rename(location: FileLocation, parts: Mapping[str, set[PartName]]) -> str:
    """Return the command that names the parts, where one folder is training and none is two."""
    named = [(folder, part) for folder, named in parts.items() for part in named]
    pairs = [(folder, NAMES[part][0]) for folder, part in named]
    targets = [target for _, target in pairs]
    if "train" in targets and len(set(targets)) == len(targets) == len(parts):
        return rename_command(location, pairs)
    return "call them `train`, `val` and `test`"


def _check_train(
    location: FileLocation,
    parts: Mapping[PartName, str],
    classes: Mapping[PartName, tuple[str, ...]],
) -> None:
    if "train" not in parts:
        present = ", ".join(f"`{folder}`" for folder in parts.values())
        raise DataError(
            f"there is no folder `train` beside {present}",
            where=location.where,
            allowed=SHAPE,
            next_step="move the training classes into a folder `train`",
        )
    where = location.address(parts["train"])
    if not classes["train"]:
        step = step_to_classes(where)
        raise DataError("no class folders", where=where, allowed=SHAPE, next_step=step)
    if len(like_parts(classes["train"])) == len(classes["train"]) or all(
        part_of(name) for name in classes["train"]
    ):
        raise DataError(
            f"the folders in it are parts again: {', '.join(classes['train'])}",
            where=where,
            allowed=SHAPE,
            next_step=f"set `path: {where}`, or move the class folders up",
        )


def _count_beside(location: FileLocation, used: set[str], unused: LeftOutCounts) -> None:
    """Count the files that lie beside the parts, and in other folders beside them."""
    for name in location.files("", hidden=True):
        unused.add("beside the folders of the parts", name)
    for name, reason in location.circles(""):
        unused.add(reason, name)
    for folder in location.folders("", hidden=True) or ():
        if folder not in used:
            names = [name for name, _ in location.walk(folder)]
            if names:
                reason = f"in a folder that is no part: {as_utf8(folder)}"
                unused.add(reason, min(names), len(names))


def _drop_unlabelled(
    location: FileLocation, part: PartName, folder: str, unused: LeftOutCounts
) -> None:
    """Count the files of a part without class folders. DataError: it is validation."""
    names = [name for name, _ in location.walk(folder)]
    if part == "validation":
        raise DataError(
            f"no class folders, but {len(names):,} files, whose classes are therefore unknown",
            where=location.address(folder),
            allowed=SHAPE,
            next_step="sort them into class folders, or remove the folder: then a fraction of the "
            "training images is held out",
        )
    if names:
        unused.add(f"without a class, in `{folder}`", min(names), len(names))
