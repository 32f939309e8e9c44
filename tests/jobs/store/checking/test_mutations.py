"""A finished store, changed by hand: `verify` reports it, or no number changes; fsck removes none.

COMPOUND_LONG=1 runs thousands. COMPOUND_MUTATIONS=FIRST:LAST runs those numbers.
"""

import json
import os
import random
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from compound.jobs.store.format.file_kinds import kind_of
from tests.support.back_ends import LONG
from tests.support.command import compound
from tests.support.mutated_stores import (
    MUTATIONS,
    Contents,
    build,
    files_in,
    numbers,
    removed_by_fsck,
    verified,
)

FIRST, LAST = map(int, os.environ.get("COMPOUND_MUTATIONS", "0:96").split(":"))
MADE_AGAIN = ("index", "sign", "lease", "temporary")
"""Kinds of files that fsck may delete though they are whole: they are made again."""


class Whole(NamedTuple):
    """The store before any change."""

    root: Path
    older: dict[str, list[bytes]]
    numbers: dict[str, Any]
    files: Contents


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    root = tmp_path_factory.mktemp("whole") / "runs"
    older = build(root)
    return Whole(root, older, numbers(root), files_in(root))


def test_the_store_is_whole(whole: Whole) -> None:
    assert verified(whole.root)
    assert not [*removed_by_fsck(whole.root)] and files_in(whole.root) == whole.files
    assert None not in whole.numbers.values()


def survives(whole: Whole, number: int, at: Path) -> None:
    """Make a change, and see that it is reported, or changes nothing; then repair and delete."""
    draw, mutation = random.Random(number), MUTATIONS[number % len(MUTATIONS)]
    root = at / "runs"
    shutil.copytree(whole.root, root)
    what = f"{number}: {mutation(draw, root, whole.older)}"
    changed = files_in(root)
    if verified(root):
        said = numbers(root)
        differing = [name for name in said if said[name] != whole.numbers[name]]
        assert not differing, f"{what}: not reported, and {differing} changed"
    kept = {key for key, data in whole.files.items() if changed.get(key) == data}
    lost = {key for key in kept & {*removed_by_fsck(root)} if _is_data(key)}
    assert not lost, f"{what}: fsck removed {lost}"
    shutil.rmtree(root)


def _is_data(key: str) -> bool:
    return kind_of(key) not in MADE_AGAIN


@pytest.mark.parametrize("start", range(FIRST, LAST, 12))
def test_every_change_is_reported_or_changes_no_number(
    whole: Whole, tmp_path: Path, start: int
) -> None:
    for number in range(start, min(start + 12, LAST)):
        survives(whole, number, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.skipif(not LONG, reason="takes an hour: COMPOUND_LONG=1 runs it")
def test_five_thousand_changes(whole: Whole, tmp_path: Path) -> None:
    for number in range(LAST, LAST + 5000):
        survives(whole, number, tmp_path)


def copied(whole: Whole, at: Path) -> Path:
    """Return a copy of the store."""
    return Path(shutil.copytree(whole.root, at / "runs"))


def a_done_job(root: Path) -> Path:
    """Return the folder of a job that study `one` has trained."""
    said = compound("status", "one", "--store", str(root), "--json")
    return root / "jobs" / json.loads(said.stdout)["jobs"][0]["job"]


@pytest.mark.parametrize("what", ["job", "attempt"])
def test_missing_rows_are_counted(whole: Whole, tmp_path: Path, what: str) -> None:
    root = copied(whole, tmp_path)
    job = a_done_job(root)
    shutil.rmtree(job if what == "job" else next(job.glob("attempt-*")))
    said = compound("status", "one", "--store", str(root))
    assert f"warning: 4 rows are missing (job {job.name}: 4 rows); next: compound verify one" in (
        said.stdout
    )
    said = compound("metrics", "one", "--store", str(root), "--json")
    assert said.returncode == 1 and f"job {job.name}: 4 rows" in said.stderr
    for words in (("verify", "one"), ("verify",), ("fsck", "one"), ("fsck",)):
        said = compound(*words, "--store", str(root))
        assert said.returncode == 1 and job.name in said.stdout, words


def test_a_copied_attempt_makes_no_orphans(whole: Whole, tmp_path: Path) -> None:
    root = copied(whole, tmp_path)
    job = a_done_job(root)
    other = next(path for path in sorted(root.glob("jobs/*/attempt-*")) if path.parent != job)
    shutil.copytree(other, job / f"attempt-0002-{other.name[-8:]}")
    assert numbers(root) == whole.numbers
    said = json.loads(compound("fsck", str(root), "--json").stdout)
    assert {finding["problem"] for finding in said["found"]} == {"misplaced"}
    assert all(f"{job.name}/attempt-0002-" in finding["file"] for finding in said["found"])
    assert not [*removed_by_fsck(root)]


def test_a_deleted_document_is_named(whole: Whole, tmp_path: Path) -> None:
    root = copied(whole, tmp_path)
    (root / "studies/one/verdict.json").unlink()
    said = compound("status", "one", "--store", str(root))
    assert "warning: verdict.json of the study is missing" in said.stdout
    said = compound("fsck", "one", "--store", str(root), "--repair")
    assert said.returncode == 1 and "takes it off the list" in said.stdout
    assert compound("fsck", "one", "--store", str(root)).returncode == 0
