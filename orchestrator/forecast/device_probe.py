"""`--probe`: measure the device that a study will run on, and keep what was found."""

from collections.abc import Callable

from compound.jobs.gpu.visible_gpus import gpus_here
from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.forecast.devices import kind_of
from compound.orchestrator.wording.numbers import counted
from compound.schemas.errors import ClusterError
from compound.schemas.machine.device import DeviceProfile
from compound.schemas.study import AnySpec

LIMIT = 60.0
"""Seconds that a probe may take."""


def probe_for(
    spec: AnySpec, address: str | None, tell: Callable[[str], None], limit: float = LIMIT
) -> DeviceProfile:
    """Measure one worker of a spec's jobs, here or on the cluster at `address`, and store it.

    `limit`: seconds that a probe here may take.

    Raises ClusterError: the cluster cannot be reached, or has no such worker.
    """
    store = ArtifactStore.open(spec.store)
    kind, resources, precision = kind_of(spec), spec.first_resources, spec.first_recipe.precision
    if address is None and kind == "cuda":
        _require_gpu()
    size = f"{counted(resources.cpus, 'CPU')} in {precision}, {limit:.0f} s at most"
    tell(f"probing one {kind} worker with {size}")
    # torch and scipy take seconds to import, and no plan without a probe needs them.
    from compound.jobs.probe.probe import probe

    local = address is None
    profile = (
        probe(kind, resources.cpus, limit, precision=precision)
        if local
        else _on_cluster(address, spec)
    )
    store.save_profile(profile)
    return profile


def _require_gpu() -> None:
    gpus = gpus_here()
    if not gpus.devices:
        raise ClusterError(
            f"there is no GPU to probe: {gpus.limitation}",
            allowed="a probe on the cluster that trains, or a spec whose search has `gpus: 0`",
            next_step="compound plan SPEC --probe --address HOST:PORT",
        )


def _on_cluster(address: str | None, spec: AnySpec) -> DeviceProfile:
    from compound.cluster.ray_session import connect
    from compound.cluster.remote_probe import probe_on

    with connect(address) as session:
        return probe_on(session, spec.first_resources, LIMIT, spec.first_recipe.precision)
