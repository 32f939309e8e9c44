"""Small real jobs that several tests train."""

import hashlib
from typing import Any

from compound.jobs.data.source import summarise
from compound.jobs.store.artifacts import ArtifactStore
from compound.schemas.architecture import Architecture
from compound.schemas.data import SyntheticData
from compound.schemas.job import DataRef, TrainJob
from compound.schemas.recipe import Recipe
from compound.schemas.stages import Stage, Stem

DATA = SyntheticData(source="synthetic", images=100, validation_images=33, size=8)


def small_job(data: SyntheticData = DATA, seed: int = 0, **recipe: Any) -> TrainJob:
    """Return a job of a few seconds' work; `recipe` overrides its training."""
    info = summarise(data)
    network = Architecture(
        resolution=8,
        in_channels=data.channels,
        num_classes=data.num_classes,
        stem=Stem(channels=4, stride=1),
        stages=(Stage(channels=4, expand=1, repeats=2), Stage(channels=8, stride=2, expand=2)),
        head=8,
    )
    settings = {"epochs": 3, "batch": 32, **recipe}
    return TrainJob(
        architecture=network,
        recipe=Recipe.model_validate(settings),
        data=DataRef(spec=data, fingerprint=info.fingerprint),
        seed=seed,
    )


def weights(store: ArtifactStore, job: TrainJob) -> str:
    """Hash all tensors of a job's last checkpoint: network, average and optimiser."""
    checkpoint = store.checkpoint(job.id)
    tensors = {**checkpoint.model(), **checkpoint.optimizer()}
    hashes = [f"{n} {t.flatten().tolist()}" for n, t in sorted(tensors.items())]
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def science(rows):
    timing = {"seconds", "images_per_second", "data_wait"}
    return [{k: v for k, v in row.metrics.items() if k not in timing} for row in rows]
