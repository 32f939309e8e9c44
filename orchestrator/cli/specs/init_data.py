"""`compound init --images`, `--parquet`, `--idx`: a spec that fits data and machine."""

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
from compound.orchestrator.first_spec.foreseen_text import Foreseen, foreseen_lines, larger_line
from compound.orchestrator.first_spec.guessed_folder import guessed_folder
from compound.orchestrator.first_spec.guessed_parquet import guessed_parquet
from compound.orchestrator.first_spec.image_parts import total, with_fractions
from compound.orchestrator.first_spec.line_comments import line_comments
from compound.orchestrator.first_spec.study_size import Available, smallest
from compound.orchestrator.wording.commands import command
from compound.orchestrator.wording.ledger_text import data_lines
from compound.orchestrator.wording.numbers import counted, duration
from compound.schemas.data import DataInfo, IdxData, ImageFolderData, ParquetData
from compound.schemas.errors import DataError

_DECODED = 20_000
"""Images up to which all are decoded."""
_MOST_BAD = 0.25
_LARGER = (24, 120.0)
"""A larger study has so many times the minutes, but no more than so many, or than twice as many."""
OwnData = ImageFolderData | ParquetData | IdxData
_NAME = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class Options:
    """What the command line says beside the file to write."""

    images: str | None = None
    parquet: str | None = None
    idx: str | None = None
    image_column: str | None = None
    label_column: str | None = None
    minutes: float = 5.0
    store: str = "runs"
    probe: bool = True
    force: bool = False

    @property
    def source(self) -> str:
        """The path of the data."""
        return self.images or self.parquet or self.idx or ""

    def command(self, file: Path, minutes: float) -> str:
        """Return the same command for another time."""
        store = self.store if self.store != "runs" else None
        columns = {"image_column": self.image_column, "label_column": self.label_column}
        data = {"images": self.images, "parquet": self.parquet, "idx": self.idx}
        more = {"minutes": f"{minutes:g}", "store": store, "force": True}
        return command("init", (file,), (), **data, **columns, **more)


def init(path: Path, options: Options) -> None:
    """Look at data, size a study for them, write its spec and say what it will show.

    DataError: no study can be made of them. SpecError: the file is there already.
    """
    refuse_existing(path, force=options.force)
    try:
        data, guesses = _guessed(options)
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
        held_out: OwnData = with_fractions(data, summarise(data))
        return held_out, summarise(held_out)
    lenient = data.model_copy(update={"max_bad": _MOST_BAD})
    listed = summarise(lenient)
    divided = with_fractions(lenient, listed)
    divided = divided.model_copy(update={"channels": listed.in_channels})
    info = (inspect if total(listed) <= _DECODED else summarise)(divided)
    bad = allowed_bad(info)
    usual = ImageFolderData.model_fields["max_bad"].default
    return divided.model_copy(update={"max_bad": bad or usual}), info


def _outlook(path: Path, data: OwnData, info: DataInfo, options: Options) -> Outlook:
    available = Available(ladder(info.size), info.train, info.validation)
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
        "Any line may be changed; `compound schema --markdown` explains every key.",
    )
    comments = line_comments(draft, info, chosen.plan)
    return commented_yaml(draft.values(), draft.spec(), comments, head)


def _machine(chosen: Foreseen) -> str:
    basis = chosen.forecast.basis
    hosts = basis.hosts
    gpus = f", {counted(hosts.gpus, 'GPU')}" if hosts.gpus else ""
    measured = "measured" if basis.source == "probe" else "not measured"
    return f"{counted(hosts.cpus, 'CPU')}{gpus}, {measured}"


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
    say(f"wrote {path}", *foreseen_lines(chosen, _machine(chosen)))
    if chosen.seconds > 60 * options.minutes:
        say(
            f"warning: the smallest study that can say anything takes {duration(chosen.seconds)}: "
            f"longer than the {options.minutes:g} min that were asked for"
        )
    times, most = _LARGER
    minutes = min(times * options.minutes, max(most, 2 * options.minutes))
    larger = outlook.largest(minutes)
    if larger.draft.size != chosen.draft.size:
        say(larger_line(larger, options.command(path, minutes)))
    say(f"next: {command('run', (path,))}")


def _for_init(error: DataError, options: Options) -> DataError:
    """Return an error whose next step speaks of options, not of keys of a spec."""
    explained, step = copy(error), error.next_step
    for key in ("image_column", "label_column"):
        step = step.replace(f"`{key}`", f"`--{key.replace('_', '-')} COLUMN`")
    of_keys = "`path`" in step or "`validation_path`" in step or "data." in error.where
    explained.next_step = f"ls {shlex.quote(options.source)}" if of_keys or not step else step
    if error.where.startswith("data."):
        explained.where = options.source
    return explained
