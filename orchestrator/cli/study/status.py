"""`compound status`: what a store knows of a study."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from compound.cluster.retries import newest_reasons
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.folders.planned_jobs import Line
from compound.orchestrator.analyse.failed_jobs import Group
from compound.orchestrator.cli.printing.named_study import opened
from compound.orchestrator.cli.printing.output import print_json, print_table, say
from compound.orchestrator.cli.printing.phi_table import say_answer, show_phis, unsaid
from compound.orchestrator.cli.printing.waiting_lines import (
    clock_warning,
    since_text,
    waiting_lines,
)
from compound.orchestrator.forecast.budget_check import spent_text
from compound.orchestrator.losses.study_losses import StudyLosses
from compound.orchestrator.overview.known_warnings import known_warnings
from compound.orchestrator.overview.next_steps import failed_groups, next_steps
from compound.orchestrator.overview.study_now import StudyNow, study_now
from compound.orchestrator.overview.study_status import StudyStatus
from compound.orchestrator.timeline.job_progress import JobProgress
from compound.orchestrator.wording.commands import command
from compound.orchestrator.wording.final_texts import final_text
from compound.orchestrator.wording.ledger_text import ledger_lines
from compound.orchestrator.wording.missing_texts import missing_rows
from compound.orchestrator.wording.network_names import network_names
from compound.orchestrator.wording.ranked_warnings import every_one, first_few
from compound.schemas.answer import Answer
from compound.schemas.errors import after_check, end_with
from compound.schemas.metrics import ACCURACY

COLUMNS = ("phase", "job", "id", "status", ">epoch", ">accuracy", "|cause")
KEEP = ("job", "status", "epoch", "accuracy", "cause")
RUNNING = ("job", ">epochs", ">accuracy", ">images/s", "since", "~worker")


def status(study: str, uri: str | None, *, as_json: bool, all_warnings: bool = False) -> None:
    """Print where every job of a study stands."""
    name, store = opened(study, uri)
    now = study_now(store, name, brief=not as_json)
    groups = failed_groups(now.status.planned, now.states)
    rows = StudyLosses(store, name).unseen(now.states)
    gone = [*missing_rows(name, store.uri, rows), *now.status.missing]
    steps = next_steps(study, store, now, groups)
    if as_json:
        print_json(_in_json(store, now, groups, steps, gone))
    else:
        _show(store, now, groups, steps, gone, all_warnings=all_warnings)
    end_with(after_check(sound=not gone))


def _in_json(
    store: ArtifactStore,
    now: StudyNow,
    groups: Sequence[Group],
    steps: list[str],
    gone: list[str],
) -> dict[str, Any]:
    names = network_names((line.candidate, line.label) for line in now.status.planned)
    return {
        "study": now.status.spec.name,
        "store": store.uri,
        "counts": dict(now.counts),
        "waiting": now.waiting,
        "driver": now.driver,
        "running": [job._asdict() for job in now.running],
        "time_left": now.left and now.left._asdict(),
        "so_far": now.work.text,
        "next": steps,
        **_documents(now.status, now.answer),
        "missing": gone,
        "failures": [{"headline": group.headline, **asdict(group)} for group in groups],
        "jobs": [_row(line, now, names[line.candidate]) for line in now.status.planned],
    }


def _show(
    store: ArtifactStore,
    now: StudyNow,
    groups: Sequence[Group],
    steps: list[str],
    gone: list[str],
    *,
    all_warnings: bool,
) -> None:
    planned, moment, name = now.status.planned, time.time(), now.status.spec.name
    say_answer(now.answer, now.work.text)
    show_phis(now.answer)
    reasons = newest_reasons(now.events)
    cells = [_cells(line, now, reasons.get(line.job, "")) for line in planned]
    print_table(f"\n{name} in {store.uri}", COLUMNS, cells, KEEP)
    _show_running(now, moment)
    say("", ", ".join(f"{number} {state}" for state, number in sorted(now.counts.items())))
    texts: list[str | None] = [f"{now.progress.title}: {left.text}" if (left := now.left) else ""]
    every = command("status", (name,), store=store.uri, warnings=True)
    warnings = known_warnings(now.status)
    texts += every_one(warnings) if all_warnings else first_few(warnings, every)
    texts += [f"warning: {text}" for text in gone]
    waits = [(line.label, now.standing[line.job]) for line in planned]
    texts += [*waiting_lines(waits, moment), clock_warning(now.events)]
    for group in groups:
        texts += [group.headline, group.users_line and f"  {group.users_line}"]
    texts += [now.waiting, *_words(now.status, now.answer), *(f"next: {step}" for step in steps)]
    say(*filter(None, texts))


def _show_running(now: StudyNow, moment: float) -> None:
    """Print how far the jobs are that train now."""
    if now.running:
        rows = [_running(job, moment) for job in now.running]
        print_table("\ntrains now", RUNNING, rows, ("job", "epochs", "accuracy"))


def _running(job: JobProgress, moment: float) -> list[str]:
    speed, accuracy = job.images_per_second, job.accuracy
    return [
        job.label,
        f"{job.epoch} of {job.epochs}",
        "" if accuracy is None else f"{accuracy:.2%}",
        "" if speed is None else f"{speed:,.0f}",
        "" if job.since is None else since_text(job.since, moment),
        job.worker,
    ]


def _words(status: StudyStatus, answer: Answer | None) -> Iterator[str | None]:
    """Yield what the study's documents say in words, beside the answer."""
    yield spent_text(status.spec.budget, status.spent)
    yield from status.rates.lines
    yield from ("" if answer else status.verdict, status.gate, unsaid(status.along, answer))
    yield final_text(status.test)
    if status.data:
        yield from (f"data: {line}" for line in ledger_lines(status.data))


def _documents(status: StudyStatus, answer: Answer | None) -> dict[str, Any]:
    """Return what is known of a study beside its jobs, as JSON."""
    models = {"answer": answer, "spent": status.spent, "test": status.test, "data": status.data}
    return {
        "verdict": status.verdict,
        "warnings": known_warnings(status),
        "gate": status.gate,
        "along": status.along,
        **status.rates.as_json,
        **{name: part.model_dump(mode="json") if part else None for name, part in models.items()},
    }


def _row(line: Line, now: StudyNow, network: str) -> dict[str, Any]:
    planned = {"phase": line.phase, "label": line.label, "epochs": line.epochs, "network": network}
    state, standing = now.states[line.job], now.standing[line.job]
    return {**planned, **state.model_dump(mode="json"), **standing._asdict()}


def _cells(line: Line, now: StudyNow, reason: str) -> list[str]:
    state, standing = now.states[line.job], now.standing[line.job]
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
