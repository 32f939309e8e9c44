"""The command line of a store: its tables, and its keeping."""

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli_options import (
    FormatOption,
    JsonOption,
    OutputOption,
    StoreOption,
    StudyArgument,
)

app = typer.Typer()


@app.command()
def metrics(
    study: StudyArgument,
    store: StoreOption = "runs",
    format: FormatOption = None,
    output: OutputOption = None,
    as_json: JsonOption = False,
    parquet: Annotated[Path | None, typer.Option(help="Short for --output FILE.parquet.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Short for --output FILE.csv.")] = None,
) -> None:
    """Print or export every metric of every epoch; as CSV if nothing else is asked for."""
    from orchestrator.commands import studies, tabular

    files: list[Path | None] = [path for path in (parquet, csv) if path]
    for path in files or [output]:
        named = format or ("json" if as_json else tabular.format_of(path, "csv"))
        studies.metrics(study, store, named, path)


@app.command()
def query(
    sql: Annotated[str, typer.Argument(metavar="SQL", help="Over metrics, jobs, candidates, ...")],
    store: StoreOption = "runs",
    study: Annotated[
        list[str] | None, typer.Option(help="Only of this study; may be repeated.")
    ] = None,
    format: FormatOption = None,
    output: OutputOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer a question in SQL over the tables of a store (needs the extra `query`)."""
    from orchestrator.commands import querying, tabular

    named = format or ("json" if as_json else tabular.format_of(output, "table"))
    querying.query(sql, store, study or [], named, output)


@app.command()
def verify(
    study: Annotated[
        str | None, typer.Argument(metavar="[STUDY]", help="Its name or spec; default: all.")
    ] = None,
    store: StoreOption = "runs",
    as_json: JsonOption = False,
) -> None:
    """Recompute every checksum of a store; exit 1 if a file is damaged."""
    from orchestrator.commands import verifying

    verifying.verify(study, store, as_json=as_json)
