"""What a run is made of: the runner, the spending limit, the trackers and the observers."""

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Literal

from compound.cluster.resources import Node
from compound.cluster.runner import Runner
from compound.jobs.runtime.temporary_folder import sweep
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.folders.study_folder import StudyFolder
from compound.jobs.wording.interrupted import raise_swallowed
from compound.orchestrator.forecast.budget_check import spent_amounts
from compound.orchestrator.records.documents import SPENDING
from compound.orchestrator.records.job_list import planned_lines
from compound.orchestrator.run.observers import Observers
from compound.orchestrator.run.phase_order import following
from compound.orchestrator.run.progress import Progress
from compound.orchestrator.run.spending import SpendingLimit
from compound.orchestrator.run.trackers import Opens, Trackers
from compound.schemas.job import JobRequest
from compound.schemas.retries import RetryLimits
from compound.schemas.spending import Spent
from compound.schemas.store_uri import masked
from compound.schemas.study import AnySpec, Tracker

if TYPE_CHECKING:
    from compound.cluster.gauges import StudyGauges

Note = Callable[[str], None]
Screen = Callable[[Progress], AbstractContextManager[object]]
"""Shows how far a run is, for a while."""
RunnerName = Literal["ray", "local"]


@dataclass(frozen=True)
class Backend:
    """A runner with its hosts."""

    name: RunnerName
    runner: Runner
    nodes: Sequence[Node]
    limit: Node | None
    """What an autoscaler may grow the hosts to."""


@contextmanager
def started(
    name: RunnerName,
    address: str | None,
    requests: list[JobRequest],
    *,
    limits: RetryLimits,
    imports: tuple[str, ...],
    note: Note,
) -> Iterator[Backend]:
    """Start a runner. ClusterError: its hosts can never fit one of the requests."""
    # What a killed run has left: also where this one needs no folder for temporary files itself.
    sweep()
    # Either runner is imported only where it runs: the local one trains on machines without Ray.
    if name == "local":
        if "torch" not in sys.modules:
            note("importing torch ...")
        from compound.cluster.local_runner import LocalRunner, this_machine

        local = LocalRunner(imports, limits=limits)
        local.preflight(requests)
        yield Backend(name, local, [this_machine()], None)
        return
    note(_beginning(address or os.environ.get("RAY_ADDRESS", "")))
    from compound.cluster.ray_session import connect
    from compound.cluster.trials.ray_runner import RayRunner

    with connect(address) as session:
        runner = RayRunner(session, limits=limits, imports=imports)
        runner.preflight(requests)
        if session.dashboard_url:
            note(f"Ray dashboard: {session.dashboard_url}")
        yield Backend(name, runner, session.nodes, session.limit)


def _beginning(address: str) -> str:
    """Say what takes seconds, as `connect` will do it."""
    if address in ("", "local"):
        return "starting Ray ..."
    return f"joining the Ray cluster at {masked(address)} ..."


@contextmanager
def assembled(
    spec: AnySpec,
    store: ArtifactStore,
    backend: Backend,
    *,
    profile: bool,
    note: Note,
    screen: Screen = nullcontext,
) -> Iterator[tuple[SpendingLimit, Observers]]:
    """Put the spending limit before a runner, and the observers behind it.

    The first SIGINT or SIGTERM stops after the running epochs, the second one at once.
    `profile`: trace a few steps of the first job of every phase; `screen` shows the progress.
    """
    runner = _traced(backend.runner, store, note) if profile else backend.runner
    folder = store.study(spec.name)
    limited = _limited(spec, folder, backend, runner)
    with ExitStack() as stack:
        stack.callback(folder.list_unlisted)
        stack.enter_context(_stopped_by_signals(limited, note))
        gauges = _gauges(spec.name) if backend.name == "ray" else None
        trackers = Trackers(spec.name, store, _clients(spec.trackers), note)
        stack.callback(trackers.close)
        log = store.study(spec.name).append_event
        driver = f"{socket.gethostname()}/{os.getpid()}"
        progress = Progress(
            note,
            partial(planned_lines, folder, spec),
            partial(_spent, limited),
            partial(following, spec),
        )
        stack.enter_context(screen(progress))
        stack.callback(progress.end_phase)
        yield limited, Observers(progress, gauges, log, driver, trackers)


def _spent(limited: SpendingLimit) -> str:
    return ", ".join(spent_amounts(limited.budget, limited.spent))


def _clients(names: Sequence[Tracker]) -> dict[Tracker, Opens]:
    """Return what opens the clients of trackers; few studies have any."""
    if not names:
        return {}
    from compound.orchestrator.run.tracker_clients import opens

    return opens(names)


def _traced(runner: Runner, store: ArtifactStore, note: Note) -> Runner:
    from compound.orchestrator.run.first_job_trace import Traced

    return Traced(runner, store, note)


def _limited(spec: AnySpec, folder: StudyFolder, backend: Backend, runner: Runner) -> SpendingLimit:
    """Continue from what the study spent in earlier calls."""
    spent = folder.read(SPENDING, Spent) or Spent()

    def keep(total: Spent) -> None:
        folder.write(SPENDING, total, listed=False)

    return SpendingLimit(runner, spec.budget, backend.nodes, spent, keep, backend.limit)


def _gauges(study: str) -> "StudyGauges":
    from compound.cluster.gauges import StudyGauges

    return StudyGauges(study)


@contextmanager
def _stopped_by_signals(runner: Runner, note: Note) -> Iterator[None]:
    signals = (signal.SIGINT, signal.SIGTERM)

    def handle(number: int, frame: FrameType | None) -> None:
        # Python's own handler raises KeyboardInterrupt, which ends waiting for Ray at once.
        for name in signals:
            signal.signal(name, signal.default_int_handler)
        note("stopping after the running epochs; press Ctrl-C again to stop immediately")
        runner.request_stop()

    raise_swallowed()
    before = {name: signal.signal(name, handle) for name in signals}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
