"""`compound init --images`, `--parquet`, `--idx`: a spec that fits data and machine."""

import os
import re
import shlex
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path

from compound.jobs.data.source import inspect, summarise
from compound.orchestrator.cli.printing.output import say
from compound.orchestrator.cli.specs.init import refuse_existing, write_spec
from compound.orchestrator.cli.specs.outlook import Outlook, probe_once
from compound.orchestrator.first_spec.commented_yaml import commented_yaml
from compound.orchestrator.first_spec.data_findings import (
    allowed_bad,
    few_of_class,
    looks,
    mirrors,
    refuse_too_few,
)
from compound.orchestrator.first_spec.draft import Draft
from compound.orchestrator.first_spec.first_network import ladder
from compound.orchestrator.first_spec.foreseen_text import (
    Foreseen,
    busy_line,
    foreseen_lines,
    larger_line,
    late_line,
)
from compound.orchestrator.first_spec.guessed_folder import guessed_folder
from compound.orchestrator.first_spec.guessed_parquet import guessed_parquet
from compound.orchestrator.first_spec.image_parts import OwnData, total, with_fractions
from compound.orchestrator.first_spec.line_comments import line_comments
from compound.orchestrator.first_spec.study_size import Available, smallest
from compound.orchestrator.wording.commands import command
from compound.orchestrator.wording.ledger_text import data_lines
from compound.orchestrator.wording.numbers import counted
from compound.schemas.data import DataInfo, IdxData, ImageFolderData
from compound.schemas.errors import DataError

_DECODED = 20_000
"""Images up to which all are decoded, where they lie on a disk."""
_MOST_BAD = 0.25
_LARGER = (24, 120.0)
"""A larger study has so many times the minutes, but no more than so many, or than twice as many."""
USUAL_MINUTES = 5.0
_ANOTHER_FILE = Path("another-name.yaml")
_NAME = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class Options:
    """What the command line says beside the file to write."""

    images: str | None = None
    parquet: str | None = None
    idx: str | None = None
    image_column: str | None = None
    label_column: str | None = None
    minutes: float = USUAL_MINUTES
    store: str = "runs"
    probe: bool = True
    force: bool = False

    @property
    def source(self) -> str:
        """The path of the data."""
        return self.images or self.parquet or self.idx or ""

    def command(self, file: Path, minutes: float, *, force: bool = False) -> str:
        """Return the same command for another file or time."""
        store = self.store if self.store != "runs" else None
        columns = {"image_column": self.image_column, "label_column": self.label_column}
        data = {"images": self.images, "parquet": self.parquet, "idx": self.idx}
        more = {
            "minutes": None if minutes == USUAL_MINUTES else f"{minutes:g}",
            "store": store,
            "force": force,
        }
        return command("init", (file,), (), **data, **columns, **more)


def init(path: Path, options: Options) -> None:
    """Look at data, size a study for them, write its spec and say what it will show.

    DataError: no study can be made of them. SpecError: the file is there already.
    """
    try:
        data, guesses = _guessed(options)
        renamed = options.command(_ANOTHER_FILE, options.minutes)
        refuse_existing(path, renamed, force=options.force)
        data, info = _looked_at(data)
        refuse_too_few(info, options.source)
    except DataError as error:
        raise _for_init(error, options) from None
    outlook = _outlook(path, data, info, options)
    _say_data(path, info, guesses)
    if options.probe:
        probe_once(outlook)
    chosen = outlook.largest(options.minutes)
    write_spec(path, _text(chosen, outlook.info), force=options.force)
    _say_study(path, chosen, outlook, options)


def _guessed(options: Options) -> tuple[OwnData, list[str]]:
    if options.parquet:
        return guessed_parquet(options.parquet, options.image_column, options.label_column)
    if options.idx:
        return IdxData(source="idx", path=options.idx), []
    return guessed_folder(options.images or "")


def _looked_at(data: OwnData) -> tuple[OwnData, DataInfo]:
    """Return data with their parts, and what they are; where they are few, all are decoded."""
    if isinstance(data, IdxData):
        held_out = with_fractions(data, summarise(data))
        return held_out, summarise(held_out)
    lenient = data.model_copy(update={"max_bad": _MOST_BAD})
    listed = summarise(lenient)
    held_out = with_fractions(lenient, listed)
    divided = held_out.model_copy(update={"channels": listed.in_channels})
    if total(listed) <= _DECODED and not data.path.startswith("s3://"):
        info = inspect(divided)
    else:  # many are hashed once only, where the usual parts are what they should have
        info = listed if held_out == lenient else summarise(divided)
    bad = allowed_bad(info)
    usual = ImageFolderData.model_fields["max_bad"].default
    return divided.model_copy(update={"max_bad": bad or usual}), info


