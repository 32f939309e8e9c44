"""What a study once wrote and its store has no more, as texts."""

from collections.abc import Collection, Mapping

from compound.jobs.store.folders.contents import Contents
from compound.orchestrator.wording.commands import command
from compound.orchestrator.wording.numbers import counted

_FEW = 5
"""Jobs that are named in a line."""


def missing_rows(study: str, store: str, missing: Mapping[str, int]) -> list[str]:
    """Say how many rows of which jobs are missing; `missing`: by job. Empty where none is."""
    lost = {job: rows for job, rows in missing.items() if rows > 0}
    if not lost:
        return []
    jobs = ", ".join(
        f"job {job}: {counted(rows, 'row')}" for job, rows in list(lost.items())[:_FEW]
    )
    more = f", and {len(lost) - _FEW} more jobs" if len(lost) > _FEW else ""
    verify = command("verify", (study,), store=store)
    total = sum(lost.values())
    verb = "is" if total == 1 else "are"
    return [f"{counted(total, 'row')} {verb} missing ({jobs}{more}); next: {verify}"]


def missing_documents(contents: Contents | None, listed: Collection[str]) -> list[str]:
    """Say which documents and events of a study are gone, by its own list.

    `listed`: what lies in its folder. Its tables change no number, and `verify` tells of them.
    """
    if contents is None:
        return []
    names = {*contents.documents, *contents.events}
    return [f"{name} of the study is missing" for name in sorted(names - {*listed})]
