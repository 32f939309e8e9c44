"""The handwritten digits that come with scikit-learn: 1,797 images of 8 x 8."""

import gzip
import hashlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from compound.jobs.data.sources.arrays import ArrayListing, Arrays, arranged
from compound.jobs.data.sources.dataset import Dataset, HeldOut, Labels, Pixels
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
    listing = ArrayListing("digits", images, labels)
    return arranged(spec, Arrays(CLASSES, listing, content), "digits", part)


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
