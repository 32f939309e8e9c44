"""The command line of named networks: listed, counted, compared with the paper."""

from typing import Annotated

import typer

from compound.orchestrator.cli.parsing import completion
from compound.orchestrator.cli.parsing.options import JsonOption, PureOption

app = typer.Typer()


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
    name: Annotated[str, typer.Argument(metavar="NAME", autocompletion=completion.networks)],
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
    """Count params, MACs, activations of a named network, exactly. At any scaling."""
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
    """Show the EfficientNet paper's claims beside counts made here."""
    from compound.orchestrator.cli import compare as compare_command

    compare_command.show(latency=latency, as_json=as_json)
