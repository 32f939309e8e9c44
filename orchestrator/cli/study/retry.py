"""`compound retry`: train a study's failed jobs again."""

import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.analyse.failed_jobs import too_fast
from compound.orchestrator.cli.printing.command_line import DEFAULT_STORE
from compound.orchestrator.cli.printing.named_study import find, is_spec
from compound.orchestrator.cli.printing.output import note, print_json
from compound.orchestrator.cli.study import run
from compound.orchestrator.cli.study.run_summary import further
from compound.orchestrator.forecast.budget_check import exceeded
from compound.orchestrator.plan.plan_file import differences
from compound.orchestrator.records.documents import Documents
from compound.orchestrator.spec.load import SpecFile, load
from compound.orchestrator.spec.yaml_source import parse
from compound.orchestrator.wording.commands import commented, resuming
from compound.orchestrator.wording.numbers import counted
from compound.schemas.errors import SpecError

_LISTED = 3
"""Changes of a spec that are named."""
_STATES = {"absent": "queued"}
"""What people call a state of a job, where that is another word."""


def retry(study: str, uri: str | None, options: run.Options) -> None:
    """Run a study again with its failed jobs; `study` is its name in a store, or its spec.

    Raises StoreError: there is no such store, or no such study in it; SpecError: no job has failed,
    and the study is unfinished, which `compound run` goes on with.
    """
    store, stored = find(study, uri)
    failed = _failed(store, stored)
    name = stored.record.spec.name
    rest = [] if failed else unfinished(store, stored)
    if rest:
        if options.as_json:
            print_json({"study": name, "store": store.uri, "status": "stopped", "failed": 0})
        raise unfinished_error(stored, rest)
    if not failed:
        note(f"no job of study {name} has failed: nothing to retry")
        if options.as_json:
            print_json({"study": name, "store": store.uri, "status": "done", "failed": 0})
        return
    note(f"retrying {counted(failed, 'failed job')}")
    if is_spec(study):
        _say_changes(Path(study), stored, options)
        run.run(Path(study), [], options)
        return
    file = _stored_spec(store, stored)
    resume = options.retry(name, uri or DEFAULT_STORE, is_code=file.is_code)
    run.run_file(file, replace(options, resume=resume))


def _failed(store: ArtifactStore, stored: Documents) -> int:
    planned = {job.request.job.id: job.phase for job in stored.jobs}
    results = store.results(planned)
    return sum(
        result.status == "failed" and not too_fast(planned[job], result.cause)
        for job, result in results.items()
    )


def _say_changes(path: Path, stored: Documents, options: run.Options) -> None:
    """Say where a spec is not what the study was run with: a retry runs the spec as it is."""
    file, spec = load(path), stored.record.spec
    changed = list(differences(spec.model_dump(mode="json"), file.spec.model_dump(mode="json")))
    if changed:
        more = f" and {len(changed) - _LISTED} more" if len(changed) > _LISTED else ""
        again = options.retry(spec.name, file.spec.store, is_code=file.is_code)
        note(
            f"warning: {path} is not the study as it was run: "
            f"{', '.join(changed[:_LISTED])}{more}; as it was run: {again}"
        )


def _stored_spec(store: ArtifactStore, stored: Documents) -> SpecFile:
    """Return the spec as the store keeps it: what it came to, with the text that it came from."""
    spec = stored.record.spec.model_copy(update={"store": store.uri})
    return SpecFile(spec, parse(stored.record.text, stored.record.spec.name))


def unfinished(store: ArtifactStore, stored: Documents) -> list[str]:
    """Return what a study has still to do, each in a few words; nothing where it has ended."""
    return list(_unfinished(store, stored))


def _unfinished(store: ArtifactStore, stored: Documents) -> Iterator[str]:
    states = store.states([job.request.job.id for job in stored.jobs])
    pruned = {job for job, s in states.items() if s.cause and s.cause.kind == "pruned"}
    ended = {job for job, s in states.items() if s.status in ("done", "failed")} | pruned
    rest = Counter(_STATES.get(s.status, s.status) for job, s in states.items() if job not in ended)
    if rest:
        number = f"{rest.total():,} of {counted(len(states), 'job')}"
        listed = ", ".join(f"{count} {state}" for state, count in sorted(rest.items()))
        yield f"{number} {'is' if rest.total() == 1 else 'are'} not done ({listed})"
    elif stored.family is None and not _closed(stored):
        yield "its next jobs are not planned yet"
    test = stored.test
    if test and test.images and not test.outdated and not (test.readings and test.complete):
        yield "the test part is not read" if not test.readings else "test accuracies are missing"


def _closed(stored: Documents) -> bool:
    """Return whether the gate has ended the study, as its spec asks for."""
    stops = stored.record.spec.stops_at_gate
    return bool(stops and stored.gate and stored.gate.outcome == "does not carry over")


def unfinished_error(stored: Documents, rest: list[str]) -> SpecError:
    """Return the error that says what is unfinished, and what to type."""
    spec = stored.record.spec
    return SpecError(
        f"no job of study {spec.name} has failed, so there is nothing to retry; "
        f"it is unfinished: {'; '.join(rest)}",
        where=spec.name,
        next_step=commented(_command(stored), "goes on"),
    )


def _command(stored: Documents) -> str:
    """Return the command that was typed; with a larger budget where the study has used its up."""
    record = stored.record
    typed = resuming(record.resume)
    spent = stored.spent and any(exceeded(record.spec.budget, stored.spent))
    if not spent or "--plan" in typed:
        return typed
    sets, _ = further(stored, "spent")
    return " ".join([typed, *(f"--set {shlex.quote(text)}" for text in sets)])
