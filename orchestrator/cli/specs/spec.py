"""`compound schema`."""

import sys

from compound.orchestrator.cli.printing.output import print_json
from compound.orchestrator.spec.described_schema import described_schema
from compound.orchestrator.spec.key_reference import key_reference


def schema(*, markdown: bool) -> None:
    """Print the JSON Schema of all specs, or a page of Markdown with every key."""
    described = described_schema()
    if markdown:
        sys.stdout.write(key_reference(described))  # a file to keep: commands as they are
    else:
        print_json(described)
