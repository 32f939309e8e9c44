"""Check and repair: what `compound fsck` does, one job or study after another."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby

from compound.jobs.store.backend.files import Files
from compound.jobs.store.checking.drivers_check import check_drivers
from compound.jobs.store.checking.findings import Finding, FindingCounts
from compound.jobs.store.checking.job_check import check_job
from compound.jobs.store.checking.job_view import JobView, folders_among
from compound.jobs.store.checking.study_check import check_study, check_top
from compound.jobs.store.folders.job_folder import JobFolder
from compound.jobs.store.folders.known_jobs import KnownJob, known_to
from compound.jobs.store.folders.study_folder import StudyFolder
from compound.jobs.store.format.begun_study import begun_key
from compound.jobs.store.format.checksummed_json import label_of, seal
from compound.schemas.errors import BusyError, StoreError
from compound.schemas.job import TrainJob

DAY = 86_400.0
_REPAIRABLE = ("missing", "damaged", "newer", "single")


def _unknown(job_id: str) -> TrainJob | None:
    return None


@dataclass(frozen=True)
class CheckOptions:
    """What a check may change, and what is known besides the store's own records."""

    delete: bool = False
    """Delete orphans that no living writer can still name."""
    repair: bool = False
    """Write again what the store has in another file."""
    older_than: float = DAY
    """Seconds since an orphan was written before it is deleted. A writer that has just begun has
    put files that no commit names yet; on another machine, nothing else shows that it exists.
    """
    needed: tuple[str, ...] = ()
    """Documents without which there is no study."""
    planned_job: Callable[[str], TrainJob | None] = field(default=_unknown)
    """Returns a job as a study planned it."""


def check_store(
    files: Files,
    job_ids: Iterable[str],
    studies: Iterable[StudyFolder],
    counts: FindingCounts,
    options: CheckOptions,
) -> Iterator[Finding]:
    """Yield what is not as it should be; findings say what was deleted or repaired.

    Works on one job or study at a time: memory does not grow with the store.
    """
    top = [*check_top(files, counts, options.older_than)]
    yield from _delete(files, _begun_repaired(files, top) if options.repair else top, options)
    yield from check_drivers(files, delete=options.delete)
    by_name = {study.name: study for study in studies}
    chosen = [by_name[name] for name in folders_among(files, "studies", by_name)]
    seen = known_to(chosen)
    for job_id in folders_among(files, "jobs", dict.fromkeys([*job_ids, *seen])):
        findings = _job(JobFolder(files, job_id), counts, options, seen.get(job_id))
        yield from _delete(files, findings, options)
    for study in chosen:
        findings = [*check_study(files, study, counts, options.older_than, options.needed)]
        findings = _study_repaired(files, study, findings) if options.repair else findings
        yield from _delete_from(files, study, findings, options)


def _job(
    folder: JobFolder, counts: FindingCounts, options: CheckOptions, seen: KnownJob | None
) -> list[Finding]:
    """Check a job, and again after a repair: a repaired commit can make other files orphans."""
    view, findings = check_job(folder, counts, options.older_than, seen)
    repaired = _repaired(view, findings, options) if options.repair else []
    if not repaired:
        return findings
    return repaired + check_job(folder, FindingCounts(), options.older_than, seen)[1]


def _delete(files: Files, findings: list[Finding], options: CheckOptions) -> Iterator[Finding]:
    """Delete a job's orphans at once: its commits and its writers were read just before."""
    if options.delete:
        files.delete([finding.key for finding in findings if finding.deletable])
    for finding in findings:
        gone = options.delete and finding.deletable
        yield finding.model_copy(update={"deleted": True, "next_step": ""}) if gone else finding


def _delete_from(
    files: Files, study: StudyFolder, findings: list[Finding], options: CheckOptions
) -> Iterator[Finding]:
    """Delete a study's orphans, unless a driver is writing its documents."""
    if not (options.delete and any(finding.deletable for finding in findings)):
        yield from findings
        return
    try:
        with study.lease({}):
            yield from _delete(files, findings, options)
    except BusyError as error:
        for finding in findings:
            yield finding.model_copy(update={"next_step": f"kept: {error.message}"})


