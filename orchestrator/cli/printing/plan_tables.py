"""How a plan is shown: what each network is, then what its jobs take."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from compound.orchestrator.cli.printing.output import note, print_table, say
from compound.orchestrator.cli.printing.plan_notes import plan_notes, plan_warnings
from compound.orchestrator.forecast.placement import sentence
from compound.orchestrator.kinds.all_kinds import KINDS
from compound.orchestrator.records.study_networks import names_of_plan
from compound.orchestrator.wording.final_texts import planned_text
from compound.orchestrator.wording.ledger_text import ledger_lines
from compound.orchestrator.wording.numbers import counted, duration, short, size
from compound.orchestrator.wording.ranked_warnings import first_few
from compound.schemas.architecture import Candidate
from compound.schemas.forecast import Basis, Demand, MemberForecast, Range, Total
from compound.schemas.machine.device import DeviceProfile, ProbePoint
from compound.schemas.weights import WeightsRef

if TYPE_CHECKING:
    from compound.orchestrator.prepare import Prepared

NETWORKS = (
    "network",
    "|role",
    ">alpha",
    ">beta",
    ">gamma",
    ">nominal",
    ">cost",
    ">params",
    ">MACs",
    ">activations",
    ">pixels",
    ">points",
    "depth / width / resolution",
)
KEEP = ("network", "cost", "role", "params", "MACs", "pixels")
"""Of each table the columns that matter most."""
KEEP_DEMANDS = ("network", "memory", "job", "jobs", "GPU-hours", "CPU-hours", "money", "step")
KEEP_FAMILY = ("phi", "along", "cost", "memory", "all jobs", "GPU-hours", "CPU-hours", "money")
DEMANDS = (
    "network",
    ">jobs",
    ">micro-batch",
    ">fits",
    ">memory",
    ">step",
    ">job",
)
FAMILY = (
    ">phi",
    ">cost",
    ">MACs",
    ">pixels",
    ">jobs",
    ">micro-batch",
    ">fits",
    ">memory",
    ">step",
    ">all jobs",
)


PROBED = (
    "network",
    ">pixels",
    ">images",
    ">step",
    ">predicted step",
    ">step's error",
    ">memory",
    ">predicted memory",
    ">memory's error",
)


def show_probe(profile: DeviceProfile) -> None:
    """Print what a probe measured beside what the fitted model says of the same networks."""
    print_table(f"probe of {profile.device}", PROBED, [_point(point) for point in profile.points])
    say()


def _point(point: ProbePoint) -> list[str]:
    return [
        point.network,
        str(point.resolution),
        str(point.images),
        seconds(point.seconds),
        seconds(point.predicted_seconds),
        f"{point.predicted_seconds / point.seconds - 1:+.0%}",
        size(point.bytes),
        size(point.predicted_bytes),
        f"{point.predicted_bytes / point.bytes - 1:+.0%}",
    ]


def show(prepared: "Prepared", every: str) -> None:
    """Print a plan with everything that is known of it; the command `every` has all warnings."""
    plan = prepared.plan
    networks = (plan.baseline, *plan.trained)
    title = KINDS[prepared.spec.kind].title(prepared.spec, plan)
    names = names_of_plan(networks)
    rows = [_network(candidate, names[candidate.id]) for candidate in networks]
    print_table(title, NETWORKS, rows, KEEP)
    _say_data(prepared)
    _say_start(plan.jobs[0].request.job.weights)
    for line in plan_notes(prepared):
        say(line)
    hours = _hours_name(prepared)
    print_table(
        "\nwhat each network's jobs take",
        (*DEMANDS, *hours),
        _demands(prepared, names),
        KEEP_DEMANDS,
    )
    if prepared.forecast.family.members:
        along = len(prepared.spec.ways) > 1
        members = [_member(member, along) for member in prepared.forecast.family.members]
        columns = (*FAMILY[:1], *(["along"] if along else []), *FAMILY[1:], *hours)
        title = "family: least and most of all that the search may choose"
        print_table(f"\n{title}", columns, members, KEEP_FAMILY)
    _say_totals(prepared)
    for line in first_few(plan_warnings(prepared), every):
        note(line)


def _network(candidate: Candidate, name: str) -> list[str]:
    triple, cost, shares = candidate.coefficients, candidate.cost, candidate.shares
    return [
        name,
        ", ".join(candidate.roles) or "scaled",
        *(f"{value:.3f}" for value in triple.model_dump().values()),
        f"{triple.nominal:.2f}x",
        f"{candidate.ratio:.3f}x",
        f"{cost.params:,}",
        short(cost.macs),
        short(cost.activations),
        str(candidate.architecture.resolution),
        str(len(candidate.triples) or ""),
        " ".join(f"{share:4.0%}" for share in shares.split) if shares else "",
    ]


def _say_data(prepared: "Prepared") -> None:
    info = prepared.plan.data
    classes = counted(len(info.classes), "class", "classes")
    say(
        "",
        f"data: {info.train:,} training and {info.validation:,} validation images, "
        f"{classes}, {info.in_channels} x {info.size} x {info.size}",
    )
    say(planned_text(info))
    for line in ledger_lines(info):
        say(f"  {line}")


def _say_start(weights: WeightsRef | None) -> None:
    if weights is not None:
        rest = ", with a new classifier" if weights.spec.classifier == "new" else ""
        say(f"starts from {weights.spec.path} (sha256 {weights.sha256[:12]}){rest}")


def _demands(prepared: "Prepared", names: Mapping[str, str]) -> Iterator[list[str]]:
    """Yield a row a network: its jobs differ in nothing but their seeds."""
    by_network: dict[str, list[Demand]] = {}
    for demand in prepared.forecast.demands.values():
        by_network.setdefault(demand.architecture, []).append(demand)
    for network, demands in by_network.items():
        first, number = demands[0], len(demands)
        yield [
            names.get(network, network[:8]),
            str(number),
            str(first.micro_batch),
            short(first.fitting_batch),
            size(first.memory),
            seconds(first.step_seconds),
            duration(first.seconds),
            *_spent(
                number * first.gpu_hours, number * first.cpu_hours, _times(number, first.money)
            ),
        ]


def _member(member: MemberForecast, along: bool) -> list[str]:
    return [
        f"{member.phi:g}",
        *([member.along] if along else []),
        _ratios(member.ratio),
        _span(member.macs),
        _span(member.resolution),
        str(member.jobs),
        f"{member.micro_batch[0]:g}",
        short(member.fitting_batch[0]),
        size(member.memory[1]),
        seconds(member.step_seconds[1]),
        duration(member.seconds[1]),
        *_spent(member.gpu_hours[1], member.cpu_hours[1], member.money and member.money[1]),
    ]


def _hours_name(prepared: "Prepared") -> list[str]:
    """Name the last columns: hours that the jobs occupy, and money where hours have a price."""
    hours = ">GPU-hours" if prepared.forecast.most.gpu_hours else ">CPU-hours"
    return [hours, *([">money"] if prepared.spec.budget.priced else [])]


def _spent(gpu_hours: float, cpu_hours: float, money: float | None) -> list[str]:
    return [f"{gpu_hours or cpu_hours:.3f}", *([] if money is None else [f"{money:.2f}"])]


def _times(number: int, money: float | None) -> float | None:
    return None if money is None else number * money


def _ratios(bounds: Range) -> str:
    low, high = (f"{bound:.3g}" for bound in bounds)
    return f"{low}x" if low == high else f"{low} to {high}x"


def _span(bounds: Range) -> str:
    low, high = (short(bound) for bound in bounds)
    return low if low == high else f"{low} to {high}"


def seconds(number: float) -> str:
    """Write a short time: 850 us, 12.3 ms, 1.20 s."""
    if number < 1e-3:
        return f"{number * 1e6:.0f} us"
    return f"{number * 1e3:.3g} ms" if number < 1 else f"{number:.2f} s"


def _say_totals(prepared: "Prepared") -> None:
    forecast = prepared.forecast
    say("", f"{prepared.plan.first_phase}: {_total(forecast.search)}")
    if forecast.recipe.jobs:
        share = forecast.recipe.seconds / forecast.search.seconds
        say(f"recipe check: {_total(forecast.recipe)}, {share:.0%} of the search's time")
    later = {"rounds": forecast.rounds, "gate": forecast.gate, "family": forecast.family.most}
    for name, total in later.items():
        if total.jobs:
            say(f"{name}: at most {_total(total)}")
    if forecast.test.total.jobs:
        say(f"test part: at most {_total(forecast.test.total, 'evaluation')}")
    if any(total.jobs for total in (forecast.recipe, *later.values(), forecast.test.total)):
        say(f"in all: at most {_total(forecast.most)}")
    for placed in forecast.resources:
        say(sentence(placed, f"{counted(placed.at_once, 'job')} at a time"))
    if forecast.compiling:
        say(forecast.compiling)
    say(basis(forecast.basis))
    if text := KINDS[prepared.spec.kind].resolvable(prepared.spec, prepared.plan):
        say(text)


def _total(total: Total, unit: str = "job") -> str:
    money = [] if total.money is None else [f"money {total.money:.2f}"]
    gpus = [f"{total.gpu_hours:.3g} GPU-hours"] if total.gpu_hours else []
    parts = [
        counted(total.jobs, unit),
        *([counted(total.epochs, "epoch")] if total.epochs else []),
        f"{duration(total.wall_seconds)} on the cluster",
        *gpus,
        f"{total.cpu_hours:.2g} CPU-hours",
        *money,
        f"{size(total.memory)} per worker at most",
    ]
    return ", ".join(parts)


def basis(forecast_basis: Basis) -> str:
    """Return what the times and the memory are based on."""
    hosts = forecast_basis.hosts
    where = f"{hosts.nodes} x ({hosts.cpus} CPUs, {hosts.gpus} GPUs)"
    if forecast_basis.source == "guess" and not forecast_basis.corrected_by:
        return (
            f"estimated for {where} without a measurement: times may be wrong by a factor of 3; "
            "--probe measures them"
        )
    parts = [f"estimated for {where} as {forecast_basis.device}"]
    if forecast_basis.time_error is not None and forecast_basis.memory_error is not None:
        worst = f" ({w:.0%} at worst)" if (w := forecast_basis.worst_time_error) is not None else ""
        times = f"{forecast_basis.time_error:.0%} in time{worst}"
        parts.append(f"probe's error {times}, {forecast_basis.memory_error:.0%} in memory")
    if forecast_basis.corrected_by:
        launches = f", launches x {x:.2f}," if (x := forecast_basis.launch_correction) != 1 else ""
        after = f"after {forecast_basis.corrected_by} finished jobs"
        parts.append(f"times x {forecast_basis.correction:.2f}{launches} {after}")
    return "; ".join(parts)
