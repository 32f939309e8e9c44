"""The check of a job against what its studies know of it."""

from collections.abc import Iterator

from compound.jobs.store.checking.findings import Finding, address, lost
from compound.jobs.store.checking.job_view import JobView
from compound.jobs.store.folders.known_jobs import KnownJob

_AGAIN = "restore the folder from a copy; without one, run the study again: the job trains anew"
_TORN = "nothing: the next run of the study trains these epochs again"


def check_known(view: JobView, seen: KnownJob | None) -> Iterator[Finding]:
    """Yield what a study has seen and the job has not, or has otherwise."""
    newest, key = view.newest, f"{view.folder.key}/"
    if seen is None:
        return
    if newest is None or newest.attempt < seen.attempt:
        yield _missing(view, seen)
    elif seen.result is not None and newest.result is None:
        problem = f"study {seen.study} has seen it done after {seen.epoch} epochs: its end is gone"
        yield _lost_rows(view, key, problem)
    elif seen.result is not None and newest.result != seen.result:
        problem = f"it ended otherwise than study {seen.study} has seen"
        yield lost(view.folder.files, view.folder.id, newest.key(), problem, "manifest").model_copy(
            update={"next_step": _AGAIN}
        )
    elif seen.rows > newest.rows and newest.result is not None:
        yield _missing(view, seen, seen.rows - newest.rows)
    elif newest.result is None and newest.attempt == seen.attempt:
        yield from _cut(view, seen)


def _missing(view: JobView, seen: KnownJob, rows: int = 0) -> Finding:
    amount = f"{rows or seen.rows} rows" if seen.rows else f"the rows of {seen.epoch} epochs"
    commits = f"study {seen.study} has seen attempt {seen.attempt} up to epoch {seen.epoch}"
    return _lost_rows(view, f"{view.folder.key}/", f"{amount} are missing: {commits}")


def _lost_rows(view: JobView, key: str, problem: str) -> Finding:
    return Finding(
        problem="missing",
        owner=view.folder.id,
        key=key,
        file=address(view.folder.files, key),
        kind="job",
        what=problem,
        next_step=_AGAIN,
    )


def _cut(view: JobView, seen: KnownJob) -> Iterator[Finding]:
    """Yield rows of an unfinished attempt that were reported and are gone: a tail is not synced."""
    newest = view.newest
    assert newest is not None
    epoch = view.folder.state_in(newest).epoch
    if epoch < seen.epoch and newest.written_by not in view.writing:
        key = view.folder.live_key(newest.written_by)
        problem = f"rows of epochs {epoch + 1} to {seen.epoch} are missing, which study "
        yield _lost_rows(view, key, f"{problem}{seen.study} has seen").model_copy(
            update={"problem": "torn", "kind": "stream", "next_step": _TORN}
        )
