"""Check and repair: what `compound fsck` does, one job or study after another."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

from compound.jobs.store.backend.files import Files
from compound.jobs.store.checking.findings import Finding, FindingCounts
from compound.jobs.store.checking.job_check import check_job
from compound.jobs.store.checking.job_view import JobView
from compound.jobs.store.checking.study_check import check_study, check_top
from compound.jobs.store.folders.job_folder import JobFolder
from compound.jobs.store.folders.study_folder import StudyFolder
from compound.jobs.store.format.checksummed_json import seal
from compound.schemas.errors import BusyError
from compound.schemas.job import TrainJob

DAY = 86_400.0


def _unknown(job_id: str) -> TrainJob | None:
    return None


@dataclass(frozen=True)
class Options:
    """What a check may change, and what it knows besides the store's own records."""

    delete: bool = False
    """Delete orphans that no living writer can still name."""
    repair: bool = False
    """Write again what the store has elsewhere."""
    older_than: float = DAY
    """Seconds since an orphan was written before it is deleted: a writer that has just begun, on
    whatever machine, has put files that it has not named yet, and cannot be seen in any other way.
    """
    needed: tuple[str, ...] = ()
    """Documents without which there is no study."""
    known: Callable[[str], TrainJob | None] = field(default=_unknown)
    """A job as some study planned it."""


def check_store(
    files: Files,
    job_ids: Iterable[str],
    studies: Iterable[StudyFolder],
    tally: FindingCounts,
    options: Options,
) -> Iterator[Finding]:
    """Yield what is not as it should be. What is deleted or repaired is said to be.

    Works on one job or study at a time: memory does not grow with the store.
    """
    yield from _delete(files, [*check_top(files, tally, options.older_than)], options)
    linked = {one.key for one in files.entries("jobs", deep=False)}
    for job_id in job_ids:
        if f"jobs/{job_id}" in linked:
            continue  # told of as foreign: a link, or a file, in place of a folder
        found = _job(JobFolder(files, job_id), tally, options)
        yield from _delete(files, found, options)
    for study in studies:
        found = [*check_study(files, study, tally, options.older_than, options.needed)]
        found = _without_index(files, found) if options.repair else found
        yield from _delete_from(files, study, found, options)


def _job(folder: JobFolder, tally: FindingCounts, options: Options) -> list[Finding]:
    """Check a job; what a repair has settled leaves more that nothing can name any more."""
    view, found = check_job(folder, tally, options.older_than)
    mended = _repaired(view, found, options) if options.repair else []
    if not mended:
        return found
    return mended + check_job(folder, FindingCounts(), options.older_than)[1]


def _delete(files: Files, found: list[Finding], options: Options) -> Iterator[Finding]:
    """Delete a job's orphans together: its commits and its writers were looked at just now."""
    if options.delete:
        files.delete([one.key for one in found if one.deletable])
    for one in found:
        gone = options.delete and one.deletable
        yield one.model_copy(update={"deleted": True, "next_step": ""}) if gone else one


def _delete_from(
    files: Files, study: StudyFolder, found: list[Finding], options: Options
) -> Iterator[Finding]:
    """Delete a study's orphans, unless a driver is writing its documents."""
    if not (options.delete and any(one.deletable for one in found)):
        yield from found
        return
    try:
        with study.lease({}):
            yield from _delete(files, found, options)
    except BusyError as error:
        for one in found:
            yield one.model_copy(update={"next_step": f"kept: {error.what}"})


def _without_index(files: Files, found: list[Finding]) -> list[Finding]:
    """Take a damaged index away: it may go at any time, and is made again from the jobs."""
    broken = {one.key for one in found if one.kind == "index"}
    files.delete(broken)
    done = {"repaired": True, "next_step": ""}
    return [one.model_copy(update=done) if one.key in broken else one for one in found]


def _repaired(view: JobView, found: list[Finding], options: Options) -> list[Finding]:
    """Put back what is known from elsewhere: an ended job's commit, and a job's own record."""
    broken = [one for one in found if one.grave or one.problem == "single"]
    sources = _last_commit(view) | _own_record(view, options) if broken else {}
    mended = {one.key: sources[one.key] for one in broken if one.key in sources}
    view.folder.files.put(mended)
    done = {"repaired": True, "next_step": ""}
    return [one.model_copy(update=done) for one in broken if one.key in mended]


def _last_commit(view: JobView) -> dict[str, bytes]:
    """Return both copies of the commit that ended the job, whoever needs them.

    Only one content was ever written to these keys, so two repairs at once do no harm.
    """
    newest, folder = view.newest, view.folder
    if newest is None or newest.result is None:
        return {}
    numbers = (newest.sequence, newest.sequence + 1)
    place = next(folder.manifest_key(*commit) for commit in view.copies)
    data = folder.files.read(place)
    keys = (folder.manifest_key(newest.written_by, number) for number in numbers)
    return dict.fromkeys(keys, data) if data else {}


def _own_record(view: JobView, options: Options) -> dict[str, bytes]:
    job = options.known(view.folder.id)
    if job is None or job.id != view.folder.id:
        return {}
    return {f"{view.folder.key}/job.json": seal("job", job, indent=1)}


def summary(found: Iterable[Finding]) -> dict[str, int]:
    """Count findings by their problem."""
    problems = sorted(one.problem for one in found)
    return {problem: len(list(group)) for problem, group in groupby(problems)}
