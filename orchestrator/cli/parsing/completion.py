"""What a shell offers after Tab: studies of the store, spec files, names of networks.

It reads little and raises nothing: a shell waits for each answer. Studies are completed from a
folder; a bucket would take a request for each key.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import typer

from compound.orchestrator.cli.printing.command_line import DEFAULT_STORE

_SPECS = (".yaml", ".yml")


def studies(context: typer.Context, incomplete: str) -> list[str]:
    """Return studies of the store that --store names, or of the default one, and spec files."""
    root = Path(str(context.params.get("store") or DEFAULT_STORE)).expanduser() / "studies"
    names = [entry.name for entry in _entries(root) if entry.is_dir()]
    return [name for name in names if name.startswith(incomplete)] + specs(incomplete)


def specs(incomplete: str) -> list[str]:
    """Return specs and folders that begin so."""
    typed = Path(incomplete)
    folder = typed if incomplete.endswith("/") or not incomplete else typed.parent
    entries = [entry for entry in _entries(folder) if not entry.name.startswith(".")]
    paths = [f"{entry}/" if entry.is_dir() else str(entry) for entry in entries]
    fitting = [path for path in paths if path.endswith(("/", *_SPECS))]
    return [path for path in fitting if path.startswith(incomplete)]


def networks(incomplete: str) -> list[str]:
    """Return named networks."""
    from compound.jobs.networks.named import NETWORKS  # pydantic, which no other completion needs

    return [name for name in NETWORKS if name.startswith(incomplete)]


def networks_of_study(context: typer.Context, incomplete: str) -> list[str]:
    """Return the networks of the study that was typed before, by their names."""
    from compound.orchestrator.cli.printing.named_study import find
    from compound.orchestrator.records.study_networks import names_of_study
    from compound.schemas.errors import CompoundError

    # Where an option still lacks its value, click leaves arguments in `args`.
    study = context.params.get("study") or next(iter(context.args), "")
    store = context.params.get("store")
    with suppress(CompoundError):
        _, stored = find(str(study), store and str(store))
        return [name for name in names_of_study(stored).values() if name.startswith(incomplete)]
    return []


def _entries(folder: Path) -> Iterator[Path]:
    with suppress(OSError):
        yield from sorted(folder.iterdir())
