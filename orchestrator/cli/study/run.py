"""`compound run`: the whole way from a spec to its report."""

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from compound.jobs.data.source import inspect
from compound.jobs.host.users_compound import WAY_OUT, users_compound
from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.analyse.after_failures import after_failures
from compound.orchestrator.analyse.failed_jobs import Group
from compound.orchestrator.cli.parsing.allow_import import folders, networks_for
from compound.orchestrator.cli.printing.closed_streams import unread_output
from compound.orchestrator.cli.printing.output import note
from compound.orchestrator.cli.printing.progress_screen import screen
from compound.orchestrator.cli.study.failures import say_failures, stored_failures
from compound.orchestrator.cli.study.run_summary import (
    Reached,
    RunSummary,
    Summarised,
    further,
    show,
)
from compound.orchestrator.cli.study.spec_to_run import source
from compound.orchestrator.design.baseline import baseline_of
from compound.orchestrator.forecast.budget_check import check_budget, unlimited
from compound.orchestrator.forecast.placement import decided, placed
from compound.orchestrator.kinds.all_kinds import KINDS
from compound.orchestrator.plan import plan_file
from compound.orchestrator.plan.too_little import too_little
from compound.orchestrator.prepare import Prepared, prepare, samples, with_plan
from compound.orchestrator.records.documents import Documents, documents, written
from compound.orchestrator.refusals import refuse_first, require_room
from compound.orchestrator.run.assemble import Backend, RunnerName, assembled, started
from compound.orchestrator.run.extend import require_extension, say_other_defaults
from compound.orchestrator.spec.anywhere import anywhere
from compound.orchestrator.spec.load import SpecFile
from compound.orchestrator.study import Outcome, Study
from compound.orchestrator.wording.commands import Value, command
from compound.orchestrator.wording.ledger_text import data_lines
from compound.schemas.errors import (
    CompoundError,
    RunError,
    after_jobs,
    end_with,
)

if TYPE_CHECKING:
    from compound.jobs.models.scaled import Networks
    from compound.orchestrator.run.spending import SpendingLimit
    from compound.schemas.data import DataInfo
    from compound.schemas.study import AnySpec


@dataclass(frozen=True)
class Options:
    """What the command line adds to a spec."""

    runner: RunnerName
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
    fast_dev_run: bool = False
    """Two batches of every job; keep nothing."""
    resume: str = ""
    """The command that resumes; by default `again`."""
    reads_test: bool = True
    """Evaluate on the test part at the end; a rehearsal does not see it."""

    def again(self, file: SpecFile, *, sets: Sequence[str] = (), **changes: Value) -> str:
        """Return the command as it was typed, with changes, and the grant that the spec needs."""
        options: dict[str, Value] = {
            "fast_dev_run": self.fast_dev_run,
            "runner": self.runner if self.runner != "ray" else None,
            "address": self.address,
            "retry_failed": self.retry_failed,
            "profile": self.profile,
            "no_report": not self.report,
            "json": self.as_json,
            **changes,
        }
        if self.resume:
            return command("run", ("SPEC",), sets, **options) if sets else self.resume
        if self.plan is None or sets:
            return file.command("run", sets, **options)
        return command("run", plan=self.plan, allow_import=file.is_code, **options)

    def anywhere(self, file: SpecFile, previous: Documents | None) -> str:
        """Return the command that goes on with a study from any folder.

        A retry by name runs the stored spec, which is no file: the command before stays.
        """
        if self.resume:
            return previous.record.resume if previous else ""
        plan = self.plan.resolve() if self.plan else None
        return replace(self, plan=plan).again(anywhere(file), retry_failed=None)

    def retry(self, study: str, store: str, *, is_code: bool) -> str:
        """Return the command that retries a study's failed jobs on the same runner."""
        return command(
            "retry",
            (study,),
            store=store,
            runner=self.runner if self.runner != "ray" else None,
            address=self.address,
            allow_import=is_code,
            json=self.as_json,
        )


def run(path: Path | None, overrides: list[str], options: Options) -> None:
    """Run or resume the study of a spec or a plan; see `run_spec`."""
    run_spec(source(path, overrides, options.plan), options)


def run_spec(file: SpecFile, options: Options) -> None:
    """Run or resume a study, print what it found, and end with the code of how its jobs ended."""
    if hiding := users_compound(Path()):
        note(f"warning: {hiding}; not affected: {WAY_OUT}")
    run_file(file, options)


def run_file(file: SpecFile, options: Options) -> None:
    """Run a spec that was read already; see `run`. ReportError: all but the report is done."""
    ending = run_to_end(file, options)
    ended = _summarised(file, options, ending)
    end_with(after_jobs(failed=ended.failed, stopped=ending == "stopped", tested=ended.tested))
    if ended.missing:
        raise ended.missing


