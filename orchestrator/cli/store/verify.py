"""`compound verify`: whether a store's files are as they were written."""

from collections import Counter

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.checking.verify import Audit
from compound.orchestrator.cli.printing.command_line import DEFAULT_STORE
from compound.orchestrator.cli.printing.named_study import checked
from compound.orchestrator.cli.printing.output import note, print_json, print_table, say
from compound.orchestrator.records.documents import SPEC, Record
from compound.orchestrator.wording.commands import commented, resuming
from compound.orchestrator.wording.numbers import counted, megabytes
from compound.schemas.errors import StoreError, after_check, end_with


def verify(study: str | None, uri: str | None, *, as_json: bool) -> None:
    """Recompute every checksum of a study, or of a whole store; exit 1 if one does not match."""
    store, audit, resume = _audited(study, uri)
    if as_json:
        intact = not audit.damaged
        print_json({"store": store.uri, "intact": intact, **audit.model_dump(mode="json")})
    else:
        _show(store, audit, resume)
    end_with(after_check(sound=not audit.damaged))


def _audited(study: str | None, uri: str | None) -> tuple[ArtifactStore, Audit, str]:
    """Return the store, what was checked, and the command that goes on with the study."""
    if study is None:
        store = ArtifactStore.open(uri or DEFAULT_STORE, create=False)
        return store, store.audit(store.jobs(), store.studies(), (SPEC,)), resuming("")
    name, store, jobs = checked(study, uri)
    audit = store.audit(jobs, [name], (SPEC,))
    return store, audit, resuming(_resume(store, name), study)


def _resume(store: ArtifactStore, study: str) -> str:
    """Return the command that began a study; "" where its spec cannot be read."""
    try:
        record = store.study(study).read(SPEC, Record)
    except StoreError:
        return ""
    return record.resume if record else ""


def _show(store: ArtifactStore, audit: Audit, resume: str) -> None:
    amount = f"{counted(audit.files, 'file')}, {megabytes(audit.bytes)}"
    for file in audit.torn:
        note(f"{file.file}: {file.problem}")
    if not audit.damaged:
        rest = f", but for {counted(len(audit.torn), 'end')} cut off" if audit.torn else ""
        say(f"{store.uri}: {amount}, all as they were written{rest}")
        return
    rows = [[file.owner, file.file, file.problem] for file in audit.damaged]
    counts = Counter(file.kind for file in audit.damaged)
    listed = ", ".join(f"{number:,} {_WORDS[kind]}" for kind, number in counts.most_common())
    columns = ("job or study", "~file", "|problem")
    print_table(f"damaged or missing in {store.uri}", columns, rows, ("file", "problem"))
    say("", f"{amount} checked: {listed}")
    say(
        f"next: {commented(resume)}",
        "  its jobs go on from files that are whole; or restore the others from a copy",
    )


_WORDS = {
    "damaged": "damaged",
    "missing": "missing",
    "misplaced": "in another's place",
    "newer": "of a newer version",
}