def _begun_repaired(files: Files, findings: list[Finding]) -> list[Finding]:
    """Write damaged records of studies again; forget studies whose folders are gone.

    Such a study stays a finding of this check; the next one no longer knows of it.
    """
    lost = {begun_key(finding.owner) for finding in findings if finding.kind == "study"}
    with suppress(StoreError):
        files.delete(lost)
    return [
        _begun_again(files, finding)
        if finding.kind == "begun" and finding.key not in lost
        else finding
        for finding in findings
    ]


def _begun_again(files: Files, finding: Finding) -> Finding:
    name = finding.key.rpartition("/")[2].removesuffix(".json")
    if finding.problem != "damaged":
        return finding
    try:
        StudyFolder(files, name).contents.keep_begun()
    except StoreError:
        return finding  # a folder or a link lies in its place
    return finding.model_copy(update={"repaired": True, "next_step": ""})


def _study_repaired(files: Files, study: StudyFolder, findings: list[Finding]) -> list[Finding]:
    """Take lost files off the study's list, and delete damaged tables, unless a driver runs it.

    A table is made again from the plan and the jobs. What else is gone stays a finding of this
    check; the next one no longer knows of it.
    """
    lost = [finding for finding in findings if finding.problem in ("missing", "damaged")]
    if not lost:
        return findings
    try:
        with study.lease({}):
            return _taken_off(files, study, findings)
    except BusyError:
        return findings


def _taken_off(files: Files, study: StudyFolder, findings: list[Finding]) -> list[Finding]:
    broken = {finding.key for finding in findings if finding.kind == "index"}
    gone = {f.key for f in findings if f.problem == "missing" or f.kind == "events"} | broken
    if study.contents.key not in gone:
        study.contents.forget({key.rpartition("/")[2] for key in gone})
    files.delete(broken)
    done = {"repaired": True, "next_step": ""}
    return [
        finding.model_copy(update=done) if finding.key in broken else finding
        for finding in findings
    ]


def _repaired(view: JobView, findings: list[Finding], options: CheckOptions) -> list[Finding]:
    """Write again what another file says: an ended job's commit, and a job's own record.

    Not over a misplaced file: it may be the last copy of what another job needs.
    """
    broken = [finding for finding in findings if finding.problem in _REPAIRABLE]
    sources = _last_commit(view) | _own_record(view, options) if broken else {}
    repaired = {finding.key: sources[finding.key] for finding in broken if finding.key in sources}
    view.folder.files.put(repaired)
    done = {"repaired": True, "next_step": ""}
    return [finding.model_copy(update=done) for finding in broken if finding.key in repaired]


def _last_commit(view: JobView) -> dict[str, bytes]:
    """Return both copies of the commit that ended the job.

    Only one content was ever written to these keys, so two repairs at once do no harm.
    """
    newest, folder = view.newest, view.folder
    if newest is None or newest.result is None:
        return {}
    keys = (newest.key(), newest.key(1))
    data = folder.files.read(next(folder.manifest_key(*commit) for commit in view.copies))
    if data and not label_of(data).key:  # of an older schema: its copies have the same bytes
        return dict.fromkeys(keys, data)
    return {key: seal("manifest", newest, key) for key in keys}


def _own_record(view: JobView, options: CheckOptions) -> dict[str, bytes]:
    job = options.planned_job(view.folder.id)
    if job is None or job.id != view.folder.id:
        return {}
    key = f"{view.folder.key}/job.json"
    return {key: seal("job", job, key, indent=1)}


def summary(findings: Iterable[Finding]) -> dict[str, int]:
    """Count findings by their problem."""
    problems = sorted(finding.problem for finding in findings)
    return {problem: len(list(group)) for problem, group in groupby(problems)}
