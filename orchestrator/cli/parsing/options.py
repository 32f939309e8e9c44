"""The arguments and options that several commands share."""

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from compound.orchestrator.cli.parsing import completion
from compound.orchestrator.cli.printing.command_line import DEFAULT_STORE
from compound.schemas.errors import SpecError

SpecArgument = Annotated[
    Path, typer.Argument(metavar="SPEC", help="A YAML spec.", autocompletion=completion.specs)
]
StudyArgument = Annotated[
    str,
    typer.Argument(
        metavar="STUDY",
        help="A study's name, or its spec.",
        autocompletion=completion.studies,
    ),
]
ExportArgument = Annotated[
    str,
    typer.Argument(
        metavar="STUDY|JOB",
        help="A study with --phi or --network, or a job by its id, its first digits, its label.",
        autocompletion=completion.studies,
    ),
]
NetworkOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The study's network of this name: d1.00-w1.40-r8, 'phi 2', the first digits of its "
        "hash or of a job's id.",
        autocompletion=completion.networks_of_study,
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key: --set train.epochs=5."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON to stdout.")]
FormatOption = Annotated[
    Literal["table", "csv", "json", "parquet"] | None,
    typer.Option(help="The format; default: by the suffix of --output."),
]
OutputOption = Annotated[Path | None, typer.Option("--output", "-o", help="A file to write.")]


def written_out(store: str | None) -> str | None:
    """Write out `~` and `$NAME` as in a spec. SpecError: a variable is not set."""
    if store is None or not {"~", "$"} & {*store}:
        return store
    from compound.schemas.store_uri import expanded  # pydantic, which `--help` need not wait for

    try:
        return expanded(store, os.environ)
    except ValueError as error:
        raise SpecError(str(error), where="--store") from None


StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="URI",
        help=f"The store; default: {DEFAULT_STORE}. A spec names its own.",
        callback=written_out,
    ),
]
AddressOption = Annotated[
    str | None,
    typer.Option("--address", help="A running Ray; default: RAY_ADDRESS, else a local one."),
]
CheckedAddressOption = Annotated[
    str | None,
    typer.Option("--address", help="A running Ray; default: RAY_ADDRESS, else none is checked."),
]
JobServerOption = Annotated[
    str | None,
    typer.Option(
        "--address",
        help="The cluster's job server; default: RAY_API_SERVER_ADDRESS, RAY_ADDRESS, "
        "else a Ray on this machine.",
    ),
]
ImportOption = Annotated[
    bool,
    typer.Option("--allow-import", help="Import the spec's factory, which runs its code."),
]
ProbeOption = Annotated[
    bool, typer.Option("--probe", help="Time a few networks first, a minute at most.")
]
PlanFileOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write the plan to this file.")
]
SheetOption = Annotated[
    Path | None, typer.Option("--sheet", help="Draw a few images of each class into a PNG.")
]
ImageOption = Annotated[
    list[int] | None,
    typer.Option("--image", help="Only name the file of this validation image; repeatable."),
]
RunnerOption = Annotated[
    Literal["ray", "local"],
    typer.Option(help="`local` trains one job after another, without Ray."),
]
PureOption = Annotated[
    bool, typer.Option("--pure", help="EfficientNet-B0 by powers of 1.2, 1.1 and 1.15 instead.")
]


def _print_version(version: bool) -> None:
    if version:
        from compound.orchestrator.cli.printing.output import say
        from compound.orchestrator.cli.printing.versions import version_line

        say(version_line())
        raise typer.Exit


VersionOption = Annotated[
    bool,
    typer.Option(
        "--version",
        callback=_print_version,
        is_eager=True,
        help="Print the versions of compound, Python, torch and Ray.",
    ),
]
