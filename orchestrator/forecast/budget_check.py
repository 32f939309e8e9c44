"""Does a plan keep within what its spec allows, and does every job fit its worker?"""

from collections.abc import Iterator, Sequence

from compound.cluster.resources import Node, lacking, way_out
from compound.jobs.device_model import PROCESS_BYTES
from compound.orchestrator.forecast.placement import trains_elsewhere
from compound.orchestrator.plan.step_time import unaccounted
from compound.orchestrator.wording.numbers import counted, size
from compound.schemas.errors import PlanError
from compound.schemas.forecast import GIB, Demand, Forecast, MemberForecast, Placed, Total
from compound.schemas.machine.device import Precision
from compound.schemas.spending import Spending, Spent
from compound.schemas.study import AnySpec

LIMITS = (
    ("epochs", "epochs"),
    ("gpu_hours", "GPU-hours"),
    ("cpu_hours", "CPU-hours"),
    ("money", "units of money"),
)


def check_budget(spec: AnySpec, forecast: Forecast) -> None:
    """Refuse a plan that takes more than the spec's budget, unless it is to stop at the limit.

    PlanError: which limit, by how much.
    """
    for name, text in exceeded(spec.budget, forecast.most):
        if spec.budget.at_limit == "refuse":
            raise PlanError(
                f"the plan takes up to {text}",
                where=f"budget.{name}",
                allowed="fewer points, seeds or epochs, a smaller phi, or a larger budget; "
                "with `at_limit: stop` the study starts, and stops at the limit",
                next_step="compound plan SPEC --set budget.at_limit=stop",
            )


def exceeded(spending: Spending, amounts: Total | Spent) -> Iterator[tuple[str, str]]:
    """Yield each limit that something reaches, what it takes, and what the budget is.

    A total may take all that there is; of what is spent, that is the limit.
    """
    for name, unit in LIMITS:
        limit, amount = getattr(spending, name), getattr(amounts, name)
        if limit is None or amount is None:
            continue
        if amount > limit or (amount == limit and isinstance(amounts, Spent)):
            yield name, f"{_amount(amount)} {unit}, the budget is {_amount(limit)}"


def unlimited(spec: AnySpec, phases: Sequence[Placed], forecast: Forecast) -> Iterator[str]:
    """Warn of limits on GPU-hours, or on their price, beside jobs that train on CPUs."""
    totals = {
        "search": forecast.recipe.plus(forecast.search).plus(forecast.rounds),
        "train": forecast.search,
        "gate": forecast.gate,
        "family": forecast.family.most,
    }
    on_cpus = [phase.phase for phase in phases if not phase.gpus and totals[phase.phase].jobs]
    jobs = counted(sum(totals[phase].jobs for phase in on_cpus), "job")
    hours = _amount(sum(totals[phase].cpu_hours for phase in on_cpus))
    for limit, remedy in _limits_of_gpus(spec.budget) if on_cpus else ():
        yield (
            f"{limit} does not limit the {' and '.join(on_cpus)}: up to {jobs} train on CPUs and "
            f"take {hours} CPU-hours; set {remedy} too"
        )


def _limits_of_gpus(spending: Spending) -> Iterator[tuple[str, str]]:
    """Yield the limits that only GPUs use up, each with the key that counts CPUs."""
    if spending.gpu_hours is not None and spending.cpu_hours is None:
        yield f"`budget.gpu_hours: {spending.gpu_hours:g}`", "`budget.cpu_hours`"
    if spending.money is not None and spending.price_per_cpu_hour is None:
        yield f"`budget.money: {spending.money:g}`", "`budget.price_per_cpu_hour`"


def used_parts(spending: Spending, spent: Spent) -> Iterator[str]:
    """Yield how much of each limit is used up: 0.31 of 2 GPU-hours (16 %)."""
    for name, unit in LIMITS:
        limit, amount = getattr(spending, name), getattr(spent, name)
        if limit is not None and amount is not None:
            yield f"{_amount(amount)} of {_amount(limit)} {unit} ({100 * amount / limit:.0f} %)"


def spent_text(spending: Spending, spent: Spent | None) -> str:
    """Say what a study has taken, and of its budget how much; "" before its first epoch."""
    if spent is None or not spent.epochs:
        return ""
    limited = list(used_parts(spending, spent))
    amounts = limited or [f"{spent.epochs:,} epochs", *spent_amounts(spending, spent)]
    return f"spent: {', '.join(amounts)}"


def spent_amounts(spending: Spending, spent: Spent) -> list[str]:
    """Return hours and money, or how much of the limits is used up; none before the first epoch."""
    if not spent.epochs:
        return []
    hours = f"{spent.gpu_hours:.3g} GPU-hours" if spent.gpu_hours else ""
    cpu_hours = f"{spent.cpu_hours:.3g} CPU-hours"
    money = "" if spent.money is None else f"{spent.money:.3g} units of money"
    amounts = [amount for amount in (hours, cpu_hours, money) if amount]
    return list(used_parts(spending, spent)) or amounts


def spent_short(spent: Spent | None) -> str:
    """Write what was spent in the one unit that costs most: money, GPU-hours or CPU-hours."""
    if spent is None or not spent.epochs:
        return ""
    if spent.money is not None:
        return f"{spent.money:.2f}"
    hours, unit = (spent.gpu_hours, "GPU-h") if spent.gpu_hours else (spent.cpu_hours, "CPU-h")
    return f"{hours:.3g} {unit}"


