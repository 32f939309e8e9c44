"""What fits where: arithmetic over hosts, without Ray."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, inf
from typing import Literal

from compound.jobs.gpu.visible_gpus import part_for, sharers
from compound.jobs.parallel.strategy_table import STRATEGIES
from compound.schemas.errors import ClusterError
from compound.schemas.job import JobRequest, Resources

MOST_SHARERS = 16
"""The most workers among which `auto` shares a GPU: each has a CUDA context of its own there."""


@dataclass(frozen=True)
class Node:
    """What one host offers to jobs."""

    cpus: float
    gpus: float
    host: str
    types: tuple[str, ...] = ()
    """The models of its GPUs, as far as they are reported."""
    lacking: str = ""
    """Why GPUs that the host has cannot be used, or why there are none, in a sentence."""


@dataclass(frozen=True)
class Share:
    """What `gpus: auto` is resolved to, with the reason in a few words."""

    gpus: float
    why: str


def resolve(
    requests: Sequence[JobRequest], nodes: Sequence[Node], limit: Node | None = None
) -> list[JobRequest]:
    """Return the requests with `gpus: auto` decided; see `share`."""
    return [
        request.model_copy(update={"resources": with_gpus(request.resources, nodes, limit)})
        if request.resources.gpus == "auto"
        else request
        for request in requests
    ]


def with_gpus(resources: Resources, nodes: Sequence[Node], limit: Node | None = None) -> Resources:
    """Return resources with `gpus: auto` decided."""
    if resources.gpus != "auto":
        return resources
    return resources.model_copy(update={"gpus": share(resources, nodes, limit).gpus})


def share(resources: Resources, nodes: Sequence[Node], limit: Node | None = None) -> Share:
    """Decide `gpus: auto`: one a worker where the job fits, else the largest fraction that fits.

    Workers that divide their network share no GPU: that would save no memory. Where nothing fits
    it is one a worker, which `preflight` refuses with the numbers.
    """
    gpus = sum(node.gpus for node in [*nodes, *([limit] if limit else [])])
    if not gpus:
        return Share(0.0, _none(nodes))
    most = MOST_SHARERS if STRATEGIES[resources.parallel].shares_gpus else 1
    for number in range(1, most + 1):
        part = part_for(number)
        sized = resources.model_copy(update={"gpus": part})
        if _fits(sized, nodes) or _may_fit(sized, limit):
            return Share(part, _shared(resources, number, nodes))
    return Share(
        1.0, f"auto: one GPU per worker, and no fraction fits: {_undivided(resources, nodes)}"
    )


def _undivided(resources: Resources, nodes: Sequence[Node]) -> str:
    """Return why a job does not fit even if workers share GPUs."""
    if not STRATEGIES[resources.parallel].shares_gpus:
        return f"parallel: {resources.parallel} divides a network among whole GPUs"
    if "CPUs" in lacking(resources.model_copy(update={"gpus": 0.0}), nodes):
        return "the hosts have too few CPUs"
    return f"at most {MOST_SHARERS} workers share one: each has a CUDA context of its own there"


def _none(nodes: Sequence[Node]) -> str:
    reasons = [node.lacking for node in nodes if node.lacking]
    return f"auto: {reasons[0] if reasons else 'no host has a GPU'}"


def _shared(resources: Resources, number: int, nodes: Sequence[Node]) -> str:
    if number == 1:
        return "auto: one GPU per worker"
    workers, gpus = resources.least_workers, sum(node.gpus for node in nodes)
    return f"auto: {workers} workers on {_amount(gpus, 'GPU')}, so {number} share one"


def preflight(
    requests: Sequence[JobRequest], nodes: Sequence[Node], limit: Node | None = None
) -> None:
    """Refuse requests that can never fit; `limit` is what an autoscaler may add up to.

    Raises:
        ClusterError: naming the job, what it needs and what the cluster has.
    """
    for requested, request in zip(requests, resolve(requests, nodes, limit), strict=True):
        if not _fits(request.resources, nodes) and not _may_fit(request.resources, limit):
            raise _too_small(requested, request.resources, nodes, limit)


def capacity(resources: Resources, nodes: Sequence[Node]) -> int:
    """Return how many workers of this size the hosts hold at once."""
    workers = sum(on_host(node.cpus, node.gpus, resources) for node in nodes)
    return min(workers, with_decoding(sum(node.cpus for node in nodes), resources))


def with_decoding(cpus: float, resources: Resources) -> int:
    """Return for how many workers these CPUs are enough, with those that decode for them."""
    return floor(cpus / (resources.cpus + resources.decode_cpus) + 1e-9)


def at_once(resources: Resources, nodes: Sequence[Node], limit: Node | None = None) -> int:
    """Return how many jobs of this size run at the same time, at least one.

    An elastic job counts with all the workers it may have: one job that trains on all hosts ends
    sooner than two jobs that each start on half of them.
    """
    whole = [limit] if limit else []
    workers = max(capacity(resources, nodes), capacity(resources, whole))
    return max(1, workers // resources.most_workers)


def expected(resources: Resources, nodes: Sequence[Node]) -> int:
    """Return how many workers a job begins with on these hosts, where it is elastic."""
    room = min(capacity(resources, nodes), resources.most_workers)
    return max(room, resources.least_workers)


def on_host(cpus: float, gpus: float, resources: Resources) -> int:
    """Return how many workers fit on a host with so many free CPUs and GPUs."""
    size = gpus_of(resources)
    by_gpu = inf if size == 0 else on_gpus(gpus, size)
    return int(min(floor(cpus / resources.cpus + 1e-9), by_gpu))


def on_gpus(gpus: float, size: float) -> int:
    """Return how many workers of `size` GPUs fit on `gpus`: none uses parts of two GPUs."""
    whole = floor(gpus + 1e-9)
    return whole * sharers(size) if size < 1 else whole // round(size)


def gpus_of(resources: Resources) -> float:
    """Return the GPUs of a worker, once `auto` is resolved."""
    assert resources.gpus != "auto", "resolve the requests first"
    return float(resources.gpus)


def mixed(resources: Resources, nodes: Sequence[Node]) -> str:
    """Return a warning where the workers of one job may get different GPUs, else an empty text."""
    kinds = sorted({kind for node in nodes if node.gpus for kind in node.types})
    if len(kinds) < 2 or resources.most_workers == 1 or not resources.gpus:
        return ""
    return (
        f"GPUs of {len(kinds)} kinds ({', '.join(kinds)}): the workers of a job wait for each "
        "other in every step, so all train at the speed of the slowest"
    )


def _fits(resources: Resources, nodes: Sequence[Node]) -> bool:
    return capacity(resources, nodes) >= resources.least_workers


def _may_fit(resources: Resources, limit: Node | None) -> bool:
    return limit is not None and _fits(resources, [limit])


def _too_small(
    request: JobRequest, resources: Resources, nodes: Sequence[Node], limit: Node | None
) -> ClusterError:
    hosts = [limit] if limit else list(nodes)
    cpus, gpus = resources.cpus + resources.decode_cpus, sum(node.gpus for node in hosts)
    needs = [_need(resources.least_workers, cpus, "CPU")]
    has = [_amount(sum(node.cpus for node in hosts), "CPU")]
    if gpus_of(resources):
        needs.append(_need(resources.least_workers, gpus_of(resources), "GPU"))
        has.append(_amount(gpus, "GPU"))
    where = f" on {len(hosts)} hosts" if len(hosts) > 1 else ""
    verb = "can grow to" if limit else "has"
    lacking = [node.lacking for node in nodes if node.lacking and gpus_of(resources)]
    return ClusterError(
        f"job {request.label or request.job.id} needs {' and '.join(needs)}, "
        f"the cluster {verb} {' and '.join(has)}{where}" + "".join(f"; {why}" for why in lacking),
        allowed="every worker lies on one host, and a fraction of a GPU on one GPU; "
        "all workers of a job run at the same time",
        next_step=f"{way_out(request.resources, hosts)}, or join a larger cluster",
    )


def way_out(resources: Resources, nodes: Sequence[Node]) -> str:
    """Return what to change in resources that do not fit, by what the hosts have too little of."""
    shared = resources.model_copy(update={"gpus": "auto"})
    if resources.gpus != "auto" and _fits(with_gpus(shared, nodes), nodes):
        if not sum(node.gpus for node in nodes):
            return (
                "set `gpus` to 0 or auto under `resources` to train on CPUs, or `compound doctor`"
            )
        return (
            "set `gpus: auto` under `resources`, which lets workers share GPUs, or fewer `workers`"
        )
    short = lacking(resources, nodes)
    keys = ["`workers`"]
    if "CPUs" in short:
        keys += ["`cpus`", *(["`decode_cpus`"] if resources.decode_cpus else [])]
    if "GPUs" in short and resources.gpus != "auto":
        keys.append("`gpus`")
    return f"lower {' or '.join(keys)} under `resources`"


def lacking(resources: Resources, nodes: Sequence[Node]) -> list[str]:
    """Return what the hosts have too little of for one job, of CPUs and GPUs.

    For `gpus: auto` the smallest fraction counts.
    """
    least, size = resources.least_workers, resources.gpus
    if size == "auto":
        smallest = part_for(MOST_SHARERS) if STRATEGIES[resources.parallel].shares_gpus else 1.0
        size = smallest if any(node.gpus for node in nodes) else 0.0
    by_cpu = capacity(resources.model_copy(update={"gpus": 0.0}), nodes)
    by_gpu = sum(on_gpus(node.gpus, size) for node in nodes) if size else least
    return [unit for unit, room in (("CPUs", by_cpu), ("GPUs", by_gpu)) if room < least]


def fitting(
    resources: Resources, nodes: Sequence[Node], batch: int
) -> Mapping[str, int | Literal["auto"]]:
    """Return the keys of resources to set so that one job fits; empty where nothing helps.

    Tried in this order: shared GPUs; as many workers as fit and divide `batch` images; fewer CPUs a
    worker.
    """
    shared: dict[str, int | Literal["auto"]] = {"gpus": "auto"}
    workers = [n for n in range(resources.least_workers - 1, 0, -1) if batch % n == 0]
    fewer: list[dict[str, int | Literal["auto"]]] = [{"workers": n} for n in workers]
    slower: list[dict[str, int | Literal["auto"]]]
    slower = [{"cpus": n} for n in range(resources.cpus - 1, 0, -1)]
    for edit in (shared, *fewer, *({**shared, **few} for few in fewer), *slower):
        try:
            sized = with_gpus(Resources.model_validate({**resources.model_dump(), **edit}), nodes)
        except ValueError:  # a single worker cannot divide a network
            continue
        if _fits(sized, nodes):
            return edit
    return {}


def _need(workers: int, size: float, unit: str) -> str:
    total = _amount(workers * size, unit)
    return f"{total} ({workers} workers x {size:g})" if workers > 1 else total


def _amount(number: float, unit: str) -> str:
    return f"{number:g} {unit}" + ("" if number == 1 else "s")
