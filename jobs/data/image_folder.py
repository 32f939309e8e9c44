"""A folder of images: train/CLASS/x.png, with val/ or validation/ where there is one."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jobs.data.dataset import Indices, Labels
from jobs.data.encoded import Catalogue
from schemas.data import ImageFolderData
from schemas.errors import DataError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp"})
HELD_OUT = ("val", "validation")


@dataclass(frozen=True)
class FolderListing:
    """Image files under one root, class by class, in the order of their names."""

    root: Path
    files: tuple[Path, ...]
    labels: Labels

    def images(self, indices: Indices) -> Iterator[tuple[str, bytes]]:
        """Yield the path under the root, and the content of the files at `indices`."""
        for index in indices:
            file = self.files[index]
            yield file.relative_to(self.root).as_posix(), file.read_bytes()


def catalogue(spec: ImageFolderData) -> Catalogue:
    """List a folder's images. DataError: no such folder, no classes, an unknown class."""
    root = Path(spec.path)
    if not root.is_dir():
        raise DataError("no such folder", where=spec.path, next_step="check `path`")
    classes = _classes(root / "train", spec.path)
    train = _listing(root, root / "train", classes)
    held_out = next((root / name for name in HELD_OUT if (root / name).is_dir()), None)
    validation = _listing(root, held_out, classes) if held_out else None
    parts = [part for part in (train, validation) if part]
    return Catalogue(classes, train, validation, _digest(parts))


def _classes(folder: Path, where: str) -> tuple[str, ...]:
    if not folder.is_dir():
        raise DataError("there is no folder `train`", where=where, allowed="train/CLASS/image.png")
    classes = tuple(sorted(_subfolders(folder)))
    if not classes:
        raise DataError("no class folders", where=str(folder), allowed="train/CLASS/image.png")
    return classes


def _subfolders(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir() if entry.is_dir() and entry.name[0] != "."]


def _listing(root: Path, split: Path, classes: tuple[str, ...]) -> FolderListing:
    unknown = sorted(set(_subfolders(split)) - set(classes))
    if unknown:
        raise DataError(
            f"{len(unknown)} classes are not in train: {', '.join(unknown[:5])}",
            where=str(split),
            allowed=f"the {len(classes)} classes of train",
        )
    by_class = [_image_files(split / name) for name in classes]
    labels = np.repeat(np.arange(len(classes)), [len(files) for files in by_class])
    files = tuple(file for files in by_class for file in files)
    return FolderListing(root, files, labels.astype(np.int64))


def _image_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    files = [f for f in folder.iterdir() if f.suffix.lower() in SUFFIXES and f.name[0] != "."]
    return sorted(file for file in files if file.is_file())


def _digest(parts: list[FolderListing]) -> str:
    """Hash names and contents: a file's place decides its class and its order."""
    total = hashlib.sha256()
    for part in parts:
        for file in part.files:
            with file.open("rb") as stream:
                total.update(hashlib.file_digest(stream, "sha256").digest())
            total.update(file.relative_to(part.root).as_posix().encode("utf-8", "surrogateescape"))
    return total.hexdigest()
