"""`compound validate` and `compound schema`."""

import sys
from pathlib import Path

from compound.orchestrator.cli.printing.output import print_json, say
from compound.orchestrator.spec.described_schema import described_schema
from compound.orchestrator.spec.key_reference import key_reference
from compound.orchestrator.spec.load import load


def validate(path: Path, overrides: list[str], *, as_json: bool) -> None:
    """Check a spec. SpecError: the first error in it."""
    file = load(path, overrides)
    if as_json:
        print_json(file.spec.model_dump(mode="json"))
    else:
        kind, name = file.spec.kind, file.spec.name
        say(f"{path}: a valid {kind} '{name}'", f"next: {file.command('plan')}")


def schema(*, markdown: bool) -> None:
    """Print the JSON Schema of all specs, or a page of Markdown with every key."""
    described = described_schema()
    if markdown:
        sys.stdout.write(key_reference(described))  # a file to keep: commands as they are
    else:
        print_json(described)
