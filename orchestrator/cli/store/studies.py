"""`compound list`: the studies of a store, the newest first."""

import time
from datetime import datetime

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.cli.printing.output import print_json, print_table, say
from compound.orchestrator.forecast.budget_check import spent_short
from compound.orchestrator.overview.study_list import ListedStudy, study_list
from compound.orchestrator.wording.commands import command
from compound.orchestrator.wording.numbers import counted
from compound.schemas.errors import after_check, end_with

NEWEST = 20
"""Studies that a person reads; JSON has all."""
COLUMNS = ("~study", "state", ">jobs done", ">best", "time", ">spent", "kind", "~owner")


def studies(uri: str, limit: int | None, *, as_json: bool) -> None:
    """Print the newest studies of a store. Exit code 1: one of them cannot be read."""
    store = ArtifactStore.open(uri, create=False)
    names = store.studies(newest=True)
    most = limit or (len(names) if as_json else NEWEST)
    listed, hidden = study_list(store, names[:most]), max(0, len(names) - most)
    if as_json:
        entries = [study.as_json for study in listed]
        print_json({"store": store.uri, "studies": entries, "hidden": hidden})
    else:
        _show(store, listed)
        if hidden:
            every = command("list", store=store.uri, limit=len(names))
            say(f"{counted(hidden, 'older study', 'older studies')} not shown: {every}")
    end_with(after_check(sound=not any(study.state == "damaged" for study in listed)))


def _show(store: ArtifactStore, listed: list[ListedStudy]) -> None:
    if not listed:
        say(f"{store.uri} has no study yet; next: compound run SPEC")
        return
    now = time.time()
    print_table(f"studies in {store.uri}", COLUMNS, [_cells(study, now) for study in listed])
    for study in listed:
        if study.problem:
            check = command("fsck", (study.name,), store=store.uri)
            say(f"{study.name} cannot be read: {study.problem}; next: {check}")


def _cells(study: ListedStudy, now: float) -> list[str]:
    return [
        study.name,
        study.state,
        f"{study.done:,} of {study.jobs:,}" if study.jobs else "",
        "" if study.best_accuracy is None else f"{study.best_accuracy:.2%}",
        _when(study, now),
        spent_short(study.spent),
        study.kind,
        study.owner,
    ]


def _when(study: ListedStudy, now: float) -> str:
    """Say how long a study still takes, or when it ended, in this machine's time zone."""
    if study.driver:
        return study.time_left.text if study.time_left else ""
    if study.updated is None:
        return ""
    ended, today = (datetime.fromtimestamp(moment).astimezone() for moment in (study.updated, now))
    same_day = ended.date() == today.date()
    word = "stopped" if study.state == "stopped" else "ended"
    return f"{word} {ended:%H:%M}" if same_day else f"{word} {ended:%Y-%m-%d}"
