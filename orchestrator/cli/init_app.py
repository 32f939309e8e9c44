"""`compound init`; `app.py` adds it to the other commands."""

from pathlib import Path
from typing import Annotated

import typer

from compound.orchestrator.cli.parsing.options import StoreOption
from compound.orchestrator.cli.parsing.unused_options import (
    refuse_beside_examples,
    refuse_two_sources,
    refuse_without_data,
    refuse_without_parquet,
)

app = typer.Typer()
_FILE = Path("study.yaml")

ImagesOption = Annotated[
    str | None, typer.Option(metavar="FOLDER", help="Fit a spec to a folder of images.")
]
ParquetOption = Annotated[
    str | None, typer.Option(metavar="PATH", help="Fit a spec to Parquet files of images.")
]
IdxOption = Annotated[
    str | None, typer.Option(metavar="FOLDER", help="Fit a spec to files in MNIST's format.")
]
ImageColumnOption = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Images in Parquet; else guessed.")
]
LabelColumnOption = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Labels in Parquet; else guessed.")
]
MinutesOption = Annotated[
    float | None,
    typer.Option(min=1, metavar="N", help="What the study may take on this machine; default: 5."),
]
HoursOption = Annotated[
    float | None, typer.Option(min=0.02, metavar="N", help="The same in hours.")
]
MeasureOption = Annotated[
    bool | None,
    typer.Option("--probe/--no-probe", help="Time a few networks first, 20 s; default: do."),
]
ExampleOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="Write an example and the files it needs.")
]
ExamplesOption = Annotated[bool, typer.Option("--examples", help="List the examples.")]
StudyOption = Annotated[
    str | None, typer.Option(metavar="STUDY", help="Write the spec of a stored study.")
]
ForceOption = Annotated[bool, typer.Option("--force", help="Write over FILE.")]


@app.command()
def init(
    path: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="The spec to write; default: study.yaml.")
    ] = None,
    images: ImagesOption = None,
    parquet: ParquetOption = None,
    idx: IdxOption = None,
    image_column: ImageColumnOption = None,
    label_column: LabelColumnOption = None,
    minutes: MinutesOption = None,
    hours: HoursOption = None,
    probe: MeasureOption = None,
    example: ExampleOption = None,
    examples: ExamplesOption = False,
    from_study: StudyOption = None,
    store: StoreOption = None,
    force: ForceOption = False,
) -> None:
    """Write a spec: for your own images, of an example, of a stored study, or to start from."""
    columns = {"--image-column": image_column, "--label-column": label_column}
    data = {"--images": images, "--parquet": parquet, "--idx": idx}
    refuse_two_sources({**data, "--example": example, "--from-study": from_study})
    if not parquet:
        refuse_without_parquet(columns)
    if any(data.values()):
        from compound.orchestrator.cli.specs import init_data

        refuse_two_sources({"--hours": hours, "--minutes": minutes})
        time = 60 * hours if hours else minutes or init_data.USUAL_MINUTES
        source = (images, parquet, idx, image_column, label_column)
        options = init_data.Options(*source, time, store or "runs", probe is not False, force)
        init_data.init(path or _FILE, options)
        return
    refuse_without_data({"--minutes": minutes, "--hours": hours, "--probe": probe is not None})
    if example or examples:
        from compound.orchestrator.cli.specs import init_example

        refuse_beside_examples(store)
        init_example.init(path, example, force=force)
        return
    from compound.orchestrator.cli.specs import init as init_command

    init_command.init(path or _FILE, from_study, store, force=force)
