"""`compound fsck`: what lies in a store and should not, or does not and should."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.checking.findings import Finding, FindingCounts
from compound.jobs.store.checking.fsck import CheckOptions, summary
from compound.orchestrator.cli.printing.output import print_json, print_table, say
from compound.orchestrator.cli.status import find, is_spec
from compound.orchestrator.records.documents import SPEC, Documents, documents
from compound.orchestrator.wording.numbers import counted, megabytes
from compound.schemas.errors import StoreError
from compound.schemas.job import TrainJob

_COLUMNS = ("problem", "job or study", "file", ">MB", "what", "next")


@dataclass(frozen=True)
class FsckOptions:
    """What was typed."""

    uri: str
    delete: bool
    repair: bool
    older_than: float
    as_json: bool


@dataclass
class _Target:
    """What of one store is to be checked."""

    store: ArtifactStore
    whole: bool = False
    jobs: dict[str, None] = field(default_factory=dict)
    studies: dict[str, None] = field(default_factory=dict)


def fsck(targets: list[str], asked: FsckOptions) -> None:
    """Check stores and studies; exit 1 if a file is missing, damaged or of a newer schema."""
    tally, found = FindingCounts(), list[Finding]()
    chosen = _chosen(targets or [asked.uri], asked.uri, whole=not targets)
    for target in chosen:
        found += _checked(target, asked, tally)
    sound = not any(one.grave for one in found)
    if asked.as_json:
        stores = [target.store.uri for target in chosen]
        checked = {"files": tally.files, "bytes": tally.bytes}
        listed = [one.model_dump(mode="json") for one in found]
        counts = summary(found)
        print_json({"stores": stores, "sound": sound, **checked, "counts": counts, "found": listed})
    else:
        _show(found, tally, ", ".join(target.store.uri for target in chosen))
    if not sound:
        raise SystemExit(1)


def _chosen(names: Iterable[str], uri: str, *, whole: bool) -> list[_Target]:
    """Return what is to be checked, each store once. StoreError: no such store or study."""
    chosen: dict[str, _Target] = {}
    for name in names:
        if whole or _is_store(name):
            store = ArtifactStore.open(name, create=False)
            chosen.setdefault(store.uri, _Target(store)).whole = True
            continue
        store, found = find(name, uri)
        target = chosen.setdefault(store.uri, _Target(store))
        target.jobs |= dict.fromkeys(job.request.job.id for job in found.jobs)
        target.studies[found.record.spec.name] = None
    return list(chosen.values())


def _is_store(name: str) -> bool:
    """Whether that is the place of a store, and not a study's name or spec."""
    return not is_spec(name) and ("/" in name or os.path.isdir(name))


def _checked(target: _Target, asked: FsckOptions, tally: FindingCounts) -> Iterator[Finding]:
    store = target.store
    options = CheckOptions(
        delete=asked.delete,
        repair=asked.repair,
        older_than=asked.older_than,
        needed=(SPEC,),
        planned_job=_Plans(store).job,
    )
    jobs = store.jobs() if target.whole else [job for job in target.jobs if job in {*store.jobs()}]
    studies = store.studies() if target.whole else target.studies
    yield from store.check(jobs, studies, tally, options)


class _Plans:
    """Every job that a study of a store has planned; read once, where one is needed."""

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store

    def job(self, job_id: str) -> TrainJob | None:
        return self._jobs.get(job_id)

    @cached_property
    def _jobs(self) -> dict[str, TrainJob]:
        studies = map(self._read, self._store.studies())
        requests = (job.request for found in studies if found for job in found.jobs)
        return {request.job.id: request.job for request in requests}

    def _read(self, name: str) -> Documents | None:
        try:
            return documents(self._store.study(name))
        except StoreError:
            return None  # a document that cannot be read is a finding of its own


def _show(found: list[Finding], tally: FindingCounts, where: str) -> None:
    if found:
        rows = [[*_cells(one)] for one in found]
        print_table(f"found in {where}", _COLUMNS, rows)
        say()
    told = ", ".join(f"{count:,} {problem}" for problem, count in summary(found).items())
    say(
        f"{where}: {counted(tally.files, 'file')} read, {megabytes(tally.bytes)}; {told or 'clean'}"
    )
    gone = [one for one in found if one.deleted]
    ready = [one for one in found if one.deletable and not one.deleted]
    if gone:
        say(f"deleted {counted(len(gone), 'orphan')}, {megabytes(sum(one.size for one in gone))}")
    if ready:
        size = megabytes(sum(one.size for one in ready))
        say(f"next: compound fsck --delete removes {counted(len(ready), 'orphan')}, {size}")


def _cells(one: Finding) -> Iterator[str]:
    yield "repaired" if one.repaired else "deleted" if one.deleted else one.problem
    yield one.owner
    yield one.key
    yield f"{one.size / 1e6:,.1f}"
    yield one.what
    yield one.next_step
