"""What a study once wrote and its store has no more, as texts."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from compound.jobs.store.folders.contents import Contents
from compound.jobs.store.format.file_kinds import CONTENTS
from compound.orchestrator.wording.commands import command
from compound.orchestrator.wording.numbers import counted
from compound.schemas.errors import StoreError

if TYPE_CHECKING:
    from compound.jobs.store.checking.findings import Finding

_FEW = 5
"""Jobs that are named in a line."""


def missing_rows(study: str, store: str, missing: Mapping[str, int]) -> list[str]:
    """Say how many rows of which jobs are missing; `missing`: by job. Empty where none is."""
    lost = {job: rows for job, rows in missing.items() if rows > 0}
    if not lost:
        return []
    parts = [f"job {job}: {counted(rows, 'row')}" for job, rows in lost.items()]
    verify = command("verify", (study,), store=store)
    total = sum(lost.values())
    verb = "is" if total == 1 else "are"
    return [f"{counted(total, 'row')} {verb} missing ({_few(parts)}); next: {verify}"]


def missing_documents(
    study: str, store: str, contents: Contents | None, listed: Collection[str]
) -> list[str]:
    """Say which documents and events of a study are gone, by its own list.

    `listed`: what lies in its folder. Its tables change no number, and `verify` tells of them.
    """
    if contents is None:
        return []
    gone = sorted({*contents.documents, *contents.events} - {*listed})
    return [f"{name} of the study is missing; {_next(study, store)}" for name in gone]


def missing_list(study: str, store: str) -> str:
    """Say that the list of a study's files is gone."""
    return f"{CONTENTS} of the study is missing; {_next(study, store)}"


def _next(study: str, store: str) -> str:
    return f"next: {command('fsck', (study,), store=store)}"


def lost_document(study: str, store: str, finding: "Finding") -> str:
    """Say what is wrong with a document, or the events, of a study."""
    name = finding.key.rpartition("/")[2]
    problem = " is missing" if finding.problem == "missing" else f": {finding.what}"
    return f"{name} of the study{problem}; {_next(study, store)}"


def missing_files(study: str, store: str, gone: Mapping[str, Collection[str]]) -> list[str]:
    """Say how many files of which jobs are gone; `gone`: the keys, by job."""
    if not gone:
        return []
    parts = [f"job {job}: {_short(job, keys)}" for job, keys in gone.items()]
    total = sum(map(len, gone.values()))
    verb = "is" if total == 1 else "are"
    return [f"{counted(total, 'file')} {verb} missing ({_few(parts)}); {_next(study, store)}"]


def _short(job: str, keys: Collection[str]) -> str:
    names = [key.removeprefix(f"jobs/{job}/") for key in keys]
    return names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")


def unplanned_jobs(study: str, store: str, jobs: Collection[str]) -> list[str]:
    """Say how many jobs a study has trained, and are left out since their plan is gone."""
    if not jobs:
        return []
    verb = "is" if len(jobs) == 1 else "are"
    left = f"{counted(len(jobs), 'job')} of the study {verb} left out: their plan is missing"
    return [f"{left}; {_next(study, store)}"]


def missing_predictions(study: str, store: str, lost: Sequence[str]) -> list[str]:
    """Say which predictions cannot be read; `lost`: a job and a part each."""
    if not lost:
        return []
    sets = f"{counted(len(lost), 'set')} of predictions"
    verb = "is" if len(lost) == 1 else "are"
    return [f"{sets} {verb} missing or damaged ({_few(lost)}); {_next(study, store)}"]


def whole_study(study: str, store: str) -> str:
    """Say that nothing is left of a study."""
    return f"it was begun here, and its documents and events are gone; {_next(study, store)}"


def left_out(study: str, store: str, error: StoreError) -> str:
    """Say that a study cannot be read, and why."""
    return f"it is left out: {str(error).splitlines()[0]}; {_next(study, store)}"


def _few(parts: Sequence[str]) -> str:
    more = f", and {len(parts) - _FEW} more" if len(parts) > _FEW else ""
    return ", ".join(parts[:_FEW]) + more
