"""The command line: what can be typed. The work is in orchestrator/cli.

Each command imports what it needs when it runs, so that `--help` does not wait for torch or Ray.
"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from compound.orchestrator.cli.parsing import unused_options
from compound.orchestrator.cli.parsing.options import (
    AddressOption,
    CheckedAddressOption,
    ImageOption,
    ImportOption,
    JsonOption,
    OutputOption,
    PlanFileOption,
    ProbeOption,
    PureOption,
    RehearsalOption,
    RunnerOption,
    SetOption,
    SheetOption,
    SpecArgument,
    StoreOption,
    StudyArgument,
    VersionOption,
)
from compound.orchestrator.cli.parsing.read_first import refuse_mistakes
from compound.orchestrator.cli.printing.command_line import DEFAULT_STORE
from compound.orchestrator.cli.printing.output import note
from compound.orchestrator.cli.store_app import app as store_app
from compound.orchestrator.cli.submit_app import app as submit_app

app = typer.Typer(
    name="compound",
    epilog="--debug, anywhere, shows the traceback of an error.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)

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
    """Show what the data are: found, taken and left out, by reason; all images are decoded."""
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
    """Show every network, its exact cost and what it will take, before anything starts."""
    refuse_mistakes(spec, overrides)
    from compound.orchestrator.cli.specs import plan as plan_command

    unused_options.refuse_without_probe(address, probe=probe)
    options = plan_command.Options(probe, address, output, as_json, allow_import)
    plan_command.plan(spec, overrides or [], options)


@app.command()
def run(
    spec: Annotated[Path | None, typer.Argument(metavar="[SPEC]", help="A YAML spec.")] = None,
    overrides: SetOption = None,
    plan: Annotated[
        Path | None, typer.Option(help="Run exactly the plan that `compound plan -o` wrote.")
    ] = None,
    runner: RunnerOption = "ray",
    address: AddressOption = None,
    retry_failed: Annotated[bool, typer.Option(help="Train failed jobs again.")] = False,
    fast_dev_run: RehearsalOption = False,
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
    """Show what is done, running, queued, waiting and failed, with causes."""
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
    as_json: JsonOption = False,
) -> None:
    """Write report.html again from the store."""
    from compound.orchestrator.cli.study import report as report_command

    report_command.report(study, store, output, as_json=as_json)


@app.command()
def doctor(
    store: StoreOption = None, address: CheckedAddressOption = None, as_json: JsonOption = False
) -> None:
    """Check this machine and its GPUs, the store and the hosts of the cluster."""
    from compound.orchestrator.cli import doctor as doctor_command

    doctor_command.doctor(store or DEFAULT_STORE, address, as_json=as_json)


@app.command()
def models(
    pure: PureOption = False,
    as_json: JsonOption = False,
) -> None:
    """List the named networks with their exact counts."""
    from compound.orchestrator.cli import count as count_command

    count_command.models(pure=pure, as_json=as_json)


@app.command()
def count(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    depth: Annotated[float | None, typer.Option(help="Multiplies every stage's repeats.")] = None,
    width: Annotated[float | None, typer.Option(help="Multiplies every stage's channels.")] = None,
    resolution: Annotated[int | None, typer.Option(help="Pixels; default: the network's.")] = None,
    phi: Annotated[
        float | None, typer.Option(help="Scale by alpha^phi, beta^phi and gamma^phi.")
    ] = None,
    alpha: Annotated[float | None, typer.Option(help="Base for depth; default: 1.2.")] = None,
    beta: Annotated[float | None, typer.Option(help="Base for width; default: 1.1.")] = None,
    gamma: Annotated[float | None, typer.Option(help="Base for resolution; default: 1.15.")] = None,
    classes: Annotated[int | None, typer.Option(help="Classes; default: 1000.")] = None,
    channels: Annotated[int | None, typer.Option(help="Channels of the input; default: 3.")] = None,
    stages: Annotated[bool, typer.Option("--stages", help="Also count each stage.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Count params, MACs and activations of a named network at any scaling, exactly."""
    from compound.orchestrator.cli import count as count_command

    scaling = count_command.Scaling(
        depth, width, resolution, phi, alpha, beta, gamma, classes, channels
    )
    count_command.count(name, scaling, stages=stages, as_json=as_json)


@app.command()
def compare(
    latency: Annotated[
        bool, typer.Option("--latency/--no-latency", help="Time two networks on this machine.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Show what the EfficientNet paper claims beside what is counted and measured here."""
    from compound.orchestrator.cli import compare as compare_command

    compare_command.show(latency=latency, as_json=as_json)


@app.command()
def export(
    job: Annotated[
        str, typer.Argument(metavar="JOB", help="A job's id (weights), or a study (tables).")
    ],
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="A new .safetensors file, or a folder.")
    ],
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
    """Write the weights of a trained network, or all tables of a study, for use elsewhere."""
    from compound.orchestrator.cli.store import export_tables as export_tables_command
    from compound.orchestrator.cli.store import export_weights as export_weights_command

    if format != "safetensors":
        unused_options.refuse_for_tables(naming, best=best)
        export_tables_command.export(job, path, format, store, as_json=as_json)
        return
    uri = store or DEFAULT_STORE
    export_weights_command.export(job, path, naming or "compound", uri, best=best, as_json=as_json)


@app.command()
def schema(
    *,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print a page with every key instead.")
    ] = False,
) -> None:
    """Print the JSON Schema of specs, for editors and checks; or a page with every key."""
    from compound.orchestrator.cli.specs import spec as spec_command

    spec_command.schema(markdown=markdown)


@app.command()
def init(
    path: Annotated[Path, typer.Argument(metavar="FILE")] = Path("study.yaml"),
    from_study: Annotated[
        str | None, typer.Option(metavar="STUDY", help="Write the spec of a stored study.")
    ] = None,
    store: StoreOption = None,
) -> None:
    """Write a small study to start from, or the spec of a stored one."""
    from compound.orchestrator.cli.specs import spec as spec_command

    spec_command.init(path, from_study, store)
