"""What a run refuses before its first job: `validate`, `plan` and `run` refuse it alike."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from compound.cluster.resources import preflight
from compound.jobs.data.source import inspect, summarise
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.backend.open_files import files_at
from compound.orchestrator.forecast.budget_check import check_budget
from compound.orchestrator.forecast.devices import nodes_of
from compound.orchestrator.forecast.placement import edits, misplaced, trains_elsewhere
from compound.orchestrator.records.documents import Documents, documents
from compound.orchestrator.run.extend import require_extension, require_unselected
from compound.orchestrator.run.trackers import check as check_trackers
from compound.orchestrator.wording.commands import command
from compound.schemas.data import DataInfo, DataSpec, DigitsData, IdxData, SyntheticData
from compound.schemas.errors import ClusterError, NoStoreError
from compound.schemas.job import JobRequest
from compound.schemas.store_uri import bucket_of
from compound.schemas.study import AnySpec

if TYPE_CHECKING:
    from compound.orchestrator.prepare import Prepared

FEW_IMAGES = 500
"""Up to so many are decoded by `plan` and `validate`: they answer within seconds."""


def refuse_first(spec: AnySpec) -> None:
    """Refuse what the spec alone decides, beside its keys. SpecError, PlanError."""
    check_trackers(spec)
    require_unselected(spec)


def store_there(uri: str) -> ArtifactStore | None:
    """Open a store for reading; None where there is none yet, but may be one.

    StoreError: it cannot be read, or a folder cannot be written.
    """
    try:
        return ArtifactStore.open(uri, create=False)
    except NoStoreError:
        if not bucket_of(uri):
            files_at(uri)[0].prove_writable()
        return None


def looked_at(data: DataSpec) -> DataInfo:
    """Describe the data; decode them where there are few. DataError: they are unfit."""
    info = summarise(data)
    return inspect(data) if is_decoded(data, info) else info


def is_decoded(data: DataSpec, info: DataInfo) -> bool:
    """Whether every image is decoded before a run is advised."""
    if isinstance(data, DigitsData | IdxData | SyntheticData):
        return True
    return info.train + info.validation + info.test <= FEW_IMAGES


def refuse(
    prepared: "Prepared", requests: Sequence[JobRequest], address: str | None = None
) -> None:
    """Refuse a plan that a run would refuse; `requests`: some of its jobs, of every kind.

    PlanError: the study of its name is another one, or the budget is too small. ClusterError: a
    job never fits this machine, if it is here that the study trains.
    """
    require_extension(begun(prepared.spec), prepared.plan)
    check_budget(prepared.spec, prepared.forecast)
    require_room(prepared.spec, requests, address)


def begun(spec: AnySpec) -> Documents | None:
    """Return what a study has left in its store; None before it has begun."""
    store = store_there(spec.store)
    is_there = store is not None and spec.name in store.studies()
    return documents(store.study(spec.name)) if store and is_there else None


def require_room(spec: AnySpec, requests: Sequence[JobRequest], address: str | None) -> None:
    """Refuse jobs that never fit this machine. ClusterError says which, and what to set."""
    if trains_elsewhere(spec, address):
        return
    nodes = nodes_of(spec)
    try:
        preflight(requests, nodes)
    except ClusterError as error:
        error.where = misplaced(spec, nodes)
        if settings := edits(spec, nodes):
            error.next_step = f"{command('plan', ('SPEC',), settings)}    # or {error.next_step}"
        raise


def unchecked(prepared: "Prepared", address: str | None = None) -> Sequence[str]:
    """Say what only the run will see."""
    spec, info = prepared.spec, prepared.plan.data
    images = info.train + info.validation + info.test
    elsewhere = trains_elsewhere(spec, address)
    return [
        *(
            [f"whether all {images:,} images can be decoded: `compound data SPEC` looks at each"]
            if not is_decoded(spec.data, info)
            else []
        ),
        *([f"whether the jobs fit the hosts of {elsewhere}"] if elsewhere else []),
        *(["whether objects can be put into the bucket"] if "://" in spec.store else []),
    ]
