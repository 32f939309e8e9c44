"""The commands of studies that run as Ray jobs; `app.py` adds them to the others."""

from pathlib import Path
from typing import Annotated

import typer

from compound.orchestrator.cli.parsing.options import (
    ImportOption,
    JobServerOption,
    JsonOption,
    SetOption,
    SpecArgument,
)

app = typer.Typer()


@app.command()
def submit(
    spec: SpecArgument,
    overrides: SetOption = None,
    address: JobServerOption = None,
    working_dir: Annotated[Path, typer.Option(help="The folder to upload.")] = Path(),
    allow_import: ImportOption = False,
    follow: Annotated[
        bool, typer.Option(help="Print what the job prints, and end with its exit code.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Run a study as a Ray job on a running cluster."""
    from compound.orchestrator.cli.study import submit as submit_command

    options = submit_command.Options(address, working_dir, as_json, allow_import, follow)
    submit_command.submit(spec, overrides or [], options)


@app.command()
def logs(
    job: Annotated[str, typer.Argument(metavar="JOB")],
    address: JobServerOption = None,
    follow: Annotated[bool, typer.Option(help="Print new lines until the job ends.")] = False,
) -> None:
    """Print what a submitted job wrote."""
    from compound.orchestrator.cli.study import submit as submit_command

    submit_command.logs(job, address, follow=follow)


@app.command()
def stop(
    job: Annotated[str, typer.Argument(metavar="JOB")],
    address: JobServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stop a submitted job; submitting its spec again resumes."""
    from compound.orchestrator.cli.study import submit as submit_command

    submit_command.stop(job, address, as_json=as_json)
