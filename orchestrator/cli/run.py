"""`compound run`: the whole way from a spec to its report."""

import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Literal

from compound.cluster.local_runner import LocalRunner, here
from compound.cluster.resources import Node
from compound.cluster.runner import Runner
from compound.jobs.data.source import inspect
from compound.jobs.models.scaled import Networks
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.folders.study_folder import StudyFolder
from compound.orchestrator.cli.allow_import import folders, networks_for
from compound.orchestrator.cli.printing.output import note
from compound.orchestrator.cli.report import report_or_reason
from compound.orchestrator.cli.run_summary import Reached, RunSummary, show
from compound.orchestrator.cli.status import say_failures
from compound.orchestrator.design.baseline import baseline_of
from compound.orchestrator.forecast.budget_check import check_budget
from compound.orchestrator.forecast.placement import decided, placed
from compound.orchestrator.forecast.prepare import Prepared, prepare, samples, with_plan
from compound.orchestrator.plan import plan_file
from compound.orchestrator.records.documents import SPENDING, Documents, documents
from compound.orchestrator.run.extend import require_extension
from compound.orchestrator.run.first_job_trace import Traced
from compound.orchestrator.run.observers import Observers
from compound.orchestrator.run.progress import Progress
from compound.orchestrator.run.spending import SpendingLimit
from compound.orchestrator.run.tracker_clients import opens
from compound.orchestrator.run.trackers import Trackers
from compound.orchestrator.run.trackers import check as check_trackers
from compound.orchestrator.spec.load import SpecFile, load
from compound.orchestrator.study import Outcome, Study
from compound.schemas.data import DataInfo
from compound.schemas.errors import CompoundError, RunError, SpecError
from compound.schemas.forecast import Spending, Spent
from compound.schemas.job import JobRequest
from compound.schemas.promotion import Asha
from compound.schemas.study import StudySpec, TrainSpec

if TYPE_CHECKING:
    from compound.cluster.gauges import StudyGauges

INTERRUPTED = 130


@dataclass(frozen=True)
class Options:
    """What the command line adds to a spec."""

    runner: Literal["ray", "local"]
    address: str | None
    retry_failed: bool
    as_json: bool
    plan: Path | None = None
    """Run exactly this plan, or refuse."""
    allow_import: bool = False
    profile: bool = False
    """Trace a few steps of the first job of every phase."""
    report: bool = True
    """Draw the report."""
    resume: str = ""
    """The command that resumes; by default `compound run` with the spec."""


def run(path: Path | None, overrides: list[str], options: Options) -> None:
    """Run or resume a study, print what it found, and exit 130 if it was interrupted."""
    run_file(source(path, overrides, options), options)


def run_file(file: SpecFile, options: Options) -> None:
    """Run a spec that was read already; see `run`. ReportError: all but the report is done."""
    ending = run_to_end(file, options)
    store, found = _stored_documents(file)
    resume = options.resume or f"compound run {file.source.name}"
    shown = RunSummary(ending, resume, as_json=options.as_json, drawn=options.report)
    missing = show(store, found, shown)
    say_failures(store, found)
    if ending == "stopped":
        sys.exit(INTERRUPTED)
    if missing:
        raise missing


def run_to_end(file: SpecFile, options: Options) -> Reached:
    """Run a spec to its end or its interruption; where it fails, with the report of how far."""
    try:
        return _carry_out(file, options)
    except RunError as error:
        store, found = _stored_documents(file)
        if options.report:
            note(f"report: {report_or_reason(store, found)}")
        say_failures(store, found)
        raise file.explain(error) from None
    except CompoundError as error:
        raise file.explain(error) from None


def _stored_documents(file: SpecFile) -> tuple[ArtifactStore, Documents]:
    """Return what a run has left in the store."""
    store = ArtifactStore.open(file.spec.store, patient=True)
    found = documents(store.study(file.spec.name))
    assert found is not None, "a run writes its spec before anything fails"
    return store.knowing(file.spec.name), found


def source(path: Path | None, overrides: list[str], options: Options) -> SpecFile:
    """Return the spec to run, with a store that lasts."""
    return _with_lasting_store(_source(path, overrides, options))


def _source(path: Path | None, overrides: list[str], options: Options) -> SpecFile:
    """Return the spec named, or the one that a plan was made from."""
    if options.plan is None and path is not None:
        return load(path, overrides)
    if options.plan is None or path is not None or overrides:
        raise SpecError(
            "run takes a spec, with `--set` if need be, or else a plan",
            next_step="compound run SPEC, or compound run --plan plan.json",
        )
    return plan_file.check(plan_file.read(options.plan), options.plan)


def _with_lasting_store(file: SpecFile) -> SpecFile:
    # Only a job that was submitted to Ray can need another: elsewhere nothing waits for Ray.
    if "runtime_resources" not in Path.cwd().parts:
        return file
    from compound.cluster.ray_jobs import lasting

    store = lasting(file.spec.store)
    if store != file.spec.store:
        note(f"store: {store} (a submitted job's own folder does not last)")
    return replace(file, spec=file.spec.model_copy(update={"store": store}))


