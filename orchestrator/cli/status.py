"""`compound status` and `compound metrics`: what a store knows of a study."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compound.cluster.retries import newest_reasons
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.folders.job_state import JobState
from compound.jobs.store.folders.planned_jobs import Line
from compound.jobs.store.folders.study_folder import StudyFolder
from compound.jobs.store.format.file_kinds import CONTENTS, STUDY_NAME
from compound.orchestrator.analyse.failed_jobs import Group, facts, grouped, outcomes, too_fast
from compound.orchestrator.choose.other_rates import OtherRates
from compound.orchestrator.cli.options import DEFAULT_STORE
from compound.orchestrator.cli.printing.output import note, print_json, print_table, say
from compound.orchestrator.cli.printing.phi_table import say_answer, show_phis, unsaid
from compound.orchestrator.forecast.budget_check import spent_text
from compound.orchestrator.records.documents import (
    ALONG,
    ANSWER,
    BASELINE,
    DATA,
    FINAL_TEST,
    GATE_PLAN,
    GATE_RESULT,
    SPEC,
    SPENDING,
    VERDICT,
    Documents,
    Record,
    SentenceOnly,
    documents,
)
from compound.orchestrator.records.job_list import lines_of, once, planning
from compound.orchestrator.records.selected_scores import sentence_as_read
from compound.orchestrator.wording.class_warnings import class_warnings
from compound.orchestrator.wording.final_texts import final_lines
from compound.orchestrator.wording.ledger_text import ledger_lines
from compound.orchestrator.wording.missing_texts import missing_documents, missing_rows
from compound.orchestrator.wording.numbers import closest
from compound.schemas.answer import Answer
from compound.schemas.data import DataInfo
from compound.schemas.errors import SpecError, StoreError, after_check, end_with
from compound.schemas.final_evaluation import FinalTest
from compound.schemas.metrics import ACCURACY
from compound.schemas.spending import Spent
from compound.schemas.store_uri import masked
from compound.schemas.study import AnySpec

if TYPE_CHECKING:
    from compound.orchestrator.cli.printing.table_output import Format

_ENDED = {"done", "failed", "pruned"}


def find(study: str, uri: str | None) -> tuple[ArtifactStore, Documents]:
    """Return a study of a store; `study` is its name, or the path of its spec.

    Raises StoreError: there is no such store, or no such study in it; SpecError: a spec, and
    another store than its own.
    """
    study, store = _opened(study, uri)
    stored = documents(store.study(study)) if STUDY_NAME.fullmatch(study) else None
    if stored is None:
        raise _unknown(study, store)
    return store.knowing(study), stored


def _opened(study: str, uri: str | None) -> tuple[str, ArtifactStore]:
    """Return a study's name, and the store that it is looked for in."""
    if is_spec(study):
        from compound.orchestrator.spec.load import load  # a parser that a name need not wait for

        spec = load(Path(study)).spec
        if uri is not None and uri.rstrip("/") != spec.store.rstrip("/"):
            raise SpecError(
                f"--store {masked(uri)} has no effect: {study} names its own store, {spec.store}",
                allowed="a spec, or the name of a study with `--store`",
            )
        study, uri = spec.name, spec.store
    return study, ArtifactStore.open(uri or DEFAULT_STORE, create=False)


def _unknown(study: str, store: ArtifactStore) -> StoreError:
    studies = store.studies()
    return StoreError(
        f"no study is called '{study}'{closest(study, studies)}",
        where=store.uri,
        allowed=", ".join(studies) or "this store has no study yet",
        next_step="compound run SPEC",
    )


def is_spec(study: str) -> bool:
    """Whether that is the path of a spec, and not a study's name, which has no dots."""
    return study.endswith((".yaml", ".yml"))


