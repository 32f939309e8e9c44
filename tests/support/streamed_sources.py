"""Sources of batches over images on disk: decoded here, in other processes, or all in memory."""

from collections.abc import Iterable, Iterator

import pyarrow as pa
import torch

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

CPU = torch.device("cpu")
RECIPE = Recipe(augment=Augment(cutout=0.3))


class InProcessDecoder:
    """Decodes at once, in this process, and counts the images that were requested."""

    def __init__(self) -> None:
        self.requested = 0

    def parts(self, spots: pa.Table, terms: RemoteSettings) -> Iterator[Part]:
        """Yield the images of `spots`, chunk by chunk."""
        self.requested += len(spots)
        for start in range(0, len(spots), terms.stretch):
            for images in encoded(spots.slice(start, terms.stretch), terms.column):
                yield decoded(images, terms)


def source_of(
    spec, resolution: int = 16, recipe: Recipe = RECIPE, decoder: RemoteDecoder | None = None
):
    """Return the source of a spec's batches; `decoder`: decodes them instead of processes."""
    data = DataRef(spec=spec, fingerprint=summarise(spec).fingerprint)
    return DataCache(elsewhere=decoder).source(data, resolution, recipe, CPU, 2)


def in_memory(spec, resolution: int = 16, recipe: Recipe = RECIPE):
    """Return the source of a spec whose images are all decoded into memory."""
    return source_of(spec.model_copy(update={"memory": "always"}), resolution, recipe)


def same(first: Iterable, second: Iterable) -> bool:
    """Whether two sequences of batches have equal images and labels."""
    first, second = list(first), list(second)
    pairs = zip(first, second, strict=False)
    equal = all(torch.equal(a[part], b[part]) for a, b in pairs for part in (0, 1))
    return len(first) == len(second) and equal
