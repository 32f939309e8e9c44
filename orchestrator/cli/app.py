"""The command line: what can be typed. The work is in orchestrator/cli.

Each command imports what it needs when it runs, so that `--help` does not wait for torch or Ray.
"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from compound.orchestrator.cli.init_app import app as init_app
from compound.orchestrator.cli.networks_app import app as networks_app
from compound.orchestrator.cli.parsing import unused_options
from compound.orchestrator.cli.parsing.options import (
    CheckedAddressOption,
    ExportArgument,
    ImageOption,
    ImportOption,
    JsonOption,
    NetworkOption,
    OutputOption,
    PlanFileOption,
    ProbeOption,
    SetOption,
    SheetOption,
    SpecArgument,
    StoreOption,
    StudyArgument,
    VersionOption,
)
from compound.orchestrator.cli.parsing.read_first import refuse_mistakes
from compound.orchestrator.cli.printing.command_line import DEFAULT_STORE
from compound.orchestrator.cli.run_app import app as run_app
from compound.orchestrator.cli.store_app import app as store_app
from compound.orchestrator.cli.submit_app import app as submit_app

app = typer.Typer(
    name="compound",
    epilog="--debug, anywhere, shows the traceback of an error.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["--help", "-h"]},
)

app.add_typer(networks_app)
app.add_typer(run_app)
app.add_typer(init_app)
app.add_typer(store_app)
app.add_typer(submit_app)


@app.callback(
    help="Find out how to spend more compute on your ConvNet, then spend it on your cluster."
)
def _compound(version: VersionOption = False) -> None:
    pass


@app.command()
def validate(
    spec: SpecArgument,
    overrides: SetOption = None,
    allow_import: ImportOption = False,
    as_json: JsonOption = False,
) -> None:
    """Check a spec, its data, its store and this machine; show the first error."""
    from compound.orchestrator.cli.specs.validate import validate as check

    check(spec, overrides or [], allow_import=allow_import, as_json=as_json)


@app.command()
def data(
    spec: SpecArgument,
    overrides: SetOption = None,
    sheet: SheetOption = None,
    image: ImageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what the data are: found, taken, left out and why. All images are decoded."""
    from compound.orchestrator.cli.specs import data as data_command

    if image:
        data_command.image_names(spec, overrides or [], image, as_json=as_json)
        return
    data_command.data(spec, overrides or [], sheet, as_json=as_json)


@app.command()
def plan(
    spec: SpecArgument,
    overrides: SetOption = None,
    probe: ProbeOption = False,
    address: Annotated[
        str | None, typer.Option(help="Probe a worker of this Ray instead of this machine.")
    ] = None,
    output: PlanFileOption = None,
    allow_import: ImportOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show every network, its exact cost and what it takes. Nothing starts."""
    refuse_mistakes(spec, overrides)
    from compound.orchestrator.cli.specs import plan as plan_command

    unused_options.refuse_without_probe(address, probe=probe)
    options = plan_command.Options(probe, address, output, as_json, allow_import)
    plan_command.plan(spec, overrides or [], options)


@app.command()
def status(
    study: StudyArgument,
    store: StoreOption = None,
    warnings: Annotated[bool, typer.Option("--warnings", help="Show every warning.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show it every 2 s until nobody runs the study.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what is done, running, waiting and failed, and why."""
    from compound.orchestrator.cli.study import status as status_command

    if watch:
        unused_options.refuse_while_watching(as_json=as_json)
        from compound.orchestrator.cli.study import watch as watch_command

        watch_command.watch(study, store)
        return
    status_command.status(study, store, as_json=as_json, all_warnings=warnings)


@app.command()
def report(
    study: StudyArgument,
    store: StoreOption = None,
    output: OutputOption = None,
    opened: Annotated[bool, typer.Option("--open", help="Show it in a browser.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write report.html again from the store."""
    from compound.orchestrator.cli.study import report as report_command

    report_command.report(study, store, output, as_json=as_json, opened=opened)


@app.command()
def doctor(
    store: StoreOption = None, address: CheckedAddressOption = None, as_json: JsonOption = False
) -> None:
    """Check this machine, its GPUs, the store and a cluster's hosts."""
    from compound.orchestrator.cli import doctor as doctor_command

    doctor_command.doctor(store or DEFAULT_STORE, address, as_json=as_json)


@app.command()
def export(
    study: ExportArgument,
    path: Annotated[
        Path | None,
        typer.Argument(metavar="[PATH]", help="A new .safetensors file, or a folder."),
    ] = None,
    phi: Annotated[float | None, typer.Option(help="The family's network at this phi: 2.")] = None,
    network: NetworkOption = None,
    format: Annotated[
        Literal["safetensors", "parquet", "delta"],
        typer.Option(help="Weights, or the study's tables as files or as Delta tables."),
    ] = "safetensors",
    naming: Annotated[
        Literal["compound", "torchvision", "timm"] | None,
        typer.Option(help="The naming of the tensors; default: compound."),
    ] = None,
    best: Annotated[bool, typer.Option("--best", help="Export the most accurate epoch.")] = False,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the weights of a trained network, or a study's tables."""
    from compound.orchestrator.cli.store import export_tables as export_tables_command

    if format != "safetensors":
        unused_options.refuse_for_tables(naming, phi, network, best=best)
        folder = path or Path(f"{study}-tables")
        export_tables_command.export(study, folder, format, store, as_json=as_json)
        return
    from compound.orchestrator.cli.store import export_weights as export_weights_command
    from compound.orchestrator.cli.store.job_to_export import job_to_export

    unused_options.refuse_two_networks(phi, network)
    meant = job_to_export(study, phi, network, store)
    export_weights_command.export(meant, path, naming or "compound", best=best, as_json=as_json)


@app.command()
def schema(
    *,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print a page with every key instead.")
    ] = False,
) -> None:
    """Print the JSON Schema of specs, or a page with every key."""
    from compound.orchestrator.cli.specs import spec as spec_command

    spec_command.schema(markdown=markdown)
