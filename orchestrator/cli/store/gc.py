"""`compound gc`: take checkpoints away that nothing reads any more, after showing which."""

from contextlib import ExitStack
from dataclasses import dataclass

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.checking.gc import Pruning, Retention
from compound.orchestrator.cli.printing.named_study import find
from compound.orchestrator.cli.printing.output import note, print_json, print_table, say
from compound.orchestrator.records.documents import Documents
from compound.orchestrator.records.needed_checkpoints import Policy, needed_checkpoints
from compound.orchestrator.wording.commands import command
from compound.orchestrator.wording.numbers import counted, megabytes
from compound.schemas.errors import SpecError, StoreError


@dataclass(frozen=True)
class GcOptions:
    """What was typed."""

    uri: str | None
    policy: Policy
    yes: bool
    as_json: bool


def gc(studies: list[str], options: GcOptions) -> None:
    """Show which checkpoints go, and with `yes` let them.

    Raises StoreError: no such study; BusyError: one of them is being run.
    """
    store, chosen = _chosen(studies, options.uri)
    if options.yes:
        done = _pruned(store, chosen, options.policy)
    else:
        plan = needed_checkpoints(store, chosen, options.policy)
        done = [store.prune(job, stay, dry=True) for job, stay in plan.items()]
    if options.as_json:
        _print(store, chosen, done, options)
    else:
        _show(store, chosen, done, options)
        if any(pruning.dropped for pruning in done) and not options.yes:
            say(f"  next: {_confirmed(studies, options)}")


def _confirmed(studies: list[str], options: GcOptions) -> str:
    """Return the command that removes what was shown."""
    policy = options.policy
    return command(
        "gc",
        tuple(studies),
        store=options.uri,
        keep_last=policy.last,
        keep_best=policy.best,
        best_jobs=policy.jobs,
        yes=True,
    )


def _chosen(names: list[str], uri: str | None) -> tuple[ArtifactStore, dict[str, Documents]]:
    """Return the studies by name, and the one store that they lie in."""
    opened = [find(name, uri) for name in names]
    stores = {store.uri: store for store, _ in opened}
    if len(stores) > 1:
        raise SpecError("the studies lie in several stores", where=", ".join(sorted(stores)))
    return opened[0][0], {stored.record.spec.name: stored for _, stored in opened}


def _pruned(store: ArtifactStore, chosen: dict[str, Documents], policy: Policy) -> list[Pruning]:
    """Prune with all leases held, so that no driver plans anything meanwhile."""
    with ExitStack() as stack:
        for name in sorted(chosen):
            stack.enter_context(store.study(name).lease({}))
        plan = needed_checkpoints(store, chosen, policy)
        return [_prune_study(store, job, plan) for job in plan]


def _prune_study(store: ArtifactStore, job: str, plan: dict[str, Retention]) -> Pruning:
    try:
        return store.prune(job, plan[job], dry=False)
    except StoreError as error:
        note(*f"left as it is: {error}".splitlines())
        return Pruning(job=job, reason=error.message)


def _print(
    store: ArtifactStore, chosen: dict[str, Documents], done: list[Pruning], options: GcOptions
) -> None:
    print_json(
        {
            "store": store.uri,
            "studies": list(chosen),
            "dry_run": not options.yes,
            "bytes": sum(pruning.bytes for pruning in done),
            "jobs": [pruning.model_dump(mode="json") for pruning in done],
        }
    )


def _show(
    store: ArtifactStore, chosen: dict[str, Documents], done: list[Pruning], options: GcOptions
) -> None:
    labels = {job.request.job.id: job.request.label for f in chosen.values() for job in f.jobs}
    gone = [pruning for pruning in done if pruning.dropped]
    rows = [[pruning.job, labels[pruning.job], *_cells(pruning)] for pruning in gone]
    if rows:
        title = "removed" if options.yes else "would be removed"
        columns = ("id", "job", "|checkpoints", ">kept", ">MB")
        print_table(f"{title} from {store.uri}", columns, rows, ("job", "checkpoints", "MB"))
    left = [pruning for pruning in done if pruning.reason and pruning.reason != "it has not ended"]
    for pruning in left:
        note(f"{labels[pruning.job]} ({pruning.job}) is left as it is: {pruning.reason}")
    size = megabytes(sum(pruning.bytes for pruning in gone))
    count = counted(sum(len(pruning.dropped) for pruning in gone), "checkpoint")
    jobs = counted(len(gone), "job")
    say("", f"{count} of {jobs}, {size}: {'removed' if options.yes else 'nothing is removed yet'}")


def _cells(pruning: Pruning) -> list[str]:
    names = [folder.rpartition("/")[2].rpartition("-")[0] for folder in pruning.dropped]
    return [", ".join(names), str(len(pruning.kept)), f"{pruning.bytes / 1e6:,.1f}"]