def _amount(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:.3g}"


def warnings(spec: AnySpec, forecast: Forecast) -> Iterator[str]:
    """Yield what people should know of a forecast before they run.

    What a run refuses is an error, and no warning.
    """
    if spec.budget.at_limit == "stop":
        for _, text in exceeded(spec.budget, forecast.most):
            yield f"the plan takes up to {text}: compound run will stop at the limit"
    yield from unlimited(spec, forecast.resources, forecast)
    if trains_elsewhere(spec):
        yield from _unplaceable(spec, forecast)
    yield from forecast.cautions
    yield from _too_large(forecast)
    yield from unaccounted(forecast.basis, _precisions(spec, forecast))
    yield from _wide(spec, forecast)


def _precisions(spec: AnySpec, forecast: Forecast) -> Iterator[tuple[Precision, int]]:
    """Yield the jobs of each phase, with the arithmetic that they train in."""
    yield spec.first_recipe.precision, forecast.search.jobs
    yield spec.train.precision, forecast.family.most.jobs


def _wide(spec: AnySpec, forecast: Forecast) -> Iterator[str]:
    """Warn of jobs whose memory is estimated for numbers of another size than they train in."""
    basis, jobs = forecast.basis, [*_precisions(spec, forecast)]
    half = sum(number for kind, number in jobs if kind == "bfloat16")
    whole = sum(number for kind, number in jobs if kind != "bfloat16")
    measured = basis.source == "probe" and basis.precision == "bfloat16"
    if half and not measured:
        yield (
            f"{counted(half, 'job')} in bfloat16: memory is estimated for float32, which is more "
            "than most jobs take; --probe measures the search's"
        )
    if whole and measured:
        yield (
            f"{counted(whole, 'job')} not in bfloat16: memory was measured in bfloat16, and they "
            "may take up to twice as much"
        )


def _unplaceable(spec: AnySpec, forecast: Forecast) -> Iterator[str]:
    """Name the jobs that do not fit on the cluster that the plan assumes, with the reason."""
    hosts = forecast.basis.hosts
    where = "the cluster" if spec.cluster else "the machine that plans"
    nodes = (Node(hosts.cpus, hosts.gpus, host=""),) * hosts.nodes
    has = (
        f"{counted(hosts.nodes * hosts.cpus, 'CPU')} and {counted(hosts.nodes * hosts.gpus, 'GPU')}"
    )
    has += f" on {hosts.nodes} hosts" if hosts.nodes > 1 else ""
    larger = "a larger `cluster`"
    if not spec.cluster:
        larger = "name the cluster that trains, such as `cluster: {nodes: 2, cpus: 32, gpus: 8}`"
    for placed in forecast.resources:
        if not placed.fits:
            resources = spec.phases[placed.phase]
            short = " and ".join(lacking(resources, nodes))
            why = f"; {placed.lacking}" if placed.gpus and placed.lacking else ""
            yield (
                f"{placed.phase} jobs do not fit on {where}: each needs "
                f"{counted(placed.least_workers, 'worker')} with "
                f"{counted(placed.cpus, 'CPU')} and {placed.gpus:g} GPU"
                f"{'' if placed.gpus == 1 else 's'}, and it has {has}, too few {short}{why}: "
                f"{way_out(resources, nodes)}, or {larger}"
            )


def _too_large(forecast: Forecast) -> Iterator[str]:
    """Name the jobs that need more memory than a worker has, with a remedy."""
    units = {
        ("job", "jobs"): forecast.demands.values(),
        ("evaluation on the test part", "evaluations on the test part"): forecast.test.demands,
    }
    for unit, demands in units.items():
        large = [demand for demand in demands if not demand.fits]
        if large:
            most = max(large, key=lambda demand: demand.memory)
            remedy = _remedy(most.micro_batch, min(demand.fitting_batch for demand in large))
            number, room = counted(len(large), *unit), _room(most, forecast)
            yield f"{number}: memory of up to {size(most.memory)} {room}: {remedy}"
    phis = [m for m in forecast.family.members if m.micro_batch[1] > m.fitting_batch[0]]
    if phis:
        largest = max(phis, key=lambda member: member.memory[1])
        names = ", ".join(dict.fromkeys(f"{member.phi:g}" for member in phis))
        remedy = _remedy(largest.micro_batch[1], min(m.fitting_batch[0] for m in phis))
        room = _room(largest, forecast)
        yield f"phi {names}: memory of up to {size(largest.memory[1])} {room}: {remedy}"


def _room(needing: Demand | MemberForecast, forecast: Forecast) -> str:
    """Say what a worker has; of a fraction of a GPU it is that part, less its context."""
    worker = f"for a worker, but a worker has {size(needing.room)}"
    if needing.sharers == 1:
        return worker
    gpu = f"{(forecast.basis.worker_memory + PROCESS_BYTES) / GIB:.1f} GiB"
    part = f"{needing.sharers} workers share {gpu}"
    return f"{worker} ({part}, and each CUDA context takes {size(PROCESS_BYTES)})"


def _remedy(micro: int, fitting: int) -> str:
    """Say what would make a micro-batch fit: so many times the accumulation, if any would."""
    times = next((t for t in range(2, micro + 1) if micro % t == 0 and micro // t <= fitting), 0)
    if times == 0:
        return "not even one image fits"
    images = counted(micro // times, "image")
    return f"multiply `train.accumulate` by {times}, which makes micro-batches of {images}"
