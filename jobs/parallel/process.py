"""One of the processes that train a job: its rank, device and CPU threads."""

from dataclasses import dataclass, field

import torch

from compound.jobs.device_model import describe
from compound.jobs.parallel.strategy_table import STRATEGIES, StrategyTraits
from compound.jobs.parallel.thread_progress import ThreadProgress
from compound.schemas.parallel import Parallel


@dataclass(frozen=True)
class Process:
    """One rank of a job, with its device and the CPU threads that torch may use."""

    rank: int
    world_size: int
    device: torch.device
    threads: int
    planned: int = 0
    """Workers that the job was planned for. They set the size of micro-batches: if fewer workers
    are left, each takes more micro-batches. 0: as many as there are."""
    imports: tuple[str, ...] = ()
    """Folders from which a network's own code may be imported; without any it never is. The user
    who starts the process grants them: they are never read from a spec or from the store."""
    parallel: Parallel = "none"
    """How several ranks train one network together; a lone rank always has all of it."""
    progress: ThreadProgress = field(default_factory=ThreadProgress, compare=False)
    """Counts batches, for the thread that reports progress to the driver."""

    @classmethod
    def single(
        cls,
        threads: int = 1,
        device: torch.device | str = "cpu",
        imports: tuple[str, ...] = (),
    ) -> "Process":
        """A job's only process."""
        return cls(0, 1, torch.device(device), threads, imports=imports)

    @property
    def traits(self) -> StrategyTraits:
        """The parallel strategy that the ranks train by."""
        return STRATEGIES[self.parallel if self.world_size > 1 else "none"]

    @property
    def name(self) -> str:
        """The device's name for people, with the number of threads."""
        return describe("cuda" if self.device.type == "cuda" else "cpu", self.threads)

    @property
    def leads(self) -> bool:
        """Whether this rank writes the store."""
        return self.rank == 0
