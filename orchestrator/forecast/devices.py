"""Which device a study will run on, as far as can be known before it does."""

import os
from collections.abc import Iterable, Iterator

from compound.cluster.resources import Node
from compound.jobs.device_model import PROCESS_BYTES, Kind, corrected, describe, guess
from compound.jobs.gpu.visible_gpus import Gpus, gpus_here
from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.forecast.job_cost import CostModel
from compound.schemas.forecast import GIB
from compound.schemas.job import JobRequest
from compound.schemas.machine.device import DeviceProfile
from compound.schemas.spending import Hosts
from compound.schemas.study import AnySpec

_ENOUGH = 1_000
"""Jobs whose times correct a forecast; of more, an even choice: their median is the same."""


def hosts_of(spec: AnySpec) -> Hosts:
    """Return the cluster that a spec names, or else this machine."""
    return spec.cluster or Hosts(cpus=os.cpu_count() or 1, gpus=len(gpus_here().devices))


def nodes_of(spec: AnySpec) -> tuple[Node, ...]:
    """Return the same, host by host, with what is known of this machine's GPUs."""
    hosts, gpus = hosts_of(spec), Gpus() if spec.cluster else gpus_here()
    node = Node(hosts.cpus, hosts.gpus, host="", types=gpus.types, lacking=gpus.limitation)
    return (node,) * hosts.nodes


def _sized(guessed: DeviceProfile, spec: AnySpec) -> DeviceProfile:
    """Give a guess the memory of this machine's smallest GPU, where the study will run on it."""
    gpus = () if spec.cluster or guessed.kind == "cpu" else gpus_here().devices
    sizes = [gpu.memory for gpu in gpus if gpu.memory is not None]
    if not sizes:
        return guessed
    # A CUDA context occupies its bytes on the GPU before torch allocates anything.
    return guessed.model_copy(update={"memory": min(sizes) - PROCESS_BYTES})


def unsized(spec: AnySpec, profile: DeviceProfile) -> Iterator[str]:
    """Say of which GPUs of this machine a guess does not know the memory."""
    if spec.cluster or profile.kind == "cpu" or profile.source != "guess":
        return
    names = [gpu.name for gpu in gpus_here().devices if gpu.memory is None]
    if names:
        yield (
            f"the driver does not say how much memory {' and '.join(dict.fromkeys(names))} has: "
            f"{profile.memory / GIB:.1f} GiB are a guess; --probe or `cluster.memory` corrects it"
        )


def kind_of(spec: AnySpec) -> Kind:
    """Return what the jobs of a spec will run on: GPUs where any are asked for or `auto` finds."""
    gpus = spec.first_resources.gpus
    return "cuda" if (gpus if gpus != "auto" else hosts_of(spec).gpus) else "cpu"


def profile_of(spec: AnySpec, store: ArtifactStore | None) -> DeviceProfile:
    """Return the model of the device that a spec's jobs will run on.

    It is the one that a probe left in the store: for this machine's own device, or else, where
    the study runs elsewhere, the last one of the same kind. Without any it is a guess.
    """
    kind, threads = kind_of(spec), spec.first_resources.cpus
    profiles = [p for p in store.profiles() if p.kind == kind] if store else []
    local = [p for p in profiles if p.device == describe(kind, threads)]
    elsewhere = profiles if spec.cluster or kind == "cuda" else []
    return next(
        iter([*local, *elsewhere]), _sized(guess(kind, threads, spec.first_recipe.precision), spec)
    )


def corrected_profile(
    cost_model: CostModel, requests: Iterable[JobRequest], store: ArtifactStore | None
) -> DeviceProfile:
    """Return the cost_model's device, its times corrected by the jobs that it has finished."""
    profile = cost_model.profile
    if store is None:
        return profile
    # One listing of the jobs' folder costs less than a request for each job of a bucket.
    begun = set(store.jobs())
    begun_requests = {request.job.id: request for request in requests if request.job.id in begun}
    results = store.results([*begun_requests][:: 1 + len(begun_requests) // _ENOUGH]).values()
    done = [result for result in results if result.status == "done" and result.attempt == 1]
    comparable = [r for r in done if r.device == profile.device]
    predicted = cost_model.demands([begun_requests[r.job] for r in comparable])
    demands = [(r.seconds, predicted[r.job]) for r in comparable]
    worked, launched = (
        [(seconds, demand.seconds) for seconds, demand in demands if demand.bound == bound]
        for bound in ("device", "launch")
    )
    return corrected(profile, worked, launched)
