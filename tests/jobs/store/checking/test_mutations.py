"""A finished store, changed by hand: `verify` reports it, or no number changes; fsck removes none.

COMPOUND_LONG=1 runs thousands. COMPOUND_MUTATIONS=FIRST:LAST runs those numbers.
"""

import json
import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest

from compound.jobs.store.format.file_kinds import Kind, kind_of
from tests.support.back_ends import LONG
from tests.support.command import compound
from tests.support.most_memory import most_memory, reset_most_memory
from tests.support.mutated_stores import (
    FileContents,
    OlderVersions,
    build,
    files_in,
    is_reported,
    numbers,
    read_by,
    removed_by_fsck,
)
from tests.support.store_mutations import BY_KIND, MUTATIONS, Mutation

FIRST, LAST = map(int, os.environ.get("COMPOUND_MUTATIONS", "0:24").split(":"))
MADE_AGAIN = ("index", "sign", "lease", "temporary", "begun", "reservation")
"""Kinds of files that fsck may delete though they are whole: they are made again."""
NOT_ON_A_DISK = {"sign", "temporary", "probe"}
"""Kinds of files that a store on a disk has only for moments, or after a crash."""
MOST_BYTES = 10**9


class Whole(NamedTuple):
    """The store before any change."""

    root: Path
    older: OlderVersions
    numbers: dict[str, Any]
    files: FileContents


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    root = tmp_path_factory.mktemp("whole") / "runs"
    older = build(root)
    return Whole(root, older, numbers(root), files_in(root))


def test_the_store_is_whole_and_has_every_kind_of_file(whole: Whole, tmp_path: Path) -> None:
    root = copied(whole, tmp_path)
    assert not is_reported(root)
    assert removed_by_fsck(root) == {"drivers/second.json"}  # its driver is dead
    left = files_in(root)
    changed = {kind_of(key) for key, data in whole.files.items() if left.get(key) != data}
    assert changed <= {"reservation", "lease"} and left.keys() < whole.files.keys()
    assert None not in whole.numbers.values()
    assert {kind_of(key) for key in whole.files} == {*get_args(Kind)} - NOT_ON_A_DISK


