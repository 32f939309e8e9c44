"""Data that a new user has: right, and wrong in many ways."""

import shutil
from pathlib import Path

from tests.support.image_files import encoded, write_folder, write_parquet


def photos(root: Path) -> None:
    """Two classes of six images below `train`."""
    write_folder(root / "photos")


def one_class(root: Path) -> None:
    photos(root)
    shutil.rmtree(root / "photos/train/bee")


def flat(root: Path) -> None:
    (root / "photos").mkdir()
    for number in range(8):
        (root / f"photos/{number}.png").write_bytes(encoded(number))


def empty(root: Path) -> None:
    (root / "photos").mkdir()


def corrupt(root: Path) -> None:
    photos(root)
    for number in range(3):
        (root / f"photos/train/ant/{number}.png").write_bytes(b"not an image")


def table(root: Path) -> None:
    images = [encoded(number) for number in range(24)]
    write_parquet(root / "photos.parquet", list(images), [number % 2 for number in range(24)])


def archive(root: Path) -> None:
    photos(root)
    shutil.make_archive(str(root / "photos"), "zip", root / "photos")


def other_classes(root: Path) -> None:
    photos(root)
    (root / "photos/val/wasp").mkdir(parents=True)
    (root / "photos/val/wasp/1.png").write_bytes(encoded(99))


def csv(root: Path) -> None:
    (root / "labels.csv").write_text("image,label\na.png,0\n")


def second_class(root: Path) -> None:
    (root / "photos/train/bee").mkdir()
    for number in range(6):
        (root / f"photos/train/bee/{number}.png").write_bytes(encoded(50 + number))


def sorted_images(root: Path) -> None:
    for number in range(8):
        folder = root / "photos/train" / ("ant", "bee")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        (root / f"photos/{number}.png").rename(folder / f"{number}.png")


def filled(root: Path) -> None:
    write_folder(root / "photos")


def same_classes(root: Path) -> None:
    shutil.rmtree(root / "photos/val/wasp")
