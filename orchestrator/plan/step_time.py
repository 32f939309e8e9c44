"""How fast the steps of a job are over all of its epochs, where images grow and where it compiles.

What torch.compile takes and saves are constants by kind of device:

- cpu: the medians of benchmarks/compiling.py in float32; docs/decisions.md has the table.
- cuda: PyTorch's own figures for training on an A100 when torch 2 came out: 21 % faster in float32
  and 51 % under mixed precision over 163 models, so 17 % and 34 % of the time are saved (tf32 is
  taken for float32: torch let convolutions round to it then, as it does now); and a mean
  of 427 s for compiling a timm model (its issue 93794), here taken for EfficientNet-B0's 82 layers.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from compound.jobs.data.progressive_resizing import sizes
from compound.jobs.device_model import Kind, step_seconds
from compound.jobs.networks.scaling import at
from compound.jobs.networks.workload import workload
from compound.orchestrator.wording.numbers import counted
from compound.schemas.architecture import Architecture, Network
from compound.schemas.forecast import Basis
from compound.schemas.machine.device import DeviceProfile, Part, Precision, Workload
from compound.schemas.recipe import Recipe

COMPILING: dict[Kind, float] = {"cpu": 7.7, "cuda": 5.2}
"""Seconds that the compiler takes for each layer of a network, forward and backward."""
UPDATE_SECONDS = 20.0
"""What it takes for RMSProp's update."""
SAVED: dict[Kind, dict[str, float]] = {
    "cpu": {"float32": 0.04, "tf32": 0.04, "bfloat16": 0.04},
    "cuda": {"float32": 0.17, "tf32": 0.17, "bfloat16": 0.34},
}
"""The part of a step's time that a compiled network saves, by precision."""


_PART_NAMES: dict[Part, str] = {
    "launch": "the time of launches, because every network kept the device busy",
    "device": "the time of the device, because launches took longer in every network",
}


@dataclass(frozen=True)
class Pace:
    """The steps of one job, in seconds, on one kind of device."""

    profile: DeviceProfile
    network: Network
    recipe: Recipe
    micro: int
    """Images of a micro-batch."""
    pieces: int
    """Micro-batches that a worker takes in a step."""

    @property
    def mean_step(self) -> float:
        """A step, on the mean of all epochs."""
        return self.time_ratio * self.plain_step

    @property
    def last_step(self) -> float:
        """A step of the last epoch, which is trained at the full resolution."""
        return self.time_ratio * self._step(workload(self.network))

    @property
    def plain_step(self) -> float:
        """A step as it would be without compiling, on the mean of all epochs."""
        times = (epochs * self._step(work) for work, epochs in self._works())
        return sum(times) / self.recipe.epochs

    @property
    def time_ratio(self) -> float:
        """The part of a step's time that compiling leaves."""
        return 1 - self.saving if self.recipe.compile is True else 1.0

    @property
    def saving(self) -> float:
        """The part of a step's time that compiling saves, or would save."""
        return SAVED[self.profile.kind][self.recipe.precision]

    @property
    def compiling(self) -> float:
        """What compiling takes of the job; nothing where it does not compile."""
        return self.compile_seconds if self.recipe.compile is True else 0.0

    @property
    def compile_seconds(self) -> float:
        """What compiling takes, or would take.

        Each side of the images is another program, and each micro-batch of a step: batch norm
        weighs it by a constant of its own.
        """
        programs = self.pieces * len(sizes(self.recipe, self.network.resolution))
        update = UPDATE_SECONDS if self.recipe.optimizer == "rmsprop" else 0.0
        return programs * COMPILING[self.profile.kind] * workload(self.network).layers + update

    def _step(self, work: Workload) -> float:
        return step_seconds(self.profile, work, self.micro, self.pieces)

    def _works(self) -> Iterator[tuple[Workload, int]]:
        """Yield the work of one image at each side, and the epochs that are trained there."""
        for side, epochs in sizes(self.recipe, self.network.resolution).items():
            yield work_at(self.network, side), epochs


def unaccounted(basis: Basis, jobs: Iterable[tuple[Precision, int]]) -> Iterator[str]:
    """Say what a probe could not show, and which of (precision, jobs) it did not measure."""
    for part in basis.guessed:
        yield f"the probe could not measure {_PART_NAMES[part]}: an estimate is used"
    if basis.untimed:
        networks = counted(basis.untimed, "network")
        yield (
            f"{networks} of the probe did not fit into its memory or its time: probe again when "
            "nothing else runs"
        )
    number = sum(count for precision, count in jobs if precision != basis.precision)
    if basis.source == "probe" and number:
        yield (
            f"{counted(number, 'job')} in another precision than {basis.precision}, in which the "
            "device was measured: times may be wrong by a factor of 3; --probe measures the "
            "search's"
        )


def work_at(network: Network, side: int) -> Workload:
    """Count a network at another side; of a user's own, in proportion to the pixels."""
    if isinstance(network, Architecture):
        return workload(at(network, side))
    part = (side / network.resolution) ** 2
    counts = ("dense", "pointwise", "depthwise", "activations", "saved", "largest")
    update = {name: round(part * getattr(network.workload, name)) for name in counts}
    return network.workload.model_copy(update=update)
