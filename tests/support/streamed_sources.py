"""Sources of streamed batches, and whether two give the same."""

import torch

from compound.jobs.data.source import summarise
from compound.jobs.training.data_cache import DataCache
from compound.schemas.job import DataRef
from compound.schemas.recipe import Augment, Recipe

CPU = torch.device("cpu")
RECIPE = Recipe(augment=Augment(cutout=0.3))


def source_of(spec, resolution: int = 16, recipe: Recipe = RECIPE):
    data = DataRef(spec=spec, fingerprint=summarise(spec).fingerprint)
    return DataCache().source(data, resolution, recipe, CPU, 2)


def in_memory(spec, resolution: int = 16, recipe: Recipe = RECIPE):
    return source_of(spec.model_copy(update={"memory": "always"}), resolution, recipe)


def same(some, others) -> bool:
    some, others = list(some), list(others)
    pairs = zip(some, others, strict=False)
    equal = all(torch.equal(one[part], other[part]) for one, other in pairs for part in (0, 1))
    return len(some) == len(others) and equal
