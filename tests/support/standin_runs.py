"""Jobs that run on the stand-in device, and what was counted; benchmarks/standin.py prints it."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from compound.jobs.data.source import summarise
from compound.jobs.networks.named import NETWORKS
from compound.jobs.run_job import Process, run
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.data_cache import DataCache
from compound.schemas.data import ImageFolderData, SyntheticData
from compound.schemas.job import DataRef, EpochRow, JobResult, TrainJob
from compound.schemas.recipe import Recipe
from tests.support.small_jobs import small_job
from tests.support.standin_device import NAME, Standin
from tests.support.standin_tally import Tally

B0 = "efficientnet-b0"
TIMES = ("images_per_second", "data_wait", "seconds")
MIXING = {"policy": "randaugment", "cutout": 0.3, "mixup": 0.2, "cutmix": 1.0}
GROWING = {"start": 0.5, "multiple": 4}
SMALL: dict[str, dict[str, Any]] = {
    "modern, small": {},
    "paper, small": {"recipe": "paper"},
    "autoaugment": {"augment": {"policy": "autoaugment"}, "survival": 0.8, "dropout": 0.2},
    "mixing, growing, ghost norm": {"augment": MIXING, "resizing": GROWING, "norm_batch": 8},
    "resized crops, mixing": {"augment": {**MIXING, "crop": "resized"}, "central": 0.8},
    "adamw": {"optimizer": "adamw", "learning_rate": 0.01},
    "rmsprop, average, accumulation": {"optimizer": "rmsprop", "ema": 0.9, "accumulate": 2},
    "no clipping": {"clip_norm": None},
    "checkpoints within an epoch": {"checkpoint_steps": 1, "ema": 0.9},
}
"""Recipes of small networks, whose losses on the device are those of the CPU."""


@dataclass
class Run:
    """How a job went on a device."""

    job: TrainJob
    rows: list[EpochRow]
    result: JobResult
    tally: Tally = field(default_factory=Tally)

    @property
    def metrics(self) -> list[dict[str, float]]:
        """The numbers of each epoch that no clock is in."""
        return [{k: v for k, v in row.metrics.items() if k not in TIMES} for row in self.rows]

    @property
    def operations(self) -> int:
        """Operations of an optimiser step, with its share of what an epoch begins with."""
        return round(sum(self.tally.phases().values()) / self.rows[-1].step)


def trained(
    job: TrainJob, store: ArtifactStore, device: str = NAME, until: int = 0, **settings: Any
) -> Run:
    """Run a job on a device, to its end or to the end of an epoch."""
    cache, standin = DataCache(), Standin() if device == NAME else None
    with standin or nullcontext():
        epochs = run(job, store, Process.single(1, device), cache, **settings)
        rows, result = [], None
        while result is None:
            try:
                rows.append(next(epochs))
            except StopIteration as end:
                result = end.value
            if rows and rows[-1].epoch == until:
                epochs.close()
                result = store.result(job.id)
    assert result is not None
    return Run(job, rows, result, standin.tally if standin else Tally())


def network_job(name: str, side: int = 32, images: int = 24, **recipe: Any) -> TrainJob:
    """Return a job of a network with a name, on few small images: its operations are all there."""
    spec = SyntheticData(
        source="synthetic", images=images, validation_images=8, num_classes=10, size=side
    )
    network = NETWORKS[name].model_copy(update={"resolution": side, "num_classes": 10})
    settings = {"epochs": 1, "batch": 8, **recipe}
    data = DataRef(spec=spec, fingerprint=summarise(spec).fingerprint)
    return TrainJob(architecture=network, recipe=Recipe.model_validate(settings), data=data)


def streamed_job(folder: Path, **recipe: Any) -> TrainJob:
    """Return a job whose images are decoded as training needs them."""
    random = np.random.default_rng(0)
    for label in "ab":
        (folder / "train" / label).mkdir(parents=True)
        for number in range(24):
            pixels = random.integers(0, 255, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "train" / label / f"{number}.png")
    spec = ImageFolderData(
        source="image_folder", path=str(folder), size=16, memory="never", validation=0.2
    )
    network = small_job().architecture.model_copy(update={"resolution": 16, "num_classes": 2})
    settings = {"epochs": 2, "batch": 16, **recipe}
    data = DataRef(spec=spec, fingerprint=summarise(spec).fingerprint)
    return TrainJob(architecture=network, recipe=Recipe.model_validate(settings), data=data)


def configurations(folder: Path) -> Iterator[tuple[str, TrainJob]]:
    """Yield what the table has a row for."""
    yield "B0 modern", network_job(B0)
    yield "B0 paper", network_job(B0, recipe="paper")
    everything = {"augment": MIXING, "resizing": GROWING, "norm_batch": 4, "epochs": 2}
    yield "B0 RandAugment, mixing, growing, ghost norm", network_job(B0, 64, **everything)
    yield "B0 adamw, bfloat16", network_job(B0, optimizer="adamw", precision="bfloat16")
    for name, recipe in SMALL.items():
        yield name, small_job(**{"epochs": 2, **recipe})
    yield "streamed", streamed_job(folder / "plain")
    yield (
        "streamed, mixing, growing",
        streamed_job(folder / "more", augment=MIXING, resizing=GROWING),
    )
