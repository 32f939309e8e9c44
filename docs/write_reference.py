"""Write the pages that are made from the code: `python -m docs.write_reference`."""

from pathlib import Path

from compound.orchestrator.cli.app import app
from compound.orchestrator.spec.described_schema import described_schema
from compound.orchestrator.spec.key_reference import key_reference
from docs.command_reference import command_reference

FOLDER = Path(__file__).parent / "reference"


def main() -> None:
    """Write both pages over what is there."""
    (FOLDER / "commands.md").write_text(command_reference(app), encoding="utf-8")
    (FOLDER / "keys.md").write_text(key_reference(described_schema()), encoding="utf-8")


if __name__ == "__main__":
    main()
