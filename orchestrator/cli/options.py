"""The arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated, Literal

import typer

SpecArgument = Annotated[Path, typer.Argument(metavar="SPEC", help="A YAML spec.")]
StudyArgument = Annotated[str, typer.Argument(metavar="STUDY", help="A study's name, or its spec.")]
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
DEFAULT_STORE = "runs"
StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store", metavar="URI", help=f"The store; default: {DEFAULT_STORE}. A spec names its own."
    ),
]
AddressOption = Annotated[
    str | None,
    typer.Option("--address", help="A running Ray; default: RAY_ADDRESS, else a local one."),
]
ImportOption = Annotated[
    bool,
    typer.Option("--allow-import", help="Import the spec's factory, which runs its code."),
]
