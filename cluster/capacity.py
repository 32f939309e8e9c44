"""What fits where: arithmetic over hosts, without Ray."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, inf

from schemas.errors import ClusterError
from schemas.job import JobRequest, Resources


@dataclass(frozen=True)
class Node:
    """What one host gives to jobs."""

    cpus: float
    gpus: float
    host: str


def resolve(requests: Sequence[JobRequest], nodes: Sequence[Node]) -> list[JobRequest]:
    """Return the requests with `gpus: auto` decided: one where the cluster has any, else none."""
    return [
        request.model_copy(update={"resources": with_gpus(request.resources, nodes)})
        if request.resources.gpus == "auto"
        else request
        for request in requests
    ]


def with_gpus(resources: Resources, nodes: Sequence[Node]) -> Resources:
    """Decide `gpus: auto`."""
    if resources.gpus != "auto":
        return resources
    found = 1.0 if any(node.gpus for node in nodes) else 0.0
    return resources.model_copy(update={"gpus": found})


def preflight(
    requests: Sequence[JobRequest], nodes: Sequence[Node], limit: Node | None = None
) -> None:
    """Refuse requests that can never fit; `limit` is what an autoscaler may add up to.

    Raises:
        ClusterError: naming the job, what it needs and what the cluster has.
    """
    for request in resolve(requests, nodes):
        if not _fits(request.resources, nodes) and not _may_fit(request.resources, limit):
            raise _too_small(request, nodes, limit)


def capacity(resources: Resources, nodes: Sequence[Node]) -> int:
    """Return how many workers of this size the hosts hold at once."""
    workers = sum(_on(node, resources) for node in nodes)
    return min(workers, with_decoding(sum(node.cpus for node in nodes), resources))


def with_decoding(cpus: float, resources: Resources) -> int:
    """Return for how many workers so many CPUs do, with those that decode for them elsewhere."""
    return floor(cpus / (resources.cpus + resources.decode_cpus) + 1e-9)


def at_once(resources: Resources, nodes: Sequence[Node], limit: Node | None = None) -> int:
    """Return how many jobs of this size run at the same time, at least one.

    An elastic job is reckoned with all the workers it may have: one job that trains on everything
    ends sooner than two that share it and start with its halves.
    """
    whole = [limit] if limit else []
    workers = max(capacity(resources, nodes), capacity(resources, whole))
    return max(1, workers // resources.most_workers)


def expected(resources: Resources, nodes: Sequence[Node]) -> int:
    """Return how many workers an elastic job begins with on these hosts; its number otherwise."""
    room = min(capacity(resources, nodes), resources.most_workers)
    return max(room, resources.least_workers)


def _on(node: Node, resources: Resources) -> int:
    gpus = gpus_of(resources)
    by_gpu = inf if gpus == 0 else floor(node.gpus / gpus + 1e-9)
    return int(min(floor(node.cpus / resources.cpus), by_gpu))


def gpus_of(resources: Resources) -> float:
    """Return the GPUs of a worker, once `auto` is resolved."""
    assert resources.gpus != "auto", "resolve the requests first"
    return float(resources.gpus)


def _fits(resources: Resources, nodes: Sequence[Node]) -> bool:
    return capacity(resources, nodes) >= resources.least_workers


def _may_fit(resources: Resources, limit: Node | None) -> bool:
    return limit is not None and _fits(resources, [limit])


def _too_small(request: JobRequest, nodes: Sequence[Node], limit: Node | None) -> ClusterError:
    resources, hosts = request.resources, [limit] if limit else list(nodes)
    each = resources.cpus + resources.decode_cpus
    needs = [_need(resources.least_workers, each, "CPU")]
    has = [_amount(sum(node.cpus for node in hosts), "CPU")]
    if gpus_of(resources):
        needs.append(_need(resources.least_workers, gpus_of(resources), "GPU"))
        has.append(_amount(sum(node.gpus for node in hosts), "GPU"))
    where = f" on {len(hosts)} hosts" if len(hosts) > 1 else ""
    verb = "can grow to" if limit else "has"
    return ClusterError(
        f"job {request.label or request.job.id} needs {' and '.join(needs)}, "
        f"the cluster {verb} {' and '.join(has)}{where}",
        allowed="every worker lies on one host; all workers of a job run at the same time",
        next_step="lower `workers`, `cpus` or `gpus` under `resources`, or join a larger cluster",
    )


def _need(workers: int, each: float, unit: str) -> str:
    total = _amount(workers * each, unit)
    return f"{total} ({workers} workers x {each:g})" if workers > 1 else total


def _amount(number: float, unit: str) -> str:
    return f"{number:g} {unit}" + ("" if number == 1 else "s")
