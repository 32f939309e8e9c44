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
    typer.Option(help="What to print, or to write; default: by the output's name."),
]
OutputOption = Annotated[Path | None, typer.Option("--output", "-o", help="A file to write.")]
StoreOption = Annotated[
    str, typer.Option("--store", metavar="URI", help="The store; a spec names its own.")
]
AddressOption = Annotated[
    str | None,
    typer.Option("--address", help="A running Ray; default: RAY_ADDRESS, else a local one."),
]
ImportOption = Annotated[
    bool,
    typer.Option("--allow-import", help="Import the factory that the spec names: runs its code."),
]
ProbeOption = Annotated[
    bool, typer.Option("--probe", help="Time a few networks first, a minute at most.")
]
PlanFileOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="Keep the plan in this file.")
]
SheetOption = Annotated[
    Path | None, typer.Option("--sheet", help="Draw a few images of each class into a PNG.")
]
RunnerOption = Annotated[
    Literal["ray", "local"], typer.Option(help="Ray schedules; local is a plain loop.")
]
PureOption = Annotated[
    bool, typer.Option("--pure", help="EfficientNet-B0 by powers of 1.2, 1.1 and 1.15 instead.")
]