def _summarised(file: SpecFile, options: Options, ending: Reached) -> Summarised:
    """Print how a run ended, and return it."""
    store, stored = _stored_documents(file)
    groups = stored_failures(store, stored)
    failed = sum(len(group.jobs) for group in groups)
    summary = RunSummary(
        ending,
        _following(file, stored, options, ending),
        _after_failures(file, stored, options, groups),
        failed,
        as_json=options.as_json,
        drawn=options.report,
        rehearsal=options.fast_dev_run,
    )
    with unread_output():
        missing = show(store, stored, summary)
    say_failures(groups)
    tested = stored.test is None or stored.test.complete
    return Summarised(missing, failed, tested, summary.after_failures)


def _after_failures(
    file: SpecFile, stored: Documents, options: Options, groups: list[Group]
) -> list[str]:
    """Return the commands that help after jobs have failed."""
    retry = options.retry(file.spec.name, file.spec.store, is_code=file.is_code)
    typed = stored.record.resume if options.resume else options.again(file)
    return after_failures(groups, file.spec, typed, retry, stored.recipe_check)


def _following(file: SpecFile, stored: Documents, options: Options, ending: Reached) -> str:
    """Return the command that takes a study further; "" where it is done."""
    sets, why = further(stored, ending)
    if not why:
        return ""
    return f"{options.again(file, sets=sets)}    # {why}"


def run_to_end(file: SpecFile, options: Options) -> Reached:
    """Run a spec to its end or its interruption; where it fails, with the report of how far."""
    try:
        return _carry_out(file, options)
    except RunError as error:
        helping = _summarised(file, options, "failed").after_failures
        error.next_step = "\n  next: ".join(helping) or error.next_step
        raise file.explain(error) from None
    except CompoundError as error:
        raise file.explain(error) from None


def _stored_documents(file: SpecFile) -> tuple[ArtifactStore, Documents]:
    """Return what a run has left in the store."""
    store = ArtifactStore.open(file.spec.store, patient=True)
    stored = written(store.study(file.spec.name))
    return store.knowing(file.spec.name), stored


def _carry_out(file: SpecFile, options: Options) -> Reached:
    """Check everything that can be checked first; then take the lease and train."""
    spec = file.spec
    refuse_first(spec)
    store = ArtifactStore.open(spec.store)
    folder = store.study(spec.name)
    networks = networks_for(file, options.again(file), options.allow_import)
    with folder.lease(_holder()):
        info = inspect(spec.data)
        of_little = () if options.fast_dev_run else too_little(spec, info)
        for line in (*data_lines(info), *(f"warning: {text}" for text in of_little)):
            note(line)
        prepared = _prepared(spec, info, store, networks, options)
        previous = documents(folder)
        require_extension(previous, prepared.plan)
        say_other_defaults(previous, spec, file.source.text, note)
        check_budget(spec, prepared.forecast)
        imports, requests = folders(file, options.allow_import), samples(prepared, networks)
        require_room(spec, requests, options.address if options.runner == "ray" else "local")
        with started(
            options.runner,
            options.address,
            requests,
            limits=spec.retry_limits,
            imports=imports,
            note=note,
        ) as backend:
            _note_placement(spec, backend, prepared, options)
            with assembled(
                spec, store, backend, profile=options.profile, note=note, screen=screen
            ) as parts:
                limit, observers = parts
                text, retry = file.source.text, options.retry_failed
                study = Study(
                    spec,
                    text,
                    store,
                    limit,
                    observers,
                    retry,
                    networks,
                    options.reads_test,
                    options.anywhere(file, previous),
                )
                return _reached(KINDS[spec.kind].run(study, prepared.plan), limit)


def _note_placement(
    spec: "AnySpec", backend: Backend, prepared: Prepared, options: Options
) -> None:
    """Print what the hosts decide, and check them against a plan that is run."""
    phases = placed(spec, backend.nodes, backend.limit)
    if options.plan is not None:
        plan_file.check_devices(plan_file.read(options.plan), phases, options.plan)
    for text in decided(spec, backend.nodes, backend.limit):
        note(text)
    for text in unlimited(spec, phases, prepared.forecast):
        note(f"warning: {text}")


def _reached(outcome: Outcome, spending: "SpendingLimit") -> Reached:
    """Return how the run ended: a stop at the spending limit has its own word."""
    if not spending.limit or outcome != "stopped":
        return outcome
    note(f"stopped at the budget's limit: {spending.limit}")
    return "spent"


def _prepared(
    spec: "AnySpec",
    info: "DataInfo",
    store: ArtifactStore,
    networks: "Networks",
    options: Options,
) -> Prepared:
    """Return what a plan file planned, or plan now. PlanError: the data are not those planned."""
    if options.plan is None:
        return prepare(spec, info, store, networks)
    stored = plan_file.read(options.plan)
    plan_file.check_data(stored, info, options.plan)
    plan_file.check_network(stored, baseline_of(spec, info, networks), options.plan)
    return with_plan(spec, stored.plan, stored.profile, store, networks)


def _holder() -> dict[str, str]:
    return {"job": os.environ.get("RAY_JOB_ID", ""), "host": socket.gethostname()}
