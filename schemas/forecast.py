"""What a study will take: the prediction that a plan prints before a job runs."""

from typing import Literal

from compound.schemas.architecture import Way
from compound.schemas.base import Model
from compound.schemas.machine.device import Part, Precision
from compound.schemas.spending import Hosts, sum_money

GIB = 2**30


class Demand(Model):
    """What one job takes, as predicted."""

    job: str
    architecture: str
    workers: int
    micro_batch: int
    """Images that one worker takes through the network at once."""
    fitting_batch: int
    """The largest micro-batch that fits into a worker's memory; 0: not even one image."""
    memory: int
    """Peak bytes of one worker, with the images that it keeps on its device."""
    room: int = 0
    """Bytes that one worker may use: of a fraction of a GPU its part, less a context of its own."""
    sharers: int = 1
    """Workers that a GPU is shared by where it is full: its time is cut into as many parts."""
    step_seconds: float
    """One step of the optimiser at the full resolution, over all micro-batches."""
    bound: Part = "device"
    """What limits such a step on a GPU."""
    seconds: float
    """The whole job: cheaper steps where images grow, and compiling, included."""
    gpu_hours: float
    cpu_hours: float
    money: float | None

    @property
    def fits(self) -> bool:
        """Whether the spec's micro-batch fits into a worker's memory."""
        return self.micro_batch <= self.fitting_batch


class Total(Model):
    """What a list of jobs takes."""

    jobs: int = 0
    epochs: int = 0
    """Over all jobs."""
    memory: int = 0
    """Peak bytes of the largest worker, over all jobs."""
    seconds: float = 0.0
    """All jobs one after another."""
    wall_seconds: float = 0.0
    """On the given cluster, as many jobs at once as fit, start-up included."""
    gpu_hours: float = 0.0
    cpu_hours: float = 0.0
    money: float | None = None

    def plus(self, more: "Total") -> "Total":
        """Return the total of both, one after the other."""
        return Total(
            jobs=self.jobs + more.jobs,
            epochs=self.epochs + more.epochs,
            memory=max(self.memory, more.memory),
            seconds=self.seconds + more.seconds,
            wall_seconds=self.wall_seconds + more.wall_seconds,
            gpu_hours=self.gpu_hours + more.gpu_hours,
            cpu_hours=self.cpu_hours + more.cpu_hours,
            money=sum_money(self.money, more.money),
        )


class Basis(Model):
    """What a forecast was computed from."""

    device: str
    source: Literal["guess", "probe"]
    time_error: float | None
    """Median relative error of step times, for networks that the model was not fitted to."""
    worst_time_error: float | None = None
    """The largest of them."""
    memory_error: float | None
    corrected_by: int
    """Finished jobs whose measured times have gone in."""
    correction: float
    """What they multiplied the times by."""
    launch_correction: float = 1.0
    """The same where launching bounds the steps of a GPU."""
    precision: Precision = "float32"
    """The arithmetic that the times are for."""
    guessed: tuple[Part, ...] = ()
    """Parts of the time that the probe could not measure."""
    untimed: int = 0
    """Networks of the probe that did not fit into memory or time."""
    hosts: Hosts
    worker_memory: int
    """Bytes that one worker on a whole device may use."""


Phase = Literal["search", "gate", "family", "train"]
"""A part of a study whose jobs are trained together, with the same resources."""


class Placed(Model):
    """Resources of each job of one phase, once `gpus: auto` is decided."""

    phase: Phase
    workers: int
    """At most; an elastic job may have fewer."""
    least_workers: int
    cpus: int
    """Of each worker, like the GPUs."""
    gpus: float
    asked: float | Literal["auto"]
    """The spec's `gpus`."""
    why: str = ""
    """How `auto` was decided; nothing where the spec gives a number."""
    at_once: int
    """Jobs of this size that run at the same time."""
    fits: bool = True
    """Whether one such job fits into the hosts that the plan assumes."""
    lacking: str = ""
    """Why this machine's GPUs cannot be used, where the plan assumes this machine."""


Range = tuple[float, float]
"""The least and the most over all that the search may choose."""
Counts = tuple[int, int]
"""The same of whole numbers."""


class MemberForecast(Model):
    """What one phi of the family is and takes; sums are over its seeds."""

    phi: float
    along: Way = "choice"
    """The way of scaling."""
    jobs: int
    ratio: Range
    params: Counts
    macs: Counts
    activations: Counts
    resolution: Counts
    micro_batch: Counts
    fitting_batch: Counts
    memory: Counts
    room: int = 0
    """Bytes that one worker may use."""
    sharers: int = 1
    """Workers that share a GPU where it is full."""
    step_seconds: Range
    seconds: Range
    gpu_hours: Range
    cpu_hours: Range
    money: Range | None


class FamilyForecast(Model):
    """What the family takes, over all that the search may choose."""

    least: Total = Total()
    """Without the jobs that the search has trained by then."""
    most: Total = Total()
    members: tuple[MemberForecast, ...] = ()


class EvaluationForecast(Model):
    """What evaluating the trained networks on the test part takes, at most."""

    total: Total = Total()
    """Its jobs are evaluations, which have no epochs."""
    demands: tuple[Demand, ...] = ()
    """Of each evaluation."""


class Forecast(Model):
    """What a plan takes: the search exactly, everything after it within bounds."""

    basis: Basis
    recipe: Total = Total()
    """The recipe check, without the jobs that the search trains."""
    search: Total
    rounds: Total = Total()
    """What rounds of the search may add at most: new networks, longer schedules, more seeds."""
    gate: Total = Total()
    """At most, without jobs that the search trains."""
    family: FamilyForecast
    test: EvaluationForecast = EvaluationForecast()
    demands: dict[str, Demand]
    """By job id; the search's jobs, and for one scaled variant its own."""
    compiling: str = ""
    """Which jobs `compile: auto` compiles, in a line; empty without `auto`."""
    resources: tuple[Placed, ...] = ()
    """Workers, CPUs and GPUs of each phase."""
    cautions: tuple[str, ...] = ()
    """What the user should know about these resources."""

    @property
    def most(self) -> Total:
        """The most that all phases and the test part take together; its jobs are those trained."""
        trained = self.recipe.plus(self.search).plus(self.rounds).plus(self.gate)
        trained = trained.plus(self.family.most)
        return trained.plus(self.test.total.model_copy(update={"jobs": 0}))
