"""`--allow-import`: the grant without which no code of a user's own runs."""

from pathlib import Path

from compound.jobs.models.scaled import Networks
from compound.orchestrator.cli.printing.output import note
from compound.orchestrator.spec.load import SpecFile
from compound.orchestrator.wording.numbers import counted
from compound.schemas.baseline import FactoryBaseline
from compound.schemas.errors import PlanError


def networks_for(file: SpecFile, allowing: str, allowed: bool) -> Networks:
    """Return what realises the spec's networks; print that it will run the user's code.

    `allowing`: the command as it was typed, with the grant.

    Raises PlanError: the baseline is code, and the command line does not allow it.
    """
    require_grant(file, allowing, allowed)
    if isinstance(file.spec.baseline, FactoryBaseline):
        note(f"importing {file.spec.baseline.factory}, which runs its code")
    return Networks(folders(file, allowed))


def require_grant(file: SpecFile, allowing: str, allowed: bool) -> None:
    """Refuse a baseline that is code where the command line does not allow it. PlanError."""
    baseline = file.spec.baseline
    if not isinstance(baseline, FactoryBaseline) or allowed:
        return
    raise file.explain(
        PlanError(
            f"{baseline.factory} is code of your own, and it is imported only if you say so",
            where="baseline.factory",
            next_step=allowing,
        )
    )


def folders(file: SpecFile, allowed: bool) -> tuple[str, ...]:
    """Return where a factory is looked for: where the command runs, and beside the spec."""
    if not allowed:
        return ()
    paths = (Path.cwd(), Path(file.source.name).resolve().parent)
    return tuple(dict.fromkeys(map(str, paths)))


def say_builds(networks: Networks) -> None:
    """Say how often a factory was called."""
    if networks.builds:
        note(f"the factory was called {counted(networks.builds, 'time')} to count networks")
