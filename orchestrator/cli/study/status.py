"""`compound status`: what a store knows of a study."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from compound.cluster.retries import newest_reasons
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.folders.job_state import JobState
from compound.jobs.store.folders.planned_jobs import Line
from compound.orchestrator.analyse.failed_jobs import Group
from compound.orchestrator.answer.newest_answer import newest_answer
from compound.orchestrator.cli.printing.named_study import opened
from compound.orchestrator.cli.printing.output import note, print_json, print_table, say
from compound.orchestrator.cli.printing.phi_table import say_answer, show_phis, unsaid
from compound.orchestrator.cli.printing.waiting_lines import clock_warning, waiting_lines
from compound.orchestrator.forecast.budget_check import spent_text
from compound.orchestrator.losses.study_losses import (
    StudyLosses,
)
from compound.orchestrator.overview.next_steps import failed_groups, next_steps
from compound.orchestrator.overview.study_status import StudyStatus
from compound.orchestrator.records.documents import (
    Documents,
)
from compound.orchestrator.records.job_list import lines_of, once
from compound.orchestrator.timeline.job_standing import Standing, standing_of
from compound.orchestrator.wording.class_warnings import class_warnings
from compound.orchestrator.wording.final_texts import final_lines
from compound.orchestrator.wording.ledger_text import ledger_lines
from compound.orchestrator.wording.missing_texts import missing_rows
from compound.schemas.answer import Answer
from compound.schemas.errors import after_check, end_with
from compound.schemas.metrics import ACCURACY

_ENDED = {"done", "failed", "pruned"}


def status(study: str, uri: str | None, *, as_json: bool) -> None:
    """Print where every job of a study stands."""
    name, store = opened(study, uri)
    study_status = StudyStatus.of(store, name)
    planned, listed = study_status.planned, study_status.listed
    stored = store.standing(name, listed, [line.job for line in planned], brief=not as_json)
    states, standing, events = standing_of(store.study(name), stored)
    groups = failed_groups(planned, states)
    pairs = [(line, states[line.job], standing[line.job]) for line in planned]
    rows = StudyLosses(store, name).unseen(states)
    gone = [*missing_rows(name, store.uri, rows), *study_status.missing]
    counts = Counter[str](stands.status for _, _, stands in pairs)
    waiting = store.reservations(name).waiting() if {*counts} - _ENDED else ""
    answer = newest_answer(store, name, study_status.answer, study_status.listed)
    work = study_status.work(states, answer)
    answer = answer and answer.model_copy(update={"so_far": work.text})
    steps = next_steps(study, store, study_status, groups, work)
    if as_json:
        record = {
            "study": name,
            "store": store.uri,
            "counts": dict(counts),
            "waiting": waiting,
            "so_far": work.text,
            "next": steps,
            **_documents(study_status, answer),
            "missing": gone,
            "failures": [{"headline": group.headline, **asdict(group)} for group in groups],
            "jobs": [_row(*pair) for pair in pairs],
        }
        print_json(record)
        end_with(after_check(sound=not gone))
        return
    reasons = newest_reasons(events)
    columns = ("phase", "job", "id", "status", ">epoch", ">accuracy", "|cause")
    cells = [_cells(*pair, reasons.get(pair[0].job, "")) for pair in pairs]
    say_answer(answer, work.text)
    show_phis(answer)
    keep = ("job", "status", "epoch", "accuracy", "cause")
    print_table(f"\n{name} in {store.uri}", columns, cells, keep)
    say("", ", ".join(f"{number} {state}" for state, number in sorted(counts.items())))
    texts: list[str | None] = [f"warning: {t}" for t in (*study_status.warnings, *gone)]
    texts += waiting_lines([(line.label, stands) for line, _, stands in pairs], time.time())
    texts += [clock_warning(events)]
    for group in groups:
        texts += [group.headline, group.users_line and f"  {group.users_line}"]
    texts += [waiting, *_words(study_status, answer), *(f"next: {step}" for step in steps)]
    for line in filter(None, texts):
        say(line)
    end_with(after_check(sound=not gone))


def _words(status: StudyStatus, answer: Answer | None) -> Iterator[str | None]:
    """Yield what the study's documents say in words, beside the answer."""
    yield spent_text(status.spec.budget, status.spent)
    yield from status.rates.lines
    yield from ("" if answer else status.verdict, status.gate, unsaid(status.along, answer))
    yield from final_lines(status.test)
    if status.data:
        yield from (f"warning: {text}" for text in class_warnings(status.data))
        yield from (f"data: {line}" for line in ledger_lines(status.data))


def _documents(status: StudyStatus, answer: Answer | None) -> dict[str, Any]:
    """Return what is known of a study beside its jobs, as JSON."""
    models = {"answer": answer, "spent": status.spent, "test": status.test, "data": status.data}
    return {
        "verdict": status.verdict,
        "warnings": list(status.warnings),
        "gate": status.gate,
        "along": status.along,
        **status.rates.as_json,
        **{name: part.model_dump(mode="json") if part else None for name, part in models.items()},
    }


def stored_failures(store: ArtifactStore, stored: Documents) -> list[Group]:
    """Return the failed jobs of a study's documents by first cause."""
    states = store.states([job.request.job.id for job in stored.jobs])
    going_on = standing_of(store.study(stored.record.spec.name), states).states
    return failed_groups(once(lines_of(stored)), going_on)


def say_failures(groups: Sequence[Group]) -> None:
    """Say why jobs of a study failed, a line for each cause, to stderr."""
    for group in groups:
        note(f"failed: {group.headline}")
        if group.users_line:
            note(f"  {group.users_line}")


def _row(line: Line, state: JobState, standing: Standing) -> dict[str, Any]:
    planned = {"phase": line.phase, "label": line.label, "epochs": line.epochs}
    return {**planned, **state.model_dump(mode="json"), **standing._asdict()}


def _cells(line: Line, state: JobState, standing: Standing, reason: str) -> list[str]:
    accuracy, cause = state.metrics.get(ACCURACY), state.cause
    why = f"{cause.kind}: {cause.message.splitlines()[0][:70]}" if cause else ""
    unfinished = standing.status not in ("done", "pruned")
    return [
        line.phase,
        line.label,
        line.job,
        standing.status,
        f"{state.epoch}/{line.epochs}",
        "" if accuracy is None else f"{accuracy:.2%}",
        "; ".join(filter(None, (why, reason if unfinished else ""))),
    ]
