"""The handwritten digits that come with scikit-learn: 1,797 images of 8 x 8."""

import gzip
import hashlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from compound.jobs.data.dataset import Dataset, Labels, Pixels, check_splits, fingerprint
from compound.jobs.data.subset import limited, split
from compound.schemas.data import DataInfo, DigitsData
from compound.schemas.errors import DataError

CLASSES = tuple("0123456789")
_FILE = Path("datasets", "data", "digits.csv.gz")


def load(spec: DigitsData) -> Dataset:
    """Read the digits and split them. DataError: scikit-learn's file is not there."""
    images, labels, content = _read()
    kept, held = split(labels, spec.validation, spec.split_seed)
    kept = kept[limited(labels[kept], spec.limit, spec.split_seed)]
    held = held[limited(labels[held], spec.validation_limit, spec.split_seed)]
    check_splits(labels[kept], labels[held], CLASSES, "digits")
    info = DataInfo(
        fingerprint=fingerprint(spec, content),
        classes=CLASSES,
        in_channels=1,
        size=8,
        train=len(kept),
        validation=len(held),
    )
    return Dataset(images[kept], labels[kept], images[held], labels[held], info)


def _read() -> tuple[Pixels, Labels, str]:
    """Read scikit-learn's own file: importing the package would take seconds."""
    package = find_spec("sklearn")
    places = (package.submodule_search_locations if package else None) or ["sklearn"]
    file = Path(places[0]) / _FILE
    if not file.exists():
        raise DataError("the digits of scikit-learn are not installed", where=str(file))
    with gzip.open(file, "rt", encoding="ascii") as lines:
        table = np.loadtxt(lines, delimiter=",", dtype=np.int64)
    images = np.rint(table[:, :-1] * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
    return images, table[:, -1].copy(), hashlib.sha256(table.tobytes()).hexdigest()
