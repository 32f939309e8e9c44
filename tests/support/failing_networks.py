"""A network of one's own that fails above so many images at a time: out of memory, or otherwise."""

from pathlib import Path

from compound.jobs.models.scaled import Networks
from compound.schemas.data import SyntheticData
from compound.schemas.job import JobRequest, Resources
from tests.support.small_jobs import DATA, small_job

NO_MEMORY = "torch.empty(2**42)"
"""Raises what torch raises when memory is gone."""

DEVICE_ASSERT = "CUDA error: device-side assert triggered"
ASSERTS = f"raise torch.AcceleratorError({DEVICE_ASSERT!r})"
"""Raises what torch raises when a GPU is lost to its process."""
WRITES_PROCESS = """import pathlib
            here = pathlib.Path(__file__)
            marks = list(here.parent.glob(here.stem + ".pid-*"))
            here.with_suffix(f".pid-{os.getpid()}").touch()"""
"""Writes down which processes come here."""
ASSERTS_ONCE = f"""{WRITES_PROCESS.replace("here.with_suffix", "marks or here.with_suffix")}
            if not marks:
                raise torch.AcceleratorError({DEVICE_ASSERT!r})"""
"""Fails in the first process that comes here, and writes down which one it was."""

NET = """
import os
import torch
from torch import nn

MOST = {most}
LIMITED = {ranks}

class Hungry(nn.Module):
    def forward(self, x):
        trains = self.training and not x.is_meta
        if trains and len(x) > MOST and int(os.environ.get("RANK", 0)) in LIMITED:
            {fails}
        return x

def build(*, depth, width, resolution, num_classes, in_channels):
    layers = [Hungry(), nn.Conv2d(in_channels, 4, 3, 2, 1, bias=False), nn.BatchNorm2d(4)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, num_classes))
"""


def hungry_request(
    folder: Path,
    name: str,
    most: int,
    *,
    workers: int = 1,
    ranks: tuple[int, ...] = (0, 1),
    fails: str = NO_MEMORY,
    data: SyntheticData = DATA,
    seed: int = 0,
) -> JobRequest:
    """Return a job that takes `most` images at a time on the given ranks, and any on others."""
    (folder / f"{name}.py").write_text(NET.format(most=most, ranks=(*ranks,), fails=fails))
    network = Networks((str(folder),)).own(f"{name}:build", 8, classes=4, channels=3)
    job = small_job(data, seed, epochs=2)
    job = job.model_copy(update={"architecture": network})
    return JobRequest(job=job, resources=Resources(workers=workers, gpus=0), label=name)


def process_ids(folder: Path, name: str) -> set[int]:
    """Return the processes that a job's network has written down."""
    return {int(mark.suffix.removeprefix(".pid-")) for mark in folder.glob(f"{name}.pid-*")}