def check_change(whole: Whole, number: int, at: Path) -> tuple[Mutation, set[str]]:
    """Make a change: it is reported, or changes no number, and fsck removes nothing needed.

    Return what was done, and the kinds of the files that differ.
    """
    draw, mutation = random.Random(number), MUTATIONS[number % len(MUTATIONS)]
    root = at / "runs"
    shutil.copytree(whole.root, root)
    what = f"{number}: {mutation(draw, root, whole.older)}"
    changed = files_in(root)
    with named(what):
        reported = is_reported(root)
        differing = [name for name, said in numbers(root).items() if said != whole.numbers[name]]
        assert reported or not differing, f"not reported, and {differing} changed"
        read_by(number // len(MUTATIONS), root, at)
        check_repair(whole, root, changed, reported)
    for path in at.iterdir():
        remove(path)
    differ = {key for key in {*changed, *whole.files} if changed.get(key) != whole.files.get(key)}
    return mutation, {str(kind_of(key)) for key in differ}


def check_repair(whole: Whole, root: Path, changed: FileContents, reported: bool) -> None:
    """Let fsck repair and delete: what is whole stays, and so do the numbers."""
    kept = {key for key, data in whole.files.items() if changed.get(key) == data}
    named = {key for key in kept if _is_data(key) and _is_named(key, changed)}
    lost = named & removed_by_fsck(root)
    assert not lost, f"fsck removed {lost}"
    left = {*files_in(root).values()}
    of_jobs = {data: key for key, data in whole.files.items() if key.startswith("jobs/")}
    gone = (of_jobs.keys() & {*changed.values()}) - left
    assert not gone, f"fsck removed all copies of {[of_jobs[data] for data in gone]}"
    if not reported:
        assert not is_reported(root) and numbers(root) == whole.numbers, "after the repair"


@contextmanager
def named(what: str) -> Iterator[None]:
    """Say which change it was, whatever fails."""
    try:
        yield
    except BaseException as error:
        error.add_note(what)
        raise


def remove(path: Path) -> None:
    """Remove a folder, or whatever lies in its place."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _is_named(key: str, files: FileContents) -> bool:
    """Whether a manifest names a file: rows of a commit whose manifest is gone are in the next."""
    name = key.rpartition("/")[2].encode()
    return any(name in data for file, data in files.items() if kind_of(file) == "manifest")


def _is_data(key: str) -> bool:
    return kind_of(key) not in MADE_AGAIN


@pytest.mark.parametrize("start", range(FIRST, LAST, 12))
def test_every_change_is_reported_or_changes_no_number(
    whole: Whole, tmp_path: Path, start: int
) -> None:
    for number in range(start, min(start + 12, LAST)):
        check_change(whole, number, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(14_400)
@pytest.mark.skipif(not LONG, reason="takes an hour: COMPOUND_LONG=1 runs it")
def test_five_thousand_changes(whole: Whole, tmp_path: Path) -> None:
    reset_most_memory()
    changes = {mutation: set[str]() for mutation in MUTATIONS}
    for number in range(LAST, LAST + 5000):
        mutation, kinds = check_change(whole, number, tmp_path)
        changes[mutation] |= kinds
    every = {*get_args(Kind)} - NOT_ON_A_DISK
    assert {m.__name__: every - changes[m] for m in BY_KIND if every - changes[m]} == {}
    assert most_memory() < MOST_BYTES


def copied(whole: Whole, at: Path) -> Path:
    """Return a copy of the store."""
    return Path(shutil.copytree(whole.root, at / "runs"))


def a_done_job(root: Path) -> Path:
    """Return the folder of a job that study `first` has trained."""
    said = compound("status", "first", "--store", str(root), "--json")
    return root / "jobs" / json.loads(said.stdout)["jobs"][0]["job"]


@pytest.mark.parametrize("what", ["job", "attempt"])
def test_missing_rows_are_counted(whole: Whole, tmp_path: Path, what: str) -> None:
    root = copied(whole, tmp_path)
    job = a_done_job(root)
    shutil.rmtree(job if what == "job" else next(job.glob("attempt-*")))
    said = compound("status", "first", "--store", str(root))
    assert f"warning: 4 rows are missing (job {job.name}: 4 rows); next: compound verify first" in (
        said.stdout
    )
    said = compound("metrics", "first", "--store", str(root), "--json")
    assert said.returncode == 1 and f"job {job.name}: 4 rows" in said.stderr
    for words in (("verify", "first"), ("verify",), ("fsck", "first"), ("fsck",)):
        said = compound(*words, "--store", str(root))
        assert said.returncode == 1 and job.name in said.stdout, words


def test_a_copied_attempt_makes_no_orphans(whole: Whole, tmp_path: Path) -> None:
    root = copied(whole, tmp_path)
    job = a_done_job(root)
    other = next(path for path in sorted(root.glob("jobs/*/attempt-*")) if path.parent != job)
    shutil.copytree(other, job / f"attempt-0002-{other.name[-8:]}")
    assert numbers(root) == whole.numbers
    said = json.loads(compound("fsck", str(root), "--json").stdout)
    of_jobs = [finding for finding in said["found"] if finding["kind"] != "reservation"]
    assert {finding["problem"] for finding in of_jobs} == {"misplaced"}
    assert all(f"{job.name}/attempt-0002-" in finding["file"] for finding in of_jobs)
    assert removed_by_fsck(root) == {"drivers/second.json"}


def test_a_deleted_document_is_named(whole: Whole, tmp_path: Path) -> None:
    root = copied(whole, tmp_path)
    (root / "studies/first/verdict.json").unlink()
    said = compound("status", "first", "--store", str(root))
    assert "warning: verdict.json of the study is missing" in said.stdout
    said = compound("fsck", "first", "--store", str(root), "--repair")
    assert said.returncode == 1 and "takes it off the list" in said.stdout
    assert compound("fsck", "first", "--store", str(root)).returncode == 0
