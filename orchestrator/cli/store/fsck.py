"""`compound fsck`: what lies in a store and should not, or does not and should."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.checking.findings import Finding, FindingCounts
from compound.jobs.store.checking.fsck import CheckOptions, summary
from compound.orchestrator.cli.parsing.unused_options import refuse
from compound.orchestrator.cli.printing.command_line import DEFAULT_STORE
from compound.orchestrator.cli.printing.named_study import checked, is_spec
from compound.orchestrator.cli.printing.output import print_json, print_table, say
from compound.orchestrator.records.documents import SPEC, Documents, documents
from compound.orchestrator.wording.commands import command
from compound.orchestrator.wording.numbers import counted, megabytes
from compound.schemas.errors import StoreError, after_check, end_with
from compound.schemas.job import TrainJob

DEFAULT_HOURS = 24.0
_COLUMNS = ("problem", "job or study", "~file", ">MB", "|what")
_KEEP = ("problem", "file", "what")


@dataclass(frozen=True)
class FsckOptions:
    """What was typed."""

    uri: str | None
    delete: bool
    repair: bool
    older_than: float
    """Seconds."""
    as_json: bool


@dataclass
class _Target:
    """What of one store is to be checked."""

    store: ArtifactStore
    whole: bool = False
    jobs: dict[str, None] = field(default_factory=dict)
    studies: dict[str, None] = field(default_factory=dict)


def fsck(targets: list[str], options: FsckOptions) -> None:
    """Check stores and studies; exit 1 if a file is missing, damaged or of a newer schema."""
    tally, findings = FindingCounts(), list[Finding]()
    _refuse_unused_store(targets, options.uri)
    chosen = _chosen(targets or [options.uri or DEFAULT_STORE], options.uri, whole=not targets)
    for target in chosen:
        findings += _checked(target, options, tally)
    sound = not any(finding.grave for finding in findings)
    if options.as_json:
        stores = [target.store.uri for target in chosen]
        checked = {"files": tally.files, "bytes": tally.bytes}
        listed = [finding.model_dump(mode="json") for finding in findings]
        counts = summary(findings)
        print_json({"stores": stores, "sound": sound, **checked, "counts": counts, "found": listed})
    else:
        _show(findings, tally, ", ".join(target.store.uri for target in chosen))
        _say_deletable(findings, targets, options)
    end_with(after_check(sound=sound))


def _refuse_unused_store(targets: list[str], uri: str | None) -> None:
    """Refuse `--store` where every target is a store itself. SpecError."""
    if targets and all(map(_is_store, targets)):
        refuse({"--store": uri}, "every argument is a store", "one or more stores, or `--store`")


def _chosen(names: Iterable[str], uri: str | None, *, whole: bool) -> list[_Target]:
    """Return what is to be checked, each store once. StoreError: no such store or study."""
    chosen: dict[str, _Target] = {}
    for name in names:
        if whole or _is_store(name):
            store = ArtifactStore.open(name, create=False)
            chosen.setdefault(store.uri, _Target(store)).whole = True
            continue
        study, store, jobs = checked(name, uri)
        target = chosen.setdefault(store.uri, _Target(store))
        target.jobs |= dict.fromkeys(jobs)
        target.studies[study] = None
    return list(chosen.values())


def _is_store(name: str) -> bool:
    """Whether that is the place of a store, and not a study's name or spec."""
    return not is_spec(name) and ("/" in name or os.path.isdir(name))


def _checked(target: _Target, options: FsckOptions, tally: FindingCounts) -> Iterator[Finding]:
    store = target.store
    checks = CheckOptions(
        delete=options.delete,
        repair=options.repair,
        older_than=options.older_than,
        needed=(SPEC,),
        planned_job=_Plans(store).job,
    )
    jobs = store.jobs() if target.whole else [job for job in target.jobs if job in {*store.jobs()}]
    studies = store.studies() if target.whole else target.studies
    yield from store.check(jobs, studies, tally, checks)


class _Plans:
    """Every job that a study of a store has planned; read once, where one is needed."""

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store

    def job(self, job_id: str) -> TrainJob | None:
        return self._jobs.get(job_id)

    @cached_property
    def _jobs(self) -> dict[str, TrainJob]:
        studies = map(self._read, self._store.studies())
        requests = (job.request for stored in studies if stored for job in stored.jobs)
        return {request.job.id: request.job for request in requests}

    def _read(self, name: str) -> Documents | None:
        try:
            return documents(self._store.study(name))
        except StoreError:
            return None  # a document that cannot be read is a finding of its own


def _show(findings: list[Finding], tally: FindingCounts, where: str) -> None:
    if findings:
        rows = [[*_cells(finding)] for finding in findings]
        print_table(f"found in {where}", _COLUMNS, rows, _KEEP)
        say()
        steps = Counter(finding.next_step for finding in findings if finding.next_step)
        for step, number in steps.items():
            say(f"next for {counted(number, 'file')}: {step}")
    counts = ", ".join(f"{count:,} {problem}" for problem, count in summary(findings).items())
    read = f"{counted(tally.files, 'file')} read, {megabytes(tally.bytes)}"
    say(f"{where}: {read}; {counts or 'clean'}")
    gone = [finding for finding in findings if finding.deleted]
    if gone:
        size = megabytes(sum(finding.size for finding in gone))
        say(f"deleted {counted(len(gone), 'orphan')}, {size}")


def _say_deletable(findings: list[Finding], targets: list[str], options: FsckOptions) -> None:
    """Print the command that deletes orphans, and how many."""
    ready = [finding for finding in findings if finding.deletable and not finding.deleted]
    if ready:
        size = megabytes(sum(finding.size for finding in ready))
        hours = options.older_than / 3600
        deleting = command(
            "fsck",
            tuple(targets),
            store=options.uri,
            delete=True,
            repair=options.repair,
            older_than=None if hours == DEFAULT_HOURS else f"{hours:g}",
        )
        say(f"next: {deleting}    # deletes {counted(len(ready), 'orphan')}, {size}")


def _cells(finding: Finding) -> Iterator[str]:
    yield "repaired" if finding.repaired else "deleted" if finding.deleted else finding.problem
    yield finding.owner
    yield finding.key
    yield f"{finding.size / 1e6:,.1f}"
    yield finding.what
