"""`compound run --fast-dev-run`: two batches of everything, and nothing of it is kept."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.answer.stored_answer import stored_answer
from compound.orchestrator.cli.printing.output import note, print_json, say
from compound.orchestrator.cli.study import run as run_command
from compound.orchestrator.cli.study.failures import say_failures, stored_failures
from compound.orchestrator.cli.study.report import write_report
from compound.orchestrator.kinds.all_kinds import KINDS
from compound.orchestrator.records.documents import written
from compound.orchestrator.spec.fast_dev_run import BATCHES
from compound.orchestrator.spec.load import SpecFile
from compound.orchestrator.wording.numbers import counted
from compound.schemas.errors import RunError, StoreError, after_jobs, end_with
from compound.schemas.store_uri import bucket_of


def run(file: SpecFile, options: run_command.Options) -> None:
    """Rehearse a study, and print what works. RunError: a job failed, or a later step."""
    spec = KINDS[file.spec.kind].rehearsal(file.spec)
    with _scratch(replace(file, spec=spec)) as rehearsed:
        ending = run_command.run_to_end(rehearsed, replace(options, reads_test=False))
        jobs = _check(rehearsed, options)
    trained = f"{counted(jobs, 'job')} trained {BATCHES} batches each"
    drawn = ", and the report was drawn" if options.report else ""
    if options.as_json:
        print_json({"study": file.spec.name, "status": ending, "jobs": jobs}, indent=None)
    else:
        say(
            f"{trained}{drawn}; nothing is kept",
            f"next: {options.again(file, fast_dev_run=False)}",
        )
    end_with(after_jobs(failed=0, stopped=ending == "stopped"))


@contextmanager
def _scratch(file: SpecFile) -> Iterator[SpecFile]:
    """Clear the rehearsal's store, before and after."""
    _clear(file.spec.store)
    try:
        yield file
    finally:
        _clear(file.spec.store)


def _clear(store: str) -> None:
    """Delete a store, and its folder where it is one."""
    with suppress(StoreError):
        ArtifactStore.open(store, create=False).erase()
    if not bucket_of(store):
        shutil.rmtree(store, ignore_errors=True)


def _check(file: SpecFile, options: run_command.Options) -> int:
    """Return how many jobs have trained. RunError: some have not."""
    store = ArtifactStore.open(file.spec.store, patient=True)
    stored = written(store.study(file.spec.name))
    groups = stored_failures(store, stored)
    say_failures(groups)
    if options.report:
        note("drawing the report ...")
        write_report(store, stored, stored_answer(store, stored))
    if groups:
        failed = f"{sum(len(group.jobs) for group in groups)} of {counted(len(stored.jobs), 'job')}"
        raise RunError(
            f"{failed} could not train {BATCHES} batches: see the causes above",
            next_step=options.again(file),
        )
    return len(stored.jobs)