def _carry_out(file: SpecFile, options: Options) -> Reached:
    """Check everything that can be checked first; then hold the lease and train."""
    spec = file.spec
    asha = _asha(file, options)
    check_trackers(spec)
    store = ArtifactStore.open(spec.store)
    folder = store.study(spec.name)
    networks = networks_for(file, "run", options.allow_import)
    with folder.lease(_holder()):
        info = inspect(spec.data)
        _say_quarantine(info)
        prepared = _prepared(spec, info, store, networks, options)
        require_extension(documents(folder), prepared.plan)
        check_budget(spec, prepared.forecast)
        with ExitStack() as stack:
            imports = folders(file, options.allow_import)
            runner, nodes, most = _runner(
                samples(prepared, networks), options, imports, asha, stack
            )
            if options.plan is not None:
                given, found = plan_file.read(options.plan), placed(spec, nodes, most)
                plan_file.check_devices(given, found, options.plan)
            for text in decided(spec, nodes, most):
                note(text)
            runner = Traced(runner, store, note) if options.profile else runner
            meter = _meter(runner, spec.budget, nodes, folder, most)
            stack.enter_context(_signals(meter))
            gauges = _gauges(spec.name) if options.runner == "ray" else None
            trackers = Trackers(spec.name, store, opens(spec.trackers), note)
            stack.callback(trackers.close)
            watch = Observers(Progress(note), gauges, folder.append_event, trackers)
            text, retry = file.source.text, options.retry_failed
            study = Study(spec, text, store, meter, watch, retry, networks)
            return _reached(study.run(prepared.plan), meter)


def _meter(
    runner: Runner,
    budget: Spending,
    nodes: Sequence[Node],
    folder: StudyFolder,
    most: Node | None,
) -> SpendingLimit:
    """Count on from what the study took in earlier calls."""
    spent = folder.read(SPENDING, Spent) or Spent()

    def keep(taken: Spent) -> None:
        folder.write(SPENDING, taken)

    return SpendingLimit(runner, budget, nodes, spent, keep, most)


def _reached(outcome: Outcome, meter: SpendingLimit) -> Reached:
    """Tell a stop at the budget's limit from any other."""
    if not meter.limit or outcome != "stopped":
        return outcome
    note(f"stopped at the budget's limit: {meter.limit}")
    return "spent"


def _asha(file: SpecFile, options: Options) -> Asha | None:
    """Return what stops jobs early. SpecError: only Ray can, and the runner is another."""
    search = file.spec.search if isinstance(file.spec, StudySpec) else None
    asha = search.promotion if search and isinstance(search.promotion, Asha) else None
    if asha and options.runner == "local":
        raise SpecError(
            "promotion `asha` is Ray's scheduler, and the local runner trains without Ray",
            where="search.promotion",
            allowed="`kind: rungs`, which works with every runner",
            next_step=f"compound run {file.source.name}    # on Ray",
        )
    return asha


def _prepared(
    spec: StudySpec | TrainSpec,
    info: DataInfo,
    store: ArtifactStore,
    networks: Networks,
    options: Options,
) -> Prepared:
    """Return what a plan file planned, or plan now. PlanError: the data are not those planned."""
    if options.plan is None:
        return prepare(spec, info, store, networks)
    given = plan_file.read(options.plan)
    plan_file.check_data(given, info, options.plan)
    plan_file.check_network(given, baseline_of(spec, info, networks), options.plan)
    return with_plan(spec, given.plan, given.profile, store, networks)


def _holder() -> dict[str, str]:
    return {"job": os.environ.get("RAY_JOB_ID", ""), "host": socket.gethostname()}


def _say_quarantine(info: DataInfo) -> None:
    for line in info.quarantined[:5]:
        note(f"left out: {line}")
    if len(info.quarantined) > 5:
        note(f"left out: {len(info.quarantined)} images in all; the report names them")


def _runner(
    requests: list[JobRequest],
    options: Options,
    imports: tuple[str, ...],
    asha: Asha | None,
    stack: ExitStack,
) -> tuple[Runner, Sequence[Node], Node | None]:
    """Choose the runner, with its hosts and what they may grow to.

    ClusterError: what any of the requests asks for can never be had there.
    """
    if options.runner == "local":
        local = LocalRunner(imports)
        local.preflight(requests)
        return local, [here()], None
    from compound.cluster.ray_session import (
        connect,  # the local runner trains where there is no Ray
    )
    from compound.cluster.trials.ray_runner import RayRunner

    session = stack.enter_context(connect(options.address))
    runner = RayRunner(session, imports=imports, asha=asha)
    runner.preflight(requests)
    if session.dashboard_url:
        note(f"Ray dashboard: {session.dashboard_url}")
    return runner, session.nodes, session.limit


def _gauges(study: str) -> "StudyGauges":
    from compound.cluster.gauges import StudyGauges

    return StudyGauges(study)


@contextmanager
def _signals(runner: Runner) -> Iterator[None]:
    """Stop at the next checkpoint at the first signal, and at once at the second."""

    def handle(number: int, frame: FrameType | None) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.default_int_handler)
        note("stopping after the running epochs; once more stops at once")
        runner.request_stop()

    before = {each: signal.signal(each, handle) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, old in before.items():
            signal.signal(each, old)
