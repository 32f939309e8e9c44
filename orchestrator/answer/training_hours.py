"""What it takes to train a network of the line once: measured, or scaled from what was measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median, median_low

from compound.cluster.resources import gpus_of, resolve
from compound.orchestrator.answer.choice_line import LineNetwork
from compound.orchestrator.forecast.job_cost import CostModel
from compound.schemas.answer import HourUnit, TrainingCost
from compound.schemas.job import JobRequest, JobResult
from compound.schemas.metrics import SECONDS

HOUR = 3600.0


@dataclass(frozen=True)
class MeasuredJob:
    """A job that ended well, and its time."""

    request: JobRequest
    result: JobResult
    seconds: float
    whole: bool
    """False: some epochs were not timed, and their time is that of the last."""


def measured_jobs(entry: LineNetwork, results: Mapping[str, JobResult]) -> list[MeasuredJob]:
    """Return the jobs of a network that are done and have a time."""
    timed = (_timed(job.request, results.get(job.request.job.id)) for job in entry.jobs)
    return [job for job in timed if job]


def usual_job(jobs: Sequence[MeasuredJob]) -> MeasuredJob | None:
    """Return the job of the median time, the quicker of two; None without any."""
    seconds = median_low([job.seconds for job in jobs]) if jobs else None
    return next((job for job in jobs if job.seconds == seconds), None)


def _timed(request: JobRequest, result: JobResult | None) -> MeasuredJob | None:
    if result is None or result.status != "done":
        return None
    # `seconds` is of the last attempt alone, and a schedule that continues another has its epochs.
    whole = result.attempt == 1 and request.continues is None
    last = result.metrics.get(SECONDS, 0.0) * request.job.recipe.epochs
    seconds = result.seconds if whole else last
    return MeasuredJob(request, result, seconds, whole) if seconds > 0 else None


def measured_cost(jobs: Sequence[MeasuredJob], costs: CostModel) -> TrainingCost | None:
    """Return what one of some jobs of a network took, the median of them; None without any.

    Seeds train alike, so a job that took longer than most shared its machine with other work.
    """
    if not jobs:
        return None
    parts = [_hours(job.seconds, job.result.world_size, job, costs) for job in jobs]
    gpus, cpus = median(part[0] for part in parts), median(part[1] for part in parts)
    hours = [gpu or cpu for gpu, cpu in parts]
    basis = "measured" if all(job.whole for job in jobs) else "scaled"
    update = {"basis": basis, "least": min(hours), "most": max(hours)}
    return _cost(gpus, cpus, jobs[0].result.device, costs).model_copy(update=update)


def scaled_cost(request: JobRequest, nearest: MeasuredJob | None, costs: CostModel) -> TrainingCost:
    """Return what a job will take: by the model, corrected by the nearest job that was measured."""
    demand = costs.demand(request)
    if nearest is None:
        cost = _cost(demand.gpu_hours, demand.cpu_hours, costs.profile.device, costs)
        return cost.model_copy(update={"basis": "forecast"})
    seconds = demand.seconds * nearest.seconds / costs.demand(nearest.request).seconds
    job = MeasuredJob(request, nearest.result, seconds, whole=False)
    gpus, cpus = _hours(seconds, demand.workers, job, costs)
    return _cost(gpus, cpus, nearest.result.device, costs).model_copy(update={"basis": "scaled"})


def _hours(seconds: float, workers: int, job: MeasuredJob, costs: CostModel) -> tuple[float, float]:
    """Return GPU-hours and CPU-hours of a job on the device that was measured.

    `gpus: auto` is decided by the hosts that the plan assumes; where they have no GPU, and the job
    had, it counts as one for each worker.
    """
    (resolved,) = resolve([job.request], costs.nodes)
    resources, hours = resolved.resources, seconds * workers / HOUR
    on_gpu = (job.result.device or costs.profile.device).startswith("cuda")
    gpus = (gpus_of(resources) or 1.0) if on_gpu else 0.0
    return hours * gpus, hours * (resources.cpus + resources.decode_cpus)


def _cost(gpu_hours: float, cpu_hours: float, device: str, costs: CostModel) -> TrainingCost:
    unit: HourUnit = "GPU-hours" if gpu_hours else "CPU-hours"
    prices = costs.spending
    price = prices.price_per_gpu_hour if gpu_hours else prices.price_per_cpu_hour
    return TrainingCost(
        hours=gpu_hours or cpu_hours,
        unit=unit,
        basis="measured",
        device=device,
        money=None if price is None else prices.money_for(gpu_hours, cpu_hours),
    )
