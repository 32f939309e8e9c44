"""Sources whose images are decoded elsewhere."""

from collections.abc import Iterator

import pyarrow as pa

from compound.jobs.data.source import summarise
from compound.jobs.data.stream.remote_decoding import (
    Part,
    RemoteDecoder,
    RemoteSettings,
    decoded,
    encoded,
)
from compound.jobs.training.data_cache import DataCache
from compound.schemas.job import DataRef
from compound.schemas.recipe import Augment, Recipe
from tests.support.streamed_sources import CPU


class NextDoor:
    """Decodes at once, in this process, and counts what it was asked for."""

    def __init__(self) -> None:
        self.asked = 0

    def parts(self, spots: pa.Table, terms: RemoteSettings) -> Iterator[Part]:
        self.asked += len(spots)
        for start in range(0, len(spots), terms.stretch):
            for images in encoded(spots.slice(start, terms.stretch), terms.column):
                yield decoded(images, terms)


def source_of(spec, elsewhere: RemoteDecoder | None = None, resolution: int = 16):
    data = DataRef(spec=spec, fingerprint=summarise(spec).fingerprint)
    recipe = Recipe(augment=Augment(cutout=0.3))
    return DataCache(elsewhere=elsewhere).source(data, resolution, recipe, CPU, 1)
