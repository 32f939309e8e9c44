"""A network whose values overflow at a call."""

import torch
from torch import Tensor, nn

from compound.jobs.data.batches import Feeder
from compound.jobs.run_job import Process
from compound.jobs.training.data_cache import DataCache
from compound.jobs.training.loop.trainer import Trainer
from compound.schemas.job import TrainJob


class Overflow(nn.Module):
    """Puts out infinity from one of its calls in training on."""

    def __init__(self, call: int) -> None:
        super().__init__()
        self.calls, self.call = 0, call

    def forward(self, x: Tensor) -> Tensor:
        """Scale by one, then by infinity."""
        self.calls += self.training
        return x * float("inf") if self.calls >= self.call else x


def trainer(job: TrainJob, call: int, device: str = "cpu") -> Trainer:
    """A trainer whose first stage overflows in that call."""
    images = DataCache().at(job.data, job.architecture.resolution)
    source = Feeder(images, job.recipe.augment, torch.device(device))
    built = Trainer(job, source, Process.single(1, device))
    stage = next(iter(built.module.children()))
    stage.append(Overflow(call))
    return built
