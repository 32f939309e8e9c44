"""`compound schema` and `compound init`."""

import sys
from pathlib import Path

from compound.jobs.wording.os_errors import refused_as
from compound.orchestrator.cli.printing.output import print_json, say
from compound.orchestrator.spec.described_schema import described_schema
from compound.orchestrator.spec.key_reference import key_reference
from compound.orchestrator.wording.commands import command
from compound.schemas.errors import SpecError

STARTER = """\
kind: study
name: my-study
data: {source: digits}            # or parquet, image_folder with a path
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


def schema(*, markdown: bool) -> None:
    """Print the JSON Schema of all specs, or a page of Markdown with every key."""
    described = described_schema()
    if markdown:
        sys.stdout.write(key_reference(described))  # a file to keep: commands as they are
    else:
        print_json(described)


def init(path: Path, study: str | None = None, uri: str | None = None) -> None:
    """Write a starter spec, or that of a stored study. SpecError: the file is there already.

    StoreError: there is no such store, or no such study in it.
    """
    text = _text_of(study, uri) if study else STARTER
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise SpecError(
            "the file exists; it is left as it is",
            where=str(path),
            next_step="compound init another-name.yaml",
        ) from None
    except OSError as error:
        raise refused_as(SpecError, "cannot write", path, error) from None
    say(f"wrote {path}", f"next: {command('plan', (path,))}")


def _text_of(study: str, uri: str | None) -> str:
    """Return the text of the spec that a study was run with, without the settings typed then."""
    from compound.orchestrator.cli.printing.named_study import (
        find,  # pyarrow, which a starter need not wait for
    )

    return find(study, uri)[1].record.text
