"""Makes a mistake, reads what is said of it, follows what is said, and gives the marks."""

import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path

from tests.support.mistakes import folders
from tests.support.mistakes.mistake import SPEC, Mistake
from tests.support.mistakes.rubric import (
    Said,
    command_in,
    corrected,
    marks,
    run_line,
    say,
    shell_line,
    with_option,
)

STORES = Path(__file__).parents[2] / "stores"
LOCAL = ("--runner", "local", "--no-report")
"""How `run` is typed where it could begin."""


@dataclass(frozen=True)
class Grade:
    """What a command said of a mistake, and the marks for it."""

    said: Said
    marks: dict[str, bool]
    alike: bool = True
    """Whether validate, plan and run said the same."""


def graded(mistake: Mistake, folder: Path) -> Grade:
    """Make a mistake in a new folder, and grade what is said of it."""
    return _typed(mistake, folder) if mistake.typed else _in_spec(mistake, folder)


def _in_spec(mistake: Mistake, folder: Path) -> Grade:
    text = SPEC.replace(mistake.old, mistake.new, 1)
    spec = folder / "spec.yaml"
    spec.write_text(text, encoding=mistake.encoding)
    if mistake.folder:
        getattr(folders, mistake.folder)(folder)
    ways = (("validate",), ("plan",), ("run", *LOCAL))
    said, *others = (say(folder, way[0], "spec.yaml", *way[1:]) for way in ways)
    given = marks(said, mistake)
    given["next"] = _helps(mistake, said, text, folder)
    alike = all((other.code, other.text) == (said.code, said.text) for other in others)
    return Grade(said, given, alike)


def _helps(mistake: Mistake, said: Said, text: str, folder: Path) -> bool:
    """Whether the spec gets further after what is printed, or what the text calls for."""
    spec = folder / "spec.yaml"
    if mistake.after:
        getattr(folders, mistake.after)(folder)
    elif mistake.repair:
        spec.write_text(text.replace(*mistake.repair, 1))
    else:
        line = shell_line(said)
        if line and not run_line(line, folder):
            return False
        edited = corrected(text, said)
        if edited is not None:
            spec.write_text(edited)
        elif not line:
            return _follows(command_in(said), said, folder)
    return _is_further(say(folder, "validate", "spec.yaml"), said)


def _typed(mistake: Mistake, folder: Path) -> Grade:
    _begun_study(folder)
    said = say(folder, *mistake.typed)
    given = marks(said, mistake)
    words = list(mistake.then) or with_option(mistake.typed, said) or command_in(said)
    given["next"] = _follows(words, said, folder)
    return Grade(said, given)


def _begun_study(folder: Path) -> None:
    """Write a spec, a spec of a study that has begun, its store, and a plan that was edited."""
    (folder / "spec.yaml").write_text(SPEC)
    shutil.copy(STORES / "small.yaml", folder)
    with tarfile.open(STORES / "schema-4.tar.gz") as archive:
        archive.extractall(folder / "archive", filter="data")
    (store,) = [path.parent for path in (folder / "archive").rglob("studies") if path.is_dir()]
    store.rename(folder / "runs")
    (folder / "plan.json").write_text('{"kind": "planfile"}')


def _follows(words: list[str] | None, said: Said, folder: Path) -> bool:
    """Whether a printed command, which has no gap to fill in, works or gets further."""
    if not words or {"SPEC", "STUDY", "VALUE"} & {*words}:
        return False
    if words[0] == "run":
        words = [*words, *LOCAL]
    return _is_further(say(folder, *words), said)


def _is_further(after: Said, before: Said) -> bool:
    return after.code == 0 or after.message != before.message