def status(study: str, uri: str | None, *, as_json: bool) -> None:
    """Print where every job of a study stands."""
    name, store = _opened(study, uri)
    study_status = StudyStatus.of(store, name)
    planned, listed = study_status.planned, study_status.listed
    states = store.standing(name, listed, [line.job for line in planned], brief=not as_json)
    groups = failed_groups(planned, states)
    pairs = [(line, states[line.job]) for line in planned]
    rows = {job: state.missing for job, state in states.items()}
    gone = [*missing_rows(name, store.uri, rows), *study_status.missing]
    counts = Counter(_status(state) for _, state in pairs)
    waiting = store.reservations(name).waiting() if {*counts} - _ENDED else ""
    answer = _answer(store, name, study_status)
    if as_json:
        record = {
            "study": name,
            "store": store.uri,
            "counts": dict(counts),
            "waiting": waiting,
            **_documents(study_status, answer),
            "missing": gone,
            "failures": [{"headline": group.headline, **asdict(group)} for group in groups],
            "jobs": [_row(*pair) for pair in pairs],
        }
        print_json(record)
        return
    reasons = _retry_reasons(store.study(name), states)
    columns = ("phase", "job", "id", "status", ">epoch", ">accuracy", "cause")
    cells = [_cells(line, state, reasons.get(line.job, "")) for line, state in pairs]
    say_answer(answer)
    show_phis(answer)
    print_table(f"\n{name} in {store.uri}", columns, cells)
    say("", ", ".join(f"{number} {state}" for state, number in sorted(counts.items())))
    texts: list[str | None] = [f"warning: {text}" for text in gone]
    for group in groups:
        texts += [group.headline, group.users_line and f"  {group.users_line}"]
    texts += [waiting, spent_text(study_status.spec.budget, study_status.spent)]
    texts += [*study_status.rates.lines, "" if answer else study_status.verdict, study_status.gate]
    texts += [unsaid(study_status.along, answer), *final_lines(study_status.test)]
    data = study_status.data
    warnings = [f"warning: {text}" for text in (class_warnings(data) if data else ())]
    ledger = [f"data: {line}" for line in (ledger_lines(data) if data else ())]
    for line in filter(None, (*texts, *warnings, *ledger)):
        say(line)


@dataclass(frozen=True)
class StudyStatus:
    """Of a study's documents what its status shows; none is read that is not there."""

    spec: AnySpec
    planned: list[Line]
    listed: Mapping[str, int]
    """What lies in the study's folder, with its bytes."""
    answer: Answer | None
    """None: nothing can be answered yet, or it is older than answers."""
    verdict: str | None
    gate: str | None
    along: str | None
    """From which phi on the choice is ahead; None without other ways of scaling."""
    spent: Spent | None
    test: FinalTest | None
    """None: it has no test part, or is older than test parts."""
    data: DataInfo | None
    """None: begun before studies kept it."""
    missing: list[str]
    """Which documents and events are gone."""
    rates: OtherRates

    @classmethod
    def of(cls, store: ArtifactStore, study: str) -> "StudyStatus":
        """Read what is needed of a study. StoreError: there is none of that name."""
        folder = store.study(study) if STUDY_NAME.fullmatch(study) else None
        listed = folder.sizes() if folder else {}
        record = folder.read(SPEC, Record) if folder and SPEC in listed else None
        if folder is None or record is None:
            raise _unknown(study, store)
        verdict, gate, along = (
            folder.read(name, SentenceOnly) if name in listed else None
            for name in (VERDICT, GATE_RESULT, ALONG)
        )
        spent = folder.read(SPENDING, Spent) if SPENDING in listed else None
        gated = GATE_PLAN in planning(record.spec)
        planned = _planned(folder, record.spec, listed)
        return cls(
            record.spec,
            planned,
            listed,
            folder.read(ANSWER, Answer) if ANSWER in listed else None,
            sentence_as_read(record.spec, verdict.sentence) if verdict else None,
            gate.sentence if gate and gated else None,
            along.sentence if along and len(record.spec.ways) > 1 else None,
            spent,
            folder.read(FINAL_TEST, FinalTest) if FINAL_TEST in listed else None,
            folder.read(DATA, DataInfo) if DATA in listed else None,
            missing_documents(folder.contents.read() if CONTENTS in listed else None, listed),
            OtherRates.read(folder, record.spec, listed, [line.job for line in planned]),
        )


