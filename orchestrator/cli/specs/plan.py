"""`compound plan`: everything that will be trained and what it takes, before anything starts."""

import os
from dataclasses import dataclass
from pathlib import Path

from compound.orchestrator.cli.parsing.allow_import import networks_for, say_builds
from compound.orchestrator.cli.printing.output import note, print_json, say
from compound.orchestrator.cli.printing.plan_json import as_json as plan_json
from compound.orchestrator.cli.printing.plan_tables import show, show_probe
from compound.orchestrator.forecast import placement
from compound.orchestrator.forecast.device_probe import probe_for
from compound.orchestrator.forecast.devices import nodes_of
from compound.orchestrator.plan import plan_file
from compound.orchestrator.plan.plan_file import PlanFile, program_hash
from compound.orchestrator.prepare import Prepared, examine, samples
from compound.orchestrator.refusals import refuse, unchecked
from compound.orchestrator.spec.load import SpecFile, load
from compound.orchestrator.wording.commands import command
from compound.schemas.errors import CompoundError


@dataclass(frozen=True)
class Options:
    """What the command line adds to a spec."""

    probe: bool = False
    address: str | None = None
    output: Path | None = None
    as_json: bool = False
    allow_import: bool = False

    def again(self, file: SpecFile) -> str:
        """Return the command as it was typed, with the grant that the spec needs."""
        return file.command(
            "plan", probe=self.probe, address=self.address, output=self.output, json=self.as_json
        )


def plan(path: Path, overrides: list[str], options: Options) -> None:
    """Print the plan of a spec. SpecError, PlanError, DataError: it cannot be carried out."""
    file = load(path, overrides)
    try:
        if options.probe:
            _probe(file, options)
        networks = networks_for(file, options.again(file), options.allow_import)
        # A plan that will run exactly as it is has to know which images can be decoded.
        prepared = examine(file.spec, networks, decode=options.output is not None)
        say_builds(networks)
        _show(file, prepared, as_json=options.as_json)
        refuse(prepared, samples(prepared, networks), options.address)
    except CompoundError as error:
        raise file.explain(error, output=options.output) from None
    if options.output is not None:
        _save(options.output, path, file, overrides, prepared)
    if not options.as_json:
        for text in unchecked(prepared, options.address):
            say(f"not checked: {text}")
        say(f"next: {_next(file, options, prepared)}")


def _show(file: SpecFile, prepared: Prepared, *, as_json: bool) -> None:
    """Print a plan, also one that is refused: its figures say why."""
    if as_json:
        print_json(plan_json(prepared))
    else:
        show(prepared, file.command("plan", json=True))


def _next(file: SpecFile, options: Options, prepared: Prepared) -> str:
    """Return the command that follows: the run, or another plan where this one cannot run."""
    changes = placement.edits(prepared.spec, nodes_of(prepared.spec))
    again = file.command("plan", changes, output=options.output)
    if changes:
        return again
    if not all(placed.fits for placed in prepared.forecast.resources):
        return f"edit `resources` or `cluster` in {file.source.name}, then {again}"
    if options.output:
        return command("run", plan=options.output, allow_import=file.is_code)
    return file.command("run")


def _probe(file: SpecFile, options: Options) -> None:
    profile = probe_for(file.spec, options.address, note)
    if not options.as_json:
        show_probe(profile)


def _save(
    output: Path, path: Path, file: SpecFile, overrides: list[str], prepared: Prepared
) -> None:
    plan_file.write(
        output,
        PlanFile(
            spec=file.spec,
            path=os.path.relpath(path.absolute(), output.absolute().parent),
            text=file.source.text,
            overrides=tuple(overrides),
            program=program_hash(),
            profile=prepared.cost_model.profile,
            search=prepared.plan.search,
            variant=prepared.plan.variant,
            forecast=prepared.forecast,
        ),
    )
    note(f"wrote {output}")
