"""`compound verify`: whether a store's files are as they were written."""

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.checking.verify import Audit
from compound.orchestrator.cli.options import DEFAULT_STORE
from compound.orchestrator.cli.printing.output import note, print_json, print_table, say
from compound.orchestrator.cli.status import checked
from compound.orchestrator.records.documents import SPEC
from compound.orchestrator.wording.numbers import counted, megabytes
from compound.schemas.errors import after_check, end_with


def verify(study: str | None, uri: str | None, *, as_json: bool) -> None:
    """Recompute every checksum of a study, or of a whole store; exit 1 if one does not match."""
    store, audit = _audited(study, uri)
    if as_json:
        intact = not audit.damaged
        print_json({"store": store.uri, "intact": intact, **audit.model_dump(mode="json")})
    else:
        _show(store, audit)
    end_with(after_check(sound=not audit.damaged))


def _audited(study: str | None, uri: str | None) -> tuple[ArtifactStore, Audit]:
    if study is None:
        store = ArtifactStore.open(uri or DEFAULT_STORE, create=False)
        return store, store.audit(store.jobs(), store.studies(), (SPEC,))
    name, store, jobs = checked(study, uri)
    return store, store.audit(jobs, [name], (SPEC,))


def _show(store: ArtifactStore, audit: Audit) -> None:
    if audit.damaged:
        rows = [[file.owner, file.file, file.problem] for file in audit.damaged]
        print_table(f"damaged in {store.uri}", ("job or study", "file", "problem"), rows)
    amount = f"{counted(audit.files, 'file')}, {megabytes(audit.bytes)}"
    for file in audit.torn:
        note(f"{file.file}: {file.problem}")
    if not audit.damaged:
        rest = f", but for {counted(len(audit.torn), 'end')} cut off" if audit.torn else ""
        say(f"{store.uri}: {amount}, all as they were written{rest}")
        return
    say("", f"{amount} checked, {len(audit.damaged)} damaged")
    say(
        "  next: run the study again: its jobs go on from undamaged files; or restore the files "
        "from a copy"
    )
