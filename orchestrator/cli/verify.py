"""`compound verify`: whether a store's files are as they were written."""

from collections import Counter

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.checking.verify import Audit
from compound.orchestrator.cli.printing.command_line import DEFAULT_STORE
from compound.orchestrator.cli.printing.named_study import find
from compound.orchestrator.cli.printing.output import print_json, print_table, say
from compound.orchestrator.wording.commands import commented, resuming
from compound.orchestrator.wording.numbers import counted, megabytes
from compound.schemas.errors import after_check, end_with


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
        return store, store.audit(store.jobs(), store.studies()), resuming("")
    store, stored = find(study, uri)
    jobs = [job.request.job.id for job in stored.jobs]
    audit = store.audit(jobs, [stored.record.spec.name])
    return store, audit, resuming(stored.record.resume, study)


def _show(store: ArtifactStore, audit: Audit, resume: str) -> None:
    checked = f"{counted(audit.files, 'file')}, {megabytes(audit.bytes)}"
    if not audit.damaged:
        say(f"{store.uri}: {checked}, all as they were written")
        return
    rows = [[file.owner, file.file, file.problem] for file in audit.damaged]
    counts = Counter(file.kind for file in audit.damaged)
    listed = ", ".join(f"{number:,} {_WORDS[kind]}" for kind, number in counts.most_common())
    print_table(f"damaged or missing in {store.uri}", ("job or study", "file", "problem"), rows)
    say("", f"{checked} checked: {listed}")
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
