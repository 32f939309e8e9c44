"""`compound gc`: take checkpoints away that nothing reads any more, after showing which."""

from contextlib import ExitStack
from dataclasses import dataclass

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.checking.gc import Pruning, Wanted
from compound.orchestrator.cli.printing.output import note, print_json, print_table, say
from compound.orchestrator.cli.status import find
from compound.orchestrator.records.documents import Documents
from compound.orchestrator.records.needed_checkpoints import Policy, needed_checkpoints
from compound.orchestrator.wording.numbers import counted, megabytes
from compound.schemas.errors import SpecError, StoreError


@dataclass(frozen=True)
class GcOptions:
    """What was typed."""

    uri: str
    policy: Policy
    yes: bool
    as_json: bool


def gc(studies: list[str], asked: GcOptions) -> None:
    """Show which checkpoints go, and with `yes` let them.

    Raises StoreError: no such study; BusyError: one of them is being run.
    """
    store, chosen = _chosen(studies, asked.uri)
    if asked.yes:
        done = _pruned(store, chosen, asked.policy)
    else:
        plan = needed_checkpoints(store, chosen, asked.policy)
        done = [store.prune(job, stay, dry=True) for job, stay in plan.items()]
    if asked.as_json:
        _print(store, chosen, done, asked)
    else:
        _show(store, chosen, done, asked)


def _chosen(names: list[str], uri: str) -> tuple[ArtifactStore, dict[str, Documents]]:
    """Return the studies by name, and the one store that they lie in."""
    found = [find(name, uri) for name in names]
    stores = {store.uri: store for store, _ in found}
    if len(stores) > 1:
        raise SpecError("the studies lie in several stores", where=", ".join(sorted(stores)))
    return found[0][0], {one.record.spec.name: one for _, one in found}


def _pruned(store: ArtifactStore, chosen: dict[str, Documents], policy: Policy) -> list[Pruning]:
    """Prune with all leases held, so that no driver plans anything meanwhile."""
    with ExitStack() as stack:
        for name in sorted(chosen):
            stack.enter_context(store.study(name).lease({}))
        plan = needed_checkpoints(store, chosen, policy)
        return [_one(store, job, plan) for job in plan]


def _one(store: ArtifactStore, job: str, plan: dict[str, Wanted]) -> Pruning:
    try:
        return store.prune(job, plan[job], dry=False)
    except StoreError as error:
        note(f"left as it is: {error}")
        return Pruning(job=job, reason=error.what)


def _print(
    store: ArtifactStore, chosen: dict[str, Documents], done: list[Pruning], asked: GcOptions
) -> None:
    print_json(
        {
            "store": store.uri,
            "studies": list(chosen),
            "dry_run": not asked.yes,
            "bytes": sum(one.bytes for one in done),
            "jobs": [one.model_dump(mode="json") for one in done],
        }
    )


def _show(
    store: ArtifactStore, chosen: dict[str, Documents], done: list[Pruning], asked: GcOptions
) -> None:
    labels = {job.request.job.id: job.request.label for f in chosen.values() for job in f.jobs}
    gone = [one for one in done if one.dropped]
    rows = [[one.job, labels[one.job], *_cells(one)] for one in gone]
    if rows:
        title = "removed" if asked.yes else "would be removed"
        print_table(
            f"{title} of {store.uri}", ("job", "label", "checkpoints", ">kept", ">MB"), rows
        )
    left = [one for one in done if one.reason and one.reason != "it has not ended"]
    for one in left:
        note(f"{labels[one.job]} ({one.job}) is left as it is: {one.reason}")
    size = megabytes(sum(one.bytes for one in gone))
    count = counted(sum(len(one.dropped) for one in gone), "checkpoint")
    jobs = counted(len(gone), "job")
    say(f"\n{count} of {jobs}, {size}: {'removed' if asked.yes else 'nothing is removed yet'}")
    if gone and not asked.yes:
        say("  next: the same command with --yes")


def _cells(one: Pruning) -> list[str]:
    names = [folder.rpartition("/")[2].rpartition("-")[0] for folder in one.dropped]
    return [", ".join(names), str(len(one.kept)), f"{one.bytes / 1e6:,.1f}"]
