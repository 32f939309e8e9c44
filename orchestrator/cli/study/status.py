"""`compound status`: what a store knows of a study."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from compound.cluster.retries import newest_reasons
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.folders.job_state import JobState
from compound.jobs.store.folders.planned_jobs import Line
from compound.orchestrator.analyse.failed_jobs import Group, facts, grouped, outcomes, too_fast
from compound.orchestrator.answer.so_far import Work
from compound.orchestrator.cli.printing.named_study import opened
from compound.orchestrator.cli.printing.output import note, print_json, print_table, say
from compound.orchestrator.cli.printing.phi_table import say_answer, show_phis, unsaid
from compound.orchestrator.cli.printing.study_status import StudyStatus
from compound.orchestrator.cli.printing.waiting_lines import clock_warning, waiting_lines
from compound.orchestrator.forecast.budget_check import spent_text
from compound.orchestrator.losses.study_losses import (
    StudyLosses,
)
from compound.orchestrator.plan.too_little import too_little
from compound.orchestrator.records.documents import (
    ALONG,
    BASELINE,
    VERDICT,
    Documents,
    documents,
)
from compound.orchestrator.records.job_list import lines_of, once
from compound.orchestrator.timeline.job_standing import Standing, standing_of
from compound.orchestrator.wording.class_warnings import class_warnings
from compound.orchestrator.wording.commands import command, commented, resuming
from compound.orchestrator.wording.final_texts import final_text
from compound.orchestrator.wording.ledger_text import ledger_lines
from compound.orchestrator.wording.missing_texts import missing_rows
from compound.orchestrator.wording.ranked_warnings import every_one, first_few
from compound.schemas.answer import Answer
from compound.schemas.errors import after_check, end_with
from compound.schemas.metrics import ACCURACY

_ENDED = {"done", "failed", "pruned"}


def status(study: str, uri: str | None, *, as_json: bool, all_warnings: bool = False) -> None:
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
    answer = _answer(store, name, study_status)
    work = study_status.work(states, answer)
    answer = answer and answer.model_copy(update={"so_far": work.text})
    steps = _steps(study, store, study_status, groups, work)
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
    columns = ("phase", "job", "id", "status", ">epoch", ">accuracy", "cause")
    cells = [_cells(*pair, reasons.get(pair[0].job, "")) for pair in pairs]
    say_answer(answer, work.text)
    show_phis(answer)
    print_table(f"\n{name} in {store.uri}", columns, cells)
    say("", ", ".join(f"{number} {state}" for state, number in sorted(counts.items())))
    every = command("status", (name,), store=store.uri, warnings=True)
    known = [*_warnings(study_status)]
    texts: list[str | None] = [*(every_one(known) if all_warnings else first_few(known, every))]
    texts += [f"warning: {text}" for text in gone]
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
    yield final_text(status.test)
    if status.data:
        yield from (f"data: {line}" for line in ledger_lines(status.data))


def _warnings(status: StudyStatus) -> Iterator[str]:
    """Yield what a study warns of, in no order."""
    if status.data:
        yield from (*class_warnings(status.data), *too_little(status.spec, status.data))
    yield from status.warnings
    yield from (status.test.outdated, *status.test.warnings) if status.test else ()


def _steps(
    study: str, store: ArtifactStore, status: StudyStatus, groups: Sequence[Group], work: Work
) -> list[str]:
    """Return the commands that take a study further; nothing where it is at its end."""
    typed = resuming(status.resume, study)
    going_on = [commented(typed, "goes on")] if work.text and not work.running else []
    if not groups:
        return going_on
    from compound.orchestrator.analyse.after_failures import after_failures  # plans jobs

    retry = command("retry", (status.spec.name,), store=store.uri)
    check = status.rates.check
    return [*going_on, *after_failures(groups, status.spec, typed, retry, check)]


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


def _answer(store: ArtifactStore, name: str, status: StudyStatus) -> Answer | None:
    """Return a study's answer; made where there is none, or one that was picked by another rule."""
    written = status.answer
    older = written and not written.is_current(compared=ALONG in status.listed)
    if not older and (written or not {VERDICT, BASELINE} & {*status.listed}):
        return written
    from compound.orchestrator.answer.stored_answer import made_answer  # statistics, which take 1 s

    return made_answer(store, read) if (read := documents(store.study(name))) else written


def failed_groups(planned: Sequence[Line], states: Mapping[str, JobState]) -> list[Group]:
    """Return a study's failed jobs by first cause."""
    hosts = {job: state.host for job, state in states.items()}
    counted = [line for line in planned if not too_fast(line.phase, states[line.job].cause)]
    return grouped(facts(counted, outcomes(states), hosts))


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
