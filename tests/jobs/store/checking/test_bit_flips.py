"""Single flipped bits in every kind of file: all are told, and none changes what is read."""

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.backend.local_files import LocalFiles
from compound.jobs.store.checking.findings import Finding, FindingCounts
from compound.jobs.store.checking.fsck import CheckOptions
from compound.jobs.store.checking.job_check import check_job
from compound.jobs.store.checking.study_check import check_study, check_top
from compound.jobs.store.folders.job_folder import JobFolder
from compound.schemas.errors import StoreError
from tests.support.back_ends import sizes
from tests.support.store_of_every_file import KILLED, KINDS, build, by_kind
from tests.support.store_samples import JOB

_LOOK = CheckOptions(older_than=0)
FLIPS = sizes("count", commit=390, full=10_400)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ArtifactStore:
    return build(tmp_path_factory.mktemp("zoo"))


def checked(store: ArtifactStore, path: Path) -> list[Finding]:
    """Return what fsck says of the job, the study or the top that a file belongs to."""
    files, tally = LocalFiles(store.uri), FindingCounts()
    parts = path.relative_to(store.uri).parts
    if parts[0] == "jobs":
        return check_job(JobFolder(files, parts[1]), tally, 0)[1]
    if parts[0] == "studies":
        return [*check_study(files, store.study("s"), tally, 0)]
    return [*check_top(files, tally, 0)]


def read(store: ArtifactStore) -> dict[str, Any]:
    """Return the rows of both jobs, where they can be read."""
    rows = {}
    for job in (JOB, KILLED):
        try:
            rows[job.id] = {row.epoch: row.metrics for row in store.rows(job.id)}
        except StoreError:
            rows[job.id] = {}
    return rows


def test_the_store_is_sound_and_has_every_kind(store: ArtifactStore) -> None:
    assert {*by_kind(Path(store.uri))} == {*KINDS, "text"}
    (left,) = store.check(store.jobs(), store.studies(), FindingCounts(), _LOOK)
    assert (left.problem, left.kind) == ("orphan", "reservation"), "no driver runs the study"
    assert store.audit(store.jobs(), store.studies()).damaged == ()


@FLIPS
@pytest.mark.timeout(1800)
def test_every_flipped_bit_is_told(store: ArtifactStore, count: int) -> None:
    kinds, draw, true = by_kind(Path(store.uri)), random.Random(count), read(store)
    reported: Counter[str] = Counter()
    for number in range(count):
        path = draw.choice(kinds[KINDS[number % len(KINDS)]])
        good = path.read_bytes()
        bit = draw.randrange(8 * len(good))
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bad)
        reports = [finding.problem for finding in checked(store, path) if finding.file == str(path)]
        assert {*reports} & {"damaged", "torn"}, f"{path} bit {bit}: {reports}"
        reported[reports[0]] += 1
        if number % 4 == 0:
            for job, rows in read(store).items():
                assert rows.items() <= true[job].items(), "left out, perhaps, but never another"
        path.write_bytes(good)
    assert reported["damaged"] > 0.9 * count and reported.total() == count
