"""The handwritten digits that come with scikit-learn: 1,797 images of 8 x 8."""

import gzip
import hashlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from compound.jobs.data.sources.dataset import (
    Dataset,
    HeldOut,
    Labels,
    Pixels,
    check_splits,
    fingerprint,
)
from compound.jobs.data.sources.subset import limited, parts
from compound.schemas.data import DataInfo, DigitsData
from compound.schemas.errors import DataError

CLASSES = tuple("0123456789")
_FILE = Path("datasets", "data", "digits.csv.gz")


def summarise(spec: DigitsData) -> DataInfo:
    """Describe the digits; reading them takes milliseconds. DataError as for `load`."""
    return load(spec).info


def load(spec: DigitsData, part: HeldOut = "validation") -> Dataset:
    """Read the digits and split them. DataError: scikit-learn's file does not exist."""
    images, labels, content = _read()
    train, held_out, tested = parts(labels, spec.validation, spec.test, spec.split_seed)
    train = train[limited(labels[train], spec.limit, spec.split_seed)]
    held_out = held_out[limited(labels[held_out], spec.validation_limit, spec.split_seed)]
    check_splits(labels[train], labels[held_out], CLASSES, "digits")
    info = DataInfo(
        fingerprint=fingerprint(spec, content),
        classes=CLASSES,
        in_channels=1,
        size=8,
        train=len(train),
        validation=len(held_out),
        test=len(tested),
    )
    held_out = tested if part == "test" else held_out
    return Dataset(images[train], labels[train], images[held_out], labels[held_out], info)


def _read() -> tuple[Pixels, Labels, str]:
    """Return images, labels and a hash of scikit-learn's file."""
    # load_digits() would import scikit-learn and scipy, which takes seconds; the file is enough.
    package = find_spec("sklearn")
    folders = (package.submodule_search_locations if package else None) or ["sklearn"]
    file = Path(folders[0]) / _FILE
    if not file.exists():
        raise DataError("the digits of scikit-learn are not installed", where=str(file))
    with gzip.open(file, "rt", encoding="ascii") as lines:
        table = np.loadtxt(lines, delimiter=",", dtype=np.int64)
    images = np.rint(table[:, :-1] * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
    return images, table[:, -1].copy(), hashlib.sha256(table.tobytes()).hexdigest()