def _documents(status: StudyStatus, answer: Answer | None) -> dict[str, Any]:
    """Return what is known of a study beside its jobs, as JSON."""
    models = {"answer": answer, "spent": status.spent, "test": status.test, "data": status.data}
    return {
        "verdict": status.verdict,
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


def _planned(folder: StudyFolder, spec: AnySpec, listed: Mapping[str, int]) -> list[Line]:
    """Return a study's jobs by its roster, or where that is missing by its plan."""
    planned = folder.planned_jobs.read(listed, planning(spec))
    if planned is None:
        stored = documents(folder)
        planned = lines_of(stored) if stored else []
    return once(planned)


def failed_groups(planned: Sequence[Line], states: Mapping[str, JobState]) -> list[Group]:
    """Return a study's failed jobs by first cause."""
    hosts = {job: state.host for job, state in states.items()}
    counted = [line for line in planned if not too_fast(line.phase, states[line.job].cause)]
    return grouped(facts(counted, outcomes(states), hosts))


def stored_failures(store: ArtifactStore, stored: Documents) -> list[Group]:
    """Return the failed jobs of a study's documents by first cause."""
    states = store.states([job.request.job.id for job in stored.jobs])
    return failed_groups(once(lines_of(stored)), states)


def say_failures(groups: Sequence[Group]) -> None:
    """Say why jobs of a study failed, a line for each cause, to stderr."""
    for group in groups:
        note(f"failed: {group.headline}")
        if group.users_line:
            note(f"  {group.users_line}")


def _row(line: Line, state: JobState) -> dict[str, Any]:
    planned = {"phase": line.phase, "label": line.label, "epochs": line.epochs}
    return {**planned, **state.model_dump(mode="json"), "status": _status(state)}


def _status(state: JobState) -> str:
    pruned = state.status == "stopped" and state.cause and state.cause.kind == "pruned"
    return "pruned" if pruned else "waiting" if state.status == "absent" else state.status


def _retry_reasons(folder: StudyFolder, states: Mapping[str, JobState]) -> dict[str, str]:
    """Return why jobs are tried again or given up; read only where a job had several attempts."""
    unfinished = [state for state in states.values() if _status(state) not in ("done", "pruned")]
    return newest_reasons(folder.events()) if any(s.attempt > 1 for s in unfinished) else {}


def _cells(line: Line, state: JobState, reason: str) -> list[str]:
    accuracy, cause = state.metrics.get(ACCURACY), state.cause
    why = f"{cause.kind}: {cause.message.splitlines()[0][:70]}" if cause else ""
    unfinished = _status(state) not in ("done", "pruned")
    return [
        line.phase,
        line.label,
        line.job,
        _status(state),
        f"{state.epoch}/{line.epochs}",
        "" if accuracy is None else f"{accuracy:.2%}",
        "; ".join(filter(None, (why, reason if unfinished else ""))),
    ]


def metrics(study: str, uri: str | None, format: "Format", output: Path | None) -> None:
    """Print or write the long table: one line a job, epoch and metric."""
    from compound.orchestrator.cli.printing.table_output import emit_parts
    from compound.orchestrator.records import arrow_tables

    name, store = _opened(study, uri)
    study_status = StudyStatus.of(store, name)
    labels = {line.job: line.label for line in study_status.planned}
    parts, read = arrow_tables.metrics_in_parts(store, name, labels), Counter[str]()
    emit_parts(arrow_tables.METRICS, arrow_tables.counted(parts, read), format, output)
    indexed = store.study(name).done_jobs.rows(study_status.listed)
    lost = missing_rows(name, store.uri, {job: indexed.get(job, 0) - read[job] for job in labels})
    for text in lost:
        note(f"warning: {text}")
    end_with(after_check(sound=not lost))
