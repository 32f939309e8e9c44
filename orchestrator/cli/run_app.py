"""The commands that train; `app.py` adds them to the others."""

from pathlib import Path
from typing import Annotated

import typer

from compound.orchestrator.cli.parsing import completion, unused_options
from compound.orchestrator.cli.parsing.options import (
    AddressOption,
    ImportOption,
    JsonOption,
    RunnerOption,
    SetOption,
    StoreOption,
    StudyArgument,
)
from compound.orchestrator.cli.printing.output import note

app = typer.Typer()


@app.command()
def run(
    spec: Annotated[
        Path | None,
        typer.Argument(metavar="[SPEC]", help="A YAML spec.", autocompletion=completion.specs),
    ] = None,
    overrides: SetOption = None,
    plan: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A file that `compound plan -o` wrote, to run exactly."),
    ] = None,
    runner: RunnerOption = "ray",
    address: AddressOption = None,
    retry_failed: Annotated[bool, typer.Option(help="Train failed jobs again.")] = False,
    fast_dev_run: Annotated[
        bool,
        typer.Option(help="Test the spec: train two batches of every job, and keep nothing."),
    ] = False,
    profile: Annotated[
        bool, typer.Option(help="Trace a few steps of the first job of every phase.")
    ] = False,
    report: Annotated[
        bool, typer.Option("--report/--no-report", help="Draw report.html at the end.")
    ] = True,
    allow_import: ImportOption = False,
    as_json: JsonOption = False,
) -> None:
    """Search, judge, scale, train, report. The same command again resumes."""
    unused_options.require_ray(runner, address)
    if fast_dev_run:
        unused_options.refuse_in_rehearsal(plan, retry_failed=retry_failed, profile=profile)
    from compound.orchestrator.cli.study.spec_to_run import source

    file = source(spec, overrides or [], plan)
    # Before the imports below, which take seconds.
    note("reading the data and planning ...")
    from compound.orchestrator.cli.study import run as run_command

    options = run_command.Options(
        runner, address, retry_failed, as_json, plan, allow_import, profile, report, fast_dev_run
    )
    if fast_dev_run:
        from compound.orchestrator.cli.study import fast_dev_run as fast_dev_run_command

        fast_dev_run_command.run(file, options)
        return
    run_command.run_spec(file, options)


@app.command()
def retry(
    study: StudyArgument,
    store: StoreOption = None,
    failed: Annotated[bool, typer.Option("--failed", help="Retry failed jobs (default).")] = True,
    runner: RunnerOption = "ray",
    address: AddressOption = None,
    allow_import: ImportOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train a study's failed jobs again, then continue the study."""
    unused_options.require_ray(runner, address)
    note("reading the study ...")
    from compound.orchestrator.cli.study import retry as retry_command
    from compound.orchestrator.cli.study import run as run_command

    options = run_command.Options(runner, address, failed, as_json, None, allow_import)
    retry_command.retry(study, store, options)
