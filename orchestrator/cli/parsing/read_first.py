"""A spec that is read before the packages are imported that carry it out."""

from collections.abc import Sequence
from pathlib import Path


def refuse_mistakes(spec: Path | None, overrides: Sequence[str] | None) -> None:
    """Raise SpecError for a spec with a mistake, which need not wait a second for torch."""
    if spec is not None:
        from compound.orchestrator.spec.load import load  # pydantic, for --help

        load(spec, overrides or ())
