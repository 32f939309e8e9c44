"""`--allow-import`: the grant without which no code of a user's own runs."""

import shlex
from pathlib import Path

from compound.jobs.models.scaled import Networks
from compound.orchestrator.cli.printing.output import note
from compound.orchestrator.spec.load import SpecFile
from compound.schemas.baseline import FactoryBaseline
from compound.schemas.errors import PlanError


def networks_for(file: SpecFile, command: str, allowed: bool) -> Networks:
    """Return what realises the spec's networks; say aloud that it will run the user's code.

    Raises PlanError: the baseline is code, and the command line does not allow it.
    """
    require_grant(file, command, allowed)
    if isinstance(file.spec.baseline, FactoryBaseline):
        note(f"importing {file.spec.baseline.factory}, which runs its code")
    return Networks(folders(file, allowed))


def require_grant(file: SpecFile, command: str, allowed: bool) -> None:
    """Refuse a baseline that is code where the command line does not allow it. PlanError."""
    baseline = file.spec.baseline
    if not isinstance(baseline, FactoryBaseline) or allowed:
        return
    settings = [word for text in file.overrides.values() for word in ("--set", _bare(text))]
    words = ["compound", command, file.source.name, *settings, "--allow-import"]
    raise file.explain(
        PlanError(
            f"{baseline.factory} is code of your own, and it is imported only if you say so",
            where="baseline.factory",
            next_step=shlex.join(words),
        )
    )


def _bare(override: str) -> str:
    return override.removeprefix("--set").strip()


def folders(file: SpecFile, allowed: bool) -> tuple[str, ...]:
    """Return where a factory is looked for: where the command runs, and beside the spec."""
    if not allowed:
        return ()
    paths = (Path.cwd(), Path(file.source.name).resolve().parent)
    return tuple(dict.fromkeys(map(str, paths)))


def say_builds(networks: Networks) -> None:
    """Say how often a factory was called."""
    if networks.builds:
        note(f"{networks.builds} networks were built to be counted")
