"""Studies that ran once, unpacked: the published one, and small ones of every schema."""

import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PUBLISHED = "cifar10-published"


def published(folder: Path) -> str:
    """Unpack the store of the published study of CIFAR-10; return its address."""
    return _unpacked(ROOT / "docs" / "results" / "cifar10" / "store.tar.gz", folder)


def of_schema(number: int, folder: Path) -> str:
    """Unpack the store that a version with this schema has written; return its address."""
    return _unpacked(ROOT / "tests" / "stores" / f"schema-{number}.tar.gz", folder)


def _unpacked(archive: Path, folder: Path) -> str:
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    marker = next(folder.rglob("store.json"))
    return str(marker.parent)
