"""What a check of the store reports: one finding for each file that is not as it should be."""

import os
from dataclasses import dataclass
from typing import Literal

from compound.jobs.store.backend.files import Entry, Files
from compound.schemas.base import Model

Problem = Literal[
    "orphan",
    "overtaken",
    "torn",
    "single",
    "foreign",
    "misplaced",
    "missing",
    "damaged",
    "newer",
]
"""`orphan`: written by the store, and named by no commit that can still count. `overtaken`: still
written by an attempt that has a successor. `torn`: its end was cut off by a crash; what is lost was
never acknowledged as durable. `single`: an ended job's last commit has one copy, not two.
`foreign`: not a name that the store gives. `misplaced`: whole, and written for another place: a
copy, which nothing reads. `newer`: of a schema that this program does not know."""

GRAVE: tuple[Problem, ...] = ("misplaced", "missing", "damaged", "newer")
"""What a sound store never has, however it was crashed."""


class Finding(Model):
    """A file, or a folder of foreign ones, that is not as it should be."""

    problem: Problem
    owner: str
    """The job or the study that it belongs to; empty for the store's own."""
    key: str
    file: str
    """Its address, for people and other programs."""
    kind: str = ""
    """What its name makes it: rows, manifest, checkpoint, ..."""
    size: int = 0
    what: str
    next_step: str = ""
    deletable: bool = False
    """Whether it may be deleted now: an orphan, with no writer that might still name it."""
    deleted: bool = False
    repaired: bool = False

    @property
    def grave(self) -> bool:
        """Whether something is lost, or may be."""
        return self.problem in GRAVE and not self.repaired


@dataclass
class FindingCounts:
    """How many files, and bytes, a check has read."""

    files: int = 0
    bytes: int = 0

    def add(self, size: int) -> None:
        """Count a file."""
        self.files += 1
        self.bytes += size


_UNREADABLE = "restore it from a copy; without one, run the study again: it falls back"
_NEWER = "update compound"
_MISPLACED = "left alone, and not read; move it back to where it was written, or away"
_FOREIGN = "left alone; move it away if it should not be here"


def printable(key: str) -> str:
    """Return a foreign name as text, even if it is not valid UTF-8."""
    return os.fsencode(key).decode("utf-8", "backslashreplace")


def address(files: Files, key: str) -> str:
    """Return where a file lies, also for names that the store would never give."""
    return f"{files.locate('store.json').removesuffix('store.json')}{printable(key)}"


def lost(files: Files, owner: str, key: str, problem: str, kind: str = "") -> Finding:
    """Return the finding of a file that is damaged or missing."""
    problem = problem.removeprefix("the file is damaged: ")
    return Finding(
        problem="missing" if problem == "it is missing" else "damaged",
        owner=owner,
        key=key,
        file=address(files, key),
        kind=kind,
        what=problem,
        next_step=_UNREADABLE,
    )


def stray(
    files: Files, owner: str, key: str, problem: str, kind: str = "", size: int = 0
) -> Finding:
    """Return the finding of a file that was written for another place."""
    return Finding(
        problem="misplaced",
        owner=owner,
        key=key,
        file=address(files, key),
        kind=kind,
        size=size,
        what=problem.removeprefix("the file is misplaced: "),
        next_step=_MISPLACED,
    )


def newer(files: Files, owner: str, key: str, problem: str, kind: str = "") -> Finding:
    """Return the finding of a file of a schema that this program does not know."""
    return Finding(
        problem="newer",
        owner=owner,
        key=key,
        file=address(files, key),
        kind=kind,
        what=problem,
        next_step=_NEWER,
    )


def foreign(files: Files, owner: str, key: str, size: int, problem: str = "") -> Finding:
    """Return the finding of a file that the store never wrote."""
    return Finding(
        problem="foreign",
        owner=owner,
        key=printable(key),
        file=address(files, key),
        size=size,
        what=problem or "not a name that the store gives",
        next_step=_FOREIGN,
    )


def strange(files: Files, owner: str, entry: Entry) -> Finding:
    """Return the finding of an entry with a foreign name, or of one that is no file."""
    problem = f"it is {entry.strange}, not a file" if entry.strange else ""
    return foreign(files, owner, entry.key, entry.size, problem)
