"""`compound verify`: whether a store's files are as they were written."""

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.checking.verify import Audit
from compound.orchestrator.cli.options import DEFAULT_STORE
from compound.orchestrator.cli.printing.output import print_json, print_table, say
from compound.orchestrator.cli.status import find
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
        return store, store.audit(store.jobs(), store.studies())
    store, stored = find(study, uri)
    jobs = [job.request.job.id for job in stored.jobs]
    return store, store.audit(jobs, [stored.record.spec.name])


def _show(store: ArtifactStore, audit: Audit) -> None:
    if audit.damaged:
        rows = [[file.owner, file.file, file.problem] for file in audit.damaged]
        print_table(f"damaged in {store.uri}", ("job or study", "file", "problem"), rows)
    checked = f"{counted(audit.files, 'file')}, {megabytes(audit.bytes)}"
    if not audit.damaged:
        say(f"{store.uri}: {checked}, all as they were written")
        return
    say("", f"{checked} checked, {len(audit.damaged)} damaged")
    say(
        "  next: run the study again: its jobs go on from undamaged files; or restore the files "
        "from a copy"
    )
