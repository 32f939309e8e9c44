"""`compound init`: a spec to begin with, that of a stored study, or an example with its files."""

from pathlib import Path

from compound.jobs.wording.os_errors import refused_as
from compound.orchestrator.cli.printing.output import say
from compound.orchestrator.wording.commands import command
from compound.schemas.errors import SpecError

STARTER = """\
kind: study
name: my-study
data: {source: digits}            # your own images: compound init --images FOLDER --force
baseline:
  resolution: 12
  stem: {channels: 8, stride: 1}
  stages:
    - {channels: 8, expand: 1}
    - {channels: 16, expand: 4, stride: 2, repeats: 2}
  head: 64
rounding: {channels: 4}
search:
  design: {kind: lattice, degree: 3}
  budget: {multiple: 2.0, tolerance: 0.1}
  seeds: 3
family: {phi: [1, 2]}
train: {epochs: 6, batch: 64}
resources:
  search: {gpus: auto}
  family: {gpus: auto}
"""


def init(path: Path, study: str | None, uri: str | None, *, force: bool) -> None:
    """Write a starter spec, or that of a stored study. SpecError: the file is there already.

    StoreError: there is no such store, or no such study in it.
    """
    write_spec(path, _text_of(study, uri) if study else STARTER, force=force)
    say(f"wrote {path}", f"next: {command('plan', (path,))}")


def write_spec(path: Path, text: str, *, force: bool) -> None:
    """Write a file that is not there, or with `force` one that is. SpecError: it is there."""
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise _existing(path) from None
    except OSError as error:
        raise refused_as(SpecError, "cannot write", path, error) from None


def refuse_existing(path: Path, again: str, *, force: bool) -> None:
    """Raise SpecError where a file is there already, before any work is done for it.

    `again`: the command that writes another file.
    """
    if path.exists() and not force:
        raise _existing(path, again)


def _existing(path: Path, again: str = "compound init another-name.yaml") -> SpecError:
    return SpecError(
        "the file exists; it is left as it is",
        where=str(path),
        allowed="another name, or --force to write over it",
        next_step=again,
    )


def _text_of(study: str, uri: str | None) -> str:
    """Return the text of the spec that a study was run with, without the settings typed then."""
    from compound.orchestrator.cli.printing.named_study import (
        find,  # pyarrow, which a starter need not wait for
    )

    return find(study, uri)[1].record.text
