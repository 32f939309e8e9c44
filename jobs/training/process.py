"""Which of the cooperating processes this one is."""

from dataclasses import dataclass

import torch

from jobs.device import describe


@dataclass(frozen=True)
class Process:
    """One rank of a job: its place, its device, and the CPU threads that torch may use."""

    rank: int
    world_size: int
    device: torch.device
    threads: int

    @classmethod
    def single(cls, threads: int = 1, device: torch.device | str = "cpu") -> "Process":
        """A job's only process."""
        return cls(rank=0, world_size=1, device=torch.device(device), threads=threads)

    @property
    def name(self) -> str:
        """What people call the device, threads included."""
        return describe("cuda" if self.device.type == "cuda" else "cpu", self.threads)

    @property
    def leads(self) -> bool:
        """Whether this rank writes the store."""
        return self.rank == 0
