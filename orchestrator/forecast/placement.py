"""What the jobs of each phase are given on given hosts, and why: `gpus: auto` decided."""

import os
from collections.abc import Iterator, Sequence

from compound.cluster.resources import (
    Node,
    at_once,
    capacity,
    fitting,
    gpus_of,
    mixed,
    share,
    with_gpus,
)
from compound.jobs.gpu.visible_gpus import NO_DRIVER, sharers
from compound.orchestrator.wording.numbers import counted
from compound.schemas.forecast import Phase, Placed
from compound.schemas.job import Resources
from compound.schemas.study import AnySpec


def placed(spec: AnySpec, nodes: Sequence[Node], limit: Node | None = None) -> tuple[Placed, ...]:
    """Decide what each phase's jobs are given on these hosts; `limit`: what they may grow to."""
    return tuple(
        placed_phase(phase, resources, nodes, limit) for phase, resources in spec.phases.items()
    )


def placed_phase(
    phase: Phase, resources: Resources, nodes: Sequence[Node], limit: Node | None = None
) -> Placed:
    """Decide what the jobs of one phase are given on these hosts."""
    sized = with_gpus(resources, nodes, limit)
    grown = [limit] if limit else []
    room = max(capacity(sized, nodes), capacity(sized, grown))
    fits = room >= sized.least_workers
    return Placed(
        phase=phase,
        workers=sized.most_workers,
        least_workers=sized.least_workers,
        cpus=sized.cpus,
        gpus=gpus_of(sized),
        asked=resources.gpus,
        why=share(resources, nodes, limit).why if resources.gpus == "auto" else "",
        at_once=at_once(sized, nodes, limit) if fits else 0,
        fits=fits,
        lacking=next((node.lacking for node in nodes if node.lacking), ""),
    )


def trains_elsewhere(spec: AnySpec, address: str | None = None) -> str:
    """Say what names a cluster on which a study trains; "" where it trains on this machine."""
    if spec.cluster is not None:
        return "`cluster` in the spec"
    joined = address or os.environ.get("RAY_ADDRESS")
    return f"the Ray at {joined}" if joined not in (None, "", "local") else ""


def edits(spec: AnySpec, nodes: Sequence[Node]) -> list[str]:
    """Return the keys to set, each as `key=value`, so that every phase's jobs fit on these hosts.

    A phase for which nothing would do adds none.
    """
    settings = []
    for phase, resources in spec.phases.items():
        if placed_phase(phase, resources, nodes).fits:
            continue
        recipe = spec.first_recipe if phase in ("search", "gate") else spec.train
        batch = recipe.batch // recipe.accumulate
        settings += [
            f"{_key_of(phase)}.{k}={v}" for k, v in fitting(resources, nodes, batch).items()
        ]
    return [*dict.fromkeys(settings)]


def misplaced(spec: AnySpec, nodes: Sequence[Node]) -> str:
    """Return the key of the first phase whose jobs do not fit; "" where all do."""
    phases = spec.phases.items()
    return next((_key_of(p) for p, r in phases if not placed_phase(p, r, nodes).fits), "")


def _key_of(phase: Phase) -> str:
    """Return the key that has the resources of a phase's jobs."""
    if phase == "train":
        return "resources"
    return "resources.search" if phase in ("search", "gate") else "resources.family"


def sentence(placed: Placed, at_once: str = "") -> str:
    """Say what a phase's jobs are given, and why: 2 workers x (1 CPU, 0.5 GPUs).

    `at_once`: how many such jobs run at the same time, where that is known of the runner.
    """
    least, most = placed.least_workers, placed.workers
    workers = counted(most, "worker") if least == most else f"{least} to {most} workers"
    gpus = f"{placed.gpus:g} GPU{'' if placed.gpus == 1 else 's'}" if placed.gpus else "no GPU"
    size = f"{workers} x ({counted(placed.cpus, 'CPU')}, {gpus})"
    parts = [", ".join(filter(None, (size, at_once))), placed.why]
    if 0 < placed.gpus < 1 and most > 1:
        parts.append("gloo exchanges the gradients, because NCCL needs a whole GPU per worker")
    return f"{placed.phase} jobs: {'; '.join(filter(None, parts))}"


def decided(spec: AnySpec, nodes: Sequence[Node], limit: Node | None) -> Iterator[str]:
    """Yield what `gpus: auto` has come to on the hosts that train, and what to beware of."""
    yield from (sentence(phase) for phase in placed(spec, nodes, limit) if phase.asked == "auto")
    yield from (f"warning: {text}" for text in placement_warnings(spec, nodes, limit))


def placement_warnings(
    spec: AnySpec, nodes: Sequence[Node], limit: Node | None = None
) -> Iterator[str]:
    """Yield what people should know of the resources that a spec asks for."""
    sizes = {phase: with_gpus(requested, nodes, limit) for phase, requested in spec.phases.items()}
    first = next(iter(sizes.values()))
    for phase, resources in spec.phases.items():
        sized = sizes[phase]
        size = gpus_of(sized)
        if bool(size) != bool(gpus_of(first)):
            kinds = "CPUs" if size else "GPUs"
            yield f"{phase}: times and memory are those of {kinds}, as the search trains on {kinds}"
        if text := mixed(sized, nodes):
            yield f"{phase}: {text}"
        if (number := sharing(sized)) > 1:
            yield (
                f"{phase}: {number} workers take turns on a GPU: their times are predicted, "
                "never measured on a shared GPU"
            )
        if size >= 2:
            idle = counted(round(size) - 1, "GPU")
            yield f"{phase}: a worker trains on one GPU, so {idle} of its {size:g} would be idle"
        if resources.gpus == "auto" and not size:
            yield from _left_out(phase, nodes)


def _left_out(phase: Phase, nodes: Sequence[Node]) -> Iterator[str]:
    """Say that `auto` came to train on CPUs beside GPUs that cannot be used."""
    reasons = [node.lacking for node in nodes if node.lacking and NO_DRIVER not in node.lacking]
    if reasons:
        yield f"{phase}: auto trains on CPUs: {reasons[0]}; `compound doctor` says what to do"


def sharing(resources: Resources) -> int:
    """Return how many workers share a GPU where it is full; 1 for those with whole ones."""
    size = gpus_of(resources)
    return sharers(size) if 0 < size < 1 else 1
