"""What to type to train an advised network, and what that takes."""

import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from compound.orchestrator.answer.answer_text import amount_text
from compound.orchestrator.wording.commands import command
from compound.orchestrator.wording.numbers import counted
from compound.schemas.answer import AnswerRow
from compound.schemas.study import AnySpec, StudySpec

_SUFFIX = 48
"""Characters of a study's name that a study for one network keeps."""


@dataclass(frozen=True)
class NextStep:
    """A command, and what to know before it is typed."""

    command: str
    notes: tuple[str, ...] = ()


def training(spec: AnySpec, typed: str, row: AnswerRow, store: str) -> NextStep:
    """Return what trains a network; `typed`: what the study was run with, `store`: where it is.

    A family of the choice with one seed takes the network in. A wider one would train more than
    was advised, so the network gets a study of its own in the same store, whose trained networks
    are taken from there. One scaled variant becomes a variant of another name.
    """
    settings = [*_settings(spec, row)]
    if not _is_same(spec.store, store):
        settings.append(f"store={store}")
    words = _words(typed)
    file = words[2] if words else "SPEC"
    if Path(file).is_file():
        return NextStep(_with_settings(words, settings), (_takes(spec, row),))
    written = f"{spec.name}.yaml"
    first = command("init", (written,), from_study=spec.name, store=store)
    again = _with_settings(["compound", "run", written, *words[3:]], settings)
    missing = f"the spec file {file} is not here" if words else "the study's file is not known"
    note = f"{missing}: the first command writes it from the store"
    return NextStep(f"{first} && {again}", (note, _takes(spec, row)))


def _settings(spec: AnySpec, row: AnswerRow) -> Iterator[str]:
    if not isinstance(spec, StudySpec):
        yield f"phi={row.phi:g}"
        yield f"name={_named(spec, row)}"
        return
    if not _is_wide(spec, row):
        yield _phis(sorted({*spec.phis, row.phi}))
        return
    yield _phis([row.phi])
    if len(spec.ways) > len(_ways(row)):
        yield f"family.along=[{', '.join(_ways(row))}]"
    if spec.family.seeds > 1:
        yield "family.seeds=1"
    yield f"name={_named(spec, row)}"


def _phis(phis: Sequence[float]) -> str:
    return f"family.phi=[{', '.join(f'{phi:g}' for phi in phis)}]"


def _ways(row: AnswerRow) -> tuple[str, ...]:
    """Return the ways to train; another than the choice is trained at the choice's cost."""
    return ("choice",) if row.way == "choice" else ("choice", row.way)


def _is_wide(spec: AnySpec, row: AnswerRow) -> bool:
    """Whether the family trains more networks or seeds at each phi than are needed."""
    return spec.family_seeds > 1 or len(spec.ways) > len(_ways(row))


def _named(spec: AnySpec, row: AnswerRow) -> str:
    suffix = f"{row.phi:g}".replace(".", "-").replace("--", "-m")
    way = "" if row.way == "choice" else f"-{row.way}"
    return f"{spec.name[:_SUFFIX]}{way}-phi{suffix}"


def _takes(spec: AnySpec, row: AnswerRow) -> str:
    """Say how many jobs the command trains anew, and their hours together."""
    jobs = len(_ways(row)) if spec.search else spec.family_seeds
    cost = row.training
    hours = f", about {amount_text(jobs * cost.hours)} {cost.unit}" if cost else ""
    beside = ": the network with one seed, and the choice's of the same phi" * (jobs == 2)
    apart = spec.search is not None and _is_wide(spec, row)
    name = f", as the study {_named(spec, row)}, which takes what is trained from the store"
    return f"it trains {counted(jobs, 'job')}{hours}{beside}{name * apart}"


def _is_same(address: str, store: str) -> bool:
    """Whether a spec's store is that one."""
    if "://" in store + address:
        return address.rstrip("/") == store.rstrip("/")
    return os.path.realpath(address) == os.path.realpath(store)


def _words(typed: str) -> list[str]:
    """Return the words of a typed `compound run FILE`; none of another command."""
    words = shlex.split(typed) if typed and "--plan" not in typed else []
    return words if words[:2] == ["compound", "run"] and words[2:] else []


def _with_settings(words: Sequence[str], settings: Sequence[str]) -> str:
    """Return a command with settings, in place of earlier ones of the same keys."""
    left, keys = [*words], {setting.partition("=")[0] for setting in settings}
    for position in range(len(left) - 2, 1, -1):
        if left[position] == "--set" and left[position + 1].partition("=")[0].strip() in keys:
            del left[position : position + 2]
    added = [word for setting in settings for word in ("--set", setting)]
    return " ".join(map(shlex.quote, [*left, *added]))
