"""The command line of a store's keeping: verify, fsck, gc."""

from typing import Annotated

import typer

from orchestrator.cli_options import JsonOption, StoreOption

app = typer.Typer()


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


@app.command()
def fsck(
    targets: Annotated[
        list[str] | None,
        typer.Argument(metavar="[STORE|STUDY]...", help="Default: the whole of --store."),
    ] = None,
    store: StoreOption = "runs",
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete orphans that no writer can still name.")
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Write again what the store has elsewhere.")
    ] = False,
    older_than: Annotated[
        float, typer.Option(min=0, metavar="HOURS", help="Delete only orphans of that age.")
    ] = 24.0,
    as_json: JsonOption = False,
) -> None:
    """Find orphans, missing, damaged, foreign and newer files; exit 1 if anything is lost."""
    from orchestrator.commands import checking

    options = checking.Asked(store, delete, repair, older_than * 3600, as_json)
    checking.fsck(targets or [], options)


@app.command()
def gc(
    studies: Annotated[list[str], typer.Argument(metavar="STUDY...", help="Names, or specs.")],
    store: StoreOption = "runs",
    keep_last: Annotated[
        int, typer.Option(min=1, metavar="N", help="Newest checkpoints that each job keeps.")
    ] = 1,
    keep_best: Annotated[
        int, typer.Option(min=0, metavar="K", help="And those of its most accurate epochs.")
    ] = 1,
    best_jobs: Annotated[
        int | None,
        typer.Option(min=0, metavar="J", help="Only so many jobs of a search keep any; all."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Remove; without it only shown.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show which checkpoints of ended jobs can go, and with --yes remove them."""
    from orchestrator.commands import collecting
    from orchestrator.keeping import Policy

    policy = Policy(keep_last, keep_best, best_jobs)
    collecting.gc(studies, collecting.Asked(store, policy, yes, as_json))