def _outlook(path: Path, data: OwnData, info: DataInfo, options: Options) -> Outlook:
    available = Available(ladder(info.size), info.train, info.validation, len(info.classes))
    draft = Draft(
        name=_name(path, options.source),
        data=data,
        available=available,
        size=smallest(available),
        flip=mirrors(info),
        store=options.store,
    )
    return Outlook(draft, info)


def _name(path: Path, source: str) -> str:
    """Return a study's name: that of the file, or of the data where the file has no name yet."""
    stem = path.stem if path.stem != "study" else Path(source.rstrip("/")).stem
    return _NAME.sub("-", stem.lower()).strip("-")[:63].strip("-") or "my-study"


def _text(chosen: Foreseen, info: DataInfo) -> str:
    draft = chosen.draft
    head = (
        f"{total(info):,} images of {len(info.classes):,} classes: a spec by `compound init`, "
        f"sized for {_machine(chosen)}.",
        f"Any line may be changed; `{command('schema', markdown=True)}` explains every key.",
    )
    comments = line_comments(draft, info, chosen.plan)
    return commented_yaml(draft.values(), draft.spec(), comments, head, _limit(chosen))


def _limit(chosen: Foreseen) -> tuple[str]:
    """Return a limit on spending for those who want one: a few times what is forecast."""
    most, times = chosen.forecast.most, 4
    unit, amount = ("gpu", most.gpu_hours) if most.gpu_hours else ("cpu", most.cpu_hours)
    limit = f"budget: {{{unit}_hours: {times * amount:.2g}, at_limit: stop}}"
    return (f"{limit}    stops the study at {times} times what is forecast",)


def _machine(chosen: Foreseen) -> str:
    basis = chosen.forecast.basis
    hosts = basis.hosts
    gpus = f", {counted(hosts.gpus, 'GPU')}" if hosts.gpus else ""
    guess = "by a guess, which may be wrong by a factor of 3"
    measured = "as measured" if basis.source == "probe" else guess
    return f"{counted(hosts.cpus, 'CPU')}{gpus} {measured}"


def _say_data(path: Path, info: DataInfo, guesses: Sequence[str]) -> None:
    """Say what was looked at, left out and guessed."""
    seen = looks(info.ledger) if info.ledger else ()
    without = f"no test part: {total(info):,} images are too few to hold some out for the end"
    lines = (
        *data_lines(info),
        *(f"data: {line}" for line in seen),
        *(f"guessed: {text}" for text in guesses),
        *(f"warning: {text}" for text in few_of_class(info)),
        *(() if info.test else (without,)),
    )
    say(*(line.replace(" SPEC", f" {path}") for line in lines))


def _say_study(path: Path, chosen: Foreseen, outlook: Outlook, options: Options) -> None:
    """Say what was written, what it takes, what it will show, and what to type."""
    late = late_line(chosen.seconds, options.minutes)
    busy = busy_line(os.getloadavg()[0], chosen.forecast.basis.hosts.cpus)
    say(f"wrote {path}", *foreseen_lines(chosen, _machine(chosen)), *late, *busy)
    times, most = _LARGER
    minutes = min(times * options.minutes, max(most, 2 * options.minutes))
    larger = outlook.largest(minutes)
    if larger.draft.size != chosen.draft.size:
        say(larger_line(larger, options.command(path, minutes, force=True)))
    say(f"next: {command('run', (path,))}")


def _for_init(error: DataError, options: Options) -> DataError:
    """Return an error whose next step speaks of options, not of keys of a spec."""
    explained, step = copy(error), error.next_step
    for key in ("image_column", "label_column"):
        step = step.replace(f"`{key}`", f"`--{key.replace('_', '-')} COLUMN`")
    of_keys = "`path`" in step or "`validation_path`" in step or "data." in error.where
    in_bucket = options.source.startswith("s3://")
    listing = f"{'aws s3 ls' if in_bucket else 'ls'} {shlex.quote(options.source)}"
    explained.next_step = listing if of_keys or not step else step
    if error.where.startswith("data."):
        explained.where = options.source
    return explained
