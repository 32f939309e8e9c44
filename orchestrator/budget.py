"""Does a plan keep within what its spec allows, and does every job fit its worker?"""

from collections.abc import Iterator

from schemas.errors import PlanError
from schemas.forecast import GIB, Forecast, Spending, Total
from schemas.study import StudySpec, TrainSpec

LIMITS = (("gpu_hours", "GPU-hours"), ("cpu_hours", "CPU-hours"), ("money", "of money"))


def check_budget(spec: StudySpec | TrainSpec, forecast: Forecast) -> None:
    """Refuse a plan that takes more than the spec's budget. PlanError: which limit, by how much."""
    for name, text in exceeded(spec.budget, forecast.most):
        raise PlanError(
            f"the plan takes {text}",
            where=f"budget.{name}",
            allowed="fewer points, seeds or epochs, a smaller phi, or a larger budget",
            next_step="compound plan SPEC    # what each network takes",
        )


def exceeded(spending: Spending, most: Total) -> Iterator[tuple[str, str]]:
    """Yield each limit that a total exceeds, and by how much."""
    for name, unit in LIMITS:
        limit, taken = getattr(spending, name), getattr(most, name)
        if limit is not None and taken is not None and taken > limit:
            yield name, f"up to {taken:.3g} {unit}, the budget is {limit:g}"


def warnings(spec: StudySpec | TrainSpec, forecast: Forecast) -> Iterator[str]:
    """Yield what people should know of a forecast before they run."""
    for _, text in exceeded(spec.budget, forecast.most):
        yield f"the plan takes {text}: compound run will refuse it"
    worker = forecast.basis.worker_memory
    tight = [d for d in forecast.demands.values() if not d.fits]
    if tight:
        most = max(tight, key=lambda demand: demand.memory)
        yield (
            f"{len(tight)} jobs need up to {most.memory / GIB:.1f} GiB a worker, which has "
            f"{worker / GIB:.1f}: {_remedy(most.micro_batch, most.fitting_batch)}"
        )
    for member in forecast.family.members:
        if member.micro_batch[1] > member.fitting_batch[0]:
            yield (
                f"phi {member.phi:g} needs up to {member.memory[1] / GIB:.1f} GiB a worker, which "
                f"has {worker / GIB:.1f}: "
                f"{_remedy(member.micro_batch[1], member.fitting_batch[0])}"
            )


def _remedy(micro: int, fitting: int) -> str:
    """Say what would make a micro-batch fit: so many times the accumulation, if any would."""
    times = next((t for t in range(2, micro + 1) if micro % t == 0 and micro // t <= fitting), 0)
    if times == 0:
        return "not even one image fits"
    return f"`train.accumulate` {times} times as large makes micro-batches of {micro // times}"
