"""The command line of a store: what its studies advise, its tables, and its keeping."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from compound.orchestrator.cli.parsing import completion, unused_options
from compound.orchestrator.cli.parsing.options import (
    FormatOption,
    ImportOption,
    JsonOption,
    OutputOption,
    StoreOption,
    StudyArgument,
    written_out,
)

if TYPE_CHECKING:
    from compound.schemas.answer import LimitName  # pydantic, which --help need not wait for
from compound.orchestrator.cli.printing.command_line import DEFAULT_STORE

app = typer.Typer()


@app.command("list")
def list_studies(
    store: StoreOption = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Show the N newest; default: 20, with --json all."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the studies of a store. What is done, best accuracy, time left, spent."""
    from compound.orchestrator.cli.store import studies as studies_command

    studies_command.studies(store or DEFAULT_STORE, limit, as_json=as_json)


@app.command()
def advise(
    study: StudyArgument,
    gpu_hours: Annotated[
        str | None, typer.Option(help="At most so many hours of training: 40, 90min.")
    ] = None,
    cpu_hours: Annotated[
        str | None, typer.Option(help="The same, of a study that trains on CPUs.")
    ] = None,
    params: Annotated[str | None, typer.Option(help="At most so many parameters: 5M.")] = None,
    macs: Annotated[str | None, typer.Option(help="At most so many MACs: 1.5G.")] = None,
    latency: Annotated[
        str | None, typer.Option(help="At most that long for one image, timed here: 20ms.")
    ] = None,
    multiple: Annotated[
        str | None, typer.Option(help="At most so many times the baseline's cost: 16.")
    ] = None,
    accuracy: Annotated[
        str | None, typer.Option(help="The smallest that should reach it: 0.85, 85%.")
    ] = None,
    store: StoreOption = None,
    allow_import: ImportOption = False,
    as_json: JsonOption = False,
) -> None:
    """Say which network to take within a limit. Hours, parameters, MACs, milliseconds, ..."""
    from compound.orchestrator.cli.study import advise as advise_command

    texts: dict[LimitName, str | None] = {
        "gpu_hours": gpu_hours,
        "cpu_hours": cpu_hours,
        "params": params,
        "macs": macs,
        "latency": latency,
        "multiple": multiple,
        "accuracy": accuracy,
    }
    options = advise_command.Options(texts, store, allow_import, as_json)
    advise_command.advise(study, options)


@app.command()
def metrics(
    study: StudyArgument,
    store: StoreOption = None,
    format: FormatOption = None,
    output: OutputOption = None,
    as_json: JsonOption = False,
    parquet: Annotated[Path | None, typer.Option(help="Short for --output FILE.parquet.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Short for --output FILE.csv.")] = None,
    test: Annotated[
        bool, typer.Option("--test", help="Of the test part: a row for each evaluated network.")
    ] = False,
) -> None:
    """Print or export every metric of every epoch. As CSV if nothing else is asked for."""
    from compound.orchestrator.cli.printing import table_output
    from compound.orchestrator.cli.store.export_tables import held_out_metrics
    from compound.orchestrator.cli.store.export_tables import metrics as trained_metrics

    chosen = unused_options.format_chosen(format, as_json=as_json)
    if parquet or csv:
        unused_options.refuse_beside_files(output, chosen)
    files: dict[Path | None, table_output.Format] = {}
    files |= {parquet: "parquet"} if parquet else {}
    files |= {csv: "csv"} if csv else {}
    for path, kind in (files or {output: chosen or table_output.format_of(output, "csv")}).items():
        show = held_out_metrics if test else trained_metrics
        show(study, store, kind, path)


@app.command()
def query(
    sql: Annotated[
        str, typer.Argument(metavar="SQL", help="A query over metrics, jobs, candidates, ...")
    ],
    store: StoreOption = None,
    study: Annotated[
        list[str] | None, typer.Option(help="Only of this study; may be repeated.")
    ] = None,
    format: FormatOption = None,
    output: OutputOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer a question in SQL over a store's tables. It needs the extra `query`."""
    from compound.orchestrator.cli.printing import table_output
    from compound.orchestrator.cli.store import query as query_command

    chosen = unused_options.format_chosen(format, as_json=as_json)
    named = chosen or table_output.format_of(output, "table")
    query_command.query(sql, store or DEFAULT_STORE, study or [], named, output)


@app.command()
def verify(
    study: Annotated[
        str | None,
        typer.Argument(
            metavar="[STUDY]",
            help="Its name or spec; default: all.",
            autocompletion=completion.studies,
        ),
    ] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Recompute every checksum of a store. Exit 1 if a file is damaged."""
    from compound.orchestrator.cli.store import verify as verify_command

    verify_command.verify(study, store, as_json=as_json)


@app.command()
def fsck(
    targets: Annotated[
        list[str] | None,
        typer.Argument(metavar="[STORE|STUDY]...", help="What to check; default: all of --store."),
    ] = None,
    store: StoreOption = None,
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete orphaned files that no running process needs.")
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Restore files from their second copy.")
    ] = False,
    older_than: Annotated[
        float, typer.Option(min=0, metavar="HOURS", help="Delete only orphans older than this.")
    ] = 24.0,
    as_json: JsonOption = False,
) -> None:
    """Find missing, damaged, foreign and orphaned files. Exit 1 if anything is lost."""
    from compound.orchestrator.cli.store import fsck as fsck_command

    options = fsck_command.FsckOptions(store, delete, repair, older_than * 3600, as_json)
    fsck_command.fsck(targets or [], options)


@app.command()
def gc(
    studies: Annotated[
        list[str],
        typer.Argument(
            metavar="STUDY...", help="Names, or specs.", autocompletion=completion.studies
        ),
    ],
    store: StoreOption = None,
    keep_last: Annotated[
        int,
        typer.Option(min=1, metavar="N", help="How many of its newest checkpoints a job keeps."),
    ] = 1,
    keep_best: Annotated[
        int,
        typer.Option(
            min=0, metavar="K", help="How many of its most accurate checkpoints a job keeps."
        ),
    ] = 1,
    best_jobs: Annotated[
        int | None,
        typer.Option(
            min=0, metavar="J", help="How many jobs of a search keep checkpoints; default: all."
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Remove them; without --yes they are only listed.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show which checkpoints can go, and with --yes remove them. Of jobs that have ended."""
    from compound.orchestrator.cli.store import gc as gc_command
    from compound.orchestrator.records.needed_checkpoints import Policy

    policy = Policy(keep_last, keep_best, best_jobs)
    gc_command.gc(studies, gc_command.GcOptions(store, policy, yes, as_json))


@app.command()
def dashboard(
    store: Annotated[
        str,
        typer.Argument(
            metavar="STORE", help="A folder, or s3://bucket/prefix.", callback=written_out
        ),
    ] = DEFAULT_STORE,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 8765,
    host: Annotated[
        str, typer.Option(help="Where it listens; beyond this machine it asks for a token.")
    ] = "127.0.0.1",
    name: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A host name that a proxy calls it by; may be repeated."),
    ] = None,
    token: Annotated[
        bool, typer.Option("--token", help="Ask for a token on this machine, too.")
    ] = False,
    browse: Annotated[bool, typer.Option("--open", help="Open it in a browser.")] = False,
) -> None:
    """Show a store's studies in a browser, also while they run; it only reads."""
    from compound.orchestrator.cli import dashboard as dashboard_command
    from compound.orchestrator.live.listening import Endpoint

    endpoint = Endpoint(host, port, tuple(name or ()), token)
    dashboard_command.dashboard(store, endpoint, browse=browse)
