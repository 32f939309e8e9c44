"""What of a study is not done yet although nothing has failed, and the command that goes on."""

import shlex
from collections import Counter
from collections.abc import Iterator

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.cli.run_summary import further
from compound.orchestrator.forecast.budget_check import exceeded
from compound.orchestrator.records.documents import Documents
from compound.orchestrator.wording.commands import command
from compound.orchestrator.wording.numbers import counted
from compound.schemas.errors import SpecError

_STATES = {"absent": "waiting"}
"""What people call a state of a job, where that is another word."""


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
        next_step=f"{_command(stored)}    # goes on",
    )


def _command(stored: Documents) -> str:
    """Return the command that was typed; with a larger budget where the study has used its up."""
    record = stored.record
    typed = record.resume or command("run", ("SPEC",))
    spent = stored.spent and any(exceeded(record.spec.budget, stored.spent))
    if not spent or "--plan" in typed:
        return typed
    sets, _ = further(stored, "spent")
    return " ".join([typed, *(f"--set {shlex.quote(text)}" for text in sets)])
