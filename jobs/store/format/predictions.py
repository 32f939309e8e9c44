"""What a trained network predicts of each held-out image, as a small Parquet file.

The images stand in the order of their part. Positions take no room (delta encoding), and classes
take a few bits: 50,000 images of 1,000 classes take about 130 kB.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from compound.jobs.store.format.checksummed_files import described
from compound.jobs.store.format.manifest import StoredFile
from compound.jobs.store.format.rows import from_parquet, to_parquet

SCHEMA: pa.Schema = pa.schema(
    [pa.field(name, pa.int32(), nullable=False) for name in ("image", "label", "predicted")]
)

Integers = npt.NDArray[np.int32]


class Predictions(NamedTuple):
    """The predicted classes of a part's images; arrays have shape (images,)."""

    image: Integers
    """Positions in the part, from 0, increasing; images that cannot be decoded are left out."""
    label: Integers
    predicted: Integers

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """Which images are classified correctly, as the accuracy counts them."""
        result: npt.NDArray[np.bool_] = self.label == self.predicted
        return result

    def are_of_images_of(self, second: "Predictions") -> bool:
        """Whether both are of the same images with the same labels."""
        return np.array_equal(self.image, second.image) and np.array_equal(self.label, second.label)


def encoded(predictions: Predictions) -> bytes:
    """Return predictions as the bytes of a Parquet file."""
    columns = [pa.array(column, pa.int32()) for column in predictions]
    return to_parquet(pa.table(columns, schema=SCHEMA))


def decoded(data: bytes, where: str) -> Predictions:
    """Read predictions; DamagedError, or StoreError for a newer schema."""
    table = from_parquet(data, where, SCHEMA)
    image, label, predicted = (table[name].to_numpy() for name in SCHEMA.names)
    return Predictions(image, label, predicted)


def file_of(
    stem: str, predictions: Predictions | None
) -> tuple[StoredFile | None, dict[str, bytes]]:
    """Return the manifest's entry and the bytes by key; nothing where there are no predictions."""
    if predictions is None:
        return None, {}
    key, data = f"{stem}.parquet", encoded(predictions)
    return described(key, data), {key: data}
