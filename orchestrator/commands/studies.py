"""`compound status` and `compound metrics`: what a store knows of a study."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jobs.store.artifacts import ArtifactStore
from jobs.store.folder import JobState
from orchestrator import tables
from orchestrator.budget import burned
from orchestrator.commands.output import note, print_json, print_table, say
from orchestrator.commands.tabular import Format, emit
from orchestrator.documents import Documents, documents
from orchestrator.failures import Group, by_id, facts, grouped, outcomes
from orchestrator.spec import load
from orchestrator.suggest import closest
from schemas.errors import StoreError

Found = tuple[ArtifactStore, Documents]


def find(study: str, uri: str) -> Found:
    """Return a study of a store; `study` is its name, or the path of its spec.

    Raises StoreError: there is no such store, or no such study in it.
    """
    if is_spec(study):
        spec = load(Path(study)).spec
        study, uri = spec.name, spec.store
    store = ArtifactStore.open(uri, create=False)
    known = store.studies()
    found = documents(store.study(study)) if study in known else None
    if found is None:
        raise StoreError(
            f"no study is called '{study}'{closest(study, known)}",
            where=store.uri,
            allowed=", ".join(known) or "this store holds no study yet",
            next_step="compound run SPEC",
        )
    return store.knowing(study), found


def is_spec(study: str) -> bool:
    """Whether that is the path of a spec, and not a study's name, which has no dots."""
    return study.endswith((".yaml", ".yml"))


def status(study: str, uri: str, *, as_json: bool) -> None:
    """Print where every job of a study stands."""
    store, found = find(study, uri)
    states = store.states([job.request.job.id for job in found.jobs])
    rows = _rows(found, states)
    groups = failed_groups(found, states)
    counts = Counter(row["status"] for row in rows)
    name = found.record.spec.name
    verdict = found.verdict.sentence if found.verdict else None
    if as_json:
        print_json(
            {
                "study": name,
                "store": store.uri,
                "counts": dict(counts),
                "verdict": verdict,
                "gate": found.gate.sentence if found.gate else None,
                "spent": found.spent.model_dump() if found.spent else None,
                "failures": [{"headline": one.headline, **asdict(one)} for one in groups],
                "jobs": rows,
            }
        )
        return
    columns = ("phase", "job", "id", "status", ">epoch", ">accuracy", "cause")
    print_table(f"{name} in {store.uri}", columns, [_cells(row) for row in rows])
    say(f"\n{', '.join(f'{number} {what}' for what, number in sorted(counts.items()))}")
    for group in groups:
        say(group.headline)
    for line in (*_spent(found), verdict, found.gate and found.gate.sentence):
        if line:
            say(line)


def _spent(found: Documents) -> list[str]:
    """Say what the study has taken, and of its budget how much."""
    spent = found.spent
    if spent is None or not spent.epochs:
        return []
    parts = list(burned(found.record.spec.budget, spent))
    hours = f"{spent.gpu_hours:.3g} GPU-hours" if spent.gpu_hours else ""
    taken = [f"{spent.epochs:,} epochs", hours, f"{spent.cpu_hours:.3g} CPU-hours"]
    return [f"spent: {', '.join(parts or [one for one in taken if one])}"]


def failed_groups(found: Documents, states: Mapping[str, JobState]) -> list[Group]:
    """Return a study's failed jobs by first cause."""
    planned = found.plan or found.trained
    assert planned is not None, "a study's plan is written before its jobs begin"
    networks = by_id(planned.baseline, found.search, found.family.members if found.family else ())
    hosts = {job: state.host for job, state in states.items()}
    return grouped(facts(found.jobs, outcomes(states), networks, hosts))


def say_failures(store: ArtifactStore, found: Documents) -> None:
    """Say why jobs of a study failed, a line for each cause, to stderr."""
    states = store.states([job.request.job.id for job in found.jobs])
    for group in failed_groups(found, states):
        note(f"failed: {group.headline}")


def _rows(found: Documents, states: Mapping[str, JobState]) -> list[dict[str, Any]]:
    return [
        {
            "phase": job.phase,
            "label": job.request.label,
            "epochs": job.request.job.recipe.epochs,
            **_state(states[job.request.job.id]),
        }
        for job in found.jobs
    ]


def _state(state: JobState) -> dict[str, Any]:
    pruned = state.status == "stopped" and state.cause and state.cause.kind == "pruned"
    shown = {"absent": "waiting", "stopped": "pruned" if pruned else "stopped"}
    return {**state.model_dump(mode="json"), "status": shown.get(state.status, state.status)}


def _cells(row: dict[str, Any]) -> list[str]:
    accuracy, cause = row["metrics"].get("validation_accuracy"), row["cause"]
    return [
        row["phase"],
        row["label"],
        row["job"],
        row["status"],
        f"{row['epoch']}/{row['epochs']}",
        "" if accuracy is None else f"{accuracy:.2%}",
        f"{cause['kind']}: {cause['message'].splitlines()[0][:70]}" if cause else "",
    ]


def metrics(study: str, uri: str, format: Format, output: Path | None) -> None:
    """Print or write the long table: one line a job, epoch and metric."""
    store, found = find(study, uri)
    emit(tables.metrics(store, found.record.spec.name, found), format, output)
